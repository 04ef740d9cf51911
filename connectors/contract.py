"""What every source promises, whatever its wire.

A connector is opened once, prepares each Shape once, and then answers Asks of that shape. It never decides who may
see what: it asks its source for exactly the attributes it is given, and for nothing else. `guard.py` stands before
every connector, so that a connector itself may raise any SourceError and need not retry or time anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from values import Answer, Ask, Shape

Fetch = Callable[[Ask], Awaitable[Answer]]
"""A prepared Shape: give it the Ask's keys and filter values, get the Answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `mizalla check`: where, what is wrong, and what to do.

    `fatal` refuses the start. A source that was not `reached` does not: it may be back by then.
    """

    source: str
    place: str
    message: str
    remedy: str
    fatal: bool = True
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """One row of a source's people, as linking reads it.

    `row` counts from 1 in the source's own order, for reports; `identifiers` are raw texts by scheme, composite
    ones already joined by `/`; `household` is the source's own household key.
    """

    row: int
    key: str
    identifiers: tuple[tuple[str, str], ...]
    household: str | None = None


class Scans(Protocol):
    """What linking needs of a source, guarded or not."""

    def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """All people of the source by key, from the first key greater than `after`, in lists of `size`."""
        ...


class Connector(Protocol):
    """A source behind one wire."""

    name: str

    async def open(self) -> None:
        """Connect as far as needed; a source that is down is not an error here, only at the first Ask."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...

    async def check(self) -> list[Finding]:
        """Reach the source, verify every mapped column or field on a few rows, and say what is wrong."""
        ...

    def prepare(self, shape: Shape) -> Fetch:
        """Give the function that answers this shape; texts and queries are made here, once."""
        ...

    def explain(self, shape: Shape) -> str:
        """The SQL, path or document this shape becomes, without values."""
        ...

    def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """All people of the source by key, from the first key greater than `after`, in lists of `size`."""
        ...

    def offers(self, entity: str) -> frozenset[str]:
        """The attributes of an entity that this source maps; empty when it does not know the entity."""
        ...
