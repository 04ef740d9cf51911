"""The queue puts the greatest need on top, moves at once on what anybody gives, and tells no more than may be known."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from math import isclose
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from errors import SourceDown
from resolvers.aid.inputs import KINDS
from resolvers.aid.knobs import EMPHASIS, HALF_LIVES, default
from resolvers.aid.scores import DIFFICULTIES, Gift, Place, Policy, order_key, points, priority, weighed
from resolvers.aid.words import KINDS as KIND_WORDS
from resolvers.aid.words import SENTENCES, ago, reason
from tables.aid import assessment, nomination, queue_policy
from tables.database import Database
from tables.identity import own_case, person
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_giving import CORRECT, MANY, RETURN, Desk, adds_up
from values import Purpose, Role

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
NOW = datetime.now(UTC)
TODAY = NOW.date().isoformat()
WEIGHED = "need assessed at 65 of 100 points, which weighs 42.3 by the rules of this queue"
WRITTEN = (queue_policy, assessment, nomination, step)

ASSESS = """mutation ($input: NeedAssessInput!) { needAssess(input: $input) {
    __typename ... on NeedAssessed { assessment { id need points version } } ... on Refusal { code field hint } } }"""
QUEUE = """query ($need: Need!, $first: Int! = 50, $after: String, $language: Language! = EN) {
  queue(need: $need, first: $first, after: $after) {
    nodes { place person { id } priority reasons(language: $language) { code text weight } }
    pageInfo { endCursor hasNextPage } totalCount } }"""
OVERRIDE = """mutation ($person: ID!, $lift: Int!, $reason: String! = "fire in the house", $need: Need! = CASH) {
  queueOverride(input: {person: $person, need: $need, lift: $lift, reason: $reason}) {
    __typename ... on QueueOverridden { lift } ... on Refusal { code field hint } } }"""
ADOPT = """mutation ($input: QueueRulesAdoptInput!) { queueRulesAdopt(input: $input) {
    __typename ... on QueueRulesAdopted { rules { version halfLifeDays emphasis parts { code weight } } }
    ... on Refusal { code field hint } } }"""
WHAT_IF = """query ($weights: [WeightInput!], $halfLife: Float, $emphasis: Float) {
  queueWhatIf(need: CASH, weights: $weights, halfLifeDays: $halfLife, emphasis: $emphasis) { place placeNow person points } }"""
FAMILY = "query ($card: String!) { personByIdentifier(scheme: RATION_CARD, value: $card) { id } }"


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over an empty database, where two organisations that know of each other's gifts share twenty people of five households."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        await settled(opened, ("crescent-aid", "hope-network", "karama"))
        yield opened


async def settled(opened: Asking, organisations: tuple[str, ...], people: int = 20) -> None:
    """People who are cases of all these organisations, and a manager for each."""
    database = opened.hub.database
    async with database.transaction() as tx:
        known = [{"number": number, "household": number % 5} for number in range(1, people + 1)]
        await tx.execute_many(database.prepare(sa.insert(person)), known)
        add = database.prepare(sa.insert(own_case))
        for name in organisations:
            await tx.execute_many(
                add, [{"organisation": name, "position": f"{number:04}", "person": number} for number in range(1, people + 1)]
            )
    issue, now = opened.hub.credentials.issue, int(NOW.timestamp())
    for name in organisations:
        who = f"{name.split('-')[0]}-manager"
        opened.keys[who] = await issue(who, "staff", name, Role.MANAGER, [Purpose.AID_DISTRIBUTION], now, None)


class Line(Desk):
    """A manager with a queue."""

    async def assess(self, who: str, gap: float = 4, need: str = "CASH", **more: Any) -> Any:
        """Assess somebody: `gap` is how far the need is unmet."""
        answers = [{"code": "gap", "value": gap}, {"code": "dependants", "value": 2}]
        return await self.did(ASSESS, input={"person": who, "need": need, "answers": answers, "on": TODAY, **more})

    async def queue(self, need: str = "CASH", **more: Any) -> Any:
        """The own queue."""
        return (await self.hub.data(QUEUE, self.who, {"need": need, **more}))["queue"]

    async def order(self, need: str = "CASH") -> list[str]:
        """The people of the own queue, in order."""
        return [each["person"]["id"] for each in (await self.queue(need))["nodes"]]


async def counts(hub: Asking) -> list[int]:
    """How many rows a command about needs may have written."""
    database = hub.hub.database
    return [int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0]) for table in WRITTEN]


# --- order -----------------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_the_greatest_need_stands_on_top_and_ties_keep_the_order_of_arrival(hub: Asking) -> None:
    line = Line(hub)
    a, b, c, d = await line.people(4)
    for who, gap in ((a, 2), (b, 4), (c, 2), (d, 3)):
        assert (await line.assess(who, gap))["__typename"] == "NeedAssessed"
    found = await line.queue()
    assert [(each["place"], each["person"]["id"]) for each in found["nodes"]] == [(1, b), (2, d), (3, a), (4, c)]
    assert [each["priority"] for each in found["nodes"]] == [42.2, 25.0, 12.2, 12.2]
    assert found["nodes"][0]["reasons"] == [{"code": "NEED", "text": WEIGHED, "weight": 42.3}]
    assert found["totalCount"] == 4
    page = await line.queue(first=2)
    rest = await line.queue(first=2, after=page["pageInfo"]["endCursor"])
    assert [(each["place"], each["person"]["id"]) for each in rest["nodes"]] == [(3, a), (4, c)]
    assert (page["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    await line.assess(a, 4)
    assert await line.order() == [a, b, d, c], "an assessment moves somebody, and a tie is to whoever came first"


async def test_what_another_gives_moves_the_person_and_its_household_at_once(hub: Asking) -> None:
    ours, theirs = Line(hub), Line(hub, "hope-manager")
    # People 1, 6, 11 … are one household; each organisation lists them in the same order under identifiers of its own.
    some, same = await ours.people(7), await theirs.people(7)
    for who in some:
        await ours.assess(who)
    fund, cash = await theirs.means()
    assert await ours.order() == some
    given = await theirs.record(cash, same[0], 100_000)
    found = await ours.queue()
    assert [each["person"]["id"] for each in found["nodes"]] == [some[1], some[2], some[3], some[4], some[6], some[0], some[5]]
    moved = found["nodes"][-1]
    assert [(each["code"], each["text"]) for each in moved["reasons"]] == [
        ("NEED", WEIGHED),
        ("RECEIVED_ELSEWHERE", "received cash from another organisation today"),
    ]
    assert isclose(sum(each["weight"] for each in moved["reasons"]), moved["priority"], abs_tol=0.11)
    assert not set(same) & set(str(found).split("'"))
    back = 'mutation ($id: ID!) { allocationReturn(input: {allocation: $id, reason: "came back"}) { __typename } }'
    await theirs.did(back, id=given["allocation"]["id"])
    assert await ours.order() == some, "what comes back gives the place back"
    assert await theirs.balance(fund) == 1_000_000


async def test_a_gift_of_another_need_moves_nobody_and_cash_moves_the_hungry_by_half(hub: Asking) -> None:
    line = Line(hub)
    a, b, *_ = await line.people(2)
    for who in (a, b):
        await line.assess(who, need="FOOD")
        await line.assess(who, need="EDUCATION")
    _, cash = await line.means()
    await line.record(cash, a, 100_000)
    assert (await line.order("FOOD"), await line.order("EDUCATION")) == ([b, a], [a, b])


async def test_reasons_are_told_in_arabic_kurdish_and_english(hub: Asking) -> None:
    line = Line(hub)
    a, *_ = await line.people(1)
    await line.assess(a, need="FOOD", on=(NOW.date() - timedelta(days=5)).isoformat())
    _, cash = await line.means()
    await line.record(cash, a, 10_000)
    said = {}
    for language in ("AR", "CKB", "EN"):
        (node,) = (await line.queue("FOOD", language=language))["nodes"]
        said[language] = [each["text"] for each in node["reasons"]]
    assert said == {
        "AR": [
            "قُدّرت الحاجة بـ 65 من 100 نقطة، ووزنها 42.3 بحسب قواعد هذا الطابور",
            "ينتظر منذ تقييم جرى قبل 5 أيام",
            "تلقّى معونة نقدية من هذه المنظمة اليوم",
        ],
        "CKB": [
            "پێداویستی بە 65 لە 100 خاڵ هەڵسەنگێندراوە، کێشی بەپێی یاساکانی ئەم ڕیزە دەبێتە 42.3",
            "لە هەڵسەنگاندنێکەوە 5 ڕۆژ لەمەوبەر چاوەڕێیە",
            "ئەمڕۆ یارمەتیی نەختینە لەم ڕێکخراوە وەرگرتووە",
        ],
        "EN": [
            WEIGHED,
            "has waited since an assessment 5 days ago",
            "received cash from this organisation today",
        ],
    }


# --- what may not be known -------------------------------------------------------------------------------------------


async def test_without_an_agreement_a_place_moves_and_says_no_more_than_that(country: Country, tmp_path: Path) -> None:
    """Failure 9.2a of aid."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": f"sqlite:///{tmp_path}/other.db", "record": f"sqlite:///{tmp_path}/record.db"})
    agreements = tuple(each for each in settings.agreements if not (each.receiver == "crescent-aid" and each.source == "hub"))
    assert len(agreements) < len(settings.agreements)
    async with asking(country, settings.model_copy(update={"hub": own, "agreements": agreements})) as hub:
        await settled(hub, ("crescent-aid", "hope-network"))
        ours, theirs = Line(hub), Line(hub, "hope-manager")
        (a, b), (same, _) = await ours.people(2), await theirs.people(2)
        for who in (a, b):
            await ours.assess(who)
        _, cash = await theirs.means()
        await theirs.record(cash, same, 123_456)
        found = (await ours.queue())["nodes"]
        assert [each["person"]["id"] for each in found] == [b, a]
        assert [(each["code"], each["text"]) for each in found[1]["reasons"]] == [
            ("NEED", WEIGHED),
            ("ELSEWHERE", "help from elsewhere is taken into account"),
        ]
        assert found[1]["priority"] % 10 == 0
        assert found[1]["reasons"][1]["weight"] % 10 == 0
        assert "cash" not in str(found)


