"""What was given, added up: one statement a question, to a copy of the books that is made for counting (`ledger`).

What counts is what the hub's own books hold as planned or delivered, and what other systems gave as far as `mizalla queue refresh`
has read it. A person is where the registries, or else the organisation that keeps its household, say that it lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from errors import Invalid
from resolvers.aid.homes import GOVERNORATE
from resolvers.aid.inputs import day, text
from resolvers.aid.ledger import Copying, Ledger
from resolvers.aid.rules import LIVE
from tables.aid import RECOUNT, allocation, receipt, refreshing
from tables.database import Database, Row

LONGEST: Final = timedelta(days=3653)
LONGEST_NAME: Final = 120
LATELY: Final = timedelta(minutes=5)
"""So old may the figures be that inspectors read of all organisations together."""

ONE: Final[sa.ColumnElement[int]] = sa.literal_column("1", sa.Integer)
NOTHING: Final[sa.ColumnElement[str]] = sa.literal_column("''")
NONE_: Final[sa.ColumnElement[int]] = sa.literal_column("0", sa.Integer)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about; days as ISO 8601 text, both included."""

    since: str
    until: str
    organisation: str | None = None
    programme: str | None = None
    place: str | None = None

    def values(self) -> dict[str, Any]:
        """As the statements' parameters."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def scope_of(given: Mapping[str, Any], today: date, widened: Callable[[date, date, date], tuple[date, date]] | None) -> Scope:
    """What is asked for, read strictly; `widened` makes of its days those that may be known.

    Raises:
        Invalid: a period, place or programme that cannot be.
    """
    first, last = day(given["from"], "from"), day(given["to"], "to")
    if first > last:
        raise Invalid("the period ends before it begins", "give `from` before `to`", "from")
    if first > today:
        raise Invalid("this period lies ahead", "give days that have been", "from")
    if last - first > LONGEST:
        raise Invalid("a period is at most ten years", "ask for a shorter one", "to")
    if widened is not None:
        first, last = widened(first, last, today)
    place, programme = given.get("place"), given.get("programme")
    if place is not None and not GOVERNORATE.fullmatch(place):
        raise Invalid("a governorate is a code of ISO 3166-2", "as in IQ-BG", "place")
    if programme is not None:
        programme = text(programme, "programme", LONGEST_NAME)
        if given.get("organisation") is None:
            raise Invalid("a programme is an organisation's", "name the organisation as well", "organisation")
    return Scope(first.isoformat(), last.isoformat(), given.get("organisation"), programme, place)


def gifts() -> sa.Subquery:
    """Everything given in a time, by whom and to whom, for statements to the database itself."""
    within = sa.bindparam("since", type_=sa.Text), sa.bindparam("until", type_=sa.Text)
    own = sa.select(
        allocation.c.organisation, allocation.c.programme, allocation.c.person, allocation.c.kind, allocation.c.currency,
        allocation.c.amount_minor.label("amount"), sa.func.coalesce(allocation.c.unit, NOTHING).label("unit"),
        sa.func.coalesce(allocation.c.quantity_milli, NONE_).label("quantity"), allocation.c.allocated_on.label("day"),
    ).where(sa.or_(*(allocation.c.status == state for state in LIVE)), allocation.c.allocated_on.between(*within))  # fmt: skip
    others = sa.select(
        sa.func.coalesce(receipt.c.organisation, receipt.c.source).label("organisation"), NOTHING.label("programme"), receipt.c.person,
        receipt.c.kind, receipt.c.currency, receipt.c.amount_minor.label("amount"), NOTHING.label("unit"), NONE_.label("quantity"),
        receipt.c.given_on.label("day"),
    ).where(receipt.c.given_on.between(*within))  # fmt: skip
    return own.union_all(others).subquery("gifts")


class Figures:
    """Asks copies of the books: one that is kept for a day, or one made for the question."""

    def __init__(self, database: Database) -> None:
        """Nothing is copied before it is asked for."""
        self.database = database
        self._copying = Copying(database)
        self._kept: dict[str, Ledger] = {}
        self._turn = asyncio.Lock()
        self._working: set[asyncio.Task[Ledger]] = set()
        read = sa.select(sa.func.min(refreshing.c.at), sa.func.count()).where(refreshing.c.source != sa.literal(RECOUNT))
        self._brought = database.prepare(read)

    async def read(self, scope: Scope, ledger: Ledger) -> dict[str, list[Row]]:
        """The rows of all questions below, by their names."""
        _, *found = await asyncio.to_thread(ledger.read, asked(scope))
        return dict(zip(QUESTIONS, found, strict=True))

    async def now(self, scope: Scope, now: datetime) -> Ledger:
        """The books as they are: of one organisation now, of all together some minutes ago at most."""
        if scope.organisation is not None:
            return await self._copying.made(now, (scope.since, scope.until), scope.organisation)
        return await self._keeping("lately", now, lambda kept: now - kept.made_at < LATELY)

    async def of_day(self, now: datetime) -> Ledger:
        """The books as they were at the first question of the day."""
        return await self._keeping("day", now, lambda kept: now.date() == kept.made_at.date())

    async def _keeping(self, name: str, now: datetime, good: Callable[[Ledger], bool]) -> Ledger:
        """A copy is finished though nobody waits for it any more: the next question finds it."""
        work = asyncio.create_task(self._keep(name, now, good))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return await asyncio.shield(work)

    async def _keep(self, name: str, now: datetime, good: Callable[[Ledger], bool]) -> Ledger:
        async with self._turn:
            found = next((each for each in (self._kept.get(name), *self._kept.values()) if each is not None and good(each)), None)
            self._kept[name] = found or await self._copying.made(now)
            return self._kept[name]

    def forget(self) -> None:
        """Keep nothing."""
        self._kept.clear()

    async def brought_at(self) -> int | None:
        """Since when the least fresh of other systems' books stands, in seconds; None where none was read."""
        ((at, _),) = await self.database.fetch(self._brought)
        return None if at is None else int(at)


