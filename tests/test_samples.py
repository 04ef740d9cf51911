"""The sample country is the same for everyone, looks like a country, and is wrong exactly where it says it is."""

import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path

import duckdb
import httpx
import pytest
import sqlalchemy as sa
from python_calamine import CalamineWorkbook

from connectors.gate import check_all, connect
from privacy.blind import FORMS, Blinder
from privacy.consent import Consents
from privacy.credentials import Credentials
from privacy.keys import KeyRing
from samples import servers
from samples.books import DOUBLE, MISSING, NGOS, RESPELT, UNREADABLE, WRONG_DIGIT, Books, Case
from samples.build import build
from samples.cast import member, scenes
from samples.country import SEED, STANDS_AT, Household, people_of
from samples.databases import copy_ministry, ministry
from samples.manifest import FORMAT, found
from samples.names import respelt
from samples.places import GOVERNORATES
from samples.seeding import HOLDERS, People
from samples.sources import write_sources
from schema import CATALOGUE
from settings import load
from tables.aid import allocation
from tables.database import Database
from tables.identity import link, own_case
from tests.country import Country, running_country
from values import Ask, Category, Purpose, Scheme, Shape

ROOT = Path(__file__).parent.parent
PEOPLE = 20_000


def _silent(stage: str, done: int, total: int | None) -> None: ...


def _written(folder: Path, people: int, seed: int) -> Path:
    folder.mkdir()
    write_sources(folder, people, seed, _silent)
    return folder