async def test_no_organisation_reads_or_moves_the_queue_of_another(hub: Asking) -> None:
    """Failure 8.1a of aid, 9.1a of aid."""
    ours, theirs = Line(hub), Line(hub, "hope-manager")
    a, b = await ours.people(2)
    for who in (a, b):
        await ours.assess(who)
    cursor = (await ours.queue(first=1))["pageInfo"]["endCursor"]
    before = await counts(hub)
    assert await theirs.order() == []
    assert (await hub.data("{ queueRules(need: CASH) { version } queueOverrides { reason } }", theirs.who)) == {
        "queueRules": [],
        "queueOverrides": [],
    }
    assert (await theirs.assess(a))["code"] == "UNKNOWN"
    assert (await theirs.did(OVERRIDE, person=a, lift=1))["code"] == "UNKNOWN"
    for who, need, after in (("hope-manager", "CASH", cursor), ("crescent-manager", "FOOD", cursor), ("crescent-manager", "CASH", "x")):
        refused = await hub.ask(QUEUE, who, {"need": need, "after": after})
        assert refused["errors"][0]["extensions"]["field"] == "after"
    assert await counts(hub) == before


@pytest.mark.parametrize("who", ["public", "umm-hassan", "inspector", "app-developer", "new-dawn-caseworker", "ministry-analyst"])
async def test_whoever_gives_nothing_has_no_queue(country: Country, who: str) -> None:
    async with asking(country) as hub:
        fields = await hub.fields(who)
        assert not {"queue", "queueRules", "queueWhatIf"} & fields["Query"]
        assert "queueMoved" not in fields.get("Subscription", ())
        assert not {"needAssess", "queueOverride", "queueRulesAdopt"} & fields.get("Mutation", frozenset())


