"""Long work in the event loop, done a little at a time, so that nobody else waits for it."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Final

SLICE: Final = 0.001
"""Seconds of work before others have their turn: much less costs more in turns than in work."""


class Turns:
    """`await turns.give()` between two small pieces of work lets others go on where a slice is used up."""

    def __init__(self) -> None:
        """The first slice begins."""
        self._until = perf_counter() + SLICE

    async def give(self) -> None:
        """Let others go on, if it is time."""
        if perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = perf_counter() + SLICE
