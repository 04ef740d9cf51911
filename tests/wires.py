"""One small set of cases, kept by the same organisation on every kind of wire.

What the sources hold is written the way sources write: codes of their own, days as day/month/year, amounts in
thousandths, numbers in Arabic-Indic digits. What the hub must say of it stands in PEOPLE and GIVEN.
"""

import asyncio
import csv
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import strawberry
import uvicorn
from strawberry.asgi import GraphQL

from connectors.gate import Gate, connect
from schema import CATALOGUE
from settings import Settings, Source
from tables.aid import allocation, case_file
from tables.database import Database
from tables.metadata import metadata

PERSON_COLUMNS = ("case_no", "first_name", "family_name", "sex", "born", "members", "score", "living", "card", "card_line", "family_no")
RAW_PEOPLE: list[Any] = [
    ("C-01", "زينب", "الجبوري", "1", "17/03/1988", 5, 71.5, True, "2043817", "1", "F1"),
    ("C-02", "Hêmin", "Barzanî", "2", "01/01/1990", 5, 40, True, "2043817", "2", "F1"),
    ("C-03", "علي", None, "2", "29/02/2000", 1, 0.5, False, None, "1", None),
    ("C,04", 'O"Brien', "x", "9", "31/02/1990", 3, 12.25, True, "99", None, "F2"),
    ("C'05", "مريم", "المالكي", "1", None, None, None, None, "1000", "3", "F3"),
    ("ح-06", "هند", "العاني", "1", "5/7/1971", 2, 99, True, None, None, "F4"),
]
"""The fourth has a sex that is in no list and a day that is in no month."""

PEOPLE: dict[str, Any] = {
    "C-01": ("زينب الجبوري", "F", "1988-03-17", 5, 71.5, True, "C-01"),
    "C-02": ("Hêmin Barzanî", "M", "1990-01-01", 5, 40, True, "C-02"),
    "C-03": ("علي", "M", "2000-02-29", 1, 0.5, False, "C-03"),
    "C,04": ('O"Brien x', None, None, 3, 12.25, True, "C,04"),
    "C'05": ("مريم المالكي", "F", None, None, None, None, "C'05"),
    "ح-06": ("هند العاني", "F", "1971-07-05", 2, 99, True, "ح-06"),
}
PERSON_ATTRIBUTES = ("name", "sex", "birth_date", "household_size", "need_score", "living", "case_number")

GIVEN_COLUMNS = ("number", "case_no", "type", "programme", "minor", "currency", "given_on")
RAW_GIVEN: list[Any] = [
    (1, "C-01", "M", "winter", 125_000_000, "IQD", "2026-01-10"),
    (2, "C-02", "M", "winter", 50_500, "USD", "2026-01-10"),
    (3, "C-01", "F", "ramadan", 35_001, "IQD", "2026-03-02"),
    (10, "C-01", "H", "clinic", 0, "IQD", "2025-12-31"),
    (11, "C,04", "F", "ramadan", 1, "IQD", "2026-03-05"),
    (12, "ح-06", "M", "winter", 7, "IQD", None),
]
GIVEN: dict[str, Any] = {
    "C-01": [
        ("1", "cash", "winter", 125_000, "IQD", "2026-01-10"),
        ("3", "food", "ramadan", 35.001, "IQD", "2026-03-02"),
        ("10", "health", "clinic", 0, "IQD", "2025-12-31"),
    ],
    "C-02": [("2", "cash", "winter", 50.5, "USD", "2026-01-10")],
    "C,04": [("11", "food", "ramadan", 0.001, "IQD", "2026-03-05")],
    "ح-06": [("12", "cash", "winter", 0.007, "IQD", None)],
}
GIVEN_ATTRIBUTES = ("key", "kind", "programme", "amount", "currency", "allocated_on")

STEWARD = {"aid": {"name": {"ar": "عون", "en": "Aid"}, "kind": "ngo"}}


@dataclass(frozen=True)
class Wire:
    """A source on one wire; `key` gives the key it knows a person by, for wires that have keys of their own."""

    name: str
    gate: Gate
    key: Callable[[str], str] = str

    def knows(self, entity: str, attributes: tuple[str, ...]) -> tuple[str, ...]:
        """Those attributes that this source offers."""
        offered = self.gate.offers(entity) | {"key"}
        return tuple(name for name in attributes if name in offered)


def stanza(wire: str, address: str, person: str, given: str, *, camel: bool = False, **more: Any) -> dict[str, Any]:
    """The stanza of the source on any wire; only names of things differ."""

    def column(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(part.title() for part in rest) if camel else name

    return {
        "steward": "aid",
        "wire": wire,
        "address": address,
        "timeout_seconds": 10,
        "entities": {
            "person": {
                "read": person,
                "key": column("case_no"),
                "household": column("family_no"),
                "identifiers": {"ration_card": [column("card"), column("card_line")], "case_number": column("case_no")},
                "attributes": {
                    "name": [column("first_name"), column("family_name")],
                    "sex": {"column": "sex", "codes": {"1": "F", "2": "M"}},
                    "birth_date": {"column": "born", "forms": ["%d/%m/%Y"]},
                    "household_size": "members",
                    "need_score": "score",
                    "living": "living",
                    "case_number": column("case_no"),
                },
            },
            "allocation": {
                "read": given,
                "key": "number",
                "person": column("case_no"),
                "attributes": {
                    "kind": {"column": "type", "codes": {"M": "cash", "F": "food", "H": "health"}},
                    "programme": "programme",
                    "amount": {"column": "minor", "scale": 0.001},
                    "currency": "currency",
                    "allocated_on": column("given_on"),
                },
            },
        },
        **more,
    }


def gate_of(source: dict[str, Any], database: Database | None = None) -> Gate:
    """Connect a stanza as the hub does."""
    settings = Settings.model_validate({"organisations": STEWARD, "sources": {"aid": source}})
    own = database or Database.at("sqlite:///:memory:")
    return connect("aid", settings.sources["aid"], settings, CATALOGUE, own)


def source_of(**changes: Any) -> Source:
    """A validated source, for what needs no gate."""
    return Source.model_validate({"steward": "aid", "wire": "sql", "address": "sqlite:///x", **changes})


def kept_as(metadata_: sa.MetaData, *, typed: bool) -> tuple[sa.Table, sa.Table]:
    """The tables of the source; a server keeps days, truths and decimals as such, a file as it can."""
    person = sa.Table(
        "cases",
        metadata_,
        sa.Column("case_no", sa.String(40), primary_key=True),
        sa.Column("first_name", sa.String(40)),
        sa.Column("family_name", sa.String(40)),
        sa.Column("sex", sa.String(8)),
        sa.Column("born", sa.String(12)),
        sa.Column("members", sa.Integer),
        sa.Column("score", sa.Numeric(8, 2) if typed else sa.Float),
        sa.Column("living", sa.Boolean),
        sa.Column("card", sa.String(20)),
        sa.Column("card_line", sa.String(4)),
        sa.Column("family_no", sa.String(20)),
    )
    given = sa.Table(
        "aid",
        metadata_,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("case_no", sa.String(40), index=True),
        sa.Column("type", sa.String(20)),
        sa.Column("programme", sa.String(40)),
        sa.Column("minor", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("given_on", sa.Date if typed else sa.String(10)),
    )
    return person, given


async def fill(database: Database, *, typed: bool) -> None:
    """Make and fill the source's tables."""
    tables = sa.MetaData()
    person, given = kept_as(tables, typed=typed)
    rows = [(*row[:-1], date.fromisoformat(row[-1]) if typed and row[-1] else row[-1]) for row in RAW_GIVEN]
    async with database.transaction() as tx:
        for table in (person, given):
            await tx.execute(database.prepare(sa.text(str(sa.schema.CreateTable(table).compile(dialect=database.dialect)))))
        # Written against the order of keys, so that nothing comes out ordered by chance.
        await tx.execute_many(
            database.prepare(sa.insert(person)), [dict(zip(PERSON_COLUMNS, row, strict=True)) for row in RAW_PEOPLE[::-1]]
        )
        await tx.execute_many(database.prepare(sa.insert(given)), [dict(zip(GIVEN_COLUMNS, row, strict=True)) for row in rows[::-1]])


@asynccontextmanager
async def sql(url: str) -> AsyncIterator[Wire]:
    """An SQL source at a URL, filled."""
    database = Database.at(url)
    await database.open()
    await fill(database, typed=not url.startswith("sqlite"))
    await database.close()
    gate = gate_of(stanza("sql", url, "cases", "aid"))
    await gate.open()
    yield Wire("sql", gate)
    await gate.close()


@asynccontextmanager
async def rest(folder: Path) -> AsyncIterator[Wire]:
    """Datasette, in a process of its own, with pages of two rows."""
    path = folder / "books.db"
    database = Database.at(f"sqlite:///{path}")
    await database.open()
    await fill(database, typed=False)
    await database.close()
    with datasette(path) as url:
        gate = gate_of(stanza("rest", f"{url}/books", "cases.json", "aid.json", page_size=2))
        await gate.open()
        yield Wire("rest", gate)
        await gate.close()


@contextmanager
def datasette(path: Path) -> Iterator[str]:
    """A running Datasette over one file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "datasette", "serve", str(path), "--port", str(port), "--setting", "default_cache_ttl", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(url, trust_env=False)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "Datasette did not start"
                time.sleep(0.05)
        try:
            yield url
        finally:
            server.terminate()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """An ASGI application on a socket of its own, in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@strawberry.type
class Case:
    case_no: str
    first_name: str
    family_name: str | None
    sex: str
    born: str | None
    members: int | None
    score: float | None
    living: bool | None
    card: str | None
    card_line: str | None
    family_no: str | None


@strawberry.type
class Aid:
    number: int
    case_no: str
    type: str
    programme: str | None
    minor: int
    currency: str
    given_on: str | None


@strawberry.type
class End:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Cases:
    nodes: list[Case]
    page_info: End


@strawberry.type
class Aids:
    nodes: list[Aid]
    page_info: End


def _page(rows: list[Any], first: int, after: str | None) -> tuple[list[Any], End]:
    start = int(after) if after else 0
    return rows[start : start + first], End(has_next_page=len(rows) > start + first, end_cursor=str(start + first))


@strawberry.type
class Query:
    @strawberry.field
    def cases(self, case_nos: list[str] | None = None, first: int = 10, after: str | None = None) -> Cases:
        rows = [Case(**dict(zip(PERSON_COLUMNS, row, strict=True))) for row in RAW_PEOPLE if case_nos is None or row[0] in case_nos]
        nodes, end = _page(rows, first, after)
        return Cases(nodes=nodes, page_info=end)

    @strawberry.field
    def aid(self, case_nos: list[str] | None = None, numbers: list[str] | None = None, first: int = 10, after: str | None = None) -> Aids:
        rows = [
            Aid(**dict(zip(GIVEN_COLUMNS, row, strict=True)))
            for row in RAW_GIVEN
            if (case_nos is None or row[1] in case_nos) and (numbers is None or str(row[0]) in numbers)
        ]
        nodes, end = _page(rows, first, after)
        return Aids(nodes=nodes, page_info=end)


def graphql_app() -> Any:
    """The organisation's GraphQL server."""
    return GraphQL(strawberry.Schema(query=Query), graphql_ide=None)


@asynccontextmanager
async def graphql() -> AsyncIterator[Wire]:
    """A GraphQL server on a socket, with pages of two rows."""
    with served(graphql_app()) as url:
        gate = gate_of(stanza("graphql", url, "cases", "aid", camel=True, page_size=2))
        await gate.open()
        yield Wire("graphql", gate)
        await gate.close()


def arabic(number: object) -> str:
    """A number in Arabic-Indic digits with the Arabic decimal sign."""
    return str(number).translate({ord("0") + digit: 0x0660 + digit for digit in range(10)} | {ord("."): 0x066B})


def write_csv(folder: Path) -> None:
    """Two exports of people and one of aid, semicolons and a byte-order mark included."""
    for name, people in (("cases-1.csv", RAW_PEOPLE[:4]), ("cases-2.csv", RAW_PEOPLE[4:])):
        with (folder / name).open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(PERSON_COLUMNS)
            for row in people:
                cells = [*row[:5], None if row[5] is None else arabic(row[5]), None if row[6] is None else arabic(row[6])]
                writer.writerow([*cells, {True: "نعم", False: "لا", None: ""}[row[7]], *row[8:]])
    with (folder / "aid.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(GIVEN_COLUMNS)
        writer.writerows(RAW_GIVEN)


def write_xlsx(folder: Path) -> None:
    """Excel sheets; days are real days, numbers real numbers."""
    import xlsxwriter

    for name, columns, rows in (("cases.xlsx", PERSON_COLUMNS, RAW_PEOPLE), ("aid.xlsx", GIVEN_COLUMNS, RAW_GIVEN)):
        with xlsxwriter.Workbook(folder / name) as book:
            sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
            sheet.write_row(0, 0, columns)
            for number, row in enumerate(rows, 1):
                for place, cell in enumerate(row):
                    if cell is not None and columns[place] == "given_on":
                        sheet.write_datetime(number, place, date.fromisoformat(str(cell)), day)
                    elif cell is not None:
                        sheet.write(number, place, cell)


def write_parquet(folder: Path) -> None:
    """Parquet by DuckDB, from the typed values."""
    import duckdb

    for name, columns, rows in (("cases.parquet", PERSON_COLUMNS, RAW_PEOPLE), ("aid.parquet", GIVEN_COLUMNS, RAW_GIVEN)):
        kinds = {"members": "INTEGER", "score": "DOUBLE", "living": "BOOLEAN", "number": "INTEGER", "minor": "BIGINT", "given_on": "DATE"}
        declared = ", ".join(f"{column} {kinds.get(column, 'VARCHAR')}" for column in columns)
        with duckdb.connect() as made:
            made.execute(f"CREATE TABLE t ({declared})")
            made.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(columns))})", rows)
            made.execute(f"COPY t TO '{folder / name}' (FORMAT parquet)")


WRITERS = {"csv": write_csv, "xlsx": write_xlsx, "parquet": write_parquet}


@asynccontextmanager
async def files(folder: Path, kind: str) -> AsyncIterator[Wire]:
    """A folder of exports of one kind."""
    WRITERS[kind](folder)
    gate = gate_of(stanza("files", str(folder), f"cases*.{kind}", f"aid.{kind}"))
    await gate.open()
    yield Wire("files", gate)
    await gate.close()


@asynccontextmanager
async def hub(folder: Path) -> AsyncIterator[Wire]:
    """The hub's own tables, where people go by number."""
    database = Database.at(f"sqlite:///{folder / 'hub.db'}")
    await database.open()
    numbers = {row[0]: number for number, row in enumerate(RAW_PEOPLE, 1)}
    kinds = {"M": "cash", "F": "food", "H": "health"}
    async with database.transaction() as tx:
        for table in (case_file, allocation):
            assert table.metadata is metadata
            await tx.execute(database.prepare(sa.text(str(sa.schema.CreateTable(table).compile(dialect=database.dialect)))))
        cases = [
            {"id": number, "organisation": "aid", "case_number": row[0], "person": number, "need_score": row[6], "opened_on": "2026-01-01"}
            for number, row in enumerate(RAW_PEOPLE, 1)
        ]
        await tx.execute_many(database.prepare(sa.insert(case_file)), cases[::-1])
        given = [
            {"id": row[0], "organisation": "aid", "person": numbers[row[1]], "programme": row[3] or "", "kind": kinds[row[2]]}
            | {"amount_minor": row[4], "currency": row[5], "allocated_on": row[6] or "", "status": "delivered"}
            for row in RAW_GIVEN
        ]
        await tx.execute_many(database.prepare(sa.insert(allocation)), given[::-1])
    gate = gate_of({"steward": "aid", "wire": "hub"}, database)
    await gate.open()
    yield Wire("hub", gate, lambda key: str(numbers.get(key, 999)))
    await gate.close()
    await database.close()


def rows_in(path: Path, text: str) -> list[tuple[Any, ...]]:
    """Look into a SQLite file with another library than the hub's."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()
