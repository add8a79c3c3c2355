"""What must be so before the service starts: a store with its key, and a way in for whoever can reach it."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from phenoextract.errors import ConfigError
from phenoextract_api.oidc import Tokens
from phenoextract_api.settings import Settings
from phenoextract_api.store.crypto import new_key
from phenoextract_api.store.engine import Store, open_store
from phenoextract_api.store.keys import list_keys


def open_configured_store(settings: Settings) -> Store:
    """Open the store of the settings. Raises ConfigError and StoreUnavailable."""
    return open_store(settings.store_url, encryption_keys(settings))


def refuse_if_anyone_could_enter(settings: Settings) -> None:
    """Raise ConfigError if other machines could reach a service that nobody has a key or token for."""
    if settings.open_to_this_machine or settings.uses_oidc:
        return
    with closing(open_configured_store(settings)) as store:
        if any(key.is_valid(datetime.now(UTC)) for key in list_keys(store)):
            return
    raise ConfigError(
        f"will not serve {settings.public_url or settings.host} without a way in: make an API key "
        "(phenoextract keys create --name NAME --role clerk), or set PHENOEXTRACT_OIDC_ISSUER, _AUDIENCE and _JWKS"
    )


def session_secret(settings: Settings) -> bytes:
    """Give the secret of browser sessions: one that lasts where there is a store, else one for this start."""
    if not settings.keeps_store:
        return secrets.token_bytes()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"phenoextract sessions").derive(
        encryption_keys(settings)[0].encode()
    )


def make_tokens(settings: Settings) -> Tokens | None:
    """Make what checks the tokens of the issuer, if the settings name one."""
    if not (settings.oidc_issuer and settings.oidc_audience and settings.oidc_jwks):
        return None
    return Tokens(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        jwks=settings.oidc_jwks,
        role_claim=settings.oidc_role_claim,
        name_claim=settings.oidc_name_claim,
    )


def encryption_keys(settings: Settings) -> list[str]:
    """Give the keys of the store, the first to encrypt; raises ConfigError where there is none.

    Where neither a key nor a database is set, a key is made once beside the SQLite file, for its owner only.
    """
    if settings.encryption_key is not None:
        keys = settings.encryption_key.get_secret_value().replace(",", " ").split()
    else:
        if settings.encryption_key_file is None and settings.database_url is None:
            _make_key(settings.key_file)
        keys = _read_keys(settings.key_file)
    if not keys:
        raise ConfigError(
            "no encryption key: set PHENOEXTRACT_ENCRYPTION_KEY, or write one to the file that "
            "PHENOEXTRACT_ENCRYPTION_KEY_FILE names; phenoextract store new-key prints one"
        )
    return keys


def _read_keys(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").split()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the encryption key cannot be read ({type(error).__name__})") from None


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
