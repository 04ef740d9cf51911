"""An invented society in need, and the caseloads of the organisations that help it; everything random comes from one seed.

Nobody in it exists and no number of it is official. What is assumed is written beside each constant, so that it can be doubted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Truth = npt.NDArray[np.bool_]

LINE: Final = 105_000.0
"""Dinars that one equivalent person needs a month; the reference of the hub's default rules for cash."""
GOVERNORATES: Final = ("AN", "AR", "BA", "BB", "BG", "DA", "DI", "DQ", "KA", "KI", "MA", "MU", "NA", "NI", "QA", "SD", "SU", "WA")
"""Of ISO 3166-2:IQ; their sizes and how poor they are, are drawn."""
MONTH: Final = 30
STEP: Final = 250
"""Dinars: amounts are rounded down to whole notes."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """What is assumed of a society and of those who help it; `Knobs()` is the base case."""

    people: int = 1_000_000
    organisations: int = 200
    seed: int = 1
    budget: float = 0.35
    """All budgets of a year as a share of the gap of everybody in need."""
    overlap: float = 0.8
    """Further organisations that keep a case of a household which is anybody's case, on average."""
    noise: float = 0.6
    """Standard deviation of what is assessed of consumption from what it is, in natural logarithms."""
    alike: float = 0.5
    """Of the variance of that error, the share all who assess a household have in common: they see the same roof."""
    least: int = 30
    """Points of need below which no programme admits anybody; in every way of deciding."""
    level: float = 0.6
    """Mean of the natural logarithm of consumption, as a share of the line, of a household of five that nothing sets back."""
    listed: float = 0.85
    """Of households in need, those that are anybody's case."""
    governorates: int = 18
    months: int = 12
    rest: int = 0
    """Months for which an organisation gives a household nothing again."""
    covers: float | None = None
    """Months of the assessed gap that one allocation is at most; None for the organisation's amount to everybody."""
    lasts: float = 1.0
    """Of what a household does not need in a month, the share that is still there in the next."""


@dataclass(frozen=True, slots=True)
class Households:
    """Who lives there, and how much is missing."""

    size: Whole
    governorate: Whole
    displaced: Truth
    female: Truth
    disabled: Truth
    dependants: Whole
    spends: Floats
    """What one equivalent person consumes, as a share of the line."""

    @property
    def equivalent(self) -> Floats:
        """Equivalent persons of each household: the square root of its size."""
        found: Floats = np.sqrt(self.size)
        return found

    @property
    def gap(self) -> Floats:
        """Dinars a month that are missing to one equivalent person."""
        return LINE * np.maximum(1.0 - self.spends, 0.0)

    @property
    def need(self) -> Floats:
        """Dinars a month that each household is missing."""
        return self.gap * self.equivalent


@dataclass(frozen=True, slots=True)
class Society:
    """Households, and places: one for each household on an organisation's list, an organisation's together, in the order of arrival."""

    knobs: Knobs
    households: Households
    starts: Whole
    """Where each organisation's places begin; one more at the end."""
    home: Whole
    """Of each place: its household."""
    arrived: Whole
    """Of each place: the day of its first assessment, negative before the first decision."""
    answers: Floats
    """Of each place: what was answered for the gap, the dependants, and the worst difficulty."""
    points: Whole
    """Of each place: thousandths of a point, as that organisation assessed it."""
    amount: Whole
    """Of each place: dinars that the organisation gives such a household at a time."""
    weights: Floats
    """Of each organisation: those of its score set."""
    pays: Whole
    """Of each organisation: dinars for each equivalent person at a time."""
    money: Whole
    """Of each organisation: dinars a month."""
    day: Whole
    """Of each organisation: the day of the month on which it decides."""
    rank: Floats
    """Of each organisation: a number from 0 to 1; those below a share are the ones that take part."""


def society(knobs: Knobs) -> Society:
    """Invent one."""
    chance = np.random.default_rng(knobs.seed)
    weight = chance.dirichlet(np.full(knobs.governorates, 4.0))
    homes = _households(knobs, chance, weight)
    owner, home = _listed(knobs, chance, homes, weight)
    arrived = np.where(chance.random(len(home)) < 0.8, -chance.integers(1, 91, len(home)), chance.integers(0, 180, len(home)))
    many = knobs.organisations
    weights = np.stack([chance.integers(low, high + 1, many) for low, high in ((40, 80), (10, 30), (10, 30))], axis=1).astype(np.float64)
    pays = chance.choice([60_000, 75_000, 100_000, 125_000], many)
    # Money follows the length of a list only loosely.
    pull = (np.bincount(owner, minlength=many) + 1.0) ** 0.8 * chance.lognormal(0, 0.5, many)
    made = Society(
        knobs=knobs,
        households=homes,
        starts=owner,
        home=home,
        arrived=arrived,
        answers=_answers(knobs, chance, homes, home),
        points=home,
        amount=home,
        weights=weights,
        pays=pays,
        money=(knobs.budget * homes.need.sum() * pull / pull.sum()).astype(np.int64),
        day=chance.integers(0, MONTH, many),
        rank=chance.permutation(many) / many,
    )
    return arranged(made, owner, chance.random(len(home)))


