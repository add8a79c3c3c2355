from __future__ import annotations

import json as stdlib_json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoextract.errors import ConfigError
from phenoextract.formats import json
from phenoextract.types import (
    Annotation,
    Candidate,
    Cue,
    Feature,
    Method,
    NotCoded,
    Provenance,
    Report,
    Scope,
    Span,
    Status,
)

SCHEMA = Path(json.__file__).with_name("report.schema.json")
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
HPO_IDS = st.from_regex(r"HP:[0-9]{7}", fullmatch=True)
DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
SCORES = st.floats(0, 1)
OFFSETS = st.integers(0, 10_000)


def _list(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=3).map(tuple)


SPANS = st.builds(lambda start, length: Span(start, start + length), OFFSETS, st.integers(1, 50))
CUES = st.builds(Cue, kind=ANY_TEXT, start=OFFSETS, end=OFFSETS, text=ANY_TEXT)
CANDIDATES = st.builds(
    Candidate,
    hpo_id=HPO_IDS,
    label=ANY_TEXT,
    score=SCORES,
    method=st.sampled_from(Method),
    synonym=ANY_TEXT,
    scope=st.sampled_from(Scope),
)
ANNOTATIONS = st.builds(
    Annotation,
    start=OFFSETS,
    end=OFFSETS,
    spans=st.lists(SPANS, min_size=1, max_size=3).map(tuple),
    text=ANY_TEXT,
    section=ANY_TEXT,
    hpo_id=st.none() | HPO_IDS,
    label=st.none() | ANY_TEXT,
    status=st.sampled_from(Status),
    confidence=SCORES,
    needs_review=st.booleans(),
    review_reason=st.none() | ANY_TEXT,
    method=st.none() | st.sampled_from(Method),
    synonym=st.none() | ANY_TEXT,
    cues=_list(CUES),
    candidates=_list(CANDIDATES),
    not_coded=st.none() | st.sampled_from(NotCoded),
)
FEATURES = st.builds(
    Feature,
    hpo_id=HPO_IDS,
    label=ANY_TEXT,
    status=st.sampled_from(Status),
    confidence=SCORES,
    needs_review=st.booleans(),
    evidence=_list(st.integers(0, 9)),
    onset=st.none() | HPO_IDS,
    severity=st.none() | HPO_IDS,
    modifiers=_list(HPO_IDS),
)
REPORTS = st.builds(
    Report,
    id=ANY_TEXT,
    features=_list(FEATURES),
    annotations=_list(ANNOTATIONS),
    provenance=st.builds(
        Provenance,
        version=ANY_TEXT,
        hpo_release=ANY_TEXT,
        index_sha256=DIGESTS,
        lexicon_sha256=DIGESTS,
        rules_sha256=DIGESTS,
        config_sha256=DIGESTS,
        encoder_sha256=st.none() | DIGESTS,
    ),
)


def test_json_golden(report: Report, golden: Callable[[str, str], None]) -> None:
    golden("report.json", json.render(report, indent=2) + "\n")


@given(REPORTS)
def test_json_round_trip_is_lossless_ascii_and_of_the_schema(report: Report) -> None:
    text = json.render(report)
    assert text.isascii()
    assert "\n" not in text
    assert json.parse(text) == report
    jsonschema.Draft202012Validator(json.schema()).validate(stdlib_json.loads(text))


def test_json_schema_names_the_enums_of_the_types(request: pytest.FixtureRequest) -> None:
    expected = json.schema()
    for name, enum in {"status": Status, "method": Method, "scope": Scope, "not_coded": NotCoded}.items():
        expected["$defs"][name]["enum"] = [member.value for member in enum]
    if request.config.getoption("--update-golden"):
        SCHEMA.write_text(stdlib_json.dumps(expected, indent=2) + "\n", "utf-8")
    assert json.schema() == expected, "run pytest --update-golden"
    jsonschema.Draft202012Validator.check_schema(expected)


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"schema": "0"}', '{"schema": "1", "id": "secret"}'])
def test_json_parse_refuses_what_is_no_report(text: str) -> None:
    with pytest.raises(ConfigError, match="not a report"):
        json.parse(text)


def test_json_parse_quotes_nothing_of_a_bad_report(report: Report) -> None:
    data = json.to_dict(report)
    data["features"][0]["status"] = "canary"
    with pytest.raises(ConfigError) as caught:
        json.from_dict(data)
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__
