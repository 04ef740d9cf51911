"""From exported files to one SQLite index: CSV, Excel and Parquet, whatever their size, in bounded memory.

The index holds the mapped columns and nothing else of a file. It is written beside its place and then moved there,
so that readers see the old one or the new one and never half of one.
"""

from __future__ import annotations

import csv
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import orjson

from connectors.convert import MARKS, folded

DELIMITERS = ",;\t|"
CSV = {".csv", ".tsv", ".txt"}
EXCEL = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}
PARQUET = {".parquet"}
ROWS = 10_000
"""Rows read of a file at once."""

Row = tuple[Any, ...]


class Unreadable(Exception):
    """A file cannot be read; `reason` says why in our words, never in the file's."""

    def __init__(self, file: str, reason: str) -> None:
        """Keep which file and why."""
        super().__init__(file, reason)
        self.file = file
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sheet:
    """One entity's part of the index: which files, which columns, and which of them are kept as text.

    `keys` are the columns whose digits are written in one script, since exports mix them; `unique` those that name a
    row once, the last file by name winning.
    """

    entity: str
    pattern: str
    columns: tuple[str, ...]
    texts: frozenset[str]
    keys: frozenset[str]
    unique: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """An exported file as it was found; `headers` and `skipped` are known once it was read."""

    entity: str
    name: str
    size: int
    changed_ns: int
    sha256: str = ""
    headers: tuple[str, ...] = ()
    skipped: int = 0
    fault: str = ""

    @property
    def seen(self) -> tuple[str, str, int, int]:
        """What tells cheaply whether it is still the same."""
        return self.entity, self.name, self.size, self.changed_ns