def asked(scope: Scope) -> list[tuple[str, dict[str, Any]]]:
    """The statements of a report with their values, in the order they are asked in."""
    values = {**scope.values(), "until_ordinal": date.fromisoformat(scope.until).toordinal()}
    return [(sql, {name: values[name] for name in named}) for sql, named in ((WITHIN, SCOPE), *QUESTIONS.values())]


# --- the questions, to a ledger --------------------------------------------------------------------------------------

SCOPE: Final = ("since", "until", "organisation", "programme", "place")
WITHIN: Final = """
CREATE TEMP TABLE within_scope AS SELECT * FROM gift
WHERE day BETWEEN $since AND $until AND ($organisation IS NULL OR organisation = $organisation)
AND ($programme IS NULL OR programme = $programme) AND ($place IS NULL OR place = $place)
"""
"""The gifts a report is about."""

AMOUNTS: Final = """
SELECT kind, currency, unit, count(*), sum(mark(person)), count(DISTINCT home), sum(amount), max(amount), sum(quantity), max(quantity)
FROM (SELECT kind, currency, unit, person, home, sum(amount) AS amount, sum(quantity) AS quantity FROM within_scope GROUP BY ALL)
GROUP BY kind, currency, unit ORDER BY kind, currency, unit
"""
"""Kind, currency, unit; people, mark, households; sum and largest of amounts, and of quantities."""

PEOPLE: Final = """
SELECT count(*), sum(mark(person)), count(DISTINCT home) FROM (SELECT DISTINCT person, home FROM within_scope)
"""
"""People with their mark, households."""

SPREAD: Final = """
SELECT currency, tenth, count(*), sum(total), sum(total * place)
FROM (
  SELECT currency, total, ntile(10) OVER each AS tenth, row_number() OVER each AS place
  FROM (SELECT currency, person, sum(amount) AS total FROM within_scope WHERE currency <> '' GROUP BY currency, person)
  WINDOW each AS (PARTITION BY currency ORDER BY total, person)
)
GROUP BY currency, tenth ORDER BY currency, tenth
"""
"""Currency, tenth of people from who received least; people, sum, and sum by rank for the Gini coefficient."""

NEEDS: Final = """
WITH who AS (
  SELECT need, person, min(arrived) AS arrived FROM wait
  WHERE arrived <= $until_ordinal AND ($organisation IS NULL OR organisation = $organisation) AND ($place IS NULL OR place = $place)
  GROUP BY need, person
), first_gift AS (
  SELECT kind, person, date_diff('day', DATE '0001-01-01', min(day)) + 1 AS day FROM within_scope GROUP BY kind, person
), one AS (
  SELECT who.need, who.person, first_gift.person AS reached, first_gift.day - who.arrived AS days
  FROM who LEFT JOIN first_gift ON first_gift.person = who.person AND first_gift.kind = who.need
)
SELECT need, count(*), sum(mark(person)), count(reached), sum(mark(reached)),
  count(*) FILTER (days >= 0), sum(mark(person)) FILTER (days >= 0), sum(days) FILTER (days >= 0),
  count(*) FILTER (days BETWEEN 0 AND 30), count(*) FILTER (days BETWEEN 0 AND 90)
FROM one GROUP BY need ORDER BY need
"""
"""Need; who waits for it and who of them was reached, each with its mark; who waited how long until then.

Who received before it was assessed did not wait for that.
"""

OVERLAP: Final = """
WITH ours AS (SELECT DISTINCT organisation, person, kind FROM within_scope),
kinds AS (
  SELECT person, kind, min(organisation) AS first, max(organisation) AS last FROM gift
  WHERE day BETWEEN $since AND $until AND person IN (SELECT person FROM ours) GROUP BY person, kind
),
whole AS (SELECT person, min(first) AS first, max(last) AS last FROM kinds GROUP BY person),
one AS (
  SELECT ours.person, mark(ours.person) AS mark,
    max(CAST(whole.first <> organisation OR whole.last <> organisation AS INTEGER)) AS other,
    max(CAST(kinds.first <> organisation OR kinds.last <> organisation AS INTEGER)) AS same
  FROM ours JOIN whole ON whole.person = ours.person JOIN kinds ON kinds.person = ours.person AND kinds.kind = ours.kind
  GROUP BY ours.person
)
SELECT count(*), sum(mark), sum(other), sum(other * mark), sum(same), sum(same * mark) FROM one
"""
"""People with their mark, those that others gave to as well, and those that others gave the same kind to, likewise.

The first or the last giver by name is another.
"""

QUESTIONS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "amounts": (AMOUNTS, ()),
    "people": (PEOPLE, ()),
    "spread": (SPREAD, ()),
    "needs": (NEEDS, ("until_ordinal", "organisation", "place")),
    "overlap": (OVERLAP, ("since", "until")),
}
"""Each with the values it names."""
