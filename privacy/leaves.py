"""How an entry of the record becomes a leaf: commitments, of which each reader is shown those that concern it.

A leaf holds hashes only. Behind each stands a text and a random-looking salt that only the hub can make; who is given both can
check the hash, who is not learns nothing, not even by guessing. A person is opened the entry's head (when, for whom, why) and the
parts that concern it. The people of a part stand in it as marks: a mark is made from the person's own record key and the entry's
number, so a person finds its own and nobody else's, and the hub cannot pass one person's entry off as another's.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, Self

import orjson

from privacy.chain import spelt_out
from privacy.keys import KeyRing

MARK_BYTES = 16
KEY_BYTES, BLOCK = 32, 256
BLOCKS = 400
"""Record keys of people are kept at hand in so many blocks of bytes, 3 MiB in all; as objects they take five times as much."""

UNKNOWN = bytes(KEY_BYTES)

DESK = ("requester", "credential")
"""What a person is not shown: who at the organisation asked. Inspectors may have it opened."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One commitment of a leaf: with text and salt where it is opened, by its hash alone where it is not."""

    commitment: bytes
    text: str | None = None
    salt: bytes | None = None

    @classmethod
    def of(cls, text: bytes, salt: bytes) -> Self:
        """Commit to a text."""
        return cls(sha256(salt + text).digest(), text.decode(), salt)

    def closed(self) -> Opened:
        """The same without what stands behind it."""
        return Opened(self.commitment)

    def written(self) -> dict[str, str]:
        """As JSON has it."""
        if self.text is None or self.salt is None:
            return {"commitment": _text(self.commitment)}
        return {"salt": _text(self.salt), "text": self.text}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Self:
        """Read it back; an opened one is committed to anew, so that its text is what its hash says.

        Raises:
            ValueError: it is not written so.
        """
        if "text" in written:
            return cls.of(str(written["text"]).encode(), _bytes(written["salt"]))
        return cls(_bytes(written["commitment"]))


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry as the tree holds it: `head`, `desk` and one commitment for each part."""

    number: int
    head: Opened
    desk: Opened
    parts: tuple[Opened, ...]

    @property
    def content(self) -> bytes:
        """What is hashed: a fixed word, the number, and the commitments in their order."""
        commitments = (self.head.commitment, self.desk.commitment, *(part.commitment for part in self.parts))
        return b"mizalla leaf 1" + struct.pack(">Q", self.number) + b"".join(commitments)


class Leaves:
    """Makes leaves; its keys are those of the ring's first version, so that a leaf is the same for ever."""

    def __init__(self, ring: KeyRing) -> None:
        """Derive the two keys once."""
        first = ring.versions[0]
        self._salts = ring.subkey("record salts", first)
        self._keys = ring.subkey("record people", first)
        self._known: dict[int, bytearray] = {}

    def person_key(self, person: int) -> bytes:
        """A person's own record key: with it, its marks in all entries are found."""
        block, place = person // BLOCK, person % BLOCK * KEY_BYTES
        known = self._known.get(block)
        if known is None:
            if len(self._known) >= BLOCKS:
                self._known.clear()
            known = self._known[block] = bytearray(BLOCK * KEY_BYTES)
        found = bytes(known[place : place + KEY_BYTES])
        if found == UNKNOWN:
            found = blake2b(person.to_bytes(8), key=self._keys, digest_size=KEY_BYTES).digest()
            known[place : place + KEY_BYTES] = found
        return found

    def leaf(self, number: int, body: bytes) -> Leaf:
        """The leaf of an entry with everything opened; what a body holds beside its parts and desk is its head."""
        entry: dict[str, Any] = spelt_out(body)
        shown = entry.pop("shown")
        desk = {name: entry.pop(name) for name in DESK}
        at = number.to_bytes(8)
        parts = []
        made: dict[int, list[str]] = {}
        lists = [part.pop("people") for part in shown]  # parts that show the same people share one list
        for place, (part, people) in enumerate(zip(shown, lists, strict=True)):
            marks = made.get(id(people))
            if marks is None:
                marks = sorted(blake2b(at, key=self.person_key(person), digest_size=MARK_BYTES).hexdigest() for person in people)
                made[id(people)] = marks
            parts.append(Opened.of(orjson.dumps({**part, "people": marks}), self._salt(at, place + 2)))
        head, its_desk = (Opened.of(orjson.dumps(each), self._salt(at, place)) for place, each in enumerate((entry, desk)))
        return Leaf(number, head, its_desk, tuple(parts))

    def leaf_for(self, number: int, body: bytes, person: int) -> Leaf:
        """The same leaf, opened as far as it concerns one person."""
        whole = self.leaf(number, body)
        mine = mark_of(self.person_key(person), number)
        parts = tuple(part if mine in _marks(part) else part.closed() for part in whole.parts)
        return Leaf(number, whole.head, whole.desk.closed(), parts)

    def _salt(self, number: bytes, place: int) -> bytes:
        return blake2b(number + place.to_bytes(4), key=self._salts, digest_size=32).digest()


def mark_of(person_key: bytes, number: int) -> str:
    """By which the holder of a record key stands in an entry."""
    return blake2b(number.to_bytes(8), key=person_key, digest_size=MARK_BYTES).hexdigest()


def _marks(part: Opened) -> list[str]:
    return list(orjson.loads(part.text or "{}").get("people", ()))


def concerns(leaf: Leaf, person_key: bytes) -> bool:
    """Whether every opened part of a leaf, and at least one, names the holder of this record key."""
    mine = mark_of(person_key, leaf.number)
    opened = [part for part in leaf.parts if part.text is not None]
    return bool(opened) and all(mine in _marks(part) for part in opened)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise ValueError("this is no proof: it holds something that is not base64") from error
