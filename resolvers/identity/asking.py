"""Requests for consent: an organisation asks in plain words, the person answers, and nobody is nagged.

An organisation may ask about a person it knows, or about whoever has a number that it was given. Of the latter it must not learn by asking
whether there is such a person: a number nobody has makes a request too, which lapses like any that nobody answers, and a refusal
by somebody it did not know looks like no answer. Only a yes tells it that there is somebody.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, Unknown
from privacy.consent import Grant, Terms
from resolvers.gather import Gathering
from resolvers.identity.consents import consent_row, instant, tell
from resolvers.identity.plainly import WHY, texts
from resolvers.room import Answers, Keys, Pushes, Room, Shows, page_size
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.identity.asking import consent_request
from tables.statement import Row
from values import Category, ConsentMode, Enquiry, Purpose, Scheme, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

DAY = 86_400

STATES: Mapping[str, Mapping[str, str]] = {
    "open": {"grant": "granted", "refuse": "refused", "cancel": "cancelled"},
    "lapsed": {},
    "granted": {},
    "refused": {},
    "cancelled": {},
}
"""State → act → next state; an open request lapses by its time."""

COLUMNS = tuple(consent_request.c)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an organisation asks for: what it would see, for how many days, on which terms."""

    categories: frozenset[Category]
    days: int
    terms: Terms

    def content(self) -> list[Any]:
        """The same as plain JSON values."""
        terms = self.terms
        return [sorted(self.categories), self.days, terms.mode, terms.keep_days, terms.uses, terms.period_days]


@dataclass(frozen=True, slots=True)
class Part:
    """To how much of a request a person says yes; what is None is as asked."""

    categories: frozenset[Category] | None = None
    days: int | None = None
    view_only: bool = False


