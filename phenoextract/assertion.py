"""Decide what a letter says of each mention: present, absent, family or uncertain, and by which words.

The process is that of ConText (Harkema et al., J Biomed Inform 2009): find cues, give each a scope, and let
the cues whose scope holds the mention decide. What differs: scope runs through lists by their form, the
subject of the clause decides the experiencer, and the section and the kind of document set the default.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from phenoextract.cues import CueHit, Sentence, listed, read_sentence
from phenoextract.form_answers import Answer, answer_at, find_answer
from phenoextract.relatives import (
    PRONOUN,
    SELF,
    Subject,
    carried_relative,
    denied_relatives,
    find_relative,
    find_subject,
)
from phenoextract.rules import load_rules
from phenoextract.sections import section_at
from phenoextract.text import Gap, Tokens
from phenoextract.types import Assertion, Cue, Mention, NotCoded, Section, Span, Status

_SHORT_REACH = 4  # words that cues can reach which mostly deny something else, such as a bare "not"
_SHORT_MEMBER = 2  # words of a list member that is a bare name
_LONG_MEMBER = 8  # words, those of findings aside, beyond which a list member is a clause of its own

_PRESENT = Assertion(Status.PRESENT)
_UNQUALIFIED = (Status.PRESENT, Status.ABSENT)  # what a mention's own status overrules
_OF_PATIENT = frozenset({*PRONOUN, *SELF, "your"})
_OF_ONE = _OF_PATIENT | {"please"}  # words of a sentence that is about one person, wherever it stands
_SELF_EVIDENT = {Status.UNCERTAIN: "measurement", Status.ABSENT: "normality"}  # the cue that such a mention is
_ADVICE = (NotCoded.PLAN, NotCoded.CONDITIONAL)  # nobody's, under a heading of the family too
_PLAIN_DENIAL = frozenset({"nil", "neg", "negative"})
_DENIAL = frozenset({"no", "nil", "none", "neg", "negative", "ve", "0"})
_AUXILIARY = frozenset(
    "have had has having been be shown show any developed he she it there is this was that they you too also".split()
)
_PREDICATE = frozenset({"noted", "seen", "present", "persists", "persisted", "observed", "found", "evident"})
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
_ASKS = frozenset("any do does did has have had is are was were can could would should might may".split())
_ASKING = frozenset(
    "wonder wonders wondered wondering ask asked see sure know clear certain check unclear uncertain unsure unknown "
    "query as".split()  # "as if she was going to faint"
)
_LINKING = frozenset(
    "is are was were has have had been be also both all currently completely entirely specifically clearly of on in "
    "the at either side sides examination to seems".split()
)
# what identifies a patient at the head of a letter, note or form
_IDENTIFIES = re.compile(
    r"\b(?:D\.?O\.?B\b|NHS (?:no|number)|hosp(?:ital)?\.? (?:no|number)|date of birth)"
    r"|^(?:Re|RE|Patient|Child|Baby)\b ?:",
    re.I | re.M,
)
_HEAD = 500
_QUERIED = re.compile(r" ?\(?(\?)\??\)?(?=[\s,;).]|$)")


def is_letter(text: str, sections: Sequence[Section]) -> bool:
    """Tell a letter or note about one person from prose about a disease, by its headings and address.

    An article, which has two headings of articles or more, is prose.
    """
    kinds = [section.kind for section in sections if section.heading_end > section.start]
    if kinds.count("article") > 1:
        return False
    if _IDENTIFIES.search(text, 0, _HEAD):
        return True
    return len(kinds) > 1 or "administrative" in kinds or "closing" in kinds or text.lstrip()[:5].lower() == "dear "


def decide(
    text: str, tokens: Tokens, sections: Sequence[Section], mentions: Sequence[Mention], *, letter: bool
) -> list[Assertion]:
    """Give one assertion for each mention, in their order.

    Precedence is family, uncertain, absent, present. A finding denied in a relative, or said of nobody in
    particular, carries a `not_coded` reason. A mention without candidates is a span that a caller named.
    """
    if not mentions or not tokens.words:
        return [_PRESENT for _ in mentions]
    subject = find_subject(text, letter=letter)
    taken = [_words(tokens, mention.spans) for mention in mentions]
    names: set[int] = set()
    for mention, (first, last) in zip(mentions, taken, strict=True):
        if mention.candidates:
            pieces = [(first, last)] if len(mention.spans) == 1 else [_words(tokens, (span,)) for span in mention.spans]
            for begin, end in pieces:
                names.update(range(begin, end + 1))
    read: dict[int, tuple[Sentence, Cue | None, bool]] = {}
    decisions = []
    for mention, (first, last) in zip(mentions, taken, strict=True):
        number = bisect_right(tokens.begins, first) - 1
        if number not in read:
            begin, end = tokens.sentences[number]
            section = section_at(sections, max(tokens.starts[begin], mention.start))
            sentence = read_sentence(text, tokens, begin, end, section, names)
            personal = letter or not _OF_ONE.isdisjoint(sentence.words)
            read[number] = (sentence, carried_relative(sentence, number, subject), personal)
        sentence, carried, personal = read[number]
        decision = _decide(sentence, subject, carried, mention, first, last, personal=personal)
        decisions.append(_self_evident(mention, decision, text))
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
    sentence: Sentence,
    subject: Subject,
    carried: Cue | None,
    mention: Mention,
    first: int,
    last: int,
    *,
    personal: bool,
) -> Assertion:
    reason = load_rules("sections")["not_coded"].get(sentence.section.kind)
    if reason == "EXPLANATION" and _names_patient(sentence):
        reason = None  # among the explanations of a letter, what is said of its reader is said of the patient
    if reason is not None:
        return Assertion(Status.PRESENT, sentence.section_cue(), NotCoded[reason])
    negation = _negation(sentence, subject, first, last) or (
        _normality(sentence, first, last) if mention.candidates else _inner_negation(sentence, first, last)
    )
    uncertain = _uncertainty(sentence, first, last, personal=personal)
    answered = find_answer(sentence.text, sentence.tokens, first, last)
    if answered is None and (asked := _question(sentence)) is not None:
        uncertain = uncertain or asked
        reply = answer_at(sentence.text, asked.start)
        if reply is not None and reply.answer is Answer.NO:  # of several findings a yes leaves open which
            answered = reply
    if answered is not None:
        negation = answered.cue if answered.answer is Answer.NO else None
        uncertain = answered.cue if answered.answer is Answer.UNKNOWN else None
    other = _names_something_else(sentence, last)
    if other is not None:
        return other
    family = find_relative(sentence, subject, carried, first, last)
    if family is not None and answered is not None and "\n" in sentence.text[family.end : mention.start]:
        family = None  # a line of a form is about the patient, whatever the line above it is about
    unsaid = None if family else _said_of_nobody(sentence, subject, first, last, personal=personal)
    if unsaid is not None and unsaid.not_coded in _ADVICE:
        return unsaid
    if family is not None and (ahead := _said_ahead(sentence, family, first, personal=personal)) is not None:
        return ahead
    family = family or _family_section(sentence)
    if family is not None:
        negation = negation or denied_relatives(sentence, family)
        if negation is not None:
            return Assertion(Status.FAMILY, (family, negation), NotCoded.RELATIVE_DENIED)
        return Assertion(Status.FAMILY, (family,) if uncertain is None else (family, uncertain))
    if unsaid is not None:
        return unsaid
    if uncertain is not None:
        return Assertion(Status.UNCERTAIN, (uncertain,))
    if sentence.section.kind == "differential":
        return Assertion(Status.UNCERTAIN, sentence.section_cue())
    if negation is not None:
        return Assertion(Status.ABSENT, (negation,))
    return _PRESENT


def _negation(sentence: Sentence, subject: Subject, first: int, last: int) -> Cue | None:
    for hit in sentence.before(("negation.before", "negation.heading", "negation.pseudo"), first):
        owner = _behind_subject(sentence, hit.last)
        if _heads_list(sentence, hit):
            owner = hit.last + 1  # "absent: ataxia, seizures"
        elif hit.kind == "negation.heading":
            continue
        if hit.kind == "negation.pseudo":
            if not sentence.terminated(hit.last, first):
                return None
        elif (
            (first - owner <= _SHORT_REACH or sentence.phrase(hit) not in listed("negation", "short"))
            and (subject.letter or not _divides_groups(sentence, hit))
            and not sentence.terminated(owner, first)
            and _list_holds(sentence, hit.last, first)
            and not _misses_a_part(sentence, hit, first)
        ):
            return None if _is_past(sentence, last) else sentence.cue("negation", hit)
    if "negation.after" not in sentence.kinds:
        return None
    ends = [last]
    if sentence.heads_list(first):
        ends.append(sentence.list_to(last))
    for end in ends:
        for hit in sentence.after(("negation.after",), end):
            if sentence.phrase(hit) in _DENIAL:
                if _answers(sentence, hit, end):
                    return sentence.cue("negation", hit)
            elif _links(sentence, end, hit.first) and (end == last or _coordinated(sentence, end, hit.first)):
                if not (_of_kin(sentence, hit) or _is_past(sentence, hit.last)):
                    return sentence.cue("negation", hit)
    return None


def _heads_list(sentence: Sentence, hit: CueHit) -> bool:
    """Tell whether a denial stands before a colon, and nothing before it but the end of another list."""
    gaps = sentence.tokens.gaps
    heads = hit.first == sentence.begin or gaps[hit.first] >= Gap.HARD
    return heads and hit.last + 1 < sentence.end and gaps[hit.last + 1] == Gap.LABEL


def _coordinated(sentence: Sentence, end: int, cue: int) -> bool:
    """Tell "ptosis and squint were not seen" and "ptosis, squint: denied" from "ptosis, squint was not seen"."""
    return sentence.tokens.gaps[cue] == Gap.LABEL or not {"and", "or"}.isdisjoint(sentence.between(end - 4, end))


def _is_past(sentence: Sentence, last: int) -> bool:
    """Tell what is away for a time, and so was there before it: "no seizures for two years", "no fits since 2019"."""
    behind = sentence.between(last + 1, last + 6)
    if behind[:1] == ["free"]:
        behind = behind[1:]
    if behind and behind[0] in listed("past", "since"):
        return listed("past", "never").isdisjoint(behind[1:3])
    return behind[:1] == ["for"] and not listed("past", "units").isdisjoint(behind)


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
    plain = sentence.word(hit.first) in _PLAIN_DENIAL  # "antinuclear antibodies negative"
    return plain or gaps[hit.first] in (Gap.LABEL, Gap.SOFT) or "-" in sentence.gap(hit.first)


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
    if any(len(set(range(begin, end)) - sentence.names) > _LONG_MEMBER for begin, end in pairwise([*edges, first])):
        return False
    if any(word in _ASSERTING or word[0].isdigit() for word in sentence.between(breaks[0], first)):
        return False
    later = sentence.between(breaks[0], sentence.end)
    if "or" in later or "nor" in later:
        return True
    if not _PREDICATE.isdisjoint(sentence.between(first, sentence.end)[:5]):
        return False  # "no seizures, hypotonia noted"
    if _denied_one_by_one(sentence, cue, first):
        return False
    members = list(pairwise(edges))
    if first == edges[-1] and all(end - begin <= _SHORT_MEMBER for begin, end in members):
        return True
    return all(any(place in sentence.names for place in range(begin, end)) for begin, end in members)


def _denied_one_by_one(sentence: Sentence, cue: int, first: int) -> bool:
    """Tell a list that denies each member by itself: in "no ptosis, no squint, deep dimple" the last is not denied."""
    return sentence.word(cue) == "no" and sentence.between(sentence.begin, first).count("no") > 1


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
    for hit in sentence.cues if "normality.words" in sentence.kinds else ():
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


def _uncertainty(sentence: Sentence, first: int, last: int, *, personal: bool) -> Cue | None:
    mark = _question_mark(sentence, first, last)
    if mark is not None:
        return mark
    kinds = ("uncertain.before", "uncertain.modal") if personal else ("uncertain.before",)
    for hit in sentence.before(kinds, first, 12):
        if not sentence.terminated(_behind_subject(sentence, hit.last), first, lists="or" in sentence.words):
            return sentence.cue("uncertainty", hit)
    if personal:
        for hit in sentence.before(("risk.before",), first, 12):
            if not sentence.terminated(hit.last, first):
                return sentence.cue("risk", hit)
        for hit in sentence.after(("risk.after",), last, 6):
            if _links(sentence, last, hit.first):
                return sentence.cue("risk", hit)
    for hit in sentence.after(("uncertain.after",), last, 6):
        if _links(sentence, last, hit.first) or _is_added(sentence, last, hit):
            return sentence.cue("uncertainty", hit)
    return None


def _is_added(sentence: Sentence, last: int, hit: CueHit) -> bool:
    """Tell "bipolar disorder, query; epilepsy", where a word of doubt is a member of its own behind the finding."""
    ended = hit.last + 1 == sentence.end or sentence.tokens.gaps[hit.last + 1] >= Gap.SOFT
    return hit.first == last + 1 and ended and sentence.tokens.gaps[hit.first] == Gap.SOFT


def _question(sentence: Sentence) -> Cue | None:
    """Find the mark of a sentence that asks whether something is so, by its first word behind a speaker's name."""
    tokens = sentence.tokens
    end = tokens.ends[sentence.end - 1]
    mark = sentence.text.find("?", end, end + 3)
    speaks = sentence.begin + 1 < sentence.end and tokens.gaps[sentence.begin + 1] >= Gap.LABEL
    if mark < 0 or _ASKS.isdisjoint(sentence.words[: 2 if speaks else 1]):
        return None
    return Cue("uncertainty", mark, mark + 1, "?")


