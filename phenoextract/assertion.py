"""Decide what a letter says of each mention: present, absent, family or uncertain, and by which words.

The process is that of ConText (Harkema et al., J Biomed Inform 2009): find cues, give each a scope, and let
the cues whose scope holds the mention decide. What differs: scope runs through lists by their form, the
subject of the clause decides the experiencer, and the section and the kind of document set the default.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from phenoextract.cues import CueHit, Sentence, listed, read_sentence
from phenoextract.rules import load_rules
from phenoextract.sections import section_at
from phenoextract.text import Gap, Tokens, fold
from phenoextract.types import Assertion, Cue, Mention, NotCoded, Section, Span, Status

_SHORT_REACH = 4  # words that cues can reach which mostly deny something else, such as a bare "not"
_SHORT_MEMBER = 2  # words of a list member that is a bare name
_LONG_MEMBER = 8  # words beyond which a list member is a clause of its own
_LOOK_BACK = 6  # sentences in which a pronoun's relative may have been named
_INTRODUCTION = 800  # characters in which a letter says who it is about

_PRESENT = Assertion(Status.PRESENT)
_UNQUALIFIED = (Status.PRESENT, Status.ABSENT)  # what a mention's own status overrules
_SELF_EVIDENT = {Status.UNCERTAIN: "measurement", Status.ABSENT: "normality"}  # the cue that such a mention is
_PRONOUN = {"he": "male", "his": "male", "him": "male", "she": "female", "her": "female"}
_SELF = frozenset({"patient", "proband", "you", "i", "himself", "herself"})
_OWNER = frozenset({"his", "her", "your", "their", "my", "s", "one", "maternal", "paternal"})
_COMPANY = frozenset({"with", "by", "to", "according", "from", "unlike", "lives", "resembles", "like"})
_CLAUSE = frozenset({"and", "but", "who", "that", "because", "while", "whereas"})
_DENIAL = frozenset({"no", "nil", "none", "neg", "negative", "ve", "0"})
_AUXILIARY = frozenset(
    "have had has having been be shown show any developed he she it there is this was that they you".split()
)
_PREDICATE = frozenset({"noted", "seen", "present", "persists", "persisted", "observed", "found", "evident"})
_DENIED = frozenset({"no", "neither", "none", "without"})
_ASSERTING = frozenset(
    {
        "mild",
        "moderate",
        "severe",
        "some",
        "slight",
        "marked",
        "normal",
        "a",
        "an",
        "occasional",
        "left",
        "right",
        "bilateral",
    }
)
_FILLER = frozenset({"any", "the", "a", "an", "and", "or", "other", "significant", "obvious", "of", "true", "frank"})
_COPULA = frozenset({"is", "are", "was", "were"})
_ASKING = frozenset(
    {"wonder", "wonders", "wondered", "wondering", "ask", "asked", "see", "sure", "know", "clear", "certain", "check"}
)
_LINKING = frozenset(
    "is are was were has have had been be also both all currently completely entirely specifically clearly of on in "
    "the at either side sides examination to seems".split()
)
_QUERIED = re.compile(r" ?\(?(\?)\??\)?(?=[\s,;).]|$)")
_MALE = re.compile(r"\b(?:male|boy|son|gentleman|man|mr|master|he|his)\b", re.IGNORECASE)
_FEMALE = re.compile(r"\b(?:female|girl|daughter|lady|woman|mrs|miss|ms|she|her)\b", re.IGNORECASE)
_TO_PARENTS = re.compile(r"\b(?:parents? of|dear mr and mrs|dear mr & mrs|dear parents)\b", re.IGNORECASE)
_YOU = re.compile(r"\byou(?:r|rself)?\b", re.IGNORECASE)
_OFTEN = 5  # uses of "you" by which a letter shows that it speaks to the patient
_MANY_PEOPLE = re.compile(
    r"\b(?:families|individuals|patients|persons|kindreds?|cases|sibs|siblings|subjects|carriers|probands|we report)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whom a text is about: a letter on one person, prose in which relatives are told apart, or neither.

    `gender` is the patient's, or "you" in a letter that speaks to the patient; `to_parents` tells a letter in
    which a son or daughter is the patient.
    """

    letter: bool
    relatives: bool
    gender: str | None
    to_parents: bool


