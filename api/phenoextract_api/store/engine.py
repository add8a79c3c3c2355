"""The database behind the store: SQLite in one file with no set-up, or PostgreSQL by its URL."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select
from sqlalchemy.exc import ArgumentError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from phenoextract.errors import ConfigError, PhenoextractError
from phenoextract_api.store import audit
from phenoextract_api.store.crypto import Cipher
from phenoextract_api.store.tables import EncryptionKeyRow

SERVICE = "phenoextract"  # the actor of what nobody asked for
WAIT_SECONDS = 20
_WRITING = threading.Lock()
_SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # a commit that was acknowledged outlives a power cut
    "foreign_keys=ON",
    "secure_delete=ON",  # what is deleted is overwritten
    f"busy_timeout={WAIT_SECONDS * 1000}",
)


class StoreUnavailable(PhenoextractError):
    """The database cannot be reached, or stayed locked by others for too long."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open store: the database and the keys of its encrypted columns."""

    engine: Engine
    cipher: Cipher

    @property
    def is_sqlite(self) -> bool:
        """Tell whether this is SQLite, the other being PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session in which every query sees the same moment; what it changes is not kept."""
        engine = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        with _unavailable_said(), Session(engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that is committed as a whole at the end, or not at all if anything is raised.

        On SQLite it waits for its turn at the start, so that it cannot fail later for having read too early.
        """
        engine = self.engine.execution_options(begin="IMMEDIATE")
        with _unavailable_said(), self._turn(), Session(engine) as session, session.begin():
            session.connection()
            yield session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let those who write to SQLite in one after the other: its own lock goes to whoever asks at the right moment.

        Within a process they wait for a lock of threads, among processes for a file beside the database.
        """
        if not self.is_sqlite:
            yield
            return
        if not _WRITING.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable("the store is busy")
        try:
            with _opened_turn(f"{self.engine.url.database}.turn") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                yield
        finally:
            _WRITING.release()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_store(url: str, keys: Sequence[str]) -> Store:
    """Open the store at a URL of SQLAlchemy: sqlite:///path or postgresql://user@host/name.

    An SQLite file is made, or brought up to date, at once; a PostgreSQL database must have been by `migrate`. Raises
    ConfigError for a bad URL, a database that is not up to date, or keys that do not open it, and StoreUnavailable.
    """
    store = Store(connect(url), Cipher(keys))
    try:
        if store.is_sqlite:
            migrate(store.engine)
        elif not is_current(store.engine):
            raise ConfigError("the database is not up to date: run phenoextract store migrate")
        _check_keys(store)
    except BaseException:
        store.close()
        raise
    return store


def _opened_turn(path: str) -> BinaryIO:
    try:
        return Path(path).expanduser().open("ab")
    except OSError as error:
        raise StoreUnavailable(f"the store's folder cannot be written to ({type(error).__name__})") from error


def connect(url: str) -> Engine:
    """Make an engine; for SQLite, the folder too. Errors of the engine never show the values of a statement."""
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigError(f"the store is sqlite or postgresql, not {parsed.get_backend_name()}")
        if parsed.get_backend_name() == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise ConfigError("the store needs a file: sqlite:///path/to/store.db")
            Path(str(parsed.database)).expanduser().parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": WAIT_SECONDS})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        options = f"-c lock_timeout={WAIT_SECONDS}s -c timezone=UTC"
        return create_engine(
            parsed,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"options": options, "connect_timeout": WAIT_SECONDS},
        )
    except (ArgumentError, NoSuchModuleError):
        raise ConfigError("the store's URL cannot be read: sqlite:///path or postgresql://user@host/name") from None
    except ModuleNotFoundError:
        raise ConfigError("PostgreSQL needs its driver: pip install 'phenoextract[postgres]'") from None


def migrate(engine: Engine) -> None:
    """Bring the database up to date, in one transaction; does nothing if it is. Many processes may do so at once."""
    if is_current(engine):
        return
    with _unavailable_said(), engine.execution_options(begin="EXCLUSIVE").begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('phenoextract migrate'))")
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Tell whether every migration has been run. Raises ConfigError for a store of a later release."""
    scripts = ScriptDirectory.from_config(_alembic())
    with _unavailable_said(), engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigError("the store was written by a later release of phenoextract: install that one, or restore")
    return revision == scripts.get_current_head()


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _check_keys(store: Store) -> None:
    """Refuse keys that cannot read the store, and note the one that writes from now on."""
    writes = store.cipher.key_ids[0]
    with store.reading() as session:
        held = set(session.scalars(select(EncryptionKeyRow.id)))
    if missing := held - set(store.cipher.key_ids):
        raise ConfigError(f"the store holds data under key {', '.join(sorted(missing))}, which is not among its keys")
    if writes not in held:
        with store.writing() as session:
            audit.lock(session)
            if session.get(EncryptionKeyRow, writes) is None:
                session.execute(insert(EncryptionKeyRow).values(id=writes))
                audit.append(session, store.cipher, SERVICE, "store.key", after={"key": writes})


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own: _begin_sqlite does
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


@contextmanager
def _unavailable_said() -> Iterator[None]:
    """Turn the driver's errors of a database that is away or locked into StoreUnavailable."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(f"the store cannot be reached or is busy ({type(error.orig).__name__})") from error
