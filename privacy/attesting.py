"""The hub as issuer of attestations: its keys and addresses, what it signs, and how anyone checks it.

Keys are Ed25519, one for each version of the key ring, so that a rotation leaves what was issued before verifiable. They are
published beside those of receipts and of the record, in one set that needs no credential to read.
Source: SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-23), sections 2 and 3; JWK (RFC 7517), Ed25519 in it (RFC 8037).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nacl.signing import SigningKey

from privacy.keys import KeyRing
from privacy.late import late
from privacy.receipts import key_set as receipt_keys
from privacy.selective import Shown, encoded, issued, signed, verified
from privacy.status import KEPT, KIND, TTL, packed

if TYPE_CHECKING:
    import jwt
else:
    jwt = late("jwt")  # with what it signs by, ten megabytes

USE = "attestation"
DAY = 86_400


class Attester:
    """Issues and checks attestations under one public address."""

    def __init__(self, ring: KeyRing, address: str) -> None:
        """`address` is where the hub is reached from outside, without a slash at its end; it is the issuer's name."""
        self._ring = ring
        self.address = address
        self._private = lru_cache(8)(self._key)

    # --- what is published ---------------------------------------------------------------------------------------

    def key_set(self) -> dict[str, Any]:
        """Every public key by which something the hub signed can be checked (a JWK Set)."""
        keys = []
        for version in reversed(self._ring.versions):
            if version in self._ring.usable:  # a stolen key attests nothing more
                x = encoded(bytes(self._signing(version).verify_key))
                keys.append({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "use": "sig", "kid": f"{USE}-{version}"})
        return {"keys": keys + receipt_keys(self._ring)["keys"]}

    def metadata(self) -> dict[str, Any]:
        """What `/.well-known/jwt-vc-issuer` says."""
        return {"issuer": self.address, "jwks_uri": f"{self.address}/.well-known/jwks.json"}

    def type_of(self, name: str) -> str:
        """The `vct` of a type: the address of its description."""
        return f"{self.address}/attestations/{name}"

    def list_at(self, number: int) -> str:
        """The address of a status list."""
        return f"{self.address}/status/{number}"

    def audience(self, organisation: str) -> str:
        """How a verifier is named in a binding."""
        return f"{self.address}/organisations/{organisation}"

    # --- what is signed ------------------------------------------------------------------------------------------

    def issue(
        self, name: str, hidden: Mapping[str, Any], size: int, holder: Mapping[str, str], place: tuple[int, int], ends_at: int
    ) -> str:
        """One attestation.

        No time of issuing stands in it: those of one batch would share it. Its end is a day's, for the same reason.

        Args:
            name: its type.
            hidden: what the holder may show.
            size: how many claims its type has.
            holder: the key it is bound to.
            place: status list and position.
            ends_at: when it ends; given as the day's end.
        """
        claims = {
            "iss": self.address,
            "vct": self.type_of(name),
            "exp": -(-ends_at // DAY) * DAY,
            "cnf": {"jwk": dict(holder)},
            "status": {"status_list": {"idx": place[1], "uri": self.list_at(place[0])}},
        }
        return issued(self._header("dc+sd-jwt"), claims, hidden, size, self._private(self._ring.current))

    def status_list(self, number: int, revoked: Iterable[int], now: int) -> str:
        """A signed status list."""
        claims = {"sub": self.list_at(number), "iat": now, "exp": now + KEPT, "ttl": TTL, "status_list": packed(revoked)}
        return signed(self._header(KIND), claims, self._private(self._ring.current), "EdDSA")

    def verify(self, text: str, now: int, nonce: str, audience: str) -> Shown:
        """What a presentation of one of this hub's attestations shows; raises AttestationInvalid or AttestationExpired."""
        return verified(text, by_kid(self.key_set()), now, nonce=nonce, audience=audience)

    def _header(self, kind: str) -> dict[str, str]:
        return {"typ": kind, "kid": f"{USE}-{self._ring.current}"}

    def _signing(self, version: int) -> SigningKey:
        return SigningKey(self._ring.subkey(USE, version))

    def _key(self, version: int) -> Any:
        key = self._signing(version)
        return jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": encoded(bytes(key.verify_key)), "d": encoded(bytes(key))}).key


def by_kid(key_set: Mapping[str, Any]) -> dict[str | None, Mapping[str, Any]]:
    """The keys of a set that sign attestations, by their id; a set of other shape raises TypeError or KeyError."""
    return {each["kid"]: each for each in key_set["keys"] if each["kid"].startswith(f"{USE}-")}
