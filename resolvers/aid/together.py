"""Allocations that are asked for at the same moment share one transaction, and each has its own outcome.

One allocation is some sixteen statements and a flush to the disk; thirty together are no more. So what comes while a transaction is
under way waits for the next and shares it; nobody waits where nobody is before. Booked so is only what can plainly be booked. What the
rules refuse, what has ceilings, and what a fund may not cover goes its own way, alone; and so does everybody where the common
transaction failed before it was committed. Nobody's refusal undoes another's booking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from errors import Conflict, Refused
from resolvers.aid.rules import Asked, Booking, admitted
from resolvers.writing import Change, Command, fits

if TYPE_CHECKING:
    from resolvers.aid.books import Account, Programme
    from resolvers.aid.giving import Giving
    from tables.database import Transaction

MOST: Final = 100
"""Allocations of one transaction."""

UNDER_WAY: Final = 2
"""Transactions of one process at once: while one is flushed the next is written."""

REMEMBERED: Final = 10_000

Answer = dict[str, Any]

Outcome = Answer | Conflict | None
"""An answer, a key that was used for something else, or None for what has to go alone."""


class _GaveUp(Exception):
    """Somebody waits no longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """An allocation that is asked for, and the answer that somebody waits for."""

    command: Command
    asked: Asked
    answer: asyncio.Future[Answer | None]


class Together:
    """Books single allocations, as many at once as there are."""

    def __init__(self, giving: Giving) -> None:
        """Nobody waits yet."""
        self.giving = giving
        self._waiting: list[Waiting] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._apart: set[int] = set()

    async def book(self, command: Command, asked: Asked, alone: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of an allocation; `alone` books it in a transaction of its own.

        Raises:
            Refused: by the programme's rules, for want of means, or because of its key.
        """
        if not fits(command.key) or asked.programme in self._apart:
            return await alone()
        waiting = Waiting(command, asked, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._under_way) < UNDER_WAY:
            # In a context of its own: what is booked for many is no part of one's trace.
            task = asyncio.create_task(self._work(), name="allocations", context=Context())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        answer = await waiting.answer
        return answer if answer is not None else await alone()

    async def _work(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            some = [each for each in some if not each.answer.done()]  # who gave up meanwhile wants nothing any more
            try:
                answers = await self._booked(some)
            except Exception as error:  # noqa: BLE001 — whoever waits receives it
                for each in some:
                    if not each.answer.done():
                        each.answer.set_exception(error)
                continue
            for each, answer in zip(some, answers, strict=True):
                if each.answer.done():
                    continue
                if isinstance(answer, Conflict):
                    each.answer.set_exception(answer)
                else:
                    each.answer.set_result(answer)

    async def _booked(self, some: Sequence[Waiting]) -> Sequence[Outcome]:
        """What became of each; None for everybody where it failed before anything was committed."""
        committing, writing = False, self.giving.hub.writing
        try:
            async with writing.database.transaction() as tx:
                outcomes, changes = await self._written(tx, some)
                if any(each.answer.done() for each in some):
                    raise _GaveUp  # noqa: TRY301 — ends the transaction: nothing is booked for who waits no longer
                committing = True
        except Exception:  # each learns alone what is wrong with it, or that nothing is
            if committing:  # whether it is durable nobody knows
                raise
            return [None] * len(some)
        writing.spread(changes)
        return outcomes

    async def _written(self, tx: Transaction, some: Sequence[Waiting]) -> tuple[list[Outcome], list[Change]]:
        giving = self.giving
        writing = giving.hub.writing
        bookings = await self._plain(tx, some)
        earlier = await writing.earlier(tx, [each.command for each in bookings])
        new = {each: booking for each, booking in bookings.items() if each.command.which not in earlier}
        made = await giving.write([*new.values()]) if new else []
        answers = {each: giving.row(each.command.enquiry, rows[0]) for each, rows in zip(new, made, strict=True)}
        await writing.keep(tx, [(each.command, new[each].change, answer) for each, answer in answers.items()])
        outcomes: list[Outcome] = [answers.get(each) or (earlier.get(each.command.which) if each in bookings else None) for each in some]
        return outcomes, [each.change for each in new.values()]

    async def _plain(self, tx: Transaction, some: Sequence[Waiting]) -> dict[Waiting, Booking]:
        """Those that can be booked together: admitted, without further rules, covered as it seems, and no key twice."""
        giving = self.giving
        means = await giving.books.several_means(tx, {each.asked.programme for each in some})
        left, keys, found = dict[int, int](), set[tuple[str, str, str | None]](), dict[Waiting, Booking]()
        for each in some:
            asked, command = each.asked, each.command
            programme, ours = means.get(asked.programme, (None, None))
            if programme is None or ours is None or programme.organisation != command.enquiry.requester.organisation:
                continue
            if programme.ruled:
                self._apart = {programme.id, *self._apart} if len(self._apart) < REMEMBERED else {programme.id}
                continue
            ((_, amount),) = asked.lines
            after = left.get(ours.id, ours.balance) - amount
            if after < 0 or (command.key is not None and command.which in keys) or not _admits(command, asked, programme, ours):
                continue
            left[ours.id] = after
            keys.add(command.which)
            found[each] = Booking(Change(giving.hub.writing, tx, command.enquiry), asked, programme, ours)
        return found


def _admits(command: Command, asked: Asked, programme: Programme, ours: Account) -> bool:
    try:
        admitted(command.enquiry, asked, programme, ours)
    except Refused:
        return False
    return True
