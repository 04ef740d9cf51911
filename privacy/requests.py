"""What the hub keeps of requests for help: sealed words, and one hash that keeps a person from asking twice at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
import sqlalchemy as sa

from privacy.keys import KeyRing
from privacy.sealing import Seal
from tables.database import Database, Row, Transaction, among
from tables.identity.requests import aid_request, crowd, request_complaint, request_message
from tables.statement import insert_missing

LIVE = ("opened", "promised", "served")
"""States in which the person cannot ask for the same again."""


@dataclass(frozen=True, slots=True)
class AidRequest:
    """One request; times in seconds since 1970 (UTC), `assured` as coarse as it may be shown."""

    number: int
    person: int
    need: str
    rank: int
    governorate: str
    district: str
    openness: str
    chosen: str
    words: str
    assured: Mapping[str, Any]
    state: str
    helper: str | None
    promised_until: int | None
    asked_at: int
    changed_at: int

    def stands(self, now: int) -> str:
        """Its state at a moment: a promise that was not kept in time leaves it open."""
        lapsed = self.state == "promised" and (self.promised_until or 0) <= now
        return "opened" if lapsed else self.state


@dataclass(frozen=True, slots=True)
class Message:
    """What one side wrote to the other."""

    request: int
    number: int
    side: str
    helper: str
    words: str
    at: int


class AidRequests:
    """Requests, messages, complaints and crowds, in the hub's own tables."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Prepare every statement once."""
        self._database = database
        self._ring = ring
        self._live = ring.subkey("aid request live", ring.root)
        self._seal = Seal(ring, "aid request", "hub")
        prepare, table = database.prepare, aid_request.c
        everything = sa.select(*(each for each in table if each.name != "live"))
        number = table.number == sa.bindparam("which")
        self._insert = prepare(insert_missing(aid_request, database.dialect.name))
        self._one = prepare(everything.where(number))
        self._hold = prepare(everything.where(number).with_for_update())
        self._own = prepare(
            everything.where(table.person == sa.bindparam("person"))
            .order_by(table.asked_at.desc(), table.number)
            .limit(sa.bindparam("first"))
        )
        self._helped = prepare(
            everything.where(table.helper == sa.bindparam("helper"))
            .order_by(table.changed_at.desc(), table.number)
            .limit(sa.bindparam("first"))
        )
        self._page = prepare(_waiting(everything))
        self._recent = prepare(
            sa.select(table.state, table.need, table.asked_at, table.changed_at).where(table.person == sa.bindparam("person"))
        )
        moved: dict[str, Any] = {
            name: sa.bindparam(f"new_{name}") for name in ("state", "helper", "promised_until", "changed_at", "live", "assured")
        }
        self._move = prepare(sa.update(aid_request).where(number).values(**moved))
        wrote = request_message.c
        self._wrote = prepare(sa.insert(request_message))
        self._written = prepare(sa.select(*wrote).where(among(wrote.request, "requests", "whole")).order_by(wrote.request, wrote.number))
        said = request_complaint.c
        self._complain = prepare(insert_missing(request_complaint, database.dialect.name))
        self._complaints = prepare(sa.select(*said).order_by(said.at.desc(), said.request).limit(sa.bindparam("first")))
        self._some = prepare(everything.where(among(table.number, "numbers", "whole")))
        self._empty = prepare(sa.delete(crowd))
        self._fill = prepare(sa.insert(crowd))
        self._crowds = prepare(sa.select(crowd.c.cell, crowd.c.people).where(among(crowd.c.cell, "cells")))

    # --- requests ------------------------------------------------------------------------------------------------

    async def add(self, tx: Transaction, request: AidRequest) -> bool:
        """Store a new one; False where the person has one for the same need that still stands."""
        row = {**self._columns(request), "live": self._token(request)}
        await tx.execute(self._insert, row)
        return bool(await tx.fetch(self._one, {"which": request.number}))

    async def held(self, tx: Transaction, number: int) -> AidRequest | None:
        """One request, which nobody else can change until the transaction ends."""
        rows = await tx.fetch(self._hold, {"which": number})
        return self._request(rows[0]) if rows else None

    async def one(self, number: int) -> AidRequest | None:
        """One request."""
        rows = await self._database.fetch(self._one, {"which": number})
        return self._request(rows[0]) if rows else None

    async def of_person(self, person: int, first: int = 100) -> list[AidRequest]:
        """A person's own, newest first."""
        return [self._request(row) for row in await self._database.fetch(self._own, {"person": person, "first": first})]

    async def helped(self, organisation: str, first: int) -> list[AidRequest]:
        """Those an organisation promised last, newest first."""
        return [self._request(row) for row in await self._database.fetch(self._helped, {"helper": organisation, "first": first})]

    async def waiting(self, organisation: str, now: int, wanted: Mapping[str, Any], after: Sequence[int], first: int) -> list[AidRequest]:
        """Those that wait for somebody and may be seen by this organisation (empty: by anyone), most urgent and oldest first."""
        values = {"organisation": organisation, "now": now, "rank": after[0], "at": after[1], "after": after[2], "first": first, **wanted}
        return [self._request(row) for row in await self._database.fetch(self._page, values, rows=first)]

    async def earlier(self, tx: Transaction, person: int) -> list[Row]:
        """State, need, day of asking and of the last change of everything a person asked for."""
        return await tx.fetch(self._recent, {"person": person})

    async def served(self, person: int) -> list[Row]:
        """The same, outside of a transaction."""
        return await self._database.fetch(self._recent, {"person": person})

    async def move(self, tx: Transaction, request: AidRequest) -> None:
        """Store a held request's new state, helper, promise and assurances."""
        row = self._columns(request)
        values = {f"new_{name}": row[name] for name in ("state", "helper", "promised_until", "changed_at", "assured")}
        await tx.execute(self._move, {"which": request.number, "new_live": self._token(request), **values})

    # --- what both sides wrote -----------------------------------------------------------------------------------

    async def write(self, tx: Transaction, message: Message) -> None:
        """Append to the conversation; the request is held by the caller."""
        row = {"request": message.request, "number": message.number, "side": message.side, "helper": message.helper, "at": message.at}
        await tx.execute(self._wrote, {**row, "words": self._sealed(message.words)})

    async def messages(self, numbers: Sequence[int], tx: Transaction | None = None) -> list[Message]:
        """Everything written about these requests, in order, in one statement."""
        values = {"requests": list(numbers)}
        rows = await (self._database.fetch(self._written, values) if tx is None else tx.fetch(self._written, values))
        return [Message(request, number, side, helper, self._opened(words), at) for request, number, side, helper, words, at in rows]

    async def complain(self, tx: Transaction, request: int, by: str, words: str, now: int) -> None:
        """Keep a complaint, or a report of abuse; a second of the same side changes nothing."""
        await tx.execute(self._complain, {"request": request, "by": by, "words": self._sealed(words), "at": now})

    async def complaints(self, first: int) -> list[tuple[AidRequest, str, str, int]]:
        """Complaints and reports, newest first: the request, who said it (empty: the person), the words, when."""
        rows = await self._database.fetch(self._complaints, {"first": first})
        found = await self._database.fetch(self._some, {"numbers": [row[0] for row in rows]})
        requests = {row[0]: self._request(row) for row in found}
        return [(requests[number], by, self._opened(words), at) for number, by, words, at in rows]

    # --- crowds --------------------------------------------------------------------------------------------------

    async def count(self, tx: Transaction, cells: Mapping[str, int]) -> None:
        """Replace every count."""
        await tx.execute(self._empty, {})
        await tx.execute_many(self._fill, [{"cell": cell, "people": people} for cell, people in cells.items()])

    async def crowds(self, cells: Sequence[str]) -> dict[str, int]:
        """How many people each of these cells has; those never counted are absent."""
        rows = await self._database.fetch(self._crowds, {"cells": list(cells)})
        return {cell: int(people) for cell, people in rows}

    # --- rows ----------------------------------------------------------------------------------------------------

    @staticmethod
    def fresh() -> int:
        """A number for a new request, drawn at random."""
        return secrets.randbits(62)

    def _token(self, request: AidRequest) -> bytes | None:
        if request.state not in LIVE:
            return None
        return blake2b(f"{request.person} {request.need}".encode(), key=self._live, digest_size=32).digest()

    def _columns(self, request: AidRequest) -> dict[str, Any]:
        plain = {each.name: getattr(request, each.name) for each in aid_request.c if each.name != "live"}
        return {**plain, "words": self._sealed(request.words), "assured": self._sealed(orjson.dumps(request.assured).decode())}

    def _request(self, row: Row) -> AidRequest:
        values = dict(zip((each.name for each in aid_request.c if each.name != "live"), row, strict=True))
        values["words"] = self._opened(values["words"])
        values["assured"] = orjson.loads(self._opened(values["assured"]) or "{}")
        return AidRequest(**values)

    def _sealed(self, words: str) -> str:
        # A random part, so that two who write the same cannot be told by it from the table.
        return self._seal.close(secrets.token_bytes(8) + words.encode(), self._ring.current)

    def _opened(self, text: str) -> str:
        return (self._seal.open(text, stored=True) or bytes(8))[8:].decode()


