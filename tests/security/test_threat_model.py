"""The threat model names tests that exist: nothing is said to be shown that is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security" / "threat_model.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([STRIDE]) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)


def named_tests(text: str) -> list[str]:
    return re.findall(r"`(tests/[^`]+)`", text)


def exists(test: str) -> bool:
    """Tell whether a file of tests is there and holds the test that is named, if one is."""
    path, _, name = test.partition("::")
    if not (ROOT / path).is_file():
        return False
    held = {
        node.name for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
    }
    return name in held if name else any(one.startswith("test_") for one in held)


def test_threat_model_holds_all_of_stride() -> None:
    assert {row[0] for row in ROWS} == set("STRIDE")
    assert len(ROWS) >= 15


def test_threat_model_ties_every_threat_to_tests_that_exist() -> None:
    for _, threat, _, shown in ROWS:
        assert named_tests(shown), threat
    assert [test for test in named_tests(PAGE) if not exists(test)] == []


def test_threat_model_check_fails_for_a_test_that_is_not_there() -> None:
    assert exists("tests/security/test_threat_model.py::test_threat_model_holds_all_of_stride")
    assert not exists("tests/security/test_threat_model.py::test_threat_model_of_nothing")
    assert not exists("tests/security/test_nothing.py")
