"""What was given is told in figures: exact to whom it is due, for anyone so that no person can be subtracted out of them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from errors import Invalid
from resolvers.aid.coarse import BASE, Group, amount, count, period, step_above
from tables.aid import allocation, nomination, receipt, whereabouts
from tables.identity import person
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import rows
from tests.test_giving import EVERYWHERE
from values import Purpose, Role

NOW = datetime.now(UTC)
TODAY = NOW.date()
PAST = date(TODAY.year - 1, 2, 10)
"""A day of the first quarter of last year, which is over whatever the day."""

QUARTER = {"from": date(PAST.year, 1, 1).isoformat(), "to": date(PAST.year, 3, 31).isoformat()}
REPORT = """query ($organisation: ID, $programme: String, $place: Code, $from: Day!, $to: Day!) {
  transparencyReport(organisation: $organisation, programme: $programme, place: $place, from: $from, to: $to) {
    organisation programme place from to exact booksAsOf people households leftOut
    amounts { kind goods amount currency quantity unit people households }
    concentration { currency gini lorenz { people value } }
    coverage { need assessed reached share }
    waiting { need served meanDays withinMonth withinQuarter }
    overlap { people others sameKind share } } }"""


@asynccontextmanager
async def empty(country: Country, url: str, folder: Path) -> AsyncIterator[Asking]:
    """A hub over an own database, with the gifts that a test makes."""
    settings = copied(country, folder / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{folder}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        issue, now = opened.hub.credentials.issue, int(NOW.timestamp())
        for name, organisation, role, purpose in (
            ("crescent-manager", "crescent-aid", Role.MANAGER, Purpose.AID_DISTRIBUTION),
            ("hope-manager", "hope-network", Role.MANAGER, Purpose.AID_DISTRIBUTION),
            ("inspector", "inspectorate", Role.INSPECTOR, Purpose.OVERSIGHT),
        ):
            opened.keys[name] = await issue(name, "staff", organisation, role, [purpose], now, None)
        yield opened


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """Such a hub for one test."""
    async with empty(country, url, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """Such a hub for several, each with an organisation and people of its own."""
    folder = tmp_path_factory.mktemp("shared")
    async with empty(country, f"sqlite:///{folder}/other.db", folder) as opened:
        yield opened


@pytest.fixture(scope="module")
async def still(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub in which everything is refused."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("still") / "hub")) as opened:
        yield opened


async def known(hub: Asking, people: range, home: int | None = None, place: str | None = None) -> None:
    """People, each a household of its own unless they share one, who live somewhere."""
    database = hub.hub.database
    async with database.transaction() as tx:
        found = [{"number": each, "household": home or each} for each in people]
        await tx.execute_many(database.prepare(sa.insert(person)), found)
        if place is not None:
            lives = [{"person": each, "governorate": place} for each in people]
            await tx.execute_many(database.prepare(sa.insert(whereabouts)), lives)


async def gave(hub: Asking, people: range, amount: int = 50_000, **more: Any) -> None:
    """Somebody gave each of them something."""
    made: dict[str, Any] = {
        "organisation": "crescent-aid",
        "programme": "Winter cash",
        "kind": "cash",
        "currency": "IQD",
        "status": "delivered",
    }
    made |= {"amount_minor": amount * 1000, "allocated_on": PAST.isoformat(), "quantity_milli": None, "unit": None}
    last = await rows(hub, allocation)
    database = hub.hub.database
    async with database.transaction() as tx:
        given_ = [{**made, **more, "id": last + place, "person": each} for place, each in enumerate(people, 1)]
        await tx.execute_many(database.prepare(sa.insert(allocation)), given_)


async def brought(hub: Asking, people: range, kind: str = "cash", on: date = PAST) -> None:
    """Another system's books, as refreshing keeps them."""
    database = hub.hub.database
    made = {"source": "hope-network", "organisation": "hope-network", "kind": kind, "amount_minor": 10**7, "currency": "IQD"}
    async with database.transaction() as tx:
        found = [{**made, "row": each.to_bytes(32), "person": each, "given_on": on.isoformat()} for each in people]
        await tx.execute_many(database.prepare(sa.insert(receipt)), found)


async def waits(hub: Asking, people: range, since: date, need: str = "cash", who: str = "crescent-aid") -> None:
    """People whose need was assessed on a day."""
    database = hub.hub.database
    async with database.transaction() as tx:
        policy = await hub.hub.aid.ranking.begun(tx, who, need, 1)
        places = [
            {"policy": policy.id, "person": each, "household": each, "size": 1, "order_key": each}
            | {"arrived": each, "arrived_on": since.toordinal(), "points": 50_000, "lift": 0}
            for each in people
        ]
        await tx.execute_many(database.prepare(sa.insert(nomination)), places)


