"""Long forms of abbreviations: what spells them out, as scispacy finds it too."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scispacy.abbreviation import find_abbreviation

from phenoextract.abbreviations import long_form


class _Token(NamedTuple):
    """As much of a spaCy token as scispacy's function looks at."""

    text: str
    text_with_ws: str


@pytest.mark.parametrize(
    ("words", "short", "long"),
    [
        ("born with a ventricular septal defect", "VSD", "ventricular septal defect"),
        ("shows global developmental delay", "GDD", "global developmental delay"),
        ("has atrial septal defects", "ASDs", "atrial septal defects"),
        ("known 22q11.2 deletion", "22qdel", "22q11.2 deletion"),
        ("seen by the team", "VSD", None),
        ("no initial of any kind matches herE", "E", None),  # a first letter begins a word
    ],
)
def test_long_form_is_what_spells_the_short_form(words: str, short: str, long: str | None) -> None:
    start = long_form(words.split(), short)
    assert (None if start is None else " ".join(words.split()[start:])) == long


_WORD = st.text(st.sampled_from("abcdeABC1-"), min_size=1, max_size=5)


@given(st.lists(_WORD, min_size=1, max_size=8), st.from_regex(r"[A-Ea-e][a-eA-E1.-]{1,4}", fullmatch=True))
def test_long_form_is_scispacys(words: list[str], short: str) -> None:
    _, expected = find_abbreviation([_Token(word, word + " ") for word in words], [_Token(short, short)])
    assert long_form(words, short) == (None if expected is None else len(words) - len(expected))
