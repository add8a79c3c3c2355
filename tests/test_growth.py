"""Coding takes time in proportion to the text, however monotonous the text is."""

from __future__ import annotations

import time

import pytest

from phenoextract import Extractor
from phenoextract.text import tokenise

SHORT, LONG = 3_000, 30_000  # code points


@pytest.mark.parametrize(
    "part",
    [
        "hypotonia ",
        "hypotonia",
        "hypotonia, ",
        "hypotonia and ",
        "mild ",
        "short ",
        "short 4th and 5th metacarpals, ",
        "axial and appendicular ",
        "no seizures ",
        "no ",
        "his mother has ",
        "unlikely hypotonia or ",
        "VSD ",
        "(ABC) ",
        "global developmental delay (GLD) GLD. ",
        "wobbly ",
        "non-",
        "non-verbal, ",
        "a line\n",
        "Family history:\n\nmother ",
        "2nd and 3rd toes, ",
        "EXAM: Heart: normal. ",
        "hypotonia? ",
        "hypotonia\t",
        "[ ] hypotonia ",
        "absent: hypotonia\n",
        "? ",
        "(",
    ],
)
def test_time_grows_no_faster_than_the_text(toy_extractor: Extractor, part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * length)[:length]
        taken = []
        for _ in range(3):  # the best of three: a busy machine must not fail this
            begin = time.process_time()
            toy_extractor(text)
            taken.append(time.process_time() - begin)
        return min(taken)

    # linear time gives about 10, quadratic time 100
    assert seconds(LONG) < 30 * max(seconds(SHORT), 0.002)


@pytest.mark.parametrize("blank", [" ", "\t", "\n", " \n"])
def test_time_to_look_for_an_answer_grows_no_faster_than_the_blanks(toy_extractor: Extractor, blank: str) -> None:
    begin = time.process_time()
    toy_extractor("hypotonia?" + blank * LONG + "seizures" + blank * LONG)
    assert time.process_time() - begin < 2  # some hundredths; quadratic time took many seconds


def test_time_to_read_words_with_prefixes_grows_no_faster_than_the_text() -> None:
    def seconds(words: int) -> float:
        text = "pre-auricular " * words
        taken = []
        for _ in range(3):
            begin = time.process_time()
            tokenise(text)
            taken.append(time.process_time() - begin)
        return min(taken)

    # linear time gives about 8, quadratic time 64; at the lengths above moving the words about costs too little to see
    assert seconds(80_000) < 24 * max(seconds(10_000), 0.002)
