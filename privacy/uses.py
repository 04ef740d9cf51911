"""Uses of the consents that may be used only so often: counted before anything is shown, and never once too often.

A use is one enquiry that is shown something of one person under such a consent. Each has a number within its period, from 1
to what the person allowed, and the database lets two enquiries never have the same one; so however many ask at once, on however
many machines, no more are answered than were allowed. A use stays counted where the source then fails: it was begun.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from privacy.standing import DAY, People, epoch, live_values
from stanzas import ConsentRules
from tables.database import Database, among
from tables.identity import consent, consent_use
from tables.statement import insert_missing
from values import COUNTED_BIT, Enquiry

ROUNDS = 64
"""How often a use is tried for while others take the numbers tried for; then it counts as used up."""

Wanted = Callable[[int], int]
"""Which categories an enquiry would be shown of a person by consent: their bits."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One consent of a person that may be used only so often; `period` is the present one, counted from the grant."""

    id: str
    mask: int
    uses: int
    period: int


@dataclass(slots=True)
class Spent:
    """The consents one enquiry has used, or found used up: however often it names a person, it is one use."""

    held: dict[str, bool] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Uses:
    """Counts uses."""

    def __init__(self, database: Database, rules: ConsentRules) -> None:
        """Prepare every statement once."""
        self._database = database
        self._rules = rules
        prepare = database.prepare
        self._live = prepare(
            sa.select(consent.c.person, consent.c.id, consent.c.categories, consent.c.uses, consent.c.period_days, consent.c.granted_at)
            .where(
                among(consent.c.person, "people", "whole"),
                consent.c.purpose == sa.bindparam("purpose"),
                consent.c.receiver.in_([sa.bindparam("receiver"), sa.bindparam("receiver_class")]),
                consent.c.ends_at > sa.bindparam("now"),
                consent.c.withdrawn_at.is_(None),
                consent.c.granted_at > sa.bindparam("granted_after"),
            )
            .order_by(consent.c.granted_at, consent.c.id)
        )
        self._used = prepare(
            sa.select(consent_use.c.consent, consent_use.c.period, sa.func.count())
            .where(among(consent_use.c.consent, "consents"))
            .group_by(consent_use.c.consent, consent_use.c.period)
        )
        self._claim = prepare(insert_missing(consent_use, database.dialect.name))
        self._claimed = prepare(
            sa.select(consent_use.c.consent).where(
                among(consent_use.c.consent, "consents"), consent_use.c.claim == sa.bindparam("claim", type_=sa.Text)
            )
        )

    async def settle(self, enquiry: Enquiry, people: People, wanted: Wanted, spent: Spent | None) -> None:
        """Give back the masks of people whose use is counted: what other consents open, and what this use opens.

        Costs nothing where nobody is counted; else three statements, however many people. Without `spent` nothing is used:
        the masks then tell what a use would open.
        """
        if not people.counted:
            return
        waiting, people.counted = people.counted, ()
        opened, counted = await self._consents(enquiry, waiting)
        if spent is None:
            await self._open(enquiry, people, opened, counted, {}, None)
            return
        async with spent.turn:
            needed = {number: self._needed(people, number, opened.get(number, 0), wanted(number)) for number in counted}
            await self._open(enquiry, people, opened, counted, needed, spent)

    @staticmethod
    def _needed(people: People, number: int, opened: int, wanted: int) -> int | None:
        """The bits only a counted consent can open; None where it is needed for nothing, not even to know of the person."""
        missing = wanted & ~opened
        if missing or (not opened and number not in people.own):
            return missing
        return None

    async def _open(
        self,
        enquiry: Enquiry,
        people: People,
        opened: dict[int, int],
        counted: Mapping[int, list[Counted]],
        needed: Mapping[int, int | None],
        spent: Spent | None,
    ) -> None:
        if spent is None:
            used = await self.used([each for several in counted.values() for each in several])
            held = {each.id: used[each.id] < each.uses for several in counted.values() for each in several}
        else:
            wished = {
                each.id: each
                for number, several in counted.items()
                if (missing := needed[number]) is not None
                for each in several
                if each.id not in spent.held and (each.mask & missing or not missing)
            }
            spent.held |= await self._take(wished, epoch(enquiry.now))
            held = spent.held
        for number, several in counted.items():
            for each in several:
                if held.get(each.id):
                    opened[number] = opened.get(number, 0) | each.mask
        people.masks |= {number: mask for number, mask in opened.items() if mask}

    async def _consents(self, enquiry: Enquiry, numbers: object) -> tuple[dict[int, int], dict[int, list[Counted]]]:
        values = live_values(enquiry, self._rules)
        ceiling, now = self._rules.ceiling(enquiry.purpose).mask, epoch(enquiry.now)
        opened: dict[int, int] = {}
        counted: dict[int, list[Counted]] = {}
        for number, id_, stored, uses, period_days, granted_at in await self._database.fetch(self._live, {**values, "people": numbers}):
            mask = stored & ceiling
            if not stored & COUNTED_BIT:
                opened[number] = opened.get(number, 0) | mask
            elif mask:
                counted.setdefault(number, []).append(Counted(id_, mask, uses, period_of(granted_at, period_days, now)))
        return opened, counted

    async def used(self, consents: list[Counted]) -> dict[str, int]:
        """How often each was used in its present period."""
        present = {each.id: each.period for each in consents}
        rows = await self._database.fetch(self._used, {"consents": list(present)}, rows=len(present)) if present else []
        return {**dict.fromkeys(present, 0), **{id_: count for id_, period, count in rows if present[id_] == period}}

    async def _take(self, wished: dict[str, Counted], now: int) -> dict[str, bool]:
        """Try for one use of each; a number that another enquiry took in the meantime is tried for again."""
        held = dict.fromkeys(wished, False)
        waiting = list(wished.values())
        for _ in range(ROUNDS):
            used = await self.used(waiting)
            waiting = [each for each in waiting if used[each.id] < each.uses]
            if not waiting:
                break
            claim = secrets.token_hex(16)
            rows = [{"consent": each.id, "period": each.period, "number": used[each.id] + 1, "claim": claim, "at": now} for each in waiting]
            async with self._database.transaction() as tx:
                await tx.execute_many(self._claim, rows)
            got = {row[0] for row in await self._database.fetch(self._claimed, {"consents": [each.id for each in waiting], "claim": claim})}
            held |= dict.fromkeys(got, True)
            waiting = [each for each in waiting if each.id not in got]
        return held


def period_of(granted_at: int, period_days: int | None, now: int) -> int:
    """Which period since the grant it is; always the first where the number of uses holds for ever."""
    return (now - granted_at) // (period_days * DAY) if period_days else 0
