"""Tokens of a known issuer open the hub for its organisation's staff; everything else is refused in one way."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from errors import ConfigError, Unauthenticated
from privacy.openid import KEEP, LARGEST, LEEWAY, REFETCH, OpenIDTokens
from settings import OpenID, Settings
from values import OrganisationKind, Purpose, Role

NOW = 1_800_000_000
SETTINGS = Settings.model_validate(
    {
        "organisations": {
            "labour-ministry": {
                "name": {"ar": "وزارة العمل", "en": "Ministry of Labour"},
                "kind": "ministry",
                "verified": True,
                "purposes": ["social_security", "statistics"],
            }
        }
    }
)
CLAIMS = {"sub": "u-1", "aud": "mizalla", "iat": NOW, "exp": NOW + 600, "organisation": "labour-ministry", "role": "analyst"}


# --- an issuer nobody here wrote ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """oidc-provider-mock in a process of its own, on a real socket."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/.well-known/openid-configuration").is_success:
                    break
            time.sleep(0.1)
        yield address
        process.terminate()


def signed_in(provider: str, audience: str, **claims: Any) -> str:
    """The ID token of somebody who signed in there by the code flow."""
    redirect = "http://127.0.0.1/back"
    asked = {"client_id": audience, "redirect_uri": redirect, "response_type": "code", "scope": "openid"}
    with httpx.Client(base_url=provider) as browser:
        assert browser.put("/users/worker-7", json=claims).is_success
        sent = browser.post("/oauth2/authorize", params=asked, data={"sub": "worker-7"}).headers["Location"]
        (code,) = parse_qs(urlsplit(sent).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        return str(browser.post("/oauth2/token", data=form, auth=(audience, "any")).json()["id_token"])


async def test_a_token_of_a_real_issuer_makes_a_requester(provider: str) -> None:
    tokens = OpenIDTokens([OpenID(issuer=provider, audience="mizalla", algorithms=("RS256",))])
    token = signed_in(provider, "mizalla", organisation="labour-ministry", role="analyst")
    now = int(time.time())
    holder = await tokens.requester(token, now, SETTINGS)
    assert (holder.role, holder.organisation, holder.receiver) == (Role.ANALYST, "labour-ministry", "labour-ministry")
    assert (holder.organisation_kind, holder.verified) == (OrganisationKind.MINISTRY, True)
    assert holder.purposes == (Purpose.SOCIAL_SECURITY, Purpose.STATISTICS)
    assert "worker-7" not in repr(holder)
    for other in (signed_in(provider, "another-app", organisation="labour-ministry", role="analyst"), token[:-8] + "AAAAAAAA"):
        assert "not valid" in await refusal(tokens, other, now)
    assert "expired" in await refusal(tokens, token, now + 2 * 3600)
    assert "not valid yet" in await refusal(tokens, token, now - 3600)
    await tokens.close()


# --- an issuer that misbehaves on request --------------------------------------------------------------------------


class Issuer(ThreadingHTTPServer):
    """Publishes what it is told to, and counts how often it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.private = {"first": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.discovery: dict[str, Any] = {"issuer": self.address, "jwks_uri": f"{self.address}/keys"}
        self.raw: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.pause = 0.0

    def keys(self) -> dict[str, Any]:
        return {"keys": [{**published(key), "kid": kid, "use": "sig"} for kid, key in self.private.items()]}

    def sign(self, kid: str | None = "first", key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        body = {name: value for name, value in {"iss": self.address, **CLAIMS, **claims}.items() if value is not None}
        return jwt.encode(body, key or self.private[kid or "first"], algorithm, headers={"kid": kid} if kid else None)


def published(key: Any) -> dict[str, Any]:
    kinds: dict[type, Any] = {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm, ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm}
    kind = next((each for type_, each in kinds.items() if isinstance(key, type_)), jwt.algorithms.OKPAlgorithm)
    return dict(kind.to_jwk(key.public_key(), as_dict=True))


class Answering(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(self.server.pause)
        document = self.server.keys() if self.path == "/keys" else self.server.discovery
        status, headers, body = self.server.raw.get(self.path, (200, {}, json.dumps(document).encode()))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
async def tokens(issuer: Issuer) -> AsyncIterator[OpenIDTokens]:
    made = OpenIDTokens([OpenID(issuer=issuer.address, audience="mizalla")])
    yield made
    await made.close()


async def refusal(tokens: OpenIDTokens, token: str, now: int = NOW) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await tokens.requester(token, now, SETTINGS)
    assert caught.value.hint
    assert token not in caught.value.message
    return caught.value.message


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


async def test_every_signature_configured_is_taken(issuer: Issuer, tokens: OpenIDTokens) -> None:
    issuer.private |= {"curve": ec.generate_private_key(ec.SECP256R1()), "edwards": ed25519.Ed25519PrivateKey.generate()}  # type: ignore[dict-item]  # keys of three kinds
    for kid, algorithm in (("first", "RS256"), ("curve", "ES256"), ("edwards", "EdDSA")):
        assert (await tokens.requester(issuer.sign(kid, algorithm=algorithm), NOW, SETTINGS)).role is Role.ANALYST


async def test_one_holder_has_one_name_which_only_the_issuer_can_read(issuer: Issuer, tokens: OpenIDTokens) -> None:
    first, again = [await tokens.requester(issuer.sign(sub="ali@example.org"), NOW, SETTINGS) for _ in range(2)]
    other = await tokens.requester(issuer.sign(sub="zainab@example.org"), NOW, SETTINGS)
    assert first == again
    assert first.name != other.name
    assert "ali" not in repr(first)


@pytest.mark.parametrize(
    ("claims", "because"),
    [
        ({"aud": "another-app"}, "another audience"),
        ({"aud": None}, "form"),
        ({"iss": "https://elsewhere.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"sub": None}, "form"),
        ({"exp": None}, "form"),
        ({"exp": NOW - LEEWAY}, "expired"),
        ({"nbf": NOW + LEEWAY + 1}, "not valid yet"),
        ({"iat": NOW + LEEWAY + 1}, "not valid yet"),
        ({"nbf": "soon"}, "times"),
        ({"exp": True}, "times"),
        ({"exp": "1900000000"}, "times"),
        ({"exp": float("inf")}, "times"),
        ({"exp": float("nan")}, "times"),
        ({"organisation": None}, "organisation"),
        ({"organisation": "somebody-else"}, "organisation"),
        ({"organisation": ["labour-ministry"]}, "organisation"),
        ({"role": None}, "role"),
        ({"role": "person"}, "role"),
        ({"role": "public"}, "role"),
        ({"role": "minister"}, "role"),
        ({"role": ["analyst"]}, "role"),
    ],
)
async def test_claims_that_do_not_hold_are_refused(issuer: Issuer, tokens: OpenIDTokens, claims: dict[str, Any], because: str) -> None:
    assert because in await refusal(tokens, issuer.sign(**claims))


@pytest.mark.parametrize("claims", [{"exp": NOW - LEEWAY + 1}, {"nbf": NOW + LEEWAY}, {"iat": NOW + LEEWAY}, {"aud": ["x", "mizalla"]}])
async def test_clocks_may_differ_and_audiences_be_several(issuer: Issuer, tokens: OpenIDTokens, claims: dict[str, Any]) -> None:
    assert (await tokens.requester(issuer.sign(**claims), NOW, SETTINGS)).organisation == "labour-ministry"


async def test_a_token_signed_by_another_key_under_a_known_id_is_refused(issuer: Issuer, tokens: OpenIDTokens) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "signature" in await refusal(tokens, issuer.sign(key=stranger))


async def test_an_unsigned_token_is_refused(issuer: Issuer, tokens: OpenIDTokens) -> None:
    body = encoded({"iss": issuer.address, **CLAIMS})
    for name in ("none", "None", "nOnE"):
        for signature in ("", "AAAA"):
            assert "signature" in await refusal(tokens, f"{encoded({'alg': name, 'typ': 'JWT', 'kid': 'first'})}.{body}.{signature}")


async def test_a_public_key_is_never_taken_for_a_shared_secret(issuer: Issuer, tokens: OpenIDTokens) -> None:
    public = issuer.private["first"].public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(issuer.keys()["keys"][0]).encode(),
    ]
    unsigned = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{encoded({'iss': issuer.address, **CLAIMS})}"
    for secret in secrets:
        signature = base64.urlsafe_b64encode(hmac.digest(secret, unsigned.encode(), hashlib.sha256)).rstrip(b"=").decode()
        assert "signature" in await refusal(tokens, f"{unsigned}.{signature}")


async def test_an_algorithm_the_hub_was_not_told_is_refused(issuer: Issuer) -> None:
    only = OpenIDTokens([OpenID(issuer=issuer.address, audience="mizalla", algorithms=("ES256",))])
    assert "signature" in await refusal(only, issuer.sign())
    assert issuer.asked == []
    await only.close()


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "none", "RS1"])
def test_an_unsafe_algorithm_is_refused_at_the_start(algorithm: str) -> None:
    with pytest.raises(ConfigError, match=algorithm):
        OpenIDTokens([OpenID(issuer="https://issuer.example", audience="mizalla", algorithms=("RS256", algorithm))])


async def test_keys_are_fetched_once_for_many_tokens(issuer: Issuer, tokens: OpenIDTokens) -> None:
    await asyncio.gather(*(tokens.requester(issuer.sign(sub=f"u-{number}"), NOW + number % 5, SETTINGS) for number in range(30)))
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_a_new_key_is_found_and_an_invented_one_does_not_make_the_hub_ask(issuer: Issuer, tokens: OpenIDTokens) -> None:
    await tokens.requester(issuer.sign(), NOW, SETTINGS)
    issuer.private["second"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "does not publish" in await refusal(tokens, issuer.sign("second"), NOW + REFETCH - 1)
    assert len(issuer.asked) == 2
    assert (await tokens.requester(issuer.sign("second"), NOW + REFETCH, SETTINGS)).role is Role.ANALYST
    assert len(issuer.asked) == 4
    for number in range(5):
        await refusal(tokens, issuer.sign(f"invented-{number}", key=issuer.private["second"]), NOW + REFETCH + number)
    assert len(issuer.asked) == 4
    await tokens.requester(issuer.sign(), NOW + REFETCH, SETTINGS)


async def test_a_withdrawn_key_is_refused_once_keys_are_old(issuer: Issuer, tokens: OpenIDTokens) -> None:
    old = issuer.sign(exp=NOW + 2 * KEEP)
    await tokens.requester(old, NOW, SETTINGS)
    issuer.private = {"second": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
    assert "does not publish" in await refusal(tokens, old, NOW + KEEP + 1)


async def test_a_token_without_a_key_id_is_checked_by_a_lone_key_only(issuer: Issuer, tokens: OpenIDTokens) -> None:
    assert (await tokens.requester(issuer.sign(None), NOW, SETTINGS)).role is Role.ANALYST
    issuer.private["second"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "does not publish" in await refusal(tokens, issuer.sign(None), NOW + KEEP + 1)


@pytest.mark.parametrize(
    ("path", "status", "headers", "body"),
    [
        ("/.well-known/openid-configuration", 500, {}, b"{}"),
        ("/.well-known/openid-configuration", 200, {}, b"<html>sign in</html>"),
        ("/.well-known/openid-configuration", 200, {}, b"[]"),
        ("/.well-known/openid-configuration", 200, {}, b'{"issuer": "https://elsewhere.example", "jwks_uri": "x"}'),
        ("/.well-known/openid-configuration", 302, {"Location": "/keys"}, b""),
        ("/keys", 200, {}, b'{"keys": "none"}'),
        ("/keys", 200, {}, b'{"keys": 7}'),
        ("/keys", 200, {}, b'{"keys": [7, {}, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "n": "!", "e": "AQAB"}]}'),
        ("/keys", 200, {}, b"[" * 100_000),
        ("/keys", 200, {}, b" " * (LARGEST + 1)),
        ("/keys", 200, {"Content-Length": "100000"}, b"{"),
        ("/keys", 200, {"Content-Encoding": "gzip"}, b"not gzip"),
    ],
)
async def test_an_issuer_that_publishes_nonsense_is_refused_not_failed(
    issuer: Issuer, tokens: OpenIDTokens, path: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    issuer.raw[path] = (status, headers, body)
    message = await refusal(tokens, issuer.sign())
    assert "does not publish" in message
    issuer.raw.clear()
    assert (await tokens.requester(issuer.sign(), NOW + REFETCH, SETTINGS)).role is Role.ANALYST


async def test_keys_at_another_host_without_encryption_are_not_fetched(issuer: Issuer, tokens: OpenIDTokens) -> None:
    issuer.discovery["jwks_uri"] = issuer.discovery["jwks_uri"].replace("127.0.0.1", "localhost")
    assert "cannot be checked" in await refusal(tokens, issuer.sign())
    assert issuer.asked == ["/.well-known/openid-configuration"]


@pytest.mark.alone
async def test_a_dead_issuer_is_said_quickly_and_asked_again_later(issuer: Issuer, tokens: OpenIDTokens) -> None:
    token = issuer.sign()
    issuer.shutdown()
    issuer.server_close()
    assert "cannot be checked" in await refusal(tokens, token)
    begun = time.perf_counter()
    for _ in range(20):
        assert "cannot be checked" in await refusal(tokens, token, NOW + REFETCH - 1)
    assert time.perf_counter() - begun < 0.5


@pytest.mark.alone
async def test_a_slow_issuer_is_given_up(issuer: Issuer, tokens: OpenIDTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy.openid.TIMEOUT", 0.3)
    issuer.pause = 5
    begun = time.perf_counter()
    assert "cannot be checked" in await refusal(tokens, issuer.sign())
    assert time.perf_counter() - begun < 2


@pytest.fixture(scope="module")
def elsewhere() -> OpenIDTokens:
    return OpenIDTokens([OpenID(issuer="https://issuer.example", audience="mizalla")])


HEADERS = st.recursive(st.none() | st.text() | st.integers(), st.lists)
BODIES = HEADERS | st.dictionaries(st.sampled_from(["iss", "exp"]), st.integers() | st.text())
TOKENS = st.tuples(HEADERS, BODIES).map(lambda parts: f"{encoded(parts[0])}.{encoded(parts[1])}.AAAA")


@given(st.text() | st.text("eyJ.-_A\ud800", max_size=60) | TOKENS)
def test_no_text_fails_the_hub(elsewhere: OpenIDTokens, text: str) -> None:
    with pytest.raises(Unauthenticated):
        elsewhere.requester(text, NOW, SETTINGS).send(None)


@pytest.mark.parametrize("text", ["x" * 2**20, "e30." * 1000, f"{'W' * 8000}.{'W' * 4000}.", "eyJhbGciOiJSUzI1NiIsImtpZCI6W119.e30.AAAA"])
async def test_an_oversized_or_odd_token_is_refused(tokens: OpenIDTokens, text: str) -> None:
    await refusal(tokens, text)


ODD = [{"alg": ["RS256"]}, {"alg": "RS256", "kid": {}}, {"alg": "RS256", "kid": 7}, {"alg": "RS256", "crit": ["x"]}]


@pytest.mark.parametrize("header", ODD)
async def test_an_odd_header_is_refused(issuer: Issuer, tokens: OpenIDTokens, header: dict[str, Any]) -> None:
    await refusal(tokens, f"{encoded(header)}.{encoded({'iss': issuer.address, **CLAIMS})}.AAAA")


async def test_an_issuer_that_is_no_text_is_refused(tokens: OpenIDTokens) -> None:
    assert "not valid" in await refusal(tokens, f"{encoded({'alg': 'RS256'})}.{encoded({**CLAIMS, 'iss': ['x']})}.AAAA")
