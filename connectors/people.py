"""Reading a source's people for linking: identifiers put together, and going on where an earlier scan stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from connectors.contract import Person
from connectors.objects import key_of, picker
from errors import SourceGarbled
from settings import SourceEntity


def joined(parts: Sequence[Any]) -> str | None:
    """An identifier from its parts, with `/` between them; None when one is missing."""
    found = [part.strip() if type(part) is str else part for part in parts]
    if None in found or "" in found or not {*map(type, found)} <= {str, int}:
        return None
    return "/".join(map(str, found))


class PeopleReader:
    """From objects to people: the key, the identifiers to link by and the household, and nothing else."""

    def __init__(self, mapping: SourceEntity) -> None:
        """`columns` are what has to be asked of the source."""
        self.columns = [mapping.person or mapping.key]
        self._spans: list[tuple[str, int, int]] = []
        for scheme, parts in mapping.identifiers.items():
            self._spans.append((scheme.value, len(self.columns), len(self.columns) + len(parts)))
            self.columns += parts
        self._household = mapping.household is not None
        if mapping.household:
            self.columns.append(mapping.household)
        self._pick = picker(self.columns)

    async def read(self, source: str, pages: AsyncIterator[Any]) -> AsyncIterator[list[Person]]:
        """People of one page after the other, counted from 1; an object without a key is counted and left out."""
        row = 0
        async for objects in pages:
            if not isinstance(objects, list) or not {*map(type, objects)} <= {dict}:
                raise SourceGarbled(source, "the source did not answer with a list of objects", "run `mizalla check` and mend its stanza")
            people = []
            for each in objects:
                row += 1
                raw = self._pick(each)
                key = key_of(raw[0])
                if key is not None:
                    people.append(self.person(row, key, raw))
            yield people

    def person(self, row: int, key: str, raw: Sequence[Any]) -> Person:
        """One person from the values of `columns`."""
        found = []
        for scheme, first, end in self._spans:
            identifier = joined(raw[first:end])
            if identifier is not None:
                found.append((scheme, identifier))
        return Person(row, key, tuple(found), key_of(raw[-1]) if self._household else None)


async def resumed(read: Callable[[], AsyncIterator[list[Person]]], after: str | None) -> AsyncIterator[list[Person]]:
    """Go on behind the person with the key `after`, wherever it stands in the source's order.

    Where that person is gone, everything is given again: linking the same people twice changes nothing.
    """
    passed = after is None
    async for people in read():
        if passed:
            yield people
            continue
        at = next((place for place, each in enumerate(people) if each.key == after), None)
        if at is not None:
            passed = True
            if people[at + 1 :]:
                yield people[at + 1 :]
    if not passed:
        async for people in read():
            yield people