async def report(hub: Asking, who: str = "inspector", **asked: Any) -> dict[str, Any]:
    """A report as somebody reads it; what was kept is read anew."""
    hub.hub.aid.transparency._kept.clear()
    hub.hub.aid.transparency.figures.forget()
    return dict((await hub.data(REPORT, who, {**QUARTER, **asked}))["transparencyReport"])


# --- what it says ----------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_a_report_says_how_much_to_how_many_how_evenly_and_after_how_long(hub: Asking) -> None:
    await known(hub, range(1, 9), place="IQ-BA")
    await known(hub, range(9, 11), home=9)
    await waits(hub, range(1, 9), PAST - timedelta(days=40))
    await waits(hub, range(9, 11), PAST + timedelta(days=10))
    await gave(hub, range(1, 5))
    await gave(hub, range(1, 2), 150_000, allocated_on=(PAST + timedelta(days=60)).isoformat()[:10])  # another quarter
    await gave(hub, range(9, 11), 100_000)
    await gave(hub, range(1, 3), 80_000, kind="food", quantity_milli=2000, unit="basket", programme="Baskets", organisation="karama")
    await gave(hub, range(3, 5), 9, status="returned")
    await gave(hub, range(3, 5), 90, currency="USD")
    await brought(hub, range(4, 6))
    found = await report(hub)
    assert (found["people"], found["households"], found["exact"], found["leftOut"]) == (7, 6, True, False)
    assert found["amounts"] == [
        {
            "kind": "cash",
            "goods": False,
            "amount": 420_000,
            "currency": "IQD",
            "quantity": None,
            "unit": None,
            "people": 7,
            "households": 6,
        },
        {"kind": "cash", "goods": False, "amount": 180, "currency": "USD", "quantity": None, "unit": None, "people": 2, "households": 2},
        {
            "kind": "food",
            "goods": True,
            "amount": 160_000,
            "currency": "IQD",
            "quantity": 4,
            "unit": "basket",
            "people": 2,
            "households": 2,
        },
    ]
    dinars, dollars = found["concentration"]
    # 10, 50, 60, 100, 100, 130, 130 thousand: by hand 2·(10+100+180+400+500+780+910)/(7·580), less 8/7
    assert (dinars["currency"], dinars["gini"], dinars["lorenz"][-1]) == ("IQD", 0.28, {"people": 1.0, "value": 1.0})
    assert (dollars["gini"], dollars["lorenz"]) == (0.0, [{"people": each, "value": each} for each in (0.0, 0.5, 1.0)])
    assert found["coverage"] == [{"need": "cash", "assessed": 10, "reached": 7, "share": 0.7}]
    assert found["waiting"] == [{"need": "cash", "served": 5, "meanDays": 40, "withinMonth": 0, "withinQuarter": 5}]
    assert found["overlap"] == {"people": 7, "others": 3, "sameKind": 1, "share": 0.43}
    placed = await report(hub, organisation="crescent-aid", programme="Winter cash", place="IQ-BA")
    assert [(each["currency"], each["amount"], each["people"]) for each in placed["amounts"]] == [("IQD", 200_000, 4), ("USD", 180, 2)]
    assert placed["coverage"] == [{"need": "cash", "assessed": 8, "reached": 4, "share": 0.5}]


async def test_a_report_asks_as_many_statements_for_many_as_for_few(hub: Asking) -> None:
    """The database packs rows, and they are added up in a copy."""
    sent: list[str] = []
    stream = hub.hub.database.stream

    def watched(statement: Any, *more: Any, **named: Any) -> Any:
        sent.append(statement.sql)
        return stream(statement, *more, **named)

    hub.hub.database.stream = watched  # type: ignore[method-assign]
    for people in (range(1, 3), range(3, 400)):
        await known(hub, people)
        await gave(hub, people)
        await report(hub)
    assert len(sent) == 2 * 6


async def test_what_nobody_gave_is_nothing(shared: Asking) -> None:
    for who in ("inspector", "public"):
        found = await report(shared, who, organisation="labour-ministry")
        assert (found["amounts"], found["concentration"], found["coverage"], found["leftOut"]) == ([], [], [], False)


# --- who reads what --------------------------------------------------------------------------------------------------


