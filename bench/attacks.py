"""What somebody gains who plays the queue, while everybody else is honest and nobody notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from bench.deciding import WAYS, decided
from bench.society import Floats, Households, Knobs, Society, Truth, Whole, arranged, society

ATTACKERS: Final = 0.02
"""Of the households that are anybody's case."""
Attack = Callable[[Society, Truth, np.random.Generator], tuple[Society, Whole]]
"""From an honest society and its attackers: the society as it looks now, and of each of its households the one it is of."""


def _same(made: Society) -> Whole:
    return np.arange(len(made.households.size))


def inflate(made: Society, attackers: Truth, _: np.random.Generator) -> tuple[Society, Whole]:
    """Say to every assessor that everything is missing."""
    answers = made.answers.copy()
    answers[attackers[made.home], 0] = 4.0
    return arranged(replace(made, answers=answers), owners(made), _places(made)), _same(made)


def early(made: Society, attackers: Truth, _: np.random.Generator) -> tuple[Society, Whole]:
    """Be assessed on the first day, before need arises."""
    arrived = np.where(attackers[made.home], made.arrived.min(), made.arrived)
    return arranged(replace(made, arrived=arrived), owners(made), _places(made)), _same(made)


def spread(made: Society, attackers: Truth, chance: np.random.Generator) -> tuple[Society, Whole]:
    """Come to four more lists."""
    owner = owners(made)
    first = np.flatnonzero(attackers[made.home])
    first = first[np.unique(made.home[first], return_index=True)[1]]
    copies, drawn = np.repeat(first, 4), chance.integers(0, len(made.money), 4 * len(first))
    # Who stands on that list already does not stand there twice.
    every, whose = np.concatenate([np.arange(len(owner)), copies]), np.concatenate([owner, drawn])
    _, fresh = np.unique(whose * len(made.households.size) + made.home[every], return_index=True)
    every, whose = every[fresh], whose[fresh]
    more = replace(made, home=made.home[every], arrived=made.arrived[every], answers=made.answers[every])
    return arranged(more, whose, _places(made)[every]), _same(made)


def split(made: Society, attackers: Truth, _: np.random.Generator) -> tuple[Society, Whole]:
    """Come as two households that nobody knows to be one; from two members on."""
    homes = made.households
    parted = np.flatnonzero(attackers & (homes.size >= 2))
    origin = np.concatenate([np.arange(len(homes.size)), parted])
    halves = {name: getattr(homes, name)[origin] for name in Households.__dataclass_fields__}
    size = homes.size.copy()
    size[parted] = homes.size[parted] - homes.size[parted] // 2
    halves["size"] = np.concatenate([size, homes.size[parted] // 2])
    second = np.full(len(homes.size), -1)
    second[parted] = np.arange(len(homes.size), len(origin))
    doubled = np.flatnonzero(second[made.home] >= 0)
    every = np.concatenate([np.arange(len(made.home)), doubled])
    home = np.concatenate([made.home, second[made.home[doubled]]])
    more = replace(made, households=Households(**halves), home=home, arrived=made.arrived[every], answers=made.answers[every])
    return arranged(more, owners(made)[every], _places(made)[every]), origin


ATTACKS: Final[dict[str, Attack]] = {"inflate": inflate, "early": early, "spread": spread, "split": split}


def owners(made: Society) -> Whole:
    """The organisation of each place."""
    return np.repeat(np.arange(len(made.money)), np.diff(made.starts))


def _places(made: Society) -> Floats:
    return np.arange(len(made.home)).astype(np.float64)


def received(made: Society, origin: Whole, way: str) -> Floats:
    """Dinars that each household received, its parts together."""
    gifts = decided(made, way)
    given = np.bincount(made.home[gifts.place], made.amount[gifts.place], minlength=len(made.households.size))
    return np.bincount(origin, given).astype(np.float64)


def gains(knobs: Knobs) -> dict[str, dict[str, float]]:
    """By attack and way: what attackers received, as a multiple of what they would have received honestly."""
    honest, chance = society(knobs), np.random.default_rng(knobs.seed + 10_000)
    listed = np.unique(honest.home)
    attackers = np.zeros(len(honest.households.size), bool)
    attackers[chance.choice(listed, int(len(listed) * ATTACKERS), replace=False)] = True
    before = {way: max(received(honest, _same(honest), way)[attackers].sum(), 1.0) for way in WAYS}
    found: dict[str, dict[str, float]] = {}
    for name, attack in ATTACKS.items():
        made, origin = attack(honest, attackers, np.random.default_rng(knobs.seed))
        found[name] = {way: float(received(made, origin, way)[attackers].sum() / before[way]) for way in WAYS}
    return found
