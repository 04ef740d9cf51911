"""Assurances: what a helper may be told of somebody it must not know, as coarse as the crowd asks for.

A class of need, a band of household size, and since when nobody served this need. With the place, the first two describe a crowd; where
fewer than `FLOOR` people of the country fit, the description is coarsened until enough do. Crowds are counted over everybody the sources
know, not over those who ask: a helper cannot exclude the others.
Source: Sweeney, "k-anonymity", 2002; generalisation by a fixed order, so that what is shown is never refined later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import SourceError
from tables.identity import person
from values import Ask, Shape

if TYPE_CHECKING:
    from resolvers.hub import Hub

FLOOR = 10
"""People who must fit what is told of one."""

CLASSES = ((75.0, "SEVERE"), (50.0, "HIGH"), (25.0, "MODERATE"), (0.0, "LOW"))
"""Need in points, from which on it is of a class."""

BANDS = ((8, "EIGHT_OR_MORE"), (5, "FIVE_TO_SEVEN"), (2, "TWO_TO_FOUR"), (1, "ONE"))
"""Members of a household, from which on it is of a band."""

MONTHS = (12, 6, 3, 1)
"""Months for which nobody served a need, from the longest; a finer figure would match somebody's books."""

ATTRIBUTES = ("governorate", "district", "need_score", "household_size")

PAGE = 1000


def banded(value: float | None, bands: Sequence[tuple[float, str]]) -> str:
    """The band of a value; empty for none."""
    return "" if value is None else next((name for least, name in bands if value >= least), bands[-1][1])


def cell(governorate: str, district: str, need: str, household: str) -> str:
    """How a crowd is named in the table; an empty part is one that is not told."""
    return f"{governorate}|{district}|{need}|{household}"[:190]


def cells_of(values: Mapping[str, Any]) -> list[str]:
    """Every crowd that a person belongs to."""
    governorate, district = values.get("governorate") or "", values.get("district") or ""
    need, household = banded(values.get("need_score"), CLASSES), banded(values.get("household_size"), BANDS)
    places = {("", ""), (governorate, ""), (governorate, district)}
    told = {("", ""), (need, ""), (need, household)}
    return [cell(*place, *each) for place in places for each in told]


async def hidden_in_a_crowd(hub: Hub, place: tuple[str, str], need: str, household: str) -> tuple[str, str]:
    """Class and band as fine as enough people of the place fit: the household goes first, then the class.

    The place is the person's own choice and stays. Where nobody ever counted, neither is told.
    """
    steps = [(need, household), (need, "")]
    counts = await hub.identity.requests.kept.crowds([cell(*place, *each) for each in steps])
    return next((each for each in steps if counts.get(cell(*place, *each), 0) >= FLOOR), ("", ""))


def unserved(need: str, given: Sequence[Mapping[str, Any]], earlier: Sequence[str], today: date) -> str | None:
    """The first day of the month since which nobody served a need, as coarse as `MONTHS`; None where somebody just did.

    Args:
        need: the kind of benefit.
        given: what the person received, of every organisation.
        earlier: days on which requests for the same need were served through the hub.
        today: the day it is told on.
    """
    days = [str(each["allocated_on"]) for each in given if each["kind"] == need and each["status"] == "delivered" and each["allocated_on"]]
    last = max([*days, *earlier], default="")
    for months in MONTHS:
        at = today.year * 12 + today.month - 1 - months
        since = date(at // 12, at % 12 + 1, 1).isoformat()
        if last < since:
            return since
    return None


async def count_crowds(hub: Hub) -> tuple[int, int]:
    """Count everybody the sources know into crowds, as linking reads them: only the counts are kept.

    Returns:
        How many people were counted, into how many crowds.

    Raises:
        SourceDown, SourceSlow, SourceGarbled: a source failed; the counts of before stand.
    """
    following = hub.database.prepare(
        sa.select(person.c.number).where(person.c.number > sa.bindparam("after")).order_by(person.c.number).limit(PAGE)
    )
    counted: Counter[str] = Counter()
    people = after = 0
    while rows := await hub.database.fetch(following, {"after": after}, rows=PAGE):
        numbers = [row[0] for row in rows]
        for values in (await _values(hub, numbers)).values():
            counted.update(cells_of(values))
        people, after = people + len(numbers), numbers[-1]
    async with hub.database.transaction() as tx:
        await hub.identity.requests.kept.count(tx, counted)
    return people, len(counted)


async def _values(hub: Hub, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The attributes of these people, each from the first source by precedence that knows it."""
    found: dict[int, dict[str, Any]] = {number: {} for number in numbers}
    offering = {name: tuple(each for each in ATTRIBUTES if each in gate.offers("person")) for name, gate in hub.gates.items()}
    keys = await hub.links.keys([name for name, offered in offering.items() if offered], numbers)
    for source, known in keys.items():
        asked = known.of(list(known.key))
        if not asked:
            continue
        shape = Shape(source, "person", offering[source])
        answer = await hub.gates[source].fetcher(shape)(Ask(shape, asked))
        if answer.faults:
            raise SourceError(source, "some of its values cannot be read", "see mizalla check")
        for key, *values in answer.rows:
            person_values = found[known.person[key]]
            for name, value in zip(offering[source], values, strict=True):
                if value is not None:
                    person_values.setdefault(name, value)
    return found
