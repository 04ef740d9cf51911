"""What a served hub does beside answering, for ever: read the news of other processes, send messages, sweep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from resolvers.room import Duty

log = structlog.get_logger("mizalla")


class Duties:
    """The duties of one hub; rooms add theirs by `duties`."""

    def __init__(self, duties: Mapping[str, Duty]) -> None:
        """Nothing is begun."""
        self._duties = duties
        self._working: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Take them up."""
        self._working = [asyncio.create_task(for_ever(name, duty), name=name) for name, duty in self._duties.items()]

    async def rest(self) -> None:
        """Lay them down; a successor takes them up."""
        working, self._working = self._working, []
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    @asynccontextmanager
    async def attended(self) -> AsyncIterator[None]:
        """Do them until the block ends."""
        self.begin()
        try:
            yield
        finally:
            await self.rest()


async def for_ever(name: str, work: Duty, pause: float = 2.0) -> None:
    """Do a duty until cancelled; what fails is logged without its text, and begun again after a while."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 — a duty outlives every fault of its database
            log.error("duty_failed", duty=name, error=type(error).__name__, consequence="begun again")  # noqa: TRY400 — a traceback may hold values
            await asyncio.sleep(pause)
