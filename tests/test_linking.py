"""Linking: who is the same person, and who is never taken for another."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sql import SQL
from errors import Invalid
from privacy.blind import Blinder
from privacy.keys import KeyRing
from resolvers.linking import BATCH, Linker, Report
from resolvers.pairing import Known, Outcome, Pairing, Reading
from settings import Settings
from tables.database import Database
from tables.upgrade import upgrade
from values import Catalogue

IDENTIFIERS = {"national_number": "national", "ration_card": ["card", "line"]}
NOW = 1_772_000_000
ASIA, BASIM, CAMIL = "198011223344", "199055667788", "197099001122"

Row = tuple[str, str | None, str | None, str | None, str | None]


def settings_of(folder: Path, database: str = "") -> Settings:
    """A registry, an organisation with case numbers, a ministry keyed by national number, a second source of the organisation."""

    def source(name: str, steward: str, **people: Any) -> dict[str, Any]:
        entity = {"read": "people", "key": "key", "identifiers": IDENTIFIERS, **people}
        return {"steward": steward, "wire": "sql", "address": f"sqlite:///{folder}/{name}.db", "entities": {"person": entity}}

    bodies = {"register": "registry", "labour": "ministry", "crescent": "ngo"}
    return Settings.model_validate(
        {
            "hub": {"database": database or f"sqlite:///{folder}/hub.db"},
            "organisations": {name: {"name": {"ar": name, "en": name}, "kind": kind} for name, kind in bodies.items()},
            "sources": {
                "civil": source("civil", "register", household="home"),
                "workers": source("workers", "labour", key_scheme="national_number", identifiers={}),
                "cases": source("cases", "crescent", household="home"),
                "more-cases": source("more-cases", "crescent"),
                "nobody": {"steward": "crescent", "wire": "sql", "address": f"sqlite:///{folder}/nobody.db"},
            },
        }
    )


def write(folder: Path, name: str, rows: Sequence[Row]) -> None:
    """Make a source anew: rows of key, national number, ration card, line, household."""
    path = folder / f"{name}.db"
    path.unlink(missing_ok=True)
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE people (key TEXT, national TEXT, card TEXT, line TEXT, home TEXT)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


class World:
    """A hub and its sources, for questions about what linking made of them."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.settings = settings_of(folder, url)
        self.database = Database.at(self.settings.hub.database)
        self.blinder = Blinder(KeyRing.create(folder / "keys.json"))

    async def open(self) -> None:
        await upgrade(self.settings.hub.database)
        await self.database.open()

    async def link(self, name: str, rows: Sequence[Row]) -> Report:
        write(self.folder, name, rows)
        connector = SQL(name, self.settings.sources[name], Catalogue({}))
        await connector.open()
        done: list[tuple[int, int | None]] = []
        report = await Linker(self.database, self.blinder, self.settings).link(name, connector, lambda *so_far: done.append(so_far), NOW)
        await connector.close()
        assert [rows for rows, _ in done][-1:] == ([report.rows] if rows else [])
        return report

    async def all(self, sql: str) -> list[tuple[Any, ...]]:
        import sqlalchemy as sa

        return await self.database.fetch(self.database.prepare(sa.text(sql)), {}, rows=10_000)

    async def person(self, source: str, key: str) -> int:
        """The one person of a key; fails when there is none, or another one beside."""
        linked = Linker(self.database, self.blinder, self.settings).sources[source]
        stored = self.blinder.seal_key(source, key) if linked.sealed else key
        found = [
            number for name, number, each in await self.all("SELECT source, person, link.key FROM link") if (name, each) == (source, stored)
        ]
        assert len(found) == 1, found
        return int(found[0])

    async def cases(self, organisation: str) -> dict[str, int]:
        return {
            place: number
            for body, place, number in await self.all("SELECT organisation, position, person FROM own_case ORDER BY position")
            if body == organisation
        }

    async def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that linking keeps, but for run numbers."""
        return {
            "person": await self.all("SELECT number, household FROM person ORDER BY number"),
            "identifier": await self.all("SELECT blind, person, scheme FROM identifier ORDER BY blind"),
            "link": await self.all("SELECT source, link.key, person FROM link ORDER BY source, link.key, person"),
            "own_case": await self.all("SELECT organisation, position, person FROM own_case ORDER BY organisation, position"),
            "household": await self.all("SELECT number, blind FROM household ORDER BY number"),
        }


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.rows, report.linked, report.new, report.conflicts, report.unreadable


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.open()
    yield made
    await made.database.close()


async def several_sources_know_one_person(world: World) -> None:
    """The story that every database must tell alike."""
    first = await world.link(
        "civil", [("r1", ASIA, "2043817", "1", "h1"), ("r2", BASIM, "2043817", "2", "h1"), ("r3", None, "3111222", "1", "h2")]
    )
    assert counts(first) == (3, 0, 3, 0, 0)
    second = await world.link("workers", [(ASIA, None, None, None, None), (CAMIL, None, None, None, None)])
    assert counts(second) == (2, 1, 1, 0, 0)
    third = await world.link(
        "cases",
        [
            ("c-1", None, "2043817", "2", None),
            ("C-1", None, "3111222", "1", None),
            ("c-3", "١٩٧٠٩٩٠٠١١٢٢", "9000001", "1", None),
            ("c-4", "12", None, None, None),
        ],
    )
    assert counts(third) == (4, 3, 1, 0, 1)
    assert await world.person("workers", ASIA) == await world.person("civil", "r1")
    assert await world.person("cases", "c-1") == await world.person("civil", "r2")
    assert await world.person("cases", "C-1") == await world.person("civil", "r3")
    assert await world.person("cases", "c-3") == await world.person("workers", CAMIL)
    fourth = await world.link("more-cases", [("c-1", None, "9000001", "1", None)])
    assert counts(fourth) == (1, 1, 0, 0, 0)
    assert await world.person("more-cases", "c-1") == await world.person("workers", CAMIL)
    assert set((await world.cases("crescent")).values()) == {await world.person("cases", key) for key in ("c-1", "C-1", "c-3", "c-4")}
    houses = dict(await world.all("SELECT number, household FROM person"))
    assert (
        houses[await world.person("civil", "r1")] == houses[await world.person("civil", "r2")] != houses[await world.person("civil", "r3")]
    )
    assert houses[await world.person("cases", "c-4")] is None
    before = await world.everything()
    again = await world.link(
        "cases",
        [
            ("c-1", None, "2043817", "2", None),
            ("C-1", None, "3111222", "1", None),
            ("c-3", CAMIL, "9000001", "1", None),
            ("c-4", "12", None, None, None),
        ],
    )
    assert counts(again) == (4, 4, 0, 0, 1)
    assert await world.everything() == before


async def test_several_schemes_and_sources_lead_to_one_person(world: World) -> None:
    await several_sources_know_one_person(world)


async def test_linking_on_postgresql_tells_the_same(tmp_path: Path, postgresql_url: str) -> None:
    world = World(tmp_path, postgresql_url)
    await world.open()
    try:
        await several_sources_know_one_person(world)
    finally:
        await world.database.close()


async def test_linking_on_mariadb_tells_the_same(tmp_path: Path, mariadb_url: str) -> None:
    world = World(tmp_path, mariadb_url)
    await world.open()
    try:
        await several_sources_know_one_person(world)
    finally:
        await world.database.close()


async def test_a_row_that_speaks_of_two_people_is_linked_to_neither_until_it_is_corrected(world: World) -> None:
    await world.link("civil", [("r1", ASIA, "2043817", "1", None), ("r2", BASIM, "2043817", "2", None)])
    mixed: Row = ("c-1", ASIA, "2043817", "2", None)
    report = await world.link("cases", [("c-0", None, "5550001", "1", None), mixed])
    assert counts(report) == (2, 0, 1, 1, 0)
    assert [row for row, _ in report.conflict_rows] == [2]
    alone = await world.person("cases", "c-1")
    assert alone not in {await world.person("civil", "r1"), await world.person("civil", "r2")}
    assert (await world.cases("crescent"))["c-1"] == alone
    assert [number for number, _ in await world.all("SELECT person, scheme FROM identifier") if number == alone] == []
    again = await world.link("cases", [("c-0", None, "5550001", "1", None), mixed])
    assert counts(again) == (2, 1, 0, 1, 0)
    assert await world.person("cases", "c-1") == alone
    corrected = await world.link("cases", [("c-0", None, "5550001", "1", None), ("c-1", ASIA, "2043817", "1", None)])
    assert counts(corrected) == (2, 2, 0, 0, 0)
    assert await world.person("cases", "c-1") == await world.person("civil", "r1")
    assert (await world.cases("crescent"))["c-1"] == await world.person("civil", "r1")


async def test_another_national_number_beats_a_shared_ration_card(world: World) -> None:
    await world.link("civil", [("r1", ASIA, "2043817", "1", None)])
    report = await world.link("cases", [("c-1", BASIM, "2043817", "1", None)])
    assert counts(report) == (1, 0, 0, 1, 0)
    assert await world.person("cases", "c-1") != await world.person("civil", "r1")
    linked = await world.link("workers", [(BASIM, None, None, None, None)])
    assert counts(linked) == (1, 0, 1, 0, 0), "an identifier of a row in conflict is not believed"


async def test_a_renewed_ration_card_is_learnt_from_the_national_number(world: World) -> None:
    await world.link("civil", [("r1", ASIA, "2043817", "1", None)])
    assert counts(await world.link("cases", [("c-1", ASIA, "7000001", "1", None)])) == (1, 1, 0, 0, 0)
    assert counts(await world.link("more-cases", [("m-1", None, "7000001", "1", None), ("m-2", None, "2043817", "1", None)])) == (
        2,
        2,
        0,
        0,
        0,
    )
    assert await world.person("more-cases", "m-1") == await world.person("civil", "r1")


async def test_unreadable_identifiers_are_reported_by_row_and_reason_and_the_case_is_kept(world: World) -> None:
    rows: list[Row] = [
        ("c-1", "198O11223344", None, None, None),
        ("c-2", None, None, None, None),
        ("c-3", "12", "not a card", None, None),
        ("", ASIA, None, None, None),
    ]
    report = await world.link("cases", rows)
    assert counts(report) == (4, 0, 3, 0, 3)
    assert [row for row, _ in report.unreadable_rows] == [1, 2, 4]  # in the order of the key: the empty one first
    words = " ".join(reason for _, reason in report.unreadable_rows)
    assert not any(value in words for value in ("198O11223344", "not a card", ASIA, "c-1"))
    assert "12 digits" in words
    assert len(set((await world.cases("crescent")).values())) == 3
    known = await world.person("cases", "c-2")
    filled = await world.link("cases", [("c-1", ASIA, None, None, None), ("c-2", BASIM, None, None, None), ("c-3", "12", None, None, None)])
    assert counts(filled) == (3, 3, 0, 0, 1)
    assert await world.person("cases", "c-2") == known
    assert counts(await world.link("civil", [("r2", BASIM, None, None, None)])) == (1, 1, 0, 0, 0)
    assert await world.person("civil", "r2") == known


async def test_a_report_lists_a_thousand_rows_and_counts_the_rest(world: World) -> None:
    report = await world.link("cases", [(f"c-{place:05d}", "12", None, None, None) for place in range(1200)])
    assert (report.unreadable, len(report.unreadable_rows), report.new) == (1200, 1000, 1200)


async def test_double_entries_are_one_case_and_survive_the_loss_of_either(world: World) -> None:
    one, two = ("c-1", ASIA, None, None, None), ("c-2", ASIA, None, None, None)
    assert counts(await world.link("cases", [one, two])) == (2, 1, 1, 0, 0)
    person = await world.person("cases", "c-1")
    assert await world.person("cases", "c-2") == person
    assert await world.cases("crescent") == {"c-1": person}
    report = await world.link("cases", [two])
    assert report.removed == 1
    assert await world.cases("crescent") == {"c-2": person}
    assert await world.all("SELECT link.key FROM link") == [("c-2",)]


async def test_rows_gone_from_the_source_lose_link_and_case_but_not_their_number(world: World) -> None:
    await world.link("cases", [("c-1", ASIA, None, None, None), ("c-2", BASIM, None, None, None)])
    person = await world.person("cases", "c-1")
    report = await world.link("cases", [("c-2", BASIM, None, None, None)])
    assert (report.removed, report.linked) == (1, 1)
    assert list(await world.cases("crescent")) == ["c-2"]
    assert await world.all("SELECT link.key FROM link") == [("c-2",)]
    await world.link("cases", [("c-2", BASIM, None, None, None), ("c-9", ASIA, None, None, None)])
    assert await world.person("cases", "c-9") == person


async def test_a_key_that_carries_anothers_number_belongs_to_that_other_at_once(world: World) -> None:
    await world.link("civil", [("r1", ASIA, None, None, None), ("r2", BASIM, None, None, None)])
    await world.link("cases", [("c-1", ASIA, None, None, None)])
    await world.link("cases", [("c-1", BASIM, None, None, None)])
    assert await world.person("cases", "c-1") == await world.person("civil", "r2")
    assert await world.cases("crescent") == {"c-1": await world.person("civil", "r2")}
    await world.link("cases", [("c-1", CAMIL, None, None, None)])
    assert await world.person("cases", "c-1") not in {await world.person("civil", "r1"), await world.person("civil", "r2")}


async def test_two_keys_that_change_places_change_people(world: World) -> None:
    await world.link("cases", [("c-1", ASIA, None, None, None), ("c-2", BASIM, None, None, None)])
    asia, basim = await world.person("cases", "c-1"), await world.person("cases", "c-2")
    await world.link("cases", [("c-1", BASIM, None, None, None), ("c-2", ASIA, None, None, None)])
    assert (await world.person("cases", "c-1"), await world.person("cases", "c-2")) == (basim, asia)
    assert await world.cases("crescent") == {"c-1": basim, "c-2": asia}


async def test_equal_keys_of_two_sources_of_one_body_are_two_cases(world: World) -> None:
    await world.link("cases", [("1", ASIA, None, None, None)])
    await world.link("more-cases", [("1", BASIM, None, None, None), ("2", ASIA, None, None, None)])
    asia, basim = await world.person("cases", "1"), await world.person("more-cases", "1")
    assert await world.cases("crescent") == {"1": asia, "1@more-cases": basim}
    await world.link("cases", [])
    assert await world.cases("crescent") == {"2@more-cases": asia, "1@more-cases": basim}


async def test_households_come_from_registries_alone_and_follow_a_move(world: World) -> None:
    await world.link("civil", [("r1", ASIA, None, None, "h1"), ("r2", BASIM, None, None, "h1")])
    await world.link("cases", [("c-1", CAMIL, None, None, "h1")])
    houses = dict(await world.all("SELECT number, household FROM person"))
    asia, basim, camil = [await world.person(*each) for each in (("civil", "r1"), ("civil", "r2"), ("cases", "c-1"))]
    assert houses[asia] == houses[basim] is not None
    assert houses[camil] is None
    await world.link("civil", [("r1", ASIA, None, None, "h2"), ("r2", BASIM, None, None, "h1")])
    moved = dict(await world.all("SELECT number, household FROM person"))
    assert moved[basim] == houses[basim] != moved[asia]


async def test_no_identifier_stands_in_the_hubs_database(world: World) -> None:
    await world.link("workers", [(ASIA, None, None, None, None), (BASIM, None, None, None, None)])
    await world.link("civil", [("r1", ASIA, "2043817", "1", "house-77")])
    [(place,), _] = await world.all("SELECT position FROM own_case WHERE organisation = 'labour' ORDER BY position")
    assert place in {world.blinder.position("labour", ASIA), world.blinder.position("labour", BASIM)}
    stored = b"".join(path.read_bytes() for path in world.folder.glob("hub.db*"))
    assert place.encode() in stored
    assert not any(secret.encode() in stored for secret in (ASIA, BASIM, "2043817", "house-77"))


async def test_registries_are_linked_first(world: World) -> None:
    assert Linker(world.database, world.blinder, world.settings).order() == ["civil", "workers", "cases", "more-cases"]


async def test_a_source_without_people_is_refused(world: World) -> None:
    connector = SQL("nobody", world.settings.sources["nobody"], Catalogue({}))
    with pytest.raises(Invalid, match="maps no people"):
        await Linker(world.database, world.blinder, world.settings).link("nobody", connector, lambda *_: None, NOW)
    assert await world.all("SELECT source FROM linking") == []


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, "tests")
from test_linking import NOW, SQL, Blinder, Catalogue, Database, KeyRing, Linker, settings_of

async def main(folder):
    settings = settings_of(folder)
    database = Database.at(settings.hub.database)
    await database.open()
    linker = Linker(database, Blinder(KeyRing.load(folder / "keys.json")), settings)
    await linker.link("cases", SQL("cases", settings.sources["cases"], Catalogue({})), lambda done, _: print(done, flush=True), NOW)
    print("complete", flush=True)
asyncio.run(main(Path(sys.argv[1])))
"""


