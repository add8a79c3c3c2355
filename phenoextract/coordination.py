"""Names that words share: "axial and appendicular hypotonia", "short hands and feet", "small low-set ears"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from phenoextract.index import ABNORMAL, word_hash
from phenoextract.link import Manner
from phenoextract.naming import Hit, Namer, Piece
from phenoextract.rules import load_rules
from phenoextract.text import Gap, Tokens, normalise, tokenise
from phenoextract.types import Scope
from phenoextract.vocabulary import BREAKS, CLOSE, Kind, Reading, any_of

# A list: conjuncts, and what separates them (a comma, a slash, "and", "or"); group 1 is there if there are two.
_MORE = any_of((Kind.CONTENT, Kind.MODIFIER, Kind.PLAIN), CLOSE)
_CONJUNCT = any_of((Kind.CONTENT,), (*CLOSE, Gap.SOFT, *BREAKS)) + _MORE + b"*"
_SEPARATOR = b"|".join(
    (
        any_of((Kind.CONTENT, Kind.MODIFIER, Kind.PLAIN, Kind.ORDERED, Kind.JOINING), (Gap.SOFT,)),
        any_of((Kind.JOINING,), CLOSE),
    )
)
_LIST = re.compile(_CONJUNCT + b"((?:" + _SEPARATOR + b")(?:" + _SEPARATOR + b"|" + _MORE + b")*)?")
_CONJUNCTS = re.compile(_CONJUNCT)
_NEXT = frozenset(kind | Gap.SPACE for kind in (Kind.CONTENT, Kind.MODIFIER))  # a word of a name with nothing before it
_CONJUNCTIONS = frozenset({"and", "or", "nor"})
_COPULAS = frozenset("is are was were be been appear appears appeared look looks looked seem seems seemed".split())
_PLACE = frozenset("in on at of behind near around over under from to between".split())
_BEGINS_ANEW = frozenset(
    "so therefore thus hence a an while whereas there which who that with by after from for during than".split()
)
_MAX_LIST = 30  # words over which an "and" reaches back to the noun before its list
_MAX_SPLIT = 7  # words between the pieces of one mention
_MAX_WORDS = 20  # words of content of one conjunct that are looked at


class Coordination:
    """Finds the names of an index that conjuncts of a list, or adjectives of one noun, share words for."""

    def __init__(self, namer: Namer) -> None:
        rules = load_rules("lexicon")
        self._namer = namer
        self._ontology = namer.index.ontology
        self._strict, self._loose, self._pairs = namer.index.strict, namer.index.loose, namer.index.pairs
        self._of_the_whole = frozenset(normalise(word) for word in rules["whole"]["words"])
        self._body = frozenset(word_hash(f"={part}") for part in rules["body"])

    def in_lists(self, reading: Reading, hits: Sequence[Hit]) -> list[Hit]:
        """Find names that conjuncts share: "axial and appendicular hypotonia", "short hands and feet"."""
        lists = list(_lists(reading))
        if not lists:
            return []
        covered: dict[int, Hit] = {}
        for hit in hits:
            for place in range(hit.pieces[0][0], hit.pieces[0][1] + 1):
                if place not in covered or covered[place].size < hit.size:
                    covered[place] = hit
        longest = reading.columns.longest
        found: list[Hit | None] = []
        for conjuncts in lists:
            last = len(conjuncts) - 1
            bare = last + 1  # the first of the single words that end the list
            while bare > 1 and len(conjuncts[bare - 1]) == 1:
                bare -= 1
            for number in range(1, last + 1):
                right = conjuncts[number]
                until = right[0]
                if number >= bare and conjuncts[last][0] - until <= _MAX_LIST:
                    until = conjuncts[last][0]  # "contractures of wrists, hands and knees"
                for left in (conjuncts[0],) if number == 1 else (conjuncts[0], conjuncts[number - 1]):
                    if len(left) > 1 and right[0] - left[-1] < _MAX_SPLIT:
                        inner = left[-_MAX_WORDS:]
                        if near := self._partners(reading, right[0], inner[:-1]):
                            starts_name = len(right) > 1 and right[0] in covered and longest[reading.rows[right[1]]] > 1
                            pairs = _heads(inner, right, near, least=2 if starts_name else 1)
                            found.append(self._share(reading, covered, pairs, until, shares_head=True))
            for number in range(last):
                left = conjuncts[number]
                for right in (conjuncts[last],) if number + 1 == last else (conjuncts[number + 1], conjuncts[last]):
                    if len(right) > 1 and right[0] - left[-1] < _MAX_SPLIT:
                        if near := self._partners(reading, left[-1], right[1:5]):
                            pairs = _tails(left, right[:_MAX_WORDS], near)
                            found.append(self._share(reading, covered, pairs, right[0], shares_head=False))
        return [hit for hit in found if hit is not None]

    def of_adjectives(self, reading: Reading, hits: Sequence[Hit]) -> list[Hit]:
        """Find names that an adjective makes with a noun behind another one: "small low-set ears"."""
        core, shape = reading.core, reading.shape
        covered = {place for hit in hits for place in hit.places}
        found = []
        for hit in hits:
            first, last = hit.pieces[0]
            place = first - 1
            if len(hit.pieces) > 1 or first == last or place < 0 or place in covered:
                continue
            if reading.kind(place) != Kind.CONTENT or shape[first] not in _NEXT or last - place > _MAX_SPLIT:
                continue
            if normalise(reading.tokens.words[place]) in self._of_the_whole:
                continue
            for noun in range(last, first, -1):
                if not core[noun] or not _PLACE.isdisjoint(reading.tokens.fold(first, noun)):
                    break  # "soft lumps in the skin" names no soft skin
                names = self._strict.get(core[place] + reading.core_sum(noun, last))
                own = names and self._namer(
                    reading, ((place, place), (noun, last)), names, Manner(keep_order=True, split=True), whole=False
                )
                if own and own.candidates[0].scope is Scope.EXACT:
                    found.append(own)
                    break
        return found

    def _partners(self, reading: Reading, place: int, others: Sequence[int]) -> Sequence[int]:
        """Give those of some words that may stand in one name with a word."""
        loose, pairs = reading.loose, self._pairs
        own = loose[place]
        if not own:
            return others
        return [other for other in others if not (key := loose[other]) or own + key in pairs]

    def _share(
        self,
        reading: Reading,
        covered: Mapping[int, Hit],
        pairs: Iterable[tuple[Piece, Piece]],
        until: int,
        *,
        shares_head: bool,
    ) -> Hit | None:
        """Give the first name that one of some pairs of pieces makes; one piece is shared with another mention.

        `covered` is the longest hit at a word; a head is shared if "and" or "or" stands before the word `until`.
        """
        core, loose = reading.core, reading.loose
        for left, right in pairs:
            names = self._strict.get(reading.core_sum(*left) + reading.core_sum(*right))
            own, shared = (right, left) if shares_head else (left, right)
            by_class = False
            if names is None and (
                (shared[0] == shared[1] and loose[shared[0]] == ABNORMAL)
                or (own[0] == own[1] and loose[own[0]] in self._body)
            ):
                said = (*range(left[0], left[1] + 1), *range(right[0], right[1] + 1))
                names, by_class = self._loose.get(sum(loose[place] for place in said if core[place])), True
            if names is None:
                continue
            content = reading.core_places(*own)
            if not any(loose[place] for place in content):
                continue
            between = reading.tokens.fold(left[1] + 1, right[0])
            if not _BEGINS_ANEW.isdisjoint(between):
                continue  # "small hands and a typical face" names no small face
            predicate = between[:1] == ["and"] and not _COPULAS.isdisjoint(between[-2:])  # "ears and nose are small"
            manner = Manner(keep_order=not (shares_head or by_class or predicate), split=True, loose=by_class)
            hit = self._namer(reading, (left, right), names, manner, whole=False)
            if hit is None or hit.candidates[0].scope is not Scope.EXACT or self._contradicts(hit, content, covered):
                continue
            joined = not _CONJUNCTIONS.isdisjoint(reading.tokens.fold(left[1] + 1, until))
            if not (shares_head or joined) and reading.goes_on(right[1]):
                continue  # "epicanthic folds, slanted palpebral fissures" names no palpebral fold
            if shares_head and reading.describes(right[1]):
                continue  # "absence of sweat glands and hair follicles" names no absent hair
            in_order = _in_order(hit, reading.tokens)
            if not shares_head or joined or not in_order:  # a comma seldom shares a head
                return hit
        return None

    def _contradicts(self, hit: Hit, own: Sequence[int], covered: Mapping[int, Hit]) -> bool:
        """Tell whether words that a hit does not share belong to a wider hit, or to one of an unrelated term."""
        for other in (covered[place] for place in own if place in covered):
            wider = other.pieces[0][0] < own[0] or other.pieces[0][1] > own[-1]
            if wider or not self._ontology.are_kin(other.candidates[0].hpo_id, hit.candidates[0].hpo_id):
                return True
        return False


def _lists(reading: Reading) -> Iterator[list[list[int]]]:
    """Give the lists of a text: for each, two conjuncts or more, each as the places of its words of content.

    Lists of single words are left out, as these share nothing.
    """
    shape = reading.shape
    for match in _LIST.finditer(shape):
        if match.lastindex is None:
            continue
        spans = [conjunct.span() for conjunct in _CONJUNCTS.finditer(shape, *match.span())]
        if len(spans) > 1 and any(end - start > 1 for start, end in spans):
            yield [reading.core_places(begin, end - 1) for begin, end in spans]


def _heads(
    left: Sequence[int], right: Sequence[int], near: Sequence[int], *, least: int
) -> Iterator[tuple[Piece, Piece]]:
    """Pair parts of the left conjunct, from a word `near` on, with beginnings of the right, of `least` words on."""
    for end in range(min(4, len(right)), least - 1, -1):
        for length in range(min(3, len(left) - 1), 0, -1):
            for start in range(len(left) - 1 - length, -1, -1):
                if left[start] in near and right[0] - left[start + length - 1] <= _MAX_SPLIT:
                    yield (left[start], left[start + length - 1]), (right[0], right[end - 1])


def _tails(left: Sequence[int], right: Sequence[int], near: Sequence[int]) -> Iterator[tuple[Piece, Piece]]:
    """Pair ends of the left conjunct with later parts of the right one, from a word `near`."""
    for length in range(min(3, len(left)), 0, -1):
        for start in range(1, min(5, len(right))):
            if right[start] in near and right[start] - left[-1] <= _MAX_SPLIT:
                for end in range(len(right), start, -1):
                    yield (left[-length], left[-1]), (right[start], right[end - 1])


def _in_order(hit: Hit, tokens: Tokens) -> bool:
    """Tell whether the pieces of a coordinated hit stand in the order of the name that they make."""
    own = [normalise(word) for word in tokenise(hit.candidates[0].synonym).words]
    written = [normalise(tokens.words[place]) for place in hit.places]
    places = [own.index(word) for word in written if word in own]
    return places == sorted(places)
