"""Kill the hub two hundred times while it writes and discloses: the chain verifies, and nothing was shown without its record.

    python -m bench.kills [--kills 200] [--seed 7]

Each time the hub is started over the same files, four caseworkers read people and one person grants and withdraws consents
over HTTP, and at a random moment of the first half second of answers the process is killed outright. Then the whole chain is verified
with its signed heads; every pseudonym that a complete answer showed must be in an entry of that hub's life, for that organisation; and
every consent whose grant or withdrawal was answered must stand in the hub's tables as answered. Ends with an error at the first miss.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import orjson
import uvloop

from bench.measures import Connection, country
from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms
from privacy.record import Record
from settings import Settings
from tables.database import Database
from tests.serving import serving

READERS = {"crescent-caseworker": "crescent-aid", "rafidain-caseworker": "rafidain-relief", "hope-caseworker": "hope-network"}
"""Who reads, and for whom."""

GIVER = "mariam"
READ = "query Some($first: Int!) { people(first: $first) { id living } }"
GRANT = """mutation($until: Instant!) { consentGrant(input: {
    receiver: "karama", purpose: AID_DISTRIBUTION, categories: [NAME, HEALTH], endsAt: $until
}) { ... on ConsentGranted { consent { id } } ... on Refusal { code message } } }"""
WITHDRAW = "mutation($id: ID!) { consentWithdraw(input: { id: $id }) { __typename } }"


@dataclass
class Life:
    """What one life of the hub has answered in full."""

    shown: dict[str, Counter[str]] = field(default_factory=dict)
    granted: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    answers: int = 0


async def reading(url: str, key: str, organisation: str, life: Life, chance: random.Random) -> None:
    """Read pages of people until the hub is gone."""
    shown = life.shown.setdefault(organisation, Counter())
    async with Connection(url, key) as connection:
        while True:
            _, body = await connection.ask(READ, {"first": chance.randint(1, 40)})
            shown.update(each["id"] for each in orjson.loads(body)["data"]["people"] if each["living"] is not None)
            life.answers += 1


async def giving(url: str, key: str, life: Life) -> None:
    """Grant a consent and withdraw it, until the hub is gone."""
    until = (datetime.now(UTC) + timedelta(days=365)).isoformat()
    async with Connection(url, key) as connection:
        while True:
            _, body = await connection.ask(GRANT, {"until": until})
            given = orjson.loads(body)["data"]["consentGrant"]
            assert "consent" in given, given
            consent = given["consent"]["id"]
            life.granted.add(consent)
            _, body = await connection.ask(WITHDRAW, {"id": consent})
            assert orjson.loads(body)["data"]["consentWithdraw"]["__typename"] == "ConsentWithdrawn", body
            life.withdrawn.add(consent)
            life.answers += 2


async def live(settings: Settings, keys: dict[str, str], log: Path, chance: random.Random) -> Life:
    """Start a hub, ask it, kill it."""
    life = Life()
    with serving(settings.path, log) as hub:
        tasks = [
            asyncio.ensure_future(reading(hub.url, keys[who], organisation, life, chance))
            for who, organisation in (*READERS.items(), next(iter(READERS.items())))
        ]
        tasks.append(asyncio.ensure_future(giving(hub.url, keys[GIVER], life)))
        deadline = time.monotonic() + 20
        while not life.answers and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        await asyncio.sleep(chance.uniform(0, 0.5))
        hub.process.kill()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(ended, OSError):
                raise SystemExit(f"an asker ended otherwise than by the kill: {ended!r}")
    return life


async def judged(settings: Settings, life: Life, before: int) -> int:
    """Check one life against the files it left, and give the number of the newest entry.

    Raises:
        SystemExit: a promise is broken; says which.
    """
    ring = KeyRing.load(settings.hub.keys)
    chain = Record(Database.at(settings.hub.record), ring)
    await chain.open()
    verdict = await chain.verify()
    await chain.close()
    if not verdict.sound:
        raise SystemExit(f"the chain is broken: {verdict.sentence}")
    recorded = entries(settings, before)
    pseudonyms = Pseudonyms(ring)
    for organisation, shown in life.shown.items():
        due = Counter({pseudonyms.resolve(organisation, text): times for text, times in shown.items()})
        missing = due - recorded.get(organisation, Counter())
        if missing:
            raise SystemExit(f"{organisation} was shown {missing.total()} people without an entry")
    ends = dict(read(settings.hub.database, "SELECT id, withdrawn_at FROM consent"))
    if life.granted - set(ends):
        raise SystemExit("a consent was granted by answer and is not there")
    if any(ends[each] is None for each in life.withdrawn):
        raise SystemExit("a consent was withdrawn by answer and stands")
    return verdict.entries


def read(url: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of one of the hub's databases, by the library the hub reads with: two of them in one process would undo each other's locks."""
    connection = apsw.Connection(url.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(sql, values))
    finally:
        connection.close()


def entries(settings: Settings, after: int) -> dict[str, Counter[Any]]:
    """How often each organisation was shown each person, by the entries behind `after`."""
    found: dict[str, Counter[Any]] = {}
    for (body,) in read(settings.hub.record, "SELECT body FROM entry WHERE number > ?", after):
        entry = orjson.loads(body)
        # A number in the place of a list names an earlier one of the same entry.
        people = {number for shown in entry["shown"] if isinstance(shown["people"], list) for number in shown["people"]}
        found.setdefault(entry["organisation"], Counter()).update(people)
    return found


async def measure(settings: Settings, keys: dict[str, str], kills: int, seed: int) -> None:
    """Live and die so many times, and print what was there to lose."""
    chance, newest, answers, shown, written = random.Random(seed), 0, 0, 0, 0
    begun = time.monotonic()
    for place in range(kills):
        life = await live(settings, keys, settings.folder / "output.txt", chance)
        newest = await judged(settings, life, newest)
        answers += life.answers
        shown += sum(each.total() for each in life.shown.values())
        written += len(life.granted) + len(life.withdrawn)
        if (place + 1) % 20 == 0:
            print(f"{place + 1} kills: sound", flush=True)
    print(f"{kills} kills in {time.monotonic() - begun:.0f} s; {answers} answers got out,")
    print(f"showing people {shown} times and confirming {written} writes.")
    print(f"{newest} entries; the chain was sound after every kill, nothing was shown without its record, no confirmed write was lost.")


def main() -> None:
    """Measure over a new sample country."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with country(400) as (running, settings):
        uvloop.run(measure(settings, running.keys, options.kills, options.seed))


if __name__ == "__main__":
    main()