def _question_mark(sentence: Sentence, first: int, last: int) -> Cue | None:
    """Find the mark of a query: before the finding ("?scoliosis"), before its list, or right behind it ("VSD?")."""
    if "?" not in sentence.text:
        return None
    starts, ends, gaps = sentence.tokens.starts, sentence.tokens.ends, sentence.tokens.gaps
    begin = max(sentence.begin, first - 12)
    nearby = sentence.text[ends[begin - 1] if begin else 0 : starts[first]]
    for place in range(first, begin - 1, -1) if "?" in nearby else ():
        gap = sentence.gap(place)
        if "?" in gap and (place == first or not sentence.terminated(place, first, lists=False)):
            start = starts[place] - len(gap) + gap.rindex("?")
            return Cue("uncertainty", start, start + 1, "?")
        if gaps[place] >= Gap.HARD:
            break
    behind = _QUERIED.match(sentence.text, ends[last]) if "?" in sentence.text[ends[last] : ends[last] + 4] else None
    return None if behind is None else Cue("uncertainty", behind.start(1), behind.start(1) + 1, "?")


def _family_section(sentence: Sentence) -> Cue | None:
    if sentence.section.kind != "family" or not SELF.isdisjoint(sentence.words):
        return None
    return next(iter(sentence.section_cue()), None)


