"""What organisations wrote down about people: cases and aid, with the gaps and mistakes real books have.

Each organisation decides for itself whom it helps, so that overlaps arise as they do in life: the neediest
households stand in several books, and no organisation knows of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from samples.country import STANDS_AT, Household, Resident
from samples.names import respelt

RESPELT, MISSING, WRONG_DIGIT, UNREADABLE, DOUBLE = 0.30, 0.08, 0.02, 0.01, 0.015
"""Shares of an organisation's cases: a name spelt otherwise; and of its identifiers: left out, one digit wrong, cut
short or spoilt by letters; and of its cases again: entered a second time under another number."""


@dataclass(slots=True)
class Case:
    """A person in one organisation's books, as written there; `ration_card` is `card/line`."""

    source: str
    number: str
    resident: Resident
    household: Household
    name: tuple[str, str, str, str]
    need: float
    opened: date
    national_number: str | None = None
    ration_card: str | None = None
    unhcr_number: str | None = None


@dataclass(slots=True)
class Aid:
    """One thing given; dinars are whole, and `case` is the organisation's own number."""

    source: str
    case: str
    kind: str
    programme: str
    amount: float
    currency: str
    on: date
    status: str = "delivered"
    quantity: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Programme:
    """What an organisation gives: `amounts` from, to and step in major units, `quantities` at most so many units."""

    kind: str
    name: str
    amounts: tuple[int, int, int]
    currency: str = "IQD"
    unit: str | None = None
    quantities: int = 0


@dataclass(frozen=True, slots=True)
class Organisation:
    """How one organisation finds people and what it asks them for.

    `reach` is the share of households it would take at a need of 100 points; nobody below `from_need`. `asks` is how
    often each number is asked for at all. `everyone` says whether all members become cases or the head alone.
    """

    prefix: str
    reach: float
    from_need: float
    asks: Mapping[str, float]
    programmes: tuple[Programme, ...]
    everyone: float = 0.8
    places: frozenset[str] = frozenset()
    displaced_first: bool = False


NGOS: Mapping[str, Organisation] = {
    "crescent-aid": Organisation(
        "CA",
        0.34,
        35,
        {"ration_card": 0.95},
        (
            Programme("food", "سلة غذائية", (35_000, 60_000, 5_000), unit="basket", quantities=2),
            Programme("cash", "عون طارئ", (100_000, 300_000, 25_000)),
            Programme("health", "علاج مجاني", (20_000, 120_000, 10_000), unit="session", quantities=4),
            Programme("shelter", "خيمة ومستلزمات", (150_000, 400_000, 50_000), unit="piece", quantities=1),
        ),
    ),
    "rafidain-relief": Organisation(
        "RR",
        0.30,
        40,
        {"national_number": 0.9, "unhcr_number": 1.0},
        (
            Programme("cash", "نقد متعدد الأغراض", (60, 320, 20), currency="USD"),
            Programme("cash", "نقد للشتاء", (100, 160, 20), currency="USD"),
            Programme("shelter", "ترميم سكن", (300, 1500, 50), currency="USD"),
            Programme("hygiene", "حقيبة كرامة", (15, 40, 5), currency="USD", unit="piece", quantities=2),
            Programme("health", "رعاية صحية", (20, 90, 10), currency="USD", unit="session", quantities=3),
        ),
        displaced_first=True,
    ),
    "hope-network": Organisation(
        "HN",
        0.38,
        38,
        {"national_number": 0.7, "ration_card": 0.75},
        (
            Programme("cash", "كفالة أيتام", (75_000, 150_000, 25_000)),
            Programme("education", "منحة دراسية", (50_000, 200_000, 25_000)),
            Programme("hygiene", "حقيبة صحية", (10_000, 30_000, 5_000), unit="piece", quantities=3),
            Programme("food", "طحين وزيت", (25_000, 50_000, 5_000), unit="kg", quantities=50),
        ),
        everyone=0.6,
        places=frozenset({"IQ-BG", "IQ-NI", "IQ-BA", "IQ-MA", "IQ-DQ", "IQ-KA", "IQ-NA", "IQ-WA"}),
    ),
}

KARAMA = (
    Programme("assistive_device", "كراسي متحركة", (250_000, 800_000, 10_000)),
    Programme("health", "علاج طبيعي", (25_000, 75_000, 5_000)),
)
SEWING = (
    Programme("education", "دورة خياطة", (75_000, 75_000, 1)),
    Programme("cash", "منحة ماكنة", (150_000, 250_000, 50_000)),
)
ASSISTANCE = "إعانة الحماية الاجتماعية"


