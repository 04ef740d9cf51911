"""SD-JWT: signed claims of which the holder shows only those it chooses, bound to the holder's own key.

The issuer signs hashes of salted claims and hands the claims over beside them; whoever is shown some can check them against
the hashes and learns nothing of the others. A key-binding token, signed for one verifier and one nonce, shows that whoever
shows it also holds the key that was written in.
Source: RFC 9901, "Selective Disclosure for JSON Web Tokens", 2025, sections 4, 5 and 7; RFC 8725 on algorithms; RFC 7638 on
thumbprints. Why no library does it: docs/decisions/0025-attestations.md.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from errors import AttestationExpired, AttestationInvalid
from privacy.late import late

if TYPE_CHECKING:
    import jwt
else:
    jwt = late("jwt")  # with what it signs by, ten megabytes

LONGEST = 64 * 1024
"""Characters of a presentation; a longer one is not looked at."""

MOST_DISCLOSURES = 100

LEEWAY = 60
"""Seconds by which two clocks may differ."""

BINDING_AGE = 600
"""Seconds for which a key-binding token is taken."""

FIXED = frozenset({"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "_sd", "...", "_sd_alg"})
"""Claims that decide whether the others count: never hidden, so never brought in by a disclosure."""

HOLDER_KEYS = {("OKP", "Ed25519"): ("EdDSA", "Ed25519"), ("EC", "P-256"): ("ES256",)}
"""Kinds of keys and the algorithms each signs with; P-256 because it is what browsers and phones' secure chips keep."""

_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y")}


@cache
def signatures() -> jwt.PyJWS:
    """Only these algorithms exist here, so `none` and shared secrets cannot even be named."""
    jws = jwt.PyJWS(algorithms=["EdDSA", "ES256"])
    jws.register_algorithm("Ed25519", jwt.algorithms.OKPAlgorithm())  # RFC 9864's name of the same
    return jws


@dataclass(frozen=True, slots=True)
class Shown:
    """What a presentation shows once everything about it held: the claims, and whether its holder proved to hold the key."""

    claims: Mapping[str, Any]
    type: str
    bound: bool


