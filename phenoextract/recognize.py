"""Find phrases that name a phenotype: lexicon scan, coordination, abbreviations defined in the letter.

The only importer of scispacy, and only when a letter defines an abbreviation.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from phenoextract.index import Index, word_classes, word_hash
from phenoextract.link import rank
from phenoextract.rules import load_rules
from phenoextract.spelling import Spelling
from phenoextract.text import Gap, Tokens, fold, normalise, plain_form, tokenise
from phenoextract.types import Candidate, Mention, Method, NotCoded, Scope, Span

_UNKNOWN, _CONTENT, _MODIFIER, _PLAIN, _ORDERED = range(5)
_LABEL, _SOFT, _HARD = (
    int(Gap.LABEL),
    int(Gap.SOFT),
    int(Gap.HARD),
)  # looking an enum's member up is slow in the innermost loops
_FURTHER = 12  # sentences in which a word of context counts if none stands nearer
_AMBIGUOUS = "the abbreviation has more than one meaning"
_MAX_MEMO = 200_000
_MAX_SOFT = 2  # commas that one name may run across
_CONJUNCTIONS = frozenset({"and", "or", "nor"})
_NEGATORS = frozenset({"no", "No", "NO", "not", "nor", "without", "Without", "never", "Never"})
_MAX_SPLIT = 7  # words between the pieces of one mention
_NAMES_FUZZY_FROM = 9  # a capitalised word shorter than this may be a surname, not a misspelling
_TITLES = frozenset(
    {"dr", "mr", "mrs", "ms", "miss", "prof", "professor", "sister", "nurse", "sr", "rev", "sir", "lady"}
)
_DEFINES = re.compile(r"\(\s*([A-Za-z][\w.\-/]{1,9})\s*[),;]")


class Word(NamedTuple):
    """What the scan needs of a word: its kind, its hashes for the three keys, and the longest name with it."""

    kind: int
    strict: int
    core: int
    loose: int
    longest: int
    fuzzy: bool


class _Hit(NamedTuple):
    """Names found for pieces of a text: inclusive ranges of word positions, and how the names were found."""

    pieces: tuple[tuple[int, int], ...]
    size: int
    candidates: tuple[Candidate, ...]
    diagnosis: bool = False


class Recognizer:
    """Finds the mentions of a text; safe to share between threads, as its memo is only a cache.

    `nested` keeps mentions inside longer ones (the convention of some corpora) instead of the longest.
    """

    def __init__(self, index: Index, *, nested: bool = False) -> None:
        rules = load_rules("lexicon")
        self._index = index
        self._nested = nested
        self._plain = frozenset(rules["function"]["plain"])
        self._ordered = frozenset(rules["function"]["ordered"])
        self._modifiers = frozenset(rules["modifier"]["words"]) | {normalise(w) for w in rules["modifier"]["words"]}
        self._neutral = frozenset(normalise(word) for word in rules["neutral"]["words"])
        self._classes = word_classes()
        self._spelling = Spelling(index.surfaces, index.known)
        self._memo: dict[str, Word] = {}
        self._diagnoses = _diagnosis_keys()

    def __call__(self, text: str, tokens: Tokens, *, letter: bool = False) -> list[Mention]:
        """Give the mentions of a text, in order of their start; in letters, names of diseases hide their parts."""
        memo = self._memo
        look = [memo.get(word) or self.classify(word) for word in tokens.words]
        hits = self._scan(tokens, look)
        hits += self._coordinate(tokens, look, hits)
        hits += self._abbreviations(text, tokens, hits)
        if letter:
            hits += self._disease_names(tokens)
        return [self._mention(tokens, hit) for hit in self._choose(hits)]

    def link(self, text: str) -> tuple[Candidate, ...]:
        """Give the terms that a phrase known to name a phenotype may mean: names of the whole, then of its parts."""
        tokens = tokenise(text)
        look = [self._memo.get(word) or self.classify(word) for word in tokens.words]
        hits = self._scan(tokens, look)
        hits += self._coordinate(tokens, look, hits)
        chosen: dict[str, Candidate] = {}
        for hit in sorted(hits, key=lambda h: -h.size):
            for candidate in hit.candidates:
                chosen.setdefault(candidate.hpo_id, candidate)
        return tuple(chosen.values())

    def classify(self, word: str) -> Word:
        """Give what a word is to the scan, by itself."""
        folded = fold(word)
        if folded in self._plain:
            found = Word(_PLAIN, 0, 0, 0, 0, False)
        elif folded in self._ordered:
            found = Word(_ORDERED, 0, 0, 0, 0, False)
        else:
            found = self._classify_content(word, folded)
        if len(self._memo) > _MAX_MEMO:
            self._memo.clear()
        self._memo[word] = found
        return found

    def _classify_content(self, word: str, folded: str) -> Word:
        root = normalise(word)
        modifier = folded in self._modifiers or root in self._modifiers
        longest = self._index.words.get(root)
        if longest is None and not modifier:
            capitalised = word[0].isupper() and not word.isupper()
            read = _misread(folded, self._index.words)
            if read is not None:
                return self._content(read, fuzzy=True)
            if not folded.isalpha() or (capitalised and len(word) < _NAMES_FUZZY_FROM):
                return Word(_UNKNOWN, 0, 0, 0, 0, False)
            corrected = self._spelling.correct(plain_form(word)) or self._spelling.correct(folded)
            if corrected is None:
                return Word(_UNKNOWN, 0, 0, 0, 0, False)
            return self._content(normalise(corrected), fuzzy=True)
        if modifier:
            return Word(_MODIFIER, word_hash(root), 0, 0, longest or 0, False)
        return self._content(root, fuzzy=False)

    def _content(self, root: str, *, fuzzy: bool) -> Word:
        strict = word_hash(root)
        loose = 0 if root in self._neutral else word_hash(self._classes.get(root, root))
        return Word(_CONTENT, strict, strict, loose, self._index.words.get(root, 0), fuzzy)

    def _scan(self, tokens: Tokens, look: Sequence[Word]) -> list[_Hit]:
        """Find names in contiguous words: the longest from each word on (with `nested`, all)."""
        strict_keys, loose_keys = self._index.strict, self._index.loose
        gaps = tokens.gaps
        count = len(look)
        hits: list[_Hit] = []
        for first in range(count):
            if look[first][0] not in (_CONTENT, _MODIFIER):
                continue
            strict = core = loose = size = limit_size = soft = 0
            limit = 99
            keep_order = joined = headed = False
            skipped_modifier = starts_modifier = look[first][0] == _MODIFIER
            possible: list[tuple[int, tuple[int, ...], bool, bool, bool, bool]] = []
            for last in range(first, count):
                if last > first:
                    gap = gaps[last]
                    headed = headed or gap == _LABEL
                    if gap >= _SOFT:
                        if gap >= _HARD:
                            break
                        soft += 1
                        keep_order = joined = True
                        if soft > _MAX_SOFT:
                            break
                kind, word_strict, word_core, word_loose, longest, _ = look[last]
                if kind >= _PLAIN:
                    if kind == _ORDERED:
                        keep_order = True
                        joined = joined or tokens.words[last].lower() in _CONJUNCTIONS
                    continue
                if kind == _UNKNOWN:
                    break
                size += 1
                strict += word_strict
                if kind == _MODIFIER:
                    skipped_modifier = True
                else:
                    core += word_core
                    if word_loose:  # a word of measurement neither limits nor counts
                        loose += word_loose
                        limit_size += 1
                        if longest < limit:
                            limit = longest
                        if limit_size > limit:
                            break
                found, is_loose, whole = strict_keys.get(strict), False, True
                if found is None and not starts_modifier and kind != _MODIFIER:
                    whole = not skipped_modifier
                    if skipped_modifier:
                        found = strict_keys.get(core)
                    if found is None and limit_size > 1:
                        found, is_loose = loose_keys.get(loose), True
                # "Heart: large VSD" names no large heart
                goes_on = headed and last + 1 < count and gaps[last + 1] < _SOFT and look[last + 1][0] == _CONTENT
                if found is not None and not goes_on:
                    possible.append((last, found, keep_order, joined, is_loose, whole))
            for last, found, keep_order, joined, is_loose, whole in reversed(possible):
                hit = self._hit(
                    tokens,
                    look,
                    ((first, last),),
                    found,
                    keep_order=keep_order,
                    joined=joined,
                    loose=is_loose,
                    whole=whole,
                )
                if hit is not None:
                    hits.append(hit)
                    if not self._nested:
                        break
        return hits

    def _hit(
        self,
        tokens: Tokens,
        look: Sequence[Word],
        pieces: tuple[tuple[int, int], ...],
        found: Sequence[int],
        *,
        keep_order: bool = False,
        joined: bool = False,
        loose: bool = False,
        split: bool = False,
        whole: bool = False,
    ) -> _Hit | None:
        """Rank the names found for pieces of the text; None when context, case or order speak against all."""
        content = [
            place for start, end in pieces for place in range(start, end + 1) if look[place][0] in (_CONTENT, _MODIFIER)
        ]
        first = pieces[0][0]
        if len(content) == 1 and first and fold(tokens.words[first - 1]) in _TITLES:
            return None
        candidates = rank(
            [self._index.names[position] for position in found],
            [tokens.words[place] for place in content],
            index=self._index,
            nearby=lambda: _nearby(tokens, first),
            further=lambda: _nearby(tokens, first, reach=_FURTHER),
            keep_order=keep_order,
            joined=joined,
            loose=loose,
            fuzzy=any(look[place][5] for place in content),
            split=split,
        )
        named = len(content) if whole else sum(look[place][0] == _CONTENT for place in content)
        return _Hit(pieces, named * 100 - (len(content) - named), candidates) if candidates else None

    def _coordinate(self, tokens: Tokens, look: Sequence[Word], hits: Sequence[_Hit]) -> list[_Hit]:
        """Find names that conjuncts share: "axial and appendicular hypotonia", "short hands and feet"."""
        covered: dict[int, _Hit] = {}
        for hit in hits:
            for place in range(hit.pieces[0][0], hit.pieces[0][1] + 1):
                if place not in covered or covered[place].size < hit.size:
                    covered[place] = hit
        found: list[_Hit] = []
        for chain in _chains(tokens, look):
            for right in range(1, len(chain)):
                for left in {right - 1, 0}:
                    found += self._share_head(tokens, look, chain[left], chain[right], covered)
            for left in range(len(chain) - 1):
                for right in {left + 1, len(chain) - 1}:
                    found += self._share_tail(tokens, look, chain[left], chain[right], covered)
        return found

    def _share_head(
        self,
        tokens: Tokens,
        look: Sequence[Word],
        left: Sequence[int],
        right: Sequence[int],
        covered: dict[int, _Hit],
    ) -> Iterable[_Hit]:
        """Join an inner part of the left conjunct with the beginning of the right one."""
        for end in range(min(4, len(right)), 0, -1):
            piece = right[:end]
            if end < len(right) and look[right[end]].longest > 1 and end < 2 and piece[0] in covered:
                continue
            for length in range(min(3, len(left) - 1), 0, -1):
                for start in range(len(left) - 1 - length, -1, -1):
                    head = left[start : start + length]
                    hit = self._joined(tokens, look, head, piece, piece, covered)
                    if hit is not None and (self._conjoined(tokens, head[-1], piece[0]) or not _in_order(hit, tokens)):
                        return [hit]
        return []

    def _share_tail(
        self,
        tokens: Tokens,
        look: Sequence[Word],
        left: Sequence[int],
        right: Sequence[int],
        covered: dict[int, _Hit],
    ) -> Iterable[_Hit]:
        """Join the end of the left conjunct with a later part of the right one."""
        for length in range(min(3, len(left)), 0, -1):
            piece = left[-length:]
            for start in range(1, min(5, len(right))):
                for end in range(len(right), start, -1):
                    hit = self._joined(tokens, look, piece, right[start:end], piece, covered, keep_order=True)
                    if hit is not None:
                        return [hit]
        return []

    def _conjoined(self, tokens: Tokens, left: int, right: int) -> bool:
        """Tell whether "and" or "or" stands between two words: a comma alone seldom shares a first part."""
        return any(fold(word) in _CONJUNCTIONS for word in tokens.words[left + 1 : right])

    def _joined(
        self,
        tokens: Tokens,
        look: Sequence[Word],
        left: Sequence[int],
        right: Sequence[int],
        own: Sequence[int],
        covered: dict[int, _Hit],
        *,
        keep_order: bool = False,
    ) -> _Hit | None:
        """Look two pieces up as one name; `own` is the piece that is not shared with another mention."""
        places = (*left, *right)
        if right[0] - left[-1] > _MAX_SPLIT:
            return None
        core = sum(look[place][2] for place in places)
        names = self._index.strict.get(core)
        if names is None or not any(look[place].loose for place in own):
            return None
        pieces = ((left[0], left[-1]), (right[0], right[-1]))
        hit = self._hit(tokens, look, pieces, names, keep_order=keep_order, split=True)
        if hit is None or hit.candidates[0].scope is not Scope.EXACT:
            return None
        for place in own:
            other = covered.get(place)
            if other is None:
                continue
            wider = other.pieces[0][0] < own[0] or other.pieces[0][1] > own[-1]
            if wider or not self._index.ontology.are_kin(other.candidates[0].hpo_id, hit.candidates[0].hpo_id):
                return None
        return hit

    def _abbreviations(self, text: str, tokens: Tokens, hits: list[_Hit]) -> list[_Hit]:
        """Give the meaning of abbreviations that the letter defines to their other uses."""
        if "(" not in text or _DEFINES.search(text) is None:
            return []
        added: list[_Hit] = []
        by_end = {hit.pieces[-1][1]: hit for hit in sorted(hits, key=lambda h: h.size) if len(hit.pieces) == 1}
        redefined: set[int] = set()
        defined: set[str] = set()
        for short, long_first, long_last, place in _definitions(text, tokens):
            if short in defined:
                continue
            defined.add(short)
            hit = by_end.get(long_last)
            meant = hit is not None and hit.pieces[0][0] <= long_first + 1 and hit.pieces[0][0] >= long_first - 1
            forms = (short, short + "s")
            uses = [position for position, word in enumerate(tokens.words) if word in forms]
            redefined.update(uses)
            if meant and hit is not None:
                best = hit.candidates[0]
                candidate = Candidate(
                    best.hpo_id, best.label, min(best.score, 0.9), Method.ABBREVIATION, best.synonym, best.scope
                )
                added += [_Hit(((use, use),), 101, (candidate,)) for use in uses if use != place]
        hits[:] = [h for h in hits if h.pieces[0][0] != h.pieces[-1][1] or h.pieces[0][0] not in redefined]
        return added

    def _disease_names(self, tokens: Tokens) -> list[_Hit]:
        """Find diseases whose names hold the name of a phenotype, so that the part is not coded."""
        found = []
        for place, word in enumerate(tokens.words):
            for name in self._diagnoses.get(normalise(word), ()):
                if tuple(map(normalise, tokens.words[place : place + len(name)])) == name:
                    found.append(_Hit(((place, place + len(name) - 1),), 1000 + len(name), (), diagnosis=True))
        return found

    def _choose(self, hits: list[_Hit]) -> list[_Hit]:
        """Keep the longest of overlapping hits, the earliest of equals; parts of coordinations may share words."""
        kept: list[_Hit] = []
        taken: set[int] = set()
        split: set[tuple[tuple[int, int], ...]] = set()
        for hit in sorted(hits, key=lambda h: (-h.size, h.pieces[0][0], h.pieces[-1][1])):
            if len(hit.pieces) > 1:
                if hit.pieces not in split:
                    split.add(hit.pieces)
                    kept.append(hit)
                continue
            places = range(hit.pieces[0][0], hit.pieces[0][1] + 1)
            if self._nested or taken.isdisjoint(places):
                kept.append(hit)
                taken.update(places)
        whole = {(hit.pieces[0], hit.candidates[0].hpo_id) for hit in kept if len(hit.pieces) == 1 and hit.candidates}
        return sorted((hit for hit in kept if not _repeats(hit, whole)), key=lambda h: h.pieces[0][0])

    def _mention(self, tokens: Tokens, hit: _Hit) -> Mention:
        spans = tuple(Span(tokens.starts[first], tokens.ends[last]) for first, last in hit.pieces)
        if hit.diagnosis:
            return Mention(spans, (), not_coded=NotCoded.DIAGNOSIS)
        return Mention(spans, hit.candidates, review=_AMBIGUOUS if self._is_tie(hit.candidates) else None)

    def _is_tie(self, candidates: Sequence[Candidate]) -> bool:
        """Tell whether two unrelated terms own the words equally."""
        if len(candidates) < 2 or candidates[0].score != candidates[1].score:
            return False
        first, second = candidates[:2]
        tied = first.method is second.method is Method.ABBREVIATION
        return tied and not self._index.ontology.are_kin(first.hpo_id, second.hpo_id)


@lru_cache(maxsize=1)
def _diagnosis_keys() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Give the disease names by their first word, in normal form, longest first."""
    keys: dict[str, tuple[tuple[str, ...], ...]] = {}
    for name in load_rules("lexicon")["diagnoses"]["names"]:
        words = tuple(map(normalise, tokenise(name).words))
        keys[words[0]] = tuple(sorted((*keys.get(words[0], ()), words), key=len, reverse=True))
    return keys


