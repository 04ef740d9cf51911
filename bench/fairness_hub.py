"""A real hub decides for a small society: through its schema, over a real database, month by month, as bench/deciding.py says it would.

    python -m bench.fairness_hub [--people 5000] [--months 6]

Every assessment is `needAssess`, every decision reads `queue` and books `allocationsRecord`; the days lie in the past year. The run ends
by holding who got what, in which order, against the simulation, and every fund against what the simulation says is left.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
import uvloop

from bench.attacks import owners
from bench.deciding import decided
from bench.society import MONTH, Knobs, Society, society
from privacy.keys import KeyRing
from resolvers.aid.scores import DIFFICULTIES
from resolvers.hub import Hub
from samples.build import FILE
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Door, Request
from settings import load
from tables.aid import case_file
from tables.identity import own_case, person
from values import Purpose, Role

ASSESS = """mutation ($input: NeedAssessInput!) { needAssess(input: $input) {
    __typename ... on NeedAssessed { assessment { points } } ... on Refusal { code message } } }"""
QUEUE = """query ($after: String) { queue(need: CASH, first: 1000, after: $after) {
    nodes { person { id } } pageInfo { endCursor hasNextPage } } }"""
RECORD = """mutation ($input: AllocationsRecordInput!) { allocationsRecord(input: $input) {
    __typename ... on AllocationsRecorded { count } ... on Refusal { code message } } }"""
FUND = 'mutation { fundOpen(input: {name: "cash", currency: "IQD"}) { ... on ResourceOpened { resource { id } } } }'
RECEIVE = """mutation ($of: ID!, $amount: Amount!, $on: Day!) {
    resourceReceive(input: {resource: $of, amount: $amount, unit: "IQD", on: $on}) { __typename } }"""
OPEN = "mutation ($input: ProgrammeOpenInput!) { programmeOpen(input: $input) { ... on ProgrammeOpened { programme { id } } } }"
ADOPT = "mutation ($input: QueueRulesAdoptInput!) { queueRulesAdopt(input: $input) { __typename } }"


class Office:
    """One organisation at work."""

    def __init__(self, hub: Hub, door: Door, key: str, which: int) -> None:
        """Nobody is assessed yet."""
        self.hub, self.door, self.key, self.which = hub, door, key, which
        self.programme = self.fund = ""
        self.points: dict[str, float] = {}
        self.place: dict[str, int] = {}

    async def ask(self, question: str, **variables: Any) -> Any:
        """The one answer to a question."""
        enquiry = await self.hub.enquiry(self.key, None)
        body = (await self.door.answer(Request(question, None, variables), enquiry)).body
        assert "errors" not in body, body
        return next(iter(body["data"].values()))

    async def opens(self, begins: date, weights: tuple[float, ...], least: int) -> None:
        """A fund, a programme with its least need, and the organisation's own score set."""
        self.fund = (await self.ask(FUND))["resource"]["id"]
        programme: dict[str, Any] = {"name": "cash", "kind": "cash", "resource": self.fund, "opensOn": begins.isoformat()}
        programme |= {"minimumNeed": least} if least else {}
        self.programme = (await self.ask(OPEN, input=programme))["programme"]["id"]
        named = [{"code": code, "weight": weight} for code, weight in zip(("gap", "dependants", "disability"), weights, strict=True)]
        await self.ask(ADOPT, input={"need": "CASH", "version": 1, "weights": named})

    async def assess(self, who: str, place: int, answers: tuple[float, ...], on: date) -> None:
        """Assess somebody's need."""
        gap, dependants, worst = answers
        said = {"gap": gap, "dependants": dependants, **dict.fromkeys(DIFFICULTIES, 1.0), "MOB": worst}
        listed = [{"code": code, "value": value} for code, value in said.items()]
        found = await self.ask(ASSESS, input={"person": who, "need": "CASH", "answers": listed, "on": on.isoformat()})
        self.points[who], self.place[who] = found["assessment"]["points"], place

    async def decide(self, made: Society, left: int, on: date) -> list[int]:
        """Give to the first of the queue whom the programme admits, as far as the money goes."""
        order: list[str] = []
        after, more = None, True
        while more:
            page = await self.ask(QUEUE, after=after)
            order += [each["person"]["id"] for each in page["nodes"]]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        lines = []
        for who in order:
            amount = int(made.amount[self.place[who]])
            if self.points[who] < made.knobs.least:
                continue
            if amount > left:
                break
            left -= amount
            lines.append({"person": who, "amount": amount})
        if lines:
            whole = {"programme": self.programme, "kind": "cash", "currency": "IQD", "on": on.isoformat(), "lines": lines}
            found = await self.ask(RECORD, input=whole)
            assert found.get("count") == len(lines), found
        return [self.place[str(each["person"])] for each in lines]


