"""Whose finding it is: the patient's, or that of the relative whom the clause is about."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from phenoextract.cues import CueHit, Sentence, listed
from phenoextract.rules import load_rules
from phenoextract.text import Gap
from phenoextract.types import Cue

PRONOUN = {"he": "male", "his": "male", "him": "male", "she": "female", "her": "female"}
SELF = frozenset({"patient", "pt", "proband", "you", "i", "himself", "herself"})
_OF_KIN = ("kin.words", "kin.children")
_LOOK_BACK = 6  # sentences in which a pronoun's relative may have been named
_INTRODUCTION = 800  # characters in which a letter says who it is about
_CLAUSE_REACH = 150  # words back to the subject of a clause
_BEHIND = 9  # words from a finding to the relative behind it
_OFTEN = 5  # uses of "you" by which a letter shows that it speaks to the patient
_OWNER = frozenset(
    "his her your their my s patients has have had one maternal paternal a another two three four older younger "
    "elder eldest youngest half".split()
)
_COMPANY = frozenset(
    {"with", "by", "to", "according", "from", "unlike", "lives", "resembles", "like", "towards", "toward"}
)
_CLAUSE = frozenset({"and", "but", "who", "that", "because", "while", "whereas"})
_DENIED = frozenset({"no", "neither", "none", "without", "nobody", "negative"})
_NUMBERS = frozenset("two three four five six seven both these".split())
_SIBLINGS = frozenset("brothers sisters siblings sibs twins".split())
_OF_PARENTS = frozenset({"maternal", "paternal", "parental"})
_OF_KIND = frozenset(
    "identical nonidentical fraternal twin step grand great half first second third distant late deceased only".split()
)
_HAVING = frozenset({"have", "has", "had", "with", "are", "is", "was", "were", "known"})
_STATED = frozenset(
    "is are was were has have had been also both first noted seen diagnosed found identified reported present "
    "known documented observed described recognised recorded confirmed detected".split()
)
_WITHIN = frozenset({"in", "run", "runs", "running"})
_MALE = frozenset({"male", "boy", "son", "gentleman", "man", "mr", "master", "he", "his"})
_FEMALE = frozenset({"female", "girl", "daughter", "lady", "woman", "mrs", "miss", "ms", "she", "her"})
_WORD = re.compile(r"\w+")
_TO_PARENTS = re.compile(r"\b(?:parents? of|dear mr and mrs|dear mr & mrs|dear parents)\b")
_YOU = re.compile(r"\byou(?:r|rself)?\b")
_MANY = (
    "families", "patients", "kindred", "kindreds", "probands", "we report", "siblings with", "sibs with",
    "a mother and son", "a mother and daughter", "a mother and her son", "a mother and her daughter",
    "a father and son", "a father and daughter", "a father and his son", "a father and his daughter",
)  # fmt: skip
_NOTE = re.compile(r"\b(?:fhx?|pmhx?|hpc|social history|family history)\s*:|\bo/e\b")  # headings within a line
_OWN = r"(?! (?:mother|father|mum|mom|dad|parents?|sister|brother|siblings?|aunt|uncle|family|wife|husband)\b)"
_MANY_PEOPLE = re.compile(rf"\b(?:{'|'.join(_MANY)})\b{_OWN}")  # not "the patients mother", without its apostrophe


@dataclass(frozen=True)
class Subject:
    """Whom a text is about: a letter on one person, prose in which relatives are told apart, or neither.

    `speaks_to` tells a letter that calls the patient "you", `to_parents` one in which a son or daughter is the patient.
    """

    letter: bool
    speaks_to: bool
    to_parents: bool
    lowered: str = field(repr=False)

    @cached_property
    def relatives(self) -> bool:
        """Whether relatives are told apart: not in prose about families or cohorts, where they are the subjects.

        A note on one patient may speak of siblings, carriers and other patients too.
        """
        if self.letter or not any(word in self.lowered for word in _MANY):  # in a third of the time of the pattern
            return True
        return _MANY_PEOPLE.search(self.lowered) is None or _NOTE.search(self.lowered) is not None

    @cached_property
    def gender(self) -> str | None:
        """The patient's, where the text's beginning speaks clearly of him or of her; "you" in a letter that does."""
        if self.speaks_to:
            return "you"
        words = _WORD.findall(self.lowered[:_INTRODUCTION]) if self.relatives else []
        male, female = sum(map(_MALE.__contains__, words)), sum(map(_FEMALE.__contains__, words))
        if male == female:
            return None
        return "male" if male > female else "female"


def find_subject(text: str, *, letter: bool) -> Subject:
    """Tell whom a text is about."""
    lowered = text.lower()  # plain searches in it are much faster than patterns that ignore case
    beginning = lowered[:_INTRODUCTION]
    to_parents = letter and ("parent" in beginning or "dear m" in beginning) and bool(_TO_PARENTS.search(beginning))
    speaks_to = letter and not to_parents and lowered.count("you") >= _OFTEN and len(_YOU.findall(lowered)) >= _OFTEN
    return Subject(letter, speaks_to, to_parents, lowered)


def carried_relative(sentence: Sentence, number: int, subject: Subject) -> Cue | None:
    """Find the relative whom a sentence that begins with a pronoun goes on about, a few sentences back.

    Only a pronoun that cannot mean the patient is followed, and only within the paragraph.
    """
    gender = PRONOUN.get(sentence.words[0]) if sentence.words else None
    if gender is None or not subject.relatives or subject.gender is None or gender == subject.gender:
        return None
    tokens = sentence.tokens
    for back in range(number - 1, max(-1, number - _LOOK_BACK), -1):
        begin, end = tokens.sentences[back]
        if "\n\n" in sentence.text[tokens.starts[begin] : tokens.starts[sentence.begin]]:
            return None
        for place, word in enumerate(tokens.fold(begin, end), begin):
            if _gender_of_kin().get(word) == gender:
                return Cue("family", tokens.starts[place], tokens.ends[place], tokens.words[place])
    return None


def find_relative(sentence: Sentence, subject: Subject, carried: Cue | None, first: int, last: int) -> Cue | None:
    """Find the relative that a finding belongs to: the subject before it, or "in his mother" behind it."""
    if not subject.relatives:
        return None
    owner = sentence.word(first - 1) if first > sentence.begin else ""
    if owner in _OF_PARENTS:
        return sentence.cue("family", CueHit("kin.words", first - 1, first - 1))  # "maternal epilepsy"
    if carried is None and sentence.kinds.isdisjoint(_OF_KIN):
        return None
    if owner in ("his", "her") and carried is None and PRONOUN[owner] == subject.gender:
        return None  # "Mum showed me a video of his seizures"
    followed = False
    for hit in sentence.before((*_OF_KIN, "kin.patient"), first, _CLAUSE_REACH):
        if hit.kind == "kin.patient":
            if _means_kin(sentence, hit, subject):
                followed = True
            elif hit.first == sentence.begin and carried is not None:
                return carried
            elif _is_aside(sentence, hit, followed=followed):
                continue
            elif _begins_clause(sentence, hit):
                return None
        elif _has(sentence, hit, subject, first, followed=followed):
            return sentence.cue("family", hit)
    return carried or _behind(sentence, last)


def denied_relatives(sentence: Sentence, family: Cue) -> Cue | None:
    """Find the denial of all relatives: "neither parent has", "none of his siblings have", "nobody in the family"."""
    relative = bisect_left(sentence.tokens.starts, family.start)
    for place in range(max(sentence.begin, relative - 3), relative):
        if place < sentence.end and sentence.word(place) in _DENIED:
            return sentence.cue("negation", CueHit("negation.before", place, place))
    return None


def _begins_clause(sentence: Sentence, pronoun: CueHit) -> bool:
    """Tell whether a word for the patient is the subject of the clause that follows."""
    starts = pronoun.first == sentence.begin or sentence.tokens.gaps[pronoun.first] >= Gap.SOFT
    before = sentence.word(pronoun.first - 1)
    # "she says he has", but "she has been told she has"
    told = before != "told" and before in listed("kin", "telling") and sentence.word(pronoun.first) in PRONOUN
    return starts or told or sentence.word(pronoun.first) in SELF or before in _CLAUSE


def _is_aside(sentence: Sentence, pronoun: CueHit, *, followed: bool) -> bool:
    """Tell the writer's or reader's "I suspect he too", "and, you think, became" from the subject of a clause."""
    word = sentence.word(pronoun.first)
    if word == "i":
        return followed
    inserted = sentence.tokens.gaps[pronoun.first] == Gap.SOFT
    verb = sentence.between(pronoun.last + 1, pronoun.last + 2)
    return word == "you" and inserted and not listed("kin", "telling").isdisjoint(verb)


def _has(sentence: Sentence, hit: CueHit, subject: Subject, first: int, *, followed: bool) -> bool:
    """Tell whether the relative before a finding is the one who has it."""
    ended = any(sentence.tokens.gaps[place] == Gap.HARD for place in range(hit.last + 1, first + 1))
    if ended and not followed and sentence.word(hit.first) in ("parent", "parents"):
        return False  # "his parents are unrelated; ..."
    nearby = sentence.between(hit.first - 3, hit.first)
    if _is_denied_to_exist(sentence, hit) or (nearby[1:2] == ["and"] and nearby[0] in PRONOUN):
        return False  # "he has no siblings and has ...", "he and his mother have ..."
    owned = not _OWNER.isdisjoint(nearby)
    heads_line = hit.first == sentence.begin and sentence.word(hit.first) != "child"
    if nearby[-2:] == ["as", "a"]:
        return False  # "asthma as a child"
    if hit.kind == "kin.children" and (_is_patient(sentence, hit, subject) or not (owned or heads_line)):
        return False
    if (not followed and _only_tells(sentence, hit, first)) or _only_there(sentence, hit):
        return False
    if _is_object(sentence, hit, subject) or _are_the_subjects(sentence, hit, subject):
        return False
    said = sentence.between(sentence.begin, hit.first)  # "second cousin with albinism", "no siblings have"
    heads_sentence = (len(said) == 1 and said[0] in _DENIED) or _OF_KIND.issuperset(said)
    # "affected: mother, breast cancer", but "head: relative microcephaly"
    labelled = sentence.tokens.gaps[hit.first] == Gap.LABEL and sentence.word(hit.first) != "relative"
    return subject.letter or owned or labelled or heads_sentence or _is_history(sentence, hit)


def _are_the_subjects(sentence: Sentence, hit: CueHit, subject: Subject) -> bool:
    """Tell the "two sisters" whom a paper is about from those of a patient."""
    counted = not _NUMBERS.isdisjoint(sentence.between(hit.first - 3, hit.first))
    return (
        counted
        and sentence.word(hit.first) in _SIBLINGS
        and not subject.letter
        and subject.gender is None
        and "kin.patient" not in sentence.kinds
    )


def _is_history(sentence: Sentence, hit: CueHit) -> bool:
    """Tell what speaks of the family as a whole, "family history", "FHx", "runs in the family", from one relative."""
    return hit.last > hit.first or sentence.word(hit.first).startswith("fh")


def _is_denied_to_exist(sentence: Sentence, hit: CueHit) -> bool:
    """Tell "he has no siblings" from "no siblings have"."""
    if _is_history(sentence, hit):
        return False
    if sentence.between(hit.first - 1, hit.first) != ["no"]:
        return False
    heads = hit.first - 1 == sentence.begin or sentence.tokens.gaps[hit.first - 1] >= Gap.SOFT
    return not (heads and not _HAVING.isdisjoint(sentence.between(hit.last + 1, hit.last + 2)))


def _is_object(sentence: Sentence, hit: CueHit, subject: Subject) -> bool:
    """Tell relatives to whom the patient does something: "she pushes her sister and has tantrums"."""
    behind = sentence.between(hit.last + 1, hit.last + 3)
    if behind[:1] == ["s"] and not listed("kin", "had").isdisjoint(behind):
        return True  # "since her aunt's death"
    if behind[:1] != ["and"] or behind[-1] not in listed("kin", "doing"):
        return False
    for place in range(hit.first - 2, max(sentence.begin, hit.first - 8) - 1, -1):
        word = sentence.word(place)
        if word in ("he", "she") and PRONOUN[word] == subject.gender:
            return True
        if word in _CLAUSE or sentence.tokens.gaps[place + 1] >= Gap.SOFT:
            return False
    return False


def _is_patient(sentence: Sentence, hit: CueHit, subject: Subject) -> bool:
    """Tell "your daughter" in a letter to her parents from the patient's own child; an "older son" is neither."""
    nearby = sentence.between(hit.first - 2, hit.first)
    return subject.to_parents and {"older", "other", "younger", "eldest", "youngest"}.isdisjoint(nearby)