_MISREAD = (("1", "l"), ("0", "o"), ("5", "s"), ("rn", "m"), ("vv", "w"), ("1", "i"), ("c1", "d"))
_MIN_MISREAD = 6


def _misread(word: str, known: Mapping[str, int]) -> str | None:
    """Give the normal form of a word that optical character recognition has misread ("sco1iosis")."""
    if len(word) < _MIN_MISREAD or not any(wrong in word for wrong, _ in _MISREAD):
        return None
    for wrong, right in _MISREAD:
        if wrong in word:
            root = normalise(word.replace(wrong, right))
            if root in known and len(root) >= _MIN_MISREAD - 1:
                return root
    return None


def _repeats(hit: _Hit, whole: set[tuple[tuple[int, int], str]]) -> bool:
    """Tell whether a coordinated hit says what one of its pieces says by itself."""
    return len(hit.pieces) > 1 and any((piece, hit.candidates[0].hpo_id) in whole for piece in hit.pieces)


def _in_order(hit: _Hit, tokens: Tokens) -> bool:
    """Tell whether the pieces of a coordinated hit stand in the order of the name that they make."""
    own = [normalise(word) for word in tokenise(hit.candidates[0].synonym).words]
    written = [normalise(tokens.words[place]) for first, last in hit.pieces for place in range(first, last + 1)]
    places = [own.index(word) for word in written if word in own]
    return places == sorted(places)


