"""The probability that a proposed term is right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phenoextract.confidence import confidence, signals
from phenoextract.rules import load_rules
from phenoextract.types import Method, Scope


def sure(
    match: float = 0.9, *, method: Method = Method.LABEL, scope: Scope = Scope.EXACT, words: int = 2, mentions: int = 1
) -> float:
    return confidence(method, scope, match, words=words, section="body", mentions=mentions, ancestors=10)


@given(
    st.sampled_from(Method),
    st.sampled_from(Scope),
    st.floats(0, 1),
    st.integers(1, 40),
    st.integers(1, 500),
    st.integers(0, 60),
)
def test_confidence_is_a_probability(
    method: Method, scope: Scope, match: float, words: int, mentions: int, ancestors: int
) -> None:
    found = confidence(method, scope, match, words=words, section="body", mentions=mentions, ancestors=ancestors)
    assert 0 <= found <= 1


def test_confidence_weighs_every_method_and_signal() -> None:
    rules = load_rules("confidence")
    assert set(rules["method"]) == set(Method)
    assert set(rules["signal"]) == set(signals(Scope.EXACT, 0.9, words=2, section="body", mentions=1, ancestors=10))


def test_confidence_rises_with_what_speaks_for_a_term() -> None:
    assert sure(mentions=3) > sure()
    assert sure(0.98) > sure()
    assert sure(scope=Scope.BROAD) < sure()
    assert sure(method=Method.COORDINATION) < sure()
    assert sure(words=12) < sure()
