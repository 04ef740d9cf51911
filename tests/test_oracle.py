"""Whatever is asked: the compiled answer is the plain one, and that of one database with the law in SQL, to the order of keys.

`MIZALLA_WONDER=5000` asks so many questions instead of the few dozen of every run, and other ones each time.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sqlite3
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from resolvers.gather import Gathering
from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Door, Prepared, Request
from settings import Agreement, Settings
from tests.asking import copied
from tests.country import Country
from tests.gathered import gathered
from tests.oracle import UNTOLD, Oracle, snake
from tests.shrinking import shrunk
from tests.wondering import ELSEWHERE, PEOPLE, ROOTS, Pool, Wondered, operation
from values import COUNTED_BIT, Enquiry, Purpose

EXAMPLES = int(os.environ.get("MIZALLA_WONDER", "60"))

NARROW = {
    ("crescent-aid", "hope-network"): ("allocation.amount", "person.sex", "person.phone", "household.district"),
    ("karama", "civil-registry"): ("person.mother_name", "household.size"),
    ("hope-network", "crescent-aid"): ("allocation.kind", "allocation.allocated_on", "person.*"),
    ("crescent-aid", "labour-ministry"): ("insurance.wage", "allocation.programme"),
}
"""Agreements that cover less than the sample's, so that sources differ in what may be asked of them."""


@dataclass(slots=True, repr=False)
class Asking:
    """One who asks, for one purpose: the schema as seen, the right answers, and what may be named."""

    enquiry: Enquiry
    oracle: Oracle
    pool: Pool
    schema: GraphQLSchema


