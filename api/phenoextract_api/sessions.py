"""Browser sessions: a sealed cookie that says who signed in, and the token that each form must carry.

The cookie is encrypted and authenticated (Fernet), so it needs no table; it is HttpOnly, SameSite and ends after some
hours. The form token is derived from it, so that another site, which can neither read nor set the cookie, has none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request
from starlette.responses import Response

from phenoextract_api.auth import Actor, roles_named
from phenoextract_api.problems import Problem

_SECONDS_PER_HOUR = 3600
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_FIELD = "csrf_token"
HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in at a browser; `key_id` is the API key that was used, which may be revoked since."""

    actor: Actor
    key_id: str | None = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))


class Sessions:
    """Opens and seals session cookies with one secret, which all worker processes share."""

    def __init__(self, secret: bytes, *, hours: float, public_url: str | None) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"session" + secret).digest()))
        self._form_key = hashlib.sha256(b"form" + secret).digest()
        self._seconds = int(hours * _SECONDS_PER_HOUR)
        self._secure = public_url is not None and public_url.startswith("https:")
        self._public_host = public_url.partition("://")[2] if public_url else None
        self.cookie = "__Host-phenoextract" if self._secure else "phenoextract"

    def read(self, request: Request) -> Session | None:
        """Give the session of a request, or None if it has none that is whole and not over."""
        sealed = request.cookies.get(self.cookie)
        if sealed is None:
            return None
        try:
            held = json.loads(self._fernet.decrypt(sealed.encode(), ttl=self._seconds))
        except (InvalidToken, UnicodeEncodeError):
            return None
        return Session(Actor(held["name"], roles_named(held["roles"])), held["key_id"], held["id"])

    def start(self, response: Response, session: Session) -> None:
        """Put a session's cookie into an answer."""
        actor = session.actor
        held = {"name": actor.name, "roles": sorted(actor.roles), "key_id": session.key_id, "id": session.id}
        response.set_cookie(
            self.cookie,
            self._fernet.encrypt(json.dumps(held).encode()).decode(),
            max_age=self._seconds,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def end(self, response: Response) -> None:
        """Take the cookie back."""
        response.delete_cookie(self.cookie, secure=self._secure, httponly=True, samesite="lax")

    def form_token(self, session: Session) -> str:
        """Give the token that forms of this session carry in the field `csrf_token`, and scripts in a header."""
        return hmac.digest(self._form_key, session.id.encode(), "sha256").hex()

    def check_token(self, session: Session, given: str | None) -> None:
        """Raise Problem 403 unless the token is that of the session."""
        if given is None or not hmac.compare_digest(given.encode(), self.form_token(session).encode()):
            raise Problem(403, "form_expired", "this form is out of date: load the page again, then repeat the step")

    def refuse_cross_site(self, request: Request) -> None:
        """Raise Problem 403 for a request that changes something and that a browser made for another site."""
        if request.method in _SAFE:
            return
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        own = self._public_host or request.headers.get("host")
        if site not in (None, "same-origin", "none") or (origin is not None and origin.partition("://")[2] != own):
            raise Problem(403, "cross_site", "a page of another site made this request")


def changes_something(request: Request) -> bool:
    """Tell whether a request's method may change something."""
    return request.method not in _SAFE
