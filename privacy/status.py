"""Status lists: whether an attestation was revoked, told of all at once, so that nobody learns which one was looked up.

One bit each in a compressed list; the place of an attestation in it is drawn at random, so that neighbours have nothing to do
with each other.
Source: IETF, Token Status List (draft-ietf-oauth-status-list-21, approved), sections 4, 5.1, 6.2 and 8.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from errors import AttestationInvalid, AttestationRevoked
from privacy.selective import checked, decoded, encoded, header_of

SIZE = 1 << 16
"""Places in one list: 8 KB before compression, and a crowd of 65,536 to hide in."""

LONGEST = 1 << 20
"""Bytes of a list of somebody's, unpacked; no more is unpacked."""

TTL = 300
"""Seconds after which a verifier should read a list again."""

KEPT = 86_400
"""Seconds for which a list counts at all."""

KIND = "statuslist+jwt"


def packed(positions: Iterable[int], size: int = SIZE) -> dict[str, Any]:
    """The `status_list` claim in which exactly these positions are set."""
    return {"bits": 1, "lst": _packed(tuple(positions), size)}


@lru_cache(16)
def _packed(positions: tuple[int, ...], size: int) -> str:
    """Kept while nothing is revoked: anyone may fetch a list, and compressing one costs some milliseconds."""
    bits = bytearray(size // 8)
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return encoded(zlib.compress(bytes(bits), 9))


def status_at(claim: Any, position: int) -> int:
    """The status at a position: 0 is valid.

    Raises:
        AttestationInvalid: the list cannot be read, or is too short.
    """
    try:
        width = claim["bits"]
        inflating = zlib.decompressobj()
        raw = inflating.decompress(decoded(claim["lst"]), LONGEST)
        sound = not isinstance(width, bool) and width in {1, 2, 4, 8} and inflating.eof and position >= 0
        each = 8 // width if sound else 0
        return int(raw[position // each] >> (position % each * width) & (1 << width) - 1)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError, zlib.error):
        raise AttestationInvalid("the status list cannot be read", "read it again at the address the attestation names") from None


def reference(claims: Mapping[str, Any]) -> tuple[str, int]:
    """The address of an attestation's status list, and its place in it.

    Raises:
        AttestationInvalid: it names none.
    """
    try:
        listed = claims["status"]["status_list"]
        address, position = listed["uri"], listed["idx"]
    except (TypeError, KeyError):
        address, position = None, None
    if not isinstance(address, str) or isinstance(position, bool) or not isinstance(position, int):
        raise AttestationInvalid("it names no status list", "show what was issued, unchanged")
    return address, position


def check(claims: Mapping[str, Any], listed: str, keys: Mapping[str | None, Mapping[str, Any]], now: int) -> None:
    """Go on only if the signed list, which must be the one the attestation names, says that it is valid.

    Raises:
        AttestationInvalid: another list, an old one, or one the issuer did not sign.
        AttestationRevoked: it was revoked.
    """
    address, position = reference(claims)
    key = keys.get(header_of(listed).get("kid"))
    if key is None:
        raise AttestationInvalid("the status list is signed with a key its issuer does not publish", "read the issuer's keys again")
    payload = checked(listed, key, KIND)
    ends = payload.get("exp")
    if payload.get("sub") != address or not isinstance(ends, int) or ends <= now:
        raise AttestationInvalid("the status list is another one, or too old", "read it again at the address the attestation names")
    if status_at(payload.get("status_list"), position):
        raise AttestationRevoked("the attestation was revoked", "the holder can have a new one issued, if what it said still holds")
