"""The hub against the least that can be done by hand, over two sources of the sample country, in one process.

    python -m bench.quick [--rounds 7] [--people 2000] [--seconds 0.25]

The floor is a Starlette endpoint that knows the sources' own keys: no GraphQL, no credential, no policy, no pseudonyms, no
record; two or three statements and orjson. The hub does all of it, its record on this disk included. Both are called as
ASGI applications, sixteen requests at once, in turn, round by round; answers are compared first, identifiers apart. CPU is that of
the whole process, so that it does not depend on what else the machine does; the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import apsw
import orjson
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.measures import WHO, country
from privacy.pseudonyms import Pseudonyms
from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.live import Live
from server import application
from settings import Settings

RESULTS = Path(__file__).with_name("results")
AT_ONCE, BODIES = 16, 64
DETAIL = (
    "id sex birthYear allocations(order: RECORDED) { kind amount currency allocatedOn status organisation { id name } }"
    " insurance { status months }"
)
ONE = f"query One($id: ID!) {{ one: person(id: $id) {{ {DETAIL} }} }}"
MANY = f"query Many($first: Int!, $after: ID) {{ people(first: $first, after: $after) {{ {DETAIL} }} }}"
FLAT = (
    "query Flat($first: Int!, $after: ID) { people(first: $first, after: $after)"
    " { id sex birthYear governorate householdSize living needScore preferredLanguage } }"
)
CODES = {"S": "delivered", "H": "planned", "B": "returned"}
STATES = {"A": "active", "L": "lapsed", "P": "pending", "E": "exempt"}
MINISTRY = {"id": "labour-ministry", "name": "Ministry of Labour and Social Affairs"}

Ask = Callable[[bytes], Awaitable[bytes]]


class Floor:
    """The hand-written answers: people are known by their national number, in the hub's order."""

    def __init__(self, folder: Path, order: list[str]) -> None:
        """Read the sources' files directly."""
        self.order, self.place = order, {number: place for place, number in enumerate(order)}
        self.registry, self.ministry = (apsw.Connection(str(folder / f"{name}.db")) for name in ("civil-registry", "labour-ministry"))

    def page(self, variables: dict[str, Any]) -> list[str]:
        """The numbers of a page."""
        begin = self.place[variables["after"]] + 1
        return self.order[begin : begin + variables["first"]]

    def people(self, columns: str, numbers: list[str]) -> dict[str, tuple[Any, ...]]:
        """Columns of the registry by number."""
        found = self.registry.execute(
            f"SELECT national_number, {columns} FROM resident WHERE national_number IN carray(?)", (apsw.carray(tuple(numbers)),)
        )
        return {row[0]: row for row in found}

    def detail(self, numbers: list[str]) -> list[dict[str, Any]]:
        """People with what the ministry paid them and how they are insured."""
        people = self.people("sex, birth_year", numbers)
        paid: dict[str, list[dict[str, Any]]] = {number: [] for number in numbers}
        for number, amount, currency, on, state in self.ministry.execute(
            "SELECT national_number, amount, currency, paid_on, state FROM payment WHERE national_number IN carray(?)"
            " ORDER BY payment_number",
            (apsw.carray(tuple(numbers)),),
        ):
            paid[number].append(
                {
                    "kind": "cash",
                    "amount": amount,
                    "currency": currency,
                    "allocatedOn": on,
                    "status": CODES[state],
                    "organisation": MINISTRY,
                }
            )
        insured = {
            number: {"status": STATES[state], "months": months}
            for number, state, months in self.ministry.execute(
                "SELECT national_number, state, months_paid FROM insured WHERE national_number IN carray(?)", (apsw.carray(tuple(numbers)),)
            )
        }
        return [
            {"id": number, "sex": sex, "birthYear": year, "allocations": paid[number], "insurance": insured.get(number)}
            for number, sex, year in map(people.__getitem__, numbers)
        ]

    def flat(self, numbers: list[str]) -> list[dict[str, Any]]:
        """Seven values of each person."""
        people = self.people("sex, birth_year, governorate, members, living, language", numbers)
        needs = dict(
            self.ministry.execute(
                "SELECT national_number, need_score FROM client WHERE national_number IN carray(?)", (apsw.carray(tuple(numbers)),)
            )
        )
        return [
            {
                "id": number,
                "sex": sex,
                "birthYear": year,
                "governorate": governorate,
                "householdSize": members,
                "living": living == 1,
                "needScore": needs.get(number),
                "preferredLanguage": language,
            }
            for number, sex, year, governorate, members, living, language in map(people.__getitem__, numbers)
        ]

    async def endpoint(self, request: Request) -> Response:
        """Answer one request."""
        asked = orjson.loads(await request.body())
        variables = asked["variables"]
        if asked["operationName"] == "One":
            data: dict[str, Any] = {"one": self.detail([variables["id"]])[0]}
        elif asked["operationName"] == "Many":
            data = {"people": self.detail(self.page(variables))}
        else:
            data = {"people": self.flat(self.page(variables))}
        return Response(orjson.dumps({"data": data}), media_type="application/json")


