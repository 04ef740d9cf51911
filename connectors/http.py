"""What the wires over HTTP share: one careful way to fetch JSON, and from its objects to raw rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from operator import itemgetter
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from connectors.mapping import Faults, Reading, Rows
from errors import SourceDown, SourceGarbled
from settings import Source

REDIRECTS = 3
"""How often a source may send us elsewhere on its own host."""

MISSING = b""
"""Stands for a field an object does not have: no JSON value is bytes, and no conversion reads it."""

CREDENTIALS = "check its `headers` and the secrets they name"
MEND = "run `mizalla check` and mend its stanza"


for _name in ("httpx", "httpcore"):
    # They log every URL, and a source's URLs may hold the keys of people.
    logging.getLogger(_name).setLevel(logging.WARNING)


class Allowance:
    """How many bytes one Ask may still receive, over all its pages."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        """Begin with the source's `max_bytes`."""
        self.left = most


class Wire:
    """One source over HTTP: connections are kept, credentials go to its own host only, and nothing is believed.

    Answers are asked for uncompressed, so that a small answer cannot become a large one in our memory.
    """

    def __init__(self, name: str, source: Source) -> None:
        """Nothing is reached yet; the guard's time-out is the only clock."""
        self.name = name
        self.source = source
        self.address = source.address.rstrip("/")
        self._client: httpx.AsyncClient | None = None

    def client(self) -> httpx.AsyncClient:
        """The client, made at first use."""
        if self._client is None:
            secret = {name: value.get_secret_value() for name, value in self.source.headers.items()}
            limits = httpx.Limits(max_connections=self.source.concurrency, max_keepalive_connections=self.source.concurrency)
            self._client = httpx.AsyncClient(
                headers={"Accept": "application/json", "Accept-Encoding": "identity", **secret},
                timeout=None,  # noqa: S113 — the guard before every connector has the one clock
                limits=limits,
                follow_redirects=False,
                trust_env=False,
            )
        return self._client

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def json(self, url: str, body: bytes | None = None, allowance: Allowance | None = None) -> Any:
        """GET a URL, or POST a JSON body to it, and give the JSON that comes back.

        Raises:
            SourceDown: it refused us, or failed by itself (5xx, 429).
            SourceGarbled: anything but the JSON we asked for, or more of it than allowed.
        """
        allowance = allowance or Allowance(self.source.max_bytes)
        for _ in range(REDIRECTS):
            content = {} if body is None else {"content": body, "headers": {"Content-Type": "application/json"}}
            request = self.client().build_request("GET" if body is None else "POST", url, **content)  # type: ignore[arg-type]
            response = await self.client().send(request, stream=True)
            try:
                if response.is_redirect and body is None:
                    url = self.own(urljoin(url, response.headers.get("location", "")))
                    continue
                self._expect(response)
                return orjson.loads(await self._content(response, allowance))
            finally:
                await response.aclose()
        raise SourceGarbled(self.name, "the source keeps redirecting", MEND)

    def own(self, url: str) -> str:
        """The URL, if it is on the source's own host; credentials and keys go nowhere else.

        Raises:
            SourceGarbled: it is not.
        """
        found, mine = urlsplit(url), urlsplit(self.address)
        if (found.scheme, found.hostname, found.port) != (mine.scheme, mine.hostname, mine.port):
            raise SourceGarbled(self.name, "the source points to another host", "write its final address in hub.toml")
        return url

    def _expect(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in {401, 403, 407}:
            raise SourceDown(self.name, "the source refused the hub's credentials", CREDENTIALS)
        if status >= 500 or status in {408, 429}:
            raise SourceDown(self.name, f"the source answered with HTTP status {status}", "try again later")
        if status != 200:
            raise SourceGarbled(self.name, f"the source answered with HTTP status {status}", MEND)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise SourceGarbled(self.name, "the source did not answer with JSON", MEND)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise SourceGarbled(self.name, "the source compressed its answer without being asked", MEND)

    async def _content(self, response: httpx.Response, allowance: Allowance) -> bytes:
        parts = []
        async for part in response.aiter_raw():
            allowance.left -= len(part)
            if allowance.left < 0:
                raise SourceGarbled(self.name, "the source answered with more than `max_bytes`", "raise `max_bytes`, or lower `page_size`")
            parts.append(part)
        return b"".join(parts)


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


def picker(columns: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Makes the function from an object to the values of some columns; `a.b` reaches into an object."""
    plain: Callable[[Any], tuple[Any, ...]] | None = (
        itemgetter(*columns) if len(columns) > 1 and not any("." in column for column in columns) else None
    )
    steps = [column.split(".") for column in columns]

    def walk(found: Any, path: Sequence[str]) -> Any:
        for step in path:
            if found is None:
                return None
            found = found.get(step, MISSING) if isinstance(found, dict) else MISSING
        return found

    def pick(found: Mapping[str, Any]) -> tuple[Any, ...]:
        if plain is not None:
            try:
                return plain(found)
            except KeyError:
                pass
        return tuple(walk(found, path) for path in steps)

    return pick


def key_of(raw: Any) -> str | None:
    """A key as text; None for what cannot be one."""
    if type(raw) is str:
        return raw or None
    return str(raw) if type(raw) is int else None


class Gatherer:
    """Turns a source's objects into raw rows, one page after the other.

    What was not asked for, came twice or has no key is dropped and counted under `key`: a source may neither widen
    an Ask nor double what a family received.
    """

    def __init__(self, source: str, reading: Reading, keys: Collection[str] | None) -> None:
        """`keys` are those asked for; None for a full read."""
        self.rows: list[tuple[Any, ...]] = []
        self.dropped = 0
        self._source = source
        self._asked = None if keys is None else frozenset(keys)
        self._pick = picker((reading.key, reading.own_key, *reading.columns))
        self._keys_at = [place + 2 for place in reading.keys_at]
        self._seen: set[tuple[str, str]] = set()

    def add(self, objects: Any) -> None:
        """Take one page.

        Raises:
            SourceGarbled: it is not a list of objects.
        """
        if not isinstance(objects, list) or not {*map(type, objects)} <= {dict}:
            raise SourceGarbled(self._source, "the source did not answer with a list of objects", MEND)
        asked, seen, pick, keys_at = self._asked, self._seen, self._pick, self._keys_at
        for each in objects:
            values = pick(each)
            key, own = key_of(values[0]), key_of(values[1])
            if key is None or own is None or (asked is not None and key not in asked) or (key, own) in seen:
                self.dropped += 1
                continue
            seen.add((key, own))
            if keys_at:
                values = tuple(own if place in keys_at else value for place, value in enumerate(values))
            self.rows.append((key, *values[2:]))

    def canonical(self, reading: Reading, filters: Sequence[Any]) -> tuple[Rows, Faults]:
        """The rows of the shape, and the faults of values and rows."""
        rows, faults = reading.canonical(self.rows, filters)
        if self.dropped:
            faults["key"] = faults.get("key", 0) + self.dropped
        return rows, faults


async def together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run several requests of one Ask at once; the first failure ends them all and is what is raised."""
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except ExceptionGroup as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure
