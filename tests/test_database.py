"""One way to reach any SQL database: the same promises on SQLite, PostgreSQL and MariaDB."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomysql
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from connectors.gate import Gate
from errors import SourceError, SourceGarbled, SourceSlow
from tables.database import Database, among
from tables.statement import insert_missing, updating
from tests.wires import gate_of
from values import Answer, Ask, Shape

pytestmark = pytest.mark.anyio

METADATA = sa.MetaData()
THING = sa.Table(
    "thing",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("size", sa.BigInteger),
    sa.Column("blind", sa.LargeBinary(32)),
)
SHAPE = Shape("aid", "person", ("name",))
SLOW = {
    "sqlite": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT 'k' AS k, CAST(max(n) AS TEXT) AS v FROM c",
    "postgresql": "SELECT 'k'::text AS k, CAST(pg_sleep(20) AS text) AS v",
    "mysql": "SELECT 'k' AS k, CAST(SLEEP(2) AS CHAR) AS v",
}
"""Views that take for ever, in each dialect."""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/things.db" if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_empty"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database.at(url)
    await opened.open()
    await run(opened, str(CreateTable(THING).compile(dialect=opened.dialect)))
    async with opened.transaction() as tx:
        rows = [{"name": f"n{number}", "size": number, "blind": bytes([number]) * 32} for number in range(100)]
        await tx.execute_many(opened.prepare(sa.insert(THING)), rows)
    yield opened
    await opened.close()


async def run(database: Database, *statements: str) -> None:
    async with database.transaction() as tx:
        for statement in statements:
            await tx.execute(database.prepare(sa.text(statement)))


@pytest.mark.parametrize(
    ("column", "kind", "values", "found"),
    [
        (THING.c.name, "text", ["n1", "n5", "m1", "n'1"], [1, 5]),
        (THING.c.size, "whole", [1, 7, 999], [1, 7]),
        (THING.c.blind, "blob", [b"\x03" * 32, b"\x04" * 31], [3]),
        (THING.c.name, "text", [], []),
        (THING.c.size, "whole", [], []),
        (THING.c.blind, "blob", [], []),
    ],
)
async def test_a_list_is_one_parameter(database: Database, column: Any, kind: str, values: list[Any], found: list[int]) -> None:
    statement = database.prepare(sa.select(THING.c.size).where(among(column, "wanted", kind)).order_by(THING.c.size))
    for rows in (1, 10_000):
        answer = await database.fetch(statement, {"wanted": values}, rows=rows)
        assert [size for (size,) in answer] == found


async def test_a_long_result_comes_in_parts(database: Database) -> None:
    statement = database.prepare(sa.select(THING.c.size).where(THING.c.size >= sa.bindparam("least")).order_by(THING.c.size))
    parts = [part async for part in database.stream(statement, {"least": 50}, 20)]
    assert [len(part) for part in parts] == [20, 20, 10]
    assert parts[0][0] == (50,)


async def test_a_stream_may_be_left_early(database: Database) -> None:
    statement = database.prepare(sa.select(THING.c.size).order_by(THING.c.size))
    stream = database.stream(statement, {}, 10)
    assert await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]  # every stream is a generator
    assert len(await database.fetch(statement, rows=1000)) == 100


async def test_a_transaction_takes_effect_whole_or_not_at_all(database: Database) -> None:
    insert = database.prepare(sa.insert(THING))
    count = database.prepare(sa.select(sa.func.count()).select_from(THING))
    seen: list[Any] = []

    async def fail_half_way() -> None:
        async with database.transaction() as tx:
            await tx.execute(insert, {"name": "new", "size": 1, "blind": b""})
            seen.extend(await tx.fetch(count))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    assert seen == [(101,)]
    assert await database.fetch(count) == [(100,)]


@pytest.mark.parametrize("steps", range(14))
async def test_a_transaction_that_is_called_off_anywhere_leaves_the_database_writable(database: Database, steps: int) -> None:
    insert, count = database.prepare(sa.insert(THING)), database.prepare(sa.select(sa.func.count()).select_from(THING))

    async def write(name: str) -> None:
        async with database.transaction() as tx:
            await tx.execute(insert, {"name": name, "size": 1, "blind": b""})
            await tx.execute(insert, {"name": f"{name} again", "size": 1, "blind": b""})

    work = asyncio.create_task(write("called off"))
    for _ in range(steps):
        await asyncio.sleep(0 if database.dialect.name == "sqlite" else 0.0003)
    work.cancel()
    with suppress(asyncio.CancelledError, aiomysql.InterfaceError):  # as aiomysql calls it
        await work
    await write("afterwards")
    assert await database.fetch(count) in ([(102,)], [(104,)]), "whole or not at all"


async def test_many_rows_are_written_as_if_one_by_one(database: Database) -> None:
    add, every = database.prepare(sa.insert(THING)), database.prepare(sa.select(THING).order_by(THING.c.size, THING.c.name))
    keep = database.prepare(insert_missing(THING, database.dialect.name))
    change = updating(THING, ("name",), ("size", "blind"), database.dialect)
    rows: list[Any] = [(f"'{place}' شخص", None if place % 7 else 2**62 - place, bytes([place]) * 3) for place in range(60)]
    async with database.transaction() as tx:
        await tx.execute_many(add, rows)
        await tx.execute_many(keep, [{"name": f"n{place}", "size": -1, "blind": None} for place in range(80, 140)])
        await tx.execute_many(change, [(place + 1000, None, f"n{place}") for place in range(50)] + [(5, None, "nobody")])
    stored = {name: (size, blind) for name, size, blind in await database.fetch(every, rows=200)}
    assert {name: stored[name] for name, *_ in rows} == {name: (size, blind) for name, size, blind in rows}
    assert len(stored) == 100 + 60 + 40
    assert (stored["n49"], stored["n50"], stored["n99"]) == ((1049, None), (50, bytes([50]) * 32), (99, bytes([99]) * 32))
    assert stored["n139"] == (-1, None)
    wrong = [[("n1", 1, None)], [("x" * 41, 1, None)] if database.dialect.name != "sqlite" else [(rows[0][0], 1, None)]]
    for each in wrong:  # a name that is there, one that is too long: refused, and none of the list written
        with pytest.raises(Exception, match=r"(?i)unique|duplicate|too long"):
            async with database.transaction() as tx:
                await tx.execute_many(add, [*((f"more {place}", place, None) for place in range(30)), *each])
    assert len(await database.fetch(every, rows=200)) == len(stored)


async def test_what_is_opened_for_reading_refuses_every_change(database: Database, url: str) -> None:
    reading = Database.at(url, read_only=True)
    await reading.open()
    delete = reading.prepare(sa.delete(THING))
    with pytest.raises(Exception, match=r"(?i)read.?only|reading only"):
        async with reading.transaction() as tx:
            await tx.execute(delete)
    await reading.close()
    assert len(await database.fetch(database.prepare(sa.select(THING.c.name)), rows=1000)) == 100


async def test_tables_and_columns_are_told_as_declared(database: Database) -> None:
    assert "thing" in await database.tables()
    columns = await database.columns("thing")
    assert {name: column.kind for name, column in columns.items()} == {"name": "text", "size": "whole", "blind": "other"}
    assert await database.columns("nothing") == {}


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="sqlite, postgresql, mariadb or mysql"):
        Database.at("oracle://x")


def gate_over(url: str, read: str, **changes: Any) -> Gate:
    person = {"read": read, "key": "k", "attributes": {"name": "v"}}
    return gate_of({"steward": "aid", "wire": "sql", "address": url, "retries": 0, "entities": {"person": person}, **changes})


async def ask(gate: Gate, *keys: str) -> Answer:
    return await gate.fetcher(SHAPE)(Ask(SHAPE, keys))


async def failure(gate: Gate, *keys: str) -> type[SourceError]:
    with pytest.raises(SourceError) as caught:
        await ask(gate, *keys)
    return type(caught.value)


@pytest.mark.alone
async def test_a_slow_statement_ends_in_its_time_and_holds_nobody_up(database: Database, url: str) -> None:
    await run(database, f"CREATE VIEW slow AS {SLOW[database.dialect.name]}", "CREATE VIEW quick AS SELECT 'k' AS k, 'v' AS v")
    gate, other = gate_over(url, "slow", timeout_seconds=0.5, concurrency=2), gate_over(url, "quick")
    await ask(other, "k")
    worst = 0.0

    async def go_on() -> None:
        nonlocal worst
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.01)
            await ask(other, "k")
            worst = max(worst, time.perf_counter() - started)

    going = asyncio.create_task(go_on())
    started = time.perf_counter()
    assert await failure(gate, "k") is SourceSlow
    assert time.perf_counter() - started < 3
    going.cancel()
    await asyncio.wait({going})
    assert worst < 0.5
    await gate.close()
    await other.close()


async def test_a_table_that_changes_is_looked_at_again(database: Database, url: str) -> None:
    await run(database, "CREATE TABLE moving (k VARCHAR(20), v VARCHAR(20))", "INSERT INTO moving VALUES ('7', 'seven')")
    gate = gate_over(url, "moving", breaker={"failures": 100})
    assert list((await ask(gate, "7")).rows) == [("7", "seven")]
    await run(database, "DROP TABLE moving")
    assert await failure(gate, "7") is SourceGarbled
    await run(database, "CREATE TABLE moving (k BIGINT, v VARCHAR(20))", "INSERT INTO moving VALUES (7, 'sieben')")
    for _ in range(2):
        try:
            answer = await ask(gate, "7")
        except SourceGarbled:
            continue
        assert list(answer.rows) == [("7", "sieben")]
        break
    else:
        pytest.fail("the new table was never read")
    await gate.close()


async def test_a_connection_that_was_cut_is_made_anew(postgresql_empty: str) -> None:
    database = Database.at(postgresql_empty)
    await database.open()
    await run(database, "CREATE TABLE t (k TEXT, v TEXT)", "INSERT INTO t VALUES ('k', 'v')")
    gate = gate_over(postgresql_empty, "t", retries=2)
    assert list((await ask(gate, "k")).rows) == [("k", "v")]
    await run(
        database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert list((await ask(gate, "k")).rows) == [("k", "v")]
    await gate.close()
    await database.close()


async def test_columns_of_any_name_are_asked_as_they_are(database: Database, url: str) -> None:
    """Arabic, spaces, capitals, reserved words: a name is never part of the language."""
    quote = "`" if database.dialect.name == "mysql" else '"'
    await run(
        database, f"CREATE TABLE {quote}Select{quote} (k VARCHAR(20), {quote}رقم الملف{quote} VARCHAR(20), {quote}Order{quote} VARCHAR(20))"
    )
    await run(database, f"INSERT INTO {quote}Select{quote} VALUES ('k', 'v', 'o')")
    person = {"read": "Select", "key": "k", "attributes": {"name": "رقم الملف", "surname": "Order"}}
    gate = gate_of({"steward": "aid", "wire": "sql", "address": url, "entities": {"person": person}})
    shape = Shape("aid", "person", ("surname", "name"))
    assert list((await gate.fetcher(shape)(Ask(shape, ("k",)))).rows) == [("k", "o", "v")]
    assert await gate.check() == []
    await gate.close()
