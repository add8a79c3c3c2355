"""Reports and letters without what may identify a person, before they are rendered in any format.

Withholding is certain: no word of the letter is left, only terms, offsets and what our own vocabulary says. Masking is
a best effort by patterns of UK letters: what looks like a name, number, date or address is blotted out, length for
length, so that offsets hold; docs/privacy/evidence.md says what it misses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum

from phenoextract.formats.role_codes import names_relative
from phenoextract.types import Annotation, Cue, NotCoded, Report, Span

BLOT = "█"


class Evidence(StrEnum):
    """What is shown of the letter's own words."""

    QUOTED = "quoted"
    MASKED = "masked"
    WITHHELD = "withheld"


_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_PROPER = r"[A-Z][\w'’.-]*"
_STREET = (
    r"(?:Road|Rd|Street|St|Lane|Avenue|Ave|Close|Drive|Way|Court|Crescent|Place|Terrace|Gardens|Grove|Hill|Park|Square"
    r"|Mews|Row|Walk|View|Rise|Green)"
)
# what stands for itself wherever it stands
_NUMBERS = re.compile(
    "|".join(
        (
            r"[^\s@]{1,64}@[^\s@]{1,250}",
            r"(?:https?://|www\.)\S+",
            r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b",  # NHS number
            r"(?:\+44[ \d()-]{9,14}\d|\(?\b0\d[\d ()-]{7,12}\d\b)",  # telephone
            r"\b(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2})\b",  # postcode
            r"\b\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})\b|\b(?:19|20)\d\d-\d\d?-\d\d?\b",
            rf"\b{_DAY}(?: of)? {_MONTH}\b(?:,? (?:\d{{4}}|'?\d\d)\b)?|\b{_MONTH} (?:{_DAY},? )?\d{{4}}\b",
            r"\b[A-Za-z]{0,3}[-/]?\d{5,}[A-Za-z]?\b",  # hospital and laboratory numbers
        )
    )
)
# after a label the rest of the line tells of a person or place
_LABEL = re.compile(
    r"^[ \t]*(?:dear|re|name|patient(?:'s)?(?: name)?|surname|forenames?|first name|address|nhs n(?:o|umber)"
    r"|hospital n(?:o|umber)|mrn|d\.?o\.?b\.?|date of birth|tel(?:ephone)?|mobile|e-?mail|(?:our |your )?ref|cc|copy to"
    r"|from|to|ref to|seen by|accompanied by|dictated by|typed(?: by)?|signed|reported by|requested by|author"
    r"|consultant|gp|referrer|mother's name|father's name)\b\.?[ \t]*[:#-]?(?P<rest>[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING = re.compile(
    r"^[ \t]*(?:yours(?: sincerely| faithfully)?|(?:kind|best|warm) (?:regards|wishes)|(?:many )?(?:thanks|thx))\b"
    r"(?P<rest>[^\n]*(?:\n+[^\n]{1,80}){0,3})",
    re.IGNORECASE | re.MULTILINE,
)
_TITLED = re.compile(
    r"\b(?:(?i:dr|mr|mrs|prof|professor)|Miss|Ms|Mx|Master|Baby|Sir|Lady|Rev)\b\.?[ \t]+"
    rf"(?P<rest>{_PROPER}(?:[ \t]+{_PROPER})*|[a-z]+[ \t]+[a-z]+)"
)
_RELATION = re.compile(
    r"\b(?i:called|named|son|daughter|brother|sister|mother|father|mum|dad|cousin|aunt|uncle|nephew|niece|wife|husband"
    r"|partner|twin|nan|gran),?[ \t]+(?P<rest>[A-Z][a-z'’-]+)"
)
_SUBJECT = re.compile(
    r"(?:^|[\n.?!]|\band )[ \t]*(?P<rest>[A-Z][a-z'’-]+)(?='s\b|’s\b| (?:is|was|has|had|did|does|presented|attended"
    r"|lives|can|cannot|walked|sat|started|remains|continues|will|and (?:his|her|their))\b)"
)
_SHOUTED = re.compile(r"\b(?P<rest>(?!No |Nil )[A-Z][a-z'’-]+[ \t]+[A-Z][A-Z'’-]{2,})\b")
_PLACE = re.compile(
    rf"\b(?P<rest>\d+[A-Za-z]?,?[ \t]+(?:{_PROPER}[ \t]+){{1,4}}{_STREET}\b|(?:{_PROPER}[ \t]+){{1,4}}(?:{_STREET}"
    r"|Hospital|Infirmary|Surgery|Centre|School|Nursery|Academy|Practice|Trust|College|University|Clinic))\b"
)
_INSIDE = re.compile(r"(?<=[\w,;)'’] )(?P<rest>[A-Z][a-z'’-]+(?:[ \t]+[A-Z][a-z'’-]+)*)")
# begin sentences and lines without being names
_NO_NAMES = frozenset(
    "he she it they we you i his her their our this that these there the a an both all none no not mum dad mother "
    "father parents sister brother baby child examination growth development height weight birth pregnancy vision "
    "hearing tone speech plan family history imp ix who what which today now since diagnosis problem problems "
    "everyone nobody nothing dr mr mrs ms miss prof professor consultant clinical genetics genetic service clinic "
    "hospital centre and or of in for to from with by on at re cc".split()
)