def encoded(content: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What `encoded` was given; ValueError for anything else."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("not base64url") from None


def public_jwk(key: Any) -> dict[str, str]:
    """The public members of a key that may sign, and no others: what a private key has besides is dropped.

    Raises:
        AttestationInvalid: another kind of key, or none.
    """
    kind = (key.get("kty"), key.get("crv")) if isinstance(key, dict) else None
    if kind not in HOLDER_KEYS or not all(isinstance(key.get(name), str) for name in _MEMBERS[key["kty"]]):
        raise AttestationInvalid("the key is neither Ed25519 nor P-256", "use an Ed25519 or P-256 key as a JWK")
    return {name: key[name] for name in _MEMBERS[key["kty"]]}


def thumbprint(key: Mapping[str, str]) -> bytes:
    """The key's name by its content (RFC 7638)."""
    return sha256(orjson.dumps({name: key[name] for name in _MEMBERS[key["kty"]]}, option=orjson.OPT_SORT_KEYS)).digest()


def signed(header: Mapping[str, Any], payload: Mapping[str, Any], key: Any, algorithm: str) -> str:
    """A compact JWS."""
    return signatures().encode(orjson.dumps(payload), key, algorithm=algorithm, headers=dict(header))


def checked(token: str, jwk: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The payload of a JWS of this type, when this key signed it with an algorithm of its own kind.

    Raises:
        AttestationInvalid: another type or algorithm, another signature, or no JSON object.
    """
    public = public_jwk(dict(jwk))
    algorithms = HOLDER_KEYS[public["kty"], public["crv"]]
    try:
        read = signatures().decode_complete(token, jwt.PyJWK.from_dict(public).key, algorithms=list(algorithms))
        payload = orjson.loads(read["payload"])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise AttestationInvalid("a signature does not hold", "show what was issued, unchanged") from None
    if read["header"].get("typ") != kind or not isinstance(payload, dict):
        raise AttestationInvalid("a signed part is of another kind than it must be", f"its `typ` is {kind}")
    return payload


def header_of(token: str) -> dict[str, Any]:
    """A token's header before anything is believed: it only says which key is tried.

    Raises:
        AttestationInvalid: there is none.
    """
    try:
        return dict(signatures().get_unverified_header(token))
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise AttestationInvalid("this is not a signed token", "send it as it was issued or shown") from None


# --- the issuer ------------------------------------------------------------------------------------------------------


def issued(
    header: Mapping[str, Any], open_claims: Mapping[str, Any], hidden: Mapping[str, Any], size: int, key: Any, algorithm: str = "EdDSA"
) -> str:
    """Sign claims of which the holder will show only some.

    Args:
        header: the token's own header.
        open_claims: what every verifier sees.
        hidden: what the holder may show, one by one.
        size: how many hashes stand in it; what `hidden` lacks is filled with hashes of nothing, so that
            their number says nothing about the person.
        key: the issuer's private key.
        algorithm: how it signs.
    """
    disclosures = [encoded(orjson.dumps([encoded(secrets.token_bytes(16)), name, value])) for name, value in hidden.items()]
    hashes = [_digest(each) for each in disclosures]
    hashes += [encoded(sha256(secrets.token_bytes(32)).digest()) for _ in range(size - len(hashes))]
    payload = {**open_claims, "_sd": sorted(hashes), "_sd_alg": "sha-256"}
    return "~".join([signed(header, payload, key, algorithm), *disclosures, ""])


# --- the holder ------------------------------------------------------------------------------------------------------


def chosen(text: str, names: Iterable[str]) -> str:
    """The same attestation with only the disclosures of these claims; an unknown name raises AttestationInvalid."""
    token, *disclosures, last = text.split("~")
    if last:
        raise AttestationInvalid("this was already shown to somebody", "choose from the attestation as it was issued")
    by_name = {_disclosure(each)[1]: each for each in disclosures}
    wanted = list(names)
    if not by_name.keys() >= set(wanted):
        raise AttestationInvalid("the attestation has no such claim", f"it has: {', '.join(sorted(by_name))}")
    return "~".join([token, *(by_name[name] for name in wanted), ""])


def bound(text: str, key: Any, algorithm: str, nonce: str, audience: str, now: int) -> str:
    """Add the key-binding token for one verifier and one nonce."""
    payload = {"nonce": nonce, "aud": audience, "iat": now, "sd_hash": _digest(text)}
    return text + signed({"typ": "kb+jwt"}, payload, key, algorithm)


def proof(jwk: Mapping[str, Any], key: Any, algorithm: str, nonce: str, audience: str, now: int) -> str:
    """Show an issuer that one holds a key it shall write in (OpenID4VCI 1.0, appendix F.1)."""
    header = {"typ": "openid4vci-proof+jwt", "jwk": public_jwk(dict(jwk))}
    return signed(header, {"aud": audience, "iat": now, "nonce": nonce}, key, algorithm)


def proven(text: str, nonce: str, audience: str, now: int) -> dict[str, str]:
    """The public key whose holder made this proof for this issuer and nonce.

    Raises:
        AttestationInvalid: it is no such proof.
    """
    if len(text) > LONGEST:
        raise AttestationInvalid("the proof is longer than any", "send a key proof of OpenID4VCI")
    key = public_jwk(header_of(text).get("jwk"))
    payload = checked(text, key, "openid4vci-proof+jwt")
    if payload.get("aud") != audience or payload.get("nonce") != nonce:
        raise AttestationInvalid("the proof is for another issuer or nonce", "take a new nonce, and sign it for this hub")
    _recent(payload, now)
    return key


# --- the verifier ----------------------------------------------------------------------------------------------------


def verified(
    text: str, keys: Mapping[str | None, Mapping[str, Any]], now: int, *, nonce: str | None, audience: str | None, kind: str = "dc+sd-jwt"
) -> Shown:
    """What a presentation shows, when all of it holds; whether it was revoked is asked elsewhere.

    Args:
        text: the presentation.
        keys: the issuer's public keys as JWKs, by `kid`.
        now: this moment, in seconds since 1970.
        nonce: the nonce given to the holder; None where only the issuer's signature is looked at, as the holder itself does.
        audience: who it must have been shown to.
        kind: the `typ` of the issuer's token.

    Raises:
        AttestationInvalid: form, signature, disclosures or key binding do not hold.
        AttestationExpired: it has ended, or has not begun.
    """
    if len(text) > LONGEST or text.count("~") > MOST_DISCLOSURES or "~" not in text:
        raise AttestationInvalid("this is not a presentation of an attestation", "send all of it: token~disclosures~binding")
    token, *disclosures, binding = text.split("~")
    key = keys.get(header_of(token).get("kid"))
    if key is None:
        raise AttestationInvalid("it is signed with a key its issuer does not publish", "read the issuer's keys again")
    payload = checked(token, key, kind)
    if payload.get("_sd_alg", "sha-256") != "sha-256":
        raise AttestationInvalid("its hashes are of a kind that is not taken", "only sha-256 is")
    try:
        claims = _Opening(disclosures).all_of(payload)
    except RecursionError:
        raise AttestationInvalid("it is nested too deeply", "show what was issued, unchanged") from None
    if nonce is not None:
        _check_binding(text, binding, payload, nonce, audience, now)
    elif binding:
        raise AttestationInvalid("it was shown to somebody", "check what was issued, without a binding")
    _in_time(payload, now)
    return Shown(claims, str(payload.get("vct", "")), nonce is not None)


def _check_binding(text: str, binding: str, payload: Mapping[str, Any], nonce: str, audience: str | None, now: int) -> None:
    confirmed = payload.get("cnf")
    if not binding or not isinstance(confirmed, dict):
        raise AttestationInvalid("nobody proved to hold its key", "ask the holder to sign the nonce with the key that is written in")
    shown = checked(binding, confirmed.get("jwk"), "kb+jwt")  # type: ignore[arg-type]  # public_jwk looks at it first
    if shown.get("sd_hash") != _digest(text[: -len(binding)]):
        raise AttestationInvalid("the binding is of another presentation", "show exactly what was bound")
    if shown.get("nonce") != nonce:
        raise AttestationInvalid("the binding is for another nonce", "give the holder a new nonce for every presentation")
    if shown.get("aud") != audience:
        raise AttestationInvalid("it was shown to another verifier", "ask the holder to show it to you")
    _recent(shown, now)


def _recent(payload: Mapping[str, Any], now: int) -> None:
    at = payload.get("iat")
    if isinstance(at, bool) or not isinstance(at, int) or not now - BINDING_AGE <= at <= now + LEEWAY:
        raise AttestationInvalid("it was signed too long ago, or in the future", "sign it anew; look at the clock")


def _in_time(payload: Mapping[str, Any], now: int) -> None:
    times = [payload.get("nbf", 0), payload.get("exp", now + LEEWAY)]
    if any(isinstance(each, bool) or not isinstance(each, int) for each in times):
        raise AttestationInvalid("its times are not whole numbers", "show what was issued, unchanged")
    if times[0] > now + LEEWAY:
        raise AttestationExpired("the attestation has not begun", "look at the clock")
    if times[1] <= now - LEEWAY:
        raise AttestationExpired("the attestation has ended", "the holder can have a new one issued")


def _digest(text: str) -> str:
    return encoded(sha256(text.encode()).digest())


def _disclosure(text: str) -> list[Any]:
    try:
        parts = orjson.loads(decoded(text))
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not 2 <= len(parts) <= 3:
        raise AttestationInvalid("a disclosure cannot be read", "show what was issued, unchanged")
    return parts


class _Opening:
    """Puts disclosed claims where their hashes stand (RFC 9901, 7.1 step 3), and sees that each has its one place."""

    def __init__(self, disclosures: list[str]) -> None:
        self.waiting = {_digest(each): _disclosure(each) for each in disclosures}
        if len(self.waiting) != len(disclosures):
            raise AttestationInvalid("a disclosure stands in it twice", "show each claim once")
        self.met: set[str] = set()

    def all_of(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        claims = self._opened({name: value for name, value in payload.items() if name != "_sd_alg"})
        if self.waiting:
            raise AttestationInvalid("a disclosure belongs to no hash that was signed", "show what was issued, unchanged")
        assert isinstance(claims, dict)
        return claims

    def _opened(self, value: Any) -> Any:
        if isinstance(value, list):
            return self._list(value)
        if not isinstance(value, dict):
            return value
        made = {name: self._opened(each) for name, each in value.items() if name != "_sd"}
        for digest in value.get("_sd", ()):
            found = self._found(digest, 3)
            if found is None:
                continue
            _, name, inner = found
            if not isinstance(name, str) or name in FIXED or name in made:
                raise AttestationInvalid("a disclosure brings in a claim that may not be hidden", "show what was issued, unchanged")
            made[name] = self._opened(inner)
        return made

    def _list(self, value: list[Any]) -> list[Any]:
        made = []
        for each in value:
            if isinstance(each, dict) and each.keys() == {"..."}:
                found = self._found(each["..."], 2)
                if found is not None:
                    made.append(self._opened(found[1]))
            else:
                made.append(self._opened(each))
        return made

    def _found(self, digest: Any, size: int) -> list[Any] | None:
        if not isinstance(digest, str) or digest in self.met:
            raise AttestationInvalid("a hash stands in it twice, or is none", "show what was issued, unchanged")
        self.met.add(digest)
        found = self.waiting.pop(digest, None)
        if found is not None and len(found) != size:
            raise AttestationInvalid("a disclosure stands where it does not belong", "show what was issued, unchanged")
        return found
