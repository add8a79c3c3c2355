"""Ways in which the same letter could have been written; none of them changes what it says.

Each takes a text and a seeded generator and gives a text. Offsets are not kept, so only ids per document are
scored on the result.
"""

from __future__ import annotations

import random
import re
import textwrap
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from phenoextract_eval.gold import GoldDocument, GoldMention

Perturbation = Callable[[str, random.Random], str]

_TYPING_ERROR_RATE = 0.08
_NEAR_KEYS = {"a": "s", "e": "r", "i": "o", "o": "p", "n": "m", "t": "r", "s": "d", "l": "k", "r": "t", "c": "v"}
_UK_TO_US = (
    ("haem", "hem"),
    ("oesoph", "esoph"),
    ("oedem", "edem"),
    ("aemia", "emia"),
    ("aetio", "etio"),
    ("paed", "ped"),
    ("anaes", "anes"),
    ("rhoea", "rhea"),
    ("pnoea", "pnea"),
    ("coeliac", "celiac"),
    ("foetal", "fetal"),
    ("gynae", "gyne"),
    ("leuco", "leuko"),
    ("behaviour", "behavior"),
    ("colour", "color"),
    ("tumour", "tumor"),
    ("odour", "odor"),
    ("fibre", "fiber"),
    ("centre", "center"),
    ("caec", "cec"),
    ("faec", "fec"),
    ("sulph", "sulf"),
    ("oestr", "estr"),
)
_US_TO_UK = (
    ("esophag", "oesophag"),
    ("edema", "oedema"),
    ("anemi", "anaemi"),
    ("uremi", "uraemi"),
    ("glycemi", "glycaemi"),
    ("lipidemi", "lipidaemi"),
    ("hematuri", "haematuri"),
    ("hemoglob", "haemoglob"),
    ("hemorrh", "haemorrh"),
    ("hemophil", "haemophil"),
    ("hemangio", "haemangio"),
    ("pediatr", "paediatr"),
    ("anesth", "anaesth"),
    ("diarrhea", "diarrhoea"),
    ("apnea", "apnoea"),
    ("dyspnea", "dyspnoea"),
    ("celiac", "coeliac"),
    ("behavior", "behaviour"),
    ("tumor", "tumour"),
    ("fetal", "foetal"),
)
_TITLE = r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Master|Sister|Nurse)\.?\s+"
_NAME = re.compile(rf"({_TITLE})((?:[A-Z][\w'’-]+\s?){{1,2}})")
_NAMES = (
    "Adeyemi",
    "Nowak",
    "Rahman",
    "Okonkwo",
    "Patel",
    "Nguyen",
    "O'Sullivan",
    "Llewellyn",
    "Chaudhry",
    "Kowalczyk",
    "Mbeki",
    "Whitcombe",
    "Al-Hashimi",
    "Fernandes",
    "Szabó",
    "Zhang",
)


def typing_errors(text: str, chance: random.Random) -> str:
    """Misspell one word in twelve of five letters or more: swap, drop, double or miss a key."""

    def misspelt(match: re.Match[str]) -> str:
        word = match.group()
        if chance.random() >= _TYPING_ERROR_RATE:
            return word
        at = chance.randrange(1, len(word) - 1)
        kind = chance.randrange(4)
        if kind == 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if kind == 1:
            return word[:at] + word[at + 1 :]
        if kind == 2:
            return word[: at + 1] + word[at:]
        return word[:at] + _NEAR_KEYS.get(word[at].lower(), word[at]) + word[at + 1 :]

    return re.sub(r"[A-Za-z]{5,}", misspelt, text)


def us_spelling(text: str, _chance: random.Random) -> str:
    """Spell as in the United States."""
    for uk, us in _UK_TO_US:
        text = _respelt(text, uk, us)
    return text


def uk_spelling(text: str, _chance: random.Random) -> str:
    """Spell as in the United Kingdom, in words that are told apart from others by their first letters."""
    for us, uk in _US_TO_UK:
        text = _respelt(text, us, uk)
    return text


def upper_case(text: str, _chance: random.Random) -> str:
    """Write everything in capitals."""
    return text.upper()


def lower_case(text: str, _chance: random.Random) -> str:
    """Write everything in small letters."""
    return text.lower()


def white_space(text: str, chance: random.Random) -> str:
    """Double some spaces and make some of them tabs or no-break spaces."""
    return re.sub(" ", lambda _: chance.choice((*" " * 7, "  ", "\t", "\N{NO-BREAK SPACE}")), text)


def line_wraps(text: str, _chance: random.Random) -> str:
    """Break lines after at most 48 characters, as scanned columns do."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, 48, break_long_words=False, break_on_hyphens=False)) for line in text.split("\n")
    )


def dictation(text: str, _chance: random.Random) -> str:
    """Leave out punctuation between words and the capitals of sentences, as dictation software does."""
    return re.sub(r"[,;:]|\.(?=\s|$)", "", text).lower()


def swapped_names(text: str, chance: random.Random) -> str:
    """Put another surname after every title."""
    return _NAME.sub(lambda match: match.group(1) + chance.choice(_NAMES) + " " * match.group(2).endswith(" "), text)


PERTURBATIONS: dict[str, Perturbation] = {
    "typing errors": typing_errors,
    "US spelling": us_spelling,
    "UK spelling": uk_spelling,
    "capitals": upper_case,
    "small letters": lower_case,
    "white space": white_space,
    "line wraps": line_wraps,
    "dictation": dictation,
    "swapped names": swapped_names,
}


def perturbed(documents: Sequence[GoldDocument], way: Perturbation, seed: int) -> list[GoldDocument]:
    """Rewrite documents in one way, reproducibly for a seed; mentions keep their ids and lose their places."""
    return [
        replace(
            document,
            text=way(document.text, random.Random(seed ^ zlib.crc32(document.id.encode()))),  # noqa: S311 - no secret
            mentions=tuple(_placeless(mention) for mention in document.mentions),
            traps=(),
        )
        for document in documents
    ]


def _placeless(mention: GoldMention) -> GoldMention:
    return replace(mention, spans=(), surface=None)


def _respelt(text: str, old: str, new: str) -> str:
    """Replace a run of letters in three cases, but not where `ae` or `oe` has it already."""

    def cased(match: re.Match[str]) -> str:
        found = match.group()
        return new.upper() if found.isupper() else new.capitalize() if found[0].isupper() else new

    return re.sub(rf"(?<![aoAO]){old}", cased, text, flags=re.IGNORECASE)