def deidentify(report: Report, text: str, evidence: Evidence) -> Report:
    """Give a report whose quotations of its letter, `text`, are as `evidence` says; offsets stay as they are."""
    if evidence is Evidence.QUOTED:
        return report
    if evidence is Evidence.WITHHELD:
        return withhold(report)
    masked = mask(text, found_spans(report))
    return replace(report, annotations=tuple(_masked(found, masked) for found in report.annotations))


def withhold(report: Report) -> Report:
    """Give a report without words of its letter: the label of the term stands for them, or nothing where there is none.

    Of the cues only words for relatives stay, because a finding in the family says whose it is.
    """
    return replace(report, annotations=tuple(map(_withheld, report.annotations)))


def shown(text: str, report: Report, evidence: Evidence) -> str:
    """Give the letter of a report as it may be shown, for the views that hold it whole; every offset stays true."""
    if evidence is Evidence.QUOTED:
        return text
    return mask(text, found_spans(report)) if evidence is Evidence.MASKED else re.sub(r"\S", BLOT, text)


def found_spans(report: Report) -> list[Span]:
    """Give where the letter names a term: eponyms there are no names of patients."""
    found = [one for one in report.annotations if one.hpo_id and one.not_coded is not NotCoded.ADMINISTRATIVE]
    return [span for annotation in found for span in annotation.spans]


def mask(text: str, keep: Sequence[Span] = ()) -> str:
    """Give a letter of the same length with BLOT for each character of what may identify a person, but for spaces.

    What lies in `keep` stays. Names that were found once are blotted out wherever they stand.
    """
    hidden = [found.span() for found in _NUMBERS.finditer(text)]
    named = list(_named(text))
    hidden += named
    words = {word for start, end in named for word in re.findall(r"[^\W\d_][\w'’-]+", text[start:end])}
    words = {word.removesuffix("'s").removesuffix("’s") for word in words if word[0].isupper()}
    names = sorted(word for word in words if len(word) > 1 and word.lower() not in _NO_NAMES)
    if names:
        again = re.compile(rf"\b(?:{'|'.join(re.escape(form) for name in names for form in {name, name.upper()})})\b")
        hidden += [found.span() for found in again.finditer(text)]
    kept = {at for span in keep for at in range(span.start, span.end)}
    left = list(text)
    for start, end in hidden:
        for at in range(start, end):
            if at not in kept and not text[at].isspace():
                left[at] = BLOT
    return "".join(left)


def _named(text: str) -> Iterator[tuple[int, int]]:
    """Give where names of people and places stand, by what is written before, behind or around them."""
    for pattern in (_LABEL, _CLOSING, _TITLED, _RELATION, _SUBJECT, _SHOUTED, _PLACE, _INSIDE):
        for found in pattern.finditer(text):
            start, end = found.span("rest")
            words = text[start:end].split()
            if pattern in (_LABEL, _CLOSING) or any(word.lower().strip(".,:") not in _NO_NAMES for word in words):
                yield start, end


def _withheld(annotation: Annotation) -> Annotation:
    cues = tuple(cue if names_relative(cue) else replace(cue, text="") for cue in annotation.cues)
    return annotation._replace(text=annotation.label or "", cues=cues)


def _masked(annotation: Annotation, masked: str) -> Annotation:
    cues = tuple(cue if names_relative(cue) else _masked_cue(cue, masked) for cue in annotation.cues)
    return annotation._replace(text=" … ".join(masked[span.start : span.end] for span in annotation.spans), cues=cues)


def _masked_cue(cue: Cue, masked: str) -> Cue:
    return replace(cue, text=masked[cue.start : cue.end].strip())
