"""What is installed is listed for others to check, and an audit that could not be done never looks like a clean one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


@pytest.mark.slow
def test_sbom_is_sound_and_lists_every_locked_package(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("Makefile", "pyproject.toml", "hatch_build.py", "package-lock.json"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "requirements", copy / "requirements")
    command = ["make", "-o", "ready", f"BIN={Path(sys.executable).parent}", "READY=ready", "sbom"]
    (copy / "ready").touch()
    subprocess.run(command, cwd=copy, check=True, capture_output=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    written = (copy / "out" / "sbom.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    sbom = json.loads(written)
    listed = {(one["name"].lower(), one["version"]) for one in sbom["components"]}
    locked = LOCKED.findall((ROOT / "requirements" / "service.txt").read_text("utf-8"))
    assert len(locked) > 50
    assert listed == {(name.lower(), version) for name, version in locked}
    assert sbom["metadata"]["component"]["name"] == "phenoextract"
    assert all(one["externalReferences"][0]["hashes"] for one in sbom["components"])
    assert written.replace("sha256:", "").find(str(copy)) == -1, "the list names a folder of this machine"


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("exit 0", 0, "audited: no known vulnerability"),
        ("echo 'Found 1 known vulnerability in 1 package' >&2; exit 1", 1, "Found 1 known vulnerability"),
        ("echo 'ServiceError: Connection refused' >&2; exit 1", 2, "NOT AUDITED"),
        ("echo 'requests.exceptions.ConnectTimeout: timed out' >&2; exit 1", 2, "NOT AUDITED"),
    ],
    ids=["clean", "vulnerable", "refused", "timed out"],
)
def test_audit_tells_clean_from_vulnerable_from_not_done(tmp_path: Path, program: str, code: int, said: str) -> None:
    """The script, with a program in the place of pip-audit that ends as pip-audit does."""
    for folder in (".ci", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "audit", tmp_path / ".ci")
    fake = tmp_path / ".venv" / "bin" / "pip-audit"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    done = subprocess.run([tmp_path / ".ci" / "audit"], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_audit_offline_says_that_nothing_was_audited(tmp_path: Path) -> None:
    """The real pip-audit without a network."""
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("the system allows no network namespace")
    (tmp_path / "one.txt").write_text("six==1.17.0 --hash=sha256:" + "0" * 64 + "\n")
    for folder in (".ci", ".venv"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / ".ci" / "audit", tmp_path / ".ci")
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    command = ["unshare", "-rn", str(tmp_path / ".ci" / "audit"), str(tmp_path / "one.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"AUDIT_TIMEOUT": "1"})
    assert (done.returncode, "NOT AUDITED" in done.stderr) == (2, True), done.stderr
    assert "no known vulnerability" not in done.stdout
