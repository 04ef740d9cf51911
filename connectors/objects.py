"""From the JSON objects of a source to raw rows, for the wires that get objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from connectors.mapping import Faults, Reading, Rows
from errors import SourceGarbled

MISSING = b""
"""Stands for a field an object does not have: no JSON value is bytes, and no conversion reads it."""

MEND = "run `mizalla check` and mend its stanza"

ODD = (KeyError, TypeError, AttributeError, IndexError)
"""What the quick way stumbles with over anything but the objects it was written for."""


def found_at(document: Any, path: str) -> Any:
    """What stands at a dotted path; lists on the way are walked through; None where there is nothing."""
    for step in path.split(".") if path else ():
        if isinstance(document, list):
            document = [each.get(step) if isinstance(each, dict) else None for each in document]
        elif isinstance(document, dict):
            document = document.get(step)
        else:
            return None
    return document


def walked(found: Any, path: Sequence[str]) -> Any:
    """What stands at a path of an object: None below a null, MISSING where there is no such field."""
    for step in path:
        if found is None:
            return None
        found = found.get(step, MISSING) if isinstance(found, dict) else MISSING
    return found


def picker(columns: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Makes the function from an object to the values of some columns; `a.b` reaches into an object."""
    plain: Callable[[Any], tuple[Any, ...]] | None = (
        itemgetter(*columns) if len(columns) > 1 and not any("." in column for column in columns) else None
    )
    steps = [column.split(".") for column in columns]

    def pick(found: Mapping[str, Any]) -> tuple[Any, ...]:
        if plain is not None:
            try:
                return plain(found)
            except KeyError:
                pass
        return tuple(walked(found, path) for path in steps)

    return pick


def key_of(raw: Any) -> str | None:
    """A key as text; None for what cannot be one."""
    if type(raw) is str:
        return raw or None
    return str(raw) if type(raw) is int else None


class Unwinding:
    """Makes rows of objects: one each, or one for each object at the path `below` of theirs.

    Columns are written from the object, so that a column on the way to `below` is that of the row, and any other is
    repeated in all rows of its object. Where there is nothing at `below` there is no row.
    """

    def __init__(self, columns: Sequence[str], below: str = "") -> None:
        """The functions for objects as they should be are generated here, once; their text holds quoted names only."""
        self._down = below.split(".") if below else []
        prefix = f"{below}."
        self._places = [
            (True, each.removeprefix(prefix).split(".")) if below and each.startswith(prefix) else (False, each.split("."))
            for each in columns
        ]
        self._whole = self._generated(nulls=False)
        self._with_nulls = self._generated(nulls=True) if any(len(path) > 1 for _, path in self._places) else None

    def rows(self, objects: Sequence[Any]) -> Sequence[Any]:
        """The rows of objects; None for what is no object. Most objects are as promised, and these are taken quickly."""
        try:
            return self._whole(objects)
        except ODD:
            if self._with_nulls is not None:
                try:
                    return self._with_nulls(objects)
                except ODD:
                    pass
        return [*self.careful(objects)]

    def careful(self, objects: Iterable[Any]) -> Iterator[tuple[Any, ...] | None]:
        """The same rows of objects of any form; None for what is no object."""
        for each in objects:
            for inner in self._reached(each):
                if not isinstance(inner, dict):
                    yield None
                else:
                    yield tuple(walked(inner if inside else each, path) for inside, path in self._places)

    def _reached(self, found: Any, depth: int = 0) -> Iterator[Any]:
        if isinstance(found, list) and depth:
            for each in found:
                yield from self._reached(each, depth) if each is not None else ()
        elif depth == len(self._down) or not isinstance(found, dict):
            yield found
        elif (below := found.get(self._down[depth], MISSING)) is not None:
            yield from self._reached(below, depth + 1)

    def _generated(self, *, nulls: bool) -> Callable[[Any], list[tuple[Any, ...]]]:
        """One comprehension for all rows; with `nulls` a null on the way to a column has nulls for fields."""
        loops, at = ["for e0 in objects"], "e0"
        for number, step in enumerate(self._down, 1):
            loops.append(f"for e{number} in each({at}[{step!r}]) if e{number} is not None")
            at = f"e{number}"
        bound: dict[tuple[str, ...], str] = {}

        def reached(start: str, path: list[str]) -> str:
            """The name under which the object at a path stands, or how it is got at."""
            if not path:
                return start
            key = (start, *path)
            if key not in bound:
                found = f"{reached(start, path[:-1])}[{path[-1]!r}]"
                if not nulls:
                    return found
                bound[key] = f"o{len(bound)}"
                loops.append(f"for o in ({found},) for {bound[key]} in (nothing if o is None else o,)")
            return bound[key]

        values = [f"{reached(at if inside else 'e0', path[:-1])}[{path[-1]!r}]" for inside, path in self._places]
        space: dict[str, Any] = {"each": _each, "nothing": _Nothing()}
        text = f"def rows(objects):\n    return [({', '.join(values)},) {' '.join(loops)}]"
        exec(compile(text, "<rows>", "exec"), space)  # noqa: S102 — made from repr() of the operator's own names
        made: Callable[[Any], list[tuple[Any, ...]]] = space["rows"]
        return made


