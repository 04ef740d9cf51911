"""Letting requests in: by the limits of the requester's role, by what is left of its minute, and within one account.

`schema/door/limits.py` says what a document asks, `resolvers/shares.py` what was used already; here both are held against
`hub.toml`, and told to the client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.guard import Continued
from errors import LimitReached, TimeLimit
from schema.door.limits import Estimate, hold
from settings import Limits
from values import Requester, Role

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.shares import Left

Headers = tuple[tuple[bytes, bytes], ...]
Result = TypeVar("Result")

OVERTIME = TimeLimit("answering took longer than one operation may", "ask for fewer rows, or again later")
"""What is said when the time is up."""


@dataclass(slots=True)
class Account:
    """What the requests of one body use together: a batch may ask no more than one request."""

    cost: int = 0
    values: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, estimate: Estimate, limits: Limits) -> None:
        """Take one more request into the account.

        Raises:
            LimitReached: together they may cost, or show, more than one request may.
        """
        hold(Estimate(self.cost + estimate.cost, estimate.rows, self.values + estimate.values), limits)
        self.cost += estimate.cost
        self.values += estimate.values

    def seconds(self, limits: Limits) -> float:
        """How long the next request may take."""
        return max(limits.seconds - (time.monotonic() - self.began), 0.0)


class Admission:
    """Holds requests against the limits of a hub."""

    def __init__(self, hub: Hub) -> None:
        """Limits of roles are settled once."""
        self.limits = {role: hub.settings.hub.limits.of(role) for role in Role}
        self.batches = any(limits.batch for limits in self.limits.values())
        self._shares = hub.shares

    async def request(self, requester: Requester | None, address: str) -> Headers:
        """Count a request, by credential or address; gives the headers that tell what is left. None is one who was not let in.

        Raises:
            LimitReached: there were too many in this minute.
        """
        if self._shares is None:
            return ()
        limits = self.limits[requester.role if requester else Role.PUBLIC]
        return told(await self._shares.request(self._shares.name(requester, address), limits))

    async def spend(self, requester: Requester, address: str, estimate: Estimate) -> int | None:
        """Use up the points of an estimate; gives what is left of this minute's, None where they are not counted.

        Raises:
            LimitReached: not so much is left.
        """
        if self._shares is None:
            return None
        left = await self._shares.spend(self._shares.name(requester, address), self.limits[requester.role], estimate.cost)
        return None if left is None else left.remaining


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of work that may take so long; the clock is set only when its first step has to wait.

    Raises:
        TimeLimit: it took longer, and was stopped.
    """
    try:
        awaited = work.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    try:
        async with asyncio.timeout(seconds) as clock:
            return await Continued(work, awaited)
    except TimeoutError:
        if clock.expired():
            raise TimeLimit(OVERTIME.message, OVERTIME.hint) from None
        raise


def told(left: Left | None) -> Headers:
    """The headers that tell what is left of a minute's requests."""
    if left is None:
        return ()
    return (
        (b"ratelimit-limit", b"%d" % left.limit),
        (b"ratelimit-remaining", b"%d" % max(left.remaining, 0)),
        (b"ratelimit-reset", b"%d" % left.reset),
    )


def told_refusal(error: LimitReached) -> Headers:
    """The headers of a refusal that only time helps against."""
    return () if error.retry_after is None else ((b"retry-after", b"%d" % error.retry_after),)


def cost_of(estimate: Estimate, budget_left: int | None) -> dict[str, Any]:
    """`extensions.cost` of an answer."""
    return {"estimated": estimate.cost, "rows": estimate.rows, "budgetLeft": budget_left}


def too_large(most: int) -> LimitReached:
    """What is said in place of an answer that grew too large."""
    return LimitReached(f"the answer is larger than {most} bytes", "ask for fewer rows or fewer fields")
