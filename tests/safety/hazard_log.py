"""The hazard log, docs/safety/hazard_log.csv, as values: hazards in the form of DCB0129, controls with their tests."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

LOG = Path(__file__).parents[2] / "docs" / "safety" / "hazard_log.csv"
SEVERITIES = ("Minor", "Significant", "Considerable", "Major", "Catastrophic")
LIKELIHOODS = ("Very low", "Low", "Medium", "High", "Very high")
# The risk matrix of the guidance to DCB0129: a row for each likelihood, a column for each severity.
_RISK = ((1, 1, 2, 2, 3), (1, 2, 2, 3, 4), (2, 2, 3, 3, 4), (2, 3, 3, 4, 5), (3, 4, 4, 5, 5))
ACCEPTABLE = 2  # the highest risk that needs no further reduction


@dataclass(frozen=True, slots=True)
class Control:
    """What holds a hazard down, and the pytest node ids, without parameters, of the tests that prove it."""

    text: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hazard:
    """One row of the log; risks run from 1 to 5, `transferred` is what the deploying organisation must do."""

    id: str
    hazard: str
    cause: str
    effect: str
    severity: str
    likelihood: str
    risk: int
    controls: tuple[Control, ...]
    residual_likelihood: str
    residual_risk: int
    transferred: str


def risk_of(severity: str, likelihood: str) -> int:
    """Give the risk of the matrix, from 1 to 5. Raises ValueError for a word that is not on its scale."""
    return _RISK[LIKELIHOODS.index(likelihood)][SEVERITIES.index(severity)]


def read_log(path: Path = LOG) -> list[Hazard]:
    """Give the hazards of a log; each line of the cell `tests` holds those of the same line of `controls`.

    Raises ValueError with the hazard's id for a control without a test, a test without a control, a cell that is
    empty, a risk that is not the matrix's, or an id that is there twice.
    """
    with path.open(encoding="utf-8", newline="") as file:
        hazards = [_hazard(row) for row in csv.DictReader(file, strict=True)]
    ids = [hazard.id for hazard in hazards]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)}: there twice")
    return hazards


def _hazard(row: dict[str, str]) -> Hazard:
    empty = [name for name, cell in row.items() if not (cell or "").strip()]
    if empty:
        raise ValueError(f"{row['id']}: nothing under {', '.join(empty)}")
    texts, tests = row["controls"].splitlines(), [line.split() for line in row["tests"].splitlines()]
    if len(texts) != len(tests) or not all(tests):
        raise ValueError(f"{row['id']}: {len(texts)} controls and tests for {len(list(filter(None, tests)))}")
    for when in ("", "residual_"):
        expected = risk_of(row["severity"], row[f"{when}likelihood"])
        if row[f"{when}risk"] != str(expected):
            raise ValueError(f"{row['id']}: the {when}risk of the matrix is {expected}, not {row[f'{when}risk']}")
    return Hazard(
        id=row["id"],
        hazard=row["hazard"],
        cause=row["cause"],
        effect=row["effect"],
        severity=row["severity"],
        likelihood=row["likelihood"],
        risk=int(row["risk"]),
        controls=tuple(Control(text, tuple(ids)) for text, ids in zip(texts, tests, strict=True)),
        residual_likelihood=row["residual_likelihood"],
        residual_risk=int(row["residual_risk"]),
        transferred=row["transferred"],
    )