# --- paging, news, overrides, rules ----------------------------------------------------------------------------------


async def test_pages_show_each_once_however_the_queue_moves_behind_them(hub: Asking) -> None:
    line = Line(hub)
    some = await line.people(6)
    for who in some:
        await line.assess(who)
    first = await line.queue(first=2)
    _, cash = await line.means()
    await line.record(cash, some[0], 50_000)  # somebody already shown, and its household, go to the end
    second = await line.queue(first=2, after=first["pageInfo"]["endCursor"])
    assert [(each["place"], each["person"]["id"]) for each in second["nodes"]] == [(3, some[2]), (4, some[3])]
    assert second["pageInfo"]["hasNextPage"]


async def test_news_of_a_need_reach_the_organisations_whose_queue_moved(hub: Asking) -> None:
    ours, theirs = Line(hub), Line(hub, "hope-manager")
    (a, *_), (same, *_) = await ours.people(1), await theirs.people(1)
    await ours.assess(a)
    _, cash = await theirs.means()
    events = hub.hub.watching.events
    with events.watch("queue_moved", "crescent-aid") as watcher, events.watch("queue_moved", "hope-network") as other:
        await theirs.record(cash, same)
        assert await watcher.next(1) == {"need": "cash", "count": 1}
        assert await other.next(0) is None