class World:
    """An open hub on a loop of its own, and everybody who asks it."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self.door, self.loop = door, loop
        self.everybody: list[Asking] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


def narrowed(found: Settings) -> Settings:
    agreements: list[Agreement] = []
    for each in found.agreements:
        attributes = NARROW.get((each.receiver, each.source), each.attributes)
        agreements.append(each.model_copy(update={"attributes": attributes}))
    return found.model_copy(update={"agreements": tuple(agreements)})


def consenting(folder: Path, now: int) -> None:
    """Let every third person consent to something, of every kind of receiver, and some of them to so many uses only.

    Of these some have a million left today, and some have none. They open everything: a use that would open nothing wanted is not begun,
    and then not even the person is known, which the law knows nothing of.
    """
    chosen, database = random.Random(7), sqlite3.connect(folder / "hub.db")
    receivers = [("crescent-aid", "aid_distribution"), ("hope-network", "aid_distribution"), ("kind:ngo", "case_management")]
    receivers += [("labour-ministry", "social_security"), ("labour-ministry", "statistics"), ("karama", "case_management")]
    columns = [row[1] for row in database.execute("PRAGMA table_info(consent)")]
    model = dict(zip(columns, database.execute("SELECT * FROM consent WHERE withdrawn_at IS NULL").fetchone(), strict=True))
    for number, (person,) in enumerate(database.execute("SELECT number FROM person ORDER BY number").fetchall()):
        for receiver, purpose in receivers:
            if chosen.random() < 0.3:
                row = {
                    **model,
                    "id": f"drawn-{number}-{receiver}-{purpose}"[:32],
                    "person": person,
                    "receiver": receiver,
                    "purpose": purpose,
                }
                row |= {"categories": chosen.randrange(1, 2048), "granted_at": now - 100, "ends_at": now + 10**7}
                row |= chosen.choice(({"mode": "view", "keep_days": None}, {"mode": "store", "keep_days": 30}))
                limited = chosen.choice((None, None, None, 1_000_000, 1))
                if limited and purpose != "statistics":
                    row |= {"uses": limited, "period_days": 1, "granted_at": now - 2 * 86_400 - 100}
                    row["categories"] = 2047 | COUNTED_BIT
                    used = (row["id"], 2, 1, "drawn", now)  # the third day's
                    database.execute("INSERT OR IGNORE INTO consent_use VALUES (?, ?, ?, ?, ?)", used)
                database.execute(f"INSERT OR IGNORE INTO consent VALUES ({', '.join('?' * len(columns))})", [row[each] for each in columns])
    database.commit()
    database.close()


@contextmanager
def opened_world(country: Country, folder: Path) -> Iterator[World]:
    """The world of a copy of the country, in which more is consented and less agreed."""
    now = int(time.time())
    found = narrowed(copied(country, folder))
    consenting(folder, now)
    everything = gathered(folder, found, now)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def opened() -> Hub:
        return await Hub(found, CATALOGUE, PUBLIC_NAMES).__aenter__()

    hub = asyncio.run_coroutine_threadsafe(opened(), loop).result(60)
    made = World(Door(hub, SCHEMA), loop)
    for key in [None, *dict.fromkeys(country.keys.values())]:
        requester = made.run(hub.enquiry(key, None)).requester
        for purpose in dict.fromkeys(requester.purposes or [Purpose.OPEN_DATA]):
            enquiry = made.run(hub.enquiry(key, purpose.value))
            made.everybody.append(asking(made.door, found, everything, enquiry))
    yield made
    made.run(hub.__aexit__(None, None, None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def world(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened_world(country, tmp_path_factory.mktemp("oracle") / "copy") as made:
        yield made


def asking(door: Door, found: Settings, everything: sqlite3.Connection, enquiry: Enquiry) -> Asking:
    oracle = Oracle(everything, found, SCHEMA._schema, door.hub.pseudonyms, enquiry)
    cases = oracle.db.execute("SELECT position, person FROM own_case, asker USING (organisation) ORDER BY position").fetchall()[:30]
    seen = [number for (number,) in oracle.db.execute("SELECT person FROM visible ORDER BY person LIMIT 40")]
    foreign = door.hub.pseudonyms.maker("somebody-else", "person")(1)
    people = [*(oracle.person_id(each) for each in [*seen, 1, 2, 3]), foreign, "no identifier"]
    papers = oracle.db.execute(
        "SELECT content ->> 'national_number', content ->> 'ration_card' FROM row "
        "WHERE source = 'civil-registry' AND entity = 'person' LIMIT 40"
    ).fetchall()
    identifiers = [("NATIONAL_NUMBER", number) for number, _ in papers if number] + [("RATION_CARD", card) for _, card in papers if card]
    identifiers += [("CASE_NUMBER", at) for at, _ in cases if len(at) < 20] + [("CASE_NUMBER", "XX-1"), ("NATIONAL_NUMBER", "999999999999")]
    pool = Pool(
        people,
        [oracle.person_id(each) for _, each in cases],
        [oracle.cursor(at) for at, _ in cases],
        identifiers,
        oracle.books.places(),
        oracle.books.held(),
    )
    return Asking(enquiry, oracle, pool, door.variants.of(enquiry).core)


async def both(door: Door, wondered: Wondered, enquiry: Enquiry) -> tuple[Any, Any, Gathering]:
    """The data of the compiled way and of the plain one, and what was gathered for the first."""
    request = Request(wondered.text, None, wondered.variables)
    prepared = door.prepare(request, enquiry)
    assert isinstance(prepared, Prepared), prepared.body
    gathering = Gathering(door.hub, enquiry, prepared.variables)
    want = door._want(prepared)
    assert want is not None
    compiled, errors = await door._run(want, gathering)
    assert (errors, gathering.faults) == ([], [])
    plain, errors = await door._run_plainly(prepared, request, Gathering(door.hub, enquiry, prepared.variables))
    assert errors == []
    return compiled, plain, gathering


def holds(door: Door, wondered: Wondered, enquiry: Enquiry) -> bool:
    """Whether the document may be asked at all."""
    return isinstance(door.prepare(Request(wondered.text, None, wondered.variables), enquiry), Prepared)


def wrong(world: World, who: Asking, wondered: Wondered) -> list[str]:
    """What is not right about the answers to a question, and about what was asked of sources for them."""
    try:
        compiled, plain, gathering = world.run(both(world.door, wondered, who.enquiry))
    except AssertionError as error:
        return [str(error)]
    found = [] if json.dumps(compiled) == json.dumps(plain) else [f"compiled {json.dumps(compiled)[:300]}, plain {json.dumps(plain)[:300]}"]
    found += differences(compiled, who.oracle.answer(wondered.text, wondered.variables))
    selected = {snake(word) for word in re.findall(r"\w+", wondered.text)} | {"key", "allocated_on", "organisation"}
    if "received" in selected:
        selected |= {"kind", "amount", "currency", "status"}  # what a sum is made of
    found += [f"{shape} asks more than was selected" for shape, _ in gathering.asks if not selected.issuperset(shape.attributes)]
    found += [
        f"{coordinate} of {source} is not permitted"
        for shown in gathering.shown
        for source in shown.sources
        for coordinate in shown.coordinates
        if not coordinate.startswith(("household.", "organisation.")) and not who.oracle.permits(coordinate, source, shown.people)
    ]
    return found


def differences(answer: Any, right: Any, path: str = "") -> Iterator[str]:
    """Where an answer is not the right one; what the oracle does not know is passed over."""
    if isinstance(right, dict) and isinstance(answer, dict):
        if list(answer) != list(right):
            yield f"{path}: keys {list(answer)} instead of {list(right)}"
        for key in right:
            yield from differences(answer.get(key), right[key], f"{path}.{key}")
    elif isinstance(right, list) and isinstance(answer, list) and len(right) == len(answer):
        for place, (one, other) in enumerate(zip(answer, right, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif right is not UNTOLD and (answer != right or isinstance(answer, bool) is not isinstance(right, bool)):
        said, instead = [json.dumps(each, ensure_ascii=False, default=str)[:300] for each in (answer, right)]
        yield f"{path}: {said} instead of {instead}"


@settings(
    max_examples=EXAMPLES,
    derandomize="MIZALLA_WONDER" not in os.environ,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**62))
def test_whatever_is_asked_the_answer_is_the_right_one(world: World, seed: int) -> None:
    chosen = random.Random(seed)
    who = chosen.choice(world.everybody)
    wondered = operation(chosen, who.schema, who.pool)
    if wrong(world, who, wondered):
        least = shrunk(wondered, lambda each: holds(world.door, each, who.enquiry) and bool(wrong(world, who, each)))
        asker = f"{who.enquiry.requester.name} for {who.enquiry.purpose}"
        pytest.fail(f"{asker}: {least.text} {json.dumps(least.variables, ensure_ascii=False)}\n" + "\n".join(wrong(world, who, least)[:5]))


@pytest.mark.parametrize("root", dict.fromkeys(ROOTS))
def test_each_root_is_answered_rightly_to_those_who_may_ask_it(world: World, root: str) -> None:
    """Some questions to this root alone, by several who see it, of which some are shown something."""
    chosen, shown = random.Random(root), 0
    askers = [each for each in world.everybody if each.schema.query_type and root in each.schema.query_type.fields]
    for who in chosen.choices(askers, k=8):
        wondered = operation(chosen, who.schema, who.pool, [root])
        assert wrong(world, who, wondered) == [], wondered.text
        data = world.run(both(world.door, wondered, who.enquiry))[0]
        shown += any(value not in (None, [], {}) for value in data.values())
    assert shown


def test_every_root_that_leads_to_people_is_asked() -> None:
    """Whatever of people can be read by a root is held against the law, or stands in the list with its reason."""

    def leads(type_: Any, seen: frozenset[str]) -> bool:
        if not isinstance(type_, GraphQLObjectType) or type_.name in seen:
            return False
        return type_.name == "Person" or any(leads(get_named_type(each.type), seen | {type_.name}) for each in type_.fields.values())

    query = SCHEMA._schema.query_type
    assert query is not None
    found = {name for name, each in query.fields.items() if leads(get_named_type(each.type), frozenset())}
    assert found == {*PEOPLE, *ELSEWHERE}


def test_a_person_reads_the_terms_of_its_own_consents(world: World) -> None:
    """Those that were drawn: kept for so many days or not at all, and used so often."""
    asked = Wondered("{ me { person { consents { id mode keepDays frequency { times inDays } categories } } } }", {})
    people = [each for each in world.everybody if each.enquiry.requester.person and each.enquiry.purpose is Purpose.SELF_ACCESS]
    assert all(wrong(world, who, asked) == [] for who in people)
    listed = [each for who in people for each in who.oracle.answer(asked.text, {})["me"]["person"]["consents"]]
    assert {(each["mode"], each["keepDays"]) for each in listed} >= {("VIEW", None), ("STORE", 30)}


def test_what_goes_wrong_is_told_in_few_words(world: World) -> None:
    """Were it wrong to show food, a question that shows some would shrink to that field and the way to it."""
    who = next(each for each in world.everybody if each.enquiry.requester.name == "crescent-caseworker")

    def shows(asked: Wondered) -> bool:
        return holds(world.door, asked, who.enquiry) and '"food"' in json.dumps(world.run(both(world.door, asked, who.enquiry))[0])

    questions = (operation(random.Random(seed), who.schema, who.pool) for seed in range(400))
    wondered = next(filter(shows, questions))
    least = shrunk(wondered, shows)
    assert shows(least)
    assert not any(sign in least.text for sign in ("...", "@", "__typename", "order", "since"))
    assert len(least.text) < 160 < len(wondered.text)


def test_a_filter_finds_nothing_by_what_may_not_be_shown(world: World) -> None:
    """Under an agreement on amounts alone, rows that come and go with the kind asked for would tell it."""
    who = next(each for each in world.everybody if each.enquiry.requester.name == "crescent-caseworker")
    asked = """query($kinds: [Code!], $since: Day) {
        people(first: 1000) { allocations(kinds: $kinds, since: $since) { source amount } withheld { attribute reason } } }"""
    found: dict[str, set[str]] = {}
    everything: dict[str, dict[str, Any]] = {
        "nothing": {},
        "kinds": {"kinds": ["cash", "food", "education"]},
        "since": {"since": "2000-01-01"},
    }
    for name, variables in everything.items():
        compiled, _, gathering = world.run(both(world.door, Wondered(asked, variables), who.enquiry))
        found[name] = {row["source"] for person in compiled["people"] for row in person["allocations"]}
        told = {(each["attribute"], each["reason"]) for person in compiled["people"] for each in person["withheld"]}
        hidden = {"kinds": ("Allocation.kind", "NOT_IN_AGREEMENT"), "since": ("Allocation.allocatedOn", "NOT_IN_AGREEMENT")}
        assert {each for each in hidden.values() if each in told} == {hidden[name]} if name in hidden else hidden.keys().isdisjoint(told)
        asked_of = {shape.source for shape, _ in gathering.asks if shape.entity == "allocation"}
        assert ("hope-network" in asked_of) is (name == "nothing")
    assert found["nothing"] >= {"hope-network", "labour-ministry"}
    assert found["kinds"].isdisjoint({"hope-network", "labour-ministry"})
    assert found["since"].isdisjoint({"hope-network", "labour-ministry"})


def test_everybody_asks(world: World) -> None:
    """Many requesters and purposes, some of whom know many people and some nobody."""
    known = {each.oracle.db.execute("SELECT count(*) FROM visible").fetchone()[0] for each in world.everybody}
    assert len(world.everybody) >= 20
    assert {0, 1} < known
