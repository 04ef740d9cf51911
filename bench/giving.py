"""What giving costs: single allocations from several desks at once, and ten thousand in one list, with nothing lost.

    python -m bench.giving [--people 20000] [--database postgresql] [--seconds 10]

The last single ones are for means that run out, so that several reach for the end of a fund together. Then every fund must hold
what its postings say, none may have gone below nothing, and each allocation that was confirmed must be there.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import sqlalchemy as sa
import uvloop

from bench.queue import MANY, ORGANISATIONS, RECORD, TODAY, Desk, checked, database_of, opened
from resolvers.hub import Hub
from schema import SCHEMA
from schema.door.door import Door
from tables.aid import account, allocation
from tables.database import Database

AT_ONCE = 8


async def singles(desks: list[Desk], people: int, seconds: float) -> Counter[str]:
    """Record one after the other at several desks at once, each until it is refused; how often each answer came."""
    chance, found, ends = random.Random(3), Counter[str](), time.perf_counter() + seconds

    async def work(desk: Desk) -> None:
        code = ""
        while time.perf_counter() < ends and code != "NOT_COVERED":
            given = {"person": desk.person(chance.randrange(1, people + 1)), "programme": desk.programme, "kind": "cash"}
            answer = await desk.ask(RECORD, input={**given, "amount": 1_000, "currency": "IQD", "on": TODAY.isoformat()})
            code = answer["allocationRecord"].get("code", answer["allocationRecord"]["__typename"])
            found[code] += 1

    await asyncio.gather(*(work(desks[place % len(desks)]) for place in range(AT_ONCE)))
    return found


async def told(name: str, desks: list[Desk], people: int, seconds: float) -> int:
    """Measure the single ones, print them, and give how many were recorded."""
    begun, cpu = time.perf_counter(), time.process_time()
    found = await singles(desks, people, seconds)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    every = sum(found.values())
    print(f"{name:<44} {every / took:7.0f} a second   {cpu / every * 1000:6.2f} ms of the hub's CPU each   {dict(found)}")
    return found["AllocationRecorded"]


async def measure(hub: Hub, keys: dict[str, str], people: int, seconds: float) -> None:
    """Every figure."""
    door, chance = Door(hub, SCHEMA), random.Random(5)
    desks = [Desk(hub, door, keys[name], name) for name in ORGANISATIONS]
    for each in desks:
        await each.means(10**9)
    await singles(desks, people, seconds / 5)
    made = await told(f"single ones, {AT_ONCE} at once, five funds", desks, people, seconds)
    made += await told(f"single ones, {AT_ONCE} at once, one fund", desks[:1], people, seconds)
    first = desks[0]
    given = {"programme": first.programme, "kind": "cash", "amount": 1_000, "currency": "IQD", "on": TODAY.isoformat()}
    for _ in range(2):
        lines = [{"person": first.person(number)} for number in chance.sample(range(1, people + 1), min(10_000, people))]
        begun, cpu = time.perf_counter(), time.process_time()
        booked = await first.ask(MANY, input={**given, "lines": lines})
        took, cpu = time.perf_counter() - begun, time.process_time() - cpu
        print(f"{booked['allocationsRecord']['count']:,} in one list{'':<27} {took:7.2f} s   {cpu:6.2f} s of the hub's CPU")
    before = await stored(hub.database)
    for each in desks:
        await each.means(20_000)  # twenty each, then nothing is left
    short = await told("single ones until the means run out", desks, people, 600)
    assert short == 20 * len(desks), f"{short} were given from funds for {20 * len(desks)}"
    assert await stored(hub.database) == before + short, "an allocation was lost"
    low = hub.database.prepare(sa.select(sa.func.min(account.c.balance)).where(account.c.kind == "fund"))
    assert int((await hub.database.fetch(low))[0][0]) >= 0, "a fund went below nothing"
    await checked(hub.database)


async def stored(database: Database) -> int:
    """How many allocations there are."""
    return int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(allocation))))[0][0])


async def main(url: str, folder: Path, people: int, seconds: float) -> None:
    """Fill and measure."""
    async with opened(url, folder, people) as (hub, keys):
        await measure(hub, keys, people, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--seconds", type=float, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as made:
        for address in database_of(asked.database, Path(made)):
            uvloop.run(main(address, Path(made), asked.people, asked.seconds))
