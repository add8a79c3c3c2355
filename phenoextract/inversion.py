"""Names whose describing words stand behind a comma or in brackets: "exostoses, multiple", "apnoea (central)"."""

from __future__ import annotations

from collections.abc import Sequence, Set

from phenoextract.link import Manner
from phenoextract.naming import Hit, Namer
from phenoextract.text import Gap
from phenoextract.vocabulary import Kind, Reading

_LONGEST = 3  # describing words
_PLAIN = Manner()


def turn_round(namer: Namer, reading: Reading, hits: Sequence[Hit]) -> list[Hit]:
    """Replace names by the narrower ones that the words behind their comma or in their brackets make of them.

    These end with the list or the bracket ("ataxia, progressive; chorea", but not "ataxia, progressive hearing loss"),
    and name nothing themselves.
    """
    named = {place for hit in hits for place in hit.places}
    return [_turned(namer, reading, hit, named) or hit for hit in hits]


def _turned(namer: Namer, reading: Reading, hit: Hit, named: Set[int]) -> Hit | None:
    first, last = hit.pieces[0]
    gaps, begin = reading.tokens.gaps, last + 1
    if len(hit.pieces) > 1 or not hit.candidates or begin == len(gaps) or gaps[begin] != Gap.SOFT:
        return None
    for end in range(min(last + _LONGEST, len(gaps) - 1), last, -1):
        if max(gaps[begin + 1 : end + 1], default=Gap.SPACE) != Gap.SPACE or not _closes(reading, end):
            continue
        if not named.isdisjoint(range(begin, end + 1)):
            continue
        names = namer.index.strict.get(sum(reading.strict[first : end + 1]))
        found = names and namer(reading, ((first, end),), names, _PLAIN, whole=True)
        if found and hit.candidates[0].hpo_id in namer.index.ontology.ancestors(found.candidates[0].hpo_id):
            return found
    return None


def _closes(reading: Reading, place: int) -> bool:
    """Tell whether a word is the last of its member of a list, which does not go on with "and"."""
    behind = place + 1
    return (
        behind == len(reading.shape) or reading.tokens.gaps[behind] >= Gap.SOFT or reading.kind(behind) == Kind.ORDERED
    )
