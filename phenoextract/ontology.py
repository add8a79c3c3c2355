"""The Human Phenotype Ontology as the pipeline needs it: terms, synonyms, ancestors, replacements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from phenoextract.types import Scope

PHENOTYPIC_ABNORMALITY = "HP:0000118"
HPO_CITATION = (
    "This service uses the Human Phenotype Ontology (https://human-phenotype-ontology.github.io); "
    "release {release}. Find out more at http://www.human-phenotype-ontology.org"
)


@dataclass(frozen=True, slots=True)
class Synonym:
    """Another name of a term, with its scope and, where the ontology gives one, its type."""

    text: str
    scope: Scope
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A current term of the ontology."""

    id: str
    label: str
    definition: str
    synonyms: tuple[Synonym, ...]
    parents: tuple[str, ...]


class Ontology:
    """Read-only view of one HPO release.

    Built by `phenoextract.index`; `terms` holds current terms only, `replaced` maps alternative and
    obsolete ids to their current one, `obsolete` lists retired ids that have no successor.
    """

    def __init__(
        self, release: str, terms: Mapping[str, Term], replaced: Mapping[str, str], obsolete: Iterable[str]
    ) -> None:
        self.release = release
        self.terms = terms
        self.replaced = replaced
        self.obsolete = frozenset(obsolete)
        self._children: dict[str, list[str]] | None = None
        self.ancestors = lru_cache(maxsize=None)(self._ancestors)

    def __len__(self) -> int:
        return len(self.terms)

    def __contains__(self, hpo_id: object) -> bool:
        return hpo_id in self.terms

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms.values())

    def __getitem__(self, hpo_id: str) -> Term:
        return self.terms[hpo_id]

    def current(self, hpo_id: str) -> str | None:
        """Give the current id of an id, following alternative ids and `replaced_by`; None if there is none."""
        if hpo_id in self.terms:
            return hpo_id
        return self.replaced.get(hpo_id)

    def label(self, hpo_id: str) -> str:
        """Give a current term's label; raises KeyError for any other id."""
        return self.terms[hpo_id].label

    def _ancestors(self, hpo_id: str) -> frozenset[str]:
        """Every term above this one, itself excluded."""
        found: set[str] = set()
        for parent in self.terms[hpo_id].parents:
            found.add(parent)
            found |= self.ancestors(parent)
        return frozenset(found)

    def children(self, hpo_id: str) -> tuple[str, ...]:
        """Give the ids directly below a term, in id order."""
        if self._children is None:
            self._children = {}
            for term in self.terms.values():
                for parent in term.parents:
                    self._children.setdefault(parent, []).append(term.id)
        return tuple(self._children.get(hpo_id, ()))

    def is_phenotype(self, hpo_id: str) -> bool:
        """Tell whether a current id lies below Phenotypic abnormality (HP:0000118)."""
        return PHENOTYPIC_ABNORMALITY in self.ancestors(hpo_id)

    def are_kin(self, a: str, b: str) -> bool:
        """Tell whether two current ids are the same, or one is an ancestor of the other."""
        return a == b or a in self.ancestors(b) or b in self.ancestors(a)
