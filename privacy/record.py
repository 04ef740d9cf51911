"""The disclosure record: what was shown to whom and why, durable before the answer leaves.

One writer takes everything that waits and stores it in one transaction, so that many answers share one flush to the
disk. Whatever goes wrong while writing becomes a RecordError, and its caller then shows nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import apsw
import sqlalchemy as sa

from errors import RecordError
from privacy.chain import Examination, Head, Verdict, continued, decode, encode, people_of
from privacy.failing import failing as _failing
from privacy.tree import Tree
from tables.database import Database, Row, Transaction, among
from tables.oversight import entry, entry_person, head, mark
from tables.sqlite import SQLite
from tables.statement import insert_missing
from values import Disclosure

if TYPE_CHECKING:
    from nacl.signing import VerifyKey

    from privacy.keys import KeyRing

HEAD_ENTRIES = 1000
"""A head is signed at least every so many entries."""

HEAD_SECONDS = 60
"""And at least so many seconds after an entry, while the hub runs."""

QUIET_SECONDS = 2.0
"""The index by person grows when nothing was recorded for so long: answers come first."""

APPENDING_KIB = 8192
"""Pages kept for appending: the chain's end and the index's branches. More would grow with the record and never be looked at again."""

INDEX_KIB = 2048
"""Pages kept for reading: the index's branches. Entries are read in rows of hundreds, seldom twice."""

BACKLOG = 50_000
"""More entries than this are indexed even when it is never quiet, so that nobody waits long for their own view."""

BLOCK = 512
"""The index says in which blocks of so many entries a person occurs; whoever is shown all day is written once a block."""

PAIRS = 5_000
"""The index grows in transactions of at most so many people, a few milliseconds each, since appending waits meanwhile."""

WAIT_SECONDS = 10.0
"""A database server that does not answer for so long counts as gone."""

Rows = list[tuple[int, bytes, bytes]]

Keeps = Callable[[Disclosure], bool]
"""Whether a disclosure, reduced to what concerns its reader, is among those wanted."""


