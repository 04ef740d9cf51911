"""Which source knows a person by which local key: one statement for all sources and people of a step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from privacy.blind import Blinder
from tables.database import Database, among
from tables.identity import link

CHEAP = 5
"""A row of the hub's own narrow tables costs a fifth of a source's: so many more are read without a thread."""


@dataclass(slots=True)
class Keys:
    """The keys of some people in one source.

    A person usually has one key, or several that were entered for the same person: the first by name is in `key`, the
    others are in `more`. `person` goes the other way.
    """

    key: dict[int, str] = field(default_factory=dict)
    more: dict[int, list[str]] = field(default_factory=dict)
    person: dict[str, int] = field(default_factory=dict)

    def of(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """All keys of these people."""
        key = self.key
        keys = [key[number] for number in numbers]
        if self.more:
            keys += [each for number in numbers for each in self.more.get(number, ())]
        return tuple(keys)


class Links:
    """Reads the links that `mizalla link` made."""

    def __init__(self, database: Database, blinder: Blinder, sealed: Collection[str]) -> None:
        """`sealed` names the sources whose keys are identifiers and therefore stored sealed."""
        self.database = database
        self.blinder = blinder
        self.sealed = frozenset(sealed)
        columns = sa.select(link.c.source, link.c.person, link.c.key)
        here = among(link.c.source, "sources")
        self._one = database.prepare(columns.where(here, link.c.person == sa.bindparam("person")).order_by(link.c.source, link.c.key))
        self._some = database.prepare(columns.where(here, among(link.c.person, "people", "whole")))

    async def keys(self, sources: Collection[str], numbers: Sequence[int]) -> dict[str, Keys]:
        """The keys of these people in these sources."""
        found = {source: Keys() for source in sources}
        if not numbers or not sources:
            return found
        if len(numbers) == 1:
            rows = await self.database.fetch(self._one, {"sources": list(sources), "person": numbers[0]})
        else:
            rows = await self.database.fetch(self._some, {"sources": list(sources), "people": numbers}, rows=len(numbers) // CHEAP)
        of_source: dict[str, tuple[list[int], list[str | None]]] = {source: ([], []) for source in found}
        for source, number, stored in rows:
            of_source[source][0].append(number)
            of_source[source][1].append(stored)
        return {source: self.read(source, people, keys) for source, (people, keys) in of_source.items()}

    def read(self, source: str, people: Sequence[int], stored: Sequence[str | None]) -> Keys:
        """Keys from two columns as they come from the table; a person may come several times, or without a key."""
        if None in stored:
            known = [(number, each) for number, each in zip(people, stored, strict=True) if each is not None]
            people, stored = [number for number, _ in known], [each for _, each in known]
        keys: Sequence[Any] = stored
        if source in self.sealed:
            keys = self.blinder.open_keys(source, keys)
        key = dict(zip(people, keys, strict=True))
        person = dict(zip(keys, people, strict=True))
        if len(key) == len(person):
            return Keys(key, {}, person)
        more: dict[int, list[str]] = {}
        key = {}
        for known_by, number in sorted(person.items()):
            if key.setdefault(number, known_by) != known_by:
                more.setdefault(number, []).append(known_by)
        return Keys(key, more, person)
