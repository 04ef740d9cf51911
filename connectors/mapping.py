"""From a Shape to the columns of its source, and from the source's raw rows back to canonical ones.

Every wire reads rows `(key, *columns)` in the order given here; what happens to them afterwards is the same for all.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter
from typing import Any

from connectors.contract import Finding
from connectors.convert import Check, converter
from errors import ConfigError
from settings import Mapped, Source, SourceEntity
from values import Attribute, Catalogue, Entity, Kind, Shape

FILTERS = {"since": "allocated_on", "kinds": "kind"}
"""The attribute each filter of a Shape speaks of."""

MOST_ROWS = 10_000
"""A full read gives at most this many rows; those beyond are counted as a fault."""

SAMPLE = 20
"""How many rows `check` looks at."""

FEW = 6
"""Up to so many rows are looked at row by row, more column by column."""

PERSON_REMEDY = "name the column that holds the person's local key"

Rows = Sequence[tuple[Any, ...]]
Faults = dict[str, int]


def attribute_of(entity: Entity, name: str) -> Attribute | None:
    """An attribute by name: the pseudo-attribute `key`, one of its own, a reference to one row of another entity, or one of that row."""
    if name == "key":
        return Attribute(entity.name, "key", Kind.TEXT, entity.level, None, "The entity's own key.")
    if name in entity.attributes:
        return entity.attributes[name]
    if name in entity.beside:
        return entity.beside[name]
    relation = entity.relations.get(name)
    if relation is None or relation.many:
        return None
    return Attribute(entity.name, name, Kind.CODE, relation.level, relation.category, relation.description)


def pushable(mapping: SourceEntity, name: str) -> bool:
    """Whether a source can compare the raw values of a filter itself: ISO days, or codes of a list."""
    mapped = mapping.attributes.get(FILTERS[name])
    if mapped is None or len(mapped.column) != 1 or mapped.convert or mapped.forms:
        return False
    return name == "kinds" or not mapped.codes


@dataclass(frozen=True, slots=True)
class Place:
    """One attribute in the raw row: where its columns begin, its fixed value if any, and what makes it canonical."""

    name: str
    kind: Kind
    mapped: Mapped
    start: int
    check: Check

    def column(self, raw: Rows) -> tuple[Sequence[Any], int]:
        """The canonical column and its number of faults."""
        wide = len(self.mapped.column)
        if not wide:
            return (self.mapped.value,) * len(raw), 0
        if wide == 1:
            return self.check.column(tuple(map(itemgetter(self.start), raw)))
        return self.check.column(tuple(map(itemgetter(*range(self.start, self.start + wide)), raw)))


class Reading:
    """The columns a shape needs of its source, and how their raw rows become the shape's rows.

    `key` is the column every row begins with as text, `own_key` the entity's own; `columns` are the others, in
    order. `here` names the filters applied after conversion, because the source cannot compare the raw form.
    `keys_at` are the places in `columns` to be read as text, being the pseudo-attribute `key`. `empty` says that no
    row can pass the filters, since the source does not map what they speak of.
    """

    def __init__(self, source: str, mapping: SourceEntity, entity: Entity, shape: Shape, *, pushes: bool = False) -> None:
        """Lay the columns out; `pushes` says that the wire applies the pushable filters itself.

        Raises:
            ConfigError: the shape asks what the mapping does not offer.
        """
        if shape.by == "person" and mapping.person is None and shape.entity != "person":
            raise ConfigError(f"sources.{source}.entities.{shape.entity} names no `person` column", PERSON_REMEDY)
        self.shape = shape
        self.own_key = mapping.key
        self.key = (mapping.person or mapping.key) if shape.by == "person" else mapping.key
        self.here = tuple(name for name in shape.filters if not (pushes and pushable(mapping, name)))
        self.empty = any(FILTERS[name] not in mapping.attributes for name in shape.filters)
        self.columns: tuple[str, ...] = ()
        self.keys_at: list[int] = []
        self._source, self._mapping, self._entity = source, mapping, entity
        self._places = [self._place(name) for name in shape.attributes]
        self._hidden = [] if self.empty else [self._place(FILTERS[name]) for name in self.here]
        self._same = not self._hidden and [column for place in self._places for column in place.mapped.column] == list(self.columns)
        self._same = self._same and all(len(place.mapped.column) == 1 for place in self._places)
        self._looked_at = self._places
        self._good_types: set[tuple[type, ...]] = set()
        self._days = [(place.start, place.check.known) for place in self._places if place.check.known is not None]

    def _place(self, name: str) -> Place:
        attribute = attribute_of(self._entity, name)
        mapped = Mapped(column=(self._mapping.key,)) if name == "key" else self._mapping.attributes.get(name)
        if attribute is None or mapped is None:
            raise ConfigError(f"sources.{self._source} has no {self._entity.name}.{name}", "map it in hub.toml, or do not ask it here")
        if name == "key":
            self.keys_at.append(len(self.columns))
        start = len(self.columns) + 1
        self.columns += mapped.column
        return Place(name, attribute.kind, mapped, start, Check(attribute.kind, converter(mapped, attribute)))

    def trust(self, texts: Collection[str], wholes: Collection[str]) -> None:
        """Name columns whose database itself keeps every value to text or to whole numbers: they need no look."""
        kept = {Kind.TEXT: texts, Kind.CODE: texts, Kind.WHOLE: wholes}
        self._looked_at = [each for each in self._places if each.check.converts or not {*each.mapped.column} <= {*kept.get(each.kind, ())}]

    def canonical(self, raw: Rows, filters: Sequence[Any] = ()) -> tuple[Rows, Faults]:
        """Give the shape's rows; where nothing had to change they are the very rows that came in."""
        if not raw:
            return raw, {}
        if not self._same:
            return self._rebuilt(raw, filters)
        if len(raw) <= FEW and self._good(raw):
            return raw, {}
        faults: Faults = {}
        columns: list[Sequence[Any]] = [*zip(*raw, strict=True)] if self._looked_at else []
        changed = False
        for place in self._looked_at:
            column = columns[place.start]
            found, wrong = place.check.column(column)  # type: ignore[arg-type]  # a column is a tuple until it is changed
            if found is not column:
                columns[place.start] = found
                changed = True
            if wrong:
                faults[place.name] = wrong
        if changed:
            return [*zip(*columns, strict=True)], faults
        if len(raw) <= FEW and len(self._good_types) < 256:
            self._good_types.update(tuple(map(type, row)) for row in raw)
        return raw, faults

    def _good(self, raw: Rows) -> bool:
        good, days = self._good_types, self._days
        for row in raw:
            if tuple(map(type, row)) not in good:
                return False
            for start, known in days:
                if row[start] not in known:
                    return False
        return True

    def _rebuilt(self, raw: Rows, filters: Sequence[Any]) -> tuple[Rows, Faults]:
        faults: Faults = {}
        columns: list[Sequence[Any]] = [tuple(map(itemgetter(0), raw))]
        for place in self._places:
            found, wrong = place.column(raw)
            columns.append(found)
            if wrong:
                faults[place.name] = wrong
        rows: Iterable[tuple[Any, ...]] = zip(*columns, strict=True)
        wanted = dict(zip(self.shape.filters, filters, strict=False))
        for name, place in zip(self.here, self._hidden, strict=True):
            found, wrong = place.column(raw)
            if wrong:
                faults[place.name] = wrong
            value = wanted[name]
            passes = [each is not None and each >= value for each in found] if name == "since" else [each in value for each in found]
            rows = compress(rows, passes)
            raw = [*compress(raw, passes)]
        return [*rows], faults


