"""The books as columns in memory, to be counted in: every gift, where its receiver lives, and who waits for what.

A report asks for people, and no sum that was kept says how many different people two of them hold together. So the books are copied
into a column store, which goes through half a million gifts in a tenth of a second, and asked there: the same statements whatever the
database, in a thread, holding nobody up. The database packs many rows into one text, so that no row passes through the interpreter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from resolvers.aid.rules import LIVE
from tables.aid import allocation, nomination, queue_policy, receipt, residence, whereabouts
from tables.database import Database, Row, among
from tables.identity import person
from tables.statement import Statement

NOTHING: Final[sa.ColumnElement[str]] = sa.literal_column("''")
PRIME: Final = 2_147_483_647
"""Marks are sums of people's numbers by this modulus (`mark` in statements): the same people have the same mark."""

FIELD, RECORD = "\x1f", "\x1e"
"""Stand between values and between rows of a text; in names they are replaced by a space."""

TOGETHER: Final = 64
"""People whose rows make one text: of few enough that no database cuts it off."""

TEXTS: Final = 100
"""Texts that are read at once."""

PEOPLE: Final = 20_000
"""People whose homes are looked up at once."""

MEMORY: Final = "2GB"
"""At most so much for a copy."""

EVER: Final = "0001-01-01", "9999-12-31"

COLUMNS: Final = {
    "given": "person BIGINT, organisation VARCHAR, programme VARCHAR, kind VARCHAR, currency VARCHAR, unit VARCHAR, amount BIGINT,"
    " quantity BIGINT, day VARCHAR",
    "home": "person BIGINT, household BIGINT",
    "place": "person BIGINT, governorate VARCHAR",
    "moved": "household BIGINT, day VARCHAR, number BIGINT, governorate VARCHAR",
    "waiting": "person BIGINT, need VARCHAR, organisation VARCHAR, arrived INTEGER",
}
"""What is copied. Empty texts stand for what is not known."""

WRITTEN: Final = frozenset({"organisation", "programme", "giver"})
"""Columns that hold what somebody wrote, not the word of a list or a day."""

PLACED: Final = """
CREATE TYPE word AS ENUM (
  SELECT word FROM (
    SELECT unnest([organisation, programme, kind, currency, unit]) AS word FROM raw.given
    UNION SELECT unnest([need, organisation]) FROM raw.waiting
    UNION SELECT governorate FROM raw.place UNION SELECT governorate FROM raw.moved UNION SELECT ''
  ) ORDER BY word
);
CREATE TABLE raw.lives AS
SELECT known.person, coalesce(home.household, -known.person) AS home, coalesce(place.governorate, kept.governorate, '')::word AS place
FROM (SELECT person FROM raw.given UNION SELECT person FROM raw.waiting) AS known
LEFT JOIN raw.home ON home.person = known.person
LEFT JOIN raw.place ON place.person = known.person
LEFT JOIN (SELECT household, arg_max(governorate, (day, number)) AS governorate FROM raw.moved GROUP BY household) AS kept
ON kept.household = home.household;
CREATE TABLE gift AS
SELECT given.person, organisation::word AS organisation, programme::word AS programme, kind::word AS kind, currency::word AS currency,
  unit::word AS unit, amount, quantity, try_cast(day AS DATE) AS day, lives.home, lives.place
FROM raw.given JOIN raw.lives ON lives.person = given.person WHERE try_cast(day AS DATE) IS NOT NULL;
CREATE TABLE wait AS
SELECT waiting.person, need::word AS need, organisation::word AS organisation, arrived, lives.place
FROM raw.waiting JOIN raw.lives ON lives.person = waiting.person;
DETACH raw;
"""
"""Words are kept once and stand as numbers in the rows, which are then half as large and counted twice as fast."""


class Part(NamedTuple):
    """What is copied into one of the tables above, by a statement that gives numbers of rows and texts."""

    into: str
    statement: Statement


