"""What stands out is shown to inspectors, in numbers; where people are shown, they read that somebody looked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from resolvers.oversight.patterns import spikes
from tables.aid import account, entry, posting
from tests.asking import Asking
from tests.test_giving import EVERYWHERE
from tests.test_queue import ASSESS, OVERRIDE, settled
from tests.test_transparency import NOW, PAST, TODAY, brought, gave, hub, known, still
from values import Purpose, Role

__all__ = ["hub", "still"]

PATTERNS = """query ($from: Day!, $to: Day!, $least: Int! = 3, $first: Int! = 50) {
  aidPatterns(from: $from, to: $to, leastOrganisations: $least, first: $first) { from to
    repeated { person organisations kinds gifts }
    spikes { organisation programme currency month amount usual times }
    nearCeilings { organisation programme near allocations share }
    outcomes { organisation allocations returned corrected }
    dormant { organisation name unit balance lastMovedAt }
    overrides { organisation need count people upwards roles reasons } } }"""
YEAR = {"from": f"{PAST.year}-01-01", "to": f"{PAST.year}-12-31"}


async def patterns(hub: Asking, **asked: Any) -> dict[str, Any]:
    """What an inspector reads."""
    return dict((await hub.data(PATTERNS, "inspector", {**YEAR, **asked}))["aidPatterns"])


async def holds(hub: Asking, number: int, balance: int, last: date) -> None:
    """A fund that something was last booked on some day."""
    at = (last - date(1970, 1, 1)).days * 86_400
    fund = {"id": number, "organisation": "karama", "kind": "fund", "name": f"Fund {number}", "unit": "IQD", "balance": balance * 1000}
    fund |= {"unit_value_minor": None, "value_currency": None, "counterpart": None}
    booked = {"id": number, "organisation": "karama", "act": "receive", "at": at, "booked_on": last.isoformat()}
    database = hub.hub.database
    async with database.transaction() as tx:
        await tx.execute_many(database.prepare(sa.insert(account)), [fund])
        await tx.execute_many(database.prepare(sa.insert(entry)), [{**booked, "allocation": None, "reverses": None}])
        await tx.execute_many(database.prepare(sa.insert(posting)), [{"entry": number, "line": 1, "account": number, "amount": 1}])


@EVERYWHERE
async def test_an_inspector_sees_what_stands_out_over_all_organisations(hub: Asking) -> None:
    await known(hub, range(1, 31))
    for month in range(1, 6):
        on = date(PAST.year, month, 15).isoformat()
        await gave(hub, range(1, 31 if month == 5 else 6), allocated_on=on)
    await gave(hub, range(1, 4), organisation="karama", kind="food", programme="Baskets")
    await brought(hub, range(1, 3))
    await gave(hub, range(1, 3), organisation="karama", programme="Baskets", status="returned")
    await gave(hub, range(3, 4), organisation="karama", programme="Baskets", status="corrected")
    await holds(hub, 7, 900, date(PAST.year, 3, 1))
    await holds(hub, 8, 900, date(PAST.year, 12, 1))
    await holds(hub, 9, 0, date(PAST.year, 3, 1))
    found = await patterns(hub)
    assert [(each["organisations"], each["kinds"], each["gifts"]) for each in found["repeated"]] == [(3, 2, 7), (3, 2, 7)]
    assert found["spikes"] == [
        {"organisation": "crescent-aid", "programme": "Winter cash", "currency": "IQD", "month": f"{PAST.year}-05"}
        | {"amount": 1_500_000, "usual": 250_000, "times": 6.0}
    ]
    assert found["outcomes"] == [
        {"organisation": "crescent-aid", "allocations": 50, "returned": 0, "corrected": 0},
        {"organisation": "karama", "allocations": 6, "returned": 2, "corrected": 1},
    ]
    assert [(each["name"], each["balance"]) for each in found["dormant"]] == [("Fund 7", 900)]
    assert (found["nearCeilings"], found["overrides"]) == ([], [])
    assert len((await patterns(hub, least=2))["repeated"]) == 3


async def test_whoever_is_shown_reads_that_an_inspector_looked(hub: Asking) -> None:
    await known(hub, range(1, 4))
    for organisation in ("crescent-aid", "hope-network", "karama"):
        await gave(hub, range(1, 2), organisation=organisation)
    now = int(NOW.timestamp())
    for who in (1, 2):
        hub.keys[f"p{who}"] = await hub.hub.credentials.issue(f"p{who}", "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), now, who)
    (shown,) = (await patterns(hub))["repeated"]
    looks = "{ me { person { id disclosures(first: 10) { organisation purpose attributes } } } }"
    first, second = [(await hub.data(looks, who))["me"]["person"] for who in ("p1", "p2")]
    (look,) = [each for each in first["disclosures"] if each["organisation"] == "inspectorate"]
    assert (look["purpose"], look["attributes"]) == ("oversight", ["Person.allocations", "Person.id"])
    assert [each for each in second["disclosures"] if each["organisation"] == "inspectorate"] == []
    assert shown["person"] != first["id"]


async def test_allocations_just_below_a_ceiling_and_overrides_are_counted(hub: Asking) -> None:
    await settled(hub, ("crescent-aid",), 6)
    from tests.test_queue import Line

    line = Line(hub)
    some = await line.people(6)
    _, programme = await line.means(ceilingPerson=50_000)
    for who, amount in zip(some, (49_000, 45_000, 44_000, 50_000), strict=False):
        await line.record(programme, who, amount)
    for who in some[:2]:
        await line.did(ASSESS, input={"person": who, "need": "CASH", "on": TODAY.isoformat(), "answers": [
            {"code": "gap", "value": 3}, {"code": "dependants", "value": 2}]})  # fmt: skip
        assert (await line.did(OVERRIDE, person=who, lift=2))["__typename"] == "QueueOverridden"
    await line.did(OVERRIDE, person=some[0], lift=-1, reason="it was a mistake")
    found = await patterns(hub, **{"from": TODAY.isoformat(), "to": TODAY.isoformat()})
    assert found["nearCeilings"] == [
        {"organisation": "crescent-aid", "programme": "Winter cash", "near": 2, "allocations": 4, "share": 0.5}
    ]
    (counted,) = found["overrides"]
    assert counted | {"reasons": sorted(counted["reasons"])} == {
        "organisation": "crescent-aid", "need": "cash", "count": 3, "people": 2, "upwards": 2, "roles": ["manager"],
        "reasons": ["fire in the house", "it was a mistake"],
    }  # fmt: skip


async def test_only_what_is_selected_is_looked_for(hub: Asking) -> None:
    await known(hub, range(1, 2))
    for organisation in ("crescent-aid", "hope-network", "karama"):
        await gave(hub, range(1, 2), organisation=organisation)
    await hub.data("query ($from: Day!, $to: Day!) { aidPatterns(from: $from, to: $to) { outcomes { organisation } } }", "inspector", YEAR)
    hub.keys["p1"] = await hub.hub.credentials.issue("p1", "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), int(NOW.timestamp()), 1)
    assert (await hub.data("{ me { person { disclosures(first: 5) { organisation } } } }", "p1"))["me"]["person"]["disclosures"] == []


@pytest.mark.parametrize("who", ["public", "crescent-manager", "crescent-caseworker"])
async def test_nobody_else_has_such_a_question(still: Asking, who: str) -> None:
    """Failure 9.1a of oversight."""
    assert "aidPatterns" not in (await still.fields(who))["Query"]


@pytest.mark.parametrize(
    "asked",
    [
        {"from": YEAR["to"], "to": YEAR["from"]},
        {"from": (TODAY + timedelta(days=2)).isoformat(), "to": (TODAY + timedelta(days=3)).isoformat()},
        {"from": "1900-01-01"},
        {"least": 1},
        {"first": 0},
        {"first": 1001},
    ],
)
async def test_patterns_that_cannot_be_are_refused(still: Asking, asked: dict[str, Any]) -> None:
    """Failure 9.1b of oversight."""
    body = await still.ask(PATTERNS, "inspector", {**YEAR, **asked})
    assert body["data"] == {"aidPatterns": None}
    assert [each["extensions"]["code"] for each in body["errors"]] == ["INVALID"]


@given(st.lists(st.integers(1, 10**9), max_size=24))
def test_a_month_stands_out_by_those_before_it_alone(totals: list[int]) -> None:
    rows = [("a", "p", "IQD", f"{2024 + place // 12}-{place % 12 + 1:02}", total) for place, total in enumerate(totals)]
    found = spikes(rows)
    assert spikes(rows[: len(rows) // 2]) == [each for each in found if each["month"] in {row[3] for row in rows[: len(rows) // 2]}]
    assert all(each["month"] not in {row[3] for row in rows[:3]} and each["times"] >= 2.9 for each in found)
