"""Opening an identity: who somebody known by a pseudonym or a thing is, with the holder's approval, or by two officers of two bodies.

What is opened is the name, and for an inspectorate the identifiers, for some hours. It opens through what there is already: the holder's
approval is a consent to the name, with a receipt, that the holder may take back; what two officers decide is a broken glass, which is told
and looked over like any other. So nothing is read on any other way than the ordinary plan.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Conflict, Invalid, NotPermitted, Unknown
from privacy.consent import Grant
from privacy.standing import epoch
from resolvers.oversight.glass import officer_of
from resolvers.oversight.matters import DAY, HOUR, Matter, at, fresh, worded
from resolvers.room import Answers, page_size
from resolvers.want import Field, Want, shaped
from resolvers.writing import moved
from tables.oversight.inspection import opening
from values import Category, Enquiry, Purpose, Role, Shown

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"ask": "asked"},
    "asked": {"approve": "opened", "refuse": "refused", "concur": "opened", "object": "refused", "withdraw": "withdrawn"},
    "opened": {"take_back": "taken_back", "close": "ended"},
}
"""State → act → next state; what was asked and not decided in time is expired, what is opened ends by itself."""

LONGEST_HOURS: Final = 24
LONGEST_FORCED_HOURS: Final = 3
HOLDER_DAYS: Final = 14
"""So long has the holder to decide."""

OFFICER_DAYS: Final = 2
"""And the second officer."""

PAUSE_DAYS: Final = 30
"""So long is a holder left alone by an asker who was not let know."""

OPENED: Final = (Category.NAME, Category.IDENTIFIERS)


class Openings(Matter):
    """Questions who somebody is, and what became of them."""

    kind = "opening"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once; rooms with nameless things of their own have `subjects` too."""
        super().__init__(hub)
        self.subjects = {"person": self._pseudonym}
        self.roots: dict[str, Answers] = {"openings": self.listed}
        self.watched = self.watch()
        prepare = hub.database.prepare
        self._insert = prepare(sa.insert(opening))
        one = sa.select(*opening.c).where(opening.c.id == sa.bindparam("which"))
        self._find, self._hold = prepare(one), prepare(one.with_for_update())
        page = sa.select(*opening.c).order_by(opening.c.asked_at.desc(), opening.c.id).limit(sa.bindparam("first"))
        self._told = prepare(page.where(opening.c.person == sa.bindparam("whose"), opening.c.told_at <= sa.bindparam("now")))
        body = sa.bindparam("body", type_=sa.Text)
        self._of_body = prepare(page.where(sa.or_(opening.c.organisation == body, opening.c.body == body)))
        same = [opening.c[name] == sa.bindparam(name) for name in ("organisation", "kind", "subject", "person", "extreme")]
        self._earlier = prepare(sa.select(opening.c.state, opening.c.asked_at, opening.c.ends_at).where(*same))
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("state", "ends_at", "opened_by")}
        standing = opening.c.opened_by == sa.bindparam("by"), opening.c.state == "opened", opening.c.ends_at > sa.bindparam("now")
        self._opened_by = prepare(sa.select(*opening.c).where(*standing).with_for_update())
        self._update = prepare(sa.update(opening).where(opening.c.id == sa.bindparam("which")).values(**values))

    async def ask(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Ask the holder to be known, or in the extreme case a second officer of another body.

        Raises:
            NotPermitted: the requester may not ask, or not without the holder.
            Unknown: it can name no such subject.
            Invalid: no reason, no second body, too many hours, or a delay where there may be none.
        """
        self.hub.demand(enquiry, "opening.force" if given["extreme"] else "opening.ask")
        resolve = self.hub.subjects.get(given["kind"])
        found = None if resolve is None else await resolve(enquiry, given["subject"])
        if found is None:
            raise Unknown("this requester can name no such subject", "name one by its kind and by your own id for it")
        person, subject = found[0], str(found[1] or "")
        longest = LONGEST_FORCED_HOURS if given["extreme"] or enquiry.requester.role is Role.INSPECTOR else LONGEST_HOURS
        if not 1 <= given["hours"] <= longest:
            raise Invalid(f"`hours` is not 1 to {longest}", "ask again when the time is over", "hours")
        now, organisation = epoch(enquiry.now), str(enquiry.requester.organisation)
        glass = self.hub.oversight.glass
        told_at, delay, body = now, None, None
        if given["extreme"]:
            body = glass.second(given["body"], organisation)
            told_at, delay = glass.delayed(enquiry, given["tell_after"], given["delay_basis"])
        elif given["tell_after"] is not None or given["body"] is not None:
            raise Invalid("the holder decides, and is told at once", "leave out `tellAfter` and `body`, or ask as `extreme`", "tellAfter")
        reason = worded(given["reason"], "reason")
        sealed = self.sealed(orjson.dumps({"reason": reason, "purpose": enquiry.purpose.value}).decode())
        row = {"kind": given["kind"], "subject": subject, "person": person}
        row |= {"organisation": organisation, "officer": officer_of(enquiry), "extreme": given["extreme"], "body": body, "reason": sealed}
        row |= {"delay": None if delay is None else self.sealed(delay), "told_at": told_at, "asked_at": now, "hours": given["hours"]}

        async def work(change: Change) -> dict[str, Any]:
            await self._not_again(change, row)
            number = fresh()
            ends_at = now + (OFFICER_DAYS if given["extreme"] else HOLDER_DAYS) * DAY
            made = {**row, "id": number, "state": moved(STATES, "", "ask"), "ends_at": ends_at}
            await change.execute(self._insert, {**made, "heard_at": now if told_at <= now else None, "opened_by": None})
            await change.step(self.thing(number), "ask", "asked")
            self.tell(change, number, organisation, body, person if told_at <= now else None)
            return {"id": str(number)}

        content = [given["kind"], person, given["extreme"], given["hours"], reason, body, given["tell_after"], delay]
        made = await self.hub.writing.run(enquiry, "opening.ask", work, key=key, content=content)
        return (await self._rows(enquiry, [await self._found(int(made["id"]))]))[0]

    async def _not_again(self, change: Change, row: Mapping[str, Any]) -> None:
        """One question at a time about a thing, and after it was not answered with yes none for a while.

        Only what the asker asked about this very thing counts: nothing tells that two things are one person's.
        """
        which = {name: row[name] for name in ("organisation", "kind", "subject", "person")}
        for state, asked_at, ends_at in await change.fetch(self._earlier, {**which, "extreme": row["extreme"]}):
            if state in {"asked", "opened"} and ends_at > change.now:
                raise Conflict("this is asked, or opened, already", "list what is asked with `openings`")
            if state != "opened" and not row["extreme"] and asked_at > change.now - PAUSE_DAYS * DAY:
                raise Conflict("the holder was asked this a short time ago", f"ask {PAUSE_DAYS} days after the last time")

    async def decide(self, enquiry: Enquiry, text: str, *, yes: bool) -> dict[str, Any]:
        """Approve or refuse to be known, as the holder.

        Raises:
            NotPermitted: the requester is no person.
            Unknown: nobody asks this of this person, or it is not for the holder to decide.
            Conflict: it is decided, or too late.
        """
        self.hub.demand(enquiry, "opening.decide")

        async def opens(change: Change, row: Any) -> str:
            return await self._by_holder(change, row)

        def may(row: Any) -> None:
            if row[3] != enquiry.requester.person or row[6]:
                raise Unknown("nobody asks this of you", "list what is asked with `openings`")

        return await self._act(enquiry, text, ("approve" if yes else "refuse", None), may, opens if yes else None)

    async def concur(self, enquiry: Enquiry, text: str, *, yes: bool, note: str) -> dict[str, Any]:
        """Concur with an extreme opening or object to it, as an officer of the second body.

        Raises:
            NotPermitted: the requester is no inspector, or not of the second body, or the officer who asked.
            Unknown: there is no such question for this body.
            Conflict: it is decided, or too late.
        """
        self.hub.demand(enquiry, "opening.concur")
        said = worded(note, "note")

        async def opens(change: Change, row: Any) -> str:
            return await self._by_officers(change, row)

        def may(row: Any) -> None:
            if not row[6] or enquiry.requester.organisation not in {row[4], row[7]}:
                raise Unknown("no such opening is asked of this body", "list what is asked with `openings`")
            if enquiry.requester.organisation == row[4] or officer_of(enquiry) == row[5]:
                raise NotPermitted("two officers of two bodies must agree", "an officer of the second body decides")

        return await self._act(enquiry, text, ("concur" if yes else "object", said), may, opens if yes else None)

    async def withdraw(self, enquiry: Enquiry, text: str) -> dict[str, Any]:
        """Take a question back before it is decided.

        Raises:
            NotPermitted: the requester may not ask.
            Unknown: its organisation asks no such thing.
            Conflict: it is decided, or too late.
        """
        self.hub.demand(enquiry, "opening.ask")

        def may(row: Any) -> None:
            if row[4] != enquiry.requester.organisation:
                raise Unknown("this organisation asks no such thing", "list what it asks with `openings`")

        return await self._act(enquiry, text, ("withdraw", None), may, None)

    async def _act(
        self,
        enquiry: Enquiry,
        text: str,
        act: tuple[str, str | None],
        may: Callable[[Any], None],
        opens: Callable[[Change, Any], Awaitable[str]] | None,
    ) -> dict[str, Any]:
        number, now = self.number(enquiry, text), epoch(enquiry.now)
        name, said = act

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            if not rows:
                raise Unknown("there is no such opening", "list what is asked with `openings`")
            row = rows[0]
            may(row)
            state = moved(STATES, row[11], name)
            if row[13] <= now:
                raise Conflict("the time to decide is over", "it has to be asked anew")
            opened_by = None if opens is None else await opens(change, row)
            ends_at = now + row[14] * HOUR if opens is not None else now
            await change.execute(self._update, {"which": number, "new_state": state, "new_ends_at": ends_at, "new_opened_by": opened_by})
            await change.step(self.thing(number), name, state, said)
            self.tell(change, number, row[4], row[7], row[3] if row[10] <= now else None)
            return {}

        await self.hub.writing.run(enquiry, f"opening.{name}", work)
        return (await self._rows(enquiry, [await self._found(number)]))[0]

    async def ended(self, change: Change, by: str, act: str) -> None:
        """What was opened by this consent or glass is open no more: its holder took it back, or its officer closed it."""
        for row in await change.fetch(self._opened_by, {"by": by, "now": change.now}):
            state = moved(STATES, row[11], act)
            await change.execute(self._update, {"which": row[0], "new_state": state, "new_ends_at": change.now, "new_opened_by": by})
            await change.step(self.thing(row[0]), act, state)
            self.tell(change, row[0], row[4], row[7], row[3] if row[10] <= change.now else None)

    async def _by_holder(self, change: Change, row: Any) -> str:
        """The approval is a consent to the name; to an inspector, whose way to names is the glass, it is one that was approved."""
        why = self._read(row[8])
        organisation = self.hub.settings.organisations[row[4]]
        if row[7] is None and Purpose(why["purpose"]) is Purpose.OVERSIGHT and organisation.kind == "inspectorate":
            return await self._glass(change, row, why["reason"], self.hub.oversight.glass.second(None, row[4]))
        ends_at = change.now + row[14] * HOUR
        grant = Grant(row[4], Purpose(why["purpose"]), frozenset({Category.NAME}), ends_at)
        return f"consent:{(await self.hub.consents.give(change, row[3], grant, change.now)).id}"

    async def _by_officers(self, change: Change, row: Any) -> str:
        return await self._glass(change, row, self._read(row[8])["reason"], row[7])

    async def _glass(self, change: Change, row: Any, reason: str, second: str) -> str:
        given = {"person": row[3], "organisation": row[4], "categories": sum(each.bit for each in OPENED), "hours": row[14]}
        given |= {"reason": reason, "told_at": max(row[10], change.now), "delay": self.opened(row[9]), "notified": second}
        glass = self.hub.oversight.glass
        return glass.thing(await glass.put(change, given, officer=row[5], once=False))

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """What is asked of oneself, as far as one may be told; for an organisation what it asks, and what is asked of it."""
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "opening.read")
        first = page_size(self.hub, field.arguments(gathering.variables)["first"])
        if enquiry.requester.person is not None:
            values = {"whose": enquiry.requester.person, "now": epoch(enquiry.now), "first": first}
            rows = await self.hub.database.fetch(self._told, values)
        else:
            rows = await self.hub.database.fetch(self._of_body, {"body": enquiry.requester.organisation, "first": first})
        return await self.shown(gathering, field.want, rows)

    def concerns(self, enquiry: Enquiry, row: Any) -> bool:
        """Whether it is asked about this person, which may be told by now, or by this organisation or of it."""
        if enquiry.requester.person is not None:
            return bool(row[3] == enquiry.requester.person and row[10] <= epoch(enquiry.now))
        return enquiry.requester.organisation in {row[4], row[7]}

    async def shown(self, gathering: Gathering, want: Want, rows: Sequence[Any]) -> list[Any]:
        """Openings as holder, asker or second body reads them; who is meant only where it may be known."""
        enquiry = gathering.enquiry
        found = await self._rows(enquiry, rows)
        people = tuple(sorted({row[3] for row, each in zip(rows, found, strict=True) if each["person"] is not None}))
        if people:
            gathering.shown.append(Shown(("person.id",), (), people, "self" if enquiry.requester.person is not None else "opening"))
        return list(shaped(want, found))

    async def _pseudonym(self, enquiry: Enquiry, text: str) -> tuple[int, int] | None:
        found = self.hub.pseudonyms.resolve(enquiry.requester.receiver, text)
        return None if found is None else (found, 0)

    async def _found(self, number: int) -> Any:
        return (await self.hub.database.fetch(self._find, {"which": number}))[0]

    def _read(self, sealed: str) -> dict[str, Any]:
        return dict(orjson.loads(self.opened(sealed) or '{"reason": "", "purpose": ""}'))

    async def _rows(self, enquiry: Enquiry, rows: Sequence[Any]) -> list[dict[str, Any]]:
        traces = await self.traces([row[0] for row in rows])
        return [self._row(enquiry, row, traces[row[0]]) for row in rows]

    def _row(self, enquiry: Enquiry, row: Any, trace: list[dict[str, Any]]) -> dict[str, Any]:
        number, kind, subject, person, organisation, _, extreme, body, reason, delay, told_at, state, asked_at, ends_at, *_ = row
        over = ends_at <= epoch(enquiry.now)
        shown = {"asked": "EXPIRED", "opened": "ENDED"}.get(state, state.upper()) if over else state.upper()
        asker = enquiry.requester.organisation == organisation
        known = enquiry.requester.person is not None or (asker and (kind == "person" or shown == "OPENED"))
        return {
            "id": self.named(enquiry, number),
            "kind": kind,
            "subject": self.hub.identifier(enquiry, kind)(int(subject)) if subject else None,
            "person": self.hub.identifier(enquiry, "person")(person) if known else None,
            "organisation": organisation,
            "extreme": bool(extreme),
            "body": body,
            "reason": self._read(reason)["reason"],
            "state": shown,
            "asked_at": at(asked_at),
            "ends_at": at(ends_at),
            "told_at": at(told_at),
            "delay_basis": self.opened(delay),
            "trace": trace,
        }