def _names_something_else(sentence: Sentence, last: int) -> Assertion | None:
    """Find a word right behind a finding that makes it the name of something else: "epilepsy clinic"."""
    for hit in sentence.after(("plan.after",), last, 1):
        if sentence.is_run(last, hit.first):
            return _not_coded(sentence, NotCoded.PLAN, "plan", hit)
    return None


def _said_of_nobody(sentence: Sentence, subject: Subject, first: int, last: int, *, personal: bool) -> Assertion | None:
    """Find what makes a finding no statement about the patient: a plan, advice, explanation or general risk."""
    if not personal:
        return None
    for hit in sentence.before(("plan.before",), first, 8):
        if not sentence.terminated(hit.last, first, lists=False):
            return _not_coded(sentence, NotCoded.PLAN, "plan", hit)
    for hit in sentence.after(("conditional.after",), last, 25):
        return _not_coded(sentence, NotCoded.CONDITIONAL, "condition", hit)
    for hit in sentence.before(("conditional.before",), first, 25):
        if not _is_asked(sentence, hit) and not _may_follow(sentence, hit.last, first):
            return _not_coded(sentence, NotCoded.CONDITIONAL, "condition", hit)
    if not subject.letter:
        return None
    if sentence.explanation is not None:
        return _not_coded(sentence, NotCoded.EXPLANATION, "explanation", sentence.explanation)
    for hit in sentence.before(("risk.before",), first, 12):
        of_somebody = _names_patient(sentence) or sentence.section.kind in ("plan", "impression")
        if not of_somebody and not sentence.terminated(hit.last, first):
            return _not_coded(sentence, NotCoded.FUTURE_RISK, "risk", hit)
    return None


