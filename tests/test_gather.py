"""How often sources are asked, and what happens when they do not answer."""

import re
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from samples import servers
from tests.asking import addresses, copied, elsewhere
from tests.broken import broken
from tests.country import Country
from tests.receiving import Receipts, Watched, forwarding, watching
from values import Category, Purpose

# --- how often a source is asked -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def crowded(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """A hub behind whose back every source notes what it receives; everybody of the country is a case of Crescent Aid's."""
    folder = tmp_path_factory.mktemp("crowded") / "hub"
    copied(country, folder)
    # A read that a busy machine makes slow is begun again in a thread; here each is to be counted once.
    patience = pytest.MonkeyPatch()
    patience.setattr("tables.sqlite.INLINE_SECONDS", 60.0)
    with apsw.Connection(str(folder / "hub.db")) as books:
        books.execute(
            "INSERT INTO own_case SELECT 'crescent-aid', 'Z-' || number, number FROM person"
            " WHERE number NOT IN (SELECT person FROM own_case WHERE organisation = 'crescent-aid')"
        )
    async with watching(country, folder) as opened:
        yield opened
    patience.undo()


def statements(receipts: Receipts) -> Counter[tuple[str, str]]:
    """How often each statement was received; one key and a list of keys make the same statement.

    What the record does by itself every second (its heads, its index) is nobody's question.
    """
    tending = re.compile(r"\b(mark|head|entry_person)\b")
    one_or_many = re.compile(r"= \?(?= |$)|IN carray\(\?\)")
    texts = [
        (each.source, one_or_many.sub("…", each.text)) for each in receipts.all if each.source not in {"crescent-aid", "rafidain-relief"}
    ]
    texts = [(source, text) for source, text in texts if source != "record.db" or not tending.search(text)]
    return Counter((source, text.split(" ORDER BY ")[0]) for source, text in texts)


@pytest.mark.parametrize(
    "selection",
    [
        "id sex birthYear living",
        "allocations { kind amount organisation { name } } insurance { status }",
        "household { size dwelling members { birthYear allocations { kind } } }",
    ],
    ids=["people", "lists", "households"],
)
async def test_a_page_takes_each_statement_once_for_1_person_for_50_and_for_400(selection: str, crowded: Watched) -> None:
    counted: dict[int, Counter[tuple[str, str]]] = {}
    for first in (1, 50, 400):
        body = await crowded.ask(f"{{ people(first: {first}) {{ {selection} }} }}", "crescent-caseworker")
        assert len(body["data"]["people"]) == first
        counted[first] = statements(crowded.receipts)
        asks = Counter((each["source"], each["entity"]) for each in body["extensions"]["plan"])
        levels = 2 if "members" in selection else 1
        assert max(asks.values()) <= levels
        assert max(counted[first].values()) <= levels
    assert counted[1] <= counted[50] <= counted[400]  # a source that knows none of them is not asked


async def test_a_server_is_sent_one_request_an_ask_until_its_addresses_grow_too_long(crowded: Watched) -> None:
    for first, most in ((1, 1), (50, 1), (400, 2)):
        body = await crowded.ask(f"{{ people(first: {first}) {{ allocations {{ kind }} }} }}", "crescent-caseworker")
        asked = [each["source"] for each in body["extensions"]["plan"]]
        for source in ("crescent-aid", "rafidain-relief"):
            assert asked.count(source) <= 1
            assert len(crowded.receipts.of(source)) <= most


async def test_many_kinds_of_consent_do_not_multiply_asks(crowded: Watched) -> None:
    hub, chance = crowded.asking.hub, Random(7)
    now = int(time.time())
    for person in sorted(crowded.law.people["civil-registry"].values())[:120]:
        wanted = {each for each in (Category.NAME, Category.BIRTH, Category.PLACE, Category.FAMILY) if chance.random() < 0.5}
        if wanted:
            await hub.consents.grant(person, "crescent-aid", Purpose.AID_DISTRIBUTION, wanted, now + 1000, now)
    selection = "id motherName birthDate maritalStatus district sex withheld { attribute reason }"
    body = await crowded.ask(f"{{ people(first: 400) {{ {selection} }} }}", "crescent-caseworker")
    asks = Counter((each["source"], each["entity"]) for each in body["extensions"]["plan"])
    assert asks["civil-registry", "person"] <= 5  # four categories, and what takes no consent
    assert {len(each["withheld"]) for each in body["data"]["people"]} >= {0, 1, 2, 3, 4}
    for person in body["data"]["people"][::40]:
        alone = await crowded.ask(
            f"query One($id: ID!) {{ person(id: $id) {{ {selection} }} }}", "crescent-caseworker", {"id": person["id"]}
        )
        assert alone["data"]["person"] == person


