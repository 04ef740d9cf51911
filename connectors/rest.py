"""Sources that answer GET requests with lists of JSON objects; by default as Datasette does.

`address` is the common part of all URLs and `read` the path below it. `options` say how the interface is spoken to; a
name in front, as in `allocation.rows`, makes an option one entity's own:

    always    query every request carries             "_shape=objects&_nocount=1&_nofacet=1"
    keys      parameter that takes many keys           "{column}__in"
    keys_as   how it takes them: json, comma, repeat   "json"
    columns   parameter naming one wanted column       "_col"; empty where there is none
    rows      path to the list of objects              "rows"; empty where the document is the list
    next      path to the URL of the next page         "next_url"; empty where there are no pages
    size      parameter for rows a page                "_size"; empty where there is none

Keys stand in the URL, because for such interfaces GET is all there is: the source's own access log will hold them, as
its own database does. The hub's own URLs never hold any.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import orjson

from connectors.contract import Fetch, Finding, Person
from connectors.exchange import Allowance
from connectors.http import Wire, together
from connectors.mapping import MOST_ROWS, SAMPLE, Reading, closest, first_of_each, known_options, mapped_columns, sample_findings
from connectors.objects import Gatherer, Unwinding, found_at, layout
from connectors.people import PeopleReader, resumed
from errors import SourceGarbled
from settings import Source, SourceEntity
from values import Answer, Ask, Catalogue, Shape

DEFAULTS = {
    "always": "_shape=objects&_nocount=1&_nofacet=1",
    "keys": "{column}__in",
    "keys_as": "json",
    "columns": "_col",
    "rows": "rows",
    "next": "next_url",
    "size": "_size",
}

LONGEST = 6000
"""Characters of a URL; servers and proxies refuse longer ones from 8,000 on."""


class REST:
    """A JSON interface; see the module for its options."""

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

    def _url(self, entity: str, mapping: SourceEntity, columns: Sequence[str], size: int) -> str:
        query = [self._option(entity, "always")]
        if column := self._option(entity, "columns"):
            query += [f"{column}={quote(each.partition('.')[0], safe='')}" for each in dict.fromkeys(columns)]
        if parameter := self._option(entity, "size"):
            query.append(f"{parameter}={size}")
        url = f"{self.wire.address}/{mapping.read.lstrip('/')}"
        return f"{url}{'&' if '?' in url else '?'}{'&'.join(filter(None, query))}"

    def prepare(self, shape: Shape) -> Fetch:
        """Give the function that asks for one shape; its URL is made here, without keys."""
        mapping, reading = self.source.entities[shape.entity], self._reading(shape)
        url = self._url(shape.entity, mapping, (reading.key, reading.own_key, *reading.columns), self.source.page_size)
        parameter = quote(self._option(shape.entity, "keys").format(column=reading.key), safe="")
        listed = self._option(shape.entity, "keys_as")
        unwinding = Unwinding(layout(reading))
        one_each = shape.by == "key" and mapping.person is not None and shape.entity != "person"

        async def fetch(ask: Ask) -> Answer:
            everything = shape.by == "all"
            if reading.empty or not (ask.keys or everything):
                return Answer((), datetime.now(UTC))
            gatherer = Gatherer(self.name, reading, None if everything else ask.keys, unwinding)
            allowance = Allowance(self.source.max_bytes)
            urls = [url] if everything else [f"{url}&{part}" for part in key_parts(ask.keys, parameter, listed, LONGEST - len(url))]
            if len(urls) == 1:
                await self._pages(shape.entity, urls[0], gatherer, allowance, MOST_ROWS + 1 if everything else None)
            else:
                await together([self._pages(shape.entity, each, gatherer, allowance, None) for each in urls])
            rows, faults = gatherer.canonical(reading, ask.filters)
            if everything and len(rows) > MOST_ROWS:
                rows, faults["key"] = rows[:MOST_ROWS], faults.get("key", 0) + len(rows) - MOST_ROWS
            return Answer(first_of_each(rows) if one_each else rows, datetime.now(UTC), faults)

        return fetch

    def explain(self, shape: Shape) -> str:
        """The request without its keys, and without the host: askers learn what was asked, not where a source stands."""
        reading = self._reading(shape)
        url = self._url(
            shape.entity, self.source.entities[shape.entity], (reading.key, reading.own_key, *reading.columns), self.source.page_size
        )
        split = urlsplit(url)
        url = urlunsplit(("", "", split.path, split.query, ""))
        return f"GET {url}" if shape.by == "all" else f"GET {url}&{self._option(shape.entity, 'keys').format(column=reading.key)}=…"

    async def _pages(self, entity: str, url: str, gatherer: Gatherer, allowance: Allowance, most: int | None) -> None:
        """Follow one request through its pages."""
        rows, following = self._option(entity, "rows"), self._option(entity, "next")
        seen: set[str] = set()
        while url not in seen:
            seen.add(url)
            document = await self.wire.json(url, allowance=allowance)
            gatherer.add(found_at(document, rows))
            after = found_at(document, following) if following else None
            if not after or (most is not None and len(gatherer.rows) >= most):
                return
            url = self._next(url, after)
        raise SourceGarbled(self.name, "the source's pages lead back to themselves", "check the option `next`")

    def _next(self, url: str, after: Any) -> str:
        if not isinstance(after, str):
            raise SourceGarbled(self.name, "the source does not name its next page by a URL", "check the option `next`")
        return self.wire.own(urljoin(url, after))

    async def check(self) -> list[Finding]:
        """Ask a few rows of every entity; where the source refuses, see which names it does know."""
        found: list[Finding] = []
        for entity, mapping in self.source.entities.items():
            named = mapped_columns(mapping)
            try:
                objects = await self._sample(entity, mapping, [column for _, column in named])
            except SourceGarbled:
                objects = await self._sample(entity, mapping, [])
            if not objects:
                continue
            place = f"sources.{self.name}.entities.{entity}"
            missing = [(where, column) for where, column in named if column.partition(".")[0] not in objects[0]]
            for where, column in missing:
                found.append(
                    Finding(self.name, f"{place}.{where}", f"`{mapping.read}` has no field `{column}`", closest(column, objects[0]))
                )
            if not missing and entity in self.catalogue.entities:
                reading = self._reading(Shape(self.name, entity, tuple(mapping.attributes), "all"))
                gatherer = Gatherer(self.name, reading, None, Unwinding(layout(reading)))
                gatherer.add(objects[:SAMPLE])
                found += sample_findings(self.name, entity, reading, gatherer.rows)
        return found

    async def _sample(self, entity: str, mapping: SourceEntity, columns: list[str]) -> list[dict[str, Any]]:
        document = await self.wire.json(self._url(entity, mapping, columns, SAMPLE))
        objects = found_at(document, self._option(entity, "rows"))
        if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
            raise SourceGarbled(self.name, "the source did not answer with a list of objects", "check the option `rows`")
        return objects

    async def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """All people in the source's own order; a resumed scan reads past those already given."""
        mapping = self.source.entities["person"]
        people = PeopleReader(mapping)
        url = self._url("person", mapping, people.columns, min(size, self.source.page_size))
        rows, following = self._option("person", "rows"), self._option("person", "next")

        async def pages() -> AsyncIterator[Any]:
            at: str | None = url
            while at:
                document = await self.wire.json(at)
                yield found_at(document, rows)
                found = found_at(document, following) if following else None
                at = self._next(at, found) if found else None

        async for batch in resumed(lambda: people.read(self.name, pages()), after):
            yield batch


def key_parts(keys: Sequence[str], parameter: str, listed: str, room: int) -> list[str]:
    """The keys as parts of query strings, each short enough for one URL; keys that occur twice are asked once."""
    parts: list[str] = []
    taken: list[str] = []
    used = len(parameter) + 8
    for key in dict.fromkeys(keys):
        length = len(quote(key, safe="")) + (len(parameter) + 2 if listed == "repeat" else 12)
        if taken and used + length > room:
            parts.append(_key_part(taken, parameter, listed))
            taken, used = [], len(parameter) + 8
        taken.append(key)
        used += length
    return [*parts, _key_part(taken, parameter, listed)]


def _key_part(keys: list[str], parameter: str, listed: str) -> str:
    if listed == "repeat":
        return "&".join(f"{parameter}={quote(key, safe='')}" for key in keys)
    return f"{parameter}={quote(','.join(keys) if listed == 'comma' else orjson.dumps(keys), safe='')}"
