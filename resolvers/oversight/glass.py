"""Breaking the glass: what an officer may read in an emergency, of whom, for how long, and who is told and looks it over afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, NotPermitted, Unknown
from privacy.standing import epoch
from resolvers.oversight.hiding import Order
from resolvers.oversight.matters import DAY, HOUR, Matter, at, fresh, instant, worded
from resolvers.room import Answers, page_size
from resolvers.want import Field, Want, shaped
from resolvers.writing import moved
from tables.oversight.inspection import glass
from values import Category, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

LONGEST_HOURS: Final = 3
LONGEST_DELAY_DAYS: Final = 30
"""So long at most may the law let a person be told later."""

STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"break": "open"},
    "open": {"close": "closed", "justify": "justified", "censure": "unjustified"},
    "closed": {"justify": "justified", "censure": "unjustified"},
}
"""State → act → next state; what is open past its end counts as closed, and only then can it be looked over."""

FAR: Final = 1 << 62
"""A moment after all others."""

EVERYTHING: Final = sum(each.bit for each in Category)


class Glass(Matter):
    """Glass broken by inspectors, each for one person and three hours at most."""

    kind = "glass"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.roots: dict[str, Answers] = {"glasses": self.listed}
        self.watched = self.watch()
        prepare = hub.database.prepare
        self._insert = prepare(sa.insert(glass))
        one = sa.select(*glass.c).where(glass.c.id == sa.bindparam("which"))
        self._find, self._hold = prepare(one), prepare(one.with_for_update())
        page = sa.select(*glass.c).order_by(glass.c.opened_at.desc(), glass.c.id).limit(sa.bindparam("first"))
        whose = glass.c.person == sa.bindparam("whose")
        self._told = prepare(page.where(whose, glass.c.told_at <= sa.bindparam("now")))
        body = sa.bindparam("body", type_=sa.Text)
        concerned = sa.or_(glass.c.organisation == body, glass.c.notified == body)
        later = (
            glass.c.opened_at < sa.bindparam("opened_at"),
            sa.and_(glass.c.opened_at == sa.bindparam("opened_at"), glass.c.id > sa.bindparam("after")),
        )
        self._of_body = prepare(page.where(concerned, glass.c.opened_at >= sa.bindparam("since"), sa.or_(*later)))
        self._delays = prepare(sa.select(*glass.c).where(whose, glass.c.told_at > glass.c.opened_at))
        live = whose, glass.c.officer == sa.bindparam("officer"), glass.c.ends_at > sa.bindparam("now"), glass.c.state == sa.literal("open")
        self._live = prepare(sa.select(glass.c.id).where(*live))
        names = ("state", "ends_at", "told_at", "note", "reviewed_at", "heard_at")
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
        self._update = prepare(sa.update(glass).where(glass.c.id == sa.bindparam("which")).values(**values))

    async def broken(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Break the glass for one person.

        Raises:
            NotPermitted: the requester is no inspector.
            Unknown: it knows no such person.
            Invalid: no reason, too many hours, no second body, or a delay without law.
            Conflict: this officer's glass for this person is broken already.
        """
        self.hub.demand(enquiry, "glass.break")
        person, hours = self.person(enquiry, given["person"]), given["hours"]
        if not 1 <= hours <= LONGEST_HOURS:
            raise Invalid(f"`hours` is not 1 to {LONGEST_HOURS}", "break it again, with a new reason, when the time is over", "hours")
        body = str(enquiry.requester.organisation)
        second = self.second(given["body"], body)
        told_at, delay = self.delayed(enquiry, given["tell_after"], given["delay_basis"])
        reason = worded(given["reason"], "reason")
        categories = sum(each.bit for each in set(given["categories"])) if given["categories"] else EVERYTHING
        row = {"person": person, "organisation": body, "categories": categories, "hours": hours, "reason": reason}

        async def work(change: Change) -> dict[str, Any]:
            number = await self.put(change, {**row, "told_at": told_at, "delay": delay, "notified": second})
            return {"id": str(number)}

        content = [person, categories, hours, reason, second, given["tell_after"], delay]
        made = await self.hub.writing.run(enquiry, "glass.break", work, key=key, content=content)
        return (await self._rows(enquiry, [await self._found(int(made["id"]))]))[0]

    async def put(self, change: Change, given: Mapping[str, Any], officer: str | None = None, *, once: bool = True) -> int:
        """Break the glass within a change, on whatever ground it was decided.

        What two bodies decided is not held up by a glass there is already: who is behind a thing would show in the refusal.

        Raises:
            Conflict: this officer's glass for this person is broken already.
        """
        officer = officer or officer_of(change.enquiry)
        if once and await change.fetch(self._live, {"whose": given["person"], "officer": officer, "now": change.now}):
            raise Conflict("this officer's glass for this person is broken already", "read, or close it first")
        number = fresh()
        row = {name: given[name] for name in ("person", "organisation", "categories", "told_at", "notified")}
        row |= {"id": number, "officer": officer, "reason": self.sealed(given["reason"]), "state": "open", "opened_at": change.now}
        row |= {"ends_at": change.now + given["hours"] * HOUR, "delay": self.sealed(given["delay"]) if given["delay"] else None}
        heard = change.now if given["told_at"] <= change.now else None
        await change.execute(self._insert, {**row, "note": None, "reviewed_at": None, "heard_at": heard})
        await change.step(self.thing(number), "break", moved(STATES, "", "break"))
        self.tell(change, number, given["organisation"], given["notified"], given["person"] if heard is not None else None)
        return number

    def second(self, named: str | None, body: str) -> str:
        """The second body, which is told at once: the one named, or the first other one.

        Raises:
            Invalid: there is none.
        """
        others = [each for each in self.inspectorates() if each != body]
        return self.inspectorate(named or (others or [""])[0], "body", other_than=body)

    def delayed(self, enquiry: Enquiry, tell_after: str | None, basis: str | None) -> tuple[int, str | None]:
        """When the person is told, and by which law later than at once.

        Raises:
            Invalid: later without a law, or too late.
        """
        now = epoch(enquiry.now)
        if tell_after is None:
            return now, None
        told_at = epoch(instant(tell_after, "tellAfter"))
        if not now < told_at <= now + LONGEST_DELAY_DAYS * DAY:
            raise Invalid(f"`tellAfter` is not within {LONGEST_DELAY_DAYS} days", "name a moment the law allows", "tellAfter")
        return told_at, worded(basis or "", "delayBasis")

    async def act(self, enquiry: Enquiry, text: str, act: str, note: str | None = None) -> dict[str, Any]:
        """Close a glass before its end, tell the person earlier, or look it over (justify, censure).

        Raises:
            NotPermitted: the requester is no inspector, or the officer would look over its own.
            Unknown: it is no glass of this body, and this body was not notified of it.
            Conflict: it is not in a state for it.
            Invalid: a note that says nothing.
        """
        self.hub.demand(enquiry, "glass.break" if act == "close" else "glass.review")
        number, now = self.number(enquiry, text), epoch(enquiry.now)
        words = None if note is None else worded(note, "note")

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            if not rows or not self.concerns(enquiry, rows[0]):
                raise Unknown("there is no such glass of this body", "list them with `glasses`")
            row = rows[0]
            self._may(enquiry, row, act, now)
            state = row[6] if act == "tell" else moved(STATES, row[6], act)
            values = {"which": number, "new_state": state, "new_ends_at": min(row[8], now) if act == "close" else row[8]}
            values |= {"new_told_at": min(row[9], now) if act == "tell" else row[9], "new_note": row[12], "new_reviewed_at": row[13]}
            heard = values["new_told_at"] <= now
            values["new_heard_at"] = now if heard and row[14] is None else row[14]
            if words is not None:
                values |= {"new_note": self.sealed(words), "new_reviewed_at": now}
            await change.execute(self._update, values)
            await change.step(self.thing(number), act, state)
            self.tell(change, number, row[2], row[11], row[1] if heard else None)
            if act == "close":
                await self.hub.oversight.openings.ended(change, self.thing(number), "close")
            return {}

        await self.hub.writing.run(enquiry, f"glass.{act}", work)
        return (await self._rows(enquiry, [await self._found(number)]))[0]

    @staticmethod
    def _may(enquiry: Enquiry, row: Any, act: str, now: int) -> None:
        own = row[3] == officer_of(enquiry)
        if act == "close" and not own:
            raise NotPermitted("only the officer who broke a glass closes it", "look it over when it is closed")
        if act == "tell" and enquiry.requester.organisation != row[11]:
            raise NotPermitted("only the second body has the person told earlier", "ask the body that was notified")
        if act in {"justify", "censure"}:
            if own:
                raise NotPermitted("nobody looks over what it did itself", "another officer of one of the two bodies does")
            if row[6] == "open" and row[8] > now:
                raise Conflict("this glass is still open", "look it over when it is closed")

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """Those about oneself of which one may be told; for an inspector all of its body and all that its body was notified of."""
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "glass.read")
        arguments = field.arguments(gathering.variables)
        first, now = page_size(self.hub, arguments["first"]), epoch(enquiry.now)
        if enquiry.requester.person is not None:
            rows = await self.hub.database.fetch(self._told, {"whose": enquiry.requester.person, "now": now, "first": first})
        else:
            since = 0 if arguments.get("since") is None else epoch(instant(arguments["since"], "since"))
            opened_at, after = await self._place(enquiry, arguments.get("before"))
            values = {"body": enquiry.requester.organisation, "first": first, "since": since, "opened_at": opened_at, "after": after}
            rows = await self.hub.database.fetch(self._of_body, values)
        return await self.shown(gathering, field.want, rows)

    def concerns(self, enquiry: Enquiry, row: Any) -> bool:
        """Whether a glass is about this person, which may be told by now, or was broken by this body or told to it."""
        if enquiry.requester.person is not None:
            return bool(row[1] == enquiry.requester.person and row[9] <= epoch(enquiry.now))
        return enquiry.requester.organisation in {row[2], row[11]}

    async def shown(self, gathering: Gathering, want: Want, rows: Sequence[Any]) -> list[Any]:
        """Glasses as the person or one of the two bodies reads them."""
        enquiry = gathering.enquiry
        if people := tuple(sorted({row[1] for row in rows})):
            gathering.shown.append(Shown(("person.id",), (), people, "self" if enquiry.requester.person is not None else "always"))
        return list(shaped(want, await self._rows(enquiry, rows)))

    async def _place(self, enquiry: Enquiry, before: Any) -> tuple[int, int]:
        """Where in the list a glass stands that a page ended with."""
        if before is None:
            return FAR, 0
        rows = await self.hub.database.fetch(self._find, {"which": self.number(enquiry, str(before))})
        if not rows:
            raise Invalid("`before` is no glass of this list", "start again without it", "before")
        return rows[0][7], rows[0][0]

    async def delays(self, person: int) -> list[Order]:
        """The looks at a person that it is not told of yet, or was not for a time: those through a glass with a delay."""
        rows = await self.hub.database.fetch(self._delays, {"whose": person})
        return [Order(row[2], row[7], row[9], self.opened(row[10]) or "", row[8] + 1) for row in rows]

    async def _found(self, number: int) -> Any:
        return (await self.hub.database.fetch(self._find, {"which": number}))[0]

    async def _rows(self, enquiry: Enquiry, rows: Sequence[Any]) -> list[dict[str, Any]]:
        traces = await self.traces([row[0] for row in rows])
        return [self._row(enquiry, row, traces[row[0]]) for row in rows]

    def _row(self, enquiry: Enquiry, row: Any, trace: list[dict[str, Any]]) -> dict[str, Any]:
        number, person, organisation, _, categories, reason, state, opened_at, ends_at, told_at, delay, notified, note, reviewed_at, _ = row
        over = state == "open" and ends_at <= epoch(enquiry.now)
        return {
            "id": self.named(enquiry, number),
            "person": self.hub.identifier(enquiry, "person")(person),
            "organisation": organisation,
            "categories": [each.name for each in Category if categories & each.bit],
            "reason": self.opened(reason),
            "state": "CLOSED" if over else state.upper(),
            "opened_at": at(opened_at),
            "ends_at": at(ends_at),
            "told_at": at(told_at),
            "delay_basis": self.opened(delay),
            "notified": notified,
            "note": self.opened(note),
            "reviewed_at": at(reviewed_at),
            "trace": trace,
        }


def officer_of(enquiry: Enquiry) -> str:
    """Who acts, by the public id of the credential: two officers are two of these."""
    return str(enquiry.requester.credential or enquiry.requester.name)[:64]
