"""What the sample country leaves in the hub itself: cases of organisations without a system, consents, credentials.

People are known to the hub by number only, and only after linking; until then, what is to be seeded waits in a small
file beside the sources, so that nothing is held in memory.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from privacy.blind import Blinder
from privacy.consent import Consents
from privacy.credentials import Credentials
from samples.books import NGOS, Aid, Case
from samples.cast import Grant, member
from samples.databases import Filling
from tables.aid import allocation, case_file
from tables.database import Database, among
from tables.identity import identifier, link, own_case
from values import Category, Purpose, Role, Scheme

WITHOUT_SYSTEM = frozenset({"karama", "basra-sewing-coop"})

CONSENTING, WITHDRAWN, MOST_GRANTS = 0.35, 0.15, 2000
"""Share of heads of households that consent to the organisation they are a case of, share of those that take it back,
and how many grants are made at most: each is signed by itself."""

CHOICES = (
    (Category.NAME, Category.CONTACT),
    (Category.NAME, Category.CONTACT, Category.PLACE),
    (Category.NAME, Category.BIRTH, Category.PLACE, Category.FAMILY),
    (Category.NAME, Category.CONTACT, Category.BIRTH, Category.PLACE, Category.FAMILY, Category.HEALTH),
    (Category.CONTACT, Category.HEALTH, Category.INSURANCE, Category.INCOME),
)

CASE = ("organisation", "case_number", "person", "need_score", "opened_on")
AID = ("organisation", "person", "programme", "kind", "amount_minor", "currency", "allocated_on", "status")

YEAR = 365 * 86400
BATCH = 1000

waiting = sa.MetaData()
sa.Table("cases", waiting, *(sa.Column(name, sa.String(40)) for name in ("organisation", "number", "person", "need", "opened")))
sa.Table(
    "aid",
    waiting,
    *(sa.Column(name, sa.String(80)) for name in ("organisation", "person", "programme", "kind", "amount", "currency", "given", "status")),
)
sa.Table("grants", waiting, *(sa.Column(name, sa.String(80)) for name in ("person", "receiver", "purpose", "categories", "withdrawn")))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who gets a credential; `person` is somebody of the cast."""

    name: str
    kind: str
    organisation: str | None
    role: Role
    purposes: tuple[Purpose, ...]
    person: str | None = None


