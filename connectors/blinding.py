"""Blinding a source's own table on the source's side: batch after batch, each kept at once, so that it may be stopped anywhere."""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import orjson
import sqlalchemy as sa

from connectors.edge import Operator, outputs
from connectors.people import joined
from errors import ConfigError
from privacy.blind import normalised
from privacy.edge import message, named, written
from stanzas import EdgeOperator
from tables.database import Database
from values import Scheme

Row = tuple[int, Any, str | None]
"""Its number, what the place needs to find it again, and its identifier as it stands."""


AHEAD = 20
"""Batches read from a table at once: each read looks past everything that is done."""


class Place(Protocol):
    """Where people stand, and where the results are written."""

    wrote: str
    before: int

    async def begin(self, run: str) -> int:
        """Get ready to go on where the same run stopped, and say about how many rows there are."""
        ...

    def rows(self, size: int) -> AsyncIterator[list[Row]]:
        """The rows not done yet."""
        ...

    async def keep(self, rows: Sequence[Row], results: Sequence[str]) -> None:
        """Write the results of some rows, durably."""
        ...

    async def finish(self) -> None:
        """All is done: let the results be seen."""
        ...

    async def close(self) -> None:
        """Let go, done or not."""
        ...


class Job:
    """One run over one place."""

    def __init__(self, place: Place, scheme: Scheme, operators: Sequence[EdgeOperator], batch: int) -> None:
        """Nobody is reached yet.

        Raises:
            Unproved: a public key that is none.
        """
        self._place = place
        self._scheme = scheme
        self._operators = [Operator(each) for each in operators]
        self._batch = batch
        self._name = named(each.public for each in self._operators)
        self.blinded = 0
        self.empty = 0
        self.unreadable: list[int] = []

    @property
    def before(self) -> int:
        """Rows that an earlier run had done."""
        return self._place.before

    async def run(self, progress: Callable[[int, int], None]) -> None:
        """Blind everything that is not blinded yet.

        Raises:
            SourceError: an operator failed; what is done stays, and the next run goes on from there.
        """
        try:
            total = await self._place.begin(f"{self._scheme} {self._name}")
            done = self._place.before
            progress(done, total)
            async for rows in self._place.rows(self._batch):
                await self._place.keep(rows, await self._results(rows))
                done += len(rows)
                progress(done, max(total, done))
            await self._place.finish()
        finally:
            await self._place.close()
            for each in self._operators:
                await each.close()

    async def _results(self, rows: Sequence[Row]) -> list[str]:
        results = [""] * len(rows)
        messages: dict[int, bytes] = {}
        for place, (number, _, raw) in enumerate(rows):
            if raw is None or not raw.strip(" /"):
                self.empty += 1
                continue
            try:
                messages[place] = message(self._scheme, normalised(self._scheme, raw))
            except ValueError:
                self.unreadable.append(number)
        if messages:
            made = await outputs(self._operators, list(messages.values()))
            for place, output in zip(messages, made, strict=True):
                results[place] = written(self._name, output)
            self.blinded += len(messages)
        return results


class CSVFile:
    """A CSV file; the results are a further column of another file, which appears when it is whole."""

    def __init__(self, source: Path, target: Path, columns: Sequence[str], delimiter: str, drop: bool) -> None:  # noqa: FBT001 — the command's own flag
        """Nothing is opened yet."""
        self.source, self.target = source, target
        self.wrote, self.before = str(target), 0
        self._columns, self._delimiter, self._drop = columns, delimiter, drop
        self._part = target.with_name(f".{target.name}.part")
        self._mark = target.with_name(f".{target.name}.progress")
        self._open = ExitStack()

    async def begin(self, run: str) -> int:
        """Open both files; a part that a run over the same file left is gone on with.

        Raises:
            ConfigError: the file cannot be read, or has no such column.
        """
        if self.source.resolve() == self.target.resolve():
            raise ConfigError("the file would be written over itself", "name another --output")
        try:
            opened = self._open.enter_context(self.source.open(encoding="utf-8-sig", newline=""))
            total = sum(1 for _ in csv.reader(opened, delimiter=self._delimiter)) - 1
            opened.seek(0)
            self._lines = csv.reader(opened, delimiter=self._delimiter)
            header = next(self._lines, [])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ConfigError("the file cannot be read as CSV in UTF-8", "name a file that this user may read", str(self.source)) from error
        missing = [each for each in self._columns if each not in header]
        if missing:
            raise ConfigError(f"the file has no column {missing[0]}", f"its columns: {', '.join(header)}", str(self.source))
        self._places = [header.index(each) for each in self._columns]
        self._kept = [place for place in range(len(header)) if not (self._drop and place in self._places)]
        self._width = len(header)
        stat = self.source.stat()
        self._run = blake2b(f"{run} {stat.st_size} {stat.st_mtime_ns} {self._columns} {self._drop}".encode(), digest_size=16).hexdigest()
        return self._resume(header, total)

    def _resume(self, header: list[str], total: int) -> int:
        mark = self._marked(self._mark)
        if mark.get("done") and self.target.exists():
            self.before = total
            self._lines = csv.reader(())
        elif mark and self._part.exists():
            os.truncate(self._part, mark["bytes"])
            self.before = mark["rows"]
            next(islice(self._lines, self.before, self.before), None)
        else:
            self._part.write_text("", encoding="utf-8")
        self._writing = self._open.enter_context(self._part.open("a", encoding="utf-8", newline=""))
        self._writer = csv.writer(self._writing, delimiter=self._delimiter)
        if not self.before:
            self._writer.writerow([*(header[place] for place in self._kept), f"{'_'.join(self._columns)}_blinded"])
        return total

    def _marked(self, path: Path) -> dict[str, Any]:
        try:
            mark = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return mark if isinstance(mark, dict) and mark.get("run") == self._run else {}

    async def rows(self, size: int) -> AsyncIterator[list[Row]]:
        """The next rows; one with too few fields has no identifier."""
        number = self.before
        while some := list(islice(self._lines, size)):
            yield [(number + place, row, self._identifier(row)) for place, row in enumerate(some, 1)]
            number += len(some)

    def _identifier(self, row: list[str]) -> str | None:
        return joined([row[place] for place in self._places]) if len(row) == self._width else None

    async def keep(self, rows: Sequence[Row], results: Sequence[str]) -> None:
        """Write, flush to the disk, and only then move the mark."""
        self._writer.writerows(
            [*(row[place] if place < len(row) else "" for place in self._kept), result]
            for (_, row, _), result in zip(rows, results, strict=True)
        )
        self._writing.flush()
        await asyncio.to_thread(os.fsync, self._writing.fileno())
        self._set({"run": self._run, "rows": rows[-1][0], "bytes": self._part.stat().st_size})

    async def finish(self) -> None:
        """Give the file its name."""
        self._writing.flush()
        if not (self._marked(self._mark).get("done") and self.target.exists()):
            self._part.replace(self.target)
            self._set({"run": self._run, "done": True})
        self._part.unlink(missing_ok=True)

    async def close(self) -> None:
        """Close both files."""
        self._open.close()

    def _set(self, mark: dict[str, Any]) -> None:
        beside = self._mark.with_suffix(".new")
        beside.write_bytes(orjson.dumps(mark))
        beside.replace(self._mark)


