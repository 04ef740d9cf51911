"""Households and the people in them, drawn one after the other from one seed.

Nothing is kept: a household is drawn, handed on and forgotten, so that a country of any size needs the memory of one
household. The named cast comes first, and is the same whatever the seed and the size.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TypeVar

from samples.names import ARABIC, Names
from samples.places import GOVERNORATES, Governorate

T = TypeVar("T")

SEED = 1958
STANDS_AT = date(2026, 1, 1)
"""The day on which the sample stands still: ages are counted to it and nothing in it is later."""

SIZES = ((1, 6), (2, 9), (3, 12), (4, 15), (5, 16), (6, 14), (7, 11), (8, 7), (9, 5), (10, 3), (11, 1), (12, 1))
"""Members of a household with how many in a hundred households have so many; the mean is 5."""

DWELLINGS = (("owned", 58), ("rented", 24), ("shared", 8), ("informal", 7), ("camp", 3))
FLED = frozenset({"IQ-NI", "IQ-AN", "IQ-SD", "IQ-KI", "IQ-DI"})
"""Where, beside the Kurdistan Region, most displaced families live."""

IMPAIRMENTS = ("VIS", "HEAR", "MOB", "COG", "SC", "COM")
"""The six domains of the Washington Group's short set of questions."""


@dataclass(slots=True)
class Insured:
    """A worker's entry with the social-security fund; wages in whole dinars a month, `owed` in months that were due and not paid."""

    number: str
    status: str
    months: int
    scheme: str
    since: str
    employer: str
    wage: int
    owed: int = 0


@dataclass(slots=True)
class Resident:
    """One invented person, as they truly are; what organisations wrote down about them is another matter.

    `line` is the member's line on the ration card. `impairment` is the Washington Group domain, if any.
    """

    line: int
    given: str
    father: str
    grandfather: str
    surname: str
    mother: str
    sex: str
    born: date
    marital: str
    language: str
    living: bool = True
    national_number: str | None = None
    unhcr_number: str | None = None
    phone: str | None = None
    impairment: str | None = None
    insured: Insured | None = None
    cast: str | None = None

    @property
    def age(self) -> int:
        """Whole years lived at the day the sample stands at, which is a first of January."""
        return STANDS_AT.year - 1 - self.born.year


@dataclass(slots=True)
class Household:
    """People who share a home and, mostly, a ration card. `need` is 0 to 100 points."""

    number: int
    governorate: Governorate
    district: str
    dwelling: str
    need: float
    ration_card: str | None
    displaced: bool
    residents: list[Resident] = field(default_factory=list)


def people_of(seed: int, count: int) -> Iterator[Household]:
    """Draw households until they have `count` people; the last one is cut to fit.

    The stream of a smaller country is the beginning of that of a larger one.
    """
    drawn = _Draw(seed)
    left = count
    for number in itertools.count(1001):
        if left <= 0:
            return
        household = drawn.household(number)
        del household.residents[left:]
        left -= len(household.residents)
        yield household