def _chains(tokens: Tokens, look: Sequence[Word]) -> Iterable[list[list[int]]]:
    """Give lists of conjuncts: runs of content words that only commas, slashes, "and" or "or" separate."""
    chain: list[list[int]] = []
    run: list[int] = []
    separated = False
    for place, (word, gap) in enumerate(zip(look, tokens.gaps, strict=True)):
        kind = word[0] if tokens.words[place] not in _NEGATORS else _UNKNOWN
        if kind == _CONTENT and gap < _SOFT and not separated:
            run.append(place)
            continue
        if gap >= _HARD or kind == _UNKNOWN:
            if run:
                chain.append(run)
                run = []
            if chain:
                if len(chain) > 1:
                    yield chain
                chain = []
            separated = False
            if kind == _UNKNOWN:
                continue
        if gap == _SOFT or (kind == _ORDERED and fold(tokens.words[place]) in _CONJUNCTIONS):
            separated = True
        elif kind == _ORDERED:
            if run:
                chain.append(run)
            if len(chain) > 1:
                yield chain
            chain, run, separated = [], [], False
            continue
        if kind == _CONTENT:
            if separated and run:
                chain.append(run)
                run = []
            separated = False
            run.append(place)
    if run:
        chain.append(run)
    if len(chain) > 1:
        yield chain


