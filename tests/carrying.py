"""One request, carried over POST, GET, an event stream or a WebSocket; and clients that read what comes one piece at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from server import HEAD_BYTES
from settings import Settings
from tests.serving import Serving

PROTOCOL = Subprotocol("graphql-transport-ws")
EVENT_STREAM = "text/event-stream"
GRAPHQL = "application/graphql-response+json"
ME = "{ me { role } }"


@dataclass(frozen=True)
class Place:
    """A running hub, whom it knows, and where its own tables are."""

    hub: Serving
    keys: dict[str, str]
    settings: Settings

    @property
    def socket(self) -> str:
        return self.hub.url.replace("http", "ws", 1) + "/graphql"

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.hub.url, timeout=30, verify=False)  # to read authorities takes longer than to ask

    async def post(self, query: str, who: str | None = None, **headers: str) -> httpx.Response:
        given = {**headers, **({"authorization": f"Bearer {self.keys[who]}"} if who else {})}
        async with self.client() as client:
            return await client.post("/graphql", json={"query": query}, headers=given)


class Client:
    """A client of graphql-transport-ws that reads one message at a time."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return dict(json.loads(await self.socket.recv()))

    async def subscribe(self, id_: str, query: Any, **payload: Any) -> None:
        await self.send(type="subscribe", id=id_, payload={"query": query, **payload})

    async def answer(self, id_: str, query: Any, **payload: Any) -> dict[str, Any]:
        """The one message that answers an operation, without its `complete`."""
        await self.subscribe(id_, query, **payload)
        message = await self.receive()
        assert message["id"] == id_
        if message["type"] == "next":
            assert await self.receive() == {"type": "complete", "id": id_}
        return message

    async def watch(self, id_: str, query: str) -> None:
        """Subscribe, and be sure that it stands: what is subscribed to twice is refused once it runs."""
        await self.subscribe(id_, query)
        await self.answer(f"{id_} follows", ME)

    async def closed(self) -> tuple[int, str]:
        """Read until the hub ends the connection: its code and reason."""
        with pytest.raises(ConnectionClosed) as end:  # noqa: PT012 — what comes before the end is of no concern
            async with asyncio.timeout(20):
                while True:
                    await self.socket.recv()
        assert end.value.rcvd is not None, "the socket ended without a close frame"
        return end.value.rcvd.code, end.value.rcvd.reason


@asynccontextmanager
async def opened(place: Place, **options: Any) -> AsyncIterator[Client]:
    async with connect(place.socket, subprotocols=[PROTOCOL], compression=None, max_size=None, **options) as socket:
        yield Client(socket)


@asynccontextmanager
async def connected(place: Place, who: str | None = None, purpose: str | None = None, **options: Any) -> AsyncIterator[Client]:
    async with opened(place, **options) as client:
        payload = {"authorization": f"Bearer {place.keys[who]}"} if who else {}
        await client.send(type="connection_init", payload={**payload, **({"purpose": purpose} if purpose else {})})
        assert await client.receive() == {"type": "connection_ack"}
        yield client


class Streamed:
    """The events of one stream over HTTP."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        """The name and data of the next event; a sign of life is named so."""
        name, data = "", ""
        async with asyncio.timeout(20):
            async for line in self._lines:
                if line == ":":
                    name = "alive"
                elif line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                elif not line:
                    return name, json.loads(data) if data else None
        return "end", None


@asynccontextmanager
async def streamed(place: Place, body: Any, who: str | None = None, **headers: str) -> AsyncIterator[Streamed]:
    given = {"accept": EVENT_STREAM, **headers, **({"authorization": f"Bearer {place.keys[who]}"} if who else {})}
    async with (
        place.client() as client,
        client.stream("POST", "/graphql", json=body, headers=given) as response,
    ):
        yield Streamed(response)


@dataclass(frozen=True)
class Asked:
    """One request, whatever carries it; `written` are its variables as JSON that no encoder here would write, `raw` a whole body."""

    body: dict[str, Any]
    authorization: str | None = None
    purpose: str | None = None
    written: str | None = None
    raw: bytes | None = None

    @property
    def headers(self) -> dict[str, str]:
        given = {"authorization": self.authorization, "mizalla-purpose": self.purpose}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def content(self) -> bytes:
        """The body as JSON, or as what is sent in its place."""
        if self.raw is not None:
            return self.raw
        if self.written is None:
            return json.dumps(self.body).encode()
        return f'{json.dumps(self.body)[:-1]}, "variables": {self.written}}}'.encode()

    @property
    def parameters(self) -> dict[str, str]:
        """The same in a query string."""
        given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in self.body.items()}
        return given if self.written is None else {**given, "variables": self.written}

    @property
    def transports(self) -> tuple[str, ...]:
        """What can carry it: a query string has no types and no bodies, and holds no more than a request's head."""
        texts = [self.body.get("query", ""), self.body.get("operationName", "")]
        by_get = self.raw is None and all(isinstance(each, str) for each in texts)
        short = len(self.content) < 2 * HEAD_BYTES and len(urlencode(self.parameters)) < HEAD_BYTES // 2
        return ("POST", "GET", "SSE", "WebSocket") if by_get and short else ("POST", "SSE", "WebSocket")


