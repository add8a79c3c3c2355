"""Words, offsets, sentences and normal forms."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phenoextract.text import Gap, fold, normalise, plain_form, tokenise

# Letters, marks and signs that texts from word processors, scanners and other scripts bring along.
TRICKY = st.text(
    st.sampled_from(
        "aZé1ßﬂ\u0301\u00ad\u200b\u200d\u2060\u00a0\u200f\u05d0\u0627\ud800\udfff\U0001f469 \t\n\r\u2028.,;:!?-–()/|'’"
    )
)
ANY = st.text(st.characters(codec=None, exclude_categories=())) | TRICKY


def sentences(text: str) -> list[str]:
    tokens = tokenise(text)
    return [" ".join(tokens.words[begin:end]) for begin, end in tokens.sentences]


@given(ANY)
@example("\ud800")
@example("a\ud83d\ude00b e\u0301 \u05e9\u05dc\u05d5\u05dd\u200f \U0001f468\u200d\U0001f469\u200d\U0001f467")
def test_words_are_slices_of_the_text(text: str) -> None:
    tokens = tokenise(text)
    assert list(tokens.words) == [text[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True)]
    assert all(tokens.words)
    assert len(tokens.gaps) == len(tokens.words)


@given(ANY)
def test_words_follow_one_another(text: str) -> None:
    tokens = tokenise(text)
    bounds = [bound for pair in zip(tokens.starts, tokens.ends, strict=True) for bound in pair]
    assert bounds == sorted(bounds)
    assert len(set(tokens.starts)) == len(tokens.starts)


@given(ANY | st.lists(st.sampled_from("ptosis full stop new line paragraph . \n".split(" "))).map(" ".join))
def test_sentences_partition_the_words(text: str) -> None:
    tokens = tokenise(text)
    places = [place for begin, end in tokens.sentences for place in range(begin, end)]
    assert places == list(range(len(tokens.words)))
    assert all(begin < end for begin, end in tokens.sentences)


@given(ANY)
def test_every_word_has_its_forms(text: str) -> None:
    for word in tokenise(text).words:
        assert fold(word) == fold(word.upper().lower()) or not word.isascii()
        assert isinstance(normalise(word), str)
        assert isinstance(plain_form(word), str)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("microcephalic", "microcephaly"),
        ("haemangioma", "hemangioma"),
        ("tumours", "tumor"),
        ("oesophageal", "esophageal"),
        ("oedema", "edema"),
        ("anaemia", "anemia"),
        ("diarrhoea", "diarrhea"),
        ("leucocyte", "leukocyte"),
        ("organisation", "organization"),
        ("paralysed", "paralyzed"),
        ("behaviours", "behavior"),
        ("fibre", "fiber"),
        ("sulphur", "sulfur"),
        ("grey", "gray"),
        ("vertebrae", "vertebra"),
        ("feet", "foot"),
        ("teeth", "tooth"),
        ("fifth", "5th"),
        ("seizures", "seizure"),
        ("dysplastic", "dysplasia"),
        ("hypertrophic", "hypertrophy"),
        ("syndactylous", "syndactyly"),
        ("scoliotic", "scoliosis"),
        ("epileptic", "epilepsy"),
        ("hypotonic", "hypotonia"),
        ("naïve", "naive"),
        ("ﬂoppy", "floppy"),
        ("so\u00adft", "soft"),
        ("pre-auricular", "preauricular"),
        ("PTOSIS", "ptosis"),
    ],
)
def test_normalise_makes_one_of_variants(written: str, name: str) -> None:
    assert normalise(written) == normalise(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hypotonia", "hypertonia"),
        ("hypoplasia", "hyperplasia"),
        ("microcephaly", "macrocephaly"),
        ("absences", "absence"),
        ("vertebral", "vertebra"),
        ("4th", "5th"),
        ("organic", "organs"),
    ],
)
def test_normalise_keeps_findings_apart(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_plain_form_keeps_derivations_apart() -> None:
    assert plain_form("tumours") == "tumor"
    assert plain_form("microcephalic") != plain_form("microcephaly")


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith saw him",
        "Seen by J. Smith today",
        "It is approx. 3 cm",
        "Findings (e.g. ptosis) persist",
        "He weighs 3.5 kg",
        "Ptosis vs. none",
    ],
)
def test_dot_of_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert len(sentences(text)) == 1


def test_marks_end_sentences() -> None:
    assert sentences("He walks. Does he talk? No! Well") == ["He walks", "Does he talk", "No", "Well"]


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_wrapped_line_goes_on(line_break: str) -> None:
    assert len(sentences(f"On examination today he has{line_break}marked scoliosis.")) == 1


def test_short_or_listed_lines_end() -> None:
    assert sentences("Scoliosis\nPtosis") == ["Scoliosis", "Ptosis"]
    assert sentences("On examination there was a scoliosis\n- ptosis") == [
        "On examination there was a scoliosis",
        "ptosis",
    ]
    assert sentences("He was seen in the clinic today\n\nwith scoliosis") == [
        "He was seen in the clinic today",
        "with scoliosis",
    ]


def test_spoken_punctuation_ends_sentences() -> None:
    assert sentences("he has ptosis full stop new line no scoliosis") == [
        "he has ptosis full stop",
        "new line",
        "no scoliosis",
    ]


def test_gaps_tell_what_stands_between_words() -> None:
    assert list(tokenise("Ears: low, set; at rest. Well").gaps) == [
        Gap.SPACE,
        Gap.LABEL,
        Gap.SOFT,
        Gap.HARD,
        Gap.SPACE,
        Gap.SENTENCE,
    ]


def test_prefix_belongs_to_its_word() -> None:
    assert list(tokenise("pre-auricular pits, low-set ears").words) == ["pre-auricular", "pits", "low", "set", "ears"]
