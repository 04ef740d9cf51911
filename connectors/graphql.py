"""Sources that are GraphQL servers; `address` is the one URL of theirs, `read` the root field of an entity.

`options` say how the root fields are spoken to; a name in front, as in `allocation.rows`, makes an option one
entity's own:

    keys       argument that takes many keys          "{column}s", as caseNumber → caseNumbers
    keys_type  its type                               "[String!]!"
    rows       path below the field to the objects    "nodes"; "edges.node"; empty where the field is the list
    below      path below an object to its rows       "", an object is a row; "distributions", each of these is one
    page       arguments for size and place           "first/after"; empty where there are no pages
    place      type of the place                      "String"
    end        path below the field to the page info  "pageInfo"
    cursor     field of the last object               "", there is page info; "id", the next page begins after its id
    type       type known to a federation             "", keys go to an argument; "Person", they go to `_entities`

With `type` the source is a subgraph of a federation: people are asked for by `_entities(representations:)`, each
represented by the type's name and the `key` or `person` column. `read` is then for full reads alone, and may be
`_entities` where there are none.

Columns with dots (`address.district`) reach into objects. Keys travel in variables, never in the document or the URL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import Fetch, Finding, Person
from connectors.exchange import Allowance
from connectors.http import Wire, together
from connectors.mapping import MOST_ROWS, SAMPLE, Reading, closest, first_of_each, known_options, mapped_columns, sample_findings
from connectors.objects import MEND, Gatherer, Unwinding, found_at, layout
from connectors.people import PeopleReader, resumed
from errors import ConfigError, SourceGarbled
from settings import Source, SourceEntity
from values import Answer, Ask, Catalogue, Shape

DEFAULTS = {
    "keys": "{column}s",
    "keys_type": "[String!]!",
    "rows": "nodes",
    "below": "",
    "page": "first/after",
    "place": "String",
    "end": "pageInfo",
    "cursor": "",
    "type": "",
}

ENTITIES = "_entities"
"""The root field by which every subgraph of a federation gives what it knows of keys."""

NAMES = "query Names { __schema { queryType { fields { name type { ...Named } } } types { name fields { name type { ...Named } } } } }"
NAMED = "fragment Named on __Type { name ofType { name ofType { name ofType { name ofType { name } } } } }"


class RemoteGraphQL:
    """A GraphQL server; see the module for its options."""

    def __init__(self, name: str, source: Source, catalogue: Catalogue) -> None:
        """Check the options.

        Raises:
            ConfigError: an option that does not exist, or options that do not go together.
        """
        self.name = name
        self.source = source
        self.catalogue = catalogue
        self.wire = Wire(name, source)
        known_options(name, source, DEFAULTS)
        for entity, mapping in source.entities.items():
            self._federated(entity, mapping)

    def _federated(self, entity: str, mapping: SourceEntity) -> None:
        known, place = self._option(entity, "type"), f"sources.{self.name}.entities.{entity}"
        if mapping.read == ENTITIES and not known:
            raise ConfigError(f"{place}: `{ENTITIES}` is asked by a type", 'name it in the option `type`, as "Person"')
        column = mapping.person or mapping.key
        if known and "." in column:
            raise ConfigError(f"{place}: `{column}` cannot represent a `{known}`", "name a field of the type's own, as its @key does")
        if not known and self._option(entity, "below") and "." in column:
            raise ConfigError(f"{place}: `{column}` cannot be asked by", "name a field of the object that holds the rows")

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
        mapping, known = self.source.entities[entity], self._option(entity, "type")
        if key is not None and known:
            fragment = f"... on {known} {{ {selected(columns)} }}"
            return f"query Ask($keys: [_Any!]!) {{ rows: {ENTITIES}(representations: $keys) {{ {fragment} }} }}"
        rows, page, end, cursor = (self._option(entity, name) for name in ("rows", "page", "end", "cursor"))
        variables, arguments = [], []
        if key is not None:
            variables.append(f"$keys: {self._option(entity, 'keys_type')}")
            arguments.append(f"{self._option(entity, 'keys').format(column=key)}: $keys")
        selection = selected([*columns, *filter(None, [cursor])])
        for step in reversed(rows.split(".") if rows else []):
            selection = f"{step} {{ {selection} }}"
        if page:
            size, _, place = page.partition("/")
            variables += ["$size: Int!", f"$place: {self._option(entity, 'place')}"]
            arguments += [f"{size}: $size", f"{place}: $place"]
            selection += "" if cursor else f" {end} {{ hasNextPage endCursor }}"
        declared, given = (f"({', '.join(each)})" if each else "" for each in (variables, arguments))
        return f"query Ask{declared} {{ rows: {mapping.read}{given} {{ {selection} }} }}"

    def _unwinding(self, entity: str, reading: Reading) -> Unwinding:
        return Unwinding(layout(reading), self._option(entity, "below"))

    def prepare(self, shape: Shape) -> Fetch:
        """Give the function that asks for one shape; its document is written here, once.

        Raises:
            ConfigError: the source cannot be asked so.
        """
        mapping, reading, known = self.source.entities[shape.entity], self._reading(shape), self._option(shape.entity, "type")
        everything, one_each = shape.by == "all", shape.by == "key" and mapping.person is not None and shape.entity != "person"
        place = f"sources.{self.name}.entities.{shape.entity}"
        if everything and mapping.read == ENTITIES:
            raise ConfigError(f"{place} is known by keys alone", "name the root field that lists everything in `read`")
        if not everything and "." in reading.key and (known or self._option(shape.entity, "below")):
            raise ConfigError(f"{place} cannot be asked by `{reading.key}`", "ask by the person it belongs to")
        document = self.document(shape.entity, layout(reading), None if everything else reading.key)
        unwinding = self._unwinding(shape.entity, reading)

        async def fetch(ask: Ask) -> Answer:
            if reading.empty or not (ask.keys or everything):
                return Answer((), datetime.now(UTC))
            gatherer = Gatherer(self.name, reading, None if everything else ask.keys, unwinding, nulls=bool(known) and not everything)
            allowance, wrong = Allowance(self.source.max_bytes), list[Any]()
            if known and not everything:
                await self._entities(document, represented(known, reading.key, ask.keys), gatherer, wrong, allowance)
            else:
                variables: dict[str, Any] = {} if everything else {"keys": list(dict.fromkeys(ask.keys))}
                async for objects, errors in self._pages(shape.entity, document, variables, self.source.page_size, allowance):
                    gatherer.add(objects)
                    wrong += errors
                    if everything and len(gatherer.rows) > MOST_ROWS:
                        break
            rows, faults = gatherer.canonical(reading, ask.filters)
            for error in wrong:
                name = named_by(error, shape, mapping)
                faults[name] = faults.get(name, 0) + 1
            if everything and len(rows) > MOST_ROWS:
                rows, faults["key"] = rows[:MOST_ROWS], faults.get("key", 0) + len(rows) - MOST_ROWS
            return Answer(first_of_each(rows) if one_each else rows, datetime.now(UTC), faults)

        return fetch

    def explain(self, shape: Shape) -> str:
        """The document."""
        reading = self._reading(shape)
        return self.document(shape.entity, layout(reading), None if shape.by == "all" else reading.key)

    async def _entities(
        self, document: str, keys: list[dict[str, str]], gatherer: Gatherer, wrong: list[Any], allowance: Allowance
    ) -> None:
        """Ask a subgraph for entities: one request for each `page_size` of keys, all of them at once."""

        async def part(keys: list[dict[str, str]]) -> None:
            body = orjson.dumps({"query": document, "variables": {"keys": keys}})
            objects, errors = answer_of(self.name, await self.wire.json(self.wire.address, body, allowance))
            gatherer.add(objects)
            wrong.extend(errors)

        size = self.source.page_size
        if len(keys) <= size:
            await part(keys)
        else:
            await together([part(keys[start : start + size]) for start in range(0, len(keys), size)])

    async def _pages(
        self, entity: str, document: str, variables: dict[str, Any], size: int, allowance: Allowance | None
    ) -> AsyncIterator[tuple[Any, list[Any]]]:
        """The objects and errors of one page after the other."""
        rows, page = (self._option(entity, name) for name in ("rows", "page"))
        place: str | None = None
        while True:
            values = {**variables, "size": size, "place": place} if page else variables
            answered = await self.wire.json(self.wire.address, orjson.dumps({"query": document, "variables": values}), allowance)
            field, errors = answer_of(self.name, answered)
            objects = found_at(field, rows)
            yield objects, errors
            following = self._following(entity, field, objects) if page else None
            if following is None:
                return
            if following == place:
                raise SourceGarbled(self.name, "the source's pages lead back to themselves", "check the options `page`, `end` and `cursor`")
            place = following

    def _following(self, entity: str, field: Any, objects: Any) -> str | None:
        """Where the next page begins; None where there is none.

        Raises:
            SourceGarbled: there is one, and the source does not say where it begins.
        """
        if cursor := self._option(entity, "cursor"):
            # Without page info the end shows by nothing but an empty page: a server may give fewer than it was asked for.
            found = found_at(objects[-1], cursor) if isinstance(objects, list) and objects else None
            if objects and (found is None or isinstance(found, dict | list | bool)):
                raise SourceGarbled(self.name, "the source does not say where its next page begins", "check the option `cursor`")
            return None if found is None else str(found)
        info = found_at(field, self._option(entity, "end"))
        if not isinstance(info, dict) or not info.get("hasNextPage"):
            return None
        if not isinstance(info.get("endCursor"), str):
            raise SourceGarbled(self.name, "the source does not say where its next page begins", "check the options `page` and `end`")
        return str(info["endCursor"])

    async def check(self) -> list[Finding]:
        """Ask a few rows of every entity; where the source refuses, read its schema to say which name is wrong."""
        found: list[Finding] = []
        for entity, mapping in self.source.entities.items():
            place = f"sources.{self.name}.entities.{entity}"
            by_keys = mapping.read == ENTITIES
            if by_keys and entity == "person":
                message = "people can be asked for by key and not listed, so that they cannot be linked"
                found.append(Finding(self.name, f"{place}.read", message, "name the root field that lists them in `read`"))
            reading = self._reading(Shape(self.name, entity, tuple(mapping.attributes), "person" if mapping.person else "key"))
            columns = dict.fromkeys([*layout(reading), *(column for _, column in mapped_columns(mapping))])
            gatherer = Gatherer(self.name, reading, None, self._unwinding(entity, reading))
            try:
                if self._option(entity, "type"):
                    # Nobody is asked for; but a type or field that is not there is refused.
                    body = orjson.dumps({"query": self.document(entity, columns, reading.key), "variables": {"keys": []}})
                    answer_of(self.name, await self.wire.json(self.wire.address, body))
                if not by_keys:
                    async for objects, _ in self._pages(entity, self.document(entity, columns, None), {}, SAMPLE, None):
                        gatherer.add(objects)
                        break
            except SourceGarbled as error:
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
        types = {each["name"]: {one["name"]: innermost(one["type"]) for one in each.get("fields") or []} for each in field["types"]}
        roots = {each["name"]: innermost(each["type"]) for each in field["queryType"]["fields"]}
        known, options = self._option(entity, "type"), f"sources.{self.name}.options"
        if mapping.read not in roots:
            return [Finding(self.name, f"{place}.read", f"there is no root field `{mapping.read}`", closest(mapping.read, roots))]
        if known and ENTITIES not in roots:
            return [Finding(self.name, options, "the source is no subgraph of a federation", "leave the option `type` out")]
        if known and known not in types:
            return [Finding(self.name, options, f"there is no type `{known}`", closest(known, types))]
        if mapping.read == ENTITIES:
            fields = types[known]
        else:
            reached = roots[mapping.read]
            for step in filter(None, self._option(entity, "rows").split(".")):
                if step not in types.get(reached, {}):
                    message = f"`{mapping.read}` has no field `{step}` on the way to its rows"
                    return [Finding(self.name, options, message, "set the option `rows`")]
                reached = types[reached][step]
            fields = types.get(reached, {})
        found = []
        for where, column in mapped_columns(mapping):
            at = fields
            for step in column.split("."):
                if step not in at:
                    message = f"`{mapping.read}` has no field `{column}`"
                    found.append(Finding(self.name, f"{place}.{where}", message, closest(step, at)))
                    break
                at = types.get(at[step], {})
        return found

    async def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """All people in the source's own order; a resumed scan reads past those already given."""
        people = PeopleReader(self.source.entities["person"])
        if self.source.entities["person"].read == ENTITIES:
            raise SourceGarbled(self.name, "the source does not list its people", "name the root field that lists them in `read`")
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


def represented(known: str, key: str, keys: Iterable[str]) -> list[dict[str, str]]:
    """How a subgraph is told of whom: the type, and the field it is known by."""
    return [{"__typename": known, key: each} for each in dict.fromkeys(keys)]


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
