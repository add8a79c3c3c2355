"""The fuzzer's targets hold for their seeds and for what was once found; and the fuzzer finds a fault where one is."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phenoextract
from tests.fuzz import targets

FOUND = Path(__file__).parent / "found"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, toy_extractor: phenoextract.Extractor) -> None:
    monkeypatch.setattr(targets, "extractor", lambda: toy_extractor)


@pytest.mark.parametrize("target", targets.TARGETS)
def test_fuzz_targets_hold_for_their_seeds(target: str) -> None:
    seeds = list(targets.seeds(target))
    assert len(seeds) >= 5
    for seed in seeds:
        targets.TARGETS[target](seed)


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_fuzz_faults_once_found_stay_mended(path: Path) -> None:
    targets.TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", targets.TARGETS)
def test_fuzz_targets_hold_for_any_bytes(target: str) -> None:
    @given(st.binary(max_size=400))
    def holds(data: bytes) -> None:
        targets.TARGETS[target](data)

    holds()


def test_fuzz_target_fails_for_an_untrue_offset(toy_extractor: phenoextract.Extractor) -> None:
    text = "No cleft palate."
    report = toy_extractor(text)
    targets.check_report(text, report)
    with pytest.raises(AssertionError, match="offsets"):
        targets.check_report(text.replace("cleft", "clift"), report)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs the extra fuzz")
@pytest.mark.slow
def test_fuzz_run_finds_and_keeps_a_fault(tmp_path: Path) -> None:
    """The runner, on a target that cannot bear the letter A, counts and keeps it and says so by its exit code."""
    (tmp_path / "sitecustomize.py").write_text(
        "import tests.fuzz.targets as t\n"
        "def letters(data):\n    if b'A' in data: raise KeyError\n"
        "t.TARGETS['letters'] = letters\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(targets.ROOT)])}
    command = [sys.executable, "-m", "tests.fuzz.run", "letters", "--minutes", "0.15"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    counts = json.loads(done.stdout)
    assert done.returncode == 1
    assert counts["executions"] > 100
    (fault,) = counts["faults"]
    assert fault.startswith("KeyError at sitecustomize.py")
    (kept,) = (tmp_path / "out" / "fuzz" / "letters").glob("fault-*")
    assert b"A" in kept.read_bytes()
