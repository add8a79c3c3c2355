"""Make the tables in which monitoring counts; they hold numbers, and outlive the requests that they count."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = ("week", "product_version", "hpo_release", "index_sha256", "letter_type")


def _when_and_what() -> list[sa.Column[Any]]:
    return [
        sa.Column("week", sa.Date, nullable=False),
        *(sa.Column(name, sa.String(64), nullable=False) for name in _KEY[1:]),
    ]


def upgrade() -> None:
    """Add them, empty: what was confirmed before is not counted."""
    op.create_table(
        "review_tallies",
        *_when_and_what(),
        sa.Column("branch", sa.String(16), nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, "branch", "band", "method", "outcome", name="pk_review_tallies"),
    )
    op.create_table(
        "letter_tallies",
        *_when_and_what(),
        sa.Column("measure", sa.String(16), nullable=False),
        sa.Column("bin", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, "measure", "bin", name="pk_letter_tallies"),
    )
