"""What recording costs: CPU and wall time of one append, and how fast a chain verifies.

    python bench/record.py [--entries 1000000] [--database URL]

Each line says how many askers append at once; CPU is that of the whole process.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
import uvloop

from privacy.chain import continued, encode
from privacy.keys import KeyRing
from privacy.record import Record
from tables.database import Database
from tables.oversight import entry
from tables.upgrade import upgrade
from values import Disclosure, Purpose, Role, Shown

Result = TypeVar("Result")


def disclosure(people: int) -> Disclosure:
    """One disclosure of so many people, as a list of cases makes it."""
    chance = random.Random(people)
    shown = Shown(
        coordinates=("person.sex", "person.birth_year", "allocation.kind", "allocation.amount", "allocation.currency"),
        sources=("labour-ministry", "crescent-aid"),
        people=tuple(chance.sample(range(1, 2_000_000), people)),
        grounds="agreement",
    )
    at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    return Disclosure(at, "crescent-caseworker", "crescent-aid", "c81f00aa", Role.CASEWORKER, Purpose.AID_DISTRIBUTION, (shown,))


def cpu() -> float:
    """Seconds of CPU this process used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def timed(work: Awaitable[Result]) -> tuple[float, float, Result]:
    """CPU seconds, wall seconds and the result."""
    begun, wall = cpu(), time.perf_counter()
    result = await work
    return cpu() - begun, time.perf_counter() - wall, result


async def appending(chain: Record, askers: int, people: int, total: int) -> None:
    """Append `total` disclosures from `askers` at once, and print the price of one."""
    shown = disclosure(people)

    async def ask() -> None:
        for _ in range(total // askers):
            await chain.append(shown)

    used, wall, _ = await timed(asyncio.gather(*(ask() for _ in range(askers))))
    print(f"{askers:>4} askers, {people:>5} people an entry: {used / total * 1e6:7.1f} µs CPU, {wall / total * 1e6:7.1f} µs wall an entry")


async def fill(chain: Record, entries: int) -> None:
    """Put entries of one person each into the chain, without a transaction for each."""
    insert, body = chain.database.prepare(sa.insert(entry)), encode(disclosure(1))
    newest = sa.select(entry.c.number, entry.c.hash).order_by(entry.c.number.desc()).limit(1)
    found = await chain.database.fetch(chain.database.prepare(newest))
    tip = (found[0][0], bytes(found[0][1])) if found else None
    for begun in range(0, entries, 50_000):
        rows = continued(tip, [body] * min(50_000, entries - begun))
        async with chain.database.transaction() as tx:
            await tx.execute_many(insert, rows)
        tip = (rows[-1][0], rows[-1][2])


async def main() -> None:
    """Measure in a folder of its own, or in the database given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries to verify")
    parser.add_argument("--database", help="an empty database; default a SQLite file in a folder of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as folder:
        url = options.database or f"sqlite:///{folder}/record.db"
        await upgrade(url, "record")
        chain = Record(Database.at(url), KeyRing.create(Path(folder) / "keys.json"))
        await chain.open()
        begun = time.perf_counter()
        for _ in range(1000):
            encode(disclosure_of_thousand)
        print(f"encoding an entry of 1,000 people: {(time.perf_counter() - begun) * 1e3:.1f} µs")
        for askers, people, total in ((1, 1, 4000), (16, 1, 16_000), (64, 1, 32_000), (1, 1000, 2000), (16, 1000, 4000)):
            await appending(chain, askers, people, total)
        used, wall, indexed = await timed(chain.index())
        print(f"indexing {indexed} entries by person: {used:.2f} s CPU, {wall:.2f} s")
        await fill(chain, options.entries)
        used, wall, verdict = await timed(chain.verify())
        print(f"verifying {verdict.entries} entries and {verdict.heads} heads: {used:.2f} s CPU, {wall:.2f} s — {verdict.sentence}")
        print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
        await chain.close()


disclosure_of_thousand = disclosure(1000)

if __name__ == "__main__":
    uvloop.run(main())