def is_letter(text: str, sections: Sequence[Section]) -> bool:
    """Tell a letter or note about one person from prose about a disease, by its headings and address."""
    kinds = [section.kind for section in sections if section.heading_end > section.start]
    return len(kinds) > 1 or "administrative" in kinds or "closing" in kinds or text.lstrip()[:5].lower() == "dear "


def about_one_person(text: str) -> bool:
    """Tell a note or case report from prose about families or cohorts, whose relatives are its subjects."""
    return _MANY_PEOPLE.search(text) is None


def patient_gender(text: str) -> str | None:
    """Tell from a letter's beginning whether it speaks of him or of her, where that is clear."""
    male = len(_MALE.findall(text, 0, _INTRODUCTION))
    female = len(_FEMALE.findall(text, 0, _INTRODUCTION))
    if male == female:
        return None
    return "male" if male > female else "female"


def decide(
    text: str, tokens: Tokens, sections: Sequence[Section], mentions: Sequence[Mention], *, letter: bool
) -> list[Assertion]:
    """Give one assertion for each mention, in their order.

    Precedence is family, uncertain, absent, present. A finding denied in a relative, or said of nobody in
    particular, carries a `not_coded` reason. A mention without candidates is a span that a caller named.
    """
    if not mentions or not tokens.words:
        return [_PRESENT for _ in mentions]
    relatives = letter or about_one_person(text)
    to_parents = letter and _TO_PARENTS.search(text, 0, _INTRODUCTION) is not None
    speaks_to = letter and not to_parents and len(_YOU.findall(text)) >= _OFTEN
    gender = "you" if speaks_to else patient_gender(text) if relatives else None
    subject = _Subject(letter, relatives, gender, to_parents)
    taken = [_words(tokens, mention.spans) for mention in mentions]
    names: set[int] = set()
    for mention in mentions:
        if mention.candidates:
            for span in mention.spans:
                first, last = _words(tokens, (span,))
                names.update(range(first, last + 1))
    begins = [begin for begin, _ in tokens.sentences]
    read: dict[int, tuple[Sentence, Cue | None]] = {}
    decisions = []
    for mention, (first, last) in zip(mentions, taken, strict=True):
        number = bisect_right(begins, first) - 1
        if number not in read:
            begin, end = tokens.sentences[number]
            section = section_at(sections, max(tokens.starts[begin], mention.start))
            sentence = read_sentence(text, tokens, begin, end, section, names)
            read[number] = (sentence, _carried_kin(sentence, number, subject))
        sentence, carried = read[number]
        decisions.append(_self_evident(mention, _decide(sentence, subject, carried, mention, first, last), text))
    return decisions


def _self_evident(mention: Mention, decision: Assertion, text: str) -> Assertion:
    """Let what a phrase itself says, a borderline measure or normality, decide where nothing else qualifies it."""
    if mention.status is None or decision.not_coded is not None or decision.status not in _UNQUALIFIED:
        return decision
    kind = _SELF_EVIDENT.get(mention.status)
    if kind is None:
        return Assertion(mention.status)
    return Assertion(mention.status, (Cue(kind, mention.start, mention.end, text[mention.start : mention.end]),))


def _words(tokens: Tokens, spans: Sequence[Span]) -> tuple[int, int]:
    """Give the first and last word of a mention."""
    first = min(bisect_right(tokens.ends, spans[0].start), len(tokens.words) - 1)
    last = max(first, bisect_left(tokens.starts, spans[-1].end) - 1)
    return first, min(last, len(tokens.words) - 1)