class Ledger:
    """A copy, which does not change any more. Its methods take their time: call them in a thread."""

    def __init__(self, made_at: datetime) -> None:
        """An empty one of a moment."""
        import duckdb  # by whoever counts, which keeps a hub small that does not

        self.made_at = made_at

        # It never looks for extensions, and keeps nothing in a folder when memory is short.
        bounds: dict[str, str | bool | int | float | list[str]] = {
            "threads": "1",
            "memory_limit": MEMORY,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
        }
        self._store = duckdb.connect(config=bounds)
        self._store.execute(f"CREATE MACRO mark(person) AS person % {PRIME}")
        self._store.execute("ATTACH ':memory:' AS raw")
        for name, columns in COLUMNS.items():
            self._store.execute(f"CREATE TABLE raw.{name} ({columns})")

    def put(self, into: str, texts: Sequence[Row]) -> None:
        """Add rows that a database packed into texts.

        Raises:
            ValueError: a text holds fewer rows than it was made of.
        """
        columns = [each.split() for each in COLUMNS[into].split(", ")]
        values = ", ".join(f"value[{place}]::{kind}" for place, (_, kind) in enumerate(columns, 1))
        split = f"SELECT string_split(unnest(string_split($1, '{RECORD}')), '{FIELD}') AS value"
        kept = f"INSERT INTO raw.{into} SELECT {values} FROM ({split}) WHERE len(value) = {len(columns)}"  # noqa: S608 — names of the tables above
        ((rows,),) = self._store.execute(kept, [RECORD.join(row[1] for row in texts)]).fetchall()
        if rows != sum(int(row[0]) for row in texts):
            raise ValueError("a text that the database packed was cut off")

    def people(self) -> list[int]:
        """Whose gifts and places in queues it holds, by number."""
        with closing(self._store.cursor()) as store:
            rows = store.execute("SELECT person FROM raw.given UNION SELECT person FROM raw.waiting ORDER BY person").fetchall()
        return [row[0] for row in rows]

    def place(self) -> None:
        """Say of each gift and each who waits where the person lives."""
        self._store.execute(PLACED)

    def read(self, questions: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[Row]]:
        """The rows of each statement, asked one after the other of one connection."""
        with closing(self._store.cursor()) as store:
            return [store.execute(sql, dict(values)).fetchall() for sql, values in questions]


class Copying:
    """Makes copies of a database's books."""

    def __init__(self, database: Database) -> None:
        """Prepare every statement once."""
        self.database = database
        self._all = self._parts(None)
        self._organisation = self._parts(_receivers())
        packed = {"home": _homes(), "place": _places(), "moved": _moved()}
        self._known = [Part(name, database.prepare(_packed(each))) for name, each in packed.items()]

    def _parts(self, receivers: sa.CompoundSelect[Any] | None) -> list[Part]:
        read = ("given", _own(receivers)), ("given", _brought(receivers)), ("waiting", _waiting(narrowed=receivers is not None))
        return [Part(name, self.database.prepare(_packed(each))) for name, each in read]

    async def made(self, now: datetime, days: tuple[str, str] = EVER, organisation: str | None = None) -> Ledger:
        """A copy of what was given in some days; of what the people of one organisation were given by anybody, where it is named."""
        ledger = await asyncio.to_thread(Ledger, now)
        values = {"since": days[0], "until": days[1], "organisation": organisation}
        for part in self._all if organisation is None else self._organisation:
            await self._copy(ledger, part, values)
        people = await asyncio.to_thread(ledger.people)
        for begin in range(0, len(people), PEOPLE):
            for part in self._known:
                await self._copy(ledger, part, {"people": people[begin : begin + PEOPLE]})
        await asyncio.to_thread(ledger.place)
        return ledger

    async def _copy(self, ledger: Ledger, part: Part, values: Mapping[str, Any]) -> None:
        async for texts in self.database.stream(part.statement, values, TEXTS):
            await asyncio.to_thread(ledger.put, part.into, texts)


# --- what is copied --------------------------------------------------------------------------------------------------


