"""Keeps the queues in order: whatever is allocated or taken back moves its people in everybody's queues, in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import sqlalchemy as sa

from privacy.keys import KeyRing
from resolvers.aid.inputs import numbers
from resolvers.aid.knobs import default
from resolvers.aid.rules import LIVE, Allocated
from resolvers.aid.scores import Gift, Place, Policy, order_key, ordered, received
from tables.aid import allocation, carried, nomination, queue_policy, receipt
from tables.database import Database, Row, Transaction, among
from tables.identity import person
from tables.statement import Statement, insert_missing, updating

if TYPE_CHECKING:
    from resolvers.writing import Change

HUB = "hub"
"""Stands for the hub's own tables among the sources a gift is known from."""

PLACE = [nomination.c[name] for name in Place._fields]


class Reads(Protocol):
    """A transaction or a command's change: whatever a statement can be read by."""

    async def fetch(self, statement: Statement, values: Any = ...) -> list[Row]:
        """Run a statement and give its rows."""
        ...


class Ranking:
    """The order of every queue."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Prepare every statement once."""
        self.database = database
        self.ring = ring
        self._policies: dict[int, Policy] = {}
        prepare = database.prepare
        concerned = sa.or_(among(person.c.number, "people", "whole"), among(person.c.household, "homes", "whole"))
        members = sa.select(person.c.number, person.c.household).where(concerned).order_by(person.c.number)
        self._members = prepare(members)
        self._members_held = prepare(members.with_for_update())
        # MariaDB locks rows as its plan finds them, by household or by number; by number alone everybody comes in one order.
        ordered = sa.select(person.c.number).where(among(person.c.number, "people", "whole")).order_by(person.c.number)
        self._one_by_one = prepare(ordered.with_for_update()) if database.dialect.name == "mysql" else None
        self._places = prepare(
            sa.select(*PLACE)
            .join(queue_policy, queue_policy.c.id == nomination.c.policy)
            .where(queue_policy.c.active, among(nomination.c.person, "people", "whole"))
        )
        self._gifts = prepare(_gifts())
        self._carriers = prepare(
            sa.select(person.c.number, person.c.household)
            .join(carried, carried.c.person == person.c.number)
            .where(among(carried.c.allocation, "allocations", "whole"))
        )
        self._rehouse = prepare(
            sa.update(nomination)
            .where(nomination.c.policy == sa.bindparam("which_policy"), nomination.c.person == sa.bindparam("which_person"))
            .values(order_key=sa.bindparam("new_key"), household=sa.bindparam("new_home"), size=sa.bindparam("new_size"))
        )
        self._reorder = updating(nomination, ("policy", "person"), ("order_key",), database.dialect)
        columns = [queue_policy.c[name] for name in ("id", "organisation", "need", "version", "body")]
        self._active = prepare(
            sa.select(*columns).where(
                queue_policy.c.organisation == sa.bindparam("organisation"),
                queue_policy.c.need == sa.bindparam("need"),
                queue_policy.c.active,
            )
        )
        self._some = prepare(sa.select(*columns).where(among(queue_policy.c.id, "policies", "whole")))
        self._begin = prepare(insert_missing(queue_policy, database.dialect.name))

    # --- rules ---------------------------------------------------------------------------------------------------

    async def active(self, reads: Reads, organisation: str, need: str) -> Policy | None:
        """The rules in force for an organisation's queue of a need; None before its first assessment."""
        rows = await reads.fetch(self._active, {"organisation": organisation, "need": need})
        return self._read(rows[0]) if rows else None

    async def begun(self, tx: Change | Transaction, organisation: str, need: str, now: int) -> Policy:
        """The rules in force; the defaults become version 1 where there are none yet."""
        found = await self.active(tx, organisation, need)
        if found is None:
            await tx.execute(self._begin, self.version(organisation, need, 1, default(need), now))
            found = await self.active(tx, organisation, need)
            assert found is not None
        return found

    def version(self, organisation: str, need: str, version: int, body: dict[str, Any], now: int) -> dict[str, Any]:
        """A signed row of rules, to be inserted."""
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
        signed = orjson.dumps([organisation, need, version, text])
        return {
            "id": next(numbers()),
            "organisation": organisation,
            "need": need,
            "version": version,
            "active": True,
            "body": text,
            "adopted_at": now,
            "signature": self.ring.signing_key().sign(signed).signature,
            "key_version": self.ring.current,
        }

    def _read(self, row: Row) -> Policy:
        found = self._policies.get(row[0])
        if found is None:
            if len(self._policies) > 4096:
                self._policies.clear()
            found = self._policies[row[0]] = Policy.read(row)
        return found

    async def policies(self, reads: Reads, needed: Collection[int]) -> dict[int, Policy]:
        """Rules by their numbers; they never change, so each is read once."""
        missing = [each for each in needed if each not in self._policies]
        for row in await reads.fetch(self._some, {"policies": missing}) if missing else ():
            self._read(row)
        return {each: self._policies[each] for each in needed}

    # --- gifts ---------------------------------------------------------------------------------------------------

    async def members(self, reads: Reads, people: Sequence[int], homes: Collection[int], *, held: bool = False) -> dict[int, int | None]:
        """These people and everybody of these households, each with its household.

        Held, nobody else moves them until the end of the transaction: of two that give to one family at once, the second sees
        what the first gave. SQLite has one writer anyway.
        """
        values = {"people": list(people), "homes": list(homes)}
        if held and self._one_by_one is None:
            return dict(await reads.fetch(self._members_held, values))
        found: dict[int, int | None] = dict(await reads.fetch(self._members, values))
        if held and self._one_by_one is not None:
            await reads.fetch(self._one_by_one, {"people": list(found)})
        return found

    async def gifts(self, reads: Reads, people: Collection[int]) -> dict[int, list[Gift]]:
        """What each of these people received from anyone; what was planned ahead counts from the day it was recorded."""
        found: dict[int, list[Gift]] = {}
        for number, kind, amount, currency, on, organisation, source, at, to in await reads.fetch(self._gifts, {"people": list(people)}):
            day = date.fromisoformat(on).toordinal()
            if at is not None:
                day = min(day, datetime.fromtimestamp(at, UTC).date().toordinal())
            found.setdefault(number, []).append(Gift(to, kind, amount, currency, day, organisation, source))
        return found

    @staticmethod
    def counted(policy: Policy, place: Place, gifts: dict[int, list[Gift]], together: dict[int, list[int]]) -> list[Gift]:
        """The gifts that count for a place: the person's own, and for shared needs those of its household and of whom it lived with."""
        if policy.shared and place.household is not None:
            return [gift for number in together.get(place.household, [place.person]) for gift in gifts.get(number, ())]
        own = gifts.get(place.person, [])
        return own if policy.shared else [gift for gift in own if gift.person == place.person]

    # --- moving --------------------------------------------------------------------------------------------------

    async def touched(self, change: Change, rows: Sequence[Allocated]) -> None:
        """Move whoever something was allocated to, or taken back from, in every queue it counts for."""
        homes = {each.household for each in rows if each.household is not None}
        people = [each.person for each in rows]
        back = [each.id for each in rows if each.status not in LIVE]
        for number, home in await change.fetch(self._carriers, {"allocations": back}) if back else ():
            people.append(number)
            homes |= {home} if home is not None else set()
        self.told(change, await self.rerank(change, people, homes, {each.kind for each in rows}))

    @staticmethod
    def told(change: Change, moved: dict[tuple[str, str], int]) -> None:
        """Tell every organisation how many moved in its queues."""
        for (organisation, need), count in moved.items():
            change.tell("queue_moved", organisation, {"need": need, "count": count})

    async def rerank(
        self, tx: Change | Transaction, people: Sequence[int], homes: Collection[int], kinds: Collection[str] | None = None
    ) -> dict[tuple[str, str], int]:
        """Give these people and households their places anew, where one of these kinds counts; how many moved, by organisation and need."""
        members = await self.members(tx, people, homes, held=True)
        places = [Place(*row) for row in await tx.fetch(self._places, {"people": list(members)})]
        policies = await self.policies(tx, {each.policy for each in places})
        if kinds is not None:
            counting = {each.id for each in policies.values() if not each.counts.keys().isdisjoint(kinds)}
            places = [each for each in places if each.policy in counting]
        if not places:
            return {}
        gifts = await self.gifts(tx, members)
        together = households_of(members)
        changes, moved = [], dict[tuple[str, str], int]()
        households: dict[tuple[int, int, int], float | None] = {}
        for place in sorted(places):
            policy = policies[place.policy]
            if policy.shared and place.household is not None:  # what counts for one counts for all of its household
                which = place.policy, place.household, place.size
                if which not in households:
                    households[which] = received(policy, place.size, self.counted(policy, place, gifts, together))
                key = ordered(policy, place, households[which])
            else:
                key = order_key(policy, place, self.counted(policy, place, gifts, together))
            if key != place.order_key:
                changes.append((key, place.policy, place.person))
                queue = policy.organisation, policy.need
                moved[queue] = moved.get(queue, 0) + 1
        if changes:
            await tx.execute_many(self._reorder, changes)
        return moved

    async def rehoused(self, change: Change, people: Sequence[int], homes: Collection[int]) -> None:
        """Give people of households that changed their places anew, with the household and size they have now."""
        members = await self.members(change, people, homes, held=True)
        places = [Place(*row) for row in await change.fetch(self._places, {"people": list(members)})]
        policies = await self.policies(change, {each.policy for each in places})
        gifts, together = await self.gifts(change, members) if places else {}, households_of(members)
        changes, moved = [], dict[tuple[str, str], int]()
        for before in sorted(places):
            policy, home = policies[before.policy], members[before.person]
            place = before._replace(household=home, size=1 if home is None else len(together[home]))
            place = place._replace(order_key=order_key(policy, place, self.counted(policy, place, gifts, together)))
            if place != before:
                which = {"which_policy": place.policy, "which_person": place.person}
                changes.append({**which, "new_key": place.order_key, "new_home": home, "new_size": place.size})
                queue = policy.organisation, policy.need
                moved[queue] = moved.get(queue, 0) + 1
        if changes:
            await change.execute_many(self._rehouse, changes)
        self.told(change, moved)


