"""Bringing the queues up to date, person after person, in pages: what was done stands, and whoever is interrupted goes on from there.

Either what other systems gave is read into them, or every place is counted anew from what the hub knows. Of what other systems gave only
kind, amount, currency and day are kept of each gift, under a keyed hash of its source's own key. Who may see them is decided when a queue
is read, for each source by the ordinary rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from resolvers.aid.inputs import KINDS
from resolvers.aid.ranking import Ranking
from tables.aid import RECOUNT, nomination, queue_policy, receipt, refreshing
from tables.database import Transaction, among
from tables.identity import person
from values import Ask, Shape

if TYPE_CHECKING:
    from resolvers.hub import Hub

PAGE: Final = 500
"""People whose gifts a source is asked for at once."""

COUNTED_AT_ONCE: Final = 2_500
"""People whose places are counted anew in one transaction."""

WANTED: Final = ("key", "kind", "amount", "currency", "allocated_on", "status", "organisation")
COUNTED: Final = frozenset({"delivered", "planned", None})

Progress = Callable[[int, int], None]
"""Is told how many people are done, and of how many that were left when the run began."""

Brings = Callable[[Sequence[int]], Awaitable[list[dict[str, Any]]]]
"""Gives what a source gave to some people, as it is kept."""


class Refresher:
    """Brings the gifts of other systems into the queues, and counts their places anew."""

    def __init__(self, hub: Hub, ranking: Ranking) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.ranking = ranking
        self._digests = hub.ring.subkey("receipt", hub.ring.root)
        prepare = hub.database.prepare
        waiting = sa.select(nomination.c.person).join(queue_policy, queue_policy.c.id == nomination.c.policy).where(queue_policy.c.active)
        waiting = waiting.where(nomination.c.person > sa.bindparam("after", type_=sa.BigInteger)).distinct()
        self._count = prepare(sa.select(sa.func.count()).select_from(waiting.subquery("waiting")))
        self._page = prepare(waiting.order_by(nomination.c.person).limit(sa.bindparam("first")))
        self._homes = prepare(
            sa.select(person.c.household).where(among(person.c.number, "people", "whole"), person.c.household.is_not(None)).distinct()
        )
        self._forget = prepare(
            sa.delete(receipt).where(receipt.c.source == sa.bindparam("of_source"), among(receipt.c.person, "people", "whole"))
        )
        self._keep = prepare(sa.insert(receipt))
        self._after = prepare(sa.select(refreshing.c.after).where(refreshing.c.source == sa.bindparam("of_source")))
        self._begin = prepare(sa.delete(refreshing).where(refreshing.c.source == sa.bindparam("of_source")))
        self._note = prepare(sa.insert(refreshing))

    def sources(self) -> list[str]:
        """The sources whose gifts are read: those that keep allocations, but for the hub's own tables, which count at once."""
        settings = self.hub.settings.sources
        return [name for name, gate in self.hub.gates.items() if gate.offers("allocation") and settings[name].wire != "hub"]

    async def refresh(self, source: str, now: int, progress: Progress) -> int:
        """Read what a source gave to everybody in a queue, and move them; goes on where an interrupted run ended.

        Returns how many places moved.

        Raises:
            SourceError: the source failed; what was read before it did stands.
        """

        async def brings(people: Sequence[int]) -> list[dict[str, Any]]:
            return await self._read(source, people)

        return await self._walk(source, now, progress, brings)

    async def recount(self, now: int, progress: Progress) -> int:
        """Count every place of every queue in force anew, from all that the hub knows; goes on where an interrupted run ended.

        Returns how many places moved: none where each was as it should be.
        """
        return await self._walk(RECOUNT, now, progress)

    async def _walk(self, name: str, now: int, progress: Progress, brings: Brings | None = None) -> int:
        """Move everybody in a queue, page after page; how far it is stands with what was done, in the same transaction."""
        database, moved, done = self.hub.database, 0, 0
        begun = await database.fetch(self._after, {"of_source": name})
        after = begun[0][0] if begun else 0
        ((left,),) = await database.fetch(self._count, {"after": after})
        first = COUNTED_AT_ONCE if brings is None else PAGE
        while people := [row[0] for row in await database.fetch(self._page, {"after": after, "first": first}, rows=first)]:
            found = await brings(people) if brings is not None else []
            after = people[-1]
            async with database.transaction() as tx:
                homes = {row[0] for row in await tx.fetch(self._homes, {"people": people})}
                if brings is not None:
                    await tx.execute(self._forget, {"of_source": name, "people": people})
                    await tx.execute_many(self._keep, found)
                moved += sum((await self.ranking.rerank(tx, people, homes)).values())
                await self._reached(tx, name, after, now)
            done += len(people)
            progress(done, max(left, done))
        async with database.transaction() as tx:
            await self._reached(tx, name, 0, now)
        return moved

    async def _reached(self, tx: Transaction, name: str, after: int, now: int) -> None:
        await tx.execute(self._begin, {"of_source": name})
        await tx.execute(self._note, {"source": name, "after": after, "at": now})

    async def _read(self, source: str, people: Sequence[int]) -> list[dict[str, Any]]:
        gate = self.hub.gates[source]
        attributes = tuple(name for name in WANTED if name == "key" or name in gate.offers("allocation"))
        keys = (await self.hub.links.keys([source], people))[source]
        asked = keys.of([number for number in people if number in keys.key])
        if not asked:
            return []
        shape = Shape(source, "allocation", attributes)
        answer = await gate.fetcher(shape)(Ask(shape, asked))
        steward = self.hub.settings.sources[source].steward
        found: dict[bytes, dict[str, Any]] = {}
        for place, row in enumerate(answer.rows):
            kept = self._kept(dict(zip(attributes, row[1:], strict=True)))
            if kept is not None:
                named = str(row[1] if row[1] is not None else f"{row[0]}:{place}")
                digest = blake2b(f"{source}:{named}".encode("utf-8", "surrogatepass"), key=self._digests, digest_size=32).digest()
                organisation = kept.pop("organisation") or steward
                found[digest] = {**kept, "source": source, "row": digest, "person": keys.person[row[0]], "organisation": organisation}
        return list(found.values())

    @staticmethod
    def _kept(row: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is kept of a gift; None where it came back, or cannot be counted. One without an amount counts as one share."""
        if row.get("status") not in COUNTED or row.get("kind") not in KINDS or row.get("allocated_on") is None:
            return None
        amount, currency = row.get("amount"), row.get("currency")
        worth = (round(amount * 1000), currency) if amount is not None and currency is not None else (1, "")
        organisation = row.get("organisation")
        named = organisation if isinstance(organisation, str) and len(organisation) <= 64 else None
        return {"kind": row["kind"], "amount_minor": worth[0], "currency": worth[1], "given_on": row["allocated_on"], "organisation": named}
