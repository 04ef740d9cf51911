"""What was given, added up by the database: one statement a question, whatever the number of people.

What counts is what the hub's own books hold as planned or delivered, and what other systems gave as far as `mizalla queue refresh`
has read it. A person is where the registries, or else the organisation that keeps its household, say that it lives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa

from errors import Invalid
from resolvers.aid.homes import GOVERNORATE
from resolvers.aid.inputs import day, text
from resolvers.aid.rules import LIVE
from tables.aid import allocation, nomination, queue_policy, receipt, refreshing, residence, whereabouts
from tables.database import Database, Row
from tables.identity import person
from tables.statement import Statement, ordinal_of

PRIME: Final = 2_147_483_647
"""Marks are sums of people's numbers by this modulus, so that no database's sums overflow."""

TENTHS: Final = 10
LONGEST: Final = timedelta(days=3653)
LONGEST_NAME: Final = 120
NOTHING: Final[sa.ColumnElement[str]] = sa.literal_column("''")
ONE: Final[sa.ColumnElement[int]] = sa.literal_column("1", sa.Integer)
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
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if getattr(self, name) is not None}

    @property
    def narrowed(self) -> tuple[bool, bool, bool]:
        """Which of organisation, programme and place are named."""
        return self.organisation is not None, self.programme is not None, self.place is not None


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
    """Everything given in a time, by whom, to whom, where it is known; places and homes beside it."""
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


def people_of() -> sa.Subquery:
    """The same, with each person's household and place."""
    given = gifts()
    joined, home, place = _placed(given)
    return sa.select(*given.c, home.label("home"), place.label("place")).select_from(joined).subquery("placed")


