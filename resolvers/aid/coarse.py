"""Figures as anyone may know them: none of few people, and each moved a little, always alike for the same people.

A count is moved to a neighbouring multiple of five, an amount to a neighbouring multiple of what five of its largest receivers got
together; whichever, by a chance that a secret and the people counted decide. So a figure is the same by whatever question it is
reached, and a difference of two figures tells nothing of the one person between them (docs/decisions/0039-transparency.md).
Source: Fraser and Wooton, "A proposed method for confidentialising tabular output to protect against differencing" (cell keys), 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any, Final

import orjson

from errors import Invalid

BASE: Final = 5
"""What is published is a multiple of it."""

FEWEST: Final = 5
"""People of whom something may be told together."""

SPREAD: Final = 50
"""People from which on a distribution is told: five in each of its tenths."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some people: how many, and a sum over their numbers by which the same people are known again."""

    people: int
    mark: int


def rounded(chance: bytes, place: Sequence[str], measure: str, count: int) -> int:
    """A neighbouring multiple of five: the nearer, the likelier, by a chance that a secret, the place and the count decide."""
    low, over = divmod(count, BASE)
    if over == 0:
        return count
    named = orjson.dumps([*place, measure, count])
    drawn = int.from_bytes(blake2b(named, key=chance, digest_size=8).digest()) % BASE
    return (low + (drawn < over)) * BASE


def count(chance: bytes, group: Group, measure: str) -> int | None:
    """How many they are; None for fewer than five."""
    if group.people < FEWEST:
        return None
    return rounded(chance, [str(group.mark)], measure, group.people)


def amount(chance: bytes, group: Group, total: int, largest: int) -> int | None:
    """What they received together, in thousandths; None for fewer than five, and where one of them received more than half."""
    if group.people < FEWEST or 2 * largest > total:
        return None
    base = step_above(largest) * BASE
    low, over = divmod(total, base)
    named = orjson.dumps([str(group.mark), group.people, str(total)])
    drawn = int.from_bytes(blake2b(named, key=chance, digest_size=16).digest()) % base
    return (low + (drawn < over)) * base or None


def step_above(value: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 … that is not below a value."""
    step = 1
    while True:
        for each in (step, 2 * step, 5 * step):
            if each >= value:
                return each
        step *= 10


def share(part: int | None, whole: int | None) -> float | None:
    """A share of published counts, to the hundredth."""
    return None if part is None or not whole else round(min(part / whole, 1.0), 2)


def period(first: date, last: date, today: date) -> tuple[date, date]:
    """The days of which anyone may ask: one quarter, or else one year, that is over.

    Every gift is in two periods and no more, so that nobody has many figures with it and without it to take the mean of.

    Raises:
        Invalid: it is not over, or spans years.
    """
    begins, ends = _quarter(first), _quarter(_quarter(last) + timedelta(days=100)) - timedelta(days=1)
    if begins < _quarter(ends):
        begins, ends = date(first.year, 1, 1), date(last.year, 12, 31)
    if first.year != last.year:
        raise Invalid("figures for anyone are of one quarter or one year", "ask for each year by itself", "to")
    if ends >= today:
        over = _quarter(today) - timedelta(days=1)
        raise Invalid(
            "this period is not over", f"the last quarter that is over ends on {over}, the last year on {today.year - 1}-12-31", "to"
        )
    return begins, ends


def _quarter(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def whole(value: Any) -> int:
    """A sum as databases give it, as a whole number."""
    return 0 if value is None else int(value)