def calling(app: Callable[..., Awaitable[None]], key: str | None) -> Ask:
    """Call an ASGI application as a server would, and give the answer's body."""
    headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
    if key:
        headers.append((b"authorization", f"Bearer {key}".encode()))

    async def ask(body: bytes) -> bytes:
        sent: list[bytes] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "root_path": "",
            "query_string": b"",
            "headers": [*headers, (b"content-length", str(len(body)).encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message.get("body", b""))

        await app(scope, receive, send)
        return b"".join(sent)

    return ask


def bodies(names: list[str], size: int) -> dict[str, list[bytes]]:
    """The same people under these names: a person, fifty with lists, `size` flat, each for other people every time."""
    chance = random.Random(7)

    def body(query: str, operation: str, variables: dict[str, Any]) -> bytes:
        return orjson.dumps({"query": query, "operationName": operation, "variables": variables})

    def starts(first: int) -> list[int]:
        return [chance.randrange(len(names) - first - 1) for _ in range(BODIES)]

    return {
        "W1 one person": [body(ONE, "One", {"id": chance.choice(names)}) for _ in range(BODIES)],
        "W2 fifty people": [body(MANY, "Many", {"first": 50, "after": names[at]}) for at in starts(50)],
        f"W4 {size} flat": [body(FLAT, "Flat", {"first": size, "after": names[at]}) for at in starts(size)],
    }


def without_ids(value: Any) -> Any:
    """The same, identifiers of people apart."""
    if isinstance(value, list):
        return [without_ids(each) for each in value]
    if isinstance(value, dict):
        return {name: without_ids(each) for name, each in value.items() if name != "id"}
    return value


async def milliseconds(ask: Ask, asked: list[bytes], seconds: float) -> float:
    """CPU of one request, with sixteen under way for so long."""
    turn, done = cycle(asked), 0
    end = time.perf_counter() + seconds

    async def again() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await ask(next(turn))
            done += 1

    begun = time.process_time()
    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    return (time.process_time() - begun) / done * 1000


async def measure(settings: Settings, key: str, rounds: int, seconds: float) -> str:
    """The table, as Markdown."""
    two = {name: settings.sources[name] for name in ("civil-registry", "labour-ministry")}
    books = apsw.Connection(settings.hub.database.removeprefix("sqlite:///"))
    books.execute("DELETE FROM own_case WHERE person NOT IN (SELECT person FROM link WHERE source = 'civil-registry')")
    links: list[Any] = books.execute(
        "SELECT person, key FROM own_case JOIN link USING (person) WHERE organisation = 'crescent-aid' AND source = 'civil-registry'"
        " ORDER BY position"
    ).fetchall()
    books.close()
    async with Hub(settings.model_copy(update={"sources": two}), CATALOGUE, PUBLIC_NAMES) as hub:
        order = [hub.blinder.open_key("civil-registry", sealed) for _, sealed in links]
        floor = Floor(settings.folder, order)
        name = Pseudonyms(hub.ring).maker("crescent-aid")
        size = min(400, len(order) // 2)
        asked_floor, asked_hub = bodies(order, size), bodies([name(person) for person, _ in links], size)
        ask_floor = calling(Starlette(routes=[Route("/graphql", floor.endpoint, methods=["POST"])]), None)
        ask_hub = calling(application(Live(hub, SCHEMA)), key)
        lines = ["| question | floor, ms of CPU | hub, ms of CPU | ratio |", "|---|--:|--:|--:|"]
        for work, own in asked_hub.items():
            for mine, its in zip(own[:8], asked_floor[work], strict=False):
                given, due = json.loads(await ask_hub(mine)), json.loads(await ask_floor(its))
                assert "errors" not in given, given["errors"]
                assert without_ids(given["data"]) == without_ids(due["data"]), f"{work}: the answers differ"
            took = [
                (await milliseconds(ask_floor, asked_floor[work], seconds), await milliseconds(ask_hub, own, seconds))
                for _ in range(rounds)
            ]
            least, most = (median(each) for each in zip(*took, strict=True))
            ratio = median(its / mine for mine, its in took)
            lines.append(f"| {work} | {least:.3f} | {most:.3f} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--people", type=int, default=2000, help="of the sample country")
    parser.add_argument("--seconds", type=float, default=0.25, help="for each of the two, each question, each round")
    options = parser.parse_args()
    with country(options.people) as (running, settings):
        table = uvloop.run(measure(settings, running.keys[WHO], options.rounds, options.seconds))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "quick.md").write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    main()
