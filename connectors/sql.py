"""Sources that are SQL databases: SQLite files, PostgreSQL, MariaDB and MySQL.

A shape becomes two statements at most, one for a single key and one for a list of keys; their text depends on the
shape alone, and on the types the table's columns are declared with, which are read before the first Ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from connectors.contract import Fetch, Finding, Person
from connectors.convert import raw_codes
from connectors.mapping import (
    FILTERS,
    MOST_ROWS,
    SAMPLE,
    Reading,
    Rows,
    closest,
    first_of_each,
    mapped_columns,
    sample_findings,
    without_strangers,
)
from connectors.people import PeopleReader
from errors import SourceGarbled
from settings import Source, SourceEntity
from tables.database import Column, Database, among
from values import Answer, Ask, Catalogue, Shape

TEXT = Column("", "text", typed=False)


class SQL:
    """A source whose entities are tables or views; `read` names them, as `name` or `schema.name`.

    The database is opened for reading only. A file or server that is not there is no error before the first Ask.
    """

    recorded: ClassVar[str | None] = None
    """The column that tells the order in which a person's rows were recorded; without one the entity's own key does."""

    def __init__(self, name: str, source: Source, catalogue: Catalogue, database: Database | None = None) -> None:
        """`database` is one that somebody else opens and closes; without it the source's address is used."""
        self.name = name
        self.source = source
        self.catalogue = catalogue
        self.database = database or Database.at(source.address, read_only=True)
        self._owned = database is None
        self._columns: dict[str, dict[str, Column]] = {}
        self._opened = False
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Nothing yet: the first Ask connects, so that a source that is down does not keep the hub from opening."""

    async def close(self) -> None:
        """Let go of the database, unless it is somebody else's."""
        if self._owned and self._opened:
            self._opened = False
            await self.database.close()

    def offers(self, entity: str) -> frozenset[str]:
        """The attributes this source maps."""
        mapping = self.source.entities.get(entity)
        return frozenset(mapping.attributes) if mapping else frozenset()

    def prepare(self, shape: Shape) -> Fetch:
        """Give the function that answers this shape; its statements are written at its first Ask."""
        mapping = self.source.entities[shape.entity]
        reading = self._reading(shape)
        if reading.empty:
            return _nothing
        query: Query | None = None

        async def fetch(ask: Ask) -> Answer:
            nonlocal query
            if query is None:
                query = await self._query(mapping, reading)
            try:
                raw = await query.rows(ask)
            except Exception:
                query = None  # the table may have changed: its columns are read again before the next Ask
                self._columns.pop(mapping.read, None)
                raise
            rows, faults = reading.canonical(raw, ask.filters)
            if not query.exact and rows:
                rows = without_strangers(rows, ask.keys, faults)
            if shape.by == "all" and len(rows) > MOST_ROWS:
                rows, faults["key"] = rows[:MOST_ROWS], len(rows) - MOST_ROWS
            elif query.one_each and len(rows) > len(ask.keys):
                rows = first_of_each(rows)
            return Answer(rows, datetime.now(UTC), faults)

        return fetch

    def explain(self, shape: Shape) -> str:
        """The statement for a list of keys; before the first Ask its keys count as text."""
        mapping = self.source.entities[shape.entity]
        reading = self._reading(shape)
        if reading.empty:
            return "nothing is asked: the source does not map what a filter speaks of"
        return Query(self.database, mapping, reading, self._columns.get(mapping.read, {}), self.recorded).some.sql

    def _reading(self, shape: Shape) -> Reading:
        return Reading(self.name, self.source.entities[shape.entity], self.catalogue.entities[shape.entity], shape, pushes=True)

    async def _query(self, mapping: SourceEntity, reading: Reading) -> Query:
        columns = await self.columns(mapping)
        if not columns:
            raise SourceGarbled(self.name, "a table named in hub.toml is not there", f"run `mizalla check` and mend sources.{self.name}")
        typed = {kind: [name for name, column in columns.items() if column.typed and column.kind == kind] for kind in ("text", "whole")}
        reading.trust(typed["text"], typed["whole"])
        return Query(self.database, mapping, reading, columns, self.recorded)

    async def columns(self, mapping: SourceEntity) -> dict[str, Column]:
        """The columns of an entity's table, connecting first where needed; empty when there is no such table."""
        if self._owned and not self._opened:
            async with self._turn:
                await self.database.open()
                self._opened = True
        found = self._columns.get(mapping.read)
        if not found:
            found = self._columns[mapping.read] = await self.database.columns(mapping.read)
        return found

    async def check(self) -> list[Finding]:
        """Verify tables and columns, and read a few rows of each."""
        found: list[Finding] = []
        self._columns.clear()
        for entity, mapping in self.source.entities.items():
            place = f"sources.{self.name}.entities.{entity}"
            columns = await self.columns(mapping)
            if not columns:
                tables = await self.database.tables()
                found.append(Finding(self.name, f"{place}.read", f"there is no table `{mapping.read}`", closest(mapping.read, tables)))
                continue
            missing = [(where, column) for where, column in mapped_columns(mapping) if column not in columns]
            for where, column in missing:
                found.append(Finding(self.name, f"{place}.{where}", f"`{mapping.read}` has no column `{column}`", closest(column, columns)))
            if not missing and entity in self.catalogue.entities:
                found += await self._sampled(entity, mapping, columns)
        return found

    async def _sampled(self, entity: str, mapping: SourceEntity, columns: dict[str, Column]) -> list[Finding]:
        reading = self._reading(Shape(self.name, entity, tuple(mapping.attributes), "all"))
        query = Query(self.database, mapping, reading, columns, most=SAMPLE)
        return sample_findings(self.name, entity, reading, await self.database.fetch(query.some, rows=SAMPLE))

    async def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """Stream people in the order of their key; a resumed scan goes on counting where it stopped."""
        mapping = self.source.entities["person"]
        columns = await self.columns(mapping)
        table = _table(mapping)
        key = table.c[mapping.person or mapping.key]
        kind = columns.get(key.name, TEXT)
        people = PeopleReader(mapping)
        wanted = [_as_text(table.c[each], columns.get(each, TEXT)) for each in people.columns]
        statement = sa.select(*wanted).where(key.is_not(None)).order_by(key)
        values: dict[str, Any] = {}
        row = 0
        if after is not None:
            values = {"after": _cast_key(kind)(after)}
            bound = sa.bindparam("after", type_=_type(kind))
            before = self.database.prepare(sa.select(sa.func.count()).select_from(table).where(key <= bound))
            row = int((await self.database.fetch(before, values, rows=10_000))[0][0])
            statement = statement.where(key > bound)
        async for rows in self.database.stream(self.database.prepare(statement), values, size):
            yield [people.person(number, raw[0], raw) for number, raw in enumerate(rows, row + 1)]
            row += len(rows)


