from __future__ import annotations

import pytest

from phenoextract.ontology import Ontology, Synonym, Term
from phenoextract.release_diff import Change, changes, diff
from phenoextract.types import Scope


def _term(code: str, label: str, parents: tuple[str, ...] = (), synonyms: tuple[str, ...] = ()) -> Term:
    return Term(code, label, "", tuple(Synonym(text, Scope.EXACT) for text in synonyms), parents)


def _ontology(release: str, *terms: Term, replaced: dict[str, str], obsolete: tuple[str, ...] = ()) -> Ontology:
    return Ontology(release, {term.id: term for term in terms}, replaced, obsolete)


OLD = _ontology(
    "2024-01-01",
    _term("HP:1", "Root"),
    _term("HP:2", "Kept", ("HP:1",), ("same",)),
    _term("HP:3", "Old label", ("HP:1",)),
    _term("HP:4", "Moved", ("HP:1",)),
    _term("HP:5", "Merged", ("HP:1",)),
    _term("HP:6", "Dropped", ("HP:1",)),
    replaced={"HP:55": "HP:5"},
)
NEW = _ontology(
    "2025-01-01",
    _term("HP:1", "Root"),
    _term("HP:2", "Kept", ("HP:1",), ("same", "new one", "new two")),
    _term("HP:3", "New label", ("HP:1",)),
    _term("HP:4", "Moved", ("HP:2",)),
    _term("HP:7", "Added", ("HP:1",), ("not counted",)),
    replaced={"HP:5": "HP:7", "HP:55": "HP:7"},
    obsolete=("HP:6",),
)


def test_release_diff_of_two_releases() -> None:
    found = diff(OLD, NEW)
    assert (found.old, found.new) == ("2024-01-01", "2025-01-01")
    assert found.added == ("HP:7",)
    assert found.retired == {"HP:5": "HP:7", "HP:6": None}
    assert found.relabelled == {"HP:3": ("Old label", "New label")}
    assert found.moved == {"HP:4": (("HP:1",), ("HP:2",))}
    assert found.new_synonyms == 2


def test_release_diff_of_a_release_with_itself_is_empty() -> None:
    found = diff(NEW, NEW)
    assert not (found.added or found.retired or found.relabelled or found.moved or found.new_synonyms)


@pytest.mark.parametrize(
    ("code", "change", "current"),
    [
        ("HP:2", Change.UNCHANGED, "HP:2"),
        ("HP:3", Change.RELABELLED, "HP:3"),
        ("HP:4", Change.MOVED, "HP:4"),
        ("HP:5", Change.MIGRATED, "HP:7"),
        ("HP:55", Change.MIGRATED, "HP:7"),
        ("HP:6", Change.RETIRED, None),
        ("HP:7", Change.ADDED, "HP:7"),
        ("HP:9", Change.UNKNOWN, None),
    ],
)
def test_release_diff_of_a_code(code: str, change: Change, current: str | None) -> None:
    (found,) = changes([code], OLD, NEW)
    assert (found.change, found.current) == (change, current)
