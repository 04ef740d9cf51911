"""Training: workshops announced to all, seats taken by accounts of any organisation, attendance marked, certificates signed.

A certificate says which account of which organisation completed what, and is verifiable by the hub's published keys without
asking the hub; it names an account, not a person.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Conflict, Invalid, Unknown
from privacy.standing import epoch
from resolvers.governance.applying import visible
from resolvers.governance.register import at_moment, own_organisation
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from resolvers.writing import moved
from settings import Words
from tables.governance import seat, workshop
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

SEAT_STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "registered": {"attend": "attended", "miss": "missed", "leave": "left"},
    "attended": {"certify": "certified"},
    "missed": {"attend": "attended"},
    "left": {"register": "registered"},
}
"""What becomes of a seat: an account registers and may leave, who gives the workshop marks and certifies."""

MOST_SEATS = 1000
YEAR = 366 * 86_400
LONGEST_AHEAD = 2 * YEAR


@dataclass(frozen=True, slots=True)
class Announcement:
    """A workshop as it is announced; `begins_at` and `ends_at` as ISO 8601 texts."""

    title: Words
    guide: str | None
    governorate: str | None
    begins_at: str
    ends_at: str
    seats: int


class WorkshopCommands(Room):
    """Announcing, taking and leaving seats, marking, certifying."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"workshops": self.workshops, "workshop_seats": self.workshop_seats}
        prepare = hub.database.prepare
        this = workshop.c.id == sa.bindparam("workshop")
        self._add = prepare(sa.insert(workshop))
        self._one = prepare(sa.select(*workshop.c).where(this).with_for_update())
        coming = workshop.c.ends_at >= sa.bindparam("since"), workshop.c.state == "announced"
        taken = (
            sa.select(sa.func.count())
            .where(seat.c.workshop == workshop.c.id, seat.c.state != "left", seat.c.state != "missed")
            .correlate(workshop)
            .scalar_subquery()
        )
        ordered = (workshop.c.begins_at, workshop.c.id)
        self._coming = prepare(sa.select(*workshop.c, taken).where(*coming).order_by(*ordered).limit(200))
        self._cancel = prepare(sa.update(workshop).where(this).values(state="cancelled"))
        of_account = seat.c.workshop == sa.bindparam("workshop"), seat.c.credential == sa.bindparam("account")
        self._seat = prepare(sa.select(seat.c.state, seat.c.organisation).where(*of_account).with_for_update())
        self._taken = prepare(
            sa.select(sa.func.count()).where(seat.c.workshop == sa.bindparam("workshop"), seat.c.state != "left", seat.c.state != "missed")
        )
        self._take = prepare(sa.insert(seat))
        self._move = prepare(
            sa.update(seat)
            .where(seat.c.workshop == sa.bindparam("of"), seat.c.credential == sa.bindparam("who"))
            .values(state=sa.bindparam("new_state"), certificate=sa.bindparam("signed"))
        )
        listed = (seat.c.workshop, seat.c.credential, seat.c.organisation, seat.c.state, seat.c.certificate)
        held = seat.join(workshop, workshop.c.id == seat.c.workshop)
        recent = workshop.c.ends_at >= sa.bindparam("since")
        seats = sa.select(*listed).select_from(held).order_by(seat.c.workshop, seat.c.credential)
        self._mine = prepare(seats.where(recent, seat.c.credential == sa.bindparam("account")))
        self._given = prepare(seats.where(recent, workshop.c.organisation == sa.bindparam("organisation")))

    async def announce(self, enquiry: Enquiry, said: Announcement, key: str | None) -> dict[str, Any]:
        """Announce a workshop to everybody.

        Raises:
            NotPermitted: not a manager of a verified organisation.
            Invalid: a title, time or number of seats that cannot stand.
        """
        self.hub.demand(enquiry, "workshop.announce")
        own = own_organisation(enquiry)
        now = epoch(enquiry.now)
        begins_at, ends_at = _moment(said.begins_at, "beginsAt"), _moment(said.ends_at, "endsAt")
        for language, text in said.title.model_dump().items():
            if text is not None and not visible(text):
                raise Invalid("a title has 2 to 200 visible characters, letters among them", "say what is taught", language)
        if not now < begins_at < ends_at <= now + LONGEST_AHEAD:
            raise Invalid("a workshop begins in the next two years and ends after it begins", "give both moments anew", "beginsAt")
        if not 1 <= said.seats <= MOST_SEATS:
            raise Invalid(f"a workshop has 1 to {MOST_SEATS} seats", "say how many can take part", "seats")
        if said.guide is not None and not (said.guide.startswith("https://") and said.guide.isascii() and len(said.guide) <= 400):
            raise Invalid("a guide's address begins with https://", "give the address where it can be read", "guide")
        if said.governorate is not None and not (len(said.governorate) <= 8 and said.governorate.isascii() and said.governorate.isupper()):
            raise Invalid("a governorate is a code of ISO 3166-2", "as in IQ-BG; none for one held at a distance", "governorate")

        async def work(change: Change) -> dict[str, Any]:
            number = secrets.randbelow(2**52)
            row = {"id": number, **said.title.model_dump(), "organisation": own, "guide": said.guide, "governorate": said.governorate}
            await change.execute(self._add, {**row, "begins_at": begins_at, "ends_at": ends_at, "seats": said.seats, "state": "announced"})
            await change.step(_thing(number), "announce", "announced")
            change.tell("workshop_announced", "all", {"workshop": number})
            return {"workshop": str(number)}

        content = [said.title.model_dump(), said.guide, said.governorate, begins_at, ends_at, said.seats]
        return await self.hub.writing.run(enquiry, "workshop.announce", work, key=key, content=content)

    async def cancel(self, enquiry: Enquiry, which: str, reason: str) -> dict[str, Any]:
        """Call a workshop off; those who have seats are told.

        Raises:
            NotPermitted: not a manager.
            Unknown: no such workshop of this organisation.
            Conflict: it was called off already.
        """
        self.hub.demand(enquiry, "workshop.announce")
        own, number = own_organisation(enquiry), _number(which)
        if not visible(reason):
            raise Invalid("a reason has 2 to 200 visible characters", "say why", "reason")

        async def work(change: Change) -> dict[str, Any]:
            row = await self._held(change, number, own)
            moved({"announced": {"cancel": "cancelled"}}, row["state"], "cancel")
            await change.execute(self._cancel, {"workshop": number})
            await change.step(_thing(number), "cancel", "cancelled", reason.strip())
            change.tell("workshop_cancelled", str(number), {"workshop": number})
            return {"workshop": which}

        return await self.hub.writing.run(enquiry, "workshop.cancel", work)

    async def take_seat(self, enquiry: Enquiry, which: str) -> dict[str, Any]:
        """Register the asker's account; a second time changes nothing.

        Raises:
            NotPermitted: not staff of an organisation.
            Unknown: no such workshop.
            Conflict: it is full, called off, or has begun.
        """
        account, own = self._account(enquiry)
        number = _number(which)

        async def work(change: Change) -> dict[str, Any]:
            row = await self._held(change, number)
            if row["state"] != "announced" or row["begins_at"] <= change.now:
                raise Conflict("this workshop takes nobody any more", "see `workshops` for those to come")
            found = await change.fetch(self._seat, {"workshop": number, "account": account})
            if found and found[0][0] == "registered":
                return {"workshop": which, "state": "REGISTERED"}
            if (await change.fetch(self._taken, {"workshop": number}))[0][0] >= row["seats"]:
                raise Conflict("this workshop is full", "see `workshops` for another")
            if found:
                values = {"of": number, "who": account, "new_state": moved(SEAT_STATES, found[0][0], "register"), "signed": None}
                await change.execute(self._move, values)
            else:
                values = {"workshop": number, "credential": account, "organisation": own, "state": "registered", "certificate": None}
                await change.execute(self._take, values)
            return {"workshop": which, "state": "REGISTERED"}

        return await self.hub.writing.run(enquiry, "workshop.take_seat", work)

    async def leave_seat(self, enquiry: Enquiry, which: str) -> dict[str, Any]:
        """Give the asker's own seat back.

        Raises:
            NotPermitted: not staff of an organisation.
            Unknown: no such workshop, or no seat in it.
            Conflict: it was held already.
        """
        account, _ = self._account(enquiry)
        return await self._moved(enquiry, _number(which), account, "leave")

    async def mark(self, enquiry: Enquiry, which: str, account: str, act: str) -> dict[str, Any]:
        """Mark an account's seat as attended or missed, or certify it; only who gave the workshop, once it has begun.

        Raises:
            NotPermitted: not a manager.
            Unknown: no such workshop of this organisation, or no such seat.
            Conflict: it has not begun, or the act does not follow on the seat's state.
        """
        self.hub.demand(enquiry, "workshop.announce")
        return await self._moved(enquiry, _number(which), account, act, own_organisation(enquiry))

    async def _moved(self, enquiry: Enquiry, number: int, account: str, act: str, giver: str | None = None) -> dict[str, Any]:
        async def work(change: Change) -> dict[str, Any]:
            row = await self._held(change, number, giver)
            if giver is not None and row["begins_at"] > change.now:
                raise Conflict("this workshop has not begun", "mark who attended when it has")
            found = await change.fetch(self._seat, {"workshop": number, "account": account})
            if not found:
                raise Unknown("there is no such seat", "list `workshopSeats { account }`")
            state = moved(SEAT_STATES, found[0][0], act)
            signed = self._certificate(row, account, str(found[0][1]), change.now) if state == "certified" else None
            await change.execute(self._move, {"of": number, "who": account, "new_state": state, "signed": signed})
            return {"workshop": str(number), "state": state.upper()}

        return await self.hub.writing.run(enquiry, f"workshop.{act}", work)

    async def workshops(self, gathering: Gathering, field: Field) -> Any:
        """Workshops to come and those of the last year, by when they begin."""
        assert field.want is not None
        rows = await self.hub.database.fetch(self._coming, {"since": epoch(gathering.enquiry.now) - YEAR}, rows=200)
        return shaped(field.want, [_told(row[:-1], row[-1]) for row in rows])

    async def workshop_seats(self, gathering: Gathering, field: Field) -> Any:
        """The asker's own seats, and every seat of workshops its organisation gives."""
        assert field.want is not None
        enquiry = gathering.enquiry
        account, own = self._account(enquiry)
        asked = {"since": epoch(enquiry.now) - YEAR, "account": account, "organisation": own}
        rows = await self.hub.database.fetch(self._mine, asked, rows=100)
        if self.hub.may(enquiry, "workshop.announce"):
            rows = [*rows, *await self.hub.database.fetch(self._given, asked, rows=1000)]
        names = ("workshop", "account", "organisation", "state", "certificate")
        found = [dict(zip(names, (str(number), *others), strict=True)) for number, *others in dict.fromkeys(rows)]
        return shaped(field.want, [{**each, "state": each["state"].upper()} for each in found])

    async def _held(self, change: Change, number: int, giver: str | None = None) -> dict[str, Any]:
        rows = await change.fetch(self._one, {"workshop": number})
        row = dict(zip(workshop.c.keys(), rows[0], strict=True)) if rows else {}
        if not row or (giver is not None and row["organisation"] != giver):
            raise Unknown("there is no such workshop", "see `workshops { id }`")
        return row

    def _account(self, enquiry: Enquiry) -> tuple[str, str]:
        self.hub.demand(enquiry, "workshop.attend")
        assert enquiry.requester.credential is not None
        return enquiry.requester.credential, own_organisation(enquiry)

    def _certificate(self, row: Mapping[str, Any], account: str, own: str, now: int) -> str:
        content = {
            "workshop": row["id"],
            "title": {"ar": row["ar"], "ckb": row["ckb"], "en": row["en"]},
            "givenBy": row["organisation"],
            "account": account,
            "organisation": own,
            "heldOn": at_moment(row["begins_at"])[:10],
            "certifiedAt": at_moment(now),
        }
        key = self.hub.ring.signing_key()
        signature = key.sign(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).signature
        value = base64.urlsafe_b64encode(signature).decode()
        signed = {"certificate": content, "signature": {"algorithm": "Ed25519", "keyVersion": self.hub.ring.current, "value": value}}
        return orjson.dumps(signed, option=orjson.OPT_SORT_KEYS).decode()


def _told(row: tuple[Any, ...], taken: int) -> dict[str, Any]:
    found = dict(zip(workshop.c.keys(), row, strict=True))
    return {
        "id": str(found["id"]),
        "title": {"ar": found["ar"], "ckb": found["ckb"], "en": found["en"]},
        "organisation": found["organisation"],
        "guide": found["guide"],
        "governorate": found["governorate"],
        "begins_at": at_moment(found["begins_at"]),
        "ends_at": at_moment(found["ends_at"]),
        "seats_total": found["seats"],
        "seats_left": max(0, found["seats"] - taken),
    }


def _thing(number: int) -> str:
    return f"workshop:{number}"


def _number(which: str) -> int:
    if not which.isascii() or not which.isdecimal() or len(which) > 16:
        raise Unknown("there is no such workshop", "see `workshops { id }`")
    return int(which)


def _moment(text: str, field: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"`{field}` is not a moment", "write it as 2027-01-31T09:00:00Z", field) from None
    return epoch(found if found.tzinfo else found.replace(tzinfo=UTC))
