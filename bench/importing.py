"""What it costs to bring a file of 50,000 cases into a hub that serves others meanwhile.

    python -m bench.importing [--rows 50000] [--every 0.05] [--people 500] [--small]

A served hub over a new sample country is sent a file in parts, as `mizalla import --hub` sends it, looks it through and registers it.
Meanwhile one connection asks for one person every so often, whether the answer before has come or not yet. With `--small` files of
5,000 rows are sent in one request instead, ten times. Goal: the p99 of that question grows to three times at most.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import orjson
import uvloop

from bench.duplicates import drawn
from bench.measures import LOCAL_MANY, WHO, Connection, country, forget_peak, resident, share
from bench.mixed import ones
from cli.sending import HOW_FAR, IMPORT, OPEN, PART, PART_OF
from tests.serving import serving

MANAGER = "crescent-manager"
PREVIEW = "query ($input: CasesFileInput!) { did: casesImportPreview(input: $input) { digest rows faultCount duplicates { row } } }"
LOAD = (
    "mutation ($input: CasesImportInput!) { did: casesImport(input: $input) { ... on CasesImported { people } ... on Refusal { code } } }"
)
FAMILY = 5
SMALL = 4_500
"""Rows that fit 500,000 bytes."""


def file_of(rows: int, chance: Random, name: str) -> bytes:
    """A file of families."""
    lines = ["household,case_number,relation,name,mother_name,birth_year,sex"]
    for number in range(rows):
        one, relation = drawn(chance), "child" if number % FAMILY else "head"
        lines.append(f"{number // FAMILY},{name}-{number},{relation},{one.name},{one.mother_name},{one.birth_year},{one.sex}")
    return "\n".join(lines).encode()


class Manager:
    """Who sends files."""

    def __init__(self, connection: Connection, pid: int) -> None:
        """`pid` is the hub's, whose children are watched."""
        self.connection, self.pid, self.child = connection, pid, 0.0

    async def ask(self, document: str, **variables: Any) -> Any:
        """The one field of an answer."""
        status, body = await self.connection.ask(document, variables, 600)
        found = orjson.loads(body)
        assert status == 200, (status, found)
        assert "errors" not in found, found["errors"]
        assert "code" not in (found["data"]["did"] or {}), found
        return found["data"]["did"]

    async def ended(self, upload: str) -> Any:
        """Wait until nobody works on it, and note what its process takes."""
        while True:
            found = await self.ask(HOW_FAR, upload=upload, language="EN")
            children = [
                each for task in Path(f"/proc/{self.pid}/task").glob("*/children") for each in task.read_text(encoding="ascii").split()
            ]
            self.child = max([self.child, *(resident(each, "VmHWM") for each in children)])
            if found["state"] not in {"LOOKING", "REGISTERING"}:
                return found
            await asyncio.sleep(0.5)


Beside = Callable[[Awaitable[Any]], Awaitable[tuple[Any, list[float], float]]]


async def large(manager: Manager, rows: int, beside: Beside) -> list[tuple[str, float, list[float]]]:
    """Send, look through and register one file."""
    content = file_of(rows, Random(99), "F")

    async def send() -> str:
        upload = str((await manager.ask(OPEN, input={"kind": "CSV", "sizeBytes": len(content)}))["upload"])
        for offset in range(0, len(content), PART):
            part = base64.b64encode(content[offset : offset + PART]).decode()
            await manager.ask(PART_OF, input={"upload": upload, "offset": offset, "content": part})
        return upload

    upload, sending, sent = await beside(send())
    looked, looking, spent = await beside(manager.ended(upload))
    assert looked["preview"]["faultCount"] == 0, looked
    distinct = [each["row"] for each in looked["preview"]["duplicates"]]
    assert len(distinct) == looked["preview"]["duplicateCount"]
    await manager.ask(IMPORT, input={"upload": upload, "distinctRows": distinct})
    done, registering, used = await beside(manager.ended(upload))
    assert done["registered"]["people"] == rows, done
    return [
        (f"{len(content):,} bytes sent in parts", sent, sending),
        (f"{rows:,} rows looked through", spent, looking),
        ("looked through again, and registered", used, registering),
    ]


async def small(manager: Manager, files: int, beside: Beside) -> list[tuple[str, float, list[float]]]:
    """Send some files in one request each, twice."""

    async def send() -> None:
        for number in range(files):
            content = base64.b64encode(file_of(SMALL, Random(number), f"S{number}")).decode()
            seen = await manager.ask(PREVIEW, input={"kind": "CSV", "content": content})
            given = {
                "kind": "CSV",
                "content": content,
                "digest": seen["digest"],
                "distinctRows": [each["row"] for each in seen["duplicates"]],
            }
            assert (await manager.ask(LOAD, input=given))["people"] == SMALL

    _, took, spent = await beside(send())
    return [(f"{files} files of {SMALL:,} rows, each in one request", spent, took)]


async def measure(url: str, pid: int, keys: dict[str, str], options: argparse.Namespace) -> None:
    """Print how long everything took, and whoever asked meanwhile."""
    async with Connection(url, keys[WHO]) as connection:
        _, body = await connection.ask(LOCAL_MANY, {"first": 500})
    people = [each["id"] for each in orjson.loads(body)["data"]["people"]]

    async def beside(work: Awaitable[Any]) -> tuple[Any, list[float], float]:
        begun, took = time.perf_counter(), []
        task = asyncio.ensure_future(work)
        while not task.done():
            took += await ones(url, keys[WHO], people, 1, options.every)
        return await task, took, time.perf_counter() - begun

    await ones(url, keys[WHO], people, 2, options.every)
    alone = await ones(url, keys[WHO], people, 20, options.every)
    before = forget_peak(pid)
    async with Connection(url, keys[MANAGER]) as connection:
        manager = Manager(connection, pid)
        lines = await (small(manager, 3, beside) if options.small else large(manager, options.rows, beside))
    print("| | s | one person, p50 ms | p99 ms | longest ms | p99 to alone |\n|---|--:|--:|--:|--:|--:|")
    for name, spent, took in [("nothing else", 20.0, alone), *lines]:
        ratio = share(took, 0.99) / share(alone, 0.99)
        print(f"| {name} | {spent:.0f} | {share(took, 0.5):.1f} | {share(took, 0.99):.1f} | {share(took, 1):.1f} | {ratio:.1f} |")
    print(
        f"\nThe hub had {before:.0f} MiB before and {resident(pid, 'VmHWM'):.0f} at most, the process beside {manager.child:.0f} at most."
    )


def main() -> None:
    """Measure a hub over a new sample country."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--every", type=float, default=0.05, help="seconds between questions for one person")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--small", action="store_true", help="files in one request instead")
    options = parser.parse_args()
    with country(options.people) as (running, settings), serving(settings.path, settings.folder / "output.txt") as served:
        uvloop.run(measure(served.url, served.process.pid, dict(running.keys), options))


if __name__ == "__main__":
    main()
