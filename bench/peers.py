"""The hub as a contender of the peers comparison: over its three SQLite files, with everything on.

    python -m bench.peers serve --port 4300 --data DIRECTORY     prepares on the first run, then serves
    python -m bench.peers bodies                                 prints the request bodies of the five workloads
    python -m bench.peers copy --data DIRECTORY --postgresql URL copies the three files' tables into an empty PostgreSQL database

`--subgraphs PORT` asks the comparison's three subgraphs instead, by HTTP as its gateways do, on three ports from this one on: what
`bench/peers-http.toml` says of each source is put in the place of its file.

`--postgresql URL` reads the sources from such a database, whose keys are compared byte by byte. `--off` serves the same with everything off
(`bench/ungoverned.py`), which shows what governance costs.

Every person is an own case of the organisation that asks and consented to their name being shown; name and disability
are asked of the registry under that consent, allocations and insurance under agreements.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import random
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import asyncpg

from privacy.credentials import Credentials
from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms
from settings import Settings, load
from tables.database import Database
from tables.upgrade import upgrade
from values import Category

ROOT = Path(__file__).resolve().parent
CONFIG, SUBGRAPHS = ROOT / "peers.toml", ROOT / "peers-http.toml"
HOME = ROOT.parent / "var" / "peers"
KEY_ID, SECRET = "benchmarking", "B" * 43
"""A key known to all: it opens nothing but this comparison's own hub."""

KINDS, TEXT = {"INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION"}, 'TEXT COLLATE pg_catalog."C"'
"""What SQLite's types are in PostgreSQL; texts are compared byte by byte, as in the files."""

DETAIL = "id name allocations(order: RECORDED) { id kind amount currency allocatedOn organisation { id name } } insurance { status months }"
FLAT = "id name birthYear sex governorate householdSize disability needScore"
ONE = f"query One($id: ID!) {{ beneficiary: person(id: $id) {{ {DETAIL} }} }}"
MANY = f"query Many($first: Int!, $after: ID) {{ beneficiaries: people(first: $first, after: $after) {{ {DETAIL} }} }}"
ALL = f"query Flat($first: Int!, $after: ID) {{ beneficiaries: people(first: $first, after: $after) {{ {FLAT} }} }}"


def bodies(settings: Settings, people: int = 100_000, count: int = 256, seed: int = 7, *, off: bool = False) -> dict[str, list[str]]:
    """The comparison's bodies, body i asking for the same people as its own body i, by this requester's pseudonyms."""
    name = "P{:07d}".format if off else Pseudonyms(KeyRing.load(settings.hub.keys)).maker("relief")
    rng = random.Random(seed)

    def body(query: str, operation: str, variables: dict[str, object] | None = None) -> str:
        return json.dumps({"query": query, "operationName": operation, "variables": variables or {}})

    def starts(first: int) -> list[int]:
        return [rng.randint(1, people - first) for _ in range(count)]

    return {
        "W1": [body(ONE, "One", {"id": name(rng.randint(1, people))}) for _ in range(count)],
        "W2": [body(MANY, "Many", {"first": 50, "after": name(after)}) for after in starts(50)],
        "W3": [body(MANY, "Many", {"first": 1000, "after": name(after)}) for after in starts(1000)],
        "W4": [body(ALL, "Flat", {"first": 1000, "after": name(after)}) for after in starts(1000)],
        "W5": [body("query Floor { __typename }", "Floor")],
    }


async def prepare(settings: Settings, data: Path) -> None:
    """Fill the hub's own tables once, however many contenders start together."""
    hub = Path(settings.hub.database.removeprefix("sqlite:///"))
    hub.parent.mkdir(parents=True, exist_ok=True)
    with (hub.parent / "preparing").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not hub.exists():
            await fill(settings, data, hub)


