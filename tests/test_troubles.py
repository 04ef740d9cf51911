"""A hub in trouble, whose rules fail and whose sources break or lie, says the same whatever carries the question, and no more."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from policies.law import FOLDER
from tests import broken
from tests.bad_inputs import CASEWORKER, NUMBER, ONE, SECOND
from tests.broken import SECRET, Broken
from tests.carrying import TRANSPORTS, Asked, Place, said
from tests.country import Country
from tests.law import Law
from tests.troubles import LEFT, REACHES, TROUBLES
from tests.varying import varied

PATIENT = "retries = 0\ntimeout_seconds = 4.0\nmax_bytes = 1048576\nbreaker = { failures = 100000 }\n"
"""No source of these is left in peace, whatever it does."""

SPOILT = """
release(_: Requester, _, field: Field, _, "always") if field.category = "need" and field.no_such_method();
release(_: Requester, _, field: Field, _, "at_times") if field.category = "health";
"""
"""A rule that fails wherever it is asked about a need, and one that opens what is of health under a condition there is not."""


def lawless(folder: Path) -> None:
    """The hub's own rules, without the promises that would find out about these two."""
    folder.mkdir(parents=True)
    for path in FOLDER.glob("*.polar"):
        (folder / path.name).write_text(re.sub(r"^\?= .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    with (folder / "identity.polar").open("a", encoding="utf-8") as law:
        law.write(SPOILT)


@pytest.fixture(scope="module")
def source() -> Iterator[Broken]:
    with broken.broken() as running:
        yield running


@pytest.fixture(scope="module")
def troubled(country: Country, source: Broken, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("troubled")
    lawless(folder / "law")
    changes = {"[sources.crescent-aid]\n": f"[sources.crescent-aid]\n{PATIENT}"}
    rules = f'rules = "{folder / "law"}"'
    with varied(country, folder / "hub", rules, environment={"CRESCENT_AID_URL": source.url}, changes=changes) as running:
        yield Place(running.hub, country.keys, country.settings)


async def over_all(place: Place, query: str, who: str | None = CASEWORKER, written: str | None = None) -> dict[str, dict[str, Any]]:
    """The bodies of one question's answers, by what carried it."""
    asked = Asked({"query": query}, f"Bearer {place.keys[who]}" if who else None, written=written)
    assert asked.transports == tuple(TRANSPORTS)
    bodies = await asyncio.gather(*(TRANSPORTS[each](place, asked) for each in TRANSPORTS))
    return dict(zip(TRANSPORTS, bodies, strict=True))


@pytest.fixture(scope="module")
async def others(troubled: Place) -> dict[str, str]:
    """What somebody else, or something else, is called; and the number of somebody whom Crescent Aid may not know."""
    law = Law(troubled.settings)
    homes = {law.homes.get(case) for case in law.cases["crescent-aid"]} - {None}
    known = law.cases["crescent-aid"] | {person for person, *_ in law.consents}
    strangers = (key for key, person in law.people["civil-registry"].items() if person not in known and law.homes.get(person) not in homes)
    found = {"<stranger>": next(strangers)}
    asked = {
        "<hope's id>": ("{ people(first: 1) { id } }", "hope-caseworker", ("people", 0, "id")),
        "<hope's cursor>": ("{ caseload(first: 1) { edges { cursor } } }", "hope-caseworker", ("caseload", "edges", 0, "cursor")),
        "<household>": (f"{{ {ONE} {{ household {{ id }} }} }}", CASEWORKER, ("personByIdentifier", "household", "id")),
    }
    for word, (query, who, path) in asked.items():
        value = (await troubled.post(query, who)).json()["data"]
        for step in path:
            value = value[step]
        found[word] = value
    return found


@pytest.mark.parametrize(("query", "written", "right"), REACHES.values(), ids=list(REACHES))
async def test_what_may_not_be_seen_is_reached_by_no_way_round(
    troubled: Place, others: dict[str, str], query: str, written: str, right: dict[str, Any] | str
) -> None:
    for word, value in others.items():
        query, written = query.replace(word, value), written.replace(word, value)
    bodies = await over_all(troubled, query, written=written)
    if isinstance(right, str):
        assert {each: said(body) for each, body in bodies.items()} == dict.fromkeys(TRANSPORTS, right)
    else:
        assert {each: body["data"] for each, body in bodies.items()} == dict.fromkeys(TRANSPORTS, right)
    told = json.dumps([*bodies.values()], ensure_ascii=False)
    assert others["<stranger>"] not in told
    assert NUMBER not in told


async def test_what_one_requester_is_shown_another_is_not_shown_from_memory(troubled: Place) -> None:
    """One document asked by both at once, and again by each, over every transport: of nobody's answer is another's made."""
    query = f"{{ {SECOND} {{ id name maritalStatus }} }}"
    askers = [CASEWORKER, "hope-caseworker", CASEWORKER, "hope-caseworker"]
    answers = await asyncio.gather(*(over_all(troubled, query, who) for who in askers))
    shown, withheld, *again = [[body["data"] for body in each.values()] for each in answers]
    assert again == [shown, withheld]
    assert all(each == shown[0] for each in shown)
    assert all(each == withheld[0] for each in withheld)
    assert shown[0] != withheld[0]


@pytest.fixture(scope="module")
def case(country: Country) -> str:
    """How Crescent Aid calls him whose telephone number is asked for."""
    with closing(sqlite3.connect(country.folder / "crescent-aid.db")) as books:
        (found,) = books.execute("SELECT case_no FROM cases WHERE ration_card_no = '2043817' AND ration_card_line = 2").fetchone()
    return str(found)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_what_a_source_does_has_the_same_verdict_over_every_transport(
    troubled: Place, source: Broken, case: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    way, code, telephone = TROUBLES[trouble].way, TROUBLES[trouble].code, TROUBLES[trouble].telephone
    if isinstance(way, str):
        source.way = way
    else:
        monkeypatch.setitem(broken.WAYS, trouble, way(case))
        source.way = trouble
    bodies = await over_all(troubled, f"{{ {ONE} {{ sex phone }} }}")
    for body in bodies.values():
        assert body["data"] == {"personByIdentifier": {"sex": "M", "phone": telephone}}, "the others' values stand"
        told = [(each["extensions"]["code"], each["extensions"]["source"]) for each in body.get("errors", ())]
        assert told == ([(code, "crescent-aid")] if code else [])
        (state,) = [each["status"] for each in body["extensions"]["sources"] if each["name"] == "crescent-aid"]
        assert (state == "OK") is (code is None)
        assert SECRET not in json.dumps(body)
    assert SECRET not in troubled.hub.said()


# --- a hub all of whose sources are gone -------------------------------------------------------------------------------------

GONE = {
    "sqlite:///civil-registry.db": "sqlite:///gone/civil-registry.db",
    "sqlite:///labour-ministry.db": "sqlite:///gone/labour-ministry.db",
    'address = "hope-network"': 'address = "gone"',
}


@pytest.fixture(scope="module")
def deserted(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    nowhere = {"CRESCENT_AID_URL": "http://127.0.0.1:9", "RAFIDAIN_RELIEF_URL": "http://127.0.0.1:9"}
    with varied(country, tmp_path_factory.mktemp("deserted") / "hub", environment=nowhere, changes=GONE) as running:
        yield Place(running.hub, country.keys, country.settings)


@pytest.mark.parametrize(("query", "right"), LEFT.values(), ids=list(LEFT))
async def test_a_hub_whose_sources_are_all_gone_opens_and_says_so_alike(deserted: Place, query: str, right: dict[str, Any]) -> None:
    for body in (await over_all(deserted, query)).values():
        assert body["data"] == right
        faults = {(each["extensions"]["source"], each["extensions"]["code"]) for each in body.get("errors", ())}
        wanted = ["civil-registry", "crescent-aid"] if "personByIdentifier" in right else []
        assert [(each, "SOURCE_UNAVAILABLE") for each in wanted] == sorted(faults)
