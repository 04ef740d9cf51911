"""Whoever sends a long list is told how far it is; what is told on the way promises nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from resolvers.aid import giving
from resolvers.events import NOTHING, Watcher
from resolvers.gather import Gathering
from resolvers.want import Field, Want
from tests.asking import Asking, asking
from tests.country import Country
from tests.test_giving import EVERYWHERE, MANY, TODAY, Desk, grown

__all__ = ["grown"]  # a fixture that is used here as well

NUMBERS = ("lines", "checked", "booked", "state")


async def told(watcher: Watcher) -> list[tuple[Any, ...]]:
    """What a watcher has been told: (lines, checked, booked, state) each."""
    found = []
    while (news := await watcher.next(0)) is not None:
        found.append(tuple(news[name] for name in NUMBERS))
    return found


async def listed(desk: Desk, programme: str, amount: int, key: str | None = None) -> Any:
    """Send a list of twenty."""
    lines = [{"person": each} for each in await desk.people(20)]
    given = {"programme": programme, "kind": "cash", "amount": amount, "currency": "IQD", "on": TODAY, "lines": lines}
    return await desk.did(MANY, input={**given, "idempotencyKey": key})


@EVERYWHERE
async def test_a_list_tells_how_many_lines_are_checked_and_booked(grown: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "PART", 8)
    desk = Desk(grown)
    fund, winter = await desk.means(1_000_000)
    events = grown.hub.watching.events
    with events.watch("allocations_progressed", "crescent-aid") as mine, events.watch("allocations_progressed", "hope-network") as theirs:
        assert (await listed(desk, winter, 10_000, "january"))["count"] == 20
        checked = [(20, 8, 0, "checking"), (20, 16, 0, "checking"), (20, 20, 0, "checking")]
        booked = [(20, 20, 8, "booking"), (20, 20, 16, "booking"), (20, 20, 20, "booking"), (20, 20, 20, "booked")]
        assert await told(mine) == checked + booked
        assert (await listed(desk, winter, 10_000, "january"))["count"] == 20
        assert (await told(mine))[-1] == (20, 20, 20, "booked")
        assert (await listed(desk, winter, 900_000))["code"] == "NOT_COVERED"
        assert (await told(mine))[-1] == (20, 20, 0, "refused")
        assert await told(theirs) == []
    assert await desk.balance(fund) == 800_000


@pytest.mark.parametrize("url", ["postgresql", "mariadb"], indirect=True)
async def test_another_process_is_told_while_the_list_is_not_booked_yet(grown: Asking, country: Country, tmp_path: Path) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(*_: object) -> None:
        reached.set()
        await go_on.wait()

    desk = Desk(grown)
    _, winter = await desk.means(1_000_000)
    settings = grown.hub.settings
    own = settings.hub.model_copy(update={"record": f"sqlite:///{tmp_path}/other-record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as other:
        await other.hub.tail.begin()
        grown.hub.aid.giving.touched.append(wait)
        with other.hub.watching.events.watch("allocations_progressed", "crescent-aid") as watcher:
            sending = asyncio.create_task(listed(desk, winter, 10_000))
            await reached.wait()
            async with asyncio.timeout(20):
                while not await other.hub.tail.look():
                    await asyncio.sleep(0.01)
            before = await told(watcher)
            go_on.set()
            await sending
            await other.hub.tail.look()
            after = await told(watcher)
    assert before
    assert before[0][:2] == (20, 20)
    assert {each[3] for each in before} <= {"checking", "booking"}
    assert after[-1] == (20, 20, 20, "booked")


async def test_a_subscription_is_shown_its_own_list_or_all(grown: Asking) -> None:
    desk = Desk(grown)
    _, winter = await desk.means(1_000_000)
    enquiry = await grown.hub.enquiry(grown.keys[desk.who], None)
    want = Want("AllocationsProgress", tuple(Field(name, name) for name in ("idempotency_key", *NUMBERS)))

    async def shown(news: Any, **arguments: Any) -> Any:
        field = Field("allocationsProgressed", "allocations_progressed", lambda _: arguments, want)
        return await grown.hub.watching.show(Gathering(grown.hub, enquiry), field, news)

    with grown.hub.watching.watch("allocations_progressed", enquiry) as watcher:
        await listed(desk, winter, 10_000, "january")
        first = await watcher.next(0)
    assert await shown(first) == await shown(first, idempotency_key="january")
    assert await shown(first) == {"idempotency_key": "january", "lines": 20, "checked": 20, "booked": 0, "state": "checking"}
    assert await shown(first, idempotency_key="february") is NOTHING


async def test_whoever_gives_nothing_watches_nothing(grown: Asking) -> None:
    assert "allocationsProgressed" not in (await grown.fields("public")).get("Subscription", ())
    assert "allocationsProgressed" in (await grown.fields("crescent-manager"))["Subscription"]
