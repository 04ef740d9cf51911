"""What stands out in how aid was given, over all organisations: for inspectors, in numbers, as a reason to look and never as a verdict.

Everything is added up by the database. Only one pattern names people, by the inspectorate's own identifiers; that it was read stands
in the disclosure record, where each of them reads it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Invalid
from resolvers.aid.figures import NONE_, NOTHING, ONE, gifts, scope_of
from resolvers.aid.inputs import shown
from resolvers.oversight.matters import DAY, at
from resolvers.room import Answers, Room, page_size
from resolvers.want import Field, shaped
from tables.aid import account, allocation, entry, posting, programme
from tables.writing import step
from values import Condition, Shown

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub

STEEP: Final = 3
"""A month stands out that is so many times the median of those before it."""

EARLIER: Final = 3
"""Months that must lie before one that may stand out."""

DORMANT_DAYS: Final = 90
MOST_OVERRIDES: Final = 5_000
MOST_REASONS: Final = 20


class Patterns(Room):
    """Looks for what stands out."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"aid_patterns": self.found}
        prepare = hub.database.prepare
        self._repeated = prepare(_repeated())
        self._months = prepare(_months())
        self._ceilings = prepare(_near_ceilings())
        self._outcomes = prepare(_outcomes())
        self._dormant = prepare(_dormant())
        self._overrides = prepare(
            sa.select(step.c.organisation, step.c.thing, step.c.role, step.c.state, step.c.reason, step.c.at)
            .where(step.c.act == "override", step.c.at >= sa.bindparam("begins"), step.c.at < sa.bindparam("ends"))
            .order_by(step.c.at.desc())
            .limit(MOST_OVERRIDES)
        )

    async def found(self, gathering: Gathering, field: Field) -> Any:
        """Every pattern that is selected, of a period.

        Raises:
            Invalid: a period that cannot be, or too few organisations.
        """
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "aid.inspect")
        scope = scope_of(arguments, enquiry.now.date(), None)
        first, least = page_size(self.hub, arguments["first"]), arguments["least_organisations"]
        if not 2 <= least <= 1000:
            raise Invalid("this is outside 2 to 1000", "two organisations at least", "leastOrganisations")
        names, fetch, days = field.want.names(), self.hub.database.fetch, {"since": scope.since, "until": scope.until}
        found: dict[str, Any] = {"from": scope.since, "to": scope.until}
        if "repeated" in names:
            rows = await fetch(self._repeated, {**days, "least": least, "first": first})
            found["repeated"] = self._people(gathering, rows)
        if "spikes" in names:
            found["spikes"] = spikes(await fetch(self._months, days))[:first]
        if "near_ceilings" in names:
            found["near_ceilings"] = [
                _with_share(dict(zip(("organisation", "programme", "near", "allocations"), (*row[:2], *map(int, row[2:])), strict=True)))
                for row in await fetch(self._ceilings, days)
            ][:first]
        if "outcomes" in names:
            rows = await fetch(self._outcomes, days)
            keys = ("organisation", "allocations", "returned", "corrected")
            found["outcomes"] = [dict(zip(keys, (row[0], *map(int, row[1:])), strict=True)) for row in rows]
        if "dormant" in names:
            before = _epoch(date.fromisoformat(scope.until) + timedelta(days=1)) - DORMANT_DAYS * DAY
            found["dormant"] = [
                {"organisation": row[0], "name": row[1], "unit": row[2], "balance": shown(int(row[3])), "last_moved_at": at(int(row[4]))}
                for row in await fetch(self._dormant, {"before": before})
            ][:first]
        if "overrides" in names:
            begins, ends = _epoch(date.fromisoformat(scope.since)), _epoch(date.fromisoformat(scope.until) + timedelta(days=1))
            found["overrides"] = await self._overridden(await fetch(self._overrides, {"begins": begins, "ends": ends}))
        return shaped(field.want, found)

    def _people(self, gathering: Gathering, rows: Sequence[Any]) -> list[dict[str, Any]]:
        people = tuple(int(row[0]) for row in rows)
        if people:
            gathering.shown.append(Shown(("person.id", "person.allocations"), (), people, Condition.ALWAYS.value))
        identify = self.hub.identifier(gathering.enquiry, "person")
        return [{"person": identify(each[0]), "organisations": each[1], "kinds": each[2], "gifts": each[3]} for each in rows]

    async def _overridden(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        policies = await self.hub.aid.ranking.policies(self.hub.database, {int(row[1].split(":")[1], 16) for row in rows})
        groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in rows:
            groups[row[0], policies[int(row[1].split(":")[1], 16)].need].append(row)
        return [
            {
                "organisation": organisation,
                "need": need,
                "count": len(made),
                "people": len({row[1] for row in made}),
                "upwards": sum(int(row[3].rsplit(" ", 1)[-1]) > 0 for row in made),
                "roles": sorted({row[2] for row in made}),
                "reasons": list(dict.fromkeys(self.hub.writing.reason(row[4]) for row in made if row[4]))[:MOST_REASONS],
                "last_at": at(made[0][5]),
            }
            for (organisation, need), made in sorted(groups.items(), key=lambda each: (-len(each[1]), each[0]))
        ]


def spikes(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Months in which much more was given than in those before; the steepest first.

    Args:
        rows: organisation, programme, currency, month as 2026-03, and the sum in thousandths, by month within each series.
    """
    series: dict[tuple[str, str, str], list[tuple[str, int]]] = defaultdict(list)
    for organisation, programme_, currency, month, total in rows:
        series[organisation, programme_, currency].append((month, int(total)))
    found = []
    for (organisation, programme_, currency), months in series.items():
        for place in range(EARLIER, len(months)):
            usual = median(total for _, total in months[:place])
            month, total = months[place]
            if usual > 0 and total >= STEEP * usual:
                named = {"organisation": organisation, "programme": programme_ or None, "currency": currency, "month": month}
                found.append({**named, "amount": shown(total), "usual": shown(round(usual)), "times": round(total / usual, 1)})
    return sorted(found, key=lambda each: (-each["times"], each["organisation"], each["month"]))


def _with_share(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "share": round(row["near"] / row["allocations"], 2)}


def _epoch(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY


def _counted(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.sum(sa.case((condition, ONE), else_=NONE_))


def _repeated() -> sa.Select[Any]:
    given = gifts()
    organisations = sa.func.count(given.c.organisation.distinct())
    return (
        sa.select(given.c.person, organisations, sa.func.count(given.c.kind.distinct()), sa.func.count())
        .group_by(given.c.person)
        .having(organisations >= sa.bindparam("least", type_=sa.Integer))
        .order_by(organisations.desc(), sa.func.count().desc(), given.c.person)
        .limit(sa.bindparam("first", type_=sa.Integer))
    )


def _months() -> sa.Select[Any]:
    given = gifts()
    month = sa.func.substr(given.c.day, sa.literal_column("1"), sa.literal_column("7")).label("month")
    alike = given.c.organisation, given.c.programme, given.c.currency
    return (
        sa.select(*alike, month, sa.func.sum(given.c.amount))
        .where(given.c.currency != NOTHING)
        .group_by(*alike, month)
        .order_by(*alike, month)
    )


def _near_ceilings() -> sa.Select[Any]:
    amount, most = sa.func.coalesce(allocation.c.quantity_milli, allocation.c.amount_minor), programme.c.ceiling_person
    near = _counted(sa.and_(amount * sa.literal_column("10") >= most * sa.literal_column("9"), amount < most))
    return (
        sa.select(programme.c.organisation, programme.c.name, near, sa.func.count())
        .select_from(allocation.join(programme, programme.c.id == allocation.c.programme_id))
        .where(most.is_not(None), allocation.c.allocated_on.between(*_days()))
        .group_by(programme.c.id, programme.c.organisation, programme.c.name)
        .having(near > NONE_)
        .order_by(near.desc(), programme.c.organisation, programme.c.name)
    )


def _outcomes() -> sa.Select[Any]:
    returned, corrected = (_counted(allocation.c.status == sa.literal_column(f"'{each}'")) for each in ("returned", "corrected"))
    return (
        sa.select(allocation.c.organisation, sa.func.count(), returned, corrected)
        .where(allocation.c.allocated_on.between(*_days()))
        .group_by(allocation.c.organisation)
        .order_by(allocation.c.organisation)
    )


def _dormant() -> sa.Select[Any]:
    last = sa.func.max(entry.c.at)
    kinds = sa.or_(account.c.kind == sa.literal_column("'fund'"), account.c.kind == sa.literal_column("'stock'"))
    return (
        sa.select(account.c.organisation, account.c.name, account.c.unit, account.c.balance, last)
        .select_from(account.join(posting, posting.c.account == account.c.id).join(entry, entry.c.id == posting.c.entry))
        .where(kinds, account.c.balance > NONE_)
        .group_by(account.c.id, account.c.organisation, account.c.name, account.c.unit, account.c.balance)
        .having(last < sa.bindparam("before", type_=sa.BigInteger))
        .order_by(last, account.c.organisation)
    )


def _days() -> tuple[sa.BindParameter[str], sa.BindParameter[str]]:
    return sa.bindparam("since", type_=sa.Text), sa.bindparam("until", type_=sa.Text)
