"""What a whole hub does when one of its sources breaks: one line for each way to break, and whether it kept its promises.

    python -m bench.failures [--asks 7] [--huge-mib 1024]

Crescent Aid's JSON interface, then Rafidain Relief's GraphQL, is replaced by a server that breaks over real sockets; then a
database and its tables, and a folder of files, are spoilt. Each time a fresh hub is asked the same
question until the breaker opens, and the line
says: the source's status and the code of what is missing, the first answer's milliseconds, those of the last one, the most
memory the process (the breaking server included) took on, and the breaker. The run ends with an error when an answer misses what the
other sources said, when a text of the broken source leaks, or when another source is blamed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import structlog
import uvloop

from bench.measures import MIB, WHO, forget_peak, resident
from tests import broken
from tests.asking import Asking, addresses, copied, elsewhere
from tests.country import Country, running_country
from tests.test_gather import closed_port, status

QUESTION = """
{ people(first: 60) {
    id living needScore phone
    allocations { source kind amount currency allocatedOn }
    withheld { attribute reason }
} }
"""
LIES: dict[str, Callable[[list[dict[str, Any]]], list[Any]]] = {
    "fewer rows than keys": lambda rows: rows[: len(rows) // 2],
    "rows of others": lambda rows: [*rows, *({**row, "case_no": broken.SECRET, "caseNumber": broken.SECRET} for row in rows)],
    "every row twice": lambda rows: [*rows, *rows],
    "keys of null": lambda rows: [{**row, "case_no": None, "caseNumber": None} for row in rows],
    "wrong types": lambda rows: [{name: value if "case" in name else {"x": broken.SECRET} for name, value in row.items()} for row in rows],
    "rows turned round": lambda rows: rows[::-1],
}
"""Ways to lie with a true answer in hand."""

WAYS = {
    "crescent-aid": {
        "hangs": "hang",
        "drips": "drip",
        "resets": "reset",
        "stops short": "stop_short",
        "huge": "huge",
        "HTML": "html",
        "HTML named JSON": "html_named_json",
        "truncated": "truncated",
        "not UTF-8": "not_utf8",
        "not HTTP": "not_http",
        "empty": "empty",
        "JSON without rows": "no_rows",
        "503": "503",
        "401": "401",
        "gzip, unasked": "compressed",
        "redirects elsewhere": "elsewhere",
        "next page elsewhere": "next_elsewhere",
        "next page itself": "next_itself",
        **{lie: lie for lie in LIES if lie != "rows turned round"},
    },
    "rafidain-relief": {
        "hangs": "hang",
        "huge": "huge",
        "HTML": "html",
        "errors, no data": "graphql_refused",
        "pages in circles": "graphql_in_circles",
        "truncated": "truncated",
        "drips": "drip",
        "resets": "reset",
        "stops short": "stop_short",
        "not UTF-8": "not_utf8",
        "not HTTP": "not_http",
        "empty": "empty",
        "503": "503",
        "gzip, unasked": "compressed",
        "redirects elsewhere": "elsewhere",
    },
}


def lying(lie: str, address: str) -> broken.Way:
    """Ask the true Crescent Aid, once for each path, and change its answer."""
    said: dict[str, Any] = {}

    async def way(source: broken.Broken, _: asyncio.StreamWriter) -> AsyncIterator[bytes]:
        path = source.asked[-1].split()[1]
        if path not in said:
            async with httpx.AsyncClient() as client:
                said[path] = (await client.get(f"{address}{path}")).json()
        true = said[path]
        yield broken.http(json.dumps({**true, "rows": LIES[lie](true["rows"])}).encode())

    return way


class Run:
    """One fault after the other over one sample country; `broken_promises` says what went wrong."""

    def __init__(self, country: Country, folder: Path, asks: int) -> None:
        """`asks` questions are asked of each hub."""
        self.country, self.folder, self.asks = country, folder, asks
        self.whole: dict[str, Any] = {}
        self.broken_promises: list[str] = []
        self.number = 0

    async def ask(self, hub: Asking) -> dict[str, Any]:
        """The question, as a caseworker."""
        return await hub.ask(QUESTION, WHO)

    async def fault(self, source: str, name: str, at: Mapping[str, str], prepare: Callable[[Path], None] | None = None) -> None:
        """Ask a fresh hub whose source breaks, and print its line."""
        self.number += 1
        folder = self.folder / str(self.number)
        copied(self.country, folder, sources=prepare is not None)
        if prepare is not None:
            prepare(folder)
        async with elsewhere(self.country, folder, at, retries=0, timeout_seconds=1.0) as hub:
            before, took = forget_peak(), []
            bodies = []
            for _ in range(self.asks):
                begun = time.perf_counter()
                bodies.append(await self.ask(hub))
                took.append((time.perf_counter() - begun) * 1000)
            grown = resident(line="VmHWM") - before
            breaker = " ".join(sorted(set(hub.hub.gates[source].state.breakers.values())))
        shutil.rmtree(folder)
        first = bodies[0]
        codes = self.codes(first, source)
        told = ", ".join(codes) or "–"
        print(
            f"| {source} | {name} | {status(first)[source]} | {told} | {took[0]:.0f} | {took[-1]:.0f} | {grown:.0f} | {breaker} |",
            flush=True,
        )
        self.judge(f"{source}, {name}", source, bodies)

    def codes(self, body: dict[str, Any], source: str) -> list[str]:
        """The codes of errors and of withheld values that this source's fault brought."""
        found = {error["extensions"]["code"] for error in body.get("errors", ()) if error["extensions"].get("source", source) == source}
        found |= {line["reason"] for line in body["extensions"]["withheld"] if line["reason"].startswith("SOURCE_")}
        return sorted(found)

    def judge(self, fault: str, source: str, bodies: list[dict[str, Any]]) -> None:
        """Note every promise that an answer broke."""
        others = {name: how for name, how in status(self.whole).items() if name != source}
        for body in bodies:
            if broken.SECRET in json.dumps(body):
                self.broken_promises.append(f"{fault}: a text of the source leaked")
            if {name: how for name, how in status(body).items() if name != source} != others:
                self.broken_promises.append(f"{fault}: another source is blamed")
            if without(body, source) != without(self.whole, source):
                self.broken_promises.append(f"{fault}: what the others said is not all there")


