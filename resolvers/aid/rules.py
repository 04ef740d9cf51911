"""What an allocation is, what may happen to it, and the rules of the programme it is booked under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from errors import CeilingReached, Invalid, NotEligible, ProgrammeClosed
from resolvers.aid.books import Account, Programme
from resolvers.aid.inputs import shown
from tables.aid import allocation, carried, case_file
from tables.database import Database, among
from tables.identity import person as people
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.writing import Change

ALLOCATIONS: Final = {
    "": {"record": "planned", "give": "delivered"},
    "planned": {"deliver": "delivered", "return": "returned", "correct": "corrected"},
    "delivered": {"return": "returned", "correct": "corrected"},
}
"""What may happen to an allocation: state, act, next state."""

LIVE: Final = ("planned", "delivered")
"""States in which an allocation counts as received."""

AHEAD: Final = timedelta(days=366)
"""How far ahead something may be planned."""

COLUMNS: Final = (
    "id",
    "organisation",
    "person",
    "programme",
    "kind",
    "amount_minor",
    "currency",
    "allocated_on",
    "status",
    "quantity_milli",
    "unit",
    "programme_id",
    "household",
    "recorded_at",
    "corrects",
)


@dataclass(frozen=True, slots=True)
class Allocated:
    """An allocation as it is stored."""

    id: int
    organisation: str
    person: int
    programme: str
    kind: str
    amount_minor: int
    currency: str
    allocated_on: str
    status: str
    quantity_milli: int | None
    unit: str | None
    programme_id: int | None
    household: int | None
    recorded_at: int | None
    corrects: int | None

    @property
    def taken(self) -> int:
        """What it took from its fund or stock, in thousandths of that one's unit."""
        return self.amount_minor if self.quantity_milli is None else self.quantity_milli


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be allocated under one programme: (person, amount in thousandths) a line."""

    programme: int
    kind: str
    unit: str
    goods: bool
    on: date
    lines: Sequence[tuple[int, int]]
    households: Mapping[int, int | None]
    act: str
    corrects: int | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """What is asked, and the programme and means it is booked under: the rules allow it."""

    change: Change
    asked: Asked
    programme: Programme
    ours: Account


class Rules:
    """What a programme's rules ask of the tables."""

    def __init__(self, database: Database) -> None:
        """Prepare every statement once."""
        prepare = database.prepare
        amount = sa.func.coalesce(allocation.c.quantity_milli, allocation.c.amount_minor)
        within = (
            allocation.c.programme_id == sa.bindparam("programme"),
            sa.or_(*(allocation.c.status == state for state in LIVE)),
            allocation.c.allocated_on > sa.bindparam("since"),
        )
        self._by_person = prepare(
            sa.select(allocation.c.person, sa.func.sum(amount))
            .where(*within, among(allocation.c.person, "subjects", "whole"))
            .group_by(allocation.c.person)
        )
        self._by_household = prepare(
            sa.select(allocation.c.household, sa.func.sum(amount))
            .where(*within, among(allocation.c.household, "subjects", "whole"))
            .group_by(allocation.c.household)
        )
        # What was given to somebody that members of a household lived with before counts in it as well.
        self._carried = prepare(
            sa.select(people.c.household, sa.func.sum(amount))
            .select_from(
                carried.join(allocation, allocation.c.id == carried.c.allocation).join(people, people.c.number == carried.c.person)
            )
            .where(*within, among(people.c.household, "subjects", "whole"))
            .where(sa.or_(allocation.c.household.is_(None), allocation.c.household != people.c.household))
            .group_by(people.c.household)
        )
        self._needs = prepare(
            sa.select(case_file.c.person, sa.func.max(case_file.c.need_score))
            .where(case_file.c.organisation == sa.bindparam("organisation"), among(case_file.c.person, "people", "whole"))
            .group_by(case_file.c.person)
        )

    async def needy(self, change: Change, organisation: str, asked: Asked, minimum: int) -> None:
        """Go on only where everybody's need is at least the programme's minimum.

        Raises:
            NotEligible: somebody's is less, or not known.
        """
        subjects = [person for person, _ in asked.lines]
        values = {"organisation": organisation, "people": subjects}
        points = {person: need or 0 for person, need in await change.fetch(self._needs, values)}
        for place, person in enumerate(subjects):
            if points.get(person, 0) < minimum:
                field = "person" if len(subjects) == 1 else f"lines.{place}.person"
                raise NotEligible("the programme admits greater need only", f"assess the need: it asks for {minimum} points", field)

    async def below_ceilings(self, change: Change, asked: Asked, programme: Programme) -> None:
        """Go on only where nobody would receive more than the ceilings; the fund or stock must be held.

        Raises:
            CeilingReached: somebody would.
        """
        since = (asked.on - timedelta(days=programme.period_days)).isoformat() if programme.period_days else ""
        of_person: dict[int, int] = {}
        of_household: dict[int, int] = {}
        for person, amount in asked.lines:
            of_person[person] = of_person.get(person, 0) + amount
            home = asked.households.get(person)
            if home is not None:
                of_household[home] = of_household.get(home, 0) + amount
        for ceiling, wanted, statement, whose in (
            (programme.ceiling_person, of_person, self._by_person, "person"),
            (programme.ceiling_household, of_household, self._by_household, "household"),
        ):
            if ceiling is None:
                continue
            values = {"programme": programme.id, "since": since, "subjects": list(wanted)}
            before = {subject: int(total) for subject, total in await change.fetch(statement, values)}
            for home, total in await change.fetch(self._carried, values) if whose == "household" else ():
                before[home] = before.get(home, 0) + int(total)
            for subject, amount in wanted.items():
                left = ceiling - before.get(subject, 0)
                if amount > left:
                    left_shown = f"at most {shown(max(left, 0))} is left for this {whose}"
                    field = "quantity" if asked.goods else "amount"
                    raise CeilingReached(f"this is more than the programme gives one {whose} in its period", left_shown, field)


def admitted(enquiry: Enquiry, asked: Asked, programme: Programme, ours: Account) -> None:
    """Go on only where the programme takes this kind, in this unit, for this day.

    Raises:
        Invalid: another kind or unit.
        ProgrammeClosed: it is closed, or gives nothing on that day.
    """
    if programme.state != "open":
        raise ProgrammeClosed("the programme is closed", 'choose one of `programmes(state: "open")`', "programme")
    if asked.kind != programme.kind:
        raise Invalid("the programme is of another kind", f"this programme gives {programme.kind}", "kind")
    if asked.goods != (ours.kind == "stock"):
        what = "goods" if ours.kind == "stock" else "money"
        raise Invalid(f"the programme gives {what}", f"give what is kept in {ours.unit}", "quantity" if asked.goods else "amount")
    if asked.unit != ours.unit:
        raise Invalid("the programme gives in another unit", f"it is kept in {ours.unit}", "unit" if asked.goods else "currency")
    last = min(each for each in (programme.closes_on, (enquiry.now.date() + AHEAD).isoformat()) if each)
    if not programme.opens_on <= asked.on.isoformat() <= last:
        raise ProgrammeClosed("the programme gives nothing on that day", f"give a day from {programme.opens_on} to {last}", "on")
    if asked.act == "give" and asked.on > enquiry.now.date():
        raise Invalid("what is delivered was given today or before", "leave `delivered` out for a later day", "on")