@asynccontextmanager
async def offices(made: Society, folder: Path, url: str) -> AsyncIterator[list[Office]]:
    """A hub with an organisation for each of the society's, and everybody of the society in its tables."""
    for secret in ("CRESCENT_AID_URL", "RAFIDAIN_RELIEF_URL", "RAFIDAIN_RELIEF_TOKEN"):
        os.environ.setdefault(secret, "http://127.0.0.1:1")
    settings = load(FILE)
    KeyRing.create(str(folder / "keys.json"))
    own = settings.hub.model_copy(
        update={"database": url, "record": f"sqlite:///{folder}/record.db", "keys": str(folder / "keys.json")},
    )
    names = [f"relief-{which}" for which in range(len(made.money))]
    purposes = (Purpose.AID_DISTRIBUTION,)
    example = settings.organisations["karama"]
    more = {name: example.model_copy(update={"purposes": purposes}) for name in names}
    changed = settings.model_copy(
        update={
            "hub": own,
            "organisations": {**settings.organisations, **more},
            "sources": {name: each for name, each in settings.sources.items() if each.wire == "hub"},
            "agreements": (),
        }
    )
    async with Hub(changed, CATALOGUE, PUBLIC_NAMES) as hub:
        door, now = Door(hub, SCHEMA), int(time.time())
        issue = hub.credentials.issue
        keys = [await issue(name, "staff", name, Role.MANAGER, list(purposes), now, None) for name in names]
        yield [Office(hub, door, key, which) for which, key in enumerate(keys)]


async def settled(made: Society, hub: Hub, nominee: dict[int, int]) -> None:
    """Everybody, in households, and whose case they are; each organisation lists another member of a household."""
    first = np.concatenate([[1], 1 + np.cumsum(made.households.size)])
    rows = [(number, home + 1) for home in range(len(made.households.size)) for number in range(first[home], first[home + 1])]
    whose = owners(made)
    for place, home in enumerate(made.home):
        nominee[place] = int(first[home] + whose[place] % made.households.size[home])
    async with hub.database.transaction() as tx:
        prepare = hub.database.prepare
        await tx.execute_many(prepare(sa.insert(person)), [(int(number), home) for number, home in rows])
        cases = [(f"relief-{whose[place]}", f"{number:09}", number) for place, number in nominee.items()]
        await tx.execute_many(prepare(sa.insert(own_case)), cases)
        files = [
            (place + 1, f"relief-{whose[place]}", f"{number:09}", number, int(made.points[place]) / 1000, "2020-01-01")
            for place, number in nominee.items()
        ]
        await tx.execute_many(prepare(sa.insert(case_file)), files)


async def hub_outcome(made: Society, folder: Path, url: str) -> tuple[list[tuple[int, int]], list[int]]:
    """(place, day) of every gift in the order of decisions, and what each organisation has left."""
    begins = datetime.now(UTC).date() - timedelta(days=made.knobs.months * MONTH + 1)
    nominee: dict[int, int] = {}
    given: list[tuple[int, int]] = []
    left = [0] * len(made.money)
    async with offices(made, folder, url) as desks:
        await settled(made, desks[0].hub, nominee)
        for desk in desks:
            await desk.opens(begins, tuple(made.weights[desk.which]), made.knobs.least)
        makers = [desk.hub.pseudonyms.maker(f"relief-{desk.which}", "person") for desk in desks]
        for today in range(made.knobs.months * MONTH):
            for which in np.flatnonzero(made.day == today % MONTH):
                desk, on = desks[which], begins + timedelta(days=today)
                for place in range(*made.starts[which : which + 2]):
                    who = makers[which](nominee[place])
                    if made.arrived[place] <= today and who not in desk.place:
                        answers = tuple(float(each) for each in made.answers[place])
                        await desk.assess(who, place, answers, begins + timedelta(days=int(made.arrived[place])))
                await desk.ask(RECEIVE, of=desk.fund, amount=int(made.money[which]), on=on.isoformat())
                taken = await desk.decide(made, left[which] + int(made.money[which]), on)
                left[which] += int(made.money[which] - made.amount[taken].sum())
                given += [(place, today) for place in taken]
        funds = [(await desk.ask("{ resources { balance } }"))[0]["balance"] for desk in desks]
        assert funds == left, "a fund holds something else than was left"
    return given, left


async def agrees(made: Society, folder: Path, url: str) -> int:
    """How many gifts the hub made, every one of them as simulated.

    Raises:
        AssertionError: the two part.
    """
    given, left = await hub_outcome(made, folder, url)
    simulated = decided(made, "hub")
    expected = list(zip(simulated.place.tolist(), simulated.day.tolist(), strict=True))
    assert given == expected, next(pair for pair in zip(given, expected, strict=False) if pair[0] != pair[1])
    assert left == simulated.left.tolist()
    return len(given)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--months", type=int, default=6)
    asked = parser.parse_args()
    wanted = Knobs(
        people=asked.people, organisations=max(asked.people // 500, 4), governorates=2, budget=1.0, overlap=2.0, months=asked.months
    )
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as place_:
        there = Path(place_)
        many = uvloop.run(agrees(society(wanted), there, f"sqlite:///{there}/hub.db"))
    print(f"{many:,} gifts of {wanted.organisations} organisations, each as simulated, in {time.perf_counter() - begun:.0f} s")
