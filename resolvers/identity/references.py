"""Speaking of a person to another organisation: made for one receiver, opened by it alone, converted by the hub.

Other domains (messages, referrals, joint decisions) use `convert` and `opened` and need no code of their own: they keep the
text that `convert` gives beside their row, one for each party, and show each party what `opened` says.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Invalid, LimitReached, Unknown
from privacy.references import Bound, References, Referred
from privacy.standing import epoch
from resolvers.gather import moment
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.identity.references import reference_use
from tables.statement import insert_missing
from values import Enquiry, Purpose, Shown

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

DAY = 86_400
LONGEST_DAYS = 90
LONGEST_THREAD = 64
SAID = "said:"
"""Threads that requesters name themselves; other domains name theirs by their own things, as `message:17`."""

NOBODY = "this requester knows no such person"


@dataclass(frozen=True, slots=True)
class Opened:
    """What another domain may show of a reference: `person` is the receiver's own pseudonym, or None where it may not know the person.

    `number` stays inside the hub, for what the domain stores about the person itself.
    """

    number: int
    handle: str
    sender: str
    person: str | None


class ReferenceCommands(Room):
    """References of people, made and opened."""

    def __init__(self, hub: Hub) -> None:
        """Name the root field answered here."""
        self.hub = hub
        self.references = References(hub.ring)
        self.roots: dict[str, Answers] = {"reference": self.reference}
        prepare, use = hub.database.prepare, reference_use.c
        bounds = {use.sender: "by_sender", use.receiver: "to_receiver", use.day: "on_day"}
        named = [column == sa.bindparam(name) for column, name in bounds.items()]
        self._begin = prepare(insert_missing(reference_use, hub.database.dialect.name))
        self._held = prepare(sa.select(use.made).where(*named).with_for_update())
        self._more = prepare(sa.update(reference_use).where(*named).values(made=use.made + sa.bindparam("more", type_=sa.Integer)))

    async def make(
        self, enquiry: Enquiry, receiver: str, subject: tuple[str | None, str | None], thread: str, days: int, key: str | None
    ) -> dict[str, Any]:
        """A reference to a person for another organisation, within a thread of the sender's naming.

        Args:
            enquiry: who speaks, and for which purpose.
            receiver: the organisation spoken to.
            subject: the person by this requester's own identifier, or a reference it received; one of both.
            thread: what ties references together, as the sender names it.
            days: how long it can be opened.
            key: the idempotency key.

        Raises:
            NotPermitted: the requester may not.
            Invalid: an unknown receiver or one that does not work for this purpose, or an input out of bounds.
            Unknown: no such person for this requester; the same for one that may not be known.
            LimitReached: the receiver was spoken to of so many people today.
        """
        self.hub.demand(enquiry, "reference.make")
        self._check(enquiry, receiver, thread, days)
        number = await self._subject(enquiry, receiver, subject, thread)
        ends_at = epoch(enquiry.now) + days * DAY
        text = self.references.make(self._bound(enquiry, receiver, SAID + thread), number, ends_at)

        async def work(change: Change) -> dict[str, Any]:
            await self._count(change, enquiry.requester.receiver, receiver)
            await change.step(f"reference:{secrets.token_hex(16)}", "make", "made", f"for {receiver}")
            return {"reference": text, "ends_at": moment(datetime.fromtimestamp(ends_at, UTC))}

        content = [receiver, subject[0] or f"{number}", thread, days]
        return await self.hub.writing.run(enquiry, "reference.make", work, key=key, content=content)

    async def reference(self, gathering: Gathering, field: Field) -> Any:
        """What a reference says to its receiver; unknown, forged, foreign, ended and of another thread all give None."""
        assert field.want is not None
        enquiry = gathering.enquiry
        arguments = field.arguments(gathering.variables)
        found = self._open(enquiry, str(arguments["text"]), SAID + str(arguments.get("thread") or ""))
        if found is None:
            return None
        gathering.shown.append(Shown(("Reference.handle",), (), (found.number,), ""))
        value = {
            "handle": found.handle,
            "sender": found.bound.sender,
            "ends_at": moment(datetime.fromtimestamp(found.ends_at, UTC)),
            "person": None,
        }
        finished = {}
        for each in field.want.fields:
            if each.name == "person" and each.want is not None:
                finished[each.key] = await self.hub.identity.people.single(gathering, each.want, found.number)
            else:
                finished |= shaped(type(field.want)(field.want.type, (each,)), value)
        return finished

    # --- for other domains ---------------------------------------------------------------------------------------

    async def convert(self, change: Change, person: str, receiver: str, thread: str, ends_at: int) -> tuple[int, str]:
        """A reference from a requester's own pseudonym for a receiver, itself included; with the inner number for the domain's own row.

        It counts, within the domain's own transaction, as any reference does. `thread` is the domain's own name of the
        thing, as `message:17`: it opens nowhere else.

        Raises:
            Unknown: this requester knows no such person, or may not.
            LimitReached: the receiver was spoken to of so many people today.
        """
        enquiry = change.enquiry
        number = await self.number(enquiry, person)
        if receiver != enquiry.requester.receiver:
            await self._count(change, enquiry.requester.receiver, receiver)
        return number, self.references.make(self._bound(enquiry, receiver, thread), number, ends_at)

    def forward(self, sender: str, receiver: str, purpose: Purpose, thread: str, number: int, ends_at: int) -> str:
        """A reference made by the hub itself, of a number that a domain holds: for each party of a row that was counted once."""
        return self.references.make(Bound(sender, receiver, purpose.value, thread), number, ends_at)

    async def opened(self, enquiry: Enquiry, text: str, thread: str) -> Opened | None:
        """What a reference of a domain's own thread says to this requester; None for any other text.

        The domain appends what it shows of it to its gathering's `shown`.
        """
        found = self._open(enquiry, text, thread)
        people = await self.hub.identity.people.known_of(enquiry, [found.number if found else 0])
        if found is None:
            return None
        person = self.hub.identifier(enquiry, found.bound.kind)(found.number) if people.numbers else None
        return Opened(found.number, found.handle, found.bound.sender, person)

    async def all_opened(self, enquiry: Enquiry, texts: Sequence[tuple[str | None, str]]) -> list[Opened | None]:
        """The same of many (text, thread) in one look-up of people; nobody is looked for where there is no text."""
        found = [self._open(enquiry, text, thread) if text is not None else None for text, thread in texts]
        numbers = list(dict.fromkeys(each.number for each in found if each is not None))
        known = set((await self.hub.identity.people.known_of(enquiry, numbers)).numbers) if numbers else set()
        made = self.hub.identifier(enquiry, "person")
        return [
            None
            if each is None
            else Opened(each.number, each.handle, each.bound.sender, made(each.number) if each.number in known else None)
            for each in found
        ]

    def addressee(self, enquiry: Enquiry, receiver: str, field: str = "receiver") -> None:
        """Go on only where there is such an organisation to speak to, for this purpose.

        Raises:
            Invalid: there is none, it is the requester's own, it is not verified, or it does not work for this purpose.
        """
        organisation = self.hub.organisations.get(receiver)
        if organisation is None or not organisation.verified or receiver == enquiry.requester.organisation:
            raise Invalid("there is no such organisation to speak to", "name another one of `organisations { id }`", field)
        if enquiry.purpose not in organisation.purposes:
            raise Invalid("this organisation does not work for this purpose", "speak under a purpose that both have", field)

    async def number(self, enquiry: Enquiry, person: str) -> int:
        """The number behind a requester's own pseudonym of somebody it may know.

        Raises:
            Unknown: foreign, forged, or of somebody who may not be known: one answer, after the same work.
        """
        number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, person)
        people = await self.hub.identity.people.known_of(enquiry, [number or 0])
        if not people.numbers:
            raise Unknown(NOBODY, "use an identifier from this requester's own answers")
        return people.numbers[0]

    async def spoken(self, change: Change, people: Sequence[str], receivers: Sequence[str], field: str) -> list[int]:
        """The inner numbers of people who are spoken of to each of some receivers; each counts as `convert` counts it.

        Raises:
            Unknown: this requester knows no such person, or may not; `field` is where they stood.
            LimitReached: a receiver was spoken to of so many people today.
        """
        enquiry = change.enquiry
        resolve = self.hub.pseudonyms.resolve
        numbers = [resolve(enquiry.requester.receiver, each) or 0 for each in people]
        known = set((await self.hub.identity.people.known_of(enquiry, numbers)).numbers)
        for place, number in enumerate(numbers):
            if number not in known:
                raise Unknown(NOBODY, "use an identifier from this requester's own answers", f"{field}.{place}")
        for receiver in sorted(receivers):
            await self._count(change, enquiry.requester.receiver, receiver, len(numbers))
        return numbers

    async def _count(self, change: Change, sender: str, receiver: str, more: int = 1) -> None:
        """Count references made today; two organisations that convert their whole case loads would find out whom they share."""
        most = self.hub.settings.hub.limits.references_per_day
        now = change.enquiry.now
        which = {"by_sender": sender, "to_receiver": receiver, "on_day": now.date().isoformat()}
        await change.execute(self._begin, {"sender": sender, "receiver": receiver, "day": which["on_day"], "made": 0})
        ((made,),) = await change.fetch(self._held, which)
        if made + more > most:
            tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            seconds = int((tomorrow - now).total_seconds()) + 1
            raise LimitReached(f"{receiver} was spoken to of {most} people today", f"ask again in {seconds} seconds", seconds)
        await change.execute(self._more, {**which, "more": more})

    # --- parts ---------------------------------------------------------------------------------------------------

    def _bound(self, enquiry: Enquiry, receiver: str, thread: str) -> Bound:
        return Bound(enquiry.requester.receiver, receiver, enquiry.purpose.value, thread)

    def _open(self, enquiry: Enquiry, text: str, thread: str) -> Referred | None:
        return self.references.open(text, enquiry.requester.receiver, enquiry.purpose.value, thread, epoch(enquiry.now))

    async def _subject(self, enquiry: Enquiry, receiver: str, subject: tuple[str | None, str | None], thread: str) -> int:
        person, reference = subject
        if (person is None) == (reference is None):
            raise Invalid("name either `person` or `reference`", "give one of both", "person")
        if person is not None:
            return await self.number(enquiry, person)
        assert reference is not None
        found = self._open(enquiry, reference, SAID + thread)
        # Back to whoever made it and to nobody else: a receiver that does not know the person has nobody to tell of.
        if found is None or found.bound.sender != receiver:
            raise Unknown(NOBODY, "answer a reference of this thread to its own sender, before it ends")
        return found.number

    def _check(self, enquiry: Enquiry, receiver: str, thread: str, days: int) -> None:
        self.addressee(enquiry, receiver)
        if len(thread) > LONGEST_THREAD:
            raise Invalid(f"a thread has at most {LONGEST_THREAD} characters", "give it a short name, such as a UUID", "thread")
        if not 1 <= days <= LONGEST_DAYS:
            raise Invalid(f"`days` is outside 1 to {LONGEST_DAYS}", "let it end sooner; a new one can be made", "days")
