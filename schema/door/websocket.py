"""GraphQL over WebSocket, after the graphql-transport-ws protocol: many operations over one connection.

The handlers that come with Strawberry end a socket without its close code on frames like `1`, and end all operations
for one that does not parse; so this is our own, small. What is not a message of the protocol closes the connection with
4400 and a reason. What is one, but does not hold as a request, is answered with an `error` of its own and disturbs no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from errors import HubError, LimitReached
from schema.door.door import Request, refused
from schema.door.http import HTTPRefused, bearer, refused_body, request_of
from schema.door.streaming import SEND_SECONDS, Stream, Streams
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub

PROTOCOL = "graphql-transport-ws"

LONGEST_ID = 256
"""Characters of an operation's id; clients use a number or a UUID, and each answer repeats it."""


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class GraphQLOverWebSocket:
    """The ASGI application of WebSockets at `/graphql`."""

    def __init__(self, streams: Streams) -> None:
        """Answers come from the streams; this class only knows the protocol."""
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        socket = WebSocket(scope, receive, send)
        await self.streams.live.now()
        if not self._welcome(socket):
            body = refused_body("pages of this origin may not connect", "add it to hub.origins, or connect from the hub's own origin")
            await socket.send_denial_response(JSONResponse(body, 403, headers={"cache-control": "no-store"}))
        elif PROTOCOL not in scope["subprotocols"]:
            await socket.accept()
            await socket.close(4406, f"the subprotocol is {PROTOCOL}")
        else:
            await socket.accept(PROTOCOL)
            await _Connection(self.streams, socket).serve()

    def _welcome(self, socket: WebSocket) -> bool:
        """Programs send no origin; a browser sends the page's, which has to be the hub's own or an allowed one."""
        origins = socket.headers.getlist("origin")
        own, allowed = socket.headers.get("host", "").lower(), self.streams.live.hub.settings.hub.origins
        return all(each in allowed or (bool(own) and urlsplit(each.lower()).netloc == own) for each in origins)