async def test_an_override_needs_a_reason_and_is_reported(hub: Asking) -> None:
    """Failure 10.1a of aid."""
    line = Line(hub)
    a, b, c = await line.people(3)
    for who in (a, b):
        await line.assess(who)
    assert (await line.did(OVERRIDE, person=b, lift=1))["lift"] == 1
    assert await line.order() == [b, a]
    assert (await line.queue())["nodes"][0]["priority"] == 84.5
    before = await counts(hub)
    for changed, code, field in (
        ({"reason": " "}, "INVALID", "reason"),
        ({"reason": "\u202e"}, "INVALID", "reason"),
        ({"lift": 7}, "INVALID", "lift"),
        ({"person": c}, "UNKNOWN", "person"),
        ({"need": "FOOD"}, "UNKNOWN", "person"),
    ):
        refused = await line.did(OVERRIDE, **{"person": a, "lift": 1, **changed})
        assert (refused.get("code"), refused.get("field")) == (code, field)
    assert await counts(hub) == before
    reported = (await hub.data("{ queueOverrides { person need role lift reason } }", line.who))["queueOverrides"]
    assert reported == [{"person": b, "need": "cash", "role": "manager", "lift": 1, "reason": "fire in the house"}]
    await line.did(OVERRIDE, person=b, lift=0)
    assert await line.order() == [a, b]


async def test_an_emphasis_is_tried_and_adopted_and_its_reasons_say_what_need_weighs(hub: Asking) -> None:
    line = Line(hub)
    a, b = await line.people(2)
    await line.assess(a, 2)
    await line.assess(b, 4)
    _, cash = await line.means(10_000_000)
    await line.record(cash, b, 700_000)
    assert await line.order() == [a, b]
    tried = (await hub.data(WHAT_IF, line.who, {"emphasis": 4}))["queueWhatIf"]
    assert [(each["place"], each["placeNow"], each["person"]) for each in tried] == [(1, 2, b), (2, 1, a)]
    assert (await line.did(ADOPT, input={"need": "CASH", "version": 1, "emphasis": 4}))["rules"]["emphasis"] == 4
    assert await line.order() == [b, a]
    assert (await line.did(ADOPT, input={"need": "CASH", "version": 2, "emphasis": 1}))["rules"]["version"] == 3
    first = (await line.queue())["nodes"][0]
    assert (first["person"]["id"], first["priority"]) == (a, 35.0)
    assert first["reasons"] == [{"code": "NEED", "text": "need assessed at 35 of 100 points", "weight": 35.0}]


