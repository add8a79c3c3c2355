from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from phenoextract.errors import ConfigError
from phenoextract_api.auth import Actor, Role
from phenoextract_api.oidc import Tokens, roles_in
from phenoextract_api.problems import Problem
from phenoextract_api.settings import Settings, read_settings
from phenoextract_api.startup import open_configured_store, refuse_if_anyone_could_enter
from phenoextract_api.store.keys import make_key, revoke_key, rotate_key

ISSUER, AUDIENCE = "https://login.example.nhs.uk", "phenoextract"
OTHER_MACHINE = "192.0.2.7"
LETTER = {"text": "Ptosis"}


@pytest.fixture(scope="module")
def signing() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@pytest.fixture(scope="module")
def jwks(signing: RSAKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("oidc") / "jwks.json"
    path.write_text(json.dumps(KeySet([signing]).as_dict(private=False)))
    return path


@pytest.fixture
def oidc(jwks: Path) -> dict[str, str]:
    return {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks": str(jwks)}


def token(key: Any, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a.clerk", "exp": int(time.time()) + 300, "roles": ["clerk"]}
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(header or {"alg": "RS256", "kid": "one"}, claims, key, algorithms=["RS256", "HS256", "ES256"])


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bearer(presented: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {presented}"}


def test_access_is_open_to_this_machine_without_set_up(stateless_client: TestClient) -> None:
    assert stateless_client.post("/v1/annotate", json=LETTER).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Via": "1.1 proxy"}, {"Host": "evil.example"}],
    ids=lambda headers: next(iter(headers)),
)
def test_access_is_not_open_through_a_proxy_or_another_name(
    stateless_client: TestClient, headers: dict[str, str]
) -> None:
    answer = stateless_client.post("/v1/annotate", json=LETTER, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_access_is_not_open_to_other_machines(make_client: Any) -> None:
    client = make_client(requests_enabled=False, peer=OTHER_MACHINE)
    assert client.post("/v1/annotate", json=LETTER).status_code == 401
    assert client.get("/live").status_code == 200


@pytest.mark.parametrize(
    "closed",
    [{"authentication": "required"}, {"public_url": "https://a.nhs.uk"}, {"host": "0.0.0.0"}],  # noqa: S104
)
def test_access_is_not_open_where_others_may_come_in(make_client: Any, closed: dict[str, str]) -> None:
    assert make_client(**closed).post("/v1/annotate", json=LETTER).status_code == 401


def test_access_by_key_until_it_is_revoked(make_client: Any) -> None:
    client = make_client(authentication="required")
    store = client.app.state.services.store
    key, text = make_key(store, "tests", "lab system", ["pipeline"])
    assert client.post("/v1/annotate", json=LETTER, headers=bearer(text)).status_code == 200
    assert client.post("/v1/annotate", json=LETTER, headers=bearer(text[:-1] + "!")).status_code == 401
    _, newer = rotate_key(store, "tests", key.id, overlap=timedelta(hours=1))
    revoke_key(store, "tests", key.id)
    assert client.post("/v1/annotate", json=LETTER, headers=bearer(text)).status_code == 401
    assert client.post("/v1/annotate", json=LETTER, headers=bearer(newer)).status_code == 200


def test_access_by_key_ends_with_it(make_client: Any) -> None:
    client = make_client(authentication="required")
    long_ago = datetime.now(UTC) - timedelta(seconds=1)
    _, text = make_key(client.app.state.services.store, "tests", "old", ["pipeline"], expires_at=long_ago)
    assert client.post("/v1/annotate", json=LETTER, headers=bearer(text)).status_code == 401


def test_access_wrong_credentials_do_not_fall_back_to_this_machine(stateless_client: TestClient) -> None:
    for presented in ("Bearer phx_0_0", "Bearer x.y.z", "Basic YTpi", "Bearer "):
        answer = stateless_client.post("/v1/annotate", json=LETTER, headers={"Authorization": presented})
        assert answer.status_code == 401, presented


def test_access_by_token_of_the_issuer(make_client: Any, oidc: dict[str, str], signing: RSAKey) -> None:
    client = make_client(requests_enabled=False, peer=OTHER_MACHINE, **oidc)
    assert client.post("/v1/annotate", json=LETTER, headers=bearer(token(signing))).status_code == 200
    assert client.post("/v1/annotate", json=LETTER).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another service"},
        {"aud": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"nbf": int(time.time()) + 3600},
        {"sub": None},
    ],
    ids=str,
)
def test_access_refuses_tokens_with_wrong_claims(
    make_client: Any, oidc: dict[str, str], signing: RSAKey, changes: dict[str, Any]
) -> None:
    client = make_client(requests_enabled=False, **oidc)
    answer = client.post("/v1/annotate", json=LETTER, headers=bearer(token(signing, **changes)))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert "a.clerk" not in answer.text


def test_access_refuses_forged_tokens(make_client: Any, oidc: dict[str, str], signing: RSAKey) -> None:
    client = make_client(requests_enabled=False, **oidc)
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    elliptic = ECKey.generate_key("P-256", {"kid": "one"})
    good = token(signing)
    head, body, signature = good.split(".")
    unsigned_head = b64(b'{"alg":"none"}')
    confused = b64(b'{"alg":"HS256","kid":"one"}') + "." + body
    forged = {
        "another key": token(stranger),
        "another key type": token(elliptic, header={"alg": "ES256", "kid": "one"}),
        "public key as a secret": confused
        + "."
        + b64(hmac.digest(signing.as_pem(private=False), confused.encode(), "sha256")),
        "no algorithm": f"{unsigned_head}.{body}.",
        "no algorithm, old signature": f"{unsigned_head}.{body}.{signature}",
        "changed body": f"{head}.{token(signing, sub='admin').split('.')[1]}.{signature}",
        "no signature": f"{head}.{body}.",
        "unknown key id": token(stranger, header={"alg": "RS256", "kid": "two"}),
    }
    for what, presented in forged.items():
        assert client.post("/v1/annotate", json=LETTER, headers=bearer(presented)).status_code == 401, what
    assert client.post("/v1/annotate", json=LETTER, headers=bearer(good)).status_code == 200


class Issuer:
    """Serves its public keys, which can be changed, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys = KeySet([])
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                body = json.dumps(outer.keys.as_dict(private=False)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    serving = Issuer()
    yield serving
    serving.close()


def checker(jwks: str) -> Tokens:
    return Tokens(issuer=ISSUER, audience=AUDIENCE, jwks=jwks, role_claim="roles", name_claim="sub")


def test_access_follows_the_issuer_to_a_new_key(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("phenoextract_api.oidc.time.monotonic", lambda: now)
    old, new = RSAKey.generate_key(2048, {"kid": "old"}), RSAKey.generate_key(2048, {"kid": "new"})
    issuer.keys = KeySet([old])
    tokens = checker(issuer.url)
    first = token(old, header={"alg": "RS256", "kid": "old"})
    second = token(new, header={"alg": "RS256", "kid": "new"})
    assert tokens.actor(first) == Actor("a.clerk", frozenset({Role.CLERK}))
    issuer.keys = KeySet([new])
    with pytest.raises(Problem):
        tokens.actor(second)  # asked less than a minute ago
    now += 61
    assert tokens.actor(second).name == "a.clerk"
    assert issuer.asked == 2
    with pytest.raises(Problem):
        tokens.actor(first)
    assert issuer.asked == 2


def test_access_says_503_without_the_keys_of_the_issuer(tmp_path: Path, signing: RSAKey) -> None:
    tokens = checker(str(tmp_path / "missing.json"))
    with pytest.raises(Problem) as raised:
        tokens.actor(token(signing))
    assert raised.value.status_code == 503


def test_access_fetches_keys_by_https_only() -> None:
    with pytest.raises(ConfigError, match="https"):
        checker("http://login.example.nhs.uk/jwks")


@pytest.mark.parametrize(
    ("claims", "path", "roles"),
    [
        ({"roles": ["clerk", "unknown", 7]}, "roles", {Role.CLERK}),
        ({"roles": "clerk admin"}, "roles", {Role.CLERK, Role.ADMIN}),
        ({"realm_access": {"roles": ["researcher"]}}, "realm_access.roles", {Role.RESEARCHER}),
        ({"realm_access": "x"}, "realm_access.roles", set()),
        ({}, "roles", set()),
    ],
)
def test_access_reads_roles_where_the_issuer_puts_them(claims: dict[str, Any], path: str, roles: set[Role]) -> None:
    assert roles_in(claims, path) == roles


def test_access_beyond_this_machine_needs_a_way_in(settings: Settings, oidc: dict[str, str]) -> None:
    beyond = read_settings(**settings.model_dump() | {"host": "0.0.0.0"})  # noqa: S104
    with pytest.raises(ConfigError, match="keys create"):
        refuse_if_anyone_could_enter(beyond)
    refuse_if_anyone_could_enter(settings)
    refuse_if_anyone_could_enter(read_settings(**beyond.model_dump() | oidc))
    store = open_configured_store(beyond)
    key, _ = make_key(store, "tests", "clerk", ["clerk"])
    refuse_if_anyone_could_enter(beyond)
    revoke_key(store, "tests", key.id)
    store.close()
    with pytest.raises(ConfigError):
        refuse_if_anyone_could_enter(beyond)


def test_access_settings_name_what_is_wrong_and_not_its_value() -> None:
    with pytest.raises(ConfigError) as raised:
        read_settings(port="canary", oidc_issuer="https://canary.example")
    assert "PHENOEXTRACT_PORT" in str(raised.value)
    assert "canary" not in str(raised.value)
    with pytest.raises(ConfigError, match="go together"):
        read_settings(oidc_issuer="https://a.example")