def _decide(
    sentence: Sentence, subject: _Subject, carried: Cue | None, mention: Mention, first: int, last: int
) -> Assertion:
    reason = load_rules("sections")["not_coded"].get(sentence.section.kind)
    if reason == "EXPLANATION" and _names_patient(sentence):
        reason = None  # among the explanations of a letter, what is said of its reader is said of the patient
    if reason is not None:
        return Assertion(Status.PRESENT, sentence.section_cue(), NotCoded[reason])
    negation = _negation(sentence, subject, first, last) or (
        _normality(sentence, first, last) if mention.candidates else _inner_negation(sentence, first, last)
    )
    uncertain = _uncertainty(sentence, subject, first, last)
    family = _kin(sentence, subject, carried, first, last) or _family_section(sentence)
    if family is not None:
        negation = negation or _denied_kin(sentence, family)
        if negation is not None:
            return Assertion(Status.FAMILY, (family, negation), NotCoded.RELATIVE_DENIED)
        return Assertion(Status.FAMILY, (family,) if uncertain is None else (family, uncertain))
    unsaid = _said_of_nobody(sentence, subject, first, last)
    if unsaid is not None:
        return unsaid
    if uncertain is not None:
        return Assertion(Status.UNCERTAIN, (uncertain,))
    if sentence.section.kind == "differential":
        return Assertion(Status.UNCERTAIN, sentence.section_cue())
    if negation is not None:
        return Assertion(Status.ABSENT, (negation,))
    return _PRESENT


def _negation(sentence: Sentence, subject: _Subject, first: int, last: int) -> Cue | None:
    for hit in sentence.before(("negation.before", "negation.pseudo"), first):
        if hit.kind == "negation.pseudo":
            if not sentence.terminated(hit.last, first):
                return None
        elif (
            (first - hit.last <= _SHORT_REACH or sentence.phrase(hit) not in listed("negation", "short"))
            and (subject.letter or not _divides_groups(sentence, hit))
            and not sentence.terminated(_behind_subject(sentence, hit.last), first)
            and _list_holds(sentence, hit.last, first)
            and not _misses_a_part(sentence, hit, first)
        ):
            return sentence.cue("negation", hit)
    for hit in sentence.after(("negation.after",), last):
        if sentence.phrase(hit) in _DENIAL:
            if _answers(sentence, hit, last):
                return sentence.cue("negation", hit)
        elif _links(sentence, last, hit.first) and not _of_kin(sentence, hit):
            return sentence.cue("negation", hit)
    return None


def _of_kin(sentence: Sentence, hit: CueHit) -> bool:
    """Tell "not seen in her mother", which says nothing of the patient."""
    behind = sentence.between(hit.last + 1, min(hit.last + 5, sentence.end))
    return behind[:1] == ["in"] and not listed("kin", "words").isdisjoint(behind)


def _behind_subject(sentence: Sentence, place: int) -> int:
    """Give the last of the words that belong to a cue: "has never had", "does not have", "wonder if he has"."""
    while place + 1 < sentence.end and sentence.word(place + 1) in _AUXILIARY:
        place += 1
    return place


def _links(sentence: Sentence, last: int, first: int) -> bool:
    """Tell whether only auxiliary words stand between a finding and a cue behind it, and no comma."""
    gaps = sentence.tokens.gaps
    between = sentence.between(last + 1, first)
    return _LINKING.issuperset(between) and not any(gaps[place] >= Gap.SOFT for place in range(last + 1, first + 1))


def _answers(sentence: Sentence, hit: CueHit, last: int) -> bool:
    """Tell whether a single word of denial is the answer to a finding: "seizures: nil", "hypotonia -ve"."""
    gaps = sentence.tokens.gaps
    if hit.last + 1 < sentence.end and gaps[hit.last + 1] < Gap.SOFT:
        return False
    between = sentence.between(last + 1, hit.first)
    if "+" in sentence.gap(hit.first):
        return False
    if between:
        return _COPULA.issuperset(between)
    return gaps[hit.first] in (Gap.LABEL, Gap.SOFT) or "-" in sentence.gap(hit.first)