class _Nothing(dict[str, None]):
    """Stands for a null on the way to a column."""

    def __missing__(self, _: str) -> None:
        return None


def _each(found: Any) -> Sequence[Any]:
    """The objects at a step of `below`: those of a list, the only one, or none."""
    if type(found) is list:
        return found
    if found is None:
        return ()
    if type(found) is not dict:
        raise TypeError
    return (found,)


class Gatherer:
    """Turns a source's objects into raw rows, one page after the other.

    What was not asked for, came twice or has no key is dropped and counted under `key`: a source may neither widen
    an Ask nor double what a family received. With `nulls` an object that is null says that there is none; that is how
    a federation's subgraph speaks of keys it does not know.
    """

    def __init__(self, source: str, reading: Reading, keys: Collection[str] | None, unwinding: Unwinding, *, nulls: bool = False) -> None:
        """`keys` are those asked for; None for a full read. `unwinding` is that of `layout(reading)`."""
        self.rows: list[tuple[Any, ...]] = []
        self.dropped = 0
        self._source = source
        self._asked = None if keys is None else frozenset(keys)
        self._unwinding = unwinding
        self._kinds = {dict, type(None)} if nulls else {dict}
        self._keys_at = [place + 1 for place in reading.keys_at]
        named = layout(reading)
        self._own_at = named.index(reading.own_key)
        self._width = 1 + len(reading.columns)
        self._owns: set[str] = set()
        self._taken: list[tuple[list[str], list[str]]] = []
        self._seen: set[tuple[str, str]] = set()

    def add(self, objects: Any) -> None:
        """Take one page.

        Raises:
            SourceGarbled: it is not a list of objects.
        """
        if not isinstance(objects, list) or not {*map(type, objects)} <= self._kinds:
            raise SourceGarbled(self._source, "the source did not answer with a list of objects", MEND)
        if None in objects:
            objects = [each for each in objects if each is not None]
        rows = self._unwinding.rows(objects)
        if not self._good(rows):
            self._add(rows)
        elif self._own_at < self._width:
            self.rows += rows
        else:
            self.rows += [row[:-1] for row in rows]

    def _good(self, rows: Sequence[Any]) -> bool:
        """Whether every row has text for keys, was asked for, and has an own key that no other has."""
        if self._seen or None in rows:
            return False
        keys = [row[0] for row in rows]
        owns = keys if not self._own_at else [row[self._own_at] for row in rows]
        if not {*map(type, keys), *map(type, owns)} <= {str} or (self._asked is not None and not self._asked.issuperset(keys)):
            return False
        before = len(self._owns)
        self._owns.update(owns)
        if len(self._owns) - before < len(owns) or "" in self._owns or "" in keys:
            self._owns.difference_update(owns)
            return False
        self._taken.append((keys, owns))
        return True

    def _add(self, rows: Iterable[tuple[Any, ...] | None]) -> None:
        """Take rows one by one."""
        asked, seen, keys_at, own_at, width = self._asked, self._seen, self._keys_at, self._own_at, self._width
        for keys, owns in self._taken:
            seen.update(zip(keys, owns, strict=True))
        self._taken.clear()
        for row in rows:
            key, own = (None, None) if row is None else (key_of(row[0]), key_of(row[own_at]))
            if row is None or key is None or own is None or (asked is not None and key not in asked) or (key, own) in seen:
                self.dropped += 1
                continue
            seen.add((key, own))
            values = [key, *row[1:width]]
            for place in keys_at:
                values[place] = own
            self.rows.append(tuple(values))

    def canonical(self, reading: Reading, filters: Sequence[Any]) -> tuple[Rows, Faults]:
        """The rows of the shape, and the faults of values and rows."""
        rows, faults = reading.canonical(self.rows, filters)
        if self.dropped:
            faults["key"] = faults.get("key", 0) + self.dropped
        return rows, faults


def layout(reading: Reading) -> tuple[str, ...]:
    """The columns that rows are made of: the key, those of the shape, and the entity's own key where it is none of them."""
    found = (reading.key, *reading.columns)
    return found if reading.own_key in found else (*found, reading.own_key)
