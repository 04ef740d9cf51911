"""What counts on when people part who lived together: what one of them was given was for all.

Without it a household could be split to stand in the queue as if it had received nothing. Each side keeps what the other was
given until that day, by one of its members; when they live together again it is counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from resolvers.aid.rules import LIVE
from tables.aid import allocation, carried
from tables.database import Database, among

if TYPE_CHECKING:
    from resolvers.writing import Change


class Sharing:
    """Keeps what counts on."""

    def __init__(self, database: Database) -> None:
        """Prepare every statement once."""
        prepare = database.prepare
        own = sa.select(allocation.c.person, allocation.c.id).where(
            among(allocation.c.person, "people", "whole"), sa.or_(*(allocation.c.status == state for state in LIVE))
        )
        self._own = prepare(own)
        self._carried = prepare(sa.select(carried.c.person, carried.c.allocation).where(among(carried.c.person, "people", "whole")))
        self._carry = prepare(sa.insert(carried))
        self._drop = prepare(
            sa.delete(carried).where(carried.c.person == sa.bindparam("whose"), among(carried.c.allocation, "which", "whole"))
        )

    async def parted(self, change: Change, stayed: Sequence[int], left: Sequence[int]) -> None:
        """Let each side keep what the other was given; both must be held."""
        if not stayed or not left:
            return
        here, there = await self._counting(change, stayed), await self._counting(change, left)
        rows = [{"person": stayed[0], "allocation": each} for each in sorted(there - here)]
        rows += [{"person": left[0], "allocation": each} for each in sorted(here - there)]
        if rows:
            await change.execute_many(self._carry, rows)

    async def joined(self, change: Change, together: Sequence[int]) -> list[tuple[int, int]]:
        """Let nothing count twice for people who live together now; what was carried by whom is carried no longer."""
        dropped: list[tuple[int, int]] = []
        counting = {each for _, each in await change.fetch(self._own, {"people": together})}
        for whose, which in sorted(await change.fetch(self._carried, {"people": together})):
            if which in counting:
                dropped.append((whose, which))
            counting.add(which)
        for whose in sorted({whose for whose, _ in dropped}):  # as many as live together, however much they carry
            await change.execute(self._drop, {"whose": whose, "which": [which for each, which in dropped if each == whose]})
        return dropped

    async def _counting(self, change: Change, people: Sequence[int]) -> set[int]:
        own = await change.fetch(self._own, {"people": people})
        return {each for _, each in [*own, *await change.fetch(self._carried, {"people": people})]}
