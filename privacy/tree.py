"""The Merkle tree over the record's entries, as it is stored: tiles of 256 hashes, signed heads, proofs.

The tree grows after the appending, when the record is quiet, and at the latest every ten minutes (RFC 9162 calls such a time the
maximum merge delay): making a leaf of an entry of a thousand people costs a millisecond, which no answer has to wait for. A proof in a
tree of ten million entries reads a handful of tiles.
Source: RFC 9162, section 2.1; the tiles after C2SP tlog-tiles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Invalid, RecordError
from privacy.checkpoints import Checkpoint, bundle, verifier_key
from privacy.failing import failing
from privacy.leaves import Leaves
from privacy.merkle import Range, consistency, inclusion, leaf_hash, raised, root_of, subtrees
from tables.database import Database, Row, Transaction, among
from tables.oversight import entry, mark, tree_head, tree_tile
from tables.statement import insert_missing

if TYPE_CHECKING:
    from privacy.keys import KeyRing

WIDTH = 256
"""Hashes of a tile, which so stands eight levels high."""

HASH = 32
GROWTH = 256
"""Entries added in one transaction; of entries about a thousand people they take a third of a second in a thread."""

MERGE_SECONDS = 600
"""So long may an entry wait for its place in the tree while the hub is busy."""

HEAD_SECONDS = 60
"""A head is signed at most so often, unless a proof needs one."""

BACKLOG = 50_000
"""More entries than this are added even when it is never quiet."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A signed head as it is stored."""

    size: int
    at: int
    root: bytes
    checkpoint: str
    key_version: int