def _means_kin(sentence: Sentence, pronoun: CueHit, subject: Subject) -> bool:
    """Tell whether a pronoun inside a sentence means the relative named before it, not the patient."""
    gender = PRONOUN.get(sentence.word(pronoun.first))
    goes_on = sentence.tokens.gaps[pronoun.first] == Gap.HARD  # "his brother died; he had ..."
    if gender is None or subject.gender is None or (gender == subject.gender and not goes_on):
        return False
    for hit in sentence.before(_OF_KIN, pronoun.first, _CLAUSE_REACH):
        return _gender_of_kin().get(sentence.word(hit.last)) == gender
    return False


def _only_tells(sentence: Sentence, hit: CueHit, first: int) -> bool:
    """Tell a relative who reports a finding from one who has it, or is said to have it."""
    telling = listed("kin", "telling")
    behind = sentence.between(hit.last + 1, min(hit.last + 7, first))
    return any(
        word in telling
        and behind[place + 1 : place + 3] not in (["to", "have"], ["to", "be"])
        and behind[place - 1 : place] != ["you"]
        for place, word in enumerate(behind[:5])
    )


def _only_there(sentence: Sentence, hit: CueHit) -> bool:
    """Tell relatives who are only there: "attended with his mother", "lives with", "according to"."""
    if not {"who", "whose"}.isdisjoint(sentence.between(hit.last + 1, hit.last + 3)):
        return False
    if hit.last + 1 < sentence.end and "):" in sentence.gap(hit.last + 1):
        return True  # "Early history (mum): floppy as a baby"
    if _is_history(sentence, hit):
        return False  # "referred with a family history of deafness"
    return not _COMPANY.isdisjoint(sentence.between(hit.first - 3, hit.first))


def _behind(sentence: Sentence, last: int) -> Cue | None:
    """Find a relative behind a finding: "in his mother", "was noted in two of her cousins", "affects his father"."""
    if "kin.words" not in sentence.kinds:
        return None
    last = sentence.list_to(last)
    for hit in sentence.after(("kin.words",), last, _BEHIND):
        between = sentence.between(last + 1, hit.first)
        while between and between[0] in _STATED:
            between = between[1:]
        linked = bool(between) and between[0] in listed("kin", "linking")
        whole = not between and sentence.word(hit.first) in _WITHIN  # "in the family", "runs in the family"
        owner = between.index("s") - 1 if "s" in between else 0  # "in John's brother", "in the girl's cousin"
        counted = [word for place, word in enumerate(between) if place not in (0, owner)]
        if (linked and listed("kin", "counting").issuperset(counted)) or whole:
            return sentence.cue("family", hit)
    return None


@lru_cache(maxsize=1)
def _gender_of_kin() -> dict[str, str]:
    return {word: gender for gender in ("male", "female") for word in load_rules("context")["kin"][gender]}
