"""What a beneficiary sees of its own cases: who keeps one, what was assessed, and what waits to be collected where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Invalid, ProgrammeClosed
from resolvers.aid.inputs import day_between, shown, text
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.aid import allocation, collection, nomination, queue_policy, voucher
from tables.database import among
from tables.identity import own_case
from tables.statement import insert_missing
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.aid.books import Books
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

LONGEST_PLACE: Final = 200
LONGEST_HOURS: Final = 120
WAITING: Final = 100
"""Planned allocations that one person is shown at most, the soonest first."""

KIND: Final = "waiting"
"""Under this kind a person knows what waits for it: an id that leads nobody else anywhere."""


class Services(Room):
    """Announces where to collect, and answers a person about its own cases."""

    def __init__(self, hub: Hub, books: Books) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.books = books
        self.roots: dict[str, Answers] = {"my_cases": self.own}
        prepare = hub.database.prepare
        self._insert = prepare(insert_missing(collection, hub.database.dialect.name))
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("place", "hours", "begins_on", "ends_on", "announced_at")}
        self._update = prepare(sa.update(collection).where(collection.c.programme == sa.bindparam("which")).values(**values))
        # By organisation and person, because the index begins with the organisation: a few hundred look-ups, never a walk.
        self._cases = prepare(
            sa.select(own_case.c.organisation).where(
                among(own_case.c.organisation, "organisations"), own_case.c.person == sa.bindparam("whose")
            )
        )
        self._needs = prepare(
            sa.select(queue_policy.c.organisation, queue_policy.c.need, nomination.c.points, nomination.c.arrived_on)
            .join(queue_policy, queue_policy.c.id == nomination.c.policy)
            .where(queue_policy.c.active, nomination.c.person == sa.bindparam("whose"))
            .order_by(queue_policy.c.organisation, queue_policy.c.need)
        )
        waiting = allocation.c.person == sa.bindparam("whose"), allocation.c.status == "planned"
        self._waiting = prepare(
            sa.select(
                *(allocation.c[name] for name in ("id", "organisation", "kind", "amount_minor", "currency")),
                *(allocation.c[name] for name in ("quantity_milli", "unit", "allocated_on")),
                *(collection.c[name] for name in ("place", "hours", "begins_on", "ends_on")),
                voucher.c.ends_on,
            )
            .outerjoin(collection, collection.c.programme == allocation.c.programme_id)
            .outerjoin(voucher, sa.and_(voucher.c.allocation == allocation.c.id, voucher.c.redeemed_at.is_(None)))
            .where(*waiting)
            .order_by(allocation.c.allocated_on, allocation.c.id)
            .limit(WAITING)
        )

    async def announce(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Say where and when a programme hands over what it allocated; the latest announcement holds.

        Raises:
            Invalid: no place, or days that are past, too far ahead or in the wrong order.
            Unknown: no such programme of this organisation.
            ProgrammeClosed: the programme is closed.
        """
        self.hub.demand(enquiry, "collection.announce")
        organisation, today = str(enquiry.requester.organisation), enquiry.now.date()
        place = text(given["place"], "place", LONGEST_PLACE)
        hours = None if given["hours"] is None else text(given["hours"], "hours", LONGEST_HOURS)
        begins = day_between(given["begins_on"], "beginsOn", today - timedelta(days=31), today + timedelta(days=366))
        ends = day_between(given["ends_on"], "endsOn", today, today + timedelta(days=366))
        if ends < begins:
            raise Invalid("the last day is before the first", "give days in their order", "endsOn")
        number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, str(given["programme"]), "programme") or 0
        said = {"place": place, "hours": hours, "begins_on": begins.isoformat(), "ends_on": ends.isoformat()}

        async def work(change: Change) -> dict[str, Any]:
            ours = await self.books.programme(change, organisation, number, held=True)
            if ours.state != "open":
                raise ProgrammeClosed("this programme is closed", "announce for one that is open", "programme")
            made = {**said, "programme": number, "organisation": organisation, "announced_at": change.now}
            await change.execute(self._insert, made)
            renewed = {f"new_{name}": value for name, value in {**said, "announced_at": change.now}.items()}
            await change.execute(self._update, {"which": number, **renewed})
            await change.step(f"programme:{number}", "announce", ours.state, None)
            return {"programme": str(given["programme"]), **said}

        return await self.hub.writing.run(enquiry, "collection.announce", work, key=key, content=[number, *said.values()])

    async def own(self, gathering: Gathering, field: Field) -> Any:
        """The own cases of the person who asks, in the order of the organisations' names; three statements, however many."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "case.read_own")
        assert field.want is not None
        person, organisations = enquiry.requester.person, self.hub.organisations
        fetch = self.hub.database.fetch
        kept = {row[0] for row in await fetch(self._cases, {"organisations": list(organisations), "whose": person})}
        needs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for organisation, need, points, arrived_on in await fetch(self._needs, {"whose": person}):
            needs[organisation].append({"need": need, "points": points / 1000, "since": date.fromordinal(arrived_on).isoformat()})
        waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
        name = self.hub.identifier(enquiry, KIND)
        for row in await fetch(self._waiting, {"whose": person}):
            waiting[row[1]].append(_waiting(name(row[0]), row))
        known = [each for each in organisations if each in kept or each in needs or each in waiting]
        if known and person is not None:
            gathering.shown.append(
                Shown(("OwnCase.organisation", "OwnCase.needs", "OwnCase.toCollect"), (), (person,), Condition.SELF.value)
            )
        rows = [{"organisation": each, "needs": needs[each], "to_collect": waiting[each]} for each in sorted(known)]
        return shaped(field.want, rows)


def _waiting(name: str, row: Any) -> dict[str, Any]:
    _, _, kind, amount, currency, quantity, unit, on, place, hours, begins, ends, voucher_ends = row
    where = {"place": place, "hours": hours, "begins_on": begins, "ends_on": ends}
    return {
        "id": name,
        "kind": kind,
        "amount": shown(amount),
        "currency": currency,
        "quantity": None if quantity is None else shown(quantity),
        "unit": unit,
        "allocated_on": on,
        "collection": where if place is not None else None,
        "voucher_ends_on": voucher_ends,
    }