class _Draw:
    """The state of drawing: one source of chance and the next free numbers."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.people = 0
        self.insured = 0
        self.refugees = 200
        self.shares = list(itertools.accumulate(each.share for each in GOVERNORATES))
        self.sizes = _weighted(SIZES)
        self.dwellings = _weighted(DWELLINGS)

    def household(self, number: int) -> Household:
        chance = self.chance
        governorate = GOVERNORATES[bisect.bisect(self.shares, chance.randrange(self.shares[-1]))]
        displaced = chance.random() < (0.09 if governorate.code in FLED or governorate.in_kurdistan else 0.01)
        dwelling = "camp" if displaced and chance.random() < 0.4 else chance.choice(self.dwellings)
        need = min(100.0, max(0.0, chance.gauss(42, 18) + (18 if displaced else 0) + (8 if dwelling in {"informal", "camp"} else 0)))
        household = Household(
            number=number,
            governorate=governorate,
            district=chance.choice(governorate.districts),
            dwelling=dwelling,
            need=round(need, 1),
            ration_card=None if chance.random() < 0.04 else str(3_000_000 + (number * 4_235_893 + 917) % 7_000_000),
            displaced=displaced,
        )
        refugee = displaced and governorate.in_kurdistan and chance.random() < 0.5
        names = ARABIC if displaced and chance.random() < 0.6 else governorate.names
        self._fill(household, names, chance.choice(self.sizes))
        for resident in household.residents:
            self._papers(household, resident, refugee=refugee)
        return household

    def _fill(self, household: Household, names: Names, size: int) -> None:
        """A head, mostly a spouse, their children, now and then a grandparent."""
        chance = self.chance
        surname = chance.choice(names.surnames)
        line = chance.choice(names.men), chance.choice(names.men)
        widow = chance.random() < 0.13
        head_age = max(21 + 2 * size, 24 + int(44 * chance.random() ** 1.3))
        if widow:
            head = self._resident(household, names, "F", head_age, (*line, surname), chance.choice(("widowed", "widowed", "divorced")))
            father, grandfather = chance.choice(names.men), chance.choice(names.men)
        else:
            head = self._resident(household, names, "M", head_age, (*line, surname), "single" if size == 1 else "married")
            father, grandfather = head.given, head.father
        mother = head
        if size > 1 and not widow:
            own = chance.choice(names.men), chance.choice(names.men), chance.choice(names.surnames)
            mother = self._resident(household, names, "F", max(18, head_age - chance.randrange(9)), own, "married")
        if size > 4 and chance.random() < 0.2:
            sex = chance.choice("MF")
            own = (head.father, head.grandfather, surname) if sex == "F" else (head.grandfather, chance.choice(names.men), surname)
            self._resident(household, names, sex, head_age + 22 + chance.randrange(10), own, "widowed")
        mother_name = f"{mother.given} {mother.father}"
        age = min(mother.age - 18, 10 + chance.randrange(20))
        while len(household.residents) < size:
            child = self._resident(household, names, chance.choice("MF"), max(0, age), (father, grandfather, surname), "single")
            child.mother = mother_name
            age -= 1 + chance.randrange(3)

    def _resident(self, household: Household, names: Names, sex: str, age: int, line: tuple[str, str, str], marital: str) -> Resident:
        chance = self.chance
        born = date(STANDS_AT.year - 1 - age, 1, 1) + timedelta(days=chance.randrange(365))
        if age > 45 and chance.random() < 0.35:
            born = born.replace(month=7, day=1)
        given, taken = "", {each.given for each in household.residents}
        while not given or given in taken:
            given = chance.choice(names.men if sex == "M" else names.women)
        resident = Resident(
            line=len(household.residents) + 1,
            given=given,
            father=line[0],
            grandfather=line[1],
            surname=line[2],
            mother=f"{chance.choice(names.women)} {chance.choice(names.men)}",
            sex=sex,
            born=born,
            marital=marital,
            language=names.language,
            living=chance.random() > (0.03 if age > 65 else 0.002),
        )
        household.residents.append(resident)
        return resident

    def _papers(self, household: Household, resident: Resident, *, refugee: bool) -> None:
        """Numbers, telephone, health and work."""
        chance = self.chance
        self.people += 1
        if not refugee and chance.random() > (0.12 if household.displaced else 0.02):
            resident.national_number = f"99{100_000_000 + (self.people * 7_364_151_287 + 40_127) % 9_900_000_000:010d}"
        if refugee or (household.displaced and chance.random() < 0.25):
            self.refugees += 1
            resident.unhcr_number = f"245-{14 + self.refugees // 100_000:02d}C{self.refugees % 100_000:05d}"
        age = resident.age
        if age > 15 and chance.random() < 0.8:
            resident.phone = f"0700{chance.randrange(10**7):07d}"
        if chance.random() < 0.025 + age * 0.002:
            resident.impairment = chance.choice(IMPAIRMENTS)
        if 18 <= age <= 63 and resident.national_number and chance.random() < (0.24 if resident.sex == "M" else 0.08):
            self.insured += 1
            resident.insured = _insured(chance, self.insured, household, age)


_EMPLOYERS = tuple(
    f"{form} {name} {trade}"
    for form, trade in (("شركة", "للمقاولات"), ("معمل", "للطابوق"), ("شركة", "للنقل"), ("معمل", "للألبان"), ("مطبعة", "الحديثة"))
    for name in ("النخيل", "السنبلة", "الضفاف", "الأفق", "النهرين", "القمة", "الياسمين", "المنار")
)


def _insured(chance: Random, count: int, household: Household, age: int) -> Insured:
    months = min((age - 17) * 12, 1 + int(240 * chance.random() ** 2))
    year, month = divmod(STANDS_AT.year * 12 - months, 12)
    kurdistan = household.governorate.in_kurdistan
    voluntary = not kurdistan and chance.random() < 0.15
    floor = 280_000 if kurdistan else 350_000
    status = chance.choice(("active",) * 7 + ("lapsed", "lapsed", "pending"))
    return Insured(
        number=f"2{1_000_000 + count:07d}",
        status=status,
        months=months,
        scheme="kurdistan" if kurdistan else "voluntary" if voluntary else "law_18_2023",
        since=f"{year}-{month + 1:02d}-01",
        employer="" if voluntary else chance.choice(_EMPLOYERS),
        wage=floor + 50_000 * int(28 * chance.random() ** 2),
        owed=3 + count % 10 if status == "lapsed" else count % 2 if count % 9 == 0 else 0,
    )


def _weighted(shares: tuple[tuple[T, int], ...]) -> tuple[T, ...]:
    return tuple(value for value, share in shares for _ in range(share))
