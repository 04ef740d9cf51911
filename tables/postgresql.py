"""PostgreSQL through asyncpg's pool; its own prepared statements do the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect

from tables.database import NOTHING, Column, Database, kind_of
from tables.statement import Row, Statement

AT_ONCE, MOST_AT_ONCE = 20, 20_000
"""From so many value sets on they are handed over as lists, a third of the server's work; a run takes so many at most."""

WHOLES = ("smallint", "integer", "bigint")
TEXTS = ("text", "character varying")


async def _as_it_was(connection: Any) -> None:
    """Statements of the hub leave nothing behind in a session, so returning it needs no round trip."""


class PostgreSQL(Database):
    """A server reached over a pool of at most `size` connections."""

    dialect: sa.Dialect = postgresql_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this class untyped

    def __init__(self, url: str, size: int = 8, *, read_only: bool = False) -> None:
        """`size` bounds the pool."""
        super().__init__(url, read_only=read_only)
        self.size = size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Fill the pool with one connection; more follow as needed."""
        if self._pool is None:
            plain = sa.make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
            settings = {"default_transaction_read_only": "on"} if self.read_only else {}
            self._pool = await asyncpg.create_pool(plain, min_size=1, max_size=self.size, reset=_as_it_was, server_settings=settings)

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = NOTHING, rows: int = 1) -> list[Row]:  # noqa: ARG002 — all work is the server's
        """Read on any free connection."""
        assert self._pool is not None, "the database is not open"
        return [*map(tuple, await self._pool.fetch(statement.sql, *statement.bind(values)))]

    async def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """A server-side cursor, in lists."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(statement.sql, *statement.bind(values))
            while rows := await cursor.fetch(size):
                yield [*map(tuple, rows)]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        """A transaction on a connection of its own."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.transaction():
            yield _Transaction(connection)

    def collided(self, error: Exception) -> bool:
        """A key that another transaction took meanwhile, or a deadlock that this one was given up for."""
        return isinstance(error, (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError))

    async def tables(self) -> list[str]:
        """Tables and views of the search path."""
        assert self._pool is not None, "the database is not open"
        rows = await self._pool.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = ANY(current_schemas(false))")
        return sorted(row[0] for row in rows)

    async def columns(self, table: str) -> dict[str, Column]:
        """Declared types, which PostgreSQL itself enforces."""
        assert self._pool is not None, "the database is not open"
        schema, _, plain = table.rpartition(".")
        rows = await self._pool.fetch(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1"
            " AND CASE WHEN $2 = '' THEN table_schema = ANY(current_schemas(false)) ELSE table_schema = $2 END",
            plain,
            schema,
        )
        return {name: Column(name, kind_of(declared, WHOLES, TEXTS), typed=True) for name, declared in rows}


class _Transaction:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Row]:
        return [tuple(row) for row in await self.connection.fetch(statement.sql, *statement.bind(values))]

    async def execute(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> int:
        told = (await self.connection.execute(statement.sql, *statement.bind(values))).rpartition(" ")[2]  # `UPDATE 1`, `INSERT 0 1`
        return int(told) if told.isdecimal() else 0

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        bound = statement.bind_many(many)
        if len(bound) == 1:  # one round trip less
            await self.connection.execute(statement.sql, *bound[0])
        elif len(bound) >= AT_ONCE and statement.at_once is not None:
            for begin in range(0, len(bound), MOST_AT_ONCE):
                await self.connection.execute(statement.at_once, *map(list, zip(*bound[begin : begin + MOST_AT_ONCE], strict=True)))
        else:
            await self.connection.executemany(statement.sql, bound)