class DatabaseTable:
    """A table of a database; the results stand in a table beside it, by the same key."""

    def __init__(self, url: str, table: str, key: str, columns: Sequence[str]) -> None:
        """Nothing is opened yet."""
        self.wrote, self.before = f"{table}_blinded", 0
        self._database = Database.at(url)
        self._table, self._key, self._columns = table, key, columns

    async def begin(self, run: str) -> int:
        """Make the table beside where there is none; results of another scheme or key are done again.

        Raises:
            ConfigError: the database cannot be opened, or has no such table or column.
        """
        try:
            await self._database.open()
            there = await self._database.columns(self._table)
        except Exception as error:
            raise ConfigError(
                f"the database cannot be opened ({type(error).__name__})", "see that it runs, and its address is right"
            ) from error
        missing = [each for each in (self._key, *self._columns) if each not in there]
        if missing:
            raise ConfigError(f"{self._table} has no column {missing[0]}", f"its columns: {', '.join(there) or 'there is no such table'}")
        self._run = run
        people = sa.table(self._table, *(sa.column(each) for each in {self._key, *self._columns}))
        beside = sa.table(self.wrote, sa.column("key"), sa.column("run"), sa.column("blinded"))
        quoted = self._database.dialect.identifier_preparer.quote
        layout = f"{quoted('key')} VARCHAR(190) PRIMARY KEY, run VARCHAR(64), blinded VARCHAR(80)"
        if self.wrote not in await self._database.tables():
            async with self._database.transaction() as tx:
                await tx.execute(self._database.prepare(sa.text(f"CREATE TABLE {quoted(self.wrote)} ({layout})")), {})
        key = sa.cast(people.c[self._key], sa.String(190))
        done = sa.exists().where(beside.c.key == key, beside.c.run == sa.bindparam("this_run"))
        columns = [people.c[each] for each in self._columns]
        prepare = self._database.prepare
        self._next = prepare(
            sa.select(people.c[self._key], *columns)
            .where(~done)
            .order_by(people.c[self._key])
            .limit(sa.bindparam("size", type_=sa.Integer))
        )
        self._forget = prepare(sa.delete(beside).where(beside.c.key == sa.bindparam("of_key"), beside.c.run != sa.bindparam("this_run")))
        self._insert = prepare(sa.insert(beside))
        counted = await self._database.fetch(prepare(sa.select(sa.func.count()).select_from(people)))
        kept = await self._database.fetch(
            prepare(sa.select(sa.func.count()).select_from(beside).where(beside.c.run == sa.bindparam("this_run"))), {"this_run": run}
        )
        self.before = kept[0][0]
        return int(counted[0][0])

    async def rows(self, size: int) -> AsyncIterator[list[Row]]:
        """Rows without a result of this run, by key."""
        number, ahead = self.before, size * AHEAD
        while found := await self._database.fetch(self._next, {"this_run": self._run, "size": ahead}, rows=ahead):
            for first in range(0, len(found), size):
                some = found[first : first + size]
                yield [(number + place, row[0], joined(row[1:])) for place, row in enumerate(some, 1)]
                number += len(some)

    async def keep(self, rows: Sequence[Row], results: Sequence[str]) -> None:
        """Write the results, an empty one too, so that no row is read twice."""
        async with self._database.transaction() as tx:
            await tx.execute_many(self._forget, [{"of_key": str(key), "this_run": self._run} for _, key, _ in rows])
            made = [{"key": str(key), "run": self._run, "blinded": result} for (_, key, _), result in zip(rows, results, strict=True)]
            await tx.execute_many(self._insert, made)

    async def finish(self) -> None:
        """Everything is there already."""

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()
