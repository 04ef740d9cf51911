"""What a person received in all: allocations of every source added up, as far as the requester may see them.

A total is made of the same rows as the list of allocations, under the same decisions; it tells nothing that the list would not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from resolvers.want import Field, Want, shaped

TOTALLED: Final = Want("Allocation", tuple(Field(name, name) for name in ("kind", "amount", "currency", "status", "allocated_on")))
"""What is asked of every allocation to add it up."""

COUNTS: Final = frozenset({"delivered", None})
"""Received is what was delivered, and what its source gives no status; planned stands apart, the rest came back."""


def everything(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the list that a total is made of: all of it, in any order."""
    return {**{name: arguments[name] for name in ("since", "kinds") if arguments.get(name) is not None}, "first": None, "order": "recorded"}


def totals(want: Want, lists: Mapping[int, list[Any]], incomplete: Collection[int]) -> dict[int, Any]:
    """Per person one total for each kind and currency, by kind."""
    return {number: shaped(want, _added(rows, complete=number not in incomplete)) for number, rows in lists.items()}


def _added(rows: list[dict[str, Any]], *, complete: bool) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        status, day = row["status"], row["allocated_on"]
        if status not in COUNTS and status != "planned":
            continue
        kind, currency = row["kind"], row["currency"]
        total = found.setdefault(
            (kind or "", currency or ""),
            {"kind": kind, "currency": currency, "amount": None, "planned": None, "count": 0, "last_on": None, "complete": complete},
        )
        name = "planned" if status == "planned" else "amount"
        if row["amount"] is not None:
            total[name] = (total[name] or Decimal()) + Decimal(str(row["amount"]))
        if name == "amount":
            total["count"] += 1
            total["last_on"] = max(filter(None, (total["last_on"], day)), default=None)
    for total in found.values():
        for name in ("amount", "planned"):
            if total[name] is not None:
                total[name] = float(total[name])
    return [found[key] for key in sorted(found)]