@EVERYWHERE
async def test_other_rules_are_tried_before_they_are_adopted_as_a_new_version(hub: Asking) -> None:
    """Failure 11.1a of aid, 11.2a of aid."""
    line = Line(hub)
    a, b = await line.people(2)
    for who, gap, dependants in ((a, 3, 0), (b, 1, 8)):
        said = [{"code": "gap", "value": gap}, {"code": "dependants", "value": dependants}]
        await line.did(ASSESS, input={"person": who, "need": "CASH", "answers": said, "on": TODAY})
    assert await line.order() == [a, b]
    weights = [{"code": "gap", "weight": 10}, {"code": "dependants", "weight": 40}]
    tried = (await hub.data(WHAT_IF, line.who, {"weights": weights}))["queueWhatIf"]
    assert [(each["place"], each["placeNow"], each["person"]) for each in tried] == [(1, 2, b), (2, 1, a)]
    assert await line.order() == [a, b], "trying changes nothing"
    before = await counts(hub)
    for changed, code, field in (
        ({"version": 7}, "STALE", "version"),
        ({"halfLifeDays": 0}, "INVALID", "halfLifeDays"),
        ({"emphasis": -0.1}, "INVALID", "emphasis"),
        ({"emphasis": 8.1}, "INVALID", "emphasis"),
        ({"reference": -1}, "INVALID", "reference"),
        ({"weights": [{"code": "beauty", "weight": 1}]}, "INVALID", "weights"),
        ({"weights": [{"code": each, "weight": 0} for each in ("gap", "dependants", "disability")]}, "INVALID", "weights"),
    ):
        refused = await line.did(ADOPT, input={"need": "CASH", "version": 1, **changed})
        assert (refused.get("code"), refused.get("field")) == (code, field)
    assert await counts(hub) == before
    adopted = (await line.did(ADOPT, input={"need": "CASH", "version": 1, "weights": weights, "halfLifeDays": 60}))["rules"]
    assert (adopted["version"], adopted["halfLifeDays"], adopted["emphasis"]) == (2, 60, EMPHASIS)
    assert await line.order() == [b, a]
    rules = (await hub.data("{ queueRules(need: CASH) { version active } }", line.who))["queueRules"]
    assert rules == [{"version": 2, "active": True}, {"version": 1, "active": False}]
    _, cash = await line.means(10_000_000)
    await line.record(cash, b, 9_000_000)
    assert await line.order() == [a, b], "what is given moves the queue of the version in force"


BAD_ASSESSMENTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nobody": ({"person": "0" * 48}, "UNKNOWN", "person"),
    "tomorrow": ({"on": "2999-01-01"}, "INVALID", "on"),
    "long ago": ({"on": "2001-01-01"}, "INVALID", "on"),
    "no answers": ({"answers": []}, "INVALID", "answers"),
    "too many answers": ({"answers": [{"code": f"q{each}", "value": 1} for each in range(101)]}, "INVALID", "answers"),
    "one twice": ({"answers": [{"code": "gap", "value": 1}, {"code": "gap", "value": 2}]}, "INVALID", "answers"),
    "one missing": ({"answers": [{"code": "gap", "value": 1}]}, "INVALID", "answers"),
    "one beyond its range": ({"answers": [{"code": "gap", "value": 5}, {"code": "dependants", "value": 0}]}, "INVALID", "answers"),
    "one nobody asked": (
        {"answers": [{"code": "gap", "value": 1}, {"code": "dependants", "value": 0}, {"code": "x", "value": 0}]}, "INVALID", "answers",
    ),
    "a region that is none": ({"region": "x"}, "INVALID", "region"),
    "responses to nothing": ({"responses": [{"question": "gap", "value": "4"}]}, "INVALID", "questionnaire"),
    "a region written backwards": ({"region": "\u202eIQ"}, "INVALID", "region"),
}  # fmt: skip


