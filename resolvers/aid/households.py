"""Households that an organisation without a system of its own registers in the hub: people as own cases, living together.

They are new people to the hub: nobody becomes a case by having a number typed in, because that would open what others know of
whoever bears it. Tying them to the registries is the work of linking.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid
from privacy.linkage import Linkage
from resolvers.aid.homes import HEAD, Homes, place_of, relation_of
from resolvers.aid.inputs import numbers, text
from resolvers.aid.likeness import Particulars, particulars_of
from resolvers.aid.particulars import CaseParticulars, said
from resolvers.room import Room
from tables.aid import case_file
from tables.database import among
from tables.identity import counter, link
from tables.statement import insert_missing
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST_MEMBERS: Final = 50
LONGEST_NUMBER: Final = 64


class Households(Room):
    """Registers households."""

    def __init__(self, hub: Hub, homes: Homes, files: CaseParticulars) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.homes = homes
        self.files = files
        self.linkage = Linkage(hub.database)
        self._case = hub.database.prepare(sa.insert(case_file))
        self._link = hub.database.prepare(insert_missing(link, hub.database.dialect.name))
        filed = case_file.c.organisation == sa.bindparam("whose"), case_file.c.case_number == sa.bindparam("case")
        self._close = hub.database.prepare(sa.delete(case_file).where(*filed))
        self._taken = hub.database.prepare(
            sa.select(case_file.c.case_number).where(
                case_file.c.organisation == sa.bindparam("organisation"), among(case_file.c.case_number, "cases")
            )
        )
        self._counter = hub.database.prepare(insert_missing(counter, hub.database.dialect.name))
        self._sources = [name for name, source in hub.settings.sources.items() if source.wire == "hub"]

    async def register(self, enquiry: Enquiry, given: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Register people who live together as own cases.

        Raises:
            Invalid: no member or too many, or a case number, need score, relation or place that is none.
            Conflict: a case number that is taken.
        """
        self.hub.demand(enquiry, "household.register")
        if not 1 <= len(members) <= MOST_MEMBERS:
            raise Invalid(f"a household has 1 to {MOST_MEMBERS} members", "register others apart", "members")
        cases: dict[str, float | None] = {}
        relations: list[str] = []
        written: dict[str, Particulars] = {}
        for place, member in enumerate(members):
            number, need = case_of(member, f"members.{place}.")
            if number in cases:
                raise Invalid("this case number stands in the list twice", "give each member its own", f"members.{place}.caseNumber")
            cases[number] = need
            relations.append(relation_of(member["relation"] or ("other" if place else HEAD), f"members.{place}.relation"))
            if member["particulars"] is not None:
                written[number] = particulars_of(member["particulars"], f"members.{place}.particulars.", enquiry.now.year)
        if relations.count(HEAD) != 1:
            raise Invalid("a household has one head", "give one member the relation HEAD, or leave all of them out", "members")
        where, distinct_from = place_of(given), self.files.numbers(enquiry, given["distinct_from"])

        async def work(change: Change) -> dict[str, Any]:
            home = await self.house(change)
            places = list(cases)
            typed = [(f"members.{places.index(case)}.particulars.", each) for case, each in written.items()]
            looked = await self.files.distinct(change, typed, distinct_from)
            people = await self.people(change, cases, home, "members.{}.caseNumber")
            await self.files.describe_new(change, {people[case]: each for case, each in written.items()})
            listed = list(zip(people.values(), relations, strict=True))
            await self.homes.open(change, home, listed, enquiry.now.date().isoformat(), where)
            await change.step(f"household:{home}", "register", "registered", said(looked))
            identify = self.hub.identifier(enquiry, "person")
            return {
                "household": self.hub.identifier(enquiry, "household")(home),
                "members": [{"case_number": case, "person": identify(number)} for case, number in people.items()],
            }

        content = [list(cases.items()), relations, where, [[case, asdict(each)] for case, each in written.items()], sorted(distinct_from)]
        return await self.hub.writing.run(enquiry, "household.register", work, key=given["idempotency_key"], content=content)

    async def house(self, change: Change, many: int = 1) -> int:
        """New households, of which the first's number is given; whoever else makes some waits until the end of the transaction."""
        for name in ("person", "household"):  # a hub that never linked anybody counts from here
            await change.execute(self._counter, {"name": name, "value": 0})
        await self.linkage.hold(change.tx, "person")
        home = await self.linkage.hold(change.tx, "household") + 1
        await self.linkage.insert(change.tx, "household", [(home + place, secrets.token_bytes(32)) for place in range(many)])
        await self.linkage.count(change.tx, "household", home + many - 1)
        return home

    async def people(
        self, change: Change, cases: Mapping[str, float | None], home: int | Mapping[str, int] | None, field: str
    ) -> dict[str, int]:
        """New people as own cases, by their case numbers, of one household or each of its own; `field` says where a number stood.

        Raises:
            Conflict: a case number that is taken.
        """
        tx, organisation = change.tx, str(change.enquiry.requester.organisation)
        await change.execute(self._counter, {"name": "person", "value": 0})
        last = await self.linkage.hold(tx, "person")
        taken = set(await self.linkage.cases(tx, organisation, list(cases), []))
        taken |= {number for (number,) in await tx.fetch(self._taken, {"organisation": organisation, "cases": list(cases)})}
        for place, number in enumerate(cases):
            if number in taken:
                raise Conflict("this case number is taken", "look it up in `caseload`", field.format(place))
        people = {number: last + place for place, number in enumerate(cases, 1)}
        await self.linkage.insert(
            tx, "person", [(number, home[case] if isinstance(home, Mapping) else home) for case, number in people.items()]
        )
        await self.keep(change, organisation, {case: (number, cases[case]) for case, number in people.items()})
        await self.linkage.count(tx, "person", max(people.values()))
        return people

    async def keep(self, change: Change, organisation: str, cases: Mapping[str, tuple[int, float | None]]) -> None:
        """Make people own cases of an organisation, by case number: person number and need score. Nobody may be one already."""
        await self.linkage.insert(change.tx, "own_case", [(organisation, case, person) for case, (person, _) in cases.items()])
        links = [
            {"source": source, "person": person, "key": str(person), "run": 0} for source in self._sources for person, _ in cases.values()
        ]
        await change.execute_many(self._link, links)
        following, opened = numbers(), change.enquiry.now.date().isoformat()
        common = {"organisation": organisation, "opened_on": opened}
        rows = [
            {**common, "id": next(following), "case_number": case, "person": person, "need_score": need}
            for case, (person, need) in cases.items()
        ]
        await change.execute_many(self._case, rows)

    async def let_go(self, change: Change, organisation: str, case: str, person: int) -> None:
        """Close an own case again; what was given stays where it is booked."""
        await self.linkage.close_cases(change.tx, organisation, [(case, person)])
        await change.execute(self._close, {"whose": organisation, "case": case})
        await self.files.forget(change, organisation, person)


def case_of(member: Mapping[str, Any], field: str) -> tuple[str, float | None]:
    """A new case's number and need score; `field` is what their names begin with.

    Raises:
        Invalid: they cannot be.
    """
    number = text(str(member["case_number"]), f"{field}caseNumber", LONGEST_NUMBER)
    need = member["need_score"]
    if need is not None and not 0 <= need <= 100:
        raise Invalid("a need score is 0 to 100 points", "give it within, or leave it out", f"{field}needScore")
    return number, need
