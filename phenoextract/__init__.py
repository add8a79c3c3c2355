"""Propose Human Phenotype Ontology terms for what a clinical letter says, with the evidence for each."""
