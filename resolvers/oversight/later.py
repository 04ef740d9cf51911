"""Telling people what a law let them be told later: when its delay is over, the hub tells it, and nobody has to do anything.

They find it in their lists from that moment on anyway; this is for whoever listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from privacy.standing import epoch
from resolvers.room import Duty, Room
from values import PUBLIC, Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.oversight.matters import Matter
    from resolvers.writing import Change

LONGEST_PAUSE: Final = 60
"""Seconds: a delay may have begun in another process, and is heard of so much later at most."""

MOST: Final = 100
"""Told in one transaction."""


class Later(Room):
    """Tells people of glass and openings whose delay is over."""

    def __init__(self, hub: Hub, matters: Sequence[tuple[Matter, sa.Table]]) -> None:
        """Prepare every statement once; each table has `id`, `person`, `told_at` and `heard_at`, which is null until it is told."""
        self.hub = hub
        self.duties: dict[str, Duty] = {"later": self._attend}
        self._matters = [(matter, *self._prepared(table)) for matter, table in matters]

    def _prepared(self, table: sa.Table) -> tuple[Any, ...]:
        prepare, c = self.hub.database.prepare, table.c
        due = sa.select(c.id, c.person).where(c.heard_at.is_(None), c.told_at <= sa.bindparam("now")).order_by(c.told_at, c.id)
        heard = sa.update(table).where(c.id == sa.bindparam("which")).values(heard_at=sa.bindparam("now"))
        soonest: Any = sa.select(sa.func.min(c.told_at), sa.literal_column("1")).where(c.heard_at.is_(None))
        return prepare(due.limit(MOST).with_for_update()), prepare(heard), prepare(soonest)

    async def tell(self, now: datetime) -> int:
        """Tell everything that is due, each once whichever process comes first; gives how much it was."""
        return sum([await self._tell(matter, due, heard, now) for matter, due, heard, _ in self._matters])

    async def _tell(self, matter: Matter, due: Any, heard: Any, now: datetime) -> int:
        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(due, {"now": change.now})
            await change.execute_many(heard, [{"which": number, "now": change.now} for number, _ in rows])
            for number, person in rows:
                matter.tell(change, number, person)
            return {"count": len(rows)}

        return int((await self.hub.writing.run(Enquiry(PUBLIC, Purpose.STATISTICS, now), f"{matter.kind}.tell_later", work))["count"])

    async def pause(self, now: datetime) -> int:
        """Seconds until something is due, as far as is known."""
        soonest: list[int | None] = [(await self.hub.database.fetch(statement))[0][0] for _, _, _, statement in self._matters]
        return min([LONGEST_PAUSE, *(max(each - epoch(now), 0) + 1 for each in soonest if each is not None)])

    async def _attend(self) -> None:
        """Tell for ever, while the hub is served."""
        while True:
            await self.tell(datetime.now(UTC))
            await asyncio.sleep(await self.pause(datetime.now(UTC)))
