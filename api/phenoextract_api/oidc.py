"""Bearer tokens of an OpenID Connect issuer, checked here against its public keys."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from phenoextract.errors import ConfigError
from phenoextract_api.auth import Actor, Role, roles_named
from phenoextract_api.problems import Problem

ALGORITHMS = ("RS256", "PS256", "ES256")  # those of public keys: a token signed with a shared secret is never accepted
_LEEWAY_SECONDS = 60
_KEYS_AGE_SECONDS = 3600
_LEAST_AGE_SECONDS = 60
_RETRY_SECONDS = 5
_TIMEOUT_SECONDS = 5


class Tokens:
    """Checks tokens: signature, issuer, audience and time; the roles come from a claim.

    `jwks` is a file or URL. The keys are read again every hour, and for a key id that they do not have, but not more
    than once a minute.
    """

    def __init__(self, *, issuer: str, audience: str, jwks: str, role_claim: str, name_claim: str) -> None:
        local = jwks.startswith(("http://127.0.0.1:", "http://localhost:"))
        if "://" in jwks and not jwks.startswith("https://") and not local:
            raise ConfigError("PHENOEXTRACT_OIDC_JWKS: keys are fetched by https only")
        self._jwks = jwks
        self._role_claim, self._name_claim = role_claim, name_claim
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._tried_at = -math.inf

    def actor(self, token: str) -> Actor:
        """Give who holds a token; raises Problem 401 for one that does not hold, and 503 without the issuer's keys."""
        claims = self.claims(token)
        name = claims.get(self._name_claim)
        if not isinstance(name, str) or not name.strip():
            raise _refused(f"the token has no claim {self._name_claim}")
        return Actor(name, roles_in(claims, self._role_claim))

    def claims(self, token: str) -> Mapping[str, Any]:
        """Give the claims of a token that holds; raises as `actor`."""
        for age in (_KEYS_AGE_SECONDS, _LEAST_AGE_SECONDS):  # it may be signed with a key the issuer has only just made
            keys = self._keys_younger_than(age)
            with suppress(JoseError, ValueError, TypeError):
                decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
                self._claims.validate(decoded.claims)
                return decoded.claims
        raise _refused("the token is not valid here, or no longer")

    def _keys_younger_than(self, seconds: float) -> KeySet:
        with self._lock:
            now = time.monotonic()
            if now - self._tried_at > (_RETRY_SECONDS if self._keys is None else seconds):
                self._tried_at = now
                with suppress(OSError, ValueError, KeyError, TypeError, JoseError, httpx2.HTTPError):
                    self._keys = KeySet.import_key_set(json.loads(self._read()))
            if self._keys is None:
                raise Problem(
                    503, "issuer_unavailable", "the issuer's keys cannot be read", headers={"Retry-After": "30"}
                )
            return self._keys

    def _read(self) -> str:
        if "://" not in self._jwks:
            return Path(self._jwks).expanduser().read_text("utf-8")
        answer = httpx2.get(self._jwks, timeout=_TIMEOUT_SECONDS, follow_redirects=False)
        answer.raise_for_status()
        return answer.text


def roles_in(claims: Mapping[str, Any], path: str) -> frozenset[Role]:
    """Give the known roles of a claim: a list or words of a string, below others where the path has dots."""
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    words = found.split() if isinstance(found, str) else found if isinstance(found, list) else []
    return roles_named(words)


def _refused(detail: str) -> Problem:
    return Problem(401, "token_invalid", detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
