"""The rules that a queue starts with, by kind of need; an organisation adopts others as a new version (`queuePolicyAdopt`).

Every number here is a default that an organisation is told about, not a finding: none of them is an official figure.
`reference` is what covers one equivalent person once, in Iraqi dinars; cash starts from the poverty line of 105,000 a person
and month as published for 2014 (secondary source). `rates` are dinars for one unit of a currency. Half-lives and emphasis are
chosen by principle and tried in docs/fairness.md: docs/decisions/0047-memory-of-the-queue.md.
"""

from __future__ import annotations

from typing import Any, Final

RATES: Final = {"IQD": 1.0, "USD": 1310.0, "EUR": 1420.0, "QAR": 360.0}

PARTS: Final = (
    {"code": "gap", "method": "scale", "most": 4, "weight": 60},
    {"code": "dependants", "method": "scale", "most": 8, "weight": 20},
    {"code": "disability", "method": "wg", "weight": 20},
)
"""How far the need is unmet (0 to 4), who depends on the person (0 to 8), and the Washington Group's six questions (1 to 4 each)."""

EMPHASIS: Final = 2.0
"""Points count squared: twice the need weighs as much as two half-lives of waiting."""

HALF_LIVES: Final = {
    "cash": 180,
    "food": 180,
    "hygiene": 180,
    "health": 180,
    "protection": 180,
    "education": 365,
    "shelter": 365,
    "assistive_device": 1095,
}
"""Days. A queue that forgets a gift before the next turn comes round goes by waiting alone, so none is shorter than half a year."""
REFERENCES: Final = {
    "cash": 105_000,
    "food": 40_000,
    "hygiene": 15_000,
    "health": 60_000,
    "protection": 50_000,
    "education": 100_000,
    "shelter": 300_000,
    "assistive_device": 500_000,
}
SHARED: Final = frozenset({"cash", "food", "hygiene", "shelter"})
"""Needs that a household has together: what one member received counts for all."""

CASH_COUNTS: Final = {"food": 0.5, "hygiene": 0.5, "shelter": 0.25}
"""The share of a gift of cash that counts for another need."""


def default(need: str) -> dict[str, Any]:
    """The rules a queue of this need starts with."""
    counts = {need: 1.0} | ({"cash": CASH_COUNTS[need]} if need in CASH_COUNTS else {})
    return {
        "half_life_days": HALF_LIVES[need],
        "emphasis": EMPHASIS,
        "reference": REFERENCES[need],
        "rates": RATES,
        "counts": counts,
        "shared": need in SHARED,
        "parts": list(PARTS),
    }
