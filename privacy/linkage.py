"""What linking keeps: identifiers, links, case loads and progress, read and written a batch at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from privacy.edge import EDGE
from tables.database import Database, Row, Statement, Transaction, among
from tables.identity import counter, household, identifier, link, linking, own_case, person
from tables.sqlite import SQLite
from tables.statement import insert_missing

CHUNK = 5_000
"""Rows of one transaction at the end of a run."""

BULK_PAGES = 50_000
"""Pages of 4 KiB that SQLite's log may hold while a source is linked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a source's linking stands: `after` is the stored key of the last row done, None at the beginning."""

    run: int
    after: str | None
    complete: bool
    counts: Mapping[str, int]


class Linkage:
    """Statements of linking, prepared once for one database."""

    def __init__(self, database: Database) -> None:
        """Prepare every statement."""
        self.database = database
        self._prepare_reading(database.prepare)
        self._prepare_writing(database.prepare)

    def _prepare_reading(self, prepare: Callable[[sa.ClauseElement], Statement]) -> None:
        source, organisation = _text_named("in_source"), _text_named("at_organisation")
        self._hold = prepare(sa.select(counter.c.value).where(counter.c.name == sa.bindparam("counted")).with_for_update())
        self._highest = {"person": prepare(sa.select(sa.func.max(person.c.number)))}
        self._highest["household"] = prepare(sa.select(sa.func.max(household.c.number)))
        self._people = prepare(sa.select(identifier.c.blind, identifier.c.person).where(among(identifier.c.blind, "blinds", "blob")))
        self._ranks = prepare(sa.select(identifier.c.person, identifier.c.scheme).where(among(identifier.c.person, "people", "whole")))
        formed = identifier.alias("formed")
        same = sa.and_(formed.c.person == identifier.c.person, formed.c.scheme == identifier.c.scheme + sa.literal_column(str(EDGE)))
        bare = sa.select(identifier.c.person).where(among(identifier.c.scheme, "ranks", "whole"), ~sa.exists().where(same))
        self._unformed = prepare(bare.limit(sa.literal_column("1")))
        self._linked = prepare(sa.select(link.c.key, link.c.person).where(link.c.source == source, among(link.c.key, "keys")))
        self._households = prepare(sa.select(household.c.blind, household.c.number).where(among(household.c.blind, "blinds", "blob")))
        self._housed = prepare(sa.select(person.c.number, person.c.household).where(among(person.c.number, "people", "whole")))
        cases = sa.select(own_case.c.position, own_case.c.person).where(own_case.c.organisation == organisation)
        self._cases_at = prepare(cases.where(among(own_case.c.position, "positions")))
        self._cases_of = prepare(cases.where(among(own_case.c.person, "people", "whole")))
        standing = sa.select(linking.c.run, linking.c.after, linking.c.complete, linking.c.counts).where(linking.c.source == source)
        self._standing = prepare(standing)
        size = sa.bindparam("size", type_=sa.Integer)
        gone = sa.select(link.c.person, link.c.key).where(link.c.source == source, link.c.run != sa.bindparam("this_run"))
        self._gone = prepare(gone.limit(size))
        same = sa.and_(own_case.c.organisation == organisation, own_case.c.person == link.c.person)
        without = sa.select(link.c.person, sa.func.min(link.c.key)).select_from(link.outerjoin(own_case, same))
        self._without = prepare(without.where(link.c.source == source, own_case.c.person.is_(None)).group_by(link.c.person).limit(size))

    def _prepare_writing(self, prepare: Callable[[sa.ClauseElement], Statement]) -> None:
        source, key, position = _text_named("in_source"), _text_named("of_key"), _text_named("of_position")
        organisation, whom = _text_named("at_organisation"), sa.bindparam("whom", type_=sa.BigInteger)
        self._insert = {
            table.name: prepare(sa.insert(table)) for table in (counter, person, household, identifier, link, own_case, linking)
        }
        self._begin_counter = prepare(insert_missing(counter, self.database.dialect.name))
        self._count = prepare(sa.update(counter).where(counter.c.name == sa.bindparam("counted")).values(value=sa.bindparam("upto")))
        self._house = prepare(sa.update(person).where(person.c.number == whom).values(household=sa.bindparam("housed")))
        here = link.c.source == source, link.c.key == key, link.c.person == whom
        self._unlink = prepare(sa.delete(link).where(*here))
        seen = sa.update(link).where(link.c.source == source, among(link.c.key, "keys"))
        self._seen = prepare(seen.values(run=sa.bindparam("this_run")))
        held = own_case.c.organisation == organisation, own_case.c.position == position, own_case.c.person == whom
        self._close_case = prepare(sa.delete(own_case).where(*held))
        advanced = sa.update(linking).where(linking.c.source == source)
        self._advance = prepare(
            advanced.values(
                run=sa.bindparam("new_run"),
                after=sa.bindparam("new_after"),
                complete=sa.bindparam("new_complete"),
                counts=sa.bindparam("new_counts"),
                at=sa.bindparam("new_at"),
            )
        )

    @asynccontextmanager
    async def in_bulk(self) -> AsyncIterator[None]:
        """Let SQLite's log grow meanwhile: identifiers fall all over their table, and a page is then copied back once, not each time."""
        if not isinstance(self.database, SQLite):
            yield
            return
        await self._pragma(self.database, f"wal_autocheckpoint = {BULK_PAGES}")
        try:
            yield
        finally:
            await self._pragma(self.database, "wal_autocheckpoint = 1000")
            await self._pragma(
                self.database, "wal_checkpoint(TRUNCATE)"
            )  # in vain while somebody reads the log; a later commit shortens it

    async def _pragma(self, database: SQLite, pragma: str) -> None:
        await database.run_in_writer(lambda connection: connection.execute(f"PRAGMA {pragma}").fetchall())

    async def hold(self, tx: Transaction, name: str) -> int:
        """Hold a counter until the transaction ends, and give the last number it gave; whoever else numbers waits."""
        found = await tx.fetch(self._hold, {"counted": name})
        if not found:
            # Of several at once one makes the row; the others wait for it here, and then hold it.
            await tx.execute(self._begin_counter, {"name": name, "value": 0})
            found = await tx.fetch(self._hold, {"counted": name})
        highest = (await tx.fetch(self._highest[name]))[0][0] or 0
        return max(found[0][0] if found else 0, highest)

    async def count(self, tx: Transaction, name: str, upto: int) -> None:
        """Keep the last number given."""
        await tx.execute(self._count, {"counted": name, "upto": upto})

    async def people_of(self, tx: Transaction, blinds: Collection[bytes]) -> dict[bytes, int]:
        """The person of each blind identifier that is known."""
        return {bytes(blind): number for blind, number in await tx.fetch(self._people, {"blinds": sorted(blinds)})} if blinds else {}

    async def ranks_of(self, tx: Transaction, people: Collection[int]) -> dict[int, set[int]]:
        """The schemes of which these people have an identifier; an empty set for who has none."""
        ranks: dict[int, set[int]] = {number: set() for number in people}
        for number, rank in await tx.fetch(self._ranks, {"people": people}) if people else ():
            ranks[number].add(rank % EDGE)
        return ranks

    async def unformed(self, ranks: Collection[int]) -> bool:
        """Whether somebody has an identifier of these schemes without its edge form."""
        return bool(await self.database.fetch(self._unformed, {"ranks": ranks}))

    async def linked(self, tx: Transaction, source: str, keys: Collection[str]) -> dict[str, int]:
        """The person of each local key that is linked."""
        return dict(await tx.fetch(self._linked, {"in_source": source, "keys": keys})) if keys else {}

    async def households_of(self, tx: Transaction, blinds: Collection[bytes]) -> dict[bytes, int]:
        """The number of each household that is known."""
        return {bytes(blind): number for blind, number in await tx.fetch(self._households, {"blinds": blinds})} if blinds else {}

    async def housed(self, tx: Transaction, people: Collection[int]) -> dict[int, int | None]:
        """The household of each of these people."""
        return dict(await tx.fetch(self._housed, {"people": people})) if people else {}

    async def cases(self, tx: Transaction, organisation: str, positions: Collection[str], people: Collection[int]) -> dict[str, int]:
        """The cases of an organisation at these positions or of these people: person by position."""
        if not positions:
            return {}
        at = await tx.fetch(self._cases_at, {"at_organisation": organisation, "positions": positions})
        of = await tx.fetch(self._cases_of, {"at_organisation": organisation, "people": people})
        return dict([*at, *of])

    async def insert(self, tx: Transaction, table: str, rows: Sequence[Row]) -> None:
        """Insert rows, each a tuple in the order of the table's columns."""
        if rows:
            await tx.execute_many(self._insert[table], rows)

    async def house(self, tx: Transaction, homes: Mapping[int, int | None]) -> None:
        """Move people to households, or out of any."""
        await self._each(tx, self._house, ({"whom": number, "housed": home} for number, home in homes.items()))

    async def unlink(self, tx: Transaction, source: str, pairs: Iterable[tuple[int, str]]) -> None:
        """Remove links, given as (person, stored key)."""
        await self._each(tx, self._unlink, ({"in_source": source, "whom": number, "of_key": key} for number, key in pairs))

    async def seen(self, tx: Transaction, source: str, run: int, keys: Collection[str]) -> None:
        """Note that this run saw these keys again."""
        if keys:
            await tx.execute(self._seen, {"in_source": source, "this_run": run, "keys": keys})

    async def close_cases(self, tx: Transaction, organisation: str, cases: Iterable[tuple[str, int]]) -> None:
        """Remove cases, given as (position, person)."""
        many = ({"at_organisation": organisation, "of_position": position, "whom": number} for position, number in cases)
        await self._each(tx, self._close_case, many)

    async def standing(self, source: str) -> Standing | None:
        """Where a source's linking stands; None when it was never linked."""
        found = await self.database.fetch(self._standing, {"in_source": source})
        if not found:
            return None
        run, after, complete, counts = found[0]
        return Standing(run, after, bool(complete), orjson.loads(counts))

    async def begin(self, source: str, run: int, counts: Mapping[str, int], now: int) -> None:
        """Begin a run: from here on an interruption is resumed."""
        async with self.database.transaction() as tx:
            if await tx.fetch(self._standing, {"in_source": source}):
                await self.advance(tx, source, Standing(run, None, False, counts), now)
            else:
                row = {"source": source, "run": run, "after": None, "complete": False, "counts": _text(counts), "at": now}
                await tx.execute(self._insert["linking"], row)

    async def advance(self, tx: Transaction, source: str, standing: Standing, now: int) -> None:
        """Keep how far a run has come."""
        new = {"run": standing.run, "after": standing.after, "complete": standing.complete, "counts": _text(standing.counts), "at": now}
        await tx.execute(self._advance, {"in_source": source, **{f"new_{name}": value for name, value in new.items()}})

    async def gone(self, tx: Transaction, source: str, run: int) -> list[tuple[int, str]]:
        """Some links (person, stored key) that this run has not seen; empty when there are no more."""
        return [(number, key) for number, key in await tx.fetch(self._gone, {"in_source": source, "this_run": run, "size": CHUNK})]

    async def without_case(self, tx: Transaction, organisation: str, source: str) -> list[tuple[int, str]]:
        """Some people (person, stored key) linked in a source whose steward has no case of them yet."""
        bounds = {"at_organisation": organisation, "in_source": source, "size": CHUNK}
        return [(number, key) for number, key in await tx.fetch(self._without, bounds)]

    async def _each(self, tx: Transaction, statement: Statement, many: Iterable[Mapping[str, Any]]) -> None:
        listed = list(many)
        if listed:
            await tx.execute_many(statement, listed)


def _text_named(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.String)


def _text(counts: Mapping[str, int]) -> str:
    return orjson.dumps(counts).decode()