async def fill(settings: Settings, data: Path, hub: Path) -> None:
    """People, links, own cases, consents, one credential."""
    ring = KeyRing.create(settings.hub.keys)
    await upgrade(settings.hub.database)
    database = Database.at(settings.hub.database)
    credentials = Credentials(database, ring)
    mask = sum(each.bit for each in (Category.NAME, Category.HEALTH))
    with sqlite3.connect(hub) as db:
        for name, file, table, column in (
            ("registry", "registry", "persons", "id"),
            ("partners", "ngo", "allocations", "person_id"),
            ("ministry", "ministry", "insurance", "person_id"),
        ):
            db.execute("ATTACH ? AS source", (str(data / f"{file}.db"),))
            db.execute(
                "INSERT INTO link (source, person, key, run)"
                f" SELECT DISTINCT ?, CAST(substr({column}, 2) AS INTEGER), {column}, 1 FROM source.{table}",
                (name,),
            )
            db.commit()
            db.execute("DETACH source")
        db.execute("INSERT INTO person (number) SELECT person FROM link WHERE source = 'registry'")
        db.execute("INSERT INTO own_case (organisation, position, person) SELECT 'relief', key, person FROM link WHERE source = 'registry'")
        db.execute(
            "INSERT INTO consent (id, person, receiver, purpose, categories, granted_at, ends_at, receipt)"
            " SELECT printf('%032d', number), number, 'relief', 'aid_distribution', ?, ?, 4102444800, x'' FROM person",
            (mask, int(time.time())),
        )
        db.execute(
            "INSERT INTO credential (id, hash, name, kind, organisation, role, purposes, created_at)"
            " VALUES (?, ?, 'bench', 'staff', 'relief', 'caseworker', 'aid_distribution', 0)",
            (KEY_ID, credentials._hash(SECRET)),  # noqa: SLF001 — a key known beforehand is what no public door gives
        )
        db.commit()


def written(options: argparse.Namespace) -> Path:
    """The hub.toml of these options; a file of its own where the sources are others, since a running hub looks at its file again."""
    if not options.postgresql and not options.subgraphs:
        return CONFIG
    text = CONFIG.read_text(encoding="utf-8").replace("../var/peers", str(HOME))
    if options.postgresql:
        text = re.sub(r'"sqlite:///\$\{env:PEERS_DATA\}/\w+\.db"', json.dumps(options.postgresql), text)
    else:
        for number, name in enumerate(("REGISTRY", "PARTNERS", "MINISTRY")):
            os.environ[f"PEERS_{name}"] = f"http://127.0.0.1:{options.subgraphs + number}/graphql"
        before, after = text.index("[sources.registry]"), text.index("[[agreements]]")
        text = f"{text[:before]}{SUBGRAPHS.read_text(encoding='utf-8')}\n{text[after:]}"
    path = HOME / f"{'postgresql' if options.postgresql else 'http'}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


async def copy(data: Path, url: str) -> None:
    """Copy the three files' tables into an empty PostgreSQL database, with the same types, keys and indexes."""
    connection = await asyncpg.connect(url)
    for file in ("registry", "ngo", "ministry"):
        with closing(sqlite3.connect(data / f"{file}.db")) as source:
            for (table,) in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall():
                described = source.execute("SELECT name, upper(type), pk FROM pragma_table_info(?)", (table,)).fetchall()
                columns = [f"{name} {KINDS.get(kind, TEXT)}{' PRIMARY KEY' if key else ''}" for name, kind, key in described]
                await connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
                rows = source.execute(f"SELECT * FROM {table}").fetchall()
                await connection.copy_records_to_table(table, records=rows, columns=[name for name, _, _ in described])
    await connection.execute("CREATE INDEX allocations_person ON allocations (person_id, id)")
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def main() -> None:
    """Run one of the three commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["serve", "bodies", "copy"])
    parser.add_argument("--port", type=int, default=4300)
    parser.add_argument("--data", type=Path, help="the folder of registry.db, ngo.db and ministry.db")
    parser.add_argument("--postgresql", metavar="URL", help="the sources, instead of the three files")
    parser.add_argument("--subgraphs", metavar="PORT", type=int, help="the sources, instead of the three files")
    parser.add_argument("--off", action="store_true", help="nothing governed: see bench/ungoverned.py")
    options = parser.parse_args()
    if options.command == "copy":
        asyncio.run(copy(options.data, options.postgresql))
        return
    os.environ.setdefault("PEERS_DATA", str(options.data))
    settings = load(written(options))
    if options.command == "bodies":
        print(json.dumps(bodies(settings, off=options.off)))
        return
    asyncio.run(prepare(settings, options.data))
    from server import serve

    if options.off:
        from bench.ungoverned import switch_off

        switch_off()
    serve(settings.model_copy(update={"hub": settings.hub.model_copy(update={"port": options.port})}), lambda: print("ready", flush=True))


if __name__ == "__main__":
    main()
