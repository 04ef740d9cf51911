"""Databases on the servers of the tests: empty ones, and copies of one that was brought up to date once for the run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiomysql
import asyncpg
import sqlalchemy as sa

from tables.upgrade import upgrade

NUMBERS = count(1)


def _named() -> str:
    return f"mizalla_test_{os.getpid()}_{next(NUMBERS)}"


@dataclass(slots=True)
class PostgreSQL:
    """A PostgreSQL server: it copies a database by itself."""

    server: sa.URL
    template: str | None = None

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.set(drivername="postgresql").render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _url(self, name: str) -> str:
        return self.server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    async def prepare(self) -> None:
        """Migrate the database that the others are copies of, once."""
        if self.template is None:
            name = _named()
            await self._run(f"CREATE DATABASE {name}")
            await upgrade(self._url(name))
            self.template = name

    @asynccontextmanager
    async def database(self, *, migrated: bool) -> AsyncIterator[str]:
        """The URL of a database of one's own, with the hub's tables in it or with none."""
        name = _named()
        if migrated:
            await self.prepare()
        await self._run(f"CREATE DATABASE {name}" + (f" TEMPLATE {self.template}" if migrated else ""))
        yield self._url(name)
        await self._run(f"DROP DATABASE {name} WITH (FORCE)")

    async def close(self) -> None:
        """Leave no copy behind on a server that stays."""
        if self.template is not None:
            await self._run(f"DROP DATABASE {self.template} WITH (FORCE)")


@dataclass(slots=True)
class MariaDB:
    """A MariaDB server: it copies nothing, so the statements that make the tables are kept and said again."""

    server: sa.URL
    tables: list[str] = field(default_factory=list)
    rows: list[tuple[str, Sequence[Any]]] = field(default_factory=list)

    @asynccontextmanager
    async def _cursor(self, name: str | None = None) -> AsyncIterator[Any]:
        url = self.server
        connection = await aiomysql.connect(
            host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", db=name, autocommit=True
        )
        async with connection.cursor() as cursor:
            yield cursor
        connection.close()

    async def prepare(self) -> None:
        """Migrate a database once and keep what its tables are made by, and what stands in them."""
        if self.tables:
            return
        async with self.database(migrated=False) as url:
            await upgrade(url)
            async with self._cursor(sa.make_url(url).database) as cursor:
                await cursor.execute("SHOW TABLES")
                for (name,) in await cursor.fetchall():
                    await cursor.execute(f"SHOW CREATE TABLE `{name}`")
                    self.tables.append((await cursor.fetchone())[1])
                    await cursor.execute(f"SELECT * FROM `{name}`")
                    self.rows += [(f"INSERT INTO `{name}` VALUES ({', '.join(['%s'] * len(row))})", row) for row in await cursor.fetchall()]

    @asynccontextmanager
    async def database(self, *, migrated: bool) -> AsyncIterator[str]:
        """The URL of a database of one's own, with the hub's tables in it or with none."""
        if migrated:
            await self.prepare()
        name = _named()
        async with self._cursor() as cursor:
            await cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        if migrated:
            async with self._cursor(name) as cursor:
                await cursor.execute("SET foreign_key_checks = 0")
                for each in self.tables:
                    await cursor.execute(each)
                for statement, row in self.rows:
                    await cursor.execute(statement, row)
        yield self.server.set(database=name).render_as_string(hide_password=False)
        async with self._cursor() as cursor:
            await cursor.execute(f"DROP DATABASE {name}")
