"""One SQL database, embedded or grown up: statements compiled once by SQLAlchemy, run on the driver itself.

SQLAlchemy's Core costs some 30 µs a statement and an async thread hop more than that, which is most of a
small look-up. So SQLAlchemy writes the text, once per dialect, and the text runs on the driver: apsw for
SQLite (the newest SQLite on every machine), asyncpg for PostgreSQL, aiomysql for MariaDB and MySQL.

Small reads of SQLite run in the event loop; large ones and every write run in threads, so that nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiomysql
import apsw
import asyncpg
import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.mysql.aiomysql import dialect as mysql_dialect
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

INLINE_ROWS = 200
"""A SQLite read expected to give at most this many rows runs in the event loop; a thread hop costs more than it."""

Row = tuple[Any, ...]
Result = TypeVar("Result")


class among(sa.ColumnElement[bool]):  # noqa: N801 — reads as an operator in a where clause
    """`column IN (the list bound to name)`, as one parameter, so that the text never depends on the rows."""

    inherit_cache = False

    def __init__(self, column: sa.ColumnElement[Any], name: str, kind: str = "text") -> None:
        """`kind` is `text`, `whole` or `blob`: what the list holds."""
        self.column = column
        self.kind = kind
        self.list = sa.bindparam(name, type_=sa.Text)
        self.name = name


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    value = "unhex(value)" if element.kind == "blob" else "value"
    return f"{compiler.process(element.column, **kw)} IN (SELECT {value} FROM json_each({compiler.process(element.list, **kw)}))"


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    kind = {"text": "TEXT", "whole": "BIGINT", "blob": "BYTEA"}[element.kind]
    bound = compiler.process(element.list, **kw).replace("::VARCHAR", "").replace("::TEXT", "")
    return f"{compiler.process(element.column, **kw)} = ANY({bound}::{kind}[])"


@compiles(among, "mysql")
@compiles(among, "mariadb")
def _among_mysql(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    kind = {"text": "VARCHAR(190) COLLATE utf8mb4_bin", "whole": "BIGINT", "blob": "VARCHAR(190)"}[element.kind]
    value = "UNHEX(v)" if element.kind == "blob" else "v"
    bound = compiler.process(element.list, **kw)
    return f"{compiler.process(element.column, **kw)} IN (SELECT {value} FROM JSON_TABLE({bound}, '$[*]' COLUMNS (v {kind} PATH '$')) AS listed)"


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text for one dialect, with the order its parameters are given in."""

    sql: str
    order: tuple[str, ...]
    fixed: Mapping[str, Any]
    lists: frozenset[str]
    blobs: frozenset[str]
    json_lists: bool

    def bind(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Put named values into the driver's order; a list becomes what this dialect reads as one."""
        bound = []
        for name in self.order:
            value = values[name] if name in values else self.fixed[name]
            if name in self.lists:
                value = list(value)
                if self.json_lists:
                    value = orjson.dumps([each.hex() for each in value] if name in self.blobs else value).decode()
            bound.append(value)
        return tuple(bound)

    def bind_many(self, many: Iterable[Mapping[str, Any] | Row]) -> list[Row]:
        """Bind value sets; tuples are taken as they stand, since naming every value costs more than storing it."""
        return [values if isinstance(values, tuple) else self.bind(values) for values in many]


class Transaction(Protocol):
    """Statements that take effect together or not at all."""

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = ...) -> list[Row]:
        """Run a statement and give its rows."""
        ...

    async def execute(self, statement: Statement, values: Mapping[str, Any] = ...) -> None:
        """Run a statement for its effect."""
        ...

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        """Run one statement for many value sets; a tuple stands in the statement's own order already."""
        ...


