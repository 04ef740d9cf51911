"""Pseudonyms: how each receiver knows a person, a household or an allocation, and only that receiver.

A pseudonym is the number itself, encrypted and authenticated deterministically under keys of one receiver and one kind:

    tag  = BLAKE2b(tag key, receiver ‖ number)     15 bytes
    body = number XOR BLAKE2b(body key, receiver ‖ tag)     8 bytes
    text = hexadecimal(version ‖ tag ‖ body)     24 bytes, 48 characters

So the hub needs no table to come back from it, the same receiver sees the same text every time, two receivers can compare
nothing, and nobody without the key ring can make one up (one chance in 2^120 for each try).
Source: Rogaway and Shrimpton, "Deterministic Authenticated-Encryption", 2006; BLAKE2b is RFC 7693, and libsodium's
`crypto_generichash`. Why this construction: docs/decisions/0004-pseudonyms.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from privacy.keys import KeyRing
from privacy.sealing import Seal

FORM = re.compile(r"[0-9a-f]{48}")
TAG = 15
BODY = 8
LENGTH = 1 + TAG + BODY
ROW = 12
PLACES = 256
"""Pseudonyms remembered together: of numbers that follow one another."""

REMEMBERED = 1024
"""Such blocks kept, 6 KiB each; beyond it they are forgotten together."""

NEVER = "0" * 48
"""Well formed, of version 0, which no ring has: what unreadable text is replaced by, so that it costs the same work."""

LONGEST_SEAL = 4096
"""Characters; a longer text is not one of ours and is not looked at."""


class Pseudonyms:
    """Pseudonyms, row ids and sealed cursors of every receiver.

    A `kind` separates keys: the pseudonym of person 7 says nothing about that of household 7.
    """

    def __init__(self, ring: KeyRing) -> None:
        """Keep the ring; what was prepared for a receiver is kept for the last used, so that many people cannot fill the memory."""
        self._ring = ring
        self._made: dict[tuple[str, str, int], dict[int, bytearray]] = {}
        self._blocks = 0
        self._hash = lru_cache(4096)(self._begin)
        self._seal = lru_cache(1024)(self._begin_seal)

    def maker(self, receiver: str, kind: str = "person") -> Callable[[int], str]:
        """A function from number to pseudonym for one receiver, of the current key version.

        Prepared once and called a row; numbers are 0 to 2^64 - 1, OverflowError for others.
        """
        version = self._ring.current.to_bytes(1)
        tag_copy = self._hash(f"{kind} tag", receiver, TAG, self._ring.current)
        body_copy = self._hash(f"{kind} body", receiver, BODY, self._ring.current)
        number_of = int.from_bytes

        def make(number: int) -> str:
            hashed = tag_copy()
            hashed.update(number.to_bytes(BODY))
            tag = hashed.digest()
            hashed = body_copy()
            hashed.update(tag)
            body = (number ^ number_of(hashed.digest())).to_bytes(BODY)
            text: str = (version + tag + body).hex()
            return text

        return make

    def several(self, receiver: str, kind: str = "person") -> Callable[[Sequence[int]], list[str]]:
        """A function from numbers to their pseudonyms, as `maker` makes them, for those who list the same people again and again.

        What was made is remembered in blocks of bytes: looking there takes a sixth of the two hashes, and what a hub with a
        case load of 100,000 keeps are 2.4 MiB. Nothing is remembered that the ring in the same memory could not make.
        """
        make = self.maker(receiver, kind)
        place = receiver, kind, self._ring.current

        def make_all(numbers: Sequence[int]) -> list[str]:
            if self._blocks >= REMEMBERED:
                self._made, self._blocks = {}, 0
            blocks = self._made.setdefault(place, {})
            texts, look = [], blocks.get
            for number in numbers:
                block = look(number >> 8)
                if block is None:
                    block = blocks[number >> 8] = bytearray(PLACES * LENGTH)
                    self._blocks += 1
                at = (number & 255) * LENGTH
                if not block[at]:  # the version stands first, and none is 0
                    block[at : at + LENGTH] = bytes.fromhex(make(number))
                texts.append(block[at : at + LENGTH].hex())
            return texts

        return make_all

    def resolve(self, receiver: str, text: str, kind: str = "person") -> int | None:
        """The number behind a receiver's pseudonym; None for a foreign, forged or unreadable one.

        Whatever the text, the work is the same: one form check, one decoding, two hashes, one comparison in constant time.
        """
        raw = bytes.fromhex(text if FORM.fullmatch(text) else NEVER)
        known = raw[0] in self._ring.usable
        version = raw[0] if known else self._ring.current
        tag = raw[1 : 1 + TAG]
        hashed = self._hash(f"{kind} body", receiver, BODY, version)()
        hashed.update(tag)
        number = int.from_bytes(raw[1 + TAG :]) ^ int.from_bytes(hashed.digest())
        hashed = self._hash(f"{kind} tag", receiver, TAG, version)()
        hashed.update(number.to_bytes(BODY))
        genuine = compare_digest(tag, hashed.digest())
        return number if genuine and known else None

    def opaque(self, receiver: str, kind: str) -> Callable[[str], str]:
        """A function from a row's own key to an id for one receiver: 24 hexadecimal characters, not reversible.

        For rows that are shown but never looked up by their id; half the work of a pseudonym.
        """
        begun = self.begun(receiver, kind)

        def make(key: str) -> str:
            hashed = begun()
            hashed.update(key.encode("utf-8", "surrogatepass"))
            digest: str = hashed.hexdigest()
            return digest

        return make

    def begun(self, receiver: str, kind: str) -> Callable[[], Any]:
        """What begins the hash of a row's id: `update` it with the key, and its `hexdigest` is the id.

        For generated code, which spares a call a row by it.
        """
        return self._hash(f"{kind} row", receiver, ROW, self._ring.current)

    def seal(self, receiver: str, kind: str, payload: bytes) -> str:
        """URL-safe text that only this hub can open, and only for the same receiver and kind.

        Raises:
            ValueError: more than 3,000 bytes.
        """
        text = self._seal(receiver, kind).close(payload, self._ring.current)
        if len(text) > LONGEST_SEAL:
            raise ValueError("at most 3,000 bytes can be sealed")
        return text

    def unseal(self, receiver: str, kind: str, text: str) -> bytes | None:
        """What `seal` was given; None for a foreign, forged or unreadable text."""
        if len(text) > LONGEST_SEAL:
            return None
        return self._seal(receiver, kind).open(text)

    def _begin_seal(self, receiver: str, kind: str) -> Seal:
        return Seal(self._ring, f"cursor {kind}", receiver)

    def _begin(self, use: str, receiver: str, size: int, version: int) -> Callable[[], Any]:
        """A keyed hash begun for one receiver; copies of it have the key's block already behind them.

        The receiver goes in as a hash of fixed length, so that no receiver and content read as another pair.
        """
        begun = blake2b(key=self._ring.subkey(f"pseudonym {use}", version), digest_size=size)
        begun.update(blake2b(receiver.encode(), digest_size=32).digest())
        return begun.copy