class Tree:
    """The tree of one record; several processes may grow the same one."""

    def __init__(self, database: Database, ring: KeyRing, clock: Callable[[], float]) -> None:
        """Prepare every statement once."""
        self.database = database
        self.ring = ring
        self.clock = clock
        self.leaves = Leaves(ring)
        digest = blake2b(bytes(ring.signing_key(ring.versions[0]).verify_key), digest_size=4)
        self.origin = f"mizalla-record-{digest.hexdigest()}"
        self.size, self._signed = 0, 0
        self._grown_at = self._head_at = clock()
        self._growing = asyncio.Lock()
        prepare = database.prepare
        self._marked = prepare(sa.select(mark.c.number).where(mark.c.name == sa.literal("tree")))
        self._hold = prepare(sa.select(mark.c.number).where(mark.c.name == sa.bindparam("name")).with_for_update())
        self._mark = prepare(insert_missing(mark, database.dialect.name))
        self._move = prepare(sa.update(mark).where(mark.c.name == sa.literal("tree")).values(number=sa.bindparam("upto")))
        span = entry.c.number > sa.bindparam("after"), entry.c.number <= sa.bindparam("upto")
        self._span = prepare(sa.select(entry.c.number, entry.c.body).where(*span).order_by(entry.c.number))
        of_level = tree_tile.c.level == sa.bindparam("level")
        tiles = sa.select(tree_tile.c.level, tree_tile.c.place, tree_tile.c.hashes)
        self._tiles = prepare(tiles.where(of_level, among(tree_tile.c.place, "places", "whole")))
        self._drop = prepare(sa.delete(tree_tile).where(of_level, tree_tile.c.place == sa.bindparam("which")))
        self._insert = prepare(sa.insert(tree_tile))
        self._insert_head = prepare(insert_missing(tree_head, database.dialect.name))
        self._newest = prepare(sa.select(*tree_head.c).order_by(tree_head.c.size.desc()).limit(1))
        self._heads = prepare(sa.select(*tree_head.c).where(tree_head.c.size == sa.bindparam("size")))

    async def open(self) -> None:
        """Learn how far the tree has grown."""
        found = await self.database.fetch(self._marked)
        self.size = found[0][0] if found else 0
        newest = await self.database.fetch(self._newest)
        self._signed = newest[0][0] if newest else 0

    async def tend(self, last: int, quiet: Callable[[], bool]) -> None:
        """Grow towards the record's last number while it is quiet, or once it has waited long enough, and sign a head once a minute."""
        now, behind = self.clock(), last - self.size
        if behind > BACKLOG or (behind > 0 and now - self._grown_at >= MERGE_SECONDS):
            await self.grow()
        elif behind > 0 and quiet():
            await self.grow(quiet)
        if self.size > self._signed and now - self._head_at >= HEAD_SECONDS:
            await self.sign()

    async def grow(self, further: Callable[[], bool] = lambda: True) -> int:
        """Bring the tree up to the record's last entry, or as far as `further` says; give its size.

        Raises:
            RecordError: the record could not be read, or the tree not stored.
        """
        async with self._growing:
            with failing():
                while await self._grown():
                    if not further():
                        return self.size
        self._grown_at = self.clock()
        return self.size

    async def _grown(self) -> bool:
        found = await self.database.fetch(self._marked)
        self.size = found[0][0] if found else 0
        rows = await self.database.fetch(self._span, {"after": self.size, "upto": self.size + GROWTH}, rows=GROWTH)
        if not rows:
            return False
        if [number for number, _ in rows] != list(range(self.size + 1, self.size + 1 + len(rows))):
            raise RecordError("an entry of the disclosure record is missing", "run `mizalla audit verify`, and restore it from its copy")
        hashes = await asyncio.to_thread(self._hashed, rows)
        async with self.database.transaction() as tx:
            ours = await self._held(tx) == self.size  # else another process was quicker
            if ours:
                await self._add(tx, hashes)
                await tx.execute(self._move, {"upto": self.size + len(hashes)})
        self.size += len(hashes) if ours else 0
        return True

    def _hashed(self, rows: Sequence[Row]) -> list[bytes]:
        return [leaf_hash(self.leaves.leaf(number, bytes(body)).content) for number, body in rows]

    async def _held(self, tx: Transaction) -> int:
        """Hold the tree's row of `mark` until the transaction ends: one process at a time grows it."""
        found = await tx.fetch(self._hold, {"name": "tree"})
        if not found:
            await tx.execute_many(self._mark, [{"name": "tree", "number": 0}])
            found = await tx.fetch(self._hold, {"name": "tree"})
        return int(found[0][0])

    async def _add(self, tx: Transaction, hashes: Sequence[bytes]) -> None:
        level, size, added = 0, self.size, list(hashes)
        while added:
            place, filled = divmod(size, WIDTH)
            before = await tx.fetch(self._tiles, {"level": level, "places": [place]}) if filled else []
            joined = (bytes(before[0][2])[: filled * HASH] if before else b"") + b"".join(added)
            tiles = [joined[begin : begin + WIDTH * HASH] for begin in range(0, len(joined), WIDTH * HASH)]
            if before:
                await tx.execute(self._drop, {"level": level, "which": place})
            await tx.execute_many(self._insert, [{"level": level, "place": at, "hashes": tile} for at, tile in enumerate(tiles, place)])
            level, size = level + 1, place
            added = [raised(parted(tile)) for tile in tiles if len(tile) == WIDTH * HASH]

    # --- heads ---------------------------------------------------------------------------------------------------

    async def sign(self) -> TreeHead | None:
        """Sign the tree as it stands, and give its newest head; None while it is empty.

        Raises:
            RecordError: the head could not be made or stored.
        """
        with failing():
            newest = await self.head()
            size = self.size
            if size and (newest is None or newest.size < size):
                (root,) = await self._roots([(0, size)])
                version = self.ring.current
                made = Checkpoint(self.origin, size, root, int(self.clock()))
                newest = TreeHead(size, made.at, root, made.signed(self.ring.signing_key(version)), version)
                values = {name: getattr(newest, name) for name in ("size", "at", "root", "checkpoint", "key_version")}
                async with self.database.transaction() as tx:
                    await tx.execute(self._insert_head, values)
            self._head_at, self._signed = self.clock(), size
        return newest

    async def head(self, size: int | None = None) -> TreeHead | None:
        """The newest signed head, or that of a size; None where there is none."""
        with failing():
            found = await self.database.fetch(*((self._newest, {}) if size is None else (self._heads, {"size": size})))
        return _head(found[0]) if found else None

    def verifier(self, version: int | None = None) -> str:
        """The public key of a version, as tools for signed notes take it."""
        return verifier_key(self.origin, self.ring.signing_key(version).verify_key)

    # --- proofs --------------------------------------------------------------------------------------------------

    async def included(self, number: int, size: int) -> list[bytes]:
        """The hashes that prove an entry to be in the tree of a size, from the leaf upwards.

        Raises:
            RecordError: the tiles cannot be read.
        """
        with failing():
            return await self._roots(inclusion(number - 1, size))

    async def consistent(self, first: int, second: int) -> list[bytes]:
        """The hashes that prove the tree of the second size to continue that of the first.

        Raises:
            Invalid: the sizes are not of two trees there were, the smaller first.
            RecordError: the tiles cannot be read.
        """
        newest = await self.head()
        if newest is None or not 1 <= first <= second <= newest.size:
            raise Invalid("these are not sizes of two trees, the smaller first", "take them from heads that were published", "first")
        with failing():
            return await self._roots(consistency(first, second))

    async def proof(self, number: int, person: int | None = None) -> dict[str, Any] | None:
        """The proof that an entry is in the tree of the newest head, opened for one person or whole; None where it is not there yet.

        Raises:
            RecordError: the entry is not the one that was put into the tree.
        """
        head = await self.head()
        if head is None or head.size < number:
            return None
        with failing():
            rows = await self.database.fetch(self._span, {"after": number - 1, "upto": number})
            if not rows:
                return None
            body = bytes(rows[0][1])
            leaf = self.leaves.leaf(number, body) if person is None else self.leaves.leaf_for(number, body, person)
            ours, *path = await self._roots([(number - 1, number), *inclusion(number - 1, head.size)])
        if ours != leaf_hash(leaf.content):
            raise RecordError(
                "an entry is not the one in the tree: it was changed", "run `mizalla audit verify`, and tell the inspectorate"
            )
        return bundle(leaf, path, head.checkpoint, None if person is None else self.leaves.person_key(person))

    async def _roots(self, parts: Sequence[Range]) -> list[bytes]:
        """The hashes of parts of the tree, with one statement a level."""
        wanted: dict[int, set[int]] = {}
        for part in parts:
            for height, place in subtrees(part):
                level, inner = divmod(height, 8)
                wanted.setdefault(level, set()).add((place << inner) // WIDTH)
        tiles: dict[tuple[int, int], bytes] = {}
        for level, places in wanted.items():
            for found in await self.database.fetch(self._tiles, {"level": level, "places": sorted(places)}):
                tiles[found[0], found[1]] = bytes(found[2])

        def subtree(height: int, place: int) -> bytes:
            level, inner = divmod(height, 8)
            tile, begin = divmod(place << inner, WIDTH)
            hashes = tiles[level, tile][begin * HASH : (begin + (1 << inner)) * HASH]
            return raised(parted(hashes))

        return [root_of(part, subtree) for part in parts]


def parted(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[begin : begin + HASH] for begin in range(0, len(tile), HASH)]


def _head(row: Iterable[Any]) -> TreeHead:
    size, at, root, checkpoint, version = row
    return TreeHead(size, at, bytes(root), checkpoint, version)
