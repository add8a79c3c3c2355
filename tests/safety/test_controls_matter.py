"""What proves a control fails without it: otherwise it would prove nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from tests.safety.check_hazards import Outcome, outcomes
from tests.safety.hazard_log import read_log
from tests.safety.removals import REMOVALS

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.artefacts
@pytest.mark.parametrize("name", REMOVALS)
def test_the_test_of_a_control_fails_without_it(name: str, tmp_path: Path) -> None:
    results = tmp_path / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "tests.safety.removals"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    ran = subprocess.run(
        [*command, "--without", name, f"--junitxml={results}", "-m", "not postgres", REMOVALS[name].test],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout
    cases, errors = outcomes([results])[REMOVALS[name].test], list(etree.parse(results).iter("error"))
    results.unlink()  # it quotes what leaks without the control
    assert Outcome.FAILED in cases.values()
    assert not errors, "the product fails, but not as the test expects"


def test_what_is_removed_is_a_control_of_the_log() -> None:
    proven = {hazard.id: {test for one in hazard.controls for test in one.tests} for hazard in read_log()}
    assert [name for name, removal in REMOVALS.items() if removal.test not in proven[removal.hazard]] == []
