"""Encryption at rest: AES-256-GCM under keys from the settings, and keyed digests for looking things up.

Each ciphertext is bound to the place where it belongs (its context), so that the letter of one request cannot be put
under another unseen. Keys are 32 bytes in URL-safe base64; the first of them encrypts, all of them decrypt.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from phenoextract.errors import ConfigError, PhenoextractError

KEY_BYTES = 32
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12


class CannotDecrypt(PhenoextractError):
    """The bytes were not written by this store under any of its keys, or were moved or changed since."""


@dataclass(frozen=True, slots=True)
class _Key:
    """The three keys made from one master key (RFC 5869), and the id that ciphertexts carry."""

    id: bytes
    cipher: AESGCM = field(repr=False)
    digest: bytes = field(repr=False)


class Cipher:
    """Encrypts and decrypts the columns that hold text, and makes keyed digests."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError("no store key: phenoextract store new-key prints one")
        self._keys = [_derive(key) for key in keys]

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys, the one that encrypts first; an id says nothing of its key."""
        return tuple(key.id.hex() for key in self._keys)

    def encrypt(self, text: str, context: str) -> bytes:
        """Give key id, nonce and ciphertext; any text that Python holds can be encrypted."""
        key, nonce = self._keys[0], secrets.token_bytes(_NONCE_BYTES)
        return key.id + nonce + key.cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), context.encode())

    def decrypt(self, data: bytes, context: str) -> str:
        """Give the text that `encrypt` took with the same context. Raises CannotDecrypt."""
        key_id, nonce, sealed = (
            data[:_KEY_ID_BYTES],
            data[_KEY_ID_BYTES : _KEY_ID_BYTES + _NONCE_BYTES],
            data[_KEY_ID_BYTES + _NONCE_BYTES :],
        )
        for key in self._keys:
            if key.id == key_id:
                try:
                    return key.cipher.decrypt(nonce, sealed, context.encode()).decode("utf-8", "surrogatepass")
                except InvalidTag:
                    break
        raise CannotDecrypt(f"{context} cannot be decrypted: it was changed or moved, or key {key_id.hex()} is missing")

    def is_first_key(self, data: bytes) -> bool:
        """Tell whether something is encrypted under the key that encrypts now."""
        return data[:_KEY_ID_BYTES] == self._keys[0].id

    def digest(self, *parts: str) -> bytes:
        """Give a digest of some strings that nobody can guess or make without the key."""
        return self.digests(*parts)[0]

    def digests(self, *parts: str) -> tuple[bytes, ...]:
        """Give the digest under each key: what an older key has written is found too."""
        message = b"".join(
            len(part).to_bytes(8, "big") + part for part in (p.encode("utf-8", "surrogatepass") for p in parts)
        )
        return tuple(hmac.digest(key.digest, message, "sha256") for key in self._keys)


def new_key() -> str:
    """Make a key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def letter_digest(text: str) -> str:
    """Give the sha256 of a letter's text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _derive(key: str) -> _Key:
    try:
        master = base64.b64decode(key, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        master = b""
    if len(master) != KEY_BYTES:
        raise ConfigError("a store key is not 32 bytes in URL-safe base64: phenoextract store new-key prints one")

    def expand(purpose: bytes, length: int) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"phenoextract store " + purpose).derive(master)

    return _Key(expand(b"id", _KEY_ID_BYTES), AESGCM(expand(b"encryption", KEY_BYTES)), expand(b"digests", KEY_BYTES))
