"""Messages: threads between organisations, sealed by who writes for who reads; the hub carries, orders and counts them.

A thread exists under one purpose, between organisations that do not change. It may be about a person, whom each party then knows
by its own identifier or, where it may not know the person, by a handle.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, Unknown
from resolvers.events import NOTHING
from resolvers.exchange.paging import cursor, place_of
from resolvers.exchange.sealed import MOST_PARTIES, boxes_of, parts_of
from resolvers.governance.register import own_organisation
from resolvers.oversight.matters import DAY, Matter, at, fresh
from resolvers.room import Answers, Keys, Pushes, Shows, page_size
from resolvers.want import Field, shaped
from tables.database import among
from tables.exchange.messages import message, message_box, message_part, thread, thread_party
from values import Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.exchange.keys import MessageKeys
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST_A_DAY: Final = 2_000
"""Messages of one organisation a day: beyond it something has gone wrong."""

REFERENCE_DAYS: Final = 90
"""So long each party can read whom a thread is about."""


class Messages(Matter):
    """Sends, lists and tells messages."""

    kind = "thread"

    def __init__(self, hub: Hub, keys: MessageKeys) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.message_keys = keys
        self.roots: dict[str, Answers] = {"threads": self.threads, "messages": self.messages, "message_attachment": self.attachment}
        self.watched: dict[str, tuple[Keys, Shows]] = {"message_received": (self._organisation, self._received)}
        self.pushed: dict[str, Pushes] = {"message_received": self._push}
        prepare = hub.database.prepare
        mine = thread_party.c.organisation == sa.bindparam("whose")
        place = sa.tuple_(thread_party.c.last_at, thread_party.c.thread)
        before = sa.tuple_(*(sa.bindparam(name, type_=sa.BigInteger) for name in ("before_at", "before_thread")))
        joined = thread_party.join(thread, thread.c.id == thread_party.c.thread)
        columns = (thread.c.id, thread.c.opened_by, thread.c.last, thread.c.last_at, thread_party.c.reference, thread_party.c.read_upto)
        of_purpose = thread.c.purpose == sa.bindparam("for_purpose")
        listed = sa.select(*columns).select_from(joined)
        unread = sa.or_(sa.bindparam("all", type_=sa.Integer) == 1, thread_party.c.read_upto < thread.c.last)
        newest_first = (thread_party.c.last_at.desc(), thread_party.c.thread.desc())
        self._inbox = prepare(listed.where(mine, of_purpose, place < before, unread).order_by(*newest_first).limit(sa.bindparam("first")))
        this = thread.c.id == sa.bindparam("which")
        self._one = prepare(listed.where(mine, of_purpose, this))
        self._hold = prepare(sa.select(thread.c.last).where(this).with_for_update())
        parties = sa.select(thread_party.c.thread, thread_party.c.organisation, thread_party.c.read_upto)
        self._parties = prepare(
            parties.where(among(thread_party.c.thread, "threads", "whole")).order_by(thread_party.c.thread, thread_party.c.organisation)
        )
        self._sent = prepare(
            sa.select(sa.func.count()).where(message.c.sender == sa.bindparam("whose"), message.c.at > sa.bindparam("since"))
        )
        self._prepare_messages()
        self._prepare_writing()

    def _prepare_messages(self) -> None:
        prepare = self.hub.database.prepare
        this, one = message.c.thread == sa.bindparam("which"), message_part.c.thread == sa.bindparam("which")
        boxed = sa.and_(
            message_box.c.thread == message.c.thread, message_box.c.number == message.c.number,
            message_box.c.organisation == sa.bindparam("whose"),
        )  # fmt: skip
        content = sa.and_(
            message_part.c.thread == message.c.thread,
            message_part.c.number == message.c.number,
            message_part.c.place == sa.literal_column("0"),
        )
        columns = (message.c.number, message.c.sender, message.c.sender_key, message.c.at, message_box.c.version, message_box.c.box)
        self._page = prepare(
            sa.select(*columns, message_part.c.sealed)
            .select_from(message.join(message_box, boxed).join(message_part, content))
            .where(this, message.c.number > sa.bindparam("after"))
            .order_by(message.c.number)
            .limit(sa.bindparam("first"))
        )
        numbered = message_part.c.number == sa.bindparam("number"), message_part.c.place == sa.bindparam("place")
        self._sizes = prepare(
            sa.select(message_part.c.number, message_part.c.place, message_part.c.size)
            .where(
                one, message_part.c.number > sa.bindparam("after"), message_part.c.number <= sa.bindparam("upto"), message_part.c.place > 0
            )
            .order_by(message_part.c.number, message_part.c.place)
        )
        self._part = prepare(sa.select(message_part.c.sealed).where(one, *numbered))

    def _prepare_writing(self) -> None:
        prepare = self.hub.database.prepare
        this, of_thread = thread.c.id == sa.bindparam("which"), thread_party.c.thread == sa.bindparam("which")
        self._add_thread, self._add_party = prepare(sa.insert(thread)), prepare(sa.insert(thread_party))
        self._add, self._add_box, self._add_part = (prepare(sa.insert(each)) for each in (message, message_box, message_part))
        self._last = prepare(sa.update(thread).where(this).values(last=sa.bindparam("number"), last_at=sa.bindparam("at")))
        self._last_of = prepare(sa.update(thread_party).where(of_thread).values(last_at=sa.bindparam("at")))
        own = thread_party.c.organisation == sa.bindparam("whose")
        unread = thread_party.c.read_upto < sa.bindparam("number")
        self._read = prepare(sa.update(thread_party).where(of_thread, own, unread).values(read_upto=sa.bindparam("number")))

    # --- writing -------------------------------------------------------------------------------------------------

    async def send(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Send a sealed message: into a thread, or opening one, about a person where one is named.

        Raises:
            NotPermitted: the requester may not.
            Invalid: no thread and nobody to open one with, somebody twice or too many, content of no size, or sealed for others.
            Unknown: no such thread of this organisation under this purpose, or no such person.
            Stale: a party has another key by now.
            LimitReached: too many messages today, or the other was spoken to of too many people.
        """
        self.hub.demand(enquiry, "message.send")
        own, person = own_organisation(enquiry), given["about"]
        if person is not None:
            self.hub.demand(enquiry, "reference.make")
        parties = self._addressed(enquiry, own, given)
        number = None if given["thread"] is None else self.number(enquiry, given["thread"])
        parts, boxes = parts_of(given["sealed"], given["attachments"]), boxes_of(given["boxes"])
        versions = {party: version for party, (version, _) in boxes.items()}

        async def work(change: Change) -> dict[str, Any]:
            await self._not_too_many(change, own)
            if number is None:
                which, last, among_ = await self._opened(change, own, parties, person), 0, parties
            else:
                which, (last, among_) = number, await self._held(change, number)
            await self.message_keys.fitting(change, among_, versions, "boxes")
            await self._append(change, (which, last + 1), own, parts, boxes)
            for party in among_:
                if party != own:
                    change.tell("message_received", party, {"thread": which, "number": last + 1, "purpose": enquiry.purpose.value})
            return {"thread": self.named(enquiry, which), "number": last + 1, "at": at(change.now)}

        content = [given[name] for name in ("thread", "to", "about", "sealed", "attachments")]
        listed = sorted([party, version, box.hex()] for party, (version, box) in boxes.items())
        return await self.hub.writing.run(enquiry, "message.send", work, key=key, content=[*content, listed])

    def _addressed(self, enquiry: Enquiry, own: str, given: Mapping[str, Any]) -> list[str]:
        """The parties of a thread to be opened; none where a thread is named."""
        to = [str(each) for each in given["to"] or ()]
        if (given["thread"] is None) == (not to):
            raise Invalid("a message goes into a thread or opens one", "give `thread`, or `to`", "to")
        if given["thread"] is not None and given["about"] is not None:
            raise Invalid("whom a thread is about is said when it is opened", "open another thread", "about")
        if len(to) >= MOST_PARTIES or len(set(to)) != len(to):
            raise Invalid(f"a thread has 2 to {MOST_PARTIES} parties, each once", "leave some out", "to")
        for each in to:
            self.hub.identity.references.addressee(enquiry, each, "to")
        return sorted([own, *to]) if to else []

    async def _opened(self, change: Change, own: str, parties: Sequence[str], person: str | None) -> int:
        which, ends_at = fresh(), change.now + REFERENCE_DAYS * DAY
        references: dict[str, str] = {}
        if person is not None:
            for party in parties:
                _, references[party] = await self.hub.identity.references.convert(change, person, party, self.thing(which), ends_at)
        row = {"id": which, "opened_by": own, "purpose": change.enquiry.purpose.value, "last": 0, "last_at": change.now}
        await change.execute(self._add_thread, row)
        common = {"thread": which, "read_upto": 0, "last_at": change.now}
        rows = [{**common, "organisation": party, "reference": references.get(party)} for party in parties]
        await change.execute_many(self._add_party, rows)
        await change.step(self.thing(which), "open", "open")
        return which

    async def _held(self, change: Change, number: int) -> tuple[int, list[str]]:
        """The last number and the parties of an own thread, which nobody else writes into meanwhile."""
        await self._own(change, change.enquiry, number)
        ((last,),) = await change.fetch(self._hold, {"which": number})
        return last, [row[1] for row in await change.fetch(self._parties, {"threads": [number]})]

    async def _own(self, where: Any, enquiry: Enquiry, number: int) -> Sequence[Any]:
        values = {"whose": enquiry.requester.organisation, "for_purpose": enquiry.purpose.value, "which": number}
        rows = await where.fetch(self._one, values)
        if not rows:
            raise Unknown("there is no such thread", "give the id of one of `threads`, under its own purpose", "thread")
        return tuple(rows[0])

    async def _append(
        self, change: Change, place: tuple[int, int], own: str, parts: Sequence[bytes], boxes: Mapping[str, tuple[int, bytes]]
    ) -> None:
        which, number = place
        common = {"thread": which, "number": number}
        await change.execute(self._add, {**common, "sender": own, "sender_key": boxes[own][0], "at": change.now})
        boxed = [{**common, "organisation": party, "version": version, "box": box} for party, (version, box) in sorted(boxes.items())]
        await change.execute_many(self._add_box, boxed)
        stored = [{**common, "place": spot, "size": len(part), "sealed": part} for spot, part in enumerate(parts)]
        await change.execute_many(self._add_part, stored)
        await change.execute(self._last, {"which": which, "number": number, "at": change.now})
        await change.execute(self._last_of, {"which": which, "at": change.now})
        await change.execute(self._read, {"which": which, "whose": own, "number": number})

    async def _not_too_many(self, change: Change, own: str) -> None:
        ((sent,),) = await change.fetch(self._sent, {"whose": own, "since": change.now - DAY})
        if sent >= MOST_A_DAY:
            raise LimitReached(f"{MOST_A_DAY} messages a day are enough", "go on tomorrow", DAY)

    async def read(self, enquiry: Enquiry, which: str, upto: int) -> dict[str, Any]:
        """Say up to which message the organisation has read a thread; it never goes back.

        Raises:
            NotPermitted: the requester may not.
            Unknown: no such thread of this organisation under this purpose.
            Invalid: a number that no message of it has.
            Conflict: it was read further before.
        """
        self.hub.demand(enquiry, "message.read")
        number = self.number(enquiry, which)

        async def work(change: Change) -> dict[str, Any]:
            row = await self._own(change, enquiry, number)
            if not 1 <= upto <= row[2]:
                raise Invalid("no message of this thread has this number", f"give 1 to {row[2]}", "upto")
            if upto < row[5]:
                raise Conflict("it was read further before", "there is nothing to do")
            await change.execute(self._read, {"which": number, "whose": enquiry.requester.organisation, "number": upto})
            return {"thread": which, "read_upto": upto, "unread": row[2] - upto}

        return await self.hub.writing.run(enquiry, "message.read", work)

    # --- reading -------------------------------------------------------------------------------------------------

    async def threads(self, gathering: Gathering, field: Field) -> Any:
        """A page of the organisation's inbox under this purpose, the newest message first."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "message.read")
        first = page_size(self.hub, arguments["first"])
        before = place_of(self.hub, enquiry, "inbox", arguments.get("after"))
        values = {"whose": enquiry.requester.organisation, "for_purpose": enquiry.purpose.value, "first": first + 1}
        values |= {"before_at": before[0], "before_thread": before[1], "all": 0 if arguments["unread"] else 1}
        rows = await self.hub.database.fetch(self._inbox, values, rows=first)
        page = rows[:first]
        found = await self._shown(gathering, page)
        end = cursor(self.hub, enquiry, "inbox", (page[-1][3], page[-1][0])) if page else None
        return shaped(field.want, {"threads": found, "end_cursor": end, "has_next_page": len(rows) > first})

    async def _shown(self, gathering: Gathering, rows: Sequence[Any]) -> list[dict[str, Any]]:
        enquiry = gathering.enquiry
        parties: dict[int, list[dict[str, Any]]] = {row[0]: [] for row in rows}
        if rows:
            for which, organisation, upto in await self.hub.database.fetch(self._parties, {"threads": list(parties)}, rows=len(rows)):
                parties[which].append({"organisation": organisation, "read_upto": upto})
        abouts = await about(self.hub, gathering, [(row[4], self.thing(row[0])) for row in rows])
        return [
            {
                "id": self.named(enquiry, which),
                "opened_by": opened_by,
                "parties": parties[which],
                "last": last,
                "last_at": at(last_at),
                "unread": last - upto,
                "about": each,
            }
            for (which, opened_by, last, last_at, _, upto), each in zip(rows, abouts, strict=True)
        ]

    async def messages(self, gathering: Gathering, field: Field) -> Any:
        """A page of a thread's messages, oldest first; None for a thread that is not one of this organisation's under this purpose."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "message.read")
        first, after = page_size(self.hub, arguments["first"]), int(arguments["after"])
        number = self.number(enquiry, str(arguments["thread"]))
        try:
            await self._own(self.hub.database, enquiry, number)
        except Unknown:
            return None
        own = enquiry.requester.organisation
        rows = await self.hub.database.fetch(self._page, {"which": number, "whose": own, "after": after, "first": first}, rows=first)
        attached: dict[int, list[dict[str, int]]] = {row[0]: [] for row in rows}
        if rows:
            values = {"which": number, "after": after, "upto": rows[-1][0]}
            for which, place, size in await self.hub.database.fetch(self._sizes, values, rows=first):
                attached[which].append({"place": place, "size_bytes": size})
        return shaped(field.want, [_message(row, attached[row[0]]) for row in rows])

    async def attachment(self, gathering: Gathering, field: Field) -> Any:
        """One sealed attachment as base64; None for none, or one of a thread that is not this organisation's."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "message.read")
        number = self.number(enquiry, str(arguments["thread"]))
        try:
            await self._own(self.hub.database, enquiry, number)
        except Unknown:
            return None
        values = {"which": number, "number": int(arguments["number"]), "place": int(arguments["place"])}
        rows = await self.hub.database.fetch(self._part, values) if values["place"] > 0 else []
        return base64.b64encode(bytes(rows[0][0])).decode() if rows else None

    # --- news ----------------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "message.read")
        return own_organisation(enquiry)

    async def _received(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        if news["purpose"] != gathering.enquiry.purpose.value:
            return NOTHING
        return shaped(field.want, {"thread": self.named(gathering.enquiry, news["thread"]), "number": news["number"]})

    async def _push(self, gathering: Gathering, _: str, news: Mapping[str, Any]) -> dict[str, Any] | None:
        if not hears(self.hub, gathering):
            return None
        thread_id = self.named(gathering.enquiry, int(news["thread"]))
        return {"thread": thread_id, "number": news["number"], "purpose": news["purpose"]}


def hears(hub: Hub, gathering: Gathering) -> bool:
    """Whether an organisation that news are to be sent to still deals with others under their purpose."""
    return hub.may(gathering.enquiry, "message.read")


async def about(hub: Hub, gathering: Gathering, texts: Sequence[tuple[str | None, str]]) -> list[dict[str, Any] | None]:
    """Whom rows are about, as this requester may know it, in the record before it leaves."""
    opened = await hub.identity.references.all_opened(gathering.enquiry, texts)
    people = tuple(dict.fromkeys(each.number for each in opened if each is not None))
    if people:
        gathering.shown.append(Shown(("Reference.handle",), (), people, ""))
    return [None if each is None else {"handle": each.handle, "person": each.person} for each in opened]


def _message(row: Sequence[Any], attached: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    number, sender, sender_key, sent_at, version, box, content = row
    return {
        "number": number,
        "sender": sender,
        "sender_key": sender_key,
        "at": at(sent_at),
        "key": version,
        "box": base64.b64encode(bytes(box)).decode(),
        "sealed": base64.b64encode(bytes(content)).decode(),
        "attachments": list(attached),
    }
