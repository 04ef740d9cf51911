"""Sources that are GraphQL servers; `address` is the one URL of theirs, `read` the root field of an entity.

`options` say how the root fields are spoken to; a name in front, as in `allocation.rows`, makes an option one
entity's own:

    keys       argument that takes many keys          "{column}s", as caseNumber → caseNumbers
    keys_type  its type                               "[String!]!"
    rows       path below the field to the objects    "nodes"; "edges.node"; empty where the field is the list
    page       arguments for size and place           "first/after"; empty where there are no pages
    end        path below the field to the page info  "pageInfo"

Columns with dots (`address.district`) reach into objects. Keys travel in variables, never in the document or the URL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import Fetch, Finding, Person
from connectors.http import MEND, Allowance, Gatherer, Wire, found_at
from connectors.mapping import MOST_ROWS, SAMPLE, Reading, closest, first_of_each, known_options, mapped_columns, sample_findings
from connectors.people import PeopleReader, resumed
from errors import SourceGarbled
from settings import Source, SourceEntity
from values import Answer, Ask, Catalogue, Shape

DEFAULTS = {"keys": "{column}s", "keys_type": "[String!]!", "rows": "nodes", "page": "first/after", "end": "pageInfo"}

NAMES = "query Names { __schema { queryType { fields { name type { ...Named } } } types { name fields { name type { ...Named } } } } }"
NAMED = "fragment Named on __Type { name ofType { name ofType { name ofType { name ofType { name } } } } }"


class RemoteGraphQL:
    """A GraphQL server; see the module for its options."""

    def __init__(self, name: str, source: Source, catalogue: Catalogue) -> None:
        """Check the options.

        Raises:
            ConfigError: an option that does not exist.
        """
        self.name = name
        self.source = source
        self.catalogue = catalogue
        self.wire = Wire(name, source)
        known_options(name, source, DEFAULTS)

    async def open(self) -> None:
        """Nothing yet: the first Ask connects."""

    async def close(self) -> None:
        """Let go of connections."""
        await self.wire.close()

    def offers(self, entity: str) -> frozenset[str]:
        """The attributes this source maps."""
        mapping = self.source.entities.get(entity)
        return frozenset(mapping.attributes) if mapping else frozenset()

    def _option(self, entity: str, name: str) -> str:
        options = self.source.options
        return options.get(f"{entity}.{name}", options.get(name, DEFAULTS[name]))

    def _reading(self, shape: Shape) -> Reading:
        return Reading(self.name, self.source.entities[shape.entity], self.catalogue.entities[shape.entity], shape)

    def document(self, entity: str, columns: Iterable[str], key: str | None) -> str:
        """The query for some columns of an entity, by the keys of a column or, with None, of everything."""
        mapping = self.source.entities[entity]
        rows, page, end = (self._option(entity, name) for name in ("rows", "page", "end"))
        variables, arguments = [], []
        if key is not None:
            variables.append(f"$keys: {self._option(entity, 'keys_type')}")
            arguments.append(f"{self._option(entity, 'keys').format(column=key)}: $keys")
        selection = selected(columns)
        for step in reversed(rows.split(".") if rows else []):
            selection = f"{step} {{ {selection} }}"
        if page:
            size, _, place = page.partition("/")
            variables += ["$size: Int", "$place: String"]
            arguments += [f"{size}: $size", f"{place}: $place"]
            selection += f" {end} {{ hasNextPage endCursor }}"
        declared, given = (f"({', '.join(each)})" if each else "" for each in (variables, arguments))
        return f"query Ask{declared} {{ rows: {mapping.read}{given} {{ {selection} }} }}"

    def prepare(self, shape: Shape) -> Fetch:
        """Give the function that asks for one shape; its document is written here, once."""
        mapping, reading = self.source.entities[shape.entity], self._reading(shape)
        everything = shape.by == "all"
        document = self.document(shape.entity, (reading.key, reading.own_key, *reading.columns), None if everything else reading.key)
        one_each = shape.by == "key" and mapping.person is not None and shape.entity != "person"

        async def fetch(ask: Ask) -> Answer:
            if reading.empty or not (ask.keys or everything):
                return Answer((), datetime.now(UTC))
            gatherer = Gatherer(self.name, reading, None if everything else ask.keys)
            wrong: dict[str, int] = {}
            variables: dict[str, Any] = {} if everything else {"keys": list(dict.fromkeys(ask.keys))}
            async for objects, errors in self._pages(
                shape.entity, document, variables, self.source.page_size, Allowance(self.source.max_bytes)
            ):
                gatherer.add(objects)
                for error in errors:
                    name = named_by(error, shape, mapping)
                    wrong[name] = wrong.get(name, 0) + 1
                if everything and len(gatherer.rows) > MOST_ROWS:
                    break
            rows, faults = gatherer.canonical(reading, ask.filters)
            for name, count in wrong.items():
                faults[name] = faults.get(name, 0) + count
            if everything and len(rows) > MOST_ROWS:
                rows, faults["key"] = rows[:MOST_ROWS], faults.get("key", 0) + len(rows) - MOST_ROWS
            return Answer(first_of_each(rows) if one_each else rows, datetime.now(UTC), faults)

        return fetch

    def explain(self, shape: Shape) -> str:
        """The document."""
        reading = self._reading(shape)
        return self.document(shape.entity, (reading.key, reading.own_key, *reading.columns), None if shape.by == "all" else reading.key)

    async def _pages(
        self, entity: str, document: str, variables: dict[str, Any], size: int, allowance: Allowance | None
    ) -> AsyncIterator[tuple[Any, list[Any]]]:
        """The objects and errors of one page after the other."""
        rows, page, end = (self._option(entity, name) for name in ("rows", "page", "end"))
        place: str | None = None
        while True:
            values = {**variables, "size": size, "place": place} if page else variables
            answered = await self.wire.json(self.wire.address, orjson.dumps({"query": document, "variables": values}), allowance)
            field, errors = answer_of(self.name, answered)
            yield found_at(field, rows), errors
            info = found_at(field, end) if page else None
            if not isinstance(info, dict) or not info.get("hasNextPage"):
                return
            if not isinstance(info.get("endCursor"), str) or info["endCursor"] == place:
                raise SourceGarbled(self.name, "the source's pages lead back to themselves", "check the options `page` and `end`")
            place = info["endCursor"]

    async def check(self) -> list[Finding]:
        """Ask a few rows of every entity; where the source refuses, read its schema to say which name is wrong."""
        found: list[Finding] = []
        for entity, mapping in self.source.entities.items():
            reading = self._reading(Shape(self.name, entity, tuple(mapping.attributes), "all"))
            columns = dict.fromkeys([reading.key, reading.own_key, *reading.columns, *(column for _, column in mapped_columns(mapping))])
            gatherer = Gatherer(self.name, reading, None)
            try:
                async for objects, _ in self._pages(entity, self.document(entity, columns, None), {}, SAMPLE, None):
                    gatherer.add(objects)
                    break
            except SourceGarbled as error:
                place = f"sources.{self.name}.entities.{entity}"
                found += await self._unknown(entity, mapping) or [Finding(self.name, f"{place}.read", error.message, error.hint)]
                continue
            found += sample_findings(self.name, entity, reading, gatherer.rows[:SAMPLE])
        return found

    async def _unknown(self, entity: str, mapping: SourceEntity) -> list[Finding]:
        """Compare the stanza with the source's own schema; nothing is found where it does not show it."""
        place = f"sources.{self.name}.entities.{entity}"
        try:
            field, _ = answer_of(
                self.name, await self.wire.json(self.wire.address, orjson.dumps({"query": f"{NAMES} {NAMED}"})), "__schema"
            )
        except SourceGarbled:
            return []
        types = {each["name"]: {one["name"]: one["type"] for one in each.get("fields") or []} for each in field["types"]}
        roots = {each["name"]: each["type"] for each in field["queryType"]["fields"]}
        if mapping.read not in roots:
            return [Finding(self.name, f"{place}.read", f"there is no root field `{mapping.read}`", closest(mapping.read, roots))]
        fields = types.get(innermost(roots[mapping.read]), {})
        for step in filter(None, self._option(entity, "rows").split(".")):
            if step not in fields:
                message = f"`{mapping.read}` has no field `{step}` on the way to its rows"
                return [Finding(self.name, f"sources.{self.name}.options", message, "set the option `rows`")]
            fields = types.get(innermost(fields[step]), {})
        return [
            Finding(self.name, f"{place}.{where}", f"`{mapping.read}` has no field `{column}`", closest(column, fields))
            for where, column in mapped_columns(mapping)
            if column.partition(".")[0] not in fields
        ]

    async def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """All people in the source's own order; a resumed scan reads past those already given."""
        people = PeopleReader(self.source.entities["person"])
        document = self.document("person", dict.fromkeys(people.columns), None)

        async def pages() -> AsyncIterator[Any]:
            async for objects, _ in self._pages("person", document, {}, min(size, self.source.page_size), None):
                yield objects

        async for batch in resumed(lambda: people.read(self.name, pages()), after):
            yield batch


