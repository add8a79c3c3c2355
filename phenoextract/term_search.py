"""Terms for what somebody types: by id, label, synonym, lay word or abbreviation, misspelt too."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from phenoextract.index import Name
from phenoextract.ontology import Ontology, Synonym
from phenoextract.spelling import nearest
from phenoextract.text import fold, plain_form
from phenoextract.types import Method, Scope

_WORD = re.compile(r"[^\W_]+")
_ID = re.compile(r"\s*(?:hp[:_ ]?)?\d{2,7}\s*", re.IGNORECASE | re.ASCII)
_DIGITS = 7
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class TermFound:
    """A term and the name of it that was found; `scope` is that name's, and None where the id was typed.

    `lay` marks a lay person's word. `corrected` says that the name was found by taking a word as misspelt.
    `obsolete_id` is the id that was typed where this term has replaced it.
    """

    hpo_id: str
    label: str
    name: str
    scope: Scope | None
    lay: bool = False
    corrected: bool = False
    obsolete_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    hpo_id: str
    name: str
    scope: Scope
    lay: bool


class TermSearch:
    """Finds phenotype terms by the beginnings of words, in milliseconds; a name may hold the words in any order.

    Names that are what was typed come first, then those that begin with it, then those that hold its words; within
    each, labels before synonyms and short names before long ones. Where nothing does, words count as misspelt.
    """

    def __init__(self, ontology: Ontology, names: Iterable[Name]) -> None:
        self._ontology = ontology
        entries = _entries(ontology, names)
        self._entries = sorted(entries, key=lambda e: (e.name != ontology.label(e.hpo_id), len(e.name), e.name))
        forms = [_words(entry.name) for entry in self._entries]
        whole = sorted((_plain(words), place) for place, words in enumerate(forms))
        self._whole = [form for form, _ in whole]
        self._whole_places = [place for _, place in whole]
        holders: dict[str, set[int]] = {}
        for place, words in enumerate(forms):
            for word in words:
                holders.setdefault(word, set()).add(place)
        for word in list(holders):
            holders.setdefault(plain_form(word), set()).update(holders[word])
        self._vocabulary = sorted(holders)
        self._holders = np.fromiter(chain.from_iterable(holders[word] for word in self._vocabulary), np.int32)
        self._bounds = np.cumsum([0, *(len(holders[word]) for word in self._vocabulary)])

    def __call__(self, query: str, limit: int = 10) -> list[TermFound]:
        """Give at most `limit` terms, the best first; none for a query without letters or digits."""
        found: dict[str, TermFound] = {}
        for hit in self._by_id(query) if _ID.fullmatch(query) else self._by_name(query):
            found.setdefault(hit.hpo_id, hit)
            if len(found) == limit:
                break
        return list(found.values())

    def _by_id(self, query: str) -> Iterator[TermFound]:
        digits = "".join(filter(str.isdigit, query))
        typed = f"HP:{digits.zfill(_DIGITS)}"
        current = self._ontology.current(typed)
        if current:
            label = self._ontology.label(current)
            yield TermFound(current, label, label, None, obsolete_id=typed if typed != current else None)
        for term in self._ontology if len(digits) < _DIGITS else ():
            if term.id.startswith(f"HP:{digits}"):
                yield TermFound(term.id, term.label, term.label, None)

    def _by_name(self, query: str) -> Iterator[TermFound]:
        words = _words(query)
        if not words:
            return
        typed = _plain(words)
        first, last = bisect_left(self._whole, typed), bisect_left(self._whole, typed + _LAST)
        same = bisect_left(self._whole, typed + "\0")
        places: Iterable[int] = chain(
            sorted(self._whole_places[first:same]),
            sorted(self._whole_places[same:last]),
            self._holding([self._starting(word) for word in words]),
        )
        written = False
        for place in places:
            written = True
            yield self._found(place, corrected=False)
        if not written:
            meant = [self._starting(word) | self._misspelt(word) for word in words]
            for place in sorted(self._holding(meant), key=lambda place: len(self._entries[place].name)):
                yield self._found(place, corrected=True)

    def _holding(self, sets: list[NDArray[np.bool_]]) -> Iterator[int]:
        yield from map(int, np.flatnonzero(np.logical_and.reduce(sets)))

    def _starting(self, word: str) -> NDArray[np.bool_]:
        """Mark the entries with a word that begins so, as it is written or in its American singular."""
        marks = np.zeros(len(self._entries), dtype=np.bool_)
        for form in {word, plain_form(word)}:
            first, last = bisect_left(self._vocabulary, form), bisect_left(self._vocabulary, form + _LAST)
            marks[self._holders[self._bounds[first] : self._bounds[last]]] = True
        return marks

    def _misspelt(self, word: str) -> NDArray[np.bool_]:
        """Mark the entries with a word of the same first letter that this one, maybe unfinished, can be meant for."""
        marks = np.zeros(len(self._entries), dtype=np.bool_)
        form = plain_form(word)
        first, last = bisect_left(self._vocabulary, form[:1]), bisect_left(self._vocabulary, form[:1] + _LAST)
        for place in nearest(form, self._vocabulary[first:last]):
            marks[self._holders[self._bounds[first + place] : self._bounds[first + place + 1]]] = True
        return marks

    def _found(self, place: int, *, corrected: bool) -> TermFound:
        entry = self._entries[place]
        label = self._ontology.label(entry.hpo_id)
        return TermFound(entry.hpo_id, label, entry.name, entry.scope, entry.lay, corrected)


def _words(text: str) -> list[str]:
    return [_folded(word) for word in _WORD.findall(text)]


def _plain(words: Iterable[str]) -> str:
    """Join words in their American singular, so that British and American spellings are the same whole."""
    return " ".join(map(_plain_word, words))


@lru_cache(maxsize=50_000)
def _plain_word(word: str) -> str:
    return plain_form(word)


@lru_cache(maxsize=50_000)
def _folded(word: str) -> str:
    return fold(word)


def _entries(ontology: Ontology, names: Iterable[Name]) -> list[_Entry]:
    """Gather every name of the phenotypes: the ontology's own, and those that only the lexicon has."""
    entries: dict[tuple[str, str], _Entry] = {}
    for term in ontology:
        if ontology.is_phenotype(term.id):
            for name in (Synonym(term.label, Scope.EXACT), *term.synonyms):
                entry = _Entry(term.id, name.text, name.scope, name.type == "layperson")
                entries.setdefault((name.text.lower(), term.id), entry)
    for extra in names:
        entry = _Entry(extra.hpo_id, extra.text, extra.scope, extra.method is Method.UK_LEXICON)
        entries.setdefault((extra.text.lower(), extra.hpo_id), entry)
    return list(entries.values())
