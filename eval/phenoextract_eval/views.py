"""What of a gold document and of an answer a protocol scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from phenoextract.ontology import Ontology
from phenoextract.types import Status
from phenoextract_eval.gold import GoldDocument, GoldMention, GoldTerm
from phenoextract_eval.protocols import Protocol
from phenoextract_eval.systems import Coded


@dataclass(frozen=True, slots=True)
class Wanted:
    """The ids a document should get in one status: each with those acceptable in its place, and those neutral."""

    ids: Mapping[str, frozenset[str]]
    neutral: frozenset[str]


def scored(hpo_id: str | None, ontology: Ontology, protocol: Protocol) -> str | None:
    """Give an id in the release's form if the protocol scores it."""
    current = None if hpo_id is None else ontology.current(hpo_id)
    return current if current is not None and (protocol.all_terms or ontology.is_phenotype(current)) else None


def wanted(document: GoldDocument, status: Status, ontology: Ontology, protocol: Protocol) -> Wanted:
    """Collect the ids of a document in a status; a mention without status counts as present."""
    ids: dict[str, set[str]] = defaultdict(set)
    neutral: set[str] = set()
    for item in items(document):
        hpo_id = scored(item.hpo_id, ontology, protocol)
        if hpo_id is None or gold_status(item.status, protocol) is not status:
            continue
        acceptable = item.acceptable if isinstance(item, GoldMention) else frozenset()
        if isinstance(item, GoldMention) and item.optional:
            neutral |= {hpo_id, *acceptable}
        else:
            ids[hpo_id] |= acceptable
    return Wanted({hpo_id: frozenset(others) for hpo_id, others in ids.items()}, frozenset(neutral))


def proposed(coded: Coded, status: Status, ontology: Ontology, protocol: Protocol) -> frozenset[str]:
    """Collect the ids an answer proposes in a status."""
    found = (
        scored(term.hpo_id, ontology, protocol) for term in coded.terms if gold_status(term.status, protocol) is status
    )
    return frozenset(hpo_id for hpo_id in found if hpo_id is not None)


def gold_status(status: Status | None, protocol: Protocol) -> Status:
    """Give the status that counts: present where it is not annotated or the protocol ignores it."""
    return Status.PRESENT if status is None or protocol.ignore_status else status


def items(document: GoldDocument) -> Iterable[GoldMention | GoldTerm]:
    """Give everything a document is marked with."""
    yield from document.mentions
    yield from document.terms
