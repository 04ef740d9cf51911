"""Households as organisations keep them: the tables behind registering and changing them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Invalid, Stale, Unknown
from privacy.keys import KeyRing
from privacy.sealing import Seal
from resolvers.aid.inputs import numbers, text
from resolvers.aid.ranking import Reads
from resolvers.writing import moved
from tables.aid import household_file, membership, residence
from tables.database import Database, among
from tables.identity import own_case, person

if TYPE_CHECKING:
    from resolvers.writing import Change

HOUSEHOLDS: Final = {
    "": {"register": "registered", "split_off": "registered"},
    "registered": {
        **dict.fromkeys(("add", "remove", "head", "move", "split", "merge", "unmerge"), "registered"),
        **dict.fromkeys(("end", "merge_last"), "ended"),
    },
    "ended": {"unmerge": "registered"},
}
"""What may happen to a household: state, act, next state."""

HEAD: Final = "head"
RELATIONS: Final = (HEAD, "spouse", "child", "parent", "sibling", "grandchild", "relative", "other")
"""What a member is to the head, as it was last said."""

CAUSES: Final = ("married", "moved", "died", "abroad", "mistaken", "other")
"""Why a member lives there no longer, beside `split` and `merged`."""

LONGEST_PLACE: Final = 120
GOVERNORATE: Final = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")

SALT: Final = 8
"""Random bytes before what is sealed, so that equal places do not look alike."""

Where = tuple[str, str | None] | None
"""Governorate and, where it is said, the place."""


@dataclass(frozen=True, slots=True)
class File:
    """A household as it is kept."""

    household: int
    head: int | None
    state: str
    version: int


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who lives in a household, or lived there."""

    person: int
    relation: str
    joined_on: str
    left_on: str | None
    cause: str | None


def relation_of(value: str, field: str) -> str:
    """What somebody is to the head.

    Raises:
        Invalid: there is no such relation.
    """
    if value.lower() not in RELATIONS:
        raise Invalid("there is no such relation", f"one of {', '.join(RELATIONS)}", field)
    return value.lower()


def place_of(given: Mapping[str, Any]) -> Where:
    """Where a household lives, if it is said.

    Raises:
        Invalid: a governorate that is none, or a place without one.
    """
    governorate, place = given["governorate"], given["place"]
    if governorate is None:
        if place is not None:
            raise Invalid("a place lies in a governorate", "give the governorate as well", "governorate")
        return None
    if not GOVERNORATE.fullmatch(governorate):
        raise Invalid("a governorate is a code of ISO 3166-2", "as in IQ-BG", "governorate")
    return governorate, None if place is None else text(place, "place", LONGEST_PLACE)


