"""What finding likely duplicates costs as somebody types, whom it finds, and what a file of 20,000 costs to import.

    python bench/duplicates.py [--people 100000] [--database postgresql]

Names are drawn from the sample country's lists, common ones far more often than rare ones. Some of the cases (`--asks`) are
typed again as another clerk may write them; and as many people are typed who are none of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import orjson
import sqlalchemy as sa
import uvloop

from bench.queue import database_of
from privacy.keys import KeyRing
from resolvers.aid.importing import FILE_BYTES, FILE_ROWS
from resolvers.aid.likeness import Particulars
from resolvers.hub import Hub
from samples.build import FILE
from samples.names import ARABIC, respelt
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Door, Request
from settings import load
from tables.aid import case_block, case_particulars
from tables.identity import own_case, person
from values import Purpose, Role

OURS = "karama"
ASK = """query ($input: CaseParticularsInput!) {
  caseDuplicates(input: $input) { person score name reasons { code weight } } }"""
ROWS = 20_000
"""Rows of the file, in families of five."""

ODD = (5, 60)
"""One in five is typed again with a year of birth off by one, and one in sixty without any."""


def drawn(chance: Random) -> Particulars:
    """Somebody: of each list the first names are far more common."""

    def one(of: tuple[str, ...]) -> str:
        return of[min(int(chance.expovariate(6 / len(of))), len(of) - 1)]

    woman = chance.random() < 0.5
    own = one(ARABIC.women if woman else ARABIC.men)
    chain = [own, one(ARABIC.men), one(ARABIC.men), one(ARABIC.surnames)]
    mother = f"{one(ARABIC.women)} {one(ARABIC.men)}"
    return Particulars(" ".join(chain), mother, chance.randrange(1940, 2025), "F" if woman else "M", "IQ-BG")


def again(chance: Random, one: Particulars) -> dict[str, object]:
    """The same person as another clerk types it: respelt, at times without the grandfather, or a year off."""
    chain: list[str] = []
    for word in respelt(chance, one.name).split():
        if chain and chain[-1] == "عبد":  # half a name, which nobody leaves out alone
            chain[-1] += f" {word}"
        else:
            chain.append(word)
    if len(chain) > 3 and chance.random() < 0.3:
        del chain[2]
    year = (one.birth_year or 0) + (chance.choice((-1, 1)) if chance.randrange(ODD[0]) == 0 else 0)
    return {
        "name": " ".join(chain),
        "motherName": respelt(chance, str(one.mother_name)),
        "birthYear": year if chance.randrange(ODD[1]) else None,
        "sex": one.sex,
    }


async def fill(hub: Hub, people: int) -> list[Particulars]:
    """Cases with particulars and their blocks."""
    database, chance, files = hub.database, Random(11), hub.aid.particulars
    everybody = [drawn(chance) for _ in range(people)]
    add = {table.name: database.prepare(sa.insert(table)) for table in (person, own_case, case_particulars, case_block)}
    for begin in range(0, people, 10_000):
        part = list(enumerate(everybody[begin : begin + 10_000], begin + 1))
        async with database.transaction() as tx:
            await tx.execute_many(add["person"], [(number, None) for number, _ in part])
            await tx.execute_many(add["own_case"], [(OURS, f"{number:09}", number) for number, _ in part])
            await tx.execute_many(add["case_particulars"], [(OURS, number, files.sealed(OURS, each), 1) for number, each in part])
            blocked = [(OURS, blind, number) for number, each in part for blind in files.blinded(OURS, each)]
            await tx.execute_many(add["case_block"], blocked)
    return everybody


async def main(url: str, folder: Path, people: int, many: int) -> None:
    """Fill a hub, and ask it."""
    for secret in ("CRESCENT_AID_URL", "RAFIDAIN_RELIEF_URL", "RAFIDAIN_RELIEF_TOKEN"):
        os.environ.setdefault(secret, "http://127.0.0.1:1")
    settings = load(FILE)
    KeyRing.create(str(folder / "keys.json"))
    limits = settings.hub.limits.model_copy(update={"requests": 0, "points": 0})
    own = settings.hub.model_copy(
        update={"database": url, "record": f"sqlite:///{folder}/record.db", "keys": str(folder / "keys.json"), "limits": limits}
    )
    sources = {name: each for name, each in settings.sources.items() if each.wire == "hub"}
    agreements = tuple(each for each in settings.agreements if each.source in sources)
    async with Hub(settings.model_copy(update={"hub": own, "sources": sources, "agreements": agreements}), CATALOGUE, PUBLIC_NAMES) as hub:
        key = await hub.credentials.issue("bench", "staff", OURS, Role.MANAGER, [Purpose.AID_DISTRIBUTION], int(time.time()), None)
        begun = time.perf_counter()
        everybody = await fill(hub, people)
        print(f"filled with {people:,} cases in {time.perf_counter() - begun:.0f} s")
        door, chance, identify = Door(hub, SCHEMA), Random(5), hub.pseudonyms.maker(OURS, "person")

        async def ask(typed: dict[str, object]) -> list[dict[str, object]]:
            enquiry = await hub.enquiry(key, None, datetime.now(UTC))
            body = (await door.answer(Request(ASK, None, {"input": typed}), enquiry)).body
            assert "errors" not in body, orjson.dumps(body)
            return list(body["data"]["caseDuplicates"])

        taken, found, first, shown = [], 0, 0, 0
        spent = time.process_time()
        for number in chance.sample(range(1, people + 1), many):
            typed = again(chance, everybody[number - 1])
            begun = time.perf_counter()
            rows = await ask(typed)
            taken.append((time.perf_counter() - begun) * 1000)
            listed = [each["person"] for each in rows]
            found += identify(number) in listed
            first += listed[:1] == [identify(number)]
            shown += len(rows)
        spent = (time.process_time() - spent) * 1000 / many
        taken.sort()
        print(
            f"as somebody types: median {statistics.median(taken):.1f} ms, 95 % {taken[many * 19 // 20]:.1f} ms, longest {taken[-1]:.1f} ms"
        )
        print(f"{spent:.1f} ms of CPU each")
        print(f"of {many} typed again {found} are found, {first} of them on top; {shown / many:.1f} shown each time")
        strange = Random(99)
        wrong = 0
        for _ in range(many):
            wrong += bool(await ask(again(strange, drawn(strange))))
        print(f"of {many} who are no case {wrong} are warned of somebody")
        await imported(hub, key, strange)


async def imported(hub: Hub, key: str, chance: Random) -> None:
    """What looking through and importing a file of four thousand families costs."""
    lines = ["household,case_number,relation,name,mother_name,birth_year,sex"]
    for number in range(ROWS):
        one, relation = drawn(chance), "head" if number % 5 == 0 else "child"
        lines.append(f"{number // 5},F-{number},{relation},{one.name},{one.mother_name},{one.birth_year},{one.sex}")
    content, most = "\n".join(lines).encode(), (FILE_BYTES, FILE_ROWS)
    enquiry = await hub.enquiry(key, None, datetime.now(UTC))
    begun, spent = time.perf_counter(), time.process_time()
    seen = await hub.aid.importing.preview(enquiry, content, "csv", most)
    looked, used = time.perf_counter() - begun, time.process_time() - spent
    print(f"{ROWS:,} rows looked through in {looked:.1f} s ({used:.1f} s of CPU): {len(seen.twins)} likely duplicates")
    given = {"digest": seen.digest, "distinct_rows": [each.row for each in seen.twins], "idempotency_key": None}
    begun, spent = time.perf_counter(), time.process_time()
    await hub.aid.importing.load(enquiry, given, content, "csv", most)
    print(f"and imported in {time.perf_counter() - begun:.1f} s ({time.process_time() - spent:.1f} s of CPU)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=1000)
    parser.add_argument("--database", default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as made:
        for address in database_of(given.database, Path(made)):
            uvloop.run(main(address, Path(made), given.people, given.asks))
