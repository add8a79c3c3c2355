"""Growth measurements, centiles and milestones as findings, by the policy in rules/measurements.toml."""

from __future__ import annotations

from phenoextract.types import Mention


def find_measurements(text: str) -> list[Mention]:
    """Give the mentions that a text states as numbers."""
    return []
