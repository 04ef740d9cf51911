"""How many need what, where and how badly: counted once each, published so that nobody stands out, and what a scale would do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from resolvers.aid.census import Cell
from resolvers.aid.coarse import BASE, rounded
from resolvers.aid.scale import Step, simulate
from resolvers.events import Watcher
from schema.door.door import Request
from tables.aid import allocation, census, census_cell, need_alert, nomination, whereabouts
from tables.identity import person
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import rows
from tests.test_giving import EVERYWHERE
from values import Purpose, Role

NOW = datetime.now(UTC)
TODAY = NOW.date()
COUNTS = """query ($by: [CountDimension!]!, $need: Need, $class: NeedClass, $governorate: Code, $census: ID) {
  needCounts(by: $by, need: $need, class: $class, governorate: $governorate, census: $census) {
    census digest counts { need governorate class cases unserved } } }"""
CENSUSES = "{ censuses { census takenAt digest } }"
SET = """mutation ($input: NeedAlertSetInput!) { needAlertSet(input: $input) {
    ... on NeedAlertSet { alert { id need governorate class measure atLeast raised count } } ... on Refusal { code field hint } } }"""
REMOVE = """mutation ($id: ID!) { needAlertRemove(input: {id: $id}) {
    ... on NeedAlertRemoved { id } ... on Refusal { code field hint } } }"""
ALERTS = "{ needAlerts { id raised count atLeast measure class } }"
OUTCOME = "households poor paid coverage leakage lifted cost gapBefore gapAfter gapClosed"
SCALE = f"""query ($scale: PaymentScaleInput!, $census: ID) {{ paymentScale(scale: $scale, census: $census) {{
    census currency assumption fingerprint total {{ {OUTCOME} }} byClass {{ class outcome {{ households cost }} }}
    byGovernorate {{ governorate outcome {{ households cost }} }} }} }}"""
FLAT = {"steps": [{"leastPoints": 50, "amount": 100_000}], "povertyLine": 105_000}


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over an own database, with the queues that a test makes."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        issue, now = opened.hub.credentials.issue, int(NOW.timestamp())
        for name, organisation, role, purpose in (
            ("crescent-manager", "crescent-aid", Role.MANAGER, Purpose.AID_DISTRIBUTION),
            ("hope-manager", "hope-network", Role.MANAGER, Purpose.AID_DISTRIBUTION),
            ("ministry-analyst", "labour-ministry", Role.ANALYST, Purpose.STATISTICS),
        ):
            opened.keys[name] = await issue(name, "staff", organisation, role, [purpose], now, None)
        yield opened


@pytest.fixture(scope="module")
async def still(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub in which everything is refused; somebody counted once."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("still") / "hub")) as opened:
        await opened.hub.aid.censuses.take(NOW)
        yield opened


async def waits(hub: Asking, people: range, points: int, *, need: str = "cash", who: str = "crescent-aid", **more: Any) -> None:
    """People with a place in a queue; each is a household of its own, of `size` members, unless `home` says otherwise."""
    database = hub.hub.database
    known = {row[0] for row in await database.fetch(database.prepare(sa.select(person.c.number)))}
    homes = {number: more.get("home", number) for number in people}
    async with database.transaction() as tx:
        policy = await hub.hub.aid.ranking.begun(tx, who, need, 1)
        await tx.execute_many(
            database.prepare(sa.insert(person)), [{"number": each, "household": homes[each]} for each in people if each not in known]
        )
        places = [
            {"policy": policy.id, "person": each, "household": homes[each], "size": more.get("size", 4), "order_key": each}
            | {"arrived": each, "arrived_on": TODAY.toordinal(), "points": points * 1000, "lift": 0}
            for each in people
        ]
        await tx.execute_many(database.prepare(sa.insert(nomination)), places)
        if "place" in more:
            noted = [{"person": each, "governorate": more["place"]} for each in people]
            await tx.execute_many(database.prepare(sa.insert(whereabouts)), noted)


async def gave(hub: Asking, people: range, days_ago: int = 1, kind: str = "cash", status: str = "delivered") -> None:
    """Somebody gave them something."""
    database = hub.hub.database
    made = {"organisation": "hope-network", "programme": "x", "kind": kind, "amount_minor": 1, "currency": "IQD", "status": status}
    on = (TODAY - timedelta(days=days_ago)).isoformat()
    async with database.transaction() as tx:
        gifts = [{**made, "id": 10_000 + each, "person": each, "allocated_on": on} for each in people]
        await tx.execute_many(database.prepare(sa.insert(allocation)), gifts)


async def counted(hub: Asking, after: timedelta = timedelta(), **asked: Any) -> dict[Any, tuple[int, int]]:
    """A census now, or later, and its published counts."""
    await hub.hub.aid.censuses.take(NOW + after)
    found = (await hub.data(COUNTS, "public", {"by": ["NEED"], **asked}))["needCounts"]["counts"]
    return {tuple(filter(None, (each["need"], each["governorate"], each["class"]))): (each["cases"], each["unserved"]) for each in found}


def near(shown: tuple[int, int], cases: int, unserved: int) -> bool:
    """Whether published counts are the neighbours of exact ones."""
    return all(abs(each - exact) < BASE and each % BASE == 0 for each, exact in zip(shown, (cases, unserved), strict=True))


async def heard(watcher: Watcher) -> int:
    """How many news a watcher has."""
    found = 0
    while await watcher.next(0.05) is not None:
        found += 1
    return found


# --- counting --------------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_cases_are_counted_once_by_need_place_and_class(hub: Asking) -> None:
    await waits(hub, range(1, 41), 80, place="IQ-BG")
    await waits(hub, range(41, 61), 30, place="IQ-BA")
    await waits(hub, range(1, 31), 60, who="hope-network")  # the same households, known to another organisation as well
    await waits(hub, range(101, 131), 60, need="health")
    await gave(hub, range(1, 21))
    shown = await counted(hub, by=["NEED", "GOVERNORATE", "CLASS"])
    assert shown == {
        ("cash", "IQ-BA", "MODERATE"): (20, 20),
        ("cash", "IQ-BG", "SEVERE"): (40, 20),
        ("health", "HIGH"): (30, 30),
    }


async def test_a_household_is_one_case_of_what_it_needs_together_and_each_person_of_all_else(hub: Asking) -> None:
    await waits(hub, range(1, 11), 80, home=7)
    await waits(hub, range(1, 11), 80, need="health", home=7)
    await waits(hub, range(20, 29), 80)
    shown = await counted(hub)
    assert near(shown[("cash",)], 10, 10)
    assert shown[("health",)] == (10, 10)


@pytest.mark.parametrize(
    ("more", "unserved"),
    [({}, 0), ({"days_ago": 91}, 10), ({"kind": "food"}, 10), ({"status": "returned"}, 10), ({"status": "planned"}, 0)],
)
async def test_served_is_who_received_for_this_need_lately(more: dict[str, Any], unserved: int, hub: Asking) -> None:
    await waits(hub, range(1, 11), 80)
    await gave(hub, range(1, 11), **more)
    assert (await counted(hub))[("cash",)] == (10, unserved)


async def test_of_an_interval_there_is_one_census_whoever_takes_it(hub: Asking) -> None:
    await waits(hub, range(1, 11), 80)
    takes = await asyncio.gather(*(hub.hub.aid.censuses.take(NOW) for _ in range(4)))
    assert len({each.id for each in takes}) == len({each.digest for each in takes}) == 1
    assert await rows(hub, census) == await rows(hub, census_cell) == 1
    await waits(hub, range(11, 21), 80)
    assert (await counted(hub))[("cash",)] == (10, 10)
    assert (await counted(hub, timedelta(hours=1)))[("cash",)] == (20, 20)
    (newer, older) = (await hub.data(CENSUSES, "public"))["censuses"]
    old = (await hub.data(COUNTS, "public", {"by": ["NEED"], "census": older["census"]}))["needCounts"]
    assert (old["digest"], old["counts"][0]["cases"]) == (older["digest"], 10)
    assert newer["digest"] != older["digest"]


async def test_whoever_guesses_the_exact_counts_cannot_see_that_they_are_right(hub: Asking) -> None:
    await waits(hub, range(1, 2), 80)
    taken = await hub.hub.aid.censuses.take(NOW)
    _, cells = await hub.hub.aid.censuses.cells(None) or pytest.fail("there is one")
    guessed = orjson.dumps([[each.need, each.governorate, each.band, each.size, each.cases, each.unserved] for each in cells])
    (told,) = (await hub.data(CENSUSES, "public"))["censuses"]
    assert taken.digest == blake2b(guessed, digest_size=32).digest()
    assert told["digest"] not in {taken.digest.hex(), blake2b(taken.digest, digest_size=32).hexdigest()}


async def test_older_censuses_are_thinned_to_one_a_day(hub: Asking) -> None:
    for hours in range(0, 30, 6):
        await hub.hub.aid.censuses.take(NOW - timedelta(days=10) + timedelta(hours=hours))
    await hub.hub.aid.censuses.take(NOW)
    kept = (await hub.data(CENSUSES, "public"))["censuses"]
    days = [each["takenAt"][:10] for each in kept]
    assert len(days) == len(set(days)) == 3


# --- publishing ------------------------------------------------------------------------------------------------------


async def test_a_count_is_published_alike_however_it_is_asked_for(hub: Asking) -> None:
    await waits(hub, range(1, 14), 80, place="IQ-BG")
    once = await counted(hub, by=["NEED", "CLASS"])
    assert near(once["cash", "SEVERE"], 13, 13)
    again = await counted(hub, by=["CLASS"], need="CASH")
    assert again == once == await counted(hub, timedelta(), by=["NEED"], **{"class": "SEVERE"})


async def test_a_whole_less_its_parts_leaves_nothing_however_often_it_is_counted(hub: Asking) -> None:
    """Two severe cases of one governorate stay two while all else changes hour by hour: no mean of differences comes near them."""
    censuses, left = hub.hub.aid.censuses, set()
    for hour in range(300):
        cells = [Cell("cash", f"IQ-{place}", band, 4, 40 + (hour * (7 + band)) % 31, 3) for place in ("BA", "BG", "KI") for band in (2, 9)]
        cells.append(Cell("cash", "IQ-KI", 18, 4, 2, 2))
        (whole,) = censuses.grouped(cells, ["need"])
        parts = [
            each
            for each in censuses.grouped(cells, ["governorate", "class"])
            if (each["governorate"], each["class"]) != ("IQ-KI", "SEVERE")
        ]
        left.add(whole["cases"] - sum(each["cases"] for each in parts))
    assert left in ({0}, {BASE})


async def test_few_are_as_none(hub: Asking) -> None:
    """Nobody can tell one case from none: a single one is shown as five, or not at all, by a chance it has no part in."""
    seen = [hub.hub.aid.censuses.published([f"place={each}"], "cases", 1) for each in range(400)]
    assert set(seen) == {0, BASE}
    assert 40 < seen.count(BASE) < 120
    assert hub.hub.aid.censuses.published(["place=1"], "cases", 0) == 0


@given(st.integers(0, 10**7), st.integers(0, 50))
def test_rounding_moves_no_count_by_five(count: int, place: int) -> None:
    shown = rounded(bytes(32), [str(place)], "cases", count)
    assert shown % BASE == 0
    assert abs(shown - count) < BASE


@pytest.mark.parametrize("asked", [{"by": []}, {"by": ["NEED"], "census": "0"}, {"by": ["NEED"], "census": "x" * 40}])
async def test_what_was_never_counted_is_not_there(asked: dict[str, Any], still: Asking) -> None:
    """Failure 16.1a of aid."""
    body = await still.ask(COUNTS, "public", asked)
    assert body["data"]["needCounts"] is None
    if not asked["by"]:
        assert body["errors"][0]["extensions"]["code"] == "INVALID"


async def test_whereabouts_are_noted_of_those_in_a_queue_and_forgotten_after(country: Country, tmp_path: Path) -> None:
    async with asking(country, copied(country, tmp_path / "hub")) as hub:
        told: list[tuple[int, int]] = []
        found = await hub.hub.aid.censuses.place(lambda done, of: told.append((done, of)))
        assert 0 < found == await rows(hub, whereabouts) <= told[-1][0] == told[-1][1]
        places = await counted(hub, by=["GOVERNORATE"])
        assert all(key == () or key[0].startswith("IQ-") for key in places)
        database = hub.hub.database
        async with database.transaction() as tx:
            await tx.execute(database.prepare(sa.delete(nomination)))
        assert await hub.hub.aid.censuses.place(lambda *_: None) == 0
        assert await rows(hub, whereabouts) == 0


# --- alerts ----------------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_an_alert_is_raised_and_lowered_and_told_of(hub: Asking) -> None:
    made = (await hub.data(SET, "crescent-manager", {"input": {"need": "CASH", "class": "SEVERE", "atLeast": 20}}))["needAlertSet"]["alert"]
    assert (made["raised"], made["count"], made["measure"]) == (False, None, "UNSERVED")
    enquiry = await hub.hub.enquiry(hub.keys["crescent-manager"], None)
    other = await hub.hub.enquiry(hub.keys["hope-manager"], None)
    with hub.hub.watching.watch("need_alerted", enquiry) as mine, hub.hub.watching.watch("need_alerted", other) as theirs:
        await waits(hub, range(1, 16), 80)
        await counted(hub)
        assert await heard(mine) == 0
        await waits(hub, range(16, 31), 80)
        await counted(hub, timedelta(hours=1))
        (raised,) = (await hub.data(ALERTS, "crescent-manager"))["needAlerts"]
        assert (raised["raised"], raised["count"]) == (True, 30)
        await gave(hub, range(1, 31))
        await counted(hub, timedelta(hours=2))
        (lowered,) = (await hub.data(ALERTS, "crescent-manager"))["needAlerts"]
        assert (lowered["raised"], lowered["count"]) == (False, 0)
        assert (await heard(mine), await heard(theirs)) == (2, 0)


BAD_ALERTS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"atLeast": 0}, "atLeast"),
    "below what is published": ({"atLeast": 4}, "atLeast"),
    "less than nothing": ({"atLeast": -5}, "atLeast"),
    "absurdly much": ({"atLeast": 2_000_000_000}, "atLeast"),
    "a place that is none": ({"governorate": "Baghdad \u202e"}, "governorate"),
    "a very long place": ({"governorate": "I" * 500}, "governorate"),
}


@pytest.mark.parametrize("name", BAD_ALERTS)
async def test_what_is_no_threshold_is_refused(name: str, still: Asking) -> None:
    """Failure 17.1a of aid."""
    changed, field = BAD_ALERTS[name]
    answer = (await still.data(SET, "crescent-manager", {"input": {"need": "CASH", "atLeast": 50, **changed}}))["needAlertSet"]
    assert (answer["code"], answer["field"]) == ("INVALID", field)
    assert answer["hint"]
    assert await rows(still, need_alert) == 0


async def test_another_organisations_alert_is_unknown(hub: Asking) -> None:
    """Failure 17.1b of aid."""
    made = (await hub.data(SET, "crescent-manager", {"input": {"need": "CASH", "atLeast": 50}}))["needAlertSet"]["alert"]
    assert (await hub.data(ALERTS, "hope-manager"))["needAlerts"] == []
    assert (await hub.data(REMOVE, "hope-manager", {"id": made["id"]}))["needAlertRemove"]["code"] == "UNKNOWN"
    assert (await hub.data(REMOVE, "crescent-manager", {"id": "nothing"}))["needAlertRemove"]["code"] == "UNKNOWN"
    assert (await hub.data(REMOVE, "crescent-manager", {"id": made["id"]}))["needAlertRemove"] == {"id": made["id"]}
    assert await rows(hub, need_alert) == 0


# --- a scale of payments ---------------------------------------------------------------------------------------------


def cell(points: int, size: int, cases: int, place: str = "IQ-BG") -> Cell:
    return Cell("cash", place, points // 5, size, cases, 0)


def step(least: int, below: int, amount: int, each_more: int = 0, sizes: tuple[int, int] = (1, 8)) -> Step:
    return Step(least, below, *sizes, Decimal(amount), Decimal(each_more))


def test_a_scale_is_counted_as_by_hand() -> None:
    """Two households of 4 lack 42.5 % of 100,000 each member, 170,000 a household; five of 1 are not poor."""
    cells = [cell(40, 4, 2), cell(10, 1, 5)]
    whole, classes, places = simulate(cells, [step(25, 100, 50_000, 10_000), step(0, 25, 1_000)], Decimal(100_000), 25)
    assert whole.row() == {
        "households": 7,
        "poor": 2,
        "paid": 7,
        "coverage": 1.0,
        "leakage": round(5 / 7, 4),
        "lifted": 0,
        "cost": 2 * 80_000 + 5 * 1_000,
        "gap_before": 340_000,
        "gap_after": 180_000,
        "gap_closed": round(160_000 / 340_000, 4),
    }
    assert {name: each.households for name, each in classes.items()} == {"MODERATE": 2, "LOW": 5}
    assert {name: each.cost for name, each in places.items()} == {"IQ-BG": 165_000}


def test_who_receives_more_than_is_lacking_is_lifted_and_no_gap_is_below_nothing() -> None:
    whole, _, _ = simulate([cell(40, 1, 3)], [step(0, 100, 1_000_000)], Decimal(100_000), 25)
    assert (whole.lifted, whole.gap_after, whole.cost) == (3, Decimal(0), Decimal(3_000_000))


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(1, 8), st.integers(0, 1000)), max_size=30), st.integers(0, 10**6))
def test_a_higher_scale_costs_more_and_leaves_no_greater_gap(drawn: list[tuple[int, int, int]], amount: int) -> None:
    cells = [Cell("cash", "", band, size, cases, 0) for band, size, cases in drawn]
    less, _, _ = simulate(cells, [step(0, 100, amount)], Decimal(105_000), 25)
    more, _, _ = simulate(cells, [step(0, 100, amount + 1_000)], Decimal(105_000), 25)
    assert more.cost >= less.cost
    assert more.gap_after <= less.gap_after <= less.gap
    assert more.lifted >= less.lifted


async def test_a_simulation_is_repeated_from_its_census(hub: Asking) -> None:
    await waits(hub, range(1, 41), 80, place="IQ-BG")
    await waits(hub, range(41, 61), 30, place="IQ-BA", size=1)
    await hub.hub.aid.censuses.take(NOW)
    once = (await hub.data(SCALE, "ministry-analyst", {"scale": FLAT}))["paymentScale"]
    assert (once["total"]["households"], once["total"]["paid"], once["total"]["cost"]) == (60, 40, 4_000_000)
    assert [(each["governorate"], each["outcome"]["cost"]) for each in once["byGovernorate"]] == [("IQ-BA", 0), ("IQ-BG", 4_000_000)]
    await waits(hub, range(61, 81), 90)
    await gave(hub, range(1, 41))
    await hub.hub.aid.censuses.take(NOW + timedelta(hours=1))
    again = (await hub.data(SCALE, "ministry-analyst", {"scale": FLAT, "census": once["census"]}))["paymentScale"]
    assert orjson.dumps(again) == orjson.dumps(once), "byte for byte, whoever came and whatever was given since"
    newer = (await hub.data(SCALE, "ministry-analyst", {"scale": FLAT}))["paymentScale"]
    assert newer["fingerprint"] != once["fingerprint"]
    other = {**FLAT, "povertyLine": 106_000}
    assert (await hub.data(SCALE, "ministry-analyst", {"scale": other}))["paymentScale"]["fingerprint"] != newer["fingerprint"]


async def test_no_scale_however_narrow_tells_one_household(hub: Asking) -> None:
    await waits(hub, range(1, 2), 80, place="IQ-BG")
    await hub.hub.aid.censuses.take(NOW)
    one = {"steps": [{"leastPoints": 80, "belowPoints": 85, "smallest": 4, "largest": 4, "amount": 1}], "povertyLine": 105_000}
    told = (await hub.data(SCALE, "ministry-analyst", {"scale": one}))["paymentScale"]["total"]
    assert told["cost"] in {0, BASE}


BAD_SCALES: dict[str, tuple[dict[str, Any], str]] = {
    "no steps": ({"steps": []}, "scale.steps"),
    "too many steps": ({"steps": [{"amount": 1}] * 51}, "scale.steps"),
    "two for one household": ({"steps": [{"amount": 1}, {"amount": 2, "leastPoints": 95}]}, "scale.steps.1"),
    "points between": ({"steps": [{"amount": 1, "leastPoints": 7}]}, "scale.steps.0.leastPoints"),
    "points upside down": ({"steps": [{"amount": 1, "leastPoints": 50, "belowPoints": 50}]}, "scale.steps.0.leastPoints"),
    "sizes upside down": ({"steps": [{"amount": 1, "smallest": 5, "largest": 2}]}, "scale.steps.0.smallest"),
    "a negative amount": ({"steps": [{"amount": -1}]}, "scale.steps.0.amount"),
    "an absurd amount": ({"steps": [{"amount": 1e12}]}, "scale.steps.0.amount"),
    "no line": ({"povertyLine": 0}, "scale.povertyLine"),
    "a currency that is none": ({"currency": "XXX"}, "scale.currency"),
    "poor from nowhere": ({"poorFrom": 101}, "scale.poorFrom"),
}


@pytest.mark.parametrize("name", BAD_SCALES)
async def test_what_is_no_scale_is_refused(name: str, still: Asking) -> None:
    """Failure 18.1a of aid."""
    changed, field = BAD_SCALES[name]
    body = await still.ask(SCALE, "ministry-analyst", {"scale": {**FLAT, **changed}})
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", field)


async def test_no_census_no_simulation(hub: Asking) -> None:
    """Failure 18.1b of aid."""
    body = await hub.ask(SCALE, "ministry-analyst", {"scale": FLAT})
    assert body["errors"][0]["extensions"]["code"] == "UNKNOWN"


async def test_anyone_is_told_that_a_census_was_taken(hub: Asking) -> None:
    enquiry = await hub.hub.enquiry(None, None)
    with hub.hub.watching.watch("need_counted", enquiry) as watcher:
        await hub.hub.aid.censuses.take(NOW)
        assert await heard(watcher) == 1
    assert (await hub.door.answer(Request(CENSUSES, None, None), enquiry)).body["data"]["censuses"]
