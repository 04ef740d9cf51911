"""Households change, and the queues with them: nobody is counted in two, and nobody parts from what was received together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resolvers.aid.homes import CAUSES, RELATIONS
from schema.aid.membership import LeavingCause
from schema.aid.relations import HouseholdRelation
from tables.aid import carried, case_file, household_file, membership, nomination, residence
from tables.identity import counter, household, own_case, person
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_queue import TODAY, Line, settled

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
WRITTEN = (household_file, membership, residence, carried, case_file, household, own_case, person, step)

FILE = """ household { household state version size head members { person relation joinedOn leftOn cause }
  residences { movedOn governorate place } } """
ELSE = "... on Refusal { code field hint } } }"
REGISTER = f"""mutation ($input: HouseholdRegisterInput!) {{ householdRegister(input: $input) {{
  __typename ... on HouseholdRegistered {{ household members {{ person }} }} {ELSE}"""
ADD = f"mutation ($input: HouseholdMemberAddInput!) {{ householdMemberAdd(input: $input) {{ ... on HouseholdChanged {{ {FILE} }} {ELSE}"
REMOVE = (
    f"mutation ($input: HouseholdMemberRemoveInput!) {{ householdMemberRemove(input: $input) {{ ... on HouseholdChanged {{ {FILE} }} {ELSE}"
)
HEAD = f"mutation ($input: HouseholdHeadChangeInput!) {{ householdHeadChange(input: $input) {{ ... on HouseholdChanged {{ {FILE} }} {ELSE}"
MOVE = f"mutation ($input: HouseholdMoveInput!) {{ householdMove(input: $input) {{ ... on HouseholdChanged {{ {FILE} }} {ELSE}"
SPLIT = f"""mutation ($input: HouseholdSplitInput!) {{ householdSplit(input: $input) {{
  ... on HouseholdSplitDone {{ {FILE}
    made {{ household version size head members {{ person relation }} residences {{ governorate }} }} }} {ELSE}"""
READ = """query ($household: ID, $person: ID) { householdFile(household: $household, person: $person) {
  household state version size head members { person relation joinedOn leftOn cause } residences { movedOn governorate place } } }"""
STEPS = "query ($household: ID!) { householdSteps(household: $household) { number act state role } }"


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over an empty database with two organisations and five people."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        await settled(opened, ("karama", "hope-network"), 5)
        add = opened.hub.database.prepare(sa.insert(counter))
        async with opened.hub.database.transaction() as tx:  # the five live in households that nobody counted
            await tx.execute_many(add, [{"name": "person", "value": 5}, {"name": "household", "value": 5}])
        yield opened


async def counts(hub: Asking) -> list[int]:
    """How many rows a change of a household may write."""
    database = hub.hub.database
    return [int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(each))))[0][0]) for each in WRITTEN]


class Home(Line):
    """A manager with a family: mother, husband, two children."""

    household: str
    people: list[str]  # type: ignore[assignment]  # the family's, not the case load's

    async def settle(self, prefix: str = "K", **more: Any) -> Any:
        """Register the family."""
        members = [{"caseNumber": f"{prefix}-{place}", "relation": each} for place, each in enumerate(("HEAD", "SPOUSE", "CHILD", "CHILD"))]
        done = await self.did(REGISTER, input={"members": members, **more})
        self.household, self.people = done["household"], [each["person"] for each in done["members"]]
        return done

    async def act(self, mutation: str, version: int = 1, **more: Any) -> Any:
        """Change the family; what comes back is the payload or the refusal."""
        return await self.did(mutation, input={"household": self.household, "version": version, **more})

    async def file(self, **by: str) -> Any:
        """The household's file."""
        return (await self.hub.data(READ, self.who, by or {"household": self.household}))["householdFile"]


async def sizes(hub: Asking) -> list[tuple[int | None, int]]:
    """Household and size of every place in a queue, in the order of people."""
    database = hub.hub.database
    wanted = sa.select(nomination.c.household, nomination.c.size).order_by(nomination.c.person)
    return [(home, size) for home, size in await database.fetch(database.prepare(wanted))]


@EVERYWHERE
async def test_a_family_grows_moves_splits_and_parts_and_the_queue_follows(hub: Asking) -> None:
    line = Home(hub, "karama-manager")
    await line.settle(governorate="IQ-BG", place="مدينة الصدر")
    mother, father, son, daughter = line.people
    for who in line.people:
        await line.assess(who)
    ((home, size), *_) = before = await sizes(hub)
    assert before == [(home, 4)] * 4
    assert size == 4

    added = await line.act(ADD, caseNumber="K-9", relation="CHILD", on=TODAY)
    assert [(each["relation"], each["leftOn"]) for each in added["household"]["members"]] == [
        (relation, None) for relation in ("head", "spouse", "child", "child", "child")
    ]
    assert (added["household"]["size"], added["household"]["version"]) == (5, 2)
    assert await sizes(hub) == [(home, 5)] * 4

    moved = await line.act(MOVE, 2, governorate="IQ-BA", on=TODAY)
    assert [(each["governorate"], each["place"]) for each in moved["household"]["residences"]] == [
        ("IQ-BG", "مدينة الصدر"),
        ("IQ-BA", None),
    ]

    _, cash = await line.means()
    await line.record(cash, mother, 100_000)
    both = [each["priority"] for each in (await line.queue())["nodes"]]
    split = await line.act(SPLIT, 3, people=[son, daughter], head=daughter, on=TODAY, governorate="IQ-NI")
    assert (split["household"]["size"], split["made"]["size"], split["made"]["head"]) == (3, 2, daughter)
    assert split["made"]["residences"] == [{"governorate": "IQ-NI"}]
    parted = await sizes(hub)
    assert [each for _, each in parted] == [3, 3, 2, 2]
    assert len({each for each, _ in parted}) == 2
    # Smaller households weigh the same gift more: what was received together is not left behind by parting.
    nodes = (await line.queue())["nodes"]
    assert all(each["priority"] < min(both) for each in nodes)
    assert {each["reasons"][-1]["code"] for each in nodes} == {"RECEIVED"}

    left = await line.act(REMOVE, 4, person=father, cause="ABROAD", on=TODAY)
    gone = next(each for each in left["household"]["members"] if each["person"] == father)
    assert (gone["leftOn"], gone["cause"]) == (TODAY, "abroad")
    assert [each for _, each in await sizes(hub)] == [2, 1, 2, 2]

    back = await line.act(ADD, 5, person=father, relation="SPOUSE", on=TODAY)
    assert back["household"]["size"] == 3
    assert [each["priority"] for each in (await line.queue())["nodes"] if each["person"]["id"] in {mother, father}] == [
        each["priority"] for each in nodes if each["person"]["id"] in {mother, father}
    ], "what was carried is counted once when they live together again"
    acts = [each["act"] for each in (await hub.data(STEPS, line.who, {"household": line.household}))["householdSteps"]]
    assert acts == ["register", "add", "move", "split", "remove", "add"]


async def test_the_household_reading_shows_who_lives_there_now(hub: Asking) -> None:
    line = Home(hub, "karama-manager")
    await line.settle()
    mother, father, son, daughter = line.people
    read = "query ($id: ID!) { person(id: $id) { household { id members { id } } } }"
    await line.act(REMOVE, person=son, cause="MARRIED", on=TODAY)
    shown = (await hub.data(read, line.who, {"id": mother}))["person"]["household"]
    assert {each["id"] for each in shown["members"]} == {mother, father, daughter}
    assert (await hub.data(read, line.who, {"id": son}))["person"]["household"] is None
    assert (await line.file(person=daughter))["household"] == line.household == shown["id"]
    assert await line.file(person=son) is None


async def test_another_head_speaks_for_it_and_the_last_to_leave_ends_it(hub: Asking) -> None:
    line = Home(hub, "karama-manager")
    await line.settle()
    mother, father, *children = line.people
    changed = await line.act(HEAD, person=father, formerHead="SPOUSE")
    assert changed["household"]["head"] == father
    assert [each["relation"] for each in changed["household"]["members"]] == ["spouse", "head", "child", "child"]
    for version, who in enumerate((mother, *children), 2):
        assert (await line.act(REMOVE, version, person=who, cause="MOVED", on=TODAY))["household"]["state"] == "registered"
    ended = await line.act(REMOVE, 5, person=father, cause="DIED", on=TODAY)
    assert (ended["household"]["state"], ended["household"]["size"], ended["household"]["head"]) == ("ended", 0, None)
    assert (await line.act(ADD, 6, person=mother, relation="SPOUSE", on=TODAY))["code"] == "CONFLICT"


async def test_a_household_is_not_split_to_receive_again_below_a_ceiling(hub: Asking) -> None:
    line = Home(hub, "karama-manager")
    await line.settle()
    mother, _, son, daughter = line.people
    _, cash = await line.means(ceilingHousehold=100_000, periodDays=30)
    assert "allocation" in await line.record(cash, mother, 80_000)
    await line.act(SPLIT, people=[son, daughter], head=son, on=TODAY)
    refused = await line.record(cash, daughter, 80_000)
    assert (refused["code"], refused["field"]) == ("CEILING_REACHED", "amount")
    assert "allocation" in await line.record(cash, daughter, 20_000)


async def test_a_gift_taken_back_after_the_split_counts_for_neither(hub: Asking) -> None:
    line = Home(hub, "karama-manager")
    await line.settle()
    mother, _, son, _ = line.people
    await line.assess(mother)
    await line.assess(son)
    before = {each["person"]["id"]: each["priority"] for each in (await line.queue())["nodes"]}
    _, cash = await line.means()
    given = (await line.record(cash, mother, 100_000))["allocation"]["id"]
    await line.act(SPLIT, people=[son], head=son, on=TODAY)
    back = 'mutation ($id: ID!) { allocationReturn(input: {allocation: $id, reason: "not at home"}) { __typename } }'
    assert (await line.did(back, id=given))["__typename"] == "AllocationMoved"
    assert {each["person"]["id"]: each["priority"] for each in (await line.queue())["nodes"]} == before


async def test_of_several_changes_of_one_version_one_comes_through(hub: Asking) -> None:
    line = Home(hub, "karama-manager")
    await line.settle()
    answers = await asyncio.gather(
        *(line.act(ADD, caseNumber=f"K-2{place}", relation="CHILD", on=TODAY) for place in range(3)),
        line.act(REMOVE, person=line.people[3], cause="MOVED", on=TODAY),
    )
    assert sorted(each.get("code", "done") for each in answers) == ["STALE", "STALE", "STALE", "done"]
    twice = [await line.act(REMOVE, 2, person=line.people[2], cause="DIED", on=TODAY, idempotencyKey="one") for _ in range(2)]
    assert twice[0] == twice[1]


def _bad(line: Home) -> dict[str, tuple[str, dict[str, Any], str, str]]:
    mother, father, son, daughter = line.people
    tomorrow, long_ago = (date.fromisoformat(TODAY) + timedelta(days=2)).isoformat(), "1990-01-01"
    yesterday = (date.fromisoformat(TODAY) - timedelta(days=3)).isoformat()
    child = {"relation": "CHILD", "on": TODAY}
    gone = {"person": son, "cause": "MOVED", "on": TODAY}
    apart = {"people": [son, daughter], "head": son, "on": TODAY}
    return {
        "nobody joins": (ADD, child, "INVALID", "person"),
        "both join": (ADD, {**child, "person": son, "caseNumber": "1"}, "INVALID", "person"),
        "a stranger joins": (ADD, {**child, "person": "0" * 48}, "UNKNOWN", "person"),
        "a member joins": (ADD, {**child, "person": son}, "CONFLICT", "person"),
        "a taken number joins": (ADD, {**child, "caseNumber": "K-1"}, "CONFLICT", "caseNumber"),
        "a hidden number joins": (ADD, {**child, "caseNumber": "K\u202e1"}, "INVALID", "caseNumber"),
        "500 letters join": (ADD, {**child, "caseNumber": "K" * 500}, "INVALID", "caseNumber"),
        "absurd need joins": (ADD, {**child, "caseNumber": "K-7", "needScore": -3}, "INVALID", "needScore"),
        "a second head joins": (ADD, {**child, "relation": "HEAD", "caseNumber": "K-7"}, "INVALID", "relation"),
        "tomorrow's child joins": (ADD, {**child, "on": tomorrow, "caseNumber": "K-7"}, "INVALID", "on"),
        "a child of another age joins": (ADD, {**child, "on": long_ago, "caseNumber": "K-7"}, "INVALID", "on"),
        "of an older version": (ADD, {**child, "version": 0, "caseNumber": "K-7"}, "STALE", "version"),
        "of no household": (ADD, {**child, "household": mother, "caseNumber": "K-7"}, "UNKNOWN", "household"),
        "a stranger leaves": (REMOVE, {**gone, "person": "0" * 48}, "UNKNOWN", "person"),
        "the head leaves": (REMOVE, {**gone, "person": mother}, "CONFLICT", "person"),
        "leaves before joining": (REMOVE, {**gone, "on": yesterday}, "INVALID", "on"),
        "the head again": (HEAD, {"person": mother, "formerHead": "SPOUSE"}, "INVALID", "person"),
        "a head of two": (HEAD, {"person": father, "formerHead": "HEAD"}, "INVALID", "formerHead"),
        "a head from elsewhere": (HEAD, {"person": "0" * 48, "formerHead": "SPOUSE"}, "UNKNOWN", "person"),
        "to nowhere": (MOVE, {"governorate": "Baghdad", "on": TODAY}, "INVALID", "governorate"),
        "to where it is": (MOVE, {"governorate": "IQ-BG", "on": TODAY}, "INVALID", "governorate"),
        "before it came": (MOVE, {"governorate": "IQ-NI", "on": yesterday}, "INVALID", "on"),
        "to a hidden place": (MOVE, {"governorate": "IQ-NI", "place": "a\u202eb", "on": TODAY}, "INVALID", "place"),
        "to a long place": (MOVE, {"governorate": "IQ-NI", "place": "a" * 500, "on": TODAY}, "INVALID", "place"),
        "nobody apart": (SPLIT, {**apart, "people": []}, "INVALID", "head"),
        "one twice apart": (SPLIT, {**apart, "people": [son, son]}, "INVALID", "people"),
        "the head apart": (SPLIT, {**apart, "people": [mother, son]}, "CONFLICT", "people"),
        "led by who stays": (SPLIT, {**apart, "head": father}, "INVALID", "head"),
        "a stranger apart": (SPLIT, {**apart, "people": [son, "0" * 48]}, "UNKNOWN", "people"),
    }  # fmt: skip


async def test_a_change_that_cannot_be_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 12.1c of aid, 15.1a of aid, 15.2a of aid, 15.2b of aid, 15.3a of aid, 15.4a of aid, 15.5a of aid."""
    line = Home(hub, "karama-manager")
    await line.settle(governorate="IQ-BG")
    before = await counts(hub)
    for name, (mutation, given, code, field) in _bad(line).items():
        refused = await line.act(mutation, **given)
        wanted = "people" if name == "nobody apart" else field
        assert (refused.get("code"), refused.get("field")) == (code, wanted), name
        assert refused["hint"]
    two = [{"caseNumber": "a", "relation": "HEAD"}, {"caseNumber": "b", "relation": "HEAD"}]
    for members, more, field in (
        (two, {}, "members"),
        (two[:1], {"place": "here"}, "governorate"),
        (two[:1], {"governorate": "iq"}, "governorate"),
    ):
        refused = await line.did(REGISTER, input={"members": members, **more})
        assert (refused["code"], refused["field"]) == ("INVALID", field)
    assert await counts(hub) == before


async def test_another_organisations_household_is_unknown_and_so_is_one_of_a_registry(hub: Asking) -> None:
    """Failure 15.1b of aid."""
    line, other = Home(hub, "karama-manager"), Home(hub, "hope-manager")
    await line.settle()
    await other.settle("H")
    before = await counts(hub)
    theirs, (own, *_) = line.household, other.people
    other.household = theirs
    for mutation, given in (
        (ADD, {"caseNumber": "H-7", "relation": "CHILD", "on": TODAY}),
        (REMOVE, {"person": line.people[1], "cause": "MOVED", "on": TODAY}),
        (HEAD, {"person": line.people[1], "formerHead": "SPOUSE"}),
        (MOVE, {"governorate": "IQ-BA", "on": TODAY}),
        (SPLIT, {"people": [line.people[1]], "head": line.people[1], "on": TODAY}),
    ):
        refused = await other.act(mutation, **given)
        assert (refused["code"], refused["field"]) == ("UNKNOWN", "household")
    assert await other.file() is None
    assert (await hub.data(STEPS, other.who, {"household": theirs}))["householdSteps"] is None
    # The people of `settled` live where a registry would have put them.
    (of_registry, *_) = await Line(hub, "karama-manager").people(1)
    assert await line.file(person=of_registry) is None
    refused = await line.act(ADD, person=of_registry, relation="OTHER", on=TODAY)
    assert (refused["code"], refused["field"]) == ("CONFLICT", "person")
    foreign = await line.act(ADD, person=own, relation="OTHER", on=TODAY)
    assert (foreign["code"], foreign["field"]) == ("UNKNOWN", "person")
    assert await counts(hub) == before


def test_the_closed_lists_are_the_same_on_both_floors() -> None:
    assert [str(each.value) for each in HouseholdRelation] == list(RELATIONS)
    assert [str(each.value) for each in LeavingCause] == list(CAUSES)