class _Connection:
    """One accepted connection: its credential, and the operations that run on it."""

    def __init__(self, streams: Streams, socket: WebSocket) -> None:
        self.streams = streams
        self.socket = socket
        self.limits = streams.limits
        self.token: str | None = None
        self.purpose: str | None = None
        self.ward: str | None = None
        self.begun = self.ready = self.closed = False
        self.running: dict[str, Stream] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.reading: asyncio.Task[None] | None = None
        self.counted = ExitStack()
        self.acts: dict[Any, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "connection_init": self._init,
            "ping": self._ping,
            "pong": self._pong,
            "subscribe": self._subscribe,
            "complete": self._complete,
        }

    async def serve(self) -> None:
        """Read until the connection ends, then let what still runs finish: nothing is cut off in the middle of a write."""
        self.reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait({self.reading})
            fault = None if self.reading.cancelled() else self.reading.exception()
            if isinstance(fault, _Close):
                await self._close(fault.code, fault.reason)
            elif fault is not None and not isinstance(fault, WebSocketDisconnect):
                entry = self.streams.live.door.masked(fault)
                await self._close(4500, entry["message"])
        finally:
            self.closed = True
            self.reading.cancel()
            for stream in self.running.values():
                stream.end()
            if self.tasks:
                await asyncio.wait(self.tasks)
            self.counted.close()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self.limits.init_seconds):
                while not self.ready:
                    await self._frame()
        except TimeoutError:
            raise _Close(4408, "connection_init did not come in time") from None
        while True:
            await self._frame()

    async def _frame(self) -> None:
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise _Close(4400, "frames are JSON as text, not binary")
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise _Close(4400, "the frame is not JSON") from None
        if not isinstance(frame, dict) or not isinstance(frame.get("type"), str) or frame["type"] not in self.acts:
            raise _Close(4400, f"the frame is no message of {PROTOCOL}")
        if frame["type"] != "subscribe" and not isinstance(frame.get("payload"), dict | None):
            raise _Close(4400, "the payload is not an object")
        await self.acts[frame["type"]](frame)

    # --- messages ------------------------------------------------------------------------------------------------

    async def _init(self, frame: dict[str, Any]) -> None:
        if self.begun:
            raise _Close(4429, "connection_init came twice")
        self.begun = True
        payload = frame.get("payload") or {}
        authorization, purpose, ward = payload.get("authorization"), payload.get("purpose"), payload.get("actingFor")
        if not all(isinstance(each, str | None) for each in (authorization, purpose, ward)):
            raise _Close(4400, "authorization, purpose and actingFor are texts")
        headers = self.socket.headers.getlist("authorization")
        self.token = bearer([*headers, *([authorization] if authorization is not None else [])])
        self.purpose = self.socket.headers.get("mizalla-purpose") if purpose is None else purpose
        self.ward = self.socket.headers.get("mizalla-acting-for") if ward is None else ward
        try:
            requester = (await self._who((await self.streams.live.now()).hub)).requester
        except HubError as error:
            raise _refusal(await self.streams.stranger(error, self.socket)) from None
        try:
            self.counted.enter_context(self.streams.connection(requester, self.socket))
        except LimitReached as error:
            raise _refusal(error) from None
        self.ready = True
        await self._send({"type": "connection_ack"})

    async def _who(self, hub: Hub) -> Enquiry:
        return await hub.enquiry(self.token, self.purpose, acting_for=self.ward)

    async def _ping(self, _: dict[str, Any]) -> None:
        await self._send({"type": "pong"})

    async def _pong(self, _: dict[str, Any]) -> None:
        """A sign of life that nobody waits for: the server below sends pings of its own."""

    async def _subscribe(self, frame: dict[str, Any]) -> None:
        if not self.ready:
            raise _Close(4401, "connection_init comes first")
        id_ = _id(frame)
        if id_ in self.running:
            raise _Close(4409, "an operation with this id is running")
        try:
            self._run(id_, request_of(frame.get("payload")))
        except HTTPRefused as error:
            await self._send({"type": "error", "id": id_, "payload": error.body["errors"]})
        except LimitReached as error:
            await self._send({"type": "error", "id": id_, "payload": refused(error).body["errors"]})

    def _run(self, id_: str, request: Request) -> None:
        """Begin an operation. One that was completed holds its place until it is finished, or nothing would bound them."""
        if len(self.tasks) >= self.limits.operations:
            raise LimitReached(f"{self.limits.operations} operations run on this connection already", "wait for one, or complete it")
        stream = self.running[id_] = self.streams.stream(request, self._who, self.socket)
        task = asyncio.ensure_future(self._operate(id_, stream))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _complete(self, frame: dict[str, Any]) -> None:
        stream = self.running.pop(_id(frame), None)
        if stream is not None:
            stream.end()

    async def _operate(self, id_: str, stream: Stream) -> None:
        last: dict[str, Any] = {"type": "complete", "id": id_}
        async with aclosing(stream.pieces()) as pieces:
            async for piece in pieces:
                if stream.ended:
                    return
                if piece is not None and not piece.response.executed:
                    last = {"type": "error", "id": id_, "payload": piece.response.body["errors"]}
                elif piece is not None:
                    await self._send({"type": "next", "id": id_, "payload": orjson.Fragment(piece.encoded)})
        if not stream.ended:
            del self.running[id_]
            await self._send(last)

    # --- the wire ------------------------------------------------------------------------------------------------

    async def _send(self, message: dict[str, Any]) -> None:
        """Send as soon as the client takes it; one that takes nothing for too long has gone."""
        if self.closed:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.socket.send_text(orjson.dumps(message).decode())
        except TimeoutError:
            await self._close(4408, "the client takes nothing")
            if self.reading is not None:
                self.reading.cancel()
        except (WebSocketDisconnect, RuntimeError):
            self.closed = True  # the reading learns of it by itself

    async def _close(self, code: int, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        try:
            async with asyncio.timeout(1):
                await self.socket.close(code, reason.encode()[:120].decode(errors="ignore"))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return


def _refusal(error: HubError) -> _Close:
    return _Close(4403, f"{error.code}: {error.message}")


def _id(frame: dict[str, Any]) -> str:
    id_ = frame.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID:
        raise _Close(4400, "the id is a text that is not empty")
    return id_