class Database:
    """A database by its URL; subclasses know one driver each."""

    dialect: sa.Dialect

    def __init__(self, url: str) -> None:
        """Keep the URL; nothing is opened yet."""
        self.url = url

    @staticmethod
    def at(url: str, *, read_only: bool = False) -> Database:
        """Choose the driver for `sqlite:///file`, `postgresql://…`, `mariadb://…` or `mysql://…`.

        Raises:
            ValueError: another kind of URL.
        """
        backend = sa.make_url(url).get_backend_name()
        if backend == "sqlite":
            return SQLite(url, read_only=read_only)
        if backend == "postgresql":
            return PostgreSQL(url)
        if backend in {"mysql", "mariadb"}:
            return MariaDB(url)
        raise ValueError(f"no driver for {backend} databases; use sqlite, postgresql, mariadb or mysql")

    def prepare(self, statement: sa.ClauseElement) -> Statement:
        """Compile a SQLAlchemy statement to this dialect's text, once."""
        compiled = statement.compile(dialect=self.dialect)
        assert isinstance(compiled, SQLCompiler)
        lists = _walk_among(statement)
        return Statement(
            sql=str(compiled),
            order=tuple(compiled.positiontup or ()),
            fixed=dict(compiled.params),
            lists=frozenset(each.name for each in lists),
            blobs=frozenset(each.name for each in lists if each.kind == "blob"),
            json_lists=self.dialect.name != "postgresql",
        )

    async def open(self) -> None:
        """Connect; raises the driver's own error when it cannot."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of every connection."""
        raise NotImplementedError

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = {}, rows: int = 1) -> Sequence[Row]:  # noqa: B006 — never changed
        """Read; `rows` is about how many are expected, which decides where the work runs."""
        raise NotImplementedError

    def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """Read a long result in lists of `size` rows, in bounded memory."""
        raise NotImplementedError

    def transaction(self) -> Any:
        """`async with database.transaction() as tx:` commits at the end, rolls back on any error."""
        raise NotImplementedError


def _walk_among(statement: sa.ClauseElement) -> list[among]:
    found: list[among] = []
    seen: set[int] = set()

    def walk(element: Any) -> None:
        if id(element) in seen:
            return
        seen.add(id(element))
        if isinstance(element, among):
            found.append(element)
            return
        for child in element.get_children():
            walk(child)

    walk(statement)
    return found


class SQLite(Database):
    """SQLite through apsw: one writer in its own thread, readers beside it (WAL)."""

    dialect = sqlite_dialect(paramstyle="qmark")

    def __init__(self, url: str, *, read_only: bool = False, synchronous: str = "FULL") -> None:
        """`synchronous` FULL makes every commit outlive a power cut."""
        super().__init__(url)
        self.path = sa.make_url(url).database or ":memory:"
        self.read_only = read_only
        self.synchronous = synchronous
        self._inline: apsw.Connection | None = None
        self._writer: apsw.Connection | None = None
        self._idle: list[apsw.Connection] = []
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="sqlite-read")
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._turn = asyncio.Lock()

    def _connect(self, *, writes: bool = False) -> apsw.Connection:
        if writes:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        else:
            flags = apsw.SQLITE_OPEN_READONLY
        connection = apsw.Connection(self.path, flags=flags)
        connection.set_busy_timeout(5000)
        if writes:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self.synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -65536")
        else:
            connection.execute("PRAGMA mmap_size = 1073741824")
        return connection

    async def open(self) -> None:
        """Open the file; without `read_only` it is made when missing."""
        if not self.read_only:
            self._writer = self._connect(writes=True)
        self._inline = self._connect()

    async def close(self) -> None:
        """Close every connection and end the threads."""
        self._threads.shutdown(wait=True)
        self._write_thread.shutdown(wait=True)
        for connection in [self._inline, self._writer, *self._idle]:
            if connection is not None:
                connection.close()
        self._inline = self._writer = None
        self._idle = []

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = {}, rows: int = 1) -> Sequence[Row]:  # noqa: B006 — never changed
        """Read in the event loop when small, in a thread when large."""
        assert self._inline is not None, "the database is not open"
        bound = statement.bind(values)
        if rows <= INLINE_ROWS:
            return self._inline.execute(statement.sql, bound).fetchall()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._fetch, statement.sql, bound)

    def _fetch(self, sql: str, bound: tuple[Any, ...]) -> list[Row]:
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            return connection.execute(sql, bound).fetchall()
        finally:
            self._idle.append(connection)

    async def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """Step through the cursor in threads; one connection is held until the end."""
        loop = asyncio.get_running_loop()
        connection = self._connect()
        try:
            cursor = connection.execute(statement.sql, statement.bind(values))

            def take() -> list[Row]:
                return [row for _, row in zip(range(size), cursor, strict=False)]

            while rows := await loop.run_in_executor(self._threads, take):
                yield rows
        finally:
            connection.close()

    async def run_in_writer(self, function: Callable[[apsw.Connection], Result]) -> Result:
        """Run `function` on the writing connection, in its thread: one hop for a whole transaction.

        The function begins, commits and rolls back by itself; nobody else writes meanwhile.
        """
        if self._writer is None:
            raise apsw.ReadOnlyError("the database is open for reading only")
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._write_thread, function, self._writer)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One writer at a time, in its own thread; BEGIN IMMEDIATE, so that a read inside cannot go stale."""
        assert self._writer is not None, "the database is open for reading only"
        async with self._turn:
            tx = _SQLiteTransaction(self._writer, self._write_thread)
            await tx.run("BEGIN IMMEDIATE")
            try:
                yield tx
            except BaseException:
                await tx.run("ROLLBACK")
                raise
            try:
                await tx.run("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    await tx.run("ROLLBACK")
                raise


class _SQLiteTransaction:
    def __init__(self, connection: apsw.Connection, thread: ThreadPoolExecutor) -> None:
        self.connection = connection
        self.thread = thread

    async def run(self, sql: str, bound: tuple[Any, ...] = ()) -> list[Row]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, lambda: self.connection.execute(sql, bound).fetchall())

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = {}) -> list[Row]:  # noqa: B006 — never changed
        return await self.run(statement.sql, statement.bind(values))

    async def execute(self, statement: Statement, values: Mapping[str, Any] = {}) -> None:  # noqa: B006 — never changed
        await self.run(statement.sql, statement.bind(values))

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        bound = statement.bind_many(many)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.thread, lambda: self.connection.executemany(statement.sql, bound).fetchall())


class PostgreSQL(Database):
    """PostgreSQL through asyncpg's pool; its own prepared statements do the rest."""

    dialect = postgresql_dialect()

    def __init__(self, url: str, size: int = 8) -> None:
        """`size` bounds the pool."""
        super().__init__(url)
        self.size = size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Fill the pool with one connection; more follow as needed."""
        plain = sa.make_url(self.url).set(drivername="postgresql")
        self._pool = await asyncpg.create_pool(plain.render_as_string(hide_password=False), min_size=1, max_size=self.size)

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = {}, rows: int = 1) -> Sequence[Row]:  # noqa: B006 — never changed
        """Read on any free connection."""
        assert self._pool is not None, "the database is not open"
        return [tuple(row) for row in await self._pool.fetch(statement.sql, *statement.bind(values))]

    async def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """A server-side cursor, in lists."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(statement.sql, *statement.bind(values))
            while rows := await cursor.fetch(size):
                yield [tuple(row) for row in rows]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction on a connection of its own."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.transaction():
            yield _PostgreSQLTransaction(connection)


