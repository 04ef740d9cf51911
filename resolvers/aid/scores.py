"""How a place in the queue is counted: points of need, what was received from anyone, and the time since.

    priority(now) = need · 2^lift · 2^(days since arrival / half-life) / (1 + what was received since, each gift fading alike)
    need = 100 · (points / 100)^emphasis

Written with M = 2^(arrival/h) + Σ gift · 2^(its day/h), which no passing of time changes, it is need · 2^lift · 2^(now/h) / M: now is
the same factor for everybody. So the order is that of ln(need) + lift·ln 2 - ln M, and is kept as a whole number in an index.
A gift of one is the reference amount for each equivalent person; a household counts as the square root of its size.
Source: OECD, "What are equivalence scales?" (square-root scale); docs/decisions/0029-queue.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any, Final, NamedTuple

import orjson

from errors import Invalid

LN2: Final = log(2)
FINE: Final = 10**9
"""Steps of the order key for one unit of natural logarithm."""

DIFFICULTIES: Final = ("VIS", "HEAR", "MOB", "COG", "SC", "COM")
"""The six domains of the Washington Group short set; each answered 1 (none) to 4 (cannot do at all)."""

LEAST_POINTS: Final = 100
"""Thousandths: nobody assessed stands outside the order."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of an organisation's rules for one need."""

    id: int
    organisation: str
    need: str
    version: int
    half_life: float
    reference: float
    rates: Mapping[str, float]
    counts: Mapping[str, float]
    shared: bool
    parts: Sequence[Mapping[str, Any]]
    emphasis: float = 1.0

    @classmethod
    def read(cls, row: Sequence[Any]) -> Policy:
        """From (id, organisation, need, version, body)."""
        number, organisation, need, version, text = row
        body = orjson.loads(text)
        knobs = (float(body["half_life_days"]), float(body["reference"]), body["rates"], body["counts"], bool(body["shared"]))
        # Rules from before there was an emphasis have none: points count as they are.
        return cls(number, organisation, need, version, *knobs, body["parts"], float(body.get("emphasis", 1.0)))

    def weight(self, points: int) -> float:
        """What so many points (in thousandths) weigh in the order, 0 to 100: with more emphasis, small need ever less."""
        return float(100 * (max(points, LEAST_POINTS) / 100_000) ** self.emphasis)

    def gift(self, kind: str, amount_minor: int, currency: str, size: int) -> float:
        """What a gift is worth as shares of the reference; an amount in an unknown currency counts as one share."""
        share = self.counts.get(kind, 0.0)
        rate = self.rates.get(currency)
        if not share or amount_minor <= 0:
            return 0.0
        worth = 1.0 if rate is None else amount_minor / 1000 * rate / (self.reference * (sqrt(max(size, 1)) if self.shared else 1.0))
        return share * worth


@dataclass(frozen=True, slots=True)
class Gift:
    """Something received: by whom, when (days since 0001-01-01), from whom, and through which source the hub knows."""

    person: int
    kind: str
    amount_minor: int
    currency: str
    day: int
    organisation: str | None
    source: str


class Place(NamedTuple):
    """A place as it is stored; a tuple, because a list moves a hundred thousand of them."""

    policy: int
    person: int
    household: int | None
    size: int
    order_key: int
    arrived: int
    arrived_on: int
    points: int
    lift: int


def received(policy: Policy, size: int, gifts: Sequence[Gift]) -> float | None:
    """The logarithm of what a household of this size received, each gift fading alike; None where nothing counts."""
    rate, terms = LN2 / policy.half_life, []
    for gift in gifts:
        worth = policy.gift(gift.kind, gift.amount_minor, gift.currency, size)
        if worth:
            terms.append(rate * gift.day + log(worth))
    return _together(terms) if terms else None


def ordered(policy: Policy, place: Place, given: float | None) -> int:
    """The key that orders a place, by what it `received`: smallest first, the same at every moment."""
    mass = LN2 / policy.half_life * place.arrived_on
    if given is not None:  # as `_together` would, for the thousands of places of a list
        most, least = (mass, given) if mass >= given else (given, mass)
        mass = most + log(1.0 + exp(least - most))
    return round((mass - log(policy.weight(place.points)) - place.lift * LN2) * FINE)


def order_key(policy: Policy, place: Place, gifts: Sequence[Gift]) -> int:
    """The same by the gifts that count for it."""
    return ordered(policy, place, received(policy, place.size, gifts))