def without_strangers(rows: Rows, keys: Collection[str], faults: Faults) -> Rows:
    """Drop rows of keys that nobody asked for and count them under `key`: a source may never widen an Ask."""
    asked = frozenset(keys)
    if asked.issuperset(map(itemgetter(0), rows)):
        return rows
    found = [row for row in rows if row[0] in asked]
    faults["key"] = faults.get("key", 0) + len(rows) - len(found)
    return found


def first_of_each(rows: Rows) -> Rows:
    """One row a key: an entity asked by its own key stands once for each person it belongs to."""
    found: dict[Any, tuple[Any, ...]] = {}
    for row in rows:
        found.setdefault(row[0], row)
    return [*found.values()]


def mapped_columns(mapping: SourceEntity) -> list[tuple[str, str]]:
    """Every column an entity's stanza names, with the place in the stanza that names it."""
    named = [("key", mapping.key)]
    named += [("person", mapping.person)] if mapping.person else []
    named += [("household", mapping.household)] if mapping.household else []
    named += [(f"identifiers.{scheme.value}", column) for scheme, columns in mapping.identifiers.items() for column in columns]
    return named + [(f"attributes.{name}", column) for name, mapped in mapping.attributes.items() for column in mapped.column]


def known_options(name: str, source: Source, known: Collection[str]) -> None:
    """Refuse options that a wire does not have; `entity.option` is one entity's own.

    Raises:
        ConfigError: such an option.
    """
    for option in source.options:
        entity, dot, plain = option.rpartition(".")
        if plain not in known or (dot and entity not in source.entities):
            raise ConfigError(f"sources.{name}.options: unknown option `{option}`", closest(plain, known))