class _PostgreSQLTransaction:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = {}) -> list[Row]:  # noqa: B006 — never changed
        return [tuple(row) for row in await self.connection.fetch(statement.sql, *statement.bind(values))]

    async def execute(self, statement: Statement, values: Mapping[str, Any] = {}) -> None:  # noqa: B006 — never changed
        await self.connection.execute(statement.sql, *statement.bind(values))

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        await self.connection.executemany(statement.sql, statement.bind_many(many))


class MariaDB(Database):
    """MariaDB and MySQL through aiomysql's pool."""

    dialect = mysql_dialect()

    def __init__(self, url: str, size: int = 8) -> None:
        """`size` bounds the pool."""
        super().__init__(url)
        self.size = size
        self._pool: aiomysql.Pool | None = None

    async def open(self) -> None:
        """Fill the pool with one connection; more follow as needed."""
        url = sa.make_url(self.url)
        self._pool = await aiomysql.create_pool(
            host=url.host or "127.0.0.1", port=url.port or 3306, user=url.username, password=url.password or "",
            db=url.database, charset="utf8mb4", autocommit=True, minsize=1, maxsize=self.size,
        )

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.close()
            await self._pool.wait_closed()
            self._pool = None

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = {}, rows: int = 1) -> Sequence[Row]:  # noqa: B006 — never changed
        """Read on any free connection."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(statement.sql, statement.bind(values))
            return list(await cursor.fetchall())

    async def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """An unbuffered cursor, in lists."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection, connection.cursor(aiomysql.SSCursor) as cursor:
            await cursor.execute(statement.sql, statement.bind(values))
            while rows := await cursor.fetchmany(size):
                yield list(rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction on a connection of its own."""
        assert self._pool is not None, "the database is not open"
        async with self._pool.acquire() as connection:
            await connection.begin()
            try:
                yield _MariaDBTransaction(connection)
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()


class _MariaDBTransaction:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = {}) -> list[Row]:  # noqa: B006 — never changed
        async with self.connection.cursor() as cursor:
            await cursor.execute(statement.sql, statement.bind(values))
            return list(await cursor.fetchall())

    async def execute(self, statement: Statement, values: Mapping[str, Any] = {}) -> None:  # noqa: B006 — never changed
        async with self.connection.cursor() as cursor:
            await cursor.execute(statement.sql, statement.bind(values))

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        async with self.connection.cursor() as cursor:
            await cursor.executemany(statement.sql, statement.bind_many(many))
