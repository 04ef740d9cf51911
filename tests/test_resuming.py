"""Counting the queues anew can be killed at any moment: what was done stands, and the next run goes on from there."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from resolvers.aid.scores import Place, order_key
from tables.aid import RECOUNT, nomination, receipt, refreshing
from tables.identity import link, own_case, person
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_giving import EVERYWHERE

pytestmark = pytest.mark.alone

PEOPLE = 6_000
SOURCE = "hope-network"

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES
from settings import load

async def main(file, url, record, source):
    settings = load(Path(file))
    own = settings.hub.model_copy(update={"database": url, "record": record})
    def told(done, everybody):
        if done >= 2_500:
            os.kill(os.getpid(), signal.SIGKILL)
    async with Hub(settings.model_copy(update={"hub": own}), CATALOGUE, PUBLIC_NAMES) as hub:
        refresher = hub.aid.refresher
        await (refresher.refresh(source, 1, told) if source else refresher.recount(1, told))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def waiting(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub in which six thousand people stand in a queue, each where it would stand had nobody ever counted."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        database = opened.hub.database
        prepared = {table.name: database.prepare(sa.insert(table)) for table in (person, own_case, nomination, link)}
        async with database.transaction() as tx:
            policy = await opened.hub.aid.ranking.begun(tx, "crescent-aid", "cash", 1)
            numbers = range(1, PEOPLE + 1)
            await tx.execute_many(prepared["person"], [(number, number // 5) for number in numbers])
            await tx.execute_many(prepared["own_case"], [("crescent-aid", f"{number:06}", number) for number in numbers])
            places = [Place(policy.id, number, number // 5, 5, 0, number, 739_000, 50_000, 0) for number in numbers]
            await tx.execute_many(prepared["nomination"], places)
            await tx.execute_many(prepared["link"], [(SOURCE, number, f"nobody-{number}", 1) for number in numbers])
        yield opened


async def killed(waiting: Asking, tmp_path: Path, source: str = "") -> None:
    """Run it in a process of its own, which is killed when it has told of 2,500 people."""
    own = waiting.hub.settings.hub
    given = [str(tmp_path / "copy" / "hub.toml"), own.database, f"sqlite:///{tmp_path}/other-record.db", source]
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, *given, cwd=root, env=environment)
    assert await process.wait() == -signal.SIGKILL


async def reached(waiting: Asking, name: str) -> int:
    """How far a run is: the last person done, 0 where it came to its end."""
    database = waiting.hub.database
    asked = database.prepare(sa.select(refreshing.c.after).where(refreshing.c.source == sa.bindparam("name")))
    return int((await database.fetch(asked, {"name": name}))[0][0])


async def keys(waiting: Asking) -> dict[int, int]:
    """Where everybody stands."""
    database = waiting.hub.database
    return dict(await database.fetch(database.prepare(sa.select(nomination.c.person, nomination.c.order_key)), rows=PEOPLE))


@EVERYWHERE
async def test_a_recount_that_is_killed_goes_on_where_it_ended(waiting: Asking, tmp_path: Path) -> None:
    """Failure 9.3b of aid."""
    policy = await waiting.hub.aid.ranking.active(waiting.hub.database, "crescent-aid", "cash")
    assert policy is not None
    right = order_key(policy, Place(policy.id, 1, 0, 5, 0, 1, 739_000, 50_000, 0), [])
    await killed(waiting, tmp_path)
    assert await reached(waiting, RECOUNT) == 2_500
    found = await keys(waiting)
    assert {found[number] for number in range(1, 2_500)} == {right}
    assert {found[number] for number in range(2_505, PEOPLE + 1)} == {0}
    database, told = waiting.hub.database, list[tuple[int, int]]()
    wrong = database.prepare(sa.update(nomination).where(nomination.c.person == 3).values(order_key=7))
    async with database.transaction() as tx:  # what was done is not done again
        await tx.execute(wrong)
    await waiting.hub.aid.refresher.recount(2, lambda *how: told.append(how))
    assert told == [(2_500, 3_500), (3_500, 3_500)]
    assert await reached(waiting, RECOUNT) == 0
    assert await keys(waiting) == {number: right if number != 3 else 7 for number in range(1, PEOPLE + 1)}
    assert await waiting.hub.aid.refresher.recount(3, lambda *_: None) == 1, "a whole run mends what was wrong, and moves nobody else"
    assert set((await keys(waiting)).values()) == {right}


@EVERYWHERE
async def test_a_reading_of_what_others_gave_that_is_killed_goes_on_where_it_ended(waiting: Asking, tmp_path: Path) -> None:
    """Failure 9.3b of aid."""
    await killed(waiting, tmp_path, SOURCE)
    assert await reached(waiting, SOURCE) == 2_500
    told: list[tuple[int, int]] = []
    await waiting.hub.aid.refresher.refresh(SOURCE, 2, lambda *how: told.append(how))
    assert told[0] == (500, 3_500)
    assert told[-1] == (3_500, 3_500)
    assert await reached(waiting, SOURCE) == 0
    counted = waiting.hub.database.prepare(sa.select(sa.func.count()).select_from(receipt))
    assert (await waiting.hub.database.fetch(counted))[0][0] == 0, "nobody here received anything of it"
    assert len(set((await keys(waiting)).values())) == 1
