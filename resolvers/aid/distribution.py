"""Distribution lists, the steps of an allocation, and vouchers: what happens between planning and handing over."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, Unknown
from resolvers.aid.giving import Giving, booked_row
from resolvers.aid.inputs import day_between
from resolvers.aid.rules import ALLOCATIONS, COLUMNS, Allocated
from resolvers.gather import Gathering, moment
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.aid import allocation, voucher
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS: Final = 16
"""Sixteen of thirty letters that nobody confuses: 78 bits, more than anybody can guess."""


class Distribution(Room):
    """The own distribution lists."""

    def __init__(self, hub: Hub, giving: Giving) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.giving = giving
        self.roots: dict[str, Answers] = {"distribution": self.distribution, "allocation_steps": self.steps}
        self._digests = hub.ring.subkey("voucher", hub.ring.root)
        prepare = hub.database.prepare
        columns = [allocation.c[name] for name in COLUMNS]
        here = allocation.c.organisation == sa.bindparam("organisation")
        listed = sa.select(*columns).where(
            here, allocation.c.programme_id == sa.bindparam("programme"), allocation.c.id > sa.bindparam("after")
        )
        ordered = listed.order_by(allocation.c.id).limit(sa.bindparam("first"))
        self._all = prepare(ordered)
        self._some = prepare(ordered.where(allocation.c.status == sa.bindparam("status")))
        self._own = prepare(sa.select(allocation.c.id).where(here, allocation.c.id == sa.bindparam("allocation")))
        self._issue = prepare(sa.insert(voucher))
        self._issued = prepare(sa.select(voucher.c.blind).where(voucher.c.allocation == sa.bindparam("allocation")))
        self._brought = prepare(
            sa.select(voucher.c.allocation, voucher.c.ends_on, voucher.c.redeemed_at)
            .where(voucher.c.blind == sa.bindparam("blind"), voucher.c.organisation == sa.bindparam("organisation"))
            .with_for_update()
        )
        self._redeem = prepare(sa.update(voucher).where(voucher.c.blind == sa.bindparam("brought")).values(redeemed_at=sa.bindparam("now")))

    async def distribution(self, gathering: Gathering, field: Field) -> Any:
        """A page of what a programme allocated to whom; the people are disclosed, by the asker's own identifiers."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "books.read")
        first, status = arguments["first"], arguments.get("status")
        most = self.hub.settings.hub.limits.page_rows
        if not 1 <= first <= most:
            raise Invalid(f"`first` is outside 1 to {most}", f"ask for a page of at most {most}", "first")
        if status is not None and status not in {state for states in ALLOCATIONS.values() for state in states.values()}:
            raise Invalid("there is no such status", "planned, delivered, returned or corrected", "status")
        receiver = enquiry.requester.receiver
        after = 0
        if arguments.get("after") is not None:
            opened = self.hub.pseudonyms.unseal(receiver, "distribution", str(arguments["after"]))
            if opened is None:
                raise Invalid("this cursor is not one of this requester's", "start again without `after`", "after")
            after = int(opened)
        values = {
            "organisation": enquiry.requester.organisation,
            "programme": self.hub.pseudonyms.resolve(receiver, str(arguments["programme"]), "programme") or 0,
            "after": after,
            "first": first + 1,
        }
        statement = self._all if status is None else self._some
        rows = [Allocated(*row) for row in await self.hub.database.fetch(statement, values | ({"status": status} if status else {}))]
        page = rows[:first]
        identify = self.hub.identifier(enquiry, "person")
        if page:
            people = tuple(dict.fromkeys(each.person for each in page))
            gathering.shown.append(Shown(("person.id", "allocation.id"), (), people, Condition.OWN_CASE.value))
        found = {
            "lines": [{"allocation": booked_row(self.hub, enquiry, each), "person": identify(each.person)} for each in page],
            "end_cursor": self.hub.pseudonyms.seal(receiver, "distribution", str(page[-1].id).encode()) if page else None,
            "has_next_page": len(rows) > first,
        }
        assert field.want is not None
        return shaped(field.want, found)

    async def steps(self, gathering: Gathering, field: Field) -> Any:
        """The signed steps of an own allocation; None for what is not one."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "books.read")
        number = self.giving.resolve(enquiry, str(field.arguments(gathering.variables)["allocation"]))
        values = {"organisation": enquiry.requester.organisation, "allocation": number}
        if not await self.hub.database.fetch(self._own, values):
            return None
        found = [
            {
                "number": each.number,
                "at": moment(datetime.fromtimestamp(each.at, UTC)),
                "act": each.act,
                "status": each.state,
                "role": each.role,
                "reason": each.reason,
            }
            for each in await self.hub.writing.trace(f"allocation:{number}")
        ]
        assert field.want is not None
        return shaped(field.want, found)

    # --- vouchers ------------------------------------------------------------------------------------------------

    async def issue(self, enquiry: Enquiry, given: str, ends_on: str) -> dict[str, Any]:
        """Make a voucher for a planned allocation; its code is shown once.

        Raises:
            Unknown: no such allocation of this organisation.
            Conflict: it is not planned, or has a voucher.
            Invalid: a last day that is past or more than a year ahead.
        """
        self.hub.demand(enquiry, "allocation.record")
        today = enquiry.now.date()
        ends = day_between(ends_on, "endsOn", today, today + timedelta(days=366)).isoformat()
        number = self.giving.resolve(enquiry, given)
        code = "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))

        async def work(change: Change) -> dict[str, Any]:
            row = await self.giving.held(change, number)
            if row.status != "planned":
                raise Conflict("vouchers are for what is planned", "record another allocation", "allocation")
            if await change.fetch(self._issued, {"allocation": number}):
                raise Conflict("this allocation has a voucher", "the one that was issued holds until it is taken", "allocation")
            made = {"blind": self._blind(code), "organisation": row.organisation, "allocation": number, "ends_on": ends}
            await change.execute(self._issue, {**made, "redeemed_at": None})
            await change.step(f"allocation:{number}", "voucher", row.status)
            return {"code": "-".join(code[place : place + 4] for place in range(0, LETTERS, 4)), "ends_on": ends}

        return await self.hub.writing.run(enquiry, "voucher.issue", work)

    async def redeem(self, enquiry: Enquiry, code: str, key: str | None) -> dict[str, Any]:
        """Take a voucher, and deliver what it is for.

        Raises:
            Unknown: no such voucher of this organisation.
            Conflict: it was taken already, or its allocation is not planned any more.
            Invalid: its last day is past.
        """
        self.hub.demand(enquiry, "allocation.record")
        blind = self._blind(code)

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._brought, {"blind": blind, "organisation": enquiry.requester.organisation})
            if not rows:
                raise Unknown("there is no such voucher", "read the code again, letter by letter", "code")
            number, ends_on, redeemed_at = rows[0]
            if redeemed_at is not None:
                raise Conflict("this voucher was taken already", "it holds once; see the allocation's steps", "code")
            if ends_on < enquiry.now.date().isoformat():
                raise Invalid("this voucher has ended", "return the allocation, or record another", "code")
            row = await self.giving.move(change, number, "deliver")
            await change.execute(self._redeem, {"brought": blind, "now": change.now})
            return booked_row(self.hub, enquiry, row)

        return await self.hub.writing.run(enquiry, "voucher.redeem", work, key=key, content=[blind.hex()])

    def _blind(self, code: str) -> bytes:
        plain = "".join(each for each in code.upper()[:64] if each.isalnum())
        return blake2b(plain.encode("utf-8", "surrogatepass"), key=self._digests, digest_size=32).digest()