def _nearby(tokens: Tokens, place: int, reach: int = 1) -> frozenset[str]:
    """Give the folded words of the sentence around a word, and of some sentences before and behind it."""
    number = bisect_right(tokens.sentences, place, key=lambda sentence: sentence[0]) - 1
    begin = tokens.sentences[max(0, number - reach)][0]
    end = tokens.sentences[min(len(tokens.sentences) - 1, number + reach)][1]
    return frozenset(map(fold, tokens.words[begin:end]))


@lru_cache(maxsize=1)
def _schwartz_hearst() -> tuple[Any, Any]:
    """Import scispacy's implementation (Schwartz & Hearst 2003) when a letter first needs it."""
    from scispacy.abbreviation import find_abbreviation
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

    vocab = Vocab()
    return find_abbreviation, lambda words: Doc(vocab, words=list(words))


def _definitions(text: str, tokens: Tokens) -> Iterable[tuple[str, int, int, int]]:
    """Give (short form, first and last word of the long form, word of the short form) of each definition."""
    places = {start: place for place, start in enumerate(tokens.starts)}
    for match in _DEFINES.finditer(text):
        short = match.group(1)
        place = places.get(match.start(1))
        if place is None or not any(letter.isupper() for letter in short) or tokens.words[place] != short:
            continue
        begin = max(0, place - min(len(short) + 5, 2 * len(short)))
        long_words = tokens.words[begin:place]
        if not long_words:
            continue
        find_abbreviation, make_doc = _schwartz_hearst()
        doc = make_doc([*long_words, short])
        _, long_form = find_abbreviation(doc[: len(long_words)], doc[len(long_words) :])
        if long_form is not None:
            yield short, begin + long_form.start, begin + long_form.end - 1, place