def arranged(made: Society, owner: Whole, tie: Floats) -> Society:
    """The same with its places in order, their points counted and their amounts reckoned; `owner` has the organisation of each place."""
    order = np.lexsort((tie, made.arrived, owner))
    owner, home, answers = owner[order], made.home[order], made.answers[order]
    pays = made.pays[owner].astype(np.float64)
    if made.knobs.covers is not None:
        pays = np.minimum(pays, np.maximum(made.knobs.covers * LINE * answers[:, 0] / 4, STEP))
    return replace(
        made,
        starts=np.searchsorted(owner, np.arange(len(made.money) + 1)),
        home=home,
        arrived=made.arrived[order],
        answers=answers,
        points=points_of(answers, made.weights[owner]),
        amount=(pays * made.households.equivalent[home] // STEP * STEP).astype(np.int64),
    )


def pooled(made: Society) -> Society:
    """The same with one purse and one list, each household once: what is not lost where money is tied to no list."""
    kept = np.unique(made.home, return_index=True)[1]
    kept = kept[np.lexsort((kept, made.arrived[kept]))]
    places = {name: getattr(made, name)[kept] for name in ("home", "arrived", "answers", "points", "amount")}
    money = np.array([made.money.sum()])
    one: dict[str, Any] = {"starts": np.array([0, len(kept)]), "money": money, "day": np.zeros(1, np.int64), "rank": np.zeros(1)}
    return replace(made, **places, **one, weights=made.weights[:1], pays=made.pays[:1])


def _households(knobs: Knobs, chance: np.random.Generator, weight: Floats) -> Households:
    size = np.clip(chance.poisson(4.5, knobs.people // 5 + 50) + 1, 1, 14).astype(np.int64)
    size = size[: int(np.searchsorted(np.cumsum(size), knobs.people)) + 1]
    size[-1] -= int(size.sum()) - knobs.people
    many = len(size)
    governorate = chance.choice(knobs.governorates, many, p=weight)
    displaced = chance.random(many) < chance.beta(1.2, 9, knobs.governorates)[governorate]
    female = chance.random(many) < np.where(displaced, 0.18, 0.12)
    disabled = chance.random(many) < 1 - 0.985**size
    dependants = np.minimum(chance.binomial(size - 1, 0.55), 8).astype(np.int64)
    # Consumption for each equivalent person: log-normal, less for whom it is known to be less.
    level = knobs.level + chance.normal(0, 0.2, knobs.governorates)[governorate]
    level = level - 0.35 * displaced - 0.12 * female - 0.18 * disabled - 0.04 * (size - 5)
    spends = np.exp(level + chance.normal(0, 0.5, many))
    return Households(size, governorate, displaced, female, disabled, dependants, spends)


def _listed(knobs: Knobs, chance: np.random.Generator, homes: Households, weight: Floats) -> tuple[Whole, Whole]:
    """Who is whose case: organisation and household of each place."""
    many, organisations, places = len(homes.size), knobs.organisations, knobs.governorates
    # The poor come to somebody's list more often than others, not always; some come to many lists, for reasons other than need.
    listed = chance.random(many) < np.where(homes.gap > 0, knobs.listed, 0.25)
    wanted = np.where(listed, 1 + chance.poisson(knobs.overlap * chance.gamma(2.0, 0.5, many)), 0)
    reach = chance.random((organisations, places)) < 0.1
    reach[np.arange(organisations), chance.choice(places, organisations, p=weight)] = True
    renown = chance.normal(0, 1.0, organisations)
    owners, cases = [], []
    for place in range(places):
        ours, theirs = np.flatnonzero(homes.governorate == place), np.flatnonzero(reach[:, place])
        # The first so many of a random order in which the renowned come early are a choice without repetition.
        drawn = np.argsort(-(renown[theirs] + chance.gumbel(size=(len(ours), len(theirs)))), axis=1)
        chosen = np.arange(len(theirs)) < wanted[ours][:, None]
        owners.append(theirs[drawn][chosen])
        cases.append(np.broadcast_to(ours[:, None], drawn.shape)[chosen])
    return np.concatenate(owners), np.concatenate(cases)


def _answers(knobs: Knobs, chance: np.random.Generator, homes: Households, home: Whole) -> Floats:
    """What each organisation's assessor wrote down: near the truth, each with an error of its own."""
    common, own = chance.normal(0, 1, len(homes.size))[home], chance.normal(0, 1, len(home))
    error = knobs.noise * (np.sqrt(knobs.alike) * common + np.sqrt(1 - knobs.alike) * own)
    gap = np.round(4 * np.maximum(1 - homes.spends[home] * np.exp(error), 0), 2)
    # One disability in ten is not seen; in one of twenty households without one some difficulty is written down.
    missed = chance.random(len(home))
    worst = np.where(homes.disabled[home], np.where(missed < 0.1, 1, 3), np.where(missed < 0.05, 2, 1))
    return np.stack([gap, homes.dependants[home].astype(np.float64), worst.astype(np.float64)], axis=1)


def points_of(answers: Floats, weights: Floats) -> Whole:
    """Points of need in thousandths: what `resolvers.aid.scores.points` counts by the default parts, for many at once."""
    worst = answers[:, 2]
    shares = answers[:, 0] / 4, answers[:, 1] / 8, np.where(worst >= 3, 1.0, np.where(worst == 2, 0.5, 0.0))
    total = np.zeros(len(answers))
    for place, share in enumerate(shares):
        total += weights[:, place] * share
    found: Whole = np.rint(100_000 * total / weights.sum(axis=1)).astype(np.int64)
    return found
