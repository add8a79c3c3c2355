"""Enumerations of fingers and toes, read digit by digit."""

import pytest

from phenoextract.digits import readings
from phenoextract.text import tokenise


def read(text: str) -> list[str]:
    return [" ".join(reading.tokens.words) for reading in readings(text, tokenise(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short 4th and 5th metacarpals", ["short 4th metacarpals", "short 5th metacarpals", "short 4 5 metacarpals"]),
        ("toes 4 and 5 were short", ["toes 4th were short", "toes 5th were short", "toes 4 5 were short"]),
        ("clinodactyly V", ["clinodactyly 5th finger"]),
        ("second digit of the left foot", ["2nd toe of the left foot"]),
        ("2,3 syndactyly of the feet", [
            "2nd toe syndactyly of the feet", "3rd toe syndactyly of the feet", "2 3 toe syndactyly of the feet",
        ]),
        ("metacarpals II–IV broad", [
            "metacarpals 2nd broad", "metacarpals 3rd broad", "metacarpals 4th broad", "metacarpals 2 4 broad",
        ]),
        ("second to fourth fingers", ["2nd fingers", "3rd fingers", "4th fingers", "2 4 fingers"]),
        ("the 5th appointment", []),
        ("He has 2 siblings and takes 3 tablets.", []),
    ],
)  # fmt: skip
def test_each_digit_is_read_by_itself_and_the_range_as_a_range(text: str, expected: list[str]) -> None:
    assert read(text) == expected


def test_the_words_of_a_reading_lead_back_to_the_letter() -> None:
    text = "Hands: short 4th and 5th metacarpals."
    tokens = tokenise(text)
    for reading in readings(text, tokens):
        for word, start, end, place in zip(
            reading.tokens.words, reading.tokens.starts, reading.tokens.ends, reading.places, strict=True
        ):
            assert (start, end) == (tokens.starts[place], tokens.ends[place])
            assert word == text[start:end] or place in {reading.places[number] for number in reading.numbers}
