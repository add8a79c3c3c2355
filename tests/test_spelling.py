"""Which misspellings are mended, and which are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoextract.spelling import Spelling

NAMES = ("scoliosis", "hypertelorism", "hypotelorism", "ptosis", "microcephaly", "macrocephaly", "camptodactyly")
SPELLING = Spelling((*NAMES, "bracing", "tracing"), frozenset({*NAMES, "skoliosis", "placing"}))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("scoliosos", "scoliosis"),
        ("scolisis", "scoliosis"),
        ("scolioosis", "scoliosis"),
        ("scoilosis", "scoliosis"),
        ("hypertelorsim", "hypertelorism"),
        ("camptodactly", "camptodactyly"),
        ("camtodactlyy", "camptodactyly"),  # two errors in a long word
    ],
)
def test_spelling_mends_a_typing_error(written: str, meant: str) -> None:
    assert SPELLING.correct(written) == meant


@pytest.mark.parametrize("word", [*NAMES, "skoliosis", "placing"])
def test_spelling_never_changes_a_known_word(word: str) -> None:
    assert SPELLING.correct(word) is None


@pytest.mark.parametrize("word", ["ptosi", "ears", "", "sclisis", "xyzzyplugh"])
def test_spelling_leaves_short_and_distant_words(word: str) -> None:
    assert SPELLING.correct(word) is None


def test_spelling_never_chooses_between_two_equals() -> None:
    assert SPELLING.correct("gracing") is None


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("hypotelorism", ["hypertelorism"]),
        ("hypertension", ["hypotension"]),
        ("microcephaly", ["macrocephaly"]),
        ("tachycardia", ["bradycardia"]),
        ("intracranial", ["intercranial"]),
    ],
)
def test_spelling_never_turns_a_finding_into_its_opposite(written: str, names: list[str]) -> None:
    assert Spelling(names, frozenset()).correct(written) is None


@given(st.text(st.characters(categories=["Ll"]), max_size=20))
def test_spelling_gives_a_word_of_the_lexicon_or_none(word: str) -> None:
    assert SPELLING.correct(word) in {*NAMES, "bracing", "tracing", None}
