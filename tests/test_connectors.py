"""What every source promises, held by one suite over every wire: the same data, the same Asks, the same Answers."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomysql
import asyncpg
import pytest
import sqlalchemy as sa

from errors import ConfigError
from tests.subgraphs import subgraph
from tests.wires import GIVEN, GIVEN_ATTRIBUTES, PEOPLE, PERSON_ATTRIBUTES, RAW_PEOPLE, Wire, files, graphql, hub, rest, sql
from values import Answer, Ask, Shape

WIRES = ["sqlite", "postgresql", "mariadb", "rest", "graphql", "subgraph", "csv", "xlsx", "parquet", "hub"]
KEYS = [*PEOPLE, "nobody", "c-01", "C-01 ", ""]
"""Known keys, and some that only look like one to a database that is careless about letters."""

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=WIRES)
async def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wire]:
    """The organisation's books on one wire."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    match request.param:
        case "sqlite":
            opened: AbstractAsyncContextManager[Wire] = sql(f"sqlite:///{folder}/books.db")
        case "postgresql":
            opened = sql(await _postgresql(request.getfixturevalue("postgresql_server")))
        case "mariadb":
            opened = sql(await _mariadb(request.getfixturevalue("mariadb_server")))
        case "rest":
            opened = rest(folder)
        case "graphql":
            opened = graphql()
        case "subgraph":
            opened = subgraph()
        case "hub":
            opened = hub(folder)
        case kind:
            opened = files(folder, kind)
    async with opened as found:
        yield found


async def _postgresql(server: str) -> str:
    url = sa.make_url(server)
    connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    await connection.execute("DROP DATABASE IF EXISTS mizalla_wires WITH (FORCE)")
    await connection.execute("CREATE DATABASE mizalla_wires")
    await connection.close()
    return url.set(drivername="postgresql", database="mizalla_wires").render_as_string(hide_password=False)


async def _mariadb(server: str) -> str:
    url = sa.make_url(server)
    connection = await aiomysql.connect(host=url.host, port=url.port, user=url.username, password=url.password or "", autocommit=True)
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE OR REPLACE DATABASE mizalla_wires CHARACTER SET utf8mb4")
    connection.close()
    return url.set(database="mizalla_wires").render_as_string(hide_password=False)


async def ask(wire: Wire, shape: Shape, keys: list[str], *filters: Any) -> Answer:
    wanted = tuple(map(wire.key, keys)) if shape.by == "person" else tuple(keys)
    return await wire.gate.fetcher(shape)(Ask(shape, wanted, filters))


def by_key(answer: Answer) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for key, *values in answer.rows:
        found.setdefault(key, []).append(tuple(values))
    return found


