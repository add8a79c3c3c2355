"""Phrases that reviewers gave a term which the lexicon did not, as rows of a lexicon for a person to sign off.

Nothing is learnt by itself: a row counts only once somebody has read it, moved it to `ontologies/uk_lexicon.tsv` and
built the index anew. What reviewers link is words of letters, so that a phrase is given only if enough patients share
it, and never one with digits or of many words.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import select

from phenoextract import Extractor
from phenoextract.types import Scope
from phenoextract_api.auth import Actor
from phenoextract_api.monitoring.tallies import Outcome, outcome_of
from phenoextract_api.request_types import Request, RequestNotFound, State
from phenoextract_api.requests import get_request
from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store
from phenoextract_api.store.tables import VersionRow

COLUMNS = ("synonym", "hpo_id", "scope", "type", "context", "rationale")
_MAX_WORDS = 6
_MIN_CHARS, _MAX_CHARS = 3, 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """A phrase with the term that reviewers gave it, and how many patients and reviewers are behind it.

    `missed` counts where nothing was proposed for it, `instead` the terms that were.
    """

    phrase: str = field(repr=False)
    hpo_id: str
    label: str
    patients: int
    reviewers: int
    missed: int
    instead: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Link:
    phrase: str
    hpo_id: str
    proposed: str | None
    patient: str
    reviewer: str


def find_candidates(store: Store, actor: Actor, extractor: Extractor, *, patients: int) -> list[Candidate]:
    """Give the phrases that were given the same term for so many patients or more, the most frequent first.

    Only confirmed requests count, in their newest confirmed version. The audit notes who asked, since it reads letters.
    Raises NotPermitted for who may not read requests.
    """
    with store.reading() as session:
        query = select(VersionRow.request_id, VersionRow.version).where(VersionRow.state == State.CONFIRMED.value)
        confirmed = [(request_id, version) for request_id, version in session.execute(query)]
    links: defaultdict[tuple[str, str], list[_Link]] = defaultdict(list)
    for request_id, version in confirmed:
        try:
            request = get_request(store, actor, request_id, version=version)
        except RequestNotFound:  # erased meanwhile
            continue
        for link in _links(request, extractor):
            links[link.phrase.casefold(), link.hpo_id].append(link)
    known = {(name.text.casefold(), name.hpo_id) for name in extractor.names}
    found = [
        _candidate(same, extractor.ontology.label(hpo_id))
        for (phrase, hpo_id), same in links.items()
        if (phrase, hpo_id) not in known and len({link.patient for link in same}) >= patients
    ]
    with store.writing() as session:
        audit.append(
            session,
            store.cipher,
            actor.name,
            "monitor.candidates",
            after={"requests": len(confirmed), "patients": patients, "phrases": len(found)},
        )
    return sorted(found, key=lambda one: (-one.patients, one.phrase.casefold(), one.hpo_id))


def to_tsv(candidates: Iterable[Candidate]) -> str:
    """Write them as rows of a lexicon, with the scope RELATED, which reviewers must check, until a person says more."""
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in candidates:
        instead = "".join(f", {count} times proposed as {hpo_id}" for hpo_id, count in one.instead)
        reason = f"to sign off: {one.patients} patients, {one.reviewers} reviewers, {one.missed} times missed{instead}"
        table.writerow((one.phrase, one.hpo_id, Scope.RELATED.value, "clinical", "", reason))
    return text.getvalue()


def _links(request: Request, extractor: Extractor) -> Iterator[_Link]:
    """Give the phrases that a request's reviewer gave a term, or another one."""
    for one in request.suggestions:
        outcome = outcome_of(one)
        if outcome not in (Outcome.ADDED_WORDS, Outcome.REPLACED):
            continue
        current = extractor.ontology.current(one.hpo_id or "")
        if current is None:
            continue
        if one.evidence:
            words = [request.report.annotations[index].text for index in one.evidence]
        else:
            words = [request.letter.text[one.start : one.end]]
        reviewer = one.decided[-1].by
        for phrase in {" ".join(text.split()) for text in words}:
            if _can_be_a_name(phrase):
                yield _Link(phrase, current, one.proposed_hpo_id, request.summary.patient_ref, reviewer)


def _can_be_a_name(phrase: str) -> bool:
    return (
        _MIN_CHARS <= len(phrase) <= _MAX_CHARS
        and len(phrase.split()) <= _MAX_WORDS
        and phrase.isprintable()
        and not any(character.isdigit() for character in phrase)
    )


def _candidate(links: list[_Link], label: str) -> Candidate:
    instead = Counter(link.proposed for link in links if link.proposed is not None)
    return Candidate(
        phrase=Counter(link.phrase for link in links).most_common(1)[0][0],
        hpo_id=links[0].hpo_id,
        label=label,
        patients=len({link.patient for link in links}),
        reviewers=len({link.reviewer for link in links}),
        missed=sum(link.proposed is None for link in links),
        instead=tuple(instead.most_common()),
    )
