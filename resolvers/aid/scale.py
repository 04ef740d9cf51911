"""What a scale of payments would cost and do: a simulation over the counts of one census, which anybody can repeat.

A household's need in cash, in points, is taken as the share of the poverty line that each member lacks a month: 40 points are 40
per cent of the line. That is an assumption, not a finding; it stands in every answer. Households are taken at the middle of their
band of five points. Counts are rounded as they are published, cell by cell, so that no scale, however narrow, tells one exactly.
Sources: Foster, Greer and Thorbecke, "A class of decomposable poverty measures", 1984 (headcount and gap).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson

from errors import Invalid, Unknown
from resolvers.aid.census import LARGEST, WIDTH, Cell, Censuses, census_number
from resolvers.aid.inputs import currency
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub

MOST_STEPS: Final = 50
HIGHEST: Final = Decimal(10) ** 9
NEED: Final = "cash"
POINTS: Final = 100


@dataclass(frozen=True, slots=True)
class Step:
    """What households of some need and size would receive a month."""

    least: int
    below: int
    smallest: int
    largest: int
    amount: Decimal
    each_more: Decimal

    def pays(self, cell: Cell) -> bool:
        """Whether the households of a cell are meant."""
        return self.least <= cell.band * WIDTH < self.below and self.smallest <= cell.size <= self.largest

    def payment(self, size: int) -> Decimal:
        """What a household of this size receives a month."""
        return self.amount + self.each_more * (size - self.smallest)


@dataclass(slots=True)
class Outcome:
    """What a scale does to some households, a month."""

    households: int = 0
    poor: int = 0
    paid: int = 0
    poor_paid: int = 0
    lifted: int = 0
    cost: Decimal = field(default_factory=Decimal)
    gap: Decimal = field(default_factory=Decimal)
    gap_after: Decimal = field(default_factory=Decimal)

    def add(self, households: int, gap: Decimal, payment: Decimal | None) -> None:
        """Count households alike: what each lacks, and what each receives."""
        poor = gap > 0
        after = max(Decimal(), gap - (payment or 0))
        self.households += households
        self.gap += households * gap
        self.gap_after += households * after
        self.poor += households * poor
        if payment is not None:
            self.paid += households
            self.poor_paid += households * poor
            self.cost += households * payment
            self.lifted += households * (poor and after == 0)

    def row(self) -> dict[str, Any]:
        """As the schema shows it."""
        return {
            "households": self.households,
            "poor": self.poor,
            "paid": self.paid,
            "coverage": _share(self.poor_paid, self.poor),
            "leakage": _share(self.paid - self.poor_paid, self.paid),
            "lifted": self.lifted,
            "cost": _money(self.cost),
            "gap_before": _money(self.gap),
            "gap_after": _money(self.gap_after),
            "gap_closed": _share(self.gap - self.gap_after, self.gap),
        }


def simulate(
    cells: Sequence[Cell], steps: Sequence[Step], line: Decimal, poor_from: int
) -> tuple[Outcome, dict[str, Outcome], dict[str, Outcome]]:
    """What a scale does: in all, by class of need and by governorate; the counts are taken as they are given.

    Args:
        cells: households alike, by need in points and by size.
        steps: what is paid to whom a month; at most one fits a household.
        line: the poverty line of a person and month.
        poor_from: points of need below which a household is not poor.
    """
    whole, classes, places = Outcome(), dict[str, Outcome](), dict[str, Outcome]()
    for cell in cells:
        lacks = Decimal(cell.band * WIDTH * 2 + WIDTH) / 2
        gap = line * cell.size * lacks / POINTS if cell.band * WIDTH >= poor_from else Decimal()
        step = next((each for each in steps if each.pays(cell)), None)
        payment = None if step is None else step.payment(cell.size)
        for outcome in (whole, classes.setdefault(cell.class_, Outcome()), places.setdefault(cell.governorate, Outcome())):
            outcome.add(cell.cases, gap, payment)
    return whole, classes, places


class Scales(Room):
    """Simulates scales of payments."""

    def __init__(self, hub: Hub, censuses: Censuses) -> None:
        """Over the censuses of the hub."""
        self.hub = hub
        self.censuses = censuses
        self.roots: dict[str, Answers] = {"payment_scale": self.simulated}

    async def simulated(self, gathering: Gathering, field: Field) -> Any:
        """What a scale would cost and do.

        Raises:
            NotPermitted: the requester may not.
            Invalid: a scale that is none.
            Unknown: no such census.
        """
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "scale.simulate")
        arguments = field.arguments(gathering.variables)
        given = arguments["scale"]
        unit = currency(str(given["currency"]), "scale.currency")
        line = _amount(given["povertyLine"], "scale.povertyLine")
        if line == 0:
            raise Invalid("a poverty line is more than nothing", "give it a person and month", "scale.povertyLine")
        poor_from = given["poorFrom"]
        if not 0 <= poor_from <= POINTS or poor_from % WIDTH:
            raise Invalid(f"points are 0 to {POINTS}, in steps of {WIDTH}", "give points as they are banded", "scale.poorFrom")
        steps = _steps(given["steps"])
        found = await self.censuses.cells(census_number(arguments.get("census")))
        if found is None:
            raise Unknown("there is no such census", "list them with `censuses`, or name none", "census")
        taken, cells = found
        whole, classes, places = simulate(self._rounded(cells), steps, line, poor_from)
        plain = [self.censuses.named(taken), str(line), poor_from, unit, [[str(value) for value in _plain(each)] for each in steps]]
        return shaped(
            field.want,
            {
                "census": str(taken.id),
                "currency": unit,
                "assumption": (
                    f"A household of p points of need in cash lacks p per cent of {line} {unit} for each member a month; "
                    f"it is poor from {poor_from} points on. Counts are rounded to multiples of five."
                ),
                "fingerprint": blake2b(orjson.dumps(plain), digest_size=16).hexdigest(),
                "total": whole.row(),
                "by_class": [
                    {"class": name, "outcome": classes[name].row()} for name in ("SEVERE", "HIGH", "MODERATE", "LOW") if name in classes
                ],
                "by_governorate": [{"governorate": name or None, "outcome": places[name].row()} for name in sorted(places)],
            },
        )

    def _rounded(self, cells: Sequence[Cell]) -> list[Cell]:
        published = self.censuses.published
        found = []
        for each in cells:
            if each.need == NEED:
                named = [each.governorate, str(each.band), str(each.size)]
                found.append(Cell(NEED, each.governorate, each.band, each.size, published(named, "households", each.cases), 0))
        return found


def _steps(given: Sequence[Mapping[str, Any]]) -> list[Step]:
    """A scale, read strictly.

    Raises:
        Invalid: none or too many steps, one out of bounds, or two that fit one household.
    """
    if not 1 <= len(given) <= MOST_STEPS:
        raise Invalid(f"a scale has 1 to {MOST_STEPS} steps", "name at least one", "scale.steps")
    steps: list[Step] = []
    for place, each in enumerate(given):
        where = f"scale.steps.{place}"
        least, below = each["leastPoints"], each["belowPoints"]
        if not 0 <= least < below <= POINTS or least % WIDTH or below % WIDTH:
            raise Invalid(f"points go from 0 to {POINTS}, in steps of {WIDTH}", "give the lower bound first", f"{where}.leastPoints")
        smallest, largest = each["smallest"], each["largest"]
        if not 1 <= smallest <= largest <= LARGEST:
            raise Invalid(f"sizes go from 1 to {LARGEST}", f"{LARGEST} stands for more members too", f"{where}.smallest")
        amounts = [_amount(each[name], f"{where}.{name}") for name in ("amount", "eachMore")]
        step = Step(least, below, smallest, largest, amounts[0], amounts[1])
        if any(_overlap(step, other) for other in steps):
            raise Invalid("two steps fit the same household", "make them meet without crossing", where)
        steps.append(step)
    return steps


def _overlap(one: Step, other: Step) -> bool:
    return one.least < other.below and other.least < one.below and one.smallest <= other.largest and other.smallest <= one.largest


def _amount(value: Any, name: str) -> Decimal:
    found = Decimal(str(value))
    if not 0 <= found <= HIGHEST:
        raise Invalid(f"an amount is 0 to {HIGHEST:f}", "check its digits", name)
    return found


def _plain(step: Step) -> tuple[Any, ...]:
    return (step.least, step.below, step.smallest, step.largest, step.amount, step.each_more)


def _money(amount: Decimal) -> float | int:
    rounded = amount.quantize(Decimal("0.001"), ROUND_HALF_EVEN)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


def _share(part: Decimal | int, whole: Decimal | int) -> float | None:
    return None if not whole else float(round(Decimal(part) / Decimal(whole), 4))
