"""Referrals: one organisation passes a person on to another, for a need, with a sealed note; both and the person see how it stands.

Accepting opens nothing of the person: it becomes an own case of the receiver only when the person itself agreed to the referral, or is
one already. What a referral opened it closes again when the person is handed back or objects.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, Stale, Unknown
from privacy.standing import epoch
from resolvers.aid.inputs import day_between, kind_of_aid, text
from resolvers.events import NOTHING
from resolvers.exchange.messages import about, hears
from resolvers.exchange.paging import cursor, place_of
from resolvers.exchange.sealed import boxes_of, parts_of
from resolvers.governance.register import own_organisation
from resolvers.identity.wording import tells_who
from resolvers.oversight.matters import DAY, Matter, at, fresh
from resolvers.room import Answers, Keys, Pushes, Shows, page_size
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.exchange.referrals import referral
from tables.identity import own_case, person
from values import Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.exchange.keys import MessageKeys
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

REFERRALS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"send": "sent"},
    "sent": {"accept": "accepted", "refuse": "refused", "withdraw": "withdrawn", "object": "objected"},
    "accepted": {"hand_back": "handed_back", "complete": "completed", "object": "objected"},
}
"""What may happen to a referral: state, act, next state. One that nobody answered in time has lapsed, and nothing happens to it."""

OF_SENDER: Final = ("withdraw",)
WITH_REASON: Final = ("refuse", "hand_back", "withdraw")
ANSWER_DAYS, MOST_ANSWER_DAYS, SERVE_DAYS, MOST_SERVE_DAYS = 14, 60, 30, 366
KNOWN_DAYS: Final = 90
"""So long after it was sent both read whom it is about; longer while it is accepted."""
LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as it is stored; times in seconds since 1970 (UTC)."""

    id: int
    sender: str
    receiver: str
    purpose: str
    person: int
    need: str
    state: str
    version: int
    sent_at: int
    answer_by: int
    serve_by: int | None
    agreed_at: int | None
    case_number: str | None
    sealed: bytes
    sender_key: int
    sender_box: bytes
    receiver_key: int
    receiver_box: bytes
    document: str | None = None
    paper_until: int | None = None

    def stands(self, now: int) -> str:
        """Its state at a moment: one that was not answered in time has lapsed."""
        return "lapsed" if self.state == "sent" and self.answer_by <= now else self.state


MOVING = ("state", "version", "serve_by", "agreed_at", "case_number", "document", "paper_until")
COLUMNS = [referral.c[each.name] for each in fields(Referral)]