def _together(terms: Sequence[float]) -> float:
    most = max(terms)
    return most + log(sum([exp(term - most) for term in terms]))


def priority(policy: Policy, key: int, today: int) -> float:
    """The priority behind an order key on a day: the weight of need, doubled with each half-life of waiting, less what came."""
    return exp(min(LN2 / policy.half_life * today - key / FINE, 700.0))


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a priority is made of; the parts add up to it."""

    need: float
    lift: float
    waited: float
    gifts: Sequence[tuple[Gift, float]]


def weighed(policy: Policy, place: Place, gifts: Sequence[Gift], today: int) -> Weighed:
    """Take a priority apart: what need, override and waiting bring, and what each gift takes."""
    need = policy.weight(place.points)
    lifted = need * 2.0**place.lift
    rate = LN2 / policy.half_life
    full = lifted * exp(rate * (today - place.arrived_on))
    masses = [
        (gift, policy.gift(gift.kind, gift.amount_minor, gift.currency, place.size) * exp(rate * (gift.day - place.arrived_on)))
        for gift in gifts
    ]
    total = 1.0 + sum(mass for _, mass in masses)
    taken = [(gift, -full * mass / total) for gift, mass in masses if mass]
    return Weighed(need, lifted - need, full - lifted, taken)


# --- points ----------------------------------------------------------------------------------------------------------


def asked(policy: Policy) -> set[str]:
    """The questions a policy's score set asks."""
    found: set[str] = set()
    for part in policy.parts:
        if part["method"] == "scale":
            found.add(part["code"])
        elif part["method"] == "wg":
            found.update(DIFFICULTIES)
        else:
            found.update(part["models"][""]["coefficients"], *(each["coefficients"] for each in part["models"].values()))
    return found


def disabled(answers: Mapping[str, float]) -> bool | None:
    """Whether somebody has a disability by the Washington Group cut-off: a lot of difficulty, or worse, in one of the six domains.

    None where the six questions were not all answered within their range. Source: Washington Group on Disability Statistics,
    "The Washington Group Short Set on Functioning", analytic guidelines.
    """
    said = [answers.get(each) for each in DIFFICULTIES]
    if any(each is None or not 1 <= each <= 4 for each in said):
        return None
    return any(each is not None and each >= 3 for each in said)


def points(policy: Policy, answers: Mapping[str, float], region: str) -> int:
    """Points of need from a questionnaire's answers by the policy's score set, in thousandths.

    Raises:
        Invalid: an answer is missing, outside its range, or to no question of the set.
    """
    asked: set[str] = set()
    total = weights = 0.0
    for part in policy.parts:
        share, used = _share(part, answers, region)
        asked |= used
        weights += part["weight"]
        total += part["weight"] * share
    unknown = sorted(set(answers) - asked)
    if unknown:
        raise Invalid("there is no such question in the score set", f"it asks for {', '.join(sorted(asked))}", "answers")
    return round(100_000 * total / weights)


def _share(part: Mapping[str, Any], answers: Mapping[str, float], region: str) -> tuple[float, set[str]]:
    """What a part gives, 0 to 1, and the questions it asks."""
    if part["method"] == "scale":
        return _answer(answers, part["code"], 0, part["most"]) / part["most"], {part["code"]}
    if part["method"] == "wg":
        # Disabled where any domain is a lot of difficulty or more; some difficulty counts half.
        worst = max(_answer(answers, each, 1, 4, 1) for each in DIFFICULTIES)
        return 1.0 if worst >= 3 else 0.5 if worst == 2 else 0.0, set(DIFFICULTIES)
    model = part["models"].get(region) or part["models"][""]
    predicted = model["intercept"] + sum(each * _answer(answers, code, -1e6, 1e6) for code, each in model["coefficients"].items())
    gap = 1 - exp(min(predicted, 50.0)) / part["line"]
    return min(max(gap, 0.0), 1.0), set(model["coefficients"])


def _answer(answers: Mapping[str, float], code: str, least: float, most: float, otherwise: float | None = None) -> float:
    value = answers.get(code, otherwise)
    if value is None:
        raise Invalid("an answer is missing", f"answer {code} as well", "answers")
    if not least <= value <= most:
        raise Invalid("an answer is outside its range", f"{code} is answered {least:g} to {most:g}", "answers")
    return value