async def test_each_reads_as_much_as_is_due(hub: Asking) -> None:
    """Failure 23.1a of aid: others read an organisation's figures as anyone does."""
    await known(hub, range(1, 24))
    await gave(hub, range(1, 24))
    await brought(hub, range(1, 4))
    own = await report(hub, "crescent-manager", organisation="crescent-aid")
    assert (own["exact"], own["people"], own["amounts"][0]["amount"]) == (True, 23, 1_150_000)
    assert own["overlap"]["others"] is None, "what others gave to three of its people is not for it to count"
    assert (await report(hub, organisation="crescent-aid"))["overlap"]["others"] == 3
    for who in ("public", "hope-manager"):
        told = await report(hub, who, organisation="crescent-aid")
        assert (told["exact"], told["people"] % 5, told["amounts"][0]["amount"] % 250_000) == (False, 0, 0)
        assert abs(told["people"] - 23) < 5
    assert (await report(hub, "crescent-manager"))["exact"] is False, "all organisations together are not its own"


async def test_a_day_is_told_to_whom_it_is_due_and_a_quarter_to_anyone(shared: Asking) -> None:
    await known(shared, range(501, 531))
    await gave(shared, range(501, 531), organisation="rafidain-relief")
    day = {"organisation": "rafidain-relief", "from": PAST.isoformat(), "to": PAST.isoformat()}
    assert (await report(shared, **day))["from"] == PAST.isoformat()
    told = await report(shared, "public", **day)
    assert {name: told[name] for name in QUARTER} == QUARTER
    assert told == await report(shared, "public", **{**day, **QUARTER})


# --- attacks ---------------------------------------------------------------------------------------------------------


async def test_few_are_not_told_of(shared: Asking) -> None:
    """Failure 23.2b of aid."""
    await known(shared, range(101, 105))
    await gave(shared, range(101, 105), organisation="karama")
    await waits(shared, range(101, 105), PAST, who="karama")
    found = await report(shared, "public", organisation="karama")
    assert (found["people"], found["households"], found["amounts"], found["coverage"], found["overlap"]) == (None, None, [], [], None)
    assert found["leftOut"] is True


async def test_one_who_received_more_than_all_others_is_not_told_of(shared: Asking) -> None:
    await known(shared, range(201, 211))
    await gave(shared, range(201, 210), organisation="basra-sewing-coop")
    await gave(shared, range(210, 211), 500_000, organisation="basra-sewing-coop")
    found = await report(shared, "public", organisation="basra-sewing-coop")
    assert (found["amounts"], found["leftOut"]) == ([], True)


async def test_a_whole_less_its_parts_does_not_tell_what_is_left_out(shared: Asking) -> None:
    """The part with one person is nowhere, and the difference is not what that person received."""
    await known(shared, range(301, 341), place="IQ-BA")
    await known(shared, range(341, 342), place="IQ-KI")
    await gave(shared, range(301, 341), 50_000)
    await gave(shared, range(341, 342), 70_000)
    whole = await report(shared, "public", organisation="crescent-aid")
    part = await report(shared, "public", organisation="crescent-aid", place="IQ-BA")
    assert (await report(shared, "public", organisation="crescent-aid", place="IQ-KI"))["amounts"] == []
    assert whole["amounts"][0]["amount"] - part["amounts"][0]["amount"] in {0, 500_000}
    assert whole["people"] - part["people"] in {0, 5}


async def test_periods_that_differ_by_a_day_do_not_differ(shared: Asking) -> None:
    await known(shared, range(401, 441))
    await gave(shared, range(401, 441), organisation="hope-network")
    await gave(shared, range(401, 402), 70_000, organisation="hope-network", allocated_on=f"{PAST.year}-03-31")
    asked = [await report(shared, "public", organisation="hope-network", to=f"{PAST.year}-03-{day}") for day in (30, 31)]
    assert asked[0] == asked[1]


