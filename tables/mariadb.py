"""MariaDB and MySQL through aiomysql's pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiomysql
import sqlalchemy as sa
from sqlalchemy.dialects.mysql.aiomysql import dialect as mysql_dialect

from tables.database import NOTHING, Column, Database, kind_of
from tables.statement import Row, Statement

DUPLICATE, WAITED, DEADLOCK = 1062, 1205, 1213
"""The server's numbers for them."""

WHOLES = ("tinyint", "smallint", "mediumint", "int", "bigint")
TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")


class MariaDB(Database):
    """A server reached over a pool of at most `size` connections."""

    dialect = mysql_dialect()

    def __init__(self, url: str, size: int = 8, *, read_only: bool = False) -> None:
        """`size` bounds the pool."""
        super().__init__(url, read_only=read_only)
        self.size = size
        self._pool: aiomysql.Pool | None = None

    async def open(self) -> None:
        """Fill the pool with one connection; more follow as needed."""
        if self._pool is None:
            url = sa.make_url(self.url)
            self._pool = await aiomysql.create_pool(
                host=url.host or "127.0.0.1",
                port=url.port or 3306,
                user=url.username,
                password=url.password or "",
                db=url.database,
                charset="utf8mb4",
                autocommit=True,
                minsize=1,
                maxsize=self.size,
                # As PostgreSQL has it: a statement sees what was committed before it, and locks rows, not the gaps between them.
                init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED" + (", READ ONLY" if self.read_only else ""),
            )

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.close()
            await self._pool.wait_closed()
            self._pool = None

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = NOTHING, rows: int = 1) -> list[Row]:  # noqa: ARG002 — all work is the server's
        """Read on any free connection."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(statement.sql, statement.bind(values))
            return list(await cursor.fetchall())

    async def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """An unbuffered cursor, in lists."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.cursor(aiomysql.SSCursor) as cursor:
            await cursor.execute("SET SESSION group_concat_max_len = 16777216")  # a text of many rows is not cut off
            await cursor.execute(statement.sql, statement.bind(values))
            while rows := await cursor.fetchmany(size):
                yield list(rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        """A transaction on a connection of its own."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection:
            await connection.begin()
            try:
                yield _Transaction(connection)
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()

    def collided(self, error: Exception) -> bool:
        """A key that another transaction took meanwhile, a lock that did not come, or a deadlock that this one was given up for."""
        return isinstance(error, aiomysql.MySQLError) and error.args[:1] in {(DUPLICATE,), (WAITED,), (DEADLOCK,)}

    async def tables(self) -> list[str]:
        """Tables and views of the database in the URL."""
        async with self._cursor() as cursor:
            await cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
            return sorted(row[0] for row in await cursor.fetchall())

    async def columns(self, table: str) -> dict[str, Column]:
        """Declared types, which the server itself enforces."""
        schema, _, plain = table.rpartition(".")
        async with self._cursor() as cursor:
            await cursor.execute(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_name = %s AND table_schema = COALESCE(NULLIF(%s, ''), DATABASE())",
                (plain, schema),
            )
            found = await cursor.fetchall()
        return {name: Column(name, kind_of(declared, WHOLES, TEXTS), typed=True, exact=False) for name, declared in found}

    @asynccontextmanager
    async def _cursor(self) -> AsyncIterator[Any]:
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            yield cursor


class _Transaction:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Row]:
        async with self.connection.cursor() as cursor:
            await cursor.execute(statement.sql, statement.bind(values))
            return list(await cursor.fetchall())

    async def execute(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> int:
        async with self.connection.cursor() as cursor:
            return int(await cursor.execute(statement.sql, statement.bind(values)))

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        async with self.connection.cursor() as cursor:
            await cursor.executemany(statement.sql, statement.bind_many(many))