class Referrals(Matter):
    """Sends, answers and lists referrals."""

    kind = "referral"

    def __init__(self, hub: Hub, keys: MessageKeys) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.message_keys = keys
        self.roots: dict[str, Answers] = {"referrals": self.referrals, "referral_steps": self.traced, "own_referrals": self.own}
        self.watched: dict[str, tuple[Keys, Shows]] = {
            "referral_moved": (self._organisation, self._told),
            "own_referral_moved": (self._itself, self._told_itself),
        }
        self.pushed: dict[str, Pushes] = {"referral_moved": self._push}
        prepare = hub.database.prepare
        this = referral.c.id == sa.bindparam("which")
        self._one, self._hold = (
            prepare(each) for each in (sa.select(*COLUMNS).where(this), sa.select(*COLUMNS).where(this).with_for_update())
        )
        self._person = prepare(sa.select(person.c.number).where(person.c.number == sa.bindparam("person")).with_for_update())
        place = sa.tuple_(referral.c.sent_at, referral.c.id)
        before = sa.tuple_(*(sa.bindparam(name, type_=sa.BigInteger) for name in ("before_at", "before_id")))
        listed = sa.select(*COLUMNS).where(referral.c.purpose == sa.bindparam("for_purpose"), place < before)
        newest = listed.order_by(referral.c.sent_at.desc(), referral.c.id.desc()).limit(sa.bindparam("first"))
        self._sent = prepare(newest.where(referral.c.sender == sa.bindparam("whose")))
        self._received = prepare(newest.where(referral.c.receiver == sa.bindparam("whose")))
        of_person = referral.c.person == sa.bindparam("person")
        self._of_person = prepare(sa.select(*COLUMNS).where(of_person).order_by(referral.c.sent_at.desc(), referral.c.id.desc()).limit(100))
        alike = [referral.c[name] == sa.bindparam(name) for name in ("sender", "receiver", "need", "purpose")]
        self._same = prepare(sa.select(*COLUMNS).where(of_person, *alike))
        self._insert = prepare(sa.insert(referral))
        self._move = prepare(sa.update(referral).where(this).values({name: sa.bindparam(f"new_{name}") for name in MOVING}))
        owned = own_case.c.organisation == sa.bindparam("whose"), own_case.c.person == sa.bindparam("person")
        self._case = prepare(sa.select(own_case.c.position).where(*owned))

    # --- sending -------------------------------------------------------------------------------------------------

    async def send(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Refer a person to another organisation.

        Raises:
            NotPermitted: the requester may not.
            Invalid: an organisation, need, deadline or note that cannot be; `field` names it.
            Unknown: the requester knows no such person.
            Stale: a key was changed since the note was sealed.
            Conflict: the same referral stands already.
            LimitReached: the other was spoken to of so many people today.
        """
        self.hub.demand(enquiry, "referral.send")
        own, receiver = own_organisation(enquiry), str(given["receiver"])
        self.hub.identity.references.addressee(enquiry, receiver)
        need, by = kind_of_aid(str(given["need"]), "need"), _until(enquiry, given["answer_by"], "answerBy", ANSWER_DAYS, MOST_ANSWER_DAYS)
        (note,), boxes = parts_of(given["sealed"], ()), boxes_of(given["boxes"])

        async def work(change: Change) -> dict[str, Any]:
            which, references = fresh(), self.hub.identity.references
            number, _ = await references.convert(change, str(given["person"]), receiver, self.thing(which), change.now + KNOWN_DAYS * DAY)
            await self.message_keys.fitting(change, [own, receiver], {name: version for name, (version, _) in boxes.items()}, "boxes")
            same = {"person": number, "sender": own, "receiver": receiver, "need": need, "purpose": enquiry.purpose.value}
            rows = [Referral(*row) for row in await change.fetch(self._same, same)]
            if any(each.stands(change.now) in {"sent", "accepted"} for each in rows):
                raise Conflict("this referral stands already", "see `referrals(sent: true)`")
            state = moved(REFERRALS, "", "send")
            made = Referral(
                which, own, receiver, enquiry.purpose.value, number, need, state, 1, change.now, by, None, None, None,
                note, *boxes[own], *boxes[receiver],
            )  # fmt: skip
            await change.execute(self._insert, {each.name: getattr(made, each.name) for each in fields(Referral)})
            await change.step(self.thing(which), "send", state)
            self._tell(change, made)
            return self.common(enquiry, made, change.now)

        content = [receiver, given["person"], need, by, given["sealed"], sorted([name, version] for name, (version, _) in boxes.items())]
        return await self.hub.writing.run(enquiry, "referral.send", work, key=key, content=content)

    # --- answering -----------------------------------------------------------------------------------------------

    async def act(self, enquiry: Enquiry, which: str, act: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Accept, refuse, hand back or complete what was received; withdraw what was sent.

        Raises:
            NotPermitted: the requester may not.
            Unknown: no such referral to (or, to be withdrawn, of) this organisation, under this purpose.
            Stale: it moved since it was read.
            Conflict: it is not in a state for it, or has lapsed.
            Invalid: no reason, or one that tells who somebody is, or a day that is none.
        """
        self.hub.demand(enquiry, "referral.send" if act in OF_SENDER else "referral.answer")
        own, number = own_organisation(enquiry), self.number(enquiry, which)
        why = _reason(given["reason"]) if act in WITH_REASON else None
        serve_by = _until(enquiry, given.get("serve_by"), "serveBy", SERVE_DAYS, MOST_SERVE_DAYS) if act == "accept" else None

        async def work(change: Change) -> dict[str, Any]:
            row = await self.held(change, number)
            its_own = row is not None and (row.sender if act in OF_SENDER else row.receiver) == own
            if row is None or not its_own or row.purpose != enquiry.purpose.value:
                raise nothing()
            if row.version != given["version"]:
                raise Stale("the referral moved since it was read", "read it again, and repeat with its new version", "version")
            after = await self._moved(change, row, act, why, serve_by=serve_by or row.serve_by)
            return self.common(enquiry, after, change.now)

        content = [number, act, given["version"], why, serve_by]
        return await self.hub.writing.run(enquiry, f"referral.{act}", work, key=given["idempotency_key"], content=content)

    async def decide(self, enquiry: Enquiry, which: str, act: str) -> dict[str, Any]:
        """Agree to a referral of oneself, stand by what was agreed on paper, or object to it.

        Raises:
            NotPermitted: the requester is no person, and acts for none.
            Unknown: no such referral of this person.
            Conflict: it was agreed to before, or is over.
        """
        self.hub.demand(enquiry, "referral.decide")
        number = self.number(enquiry, which)

        async def work(change: Change) -> dict[str, Any]:
            row = await self.held(change, number)
            if row is None or row.person != enquiry.requester.person:
                raise nothing()
            if act == "object":
                return self._seen(enquiry, await self._moved(change, row, "object"), change.now)
            open_ = row.agreed_at is None and row.stands(change.now) in {"sent", "accepted"}
            if not open_ and row.paper_until is None:
                raise Conflict("there is nothing to agree to any more", "see `ownReferrals`")
            agreed = replace(row, agreed_at=row.agreed_at or change.now, paper_until=None, version=row.version + 1)
            after = await self.admitted(change, agreed)
            await self.keep(change, after, "agree")
            return self._seen(enquiry, after, change.now)

        return await self.hub.writing.run(enquiry, f"referral.{act}", work)

    async def _moved(self, change: Change, row: Referral, act: str, why: str | None = None, serve_by: int | None = None) -> Referral:
        after = replace(
            row, state=moved(REFERRALS, row.stands(change.now), act), version=row.version + 1, serve_by=serve_by or row.serve_by
        )
        if after.state == "accepted":
            after = await self.admitted(change, after)
        elif after.state != "completed":
            after = replace(await self.let_go(change, after), paper_until=None)
        await self.keep(change, after, act, why)
        return after

    async def let_go(self, change: Change, row: Referral) -> Referral:
        """The referral without the own case that it made, where it made one: that is closed."""
        if row.case_number is not None:
            await self.hub.aid.households.let_go(change, row.receiver, row.case_number, row.person)
        return replace(row, case_number=None)

    async def admitted(self, change: Change, row: Referral) -> Referral:
        """The referral with the own case that it makes: once it is accepted and the person agreed, and where there is none."""
        if row.state != "accepted" or row.agreed_at is None:
            return row
        await change.fetch(self._person, {"person": row.person})  # of two referrals to one receiver, one makes the case
        if await change.fetch(self._case, {"whose": row.receiver, "person": row.person}):
            return row
        case = f"R-{row.id:016X}"
        await self.hub.aid.households.keep(change, row.receiver, {case: (row.person, None)})
        return replace(row, case_number=case)

    async def keep(self, change: Change, row: Referral, act: str, why: str | None = None) -> None:
        """Keep a referral as it is now, with the step that led to it, and tell whom it concerns."""
        await change.execute(self._move, {"which": row.id, **{f"new_{name}": getattr(row, name) for name in MOVING}})
        await change.step(self.thing(row.id), act, row.state, why)
        self._tell(change, row)

    async def held(self, change: Change, number: int) -> Referral | None:
        """A referral, which nothing else moves until this change is done."""
        rows = await change.fetch(self._hold, {"which": number})
        return Referral(*rows[0]) if rows else None

    def _tell(self, change: Change, row: Referral) -> None:
        for party in (row.sender, row.receiver):
            change.tell("referral_moved", party, {"referral": row.id, "state": row.state, "purpose": row.purpose})
        change.tell("own_referral_moved", str(row.person), {"referral": row.id})

    # --- reading -------------------------------------------------------------------------------------------------

    async def referrals(self, gathering: Gathering, field: Field) -> Any:
        """A page of what the organisation received, or sent, under this purpose; the newest first."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "referral.read")
        first = page_size(self.hub, arguments["first"])
        before = place_of(self.hub, enquiry, "referrals", arguments.get("after"))
        values = {"whose": enquiry.requester.organisation, "for_purpose": enquiry.purpose.value, "first": first + 1}
        values |= {"before_at": before[0], "before_id": before[1]}
        rows = await self.hub.database.fetch(self._sent if arguments["sent"] else self._received, values, rows=first)
        page = [Referral(*row) for row in rows[:first]]
        now = epoch(enquiry.now)
        abouts = await about(self.hub, gathering, [(self._spoken(enquiry, each, now), self.thing(each.id)) for each in page])
        found = [{**self.common(enquiry, each, now), "about": who} for each, who in zip(page, abouts, strict=True)]
        end = cursor(self.hub, enquiry, "referrals", (page[-1].sent_at, page[-1].id)) if page else None
        return shaped(field.want, {"referrals": found, "end_cursor": end, "has_next_page": len(rows) > first})

    def _spoken(self, enquiry: Enquiry, row: Referral, now: int) -> str | None:
        """A reference for this requester, while it may still read whom a referral is about."""
        if row.state != "accepted" and row.sent_at + KNOWN_DAYS * DAY <= now:
            return None
        own = enquiry.requester.receiver
        return self.hub.identity.references.forward(row.sender, own, Purpose(row.purpose), self.thing(row.id), row.person, now + DAY)

    async def traced(self, gathering: Gathering, field: Field) -> Any:
        """The signed steps of a referral of this organisation under this purpose; None for any other."""
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "referral.read")
        number = self.number(enquiry, str(field.arguments(gathering.variables)["referral"]))
        rows = [Referral(*row) for row in await self.hub.database.fetch(self._one, {"which": number})]
        if not rows or enquiry.requester.organisation not in {rows[0].sender, rows[0].receiver} or rows[0].purpose != enquiry.purpose.value:
            return None
        return shaped(field.want, [{**each, "state": each["state"].upper()} for each in await self.trace(number)])

    async def own(self, gathering: Gathering, field: Field) -> Any:
        """To whom the person was referred, by whom, and how it stands."""
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "referral.decide")
        rows = await self.hub.database.fetch(self._of_person, {"person": enquiry.requester.person}, rows=100)
        return shaped(field.want, [self._seen(enquiry, Referral(*row), epoch(enquiry.now)) for row in rows])

    def _seen(self, enquiry: Enquiry, row: Referral, now: int) -> dict[str, Any]:
        return {
            "id": self.named(enquiry, row.id),
            "sender": row.sender,
            "receiver": row.receiver,
            "need": row.need,
            "state": row.stands(now).upper(),
            "sent_at": at(row.sent_at),
            "answer_by": at(row.answer_by),
            "serve_by": at(row.serve_by),
            "agreed": row.agreed_at is not None,
            "document": row.document if row.agreed_at is not None else None,
            "waits": row.paper_until is not None,
        }

    def common(self, enquiry: Enquiry, row: Referral, now: int) -> dict[str, Any]:
        """A referral as both organisations read it, each with its own box."""
        mine, box = (
            (row.sender_key, row.sender_box) if row.sender == enquiry.requester.organisation else (row.receiver_key, row.receiver_box)
        )
        return {
            **self._seen(enquiry, row, now),
            "version": row.version,
            "on_paper": row.paper_until is not None,
            "overdue": row.state == "accepted" and row.serve_by is not None and row.serve_by <= now,
            "sender_key": row.sender_key,
            "key": mine,
            "box": base64.b64encode(bytes(box)).decode(),
            "sealed": base64.b64encode(bytes(row.sealed)).decode(),
        }

    # --- news ----------------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "referral.read")
        return own_organisation(enquiry)

    async def _told(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        if news["purpose"] != gathering.enquiry.purpose.value:
            return NOTHING
        named = {"referral": self.named(gathering.enquiry, int(news["referral"])), "state": str(news["state"]).upper()}
        return shaped(field.want, named)

    def _itself(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "referral.decide")
        return str(enquiry.requester.person)

    async def _told_itself(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        (row,) = await self.hub.database.fetch(self._one, {"which": news["referral"]})
        return shaped(field.want, self._seen(gathering.enquiry, Referral(*row), epoch(gathering.enquiry.now)))

    async def _push(self, gathering: Gathering, _: str, news: Mapping[str, Any]) -> dict[str, Any] | None:
        if not hears(self.hub, gathering):
            return None
        return {"referral": self.named(gathering.enquiry, int(news["referral"])), "state": news["state"], "purpose": news["purpose"]}


def _until(enquiry: Enquiry, given: Any, name: str, usual: int, most: int) -> int:
    """The end of a day to come, in seconds since 1970.

    Raises:
        Invalid: it is none, past, or too far.
    """
    today = enquiry.now.date()
    first, last = today + timedelta(days=1), today + timedelta(days=most)
    chosen = today + timedelta(days=usual) if given is None else day_between(str(given), name, first, last)
    return epoch(datetime.combine(chosen + timedelta(days=1), time(), UTC))


def _reason(given: Any) -> str:
    why = text(str(given or ""), "reason", LONGEST_REASON)
    if tells_who(why):
        raise Invalid("the reason holds what looks like a number or address of a person", "say it without", "reason")
    return why


def nothing() -> Unknown:
    """The refusal of what is none, or another's."""
    return Unknown("there is no such referral", "give the id of one of `referrals` or `ownReferrals`", "referral")