def _said_ahead(sentence: Sentence, family: Cue, first: int, *, personal: bool) -> Assertion | None:
    """Find advice that stands between a relative and a finding: "his mother will dial 999 for seizures"."""
    if not personal:
        return None
    for hit in sentence.before(("conditional.before",), first, 12):
        behind = sentence.tokens.starts[hit.first] > family.start
        if behind and not _is_asked(sentence, hit) and not sentence.terminated(hit.last, first):
            return _not_coded(sentence, NotCoded.CONDITIONAL, "condition", hit)
    return None


def _is_asked(sentence: Sentence, hit: CueHit) -> bool:
    """Tell a question ("we wondered if she has") from a condition."""
    return hit.first > sentence.begin and sentence.word(hit.first - 1) in _ASKING


def _may_follow(sentence: Sentence, condition: int, first: int) -> bool:
    """Tell what may come of a condition ("if so you could develop") from the condition itself."""
    kinds = ("risk.before", "uncertain.modal")
    return any(hit.first > condition for hit in sentence.before(kinds, first, first - condition))


def _names_patient(sentence: Sentence) -> bool:
    return not _OF_PATIENT.isdisjoint(sentence.words)


def _not_coded(sentence: Sentence, reason: NotCoded, kind: str, hit: CueHit) -> Assertion:
    return Assertion(Status.UNCERTAIN, (sentence.cue(kind, hit),), reason)
