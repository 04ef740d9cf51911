"""Allocations: recorded alone or by the thousand, delivered, returned, corrected; what is recorded here others see by the ordinary rules.

An allocation's amount is never changed. What came back is booked back by a counter-entry; what was wrong is booked back and
recorded anew. The states and the acts between them stand in `ALLOCATIONS`, and every act leaves a signed step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Invalid, Refused, Unknown
from resolvers.aid.books import Books, Line, Move
from resolvers.aid.inputs import day, kind_of_aid, numbers, shown, text, thousandths
from resolvers.aid.progress import PART, TOPIC, Progress, shown_progress
from resolvers.aid.resources import LONGEST_REASON
from resolvers.aid.rules import ALLOCATIONS, COLUMNS, Allocated, Asked, Booking, Rules, admitted
from resolvers.aid.together import Together
from resolvers.room import Keys, Room, Shows
from resolvers.writing import Command, moved
from tables.aid import allocation, entry
from tables.identity import link
from tables.statement import insert_missing
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

LONGEST_LIST: Final = 10_000

Touched = Callable[["Change", Sequence[Allocated]], Awaitable[None]]
"""Is told, in the same transaction, what was allocated or taken back, by one organisation or by several."""


class Giving(Room):
    """Books what is given."""

    def __init__(self, hub: Hub, books: Books) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.books = books
        self.rules = Rules(hub.database)
        self.together = Together(self)
        self.watched: dict[str, tuple[Keys, Shows]] = {TOPIC: (self._organisation, shown_progress)}
        self.touched: list[Touched] = []
        prepare = hub.database.prepare
        columns = [allocation.c[name] for name in COLUMNS]
        mine = allocation.c.id == sa.bindparam("allocation"), allocation.c.organisation == sa.bindparam("organisation")
        self._insert = prepare(sa.insert(allocation))
        self._link = prepare(insert_missing(link, hub.database.dialect.name))
        self._hold = prepare(sa.select(*columns).where(*mine).with_for_update())
        self._set = prepare(sa.update(allocation).where(allocation.c.id == sa.bindparam("allocation")).values(status=sa.bindparam("next")))
        self._entry = prepare(
            sa.select(entry.c.id).where(
                entry.c.allocation == sa.bindparam("allocation"), sa.or_(entry.c.act == "record", entry.c.act == "give")
            )
        )
        self._sources = [name for name, source in hub.settings.sources.items() if source.wire == "hub"]

    # --- recording -----------------------------------------------------------------------------------------------

    async def record(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Record one allocation.

        Raises:
            Invalid: an input that cannot be read, is of another unit or kind, or names nobody of the own case load.
            Unknown: no such programme of this organisation.
            ProgrammeClosed, CeilingReached, NotEligible, NotCovered: by the programme's rules, or for want of means.
        """
        self.hub.demand(enquiry, "allocation.record")
        line = {"person": given["person"], "amount": None, "quantity": None}
        asked = await self.asked(enquiry, given, [line], "give" if given["delivered"] else "record")
        one = Command(enquiry, "allocation.record", given["idempotency_key"], ["one", *_content(asked)])

        async def work(change: Change) -> dict[str, Any]:
            return self.row(enquiry, (await self.book(change, asked))[0])

        async def alone() -> dict[str, Any]:
            return await self.hub.writing.run(enquiry, one.name, work, key=one.key, content=one.content)

        return await self.together.book(one, asked, alone)

    async def record_many(self, enquiry: Enquiry, given: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Record many allocations, or none of them.

        Raises:
            Invalid: an empty or giant list, somebody twice, or what `record` refuses; the field names the line.
        """
        self.hub.demand(enquiry, "allocation.record")
        if not 1 <= len(lines) <= LONGEST_LIST:
            raise Invalid(f"a list has 1 to {LONGEST_LIST} lines", "send it in parts, each with an idempotency key of its own", "lines")
        progress = Progress(self.hub.writing, enquiry, given["idempotency_key"], len(lines))

        async def work(change: Change) -> dict[str, Any]:
            made = await self.book(change, asked, progress)
            name = self.hub.identifier(enquiry, "booked")
            total = shown(sum(each.taken for each in made))
            progress.done(change)
            return {"count": len(made), "allocations": [name(each.id) for each in made], "total": total}

        try:
            asked = await self.asked(enquiry, given, lines, "record", progress)
            content = ["many", *_content(asked)]
            answer = await self.hub.writing.run(enquiry, "allocation.record", work, key=given["idempotency_key"], content=content)
        except Refused:
            progress.refused()
            raise
        if not progress.ended:
            progress.repeated()
        return answer

    async def asked(
        self, enquiry: Enquiry, given: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], act: str, progress: Progress | None = None
    ) -> Asked:
        """Read what is wanted; everything that does not depend on the programme is refused here.

        Raises:
            Invalid: an input that cannot be read, or of another unit; `field` names it.
            Unknown: somebody who is nobody of the own case load.
        """
        goods = given["quantity"] is not None or given["unit"] is not None or any(each["quantity"] is not None for each in lines)
        money = given["amount"] is not None or given["currency"] is not None or any(each["amount"] is not None for each in lines)
        if goods == money:
            raise Invalid("an allocation is of money or of goods", "give amount and currency, or quantity and unit", "amount")
        what, of = ("quantity", "unit") if goods else ("amount", "currency")
        unit = given[of]
        if unit is None:
            raise Invalid(f"{of} is missing", f"give the {of} that the programme's fund or stock is kept in", of)
        several = len(lines) > 1 or "lines" in given
        amounts = []
        for place, line in enumerate(lines):
            amount = line[what] if line[what] is not None else given[what]
            field = f"lines.{place}.{what}" if line[what] is not None else what
            if amount is None:
                raise Invalid(f"{what} is missing", f"give {what} for each line, or once for all", field)
            amounts.append(thousandths(amount, unit, field))
        resolve, receiver = self.hub.pseudonyms.resolve, enquiry.requester.receiver
        people = [resolve(receiver, str(line["person"])) or 0 for line in lines]
        standing = await self.hub.standing.of(enquiry, list(dict.fromkeys(people)))
        own = set(standing.numbers).intersection(standing.own)
        seen: set[int] = set()
        for place, number in enumerate(people):
            field = f"lines.{place}.person" if several else "person"
            if number not in own:
                raise Unknown("this is nobody of the own case load", "give the id of somebody of `caseload`", field)
            if number in seen:
                raise Invalid("this person stands in the list twice", "leave one line out", field)
            seen.add(number)
            if progress is not None and (len(seen) % PART == 0 or len(seen) == len(lines)):
                await progress.checked(len(seen))
        programme = resolve(receiver, str(given["programme"]), "programme") or 0
        pairs = list(zip(people, amounts, strict=True))
        return Asked(programme, kind_of_aid(given["kind"]), unit, goods, day(given["on"], "on"), pairs, standing.households, act)

    async def admits(self, change: Change, asked: Asked) -> None:
        """Go on only where the programme takes what is asked; its means are looked at when it is booked.

        Raises:
            Unknown: no such programme of this organisation.
            Invalid, ProgrammeClosed: it is of another kind or unit, or gives nothing on that day.
        """
        organisation = str(change.enquiry.requester.organisation)
        programme = await self.books.programme(change, organisation, asked.programme)
        admitted(change.enquiry, asked, programme, await self.books.account(change, organisation, programme.account, "programme"))

    async def book(self, change: Change, asked: Asked, progress: Progress | None = None) -> list[Allocated]:
        """Book allocations in a transaction: rows, entries, steps, and what it moves elsewhere.

        Raises:
            Refused: by the programme's rules, or for want of means; the transaction must end.
        """
        organisation = str(change.enquiry.requester.organisation)
        programme, ours = await self.books.means(change, organisation, asked.programme)
        admitted(change.enquiry, asked, programme, ours)
        if programme.minimum_need is not None:
            await self.rules.needy(change, organisation, asked, programme.minimum_need)
        if programme.ceiling_person is not None or programme.ceiling_household is not None:
            # Whoever else books under this programme waits here, so that two cannot pass one ceiling together.
            await self.books.programme(change, organisation, programme.id, held=True)
            await self.rules.below_ceilings(change, asked, programme)
        return (await self.write([Booking(change, asked, programme, ours)], progress))[0]

    async def write(self, several: Sequence[Booking], progress: Progress | None = None) -> list[list[Allocated]]:
        """Write what the rules allow, in as many statements for several as for one: their changes share a transaction.

        Raises:
            Refused: a fund or stock does not hold as much, or a case has become another; the transaction must end.
        """
        change, following = several[0].change, numbers()
        made = [_allocated(each, following) for each in several]
        every = [row for rows in made for row in rows]
        steps = [
            (each.change.enquiry, f"allocation:{row.id}", each.asked.act, row.status)
            for each, rows in zip(several, made, strict=True)
            for row in rows
        ]
        for begin in range(0, len(every), PART):
            end = min(begin + PART, len(every))
            await change.execute_many(self._insert, [_values(each) for each in every[begin:end]])
            await self.hub.writing.begin(change.tx, steps[begin:end])
            if progress is not None:
                progress.booked(end)
        for told in self.touched:
            await told(change, every)
        # Written when the people are held, in their order: on MariaDB a link that is there is locked as well.
        people = sorted({each.person for each in every})
        links = [{"source": name, "person": each, "key": str(each), "run": 0} for name in self._sources for each in people]
        await change.execute_many(self._link, links)
        moves = []
        for each, rows in zip(several, made, strict=True):
            each.change.tell("allocated", each.programme.organisation, {"programme": each.programme.id, "count": len(rows)})
            lines = [Line(row.taken, row.id) for row in rows]
            moves.append(Move(each.asked.act, each.asked.on.isoformat(), lines, each.ours, each.programme.given))
        await self.books.book(change, moves, following)
        return made

    # --- afterwards ----------------------------------------------------------------------------------------------

    async def deliver(self, enquiry: Enquiry, given: str, key: str | None) -> dict[str, Any]:
        """Say that a planned allocation was handed over.

        Raises:
            Unknown: no such allocation of this organisation.
            Conflict: it is not planned.
        """
        self.hub.demand(enquiry, "allocation.record")
        number = self.resolve(enquiry, given)

        async def work(change: Change) -> dict[str, Any]:
            return self.row(enquiry, await self.move(change, number, "deliver"))

        return await self.hub.writing.run(enquiry, "allocation.deliver", work, key=key, content=[number])

    async def take_back(self, enquiry: Enquiry, given: str, reason: str, key: str | None) -> dict[str, Any]:
        """Book what came back into its fund or stock again.

        Raises:
            Unknown: no such allocation of this organisation.
            Conflict: it is taken back already.
        """
        self.hub.demand(enquiry, "allocation.record")
        number, why = self.resolve(enquiry, given), text(reason, "reason", LONGEST_REASON)

        async def work(change: Change) -> dict[str, Any]:
            row = await self.move(change, number, "return", why)
            await self._counter(change, row, "return")
            return self.row(enquiry, row)

        return await self.hub.writing.run(enquiry, "allocation.return", work, key=key, content=[number, why])

    async def correct(
        self, enquiry: Enquiry, given: str, right: tuple[Decimal | None, Decimal | None], reason: str, key: str | None
    ) -> dict[str, Any]:
        """Take an allocation back and record it anew with what was right.

        Raises:
            Unknown: no such allocation of this organisation.
            Conflict: it is taken back already.
            Invalid: an amount for goods, or a quantity for money.
        """
        self.hub.demand(enquiry, "allocation.correct")
        number, why = self.resolve(enquiry, given), text(reason, "reason", LONGEST_REASON)
        amount, quantity = right

        async def work(change: Change) -> dict[str, Any]:
            wrong = await self.move(change, number, "correct", why)
            goods = wrong.quantity_milli is not None
            wanted, other, field = (quantity, amount, "quantity") if goods else (amount, quantity, "amount")
            if wanted is None or other is not None:
                raise Invalid(f"only {field} can be corrected here", f"give {field}, and nothing else", field)
            unit = str(wrong.unit) if goods else wrong.currency
            lines = [(wrong.person, thousandths(wanted, unit, field))]
            assert wrong.programme_id is not None
            # Held in the order of every other booking: programme, people, fund.
            await self.books.programme(change, wrong.organisation, wrong.programme_id, held=True)
            await self._counter(change, wrong, "correct")
            asked = Asked(
                wrong.programme_id, wrong.kind, unit, goods, date.fromisoformat(wrong.allocated_on), lines,
                {wrong.person: wrong.household}, "record", wrong.id,
            )  # fmt: skip
            return {"corrected": self.row(enquiry, wrong), "allocation": self.row(enquiry, (await self.book(change, asked))[0])}

        content = [number, str(amount), str(quantity), why]
        return await self.hub.writing.run(enquiry, "allocation.correct", work, key=key, content=content)

    async def move(self, change: Change, number: int, act: str, reason: str | None = None) -> Allocated:
        """Move an own allocation to its next state, held by this transaction.

        Raises:
            Unknown: no such allocation of this organisation.
            Conflict: the act is not possible now.
        """
        row = await self.held(change, number)
        row = replace(row, status=moved(ALLOCATIONS, row.status, act, "allocation"))
        await change.execute(self._set, {"allocation": number, "next": row.status})
        await change.step(f"allocation:{number}", act, row.status, reason)
        return row

    async def held(self, change: Change, number: int) -> Allocated:
        """An own allocation, held until the end of the transaction.

        Raises:
            Unknown: no such allocation of this organisation.
        """
        rows = await change.fetch(self._hold, {"allocation": number, "organisation": change.enquiry.requester.organisation})
        if not rows or rows[0][COLUMNS.index("programme_id")] is None:
            raise Unknown("there is no such allocation", "give an id of the own `distribution`", "allocation")
        return Allocated(*rows[0])

    async def _counter(self, change: Change, row: Allocated, act: str) -> None:
        assert row.programme_id is not None
        programme, ours = await self.books.means(change, row.organisation, row.programme_id)
        ((before,),) = await change.fetch(self._entry, {"allocation": row.id})
        for told in self.touched:
            await told(change, [row])
        back = Move(act, change.enquiry.now.date().isoformat(), [Line(-row.taken, row.id, before)], ours, programme.given)
        await self.books.book(change, [back], numbers())

    # --- identifiers and news --------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "allocation.record")
        return str(enquiry.requester.organisation)

    def resolve(self, enquiry: Enquiry, given: str) -> int:
        """The number behind this requester's identifier of an allocation; 0, which none has, for any other text."""
        return self.hub.pseudonyms.resolve(enquiry.requester.receiver, given, "booked") or 0

    def row(self, enquiry: Enquiry, row: Allocated) -> dict[str, Any]:
        """An own allocation as the schema shows it."""
        return booked_row(self.hub, enquiry, row)


def booked_row(hub: Hub, enquiry: Enquiry, row: Allocated) -> dict[str, Any]:
    """An own allocation as the schema shows it."""
    return {
        "id": hub.identifier(enquiry, "booked")(row.id),
        "programme": hub.identifier(enquiry, "programme")(row.programme_id or 0),
        "kind": row.kind,
        "amount": shown(row.amount_minor),
        "currency": row.currency,
        "quantity": None if row.quantity_milli is None else shown(row.quantity_milli),
        "unit": row.unit,
        "allocated_on": row.allocated_on,
        "status": row.status,
    }


def _content(asked: Asked) -> list[Any]:
    """What was asked, for its idempotency key."""
    return [asked.programme, asked.kind, asked.unit, asked.on.isoformat(), asked.act, asked.lines]


_values = attrgetter(*COLUMNS)


def _allocated(booking: Booking, following: Iterator[int]) -> list[Allocated]:
    """The rows of a booking."""
    asked, programme, ours = booking.asked, booking.programme, booking.ours
    status, on, at = moved(ALLOCATIONS, "", asked.act), asked.on.isoformat(), booking.change.now
    made = []
    for person, amount in asked.lines:
        worth, currency = ours.worth(amount)
        quantity, counted = (amount, ours.unit) if asked.goods else (None, None)
        made.append(
            Allocated(
                next(following), programme.organisation, person, programme.name, programme.kind, worth, currency, on, status, quantity,
                counted, programme.id, asked.households.get(person), at, asked.corrects,
            )
        )  # fmt: skip
    return made