class Record:
    """One chain in one database; several processes may append to the same one."""

    def __init__(self, database: Database, ring: KeyRing, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970, for the heads; entries carry the time of their enquiry."""
        self.database = database
        self.ring = ring
        self.clock = clock
        self.tree = Tree(database, ring, clock)
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None
        self._indexing = asyncio.Lock()
        self._open = False
        self._inode = 0
        self._appended_at = 0.0
        self._head_number, self._head_at = 0, clock()
        self._last_number = 0
        self._prepare()

    def _prepare(self) -> None:
        prepare = self.database.prepare
        tip = sa.select(entry.c.number, entry.c.hash).order_by(entry.c.number.desc()).limit(1)
        self._tip = prepare(tip)
        self._insert = prepare(sa.insert(entry))
        self._last_head = prepare(sa.select(sa.func.max(head.c.number)))
        self._insert_head = prepare(sa.insert(head))
        self._hold = prepare(sa.select(mark.c.number).where(mark.c.name == sa.bindparam("name")).with_for_update())
        self._insert_mark = prepare(insert_missing(mark, self.database.dialect.name))
        self._move_mark = prepare(sa.update(mark).where(mark.c.name == sa.bindparam("which")).values(number=sa.bindparam("upto")))
        self._marked = prepare(sa.select(mark.c.number).where(mark.c.name == sa.bindparam("name")))
        self._insert_pair = prepare(insert_missing(entry_person, self.database.dialect.name))
        span = entry.c.number > sa.bindparam("after"), entry.c.number <= sa.bindparam("upto")
        self._span = prepare(sa.select(entry.c.number, entry.c.body).where(*span).order_by(entry.c.number.desc()))
        self._some = prepare(sa.select(entry.c.number, entry.c.body).where(among(entry.c.number, "numbers", "whole")))
        blocks = sa.select(entry_person.c.block).where(entry_person.c.person == sa.bindparam("person"))
        blocks = blocks.where(entry_person.c.block <= sa.bindparam("newest")).order_by(entry_person.c.block.desc())
        self._blocks = prepare(blocks.limit(sa.bindparam("size", type_=sa.Integer)))
        self._entries = prepare(sa.select(entry.c.number, entry.c.body, entry.c.hash).order_by(entry.c.number))
        self._heads = prepare(sa.select(*head.c).order_by(head.c.number))

    async def open(self) -> None:
        """Connect, and learn where the chain stands.

        Raises:
            RecordError: the database cannot be reached, or has no tables yet.
        """
        if isinstance(self.database, SQLite):
            self.database.writing_kib, self.database.reading_kib = APPENDING_KIB, INDEX_KIB
        with _failing():
            await self.database.open()
            if isinstance(self.database, SQLite):
                self._inode = os.stat(self.database.path).st_ino  # noqa: PTH116 — a path object costs more than the call
            tip = await self.database.fetch(self._tip)
            last_head = await self.database.fetch(self._last_head)
            await self.tree.open()
        if not tip and not self.database.read_only:
            with suppress(RecordError), _failing():  # appending makes them too; two appenders doing it at once may fail
                async with self.database.transaction() as tx:
                    await self._make_marks(tx)
        self._last_number = tip[0][0] if tip else 0
        self._head_number = last_head[0][0] or 0
        self._open = True
        self._tending = asyncio.create_task(self._tend(), name="disclosure record")

    async def close(self) -> None:
        """Store what waits, sign the last head, and let go of the database."""
        self._open = False
        if self._tending is not None:
            self._tending.cancel()
            with suppress(asyncio.CancelledError):
                await self._tending
            self._tending = None
        if self._writing is not None:
            await self._writing
        with suppress(RecordError):  # an unsigned tail still verifies; the next opening signs it
            await self.sign()
        await self.database.close()

    async def append(self, disclosure: Disclosure) -> int:
        """Record a disclosure and give its number; when this returns, a power cut does not undo it.

        Raises:
            RecordError: it is not recorded; nothing may be shown.
        """
        if not self._open:
            raise RecordError("the disclosure record is not open", "start the hub again, and look for the first error in its log")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        self._waiting.append((encode(disclosure), future))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return await future

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._store(batch)
        finally:
            self._writing = None

    async def _store(self, batch: Sequence[tuple[bytes, asyncio.Future[int]]]) -> None:
        bodies = [body for body, _ in batch]
        try:
            with _failing():
                if isinstance(self.database, SQLite):
                    number = await self.database.run_in_writer(lambda connection: self._store_embedded(connection, bodies))
                else:
                    number = await self._store_served(bodies)
        except RecordError as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(RecordError(error.message, error.hint))
            return
        self._appended_at = self.clock()
        self._last_number = number
        for place, (_, future) in enumerate(batch, number - len(batch) + 1):
            if not future.done():
                future.set_result(place)

    def _store_embedded(self, connection: apsw.Connection, bodies: Sequence[bytes]) -> int:
        assert isinstance(self.database, SQLite)
        if os.stat(self.database.path).st_ino != self._inode:  # noqa: PTH116 — a path object costs more than the call
            raise FileNotFoundError("the file of the record was replaced")
        with _immediate(connection):
            row = connection.execute(self._tip.sql, self._tip.bind({})).fetchone()
            rows = continued(row, bodies)
            connection.executemany(self._insert.sql, rows)
            if signed := self._head_due(rows[-1]):
                connection.execute(self._insert_head.sql, signed)
        self._note_head(signed)
        return rows[-1][0]

    async def _store_served(self, bodies: Sequence[bytes]) -> int:
        async with asyncio.timeout(WAIT_SECONDS), self.database.transaction() as tx:
            await self._held(tx, "appending")
            tip = await tx.fetch(self._tip)
            rows = continued((tip[0][0], bytes(tip[0][1])) if tip else None, bodies)
            await tx.execute_many(self._insert, rows)
            if signed := self._head_due(rows[-1]):
                await tx.execute_many(self._insert_head, [signed])
        self._note_head(signed)
        return rows[-1][0]

    async def _held(self, tx: Transaction, name: str) -> int:
        """Hold a row of `mark` until the transaction ends: whoever else wants it waits."""
        found = await tx.fetch(self._hold, {"name": name})
        if not found:
            await self._make_marks(tx)
            found = await tx.fetch(self._hold, {"name": name})
        return int(found[0][0])

    async def _make_marks(self, tx: Transaction) -> None:
        await tx.execute_many(self._insert_mark, [{"name": name, "number": 0} for name in ("appending", "indexed")])

    def _head_due(self, last: tuple[int, bytes, bytes]) -> tuple[Any, ...] | None:
        number, now = last[0], self.clock()
        if number - self._head_number < HEAD_ENTRIES and now - self._head_at < HEAD_SECONDS:
            return None
        return self._signed(number, last[2])

    def _signed(self, number: int, hash_: bytes) -> tuple[Any, ...]:
        version = self.ring.current
        made = Head.signed(number, int(self.clock()), hash_, self.ring.signing_key(version), version)
        return (made.number, made.at, made.hash, made.signature, made.key_version)

    def _note_head(self, signed: tuple[Any, ...] | None) -> None:
        if signed is not None:
            self._head_number, self._head_at = signed[0], self.clock()

    async def sign(self) -> Head | None:
        """Sign the chain as it stands, unless its last entry is signed already; give the newest head.

        Raises:
            RecordError: the head could not be stored.
        """
        with _failing():
            async with self.database.transaction() as tx:
                await self._held(tx, "appending")
                tip = await tx.fetch(self._tip)
                last = (await tx.fetch(self._last_head))[0][0] or 0
                if not tip or last >= tip[0][0]:
                    return None
                signed = self._signed(tip[0][0], bytes(tip[0][1]))
                await tx.execute_many(self._insert_head, [signed])
        self._note_head(signed)
        return Head(*signed)

    async def _tend(self) -> None:
        """Once a second: sign a tail that has waited long enough, and index when it is quiet."""
        while True:
            await asyncio.sleep(1)
            now = self.clock()
            with suppress(RecordError):  # the next append meets the same fault and refuses; tending tries again
                if self._last_number > self._head_number and now - self._head_at >= HEAD_SECONDS:
                    await self.sign()
                await self.tree.tend(self._last_number, self._quiet)
                indexed = await self._indexed()
                if self._last_number - indexed > BACKLOG:
                    await self.index()
                elif indexed < self._last_number and self._quiet():
                    await self.index(self._quiet)

    def _quiet(self) -> bool:
        return self.clock() - self._appended_at >= QUIET_SECONDS

    async def _indexed(self) -> int:
        with _failing():
            found = await self.database.fetch(self._marked, {"name": "indexed"})
        return found[0][0] if found else 0

    async def index(self, further: Callable[[], bool] = lambda: True) -> int:
        """Bring the index by person up to the last full block, or as far as `further` says; give how many entries were indexed.

        Raises:
            RecordError: the index could not be read or stored.
        """
        async with self._indexing:
            with _failing():
                tip = await self.database.fetch(self._tip)
                last, begin = tip[0][0] if tip else 0, await self._indexed()
                done = begin
                while done + BLOCK <= last and further():
                    rows = await self.database.fetch(self._span, {"after": done, "upto": done + BLOCK}, rows=BLOCK)
                    people = await asyncio.to_thread(
                        lambda bodies: sorted(set().union(*map(people_of, bodies))), [body for _, body in rows]
                    )
                    await self._index_block(done, people)
                    done += BLOCK
            return done - begin

    async def _index_block(self, after: int, people: list[int]) -> None:
        for begin in range(0, max(len(people), 1), PAIRS):
            async with self.database.transaction() as tx:
                if await self._held(tx, "indexed") != after:
                    return  # another process indexed this block
                await tx.execute_many(self._insert_pair, [(person, after // BLOCK) for person in people[begin : begin + PAIRS]])
                if begin + PAIRS >= len(people):
                    await tx.execute(self._move_mark, {"which": "indexed", "upto": after + BLOCK})

    async def of_person(
        self, person: int, first: int, before: int | None = None, keeps: Keeps | None = None, since: datetime | None = None
    ) -> list[tuple[int, Disclosure]]:
        """Give the newest disclosures about a person, newest first, each reduced to what concerns this person.

        Args:
            person: the person number.
            first: at most so many.
            before: only entries with a smaller number, to go on where the last list ended.
            keeps: leaves others out.
            since: looking ends at the first entry from before this moment.

        Raises:
            RecordError: the record cannot be read.
        """
        await self.index()
        newest = before - 1 if before is not None else 2**62
        found: list[tuple[int, Disclosure]] = []
        with _failing():
            indexed = await self._indexed()
            spans, below, over = [(indexed, 2**62)], (newest - 1) // BLOCK, False
            while spans and len(found) < first and not over:
                for after, upto in spans:
                    if len(found) < first and after < newest and not over:
                        rows = await self.database.fetch(self._span, {"after": after, "upto": min(upto, newest)}, rows=BLOCK)
                        concerning = await asyncio.to_thread(_concerning, rows, person)
                        over = since is not None and bool(concerning) and concerning[-1][1].at < since
                        found += [
                            each for each in concerning if (since is None or each[1].at >= since) and (keeps is None or keeps(each[1]))
                        ]
                blocks = await self.database.fetch(self._blocks, {"person": person, "newest": below, "size": first + 1}, rows=first)
                spans = [(block * BLOCK, block * BLOCK + BLOCK) for (block,) in blocks]
                below = blocks[-1][0] - 1 if blocks else -1
        return found[:first]

    async def entry(self, number: int, person: int) -> Disclosure | None:
        """One entry, reduced to what concerns a person; None where it does not concern it, or is not there.

        Raises:
            RecordError: the record cannot be read.
        """
        return (await self.entries([(number, person)]))[0]

    async def entries(self, wanted: Sequence[tuple[int, int]]) -> list[Disclosure | None]:
        """Entries by number, each reduced to what concerns a person, as `entry` gives one; in one statement.

        Raises:
            RecordError: the record cannot be read.
        """
        if not wanted:
            return []
        with _failing():
            rows = await self.database.fetch(self._some, {"numbers": [number for number, _ in wanted]}, rows=len(wanted))
        bodies: dict[int, bytes] = dict(rows)
        found = [_concerning([(number, bodies[number])], person) if number in bodies else [] for number, person in wanted]
        return [each[0][1] if each else None for each in found]

    async def verify(self, kept: tuple[int, bytes] | None = None) -> Verdict:
        """Walk the whole chain in bounded memory, and name the first broken entry.

        `kept` is the number and hash of a head noted outside the database: without one, whoever may write the database
        could remove the newest entries together with the heads that cover them.

        Raises:
            RecordError: the record cannot be read.
        """
        with _failing():
            examination = Examination(self._verify_key, kept)
            return await examination.walk(self.database.stream(self._entries, {}, 5_000), self.database.stream(self._heads, {}, 1_000))

    def _verify_key(self, version: int) -> VerifyKey | None:
        return self.ring.signing_key(version).verify_key if version in self.ring.versions else None


def _concerning(rows: Sequence[Row], person: int) -> list[tuple[int, Disclosure]]:
    digits = str(person).encode()  # looking for them first spares reading most bodies
    concerning = [(number, decode(body, person)) for number, body in rows if digits in body]
    return [(number, disclosure) for number, disclosure in concerning if disclosure.shown]


class _immediate:  # noqa: N801 — reads as a statement
    """A SQLite transaction that has the write lock from its beginning."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.connection.execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