async def test_an_assessment_that_cannot_be_counted_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 8.1b of aid."""
    line = Line(hub)
    a, *_ = await line.people(1)
    before = await counts(hub)
    for name, (changed, code, field) in BAD_ASSESSMENTS.items():
        refused = (
            await line.assess(a, **changed)
            if "answers" not in changed
            else await line.did(ASSESS, input={"person": a, "need": "CASH", "on": TODAY, **changed})
        )
        assert (refused.get("code"), refused.get("field")) == (code, field), name
        assert refused["hint"]
    assert await counts(hub) == before


# --- what other systems gave -----------------------------------------------------------------------------------------


@pytest.fixture
async def sample(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """The hub of the sample country, with the queues it is built with."""
    async with asking(country, copied(country, tmp_path / "copy")) as opened:
        yield opened


async def test_the_sample_organisations_have_programmes_and_a_queue(sample: Asking) -> None:
    question = "{ programmes { name kind } queue(need: FOOD, first: 3) { nodes { place person { id } priority } } }"
    for who in ("crescent-manager", "hope-manager", "rafidain-caseworker"):
        found = await sample.data(question, who)
        assert len(found["programmes"]) == 3
        assert [each["place"] for each in found["queue"]["nodes"]] == [1, 2, 3]


async def test_what_other_systems_gave_moves_the_queue_once_it_is_read(sample: Asking) -> None:
    refresher, line = sample.hub.aid.refresher, Line(sample)
    assert "hope-network" in refresher.sources()
    assert "hub" not in refresher.sources()
    told: list[tuple[int, int]] = []
    assert await refresher.refresh("hope-network", 1, lambda *how: told.append(how)) > 0
    assert told[-1][0] == told[-1][1] > 0
    first = await line.queue("CASH", first=200)
    codes = {each["code"] for node in first["nodes"] for each in node["reasons"]}
    assert "RECEIVED_ELSEWHERE" in codes
    assert await refresher.refresh("hope-network", 2, lambda *_: None) == 0, "a repeated run changes nothing"
    assert await line.queue("CASH", first=200) == first


async def test_an_interrupted_reading_goes_on_where_it_ended(sample: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failure 9.3a of aid."""
    refresher = sample.hub.aid.refresher
    monkeypatch.setattr(refresher, "_page", sample.hub.database.prepare(_small_page()))
    asked: list[int] = []
    read = refresher._read

    async def failing(source: str, people: Any) -> Any:
        asked.append(people[0])
        if len(asked) == 3:
            raise SourceDown(source, "it is down")
        return await read(source, people)

    monkeypatch.setattr(refresher, "_read", failing)
    with pytest.raises(SourceDown):
        await refresher.refresh("hope-network", 1, lambda *_: None)
    await refresher.refresh("hope-network", 2, lambda *_: None)
    assert asked[3] == asked[2], "the page that failed is read again, those before it are not"
    assert len(set(asked)) == len(asked) - 1


def _small_page() -> sa.Select[Any]:
    waiting = sa.select(nomination.c.person).where(nomination.c.person > sa.bindparam("after"))
    return waiting.distinct().order_by(nomination.c.person).limit(30)


# --- many at once ----------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_of_many_gifts_at_once_to_one_household_none_is_forgotten(hub: Asking) -> None:
    ours, theirs = Line(hub), Line(hub, "hope-manager")
    some, same = await ours.people(20), await theirs.people(20)
    for who in some[:6]:
        await ours.assess(who)
    (_, here), (_, there) = await ours.means(), await theirs.means(ceilingPerson=500_000)
    family = (0, 5, 10, 15)
    await asyncio.gather(
        *(ours.record(here, some[place], 10_000) for place in family), *(theirs.record(there, same[place], 10_000) for place in family)
    )
    database = hub.hub.database
    ranking = hub.hub.aid.ranking
    before = await ours.queue()
    async with database.transaction() as tx:
        assert await ranking.rerank(tx, list(range(1, 21)), set(range(5))) == {}, "every place is as it is counted from all gifts"
    assert await ours.queue() == before


@EVERYWHERE
async def test_whatever_is_done_at_once_nobody_waits_for_each_other_and_everything_adds_up(hub: Asking) -> None:
    ours, theirs = Line(hub), Line(hub, "hope-manager")
    some, same = await ours.people(20), await theirs.people(20)
    for who in some:
        await ours.assess(who)
    (_, here), (_, there) = await ours.means(), await theirs.means(ceilingHousehold=900_000)
    chance = random.Random(1)

    async def work(line: Line, programme: str, people: list[str]) -> None:
        whole = {"programme": programme, "kind": "cash", "amount": 10, "currency": "IQD", "on": TODAY}
        for _ in range(3):
            given = (await line.record(programme, chance.choice(people), 1_000))["allocation"]["id"]
            await line.did(MANY, input={**whole, "lines": [{"person": each} for each in chance.sample(people, 8)]})
            corrected = await line.did(CORRECT, id=given, amount=500)
            await line.did(RETURN, id=corrected["allocation"]["id"])
            await line.assess(chance.choice(people), chance.randrange(5))

    await asyncio.gather(*(work(ours, here, some) for _ in range(3)), *(work(theirs, there, same) for _ in range(3)))
    await adds_up(hub)
    async with hub.hub.database.transaction() as tx:
        assert await hub.hub.aid.ranking.rerank(tx, list(range(1, 21)), set(range(5))) == {}


