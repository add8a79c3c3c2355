"""Propose Human Phenotype Ontology terms for what a clinical letter says, with the evidence for each."""

from phenoextract.errors import PhenoextractError
from phenoextract.pipeline import ExtractConfig, Extractor, load
from phenoextract.types import Document, Report, Status

__all__ = ["Document", "ExtractConfig", "Extractor", "PhenoextractError", "Report", "Status", "load"]