RELIEF = (Purpose.AID_DISTRIBUTION, Purpose.CASE_MANAGEMENT)
GOVERNING = (*RELIEF, Purpose.ORGANISATION_GOVERNANCE)
HOLDERS = (
    Holder("crescent-caseworker", "staff", "crescent-aid", Role.CASEWORKER, RELIEF),
    Holder("rafidain-caseworker", "staff", "rafidain-relief", Role.CASEWORKER, RELIEF),
    Holder("hope-caseworker", "staff", "hope-network", Role.CASEWORKER, RELIEF),
    Holder("crescent-manager", "staff", "crescent-aid", Role.MANAGER, GOVERNING),
    Holder("rafidain-manager", "staff", "rafidain-relief", Role.MANAGER, GOVERNING),
    Holder("hope-manager", "staff", "hope-network", Role.MANAGER, GOVERNING),
    Holder("karama-caseworker", "staff", "karama", Role.CASEWORKER, (Purpose.CASE_MANAGEMENT, Purpose.AID_DISTRIBUTION)),
    Holder("ministry-caseworker", "staff", "labour-ministry", Role.CASEWORKER, (Purpose.SOCIAL_SECURITY, Purpose.CASE_MANAGEMENT)),
    Holder("ministry-analyst", "staff", "labour-ministry", Role.ANALYST, (Purpose.STATISTICS, Purpose.SOCIAL_SECURITY)),
    Holder("new-dawn-caseworker", "staff", "new-dawn", Role.CASEWORKER, (Purpose.AID_DISTRIBUTION,)),
    Holder("inspector", "staff", "inspectorate", Role.INSPECTOR, (Purpose.OVERSIGHT,)),
    Holder("inspector-2", "staff", "inspectorate", Role.INSPECTOR, (Purpose.OVERSIGHT,)),
    Holder("integrity-officer", "staff", "integrity-commission", Role.INSPECTOR, (Purpose.OVERSIGHT,)),
    Holder("app-developer", "app", "nahrain-apps", Role.DEVELOPER, (Purpose.OPEN_DATA,)),
    Holder("accreditor", "staff", "umbrella-office", Role.ACCREDITOR, (Purpose.ORGANISATION_GOVERNANCE,)),
    Holder("crescent-app", "app", "crescent-aid", Role.DEVELOPER, RELIEF),
    Holder("umm-hassan", "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), "umm-hassan"),
    Holder("mariam", "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), "mariam"),
)


class Waiting:
    """What waits for its people to be linked, by national number."""

    def __init__(self, path: Path, seed: int) -> None:
        """Make the file."""
        self.path = path
        self.file = Filling(path, waiting)
        self.chance = Random(f"consents {seed}")
        self.grants = 0

    def add(self, cases: Sequence[Case], aid: Sequence[Aid], grants: Iterable[Grant] | None = None) -> None:
        """Keep what belongs in the hub; without `grants`, draw who consents."""
        people = {case.number: case.national_number for case in cases if case.source in WITHOUT_SYSTEM}
        for case in cases:
            if case.source in WITHOUT_SYSTEM:
                self.file.add("cases", (case.source, case.number, case.national_number, str(case.need), case.opened.isoformat()))
        for given in aid:
            if given.source in WITHOUT_SYSTEM:
                what = given.programme, given.kind, str(given.amount), given.currency, given.on.isoformat(), given.status
                self.file.add("aid", (given.source, people[given.case], *what))
        if grants is None:
            self._draw(cases)
            return
        for grant in grants:
            categories = " ".join(sorted(grant.categories))
            self.file.add(
                "grants", (member(grant.giver).national_number, grant.receiver, grant.purpose, categories, str(int(grant.withdrawn)))
            )

    def _draw(self, cases: Sequence[Case]) -> None:
        for case in cases:
            number = case.resident.national_number
            if case.source not in NGOS or case.resident.line > 1 or number is None or self.chance.random() >= CONSENTING:
                continue
            if self.grants < MOST_GRANTS:
                self.grants += 1
                withdrawn = str(int(self.chance.random() < WITHDRAWN))
                self.file.add("grants", (number, case.source, Purpose.AID_DISTRIBUTION, " ".join(self.chance.choice(CHOICES)), withdrawn))

    def close(self) -> None:
        """Write what is left."""
        self.file.close()

    def rows(self, table: str) -> Iterator[list[tuple[str, ...]]]:
        """Read a table back, some rows at a time."""
        connection = sqlite3.connect(self.path)
        try:
            cursor = connection.execute(f"SELECT * FROM {table} ORDER BY rowid")  # noqa: S608 — one of the three above
            while rows := cursor.fetchmany(BATCH):
                yield rows
        finally:
            connection.close()


class People:
    """Finds the hub's numbers of people by their national numbers."""

    def __init__(self, database: Database, blinder: Blinder) -> None:
        """Prepare the one statement."""
        self.database, self.blinder = database, blinder
        self.statement = database.prepare(
            sa.select(identifier.c.blind, identifier.c.person).where(among(identifier.c.blind, "blinds", "blob"))
        )

    async def numbers(self, national_numbers: Iterable[str]) -> dict[str, int]:
        """National number to person number, for those the hub knows."""
        blinds = {self.blinder.blind(Scheme.NATIONAL_NUMBER, number): number for number in national_numbers}
        rows = await self.database.fetch(self.statement, {"blinds": list(blinds)}, len(blinds))
        return {blinds[bytes(blind)]: person for blind, person in rows}


async def seed_cases(database: Database, people: People, waits: Waiting, source: str) -> int:
    """Write cases and allocations into the hub's own tables; gives how many rows.

    A case in the hub needs no linking: its person is known by number, which is also the person's key in the hub's own
    `source`.
    """
    add_case = database.prepare(sa.insert(case_file).values(**_bound(*CASE)))
    add_aid = database.prepare(sa.insert(allocation).values(**_bound(*AID)))
    add_link = database.prepare(sa.insert(link).values(**_bound("source", "person", "key", "run")))
    add_own = database.prepare(sa.insert(own_case).values(**_bound("organisation", "position", "person")))
    count, linked = 0, set[int]()
    for rows in waits.rows("cases"):
        known = await people.numbers(row[2] for row in rows)
        cases: list[dict[str, Any]] = [
            dict(zip(CASE, (*row[:2], known[row[2]], float(row[3]), row[4]), strict=True)) for row in rows if row[2] in known
        ]
        new = {each["person"] for each in cases} - linked
        linked |= new
        async with database.transaction() as tx:
            await tx.execute_many(add_case, cases)
            await tx.execute_many(add_link, [{"source": source, "person": number, "key": str(number), "run": 0} for number in sorted(new)])
            await tx.execute_many(add_own, [{**each, "position": each["case_number"]} for each in cases])
        count += len(cases)
    for rows in waits.rows("aid"):
        known = await people.numbers(row[1] for row in rows)
        given = [(row[0], known[row[1]], *row[2:4], round(float(row[4]) * 1000), *row[5:]) for row in rows if row[1] in known]
        async with database.transaction() as tx:
            await tx.execute_many(add_aid, [dict(zip(AID, each, strict=True)) for each in given])
        count += len(given)
    return count


async def seed_consents(consents: Consents, people: People, waits: Waiting, now: int) -> int:
    """Grant what people granted, three years from `now`, and take back what they took back; gives how many."""
    count = 0
    for rows in waits.rows("grants"):
        known = await people.numbers(row[0] for row in rows)
        for number, receiver, purpose, categories, withdrawn in rows:
            if number not in known:
                continue
            wanted = {Category(each) for each in categories.split()}
            given = await consents.grant(known[number], receiver, Purpose(purpose), wanted, now + 3 * YEAR, now)
            if withdrawn == "1":
                await consents.withdraw(given.id, known[number], now)
            count += 1
    return count


async def seed_credentials(credentials: Credentials, people: People, path: Path, now: int) -> int:
    """Issue the sample's credentials and write them, keys included, to a file only its owner may read."""
    cast = {holder.person: member(holder.person).national_number for holder in HOLDERS if holder.person}
    known = await people.numbers(number for number in cast.values() if number)
    issued: list[Mapping[str, Any]] = []
    for holder in HOLDERS:
        person = known[cast[holder.person] or ""] if holder.person else None
        key = await credentials.issue(holder.name, holder.kind, holder.organisation, holder.role, holder.purposes, now, person)
        issued.append(
            {
                "name": holder.name,
                "kind": holder.kind,
                "organisation": holder.organisation,
                "role": holder.role.value,
                "purposes": [each.value for each in holder.purposes],
                "key": key,
            }
        )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(issued, file, indent=2)
    return len(issued)


def _bound(*names: str) -> dict[str, Any]:
    return {name: sa.bindparam(name) for name in names}
