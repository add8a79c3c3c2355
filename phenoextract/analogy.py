"""Names that follow from other names of the ontology.

"Bilateral talipes equinovarus" is named after its ancestor "talipes equinovarus", which is also called "club
foot": so "bilateral club foot" names it too, though no synonym says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from phenoextract.index import Name
from phenoextract.text import normalise
from phenoextract.types import Method, Scope

_WRITTEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_MAX_WORDS = 8  # of a derived name
_MAX_ALTERNATIVE = 4  # words: longer synonyms are explanations


def names_by_analogy(names: Sequence[Name], parents: Mapping[str, Sequence[str]]) -> list[Name]:
    """Give the names that terms inherit from the synonyms of an ancestor that they are named after.

    `parents` maps each id to the ids right above it. Only exact names without a context word are used, and
    nothing that names a term already, in whatever order of words, is derived again; nor is what would name two.
    """
    secure: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name.scope is Scope.EXACT and not name.context and name.method is not Method.ABBREVIATION:
            secure[name.hpo_id].append(name.text)
    roots = {text: _roots(_WRITTEN.findall(text)) for texts in secure.values() for text in texts}
    taken = {tuple(sorted(_roots(_WRITTEN.findall(name.text)))) for name in names}
    derived: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for hpo_id, texts in secure.items():
        named = {roots[text]: above for above in _above(hpo_id, parents) for text in secure.get(above, ())}
        for text in texts:
            for phrase, above in _named_after(text, named):
                for other in secure[above]:
                    if len(_WRITTEN.findall(other)) > _MAX_ALTERNATIVE:
                        continue
                    words = _WRITTEN.findall(phrase.format(other[0].lower() + other[1:]))
                    key = tuple(sorted(_roots(words)))
                    if len(words) <= _MAX_WORDS and len(set(key)) == len(key) and key not in taken:
                        derived[key].setdefault(hpo_id, " ".join(words))
    return [
        Name(text, hpo_id, Scope.EXACT, Method.VARIANT)
        for found in derived.values()
        if len(found) == 1
        for hpo_id, text in found.items()
    ]


def _roots(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(normalise, words))


def _named_after(text: str, named: Mapping[tuple[str, ...], str]) -> Iterator[tuple[str, str]]:
    """Give each way in which a name holds that of an ancestor: the rest with a place for it, and the ancestor."""
    words = _WRITTEN.findall(text)
    own = _roots(words)
    for first in range(len(words)):
        for last in range(first + 1, len(words) + 1):
            above = named.get(own[first:last]) if last - first < len(words) else None
            if above is not None:
                yield " ".join((*words[:first], "{}", *words[last:])), above


def _above(hpo_id: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(parents.get(hpo_id, ()))
    while waiting:
        above = waiting.pop()
        if above not in found:
            found.add(above)
            waiting.extend(parents.get(above, ()))
    return found
