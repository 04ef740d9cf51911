"""GraphQL over server-sent events: one POST, one operation, its answers as `next` events and a last `complete`.

After the graphql-sse protocol, distinct connections mode. Whatever is refused before the first answer is an HTTP error in
the one shape. Only POST with JSON is answered so: a browser sends that to another site only after asking, while a GET
would be sent at once, so GET never opens a stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import TYPE_CHECKING

import orjson
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.types import Receive, Scope, Send

from errors import HubError
from schema.door.door import Request, Response, refused
from schema.door.http import (
    FURTHER,
    GRAPHQL_RESPONSE,
    NO_HEADERS,
    VARY,
    GraphQLOverHTTP,
    HTTPRefused,
    bearer,
    send_whole,
    status_of,
    weights_of,
)
from schema.door.streaming import SEND_SECONDS, Piece, Stream, Streams
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub

EVENT_STREAM = "text/event-stream"

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"vary", VARY),
]
"""A proxy that gathers events before it passes them on would hold the stream back."""


class GraphQLOverSSE:
    """The ASGI application of `/graphql`: event streams for those who accept them, and all else over plain HTTP."""

    def __init__(self, http: GraphQLOverHTTP, streams: Streams) -> None:
        """Requests are read as over HTTP, by the same code."""
        self.http = http
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["method"] == "POST" and _names_streams(scope):
            client = HTTPRequest(scope, receive)
            weights = weights_of(", ".join(client.headers.getlist("accept")))
            plain = max(weights.get("application/json", 0.0), weights.get("application/graphql-response+json", 0.0))
            if weights.get(EVENT_STREAM, 0.0) > 0 and weights[EVENT_STREAM] >= plain:
                await self._answer(client, receive, send)
                return
        await self.http(scope, receive, send)

    async def _answer(self, client: HTTPRequest, receive: Receive, send: Send) -> None:
        refusal: Response | None = None
        try:
            request = await self.http.read(client)
            refusal = await self._streamed(client, request, receive, send)
        except ClientDisconnect:
            return
        except HTTPRefused as error:
            await send_whole(send, error.status, GRAPHQL_RESPONSE, orjson.dumps(error.body), error.headers)
            return
        except HubError as error:
            refusal = refused(error)
        except Exception as error:  # noqa: BLE001 — whatever it is, the client gets a reference and no more
            refusal = Response({"errors": [self.streams.live.door.masked(error)]}, executed=False, refusal="INTERNAL")
        if refusal is not None:
            status = status_of(refusal, GRAPHQL_RESPONSE, draft=self.streams.live.hub.settings.hub.draft_status)
            headers = (*FURTHER.get(status, NO_HEADERS), *refusal.headers)
            await send_whole(send, status, GRAPHQL_RESPONSE, orjson.dumps(refusal.body), headers)

    async def _streamed(self, client: HTTPRequest, request: Request, receive: Receive, send: Send) -> Response | None:
        """Send the stream; or give the refusal that comes before anything was sent."""
        token, purpose = bearer(client.headers.getlist("authorization")), client.headers.get("mizalla-purpose")
        ward = client.headers.get("mizalla-acting-for")

        async def who(hub: Hub) -> Enquiry:
            return await hub.enquiry(token, purpose, acting_for=ward)

        stream = self.streams.stream(request, who, client)
        try:
            requester = (await who((await self.streams.live.now()).hub)).requester
        except HubError as error:
            return refused(await self.streams.stranger(error, client))
        with self.streams.connection(requester, client):
            gone = asyncio.ensure_future(_end_with_client(receive, stream))
            try:
                async with aclosing(stream.pieces()) as pieces:
                    async for first in pieces:
                        if first is not None and not first.response.executed:
                            return first.response
                        await _send_all(send, first, pieces)
            finally:
                gone.cancel()
        return None


def _names_streams(scope: Scope) -> bool:
    """A first look without parsing, because every request passes here."""
    for name, value in scope["headers"]:  # noqa: SIM110 — `any` takes three times as long
        if name == b"accept" and b"text/event-stream" in value.lower():
            return True
    return False


async def _send_all(send: Send, first: Piece | None, pieces: AsyncIterable[Piece | None]) -> None:
    try:
        headers = [*HEADERS, *(first.response.headers if first is not None else ())]
        await _within(send, {"type": "http.response.start", "status": 200, "headers": headers})
        await _within(send, {"type": "http.response.body", "body": _event(first), "more_body": True})
        async for each in pieces:
            await _within(send, {"type": "http.response.body", "body": _event(each), "more_body": True})
        await _within(send, {"type": "http.response.body", "body": b"event: complete\ndata:\n\n"})
    except TimeoutError:
        return  # unfinished on purpose: the server then closes the connection


async def _within(send: Send, message: dict[str, object]) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send(message)


def _event(piece: Piece | None) -> bytes:
    return b":\n\n" if piece is None else b"event: next\ndata: " + piece.encoded + b"\n\n"


async def _end_with_client(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()