def closest(name: str, names: Iterable[str]) -> str:
    """Half a sentence with the names nearest to one that is not there."""
    near = difflib.get_close_matches(name, [*names], n=3, cutoff=0.5)
    return f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "correct the name in hub.toml"


def stanza_findings(name: str, source: Source, catalogue: Catalogue) -> list[Finding]:
    """What is wrong with a source's mapping before anybody reaches the source."""
    found: list[Finding] = []
    for entity_name, mapping in source.entities.items():
        place = f"sources.{name}.entities.{entity_name}"
        entity = catalogue.entities.get(entity_name)
        if entity is None:
            found.append(Finding(name, place, f"there is no entity `{entity_name}`", closest(entity_name, catalogue.entities)))
            continue
        if entity_name not in {"person", "organisation"} and mapping.person is None:
            found.append(Finding(name, place, "no `person` column", PERSON_REMEDY))
        for attribute_name, mapped in mapping.attributes.items():
            found += _attribute_findings(name, f"{place}.attributes.{attribute_name}", entity, attribute_name, mapped)
    return found


def _attribute_findings(name: str, place: str, entity: Entity, attribute_name: str, mapped: Mapped) -> list[Finding]:
    attribute = attribute_of(entity, attribute_name)
    if attribute is None:
        names: Mapping[str, Any] = {**entity.attributes, **entity.relations, **entity.beside}
        return [Finding(name, place, f"`{entity.name}` has no attribute `{attribute_name}`", closest(attribute_name, names))]
    try:
        converter(mapped, attribute)
    except ConfigError as error:
        return [Finding(name, place, error.message, error.hint)]
    if mapped.value is not None and Check(attribute.kind, None).column((mapped.value,))[1]:
        return [Finding(name, place, f"the fixed value is not of kind {attribute.kind.value}", "write a value of that kind")]
    return []


def sample_findings(name: str, entity: str, reading: Reading, raw: Rows) -> list[Finding]:
    """What a few rows of a source show: attributes whose values cannot be read, without showing any value."""
    _, faults = reading.canonical(raw)
    found = []
    for attribute, wrong in faults.items():
        place = f"sources.{name}.entities.{entity}.attributes.{attribute}"
        message = f"{wrong} of {len(raw)} sampled values cannot be read"
        remedy = "declare `convert`, `forms` or `codes` as the source writes them"
        found.append(Finding(name, place, message, remedy, fatal=wrong == len(raw)))
    return found
