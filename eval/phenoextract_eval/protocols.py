"""How a corpus is scored: the switches, the published settings they reproduce, and what known corpora need."""

from __future__ import annotations

from dataclasses import dataclass, replace

from phenoextract.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Protocol:
    """The switches of scoring.

    `ignore_status` takes every gold id and every proposed one as present; `all_terms` also scores ids outside
    Phenotypic abnormality; `split` keeps one part of the corpus; `places` is off where offsets are not to be
    trusted; `precision` is off where the gold is known to be incomplete; `nested` asks the extractor for
    mentions inside mentions.
    """

    name: str = "standard"
    ignore_status: bool = False
    all_terms: bool = False
    split: str | None = None
    places: bool = True
    precision: bool = True
    nested: bool = False


PUBLISHED = {
    "standard": Protocol(),
    "phenobert": Protocol("phenobert", ignore_status=True),  # Feng et al. 2022: negated mentions count like others
    "phenotagger": Protocol("phenotagger", split="test"),  # Luo et al. 2021: 206 of the 228 GSC+ abstracts
    "all-terms": Protocol("all-terms", all_terms=True),
}

_CORPUS_NEEDS: dict[str, dict[str, bool]] = {
    "gsc_2024": {"nested": True},  # its author marks mentions inside mentions
    "gsc_typo": {"nested": True, "places": False},  # its typing errors shift offsets
    "jax_dev": {"precision": False},  # whole papers, of which curators took what they needed
}


def protocol_for(corpus: str, published: str = "standard") -> Protocol:
    """Give a published protocol with what the named corpus needs; raises ConfigError for an unknown protocol."""
    if published not in PUBLISHED:
        raise ConfigError(f"no protocol named {published}; there are {', '.join(PUBLISHED)}")
    needs = _CORPUS_NEEDS.get(corpus, {})
    return replace(
        PUBLISHED[published],
        nested=needs.get("nested", False),
        places=needs.get("places", True),
        precision=needs.get("precision", True),
    )