async def test_the_rules_of_a_queue_are_signed(hub: Asking) -> None:
    line = Line(hub)
    a, *_ = await line.people(1)
    await line.assess(a)
    database: Database = hub.hub.database
    columns = [queue_policy.c[name] for name in ("organisation", "need", "version", "body", "signature", "key_version")]
    ((organisation, need, version, body, signature, key),) = await database.fetch(database.prepare(sa.select(*columns)))
    ring = hub.hub.ring
    assert ring.signed(orjson.dumps([organisation, need, version, body]), bytes(signature), key)
    assert not ring.signed(orjson.dumps([organisation, need, version, body + " "]), bytes(signature), key)


async def test_answers_are_sealed(hub: Asking) -> None:
    line = Line(hub)
    a, *_ = await line.people(1)
    await line.assess(a)
    database = hub.hub.database
    ((stored,),) = await database.fetch(database.prepare(sa.select(assessment.c.answers)))
    assert "gap" not in stored


# --- counting --------------------------------------------------------------------------------------------------------

CASH = Policy.read((1, "hope-network", "cash", 1, orjson.dumps(default("cash"))))
GIFTS = st.lists(
    st.builds(
        Gift,
        st.just(1),
        st.sampled_from(["cash", "food"]),
        st.integers(0, 10**9),
        st.sampled_from(["IQD", "USD", "XXX"]),
        st.integers(739_000, 739_500),
        st.none(),
        st.just("hub"),
    ),
    max_size=8,
)
PLACES = st.builds(
    Place, st.just(1), st.just(1), st.none(), st.integers(1, 12), st.just(0), st.just(0),
    st.integers(739_000, 739_400), st.integers(0, 100_000), st.integers(-6, 6),
)  # fmt: skip


@given(PLACES, GIFTS, st.integers(739_500, 741_000))
def test_the_weights_of_the_reasons_add_up_to_the_priority(place: Place, gifts: list[Gift], today: int) -> None:
    parts = weighed(CASH, place, gifts, today)
    total = parts.need + parts.lift + parts.waited + sum(taken for _, taken in parts.gifts)
    assert isclose(total, priority(CASH, order_key(CASH, place, gifts), today), rel_tol=1e-6, abs_tol=1e-6 * (parts.need + parts.waited))


@given(PLACES, PLACES, GIFTS, GIFTS, st.integers(739_500, 741_000), st.integers(0, 3000))
def test_time_alone_reorders_nobody(a: Place, b: Place, to_a: list[Gift], to_b: list[Gift], today: int, later: int) -> None:
    keys = order_key(CASH, a, to_a), order_key(CASH, b, to_b)
    if abs(keys[0] - keys[1]) > 100:
        assert (priority(CASH, keys[0], today) > priority(CASH, keys[1], today)) is (keys[0] < keys[1])
        assert (priority(CASH, keys[0], today + later) > priority(CASH, keys[1], today + later)) is (keys[0] < keys[1])


@given(PLACES, GIFTS, st.integers(1, 10**9))
def test_a_further_gift_never_moves_anybody_up_and_greater_need_never_down(place: Place, gifts: list[Gift], amount: int) -> None:
    more = [*gifts, Gift(1, "cash", amount, "IQD", 739_450, None, "hub")]
    assert order_key(CASH, place, more) >= order_key(CASH, place, gifts)
    needier = place._replace(points=min(place.points + 1000, 100_000))
    assert order_key(CASH, needier, gifts) <= order_key(CASH, place, gifts)


def test_a_gift_counts_half_after_its_half_life_and_waiting_counts_double() -> None:
    place = Place(1, 1, None, 1, 0, 0, 739_000, 50_000, 0)
    half = HALF_LIVES["cash"]
    rel = {"rel_tol": 1e-6}
    assert isclose(priority(CASH, order_key(CASH, place, []), 739_000), 25.0, **rel)
    assert isclose(priority(CASH, order_key(CASH, place, []), 739_000 + half), 50.0, **rel)
    gift = Gift(1, "cash", 105_000_000, "IQD", 739_000, None, "hub")
    assert isclose(priority(CASH, order_key(CASH, place, [gift]), 739_000), 12.5, **rel)


