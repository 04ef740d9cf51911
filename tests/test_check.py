"""`check` names every column that is not there and every value that cannot be read, with a remedy, in one line each."""

import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Finding
from connectors.gate import check_all
from errors import ConfigError
from tables.database import Database
from tests.wires import datasette, fill, gate_of, graphql_app, served, stanza, write_csv, write_xlsx

pytestmark = pytest.mark.anyio

Give = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module", params=["sql", "rest", "graphql", "files"])
async def give(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Give]:
    """A function giving a good stanza of a source on one wire."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    database = Database.at(f"sqlite:///{folder}/books.db")
    await database.open()
    await fill(database, typed=False)
    await database.close()
    match request.param:
        case "sql":
            yield lambda: stanza("sql", f"sqlite:///{folder}/books.db", "cases", "aid")
        case "rest":
            with datasette(folder / "books.db") as url:
                yield lambda: stanza("rest", f"{url}/books", "cases.json", "aid.json")
        case "graphql":
            with served(graphql_app()) as url:
                yield lambda: stanza("graphql", url, "cases", "aid", camel=True)
        case _:
            write_csv(folder)
            yield lambda: stanza("files", str(folder), "cases*.csv", "aid.csv")


async def findings(source: dict[str, Any]) -> list[Finding]:
    gate = gate_of(source)
    try:
        return await gate.check()
    finally:
        await gate.close()


def fatal(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.fatal]


async def test_a_misspelt_column_is_named_with_its_nearest(give: Give) -> None:
    source = copy.deepcopy(give())
    source["entities"]["allocation"]["attributes"]["currency"] = "curency"
    (finding,) = fatal(await findings(source))
    assert finding.place.startswith("sources.aid.entities.allocation.")
    assert "`curency`" in finding.message
    assert "`currency`" in finding.remedy


async def test_every_column_that_is_not_there_is_named(give: Give) -> None:
    source = copy.deepcopy(give())
    person = source["entities"]["person"]
    person["household"] = "nowhere"
    person["identifiers"]["unhcr_number"] = "missing"
    person["attributes"]["phone"] = "zzzz"
    places = {finding.place for finding in fatal(await findings(source))}
    assert {f"sources.aid.entities.person.{place}" for place in ("household", "identifiers.unhcr_number", "attributes.phone")} == places


async def test_something_to_read_that_is_not_there_is_named(give: Give) -> None:
    source = copy.deepcopy(give())
    read = source["entities"]["person"]["read"]
    source["entities"]["person"]["read"] = f"not_{read}"
    found = await findings(source)
    assert any(finding.place.startswith("sources.aid.") for finding in found)


async def test_values_of_another_kind_are_named_and_not_shown(give: Give) -> None:
    source = copy.deepcopy(give())
    source["entities"]["allocation"]["attributes"]["kind"]["codes"] = {"nothing": "cash"}
    (finding,) = fatal(await findings(source))
    assert finding.place == "sources.aid.entities.allocation.attributes.kind"
    assert "6 of 6" in finding.message
    assert "codes" in finding.remedy


@pytest.mark.parametrize(
    ("change", "place", "remedy"),
    [
        ({"persn": {"read": "cases", "key": "case_no"}}, "entities.persn", "`person`"),
        ({"person": {"read": "cases", "key": "case_no", "attributes": {"gender": "sex"}}}, "person.attributes.gender", ""),
        (
            {"person": {"read": "x", "key": "y", "attributes": {"birth_dat": "born"}}},
            "person.attributes.birth_dat",
            "`birth_date`",
        ),
        ({"person": {"read": "x", "key": "y", "attributes": {"birth_date": {"column": "b", "convert": "whole"}}}}, "birth_date", "day"),
        ({"person": {"read": "x", "key": "y", "attributes": {"birth_year": {"value": "many"}}}}, "birth_year", "kind"),
        ({"allocation": {"read": "aid", "key": "number"}}, "entities.allocation", "person's local key"),
    ],
)
async def test_a_stanza_that_cannot_be_right_is_named_before_anybody_is_reached(change: dict[str, Any], place: str, remedy: str) -> None:
    source = {"steward": "aid", "wire": "rest", "address": "http://127.0.0.1:1", "entities": change}
    (finding,) = await findings(source)
    assert finding.fatal
    assert finding.place.endswith(place)
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("wire", "address"),
    [
        ("sql", "sqlite:////nowhere/at/all.db"),
        ("sql", "postgresql://x@127.0.0.1:1/x"),
        ("sql", "mariadb://x@127.0.0.1:1/x"),
        ("rest", "http://127.0.0.1:1"),
        ("graphql", "http://127.0.0.1:1"),
        ("files", "/nowhere/at/all"),
    ],
)
async def test_a_source_that_is_down_does_not_forbid_the_start(wire: str, address: str) -> None:
    (finding,) = await findings(stanza(wire, address, "cases", "aid"))
    assert not finding.fatal
    assert finding.place == "sources.aid.address"
    assert finding.remedy


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_text("not a database at all, but long enough to be looked at" * 20)
    (finding,) = await findings(stanza("sql", f"sqlite:///{tmp_path}/books.db", "cases", "aid"))
    assert "promised" in finding.message


async def test_all_sources_are_checked_together(tmp_path: Path) -> None:
    write_xlsx(tmp_path)
    good = gate_of(stanza("files", str(tmp_path), "cases.xlsx", "aid.xlsx"))
    down = gate_of(stanza("rest", "http://127.0.0.1:1", "cases", "aid"))
    found = await check_all([good, down])
    await good.close()
    await down.close()
    assert [finding.place for finding in found if "address" in finding.place] == ["sources.aid.address"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"wire": "sql", "address": ""}, "address"),
        ({"wire": "sql", "address": "oracle://x"}, "no driver"),
        ({"wire": "rest", "address": "http://x", "options": {"colums": "_col"}}, "colums"),
        ({"wire": "graphql", "address": "http://x", "options": {"nothing.rows": ""}}, r"nothing\.rows"),
        ({"wire": "files", "address": "x", "options": {"delimiter": ";"}}, "delimiter"),
    ],
)
async def test_a_stanza_that_cannot_be_used_is_refused(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        gate_of({"steward": "aid", **source})
    assert caught.value.hint
