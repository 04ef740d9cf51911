"""How long one person takes when nobody else asks, and while others read large pages.

    python -m bench.mixed [--seconds 10] [--every 0.02] [--readers 1] [--people 2000]

One connection asks for one person every so often, whether the answer before has come or not yet (so a hub that stands still is
seen by everybody who would have asked meanwhile); first alone, then while `--readers` connections read pages of a thousand people
without pause, twice in turn. Both questions go to databases only: sources over HTTP would measure themselves. Goal: p99 grows to
three times at most.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from itertools import cycle

import orjson
import uvloop

from bench.measures import LOCAL_MANY, LOCAL_ONE, WHO, Connection, country, share
from tests.serving import serving

CONNECTIONS = 16
"""Questions for one person that may be under way at once."""


async def ones(url: str, key: str, people: list[str], seconds: float, every: float) -> list[float]:
    """Ask for one person at a steady rate; how long each took from when it was due."""
    took: list[float] = []
    free: asyncio.Queue[Connection] = asyncio.Queue()
    opened = [await Connection(url, key).__aenter__() for _ in range(CONNECTIONS)]
    for each in opened:
        free.put_nowait(each)

    async def one(due: float, person: str) -> None:
        connection = await free.get()
        status, body = await connection.ask(LOCAL_ONE, {"id": person})
        took.append(time.perf_counter() - due)
        assert status == 200, status
        assert b'"errors"' not in body
        free.put_nowait(connection)

    chance, begun, asked = random.Random(7), time.perf_counter(), []
    for place in range(int(seconds / every)):
        due = begun + place * every
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asked.append(asyncio.ensure_future(one(due, chance.choice(people))))
    await asyncio.gather(*asked)
    for each in opened:
        await each.__aexit__()
    return took


async def reading(url: str, key: str, pages: list[float]) -> None:
    """Read pages until cancelled."""
    async with Connection(url, key) as connection:
        for _ in cycle([None]):
            begun = time.perf_counter()
            status, body = await connection.ask(LOCAL_MANY, {"first": 1000})
            assert status == 200, status
            assert b'"errors"' not in body
            pages.append(time.perf_counter() - begun)


async def measure(url: str, key: str, options: argparse.Namespace) -> None:
    """Print both, and the ratio."""
    async with Connection(url, key) as connection:
        _, body = await connection.ask(LOCAL_MANY, {"first": 1000})
    people = [each["id"] for each in orjson.loads(body)["data"]["people"]]
    alone: list[float] = []
    beside: list[float] = []
    pages: list[float] = []
    await ones(url, key, people, 1, options.every)
    for _ in range(2):
        alone += await ones(url, key, people, options.seconds / 2, options.every)
        readers = [asyncio.ensure_future(reading(url, key, pages)) for _ in range(options.readers)]
        beside += await ones(url, key, people, options.seconds / 2, options.every)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    print("| one person | p50 ms | p99 ms | longest ms |\n|---|--:|--:|--:|")
    for name, took in (("alone", alone), (f"beside {options.readers} reading {len(people)} at a time", beside)):
        print(f"| {name} | {share(took, 0.5):.1f} | {share(took, 0.99):.1f} | {share(took, 1):.1f} |")
    print(f"\np99 grows to {share(beside, 0.99) / share(alone, 0.99):.1f} times; {len(pages)} pages, each {share(pages, 0.5):.0f} ms (p50)")


def main() -> None:
    """Measure a hub over a new sample country."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="alone, and as long again beside readers")
    parser.add_argument("--every", type=float, default=0.02, help="seconds between questions for one person")
    parser.add_argument("--readers", type=int, default=1)
    parser.add_argument("--people", type=int, default=2000)
    options = parser.parse_args()
    with country(options.people) as (running, settings), serving(settings.path, settings.folder / "output.txt") as served:
        uvloop.run(measure(served.url, running.keys[WHO], options))


if __name__ == "__main__":
    main()