def expected(wire: Wire, entity: str, attributes: tuple[str, ...], keys: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    if entity == "person":
        places = [PERSON_ATTRIBUTES.index(name) for name in attributes]
        return {wire.key(key): [tuple(PEOPLE[key][place] for place in places)] for key in keys if key in PEOPLE}
    places = [GIVEN_ATTRIBUTES.index(name) for name in attributes]
    return {wire.key(key): [tuple(row[place] for place in places) for row in GIVEN[key]] for key in keys if key in GIVEN}


async def test_it_answers_with_the_attributes_asked_of_the_people_asked(wire: Wire) -> None:
    attributes = wire.knows("person", PERSON_ATTRIBUTES)
    answer = await ask(wire, Shape("aid", "person", attributes), KEYS)
    assert by_key(answer) == expected(wire, "person", attributes, KEYS)
    assert {type(row) for row in answer.rows} == {tuple}


async def test_values_it_cannot_read_are_none_and_are_counted(wire: Wire) -> None:
    attributes = wire.knows("person", ("sex", "birth_date"))
    answer = await ask(wire, Shape("aid", "person", attributes), ["C,04", "C-01"])
    assert answer.faults == dict.fromkeys(attributes, 1)


async def test_good_values_have_no_faults(wire: Wire) -> None:
    attributes = wire.knows("person", PERSON_ATTRIBUTES)
    answer = await ask(wire, Shape("aid", "person", attributes), ["C-01", "C-02", "C-03"])
    assert answer.faults == {}


async def test_truths_are_truths_and_whole_numbers_whole(wire: Wire) -> None:
    """1 equals True and 5.0 equals 5 in Python; in JSON they do not."""
    attributes = wire.knows("person", ("living", "household_size", "need_score"))
    answer = await ask(wire, Shape("aid", "person", attributes), ["C-01"])
    kinds = {"living": bool, "household_size": int, "need_score": float}
    assert [type(value) for value in answer.rows[0][1:]] == [kinds[name] for name in attributes]


@pytest.mark.parametrize("key", [*PEOPLE, "nobody"])
async def test_one_person_gets_the_same_as_many(wire: Wire, key: str) -> None:
    attributes = wire.knows("person", PERSON_ATTRIBUTES)
    assert by_key(await ask(wire, Shape("aid", "person", attributes), [key])) == expected(wire, "person", attributes, [key])


async def test_the_order_of_keys_and_their_repetition_change_nothing(wire: Wire) -> None:
    shape = Shape("aid", "allocation", GIVEN_ATTRIBUTES)
    one, other = await ask(wire, shape, KEYS), await ask(wire, shape, [*KEYS[::-1], *KEYS])
    assert by_key(one) == by_key(other)
    assert len(one.rows) == len(other.rows)


async def test_rows_of_one_person_stand_as_recorded(wire: Wire) -> None:
    answer = await ask(wire, Shape("aid", "allocation", GIVEN_ATTRIBUTES), KEYS)
    assert by_key(answer) == expected(wire, "allocation", GIVEN_ATTRIBUTES, KEYS)
    assert answer.faults == {}


async def test_attributes_come_in_the_order_asked(wire: Wire) -> None:
    attributes = ("currency", "key", "amount")
    answer = await ask(wire, Shape("aid", "allocation", attributes), ["C-02"])
    assert [row[1:] for row in answer.rows] == [("USD", "2", 50.5)]


async def test_no_attributes_still_tell_who_is_there(wire: Wire) -> None:
    answer = await ask(wire, Shape("aid", "person", ()), ["C-01", "nobody"])
    assert list(answer.rows) == [(wire.key("C-01"),)]


async def test_an_entity_is_found_by_its_own_key(wire: Wire) -> None:
    if wire.name == "subgraph":  # what stands below an entity is known by the entity's key alone
        with pytest.raises(ConfigError, match=r"aid\.number"):
            wire.gate.fetcher(Shape("aid", "allocation", ("kind",), "key"))
        return
    answer = await ask(wire, Shape("aid", "allocation", ("kind", "amount"), "key"), ["10", "2", "77", "x", "02"])
    assert sorted(answer.rows) == [("10", "health", 0), ("2", "cash", 50.5)]
    assert list((await ask(wire, Shape("aid", "allocation", ("kind",), "key"), ["3"])).rows) == [("3", "food")]


@pytest.mark.parametrize("keys", [["C-01"], KEYS], ids=["one", "many"])
@pytest.mark.parametrize(
    ("filters", "values", "numbers"),
    [
        (("since",), ("2026-01-10",), {"1", "2", "3", "11"}),
        (("since",), ("2026-01-11",), {"3", "11"}),
        (("kinds",), (("cash",),), {"1", "2", "12"}),
        (("kinds",), (("food", "health"),), {"3", "10", "11"}),
        (("kinds",), ((),), set()),
        (("kinds",), (("unheard_of",),), set()),
        (("since", "kinds"), ("2026-01-01", ("cash",)), {"1", "2"}),
        (("kinds", "since"), (("cash",), "2026-01-01"), {"1", "2"}),
    ],
)
async def test_filters_leave_only_what_passes(
    wire: Wire, filters: tuple[str, ...], values: tuple[Any, ...], numbers: set[str], keys: list[str]
) -> None:
    answer = await ask(wire, Shape("aid", "allocation", ("key",), "person", filters), keys, *values)
    own = {row[0] for key in keys for row in GIVEN.get(key, [])}
    assert {row[1] for row in answer.rows} == numbers & own


async def test_a_full_read_gives_every_row_once(wire: Wire) -> None:
    answer = await ask(wire, Shape("aid", "allocation", ("key",), "all"), [])
    assert sorted(row[1] for row in answer.rows) == sorted(row[0] for rows in GIVEN.values() for row in rows)
    assert [row[0] for row in answer.rows] == [row[1] for row in answer.rows]


async def test_no_keys_get_no_rows(wire: Wire) -> None:
    assert list((await ask(wire, Shape("aid", "person", ()), [])).rows) == []


async def test_the_answer_says_when_it_was_true(wire: Wire) -> None:
    answer = await ask(wire, Shape("aid", "person", ()), ["C-01"])
    assert timedelta(0) <= datetime.now(UTC) - answer.as_of < timedelta(minutes=5)


async def test_what_is_not_offered_is_refused_before_anything_is_asked(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="phone"):
        wire.gate.fetcher(Shape("aid", "person", ("phone",)))
    assert "phone" not in wire.gate.offers("person")
    assert wire.gate.offers("insurance") == frozenset()


async def test_explaining_names_only_the_columns_asked(wire: Wire) -> None:
    told = wire.gate.explain(Shape("aid", "allocation", ("currency",)))
    assert "currency" in told
    assert "programme" not in told
    assert "C-01" not in told


async def test_nothing_is_wrong_with_a_good_source(wire: Wire) -> None:
    """The two unreadable values are named without being shown, and do not forbid the start."""
    findings = await wire.gate.check()
    assert not [finding for finding in findings if finding.fatal]
    assert {finding.place.rpartition(".")[2] for finding in findings} == set(wire.knows("person", ("sex", "birth_date")))
    assert not any("31/02/1990" in finding.message for finding in findings)


async def test_a_scan_gives_every_person_with_their_identifiers(wire: Wire) -> None:
    people = [person async for part in wire.gate.scan(None, 4) for person in part]
    assert {person.key for person in people} == {wire.key(key) for key in PEOPLE}
    assert sorted(person.row for person in people) == list(range(1, len(PEOPLE) + 1))
    if wire.name == "hub":
        assert not any(person.identifiers for person in people)
        return
    found = {person.key: (dict(person.identifiers), person.household) for person in people}
    for key, *_, card, line, family in RAW_PEOPLE:
        both = {"ration_card": f"{card}/{line}"} if card and line else {}
        assert found[key] == ({**both, "case_number": key}, family)


async def test_a_scan_resumes_behind_any_person(wire: Wire) -> None:
    people = [person async for part in wire.gate.scan(None, 2) for person in part]
    for place, person in enumerate(people):
        assert [each async for part in wire.gate.scan(person.key, 2) for each in part] == people[place + 1 :]


async def test_the_gate_tells_how_the_source_does(wire: Wire) -> None:
    await ask(wire, Shape("aid", "person", ()), ["C-01"])
    state = wire.gate.state
    assert (state.status.value, set(state.breakers.values()), state.last_fault) == ("OK", {"closed"}, None)
    assert state.last_answer_at is not None
    assert 0 < (state.milliseconds or 0) < 5000
