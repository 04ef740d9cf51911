"""The four databases of the sample country, in the shapes their owners gave them, and how they are filled.

Each owner has its own words: the registry writes ISO codes and dates, the ministry numbers its governorates and codes
its states, Crescent Aid writes English words and days first, Rafidain Relief is behind its own server and speaks GraphQL.
The hub's configuration maps every one of them; nothing here knows the hub.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable, ExecutableDDLElement

from samples.associations import ASSOCIATIONS
from samples.books import Aid, Case
from samples.country import Household
from tables.database import Database
from tables.statement import Statement

BATCH = 2000
"""Rows held before they are written: what bounds the memory of a country of any size."""

registry = sa.MetaData()
ministry = sa.MetaData()
crescent = sa.MetaData()
rafidain = sa.MetaData()

Number, Word, Line = sa.String(20), sa.String(40), sa.String(120)

sa.Table(
    "family",
    registry,
    sa.Column("family_number", Number, primary_key=True),
    sa.Column("governorate", sa.String(8), nullable=False),
    sa.Column("district", Line, nullable=False),
    sa.Column("dwelling", Word, nullable=False),
    sa.Column("members", sa.Integer, nullable=False),
)
sa.Table(
    "person",
    registry,
    sa.Column("national_number", Number, primary_key=True),
    sa.Column("family_number", Number, nullable=False, index=True),
    sa.Column("given_name", Line, nullable=False),
    sa.Column("father_name", Line, nullable=False),
    sa.Column("grandfather_name", Line, nullable=False),
    sa.Column("surname", Line, nullable=False),
    sa.Column("mother_name", Line, nullable=False),
    sa.Column("sex", sa.String(1), nullable=False),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("birth_year", sa.Integer, nullable=False),
    sa.Column("living", sa.Integer, nullable=False),
    sa.Column("marital_status", Word, nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("ration_card", Number),
    sa.Column("ration_card_line", sa.Integer),
)
sa.Table("association", registry, sa.Column("number", Number, primary_key=True), sa.Column("name", Line, nullable=False))
RESIDENT = (
    "CREATE VIEW resident AS SELECT person.*, family.governorate, family.district, family.dwelling, family.members "
    "FROM person JOIN family ON family.family_number = person.family_number"
)
"""A person with the household's particulars, so that a household can be asked for by any member's number."""

sa.Table(
    "client",
    ministry,
    sa.Column("national_number", Number, primary_key=True),
    sa.Column("insurance_number", Number, index=True),
    sa.Column("sex", sa.Integer, nullable=False, comment="1 man, 2 woman"),
    sa.Column("birth_year", sa.Integer, nullable=False),
    sa.Column("governorate", sa.Integer, nullable=False, comment="the ministry's own numbers"),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("need_score", sa.Float),
)
sa.Table(
    "insured",
    ministry,
    sa.Column("insurance_number", Number, primary_key=True),
    sa.Column("national_number", Number, nullable=False, index=True),
    sa.Column("state", sa.String(1), nullable=False, comment="A active, L lapsed, P pending"),
    sa.Column("months_paid", sa.Integer, nullable=False),
    sa.Column("months_owed", sa.Integer, nullable=False),
    sa.Column("scheme", Word, nullable=False),
    sa.Column("insured_since", sa.Date, nullable=False),
    sa.Column("employer", Line),
    sa.Column("monthly_wage", sa.BigInteger, nullable=False),
    sa.Column("wage_currency", sa.String(3), nullable=False),
)
sa.Table(
    "payment",
    ministry,
    sa.Column("payment_number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("national_number", Number, nullable=False, index=True),
    sa.Column("programme", Line, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("paid_on", sa.Date, nullable=False),
    sa.Column("state", sa.String(1), nullable=False, comment="S sent, H held, B back"),
)
sa.Table(
    "cases",
    crescent,
    sa.Column("case_no", Number, primary_key=True),
    sa.Column("family_no", Number, nullable=False),
    sa.Column("ration_card_no", Number),
    sa.Column("ration_card_line", sa.Integer),
    sa.Column("first_name", Line, nullable=False),
    sa.Column("father", Line, nullable=False),
    sa.Column("grandfather", Line, nullable=False),
    sa.Column("family_name", Line, nullable=False),
    sa.Column("sex", sa.String(6), nullable=False),
    sa.Column("born", sa.String(10), nullable=False, comment="day/month/year"),
    sa.Column("governorate", Word, nullable=False),
    sa.Column("district", Line, nullable=False),
    sa.Column("family_size", sa.Integer, nullable=False),
    sa.Column("mobile", Number),
    sa.Column("vulnerability", sa.Float, nullable=False),
    sa.Column("registered_on", sa.String(10), nullable=False),
)
sa.Table(
    "aid",
    crescent,
    sa.Column("aid_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("case_no", Number, nullable=False, index=True),
    sa.Column("type", Word, nullable=False),
    sa.Column("programme", Line, nullable=False),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("quantity", sa.Integer),
    sa.Column("unit", Word),
    sa.Column("given_on", sa.String(10), nullable=False),
    sa.Column("state", Word, nullable=False),
)
sa.Table(
    "beneficiary",
    rafidain,
    sa.Column("case_number", Number, primary_key=True),
    sa.Column("national_number", Number),
    sa.Column("unhcr_number", Number),
    sa.Column("full_name", sa.String(250), nullable=False),
    sa.Column("sex", sa.String(6), nullable=False),
    sa.Column("birth_year", sa.Integer, nullable=False),
    sa.Column("governorate", sa.String(8), nullable=False),
    sa.Column("phone", Number),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("need_score", sa.Float, nullable=False),
    sa.Column("household", Number, nullable=False),
)
sa.Table(
    "distribution",
    rafidain,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("case_number", Number, nullable=False, index=True),
    sa.Column("sector", Word, nullable=False),
    sa.Column("programme", Line, nullable=False),
    sa.Column("amount", sa.Float, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("quantity", sa.Integer),
    sa.Column("unit", Word),
    sa.Column("distributed_on", sa.String(10), nullable=False),
    sa.Column("status", Word, nullable=False),
)

_MINISTRY_STATES = {"delivered": "S", "planned": "H", "returned": "B"}
_CRESCENT_STATES = {"delivered": "done", "planned": "scheduled", "returned": "sent back"}
_RAFIDAIN_SEXES = {"M": "MALE", "F": "FEMALE"}
_CRESCENT_TYPES = {"food": "food parcel", "cash": "cash", "health": "medical", "shelter": "shelter"}


class Filling:
    """One SQLite database being filled: rows gather by table and go in by batches.

    Nothing is flushed on the way: a file that was not closed is to be thrown away.
    """

    def __init__(self, path: Path, metadata: sa.MetaData, *views: str) -> None:
        """Make the file with its tables and views; it must not exist."""
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = OFF")
        self.connection.execute("PRAGMA synchronous = OFF")
        for table in metadata.sorted_tables:
            self.connection.execute(str(CreateTable(table)))
        for view in views:
            self.connection.execute(view)
        self.connection.execute("BEGIN")
        self.metadata = metadata
        self.waiting: dict[str, list[tuple[Any, ...]]] = {table.name: [] for table in metadata.sorted_tables}
        self.rows = dict.fromkeys(self.waiting, 0)

    def add(self, table: str, row: tuple[Any, ...]) -> None:
        """Keep a row until its batch is full."""
        rows = self.waiting[table]
        rows.append(row)
        if len(rows) >= BATCH:
            self._write(table)

    def _write(self, table: str) -> None:
        rows = self.waiting[table]
        if rows:
            self.rows[table] += len(rows)
            places = ", ".join("?" * len(rows[0]))
            self.connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 — table names are those above
            rows.clear()

    def close(self) -> None:
        """Write what is left, then the indexes."""
        for table in self.waiting:
            self._write(table)
        self.connection.execute("COMMIT")
        for each in self.metadata.sorted_tables:
            for index in sorted(each.indexes, key=lambda index: str(index.name)):
                self.connection.execute(str(CreateIndex(index)))
        self.connection.execute("ANALYZE")
        self.connection.close()


class Databases:
    """The four database files in one folder, filled household by household."""

    def __init__(self, folder: Path) -> None:
        """Make the files; they must not exist."""
        self.registry = Filling(folder / "civil-registry.db", registry, RESIDENT)
        for row in ASSOCIATIONS:
            self.registry.add("association", row)
        self.ministry = Filling(folder / "labour-ministry.db", ministry)
        self.crescent = Filling(folder / "crescent-aid.db", crescent)
        self.rafidain = Filling(folder / "rafidain-relief.db", rafidain)
        self.numbers = {"payment": 0, "aid": 0, "distribution": 0}

    def add(self, household: Household, cases: Sequence[Case], aid: Sequence[Aid]) -> None:
        """Write what the four know of one household."""
        self._registry(household)
        for case in cases:
            if case.source == "labour-ministry":
                self._client(case)
            elif case.source == "crescent-aid":
                self.crescent.add("cases", _crescent_case(case))
            elif case.source == "rafidain-relief":
                self.rafidain.add("beneficiary", _beneficiary(case))
        for given in aid:
            self._aid(given)

    def close(self) -> None:
        """Write what is left, and the indexes."""
        for file in (self.registry, self.ministry, self.crescent, self.rafidain):
            file.close()

    def people(self) -> dict[str, int]:
        """How many people each source was given, by its name; known once all is closed."""
        return {
            "civil-registry": self.registry.rows["person"],
            "labour-ministry": self.ministry.rows["client"],
            "crescent-aid": self.crescent.rows["cases"],
            "rafidain-relief": self.rafidain.rows["beneficiary"],
        }

    def _registry(self, household: Household) -> None:
        known = [each for each in household.residents if each.national_number]
        if not known:
            return
        family = f"F{household.number:08d}"
        place = household.governorate.code, household.district, household.dwelling
        self.registry.add("family", (family, *place, len(household.residents)))
        for person in known:
            names = person.given, person.father, person.grandfather, person.surname, person.mother
            line = person.line if household.ration_card else None
            self.registry.add(
                "person",
                (
                    person.national_number,
                    family,
                    *names,
                    person.sex,
                    person.born.isoformat(),
                    person.born.year,
                    int(person.living),
                    person.marital,
                    person.language,
                    household.ration_card,
                    line,
                ),
            )

    def _client(self, case: Case) -> None:
        person, household, insured = case.resident, case.household, case.resident.insured
        number = insured.number if insured else None
        numbers = person.national_number, number
        particulars = 1 if person.sex == "M" else 2, person.born.year, household.governorate.number, len(household.residents)
        self.ministry.add("client", (*numbers, *particulars, case.need))
        if insured:
            self.ministry.add(
                "insured",
                (
                    insured.number,
                    person.national_number,
                    insured.status[0].upper(),
                    insured.months,
                    insured.owed,
                    insured.scheme,
                    insured.since,
                    insured.employer or None,
                    insured.wage,
                    "IQD",
                ),
            )

    def _aid(self, given: Aid) -> None:
        on, goods = given.on.isoformat(), (given.quantity, given.unit)
        if given.source == "labour-ministry":
            row = given.case, given.programme, int(given.amount), given.currency, on, _MINISTRY_STATES[given.status]
            self.ministry.add("payment", (self._next("payment"), *row))
        elif given.source == "crescent-aid":
            what = given.case, _CRESCENT_TYPES[given.kind], given.programme, int(given.amount), given.currency
            self.crescent.add("aid", (self._next("aid"), *what, *goods, on, _CRESCENT_STATES[given.status]))
        elif given.source == "rafidain-relief":
            sent = given.case, given.kind.upper(), given.programme, float(given.amount), given.currency
            self.rafidain.add("distribution", (self._next("distribution"), *sent, *goods, on, given.status.upper()))

    def _next(self, what: str) -> int:
        self.numbers[what] += 1
        return self.numbers[what]


def _crescent_case(case: Case) -> tuple[Any, ...]:
    person, household = case.resident, case.household
    card, _, line = (case.ration_card or "").partition("/")
    return (
        case.number,
        f"CF-{household.number:07d}",
        card or None,
        int(line) if line else None,
        *case.name,
        "male" if person.sex == "M" else "female",
        f"{person.born:%d/%m/%Y}",
        household.governorate.en,
        household.district,
        len(household.residents),
        person.phone,
        case.need,
        case.opened.isoformat(),
    )


def _beneficiary(case: Case) -> tuple[Any, ...]:
    person, household = case.resident, case.household
    return (
        case.number,
        case.national_number,
        case.unhcr_number,
        " ".join(case.name),
        _RAFIDAIN_SEXES[person.sex],
        person.born.year,
        household.governorate.code,
        person.phone,
        person.language,
        len(household.residents),
        case.need,
        f"RH-{household.number:07d}",
    )


async def copy_ministry(path: Path, url: str) -> None:
    """Write the labour ministry's tables into a PostgreSQL or MariaDB database, with real dates there.

    The tables are made anew: those of an earlier copy are dropped first.
    """
    database = Database.at(url)
    await database.open()
    try:
        there = set(await database.tables())
        async with database.transaction() as tx:
            for table in ministry.sorted_tables:
                if table.name in there:
                    await tx.execute(_ddl(database, DropTable(table)))
            for table in ministry.sorted_tables:
                await tx.execute(_ddl(database, CreateTable(table)))
                insert = database.prepare(sa.insert(table))
                for rows in _rows(path, table):
                    await tx.execute_many(insert, rows)
                for index in sorted(table.indexes, key=lambda index: str(index.name)):
                    await tx.execute(_ddl(database, CreateIndex(index)))
    finally:
        await database.close()


def _ddl(database: Database, made: ExecutableDDLElement) -> Statement:
    return database.prepare(sa.text(str(made.compile(dialect=database.dialect))))


def _rows(path: Path, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    readers = [date.fromisoformat if isinstance(column.type, sa.Date) else _same for column in table.columns]
    names = [column.name for column in table.columns]
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        cursor = connection.execute(f"SELECT {', '.join(names)} FROM {table.name}")  # noqa: S608 — names are those above
        while rows := cursor.fetchmany(BATCH):
            yield [{name: read(value) for name, read, value in zip(names, readers, row, strict=True)} for row in rows]
    finally:
        connection.close()


def _same(value: Any) -> Any:
    return value