def _contents(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".db":
            with sqlite3.connect(path) as connection:
                found[path.name] = [line for line in connection.iterdump() if "sqlite_stat" not in line]
            connection.close()
        elif path.is_file():
            found[path.name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of a small country."""
    return _written(tmp_path_factory.mktemp("sample") / "country", 400, SEED)


@pytest.fixture(scope="module")
def country() -> list[tuple[Household, list[Case]]]:
    """Twenty thousand people and their cases."""
    books = Books(SEED)
    return [(household, books.enter(household)[0]) for household in people_of(SEED, PEOPLE)]


def test_the_same_seed_gives_the_same_bytes(sources: Path, tmp_path: Path) -> None:
    again = _contents(_written(tmp_path / "again", 400, SEED))
    first = _contents(sources)
    assert sorted(first) == sorted(again)
    assert [name for name in first if first[name] != again[name]] == []


def test_another_seed_gives_other_people_and_the_same_cast(tmp_path: Path, sources: Path) -> None:
    _written(tmp_path / "other", 400, SEED + 1)
    query = "SELECT national_number, given_name, birth_date FROM person ORDER BY national_number"
    ours, theirs = (sqlite3.connect(folder / "civil-registry.db").execute(query).fetchall() for folder in (sources, tmp_path / "other"))
    cast = [row for row in ours if row[0].startswith("9900000")]
    assert cast == [row for row in theirs if row[0].startswith("9900000")]
    assert len(cast) == 36
    assert len(set(ours) & set(theirs)) == len(cast)


def test_a_smaller_country_is_the_beginning_of_a_larger_one() -> None:
    small = [each for household in people_of(SEED, 500) for each in household.residents]
    large = [each for household in people_of(SEED, 900) for each in household.residents]
    assert len(small) == 500
    assert len(large) == 900
    assert small == large[:500]


def test_the_nineteen_governorates_bear_their_codes() -> None:
    official = {"AN", "AR", "BA", "BB", "BG", "DA", "DI", "DQ", "KA", "KI", "MA", "MU", "NA", "NI", "QA", "SD", "SU", "WA"}
    assert {each.code for each in GOVERNORATES if each.confirmed} == {f"IQ-{code}" for code in official}
    (halabja,) = [each for each in GOVERNORATES if not each.confirmed]
    assert (halabja.en, halabja.code) == ("Halabja", "IQ-XHA")
    assert len({each.number for each in GOVERNORATES}) == 19
    assert {each.en for each in GOVERNORATES if each.in_kurdistan} == {"Erbil", "Sulaymaniyah", "Duhok", "Halabja"}


def test_people_live_in_every_governorate_and_bear_its_names(country: list[tuple[Household, list[Case]]]) -> None:
    homes = Counter(household.governorate.code for household, _ in country)
    assert set(homes) == {each.code for each in GOVERNORATES}
    assert homes["IQ-BG"] > homes["IQ-XHA"] * 10
    languages: dict[str, Counter[str]] = defaultdict(Counter)
    for household, _ in country:
        languages[household.governorate.code].update(each.language for each in household.residents)
    assert languages["IQ-SU"].most_common(1)[0][0] == "ckb"
    assert languages["IQ-DA"].most_common(1)[0][0] == "kmr"
    assert set(languages["IQ-BA"]) == {"ar"}


def test_households_look_like_households(country: list[tuple[Household, list[Case]]]) -> None:
    sizes = [len(household.residents) for household, _ in country]
    assert 4.5 < sum(sizes) / len(sizes) < 6
    assert set(sizes) == set(range(1, 13))
    for household, _ in country:
        given = [each.given for each in household.residents]
        assert len(set(given)) == len(given)
        assert [each.line for each in household.residents] == list(range(1, len(given) + 1))
        assert all(date(1900, 1, 1) < each.born < STANDS_AT for each in household.residents)
        mothers = {f"{each.given} {each.father}": each for each in household.residents if each.sex == "F" and each.marital != "single"}
        for child in household.residents:
            mother = mothers.get(child.mother)
            if mother is not None and child.marital == "single":
                assert mother.age - child.age >= 15


def test_numbers_are_unique_readable_and_never_issued_ones(country: list[tuple[Household, list[Case]]]) -> None:
    people = [each for household, _ in country for each in household.residents] + [
        each for scene in scenes() for each in scene.household.residents
    ]
    national = [each.national_number for each in people if each.national_number]
    unhcr = [each.unhcr_number for each in people if each.unhcr_number]
    cards = [household.ration_card for household, _ in country if household.ration_card]
    assert all(re.fullmatch(r"99\d{10}", number) for number in national)
    assert all(FORMS[Scheme.UNHCR_NUMBER][0].fullmatch(number.replace("-", "")) for number in unhcr)
    assert all(re.fullmatch(r"\d{7}", card) for card in cards)
    assert all(re.fullmatch(r"0700\d{7}", each.phone) for each in people if each.phone)
    for numbers in (national, unhcr, cards, [each.insured.number for each in people if each.insured]):
        assert len(numbers) == len(set(numbers)) > 40
    assert 0.94 < len(national) / len(people) < 0.99


def test_books_are_wrong_in_the_stated_shares(country: list[tuple[Household, list[Case]]]) -> None:
    asked: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    names: Counter[bool] = Counter()
    people: set[tuple[str, int, int]] = set()
    for household, cases in country:
        for case in cases:
            if case.source not in NGOS:
                continue
            resident = case.resident
            people.add((case.source, household.number, resident.line))
            names[case.name == (resident.given, resident.father, resident.grandfather, resident.surname)] += 1
            card = household.ration_card and f"{household.ration_card}/{resident.line}"
            for scheme, truth in (
                ("national_number", resident.national_number),
                ("ration_card", card),
                ("unhcr_number", resident.unhcr_number),
            ):
                share, written = NGOS[case.source].asks.get(scheme), getattr(case, scheme)
                if truth and share:
                    asked["share"] += 1
                    asked["expected"] += round(1000 * share * (1 - MISSING))
                    seen["written"] += written is not None
                    seen["spoilt"] += written is not None and "؟" in written
                    seen["wrong"] += written not in {None, truth} and "؟" not in str(written)
    entries = sum(names.values())
    assert entries > 4000
    assert names[False] / entries == pytest.approx(RESPELT, abs=0.05)
    assert seen["written"] / asked["share"] == pytest.approx(asked["expected"] / asked["share"] / 1000, abs=0.02)
    assert seen["wrong"] / seen["written"] == pytest.approx(WRONG_DIGIT, abs=0.008)
    assert seen["spoilt"] / seen["written"] == pytest.approx(UNREADABLE, abs=0.006)
    assert entries / len(people) - 1 == pytest.approx(DOUBLE, abs=0.006)


def test_organisations_overlap_without_knowing(country: list[tuple[Household, list[Case]]]) -> None:
    books: dict[tuple[int, int], set[str]] = defaultdict(set)
    for household, cases in country:
        for case in cases:
            books[household.number, case.resident.line].add(case.source)
    together = Counter(len(each) for each in books.values())
    assert together[2] > 500
    assert together[3] > 50


def test_a_name_is_spelt_as_clerks_spell_it() -> None:
    from random import Random

    spelt = {
        name: {respelt(Random(draw), name) for draw in range(60)} for name in ("أحمد", "فاطمة", "ليلى", "عبد الله", "شیرین", "الموسوي")
    }
    assert "احمد" in spelt["أحمد"]
    assert "فاطمه" in spelt["فاطمة"]
    assert "ليلي" in spelt["ليلى"]
    assert "عبدالله" in spelt["عبد الله"]
    assert "شيرين" in spelt["شیرین"]
    assert "موسوي" in spelt["الموسوي"]


def test_the_cast_has_forty_people_with_names_of_their_own() -> None:
    people = [each for scene in scenes() for each in scene.household.residents]
    assert len(people) == len({each.cast for each in people}) == 40
    assert len(scenes()) == len({scene.id for scene in scenes()}) == 13
    numbers = [each.national_number for each in people if each.national_number]
    assert len(numbers) == len(set(numbers)) == 36
    assert all(scene.story.endswith(".") for scene in scenes())
    with pytest.raises(KeyError):
        member("nobody")


def test_the_cast_consents_in_words_the_hub_knows() -> None:
    grants = [grant for scene in scenes() for grant in scene.grants]
    assert len(grants) > 5
    assert sum(grant.withdrawn for grant in grants) == 1
    assert all(Purpose(grant.purpose) and {Category(each) for each in grant.categories} for grant in grants)
    assert {grant.receiver for grant in grants if grant.giver == "abbas"} == {"hope-network"}


def test_the_cast_is_written_down_wrongly_only_where_its_story_says_so() -> None:
    wrong = set()
    for scene in scenes():
        for case in scene.cases:
            resident = case.resident
            true = {
                "national_number": resident.national_number,
                "ration_card": f"{scene.household.ration_card}/{resident.line}",
                "unhcr_number": resident.unhcr_number,
            }
            wrong |= {(resident.cast, scheme) for scheme, number in true.items() if getattr(case, scheme) not in {None, number}}
    assert wrong == {("salma", "national_number"), ("samir", "ration_card")}


def test_the_page_tells_of_every_household_of_the_cast_and_every_credential() -> None:
    page = (ROOT / "docs" / "sample-country.md").read_text(encoding="utf-8")
    for scene in scenes():
        assert f"| `{scene.id}` | {scene.household.governorate.en} | {scene.story} |" in page
    for holder in HOLDERS:
        assert f"| `{holder.name}` |" in page
    for name in (servers.CRESCENT_URL, servers.RAFIDAIN_URL, servers.RAFIDAIN_TOKEN):
        assert name in page


def test_umm_hassan_stands_in_every_book_that_helps_her(sources: Path) -> None:
    def one(database: str, query: str) -> object:
        return sqlite3.connect(sources / database).execute(query).fetchone()

    number = member("umm-hassan").national_number
    assert one("civil-registry.db", f"SELECT governorate, members FROM resident WHERE national_number = '{number}'") == ("IQ-BG", 5)
    assert one("labour-ministry.db", f"SELECT count(*), sum(amount) FROM payment WHERE national_number = '{number}'") == (3, 975_000)
    assert one("crescent-aid.db", "SELECT ration_card_no, ration_card_line FROM cases WHERE case_no = 'CA-000101'") == ("2043817", 1)
    assert one("crescent-aid.db", "SELECT count(*) FROM aid WHERE case_no = 'CA-000101'") == (2,)
    assert one("rafidain-relief.db", "SELECT amount, currency FROM distribution WHERE case_number = 'RR-000101'") == (120.0, "USD")
    rows = (sources / "hope-network" / "beneficiaries-north.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows[1:3]] == ["HN-000101", "HN-000102"]


def test_the_woman_at_the_bridge_has_no_number_anywhere(sources: Path) -> None:
    cases = (
        sqlite3.connect(sources / "crescent-aid.db")
        .execute("SELECT ration_card_no, mobile FROM cases WHERE case_no = 'CA-000151'")
        .fetchall()
    )
    assert cases == [(None, None)]
    with (sources / "hope-network" / "beneficiaries-north.csv").open(encoding="utf-8-sig") as file:
        (row,) = [line.split(",") for line in file if line.startswith("HN-000151")]
    assert row[8:11] == ["", "", ""]


def test_salma_has_one_digit_wrong_in_one_book(sources: Path) -> None:
    ((written,),) = (
        sqlite3.connect(sources / "rafidain-relief.db")
        .execute("SELECT national_number FROM beneficiary WHERE case_number = 'RR-000121'")
        .fetchall()
    )
    true = member("salma").national_number
    assert true is not None
    assert sum(one != other for one, other in zip(written, true, strict=True)) == 1


def test_office_files_are_as_office_files_are(sources: Path) -> None:
    folder = sources / "hope-network"
    text = (folder / "beneficiaries-north.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    people = text.decode("utf-8-sig")
    assert people.startswith("رقم الملف,الاسم,")
    assert all(
        re.search(form, people)
        for form in (r",[^\x00-\x7f]{4}-[^\x00-\x7f]{2}-[^\x00-\x7f]{2},", r",\d{2}/\d{2}/\d{4},", r",\d{4}/\d{2}/\d{2},")
    )
    sheet = CalamineWorkbook.from_path(str(folder / "distributions-2025.xlsx")).get_sheet_by_index(0).to_python()
    assert sheet[0][0] == "رقم التوزيع"
    assert {type(row[8]) for row in sheet[1:]} == {date, str}
    assert {type(row[4]) for row in sheet[1:]} == {float, str}
    with duckdb.connect() as connection:
        assessed = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(folder / "assessments.parquet")]).fetchone()
    assert assessed == (people.count("\nHN-") + (folder / "beneficiaries-south.csv").read_text(encoding="utf-8-sig").count("\nHN-"),)


def test_every_agreement_names_attributes_of_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (servers.CRESCENT_URL, servers.RAFIDAIN_URL, servers.RAFIDAIN_TOKEN):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    settings = load(ROOT / "samples" / "hub.toml")
    assert len(settings.sources) == 6
    assert {source.wire for source in settings.sources.values()} == {"sql", "rest", "graphql", "files", "hub"}
    known = {each.coordinate for each in CATALOGUE.attributes()} | {f"{name}.*" for name in CATALOGUE.entities}
    assert {attribute for agreement in settings.agreements for attribute in agreement.attributes} <= known
    for source in settings.sources.values():
        for entity, mapping in source.entities.items():
            assert set(mapping.attributes) <= set(CATALOGUE.entities[entity].attributes)


def test_both_servers_answer_over_real_sockets(sources: Path) -> None:
    with servers.running(sources) as running, servers.running(sources) as beside:
        assert running.alive()
        assert len({*running.environment.values(), *beside.environment.values()}) >= 5
        crescent, rafidain = running.environment[servers.CRESCENT_URL], running.environment[servers.RAFIDAIN_URL]
        page = httpx.get(f"{crescent}/crescent-aid/cases.json", params={"_size": 2, "_shape": "objects", "_nocount": 1}).json()
        assert [row["case_no"] for row in page["rows"]] == ["CA-000101", "CA-000102"]
        assert page["next"] == "CA-000102"
        fields = "nodes { caseNumber governorate } pageInfo { hasNextPage endCursor }"
        query = {"query": f'{{ beneficiaries(caseNumbers: ["RR-000101", "none"]) {{ {fields} }} }}'}
        headers = {"Authorization": f"Bearer {running.environment[servers.RAFIDAIN_TOKEN]}"}
        answer = httpx.post(rafidain, json=query, headers=headers).json()["data"]["beneficiaries"]
        assert answer == {
            "nodes": [{"caseNumber": "RR-000101", "governorate": "IQ-BG"}],
            "pageInfo": {"hasNextPage": False, "endCursor": "RR-000101"},
        }
        assert httpx.post(rafidain, json=query).status_code == 401
        assert httpx.post(rafidain, json=query, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert not running.alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(crescent)


def test_distributions_come_in_pages_and_by_day(sources: Path) -> None:
    with servers.running(sources) as running:
        headers = {"Authorization": f"Bearer {running.environment[servers.RAFIDAIN_TOKEN]}"}
        fields = "nodes { number distributedOn } pageInfo { hasNextPage endCursor }"
        asked = f'query($after: String) {{ distributions(first: 3, after: $after, since: "2025-06-01") {{ {fields} }} }}'
        numbers, after = [], None
        for _ in range(1000):
            response = httpx.post(
                running.environment[servers.RAFIDAIN_URL], json={"query": asked, "variables": {"after": after}}, headers=headers
            )
            page = response.json()["data"]["distributions"]
            assert all(each["distributedOn"] >= "2025-06-01" for each in page["nodes"])
            numbers += [each["number"] for each in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
    wanted = sqlite3.connect(sources / "rafidain-relief.db").execute(
        "SELECT number FROM distribution WHERE distributed_on >= '2025-06-01' ORDER BY number"
    )
    assert numbers == [number for (number,) in wanted]
    assert len(numbers) > 6


@pytest.mark.alone
def test_servers_end_with_the_process_that_started_them_however_it_ends(sources: Path) -> None:
    program = (
        "import json, pathlib, sys, time\n"
        "from samples import servers\n"
        "started = servers.start(pathlib.Path(sys.argv[1]))\n"
        "print(json.dumps(dict(started.environment)), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(sources)], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        url = json.loads(parent.stdout.readline())[servers.CRESCENT_URL]
        assert httpx.get(f"{url}/-/versions.json").status_code == 200
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/-/versions.json")
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail("the server outlived its parent")


def test_a_server_that_cannot_start_says_what_to_do(tmp_path: Path) -> None:
    from errors import ConfigError

    with pytest.raises(ConfigError) as raised:
        servers.start(tmp_path)
    assert "did not start" in raised.value.message
    assert "build the sample again" in raised.value.hint


async def test_the_ministry_moves_to_postgresql_whole(sources: Path, postgresql_empty: str) -> None:
    await _moves_whole(sources / "labour-ministry.db", postgresql_empty)


async def test_the_ministry_moves_to_mariadb_whole(sources: Path, mariadb_empty: str) -> None:
    await _moves_whole(sources / "labour-ministry.db", mariadb_empty)


async def _moves_whole(path: Path, url: str) -> None:
    await copy_ministry(path, url)
    await copy_ministry(path, url)
    database = Database.at(url)
    await database.open()
    try:
        for table in ministry.sorted_tables:
            (key,) = table.primary_key.columns
            rows = await database.fetch(database.prepare(sa.select(table).order_by(key)), rows=10_000)
            theirs = sqlite3.connect(path).execute(f"SELECT * FROM {table.name} ORDER BY {key.name}").fetchall()
            assert [tuple(str(value) if isinstance(value, date) else value for value in row) for row in rows] == theirs
            assert rows
    finally:
        await database.close()


def test_a_hundred_thousand_people_need_no_more_memory_than_a_few(tmp_path: Path) -> None:
    program = (
        "import pathlib, resource, sys\n"
        "from samples.sources import write_sources\n"
        "folder = pathlib.Path(sys.argv[1]); folder.mkdir()\n"
        "write_sources(folder, int(sys.argv[2]), 1958, lambda *_: None)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )

    def peak(people: int) -> float:
        command = [sys.executable, "-c", program, str(tmp_path / str(people)), str(people)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return int(done.stdout) / 1024

    few, many = peak(2_000), peak(100_000)
    assert many < few + 60, f"{few:.0f} MiB for 2,000 and {many:.0f} MiB for 100,000"


# --- the built country ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """A small country, linked, seeded and served."""
    with running_country(tmp_path_factory.mktemp("built") / "country") as country:
        yield country


@pytest.fixture
async def hub(built: Country) -> AsyncIterator[tuple[Database, Blinder, KeyRing]]:
    """The hub's own tables, opened."""
    database, ring = Database.at(built.settings.hub.database), KeyRing.load(built.settings.hub.keys)
    await database.open()
    yield database, Blinder(ring), ring
    await database.close()


async def _person(hub: tuple[Database, Blinder, KeyRing], name: str) -> int:
    number = member(name).national_number
    assert number is not None
    return (await People(hub[0], hub[1]).numbers([number]))[number]


async def _holder(hub: tuple[Database, Blinder, KeyRing], source: str, key: str) -> int:
    ((person,),) = await hub[0].fetch(hub[0].prepare(sa.select(link.c.person).where(link.c.source == source, link.c.key == key)))
    return int(person)


def test_a_small_country_is_built_and_served_in_seconds(built: Country) -> None:
    assert built.built.seconds < 8
    assert built.servers.alive()
    assert found(built.folder) == {"format": FORMAT, "people": 400, "seed": SEED}
    assert sum(report.rows for report in built.built.reports) == sum(
        report.linked + report.new + report.conflicts for report in built.built.reports
    )
    there = {path.name for path in built.folder.iterdir()}
    assert {"hub.toml", "hub.db", "record.db", "civil-registry.db", "hope-network", "credentials.json", "keys.json"} <= there
    assert not {"waiting.db"} & there


def test_nobody_else_reads_keys_and_credentials(built: Country) -> None:
    for path in (built.folder, *(built.folder / name for name in ("keys.json", "credentials.json", servers.FILE))):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_other_commands_find_the_running_servers_and_know_when_none_runs(built: Country, tmp_path: Path) -> None:
    assert servers.known_environment(built.folder) == built.servers.environment
    assert servers.known_environment(tmp_path) == servers.NOT_RUNNING


async def test_the_configuration_fits_every_source(built: Country, hub: tuple[Database, Blinder, KeyRing]) -> None:
    gates = [connect(name, source, built.settings, CATALOGUE, hub[0]) for name, source in built.settings.sources.items()]
    try:
        for gate in gates:
            await gate.open()
        assert await check_all(gates) == []
    finally:
        for gate in gates:
            await gate.close()


async def test_umm_hassan_is_one_person_in_five_sources(hub: tuple[Database, Blinder, KeyRing]) -> None:
    person = await _person(hub, "umm-hassan")
    rows = await hub[0].fetch(hub[0].prepare(sa.select(link.c.source).where(link.c.person == person).order_by(link.c.source)))
    assert [source for (source,) in rows] == ["civil-registry", "crescent-aid", "hope-network", "labour-ministry", "rafidain-relief"]


async def test_stories_of_wrong_numbers_come_out_as_told(hub: tuple[Database, Blinder, KeyRing], built: Country) -> None:
    assert await _holder(hub, "rafidain-relief", "RR-000121") != await _person(hub, "salma")
    assert await _holder(hub, "hope-network", "HN-000121") == await _person(hub, "salma")
    assert await _holder(hub, "crescent-aid", "CA-000141") == await _holder(hub, "crescent-aid", "CA-000142") == await _person(hub, "jasim")
    assert await _holder(hub, "hope-network", "HN-000131") not in {await _person(hub, "samir"), await _person(hub, "jasim")}
    assert await _holder(hub, "crescent-aid", "CA-000151") != await _holder(hub, "hope-network", "HN-000151")
    assert await _holder(hub, "rafidain-relief", "RR-000181") == await _person(hub, "khudeda")
    (conflicts,) = [report.conflicts for report in built.built.reports if report.source == "hope-network"]
    assert conflicts >= 1


async def test_organisations_without_a_system_have_their_cases_in_the_hub(hub: tuple[Database, Blinder, KeyRing]) -> None:
    person = await _person(hub, "mariam")
    assert await _holder(hub, "hub", str(person)) == person
    cases = sa.select(own_case.c.position).where(own_case.c.person == person, own_case.c.organisation == "karama")
    assert await hub[0].fetch(hub[0].prepare(cases)) == [("KRM-000001",)]
    given = sa.select(allocation.c.kind, allocation.c.amount_minor, allocation.c.currency).where(allocation.c.person == person)
    assert await hub[0].fetch(hub[0].prepare(given)) == [("assistive_device", 640_000_000, "IQD")]


async def test_consents_are_in_force_as_the_stories_tell(hub: tuple[Database, Blinder, KeyRing]) -> None:
    consents, now = Consents(hub[0], hub[2]), int(time.time())
    (withdrawn,) = await consents.of(await _person(hub, "nadia"))
    assert withdrawn.withdrawn_at is not None
    (given,) = await consents.of(await _person(hub, "abbas"))
    assert (given.receiver, given.holds(now)) == ("hope-network", True)
    abbas = await _person(hub, "abbas")
    assert await consents.masks([abbas], ["crescent-aid"], Purpose.AID_DISTRIBUTION, now) == {}
    assert (await consents.masks([abbas], ["hope-network"], Purpose.AID_DISTRIBUTION, now))[abbas] & Category.HEALTH.bit


async def test_every_credential_opens_what_it_says(built: Country, hub: tuple[Database, Blinder, KeyRing]) -> None:
    credentials = Credentials(hub[0], hub[2])
    wanted = {"crescent-caseworker", "hope-caseworker", "rafidain-caseworker", "ministry-analyst", "inspector", "app-developer"}
    assert wanted < set(built.keys)
    for each in built.credentials:
        assert sorted(each) == ["key", "kind", "name", "organisation", "purposes", "role"]
        requester = await credentials.requester(each["key"], int(time.time()), built.settings)
        assert (requester.name, requester.role, requester.organisation) == (each["name"], each["role"], each["organisation"])
        assert [str(purpose) for purpose in requester.purposes] == each["purposes"]
    person = await credentials.requester(built.keys["umm-hassan"], int(time.time()), built.settings)
    assert person.person == await _person(hub, "umm-hassan")


async def test_the_ministrys_stanza_reads_alike_from_postgresql(built: Country, postgresql_empty: str) -> None:
    await _reads_alike(built, postgresql_empty)


async def test_the_ministrys_stanza_reads_alike_from_mariadb(built: Country, mariadb_empty: str) -> None:
    await _reads_alike(built, mariadb_empty)


async def _reads_alike(built: Country, url: str) -> None:
    await copy_ministry(built.folder / "labour-ministry.db", url)
    here = built.settings.sources["labour-ministry"]
    number = member("umm-hassan").national_number
    insured = member("aram").national_number
    assert number is not None
    assert insured is not None
    answers = []
    for source in (here, here.model_copy(update={"address": url})):
        gate = connect("labour-ministry", source, built.settings, CATALOGUE, Database.at(built.settings.hub.database))
        await gate.open()
        try:
            assert await gate.check() == []
            aid = Shape("labour-ministry", "allocation", ("key", *sorted(here.entities["allocation"].attributes)), filters=("since",))
            insurance = Shape("labour-ministry", "insurance", tuple(sorted(here.entities["insurance"].attributes)))
            given = await gate.fetcher(aid)(Ask(aid, (number,), ("2025-10-01",)))
            held = await gate.fetcher(insurance)(Ask(insurance, (insured,)))
            answers.append((list(given.rows), given.faults, list(held.rows), held.faults))
        finally:
            await gate.close()
    assert answers[0] == answers[1]
    assert len(answers[0][0]) == 2
    assert len(answers[0][2]) == 1


async def test_a_build_that_fails_leaves_the_country_that_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "country"
    folder.mkdir()
    (folder / "sample.json").write_text("earlier")

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "link labour-ministry":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await build(folder, 30, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["country"]
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("sample.json", "earlier")]


async def test_building_again_replaces_the_country_whole(tmp_path: Path) -> None:
    folder, stages = tmp_path / "country", dict[str, tuple[int, int | None]]()
    folder.mkdir()
    (folder / "left over").write_text("earlier")
    await build(folder, 30, SEED, lambda stage, done, total: stages.update({stage: (done, total)}))
    assert [path.name for path in tmp_path.iterdir()] == ["country"]
    assert not (folder / "left over").exists()
    assert not (folder / servers.FILE).exists()
    assert {"people", "link civil-registry", "link hope-network", "cases", "consents", "credentials"} <= set(stages)
    assert all(done == total for stage, (done, total) in stages.items() if stage == "people" or stage.startswith("link "))
    assert found(folder) == {"format": FORMAT, "people": 30, "seed": SEED}
    assert found(tmp_path) is None
