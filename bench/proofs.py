"""What proofs of the record's tree cost: making, opening and verifying one among ten million entries.

    python -m bench.proofs [--entries 10000000] [--database URL]

The tree is filled with random leaves, as no proof depends on what they are; the entries that are proved are real ones.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from pathlib import Path
from statistics import median

import orjson
import sqlalchemy as sa
import uvloop

from bench.record import disclosure
from privacy.chain import encode
from privacy.checkpoints import checked_bundle
from privacy.keys import KeyRing
from privacy.merkle import leaf_hash, raised
from privacy.record import Record
from privacy.tree import HASH, WIDTH, parted
from tables.database import Database
from tables.oversight import entry, mark, tree_tile
from tables.statement import insert_missing
from tables.upgrade import upgrade

PROVED = 400


async def fill(record: Record, entries: int, people: int) -> list[int]:
    """Make a tree of so many leaves, with some real entries among them; give their numbers."""
    database, body = record.database, encode(disclosure(people))
    numbers = sorted(random.Random(1).sample(range(1, entries + 1), PROVED))
    real = {number: leaf_hash(record.tree.leaves.leaf(number, body).content) for number in numbers}
    async with database.transaction() as tx:
        await tx.execute_many(database.prepare(sa.insert(entry)), [(number, body, bytes(32)) for number in numbers])
        await tx.execute(database.prepare(insert_missing(mark, database.dialect.name)), {"name": "tree", "number": entries})
    insert, above = database.prepare(sa.insert(tree_tile)), bytearray()
    level, count = 0, entries
    source = None
    while count:
        rows, below, above = [], above, bytearray()
        for place in range((count + WIDTH - 1) // WIDTH):
            size = min(WIDTH, count - place * WIDTH)
            if source is None:
                tile = bytearray(os.urandom(size * HASH))
                for number in range(place * WIDTH + 1, place * WIDTH + size + 1):
                    if number in real:
                        begin = (number - 1) % WIDTH * HASH
                        tile[begin : begin + HASH] = real[number]
            else:
                tile = below[place * WIDTH * HASH : (place * WIDTH + size) * HASH]
            rows.append((level, place, bytes(tile)))
            if size == WIDTH:
                above += raised(parted(bytes(tile)))
            if len(rows) == 2_000:
                async with database.transaction() as tx:
                    await tx.execute_many(insert, rows)
                rows = []
        async with database.transaction() as tx:
            await tx.execute_many(insert, rows)
        level, count, source = level + 1, count // WIDTH, above
    await record.tree.open()
    return numbers


async def main() -> None:
    """Measure in a folder of its own, or in the database given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000_000, help="leaves of the tree")
    parser.add_argument("--database", help="an empty database; default a SQLite file in a folder of its own")
    options = parser.parse_args()
    for people in (1, 1000):
        with tempfile.TemporaryDirectory(prefix="mizalla-") as folder:
            url = options.database or f"sqlite:///{folder}/record.db"
            await upgrade(url, "record")
            record = Record(Database.at(url), KeyRing.create(Path(folder) / "keys.json"))
            await record.open()
            begun = time.perf_counter()
            numbers = await fill(record, options.entries, people)
            built = time.perf_counter() - begun
            begun = time.perf_counter()
            head = await record.tree.sign()
            assert head is not None
            signed = (time.perf_counter() - begun) * 1e3
            print(f"{head.size} entries of {people} people each: filled in {built:.0f} s, signed in {signed:.1f} ms")
            person = disclosure(people).shown[0].people[0]
            made, verified, sizes = [], [], []
            for number in numbers:
                begun = time.perf_counter()
                proof = await record.tree.proof(number, person)
                made.append(time.perf_counter() - begun)
                assert proof is not None
                begun = time.perf_counter()
                checked_bundle(proof, record.tree.verifier())
                verified.append(time.perf_counter() - begun)
                sizes.append(len(orjson.dumps(proof)))
            paths = []
            for number in numbers:
                begun = time.perf_counter()
                await record.tree.included(number, head.size)
                paths.append(time.perf_counter() - begun)
            for what, took in (("path of hashes", paths), ("whole proof for a person", made), ("verifying it", verified)):
                ordered = sorted(took)
                print(f"  {what:<26} median {median(took) * 1e3:.2f} ms, 99 of 100 within {ordered[int(len(ordered) * 0.99)] * 1e3:.2f} ms")
            print(f"  a proof has {median(sizes):.0f} bytes")
            begun = time.perf_counter()
            for first in range(1, 101):
                await record.tree.consistent(head.size * first // 101, head.size)
            print(f"  consistency with a head    {(time.perf_counter() - begun) * 10:.2f} ms")
            await record.close()
            if options.database:
                return
            await asyncio.sleep(0)


if __name__ == "__main__":
    uvloop.run(main())