@given(st.integers(5, 10_000), st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
def test_the_same_people_are_told_of_alike(people: int, mark: int, chance: bytes) -> None:
    told = count(chance, Group(people, mark), "people")
    assert told == count(chance, Group(people, mark), "people")
    assert told is not None
    assert told % BASE == 0
    assert abs(told - people) < BASE


@given(st.lists(st.integers(1, 10**9), min_size=5, max_size=60), st.binary(min_size=32, max_size=32))
def test_an_amount_moves_by_less_than_five_of_the_largest_receipts(each: list[int], chance: bytes) -> None:
    total, largest = sum(each), max(each)
    told = amount(chance, Group(len(each), 7), total, largest)
    if 2 * largest > total:
        assert told is None
    else:
        base = 5 * step_above(largest)
        assert largest <= step_above(largest) <= 2.5 * largest
        assert abs((told or 0) - total) < base
        assert (told or 0) % base == 0


@given(st.dates(date(2015, 1, 1), date(2026, 6, 1)), st.integers(0, 900))
def test_periods_for_anyone_are_one_quarter_or_one_year(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    if first.year != last.year:
        with pytest.raises(Invalid, match="one quarter or one year"):
            period(first, last, date(2030, 5, 5))
        return
    begins, ends = period(first, last, date(2030, 5, 5))
    assert begins <= first <= last <= ends
    assert (begins.day, begins.month in {1, 4, 7, 10}) == (1, True)
    assert (ends - begins).days in {89, 90, 91, 364, 365}


def test_a_gift_is_in_two_periods_and_no_more() -> None:
    """Whatever days anyone names of three years: nobody collects figures with it and without it."""
    days = [date(2024, 1, 1) + timedelta(days=11 * step) for step in range(100)]
    gift, found = date(2025, 5, 5), set()
    for first in days:
        for last in days:
            with suppress(Invalid):
                if first <= last:
                    begins, ends = period(first, last, date(2030, 5, 5))
                    if begins <= gift <= ends:
                        found.add((begins, ends))
    assert found == {(date(2025, 4, 1), date(2025, 6, 30)), (date(2025, 1, 1), date(2025, 12, 31))}


def test_periods_for_anyone_are_over() -> None:
    today = date(2026, 11, 25)
    assert period(date(2026, 8, 5), date(2026, 9, 1), today) == (date(2026, 7, 1), date(2026, 9, 30))
    assert period(date(2025, 1, 5), date(2025, 12, 31), today) == (date(2025, 1, 1), date(2025, 12, 31))
    for first in (date(2026, 10, 1), date(2026, 1, 1)):  # this quarter, and this year
        with pytest.raises(Invalid, match="not over"):
            period(first, date(2026, 11, 25), today)


@pytest.mark.parametrize(("pairs", "few", "most"), [(4, 0.0, 0.4), (40, 0.6, 1.0)])
def test_the_mean_of_what_is_left_out_does_not_tell_it(pairs: int, few: float, most: float) -> None:
    """An attacker knows of figures that differ by three people who received 50,000 each, and of no table where they stand alone.

    A gift is in two periods, with its governorate or without, for its organisation or all: four independent pairs at most do not tell
    what the three received; forty would, which is why there are no more periods.
    """
    told = 0
    for secret in range(200):
        chance = secret.to_bytes(32)
        drawn, left = random.Random(secret), []
        for _ in range(pairs):
            others = [drawn.randrange(1, 10**6) for _ in range(drawn.randrange(20, 200))]
            less = amount(chance, Group(len(others), sum(others)), 50_000 * len(others), 50_000) or 0
            whole = amount(chance, Group(len(others) + 3, sum(others) + 77), 50_000 * (len(others) + 3), 50_000) or 0
            left.append(whole - less)
        told += abs(mean(left) - 150_000) < 25_000
    assert few <= told / 200 <= most


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"from": QUARTER["to"], "to": QUARTER["from"]}, "INVALID"),
        ({"from": (TODAY + timedelta(days=1)).isoformat(), "to": (TODAY + timedelta(days=9)).isoformat()}, "INVALID"),
        ({"from": "1900-01-01", "to": "2020-01-01"}, "INVALID"),
        ({"from": TODAY.isoformat(), "to": TODAY.isoformat()}, "INVALID"),
        ({"from": "2022-11-01", "to": "2023-02-01"}, "INVALID"),
        ({"organisation": "nobody"}, "UNKNOWN"),
        ({"organisation": "crescent-aid\u202e"}, "UNKNOWN"),
        ({"place": "Baghdad"}, "INVALID"),
        ({"programme": "Winter cash"}, "INVALID"),
        ({"organisation": "crescent-aid", "programme": ""}, "INVALID"),
        ({"organisation": "crescent-aid", "programme": "W\u202einter"}, "INVALID"),
        ({"organisation": "crescent-aid", "programme": "W" * 500}, "INVALID"),
    ],
)
async def test_what_cannot_be_reported_is_refused(still: Asking, asked: dict[str, str], code: str) -> None:
    """Failure 23.1b of aid; failure 23.2a of aid."""
    body = await still.ask(REPORT, "public", {**QUARTER, **asked})
    assert body["data"] == {"transparencyReport": None}
    (error,) = body["errors"]
    assert error["extensions"]["code"] == code
    assert error["extensions"]["field"], "whatever is refused names its input"
