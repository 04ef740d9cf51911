"""Proofs of a wallet: that whoever asks holds the private half of a key, at this origin, for this act, now and once.

The hub gives a challenge, the wallet signs a text about it with a key that never leaves the device:

    mizalla wallet 1
    <act>             session.open, device.add, enrolment.apply …
    <origin>          https://mizalla.example, as the wallet's browser shows it
    <challenge>       as the hub gave it
    <about>           what the act is about, as the public key of a device to be added; empty where there is nothing

A challenge is sealed by the hub and names its own end, so none is stored before it is answered, and nobody can fill the hub with
challenges. An answered one is spent: its hash is the key of a row, so that of two processes only one can insert it.
Source: RFC 8032 (Ed25519); W3C Web Authentication Level 3, section 13.4 (why origin and challenge are signed together);
Chalkias, Garillot and Nikolaenko, "Taming the Many EdDSAs", 2020 (why points of small order are no keys).
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from errors import Invalid, Unauthenticated
from privacy.keys import KeyRing
from privacy.sealing import Seal

PUBLIC_KEY = re.compile(r"[A-Za-z0-9_-]{43}=?")
SIGNATURE = re.compile(r"[A-Za-z0-9_-]{86}={0,2}")

RANDOM = 16
LONGEST = 400
"""Characters of a challenge or an origin; a longer one is not looked at."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a wallet sends: all texts as they came."""

    public_key: str
    origin: str
    challenge: str
    signature: str


@dataclass(frozen=True, slots=True)
class Proven:
    """A proof that held: the public key's 32 bytes, and what to write down so that it does not hold again."""

    public_key: bytes
    spent: bytes
    ends_at: int


class Challenges:
    """Gives challenges, and says whether one was answered rightly."""

    def __init__(self, ring: KeyRing, origins: Collection[str], seconds: int) -> None:
        """`origins` are those whose pages may use the wallet's keys; a challenge ends after `seconds`."""
        self.ring = ring
        self.origins = frozenset(origins)
        self.seconds = seconds
        self._seal = Seal(ring, "challenge", "wallet")

    def make(self, now: int) -> tuple[str, int]:
        """A challenge, and when it ends (seconds since 1970)."""
        ends_at = now + self.seconds
        return self._seal.close(secrets.token_bytes(RANDOM) + ends_at.to_bytes(8), self.ring.current), ends_at

    def proven(self, proof: Proof, act: str, about: str, now: int) -> Proven:
        """Check a proof for one act; whoever calls must spend it in the same transaction that does the act.

        Raises:
            Invalid: the public key is no key: unreadable, not on the curve, or of small order.
            Unauthenticated: anything else that is wrong; which of them is said of an end that passed only.
        """
        public_key = key_of(proof.public_key)
        opened = self._seal.open(proof.challenge) if len(proof.challenge) <= LONGEST else None
        if opened is None or proof.origin not in self.origins or not SIGNATURE.fullmatch(proof.signature):
            raise _unproven()
        try:
            VerifyKey(public_key).verify(text_of(act, proof.origin, proof.challenge, about), _decoded(proof.signature))
        except (BadSignatureError, ValueError):
            raise _unproven() from None
        ends_at = int.from_bytes(opened[RANDOM:])
        if ends_at <= now:
            raise Unauthenticated("the challenge has ended", "ask for a new `challenge` and sign it at once")
        return Proven(public_key, blake2b(proof.challenge.encode(), digest_size=32).digest(), ends_at)


def text_of(act: str, origin: str, challenge: str, about: str) -> bytes:
    """The text that a wallet signs; no part of it may hold a line's end, and none of those that hold does."""
    return f"mizalla wallet 1\n{act}\n{origin}\n{challenge}\n{about}".encode()


def key_of(text: str) -> bytes:
    """The 32 bytes of a public key in URL-safe base64.

    A point of small order signs everything under many texts, so it would be everybody's key.

    Raises:
        Invalid: it is no key that one person can hold.
    """
    raw = _decoded(text) if PUBLIC_KEY.fullmatch(text) else b""
    if len(raw) != 32 or not crypto_core_ed25519_is_valid_point(raw):
        raise Invalid("this is no Ed25519 public key", "send its 32 bytes as URL-safe base64 without padding", "publicKey")
    return raw


def written(public_key: bytes) -> str:
    """A public key as `key_of` reads it."""
    return base64.urlsafe_b64encode(public_key).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return b""


def _unproven() -> Unauthenticated:
    return Unauthenticated(
        "the proof does not hold", "sign a fresh `challenge` for this act at this hub's own origin, with the key you send"
    )
