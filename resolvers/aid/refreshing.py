"""Reading into the queues what other systems gave: person after person, in pages, so that it can be interrupted and go on.

Only kind, amount, currency and day are kept of each gift, under a keyed hash of its source's own key. Who may see them is decided when
a queue is read, for each source by the ordinary rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from resolvers.aid.inputs import KINDS
from resolvers.aid.ranking import Ranking
from tables.aid import nomination, queue_policy, receipt, refreshing
from tables.database import among
from tables.identity import person
from values import Ask, Shape

if TYPE_CHECKING:
    from resolvers.hub import Hub

PAGE: Final = 500
WANTED: Final = ("key", "kind", "amount", "currency", "allocated_on", "status", "organisation")
COUNTED: Final = frozenset({"delivered", "planned", None})

Progress = Callable[[int, int], None]
"""Is told how many people are done, and of how many."""


class Refresher:
    """Brings the gifts of other systems into the queues."""

    def __init__(self, hub: Hub, ranking: Ranking) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.ranking = ranking
        self._digests = hub.ring.subkey("receipt", hub.ring.root)
        prepare = hub.database.prepare
        waiting = sa.select(nomination.c.person).join(queue_policy, queue_policy.c.id == nomination.c.policy).where(queue_policy.c.active)
        self._count = prepare(sa.select(sa.func.count()).select_from(waiting.distinct().subquery("waiting")))
        self._page = prepare(
            waiting.where(nomination.c.person > sa.bindparam("after")).distinct().order_by(nomination.c.person).limit(PAGE)
        )
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
        database = self.hub.database
        ((everybody,),) = await database.fetch(self._count)
        begun = await database.fetch(self._after, {"of_source": source})
        after, done, moved = begun[0][0] if begun else 0, 0, 0
        while people := [row[0] for row in await database.fetch(self._page, {"after": after})]:
            found = await self._read(source, people)
            after = people[-1]
            async with database.transaction() as tx:
                homes = {row[0] for row in await tx.fetch(self._homes, {"people": people})}
                await tx.execute(self._forget, {"of_source": source, "people": people})
                await tx.execute_many(self._keep, found)
                moved += sum((await self.ranking.rerank(tx, people, homes)).values())
                await tx.execute(self._begin, {"of_source": source})
                await tx.execute(self._note, {"source": source, "after": after, "at": now})
            done += len(people)
            progress(done, everybody)
        async with database.transaction() as tx:
            await tx.execute(self._begin, {"of_source": source})
            await tx.execute(self._note, {"source": source, "after": 0, "at": now})
        return moved

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
