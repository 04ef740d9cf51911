"""One SQL database, embedded or grown up: statements compiled once by SQLAlchemy, run on the driver itself.

SQLAlchemy's Core costs some 30 µs a statement and an async thread hop more than that, which is most of a
small look-up. So SQLAlchemy writes the text, once per dialect, and the text runs on the driver: apsw for
SQLite (the newest SQLite on every machine), asyncpg for PostgreSQL, aiomysql for MariaDB and MySQL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import sqlalchemy as sa

from tables.statement import Row, Statement, among, compiled

__all__ = ["Column", "Database", "Row", "Statement", "Transaction", "among"]

NOTHING: Mapping[str, Any] = {}

TRIES: Final = 4
"""So often a change is begun, where others keep coming first."""

Given = TypeVar("Given")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its database declares it.

    `kind` is `text`, `whole` or `other`: how a key given as text is compared with it. `typed` says that the
    database itself keeps every value of the column to its declared type, so that nobody need look again; `exact`
    that it finds a text only when every letter is the same.
    """

    name: str
    kind: str
    typed: bool
    exact: bool = True


class Transaction(Protocol):
    """Statements that take effect together or not at all."""

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = ...) -> list[Row]:
        """Run a statement and give its rows."""
        ...

    async def execute(self, statement: Statement, values: Mapping[str, Any] = ...) -> int:
        """Run a statement for its effect, and give how many rows it changed."""
        ...

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        """Run one statement for many value sets; a tuple stands in the statement's own order already."""
        ...


class Database:
    """A database by its URL; subclasses know one driver each."""

    dialect: sa.Dialect

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Keep the URL; nothing is opened yet. `read_only` makes the database itself refuse every change."""
        self.url = url
        self.read_only = read_only

    @staticmethod
    def at(url: str, *, read_only: bool = False) -> Database:
        """Choose the driver for `sqlite:///file`, `postgresql://…`, `mariadb://…` or `mysql://…`.

        A driver is imported only when it is needed, which keeps a hub on SQLite small.

        Raises:
            ValueError: another kind of URL.
        """
        backend = sa.make_url(url).get_backend_name()
        if backend == "sqlite":
            from tables.sqlite import SQLite

            return SQLite(url, read_only=read_only)
        if backend == "postgresql":
            from tables.postgresql import PostgreSQL

            return PostgreSQL(url, read_only=read_only)
        if backend in {"mysql", "mariadb"}:
            from tables.mariadb import MariaDB

            return MariaDB(url, read_only=read_only)
        raise ValueError(f"no driver for {backend} databases; use sqlite, postgresql, mariadb or mysql")

    def prepare(self, statement: sa.ClauseElement) -> Statement:
        """Compile a SQLAlchemy statement to this dialect's text, once."""
        return compiled(statement, self.dialect)

    async def open(self) -> None:
        """Connect; raises the driver's own error when it cannot."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of every connection."""
        raise NotImplementedError

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = NOTHING, rows: int = 1) -> list[Row]:
        """Read; `rows` is about how many are expected, which may decide where the work runs."""
        raise NotImplementedError

    def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """Read a long result in lists of `size` rows, in bounded memory."""
        raise NotImplementedError

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """`async with database.transaction() as tx:` commits at the end, rolls back on any error, and when it is called off."""
        raise NotImplementedError

    def collided(self, error: Exception) -> bool:  # noqa: ARG002 — for those below
        """Whether a transaction failed because another one came first: with the same key, or in a deadlock."""
        return False

    async def change(self, work: Callable[[Transaction], Awaitable[Given]]) -> Given:
        """Do work in a transaction, and anew where another one came first.

        Whoever takes the next number or version of something reads it as it stands, and may find it taken when it writes. The second
        time it reads what the other one wrote, and goes on from there or refuses. So the work keeps nothing outside its transaction.
        """
        for _ in range(TRIES - 1):
            try:
                async with self.transaction() as tx:
                    return await work(tx)
            except Exception as error:
                if not self.collided(error):
                    raise
        async with self.transaction() as tx:
            return await work(tx)

    async def tables(self) -> list[str]:
        """The names of the tables and views that can be read."""
        raise NotImplementedError

    async def columns(self, table: str) -> dict[str, Column]:
        """The columns of a table or view (`name` or `schema.name`); empty when there is none of that name."""
        raise NotImplementedError


def kind_of(declared: str, wholes: Sequence[str], texts: Sequence[str]) -> str:
    """`whole`, `text` or `other` for a declared type, by the words a dialect uses for each."""
    plain = declared.lower().split("(")[0].strip()
    return "whole" if plain in wholes else "text" if plain in texts else "other"