def selected(columns: Iterable[str]) -> str:
    """The selection of some columns, each once; `a.b` selects b of the object a."""
    tree: dict[str, Any] = {}
    for column in columns:
        branch = tree
        for step in column.split("."):
            branch = branch.setdefault(step, {})

    def written(branch: dict[str, Any]) -> str:
        return " ".join(f"{name} {{ {written(below)} }}" if below else name for name, below in branch.items())

    return written(tree)


def answer_of(source: str, answered: Any, field: str = "rows") -> tuple[Any, list[Any]]:
    """The value of a response's one field, and its errors.

    Raises:
        SourceGarbled: it is no response, or its errors left nothing.
    """
    if not isinstance(answered, dict) or not isinstance(answered.get("errors") or [], list):
        raise SourceGarbled(source, "the source did not answer as a GraphQL server does", MEND)
    found = found_at(answered.get("data"), field)
    if found is None:
        raise SourceGarbled(source, "the source refused the query", MEND)
    return found, answered.get("errors") or []


def named_by(error: Any, shape: Shape, mapping: SourceEntity) -> str:
    """The attribute of the shape an error speaks of, `key` where it speaks of none."""
    path = error.get("path") if isinstance(error, dict) else None
    steps = {step for step in path or () if isinstance(step, str)}
    for name in shape.attributes:
        mapped = mapping.attributes.get(name)
        if mapped is not None and any(column.rpartition(".")[2] in steps for column in mapped.column):
            return name
    return "key"


def innermost(named: Any) -> str:
    """The name of a type without its lists and non-nulls."""
    while isinstance(named, dict) and not named.get("name"):
        named = named.get("ofType")
    return str(named["name"]) if named else ""