class Homes:
    """Reads and writes them, an organisation's own alone."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Prepare every statement once."""
        self.ring = ring
        prepare = database.prepare
        columns = [household_file.c[name] for name in File.__dataclass_fields__]
        mine = sa.select(*columns).where(
            household_file.c.household == sa.bindparam("home"), household_file.c.organisation == sa.bindparam("organisation")
        )
        self._file = prepare(mine)
        self._hold = prepare(mine.with_for_update())
        self._open = prepare(sa.insert(household_file))
        self._keep = prepare(
            sa.update(household_file)
            .where(household_file.c.household == sa.bindparam("home"))
            .values(head=sa.bindparam("new_head"), state=sa.bindparam("new_state"), version=household_file.c.version + 1)
        )
        self._members = prepare(
            sa.select(*(membership.c[name] for name in Member.__dataclass_fields__))
            .where(membership.c.household == sa.bindparam("home"))
            .order_by(membership.c.id)
        )
        self._add = prepare(sa.insert(membership))
        here = membership.c.household == sa.bindparam("home"), membership.c.person == sa.bindparam("whom"), membership.c.left_on.is_(None)
        self._leave = prepare(sa.update(membership).where(*here).values(left_on=sa.bindparam("day"), cause=sa.bindparam("why")))
        self._relate = prepare(sa.update(membership).where(*here).values(relation=sa.bindparam("to_head")))
        self._settle = prepare(sa.insert(residence))
        self._residences = prepare(
            sa.select(residence.c.moved_on, residence.c.governorate, residence.c.place)
            .where(residence.c.household == sa.bindparam("home"))
            .order_by(residence.c.moved_on, residence.c.id)
        )
        self._lives = prepare(
            sa.select(person.c.number, person.c.household)
            .join(own_case, own_case.c.person == person.c.number)
            .where(own_case.c.organisation == sa.bindparam("organisation"), among(person.c.number, "people", "whole"))
        )

    # --- reading -------------------------------------------------------------------------------------------------

    async def file(self, reads: Reads, organisation: str, home: int) -> File | None:
        """A household of this organisation; None for what is not one."""
        rows = await reads.fetch(self._file, {"home": home, "organisation": organisation})
        return File(*rows[0]) if rows else None

    async def members(self, reads: Reads, home: int) -> list[Member]:
        """Everybody who lives there or did."""
        return [Member(*row) for row in await reads.fetch(self._members, {"home": home})]

    async def residences(self, reads: Reads, organisation: str, home: int) -> list[dict[str, Any]]:
        """Where it lived, the latest last."""
        seal = self._seal(organisation)
        found = []
        for moved_on, governorate, sealed in await reads.fetch(self._residences, {"home": home}):
            opened = seal.open(sealed, stored=True) if sealed is not None else None
            found.append({"moved_on": moved_on, "governorate": governorate, "place": None if opened is None else opened[SALT:].decode()})
        return found

    async def lives(self, reads: Reads, organisation: str, people: Sequence[int]) -> dict[int, int | None]:
        """The household of each of these people that is in the organisation's own case load."""
        return dict(await reads.fetch(self._lives, {"organisation": organisation, "people": list(people)}))

    # --- writing -------------------------------------------------------------------------------------------------

    async def held(self, change: Change, home: int, version: int, act: str) -> File:
        """An own household, held until the end of the transaction.

        Raises:
            Unknown: it is none of this organisation's.
            Stale: it has changed since it was read.
            Conflict: it has ended.
        """
        rows = await change.fetch(self._hold, {"home": home, "organisation": change.enquiry.requester.organisation})
        if not rows:
            raise Unknown("this household is none of those the organisation keeps", "give the id of one it registered", "household")
        found = File(*rows[0])
        moved(HOUSEHOLDS, found.state, act, "household")
        if found.version != version:
            raise Stale("this household has changed", "read `householdFile` again, and repeat with its version", "version")
        return found

    async def hold(self, change: Change, homes: Sequence[int]) -> None:
        """Hold own households, in one order, before their people are held."""
        for home in sorted(homes):
            await change.fetch(self._hold, {"home": home, "organisation": change.enquiry.requester.organisation})

    async def open(self, change: Change, home: int, people: Sequence[tuple[int, str]], on: str, where: Where) -> None:
        """Keep a new household of these people, one of them the head."""
        await self.open_many(change, [(home, people, where)], on)

    async def open_many(self, change: Change, homes: Sequence[tuple[int, Sequence[tuple[int, str]], Where]], on: str) -> None:
        """Keep new households: number, people with their relations, and where they live."""
        organisation, following = change.enquiry.requester.organisation, numbers()
        files, members, residences = [], [], []
        for home, people, where in homes:
            head = next(number for number, relation in people if relation == HEAD)
            files.append({"household": home, "organisation": organisation, "head": head, "state": "registered", "version": 1})
            members += [_member(next(following), home, each, on) for each in people]
            if where is not None:
                residences.append(self._residence(str(organisation), next(following), home, on, where))
        await change.execute_many(self._open, files)
        await change.execute_many(self._add, members)
        if residences:
            await change.execute_many(self._settle, residences)

    async def join(self, change: Change, home: int, people: Sequence[tuple[int, str]], on: str) -> None:
        """Let people live there from a day on."""
        following = numbers()
        await change.execute_many(self._add, [_member(next(following), home, each, on) for each in people])

    async def leave(self, change: Change, home: int, people: Sequence[int], on: str, cause: str) -> None:
        """Let people live there no longer."""
        await change.execute_many(self._leave, [{"home": home, "whom": number, "day": on, "why": cause} for number in people])

    async def relate(self, change: Change, home: int, relations: Mapping[int, str]) -> None:
        """Say what members are to the head."""
        many = [{"home": home, "whom": number, "to_head": relation} for number, relation in relations.items()]
        await change.execute_many(self._relate, many)

    async def settle(self, change: Change, home: int, on: str, where: tuple[str, str | None]) -> None:
        """Note where it lives from a day on."""
        row = self._residence(str(change.enquiry.requester.organisation), next(numbers()), home, on, where)
        await change.execute(self._settle, row)

    def _residence(self, organisation: str, number: int, home: int, on: str, where: tuple[str, str | None]) -> dict[str, Any]:
        governorate, place = where
        sealed = None
        if place is not None:
            sealed = self._seal(organisation).close(secrets.token_bytes(SALT) + place.encode(), self.ring.current)
        return {"id": number, "household": home, "moved_on": on, "governorate": governorate, "place": sealed}

    async def keep(self, change: Change, file: File, head: int | None, act: str) -> None:
        """Count a change, with its signed step."""
        state = moved(HOUSEHOLDS, file.state, act)
        await change.execute(self._keep, {"home": file.household, "new_head": head, "new_state": state})
        await change.step(f"household:{file.household}", act, state)

    def _seal(self, organisation: str) -> Seal:
        return Seal(self.ring, "residence", organisation)


def _member(number: int, home: int, who: tuple[int, str], on: str) -> dict[str, Any]:
    person, relation = who
    return {"id": number, "household": home, "person": person, "relation": relation, "joined_on": on, "left_on": None, "cause": None}