def found_files(folder: Path, sheets: Iterable[Sheet]) -> tuple[File, ...]:
    """The files of each sheet's pattern, by name; raises OSError where the folder is not there."""
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    found = []
    for sheet in sheets:
        for path in sorted(folder.glob(sheet.pattern)):
            if path.is_file() and not path.name.startswith((".", "~$")):
                stat = path.stat()
                found.append(File(sheet.entity, str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def manifest(index: Path, sheets: Sequence[Sheet]) -> tuple[File, ...] | None:
    """The files an index was made of; None where there is no index for these sheets."""
    if not index.is_file():
        return None
    try:
        with closing(apsw.Connection(str(index), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            made, files = connection.execute('SELECT sheets, files FROM "manifest"').fetchall()[0]
    except (apsw.Error, IndexError):
        return None
    if made != _described(sheets):
        return None
    return tuple(File(**{**each, "headers": tuple(each["headers"])}) for each in orjson.loads(str(files)))


def build(folder: Path, index: Path, sheets: Sequence[Sheet], files: Sequence[File], *, whole: bool) -> tuple[File, ...]:
    """Read files into a new index and put it in place; gives them with what was learnt.

    With `whole` a file that cannot be read ends it and the old index stays; without, it is left out and says so.

    Raises:
        Unreadable: a file cannot be read.
    """
    index.parent.mkdir(parents=True, exist_ok=True)
    fresh = index.with_name(f"{index.name}.{secrets.token_hex(4)}")
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(apsw.Connection(str(fresh))) as connection:
            connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768; BEGIN").fetchall()
            done = []
            for sheet in sheets:
                _create(connection, sheet)
                done += [_loaded(connection, folder, sheet, file, whole=whole) for file in files if file.entity == sheet.entity]
                _index(connection, sheet)
            connection.execute('CREATE TABLE "manifest" (sheets TEXT, files TEXT)')
            connection.execute('INSERT INTO "manifest" VALUES (?, ?)', (_described(sheets), orjson.dumps(done).decode()))
            connection.execute("COMMIT; PRAGMA journal_mode = DELETE")
        descriptor = os.open(fresh, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        fresh.replace(index)
    finally:
        fresh.unlink(missing_ok=True)
    return tuple(done)


def sha256(path: Path) -> str:
    """The digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _described(sheets: Sequence[Sheet]) -> str:
    return orjson.dumps(
        [[each.entity, each.pattern, each.columns, sorted(each.texts), sorted(each.keys), each.unique] for each in sheets]
    ).decode()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _create(connection: apsw.Connection, sheet: Sheet) -> None:
    columns = ", ".join(f"{_quoted(each)}{' TEXT' if each in sheet.texts or each in sheet.keys else ''}" for each in sheet.columns)
    connection.execute(f"CREATE TABLE {_quoted(sheet.entity)} ({columns})")


def _index(connection: apsw.Connection, sheet: Sheet) -> None:
    """Keep the row of the last file for each key, then index what Asks name; rows of a person stay as recorded."""
    table, keys = _quoted(sheet.entity), ", ".join(map(_quoted, sheet.unique))
    doubles = _quoted(f"{sheet.entity} doubles")
    connection.execute(f"CREATE INDEX {doubles} ON {table} ({keys})")
    connection.execute(f"DELETE FROM {table} WHERE rowid NOT IN (SELECT max(rowid) FROM {table} GROUP BY {keys})")  # noqa: S608 — quoted names of hub.toml
    if len(sheet.unique) == 1:
        return
    connection.execute(f"DROP INDEX {doubles}")
    for number, key in enumerate(sheet.unique):
        connection.execute(f"CREATE INDEX {_quoted(f'{sheet.entity} {number}')} ON {table} ({_quoted(key)})")


def _loaded(connection: apsw.Connection, folder: Path, sheet: Sheet, file: File, *, whole: bool) -> File:
    path = folder / file.name
    table = _quoted(sheet.entity)
    last = connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchall()[0][0]  # noqa: S608 — a quoted name of hub.toml
    try:
        headers, batches = _read(path, sheet.columns)
        skipped = _insert(connection, sheet, file.name, headers, batches)
        digest = sha256(path)
    except Unreadable as error:
        fault = error.reason
    except UnicodeDecodeError:
        fault = "it is not UTF-8 text"
    except _foreign():
        fault = f"it is not a readable {path.suffix[1:]} file"
    else:
        return File(*file.seen, digest, headers, skipped)
    if whole:
        raise Unreadable(file.name, fault)
    connection.execute(f"DELETE FROM {table} WHERE rowid > ?", (last,))  # noqa: S608 — a quoted name of hub.toml
    return File(*file.seen, fault=fault)


def _foreign() -> tuple[type[Exception], ...]:
    import duckdb
    import python_calamine

    return OSError, ValueError, csv.Error, duckdb.Error, python_calamine.CalamineError


def _insert(connection: apsw.Connection, sheet: Sheet, name: str, headers: tuple[str, ...], batches: Iterable[Sequence[Row]]) -> int:
    """Insert the sheet's columns of every row with a key; gives the number of rows without."""
    where: Mapping[str, int] = {header: place for place, header in enumerate(headers)}
    lacking = [key for key in sheet.unique if key not in where]
    if lacking:
        raise Unreadable(name, f"it has no column `{lacking[0]}`")
    places = [where.get(column, -1) for column in sheet.columns]
    keyed = [column in sheet.keys for column in sheet.columns]
    needed = [sheet.columns.index(key) for key in sheet.unique]
    skipped = 0

    def rows() -> Iterator[Row]:
        nonlocal skipped
        for batch in batches:
            for raw in batch:
                width = len(raw)
                row = [stored(raw[place]) if 0 <= place < width else None for place in places]
                for place, is_key in enumerate(keyed):
                    if is_key and row[place] is not None:
                        row[place] = folded(row[place]) or None
                if any(row[place] is None for place in needed):
                    skipped += 1
                else:
                    yield tuple(row)

    marks = ", ".join("?" * len(places))
    connection.executemany(f"INSERT INTO {_quoted(sheet.entity)} VALUES ({marks})", rows())  # noqa: S608 — quoted names of hub.toml
    return skipped


def _moment(value: datetime) -> str:
    return value.date().isoformat() if value.time() == time() else value.isoformat()


def _decimal(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


STORED: Mapping[type, Callable[[Any], Any]] = {
    str: lambda value: value.strip() or None,
    float: lambda value: int(value) if value.is_integer() and abs(value) < 2**53 else value,
    int: lambda value: value if -(2**63) <= value < 2**63 else str(value),
    bool: int,
    datetime: _moment,
    date: date.isoformat,
    time: time.isoformat,
    Decimal: _decimal,
    type(None): lambda _: None,
    bytes: lambda _: None,
}
"""How a cell of each type is kept."""


def stored(value: Any) -> Any:
    """A cell as SQLite keeps it: text trimmed, empty text as nothing, days in ISO form, whole fractions as whole numbers."""
    return STORED.get(type(value), str)(value)


def _header(value: Any) -> str:
    return "" if value is None else str(value).translate(MARKS).strip()


def _read(path: Path, wanted: Sequence[str]) -> tuple[tuple[str, ...], Iterator[Sequence[Row]]]:
    """The headers of a file and its rows in batches."""
    kind = path.suffix.lower()
    if kind in PARQUET:
        return _parquet(path, wanted)
    if kind not in CSV | EXCEL:
        raise Unreadable(path.name, "its kind is none of csv, tsv, txt, xlsx, xls, xlsb, ods, parquet")
    rows = _csv(path) if kind in CSV else _excel(path)
    header = next(rows, None)
    if header is None:
        raise Unreadable(path.name, "it is empty")
    return tuple(map(_header, header)), _batches(rows)


def _batches(rows: Iterator[Row]) -> Iterator[Sequence[Row]]:
    while batch := list(islice(rows, ROWS)):
        yield batch


def _csv(path: Path) -> Iterator[Row]:
    """The delimiter is the one the header line has most of: Python's own sniffer guesses from the data, and errs."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        delimiter = max(DELIMITERS, key=head.count)
        for row in csv.reader(file, delimiter=delimiter, strict=True):
            if row:
                yield tuple(row)


def _excel(path: Path) -> Iterator[Row]:
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_path(str(path)) as book:
        for row in book.get_sheet_by_index(0).iter_rows():
            if any(cell not in {None, ""} for cell in row):
                yield tuple(row)


def _parquet(path: Path, wanted: Sequence[str]) -> tuple[tuple[str, ...], Iterator[Sequence[Row]]]:
    import duckdb

    connection = duckdb.connect(config={"threads": "1", "memory_limit": "256MB", "autoinstall_known_extensions": "false"})
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    headers = {name: _header(name) for name, *_ in described}
    chosen = [name for name, header in headers.items() if header in wanted]

    def batches() -> Iterator[Sequence[Row]]:
        with closing(connection):
            if chosen:
                listed = ", ".join(map(_quoted, chosen))
                connection.execute(f"SELECT {listed} FROM read_parquet(?)", [str(path)])  # noqa: S608 — quoted names of the file itself
                while batch := connection.fetchmany(ROWS):
                    yield batch

    return tuple(headers[name] for name in chosen), batches()