CLOSED = {1007: "HTTP_INVALID", 1009: "HTTP_INVALID", 4400: "HTTP_INVALID", 4401: "UNAUTHENTICATED"}
"""What a WebSocket's close codes are elsewhere."""


def said(body: dict[str, Any]) -> str:
    """The code of the first error, or that there was none."""
    if "errors" not in body:
        return "answered"
    assert all(each["message"] and each["extensions"]["code"] for each in body["errors"])
    return str(body["errors"][0]["extensions"]["code"])


async def over_post(place: Place, asked: Asked) -> dict[str, Any]:
    """The body that a POST is answered with."""
    given = {"accept": GRAPHQL, "content-type": "application/json", **asked.headers}
    async with place.client() as client:
        return whole(await client.post("/graphql", content=asked.content, headers=given))


async def over_get(place: Place, asked: Asked) -> dict[str, Any]:
    """The body that a GET is answered with."""
    async with place.client() as client:
        return whole(await client.get("/graphql", params=asked.parameters, headers={"accept": GRAPHQL, **asked.headers}))


def whole(response: httpx.Response) -> dict[str, Any]:
    """The body of an answer that came in one piece, after all that holds for each of them."""
    assert response.status_code < 500, response.text
    assert response.headers["cache-control"] == "no-store"
    body = dict(response.json())
    assert response.status_code == 200 or set(body) == {"errors"}, "a request error has no data, not even null"
    return body


async def over_sse(place: Place, asked: Asked) -> dict[str, Any]:
    """The one answer of a stream, or the refusal in its place."""
    given = {"accept": EVENT_STREAM, "content-type": "application/json", **asked.headers}
    async with place.client() as client, client.stream("POST", "/graphql", content=asked.content, headers=given) as response:
        if not response.headers["content-type"].startswith(EVENT_STREAM):
            assert response.status_code in {400, 401, 403, 413}
            await response.aread()
            return whole(response)
        assert response.headers["cache-control"] == "no-store"
        events = Streamed(response)
        name, body = await events.next()
        assert name == "next"
        assert await events.next() == ("complete", None)
        return dict(body)


async def over_ws(place: Place, asked: Asked) -> dict[str, Any]:
    """The answer to an operation, which leaves the socket as it was; or what its close code is elsewhere."""
    payload = {"authorization": asked.authorization, "purpose": asked.purpose}
    async with opened(place) as client:
        await client.send(type="connection_init", payload={name: value for name, value in payload.items() if value is not None})
        try:
            assert await client.receive() == {"type": "connection_ack"}
            await client.socket.send(b'{"type": "subscribe", "id": "1", "payload": %s}' % (asked.content or b" "), text=True)
            message = await client.receive()
        except ConnectionClosed:
            code, reason = await client.closed()
            return refusal(reason.partition(":")[0] if code == 4403 else CLOSED[code])
        assert message["type"] in {"next", "error"}
        if message["type"] == "next":
            assert await client.receive() == {"type": "complete", "id": "1"}
        assert (await client.answer("1", ME))["type"] == "next"
        return dict(message["payload"]) if message["type"] == "next" else {"errors": message["payload"]}


def refusal(code: str) -> dict[str, Any]:
    """What was said by a close code, as other transports say it."""
    return {"errors": [{"message": "closed", "extensions": {"code": code}}]}


TRANSPORTS = {"POST": over_post, "GET": over_get, "SSE": over_sse, "WebSocket": over_ws}
