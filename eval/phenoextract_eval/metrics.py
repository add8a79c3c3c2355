"""Precision, recall and F1 on counts, and the counts of one document: pure functions of gold and prediction.

The empty document. With nothing to find and nothing proposed a document is right: its precision, recall and F1
are 1, so it adds 1 to a macro average and nothing to a micro one. With something on one side only, all three
are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import astuple, dataclass

Similarity = Callable[[str, str], float]


@dataclass(frozen=True, slots=True)
class Counts:
    """Gold items and how many were found; predicted items and how many were correct.

    Under exact matching `found` equals `correct`. They differ where one prediction may answer several gold items
    (kin, acceptable ids), and are fractions where credit is partial. Adding two pools their documents.
    """

    found: float = 0
    gold: float = 0
    correct: float = 0
    predicted: float = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def precision(self) -> float:
        """The share of predicted items that are correct."""
        return self.correct / self.predicted if self.predicted else float(not self.gold)

    @property
    def recall(self) -> float:
        """The share of gold items that were found."""
        return self.found / self.gold if self.gold else float(not self.predicted)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def swapped(self) -> Counts:
        """Give the counts with gold and prediction in each other's place."""
        return Counts(self.correct, self.predicted, self.found, self.gold)


def total(counts: Iterable[Counts]) -> Counts:
    """Pool the counts of documents (micro average)."""
    return sum(counts, Counts())


def macro_f1(counts: Collection[Counts]) -> float:
    """Average F1 over documents, each counting the same; 0 without documents."""
    return sum(c.f1 for c in counts) / len(counts) if counts else 0.0


def id_counts(gold: AbstractSet[str], predicted: AbstractSet[str]) -> Counts:
    """Count ids that are the same."""
    same = len(gold & predicted)
    return Counts(same, len(gold), same, len(predicted))


def lenient_counts(
    gold: Mapping[str, AbstractSet[str]], predicted: AbstractSet[str], neutral: AbstractSet[str] = frozenset()
) -> Counts:
    """Count ids where a gold id has others that are acceptable in its place.

    `neutral` ids, unless they answer a gold id, count neither way.
    """
    answers = {hpo_id: {hpo_id, *others} for hpo_id, others in gold.items()}
    right = predicted & set().union(*answers.values())
    found = sum(bool(accepted & predicted) for accepted in answers.values())
    return Counts(found, len(gold), len(right), len(right | (predicted - neutral)))


def kin_counts(gold: AbstractSet[str], predicted: AbstractSet[str], are_kin: Callable[[str, str], bool]) -> Counts:
    """Count ids where an ancestor or a descendant will do."""
    found = sum(any(are_kin(a, b) for b in predicted) for a in gold)
    correct = sum(any(are_kin(a, b) for b in gold) for a in predicted)
    return Counts(found, len(gold), correct, len(predicted))


def similarity_counts(gold: AbstractSet[str], predicted: AbstractSet[str], similarity: Similarity) -> Counts:
    """Give each id the credit of the most similar id on the other side, from 0 to 1."""
    found = sum(max((similarity(a, b) for b in predicted), default=0.0) for a in gold)
    correct = sum(max((similarity(a, b) for b in gold), default=0.0) for a in predicted)
    return Counts(found, len(gold), correct, len(predicted))


def rate(hits: float, of: float) -> Counts:
    """Count a plain share (linked right, traps coded): its precision, recall and F1 are all that share."""
    return Counts(hits, of, hits, of)
