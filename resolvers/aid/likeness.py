"""How likely two cases are one person, from what an organisation wrote down of each, with reasons in numbers and words.

Of a hundred points the names give up to sixty, the mother's name twenty-five, the year of birth ten, the governorate five; what is
not known of both is left out of the sum. Names of which any two differ never reach what is likely, whatever else agrees, and a
short chain of common names with nothing beside it does not either. docs/decisions/0038-cases.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from errors import Invalid
from privacy.names import Likeness, Trait, compare, readable, readings, sound
from resolvers.aid.homes import GOVERNORATE
from resolvers.aid.inputs import text

LIKELY: Final = 75
"""Points from which on two cases are likely one person."""

WEIGHTS: Final = {"name": 60.0, "mother": 25.0, "year": 10.0, "place": 5.0}
HOPELESS: Final = 50
"""Names less alike than this leave nothing that the rest could make likely."""

NAMES_DIFFER: Final = 60.0
"""The most that names of which two differ can reach."""

ALONE: Final = {1: 50.0, 2: 70.0}
"""The most that so short a chain reaches with neither mother's name nor year of birth beside it."""

SEXES: Final = ("F", "M")
LONGEST_NAME: Final = 200
OLDEST: Final = 120

Reason = tuple[str, float]
"""A code, and the points it gives or takes."""


@dataclass(frozen=True, slots=True)
class Particulars:
    """What an organisation wrote down of a case."""

    name: str
    mother_name: str | None = None
    birth_year: int | None = None
    sex: str | None = None
    governorate: str | None = None


def particulars_of(given: Mapping[str, Any], field: str, year: int) -> Particulars:
    """Particulars as they were typed; `field` is what the inputs' names begin with.

    Raises:
        Invalid: a name that is none, a year out of bounds, a sex or governorate that is none.
    """
    name = _name(str(given["name"]), f"{field}name")
    named, born, sex, governorate = (given.get(each) for each in ("mother_name", "birth_year", "sex", "governorate"))
    mother = None if named is None else _name(str(named), f"{field}motherName")
    if born is not None and not year - OLDEST <= born <= year:
        raise Invalid(f"a year of birth is {year - OLDEST} to {year}", "give it within, or leave it out", f"{field}birthYear")
    if sex is not None and sex not in SEXES:
        raise Invalid("a sex is F or M", "leave it out where it is not known", f"{field}sex")
    if governorate is not None and not GOVERNORATE.fullmatch(governorate):
        raise Invalid("a governorate is a code of ISO 3166-2", "as in IQ-BG", f"{field}governorate")
    return Particulars(name, mother, born, sex, governorate)


def _name(value: str, field: str) -> str:
    found = text(value, field, LONGEST_NAME)
    try:
        plain = readable(found)
    except ValueError as wrong:
        raise Invalid(str(wrong), "write the names, with spaces between", field) from None
    if sum(each.isalpha() for each in plain) < 2:
        raise Invalid("a name has two letters or more", "write the names, with spaces between", field)
    return plain


def blocks(one: Particulars, around: int = 0) -> set[str]:
    """What two cases share that may be one: pairs of names as they sound, or a name and a year; `around` asks for years beside it."""
    found: set[str] = set()
    mothers = {sound(each[0]) for each in readings(one.mother_name or "") if each}
    years = [] if one.birth_year is None else [one.birth_year + step for step in range(-around, around + 1)]
    for names in readings(one.name):
        if not names:
            continue
        given, *others = [sound(each) for each in names]
        found |= {f"n {given} {each}" for each in (others[0], others[-1])} if others else {f"g {given}"}
        found |= {f"m {given} {each}" for each in mothers}
        found |= {f"y {given} {each}" for each in years}
        # Brothers and sisters of a year share this too; it finds whose own name was written wrong.
        found |= {f"f {others[0]} {mother} {each}" for mother in mothers for each in years} if others else set()
    return found


def likened(one: Particulars, other: Particulars) -> tuple[int, list[Reason]]:
    """How likely they are one person, 0 to 100, and why; the reasons' weights add up to it."""
    name = compare(one.name, other.name)
    if name.score < HOPELESS:
        return 0, [("NAME_DIFFERENT", 0.0)]
    reasons: list[Reason] = []
    most = 0.0
    for code, weight, points in _parts(one, other, name):
        most += weight
        reasons.append((code, points))
    scaled = [(code, 100 * points / most) for code, points in reasons]
    if one.sex and other.sex and one.sex != other.sex:
        scaled.append(("SEX_DIFFERS", -30.0))
    total = sum(points for _, points in scaled)
    limits = [("NAMES_DIFFER", NAMES_DIFFER)] if Trait.DIFFERENT in name.traits else []
    if most == WEIGHTS["name"] or (most == WEIGHTS["name"] + WEIGHTS["place"]):
        shorter = min(len(max(readings(each.name), key=len)) for each in (one, other))
        limits += [("TOO_LITTLE_KNOWN", ALONE[shorter])] if shorter in ALONE else []
    for code, limit in limits:
        if total > limit:
            scaled.append((code, limit - total))
            total = limit
    return max(round(total), 0), [(code, round(points, 1)) for code, points in scaled]


def _parts(one: Particulars, other: Particulars, name: Likeness) -> Iterator[tuple[str, float, float]]:
    """What each known part is: a code, the points it could give, and those it gives."""
    yield _of_names("NAME", name, WEIGHTS["name"])
    if one.mother_name and other.mother_name:
        code, weight, points = _of_names("MOTHER", compare(one.mother_name, other.mother_name), WEIGHTS["mother"])
        yield code, weight, points if code != "MOTHER_DIFFERENT" else -15.0
    if one.birth_year is not None and other.birth_year is not None:
        apart = abs(one.birth_year - other.birth_year)
        weight = WEIGHTS["year"]
        code, points = (
            ("SAME", weight) if apart == 0 else ("NEAR", 6.0) if apart == 1 else ("NEAR", 0.0) if apart == 2 else ("APART", -20.0)
        )
        yield f"BIRTH_YEAR_{code}", weight, points
    if one.governorate and one.governorate == other.governorate:
        yield "PLACE_SAME", WEIGHTS["place"], WEIGHTS["place"]


def _of_names(whose: str, likeness: Likeness, weight: float) -> tuple[str, float, float]:
    return f"{whose}_{likeness.traits[-1].value.upper()}", weight, weight * likeness.score / 100
