"""What is written down of a case is its organisation's alone; who is typed twice is found, made one, and made two again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from resolvers.aid.case_words import REASONS
from resolvers.aid.likeness import LIKELY, Particulars, blocks, likened
from resolvers.writing import Change
from samples.names import respelt
from tables.aid import (
    allocation,
    assessment,
    carried,
    case_block,
    case_file,
    case_merge,
    case_particulars,
    household_file,
    membership,
    nomination,
)
from tables.identity import counter, household, own_case, person
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_membership import ADD, ELSE, HEAD, READ, REGISTER, REMOVE
from tests.test_queue import TODAY, Line, settled

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
WRITTEN = (case_particulars, case_block, case_merge, case_file, household, household_file, own_case, person, step)
FOLLOWED = (allocation, assessment, carried, case_file, membership, nomination, own_case, case_particulars)

MANY = 3_000
"""Allocations of one case."""

ZAYNAB = {"name": "زينب كاظم جاسم الساعدي", "motherName": "فاطمة حسن", "birthYear": 1981, "sex": "F", "governorate": "IQ-BG"}
DUPLICATES = """query ($input: CaseParticularsInput!, $language: Language! = EN) { caseDuplicates(input: $input, language: $language) {
  person name motherName birthYear caseNumbers score reasons { code text weight } } }"""
PARTICULARS = (
    "query ($person: ID!) { caseParticulars(person: $person) { person caseNumbers name motherName birthYear sex governorate version } }"
)
DESCRIBE = f"mutation ($input: CaseDescribeInput!) {{ caseDescribe(input: $input) {{ ... on CaseDescribed {{ person version }} {ELSE}"
MERGE = f"mutation ($input: CasesMergeInput!) {{ casesMerge(input: $input) {{ ... on CasesMerged {{ merge person }} {ELSE}"
UNMERGE = f"mutation ($input: CasesUnmergeInput!) {{ casesUnmerge(input: $input) {{ ... on CasesUnmerged {{ merge person merged }} {ELSE}"
MERGES = "{ caseMerges { id person state steps { act role reason } } }"
GIVEN = "query ($id: ID!) { person(id: $id) { allocations { amount } } }"


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over an empty database with two organisations and five people that both know."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        await settled(opened, ("karama", "hope-network"), 5)
        add = opened.hub.database.prepare(sa.insert(counter))
        async with opened.hub.database.transaction() as tx:
            await tx.execute_many(add, [{"name": "person", "value": 5}, {"name": "household", "value": 5}])
        yield opened


async def rows(hub: Asking, *tables: sa.Table) -> list[list[tuple[Any, ...]]]:
    """Everything in some tables, in one order."""
    database = hub.hub.database
    return [sorted(map(tuple, await database.fetch(database.prepare(sa.select(table)))), key=repr) for table in tables]


async def counts(hub: Asking) -> list[int]:
    """How many rows a registration or a merge may write."""
    return [len(each) for each in await rows(hub, *WRITTEN)]


class Desk(Line):
    """A manager who writes down who comes."""

    async def register(self, case: str, particulars: dict[str, Any], **more: Any) -> Any:
        """Register one person alone."""
        return await self.did(REGISTER, input={"members": [{"caseNumber": case, "particulars": particulars}], **more})

    async def person(self, case: str, particulars: dict[str, Any], **more: Any) -> str:
        """Register one person alone, and give its id."""
        return str((await self.register(case, particulars, **more))["members"][0]["person"])

    async def likely(self, **typed: Any) -> Any:
        """Who is likely meant."""
        return (await self.hub.data(DUPLICATES, self.who, {"input": typed}))["caseDuplicates"]

    async def written(self, who: str) -> Any:
        """What is written down of somebody."""
        return (await self.hub.data(PARTICULARS, self.who, {"person": who}))["caseParticulars"]

    async def given(self, who: str) -> Any:
        """What somebody was given, as anybody reads it."""
        return (await self.hub.data(GIVEN, self.who, {"id": who}))["person"]


# --- likeness --------------------------------------------------------------------------------------------------------

MOTHER = Particulars("زينب كاظم جاسم الساعدي", "فاطمة حسن", 1981, "F", "IQ-BG")
ALIKE = {
    "spelt by another clerk": Particulars("زينب كاظم جاسم الساعدى", "فاطمه حسن", 1981, "F", "IQ-BG"),
    "heard by another clerk": Particulars("زينب كازم جاسم الساعدي", "فاطمة حسن", 1981),
    "without the grandfather": Particulars("زينب كاظم الساعدي", "فاطمة حسن", 1981),
    "a year off": Particulars("زينب كاظم جاسم الساعدي", "فاطمة حسن", 1982),
    "without her mother": Particulars("زينب كاظم جاسم الساعدي", None, 1981),
    "her names alone": Particulars("زينب كاظم جاسم الساعدي"),
    "a slip in the father's name": Particulars("زينب كاضم جاسم الساعدي", "فاطمة حسن", 1981),
    "moved away": Particulars("زينب كاظم جاسم الساعدي", "فاطمة حسن", 1981, "F", "IQ-BA"),
}
APART = {
    "her sister": Particulars("مريم كاظم جاسم الساعدي", "فاطمة حسن", 1984, "F", "IQ-BG"),
    "her cousin": Particulars("زينب علي جاسم الساعدي", "خديجة عباس", 1981, "F", "IQ-BG"),
    "her niece": Particulars("زينب كاظم جاسم الساعدي", "خديجة عباس", 2009, "F", "IQ-BG"),
    "a man": Particulars("زينب كاظم جاسم الساعدي", None, None, "M"),
    "somebody with common names": Particulars("زينب كاظم"),
}


@pytest.mark.parametrize("how", ALIKE)
def test_one_person_written_twice_is_likely_one_and_shares_a_block(how: str) -> None:
    score, reasons = likened(MOTHER, ALIKE[how])
    assert score >= LIKELY
    assert likened(ALIKE[how], MOTHER) == (score, reasons)
    assert abs(sum(weight for _, weight in reasons) - score) <= 1
    assert blocks(MOTHER) & blocks(ALIKE[how], 1)


@pytest.mark.parametrize("how", APART)
def test_two_people_with_much_in_common_are_not_likely_one(how: str) -> None:
    assert likened(MOTHER, APART[how])[0] < LIKELY


def test_brothers_born_years_apart_are_two() -> None:
    hasan = Particulars("حسن علي حسين الساعدي", "زينب كاظم", 2006, "M")
    assert likened(hasan, Particulars("حسين علي حسين الساعدي", "زينب كاظم", 2013, "M"))[0] < LIKELY


def test_of_a_thousand_names_respelt_nearly_all_are_found_again() -> None:
    chance = Random(4)
    given, fathers = ("زينب", "فاطمة", "أحمد", "هدى", "مصطفى", "إبراهيم", "رحيم"), ("كاظم", "عبد الله", "صالح", "رمضان", "عثمان")
    found = 0
    for _ in range(1000):
        chain = [chance.choice(given), *(chance.choice(fathers) for _ in range(2)), chance.choice(("الساعدي", "الجبوري", "التميمي"))]
        one = Particulars(" ".join(chain), f"{chance.choice(given)} {chance.choice(fathers)}", 1980)
        other = Particulars(respelt(chance, one.name), respelt(chance, str(one.mother_name)), 1980)
        found += likened(one, other)[0] >= LIKELY and bool(blocks(one) & blocks(other, 1))
    assert found >= 950


def test_every_reason_is_said_in_three_languages() -> None:
    assert {language: set(words) for language, words in REASONS.items()} == {key: set(REASONS["en"]) for key in ("en", "ar", "ckb")}
    for each in (*ALIKE.values(), *APART.values()):
        assert {code for code, _ in likened(MOTHER, each)[1]} <= set(REASONS["en"])


# --- as it is typed --------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_who_is_typed_again_is_found_registered_only_as_another_and_made_one(hub: Asking) -> None:
    desk, other = Desk(hub, "karama-manager"), Desk(hub, "hope-manager")
    first = await desk.person("K-1", ZAYNAB)
    again = {"name": "زينب كاظم الساعدى", "motherName": "فاطمه حسن", "birthYear": 1981}
    (found,) = await desk.likely(**again)
    assert (found["person"], found["caseNumbers"], found["name"]) == (first, ["K-1"], ZAYNAB["name"])
    assert found["score"] >= LIKELY
    assert abs(sum(each["weight"] for each in found["reasons"]) - found["score"]) <= 1
    before = await counts(hub)
    refused = await desk.register("K-2", again)
    assert (refused["code"], refused["field"]) == ("LIKELY_DUPLICATE", "members.0.particulars.name")
    assert await counts(hub) == before
    assert await other.likely(**again) == [], "another organisation's cases are not compared"
    assert (await other.register("H-1", again))["__typename"] == "HouseholdRegistered"

    second = await desk.person("K-2", again, distinctFrom=[first])
    _, cash = await desk.means()
    for who, amount in ((first, 30_000), (second, 20_000)):
        await desk.assess(who, 3)
        await desk.record(cash, who, amount)
    before_rows = await rows(hub, *FOLLOWED)
    merged = await desk.did(MERGE, input={"keep": first, "merge": second, "reason": "one woman, two clerks"})
    assert merged["person"] == first
    one = await desk.given(first)
    assert sorted(each["amount"] for each in one["allocations"]) == [20_000, 30_000]
    assert (await desk.written(second))["person"] == first, "her second id leads to the first"
    assert (await desk.written(first))["caseNumbers"] == ["K-1", "K-2"]
    assert [each["person"]["id"] for each in (await desk.queue())["nodes"]] == [first]
    assert (await desk.record(cash, second))["code"] == "UNKNOWN"
    assert (await desk.register("K-2", {"name": "رجل آخر تماما"}))["code"] == "CONFLICT", "her second number stays hers"
    (listed,) = (await hub.data(MERGES, desk.who))["caseMerges"]
    assert (listed["state"], [each["reason"] for each in listed["steps"]]) == ("merged", ["one woman, two clerks"])

    undone = await desk.did(UNMERGE, input={"merge": merged["merge"], "reason": "two women after all"})
    assert (undone["person"], undone["merged"]) == (first, second)
    after_rows = await rows(hub, *FOLLOWED)
    assert after_rows[:-1] == before_rows[:-1], "nothing is lost, everything is back"
    assert (await desk.written(second))["name"] == "زينب كاظم الساعدى"
    assert {each["person"] for each in await desk.likely(**again)} == {first, second}
    assert len((await desk.queue())["nodes"]) == 2
    assert (await desk.did(UNMERGE, input={"merge": merged["merge"], "reason": "again"}))["code"] == "CONFLICT"


@EVERYWHERE
async def test_a_case_of_which_ever_so_much_is_written_becomes_one_and_two_again_in_as_many_statements(
    hub: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(hub, "karama-manager")
    people = [
        await desk.person(f"K-{each}", {"name": name}) for each, name in enumerate(("سعاد رحيم", "وداد جبار", "هناء صالح", "ماجد زيد"))
    ]
    _, cash = await desk.means()
    for who in people:
        await desk.assess(who, 3)
        await desk.record(cash, who, 10_000)
    database = hub.hub.database
    numbers = [hub.hub.pseudonyms.resolve("karama", who) or 0 for who in people]
    for table, many in ((allocation, MANY), (assessment, 10)):
        of = sa.select(table).where(table.c.person == sa.bindparam("whom", type_=sa.BigInteger))
        ((*one,),) = await database.fetch(database.prepare(of), {"whom": numbers[1]})
        copies = [{**dict(zip(table.c.keys(), one, strict=True)), "id": number} for number in range(1, many)]
        async with database.transaction() as tx:
            await tx.execute_many(database.prepare(sa.insert(table)), copies)
    async with database.transaction() as tx:
        carrying = [{"person": numbers[1], "allocation": number} for number in range(10 * MANY, 11 * MANY)]
        await tx.execute_many(database.prepare(sa.insert(carried)), carrying)
    ran: list[int] = []
    for name in ("fetch", "execute", "execute_many"):
        once = getattr(Change, name)

        async def counted(self: Change, *given: Any, once: Any = once) -> Any:
            ran.append(1)
            return await once(self, *given)

        monkeypatch.setattr(Change, name, counted)
    followed = [
        table for table in FOLLOWED if table not in {nomination, case_particulars}
    ]  # what was written past the queue moves no place
    before, spent = await rows(hub, *followed), []
    for keep, merge in ((people[0], people[1]), (people[2], people[3])):
        ran.clear()
        merged = await desk.did(MERGE, input={"keep": keep, "merge": merge, "reason": "one"})
        assert merged["person"] == keep
        several = sum(row[allocation.c.keys().index("person")] == numbers[people.index(keep)] for row in (await rows(hub, allocation))[0])
        assert several == (MANY + 1 if keep == people[0] else 2)
        assert (await desk.did(UNMERGE, input={"merge": merged["merge"], "reason": "two"}))["merged"] == merge
        spent.append(len(ran))
    assert spent[0] == spent[1], "of many rows as of few"
    assert await rows(hub, *followed) == before


async def test_what_is_written_is_sealed_and_its_hashes_are_one_organisations(hub: Asking) -> None:
    desk, other = Desk(hub, "karama-manager"), Desk(hub, "hope-manager")
    await desk.person("K-1", ZAYNAB)
    await other.person("H-1", ZAYNAB)
    (written, blocked) = await rows(hub, case_particulars, case_block)
    assert len({sealed for _, _, sealed, _ in written}) == 2
    assert "زينب" not in str(written)
    assert "1981" not in str(written)
    ours, theirs = ({block for name, block, _ in blocked if name == whose} for whose in ("karama", "hope-network"))
    assert len(ours) == len(theirs) >= 4
    assert not ours & theirs
    fields = await hub.fields("karama-manager")
    assert {"name", "motherName"} <= fields["CaseParticulars"]
    assert "CaseParticulars" not in await hub.fields("public")
    assert "CaseParticulars" not in await hub.fields("karama-manager", "open_data")


async def test_particulars_are_corrected_by_their_version_and_found_by_the_new_ones(hub: Asking) -> None:
    desk = Desk(hub, "karama-manager")
    (known, *_) = await desk.people(1)
    assert (await desk.written(known))["version"] == 0
    assert await desk.did(DESCRIBE, input={"person": known, "version": 0, "particulars": {"name": "كاوە ڕەشید"}}) == {
        "person": known,
        "version": 1,
    }
    renamed = {"person": known, "version": 1, "particulars": ZAYNAB, "idempotencyKey": "once"}
    answers = await asyncio.gather(*(desk.did(DESCRIBE, input=renamed) for _ in range(3)))
    assert [each["version"] for each in answers] == [2, 2, 2]
    assert [each["person"] for each in await desk.likely(**ZAYNAB)] == [known]
    assert await desk.likely(name="كاوە ڕەشید", birthYear=1981) == []
    stale = await desk.did(DESCRIBE, input={**renamed, "idempotencyKey": "later"})
    assert (stale["code"], stale["field"]) == ("STALE", "version")
    same = await desk.did(DESCRIBE, input={**renamed, "version": 2, "idempotencyKey": "same"})
    assert (same["code"], same["field"]) == ("INVALID", "particulars")
    clash = await desk.register("K-9", {**ZAYNAB, "governorate": "IQ-BA"}, distinctFrom=[known])
    other = clash["members"][0]["person"]
    refused = await desk.did(DESCRIBE, input={"person": other, "version": 1, "particulars": {**ZAYNAB, "sex": None}})
    assert (refused["code"], refused["field"]) == ("LIKELY_DUPLICATE", "particulars.name")


async def test_nothing_is_kept_or_found_of_a_case_that_was_closed(hub: Asking) -> None:
    desk = Desk(hub, "karama-manager")
    await desk.person("K-1", ZAYNAB)
    closed, other = "K-1", await desk.person("K-2", {"name": "مريم صالح رمضان", "birthYear": 1990})
    database, aid = hub.hub.database, hub.hub.aid
    ((number,),) = await database.fetch(database.prepare(sa.select(own_case.c.person).where(own_case.c.position == sa.literal(closed))))
    enquiry = await hub.hub.enquiry(hub.keys[desk.who], None)

    async def work(change: Change) -> dict[str, Any]:
        await aid.households.let_go(change, "karama", closed, number)
        return {}

    await hub.hub.writing.run(enquiry, "household.register", work)
    assert await desk.likely(**ZAYNAB) == []
    assert [person for _, person, *_ in (await rows(hub, case_particulars))[0]] != [number]
    async with database.transaction() as tx:
        await aid.households.linkage.close_cases(tx, "karama", [("K-2", hub.hub.pseudonyms.resolve("karama", other) or 0)])
    assert await desk.likely(name="مريم صالح رمضان", birthYear=1990) == []


async def test_of_one_person_typed_by_several_at_once_one_is_registered(hub: Asking) -> None:
    desk = Desk(hub, "karama-manager")
    answers = await asyncio.gather(*(desk.register(f"K-{place}", ZAYNAB) for place in range(4)))
    assert sorted(each.get("code", "done") for each in answers) == ["LIKELY_DUPLICATE"] * 3 + ["done"]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "one letter": ({"name": "ز"}, "name"),
    "500 letters": ({"name": "زينب " * 100}, "name"),
    "nothing": ({"name": "  "}, "name"),
    "digits": ({"name": "زينب 5"}, "name"),
    "a hidden turn": ({"name": "زينب\u202eكاظم"}, "name"),
    "a hidden turn of the mother": ({"name": "زينب", "motherName": "\u2066فاطمة"}, "motherName"),
    "a mother of one letter": ({"name": "زينب", "motherName": "ف"}, "motherName"),
    "born before all": ({"name": "زينب", "birthYear": 1700}, "birthYear"),
    "born tomorrow": ({"name": "زينب", "birthYear": 3000}, "birthYear"),
    "no sex": ({"name": "زينب", "sex": "X"}, "sex"),
    "no governorate": ({"name": "زينب", "governorate": "Baghdad"}, "governorate"),
}


async def test_what_cannot_be_written_down_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 19.1a of aid, 19.1b of aid, 19.2a of aid, 19.3a of aid, 19.3b of aid."""
    desk = Desk(hub, "karama-manager")
    known = await desk.person("K-1", ZAYNAB)
    before = await counts(hub)
    for name, (particulars, field) in BAD.items():
        refused = await desk.register("K-2", particulars)
        assert (refused["code"], refused["field"]) == ("INVALID", f"members.0.particulars.{field}"), name
        refused = await desk.did(DESCRIBE, input={"person": known, "version": 1, "particulars": particulars})
        assert (refused["code"], refused["field"]) == ("INVALID", f"particulars.{field}"), name
        assert refused["hint"]
        asked = await hub.ask(DUPLICATES, desk.who, {"input": particulars})
        assert asked["errors"][0]["extensions"]["code"] == "INVALID"
    refused = await desk.register("K-2", {"name": "رجل آخر"}, distinctFrom=["0" * 48] * 51)
    assert (refused["code"], refused["field"]) == ("INVALID", "distinctFrom")
    (other, *_) = await desk.people(1)
    for named, code in (("0" * 48, "UNKNOWN"), (other, "LIKELY_DUPLICATE")):
        assert (await desk.register("K-2", ZAYNAB, distinctFrom=[named]))["code"] == code
    assert await counts(hub) == before