def _packed(rows: sa.Select[Any]) -> sa.Select[Any]:
    """How many rows, and their values as one text, for the rows of some people; the first column says whose they are."""
    columns = [_said(each) for each in rows.selected_columns]
    whose = next(iter(rows.selected_columns))
    line = sa.func.concat_ws(sa.literal_column(f"'{FIELD}'"), *columns).label("line")
    lines = rows.with_only_columns((whose // sa.literal_column(str(TOGETHER), sa.Integer)).label("some"), line).subquery("lines")
    between: Any = sa.literal_column(f"'{RECORD}'")
    text: sa.ColumnElement[Any] = sa.func.aggregate_strings(lines.c.line, between)
    return sa.select(sa.func.count(), text).group_by(lines.c.some)


def _said(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A value in a line: nothing as an empty text, and no separator in what somebody wrote."""
    if not isinstance(column.type, sa.String):
        return column
    found: sa.ColumnElement[Any] = sa.func.coalesce(column, NOTHING)
    if getattr(column, "key", None) not in WRITTEN:
        return found
    for each in (FIELD, RECORD):
        found = sa.func.replace(found, sa.literal_column(f"'{each}'"), sa.literal_column("' '"))
    return found


def _days() -> tuple[sa.BindParameter[str], sa.BindParameter[str]]:
    return sa.bindparam("since", type_=sa.Text), sa.bindparam("until", type_=sa.Text)


def _live() -> sa.ColumnElement[bool]:
    return sa.and_(sa.or_(*(allocation.c.status == state for state in LIVE)), allocation.c.allocated_on.between(*_days()))


def _receivers() -> sa.CompoundSelect[Any]:
    """Whom an organisation gave anything."""
    who = sa.bindparam("organisation", type_=sa.Text)
    own = sa.select(allocation.c.person).where(_live(), allocation.c.organisation == who)
    giver = sa.func.coalesce(receipt.c.organisation, receipt.c.source)
    return own.union_all(sa.select(receipt.c.person).where(receipt.c.given_on.between(*_days()), giver == who))


def _own(receivers: sa.CompoundSelect[Any] | None) -> sa.Select[Any]:
    columns = ("person", "organisation", "programme", "kind", "currency", "unit", "amount_minor")
    quantity = sa.func.coalesce(allocation.c.quantity_milli, sa.literal_column("0"))
    found = sa.select(*(allocation.c[name] for name in columns), quantity, allocation.c.allocated_on).where(_live())
    return found if receivers is None else found.where(allocation.c.person.in_(receivers))


def _brought(receivers: sa.CompoundSelect[Any] | None) -> sa.Select[Any]:
    giver = sa.func.coalesce(receipt.c.organisation, receipt.c.source).label("giver")
    columns = receipt.c.person, giver, NOTHING, receipt.c.kind, receipt.c.currency, NOTHING, receipt.c.amount_minor
    found = sa.select(*columns, sa.literal_column("0"), receipt.c.given_on).where(receipt.c.given_on.between(*_days()))
    return found if receivers is None else found.where(receipt.c.person.in_(receivers))


def _homes() -> sa.Select[Any]:
    known = person.c.household.is_not(None), among(person.c.number, "people", "whole")
    return sa.select(person.c.number, person.c.household).where(*known)


def _places() -> sa.Select[Any]:
    return sa.select(whereabouts.c.person, whereabouts.c.governorate).where(among(whereabouts.c.person, "people", "whole"))


def _moved() -> sa.Select[Any]:
    moves = sa.select(residence.c.household, residence.c.moved_on, residence.c.id, residence.c.governorate)
    homes = sa.select(person.c.household).where(among(person.c.number, "people", "whole"))
    return moves.where(residence.c.household.in_(homes))


def _waiting(*, narrowed: bool) -> sa.Select[Any]:
    waits = sa.select(nomination.c.person, queue_policy.c.need, queue_policy.c.organisation, nomination.c.arrived_on)
    found = waits.join(queue_policy, queue_policy.c.id == nomination.c.policy).where(queue_policy.c.active)
    return found.where(queue_policy.c.organisation == sa.bindparam("organisation", type_=sa.Text)) if narrowed else found