def _list_holds(sentence: Sentence, cue: int, first: int) -> bool:
    """Tell whether a negation goes on through the list between it and a finding.

    A list goes on while its members are no clauses; it is one list if it ends in "or" or "nor", if its
    members are bare names, or if every member before the finding is itself a recognised finding.
    """
    gaps = sentence.tokens.gaps
    breaks = [place for place in range(cue + 2, first + 1) if gaps[place] == Gap.SOFT]
    if not breaks:
        return True
    edges = [cue + 1, *breaks]
    if any(end - begin > _LONG_MEMBER for begin, end in pairwise([*edges, first])):
        return False
    if any(word in _ASSERTING or word[0].isdigit() for word in sentence.between(breaks[0], first)):
        return False
    later = sentence.between(breaks[0], sentence.end)
    if "or" in later or "nor" in later:
        return True
    if not _PREDICATE.isdisjoint(sentence.between(first, sentence.end)[:5]):
        return False  # "no seizures, hypotonia noted"
    members = list(pairwise(edges))
    if first == edges[-1] and all(end - begin <= _SHORT_MEMBER for begin, end in members):
        return True
    return all(any(place in sentence.names for place in range(begin, end)) for begin, end in members)


def _misses_a_part(sentence: Sentence, hit: CueHit, first: int) -> bool:
    """Tell "absence of metatarsals, hypoplasia of fingers", where the missing part is a finding of its own."""
    if sentence.phrase(hit) not in listed("negation", "missing"):
        return False
    places = range(hit.last + 1, first)
    return any(place not in sentence.names and sentence.word(place) not in _FILLER for place in places)


def _divides_groups(sentence: Sentence, hit: CueHit) -> bool:
    """Tell "patients without" in a study from "he was without"."""
    nearby = sentence.between(hit.first - 3, hit.first)
    return sentence.phrase(hit) == "without" and not listed("negation", "groups").isdisjoint(nearby)


def _normality(sentence: Sentence, first: int, last: int) -> Cue | None:
    """Find a word of normality right at a recognised finding."""
    for hit in sentence.cues:
        if hit.kind == "normality.words":
            if hit.last == first - 1 and sentence.is_run(hit.last, first):
                return sentence.cue("normality", hit)
            between = sentence.between(last + 1, hit.first)
            if hit.first > last and between and _LINKING.issuperset(between) and sentence.is_run(last, hit.first):
                return sentence.cue("normality", hit)
    return None


def _inner_negation(sentence: Sentence, first: int, last: int) -> Cue | None:
    """Find a word of negation that begins a span which a caller named ("no obvious syndactyly")."""
    for hit in sentence.cues:
        if hit.kind == "negation.before" and hit.first == first and hit.last < last:
            return sentence.cue("negation", hit)
    return None


def _uncertainty(sentence: Sentence, subject: _Subject, first: int, last: int) -> Cue | None:
    mark = _question_mark(sentence, first, last)
    if mark is not None:
        return mark
    kinds = ("uncertain.before", "uncertain.modal") if subject.letter else ("uncertain.before",)
    for hit in sentence.before(kinds, first, 12):
        if not sentence.terminated(_behind_subject(sentence, hit.last), first, lists="or" in sentence.words):
            return sentence.cue("uncertainty", hit)
    if subject.letter:
        for hit in sentence.before(("risk.before",), first, 12):
            if not sentence.terminated(hit.last, first):
                return sentence.cue("risk", hit)
    for hit in sentence.after(("uncertain.after",), last, 6):
        if _links(sentence, last, hit.first):
            return sentence.cue("uncertainty", hit)
    return None


def _question_mark(sentence: Sentence, first: int, last: int) -> Cue | None:
    """Find the mark of a query: before the finding ("?scoliosis"), before its list, or right behind it ("VSD?")."""
    starts, ends, gaps = sentence.tokens.starts, sentence.tokens.ends, sentence.tokens.gaps
    for place in range(first, max(sentence.begin, first - 12) - 1, -1):
        gap = sentence.gap(place)
        if "?" in gap and (place == first or not sentence.terminated(place, first, lists=False)):
            start = starts[place] - len(gap) + gap.rindex("?")
            return Cue("uncertainty", start, start + 1, "?")
        if gaps[place] >= Gap.HARD:
            break
    behind = _QUERIED.match(sentence.text, ends[last])
    return None if behind is None else Cue("uncertainty", behind.start(1), behind.start(1) + 1, "?")


