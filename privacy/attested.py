"""What the hub keeps of the attestations it issued: their places in the status lists, and who may take which back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
import sqlalchemy as sa

from errors import AttestationInvalid, Conflict
from privacy.keys import KeyRing
from privacy.sealing import Seal
from privacy.selective import thumbprint
from privacy.status import SIZE
from tables.database import Database, Row, Transaction, among
from tables.identity.attestations import attestation, spent
from tables.statement import insert_missing

FULL = SIZE // 2
"""Places given out of one list: a place drawn at random is then free in one try of two."""

KEPT_SECONDS = 30 * 86_400
"""For so long after its end a row stands; then its place may be given again."""

TRIES = 40

GROUPED = (
    attestation.c.batch,
    attestation.c.person,
    attestation.c.type,
    attestation.c.about,
    attestation.c.said,
    attestation.c.issued_at,
    attestation.c.ends_at,
    attestation.c.revoked_at,
    attestation.c.reason,
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Attestations issued together, which say the same; times in seconds since 1970 (UTC)."""

    id: str
    person: int
    type: str
    about: str | None
    said: bytes
    issued_at: int
    ends_at: int
    revoked_at: int | None
    reason: str | None
    count: int


class Attested:
    """Places, batches and used nonces."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Prepare every statement once."""
        self._database = database
        self._ring = ring
        self._said = ring.subkey("attestation said", ring.root)
        self._holder = ring.subkey("attestation holder", ring.root)
        self._nonce = ring.subkey("attestation nonce", ring.root)
        self._seal = Seal(ring, "attestation about", "hub")
        prepare, table = database.prepare, attestation.c
        place = (table.list == sa.bindparam("list"), table.position == sa.bindparam("position"))
        self._last = prepare(sa.select(sa.func.max(table.list)))
        self._used = prepare(sa.select(sa.func.count()).where(table.list == sa.bindparam("list")))
        self._bound = prepare(sa.select(table.position).where(among(table.holder, "holders", "blob")))
        self._take = prepare(insert_missing(attestation, database.dialect.name))
        self._taken = prepare(sa.select(table.batch, table.holder).where(*place))
        self._revoked = prepare(sa.select(table.position).where(table.list == sa.bindparam("list"), table.revoked_at.is_not(None)))
        self._one = prepare(sa.select(table.ends_at, table.revoked_at).where(*place))
        grouped = sa.select(*GROUPED, sa.func.count()).group_by(*GROUPED).order_by(table.issued_at.desc(), table.batch)
        self._of_person = prepare(grouped.where(table.person == sa.bindparam("person")))
        self._of_batch = prepare(grouped.where(table.batch == sa.bindparam("batch")))
        self._live = prepare(
            sa.select(table.person)
            .where(table.revoked_at.is_(None), table.ends_at > sa.bindparam("now"), table.person > sa.bindparam("after"))
            .group_by(table.person)
            .order_by(table.person)
            .limit(sa.bindparam("first"))
        )
        self._end = prepare(
            sa.update(attestation)
            .where(table.batch == sa.bindparam("which"), table.revoked_at.is_(None))
            .values(revoked_at=sa.bindparam("at"), reason=sa.bindparam("why"))
        )
        self._forget = prepare(sa.delete(attestation).where(table.ends_at < sa.bindparam("before")))
        self._spend = prepare(insert_missing(spent, database.dialect.name))
        self._spent = prepare(sa.select(spent.c.claim).where(spent.c.nonce == sa.bindparam("nonce")))
        self._let_go = prepare(sa.delete(spent).where(spent.c.ends_at < sa.bindparam("before")))

    # --- issuing -------------------------------------------------------------------------------------------------

    def digest(self, person: int, said: Mapping[str, Any]) -> bytes:
        """By this it is noticed later that what was said is no longer so, without keeping what was said."""
        content = orjson.dumps([person, said], option=orjson.OPT_SORT_KEYS)
        return blake2b(content, key=self._said, digest_size=32).digest()

    async def place(self, tx: Transaction, batch: Batch, holders: Iterable[Mapping[str, str]]) -> list[tuple[int, int]]:
        """Give each holder's key a place of its own in a status list, drawn at random.

        Raises:
            Conflict: one of the keys is bound already; a key that is shown twice would link what it shows.
        """
        digests = [blake2b(thumbprint(each), key=self._holder, digest_size=32).digest() for each in holders]
        if len(set(digests)) < len(digests) or await tx.fetch(self._bound, {"holders": digests}):
            raise Conflict("a key is already bound to an attestation", "make a new key pair for each attestation")
        last = (await tx.fetch(self._last, {}))[0][0] or 0
        if (await tx.fetch(self._used, {"list": last}))[0][0] + len(digests) > FULL:
            last += 1
        return [await self._taking(tx, batch, last, each) for each in digests]

    async def _taking(self, tx: Transaction, batch: Batch, number: int, holder: bytes) -> tuple[int, int]:
        about = None if batch.about is None else self._seal.close(batch.about.encode(), self._ring.current)
        row = {"batch": batch.id, "person": batch.person, "type": batch.type, "about": about, "said": batch.said, "holder": holder}
        row |= {"issued_at": batch.issued_at, "ends_at": batch.ends_at, "revoked_at": None, "reason": None}
        for _ in range(TRIES):
            place = {"list": number, "position": secrets.randbelow(SIZE)}
            await tx.execute(self._take, {**place, **row})
            found = await tx.fetch(self._taken, place)
            if found and (found[0][0], bytes(found[0][1])) == (batch.id, holder):
                return number, place["position"]
        raise Conflict("a key is already bound to an attestation", "make a new key pair for each attestation")

    # --- looking up ----------------------------------------------------------------------------------------------

    async def of(self, person: int) -> list[Batch]:
        """What was issued to a person, newest first."""
        return [self._batch(row) for row in await self._database.fetch(self._of_person, {"person": person})]

    async def batch(self, tx: Transaction, id: str) -> Batch | None:  # noqa: A002 — the column is called so
        """One batch, if there is such."""
        rows = await tx.fetch(self._of_batch, {"batch": id})
        return self._batch(rows[0]) if rows else None

    async def lists(self) -> int:
        """How many status lists there are; one is always published, so that an empty hub looks like any other."""
        return int((await self._database.fetch(self._last))[0][0] or 0) + 1

    async def revoked(self, number: int) -> list[int]:
        """The revoked places of a list."""
        return [row[0] for row in await self._database.fetch(self._revoked, {"list": number}, rows=1000)]

    async def stands(self, number: int, position: int) -> bool:
        """Whether the attestation of this place was issued and not revoked."""
        rows = await self._database.fetch(self._one, {"list": number, "position": position})
        return bool(rows) and rows[0][1] is None

    async def people(self, now: int, after: int, first: int) -> list[int]:
        """People with attestations in force, by number."""
        return [row[0] for row in await self._database.fetch(self._live, {"now": now, "after": after, "first": first}, rows=first)]

    # --- ending --------------------------------------------------------------------------------------------------

    async def revoke(self, tx: Transaction, batch: str, now: int, reason: str) -> None:
        """Take a batch back; from now on every status list says so."""
        await tx.execute(self._end, {"which": batch, "at": now, "why": reason})

    async def forget(self, tx: Transaction, now: int) -> None:
        """Delete what ended long ago, and nonces that nobody takes any more."""
        await tx.execute(self._forget, {"before": now - KEPT_SECONDS})
        await tx.execute(self._let_go, {"before": now})

    async def spend(self, tx: Transaction, nonce: str, ends_at: int) -> None:
        """Use a nonce; whoever comes second is refused.

        Raises:
            AttestationInvalid: it was used before.
        """
        digest, claim = blake2b(nonce.encode(), key=self._nonce, digest_size=32).digest(), secrets.token_hex(16)
        await tx.execute(self._spend, {"nonce": digest, "claim": claim, "ends_at": ends_at})
        if (await tx.fetch(self._spent, {"nonce": digest}))[0][0] != claim:
            raise AttestationInvalid("this nonce was used before", "take a new nonce for every presentation")

    def _batch(self, row: Row) -> Batch:
        id_, person, type_, about, said, issued_at, ends_at, revoked_at, reason, count = row
        opened = self._seal.open(about, stored=True) if about is not None else None
        return Batch(
            id_, person, type_, opened.decode() if opened else None, bytes(said), issued_at, ends_at, revoked_at, reason, int(count)
        )