class Books:
    """Enters household after household in every organisation's books; the numbers go on from case to case."""

    def __init__(self, seed: int) -> None:
        """Draw from a stream of its own, so that a change in the books leaves the people alone."""
        self.chance = Random(f"books {seed}")
        self.numbers: dict[str, int] = {}

    def enter(self, household: Household) -> tuple[list[Case], list[Aid]]:
        """Give the cases and the aid of one household's members, over all organisations."""
        cases: list[Case] = []
        aid: list[Aid] = []
        for source, organisation in NGOS.items():
            if self._takes(organisation, household):
                self._ngo(source, organisation, household, cases, aid)
        self._ministry(household, cases, aid)
        for resident in household.residents:
            self._hub(household, resident, cases, aid)
        return cases, aid

    def _takes(self, organisation: Organisation, household: Household) -> bool:
        if household.need < organisation.from_need or (organisation.places and household.governorate.code not in organisation.places):
            return False
        reach = organisation.reach * household.need / 100
        if organisation.displaced_first:
            reach *= 2 if household.displaced else 0.6
        return self.chance.random() < reach

    def _ngo(self, source: str, organisation: Organisation, household: Household, cases: list[Case], aid: list[Aid]) -> None:
        chance = self.chance
        opened = STANDS_AT - timedelta(days=60 + chance.randrange(900))
        members = household.residents if chance.random() < organisation.everyone else household.residents[:1]
        for resident in members:
            for _ in range(2 if chance.random() < DOUBLE else 1):
                case = Case(
                    source=source,
                    number=self._next(source, organisation.prefix),
                    resident=resident,
                    household=household,
                    name=self._name(resident),
                    need=round(min(100.0, max(0.0, household.need + chance.uniform(-6, 6))), 1),
                    opened=opened,
                )
                cases.append(case)
                self._identify(case, organisation.asks)
                times = 1 + chance.randrange(4) if resident.line == 1 else int(chance.random() < 0.2)
                aid += [self._given(source, case.number, chance.choice(organisation.programmes), opened) for _ in range(times)]

    def _name(self, resident: Resident) -> tuple[str, str, str, str]:
        name = [resident.given, resident.father, resident.grandfather, resident.surname]
        if self.chance.random() < RESPELT:
            start = self.chance.randrange(4)
            for position in (start, (start + 1) % 4, (start + 2) % 4, (start + 3) % 4):
                written = respelt(self.chance, name[position])
                if written != name[position]:
                    name[position] = written
                    break
            else:
                name[start] += " "
        return name[0], name[1], name[2], name[3]

    def _identify(self, case: Case, asks: Mapping[str, float]) -> None:
        resident, chance = case.resident, self.chance
        card = f"{case.household.ration_card}/{resident.line}" if case.household.ration_card else None
        known = {"national_number": resident.national_number, "ration_card": card, "unhcr_number": resident.unhcr_number}
        for scheme, share in asks.items():
            number = known[scheme]
            if number and chance.random() < share and chance.random() >= MISSING:
                setattr(case, scheme, self._written(number))

    def _written(self, number: str) -> str:
        """Copy a number as a clerk copies it: nearly always right."""
        chance = self.chance
        slip = chance.random()
        if slip >= WRONG_DIGIT + UNREADABLE:
            return number
        digits = [index for index, letter in enumerate(number.partition("/")[0]) if letter.isdigit()]
        place = chance.choice(digits)
        if slip < WRONG_DIGIT:
            return number[:place] + str((int(number[place]) + 1 + chance.randrange(9)) % 10) + number[place + 1 :]
        return number[:place] + "؟" + number[place + 1 :]

    def _given(self, source: str, case: str, programme: Programme, opened: date) -> Aid:
        chance = self.chance
        low, high, step = programme.amounts
        on = opened + timedelta(days=chance.randrange(max(1, (STANDS_AT - opened).days)))
        status = chance.random()
        return Aid(
            source=source,
            case=case,
            kind=programme.kind,
            programme=programme.name,
            amount=chance.randrange(low, high + 1, step),
            currency=programme.currency,
            on=on,
            status="delivered" if status < 0.9 else "planned" if status < 0.96 else "returned",
            quantity=1 + chance.randrange(programme.quantities) if programme.quantities else None,
            unit=programme.unit,
        )

    def _ministry(self, household: Household, cases: list[Case], aid: list[Aid]) -> None:
        chance = self.chance
        head = household.residents[0]
        assisted = household.need > 52 and head.national_number is not None and chance.random() < 0.55
        cases += [
            _client(household, resident, round(min(100.0, household.need + chance.uniform(-10, 10)), 1))
            for resident in household.residents
            if resident.national_number and (resident.insured or (assisted and resident is head))
        ]
        if assisted and head.national_number:
            monthly = min(420_000, 100_000 + 25_000 * len(household.residents))
            number, months = head.national_number, range(12 - chance.randrange(1, 7), 13)
            aid += [Aid("labour-ministry", number, "cash", ASSISTANCE, monthly, "IQD", date(2025, month, 15)) for month in months]

    def _hub(self, household: Household, resident: Resident, cases: list[Case], aid: list[Aid]) -> None:
        """The two organisations without a system of their own, which keep their cases in the hub."""
        chance = self.chance
        if resident.national_number is None:
            return
        if resident.impairment and chance.random() < 0.12:
            source, prefix, programmes = "karama", "KRM", KARAMA
        elif household.governorate.code == "IQ-BA" and resident.sex == "F" and 18 <= resident.age <= 50 and chance.random() < 0.04:
            source, prefix, programmes = "basra-sewing-coop", "BSC", SEWING
        else:
            return
        opened = STANDS_AT - timedelta(days=90 + chance.randrange(600))
        case = _client(household, resident, household.need)
        case.source, case.number, case.opened = source, self._next(source, prefix), opened
        cases.append(case)
        if chance.random() < 0.8:
            aid.append(self._given(source, case.number, chance.choice(programmes), opened))

    def _next(self, source: str, prefix: str) -> str:
        number = self.numbers[source] = self.numbers.get(source, 1000) + 1
        return f"{prefix}-{number:06d}"


def _client(household: Household, resident: Resident, need: float) -> Case:
    assert resident.national_number is not None
    name = resident.given, resident.father, resident.grandfather, resident.surname
    number = resident.national_number
    return Case("labour-ministry", number, resident, household, name, max(0.0, need), date(2024, 1, 1), national_number=number)
