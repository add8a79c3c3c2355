"""The words corpora use for a status."""

from __future__ import annotations

from phenoextract.types import Status

_WORDS = {
    Status.PRESENT: ("present", "positive", "affirmed", "observed", "yes", "asserted"),
    Status.ABSENT: ("absent", "negative", "negated", "excluded", "no", "denied", "not present"),
    Status.FAMILY: ("family", "relative", "related", "family history", "other"),
    Status.UNCERTAIN: ("uncertain", "possible", "suspected", "query", "hypothetical", "unsure"),
}
_NAMED = {word: status for status, words in _WORDS.items() for word in words}


def status_named(word: str) -> Status | None:
    """Give the status a word stands for, or None."""
    return _NAMED.get(word.strip().lower())