def _family_section(sentence: Sentence) -> Cue | None:
    if sentence.section.kind != "family" or not _SELF.isdisjoint(sentence.words):
        return None
    return next(iter(sentence.section_cue()), None)


def _kin(sentence: Sentence, subject: _Subject, carried: Cue | None, first: int, last: int) -> Cue | None:
    """Find the relative that a finding belongs to: the subject before it, or "in his mother" behind it."""
    if not subject.relatives:
        return None
    owner = sentence.word(first - 1) if first > sentence.begin else ""
    if owner in ("his", "her") and carried is None and _PRONOUN[owner] == subject.gender:
        return None  # "Mum showed me a video of his seizures"
    kinds = ("kin.words", "kin.children", "kin.patient")
    gaps = sentence.tokens.gaps
    followed = False
    for hit in sentence.before(kinds, first, reach=len(sentence.words)):
        if hit.kind == "kin.patient":
            if _means_kin(sentence, hit, subject):
                followed = True
                continue
            if hit.first == sentence.begin and carried is not None:
                return carried
            starts_clause = hit.first == sentence.begin or sentence.tokens.gaps[hit.first] >= Gap.SOFT
            if starts_clause or sentence.word(hit.first) in _SELF or sentence.word(hit.first - 1) in _CLAUSE:
                return None
            continue
        ended = any(gaps[place] == Gap.HARD for place in range(hit.last + 1, first + 1))
        if ended and not followed and sentence.word(hit.first) in ("parent", "parents"):
            continue  # "his parents are unrelated; ..."
        nearby = sentence.between(hit.first - 3, hit.first)
        none = "no" in nearby[-1:] and hit.last == hit.first and not sentence.word(hit.first).startswith("fh")
        if none or (nearby[1:2] == ["and"] and nearby[0] in _PRONOUN):
            continue  # "he has no siblings and has ...", "he and his mother have ..."
        owned = not _OWNER.isdisjoint(nearby)
        heads_line = hit.first == sentence.begin and sentence.word(hit.first) != "child"
        if (
            (hit.kind == "kin.children" and (_is_patient(sentence, hit, subject) or not (owned or heads_line)))
            or _only_tells(sentence, hit, first)
            or _only_there(sentence, hit)
        ):
            continue
        if subject.letter or owned or hit.last > hit.first or hit.first == sentence.begin:
            return sentence.cue("family", hit)
    if carried is not None:
        return carried
    for hit in sentence.after(("kin.words",), last, 6):
        between = sentence.between(last + 1, hit.first)
        if between[:1] in (["in"], ["on"], ["of"]) and "and" not in between:
            return sentence.cue("family", hit)
    return None


def _is_patient(sentence: Sentence, hit: CueHit, subject: _Subject) -> bool:
    """Tell "your daughter" in a letter to her parents from the patient's own child; an "older son" is neither."""
    nearby = sentence.between(hit.first - 2, hit.first)
    return subject.to_parents and {"older", "other", "younger", "eldest", "youngest"}.isdisjoint(nearby)


def _denied_kin(sentence: Sentence, family: Cue) -> Cue | None:
    """Find the denial of all relatives: "neither parent has", "none of his siblings have"."""
    for hit in sentence.cues:
        if hit.kind == "kin.words" and sentence.tokens.starts[hit.first] == family.start:
            for place in range(max(sentence.begin, hit.first - 3), hit.first):
                if sentence.word(place) in _DENIED:
                    return sentence.cue("negation", CueHit("negation.before", place, place))
    return None


def _means_kin(sentence: Sentence, pronoun: CueHit, subject: _Subject) -> bool:
    """Tell whether a pronoun inside a sentence means the relative named before it, not the patient."""
    gender = _PRONOUN.get(sentence.word(pronoun.first))
    goes_on = sentence.tokens.gaps[pronoun.first] == Gap.HARD  # "his brother died; he had ..."
    if gender is None or subject.gender is None or (gender == subject.gender and not goes_on):
        return False
    for hit in sentence.before(("kin.words", "kin.children"), pronoun.first, reach=len(sentence.words)):
        return _gender_of_kin().get(sentence.word(hit.last)) == gender
    return False


