"""What must be so before the service starts: a store with its key, and a way in for whoever can reach it."""

from __future__ import annotations

import os
from pathlib import Path

from phenoextract.errors import ConfigError
from phenoextract_api.settings import Settings
from phenoextract_api.store.crypto import new_key
from phenoextract_api.store.engine import Store, open_store


def open_configured_store(settings: Settings) -> Store:
    """Open the store of the settings. Raises ConfigError and StoreUnavailable."""
    return open_store(settings.store_url, encryption_keys(settings))


def encryption_keys(settings: Settings) -> list[str]:
    """Give the keys of the store, the first to encrypt; raises ConfigError where there is none.

    Where neither a key nor a database is set, a key is made once beside the SQLite file, for its owner only.
    """
    if settings.encryption_key is not None:
        return [key.strip() for key in settings.encryption_key.get_secret_value().split(",") if key.strip()]
    path = settings.key_file
    if settings.encryption_key_file is None and settings.database_url is None:
        _make_key(path)
    try:
        return path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{path}: no encryption key can be read there; set PHENOEXTRACT_ENCRYPTION_KEY or "
            "PHENOEXTRACT_ENCRYPTION_KEY_FILE (phenoextract store new-key prints a key)"
        ) from None


def _make_key(path: Path) -> None:
    """Write a new key unless there is one; of two processes, the first one's counts."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.touch(mode=0o600)
    try:
        part.write_text(new_key() + "\n", "ascii")
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
