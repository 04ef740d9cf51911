"""A command changes all of it or nothing, at most once a key, and its news are told only when it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from errors import Conflict, Invalid
from privacy.keys import KeyRing
from resolvers.events import Events
from resolvers.writing import Change, Writing, moved
from tables.aid import case_file
from tables.database import Database
from tables.upgrade import upgrade
from tables.writing import command, news, step
from values import Enquiry, Purpose, Requester, Role

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
STATES = {"": {"open": "opened"}, "opened": {"serve": "served", "close": "closed"}, "served": {"close": "closed"}}


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await upgrade(url)
    opened = Database.at(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def writing(database: Database, events: Events, tmp_path: Path) -> Writing:
    return Writing(database, KeyRing.create(tmp_path / "ring.json"), events.tell)


def enquiry(organisation: str = "hope-network") -> Enquiry:
    requester = Requester("someone", Role.CASEWORKER, organisation, organisation, verified=True, purposes=(Purpose.AID_DISTRIBUTION,))
    return Enquiry(requester, Purpose.AID_DISTRIBUTION, NOW)


async def count(database: Database, table: sa.Table) -> int:
    return int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0])


def opening(database: Database, number: str = "1", fails: Exception | None = None) -> Any:
    insert = database.prepare(sa.insert(case_file))

    async def work(change: Change) -> dict[str, Any]:
        row = {
            "id": int(number),
            "organisation": "hope-network",
            "case_number": number,
            "person": 7,
            "need_score": None,
            "opened_on": "2026-11-01",
        }
        await change.execute(insert, row)
        await change.step(f"case:{number}", "open", "opened")
        change.tell("case_opened", "hope-network", {"case": number})
        if fails is not None:
            raise fails
        return {"case": number, "named": "أمل"}

    return work


@EVERYWHERE
async def test_the_same_key_gives_the_first_answer_and_does_nothing_twice(writing: Writing, database: Database, events: Events) -> None:
    with events.watch("case_opened", "hope-network") as watcher:
        answers = [await writing.run(enquiry(), "case.open", opening(database), key="k", content=[1]) for _ in range(3)]
        assert answers == [{"case": "1", "named": "أمل"}] * 3
        assert await count(database, case_file) == await count(database, step) == await count(database, news) == 1
        assert await watcher.next(1) == {"case": "1"}
        assert await watcher.next(0) is None


@EVERYWHERE
async def test_of_several_at_once_with_one_key_one_does_the_work(writing: Writing, database: Database) -> None:
    answers = await asyncio.gather(*(writing.run(enquiry(), "case.open", opening(database), key="k", content=1) for _ in range(5)))
    assert answers == [{"case": "1", "named": "أمل"}] * 5
    assert await count(database, case_file) == 1


@EVERYWHERE
async def test_the_answer_about_the_longest_list_is_kept_for_its_key(writing: Writing) -> None:
    """Ten thousand identifiers of 64 letters."""
    times = []

    async def work(_: Change) -> dict[str, Any]:
        times.append(1)
        return {"allocations": [f"{number:064}" for number in range(10_000)]}

    first, again = [await writing.run(enquiry(), "allocation.record", work, key="k", content=1) for _ in range(2)]
    assert first == again
    assert len(times) == 1


async def test_a_key_used_for_something_else_is_refused_and_writes_nothing(writing: Writing, database: Database) -> None:
    await writing.run(enquiry(), "case.open", opening(database), key="k", content=[1])
    with pytest.raises(Conflict):
        await writing.run(enquiry(), "case.open", opening(database, "2"), key="k", content=[2])
    assert await count(database, case_file) == 1


async def test_the_same_key_of_another_organisation_or_command_is_another_key(writing: Writing, database: Database) -> None:
    await writing.run(enquiry(), "case.open", opening(database, "1"), key="k", content=1)
    await writing.run(enquiry("crescent-aid"), "case.open", opening(database, "2"), key="k", content=1)
    await writing.run(enquiry(), "case.close", opening(database, "3"), key="k", content=1)
    assert await count(database, case_file) == 3


@EVERYWHERE
async def test_what_fails_leaves_nothing_and_tells_nothing_and_its_key_is_free(
    writing: Writing, database: Database, events: Events
) -> None:
    with events.watch("case_opened", "hope-network") as watcher:
        with pytest.raises(Conflict):
            await writing.run(enquiry(), "case.open", opening(database, fails=Conflict("no", "no")), key="k", content=1)
        assert [await count(database, table) for table in (case_file, step, news, command)] == [0, 0, 0, 0]
        assert await watcher.next(0) is None
    assert (await writing.run(enquiry(), "case.open", opening(database), key="k", content=1))["case"] == "1"


@pytest.mark.parametrize("key", ["", "x" * 65])
async def test_a_key_that_is_no_key_is_refused(writing: Writing, database: Database, key: str) -> None:
    with pytest.raises(Invalid) as caught:
        await writing.run(enquiry(), "case.open", opening(database), key=key, content=1)
    assert caught.value.field == "idempotencyKey"
    assert await count(database, case_file) == 0


async def test_a_kept_answer_is_sealed(writing: Writing, database: Database) -> None:
    await writing.run(enquiry(), "case.open", opening(database), key="k", content=1)
    ((stored,),) = await database.fetch(database.prepare(sa.select(command.c.answer)))
    assert "أمل" not in stored


@EVERYWHERE
async def test_a_trace_is_read_as_it_was_written(writing: Writing, database: Database) -> None:
    async def work(change: Change) -> dict[str, Any]:
        await change.step("case:1", "open", "opened")
        await change.step("case:1", "close", "closed", "moved away")
        await change.step("case:2", "open", "opened")
        return {}

    await writing.run(enquiry(), "case.open", work)
    steps = await writing.trace("case:1")
    assert [(each.number, each.act, each.state, each.reason) for each in steps] == [
        (1, "open", "opened", None),
        (2, "close", "closed", "moved away"),
    ]
    assert steps[0].organisation == "hope-network"
    assert steps[0].at == int(NOW.timestamp())
    stored = await database.fetch(database.prepare(sa.select(step.c.reason).where(step.c.reason.is_not(None))))
    assert len(stored) == 1
    assert "moved" not in stored[0][0]


@pytest.mark.parametrize(
    "spoil",
    [
        sa.update(step).where(step.c.number == 1).values(state="served"),
        sa.update(step).where(step.c.number == 2).values(reason="another"),
        sa.delete(step).where(step.c.number == 1),
        sa.update(step).where(step.c.number == 2).values(signature=bytes(64)),
    ],
    ids=["a state", "a reason", "a step gone", "a signature"],
)
async def test_a_trace_changed_behind_the_hub_is_told(writing: Writing, database: Database, spoil: sa.ClauseElement) -> None:
    async def work(change: Change) -> dict[str, Any]:
        await change.step("case:1", "open", "opened")
        await change.step("case:1", "close", "closed", "moved away")
        return {}

    await writing.run(enquiry(), "case.open", work)
    async with database.transaction() as tx:
        await tx.execute(database.prepare(spoil))
    with pytest.raises(Conflict, match="tampered"):
        await writing.trace("case:1")


def test_a_state_moves_only_as_its_table_says() -> None:
    assert moved(STATES, "opened", "serve") == "served"
    with pytest.raises(Conflict) as caught:
        moved(STATES, "closed", "serve")
    assert "nothing" in caught.value.hint
    with pytest.raises(Conflict) as caught:
        moved(STATES, "opened", "open")
    assert "close, serve" in caught.value.hint
