"""Choose among the names that a phrase matches: which term, how sure, and whether a person should look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from phenoextract.index import Name, content_words
from phenoextract.ontology import Ontology
from phenoextract.text import normalise, plain_form, tokenise
from phenoextract.types import Candidate, Method, Scope

MAX_CANDIDATES = 5
_BASE = {
    Method.LABEL: 0.98,
    Method.SYNONYM: 0.96,
    Method.UK_LEXICON: 0.93,
    Method.VARIANT: 0.9,
    Method.ABBREVIATION: 0.9,
}
_SCOPE = {Scope.EXACT: 1.0, Scope.NARROW: 0.7, Scope.RELATED: 0.65, Scope.BROAD: 0.6}
_ORIGIN = {Method.LABEL: 0, Method.SYNONYM: 1, Method.UK_LEXICON: 1, Method.VARIANT: 2, Method.ABBREVIATION: 2}
_FAR = 0.85
_VARIANT, _LOOSE, _FUZZY, _SPLIT = 0.97, 0.85, 0.8, 0.95
_MIN_VARIANT = 6
_CONJUNCTION = re.compile(r"[,/&]|\b(?:and|or)\b")
_NEGATORS = frozenset({"no", "not", "non", "without", "never", "cannot", "unable", "nothing"})


class _Form(NamedTuple):
    """What ranking needs of a name's string, worked out once."""

    plain: tuple[str, ...]
    any_order: list[str]
    roots: tuple[str, ...]
    negated: bool
    joined: bool


@lru_cache(maxsize=100_000)
def _form(text: str) -> _Form:
    written = content_words(tokenise(text).words)
    plain = tuple(map(plain_form, written))
    return _Form(
        plain,
        sorted(plain),
        tuple(map(normalise, written)),
        not _NEGATORS.isdisjoint(plain),
        _CONJUNCTION.search(text) is not None,
    )


class Manner(NamedTuple):
    """How a phrase was matched, as far as it bears on which name is meant.

    `keep_order`: its words may stand in the name's order only; `joined`: a comma, "and" or "or" stands among
    them; `loose`: found by words that count as equals; `fuzzy`: by a corrected word; `split`: in two pieces.
    """

    keep_order: bool = False
    joined: bool = False
    loose: bool = False
    fuzzy: bool = False
    split: bool = False


def rank(
    names: Sequence[Name], words: Sequence[str], manner: Manner, ontology: Ontology, far: Sequence[Name] = ()
) -> tuple[Candidate, ...]:
    """Rank the names that share a phrase's key, best first, one candidate a term.

    The order is lexicographic, after gilda's string score (Gyori et al. 2022): scope, same spelling, same
    word order, origin of the name. Names that need another case, the written word order or a comma or "and" of
    their own and lack it are dropped; so the result may be empty (NIL). `words` are the phrase's content words;
    names whose context stands `far` away count less, and only if they leave one reading.
    """
    plain = tuple(map(plain_form, words))
    in_any_order = sorted(plain)
    roots = tuple(map(normalise, words))
    ranked: list[tuple[tuple[int, ...], Name, float, Method]] = []
    distant: set[str] = set()
    for name in names:
        form = _form(name.text)
        same = form.any_order == in_any_order
        in_order = form.plain == plain or (not same and _same_order(form.roots, roots))
        # "high-arched, narrow palate" is the "narrow, high-arched palate" of the ontology
        swapped = same and manner.joined and "," in name.text
        if not in_order and not swapped and (manner.keep_order or form.negated):
            continue
        if manner.joined and not form.joined:
            continue
        if form.plain[0] == "no" and not same:
            continue  # "no renal scan" is not "no kidneys on the scan"
        if len(form.plain) == 1 and not same and not _safe_variant(form.plain[0], plain[0]):
            continue
        if name.method is Method.ABBREVIATION and not _same_case(name.text, words):
            continue
        score = _BASE[name.method] * _SCOPE[name.scope]
        if name in far:
            distant.add(name.hpo_id)
            score *= _FAR
        method = name.method
        if not same:
            score, method = score * _VARIANT, Method.VARIANT
        if manner.loose:
            score, method = score * _LOOSE, Method.VARIANT
        if manner.fuzzy:
            score, method = score * _FUZZY, Method.FUZZY
        if manner.split:
            score, method = score * _SPLIT, Method.COORDINATION
        key = (
            int(name.scope is not Scope.EXACT),
            int(not same),
            abs(len(form.plain) - len(plain)),
            int(not in_order),
            _ORIGIN[name.method],
        )
        ranked.append((key, name, score, method))
    near = [row for row in ranked if row[1].hpo_id not in distant]
    if not near and len(distant) > 1:
        return ()
    ranked = near or ranked
    ranked.sort(key=lambda row: (row[0], row[1].hpo_id))
    _general_first(ranked, ontology)
    chosen: dict[str, Candidate] = {}
    for _, name, score, method in ranked:
        if name.hpo_id not in chosen and len(chosen) < MAX_CANDIDATES:
            chosen[name.hpo_id] = Candidate(
                name.hpo_id, ontology.label(name.hpo_id), round(score, 3), method, name.text, name.scope
            )
    return tuple(chosen.values())


def _general_first(ranked: list[tuple[tuple[int, ...], Name, float, Method]], ontology: Ontology) -> None:
    """Of two terms that own the same words equally, put the general one first: the words do not tell them apart."""
    if len(ranked) < 2 or ranked[0][0][:4] != ranked[1][0][:4]:
        return
    first, second = ranked[0][1].hpo_id, ranked[1][1].hpo_id
    if second in ontology.ancestors(first):
        ranked[0], ranked[1] = ranked[1], ranked[0]


def _safe_variant(own: str, written: str) -> bool:
    """Tell whether a single word derived from a name still names the finding.

    "Ataxic" does for "ataxia"; the thing itself ("neutrophil" for "neutrophilia") and a verb ("aspirated" for
    "aspiration") do not. Where the name has the same ending, as "dolichocephaly" has that of "dolicocephaly", it tells
    nothing.
    """
    if min(len(own), len(written)) < _MIN_VARIANT or own.startswith(written) or own.endswith("ness"):
        return False
    return not any(written.endswith(end) and not own.endswith(end) for end in ("ly", "ed", "ing", "ate"))


def _same_order(own: Sequence[str], roots: Sequence[str]) -> bool:
    """Tell whether the words that both share stand in the same order, and other words in the places of others."""
    if len(own) == len(roots) and any((a in roots) != (b in own) for a, b in zip(own, roots, strict=True)):
        return False  # "upturned nose, wide ..." is no "broad, upturned nose"
    places = [own.index(root) for root in roots if root in own]
    return len(places) > 1 and places == sorted(places)


def _same_case(name: str, words: Sequence[str]) -> bool:
    """Tell whether an abbreviation is written as such: in its own case, a plural s aside."""
    written = "".join(words)
    own = "".join(content_words(tokenise(name).words))
    return written == own or (written.endswith("s") and written[:-1] == own)