# --- one and two -----------------------------------------------------------------------------------------------------


async def test_merges_that_cannot_be_are_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 20.1a of aid, 20.1b of aid, 20.1c of aid, 20.2a of aid."""
    desk, other = Desk(hub, "karama-manager"), Desk(hub, "hope-manager")
    first, second = await desk.person("K-1", {"name": "زينب كاظم"}), await desk.person("K-2", {"name": "مريم كاظم"})
    theirs = await other.person("H-1", ZAYNAB)
    known, known_too = await desk.people(2)
    before, refusals = await counts(hub), []
    for keep, merge, reason, code, field in (
        (first, first, "why", "INVALID", "merge"),
        (first, theirs, "why", "UNKNOWN", "merge"),
        ("0" * 48, first, "why", "UNKNOWN", "keep"),
        (first, second, "", "INVALID", "reason"),
        (first, second, "a\u202eb", "INVALID", "reason"),
        (known, known_too, "why", "CONFLICT", "merge"),
    ):
        refused = await desk.did(MERGE, input={"keep": keep, "merge": merge, "reason": reason})
        refusals.append((refused.get("code"), refused.get("field")) == (code, field))
    assert all(refusals), refusals
    refused = await desk.did(UNMERGE, input={"merge": "0" * 48, "reason": "why"})
    assert (refused["code"], refused["field"]) == ("UNKNOWN", "merge")
    assert await counts(hub) == before


async def test_whoever_others_know_stays_and_their_view_does_not_change(hub: Asking) -> None:
    desk, other = Desk(hub, "karama-manager"), Desk(hub, "hope-manager")
    (ours, *_), (theirs, *_) = await desk.people(1), await other.people(1)
    twin = await desk.person("K-1", ZAYNAB)
    file = (await hub.data(READ, desk.who, {"person": twin}))["householdFile"]
    gone = {"household": file["household"], "version": 1, "person": twin, "cause": "OTHER", "on": TODAY}
    assert (await desk.did(REMOVE, input=gone))["household"]["state"] == "ended"
    await other.assess(theirs)
    _, cash = await desk.means()
    await desk.record(cash, twin, 40_000)
    before = await other.queue()
    merged = await desk.did(MERGE, input={"keep": twin, "merge": ours, "reason": "the registry knows her"})
    assert merged["person"] == ours
    assert (await desk.written(ours))["name"] == ZAYNAB["name"], "what is written of the case that was kept holds"
    assert theirs in await other.people(5)
    after = await other.queue()
    assert after["nodes"][0]["priority"] < before["nodes"][0]["priority"], "what she was given counts for her everywhere"
    await desk.did(UNMERGE, input={"merge": merged["merge"], "reason": "not she"})
    assert (await other.queue())["nodes"][0]["priority"] == before["nodes"][0]["priority"]


async def test_a_member_written_twice_leaves_no_gap_in_the_household(hub: Asking) -> None:
    desk = Desk(hub, "karama-manager")
    twin = await desk.person("K-0", {"name": "مريم كاظم جاسم", "birthYear": 1990})
    alone = (await hub.data(READ, desk.who, {"person": twin}))["householdFile"]
    members = [
        {"caseNumber": "K-1", "relation": "HEAD", "particulars": ZAYNAB},
        {"caseNumber": "K-2", "relation": "SIBLING", "particulars": {"name": "مريم كاظم جاسم الساعدي", "birthYear": 1990}},
    ]
    done = await desk.did(REGISTER, input={"members": members, "distinctFrom": [twin]})
    home, (head, sister) = done["household"], [each["person"] for each in done["members"]]
    for who in (head, sister, twin):
        await desk.assess(who)
    joined = {"household": alone["household"], "version": 1, "caseNumber": "K-4", "relation": "CHILD", "on": TODAY}
    (child,) = [each["person"] for each in (await desk.did(ADD, input=joined))["household"]["members"]][1:]
    apart = await desk.did(MERGE, input={"keep": sister, "merge": twin, "reason": "one"})
    assert (apart["code"], apart["field"]) == ("CONFLICT", "merge"), "others live with each of the two"
    await desk.did(REMOVE, input={"household": alone["household"], "version": 2, "person": child, "cause": "MISTAKEN", "on": TODAY})
    away = {"household": alone["household"], "version": 3, "person": twin, "cause": "MISTAKEN", "on": TODAY}
    await desk.did(REMOVE, input=away)
    # The one to be kept lives nowhere, and takes the other's place, who is made the head first.
    await desk.did(HEAD, input={"household": home, "version": 1, "person": sister, "formerHead": "SIBLING"})
    merged = await desk.did(MERGE, input={"keep": twin, "merge": sister, "reason": "one"})
    file = (await hub.data(READ, desk.who, {"household": home}))["householdFile"]
    assert (file["head"], file["size"], file["version"]) == (twin, 2, 3)
    assert {each["person"] for each in file["members"] if each["leftOn"] is None} == {head, twin}
    joined = {"household": home, "version": 3, "caseNumber": "K-3", "relation": "CHILD", "on": TODAY}
    assert (await desk.did(ADD, input=joined))["household"]["size"] == 3
    await desk.did(UNMERGE, input={"merge": merged["merge"], "reason": "two"})
    file = (await hub.data(READ, desk.who, {"household": home}))["householdFile"]
    assert (file["head"], file["size"]) == (sister, 3)
    sizes = {each["person"]["id"] for each in (await desk.queue())["nodes"]}
    assert sizes == {head, sister, twin}


async def test_a_gift_booked_while_two_become_one_is_lost_to_neither(hub: Asking) -> None:
    desk = Desk(hub, "karama-manager")
    first = await desk.person("K-1", ZAYNAB)
    second = await desk.person("K-2", ZAYNAB, distinctFrom=[first])
    _, cash = await desk.means()
    merge, *booked = await asyncio.gather(
        desk.did(MERGE, input={"keep": first, "merge": second, "reason": "one"}), *(desk.record(cash, second, 10_000) for _ in range(4))
    )
    assert merge["person"] == first
    landed = sum("allocation" in each for each in booked)
    assert len((await desk.given(first))["allocations"]) == landed
    assert {each.get("code", "UNKNOWN") for each in booked} == {"UNKNOWN"}