def _placed(of: sa.FromClause) -> tuple[sa.FromClause, sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """A relation of people joined with where they live: the join, the household's number, the governorate."""
    home = sa.case((person.c.household.is_not(None), person.c.household), else_=-of.c.person)
    kept = (
        sa.select(residence.c.governorate)
        .where(residence.c.household == person.c.household)
        .order_by(residence.c.moved_on.desc(), residence.c.id.desc())
        .limit(1)
        .correlate(person)
        .scalar_subquery()
    )
    joined = of.outerjoin(person, person.c.number == of.c.person).outerjoin(whereabouts, whereabouts.c.person == of.c.person)
    return joined, home, sa.func.coalesce(whereabouts.c.governorate, kept, NOTHING)


def _marked(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.sum(column % sa.literal_column(str(PRIME)))


class Figures:
    """The statements, each written once for what it is narrowed to."""

    def __init__(self, database: Database) -> None:
        """Nothing is prepared before it is asked for."""
        self.database = database
        self._written: dict[tuple[str, tuple[bool, bool, bool]], Statement] = {}
        self._brought = database.prepare(sa.select(sa.func.min(refreshing.c.at), sa.func.count()))

    async def read(self, name: str, scope: Scope) -> list[Row]:
        """The rows of one of the questions below."""
        key = (name, scope.narrowed)
        if key not in self._written:
            self._written[key] = self.database.prepare(QUESTIONS[name](scope.narrowed))
        return await self.database.fetch(self._written[key], scope.values())

    async def brought_at(self) -> int | None:
        """Since when the least fresh of other systems' books stands, in seconds; None where none was read."""
        ((at, _),) = await self.database.fetch(self._brought)
        return None if at is None else int(at)


def _within(narrowed: tuple[bool, bool, bool]) -> sa.Subquery:
    """The gifts a report is about, with each person's household."""
    given = people_of()
    found = sa.select(*given.c)
    for named, name in zip(narrowed, ("organisation", "programme", "place"), strict=True):
        if named:
            found = found.where(given.c[name] == sa.bindparam(name, type_=sa.Text))
    return found.subquery("within_scope")


def amounts(narrowed: tuple[bool, bool, bool]) -> sa.Select[Any]:
    """Kind, currency, unit; people, mark, households; sum and largest of amounts, and of quantities."""
    given = _within(narrowed)
    alike = given.c.kind, given.c.currency, given.c.unit
    each = (
        sa.select(*alike, given.c.person, given.c.home, sa.func.sum(given.c.amount).label("amount"))
        .add_columns(sa.func.sum(given.c.quantity).label("quantity"))
        .group_by(*alike, given.c.person, given.c.home)
        .subquery("each_person")
    )
    total, most = sa.func.sum, sa.func.max
    return (
        sa.select(each.c.kind, each.c.currency, each.c.unit, sa.func.count(), _marked(each.c.person))
        .add_columns(sa.func.count(each.c.home.distinct()), total(each.c.amount), most(each.c.amount))
        .add_columns(total(each.c.quantity), most(each.c.quantity))
        .group_by(each.c.kind, each.c.currency, each.c.unit)
        .order_by(each.c.kind, each.c.currency, each.c.unit)
    )


def people(narrowed: tuple[bool, bool, bool]) -> sa.Select[Any]:
    """People with their mark, households."""
    given = _within(narrowed)
    each = sa.select(given.c.person, given.c.home).distinct().subquery("each_person")
    return sa.select(sa.func.count(), _marked(each.c.person), sa.func.count(each.c.home.distinct()))


def spread(narrowed: tuple[bool, bool, bool]) -> sa.Select[Any]:
    """Currency, tenth of people from who received least; people, sum, and sum by rank for the Gini coefficient."""
    given = _within(narrowed)
    each = (
        sa.select(given.c.currency, given.c.person, (sa.func.sum(given.c.amount) * sa.literal_column("1.0", sa.Float)).label("total"))
        .where(given.c.currency != NOTHING)
        .group_by(given.c.currency, given.c.person)
        .subquery("each_person")
    )
    order: Mapping[str, Any] = {"partition_by": each.c.currency, "order_by": (each.c.total, each.c.person)}
    ranked = sa.select(
        each.c.currency,
        each.c.total,
        sa.func.ntile(sa.literal_column(str(TENTHS))).over(**order).label("tenth"),
        sa.func.row_number().over(**order).label("rank"),
    ).subquery("ranked")
    return (
        sa.select(ranked.c.currency, ranked.c.tenth, sa.func.count(), sa.func.sum(ranked.c.total))
        .add_columns(sa.func.sum(ranked.c.total * ranked.c.rank))
        .group_by(ranked.c.currency, ranked.c.tenth)
        .order_by(ranked.c.currency, ranked.c.tenth)
    )


def needs(narrowed: tuple[bool, bool, bool]) -> sa.Select[Any]:
    """Need; who waits for it and who of them was reached, each with its mark; who waited how long until then."""
    given = _within(narrowed)
    first = (
        sa.select(given.c.kind, given.c.person, sa.func.min(given.c.day).label("day"))
        .group_by(given.c.kind, given.c.person)
        .subquery("first_gift")
    )
    by_organisation, _, by_place = narrowed
    joined, _, place = _placed(nomination)
    policy = queue_policy.c
    waiting = (
        sa.select(policy.need, nomination.c.person, sa.func.min(nomination.c.arrived_on).label("arrived"))
        .select_from(joined.join(queue_policy, policy.id == nomination.c.policy))
        .where(policy.active, nomination.c.arrived_on <= ordinal_of(sa.bindparam("until", type_=sa.Text)))
        .group_by(policy.need, nomination.c.person)
    )
    if by_organisation:
        waiting = waiting.where(policy.organisation == sa.bindparam("organisation", type_=sa.Text))
    if by_place:
        waiting = waiting.where(place == sa.bindparam("place", type_=sa.Text))
    who = waiting.subquery("who_waits")
    days = (ordinal_of(first.c.day) - who.c.arrived).label("days")
    # Who received before it was assessed did not wait for that.
    one = (
        sa.select(who.c.need, who.c.person, first.c.person.label("reached"), sa.case((first.c.person.is_not(None), days)).label("days"))
        .select_from(who.outerjoin(first, sa.and_(first.c.person == who.c.person, first.c.kind == who.c.need)))
        .subquery("one")
    )

    def counted(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
        return sa.func.sum(sa.case((condition, ONE), else_=NONE_))

    waited = one.c.days >= NONE_
    return (
        sa.select(one.c.need, sa.func.count(), _marked(one.c.person), sa.func.count(one.c.reached), _marked(one.c.reached))
        .add_columns(counted(waited), sa.func.sum(sa.case((waited, one.c.person % sa.literal_column(str(PRIME))))))
        .add_columns(sa.func.sum(sa.case((waited, one.c.days))))
        .add_columns(counted(sa.and_(waited, one.c.days <= sa.literal_column("30"))))
        .add_columns(counted(sa.and_(waited, one.c.days <= sa.literal_column("90"))))
        .group_by(one.c.need)
        .order_by(one.c.need)
    )


def overlap(narrowed: tuple[bool, bool, bool]) -> sa.Select[Any]:
    """People with their mark, those that others gave to as well, and those that others gave the same kind to, likewise."""
    base = gifts()
    first, last = sa.func.min, sa.func.max
    by_kind = sa.select(
        base.c.person, base.c.kind, first(base.c.organisation).label("first"), last(base.c.organisation).label("last")
    ).group_by(base.c.person, base.c.kind)
    each = _of_some(narrowed, by_kind) if any(narrowed) else _of_everybody(by_kind.subquery("by_kind"))
    mark = each.c.person % sa.literal_column(str(PRIME))
    sums = (sa.func.sum(each.c.other), sa.func.sum(each.c.other * mark), sa.func.sum(each.c.same), sa.func.sum(each.c.same * mark))
    return sa.select(sa.func.count(), _marked(each.c.person), *sums)


def _of_everybody(kinds: sa.Subquery) -> sa.Subquery:
    """Each person, and whether several gave to it, or several the same kind: the first and the last giver by name are two."""
    first, last = sa.func.min(kinds.c.first), sa.func.max(kinds.c.last)
    several = sa.case((first != last, ONE), else_=NONE_).label("other")
    same = sa.func.max(sa.case((kinds.c.first != kinds.c.last, ONE), else_=NONE_)).label("same")
    return sa.select(kinds.c.person, several, same).group_by(kinds.c.person).subquery("each_person")


def _of_some(narrowed: tuple[bool, bool, bool], by_kind: sa.Select[Any]) -> sa.Subquery:
    """Each person of a scope, and whether somebody else gave to it, or the same kind: the first or the last giver is another."""
    given, first, last = _within(narrowed), sa.func.min, sa.func.max
    ours = sa.select(given.c.organisation, given.c.person, given.c.kind).distinct().cte("ours")
    person_, *_ = by_kind.selected_columns
    kinds = by_kind.where(person_.in_(sa.select(ours.c.person))).cte("by_kind")
    whole = (
        sa.select(kinds.c.person, first(kinds.c.first).label("first"), last(kinds.c.last).label("last"))
        .group_by(kinds.c.person)
        .subquery("by_person")
    )
    also = ours.join(whole, whole.c.person == ours.c.person).join(
        kinds, sa.and_(kinds.c.person == ours.c.person, kinds.c.kind == ours.c.kind)
    )

    def another(givers: Any) -> sa.ColumnElement[Any]:
        others = sa.or_(givers.c.first != ours.c.organisation, givers.c.last != ours.c.organisation)
        return last(sa.case((others, ONE), else_=NONE_))

    return (
        sa.select(ours.c.person, another(whole).label("other"), another(kinds).label("same"))
        .select_from(also)
        .group_by(ours.c.person)
        .subquery("each_person")
    )


QUESTIONS: Final = {each.__name__: each for each in (amounts, people, spread, needs, overlap)}
