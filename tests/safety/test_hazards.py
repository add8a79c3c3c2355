"""The hazard log is whole, its tests exist, and CI fails when one of them does not prove its control."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest

from tests.safety import check_hazards, safety_case
from tests.safety.check_hazards import Outcome, outcomes, unproven
from tests.safety.hazard_log import ACCEPTABLE, LOG, read_log, risk_of

ROOT = Path(__file__).parents[2]
RAN = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_one[x]"/>
<testcase classname="tests.test_a" name="test_one[y]"/>
<testcase classname="tests.test_a" name="test_two"><skipped message="no server"/></testcase>
<testcase classname="tests.test_a" name="test_three[x]"/>
<testcase classname="tests.test_a" name="test_three[y]"><failure message="no"/></testcase>
<testcase classname="tests.test_a" name="test_four[x]"/>
<testcase classname="tests.test_a" name="test_four[y]"><skipped message="no server"/></testcase>
</testsuite></testsuites>"""
LATER = '<testsuites><testsuite><testcase classname="tests.test_a" name="test_two"/></testsuite></testsuites>'


@pytest.fixture
def ran(tmp_path: Path) -> list[Path]:
    (tmp_path / "first.xml").write_text(RAN)
    (tmp_path / "later.xml").write_text(LATER)
    return [tmp_path / "first.xml", tmp_path / "later.xml"]


def one_hazard(folder: Path, **changes: str) -> Path:
    """Write a log of one hazard whose controls are proven by the tests named."""
    row = {
        "id": "H01",
        "hazard": "a hazard",
        "cause": "a cause",
        "effect": "an effect",
        "severity": "Major",
        "likelihood": "Medium",
        "risk": "3",
        "controls": "a control",
        "tests": "tests/test_a.py::test_one",
        "residual_likelihood": "Very low",
        "residual_risk": "2",
        "transferred": "None.",
    } | changes
    path = folder / "log.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return path


def test_the_log_has_hazards_enough_and_no_risk_that_is_not_acceptable() -> None:
    hazards = read_log()
    assert len(hazards) >= 25
    assert [hazard.id for hazard in hazards] == sorted(hazard.id for hazard in hazards)
    assert all(hazard.residual_risk <= hazard.risk for hazard in hazards)
    above = {hazard.id for hazard in hazards if hazard.residual_risk > ACCEPTABLE}
    assert above == {"H12", "H18", "H27"}, "risks above the line are argued one by one in the safety case"


def test_the_log_names_tests_that_exist() -> None:
    there: dict[str, set[str]] = {}
    for name in {test.partition("::")[0] for hazard in read_log() for one in hazard.controls for test in one.tests}:
        module = ast.parse((ROOT / name).read_text("utf-8"))
        there[name] = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    missing = [
        f"{hazard.id}: {test}"
        for hazard in read_log()
        for control in hazard.controls
        for test in control.tests
        if test.partition("::")[2] not in there[test.partition("::")[0]]
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tests": "tests/test_a.py::test_one\ntests/test_a.py::test_two"}, "1 controls and tests for 2"),
        ({"controls": "a control\nanother"}, "2 controls and tests for 1"),
        ({"risk": "2"}, "the risk of the matrix is 3, not 2"),
        ({"residual_risk": "1"}, "the residual_risk of the matrix is 2, not 1"),
        ({"severity": "Bad"}, "not in tuple"),
        ({"cause": " "}, "nothing under cause"),
    ],
)
def test_a_log_that_is_not_whole_is_refused(tmp_path: Path, changes: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_log(one_hazard(tmp_path, **changes))


def test_risks_are_those_of_the_matrix() -> None:
    assert [risk_of("Major", word) for word in ("Very low", "Low", "Medium", "High", "Very high")] == [2, 3, 3, 4, 5]


@pytest.mark.parametrize(
    ("test", "fault"),
    [
        ("test_one", None),
        ("test_two", None),  # skipped in the first run, passed in the second
        ("test_three", "failed"),
        ("test_four", "was skipped"),
        ("test_five", "did not run"),
    ],
)
def test_a_control_is_proven_by_a_test_that_ran_and_passed_in_every_case(
    tmp_path: Path, ran: list[Path], test: str, fault: str | None
) -> None:
    hazards = read_log(one_hazard(tmp_path, tests=f"tests/test_a.py::{test}"))
    expected = [f"H01: tests/test_a.py::{test} {fault}"] if fault else []
    assert unproven(hazards, outcomes(ran)) == expected


def test_a_failure_is_not_hidden_by_another_run(ran: list[Path]) -> None:
    assert outcomes([*ran, ran[0]])["tests/test_a.py::test_three"]["test_three[y]"] is Outcome.FAILED
    assert outcomes(reversed(ran))["tests/test_a.py::test_two"]["test_two"] is Outcome.PASSED


def test_the_check_ends_with_1_for_what_is_not_proven_and_2_without_results(
    tmp_path: Path, ran: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = one_hazard(tmp_path)
    monkeypatch.setattr(check_hazards, "read_log", lambda: read_log(log))
    assert check_hazards.main([str(path) for path in ran]) == 0
    assert capsys.readouterr().out == "1 hazards, 1 controls, 0 faults\n"
    log = one_hazard(tmp_path, tests="tests/test_a.py::test_gone")
    assert check_hazards.main([str(path) for path in ran]) == 1
    assert "H01: tests/test_a.py::test_gone did not run" in capsys.readouterr().err
    assert check_hazards.main([]) == 2
    assert check_hazards.main([str(tmp_path / "none.xml")]) == 2


def test_the_log_opens_in_a_spreadsheet() -> None:
    rows = list(csv.reader(LOG.read_text("utf-8").splitlines(keepends=True)))
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@"]


def test_the_safety_case_fills_itself_from_the_log(ran: list[Path]) -> None:
    plain, tested = safety_case.render([]), safety_case.render(ran)
    hazards = read_log()
    for hazard in hazards:
        assert f"### {hazard.id}: {hazard.hazard}\n" in plain
        assert all(f"\n- {control.text}\n" in plain for control in hazard.controls)
        assert all(f"\n  - `{test}`\n" in plain for control in hazard.controls for test in control.tests)
        assert hazard.transferred == "None." or f"| {hazard.id} | {hazard.transferred} | **[TO COMPLETE]** |" in plain
    assert f"{len(hazards)} hazards" in plain and "Made without results" in plain
    assert "{{" not in plain and "{%" not in plain
    assert "::test_what_the_text_says_of_each_finding`: did not run\n" in tested
    assert "H01: tests/test_assertion.py::test_what_the_text_says_of_each_finding did not run" in tested
