"""A thousand connections at once, ten minutes of mixed questions: no error, no growth.

    python -m bench.soak [--connections 1000] [--seconds 600] [--pause 10] [--people 2000]
    python -m bench.soak --url http://127.0.0.1:8000 --keys var/sample/credentials.json --pid PID     against a hub that runs

Every connection stays open, asks one question of a fixed mixture, waits `--pause` seconds on average, and asks the next: one
person, fifty people or four hundred, from the databases or from all sources, or the directory. Sources over HTTP are asked by one
question in twelve: the sample's serve some thirty a second, and this is no measurement of theirs. An answer other than 200 with data
and without errors counts as an error. Memory is read before, and after each tenth of the time.
Only hubs on this machine are asked; it ends after `--seconds`, at most an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench.measures import FLAT, LOCAL_MANY, LOCAL_ONE, MANY, ONE, WHO, Connection, country, resident, share
from tests.serving import serving

MIXTURE: dict[str, tuple[float, str, dict[str, Any]]] = {
    "one person": (0.65, LOCAL_ONE, {}),
    "one person, all sources": (0.05, ONE, {}),
    "fifty people": (0.12, LOCAL_MANY, {"first": 50}),
    "fifty people, all sources": (0.01, MANY, {"first": 50}),
    "400 people": (0.05, LOCAL_MANY, {"first": 400}),
    "400 flat, all sources": (0.02, FLAT, {"first": 400}),
    "organisations": (0.10, "{ organisations { id named } }", {}),
}
"""Share, question, variables; the one person is another one each time."""

LONGEST = 3600.0


@dataclass
class Seen:
    """What came back: seconds by question, errors by kind."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)


def fault(status: int, body: bytes) -> str | None:
    """What is wrong with an answer, in a word; None when nothing is."""
    if status != 200:
        return f"HTTP {status}"
    answer = orjson.loads(body)
    if "errors" in answer:
        return str(answer["errors"][0].get("extensions", {}).get("code", "error"))
    return None if answer.get("data") else "no data"


async def asking(url: str, key: str, people: list[str], seen: Seen, end: float, pause: float, chance: random.Random) -> None:
    """One connection, from somewhere within the first pause until the end."""
    names = list(MIXTURE)
    weights = [MIXTURE[name][0] for name in names]
    await asyncio.sleep(chance.uniform(0, pause))
    try:
        async with Connection(url, key) as connection:
            while time.monotonic() < end:
                (name,) = chance.choices(names, weights)
                _, question, variables = MIXTURE[name]
                begun = time.perf_counter()
                wrong = fault(*await connection.ask(question, variables or {"id": chance.choice(people)}))
                seen.took[name].append(time.perf_counter() - begun)
                if wrong:
                    seen.errors[wrong] += 1
                await asyncio.sleep(min(chance.uniform(0, 2 * pause), max(0.0, end - time.monotonic())))
    except OSError as error:
        seen.errors[type(error).__name__] += 1


async def soak(url: str, key: str, pid: int, connections: int, seconds: float, pause: float) -> bool:
    """Ask, print the table, and say whether nothing went wrong."""
    async with Connection(url, key) as connection:
        _, body = await connection.ask("{ people(first: 400) { id } }")
    people = [each["id"] for each in orjson.loads(body)["data"]["people"]]
    seen, end, start = Seen(), time.monotonic() + seconds, resident(pid)
    tasks = [asyncio.ensure_future(asking(url, key, people, seen, end, pause, random.Random(place))) for place in range(connections)]
    curve = []
    for _ in range(10):
        await asyncio.sleep(seconds / 10)
        curve.append(resident(pid))
    await asyncio.gather(*tasks)
    print("| question | asked | p50 ms | p99 ms | longest ms |\n|---|--:|--:|--:|--:|")
    for name, took in sorted(seen.took.items()):
        print(f"| {name} | {len(took)} | {share(took, 0.5):.1f} | {share(took, 0.99):.1f} | {share(took, 1):.1f} |")
    total = sum(map(len, seen.took.values()))
    wrong = ", ".join(f"{count} {name}" for name, count in seen.errors.most_common()) or "none"
    print(f"\n{connections} connections, {seconds:.0f} s: {total} answers, {total / seconds:.0f} a second; errors: {wrong}")
    print(f"the hub's memory: {start:.0f} MiB before, and after each tenth of the time {' '.join(f'{each:.0f}' for each in curve)}")
    return not seen.errors


@contextmanager
def hub(options: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Address, key and process of the hub to ask: one that runs, or one started over a new sample country."""
    if options.url:
        keys = {each["name"]: each["key"] for each in json.loads(options.keys.read_text(encoding="utf-8"))}
        yield options.url, keys[WHO], options.pid
        return
    with country(options.people) as (running, settings), serving(settings.path, settings.folder / "output.txt") as served:
        yield served.url, running.keys[WHO], served.process.pid


def main() -> None:
    """Measure; end with an error when there was one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--pause", type=float, default=10, help="seconds between an answer and the next question, on average")
    parser.add_argument("--people", type=int, default=2000, help="of the sample country that is made")
    parser.add_argument("--url", help="a hub that runs; needs --keys and --pid")
    parser.add_argument("--keys", type=Path, help="its credentials.json")
    parser.add_argument("--pid", type=int, default=0, help="its process")
    options = parser.parse_args()
    if bool(options.url) != bool(options.keys):
        parser.error("--url and --keys belong together")
    with hub(options) as (url, key, pid):
        sound = uvloop.run(soak(url, key, pid, options.connections, min(options.seconds, LONGEST), options.pause))
    raise SystemExit(0 if sound else 1)


if __name__ == "__main__":
    main()
