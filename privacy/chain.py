"""The chain itself: how a disclosure becomes bytes, how entries hang together, and how a whole chain is examined.

An entry's hash is BLAKE2b-256 of the previous hash and the entry's body as it is stored, so that no entry can be changed,
removed or slipped in without breaking every later one. The hash has no key: whoever may read the record may verify the
chain. A signed head says that the chain up to a number was this one at a time; only the holder of the ring can make one.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import orjson
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from values import Disclosure, Purpose, Role, Shown

START = bytes(32)
"""What stands for the previous hash before the first entry."""

Row = tuple[Any, ...]


def encode(disclosure: Disclosure) -> bytes:
    """Give the body of an entry: JSON, people as plain lists of numbers, each list once.

    A thousand numbers cost 6 µs as JSON; sorted and packed they would be a third smaller and cost 25 times as much. Most
    parts of an answer show the same people, and what is not written need not be hashed nor flushed: a part that shows
    whom an earlier one showed names it by its place.
    """
    lists: list[tuple[int, ...]] = []
    people: list[tuple[int, ...] | int] = []
    for each in disclosure.shown:
        if each.people in lists:
            people.append(lists.index(each.people))
        else:
            people.append(each.people)
        lists.append(each.people)
    return orjson.dumps(
        {
            "at": disclosure.at,
            "requester": disclosure.requester,
            "organisation": disclosure.organisation,
            "credential": disclosure.credential,
            "role": disclosure.role,
            "purpose": disclosure.purpose,
            "shown": [
                {"coordinates": each.coordinates, "sources": each.sources, "grounds": each.grounds, "people": them}
                for each, them in zip(disclosure.shown, people, strict=True)
            ],
        }
    )


def decode(body: bytes, person: int | None = None) -> Disclosure:
    """Read a body back; with `person`, only the parts that concern this person, and nobody else's number."""
    read = spelt_out(body)
    return Disclosure(
        at=datetime.fromisoformat(read["at"]),
        requester=read["requester"],
        organisation=read["organisation"],
        credential=read["credential"],
        role=Role(read["role"]),
        purpose=Purpose(read["purpose"]),
        shown=tuple(
            Shown(
                coordinates=tuple(each["coordinates"]),
                sources=tuple(each["sources"]),
                people=tuple(each["people"]) if person is None else (person,),
                grounds=each["grounds"],
            )
            for each in read["shown"]
            if person is None or person in each["people"]
        ),
    )


def people_of(body: bytes) -> set[int]:
    """Everybody an entry concerns."""
    return {person for each in orjson.loads(body)["shown"] if isinstance(each["people"], list) for person in each["people"]}


def spelt_out(body: bytes) -> Any:
    """A body as JSON, with its people in every part."""
    read = orjson.loads(body)
    for each in read["shown"]:
        if isinstance(each["people"], int):
            each["people"] = read["shown"][each["people"]]["people"]
    return read


def continued(last: tuple[int, bytes] | None, bodies: Sequence[bytes]) -> list[tuple[int, bytes, bytes]]:
    """Give the rows (number, body, hash) that follow the last entry's number and hash."""
    number, previous = last or (0, START)
    rows = []
    for body in bodies:
        number += 1
        previous = blake2b(previous + body, digest_size=32).digest()
        rows.append((number, body, previous))
    return rows


@dataclass(frozen=True, slots=True)
class Head:
    """The chain up to `number` had this hash at this time (seconds since 1970), signed."""

    number: int
    at: int
    hash: bytes
    signature: bytes
    key_version: int

    @classmethod
    def signed(cls, number: int, at: int, hash_: bytes, key: SigningKey, version: int) -> Head:
        """Sign a head with a key of the ring."""
        return cls(number, at, hash_, key.sign(_statement(number, at, hash_)).signature, version)

    def is_genuine(self, key: VerifyKey | None) -> bool:
        """Whether this key signed exactly this number, time and hash; no key means no."""
        if key is None:
            return False
        try:
            key.verify(_statement(self.number, self.at, self.hash), self.signature)
        except (BadSignatureError, ValueError, TypeError, struct.error):  # SQLite lets a forger store any type
            return False
        return True


