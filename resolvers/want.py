"""The neutral tree of what is wanted: the selection of an operation without any GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Arguments = Callable[[Any], Mapping[str, Any]]
"""Gives a field's arguments from the operation's coerced variables; a value known at compile time is simply returned."""


def no_arguments(_: Any) -> Mapping[str, Any]:
    """The arguments of a field that has none."""
    return {}


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One wanted field: `key` is its name in the answer, `name` its name in the catalogue."""

    key: str
    name: str
    arguments: Arguments = no_arguments
    want: Want | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Want:
    """The wanted fields of one object, in the order of the answer.

    `type` is the object's public type name, for `__typename`. Wants are compared by identity: one is made per
    compiled document and kept, so that plans can be cached beside it.
    """

    type: str
    fields: tuple[Field, ...]

    def first(self, name: str) -> Field | None:
        """The first wanted field of that name, whatever its alias."""
        return next((each for each in self.fields if each.name == name), None)

    def names(self) -> frozenset[str]:
        """Every wanted name at this level."""
        return frozenset(each.name for each in self.fields)


def shaped(want: Want, value: Any) -> Any:
    """Pick the wanted fields of plain objects (mappings), lists of them, or None."""
    if value is None:
        return None
    if isinstance(value, list):
        return [shaped(want, each) for each in value]
    return {
        each.key: want.type if each.name == "__typename" else value[each.name] if each.want is None else shaped(each.want, value[each.name])
        for each in want.fields
    }