class Query:
    """The statements of one shape over a table whose columns are known."""

    def __init__(
        self,
        database: Database,
        mapping: SourceEntity,
        reading: Reading,
        columns: dict[str, Column],
        recorded: str | None = None,
        most: int = MOST_ROWS + 1,
    ) -> None:
        """Write the texts; `recorded` is as SQL has it, `most` bounds a full read."""
        self.database = database
        self.shape = shape = reading.shape
        self._mapping = mapping
        self._kind = columns.get(reading.key, TEXT)
        self._cast = _cast_key(self._kind)
        self.exact = shape.by == "all" or self._kind.kind == "whole" or self._kind.exact
        self.one_each = shape.by == "key" and mapping.person is not None and shape.entity != "person"
        self._table = table = _table(mapping, recorded)
        key, own = table.c[reading.key], table.c[reading.own_key]
        self._pushed = [name for name in shape.filters if name not in reading.here]
        own_text = _as_text(own, columns.get(reading.own_key, TEXT))
        wanted = [own_text if at in reading.keys_at else table.c[name] for at, name in enumerate(reading.columns)]
        base = sa.select(_as_text(key, self._kind), *wanted)
        for name in self._pushed:
            base = base.where(self._filter(name, columns))
        if shape.by == "all":
            self.some = self.one = database.prepare(base.order_by(key).limit(most))
            return
        ordered = (key, table.c[recorded] if recorded else own) if reading.key != reading.own_key else ()
        compared = key if self._kind.kind in {"text", "whole"} else sa.cast(key, sa.Text)
        one = compared == sa.bindparam("key", type_=_type(self._kind))
        self.one = database.prepare(base.where(one).order_by(*ordered[1:]))
        some = among(compared, "keys", "whole" if self._kind.kind == "whole" else "text")
        self.some = database.prepare(base.where(some).order_by(*ordered))

    def _filter(self, name: str, columns: dict[str, Column]) -> sa.ColumnElement[bool]:
        (column,) = self._mapping.attributes[FILTERS[name]].column
        compared = _as_text(self._table.c[column], columns.get(column, TEXT))
        return compared >= sa.bindparam("since", type_=sa.Text) if name == "since" else among(compared, "kinds")

    async def rows(self, ask: Ask) -> Rows:
        """Run the statement that fits the number of keys."""
        keys: Sequence[Any] = ask.keys
        cast = self._cast
        if cast is not str:
            keys = [key for key in map(cast, keys) if key is not None]
        if not keys and self.shape.by != "all":
            return []
        values: dict[str, Any] = {"key": keys[0]} if len(keys) == 1 else {"keys": keys}
        if self._pushed:
            wanted = dict(zip(self.shape.filters, ask.filters, strict=True))
            for name in self._pushed:
                values[name] = raw_codes(self._mapping.attributes["kind"], wanted[name]) if name == "kinds" else wanted[name]
        if len(keys) == 1:
            return await self.database.fetch(self.one, values)
        return await self.database.fetch(self.some, values, len(keys) or MOST_ROWS)


async def _nothing(_: Ask) -> Answer:
    return Answer((), datetime.now(UTC))


def _table(mapping: SourceEntity, recorded: str | None = None) -> sa.TableClause:
    """The table with the columns the stanza names; they are written with the table's name, as an alias may hide them."""
    schema, _, name = mapping.read.rpartition(".")
    names = dict.fromkeys([*(column for _, column in mapped_columns(mapping)), *([recorded] if recorded else [])])
    return sa.table(name, *map(sa.column, names), schema=schema or None)


def _as_text(column: sa.ColumnElement[Any], declared: Column) -> sa.ColumnElement[Any]:
    return column if declared.kind == "text" else sa.cast(column, sa.Text)


def _type(declared: Column) -> Any:
    return sa.BigInteger() if declared.kind == "whole" else sa.Text()


def _cast_key(declared: Column) -> Callable[[str], Any]:
    return _whole_key if declared.kind == "whole" else str


def _whole_key(key: str) -> int | None:
    """The number a key writes in the one way the database itself would; None for any other text."""
    if not key.removeprefix("-").isdecimal() or len(key) > 19:
        return None
    number = int(key)
    return number if str(number) == key and -(2**63) <= number < 2**63 else None
