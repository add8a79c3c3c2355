"""Measure, compare and explain the accuracy of phenotype extraction on any annotated corpus."""
