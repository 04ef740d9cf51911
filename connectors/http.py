"""What the wires over HTTP share: one careful way to fetch JSON."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from connectors.objects import MEND
from errors import SourceDown, SourceGarbled
from settings import Source

REDIRECTS = 3
"""How often a source may send us elsewhere on its own host."""

CREDENTIALS = "check its `headers` and the secrets they name"


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
