"""The same money decided in four ways, month by month: what each household received, when, and from whom.

`hub` is the hub's queue as it is (resolvers/aid/ranking.py, scores.py): its formula for many places at once, shown to give the
product's own keys in tests/test_fairness.py, and its outcome that of a real hub (bench/fairness_hub.py).
`alone` is the same formula where each organisation knows of its own gifts only. `score` has an organisation's own points alone, anew
each month. `arrival` is first come, first served: whoever was served goes to the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.society import MONTH, Floats, Society, Whole
from resolvers.aid.knobs import default
from resolvers.aid.scores import FINE, LEAST_POINTS, LN2

WAYS: Final = ("arrival", "score", "alone", "hub")
ZERO: Final = 739_000
"""The day of the first decision, counted from 0001-01-01; order keys are counted in such days."""
RULES: Final = default("cash")


@dataclass(frozen=True, slots=True)
class Hub:
    """How the hub is used."""

    share: float = 1.0
    """Of the organisations, those that take part; the others decide alone, and nobody hears of their gifts."""
    delay: int = 0
    """Days until what one organisation gave is known to the others."""
    half_life: float = RULES["half_life_days"]
    emphasis: float = RULES["emphasis"]


@dataclass(frozen=True, slots=True)
class Gifts:
    """What was given: one entry a gift, in the order of decisions."""

    place: Whole
    day: Whole
    left: Whole
    """Of each organisation: dinars that it did not spend."""


def keys_of(points: Whole, arrived: Whole, mass: Floats, hub: Hub) -> Whole:
    """Order keys of many places: what `resolvers.aid.scores.order_key` counts for each.

    `mass` is the sum of all gifts, each as a share of the reference times 2^(its day / half-life), days counted from `ZERO`.
    """
    rate = LN2 / hub.half_life
    counted = np.log(np.exp(rate * arrived) + mass) + rate * ZERO
    weight = 100 * (np.maximum(points, LEAST_POINTS) / 100_000) ** hub.emphasis
    found: Whole = np.rint((counted - np.log(weight)) * FINE).astype(np.int64)
    return found


def worth(amount: Whole, equivalent: Floats) -> Floats:
    """Gifts of cash to households as shares of the reference: what `resolvers.aid.scores.Policy.gift` counts."""
    return amount * 1.0 / (float(RULES["reference"]) * equivalent)


class Deciding:
    """A year of decisions in one way."""

    def __init__(self, society: Society, way: str, hub: Hub) -> None:
        """Nobody has received anything."""
        self.society, self.way, self.hub = society, way, hub
        self.taking_part = society.rank < (hub.share if way == "hub" else 0.0)
        self.worth = worth(society.amount, society.households.equivalent[society.home])
        self.left = np.zeros(len(society.money), np.int64)
        self.own = np.zeros(len(society.home))
        """Of each place: what its own organisation gave, fading."""
        self.known = np.zeros(len(society.households.size))
        """Of each household: what is known of all who take part, fading."""
        self.untold: list[tuple[int, Whole, Floats]] = []
        self.served = society.arrived.copy()
        self.rests = np.full(len(society.home), -1)
        """Of each place: the last day on which its organisation gives it nothing again."""
        self.gifts: list[tuple[Whole, int]] = []

    def run(self) -> Gifts:
        """Let a year pass."""
        for today in range(self.society.knobs.months * MONTH):
            for which in np.flatnonzero(self.society.day == today % MONTH):
                self.decide(int(which), today)
        places = [each for each, _ in self.gifts]
        days = np.repeat([day for _, day in self.gifts], [len(each) for each in places])
        return Gifts(np.concatenate(places), days, self.left)

    def decide(self, which: int, today: int) -> None:
        """One organisation gives what it has this month to the first of its list."""
        society = self.society
        places = np.arange(*society.starts[which : which + 2])
        admitted = (society.arrived[places] <= today) & (society.points[places] >= 1000 * society.knobs.least)
        places = places[admitted & (self.rests[places] < today)]
        self.left[which] += society.money[which]
        self.hear(today)
        order = places[np.lexsort((places, self.order(which, places)))]
        spent = np.cumsum(society.amount[order])
        taken = order[: int(np.searchsorted(spent, self.left[which], side="right"))]
        self.left[which] -= int(society.amount[taken].sum())
        self.give(which, taken, today)

    def order(self, which: int, places: Whole) -> Whole:
        """What the places are ordered by, smallest first."""
        society = self.society
        if self.way == "arrival":
            return self.served[places]
        if self.way == "score":
            return -society.points[places]
        mass = self.own[places]
        if self.taking_part[which]:
            mass = self.known[society.home[places]] + self._untold(which)[places - society.starts[which]]
        return keys_of(society.points[places], society.arrived[places], mass, self.hub)

    def _untold(self, which: int) -> Floats:
        """What an organisation gave itself and the others have not heard of yet: it knows its own gifts at once."""
        begins, ends = self.society.starts[which : which + 2]
        found = np.zeros(ends - begins)
        for _, places, masses in self.untold:
            if len(places) and begins <= places[0] < ends:
                found[places - begins] += masses
        return found

    def hear(self, today: int) -> None:
        """Let what was given long enough ago be known to all who take part."""
        while self.untold and self.untold[0][0] <= today - self.hub.delay:
            _, places, masses = self.untold.pop(0)
            np.add.at(self.known, self.society.home[places], masses)

    def give(self, which: int, taken: Whole, today: int) -> None:
        """Note gifts."""
        mass = self.worth[taken] * np.exp(LN2 / self.hub.half_life * today)
        self.own[taken] += mass
        self.served[taken] = today
        self.rests[taken] = today + self.society.knobs.rest * MONTH
        self.gifts.append((taken, today))
        if self.taking_part[which]:
            self.untold.append((today, taken, mass))


def decided(society: Society, way: str, hub: Hub | None = None) -> Gifts:
    """What is given in a year, decided in one way."""
    return Deciding(society, way, hub or Hub()).run()