def households_of(members: dict[int, int | None]) -> dict[int, list[int]]:
    """The people of each household."""
    together: dict[int, list[int]] = {}
    for number, home in members.items():
        if home is not None:
            together.setdefault(home, []).append(number)
    return together


def _gifts() -> sa.CompoundSelect[Any]:
    """What people received: here, elsewhere, and together with whom they lived with."""
    live = sa.or_(*(allocation.c.status == state for state in LIVE))
    ours = sa.select(
        allocation.c.person,
        allocation.c.kind,
        allocation.c.amount_minor,
        allocation.c.currency,
        allocation.c.allocated_on,
        allocation.c.organisation,
        sa.literal_column("'hub'"),
        allocation.c.recorded_at,
        allocation.c.person.label("given_to"),
    ).where(live, among(allocation.c.person, "people", "whole"))
    # What was given to somebody they lived with then counts on for those who parted. Read first and by itself: PostgreSQL, which
    # knows little of a table that a list has just been written to, would else look into the whole list again for each allocation.
    parted = sa.select(carried.c.person, carried.c.allocation).where(among(carried.c.person, "people", "whole")).cte("parted")
    parted = parted.prefix_with("MATERIALIZED", dialect="postgresql")
    shared = (
        sa.select(parted.c.person, *list(ours.selected_columns)[1:]).join(allocation, allocation.c.id == parted.c.allocation).where(live)
    )
    elsewhere = sa.select(
        receipt.c.person,
        receipt.c.kind,
        receipt.c.amount_minor,
        receipt.c.currency,
        receipt.c.given_on,
        receipt.c.organisation,
        receipt.c.source,
        sa.literal_column("NULL"),
        receipt.c.person,
    ).where(among(receipt.c.person, "people", "whole"))
    return ours.union_all(elsewhere, shared)
