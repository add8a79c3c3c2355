"""The tables of the store; docs/records.md says what each is for. Columns of bytes that hold text are encrypted."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import DateTime, Dialect, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with a time zone, in UTC on both databases (SQLite itself keeps none)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn a moment into UTC."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give a moment its time zone back."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """What every table shares: names of constraints that migrations can rely on, and the types of columns."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), bytes: LargeBinary()}  # noqa: RUF012  SQLAlchemy's own way

    def place(self, column: str) -> str:
        """Name a field of this row: what is encrypted for it can be decrypted nowhere else."""
        keys = (str(getattr(self, key.name)) for key in self.__table__.primary_key)
        return " ".join([f"{self.__tablename__}.{column}", *keys])


class RequestRow(Base):
    """A letter sent in for a test: what never changes however often the request is corrected."""

    __tablename__ = "requests"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    letter: Mapped[bytes]
    report: Mapped[bytes]
    patient_ref: Mapped[bytes]
    letter_sha256: Mapped[str] = mapped_column(String(64))
    letter_type: Mapped[str | None] = mapped_column(String(64))
    test_system: Mapped[str | None] = mapped_column(String(256))
    test_code: Mapped[str | None] = mapped_column(String(64))
    test_display: Mapped[str | None] = mapped_column(String(256))
    patient_digest: Mapped[bytes] = mapped_column(index=True)
    duplicate_digest: Mapped[bytes] = mapped_column(unique=True)
    idempotency_digest: Mapped[bytes | None] = mapped_column(unique=True)
    created_by: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime]

    def identity(self, patient_ref: str) -> tuple[str, ...]:
        """Give what makes a request the same as another: `duplicate_digest` is the digest of this."""
        return ("request", self.letter_sha256, patient_ref, self.test_system or "", self.test_code or "")


class VersionRow(Base):
    """A version of a request: a draft until it is confirmed, and not touched after that but to be superseded.

    `edit` counts the changes; version and edit together are the etag.
    """

    __tablename__ = "versions"
    __table_args__ = (Index("ix_versions_state", "state", "created_at", "request_id"),)

    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    edit: Mapped[int]
    undecided: Mapped[int]
    coded: Mapped[int]
    created_by: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(256))
    changed_at: Mapped[datetime] = mapped_column(index=True)
    confirmed_by: Mapped[str | None] = mapped_column(String(256))
    confirmed_at: Mapped[datetime | None]
    confirmed_report: Mapped[bytes | None]


class DecisionRow(Base):
    """A decision, or that one was taken back; rows are added and never changed."""

    __tablename__ = "decisions"
    __table_args__ = (ForeignKeyConstraint(["request_id", "version"], ["versions.request_id", "versions.version"]),)

    request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    payload: Mapped[bytes]
    idempotency_digest: Mapped[bytes | None] = mapped_column(unique=True)
    by: Mapped[str] = mapped_column(String(256))
    at: Mapped[datetime]


class AuditRow(Base):
    """One entry of the audit; triggers refuse to change or delete it. `before` and `after` are canonical JSON."""

    __tablename__ = "audit_entries"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(256))
    action: Mapped[str] = mapped_column(String(32))
    request_id: Mapped[str | None] = mapped_column(String(36), index=True)
    version: Mapped[int | None]
    letter_sha256: Mapped[str | None] = mapped_column(String(64))
    product_version: Mapped[str] = mapped_column(String(64))
    hpo_release: Mapped[str | None] = mapped_column(String(64))
    index_sha256: Mapped[str | None] = mapped_column(String(64))
    before: Mapped[str] = mapped_column(Text)
    after: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHeadRow(Base):
    """Where the audit ends: how many entries, the hash of the last, and a keyed digest of both. One row."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entries: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
    mac: Mapped[bytes]


class ApiKeyRow(Base):
    """A key of the API: a digest of its secret, what it may do, and until when."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(256))
    roles: Mapped[str] = mapped_column(String(256))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class EncryptionKeyRow(Base):
    """The id of a key under which the store holds data."""

    __tablename__ = "encryption_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)


class _Tally:
    """What every tally is told apart by; `week` is a Monday.

    Tallies count and hold no words, and no key leads from them to a request: they outlive them.
    """

    week: Mapped[date] = mapped_column(primary_key=True)
    product_version: Mapped[str] = mapped_column(String(64), primary_key=True)
    hpo_release: Mapped[str] = mapped_column(String(64), primary_key=True)
    index_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    letter_type: Mapped[str] = mapped_column(String(64), primary_key=True)


class ReviewTallyRow(_Tally, Base):
    """How many suggestions of one kind met one fate when requests were first confirmed in a week."""

    __tablename__ = "review_tallies"

    branch: Mapped[str] = mapped_column(String(16), primary_key=True)
    band: Mapped[str] = mapped_column(String(16), primary_key=True)
    method: Mapped[str] = mapped_column(String(16), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int]


class LetterTallyRow(_Tally, Base):
    """How many letters of a week fell into one bin of a measure."""

    __tablename__ = "letter_tallies"

    measure: Mapped[str] = mapped_column(String(16), primary_key=True)
    bin: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]


ENCRYPTED: dict[type[Base], tuple[str, ...]] = {
    RequestRow: ("letter", "report", "patient_ref"),
    VersionRow: ("confirmed_report",),
    DecisionRow: ("payload",),
}
