"""Which person a row speaks of: the decision alone, on what is known of a batch, without any database.

Schemes are ranked by trust, in the order of `values.Scheme`: the national number before the ration card before the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from privacy.edge import EDGE


def trust(blind: tuple[int, bytes]) -> tuple[int, int]:
    """Orders blind identifiers by their scheme, whichever form they have."""
    return blind[0] % EDGE, blind[0]


class Outcome(Enum):
    """What became of a row."""

    LINKED = "linked"
    NEW = "new"
    CONFLICT = "conflict"


class Reading(NamedTuple):
    """A row as far as it can be read: `blinds` are (rank of the scheme, blind identifier), most trusted first.

    `key` is the local key as it is stored, `position` its place in the case load.
    """

    row: int
    key: str
    position: str
    blinds: tuple[tuple[int, bytes], ...]
    household: bytes | None = None


@dataclass(slots=True)
class Known:
    """What the hub knows of the rows of a batch; it grows while the rows are paired, so that later rows see earlier ones.

    `person` by blind identifier; `linked` the person of each local key; `ranks` the schemes of which a person has an
    identifier, for everybody whom a decision may depend on.
    """

    person: dict[bytes, int] = field(default_factory=dict)
    linked: dict[str, int] = field(default_factory=dict)
    ranks: dict[int, set[int]] = field(default_factory=dict)

    def doubtful(self, readings: list[Reading]) -> set[int]:
        """The people whose ranks must be known before these rows are paired."""
        doubtful: set[int | None] = set()
        for reading in readings:
            found = {self.person.get(blind) for _, blind in reading.blinds}
            if len(found) != 1 or None in found:
                doubtful |= found
                doubtful.add(self.linked.get(reading.key))
        return {person for person in doubtful if person is not None}


@dataclass(slots=True)
class Pairing:
    """Pairs rows with people, and collects what is to be stored."""

    known: Known
    numbers: Iterator[int]
    people: list[int] = field(default_factory=list)
    identifiers: list[tuple[bytes, int, int]] = field(default_factory=list)

    def pair(self, reading: Reading) -> tuple[int, Outcome]:
        """Give the person of a row, and what became of it.

        The identifiers decide; an earlier link of the same key counts only where there are none, or where the person
        linked has none: a key that now carries another's number belongs to that other.
        """
        known = self.known
        earlier = known.linked.get(reading.key)
        found = {known.person[blind] for _, blind in reading.blinds if blind in known.person}
        if not reading.blinds and earlier is not None:
            return earlier, Outcome.LINKED
        if len(found) > 1 or (found and self._contradicts(reading, next(iter(found)))):
            return (earlier if earlier is not None and self._is_bare(earlier) else self._new()), Outcome.CONFLICT
        if found:
            person, outcome = found.pop(), Outcome.LINKED
        elif earlier is not None and self._is_bare(earlier):
            person, outcome = earlier, Outcome.LINKED
        else:
            person, outcome = self._new(), Outcome.NEW
        self._learn(reading, person)
        return person, outcome

    def _contradicts(self, reading: Reading, person: int) -> bool:
        """Whether the row's most trusted identifier is new in every form, while the person already has another of that scheme."""
        rank = reading.blinds[0][0] % EDGE
        is_known = any(blind in self.known.person for each, blind in reading.blinds if each % EDGE == rank)
        return not is_known and rank in self.known.ranks.get(person, ())

    def _is_bare(self, person: int | None) -> bool:
        return person is not None and self.known.ranks.get(person) == set()

    def _new(self) -> int:
        person = next(self.numbers)
        self.people.append(person)
        self.known.ranks[person] = set()
        return person

    def _learn(self, reading: Reading, person: int) -> None:
        for rank, blind in reading.blinds:
            if blind not in self.known.person:
                self.known.person[blind] = person
                self.known.ranks.setdefault(person, set()).add(rank % EDGE)
                self.identifiers.append((blind, person, rank))
