"""How Alembic runs a migration here: on a connection, and in a transaction, that the caller has begun."""

from __future__ import annotations

from alembic import context

from phenoextract_api.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