def _only_tells(sentence: Sentence, hit: CueHit, first: int) -> bool:
    """Tell a relative who reports a finding from one who has it."""
    return not listed("kin", "telling").isdisjoint(sentence.between(hit.last + 1, min(hit.last + 6, first)))


def _only_there(sentence: Sentence, hit: CueHit) -> bool:
    """Tell relatives who are only there: "attended with his mother", "lives with", "according to"."""
    if not {"who", "whose"}.isdisjoint(sentence.between(hit.last + 1, hit.last + 3)):
        return False
    return not _COMPANY.isdisjoint(sentence.between(hit.first - 3, hit.first))


@lru_cache(maxsize=1)
def _gender_of_kin() -> dict[str, str]:
    return {word: gender for gender in ("male", "female") for word in load_rules("context")["kin"][gender]}


def _carried_kin(sentence: Sentence, number: int, subject: _Subject) -> Cue | None:
    """Find the relative whom a sentence that begins with a pronoun goes on about, a few sentences back.

    Only a pronoun that cannot mean the patient is followed, and only within the paragraph.
    """
    gender = _PRONOUN.get(sentence.words[0]) if sentence.words else None
    if not subject.relatives or gender is None or subject.gender is None or gender == subject.gender:
        return None
    tokens = sentence.tokens
    for back in range(number - 1, max(-1, number - _LOOK_BACK), -1):
        begin, end = tokens.sentences[back]
        if "\n\n" in sentence.text[tokens.starts[begin] : tokens.starts[sentence.begin]]:
            return None
        for place in range(begin, end):
            if _gender_of_kin().get(fold(tokens.words[place])) == gender:
                return Cue("family", tokens.starts[place], tokens.ends[place], tokens.words[place])
    return None


def _said_of_nobody(sentence: Sentence, subject: _Subject, first: int, last: int) -> Assertion | None:
    """Find what makes a finding no statement about the patient: a plan, advice, explanation or general risk."""
    for hit in sentence.after(("plan.after",), last, 1):
        if sentence.is_run(last, hit.first):
            return _not_coded(sentence, NotCoded.PLAN, "plan", hit)
    if not subject.letter:
        return None
    for hit in sentence.before(("plan.before",), first, 8):
        if not sentence.terminated(hit.last, first, lists=False):
            return _not_coded(sentence, NotCoded.PLAN, "plan", hit)
    for hit in sentence.after(("conditional.after",), last, 25):
        return _not_coded(sentence, NotCoded.CONDITIONAL, "condition", hit)
    for hit in sentence.before(("conditional.before",), first, 25):
        asked = hit.first > sentence.begin and sentence.word(hit.first - 1) in _ASKING
        if not asked and not _may_follow(sentence, hit.last, first):
            return _not_coded(sentence, NotCoded.CONDITIONAL, "condition", hit)
    for hit in sentence.cues:
        if hit.kind == "explanation.anywhere":
            return _not_coded(sentence, NotCoded.EXPLANATION, "explanation", hit)
    for hit in sentence.before(("risk.before",), first, 12):
        of_somebody = _names_patient(sentence) or sentence.section.kind in ("plan", "impression")
        if not of_somebody and not sentence.terminated(hit.last, first):
            return _not_coded(sentence, NotCoded.FUTURE_RISK, "risk", hit)
    return None


def _may_follow(sentence: Sentence, condition: int, first: int) -> bool:
    """Tell what may come of a condition ("if so you could develop") from the condition itself."""
    kinds = ("risk.before", "uncertain.modal")
    return any(hit.first > condition for hit in sentence.before(kinds, first, first - condition))


def _names_patient(sentence: Sentence) -> bool:
    return any(word in _PRONOUN or word in _SELF or word == "your" for word in sentence.words)


def _not_coded(sentence: Sentence, reason: NotCoded, kind: str, hit: CueHit) -> Assertion:
    return Assertion(Status.UNCERTAIN, (sentence.cue(kind, hit),), reason)
