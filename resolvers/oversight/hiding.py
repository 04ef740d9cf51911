"""Looks hidden by law for a time: ordered by an inspectorate about another body's looks, shown by themselves when the time is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from errors import Invalid, Unknown
from privacy.standing import epoch
from resolvers.oversight.matters import DAY, Matter, at, fresh, instant, worded
from resolvers.room import Answers
from resolvers.want import Field, shaped
from tables.oversight.inspection import hiding
from values import Disclosure, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

LONGEST_DAYS = 180
"""After so long a hidden look is shown, unless a new order says otherwise for later ones."""

BACK_DAYS = 7
"""So far back an order may reach: what the person may long have read is not unsaid."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it is stored; `basis` is the law, `reference` the order's own number."""

    organisation: str
    since: int
    ends_at: int
    basis: str
    until: int | None = None

    def covers(self, disclosure: Disclosure) -> bool:
        """Whether a look is one of those it hides."""
        return disclosure.organisation == self.organisation and self.since <= epoch(disclosure.at) < (self.until or self.ends_at)


class Hiding(Matter):
    """Orders by which looks are hidden from a person for a time."""

    kind = "hiding"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.roots: dict[str, Answers] = {"hidings": self.listed}
        prepare = hub.database.prepare
        self._insert = prepare(sa.insert(hiding))
        self._of = prepare(sa.select(*hiding.c).where(hiding.c.person == sa.bindparam("whose")).order_by(hiding.c.ends_at.desc()))
        self._all = prepare(sa.select(*hiding.c).order_by(hiding.c.ordered_at.desc(), hiding.c.id))
        one = sa.select(*hiding.c).where(hiding.c.id == sa.bindparam("which"))
        self._find, self._hold = prepare(one), prepare(one.with_for_update())
        self._end = prepare(sa.update(hiding).where(hiding.c.id == sa.bindparam("which")).values(ends_at=sa.bindparam("now")))

    async def of_person(self, person: int) -> list[Order]:
        """Every order about a person, over or not, the longest first."""
        ordered = [
            Order(row[2], row[5], row[6], str(self._read(row[4])["basis"]))
            for row in await self.hub.database.fetch(self._of, {"whose": person})
        ]
        return ordered + await self.hub.oversight.glass.delays(person)

    async def order(self, enquiry: Enquiry, given: dict[str, Any], key: str | None) -> dict[str, Any]:
        """Hide the looks of another body at a person until an end.

        Raises:
            NotPermitted: the requester is no inspector.
            Unknown: it knows no such person.
            Invalid: a body that is its own or none, no law, or an end or beginning out of bounds.
        """
        self.hub.demand(enquiry, "looks.hide")
        person, now = self.person(enquiry, given["person"]), epoch(enquiry.now)
        body = str(enquiry.requester.organisation)
        if given["organisation"] == body or given["organisation"] not in self.hub.settings.organisations:
            raise Invalid("a body hides no looks of its own, nor of nobody", "another inspectorate orders it", "organisation")
        ends_at = epoch(instant(given["ends_at"], "endsAt"))
        since = now if given["since"] is None else epoch(instant(given["since"], "since"))
        if not now < ends_at <= now + LONGEST_DAYS * DAY:
            raise Invalid(f"`endsAt` is not within {LONGEST_DAYS} days", "order it anew when the time is over", "endsAt")
        if not now - BACK_DAYS * DAY <= since < ends_at:
            raise Invalid(f"`since` is more than {BACK_DAYS} days ago, or after the end", "name a later moment", "since")
        basis = {"basis": worded(given["basis"], "basis"), "reference": worded(given["reference"], "reference", 3)}

        async def work(change: Change) -> dict[str, Any]:
            number = fresh()
            row = {"id": number, "person": person, "organisation": given["organisation"], "body": body, "since": since, "ends_at": ends_at}
            await change.execute(self._insert, {**row, "basis": self.sealed(orjson.dumps(basis).decode()), "ordered_at": now})
            await change.step(self.thing(number), "order", "hidden", basis["reference"])
            return {"id": str(number)}

        content = [person, given["organisation"], since if given["since"] else None, ends_at, basis]
        made = await self.hub.writing.run(enquiry, "looks.hide", work, key=key, content=content)
        return (await self._rows(enquiry, [await self._found(int(made["id"]))]))[0]

    async def end(self, enquiry: Enquiry, text: str, reason: str) -> dict[str, Any]:
        """End an order of one's own body before its time.

        Raises:
            NotPermitted: the requester is no inspector.
            Unknown: its body has no such order, or it is over.
        """
        self.hub.demand(enquiry, "looks.hide")
        number, now = self.number(enquiry, text), epoch(enquiry.now)
        said = worded(reason, "reason")

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            if not rows or rows[0][3] != enquiry.requester.organisation or rows[0][6] <= now:
                raise Unknown("there is no such order in force of this body", "list them with `hidings`")
            await change.execute(self._end, {"which": number, "now": now})
            await change.step(self.thing(number), "end", "shown", said)
            return {}

        await self.hub.writing.run(enquiry, "looks.show", work)
        return (await self._rows(enquiry, [await self._found(number)]))[0]

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """Every order of every body: inspectorates see each other's."""
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "looks.hide")
        rows = await self.hub.database.fetch(self._all)
        people = tuple(sorted({row[1] for row in rows}))
        if people:
            gathering.shown.append(Shown(("person.id",), (), people, "always"))
        return shaped(field.want, await self._rows(enquiry, rows))

    async def _found(self, number: int) -> Any:
        return (await self.hub.database.fetch(self._find, {"which": number}))[0]

    async def _rows(self, enquiry: Enquiry, rows: Sequence[Any]) -> list[dict[str, Any]]:
        traces = await self.traces([row[0] for row in rows])
        return [self._row(enquiry, row, traces[row[0]]) for row in rows]

    def _row(self, enquiry: Enquiry, row: Any, trace: list[dict[str, Any]]) -> dict[str, Any]:
        number, person, organisation, body, basis, since, ends_at, ordered_at = row
        return {
            "id": self.named(enquiry, number),
            "person": self.hub.identifier(enquiry, "person")(person),
            "organisation": organisation,
            "body": body,
            **self._read(basis),
            "since": at(since),
            "ends_at": at(ends_at),
            "ordered_at": at(ordered_at),
            "trace": trace,
        }

    def _read(self, basis: str) -> dict[str, Any]:
        return dict(orjson.loads(self.opened(basis) or '{"basis": "", "reference": ""}'))


def hides(orders: Iterable[Order], disclosure: Disclosure, now: int) -> bool:
    """Whether a look is hidden at this moment."""
    return any(order.covers(disclosure) and now < order.ends_at for order in orders)


def was_hidden(orders: Iterable[Order], disclosure: Disclosure) -> Order | None:
    """The order that hid a look until it was over, if one did."""
    return next((order for order in orders if order.covers(disclosure)), None)
