"""Make the tables of the store, and the triggers that keep the audit append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)

_SQLITE_TRIGGERS = (
    "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
)
_POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$",
    "CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
)


def upgrade() -> None:
    """Start from an empty database."""
    op.create_table(
        "requests",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("letter", sa.LargeBinary, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
        sa.Column("patient_ref", sa.LargeBinary, nullable=False),
        sa.Column("letter_sha256", sa.String(64), nullable=False),
        sa.Column("letter_type", sa.String(64)),
        sa.Column("test_system", sa.String(256)),
        sa.Column("test_code", sa.String(64)),
        sa.Column("test_display", sa.String(256)),
        sa.Column("patient_digest", sa.LargeBinary, nullable=False),
        sa.Column("duplicate_digest", sa.LargeBinary, nullable=False),
        sa.Column("idempotency_digest", sa.LargeBinary),
        sa.Column("created_by", sa.String(256), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        sa.UniqueConstraint("duplicate_digest", name="uq_requests_duplicate_digest"),
        sa.UniqueConstraint("idempotency_digest", name="uq_requests_idempotency_digest"),
    )
    op.create_index("ix_requests_patient_digest", "requests", ["patient_digest"])
    op.create_table(
        "versions",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("edit", sa.Integer, nullable=False),
        sa.Column("undecided", sa.Integer, nullable=False),
        sa.Column("coded", sa.Integer, nullable=False),
        sa.Column("created_by", sa.String(256), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("changed_by", sa.String(256), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.Column("confirmed_by", sa.String(256)),
        sa.Column("confirmed_at", _MOMENT),
        sa.Column("confirmed_report", sa.LargeBinary),
        sa.PrimaryKeyConstraint("request_id", "version", name="pk_versions"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_versions_requests"),
    )
    op.create_index("ix_versions_state", "versions", ["state", "created_at", "request_id"])
    op.create_index("ix_versions_changed_at", "versions", ["changed_at"])
    op.create_table(
        "decisions",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("idempotency_digest", sa.LargeBinary),
        sa.Column("by", sa.String(256), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "sequence", name="pk_decisions"),
        sa.ForeignKeyConstraint(
            ["request_id", "version"], ["versions.request_id", "versions.version"], name="fk_decisions_versions"
        ),
        sa.UniqueConstraint("idempotency_digest", name="uq_decisions_idempotency_digest"),
    )
    op.create_table(
        "audit_entries",
        sa.Column("sequence", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("request_id", sa.String(36)),
        sa.Column("version", sa.Integer),
        sa.Column("letter_sha256", sa.String(64)),
        sa.Column("product_version", sa.String(64), nullable=False),
        sa.Column("hpo_release", sa.String(64)),
        sa.Column("index_sha256", sa.String(64)),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_request_id", "audit_entries", ["request_id"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    heads = sa.table("audit_head", *map(sa.column, ("id", "entries", "hash", "mac")))
    op.execute(sa.insert(heads).values(id=1, entries=0, hash="0" * 64, mac=b""))
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("roles", sa.String(256), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("created_by", sa.String(256), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_table(
        "encryption_keys",
        sa.Column("id", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_encryption_keys"),
    )
    for statement in _SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_TRIGGERS:
        op.execute(statement)
