"""References: how one organisation speaks of a person to another, when neither may learn how the other knows the person.

A reference is a text that says nothing to whoever carries it. The hub sealed it for one receiver, and opens it for that
receiver alone, in the thread and for the purpose it was made for, until it ends. Two references of one person are two
unlike texts, all of one length, so that a receiver who may not know who is meant cannot tell two threads apart from one.

    payload  version ‖ 16 random bytes ‖ number ‖ end ‖ kind ‖ purpose ‖ thread's hash ‖ sender, each of fixed length
    text     SecretBox(key of this receiver, payload)

What a receiver gets who may not know the person is a handle: a keyed hash of the number within one sender, thread and
purpose. It can be kept and answered about, and leads nowhere. Why it is so: docs/decisions/0023-references.md.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest

from privacy.keys import KeyRing
from privacy.sealing import Seal

LAYOUT = struct.Struct(">B16sQQ16s32s16s64s")
LONGEST = 512
"""Characters; a longer text is not one of ours and is not looked at."""

HANDLE = 12


@dataclass(frozen=True, slots=True)
class Bound:
    """What a reference holds for, and nowhere else: who speaks to whom, of what kind of thing, why and in which thread."""

    sender: str
    receiver: str
    purpose: str
    thread: str = ""
    kind: str = "person"


@dataclass(frozen=True, slots=True)
class Referred:
    """An opened reference; `number` never leaves the hub."""

    bound: Bound
    number: int
    ends_at: int
    handle: str


class References:
    """Makes references and opens them, without keeping any."""

    def __init__(self, ring: KeyRing) -> None:
        """Keep the ring; the seals of the receivers used last are kept prepared."""
        self._ring = ring
        self._seal = lru_cache(1024)(lambda receiver: Seal(ring, "reference", receiver))

    def make(self, bound: Bound, number: int, ends_at: int) -> str:
        """A reference to a person or household by number.

        Raises:
            ValueError: a sender, purpose or kind that is too long to be sealed.
        """
        version = self._ring.current
        texts = [(bound.kind, 16), (bound.purpose, 32), (bound.sender, 64)]
        if any(len(text.encode()) > most for text, most in texts):
            raise ValueError("too long to be sealed into a reference")
        kind, purpose, sender = (text.encode() for text, _ in texts)
        payload = LAYOUT.pack(version, secrets.token_bytes(16), number, ends_at, kind, purpose, _digest(bound.thread), sender)
        return self._seal(bound.receiver).close(payload, version)

    def open(self, text: str, receiver: str, purpose: str, thread: str, now: int) -> Referred | None:
        """What a reference says to its receiver; None for a foreign, forged, ended or unreadable one, or of another thread."""
        opened = self._seal(receiver).open(text) if len(text) <= LONGEST else None
        if opened is None or len(opened) != LAYOUT.size:
            return None
        version, _, number, ends_at, kind, its_purpose, its_thread, sender = LAYOUT.unpack(opened)
        same = compare_digest(its_thread, _digest(thread)) and its_purpose.rstrip(b"\0").decode() == purpose
        if not same or now >= ends_at or version not in self._ring.usable:
            return None
        bound = Bound(sender.rstrip(b"\0").decode(), receiver, purpose, thread, kind.rstrip(b"\0").decode())
        return Referred(bound, number, ends_at, self._handle(bound, number, version))

    def _handle(self, bound: Bound, number: int, version: int) -> str:
        """Of the version the reference was made with, so that one reference has one handle, also after a rotation."""
        hashed = blake2b(key=self._ring.subkey("reference handle", version), digest_size=HANDLE)
        for text in (bound.sender, bound.receiver, bound.purpose, bound.thread, bound.kind):
            hashed.update(_digest(text))
        hashed.update(number.to_bytes(8))
        return hashed.hexdigest()


def _digest(text: str) -> bytes:
    """A fixed length for what has none, so that no two texts read as another pair."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
