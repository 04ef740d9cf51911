"""SQLite through apsw: one writer in its own thread, readers beside it (WAL).

Reads run in the event loop, long ones in slices; those that turn out to be slow run in a thread, so that nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypeVar

import apsw
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect

from tables.database import NOTHING, Column, Database
from tables.statement import Row, Statement

INLINE_ROWS = 200
"""A read expected to give at most this many rows is made at once."""

SLICE_ROWS = 1024
"""A longer read in the event loop stops after so many rows, one to two milliseconds, to let others go on."""

INLINE_SECONDS = 0.05
"""A read or slice in the event loop that takes longer is stopped and run again in a thread."""

BUSY_MILLISECONDS = 15_000
"""How long a connection waits for another process that writes: a disk under other load may take seconds to flush."""

MAPPED_BYTES = 24 * 2**20
"""How much of each source's file is mapped into memory."""

Result = TypeVar("Result")


class _WriteThread:
    """One thread that does what it is given, in turn; with a plain queue a hop costs half of an executor's."""

    def __init__(self) -> None:
        self._given: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def run(self, function: Callable[[], Result]) -> asyncio.Future[Result]:
        """Call `function` in the thread; the future belongs to the running loop."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="sqlite-write", daemon=True)
            self._thread.start()
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._given.put((future, function))
        return future

    def close(self) -> None:
        """Finish what was given, then end the thread."""
        if self._thread is not None:
            self._given.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (given := self._given.get()) is not None:
            future, function = given
            result, failure = None, None
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 — whoever awaits the future receives it
                failure = error
            with suppress(RuntimeError):  # the loop ended meanwhile: nobody waits
                future.get_loop().call_soon_threadsafe(_settle, future, result, failure)


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)


class SQLite(Database):
    """A file, or with `sqlite://` nothing but memory."""

    dialect = sqlite_dialect(paramstyle="qmark")

    def __init__(self, url: str, *, read_only: bool = False, synchronous: str = "FULL") -> None:
        """`synchronous` FULL makes every commit outlive a power cut."""
        super().__init__(url, read_only=read_only)
        self.path = sa.make_url(url).database or ":memory:"
        self.synchronous = synchronous
        self.writing_kib, self.reading_kib = 65536, 8192  # what linking a country takes; whoever needs less may say so before opening
        self._inline: apsw.Connection | None = None
        self._until = 0.0
        self._writer: apsw.Connection | None = None
        self._spare: apsw.Connection | None = None
        self._large = 0
        self._reading: object | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="sqlite-read")
        self._write_thread = _WriteThread()
        self._turn = asyncio.Lock()

    def _connect(self, *, writes: bool = False) -> apsw.Connection:
        if writes:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        else:
            flags = apsw.SQLITE_OPEN_READONLY
        connection = apsw.Connection(self.path, flags=flags)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        # Plans that do not depend on the values bound: else a statement is parsed again whenever it is bound to other values.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        if writes:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self.synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{self.writing_kib}")
        return connection

    async def open(self) -> None:
        """Open the file; without `read_only` it is made when missing."""
        if self._inline is not None:
            return
        if not self.read_only:
            self._writer = self._connect(writes=True)
        self._inline = self._connect()
        # The first part of a source's file is mapped, which makes long reads quicker; more of it would count as the hub's own
        # memory for as long as it runs. The hub's own files are read in few places at a time, and grow without end; a page
        # cache of fixed size serves them nearly as well.
        self._inline.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}" if self.read_only else f"PRAGMA cache_size = -{self.reading_kib}")
        self._inline.set_progress_handler(lambda: not self._large and self._overdue(), 100_000)

    def _overdue(self) -> bool:
        return monotonic() > self._until

    def _small(self) -> apsw.Connection:
        """The connection for a small read: the one that maps the file, or while a thread reads on that, a spare one.

        One mapping serves small and large reads, because each further one would count the whole file as memory again.
        """
        assert self._inline is not None, "the database is not open"
        self._until = monotonic() + INLINE_SECONDS
        if not self._large:
            return self._inline
        if self._spare is None:
            self._spare = self._connect()
            self._spare.set_progress_handler(self._overdue, 100_000)
        return self._spare

    async def close(self) -> None:
        """Close every connection and end the threads."""
        self._threads.shutdown(wait=True)
        self._write_thread.close()
        for connection in [self._inline, self._writer, self._spare]:
            if connection is not None:
                connection.close()
        self._inline = self._writer = self._spare = None

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = NOTHING, rows: int = 1) -> list[Row]:
        """Read in the event loop: at once when few rows are expected, else in slices between which others have their turn.

        The driver takes and gives back the interpreter's lock at every row, so that a long read in a thread and a busy loop
        would spend more on handing the lock over than on reading. Only a statement that is slow by itself goes to a thread.
        """
        try:
            cursor = self._small().execute(statement.sql, statement.bind(values))
            if rows <= INLINE_ROWS:
                return cursor.fetchall()
            found = list(islice(cursor, SLICE_ROWS))
            read = len(found)
            while read == SLICE_ROWS:
                await asyncio.sleep(0)
                self._until = monotonic() + INLINE_SECONDS
                part = list(islice(cursor, SLICE_ROWS))
                found += part
                read = len(part)
        except apsw.InterruptError:
            return await self._fetch_in_thread(statement.sql, statement.bind(values))
        return found

    async def _fetch_in_thread(self, sql: str, bound: tuple[Any, ...]) -> list[Row]:
        connection = self._inline
        assert connection is not None, "the database is not open"
        mine = object()

        def fetch() -> list[Row]:
            self._reading = mine
            try:
                return connection.execute(sql, bound).fetchall()
            finally:
                self._reading = None

        self._large += 1
        work = asyncio.get_running_loop().run_in_executor(self._threads, fetch)
        work.add_done_callback(self._finished)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if not work.cancel() and self._reading is mine:
                connection.interrupt()
            work.add_done_callback(_retrieved)
            raise

    def _finished(self, _: object) -> None:
        self._large -= 1

    async def stream(self, statement: Statement, values: Mapping[str, Any], size: int) -> AsyncIterator[list[Row]]:
        """Step through the cursor in threads; one connection is held until the end."""
        loop = asyncio.get_running_loop()
        connection = self._connect()
        busy = Lock()
        bound = statement.bind(values)
        cursor = connection.cursor()

        def begin() -> None:  # the first row may take as long as all others
            with busy:
                cursor.execute(statement.sql, bound)

        def take() -> list[Row]:
            with busy:
                return list(islice(cursor, size))

        try:
            await loop.run_in_executor(self._threads, begin)
            while rows := await loop.run_in_executor(self._threads, take):
                yield rows
        finally:
            connection.interrupt()
            with busy:
                connection.close()

    async def run_in_writer(self, function: Callable[[apsw.Connection], Result]) -> Result:
        """Run `function` on the writing connection, in its thread: one hop for a whole transaction.

        The function begins, commits and rolls back by itself; nobody else writes meanwhile.
        """
        writer = self._writer
        if writer is None:
            raise apsw.ReadOnlyError("the database is closed, or open for reading only")
        async with self._turn:
            return await self._write_thread.run(lambda: function(writer))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        """One writer at a time, in its own thread; BEGIN IMMEDIATE, so that a read inside cannot go stale."""
        assert self._writer is not None, "the database is open for reading only"
        async with self._turn:
            tx = _Transaction(self._writer, self._write_thread)
            try:
                await tx.run("BEGIN IMMEDIATE")
                yield tx
                await tx.run("COMMIT")
            except BaseException:
                # Whoever was called off may have been while BEGIN or COMMIT ran: the thread finishes that, then looks.
                await tx.end()
                raise

    async def tables(self) -> list[str]:
        """Tables and views of the main file."""
        found = self._small().execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        return sorted(name for (name,) in found)

    async def columns(self, table: str) -> dict[str, Column]:
        """Declared types; only a STRICT table keeps its values to them."""
        plain = table.removeprefix("main.")
        of_table = "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE"
        strict = self._small().execute(of_table, (plain,)).fetchall()
        described = self._small().execute("SELECT type, sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE", (plain,)).fetchall()
        found = self._small().execute("SELECT name, upper(type) FROM pragma_table_xinfo(?)", (plain,)).fetchall()
        exact = [kind for kind, sql in described if kind == "table" and "COLLATE" not in str(sql).upper()] != []
        return {str(name): Column(str(name), _affinity(str(declared)), typed=strict == [(1,)], exact=exact) for name, declared in found}


def _retrieved(work: asyncio.Future[Any]) -> None:
    """Look at the outcome of a read nobody waits for any more."""
    if not work.cancelled():
        work.exception()


def _affinity(declared: str) -> str:
    """SQLite's own rules of column affinity: INT anywhere in the word, then CHAR, CLOB or TEXT."""
    if "INT" in declared:
        return "whole"
    return "text" if any(word in declared for word in ("CHAR", "CLOB", "TEXT")) else "other"


class _Transaction:
    def __init__(self, connection: apsw.Connection, thread: _WriteThread) -> None:
        self.connection = connection
        self.thread = thread

    async def end(self) -> None:
        """Roll back what is open, if anything is."""
        await self.thread.run(lambda: self.connection.execute("ROLLBACK") if self.connection.in_transaction else None)

    async def run(self, sql: str, bound: tuple[Any, ...] = ()) -> list[Row]:
        return await self.thread.run(lambda: self.connection.execute(sql, bound).fetchall())

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Row]:
        return await self.run(statement.sql, statement.bind(values))

    async def execute(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> int:
        bound = statement.bind(values)

        def change() -> int:
            before = self.connection.total_changes()
            self.connection.execute(statement.sql, bound).fetchall()
            return self.connection.total_changes() - before

        return await self.thread.run(change)

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        bound = statement.bind_many(many)
        await self.thread.run(lambda: self.connection.executemany(statement.sql, bound).fetchall())
