"""Names that lack one word of the text: "small brown milk teeth", "poor performance on tandem gait"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from phenoextract.link import Manner
from phenoextract.naming import Hit, Namer
from phenoextract.text import Gap
from phenoextract.types import Scope
from phenoextract.vocabulary import Kind, Reading, gap_of, kind_of

_MAX_SPLIT = 4  # words from one piece of a mention to the next
_LENGTHS = np.array([[1], [2], [3]])  # words of content of one piece
_FEWEST = 3  # words of content in a name's text, with the one that it lacks
# The shapes of words that a name cannot run across in one breath.
_RUNS_ON = (Kind.CONTENT, Kind.MODIFIER, Kind.PLAIN)
_STOPS = bytes(gap_of(shape) != Gap.SPACE or kind_of(shape) not in _RUNS_ON for shape in range(256))


def leave_out(namer: Namer, reading: Reading, hits: Sequence[Hit]) -> list[Hit]:
    """Add names that lack one word of the text.

    Hits that such a name runs across must be less specific than it, and make way for it.
    """
    found = list(_names(namer, reading))
    if not found:
        return list(hits)
    at: dict[int, list[int]] = {}  # word -> the hits that have it
    for number, hit in enumerate(hits):
        for place in hit.places:
            at.setdefault(place, []).append(number)
    general: set[int] = set()
    added: dict[int, Hit] = {}  # the first word behind the one left out -> the longest name
    for hit in found:
        (begin, _), (first, end) = hit.pieces
        above = namer.index.ontology.ancestors(hit.candidates[0].hpo_id)
        across = {number for place in range(begin, end + 1) for number in at.get(place, ())}
        if first not in added and all(hits[number].candidates[0].hpo_id in above for number in across):
            general |= across
            added[first] = hit
    return [hit for number, hit in enumerate(hits) if number not in general] + [*added.values()]


def _names(namer: Namer, reading: Reading) -> Iterator[Hit]:
    """Give the names in two pieces around one word of content, those around the same word longest first."""
    columns, strict = reading.columns, namer.index.strict
    core = columns.core[reading.rows]
    places = core.nonzero()[0]
    if len(places) < _FEWEST:
        return
    rows = reading.rows[places]
    loose, kinds = columns.loose[rows], columns.kind[rows]
    stops = np.frombuffer(reading.shape.translate(_STOPS), np.uint8).cumsum(dtype=np.int64)[places]
    close = (stops[2:] == stops[:-2]) & (places[2:] - places[:-2] <= _MAX_SPLIT)
    out = (close & (kinds[1:-1] == Kind.CONTENT) & namer.stand_together(loose[:-2] + loose[2:])).nonzero()[0] + 1
    if not len(out):
        return
    # for each word that may be left out, all lengths of the pieces before (rows) and behind it (columns) at once
    first, last = out - _LENGTHS, out + _LENGTHS
    there = (first >= 0)[:, None] & (last < len(places))[None]
    first, last = np.maximum(first, 0), np.minimum(last, len(places) - 1)
    there &= (kinds[first] != Kind.NEGATION)[:, None]  # "no abnormal speech" is not "no speech"
    there &= stops[first][:, None] == stops[last][None]
    until = np.concatenate([np.zeros(1, np.uint64), core[places].cumsum(dtype=np.uint64)])
    keys = (until[out] - until[first])[:, None] + (until[last + 1] - until[out + 1])[None]
    befores, behinds, numbers = (there & namer.may_name(keys)).nonzero()
    for number, before, behind in sorted(
        zip(numbers.tolist(), befores.tolist(), behinds.tolist(), strict=True), key=lambda n: (n[0], -n[1] - n[2], n[1])
    ):
        found = strict.get(int(keys[before, behind, number]))
        if found is None:
            continue
        begin, left, right, end = places[
            [first[before, number], out[number] - 1, out[number] + 1, last[behind, number]]
        ].tolist()
        hit = namer(reading, ((begin, left), (right, end)), found, Manner(keep_order=True, split=True), whole=False)
        if hit is not None and hit.candidates[0].scope is Scope.EXACT:
            yield hit
