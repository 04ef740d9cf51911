"""Bearer tokens of OpenID Connect issuers: whose they are, checked against the issuer's own published keys.

The algorithm is decided by `hub.toml` and the published key, never by the token; symmetric algorithms and `none` are refused
whatever is configured, because a public key must never be taken for a shared secret (RFC 8725, 2.1 and 3.1).
An issuer that cannot be reached is not the hub's failure: its tokens are refused, with a hint, until it answers again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import httpx

from errors import ConfigError, Unauthenticated
from privacy.credentials import Directory
from privacy.late import late
from settings import OpenID
from values import Requester, Role

if TYPE_CHECKING:
    import jwt
else:
    jwt = late("jwt")  # with what it signs by, ten megabytes

LEEWAY = 30
"""Seconds by which an issuer's clock may differ from ours."""

REFETCH = 10
"""Seconds between two fetches of an issuer's keys, so that tokens with invented key ids cannot make the hub fetch."""

KEEP = 300
"""Seconds after which keys are fetched again even when no new one is asked for: a withdrawn key is refused by then."""

TIMEOUT = 3.0
LARGEST = 256 * 1024
LONGEST_TOKEN = 16 * 1024
STAFF = frozenset(Role) - {Role.PUBLIC, Role.PERSON, Role.NEWCOMER, Role.GUARDIAN, Role.REGISTRAR}
ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})


class OpenIDTokens:
    """Recognises the holders of tokens of the configured issuers."""

    def __init__(self, issuers: Sequence[OpenID]) -> None:
        """Reach nobody yet; an issuer is asked when its first token comes.

        Raises:
            ConfigError: an algorithm that is not an asymmetric signature.
        """
        for each in issuers:
            if unsafe := set(each.algorithms) - ASYMMETRIC:
                raise ConfigError(
                    f"hub.openid: {', '.join(sorted(unsafe))} is no asymmetric signature", f"choose among {', '.join(sorted(ASYMMETRIC))}"
                )
        self._issuers = {each.issuer: _Issuer(each) for each in issuers}

    async def close(self) -> None:
        """Let go of connections to issuers."""
        for issuer in self._issuers.values():
            await issuer.close()

    async def requester(self, token: str, now: int, known: Directory) -> Requester:
        """Who holds this token.

        The requester's name is its organisation and a short hash of issuer and subject: the issuer can tell who it was, a reader
        of logs cannot.

        Raises:
            Unauthenticated: unreadable, of another issuer or audience, expired or not yet valid, wrongly signed, without a known
                organisation and staff role, or its issuer cannot be reached.
        """
        issuer = self._issuers.get(_issuer_of(token))
        if issuer is None:
            raise _refused("it was not issued by an issuer this hub knows")
        claims = await issuer.claims(token, now)
        return _requester(claims, issuer.about, known)


class _Issuer:
    """One issuer and the keys it publishes."""

    def __init__(self, about: OpenID) -> None:
        self.about = about
        self._http = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        await self._http.aclose()

    async def claims(self, token: str, now: int) -> dict[str, Any]:
        """The token's claims, when its signature, issuer, audience and times are right."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in self.about.algorithms:
                raise _refused("its signature is of a kind this hub does not take")
            key = await self._key(header.get("kid"), now)
            claims = jwt.decode(
                token,
                key,
                algorithms=list(self.about.algorithms),
                audience=self.about.audience,
                issuer=self.about.issuer,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidAudienceError:
            raise _refused("it was issued for another audience") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _refused("its signature or its form is wrong") from None
        _in_time(claims, now)
        return claims

    async def _key(self, kid: str | None, now: int) -> jwt.PyJWK:
        """The published key of this id; fetched when unknown or old, at most once in `REFETCH` seconds."""
        if kid not in self._keys or now - self._fetched_at > KEEP:
            async with self._turn:
                if (kid not in self._keys or now - self._fetched_at > KEEP) and now - self._tried_at >= REFETCH:
                    self._tried_at = now
                    self._keys = await self._published()
                    self._fetched_at = now
        if now - self._fetched_at > KEEP:
            raise _unreachable()
        if kid not in self._keys:
            raise _refused("it is signed with a key its issuer does not publish")
        return self._keys[kid]

    async def _published(self) -> dict[str | None, jwt.PyJWK]:
        """The signature keys of the issuer's discovery document, by key id; a lone key also answers to none."""
        try:
            async with asyncio.timeout(TIMEOUT):
                discovery = await self._json(f"{self.about.issuer.rstrip('/')}/.well-known/openid-configuration")
                if discovery["issuer"] != self.about.issuer:
                    raise _unreachable()
                address = str(discovery["jwks_uri"])
                if not address.startswith("https://") and httpx.URL(address).host != httpx.URL(self.about.issuer).host:
                    raise _unreachable()
                listed = list((await self._json(address))["keys"])
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, TypeError, KeyError, RecursionError):
            raise _unreachable() from None
        found: dict[str | None, jwt.PyJWK] = {}
        for each in listed:
            try:
                key = jwt.PyJWK.from_dict(each)
            except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
                continue  # a key of a kind we do not take; the others stand
            if key.algorithm_name in self.about.algorithms and each.get("use", "sig") == "sig":
                found[each.get("kid")] = key
        if len(found) == 1:
            found[None] = next(iter(found.values()))
        return found

    async def _json(self, address: str) -> Any:
        async with self._http.stream("GET", address, headers={"Accept": "application/json"}) as response:
            response.raise_for_status()
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise ValueError("larger than any discovery document")
        return httpx.Response(200, content=bytes(body)).json()


def _issuer_of(token: str) -> str:
    """The issuer a token claims, before anything is believed: it only chooses whose keys are tried."""
    if len(token) > LONGEST_TOKEN:
        raise _refused("it is longer than any token")
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _refused("it is not a readable token") from None
    return issuer if isinstance(issuer, str) else ""


def _in_time(claims: dict[str, Any], now: int) -> None:
    """Check the token's times against the enquiry's own moment, so that one enquiry sees one moment."""
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if any(isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time) for time in times.values()):
        raise _refused("its times are not numbers")
    if times["exp"] <= now - LEEWAY:
        raise Unauthenticated("the token has expired", "sign in again at its issuer")
    if any(times.get(name, now) > now + LEEWAY for name in ("nbf", "iat")):
        raise _refused("it is not valid yet")


def _requester(claims: dict[str, Any], about: OpenID, known: Directory) -> Requester:
    name, role = claims.get(about.organisation_claim), claims.get(about.role_claim)
    organisation = known.organisations.get(name) if isinstance(name, str) else None
    if organisation is None or not isinstance(name, str):
        raise _refused(f"its claim `{about.organisation_claim}` names no organisation of this hub")
    if not isinstance(role, str) or role not in STAFF:
        raise _refused(f"its claim `{about.role_claim}` names no role of staff ({', '.join(sorted(STAFF))})")
    holder = blake2b(f"{about.issuer}\n{claims['sub']}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return Requester(
        name=f"{name}/{holder}",
        role=Role(role),
        receiver=name,
        organisation=name,
        organisation_kind=organisation.kind,
        verified=organisation.verified,
        purposes=organisation.purposes,
        credential=f"openid:{holder}",
    )


def _refused(because: str) -> Unauthenticated:
    return Unauthenticated(
        f"the token is not valid: {because}", "sign in again at its issuer, or ask the hub's operator which issuer and audience it takes"
    )


def _unreachable() -> Unauthenticated:
    return Unauthenticated(
        "the token cannot be checked: its issuer does not publish its keys at the moment", "try again shortly, or use a key of the hub"
    )