def _waiting(everything: sa.Select[Any]) -> sa.Select[Any]:
    """A page of what waits for help, of those that an organisation may see, after a place in their order."""
    table, text = aid_request.c, sa.Text
    here = sa.bindparam("organisation", type_=text)
    seen = sa.or_(
        table.openness == "anyone",
        sa.and_(here != "", sa.or_(table.openness == "organisations", table.chosen == here)),
    )
    waiting = sa.or_(table.state == "opened", sa.and_(table.state == "promised", table.promised_until <= sa.bindparam("now")))
    rank, at = sa.bindparam("rank", type_=sa.Integer), sa.bindparam("at", type_=sa.BigInteger)
    after = sa.or_(
        table.rank > rank,
        sa.and_(table.rank == rank, table.asked_at > at),
        sa.and_(table.rank == rank, table.asked_at == at, table.number > sa.bindparam("after", type_=sa.BigInteger)),
    )
    only = [
        sa.or_(sa.bindparam(name, type_=text) == "", column == sa.bindparam(name, type_=text))
        for name, column in (("need", table.need), ("governorate", table.governorate))
    ]
    urgency = sa.bindparam("urgency", type_=sa.Integer)
    return (
        everything.where(waiting, seen, after, *only, sa.or_(urgency < 0, table.rank == urgency))
        .order_by(table.rank, table.asked_at, table.number)
        .limit(sa.bindparam("first"))
    )
