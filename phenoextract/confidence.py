"""How likely a proposed term is right, from what is known of its evidence."""

from __future__ import annotations

import math
from functools import lru_cache

from phenoextract.rules import load_rules
from phenoextract.types import Method, Scope

_FEW_WORDS = 3
_MOST = 0.99  # of a match: its log-odds must be finite
_UNHEADED = "body"


@lru_cache(maxsize=100_000)
def confidence(
    method: Method, scope: Scope, match: float, *, words: int, section: str, mentions: int, ancestors: int
) -> float:
    """Give the probability that a reader of the document would code a term, between 0 and 1.

    `match` is how well its name matches the mention, which has so many `words`; the document says it so many times
    (`mentions`), and so many terms stand above it (`ancestors`). A logistic regression (Platt 1999), whose weights in
    rules/confidence.toml models/train/calibrate.py fits; docs/what-the-figures-mean.md says on what.
    """
    rules = load_rules("confidence")
    known = signals(scope, match, words=words, section=section, mentions=mentions, ancestors=ancestors)
    odds = rules["intercept"] + rules["method"][method]
    odds += sum(rules["signal"][name] * value for name, value in known.items())
    return round(1 / (1 + math.exp(-odds)), 3)


def signals(scope: Scope, match: float, *, words: int, section: str, mentions: int, ancestors: int) -> dict[str, float]:
    """Give what the regression looks at besides the method, by name."""
    match = min(max(match, 1 - _MOST), _MOST)
    return {
        "inexact_scope": float(scope is not Scope.EXACT),
        "match": math.log(match / (1 - match)),
        "one_word": float(words == 1),
        "further_words": float(max(0, words - _FEW_WORDS)),
        "mentions": math.log(mentions),
        "ancestors": math.log(ancestors + 1),
        "headed_section": float(section != _UNHEADED),
    }
