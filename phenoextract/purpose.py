"""What the product is for, said in the same words wherever its proposals are shown."""

from __future__ import annotations

INTENDED_PURPOSE = (
    "Proposes terms already written in a document for confirmation by trained staff; "
    "no diagnosis, triage or choice of test."
)
