"""Why were these words of a letter coded, or not? The answer for any stretch of it, in words and with what is near."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from phenoextract.errors import ConfigError
from phenoextract.formats.json import annotation_to_dict, candidate_to_dict
from phenoextract.index import Name, function_words
from phenoextract.paraphrase import LEAST_LIKENESS
from phenoextract.pipeline import Extractor
from phenoextract.reasons import why_coded, why_not_coded
from phenoextract.rules import load_rules
from phenoextract.sections import find_sections, section_at
from phenoextract.text import fold, normalise, tokenise
from phenoextract.types import Annotation, Candidate, Method, NotCoded, Report

_ALIKE = 0.6  # likeness from which a name is worth telling as what nearly fitted
_NEAREST = 5


class Outcome(StrEnum):
    """What became of a stretch of a letter."""

    CODED = "coded"
    NOT_CODED = "recognised, but not coded"
    PART = "part of a longer phrase"
    LEFT_OUT = "in a part of the letter that is left out"
    AMBIGUOUS = "too ambiguous to be coded here"
    NOT_HERE = "names a term, but not as it stands here"
    ALIKE = "like a term, but not enough"
    UNKNOWN = "no term is near"
    NO_WORDS = "no words that could name a finding"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of a stretch of a letter, and why, in words; it quotes the letter.

    `start` and `end` are those asked for, widened to whole words. `annotations` are the places in the report of what
    was recognised there. `nearest` are terms, best first, for words in which nothing was recognised: of those with
    the method `encoder` the score is the cosine of the phrase and the name.
    """

    start: int
    end: int
    outcome: Outcome
    reason: str = field(repr=False)
    annotations: tuple[int, ...] = ()
    nearest: tuple[Candidate, ...] = field(default=(), repr=False)


def find_words(phrase: str, text: str) -> Iterator[tuple[int, int]]:
    """Give where the words of a phrase stand in a text, whatever their case and the space between them."""
    words = r"\s+".join(map(re.escape, phrase.split()))
    if words:
        yield from (found.span() for found in re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE))


def explain(extractor: Extractor, text: str, report: Report, start: int, end: int) -> Explanation:
    """Tell what became of `text[start:end]` in the report of a text, and why.

    Raises ConfigError, which quotes nothing, if the stretch is empty or lies outside the text.
    """
    if not 0 <= start < end <= len(text):
        raise ConfigError("the stretch to explain is empty or lies outside the text")
    tokens = tokenise(text)
    places = [place for place in range(len(tokens.words)) if tokens.starts[place] < end and tokens.ends[place] > start]
    words = [tokens.words[place] for place in places]
    if places:
        start, end = min(start, tokens.starts[places[0]]), max(end, tokens.ends[places[-1]])
    found = [
        number
        for number, annotation in enumerate(report.annotations)
        if any(span.start < end and span.end > start for span in annotation.spans)
    ]
    if found:
        return _recognised(report.annotations, found, start, end)
    if all(fold(word) in function_words() or not any(map(str.isalpha, word)) for word in words):
        return Explanation(start, end, Outcome.NO_WORDS, "these are only numbers, marks or words such as “of”")
    phrase = text[tokens.starts[places[0]] : tokens.ends[places[-1]]]
    idiom = next((text[s.start : s.end] for s in extractor.idioms(text) if s.start < end and s.end > start), None)
    return _unrecognised(extractor, phrase, idiom, _left_out(text, start), start, end)


def to_dict(explanation: Explanation, report: Report) -> dict[str, Any]:
    """Give an explanation as plain dictionaries, with the annotations of its report in full."""
    return {
        "start": explanation.start,
        "end": explanation.end,
        "outcome": explanation.outcome.value,
        "reason": explanation.reason,
        "annotations": [annotation_to_dict(report.annotations[number]) for number in explanation.annotations],
        "nearest": [candidate_to_dict(candidate) for candidate in explanation.nearest],
    }


def _recognised(annotations: Sequence[Annotation], found: Sequence[int], start: int, end: int) -> Explanation:
    """Explain a stretch in which something was recognised, or which lies inside something that was."""
    inside = [number for number in found if start <= annotations[number].start and annotations[number].end <= end]
    told = [_told(annotations[number]) for number in inside or found]
    if not inside:
        outcome = Outcome.PART
        told = [f"these words are part of a longer phrase: {one}" for one in told]
    elif any(annotations[number].not_coded is None for number in inside):
        outcome = Outcome.CODED
    else:
        outcome = Outcome.NOT_CODED
    return Explanation(start, end, outcome, ". ".join(told), tuple(inside or found))


def _told(annotation: Annotation) -> str:
    if annotation.not_coded is not None:
        term = f" ({annotation.label}, {annotation.hpo_id})" if annotation.hpo_id else ""
        return f"“{annotation.text}”{term} is not coded: {why_not_coded(annotation)}"
    return f"“{annotation.text}” is proposed as {annotation.label} ({annotation.hpo_id}): {why_coded(annotation)}"


def _left_out(text: str, start: int) -> NotCoded | None:
    """Give why the part of the letter at an offset is not coded, if it is not."""
    reasons = load_rules("sections")["not_coded"]
    kind = section_at(find_sections(text), start).kind
    return NotCoded[reasons[kind]] if kind in reasons else None


def _unrecognised(
    extractor: Extractor, phrase: str, idiom: str | None, left_out: NotCoded | None, start: int, end: int
) -> Explanation:
    nearest = extractor.nearest(phrase)[:_NEAREST]

    def answer(outcome: Outcome, reason: str) -> Explanation:
        return Explanation(start, end, outcome, reason, nearest=nearest)

    if left_out is not None:
        return answer(Outcome.LEFT_OUT, f"nothing is coded in this part of the letter: {left_out.value}")
    if idiom is not None:
        return answer(Outcome.NOT_HERE, f"“{idiom}” means something else than the name in it")
    names = extractor.names_of(phrase)
    needed = dict.fromkeys(word for name in names for word in name.context)
    if needed:
        return answer(
            Outcome.AMBIGUOUS,
            f"the words have other meanings: they count only with one of these words near: {', '.join(needed)}",
        )
    misleading = load_rules("lexicon")["suppress"]["strings"]
    if phrase.lower() in misleading or normalise(phrase) in misleading:
        return answer(Outcome.AMBIGUOUS, "the HPO has these words as a name, but in letters they mostly mean otherwise")
    if names:
        return answer(Outcome.NOT_HERE, _not_here(names))
    alike = [one for one in nearest if one.method is Method.ENCODER and one.score >= _ALIKE]
    if alike:
        return answer(
            Outcome.ALIKE,
            f"no name says this; most like it in meaning is “{alike[0].synonym}”, by {alike[0].score:.2f} of 1, but it "
            f"takes {LEAST_LIKENESS:.2f}, more where the words say other things too, and words that say less than a "
            "name are never taken for it",
        )
    return answer(Outcome.UNKNOWN, "no name of a term says this, and none is like it")


def _not_here(names: Sequence[Name]) -> str:
    """Tell why words that are a name were not taken for one."""
    if all(name.method is Method.ABBREVIATION for name in names):
        written = ", ".join(f"“{name.text}”" for name in names)
        return f"an abbreviation counts only as it is usually written, {written}, and not where it has another meaning"
    labels = ", ".join(dict.fromkeys(f"“{name.text}”" for name in names))
    return (
        f"by themselves the words name {labels}, but here they stand in another order or form, across a comma or "
        "the end of a line, before a noun that they describe, or in a person's name"
    )
