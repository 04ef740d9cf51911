"""What was done by breaking the glass, in numbers: late and coarse for anyone, by body and to the day for inspectors.

Numbers of people and of looks are in the record; here are the decisions, so that anyone can hold the bodies to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from privacy.standing import epoch
from resolvers.oversight.matters import at, instant
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.oversight.inspection import glass

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub

FEWEST: Final = 5
"""A count smaller than this is not published."""

LATE_DAYS: Final = 30
"""A quarter is counted so long after its end: as long as a person may be left untold of a broken glass."""

OUTCOMES: Final = {"justified": "JUSTIFIED", "unjustified": "UNJUSTIFIED"}


class Account(Room):
    """The counts of broken glass."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"glass_counts": self.counts, "glass_report": self.report}
        prepare, table = hub.database.prepare, glass.c
        self._outcomes = prepare(sa.select(table.opened_at, table.state))
        columns = table.organisation, table.state, table.opened_at, table.ends_at, table.told_at
        self._between = prepare(
            sa.select(*columns).where(table.opened_at >= sa.bindparam("since"), table.opened_at < sa.bindparam("until"))
        )

    async def counts(self, gathering: Gathering, field: Field) -> Any:
        """How many times a quarter it was found right, found wrong or not looked over; open to anyone."""
        assert field.want is not None
        rows = await self.hub.database.fetch(self._outcomes)
        days = ((datetime.fromtimestamp(opened_at, UTC).date().isoformat(), OUTCOMES.get(state, "UNREVIEWED")) for opened_at, state in rows)
        found = published(days, gathering.enquiry.now.date())
        return shaped(field.want, [{"quarter": quarter, "outcome": outcome, "count": count} for quarter, outcome, count in found])

    async def report(self, gathering: Gathering, field: Field) -> Any:
        """Of every body what became of all its glass, in a time; for inspectors."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "glass.review")
        now = epoch(enquiry.now)
        since, until = (
            default if arguments.get(name) is None else epoch(instant(arguments[name], name))
            for name, default in (("since", 0), ("until", now + 1))
        )
        bodies: dict[str, Counter[str]] = {}
        waiting: dict[str, int] = {}
        for body, state, opened_at, ends_at, told_at in await self.hub.database.fetch(self._between, {"since": since, "until": until}):
            stands = "unreviewed" if state == "closed" or (state == "open" and ends_at <= now) else state
            bodies.setdefault(body, Counter()).update(["broken", stands, *(["delayed"] if told_at > opened_at else [])])
            if stands == "unreviewed":
                waiting[body] = min(ends_at, waiting.get(body, ends_at))
        names = ("broken", "open", "unreviewed", "justified", "unjustified", "delayed")
        found = [
            {"organisation": body, **{name: counted[name] for name in names}, "unreviewed_since": at(waiting.get(body))}
            for body, counted in sorted(bodies.items())
        ]
        return shaped(field.want, found)


def published(things: Iterable[tuple[str, str]], today: date) -> list[tuple[str, str, int]]:
    """Quarter, kind and count of things of a day and a kind: a month after the quarter's end, and none smaller than five."""
    counted = Counter((_quarter(day), kind) for day, kind in things)
    return [
        (quarter, kind, count)
        for (quarter, kind), count in sorted(counted.items())
        if count >= FEWEST and _end(quarter) + timedelta(days=LATE_DAYS) <= today
    ]


def _quarter(day: str) -> str:
    return f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"


def _end(quarter: str) -> date:
    year, number = int(quarter[:4]), int(quarter[-1])
    return date(year + number // 4, number % 4 * 3 + 1, 1)