def test_rules_from_before_there_was_an_emphasis_count_points_as_they_are() -> None:
    body = {name: value for name, value in default("cash").items() if name != "emphasis"}
    before = Policy.read((1, "hope-network", "cash", 1, orjson.dumps(body)))
    for points_ in (1, 100, 50_000, 100_000):
        assert isclose(before.weight(points_), max(points_, 100) / 1000)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.floats(0, 8), st.floats(0, 8))
def test_more_emphasis_puts_greater_need_further_ahead(one: int, other: int, less: float, more: float) -> None:
    """A hundred points weigh a hundred under any emphasis; under none all needs weigh alike."""
    (less, more), (small, great) = sorted((less, more)), sorted((one, other))
    weak, strong = (dataclasses.replace(CASH, emphasis=each) for each in (less, more))
    assert strong.weight(small) * weak.weight(great) <= weak.weight(small) * strong.weight(great) * (1 + 1e-9)
    assert isclose(weak.weight(100_000), 100)
    assert isclose(dataclasses.replace(CASH, emphasis=0.0).weight(one), 100)


def test_whoever_is_given_the_whole_reference_each_month_stands_behind_half_of_that_need_unserved() -> None:
    """What docs/decisions/0047-memory-of-the-queue.md promises of the defaults, after half a year."""
    today = 739_000 + HALF_LIVES["cash"]
    monthly = [Gift(1, "cash", 105_000_000, "IQD", day, None, "hub") for day in range(739_000, today, 30)]
    served = Place(1, 1, None, 1, 0, 0, 739_000, 90_000, 0)
    waiting = Place(1, 2, None, 1, 0, 0, today, 45_000, 0)
    assert order_key(CASH, waiting, []) < order_key(CASH, served, monthly)


def test_a_gift_to_a_large_household_counts_less_for_each() -> None:
    assert isclose(CASH.gift("cash", 105_000_000, "IQD", 4), 0.5)
    assert isclose(CASH.gift("cash", 105_000_000, "IQD", 1), 1.0)
    assert CASH.gift("food", 105_000_000, "IQD", 1) == 0.0
    assert CASH.gift("cash", 5, "XXX", 1) == 1.0


def test_a_score_set_counts_scales_the_washington_group_and_a_proxy_means_test_by_region() -> None:
    body = default("cash")
    pmt = {"code": "poverty", "method": "pmt", "weight": 100, "line": 100.0}
    pmt["models"] = {
        "": {"intercept": 4.0, "coefficients": {"rooms": 0.2}},
        "IQ-NI": {"intercept": 3.0, "coefficients": {"rooms": 0.2, "cattle": 0.1}},
    }
    policy = Policy.read((1, "x", "cash", 1, orjson.dumps({**body, "parts": [*body["parts"], pmt]})))
    answers = {"gap": 4.0, "dependants": 0.0, "rooms": 1.0}
    everywhere = points(policy, answers, "IQ-BG")
    assert everywhere == round(100_000 * (60 + 100 * (1 - 2.718281828459045**4.2 / 100)) / 200)
    assert points(policy, {**answers, "cattle": 0.0}, "IQ-NI") > everywhere
    disabled = {**answers, **dict.fromkeys(DIFFICULTIES, 1.0), "MOB": 3.0}
    assert points(policy, disabled, "IQ-BG") == everywhere + 10_000


def test_everything_a_queue_says_is_said_in_three_languages() -> None:
    for language in ("ar", "ckb", "en"):
        assert set(SENTENCES[language]) == set(SENTENCES["en"])
        assert set(KIND_WORDS[language]) == set(KINDS) == set(HALF_LIVES)
        for days in (0, 1, 2, 3, 10, 11, 111):
            assert ago(language, days) in reason(language, "WAITED", days=days)
    assert ago("ar", 11) == "قبل 11 يوماً"
    assert ago("ar", 103) == "قبل 103 أيام"
