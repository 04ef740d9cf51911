"""News reach those who watch in every process, each once, in order; what was told long enough ago is removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from privacy.keys import KeyRing
from resolvers.duties import for_ever
from resolvers.news import MISSING_SECONDS, Sweep, Tail
from resolvers.writing import Change, Writing
from samples.cast import member
from stanzas import NewsRules
from tables.database import Database
from tables.upgrade import upgrade
from tables.webhooks import webhook_delivery
from tables.writing import command, news
from tests.asking import Asking, asking, copied
from tests.country import Country
from values import Enquiry, Purpose, Requester, Role

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = 86_400

GRANT = "mutation($input: ConsentGrantInput!) { consentGrant(input: $input) { ... on ConsentGranted { consent { id } } } }"
WITHDRAW = "mutation($id: ID!) { consentWithdraw(input: { id: $id }) { __typename } }"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    return f"sqlite:///{tmp_path}/hub.db" if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def two(url: str, tmp_path: Path) -> AsyncIterator[SimpleNamespace]:
    """Two processes at one database: the first changes things, the second reads along."""
    await upgrade(url)
    ring = KeyRing.create(tmp_path / "ring.json")
    told: dict[str, list[Any]] = {"here": [], "there": []}
    databases = [Database.at(url), Database.at(url)]
    for each in databases:
        await each.open()
    here = Writing(databases[0], ring, lambda topic, key, body: told["here"].append((topic, key, body)))
    there = Tail(databases[1], NewsRules(), "another", lambda topic, key, body: told["there"].append((topic, key, body)))
    own = Tail(databases[0], NewsRules(), here.origin, lambda topic, key, body: told["here"].append((topic, key, body)))
    await there.begin()
    await own.begin()
    yield SimpleNamespace(writing=here, tail=there, own=own, told=told, database=databases[0])
    for each in databases:
        await each.close()


async def happened(two: SimpleNamespace, *numbers: int) -> None:
    """One change with news of each number."""
    requester = Requester("someone", Role.CASEWORKER, "hope-network", "hope-network", verified=True, purposes=(Purpose.AID_DISTRIBUTION,))

    async def work(change: Change) -> dict[str, Any]:
        for number in numbers:
            change.tell("thing_happened", "hope-network", {"number": number})
        return {}

    await two.writing.run(Enquiry(requester, Purpose.AID_DISTRIBUTION, NOW), "thing.do", work)


def numbers(told: list[Any]) -> list[int]:
    """Which news were told."""
    return [body["number"] for _, _, body in told]


async def test_another_process_tells_its_own_watchers_once_and_in_order(two: SimpleNamespace) -> None:
    await happened(two, 1, 2)
    await happened(two, 3)
    assert await two.tail.look() == 3
    assert two.told["there"] == [("thing_happened", "hope-network", {"number": number}) for number in (1, 2, 3)]
    assert await two.tail.look() == 0
    assert await two.own.look() == 0  # it told its own when they were stored
    assert numbers(two.told["here"]) == [1, 2, 3]


async def test_what_was_stored_before_a_process_began_is_no_news_to_it(two: SimpleNamespace) -> None:
    await happened(two, 1)
    later = Tail(two.database, NewsRules(), "later", two.tail._tell)
    assert await later.look() == 0
    await happened(two, 2)
    assert await later.look() == 1


async def put(two: SimpleNamespace, number: int) -> None:
    """A row of this number, as a transaction that took its number early and ends late leaves it."""
    row = {"number": number, "topic": "thing_happened", "key": "hope-network", "body": f'{{"number":{number}}}', "at": 1, "origin": "x"}
    async with two.database.transaction() as tx:
        await tx.execute(two.database.prepare(sa.insert(news)), row)


async def test_news_that_appear_out_of_their_order_are_all_told_and_none_twice(two: SimpleNamespace) -> None:
    await put(two, 2)
    assert await two.tail.look(now=100.0) == 1
    await put(two, 4)
    await put(two, 1)
    assert await two.tail.look(now=101.0) == 2
    await put(two, 3)
    assert await two.tail.look(now=102.0) == 1
    assert await two.tail.look(now=103.0) == 0
    assert numbers(two.told["there"]) == [2, 1, 4, 3]


async def test_a_number_that_never_appears_is_given_up(two: SimpleNamespace) -> None:
    await put(two, 2)
    await two.tail.look(now=100.0)
    await two.tail.look(now=100.0 + MISSING_SECONDS)
    assert two.tail._low == 2
    await put(two, 3)
    assert await two.tail.look(now=101.0 + MISSING_SECONDS) == 1
    assert numbers(two.told["there"]) == [2, 3]


async def test_sweeping_removes_what_is_old_and_never_the_newest(two: SimpleNamespace) -> None:
    await happened(two, 1, 2, 3)
    now = int(NOW.timestamp())
    claimed = {"receiver": "a", "name": "b", "key": "c", "claim": "d", "digest": bytes(32), "answer": None, "at": now}
    sent = {"webhook": "w", "topic": "t", "body": "{}", "state": "delivered", "attempts": 1, "last_at": now, "fault": None, "status": 204}
    async with two.database.transaction() as tx:
        await tx.execute(two.database.prepare(sa.insert(command)), claimed)
        for number in (1, 2):
            await tx.execute(two.database.prepare(sa.insert(webhook_delivery)), {**sent, "number": number, "at": now})
    sweep = Sweep(two.database, NewsRules(keep_days=30, command_days=90))

    async def left() -> list[int]:
        return [
            int((await two.database.fetch(two.database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0])
            for table in (news, webhook_delivery, command)
        ]

    await sweep.sweep(now + 30 * DAY)
    assert await left() == [3, 2, 1]
    await sweep.sweep(now + 30 * DAY + 1)
    assert await left() == [1, 1, 1]
    await sweep.sweep(now + 90 * DAY + 1)
    assert await left() == [1, 1, 0]
    await happened(two, 4)
    await two.tail.look()
    assert numbers(two.told["there"])[-1] == 4


async def test_a_duty_that_fails_is_begun_again_without_its_text_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    begun: list[int] = []
    again = asyncio.Event()

    async def fails() -> None:
        begun.append(1)
        if len(begun) > 1:
            again.set()
            await asyncio.Event().wait()
        raise ValueError("990000000101")

    task = asyncio.create_task(for_ever("a duty", fails, pause=0.0))
    await again.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "990000000101" not in capsys.readouterr().out
    assert len(begun) == 2


# --- withdrawn while it is used --------------------------------------------------------------------------------------


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of one's own, whose consents may be changed."""
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