def _statement(number: int, at: int, hash_: bytes) -> bytes:
    return b"mizalla record head 1" + struct.pack("<qq", number, at) + hash_


class Fault(StrEnum):
    """How a chain can be broken."""

    MISSING = "missing"
    ALTERED = "altered"
    REWRITTEN = "rewritten"
    TRUNCATED = "truncated"
    BAD_SIGNATURE = "bad signature"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What examining a chain found: `broken` is the number of the first broken entry, None for a sound chain.

    `entries` and `heads` count what was examined, up to the fault.
    """

    entries: int
    heads: int
    broken: int | None = None
    fault: Fault | None = None
    sentence: str = "The chain is sound."

    @property
    def sound(self) -> bool:
        """Whether no fault was found."""
        return self.fault is None


class Examination:
    """One walk along a chain, entry by entry, remembering only the last hash.

    Args:
        key: the public key of a key version, None for a version the ring does not have.
        kept: number and hash of a head noted outside the database; it must be in the chain.
    """

    def __init__(self, key: Callable[[int], VerifyKey | None], kept: tuple[int, bytes] | None = None) -> None:
        """Begin before the first entry."""
        self.key = key
        self.kept = kept
        self.number, self.hash = 0, START
        self.heads, self.covered = 0, 0

    async def walk(self, entries: AsyncIterator[list[Row]], heads: AsyncIterator[list[Row]]) -> Verdict:
        """Examine entries (number, body, hash) and heads (the fields of Head), both ascending, to the end or the first fault."""
        ahead = _each(heads)
        head = await anext(ahead, None)
        async for rows in entries:
            begin = 0
            while head is not None and head.number <= rows[-1][0]:
                end = begin + sum(1 for row in rows[begin:] if row[0] <= head.number)
                if verdict := self._follow(rows[begin:end]) or self._meet(head):
                    return verdict
                begin, head = end, await anext(ahead, None)
            if verdict := self._follow(rows[begin:]):
                return verdict
        promised = head.number if head is not None else self.kept[0] if self.kept is not None else 0
        if promised > self.number:
            return self._fault(self.number + 1, Fault.TRUNCATED, f"a head covers {promised} entries, and the chain has {self.number}.")
        return Verdict(self.number, self.heads)

    def _follow(self, rows: Sequence[Row]) -> Verdict | None:
        number, previous = self.number, self.hash
        kept_number, kept_hash = self.kept or (0, START)
        for found, body, hash_ in rows:
            if found != number + 1 or type(body) is not bytes or blake2b(previous + body, digest_size=32).digest() != hash_:
                self.number, self.hash = number, previous
                return self._broken_link(found)
            number, previous = found, hash_
            if number == kept_number and hash_ != kept_hash:
                self.number, self.hash = number, previous
                return self._fault(self.covered + 1, Fault.REWRITTEN, f"entry {number} is not the one of the head that was kept elsewhere.")
        self.number, self.hash = number, previous
        return None

    def _broken_link(self, found: int) -> Verdict:
        expected = self.number + 1
        if found != expected:
            return self._fault(expected, Fault.MISSING, f"entry {expected} is not there; the next one is {found}.")
        return self._fault(expected, Fault.ALTERED, f"entry {expected} does not follow from its body and entry {self.number}.")

    def _meet(self, head: Head) -> Verdict | None:
        if not head.is_genuine(self.key(head.key_version)):
            return self._fault(head.number, Fault.BAD_SIGNATURE, f"the head at entry {head.number} was not signed by this key ring.")
        if self.number < head.number:
            missing = self.number + 1
            return self._fault(missing, Fault.MISSING, f"entry {missing} is not there, and a head covers it.")
        if head.hash != self.hash:
            first = self.covered + 1
            return self._fault(first, Fault.REWRITTEN, f"entries {first} to {head.number} are not those that were signed.")
        self.heads, self.covered = self.heads + 1, head.number
        return None

    def _fault(self, broken: int, fault: Fault, sentence: str) -> Verdict:
        return Verdict(self.number, self.heads, broken, fault, f"Broken at entry {broken}: {sentence}")


async def _each(heads: AsyncIterator[list[Row]]) -> AsyncIterator[Head]:
    async for rows in heads:
        for row in rows:
            yield Head(*row)
