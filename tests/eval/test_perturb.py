from __future__ import annotations

import random

import pytest

from phenoextract.types import Span, Status
from phenoextract_eval.gold import GoldDocument, GoldMention
from phenoextract_eval.perturb import PERTURBATIONS, perturbed

LETTER = (
    "Dear Dr Featherstonehaugh, Thank you for seeing this girl, who has macrocephaly, anaemia and oesophageal "
    "atresia.\nHer behaviour is unusual; she has had seizures since infancy. Mrs Smith has asthma.\n"
)


@pytest.mark.parametrize(
    ("way", "there"),
    [
        ("US spelling", "anemia and esophageal"),
        ("UK spelling", "anaemia and oesophageal"),
        ("capitals", "MACROCEPHALY, ANAEMIA"),
        ("small letters", "her behaviour is unusual"),
        ("dictation", "macrocephaly anaemia and oesophageal atresia\nher behaviour is unusual she has"),
    ],
)
def test_what_a_perturbation_does(way: str, there: str) -> None:
    assert there in PERTURBATIONS[way](LETTER, random.Random(1))


def test_line_wraps_break_lines_and_keep_words() -> None:
    wrapped = PERTURBATIONS["line wraps"](LETTER, random.Random(1))
    assert max(map(len, wrapped.split("\n"))) <= 48
    assert wrapped.split() == LETTER.split()


def test_white_space_keeps_words() -> None:
    spaced = PERTURBATIONS["white space"](LETTER, random.Random(1))
    assert spaced != LETTER and spaced.split() == LETTER.split()


def test_names_change_and_nothing_else() -> None:
    swapped = PERTURBATIONS["swapped names"](LETTER, random.Random(1))
    assert "Featherstonehaugh" not in swapped and "Smith" not in swapped
    assert swapped.count("Dr ") == 1 and "has asthma.\n" in swapped


def test_typing_errors_change_a_few_words() -> None:
    words = LETTER.split()
    changed = PERTURBATIONS["typing errors"](LETTER * 20, random.Random(1)).split()
    assert len(changed) == len(words) * 20
    wrong = sum(a != b for a, b in zip(words * 20, changed, strict=True))
    assert 0.02 < wrong / len(changed) < 0.12


def test_documents_keep_their_ids_and_the_same_seed_gives_the_same_text() -> None:
    gold = GoldDocument("a", LETTER, (GoldMention((Span(0, 4),), "HP:0001250", Status.PRESENT),))
    (one,) = perturbed([gold], PERTURBATIONS["typing errors"], 1)
    (same,) = perturbed([gold], PERTURBATIONS["typing errors"], 1)
    (other,) = perturbed([gold], PERTURBATIONS["typing errors"], 2)
    assert one == same and one.text != other.text
    assert one.mentions == (GoldMention((), "HP:0001250", Status.PRESENT),)
