"""Allocations that come at the same moment share a transaction, and each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from resolvers.aid.rules import Allocated
from resolvers.writing import Change
from tables.database import Transaction
from tests.asking import Asking
from tests.test_giving import CLOSE, EVERYWHERE, Desk, adds_up, counts, grown

__all__ = ["grown"]  # a fixture that is used here as well


@pytest.fixture
def transactions(grown: Asking, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each transaction of the hub's own tables that is begun from here on."""
    begun: list[str] = []
    database = grown.hub.database
    ordinary = database.transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[Transaction]:
        begun.append("begun")
        async with ordinary() as tx:
            yield tx

    monkeypatch.setattr(database, "transaction", counted)
    return begun


@EVERYWHERE
async def test_of_many_at_once_each_has_its_own_outcome(grown: Asking, transactions: list[str]) -> None:
    desk = Desk(grown)
    fund, winter = await desk.means(200_000)
    other, food = await desk.means(100_000)
    _, closed = await desk.means(100_000)
    _, tight = await desk.means(100_000, ceilingPerson=5_000)
    await desk.did(CLOSE, programme=closed)
    some = await desk.people(20)
    await desk.record(winter, some[0], 1_000, idempotencyKey="earlier")
    transactions.clear()
    answers = await asyncio.gather(
        *(desk.record(winter, each, 10_000, idempotencyKey=f"key {each[:8]}") for each in some[:8]),
        *(desk.record(food, each, 10_000) for each in some[8:12]),
        desk.record(winter, some[0], 1_000, idempotencyKey="earlier"),
        desk.record(winter, some[0], 2_000, idempotencyKey="earlier"),
        desk.record(food, some[12], 10_000, idempotencyKey="twice"),
        desk.record(food, some[12], 10_000, idempotencyKey="twice"),
        desk.record(food, some[13], 10_000, idempotencyKey="other"),
        desk.record(food, some[14], 10_000, idempotencyKey="other"),
        desk.record(closed, some[15], 10_000),
        desk.record("nothing", some[15], 10_000),
        desk.record(winter, some[16], 199_000),
        desk.record(tight, some[17], 6_000),
        desk.record(tight, some[17], 5_000),
        desk.record(winter, some[18], 10_000, kind="food"),
    )
    codes = [each.get("code", "") for each in answers]
    assert codes[:15] == [*[""] * 13, "CONFLICT", ""]
    assert sorted(codes[16:18]) == ["", "CONFLICT"]
    assert codes[15] == ""
    assert codes[18:] == ["PROGRAMME_CLOSED", "UNKNOWN", "NOT_COVERED", "CEILING_REACHED", "", "INVALID"]
    assert answers[14] == answers[15]
    made = [each["allocation"]["id"] for each in answers if "allocation" in each]
    assert len(set(made)) == len(made) - 1, "only the key that was given twice has one allocation for two answers"
    assert await desk.balance(fund) == 200_000 - 1_000 - 80_000
    assert await desk.balance(other) == 100_000 - 40_000 - 20_000
    assert len(transactions) < len(answers)
    await adds_up(grown)


@EVERYWHERE
async def test_what_is_refused_among_others_leaves_nothing_behind(grown: Asking) -> None:
    desk = Desk(grown)
    _, winter = await desk.means(100_000)
    some = await desk.people(20)
    before = await counts(grown)
    refused = await asyncio.gather(
        *(desk.record(winter, each, 200_000, idempotencyKey=f"key {place}") for place, each in enumerate(some)),
        *(desk.record("nothing", each, idempotencyKey=f"key {place}") for place, each in enumerate(some)),
    )
    assert [each["code"] for each in refused] == ["NOT_COVERED"] * 20 + ["UNKNOWN"] * 20
    assert await counts(grown) == before


@EVERYWHERE
async def test_where_the_common_transaction_fails_each_is_booked_alone(grown: Asking, transactions: list[str]) -> None:
    async def only_one(_: Change, rows: Sequence[Allocated]) -> None:
        if len(rows) > 1:
            raise RuntimeError("several")

    desk = Desk(grown)
    fund, winter = await desk.means(100_000)
    some = await desk.people(10)
    grown.hub.aid.giving.touched.append(only_one)
    transactions.clear()
    answers = await asyncio.gather(*(desk.record(winter, each, 10_000, idempotencyKey=f"key {each[:8]}") for each in some))
    assert [each.get("code") for each in answers] == [None] * 10
    assert await desk.balance(fund) == 0
    assert len(transactions) > len(answers)
    await adds_up(grown)


@EVERYWHERE
async def test_for_who_gives_up_before_it_is_booked_nothing_is(grown: Asking) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: Change, __: Sequence[Allocated]) -> None:
        reached.set()
        await go_on.wait()

    desk = Desk(grown)
    fund, winter = await desk.means(100_000)
    some = await desk.people(6)
    grown.hub.aid.giving.touched.append(wait)
    tasks = [asyncio.create_task(desk.record(winter, each, 10_000)) for each in some]
    await reached.wait()
    tasks[0].cancel()
    await asyncio.sleep(0)
    go_on.set()
    answers: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [each.get("code") for each in answers[1:]] == [None] * 5
    assert await desk.balance(fund) == 50_000
    await adds_up(grown)
