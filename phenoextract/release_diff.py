"""What changes between two releases of the HPO: for the ontology as a whole, and for a list of codes in use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from phenoextract.ontology import Ontology


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """The differences between an old release and a new one, ids in order.

    `retired` maps an id that is no longer current to its successor, None if there is none; `relabelled` and
    `moved` map an id to its old and new label or parents; `new_synonyms` counts the synonyms that terms of both
    releases gained.
    """

    old: str
    new: str
    added: tuple[str, ...]
    retired: dict[str, str | None]
    relabelled: dict[str, tuple[str, str]]
    moved: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    new_synonyms: int


class Change(StrEnum):
    """What a newer release means for one code."""

    UNCHANGED = "unchanged"
    RELABELLED = "relabelled"
    MOVED = "moved"
    ADDED = "added"
    MIGRATED = "replaced"
    RETIRED = "retired without successor"
    UNKNOWN = "unknown in both releases"


@dataclass(frozen=True, slots=True)
class CodeChange:
    """What a newer release means for one code; `current` is the id to use from then on, None if there is none."""

    code: str
    change: Change
    current: str | None
    detail: str = ""


def diff(old: Ontology, new: Ontology) -> ReleaseDiff:
    """Compare two releases."""
    kept = sorted(set(old.terms) & set(new.terms))
    return ReleaseDiff(
        old=old.release,
        new=new.release,
        added=tuple(sorted(set(new.terms) - set(old.terms))),
        retired={code: new.current(code) for code in sorted(set(old.terms) - set(new.terms))},
        relabelled={code: (old.label(code), new.label(code)) for code in kept if old.label(code) != new.label(code)},
        moved={
            code: (old[code].parents, new[code].parents)
            for code in kept
            if set(old[code].parents) != set(new[code].parents)
        },
        new_synonyms=sum(len(_synonyms(new, code) - _synonyms(old, code)) for code in kept),
    )


def changes(codes: Iterable[str], old: Ontology, new: Ontology) -> list[CodeChange]:
    """Tell for each code, in the order given, what the newer release means for it."""
    return [_change(code, old, new) for code in codes]


def _change(code: str, old: Ontology, new: Ontology) -> CodeChange:
    current = new.current(code)
    if current is None:
        known = old.current(code) is not None or code in old.obsolete or code in new.obsolete
        return CodeChange(code, Change.RETIRED if known else Change.UNKNOWN, None)
    if current != code:
        return CodeChange(code, Change.MIGRATED, current, f"use {current} {new.label(current)}")
    if code not in old:
        return CodeChange(code, Change.ADDED, code, new.label(code))
    if old.label(code) != new.label(code):
        return CodeChange(code, Change.RELABELLED, code, f"{old.label(code)} -> {new.label(code)}")
    before, after = old[code].parents, new[code].parents
    if set(before) != set(after):
        return CodeChange(code, Change.MOVED, code, f"{', '.join(before)} -> {', '.join(after)}")
    return CodeChange(code, Change.UNCHANGED, code)


def _synonyms(ontology: Ontology, code: str) -> set[str]:
    return {synonym.text for synonym in ontology[code].synonyms}
