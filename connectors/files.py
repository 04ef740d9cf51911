"""Sources that send files: CSV, Excel and Parquet exports in one folder.

`address` is the folder and `read` a pattern of file names such as `beneficiaries-*.csv`. The files are read into an
SQLite index, option `index` or `.index.sqlite` in the folder itself, which only its owner may read; Asks run on that
index as on any SQL source. The folder is looked at before an Ask, at most once a second; when files were changed, added
or removed they are read again while Asks go on with the old index. What cannot be read leaves the old index standing.

Text files have no types: where the stanza declares no conversion, values become what their attribute's kind says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from connectors.contract import Fetch, Finding, Person
from connectors.index import File, Sheet, Unreadable, build, found_files, manifest, sha256
from connectors.mapping import attribute_of, closest, known_options, mapped_columns
from connectors.sql import SQL
from settings import Mapped, Source, SourceEntity
from tables.database import Database
from values import Answer, Ask, Catalogue, Entity, Kind, Shape

LOOK_SECONDS = 1.0
"""The folder is looked at no more often than this."""

GRACE_SECONDS = 0.5
"""An Ask waits so long for changed files to be read, then goes on with what was read before."""

Seen = tuple[tuple[str, str, int, int], ...]

ISO = "%Y-%m-%d"


class OverIndex(SQL):
    """Asks on the index, whose rows stand as the files have them."""

    recorded = "rowid"


class Files:
    """A folder of exports; see the module."""

    def __init__(self, name: str, source: Source, catalogue: Catalogue) -> None:
        """Lay out the index; no file is read yet.

        Raises:
            ConfigError: an option that does not exist.
        """
        known_options(name, source, ("index",))
        self.name = name
        self.folder = Path(source.address)
        self.index = Path(source.options.get("index", self.folder / ".index.sqlite"))
        self._stanza = source
        self._catalogue = catalogue
        self.sheets = tuple(_sheet(entity, mapping, catalogue) for entity, mapping in source.entities.items())
        entities = {entity: _typed(entity, mapping, catalogue.entities.get(entity)) for entity, mapping in source.entities.items()}
        self.source = source.model_copy(update={"entities": entities})
        self._sql: OverIndex | None = None
        self._retired: list[OverIndex] = []
        self._files: tuple[File, ...] = ()
        self._tried: Seen | None = None
        self._failed: Unreadable | None = None
        self._looked = 0.0
        self._reading: asyncio.Task[None] | None = None
        self._generation = 0

    async def open(self) -> None:
        """Read the files, or find the index of an earlier run still true of them."""
        await self._refresh(None)

    async def close(self) -> None:
        """Let go of the index."""
        if self._reading is not None:
            await asyncio.wait({self._reading})
        for sql in [*self._retired, self._sql]:
            if sql is not None:
                await sql.close()
                await sql.database.close()
        self._sql, self._retired = None, []

    def offers(self, entity: str) -> frozenset[str]:
        """The attributes this source maps."""
        mapping = self.source.entities.get(entity)
        return frozenset(mapping.attributes) if mapping else frozenset()

    def prepare(self, shape: Shape) -> Fetch:
        """Give the function that answers this shape from the index of the moment."""
        generation = -1
        fetch = self._over(self.index).prepare(shape)  # refused here, not at the first Ask, where the shape cannot be answered

        async def fetch_fresh(ask: Ask) -> Answer:
            nonlocal generation, fetch
            sql = await self._fresh()
            if generation != self._generation:
                generation, fetch = self._generation, sql.prepare(shape)
            answer = await fetch(ask)
            unread = sum(1 for file in self._files if file.fault and file.entity == shape.entity) + (self._failed is not None)
            faults = {**answer.faults, "key": answer.faults.get("key", 0) + unread} if unread else answer.faults
            return Answer(answer.rows, self.as_of(shape.entity), faults)

        return fetch_fresh

    def as_of(self, entity: str) -> datetime:
        """When the newest file of an entity was written."""
        newest = max((file.changed_ns for file in self._files if file.entity == entity), default=0)
        return datetime.fromtimestamp(newest / 1e9, UTC)

    def explain(self, shape: Shape) -> str:
        """The statement run on the index of the files."""
        sql = self._sql or self._over(self.index)
        return f"{self._stanza.entities[shape.entity].read}: {sql.explain(shape)}"

    def _over(self, index: Path) -> OverIndex:
        return OverIndex(self.name, self.source, self._catalogue, Database.at(f"sqlite:///{index}", read_only=True))

    async def _fresh(self) -> OverIndex:
        """The connector over the newest index there is; raises OSError where nothing was ever read."""
        if self._sql is None:
            await self._refresh(None)
        elif monotonic() - self._looked > LOOK_SECONDS:
            await self._refresh(GRACE_SECONDS)
        if self._sql is None:
            raise FileNotFoundError(self.index)
        return self._sql

    async def _refresh(self, patience: float | None) -> None:
        """See whether the folder changed and read it again if so, waiting for at most `patience` seconds."""
        if self._reading is None or self._reading.done():
            self._looked = monotonic()
            try:
                files = found_files(self.folder, self.sheets)
            except OSError as error:
                self._keep_or_raise(error, None)
                return
            seen = tuple(file.seen for file in files)
            if seen == self._tried:
                return
            self._reading = asyncio.create_task(self._read(files, seen))
        await asyncio.wait({self._reading}, timeout=patience)
        if self._reading.done():
            self._reading.result()

    async def _read(self, files: tuple[File, ...], seen: Seen) -> None:
        try:
            known = await asyncio.to_thread(self._read_now, files)
        except Exception as error:  # noqa: BLE001 — whatever keeps files from being read, the old reading stands
            self._keep_or_raise(error, seen)
            return
        sql = self._over(self.index)
        await sql.database.open()
        if self._sql is not None:
            # The one before may still be answering in a thread; the one before that cannot be.
            for old in self._retired:
                await old.database.close()
            self._retired = [self._sql]
        self._sql, self._files, self._tried, self._failed = sql, known, seen, None
        self._generation += 1

    def _keep_or_raise(self, error: Exception, seen: Seen | None) -> None:
        """Go on with an older reading and say so; without one there is nothing to go on with."""
        if self._sql is None:
            raise error
        self._tried = seen
        self._failed = error if isinstance(error, Unreadable) else Unreadable(self.folder.name, "the files cannot be read")

    def _read_now(self, files: tuple[File, ...]) -> tuple[File, ...]:
        """In a thread: keep an index that is still true of the files, else make a new one."""
        known = manifest(self.index, self.sheets)
        if known is not None and not any(file.fault for file in known):
            if [file.seen for file in known] == [file.seen for file in files]:
                return known
            if [(file.entity, file.name, file.size) for file in known] == [(file.entity, file.name, file.size) for file in files]:
                same = all(old.sha256 == sha256(self.folder / new.name) for old, new in zip(known, files, strict=True))
                if same:
                    return tuple(replace(old, changed_ns=new.changed_ns) for old, new in zip(known, files, strict=True))
        return build(self.folder, self.index, self.sheets, files, whole=self._sql is not None)

    async def check(self) -> list[Finding]:
        """Read the files and say what is wrong with any of them."""
        await self._refresh(None)
        found: list[Finding] = []
        for entity, mapping in self._stanza.entities.items():
            place = f"sources.{self.name}.entities.{entity}"
            files = [file for file in self._files if file.entity == entity]
            if not files:
                found.append(Finding(self.name, f"{place}.read", f"no file is called `{mapping.read}`", "put the exports into the folder"))
            for file in files:
                found += self._of_file(place, mapping, file)
        if self._failed is not None:
            message = f"`{self._failed.file}` cannot be read: {self._failed.reason}; an older reading stands"
            found.append(Finding(self.name, f"sources.{self.name}.address", message, "have it exported again", fatal=False))
        if self._sql is not None:
            found += await self._sql.check()
        return found

    def _of_file(self, place: str, mapping: SourceEntity, file: File) -> list[Finding]:
        if file.fault:
            return [Finding(self.name, f"{place}.read", f"`{file.name}` cannot be read: {file.fault}", "have it exported again")]
        found = [
            Finding(self.name, f"{place}.{where}", f"`{file.name}` has no column `{column}`", closest(column, file.headers))
            for where, column in mapped_columns(mapping)
            if column not in file.headers
        ]
        if file.skipped:
            message = f"{file.skipped} rows of `{file.name}` have no key and are left out"
            found.append(Finding(self.name, f"{place}.key", message, "have the keys filled in", fatal=False))
        return found

    async def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """All people of the files by key."""
        sql = await self._fresh()
        async for people in sql.scan(after, size):
            yield people


def _sheet(entity: str, mapping: SourceEntity, catalogue: Catalogue) -> Sheet:
    columns = tuple(dict.fromkeys(column for _, column in mapped_columns(mapping)))
    known = catalogue.entities.get(entity)
    texts = {column for parts in mapping.identifiers.values() for column in parts}
    for name, mapped in mapping.attributes.items():
        attribute = attribute_of(known, name) if known else None
        if attribute is not None and attribute.kind in {Kind.TEXT, Kind.CODE}:
            texts |= set(mapped.column)
    others = {
        column
        for name, mapped in mapping.attributes.items()
        if known and (attribute := attribute_of(known, name)) and attribute.kind not in {Kind.TEXT, Kind.CODE}
        for column in mapped.column
    }
    keys = {mapping.key, *(each for each in (mapping.person, mapping.household) if each)}
    unique = (mapping.person, mapping.key) if mapping.person else (mapping.key,)
    return Sheet(entity, mapping.read, columns, frozenset(texts - others), frozenset(keys), unique)


def _typed(entity: str, mapping: SourceEntity, known: Entity | None) -> SourceEntity:
    """The mapping as it stands on the index: its table, conversions where files have no types, real days in ISO form."""
    attributes: dict[str, Mapped] = {}
    for name, mapped in mapping.attributes.items():
        attribute = attribute_of(known, name) if known else None
        changed: dict[str, object] = {}
        if attribute is not None and mapped.column and attribute.kind not in {Kind.TEXT, Kind.CODE} and mapped.convert is None:
            changed["convert"] = attribute.kind.value
        if attribute is not None and attribute.kind is Kind.DAY and mapped.forms and ISO not in mapped.forms:
            changed["forms"] = (*mapped.forms, ISO)
        attributes[name] = mapped.model_copy(update=changed) if changed else mapped
    return mapping.model_copy(update={"read": entity, "attributes": attributes})
