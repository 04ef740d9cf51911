"""A household registered in the hub is the registering organisation's alone, and nothing of it is written where it cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tables.aid import case_file
from tables.identity import household, link, own_case, person
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_queue import Line, settled

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
REGISTER = """mutation ($members: [HouseholdMemberInput!]!, $key: String) {
  householdRegister(input: {members: $members, idempotencyKey: $key}) {
    __typename ... on HouseholdRegistered { household members { caseNumber person } } ... on Refusal { code field hint } } }"""


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over an empty database with two organisations and five people."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        await settled(opened, ("karama", "hope-network"), 5)
        yield opened


async def counts(hub: Asking) -> list[int]:
    """How many rows a registration writes."""
    database = hub.hub.database
    tables = (case_file, household, link, own_case, person)
    return [int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(each))))[0][0]) for each in tables]


@EVERYWHERE
async def test_registered_people_are_own_cases_of_one_household_and_nobody_elses(hub: Asking) -> None:
    line, other = Line(hub, "karama-manager"), Line(hub, "hope-manager")
    family = [{"caseNumber": "K-1", "needScore": 80}, {"caseNumber": "K-2"}]
    answers = await asyncio.gather(*(line.did(REGISTER, members=family, key="once") for _ in range(3)))
    assert answers[0] == answers[1] == answers[2]
    assert await counts(hub) == [2, 1, 2, 12, 7]
    mother, child = (each["person"] for each in answers[0]["members"])
    assert {mother, child} <= set(await line.people(20))
    assert not {mother, child} & set(await other.people(20))
    (found,) = (await hub.data("query ($id: ID!) { person(id: $id) { needScore } }", line.who, {"id": mother})).values()
    assert found == {"needScore": 80}
    assert (await other.assess(mother))["code"] == "UNKNOWN"
    await line.assess(mother)
    await line.assess(child)
    _, cash = await line.means()
    await line.record(cash, child, 50_000)
    assert [each["reasons"][-1]["code"] for each in (await line.queue())["nodes"]] == ["RECEIVED", "RECEIVED"], "they live together"


@EVERYWHERE
async def test_families_registered_at_once_have_numbers_of_their_own(hub: Asking) -> None:
    line = Line(hub, "karama-manager")
    answers = await asyncio.gather(*(line.did(REGISTER, members=[{"caseNumber": f"K-{place}"}]) for place in range(6)))
    assert len({each["household"] for each in answers}) == len({each["members"][0]["person"] for each in answers}) == 6


BAD: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "nobody": ([], "INVALID", "members"),
    "a village": ([{"caseNumber": str(each)} for each in range(51)], "INVALID", "members"),
    "no number": ([{"caseNumber": " "}], "INVALID", "members.0.caseNumber"),
    "a long number": ([{"caseNumber": "9" * 500}], "INVALID", "members.0.caseNumber"),
    "a number backwards": ([{"caseNumber": "K\u202e1"}], "INVALID", "members.0.caseNumber"),
    "one twice": ([{"caseNumber": "1"}, {"caseNumber": "1"}], "INVALID", "members.1.caseNumber"),
    "need beyond all points": ([{"caseNumber": "1", "needScore": 101}], "INVALID", "members.0.needScore"),
    "one that is taken": ([{"caseNumber": "new"}, {"caseNumber": "0001"}], "CONFLICT", "members.1.caseNumber"),
}


async def test_a_household_that_cannot_be_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 12.1a of aid, 12.1b of aid."""
    line = Line(hub, "karama-manager")
    before = await counts(hub)
    for name, (members, code, field) in BAD.items():
        refused = await line.did(REGISTER, members=members)
        assert (refused.get("code"), refused.get("field")) == (code, field), name
        assert refused["hint"]
    assert await counts(hub) == before