class AskingCommands(Room):
    """Requests, as those see them who ask and those who are asked."""

    def __init__(self, hub: Hub) -> None:
        """Name what is answered, watched and sent from here."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"consent_requests": self.received, "consent_requests_made": self.made}
        self.watched: dict[str, tuple[Keys, Shows]] = {"consent_requested": (self._person, self._requested)}
        self.pushed: dict[str, Pushes] = {"consent_answered": self._push}
        self._digest = hub.ring.subkey("consent request", hub.ring.root)
        prepare, c = hub.database.prepare, consent_request.c
        self._add = prepare(sa.insert(consent_request).values({each.name: sa.bindparam(each.name) for each in COLUMNS}))
        self._today = prepare(
            sa.select(sa.func.count()).where(c.organisation == sa.bindparam("organisation"), c.asked_at > sa.bindparam("since"))
        )
        self._repeated = prepare(
            sa.select(sa.func.max(c.asked_at)).where(c.about == sa.bindparam("about"), c.asked_at > sa.bindparam("since"))
        )
        self._bothered = prepare(
            sa.select(sa.func.count()).where(
                c.person == sa.bindparam("person"),
                c.organisation == sa.bindparam("organisation"),
                c.purpose == sa.bindparam("purpose"),
                c.shown.is_(True),
                sa.or_(c.asked_at > sa.bindparam("since"), sa.and_(c.state == "refused", c.answered_at > sa.bindparam("since"))),
            )
        )
        self._of_person = prepare(
            sa.select(*COLUMNS)
            .where(c.person == sa.bindparam("person"), c.shown.is_(True))
            .order_by(c.asked_at.desc(), c.id)
            .limit(sa.bindparam("first"))
        )
        self._of_organisation = prepare(
            sa.select(*COLUMNS)
            .where(c.organisation == sa.bindparam("organisation"))
            .order_by(c.asked_at.desc(), c.id)
            .limit(sa.bindparam("first"))
        )
        self._one = prepare(sa.select(*COLUMNS).where(c.id == sa.bindparam("which")))
        self._move = prepare(
            sa.update(consent_request)
            .where(c.id == sa.bindparam("which"), c.state == "open")
            .values(state=sa.bindparam("new_state"), answered_at=sa.bindparam("at"), consent=sa.bindparam("led_to"))
        )

    # --- asking --------------------------------------------------------------------------------------------------

    async def send(
        self, enquiry: Enquiry, subject: tuple[str | None, Scheme | None, str | None], asked: Asked, key: str | None = None
    ) -> dict[str, Any]:
        """Ask a person for consent; the answer does not tell whether there is such a person.

        Args:
            enquiry: who asks, for which purpose.
            subject: the person by the requester's own identifier, or scheme and number.
            asked: what for.
            key: the idempotency key.

        Raises:
            NotPermitted: the requester may not.
            Invalid: an unreadable number, or what goes beyond the ceiling of the purpose.
            Unknown: the identifier is none of the requester's own.
            LimitReached: the organisation asked as often as it may today.
            Conflict: it asked the same person for this purpose a short time ago.
        """
        self.hub.demand(enquiry, "consent.ask")
        rules, purpose, organisation = self.hub.consents.rules, enquiry.purpose, enquiry.requester.organisation or ""
        if purpose not in WHY["en"]:
            raise Invalid("nobody is asked for consent for this purpose", "ask under another purpose", "purpose")
        self.hub.consents.fair(purpose, asked.categories, asked.terms)
        most = rules.ceiling(purpose).longest_days
        if not 1 <= asked.days <= most:
            raise Invalid(f"a consent holds 1 to {most} days", "ask for fewer", "days")
        number, known, meant = await self._subject(enquiry, subject)
        about = blake2b(f"{organisation}\n{purpose}\n{meant}".encode(), key=self._digest, digest_size=32).digest()

        async def work(change: Change) -> dict[str, Any]:
            # An organisation asks one after the other, so that of many at once each is counted.
            await self.hub.identity.wallet.alone(change, blake2b(organisation.encode(), key=self._digest, digest_size=32).digest())
            rest = change.now - rules.rest_days * DAY
            ((today,),) = await change.fetch(self._today, {"organisation": organisation, "since": change.now - DAY})
            if today >= rules.requests_per_day:
                raise LimitReached("this organisation asked as many people today as it may", "go on tomorrow")
            ((before,),) = await change.fetch(self._repeated, {"about": about, "since": rest})
            if before is not None:
                again = instant(before + rules.rest_days * DAY)
                raise Conflict("this was asked a short time ago, and may not be asked again yet", f"ask again after {again}")
            bothered = {"person": number or 0, "organisation": organisation, "purpose": purpose.value, "since": rest}
            ((times,),) = await change.fetch(self._bothered, bothered)
            row = self._row(enquiry, asked, change.now)
            row |= {"person": number, "known": known, "shown": number is not None and times == 0, "about": about}
            await change.execute(self._add, row)
            await change.step(f"consent_request:{row['id']}", "ask", "open")
            # Told also where nobody is there to hear it, so that asking takes as long for a number that nobody has.
            change.tell("consent_requested", str(number if row["shown"] else 0), {"id": row["id"]})
            return self._made(enquiry, tuple(row[each.name] for each in COLUMNS), change.now)

        return await self.hub.writing.run(enquiry, "consent.ask", work, key=key, content=[*subject, *asked.content()])

    def _row(self, enquiry: Enquiry, asked: Asked, now: int) -> dict[str, Any]:
        terms = asked.terms
        return {
            "id": secrets.token_hex(16),
            "organisation": enquiry.requester.organisation or "",
            "purpose": enquiry.purpose.value,
            "categories": sum(each.bit for each in asked.categories),
            "days": asked.days,
            "mode": terms.mode.value,
            "keep_days": terms.keep_days,
            "uses": terms.uses,
            "period_days": terms.period_days,
            "state": "open",
            "asked_at": now,
            "lapses_at": now + self.hub.consents.rules.request_days * DAY,
            "answered_at": None,
            "consent": None,
        }

    async def _subject(self, enquiry: Enquiry, subject: tuple[str | None, Scheme | None, str | None]) -> tuple[int | None, bool, str]:
        """Who is meant, whether the requester knows of the person already, and how it said so; the same work for nobody."""
        pseudonym, scheme, raw = subject
        if pseudonym is not None and scheme is None and raw is None:
            number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, pseudonym)
            if number is None:
                raise Unknown("this requester knows no such person", "use an identifier from this requester's own answers")
            return number, True, f"person {number}"
        if pseudonym is not None or scheme is None or raw is None:
            raise Invalid("either `person`, or `scheme` and `value`, say who is meant", "give one of both", "person")
        if scheme is Scheme.CASE_NUMBER:
            raise Invalid("a case number is known to the organisation alone", "give `person`, or a number the person has", "scheme")
        number = await self.hub.identity.people.numbered(enquiry, scheme, raw)
        known = bool((await self.hub.identity.people.known_of(enquiry, [number or 0])).numbers)
        return number, known, f"{scheme} {self.hub.blinder.blind(scheme, raw).hex()}"

    async def cancel(self, enquiry: Enquiry, which: str, key: str | None = None) -> dict[str, Any]:
        """Take a request back before it is answered.

        Raises:
            NotPermitted: the requester may not.
            Unknown: the organisation made no such request.
            Conflict: it is not open any more.
        """
        self.hub.demand(enquiry, "consent.ask")

        async def work(change: Change) -> dict[str, Any]:
            row = await self._found(change, which)
            if row is None or row["organisation"] != enquiry.requester.organisation:
                raise Unknown("there is no such request", "read `consentRequestsMade` for yours")
            await self._moved(change, {**row, "state": self._visible(row, change.now)}, "cancel")
            after = await self._found(change, which)
            assert after is not None
            return self._made(enquiry, tuple(after.values()), change.now)

        return await self.hub.writing.run(enquiry, "consent_request.cancel", work, key=key, content=[which])

    async def made(self, gathering: Gathering, field: Field) -> Any:
        """The requests of the requester's organisation, newest first, as far as it may know how they went.

        Raises:
            NotPermitted: the requester may not.
            Invalid: a page that cannot be.
        """
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "consent.ask")
        first, now = page_size(self.hub, field.arguments(gathering.variables)["first"]), int(enquiry.now.timestamp())
        values = {"organisation": enquiry.requester.organisation or "", "first": first}
        rows = [self._made(enquiry, row, now) for row in await self.hub.database.fetch(self._of_organisation, values, rows=first)]
        resolve, receiver = self.hub.pseudonyms.resolve, enquiry.requester.receiver
        people = {resolve(receiver, row["person"]) for row in rows if row["person"] is not None}
        if people:
            gathering.shown.append(Shown(("ConsentRequestMade.person",), (), tuple(each for each in people if each is not None), ""))
        return shaped(field.want, rows)

    # --- answering -----------------------------------------------------------------------------------------------

    async def received(self, gathering: Gathering, field: Field) -> Any:
        """What a person was asked, newest first, each with its text.

        Raises:
            NotPermitted: the requester is not a person.
            Invalid: a page that cannot be.
        """
        assert field.want is not None
        enquiry = gathering.enquiry
        self._person(enquiry)
        first, now = page_size(self.hub, field.arguments(gathering.variables)["first"]), int(enquiry.now.timestamp())
        values = {"person": enquiry.requester.person, "first": first}
        return shaped(
            field.want, [self._asked(_named(row), now) for row in await self.hub.database.fetch(self._of_person, values, rows=first)]
        )

    async def grant(self, enquiry: Enquiry, which: str, part: Part, key: str | None = None) -> dict[str, Any]:
        """Say yes to a request, or to a part of it.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown: the person was not asked this.
            Invalid: more than was asked, or nothing.
            Conflict: it is not open any more.
        """
        self.hub.demand(enquiry, "consent.grant")

        async def work(change: Change) -> dict[str, Any]:
            row = await self._own(change, enquiry, which)
            asked = frozenset(each for each in Category if row["categories"] & each.bit)
            categories = asked if part.categories is None else part.categories
            if not categories or not categories <= asked:
                raise Invalid("only what was asked for can be granted, and at least one category of it", "choose among them", "categories")
            days = row["days"] if part.days is None else part.days
            if not 1 <= days <= row["days"]:
                raise Invalid(f"it was asked for {row['days']} days at most", "choose fewer", "days")
            terms = Terms(ConsentMode(row["mode"]), row["keep_days"], row["uses"], row["period_days"])
            if part.view_only:
                terms = Terms(ConsentMode.VIEW, None, terms.uses, terms.period_days)
            wanted = Grant(row["organisation"], Purpose(row["purpose"]), categories, change.now + days * DAY, terms, request=which)
            person = enquiry.requester.person
            assert person is not None
            given = await self.hub.consents.give(change, person, wanted, change.now)
            await self._moved(change, row, "grant", given.id)
            await change.step(f"consent:{given.id}", "grant", "granted")
            tell(change, given)
            self._tell(change, row, "granted")
            return consent_row(given)

        content = [which, sorted(part.categories) if part.categories is not None else None, part.days, part.view_only]
        return await self.hub.writing.run(enquiry, "consent_request.grant", work, key=key, content=content)

    async def refuse(self, enquiry: Enquiry, which: str, key: str | None = None) -> dict[str, Any]:
        """Say no; it may not be asked again for a while, and nothing else follows.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown: the person was not asked this.
            Conflict: it is not open any more.
        """
        self.hub.demand(enquiry, "consent.grant")

        async def work(change: Change) -> dict[str, Any]:
            row = await self._own(change, enquiry, which)
            await self._moved(change, row, "refuse")
            if row["known"]:
                self._tell(change, row, "refused")
            after = await self._found(change, which)
            assert after is not None
            return self._asked(after, change.now)

        return await self.hub.writing.run(enquiry, "consent_request.refuse", work, key=key, content=[which])

    async def _own(self, change: Change, enquiry: Enquiry, which: str) -> dict[str, Any]:
        row = await self._found(change, which)
        if row is None or row["person"] != enquiry.requester.person or not row["shown"]:
            raise Unknown("there is no such request", "read `consentRequests` for yours")
        return {**row, "state": _state(row, change.now)}

    async def _found(self, change: Change, which: str) -> dict[str, Any] | None:
        rows = await change.fetch(self._one, {"which": which})
        return _named(rows[0]) if rows else None

    async def _moved(self, change: Change, row: Mapping[str, Any], act: str, consent: str | None = None) -> None:
        """Move a request, unless somebody was faster."""
        state = moved(STATES, row["state"], act)
        await change.execute(self._move, {"which": row["id"], "new_state": state, "at": change.now, "led_to": consent})
        after = await self._found(change, row["id"])
        if after is None or (after["state"], after["consent"]) != (state, consent):
            raise Conflict("this request was answered meanwhile", "read it again")
        await change.step(f"consent_request:{row['id']}", act, state)

    # --- telling -------------------------------------------------------------------------------------------------

    def _tell(self, change: Change, row: Mapping[str, Any], state: str) -> None:
        change.tell("consent_answered", row["organisation"], {"request": row["id"], "state": state, "purpose": row["purpose"]})

    async def _push(self, _: Gathering, __: str, news: Mapping[str, Any]) -> dict[str, Any] | None:
        return {"request": news["request"], "state": news["state"], "purpose": news["purpose"]}

    def _person(self, enquiry: Enquiry) -> Hashable:
        self.hub.demand(enquiry, "consent.grant")
        return str(enquiry.requester.person)

    async def _requested(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        rows = await self.hub.database.fetch(self._one, {"which": news["id"]})
        return shaped(field.want, self._asked(_named(rows[0]), int(gathering.enquiry.now.timestamp()))) if rows else None

    # --- as they are shown ---------------------------------------------------------------------------------------

    def _asked(self, row: Mapping[str, Any], now: int) -> dict[str, Any]:
        categories = frozenset(each for each in Category if row["categories"] & each.bit)
        terms = Terms(ConsentMode(row["mode"]), row["keep_days"], row["uses"], row["period_days"])
        body = self.hub.organisations.get(row["organisation"])
        name = {"en": row["organisation"], "ar": row["organisation"], "ckb": row["organisation"]}
        if body is not None:
            name = {"en": body.name.en, "ar": body.name.ar, "ckb": body.name.ckb or body.name.ar}
        return {
            **self._common(row, categories, terms),
            "organisation": row["organisation"],
            "state": _state(row, now).upper(),
            "text": texts(name, Purpose(row["purpose"]), categories, row["days"], terms, row["lapses_at"]),
        }

    def _made(self, enquiry: Enquiry, values: Row, now: int) -> dict[str, Any]:
        row = _named(values)
        categories = frozenset(each for each in Category if row["categories"] & each.bit)
        terms = Terms(ConsentMode(row["mode"]), row["keep_days"], row["uses"], row["period_days"])
        state = self._visible(row, now)
        tells = row["person"] is not None and (row["known"] or state == "granted")
        person = self.hub.identifier(enquiry, "person")(row["person"]) if tells else None
        return {**self._common(row, categories, terms), "state": state.upper(), "person": person}

    @staticmethod
    def _visible(row: Mapping[str, Any], now: int) -> str:
        """The state as the organisation may know it: of somebody it did not know, a no looks like no answer."""
        hidden = row["state"] == "refused" and not row["known"]
        return _state({**row, "state": "open"} if hidden else row, now)

    @staticmethod
    def _common(row: Mapping[str, Any], categories: frozenset[Category], terms: Terms) -> dict[str, Any]:
        return {
            "id": row["id"],
            "purpose": Purpose(row["purpose"]).name,
            "categories": [each.name for each in Category if each in categories],
            "days": row["days"],
            "mode": terms.mode.name,
            "keep_days": terms.keep_days,
            "frequency": None if terms.uses is None else {"times": terms.uses, "in_days": terms.period_days},
            "asked_at": instant(row["asked_at"]),
            "lapses_at": instant(row["lapses_at"]),
        }


def _named(row: Row) -> dict[str, Any]:
    return dict(zip((each.name for each in COLUMNS), row, strict=True))


def _state(row: Mapping[str, Any], now: int) -> str:
    return "lapsed" if row["state"] == "open" and row["lapses_at"] <= now else str(row["state"])
