"""What the wires over HTTP share: one careful way to fetch JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from connectors.exchange import Allowance, Pool, Response, Target
from connectors.objects import MEND
from errors import ConfigError, SourceDown, SourceGarbled
from settings import Source

REDIRECTS = 3
"""How often a source may send us elsewhere on its own host."""

MOVED = frozenset({301, 302, 303, 307, 308})

CREDENTIALS = "check its `headers` and the secrets they name"


class Wire:
    """One source over HTTP: connections are kept, credentials go to its own host only, and nothing is believed.

    Answers are asked for uncompressed, so that a small answer cannot become a large one in our memory.
    """

    def __init__(self, name: str, source: Source) -> None:
        """Nothing is reached yet; the guard's time-out is the only clock.

        Raises:
            ConfigError: the address is no URL, or a header cannot be sent.
        """
        self.name = name
        self.source = source
        self.address = source.address.rstrip("/")
        self._pool = Pool(source.concurrency)
        try:
            self._target = self._targeted(self.address)
        except (ValueError, UnicodeError):
            raise ConfigError(f"sources.{name}: its address or one of its headers cannot be used", "write https://host/path") from None

    def _targeted(self, url: str) -> Target:
        secret = {name: value.get_secret_value() for name, value in self.source.headers.items()}
        return Target.of(url, {"Accept": "application/json", "Accept-Encoding": "identity", **secret})

    async def close(self) -> None:
        """Let go of the connections."""
        self._pool.close()

    async def json(self, url: str, body: bytes | None = None, allowance: Allowance | None = None) -> Any:
        """GET a URL, or POST a JSON body to it, and give the JSON that comes back.

        Raises:
            SourceDown: it refused us, or failed by itself (5xx, 429).
            SourceGarbled: anything but the JSON we asked for, or more of it than allowed.
        """
        allowance = allowance or Allowance(self.source.max_bytes)
        for _ in range(REDIRECTS):
            try:
                target = self._target if url == self.address else self._targeted(url)
            except (ValueError, UnicodeError):
                target = None
            if target is None:
                raise SourceGarbled(self.name, "the source points to what is no address", MEND)
            response = await self._pool.ask(target, target.request(body), allowance)
            if response.excessive:
                hint = "raise `max_bytes`, or lower `page_size`"
                raise SourceGarbled(self.name, "the source answered with more than `max_bytes`", hint)
            if response.status in MOVED and body is None:
                url = self.own(urljoin(url, response.headers.get(b"location", "")))
                continue
            self._expect(response)
            return orjson.loads(response.body)
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

    def _expect(self, response: Response) -> None:
        status = response.status
        if status in {401, 403, 407}:
            raise SourceDown(self.name, "the source refused the hub's credentials", CREDENTIALS)
        if status >= 500 or status in {408, 429}:
            raise SourceDown(self.name, f"the source answered with HTTP status {status}", "try again later")
        if status != 200:
            raise SourceGarbled(self.name, f"the source answered with HTTP status {status}", MEND)
        kind = response.headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise SourceGarbled(self.name, "the source did not answer with JSON", MEND)
        if response.headers.get(b"content-encoding", "identity").lower() != "identity":
            raise SourceGarbled(self.name, "the source compressed its answer without being asked", MEND)


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