def without(body: dict[str, Any], source: str) -> Any:
    """What the answer says of everybody from the other sources."""
    return [
        (each["id"], each["living"], [given for given in each["allocations"] or () if given["source"] != source])
        for each in body["data"]["people"]
    ]


def spoilt(name: str) -> Callable[[Path], None]:
    """Make a source's file, or every file of its folder, something else."""

    def prepare(folder: Path) -> None:
        paths = [folder / name] if (folder / name).is_file() else sorted((folder / name).iterdir())
        for path in paths:
            path.write_bytes(path.read_bytes()[:700] + broken.SECRET.encode() * 50)

    return prepare


ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"

TABLES = {
    "tables gone": ["DROP TABLE client", "DROP TABLE payment"],
    "statements without end": [
        "ALTER TABLE client RENAME TO kept",
        f"CREATE VIEW client AS {ENDLESS} SELECT kept.* FROM kept WHERE (SELECT max(n) FROM c) > 0",
    ],
    "values of other types": [f"UPDATE client SET sex = 'x', need_score = '{broken.SECRET}'"],
}
"""What becomes of a database's tables."""


def changed(statements: list[str]) -> Callable[[Path], None]:
    """Run statements on the ministry's database."""

    def prepare(folder: Path) -> None:
        with sqlite3.connect(folder / "labour-ministry.db") as books:
            for statement in statements:
                books.execute(statement)

    return prepare


async def measure(country: Country, folder: Path, asks: int) -> list[str]:
    """Print the table and give the promises that were broken."""
    run, true = Run(country, folder, asks), addresses(country)
    copied(country, folder / "whole")
    async with elsewhere(country, folder / "whole", {}) as hub:
        run.whole = await run.ask(hub)
    print("| source | fault | status | code | first ms | last ms | MiB more | breaker |")
    print("|---|---|---|---|--:|--:|--:|---|")
    broken.WAYS.update({lie: lying(lie, true["crescent-aid"].removesuffix("/crescent-aid")) for lie in LIES})
    for source, ways in WAYS.items():
        path = true[source].split("/", 3)[3]
        await run.fault(source, "is down", {source: f"{closed_port()}/{path}"})
        for name, way in ways.items():
            with broken.broken() as server:
                server.way = way
                await run.fault(source, name, {source: f"{server.url}/{path}"})
    await run.fault("labour-ministry", "database spoilt", {}, spoilt("labour-ministry.db"))
    for name, statements in TABLES.items():
        await run.fault("labour-ministry", name, {}, changed(statements))
    await run.fault("hope-network", "files spoilt", {}, spoilt("hope-network"))
    return run.broken_promises


def main() -> None:
    """Print the table; end with an error when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asks", type=int, default=7, help="questions to each hub; the breaker opens after five failures")
    parser.add_argument("--huge-mib", type=int, default=1024, help="the size of the answer without end")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    broken.HUGE = options.huge_mib * MIB
    with tempfile.TemporaryDirectory(prefix="mizalla-") as folder, running_country(Path(folder) / "country") as country:
        found = uvloop.run(measure(country, Path(folder), options.asks))
    for promise in dict.fromkeys(found):
        print(promise)
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
