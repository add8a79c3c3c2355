"""Names that lack one word of the text: "small brown milk teeth", "poor performance on tandem gait"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from phenoextract.link import Manner
from phenoextract.naming import Hit, Namer
from phenoextract.text import Gap
from phenoextract.types import Scope
from phenoextract.vocabulary import Kind, Reading

_MAX_SPLIT = 4  # words from one piece of a mention to the next
_LENGTHS = sorted(product((1, 2, 3), repeat=2), key=sum, reverse=True)  # words of the two pieces, longest first
# The shapes of words that a name may run across in one breath.
_GOES_ON = bytes(
    shape & 7 == Gap.SPACE and shape & ~7 in (Kind.CONTENT, Kind.MODIFIER, Kind.PLAIN) for shape in range(256)
)


def leave_out(namer: Namer, reading: Reading, hits: Sequence[Hit]) -> list[Hit]:
    """Add names that lack one word of the text.

    Hits that such a name runs across must be less specific than it, and make way for it.
    """
    core, pairs, goes_on = reading.core, namer.index.pairs, reading.shape.translate(_GOES_ON)
    at: dict[int, list[int]] = {}  # word -> the hits that have it
    for number, hit in enumerate(hits):
        for place in hit.places:
            at.setdefault(place, []).append(number)
    general: set[int] = set()
    added: list[Hit] = []
    counted = [place for place, key in enumerate(core) if key]
    for number in _omissible(namer, reading, counted):
        last, first = counted[number - 1], counted[number + 1]
        if reading.loose[last] + reading.loose[first] not in pairs or not all(goes_on[last + 1 : first + 1]):
            continue
        for before, behind in _LENGTHS:
            left, right = counted[max(0, number - before) : number], counted[number + 1 : number + 1 + behind]
            names = namer.index.strict.get(sum(core[place] for place in left + right))
            if names is None or not all(goes_on[left[0] + 1 : right[-1] + 1]):
                continue
            pieces = (left[0], last), (first, right[-1])
            found = namer(reading, pieces, names, Manner(keep_order=True, split=True), whole=False)
            if found is None or found.candidates[0].scope is not Scope.EXACT:
                continue
            above = namer.index.ontology.ancestors(found.candidates[0].hpo_id)
            across = {other for place in range(left[0], right[-1] + 1) for other in at.get(place, ())}
            if all(hits[other].candidates[0].hpo_id in above for other in across):
                general |= across
                added.append(found)
                break
    return [hit for number, hit in enumerate(hits) if number not in general] + added


def _omissible(namer: Namer, reading: Reading, counted: Sequence[int]) -> list[int]:
    """Give the words of content, by their number among all, whose neighbours among them may stand in one name."""
    places = np.array(counted, np.intp)
    loose = reading.columns.loose[reading.rows[places]]
    content = reading.columns.kind[reading.rows[places[1:-1]]] == Kind.CONTENT
    near = places[2:] - places[:-2] <= _MAX_SPLIT
    found: list[int] = (np.flatnonzero(near & content & namer.stand_together(loose[:-2] + loose[2:])) + 1).tolist()
    return found
