"""The files that put the service into operation, against each other, the settings, the commands and the pages."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from phenoextract.cli import app
from phenoextract_api.settings import Settings

ROOT = Path(__file__).parents[2]
SERVICE_PAGE = (ROOT / "docs" / "service.md").read_text("utf-8")
UNIT = ROOT / "examples" / "deployment" / "phenoextract.service"
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SETTINGS = {f"PHENOEXTRACT_{name.upper()}": field for name, field in Settings.model_fields.items()}
SHOWN = [*re.findall(r"^```\n(.*?)^```", SERVICE_PAGE, re.DOTALL | re.MULTILINE)]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return loaded


def assert_command(words: list[str]) -> None:
    """Check that the words name a command of phenoextract and options that it has."""
    command: Any = typer.main.get_command(app)
    while words and isinstance(command, TyperGroup) and not words[0].startswith("-"):
        found = command.commands.get(words[0])
        assert found, words
        command, words = found, words[1:]
    assert not isinstance(command, TyperGroup), words
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, words


def test_deployment_page_lists_every_setting_as_it_is() -> None:
    rows = re.findall(r"^\| `(PHENOEXTRACT_\w+)` \| (?:`([^`]*)`|none) \| (.*) \|$", SERVICE_PAGE, re.MULTILINE)
    expected = []
    for name, field in SETTINGS.items():
        default = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
        expected.append((name, "" if default is None else str(default), field.description))
    assert rows == expected


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "README.md", "docs", UNIT.relative_to(ROOT)])
def test_deployment_names_only_settings_that_exist(file: str | Path) -> None:
    path = ROOT / file
    text = "".join(page.read_text("utf-8") for page in path.glob("*.md")) if path.is_dir() else path.read_text("utf-8")
    assert set(re.findall(r"PHENOEXTRACT_[A-Z_]*[A-Z]", text)) <= SETTINGS.keys()


def test_deployment_page_names_only_commands_that_exist() -> None:
    lines = [line.partition("#")[0] for block in SHOWN for line in block.splitlines()]
    commands = [line.strip().split("phenoextract ", 1)[1] for line in lines if "phenoextract " in line.strip()]
    tried = 0
    for words in (re.sub(r'"[^"]*"', "x", command).split() for command in commands):
        assert_command(words)
        tried += 1
    assert tried >= 4


def test_deployment_architecture_names_every_file_of_the_service() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for path in (ROOT / "api" / "phenoextract_api").glob("[a-z]*"):
        assert f"`{path.name}{'/' if path.is_dir() else ''}`" in page, path.name


def test_deployment_compose_and_dockerfile_agree(compose: dict[str, Any]) -> None:
    services = compose["services"]
    port = SETTINGS["PHENOEXTRACT_PORT"].default
    assert services["phenoextract"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"EXPOSE {port}" in DOCKERFILE
    assert f"PHENOEXTRACT_PORT={port}" in DOCKERFILE
    assert f"127.0.0.1:{port}/ready" in DOCKERFILE
    assert_command(services["migrate"]["command"])
    assert 'CMD ["serve"]' in DOCKERFILE
    assert services["migrate"]["environment"] == services["phenoextract"]["environment"]
    url = services["phenoextract"]["environment"]["PHENOEXTRACT_DATABASE_URL"]
    database = services["database"]["environment"]
    assert url.startswith(f"postgresql://{database['POSTGRES_USER']}:")
    assert url.endswith(f"@database/{database['POSTGRES_DB']}")
    assert services["phenoextract"]["image"] == services["migrate"]["image"]
    grace = int(services["phenoextract"]["stop_grace_period"].rstrip("s"))
    assert grace > SETTINGS["PHENOEXTRACT_SHUTDOWN_SECONDS"].default


def test_deployment_dockerfile_copies_what_is_there() -> None:
    for names in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for name in names.split():
            assert (ROOT / name).exists(), name
    assert re.findall(r"--requirement (\S+)", DOCKERFILE) == ["requirements/service.txt"]


def test_deployment_pages_show_the_same_commands(compose: dict[str, Any]) -> None:
    shown = "\n".join(SHOWN)
    for name in compose["services"]:
        assert name in shown or name == "database"
    for variable in ("DATABASE_PASSWORD", "ENCRYPTION_KEY"):
        assert variable in shown
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "docker compose up --detach" in shown
    assert "docker compose up --detach" in readme


def test_deployment_unit_starts_the_service() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    program, *words = service["ExecStart"].split()
    assert program == "/opt/phenoextract/bin/phenoextract"
    assert program in SERVICE_PAGE
    assert_command(words)
    assert service["EnvironmentFile"].lstrip("-") in SERVICE_PAGE
    assert int(service["TimeoutStopSec"]) > SETTINGS["PHENOEXTRACT_SHUTDOWN_SECONDS"].default
    assert "PHENOEXTRACT_DATA_DIR=/var/lib/" + service["StateDirectory"] in service["Environment"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_deployment_unit_is_one_that_systemd_reads() -> None:
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True, check=False
    )
    faults = [
        line for line in checked.stderr.splitlines() if "phenoextract.service" in line and "executable" not in line
    ]
    assert not faults