# --- a source that does not answer -----------------------------------------------------------------------------------

FAMILY = """
{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") {
    household { members {
        birthYear
        needScore
        phone
        allocations { source kind }
        withheld { attribute reason }
    } }
} }
"""


def members(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The members of the family asked for."""
    found: list[dict[str, Any]] = body["data"]["personByIdentifier"]["household"]["members"]
    return found


def status(body: dict[str, Any]) -> dict[str, str]:
    """How each source did."""
    return {each["name"]: each["status"] for each in body["extensions"]["sources"]}


@pytest.fixture(scope="module")
async def whole(country: Country, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer where every source answers."""
    folder = tmp_path_factory.mktemp("whole") / "hub"
    copied(country, folder)
    async with elsewhere(country, folder, {}) as hub:
        return await hub.ask(FAMILY, "crescent-caseworker")


def closed_port() -> str:
    """An address at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


async def ask_without_crescent(country: Country, folder: Path, way: str) -> dict[str, Any]:
    """The same question where Crescent Aid's server is closed, or answers in one of the ways of `tests/broken.py`."""
    copied(country, folder)
    with broken() as source:
        source.way = way
        address, patience = closed_port() if way == "closed" else source.url, 0.4 if way in {"hang", "drip"} else 20.0
        async with elsewhere(country, folder, {"crescent-aid": f"{address}/crescent-aid"}, retries=0, timeout_seconds=patience) as hub:
            return await hub.ask(FAMILY, "crescent-caseworker")


WAYS = [
    ("closed", "SOURCE_UNAVAILABLE", "UNAVAILABLE"),
    ("503", "SOURCE_UNAVAILABLE", "UNAVAILABLE"),
    ("reset", "SOURCE_UNAVAILABLE", "UNAVAILABLE"),
    ("hang", "SOURCE_TIMEOUT", "TIMEOUT"),
    ("drip", "SOURCE_TIMEOUT", "TIMEOUT"),
    ("html", "SOURCE_GARBLED", "GARBLED"),
    ("truncated", "SOURCE_GARBLED", "GARBLED"),
]


@pytest.mark.parametrize(("way", "code", "told"), WAYS, ids=[way for way, _, _ in WAYS])
async def test_a_source_that_fails_spoils_only_its_own(
    way: str, code: str, told: str, country: Country, whole: dict[str, Any], tmp_path: Path
) -> None:
    """Failure 1.3b of aid: what the others said arrives, and the fault is named with its own code."""
    body = await ask_without_crescent(country, tmp_path / "hub", way)
    assert status(body) == status(whole) | {"crescent-aid": told}
    for each, before in zip(members(body), members(whole), strict=True):
        assert each["birthYear"] == before["birthYear"]
        rest = [given for given in before["allocations"] if given["source"] != "crescent-aid"]
        assert (each["allocations"] or []) == rest
    missing = {"Person.phone", "Person.needScore", "Allocation.id", "Allocation.kind"}
    assert {line["attribute"] for each in members(body) for line in each["withheld"] if line["reason"] == code} == missing
    assert {line["coordinate"] for line in body["extensions"]["withheld"] if line["reason"] == code} == missing


async def test_a_fault_says_where_what_and_of_how_many(country: Country, tmp_path: Path) -> None:
    body = await ask_without_crescent(country, tmp_path / "hub", "closed")
    faults = {each["extensions"]["coordinate"]: each for each in body["errors"]}
    assert {coordinate: each["extensions"]["count"] for coordinate, each in faults.items()} == {
        "Person.needScore": 4,  # the ministry assessed the mother
        "Person.phone": 5,
        "Allocation.id": 5,
        "Allocation.kind": 5,
    }
    assert len(body["errors"]) == 4
    for each in body["errors"]:
        assert each["path"] == ["personByIdentifier"]
        assert each["extensions"]["code"] == "SOURCE_UNAVAILABLE"
        assert each["extensions"]["source"] == "crescent-aid"


async def test_refused_and_down_never_share_a_code(country: Country, tmp_path: Path) -> None:
    body = await ask_without_crescent(country, tmp_path / "hub", "closed")
    lines = {(line["attribute"], line["reason"]) for each in members(body) for line in each["withheld"]}
    reasons = {reason for _, reason in lines}
    assert "SOURCE_UNAVAILABLE" in reasons
    assert not {attribute for attribute, reason in lines if reason == "SOURCE_UNAVAILABLE"} & {
        attribute for attribute, reason in lines if reason in {"NO_CONSENT", "LEVEL_TOO_LOW", "NOT_IN_AGREEMENT"}
    }


async def test_a_list_is_null_only_where_all_its_sources_failed(country: Country, whole: dict[str, Any], tmp_path: Path) -> None:
    body = await ask_without_crescent(country, tmp_path / "hub", "closed")
    several, hope_alone, hope_too, crescent_alone, crescent_only = (each["allocations"] for each in members(body))
    assert {each["source"] for each in several} == {"labour-ministry", "rafidain-relief", "hope-network"}
    assert [each["source"] for each in hope_alone] == ["hope-network"]
    assert hope_too == []  # Hope Network answered that it gave her nothing
    assert crescent_alone is None
    assert crescent_only is None
    assert members(whole)[4]["allocations"] == []


async def test_a_source_that_is_switched_off_between_two_questions_is_missed_at_the_second(country: Country, tmp_path: Path) -> None:
    copied(country, tmp_path / "hub")
    receipts = Receipts()
    question = '{ personByIdentifier(scheme: CASE_NUMBER, value: "RR-000221") { allocations { status } sex } }'
    address = addresses(country)["rafidain-relief"]
    forwarder = forwarding("rafidain-relief", address, receipts)
    found = await forwarder.__aenter__()
    async with elsewhere(country, tmp_path / "hub", {"rafidain-relief": found}, retries=0) as hub:
        first = await hub.ask(question, "rafidain-caseworker")
        await forwarder.__aexit__(None, None, None)
        second = await hub.ask(question, "rafidain-caseworker")
        sources = await hub.data("{ sources { name status lastAnswerAt } }", "public")
    assert len(first["data"]["personByIdentifier"]["allocations"]) == 2
    assert second["data"]["personByIdentifier"] == {"allocations": None, "sex": "F"}
    assert {each["extensions"]["code"] for each in second["errors"]} == {"SOURCE_UNAVAILABLE"}
    (told,) = (each for each in sources["sources"] if each["name"] == "rafidain-relief")
    assert told["status"] == "UNAVAILABLE"
    assert told["lastAnswerAt"] is not None


async def test_without_the_registry_the_others_answer_and_nobody_is_asked_in_its_place(country: Country, tmp_path: Path) -> None:
    """Failure 2.3b of identity."""
    copied(country, tmp_path / "hub")
    (tmp_path / "hub" / "civil-registry.db").unlink()
    async with elsewhere(country, tmp_path / "hub", {}, retries=0) as hub:
        body = await hub.ask(
            '{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") { sex needScore household { size } } }', "crescent-caseworker"
        )
    # Her sex stands in Crescent Aid's own books too; the registry comes first, and failing is not the same as knowing nothing.
    assert body["data"]["personByIdentifier"] == {"sex": None, "needScore": 81.5, "household": {"size": None}}
    assert {each["extensions"]["coordinate"] for each in body["errors"]} >= {"Person.sex", "Household.size"}


async def test_values_that_cannot_be_read_are_null_and_counted(country: Country, tmp_path: Path) -> None:
    """Failure 1.3c of aid: the rest of the source's answer stands."""
    copied(country, tmp_path / "hub", sources=True)
    with apsw.Connection(str(tmp_path / "hub" / "labour-ministry.db")) as books:
        books.execute("UPDATE payment SET state = '?', amount = 'much' WHERE paid_on = '2025-10-15'")
    async with elsewhere(country, tmp_path / "hub", {}) as hub:
        question = (
            '{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") { allocations(kinds: ["cash"]) { status amount source } } }'
        )
        body = await hub.ask(question, "crescent-caseworker")
    ministry = [each for each in body["data"]["personByIdentifier"]["allocations"] if each["source"] == "labour-ministry"]
    assert [(each["status"], each["amount"]) for each in ministry] == [("delivered", 325000), (None, None), ("delivered", 325000)]
    assert status(body)["labour-ministry"] == "PARTIAL"
    told = {each["extensions"]["coordinate"]: each["extensions"] for each in body["errors"]}
    assert {coordinate: (each["code"], each["count"]) for coordinate, each in told.items()} == {
        "Allocation.amount": ("SOURCE_GARBLED", 1),
        "Allocation.status": ("SOURCE_GARBLED", 1),
    }


async def test_organisations_that_a_source_names_are_read_from_it_at_once(country: Country, tmp_path: Path) -> None:
    """Failure 1.4a of aid: where they cannot be read, the organisation is null and the rest of the row stands."""
    copied(country, tmp_path / "hub", sources=True)
    with apsw.Connection(str(tmp_path / "hub" / "labour-ministry.db")) as books:
        books.execute("CREATE TABLE office (number VARCHAR(9) PRIMARY KEY, title TEXT)")
        books.execute("INSERT INTO office VALUES ('7', 'Al-Sadr office')")
        books.execute("ALTER TABLE payment ADD COLUMN office VARCHAR(9) DEFAULT '7'")
    stanza = (tmp_path / "hub" / "hub.toml").read_text(encoding="utf-8")
    stanza = stanza.replace('organisation = { value = "labour-ministry" }', 'organisation = "office"') + (
        '\n[sources.labour-ministry.entities.organisation]\nread = "office"\nkey = "number"\nattributes = { name = "title" }\n'
    )
    (tmp_path / "hub" / "hub.toml").write_text(stanza, encoding="utf-8")
    question = (
        '{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") {'
        ' allocations(since: "2025-11-15") { source organisation { id name kind } } } }'
    )
    async with watching(country, tmp_path / "hub") as watched:
        body = await watched.ask(question, "crescent-caseworker")
        given = {each["source"]: each["organisation"] for each in body["data"]["personByIdentifier"]["allocations"]}
        assert given["labour-ministry"] == {"id": "labour-ministry:7", "name": "Al-Sadr office", "kind": None}
        assert given["rafidain-relief"] == {"id": "rafidain-relief", "name": "Rafidain Relief", "kind": "ngo"}
        (read,) = (each for each in watched.receipts.of("labour-ministry") if "FROM office" in each.text)
        assert read.values == ("7",)
    with apsw.Connection(str(tmp_path / "hub" / "labour-ministry.db")) as books:
        books.execute("DROP TABLE office")
    async with elsewhere(country, tmp_path / "hub", {}, retries=0) as hub:
        body = await hub.ask(question, "crescent-caseworker")
    given = {each["source"]: each["organisation"] for each in body["data"]["personByIdentifier"]["allocations"]}
    assert given["labour-ministry"] is None
    assert {each["extensions"]["coordinate"]: each["extensions"]["code"] for each in body["errors"]} == {
        "Organisation.name": "SOURCE_GARBLED"
    }


# --- what is withheld tells nothing of the values --------------------------------------------------------------------

OTHER_VALUES = {
    "civil-registry.db": [
        "UPDATE person SET given_name = 'x', mother_name = 'y', sex = 'M', birth_date = '1950-01-01', birth_year = 1950",
        "UPDATE person SET living = 0, marital_status = 'single', language = 'ckb'",
        "UPDATE family SET governorate = 'IQ-AN', district = 'z', dwelling = 'owned', members = 1",
    ],
    "labour-ministry.db": ["UPDATE client SET sex = 1, birth_year = 1950, need_score = NULL", "DELETE FROM payment", "DELETE FROM insured"],
    "crescent-aid.db": ["UPDATE cases SET first_name = 'x', sex = 'male', mobile = NULL, vulnerability = 1", "DELETE FROM aid"],
    "rafidain-relief.db": ["UPDATE beneficiary SET full_name = 'x', phone = NULL, need_score = 1", "DELETE FROM distribution"],
}


async def test_what_is_withheld_never_depends_on_values(country: Country, tmp_path: Path) -> None:
    question = """
    { people(first: 1000) {
        id name motherName sex birthDate phone disability needScore
        household { size district dwelling }
        allocations { kind amount status }
        insurance { status wage insuredSince }
        withheld { attribute reason }
    } }
    """
    copied(country, tmp_path / "one")
    copied(country, tmp_path / "other", sources=True)
    for name, changes in OTHER_VALUES.items():
        with apsw.Connection(str(tmp_path / "other" / name)) as books:
            for change in changes:
                books.execute(change)
    withheld: dict[tuple[str, str], Any] = {}
    shown: dict[tuple[str, str], Any] = {}
    with servers.running(tmp_path / "other") as changed:
        at = {"crescent-aid": f"{changed.environment[servers.CRESCENT_URL]}/crescent-aid"}
        at["rafidain-relief"] = changed.environment[servers.RAFIDAIN_URL]
        for folder, found in (("one", addresses(country)), ("other", at)):
            async with elsewhere(country, tmp_path / folder, found) as hub:
                for who in ("crescent-caseworker", "hope-caseworker", "ministry-analyst"):
                    body = await hub.ask(question, who)
                    withheld[folder, who] = (
                        [(each["id"], each["withheld"]) for each in body["data"]["people"]],
                        body["extensions"]["withheld"],
                    )
                    shown[folder, who] = body["data"]
    for who in ("crescent-caseworker", "hope-caseworker", "ministry-analyst"):
        assert withheld["one", who] == withheld["other", who]
        assert shown["one", who] != shown["other", who]