async def consented(hub: Asking, who: str, receiver: str = "crescent-aid") -> str:
    """Somebody lets an organisation see its name."""
    ends = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    wish = {"receiver": receiver, "purpose": "AID_DISTRIBUTION", "categories": ["NAME"], "endsAt": ends}
    return str((await hub.data(GRANT, who, {"input": wish}))["consentGrant"]["consent"]["id"])


async def test_a_withdrawal_made_in_one_process_is_told_to_a_subscription_in_another(hub: Asking, country: Country) -> None:
    given = await consented(hub, "mariam")
    async with asking(country, hub.hub.settings) as other:
        enquiry = await other.hub.enquiry(other.keys["crescent-caseworker"], None)
        await other.hub.tail.begin()
        with other.hub.watching.watch("consent_ended", enquiry) as watcher:
            await hub.data(WITHDRAW, "mariam", {"id": given})
            await other.hub.tail.look()
            told = await watcher.next(5)
    assert told["categories"] == ["name"]
    assert told["receiver"] == "crescent-aid"


async def test_the_next_page_of_a_long_walk_obeys_a_withdrawal(hub: Asking) -> None:
    question = "query($after: ID) { people(first: 1, after: $after) { id motherName } }"
    mother = member("mariam").mother
    given = await consented(hub, "mariam")
    whole = (await hub.data("{ people(first: 1000) { id motherName } }", "crescent-caseworker"))["people"]
    place = next(number for number, each in enumerate(whole) if each["motherName"] == mother)
    after = whole[place - 1]["id"]
    assert (await hub.data(question, "crescent-caseworker", {"after": after}))["people"][0]["motherName"] == mother
    await hub.data(WITHDRAW, "mariam", {"id": given})
    ((hers),) = (await hub.data(question, "crescent-caseworker", {"after": after}))["people"]
    assert hers == {"id": whole[place]["id"], "motherName": None}


async def test_an_organisation_lists_what_it_holds_by_its_own_identifiers_and_days(hub: Asking) -> None:
    question = """query($first: Int!, $after: String) { consentsHeld(first: $first, after: $after) {
        cursor person purpose categories mode keepDays frequency { times inDays } grantedOn endsOn witnessed } }"""
    await consented(hub, "mariam")
    hers = await hub.data('{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { id } }', "crescent-caseworker")
    held = (await hub.data(question, "crescent-caseworker", {"first": 1000}))["consentsHeld"]
    (one,) = [each for each in held if each["person"] == hers["personByIdentifier"]["id"]]
    assert (one["categories"], one["mode"], one["keepDays"], one["frequency"]) == (["NAME"], "VIEW", None, None)
    assert one["grantedOn"] == datetime.now(UTC).date().isoformat()
    walked: list[Any] = []
    after = None
    while page := (await hub.data(question, "crescent-caseworker", {"first": 7, "after": after}))["consentsHeld"]:
        walked += page
        after = page[-1]["cursor"]
    assert [each["person"] for each in walked] == [each["person"] for each in held]
    for who in ("hope-caseworker", "rafidain-caseworker"):
        theirs = (await hub.data(question, who, {"first": 1000}))["consentsHeld"]
        assert not {each["person"] for each in theirs} & {each["person"] for each in held}
    body = await hub.ask(question, "hope-caseworker", {"first": 7, "after": after})
    assert body["errors"][0]["extensions"]["code"] == "INVALID"


async def test_a_subscription_tells_of_a_withdrawal_by_the_own_identifier_and_for_its_own_purpose(hub: Asking) -> None:
    from resolvers.gather import Gathering
    from resolvers.want import Field, Want

    wanted = Want("ConsentEnded", tuple(Field(name, name) for name in ("person", "purpose", "categories", "mode")))
    field = Field("consentEnded", "consent_ended", want=wanted)
    hers = await hub.data('{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { id } }', "crescent-caseworker")
    enquiry = await hub.hub.enquiry(hub.keys["crescent-caseworker"], None)
    with hub.hub.watching.watch("consent_ended", enquiry) as watcher:
        await hub.data(WITHDRAW, "mariam", {"id": await consented(hub, "mariam")})
        told = await watcher.next(5)
    shown = await hub.hub.watching.show(Gathering(hub.hub, enquiry), field, told)
    assert shown == {
        "person": hers["personByIdentifier"]["id"],
        "purpose": "AID_DISTRIBUTION",
        "categories": ["NAME"],
        "mode": "VIEW",
    }
    other = await hub.hub.enquiry(hub.keys["crescent-caseworker"], "case_management")
    from resolvers.events import NOTHING

    assert await hub.hub.watching.show(Gathering(hub.hub, other), field, told) is NOTHING
