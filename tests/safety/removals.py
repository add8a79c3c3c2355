"""Controls of the hazard log, each with a way to take it out of the product: a plugin of pytest.

    python -m pytest -p tests.safety.removals --without negation tests/test_assertion.py

runs tests against a product that has lost a control. `test_controls_matter.py` does so for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from phenoextract_api.request_types import Suggestion
from phenoextract_api.suggestions import suggestions


@dataclass(frozen=True, slots=True)
class Removal:
    """What takes a control of a hazard away: values put in the place of those at the names that `stand_ins` gives.

    `test` is the node id, without parameters, of a test that proves the control and so must fail.
    """

    hazard: str
    test: str
    stand_ins: Mapping[str, object]


def _nothing(*_: object, **__: object) -> None:
    """Stand in for what finds or refuses something."""


def _no_decision_needed(*arguments: Any) -> tuple[Suggestion, ...]:
    return tuple(replace(one, required=False) for one in suggestions(*arguments))


def _no_context_needed(_recognizer: object, _reading: object, found: Sequence[int], _place: int) -> tuple[Any, Any]:
    return found, ()


def _sure(*_: object, **__: object) -> float:
    return 1.0


_SAYS = "tests/test_assertion.py::test_what_the_text_says_of_each_finding"
_REQUESTS = "tests/api/test_requests.py::test_requests_"
REMOVALS = {
    "negation": Removal("H01", _SAYS, {"phenoextract.assertion._negation": _nothing}),
    "relatives": Removal("H02", _SAYS, {"phenoextract.assertion.find_relative": _nothing}),
    "uncertainty": Removal("H03", _SAYS, {"phenoextract.assertion._uncertainty": _nothing}),
    "pseudonyms only": Removal(
        "H04",
        f"{_REQUESTS}refuse_a_patient_reference_that_is_no_pseudonym",
        {"phenoextract_api.requests._is_nhs_number": _nothing},
    ),
    "context of everyday words": Removal(
        "H09",
        "tests/test_recognize.py::test_everyday_word_needs_its_context",
        {"phenoextract.naming.Namer._in_context": _no_context_needed},
    ),
    "review of paraphrases": Removal(
        "H11",
        "tests/test_likeness.py::test_a_phrase_that_means_what_a_name_means_is_found_and_left_to_a_person",
        {"phenoextract.recognize._PARAPHRASE": None, "phenoextract.report.confidence": _sure},
    ),
    "decision on every proposal": Removal(
        "H18",
        f"{_REQUESTS}cannot_be_confirmed_while_a_proposal_is_undecided",
        {"phenoextract_api.requests.suggestions": _no_decision_needed},
    ),
    "etags": Removal("H21", f"{_REQUESTS}refuse_a_stale_etag", {"phenoextract_api.requests._check_etag": _nothing}),
    "digests of the audit": Removal(
        "H23",
        "tests/api/test_audit.py::test_audit_shows_a_changed_entry",
        {"phenoextract_api.store.audit._hash": lambda _entry: "0" * 64},
    ),
    "faults told without their message": Removal(
        "H24",
        "tests/test_cli.py::test_cli_quotes_no_letter_outside_its_answer",
        {"phenoextract.cli.describe_fault": repr},
    ),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names what is taken away."""
    parser.addoption("--without", choices=list(REMOVALS), required=True, help="the control to take away")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run each test, and what makes it ready, without the control."""
    with pytest.MonkeyPatch.context() as patch:
        for target, value in REMOVALS[item.config.getoption("--without")].stand_ins.items():
            patch.setattr(target, value)
        return (yield)
