"""What a transparency report costs over many gifts, and what else can be answered meanwhile.

    python -m bench.transparency [--gifts 500000] [--database postgresql]

Four gifts of five stand in the hub's own books, one was read from another system; people live in households of four, in all
governorates, and half of them wait in a queue. Every figure is that of a report made anew: nothing was kept of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import uvloop

from bench.measures import resident
from bench.queue import ORGANISATIONS, database_of
from privacy.keys import KeyRing
from resolvers.aid.figures import Scope
from resolvers.hub import Hub
from samples.build import FILE
from schema import CATALOGUE, PUBLIC_NAMES
from settings import load
from tables.aid import allocation, nomination, receipt, whereabouts
from tables.identity import person

MORE = tuple(f"organisation-{number:03}" for number in range(6, 201))
KINDS = (("cash", "IQD", None), ("food", "IQD", "basket"), ("health", "IQD", "session"), ("cash", "USD", None))
BEGINS = date(datetime.now(UTC).year - 3, 1, 1)
DAYS = 1095
PLACES = tuple(f"IQ-{code}" for code in ("AN", "AR", "BA", "BB", "BG", "DA", "DI", "DQ", "KA", "KI", "MA", "MU", "NA", "NI", "QA", "SD"))


async def fill(hub: Hub, gifts: int) -> int:
    """Gifts, people, homes and queues; gives how many people."""
    database, chance, people = hub.database, random.Random(11), gifts * 2 // 5
    add = {table.name: database.prepare(sa.insert(table)) for table in (person, whereabouts, nomination, allocation, receipt)}
    givers = (*ORGANISATIONS, *MORE)
    async with database.transaction() as tx:
        policies = [(await hub.aid.ranking.begun(tx, name, "cash", 1)).id for name in ORGANISATIONS]
    for begin in range(1, people + 1, 20_000):
        numbers = range(begin, min(begin + 20_000, people + 1))
        waiting = [number for number in numbers if number % 2]
        async with database.transaction() as tx:
            await tx.execute_many(add["person"], [(number, number // 4 + 1) for number in numbers])
            await tx.execute_many(add["whereabouts"], [(number, chance.choice(PLACES)) for number in waiting])
            arrived = (BEGINS + timedelta(days=DAYS // 2)).toordinal()
            rows = [
                (policies[number % 5], number, number // 4 + 1, 4, number, number, arrived - number % 400, 50_000, 0) for number in waiting
            ]
            await tx.execute_many(add["nomination"], rows)
    for begin in range(0, gifts, 20_000):
        own: list[dict[str, object]] = []
        others: list[dict[str, object]] = []
        for number in range(begin, min(begin + 20_000, gifts)):
            place = chance.randrange(len(givers))
            kind, currency, unit = KINDS[chance.randrange(len(KINDS))]
            on = (BEGINS + timedelta(days=chance.randrange(DAYS))).isoformat()
            amount, whom = chance.randrange(10, 200) * 1_000_000, chance.randrange(1, people + 1)
            if number % 5:
                made: dict[str, object] = {
                    "organisation": givers[place],
                    "programme": f"programme {chance.randrange(8)}",
                    "kind": kind,
                    "currency": currency,
                }
                made |= {"status": "delivered" if number % 7 else "returned", "unit": unit, "quantity_milli": 1000 if unit else None}
                own.append({**made, "id": number + 1, "person": whom, "amount_minor": amount, "allocated_on": on})
            else:
                made = {"source": givers[place], "organisation": givers[place], "kind": kind, "currency": currency}
                others.append({**made, "row": number.to_bytes(32), "person": whom, "amount_minor": amount, "given_on": on})
        async with database.transaction() as tx:
            await tx.execute_many(add["allocation"], own)
            await tx.execute_many(add["receipt"], others)
    return people


@asynccontextmanager
async def opened(url: str, folder: Path, gifts: int) -> AsyncIterator[Hub]:
    """A hub over a database filled so."""
    for secret in ("CRESCENT_AID_URL", "RAFIDAIN_RELIEF_URL", "RAFIDAIN_RELIEF_TOKEN"):
        os.environ.setdefault(secret, "http://127.0.0.1:1")
    settings = load(FILE)
    if not (folder / "keys.json").exists():
        KeyRing.create(str(folder / "keys.json"))
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{folder}/record.db", "keys": str(folder / "keys.json")})
    changed = {"hub": own, "sources": {}, "agreements": ()}
    async with Hub(settings.model_copy(update=changed), CATALOGUE, PUBLIC_NAMES) as hub:
        ((there,),) = await hub.database.fetch(hub.database.prepare(sa.select(sa.func.count()).select_from(allocation)))
        if not there:
            begun = time.perf_counter()
            people = await fill(hub, gifts)
            print(f"filled with {gifts:,} gifts to {people:,} people in {time.perf_counter() - begun:.0f} s")
        yield hub


async def pauses(longest: list[float]) -> None:
    """Note by how much the loop is late, for ever."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.005)
        longest[0] = max(longest[0], time.perf_counter() - begun - 0.005)


async def measure(hub: Hub) -> None:
    """Each part of a report, in seconds of processor time and in seconds."""
    figures, now, longest = hub.aid.transparency.figures, datetime.now(UTC), [0.0]
    watch = asyncio.create_task(pauses(longest))
    begins, ends = BEGINS.isoformat(), (BEGINS + timedelta(days=DAYS)).isoformat()
    year = BEGINS.year + 1
    before = resident()
    begun, busy = time.perf_counter(), time.process_time()
    copied = await figures.of_day(now)
    said("the day's copy of the books", begun, busy)
    print(f"it takes{'':<52} {resident() - before:8.0f} MiB")
    scopes = {
        "a report of three years": Scope(begins, ends),
        "a report of a year": Scope(f"{year}-01-01", f"{year}-12-31"),
        "a report of a year in one governorate": Scope(f"{year}-01-01", f"{year}-12-31", place="IQ-BA"),
        "a report of one organisation": Scope(begins, ends, ORGANISATIONS[0]),
    }
    for name, scope in scopes.items():
        begun, busy = time.perf_counter(), time.process_time()
        await figures.read(scope, copied)
        said(name, begun, busy)
    begun, busy, own = time.perf_counter(), time.process_time(), scopes["a report of one organisation"]
    await figures.read(own, await figures.now(own, now))
    said("the same from its books as they are now", begun, busy)
    watch.cancel()
    print(f"others waited at most{'':<39} {longest[0] * 1000:8.0f} ms")


def said(name: str, begun: float, busy: float) -> None:
    """A line of the table."""
    print(f"{name:<60} {time.process_time() - busy:8.2f} s of the hub's processor {time.perf_counter() - begun:8.2f} s")


async def main(url: str, folder: Path, gifts: int) -> None:
    """Fill and measure."""
    async with opened(url, folder, gifts) as hub:
        await measure(hub)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gifts", type=int, default=500_000)
    parser.add_argument("--database", default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as made:
        for address in database_of(given.database, Path(made)):
            uvloop.run(main(address, Path(made), given.gifts))
