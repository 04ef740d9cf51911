"""The HTTP server: Starlette routes over one opened hub. Wiring only; nobody imports this but `cli` and uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from errors import ConfigError
from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.activities import Activities
from schema.door.http import GraphQLOverHTTP, refused_body
from schema.door.live import Live
from schema.door.published import Published
from schema.door.sse import GraphQLOverSSE
from schema.door.streaming import Streams
from schema.door.text import SchemaText
from schema.door.websocket import GraphQLOverWebSocket
from settings import Settings
from web import routes as pages
from web.transparency import TransparencyPages

NOT_KEPT = {"cache-control": "no-store"}
"""How the hub does just now is true just now."""

UNTAKEN_MILLISECONDS = 60_000
"""What was sent and is not taken for so long will not be taken."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""As malloc.h numbers them."""

HEAD_BYTES = 64 * 1024
"""Longest request line with headers."""

REST_BYTES = 16 * 1024 * 1024
"""What may still come of a body that was answered without being read, so that its sender gets to read the answer."""


def application(live: Live) -> ASGIApp:
    """The ASGI application of a hub that its caller opens and closes."""

    async def healthz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n", headers=NOT_KEPT)

    async def readyz(_: Request) -> JSONResponse:
        hub = live.hub
        sources = {name: gate.state.status.name for name, gate in hub.gates.items()}
        body = {"ready": hub.ready, "settings": "REFUSED" if live.refused else "TAKEN", "taken": live.taken, "sources": sources}
        return JSONResponse(body, 200 if hub.ready else 503, headers=NOT_KEPT)

    async def nowhere(_: Request, __: Exception) -> JSONResponse:
        body = refused_body("there is nothing at this address", "ask at /graphql; the others are /schema.graphql, /healthz and /readyz")
        return JSONResponse(body, 404, headers=NOT_KEPT, media_type="application/json; charset=utf-8")

    streams = Streams(live)
    graphql = GraphQLOverSSE(GraphQLOverHTTP(live), streams)

    async def figures(_: Request) -> Response:
        telemetry = live.hub.telemetry
        assert telemetry is not None
        assert telemetry.figures is not None
        page, media = telemetry.figures.page(live.door.variants.documents)
        return Response(page, media_type=media, headers=NOT_KEPT)

    made = Starlette(
        routes=[
            *([Route("/metrics", figures)] if live.hub.settings.hub.metrics else []),
            WebSocketRoute("/graphql", GraphQLOverWebSocket(streams)),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/schema.graphql", SchemaText(live).get),
            *Published(live).routes(),
            *pages(),
            *TransparencyPages(live).routes(),
            Route("/iati/activities.xml", Activities(live).get),
        ],
        exception_handlers={404: nowhere},
    )
    made.router.redirect_slashes = False  # a redirect would repeat the query string

    async def direct(scope: Scope, receive: Receive, send: Send) -> None:
        # Questions go straight to their door, which answers every fault itself: the way there through middleware and routing costs
        # as much as a tenth of a small answer.
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await graphql(scope, receive, send)
        else:
            await made(scope, receive, send)

    return direct


class _HTTP(HttpToolsProtocol):
    """uvicorn's HTTP, with an end to how long a request's head may be and may take, and to what is sent behind its answer.

    The parser by itself would read on for ever: a head that does not end, and trailers of a body that was answered already.
    """

    arrival_seconds = 30.0

    _unasked: int | None = 0
    """Bytes so far of a head that is not complete, or behind an answer; None while a request is being read or answered."""

    _open = _upgraded = False
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._unasked = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unasked, self._open = None, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._unasked, self._open = None, False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._upgraded = True
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request, whatever uvicorn's types say
        if self._unasked is None and (cycle is None or cycle.response_complete):
            self._unasked = 0
        if self._unasked is None or self._upgraded:
            self._wait_no_more()
            return
        self._unasked += len(data)
        if self._open:
            if self._unasked > REST_BYTES:
                self.transport.close()
        elif self._unasked > HEAD_BYTES and not self.transport.is_closing():
            self._refuse("431 Request Header Fields Too Large", "the request's head is too long")
        self._wait()

    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.arrival_seconds, self._end)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _end(self) -> None:
        """What was begun did not come in time: say so where nothing was answered yet, and hang up."""
        if self.transport.is_closing():
            return
        if self._open or not self._unasked:
            self.transport.close()
        else:
            self._refuse("408 Request Timeout", "the request's head did not arrive in time")

    def send_400_response(self, msg: str) -> None:
        self._refuse("400 Bad Request", msg)

    def _refuse(self, status: str, message: str) -> None:
        """As every other refusal is said: there is no request yet that could have asked for another form."""
        body = orjson.dumps(refused_body(message, "send one request of HTTP/1.1 at once"))
        lines = [f"HTTP/1.1 {status}", "content-type: application/json; charset=utf-8", f"content-length: {len(body)}"]
        lines += ["cache-control: no-store", "connection: close", "", ""]
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self.live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the subscriptions first: they would be waited for, and have no end of their own."""
        self.live.hub.watching.events.close()
        await asyncio.sleep(0.1)  # their last words go out before the connections are closed
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the serving, and no more: uvicorn would raise them again, before the hub has closed."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def give_back() -> None:
    """Have what large answers took given back to the system, where the C library is one that keeps it (glibc).

    By itself it gives every thread a heap of its own, and keeps ever larger blocks in them: 15 MiB of a hub that answers large pages.
    """
    settings = ((M_ARENA_MAX, 1), (M_TRIM_THRESHOLD, 2**21), (M_MMAP_THRESHOLD, 2**22))
    if sys.platform == "linux" and (adjust := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        for parameter, value in settings:
            adjust(parameter, value)


def serve(settings: Settings, opened: Callable[[], None]) -> None:
    """Serve until stopped, and call `opened` when everything is ready to. Access logs stay off: a URL may carry what belongs in no log.

    Raises:
        ConfigError: the port is taken, or the hub does not open.
    """
    give_back()
    if settings.hub.logs is not None:
        from telemetry import write_logs

        write_logs(settings.hub.logs)
    live = Live(Hub(settings, CATALOGUE, PUBLIC_NAMES), SCHEMA)
    config = uvicorn.Config(
        application(live),
        http=type("HTTP", (_HTTP,), {"arrival_seconds": settings.hub.limits.arrival_seconds}),
        ws="websockets-sansio",
        ws_max_size=settings.hub.limits.body_bytes,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=10,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=120,
        server_header=False,
        lifespan="off",
    )

    async def work() -> None:
        async with live:
            if hasattr(signal, "SIGHUP"):
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, live.again)
            # Rows are never part of cycles: collecting them at every 700 objects costs a tenth of a large answer.
            gc.collect()
            gc.freeze()
            gc.set_threshold(100_000, 50, 1000)
            opened()
            await _Server(config, live).serve(sockets=[listening])
            gc.unfreeze()  # or what the libraries hold is never let go of, and some of them say so at the end

    with _bound(settings.hub.host, settings.hub.port) as listening, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(work())


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has its address and does not listen yet: nobody connects before the hub can answer."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: ends connections whose client takes nothing, which closing alone does not
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_MILLISECONDS)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"{host}:{port} cannot be listened on: {error.strerror}", "end what listens there, or choose another with --host and --port"
        ) from None
    return bound
