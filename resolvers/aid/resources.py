"""Funds, stocks and programmes: opened, filled, closed and listed, each organisation its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Invalid, Stale
from resolvers.aid.books import ACCOUNT, PROGRAMME, Account, Books, Line, Move, Programme
from resolvers.aid.inputs import currency, day, day_between, kind_of_aid, numbers, shown, text, thousandths, unit_of_goods, years_around
from resolvers.gather import Gathering
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.aid import account, posting, programme
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

PROGRAMMES = {"": {"open": "open"}, "open": {"close": "closed"}}
"""What may happen to a programme."""

LONGEST_NAME, LONGEST_PROGRAMME, LONGEST_REASON = 120, 64, 500
LONGEST_DAYS = 3653
"""Days that a programme lasts at most: ten years."""


class Resources(Room):
    """What an organisation has to give, and by which rules."""

    def __init__(self, hub: Hub, books: Books) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.books = books
        self.roots: dict[str, Answers] = {"resources": self.resources, "programmes": self.programmes}
        prepare = hub.database.prepare
        here = sa.bindparam("organisation", type_=sa.Text)
        self._accounts = prepare(
            sa.select(*ACCOUNT)
            .where(account.c.organisation == here, sa.or_(account.c.kind == "fund", account.c.kind == "stock"))
            .order_by(account.c.id)
        )
        self._programmes = prepare(
            sa.select(*PROGRAMME).where(programme.c.organisation == here).order_by(programme.c.state.desc(), programme.c.id)
        )
        given = sa.select(posting.c.account, sa.func.sum(posting.c.amount))
        self._given = prepare(
            given.join(programme, programme.c.given == posting.c.account)
            .where(programme.c.organisation == here)
            .group_by(posting.c.account)
        )
        self._add_account = prepare(sa.insert(account))
        self._add_programme = prepare(sa.insert(programme))
        self._close = prepare(
            sa.update(programme)
            .where(programme.c.id == sa.bindparam("programme"))
            .values(state=sa.bindparam("next"), version=programme.c.version + 1)
        )

    # --- reading -------------------------------------------------------------------------------------------------

    async def resources(self, gathering: Gathering, field: Field) -> Any:
        """The own funds and stocks."""
        enquiry = gathering.enquiry
        assert field.want is not None
        rows = await self._own(enquiry, self._accounts)
        return shaped(field.want, [self._resource(enquiry, Account(*row)) for row in rows])

    async def programmes(self, gathering: Gathering, field: Field) -> Any:
        """The own programmes, with what each gave."""
        enquiry = gathering.enquiry
        assert field.want is not None
        only = field.arguments(gathering.variables).get("state")
        rows = [Programme(*row) for row in await self._own(enquiry, self._programmes)]
        accounts = {row[0]: Account(*row) for row in await self._own(enquiry, self._accounts)}
        given = {number: int(total) for number, total in await self._own(enquiry, self._given)}
        found = [self._programme(enquiry, each, accounts[each.account], given.get(each.given, 0)) for each in rows]
        return shaped(field.want, [each for each in found if only in {None, each["state"]}])

    async def _own(self, enquiry: Enquiry, statement: Any) -> list[tuple[Any, ...]]:
        self.hub.demand(enquiry, "books.read")
        return await self.hub.database.fetch(statement, {"organisation": enquiry.requester.organisation})

    def _resource(self, enquiry: Enquiry, row: Account) -> dict[str, Any]:
        return {
            "id": self.hub.identifier(enquiry, "resource")(row.id),
            "name": row.name,
            "kind": row.kind,
            "unit": row.unit,
            "balance": shown(row.balance),
            "unit_value": None if row.unit_value_minor is None else shown(row.unit_value_minor),
            "value_currency": row.value_currency,
        }

    def _programme(self, enquiry: Enquiry, row: Programme, resource: Account, given: int) -> dict[str, Any]:
        return {
            "id": self.hub.identifier(enquiry, "programme")(row.id),
            **{name: getattr(row, name) for name in ("name", "kind", "state", "opens_on", "closes_on", "period_days", "minimum_need")},
            "ceiling_person": None if row.ceiling_person is None else shown(row.ceiling_person),
            "ceiling_household": None if row.ceiling_household is None else shown(row.ceiling_household),
            "version": row.version,
            "given": shown(given),
            "resource": self._resource(enquiry, resource),
        }

    def resolve(self, enquiry: Enquiry, given: str, kind: str) -> int:
        """The number behind an identifier of this requester; 0, which no row has, for any other text."""
        return self.hub.pseudonyms.resolve(enquiry.requester.receiver, given, kind) or 0

    # --- funds and stocks ----------------------------------------------------------------------------------------

    async def open_fund(self, enquiry: Enquiry, name: str, code: str, key: str | None) -> dict[str, Any]:
        """Open a fund.

        Raises:
            Invalid: a name that is none, or an unknown currency.
        """
        self.hub.demand(enquiry, "fund.open")
        made = {"kind": "fund", "name": text(name, "name", LONGEST_NAME), "unit": currency(code)}
        return await self._open(enquiry, made, key)

    async def open_stock(self, enquiry: Enquiry, name: str, unit: str, worth: tuple[Decimal, str], key: str | None) -> dict[str, Any]:
        """Open a stock of goods.

        Raises:
            Invalid: a name or unit that is none, or a worth that is no amount of a currency.
        """
        self.hub.demand(enquiry, "fund.open")
        made = {"kind": "stock", "name": text(name, "name", LONGEST_NAME), "unit": unit_of_goods(unit)}
        made["value_currency"] = currency(worth[1])
        return await self._open(enquiry, {**made, "unit_value_minor": thousandths(worth[0], worth[1], "unitValue")}, key)

    async def _open(self, enquiry: Enquiry, made: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        async def work(change: Change) -> dict[str, Any]:
            following = numbers()
            outside, here = next(following), next(following)
            common = {"organisation": enquiry.requester.organisation, "unit_value_minor": None, "value_currency": None, "balance": 0}
            other = {**common, "id": outside, "kind": "outside", "name": made["name"], "unit": made["unit"], "counterpart": None}
            ours = {**common, **made, "id": here, "counterpart": outside}
            await change.execute_many(self._add_account, [other, ours])
            await change.step(f"account:{here}", "open", "open")
            return self._resource(enquiry, Account(**ours))

        return await self.hub.writing.run(enquiry, "fund.open", work, key=key, content=dict(made))

    async def receive(self, enquiry: Enquiry, resource: str, came: tuple[Decimal, str], on: str, key: str | None) -> dict[str, Any]:
        """Book what came in.

        Raises:
            Invalid: an amount or day that is none, or of another unit than the resource's.
            Unknown: no such resource of this organisation.
        """
        self.hub.demand(enquiry, "fund.receive")
        organisation = str(enquiry.requester.organisation)
        amount, unit = came
        booked = thousandths(amount, unit, "amount")
        first, _ = years_around(enquiry.now.date())
        booked_on = day_between(on, "on", first, enquiry.now.date()).isoformat()
        number = self.resolve(enquiry, resource, "resource")

        async def work(change: Change) -> dict[str, Any]:
            ours = await self.books.account(change, organisation, number, "resource")
            if ours.kind not in {"fund", "stock"} or ours.counterpart is None:
                raise Invalid("nothing comes in here", "give the id of one of `resources`", "resource")
            if unit != ours.unit:
                raise Invalid("this is of another unit", f"this one is kept in {ours.unit}", "unit")
            came_in = Move("receive", booked_on, [Line(-booked)], ours, ours.counterpart)
            await self.books.book(change, [came_in], numbers())
            return self._resource(enquiry, await self.books.hold(change, organisation, ours.id))

        return await self.hub.writing.run(enquiry, "fund.receive", work, key=key, content=[number, booked, unit, booked_on])

    # --- programmes ----------------------------------------------------------------------------------------------

    async def open_programme(
        self, enquiry: Enquiry, what: tuple[str, str, str], days: tuple[str, str | None], rules: Mapping[str, Any], key: str | None
    ) -> dict[str, Any]:
        """Open a programme: `what` is name, kind and resource, `days` its first and last.

        Raises:
            Invalid: something that cannot be read, or rules that nothing could satisfy.
            Unknown: no such resource of this organisation.
        """
        self.hub.demand(enquiry, "programme.open")
        organisation = str(enquiry.requester.organisation)
        name, kind = text(what[0], "name", LONGEST_PROGRAMME), kind_of_aid(what[1])
        first, last = years_around(enquiry.now.date())
        opens = day_between(days[0], "opensOn", first, last)
        closes = day(days[1], "closesOn") if days[1] is not None else None
        if closes is not None and closes < max(opens, enquiry.now.date()):
            raise Invalid("a programme closes after it opens, and not in the past", "give a later day", "closesOn")
        if closes is not None and closes > enquiry.now.date() + timedelta(days=LONGEST_DAYS):
            raise Invalid("a programme closes within ten years", "give an earlier day, or leave it out", "closesOn")
        for rule, most in (("period_days", LONGEST_DAYS), ("minimum_need", 100)):
            if rules[rule] is not None and not 1 <= rules[rule] <= most:
                raise Invalid(f"this is outside 1 to {most}", "give it within, or leave it out", rule.replace("_d", "D").replace("_n", "N"))
        number = self.resolve(enquiry, what[2], "resource")

        async def work(change: Change) -> dict[str, Any]:
            ours = await self.books.account(change, organisation, number, "resource")
            if ours.kind not in {"fund", "stock"}:
                raise Invalid("nothing is given from here", "give the id of one of `resources`", "resource")
            ceilings = {
                rule: thousandths(rules[rule], ours.unit, public) if rules[rule] is not None else None
                for rule, public in (("ceiling_person", "ceilingPerson"), ("ceiling_household", "ceilingHousehold"))
            }
            following = numbers()
            given, made = next(following), next(following)
            other = {"id": given, "organisation": organisation, "kind": "given", "name": name, "unit": ours.unit, "balance": 0}
            await change.execute(self._add_account, {**other, "unit_value_minor": None, "value_currency": None, "counterpart": None})
            row = Programme(
                made,
                organisation,
                ours.id,
                given,
                name,
                kind,
                moved(PROGRAMMES, "", "open"),
                opens.isoformat(),
                closes.isoformat() if closes else None,
                ceilings["ceiling_person"],
                ceilings["ceiling_household"],
                rules["period_days"],
                rules["minimum_need"],
                1,
            )
            await change.execute(self._add_programme, {each: getattr(row, each) for each in Programme.__dataclass_fields__})
            await change.step(f"programme:{made}", "open", row.state)
            return self._programme(enquiry, row, ours, 0)

        content = [name, kind, number, days, {each: str(value) for each, value in rules.items()}]
        return await self.hub.writing.run(enquiry, "programme.open", work, key=key, content=content)

    async def close_programme(self, enquiry: Enquiry, given: str, version: int, reason: str) -> dict[str, Any]:
        """Close a programme.

        Raises:
            Unknown: no such programme of this organisation.
            Stale: it changed since it was read.
            Conflict: it is closed already.
        """
        self.hub.demand(enquiry, "programme.close")
        organisation = str(enquiry.requester.organisation)
        why = text(reason, "reason", LONGEST_REASON)
        number = self.resolve(enquiry, given, "programme")

        async def work(change: Change) -> dict[str, Any]:
            row = await self.books.programme(change, organisation, number, held=True)
            after = moved(PROGRAMMES, row.state, "close", "programme")
            if row.version != version:
                raise Stale("the programme changed since it was read", "read it again, and repeat with its new version", "version")
            await change.execute(self._close, {"programme": number, "next": after})
            await change.step(f"programme:{number}", "close", after, why)
            return {"programme": number}

        await self.hub.writing.run(enquiry, "programme.close", work)
        values = {"organisation": organisation}
        rows = [Programme(*row) for row in await self.hub.database.fetch(self._programmes, values) if row[0] == number]
        accounts = {row[0]: Account(*row) for row in await self.hub.database.fetch(self._accounts, values)}
        given_by = {each: int(total) for each, total in await self.hub.database.fetch(self._given, values)}
        return self._programme(enquiry, rows[0], accounts[rows[0].account], given_by.get(rows[0].given, 0))
