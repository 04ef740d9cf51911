"""What was done by breaking the glass is counted: for anyone late and never small, for inspectors by body and whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from resolvers.oversight.account import published
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import asked, found, wait

REASON = "Her life is said to be in danger and nobody can reach her."
NUMBERS = [f"990000000{each}" for each in ("101", "111", "141", "142", "143", "161")]
BREAK = "mutation ($input: GlassBreakInput!) { glassBreak(input: $input) { ... on GlassBroken { glass { id } } ... on Refusal { code } } }"
CLOSE = "mutation ($id: ID!) { glassClose(input: {id: $id}) { ... on GlassMoved { glass { state } } ... on Refusal { code } } }"
REVIEW = """mutation ($input: GlassReviewInput!) { glassReview(input: $input) {
    ... on GlassMoved { glass { state } } ... on Refusal { code } } }"""
COUNTS = "{ glassCounts { quarter outcome count } }"
REPORT = """query ($since: Instant, $until: Instant) { glassReport(since: $since, until: $until) {
    organisation broken open unreviewed unreviewedSince justified unjustified delayed } }"""
LIST = "query ($first: Int!, $before: ID, $since: Instant) { glasses(first: $first, before: $before, since: $since) { id } }"


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """Six glasses: five closed and found right, the last open and told later."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("account") / "hub")) as opened:
        for number in NUMBERS:
            given: dict[str, Any] = {"person": await found(opened, "inspector", number), "reason": REASON}
            if number == NUMBERS[-1]:
                given |= {"tellAfter": wait(days=20).isoformat(), "delayBasis": REASON}
            made = (await opened.data(BREAK, "inspector", {"input": given}))["glassBreak"]["glass"]
            if number != NUMBERS[-1]:
                await opened.data(CLOSE, "inspector", {"id": made["id"]})
        for each in (await opened.data("{ glasses { id state } }", "inspector-2"))["glasses"]:
            if each["state"] == "CLOSED":
                done = {"id": each["id"], "justified": True, "note": REASON}
                assert (await opened.data(REVIEW, "inspector-2", {"input": done}))["glassReview"]["glass"]["state"] == "JUSTIFIED"
        yield opened


async def test_anyone_reads_how_often_late_and_never_small(hub: Asking) -> None:
    """Failure 6.7a of oversight."""
    assert (await hub.data(COUNTS, "public"))["glassCounts"] == []
    (counted,) = (await asked(hub, COUNTS, "public", at=wait(days=130)))["glassCounts"]
    assert (counted["outcome"], counted["count"]) == ("JUSTIFIED", 5)


async def test_an_inspector_of_either_body_reads_what_became_of_all(hub: Asking) -> None:
    expected = {"organisation": "inspectorate", "broken": 6, "open": 1, "unreviewed": 0, "unreviewedSince": None}
    expected |= {"justified": 5, "unjustified": 0, "delayed": 1}
    for who in ("inspector", "integrity-officer"):
        assert (await hub.data(REPORT, who))["glassReport"] == [expected]
    (later,) = (await asked(hub, REPORT, "inspector", at=wait(hours=4)))["glassReport"]
    assert (later["open"], later["unreviewed"], later["unreviewedSince"] is not None) == (0, 1, True)
    assert (await hub.data(REPORT, "inspector", {"since": wait(days=1).isoformat()}))["glassReport"] == []
    assert (await hub.data(REPORT, "inspector", {"until": wait(days=-1).isoformat()}))["glassReport"] == []


async def test_nobody_else_reads_the_report(hub: Asking) -> None:
    """Failure 6.5a of oversight."""
    for who in ("umm-hassan", "hope-caseworker", "public"):
        assert (await hub.ask(REPORT, who))["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


async def test_the_list_of_all_is_read_page_by_page(hub: Asking) -> None:
    """Failure 6.5b of oversight."""
    whole = [each["id"] for each in (await hub.data(LIST, "inspector", {"first": 50}))["glasses"]]
    walked: list[str] = []
    while len(page := (await hub.data(LIST, "inspector", {"first": 4, "before": walked[-1] if walked else None}))["glasses"]):
        walked += [each["id"] for each in page]
    assert walked == whole
    assert len(set(whole)) == len(NUMBERS)
    assert (await hub.data(LIST, "inspector", {"first": 9, "since": wait(days=1).isoformat()}))["glasses"] == []
    theirs = (await hub.data(LIST, "integrity-officer", {"first": 1}))["glasses"][0]["id"]
    for before in (theirs, "nothing"):
        body = await hub.ask(LIST, "inspector", {"first": 4, "before": before})
        assert body["errors"][0]["extensions"]["code"] == "INVALID"


def test_a_quarter_is_published_whole_a_month_after_its_end() -> None:
    things = [("2026-03-31", "a")] * 5 + [("2026-04-01", "a")] * 4 + [("2026-12-31", "b")] * 7
    assert published(things, date(2026, 4, 30)) == []
    assert published(things, date(2026, 5, 1)) == [("2026-Q1", "a", 5)]
    assert published(things, date(2027, 1, 31)) == [("2026-Q1", "a", 5), ("2026-Q4", "b", 7)]
