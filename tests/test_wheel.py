"""The packages that are released: the same from the same source, wherever, whenever and by whomever they are built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STYLE = "phenoextract_api/static/nhsuk/nhsuk-frontend.min.css"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Path]]:
    """Build wheel and source archive twice, from copies with other paths, times and permissions."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    folders = [tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("the-second-of-two") / "deeper"]
    made = []
    for number, folder in enumerate(folders):
        for name in filter(None, listed.split("\0")):
            copy = folder / "source" / name
            if (ROOT / name).is_file():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, copy)
                copy.chmod(0o600 if number else 0o664)
                os.utime(copy, (1_500_000_000 + number, 1_700_000_000 + number))
        if (ROOT / "node_modules").is_dir():  # where npm is not, the pages are plain in both
            (folder / "source" / "node_modules").symlink_to(ROOT / "node_modules")
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder / "dist")]
        environment = os.environ | {"PATH": "", "TZ": ("UTC", "Asia/Tokyo")[number], "PYTHONHASHSEED": str(number)}
        subprocess.run(command, cwd=folder / "source", env=environment, check=True, capture_output=True)
        made.append({path.name.rpartition(".")[2]: path for path in (folder / "dist").iterdir()})
    return made


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["whl", "gz"])
def test_wheel_built_twice_is_the_same(built: list[dict[str, Path]], kind: str) -> None:
    first, second = (one[kind] for one in built)
    assert first.name == second.name
    assert sha256(first.read_bytes()).hexdigest() == sha256(second.read_bytes()).hexdigest()


@pytest.mark.slow
def test_wheel_holds_what_the_service_needs_and_nothing_of_this_machine(built: list[dict[str, Path]]) -> None:
    with zipfile.ZipFile(built[0]["whl"]) as wheel:
        names = wheel.namelist()
        for name in ("_encoder/model.onnx", "_lexicon/uk_lexicon.tsv", "rules/context.toml", "py.typed"):
            assert f"phenoextract/{name}" in names
        assert (STYLE in names) == (ROOT / "node_modules").is_dir()
        assert not [name for name in names if "_artefacts" in name or name.startswith("tests/")]
        here = str(ROOT).encode()
        assert not [name for name in names if here in wheel.read(name)]
    with tarfile.open(built[0]["gz"]) as source:
        assert not [name for name in source.getnames() if "node_modules" in name or ".venv" in name]
