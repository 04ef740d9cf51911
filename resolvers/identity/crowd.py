"""Assurances: what a helper may be told of somebody it must not know, as coarse as the crowd asks for.

A class of need, a band of household size, and since when nobody served this need. With the place, the first two describe a crowd; where
fewer than `FLOOR` people of the country would be told alike, the description is coarsened until enough are. Crowds are counted over
everybody the sources know, not over those who ask: a helper cannot exclude the others.
Source: Sweeney, "k-anonymity", 2002; Wong and others, "Minimality attack in privacy preserving data publishing", 2007.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
    """How a kind of people in a place is named in the table; an empty part is one that is not told, or not known."""
    return f"{governorate}|{district}|{need}|{household}"[:190]


def cells_of(values: Mapping[str, Any]) -> list[str]:
    """The kind of people a person is of, in each place it could tell."""
    governorate, district = values.get("governorate") or "", values.get("district") or ""
    need, household = banded(values.get("need_score"), CLASSES), banded(values.get("household_size"), BANDS)
    places = {("", ""), (governorate, ""), (governorate, district)}
    return [cell(*place, need, household) for place in places]


Told = tuple[str, str]
"""A class of need and a band of household size, each empty where it is not told."""


def told_in(place: Mapping[Told, int]) -> dict[Told, Told]:
    """What is told of each kind of people in a place, so that every description is shared by `FLOOR` people who are told alike.

    Who is told less must be a crowd too: otherwise the missing class would itself say which few it is about. So what is left over joins
    the smallest of the others until enough are told the same; where the whole place has too few, nothing is told of anybody.

    Args:
        place: how many people of the place there are of each class and band, unknown ones included.
    """
    told: dict[Told, Told] = {}
    for need in {each[0] for each in place} - {""}:
        bands = {each: people for each, people in place.items() if each[0] == need}
        apart = {each for each, people in bands.items() if each[1] and people >= FLOOR}
        apart = _joined(bands, apart, lambda each: (each,))
        told |= {each: each if each in apart else (need, "") for each in bands}
    sizes: Counter[Told] = Counter()
    for each, people in place.items():
        sizes[told.get(each, ("", ""))] += people
    classes = Counter({need: sum(size for each, size in sizes.items() if each[0] == need) for need in {each[0] for each in told}})
    apart_classes = {need for need in classes if all(size >= FLOOR for each, size in sizes.items() if each[0] == need)}
    unknown = sum(people for each, people in place.items() if not each[0])
    apart_classes = _joined({**classes, "": unknown}, apart_classes, lambda need: (need,))
    return {each: told[each] if each[0] in apart_classes else ("", "") for each in place}


def _joined(sizes: Mapping[Any, int], apart: set[Any], key: Callable[[Any], Any]) -> set[Any]:
    """Those that may stand apart: the smallest join what is left over until that is none, or enough."""
    left = sum(people for each, people in sizes.items() if each not in apart)
    kept = sorted(apart, key=lambda each: (sizes[each], key(each)))
    while kept and 0 < left < FLOOR:
        left += sizes[kept.pop(0)]
    return set(kept)


async def hidden_in_a_crowd(hub: Hub, place: tuple[str, str], need: str, household: str) -> Told:
    """Class and band as fine as enough people of the place are told alike.

    The place is the person's own choice and stays. Where nobody ever counted, neither is told.
    """
    kinds = [(class_, band) for class_ in ("", *(name for _, name in CLASSES)) for band in ("", *(name for _, name in BANDS))]
    counts = await hub.identity.requests.kept.crowds([cell(*place, *each) for each in kinds])
    return told_in({each: counts[cell(*place, *each)] for each in kinds if cell(*place, *each) in counts}).get((need, household), ("", ""))


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
        for values in (await values_of(hub, numbers)).values():
            counted.update(cells_of(values))
        people, after = people + len(numbers), numbers[-1]
    async with hub.database.transaction() as tx:
        await hub.identity.requests.kept.count(tx, counted)
    return people, len(counted)


async def values_of(hub: Hub, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
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
