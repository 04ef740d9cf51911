"""Edge mode: evaluating for a source's side within its budget, and the same outputs for the identifiers the hub sees itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connectors.edge import Operator, outputs
from errors import ConfigError, Invalid, LimitReached
from privacy.blind import normalised
from privacy.edge import EdgeKey, message
from privacy.keys import KeyRing
from privacy.oprf import BATCH, Unproved
from resolvers.room import Room
from settings import Settings
from tables.database import Database
from tables.identity.edge import edge_use
from tables.statement import insert_missing
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

REFUSED = "this source's side may not ask for evaluations here"


class EdgeForms:
    """The second form of identifiers: what an edge-mode source writes, computed or read by the hub.

    `schemes` are those that some source blinds; where there are none, nothing here costs anything.
    """

    def __init__(self, settings: Settings, ring: KeyRing) -> None:
        """Derive this hub's share; nobody is reached yet.

        Raises:
            ConfigError: an operator's public key is none.
        """
        people = [source.entities["person"] for source in settings.sources.values() if "person" in source.entities]
        self.schemes = frozenset(scheme.value for each in people for scheme in each.blinded)
        self._others = [Operator(each) for each in settings.hub.edge.operators]
        try:
            self.key = EdgeKey(ring, [each.public for each in self._others])
        except Unproved:
            raise ConfigError(
                "hub.edge.operators: a public key is not one", "copy what `mizalla edge key` prints at the operator's hub", "hub.edge"
            ) from None

    async def close(self) -> None:
        """Let go of the other operators."""
        for each in self._others:
            await each.close()

    async def evaluate(self, elements: Sequence[bytes]) -> list[bytes]:
        """This hub's own share of an evaluation."""
        return await asyncio.to_thread(self.key.suite.evaluate, self.key.share, elements)

    async def of(self, scheme: str, raw: str) -> bytes | None:
        """The stored form of one identifier; None where no source blinds its scheme.

        Raises:
            ValueError: not readable as this scheme.
            SourceError: another operator is needed and failed.
        """
        if scheme not in self.schemes:
            return None
        return (await self.forms([(scheme, normalised(scheme, raw))]))[0]

    async def forms(self, identifiers: Sequence[tuple[str, str]]) -> list[bytes]:
        """The stored forms of identifiers, given as (scheme, normalised text).

        Raises:
            SourceError: another operator is needed and failed.
        """
        found: list[bytes] = []
        for first in range(0, len(identifiers), BATCH):
            some = identifiers[first : first + BATCH]
            if self._others:
                made = await outputs([self, *self._others], [message(*each) for each in some])
            else:
                made = await asyncio.to_thread(lambda some=some: [self.key.output(*each) for each in some])  # type: ignore[misc]
            found += [self.key.stored(scheme, output) for (scheme, _), output in zip(some, made, strict=True)]
        return found


class EdgeCommands(Room):
    """Evaluations for sources' sides."""

    def __init__(self, hub: Hub) -> None:
        """Prepare the budget's few statements."""
        self.hub = hub
        self.budget = Budget(hub.database)

    async def evaluate(self, enquiry: Enquiry, source: str, elements: Sequence[str]) -> dict[str, Any]:
        """Evaluate blinded elements for a source's side, and prove it; the budget is used up first.

        Raises:
            NotPermitted: the requester is no app of a verified organisation.
            Invalid: not a source of the requester's organisation that may, no elements, too many, or one that is none.
            LimitReached: the source's budget of today is used up.
        """
        self.hub.demand(enquiry, "edge.evaluate")
        settings, edge = self.hub.settings, self.hub.edge
        its_own = source in settings.hub.edge.sources and settings.sources[source].steward == enquiry.requester.organisation
        if not its_own:
            raise Invalid(REFUSED, "have the operator of the hub name it in hub.edge.sources", "source")
        if not 1 <= len(elements) <= BATCH:
            raise Invalid(f"a batch has 1 to {BATCH} elements", "send it in parts", "elements")
        try:
            decoded = [bytes.fromhex(each) for each in elements]
        except ValueError:
            raise Invalid("not every element is 64 hexadecimal digits", "send what `blind` made", "elements") from None
        most = settings.hub.edge.evaluations_per_day

        async def work(change: Change) -> dict[str, Any]:
            day = enquiry.now.date().isoformat()
            used = await self.budget.use(change, source, day, len(decoded), most)
            if used > most:
                tomorrow = (enquiry.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
                seconds = int((tomorrow - enquiry.now).total_seconds()) + 1
                raise LimitReached(f"{source} may have {most} evaluations a day", f"ask again in {seconds} seconds", seconds)
            await change.step(f"edge:{source}:{day}", "evaluate", "evaluated", f"{len(decoded)} evaluations")
            return {}

        await self.hub.writing.run(enquiry, "edge.evaluate", work)
        try:
            evaluated, proof = await asyncio.to_thread(edge.key.evaluate, decoded)
        except Unproved:
            raise Invalid("an element is not one of the group", "send what `blind` made", "elements") from None
        return {"elements": [each.hex() for each in evaluated], "proof": proof.hex(), "public_key": edge.key.public.hex()}


class Budget:
    """The account of evaluations by source and day."""

    def __init__(self, database: Database) -> None:
        """Prepare the statements."""
        self._database = database
        named = edge_use.c.source == sa.bindparam("in_source"), edge_use.c.day == sa.bindparam("on_day")
        self._begin = database.prepare(insert_missing(edge_use, database.dialect.name))
        self._held = database.prepare(sa.select(edge_use.c.evaluations).where(*named).with_for_update())
        more = {
            "evaluations": edge_use.c.evaluations + sa.bindparam("more", type_=sa.BigInteger),
            "batches": edge_use.c.batches + sa.literal_column("1"),
        }
        self._more = database.prepare(sa.update(edge_use).where(*named).values(more))
        self._all = database.prepare(sa.select(*edge_use.c).order_by(edge_use.c.day.desc(), edge_use.c.source).limit(1000))

    async def use(self, change: Change, source: str, day: str, more: int, most: int) -> int:
        """Use up some of a day's budget, and give what is used then; beyond `most` nothing is used, and the caller refuses."""
        which = {"in_source": source, "on_day": day}
        await change.execute(self._begin, {"source": source, "day": day, "evaluations": 0, "batches": 0})
        ((used,),) = await change.fetch(self._held, which)
        if used + more <= most:
            await change.execute(self._more, {**which, "more": more})
        return int(used) + more

    async def used(self) -> list[tuple[str, str, int, int]]:
        """Source, day, evaluations and batches, newest first."""
        return [(source, day, evaluations, batches) for source, day, evaluations, batches in await self._database.fetch(self._all)]
