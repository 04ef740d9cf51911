"""How far a long list is: told to the organisation's own staff while it is checked and booked, all of it or nothing.

What is told on the way is not durable yet, so it says no more than numbers; that all is booked is told with the booking itself.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

import structlog

from resolvers.events import NOTHING
from resolvers.want import Field, shaped

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.writing import Change, Writing
    from values import Enquiry

log = structlog.get_logger("mizalla")

PART: Final = 1_000
"""Lines after which somebody is told, and others have their turn; a list of ten thousand is told of some twenty times."""

TOPIC: Final = "allocations_progressed"


class Progress:
    """One list on its way."""

    def __init__(self, writing: Writing, enquiry: Enquiry, key: str | None, lines: int) -> None:
        """Nothing is checked yet; `key` is the list's idempotency key, by which whoever sent it knows it again."""
        self._writing = writing
        self._organisation = str(enquiry.requester.organisation)
        self._now: dict[str, Any] = {"idempotency_key": key, "lines": lines, "checked": 0, "booked": 0, "state": "checking"}
        self._telling: asyncio.Task[None] | None = None

    async def checked(self, count: int) -> None:
        """So many lines can be booked, as far as can be seen without the programme; others have their turn."""
        self._tell(checked=count)
        await asyncio.sleep(0)

    def booked(self, count: int) -> None:
        """So many lines are written, and durable with the last one."""
        self._tell(booked=count, state="booking")

    def refused(self) -> None:
        """Nothing of the list was booked."""
        self._tell(booked=0, state="refused")

    def repeated(self) -> None:
        """Everything was booked before, by the same key."""
        self._tell(booked=self._now["lines"], state="booked")

    def done(self, change: Change) -> None:
        """Everything is booked, as soon as the change is durable."""
        if self._telling is not None:
            self._telling.cancel()  # what is told of the way must not come after the end
        self._now |= {"booked": self._now["lines"], "state": "booked"}
        change.tell(TOPIC, self._organisation, dict(self._now))

    @property
    def ended(self) -> bool:
        """Whether everything is booked."""
        return bool(self._now["state"] == "booked")

    def _tell(self, **now: Any) -> None:
        """Tell it here, and in other processes unless they are still being told; nobody waits for it.

        A list that waited for a second connection while it holds one could wait for another list that does the same. SQLite has one
        writer, which is the one under way: its other processes learn the end.
        """
        self._now |= now
        self._writing.tell(TOPIC, self._organisation, dict(self._now))
        if self._writing.database.dialect.name != "sqlite" and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._elsewhere(dict(self._now)), name="progress", context=Context())

    async def _elsewhere(self, now: dict[str, Any]) -> None:
        try:
            await self._writing.tell_elsewhere(TOPIC, self._organisation, now)
        except Exception as error:  # noqa: BLE001 — the list goes on, whoever hears of it
            log.warning("progress_untold", error=type(error).__name__, consequence="other processes learn the end")


async def shown_progress(gathering: Gathering, field: Field, news: dict[str, Any]) -> Any:
    """One event, for whoever wants to know of this list or of any."""
    wanted = field.arguments(gathering.variables).get("idempotency_key")
    if wanted is not None and wanted != news["idempotency_key"]:
        return NOTHING
    assert field.want is not None
    return shaped(field.want, news)
