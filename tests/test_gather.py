"""How often sources are asked, and what happens when they do not answer."""

import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import apsw
import pytest

from tests.asking import copied
from tests.country import Country
from tests.receiving import Receipts, Watched, watching
from values import Category, Purpose

# --- how often a source is asked -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def crowded(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """A hub behind whose back every source notes what it receives; everybody of the country is a case of Crescent Aid's."""
    folder = tmp_path_factory.mktemp("crowded") / "hub"
    copied(country, folder)
    with apsw.Connection(str(folder / "hub.db")) as books:
        books.execute(
            "INSERT INTO own_case SELECT 'crescent-aid', 'Z-' || number, number FROM person"
            " WHERE number NOT IN (SELECT person FROM own_case WHERE organisation = 'crescent-aid')"
        )
    async with watching(country, folder) as opened:
        yield opened


def statements(receipts: Receipts) -> Counter[tuple[str, str]]:
    """How often each statement was received; one key and a list of keys make the same statement."""
    one_or_many = re.compile(r"= \?(?= |$)|IN carray\(\?\)")
    texts = [
        (each.source, one_or_many.sub("…", each.text)) for each in receipts.all if each.source not in {"crescent-aid", "rafidain-relief"}
    ]
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