def people(size: int) -> list[Row]:
    """Rows with overlaps, double entries, unreadable numbers and contradictions."""
    chance = random.Random(size)
    rows: list[Row] = []
    for place in range(size):
        who = chance.randrange(size) if place % 9 == 4 else place
        national = [f"{198_000_000_000 + who}", None, "12"][0 if place % 11 else chance.randrange(3)]
        card = str(2_000_000 + who // 4) if place % 7 else None
        rows.append((f"c-{place:06d}", national, card, str(who % 4 + 1), None))
    return rows


@pytest.mark.alone
async def test_killed_at_any_moment_a_run_goes_on_and_ends_as_if_never_interrupted(tmp_path: Path) -> None:
    whole = World(tmp_path / "whole")
    killed = World(tmp_path / "killed")
    rows = people(6 * BATCH + 1000)
    (killed.folder / "keys.json").write_bytes((whole.folder / "keys.json").read_bytes())
    await whole.open()
    expected = await whole.link("cases", rows)
    await killed.open()
    write(killed.folder, "cases", rows)
    chance, kills, outcome = random.Random(5), 0, ""
    while outcome != "complete":
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(killed.folder)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        ) as child:
            assert child.stdout is not None
            outcome = child.stdout.readline().strip()
            if outcome != "complete" and kills < 4:
                await asyncio.sleep(chance.uniform(0, 0.2))
                child.send_signal(signal.SIGKILL)
                kills += 1
            outcome = (child.stdout.read().split() or [outcome])[-1]
        if await killed.all("SELECT 1 FROM linking WHERE complete"):
            outcome = "complete"  # the last kill came after the run had ended; another run would count anew
    assert kills == 4
    assert await killed.everything() == await whole.everything()
    [(stored, done)] = await killed.all("SELECT counts, complete FROM linking")
    [(wanted, _)] = await whole.all("SELECT counts, complete FROM linking")
    assert (stored, done) == (wanted, 1)
    assert expected.conflicts > 0
    await whole.database.close()
    await killed.database.close()


IDENTIFIER = st.tuples(st.integers(0, 2), st.integers(0, 5).map(lambda value: bytes([value])))
READINGS = st.lists(
    st.builds(
        lambda key, blinds: Reading(0, key, key, tuple(sorted({rank: (rank, bytes([rank]) + blind) for rank, blind in blinds}.values()))),
        st.sampled_from("abcdefgh"),
        st.lists(IDENTIFIER, max_size=3),
    ),
    max_size=14,
    unique_by=lambda reading: reading.key,
)


@given(READINGS, READINGS)
def test_whoever_is_linked_has_every_identifier_of_the_row_or_none_at_all(first: list[Reading], second: list[Reading]) -> None:
    known = Known()
    numbers = count(1)
    for readings in (first, second, second):
        pairing = Pairing(known, numbers)
        outcomes = []
        for reading in readings:
            known.linked[reading.key], outcome = pairing.pair(reading)
            outcomes.append(outcome)
        for reading in readings:
            person = known.linked[reading.key]
            theirs = {blind for blind, owner in known.person.items() if owner == person}
            assert {blind for _, blind in reading.blinds} <= theirs or not theirs
    assert Outcome.NEW not in outcomes, "pairing the same rows again makes nobody new"
    assert pairing.people == []
