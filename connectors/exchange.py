"""Requests to one source over HTTP/1.1: connections that are kept, one request at a time on each, answers of bounded size.

A general client spends on every request several times what the hub spends on a whole question (`docs/decisions/0035`); this
one can do just what sources need. What comes in is read by llhttp (httptools), the parser of Node, without its leniencies.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import httptools
import httpx

LONGEST_HEAD = 65_536
"""Bytes a source may send before its answer's body begins."""

KEPT = frozenset({b"content-type", b"content-encoding", b"location"})
"""The only headers of an answer that anybody here asks for."""


class Allowance:
    """How many bytes one Ask may still receive, over all its pages."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        """Begin with the source's `max_bytes`."""
        self.left = most


@dataclass(slots=True)
class Response:
    """An answer; without its body where the status is not 200, or where it is longer than allowed."""

    status: int = 0
    excessive: bool = False
    headers: dict[bytes, str] = field(default_factory=dict)
    body: bytes = b""


@cache
def trusted() -> ssl.SSLContext:
    """Whom we trust to be who they are: the certificate authorities of the httpx client, for HTTP/1.1."""
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection(asyncio.Protocol):
    """One connection: a request goes out, one answer comes in, then the next."""

    def __init__(self, pool: Pool) -> None:
        """`pool` keeps it while nothing is asked."""
        self.usable = True
        self.unanswered = True
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Response] | None = None
        self._parser: Any = None
        self._allowance = Allowance(0)
        self._response = Response()
        self._parts: list[bytes] = []
        self._before = 0
        self._headed = self._bounded = False

    async def ask(self, request: bytes, allowance: Allowance) -> Response:
        """Send a request and give the answer.

        Raises:
            OSError: the connection ended before the answer did, or what came is no HTTP.
        """
        assert self._transport is not None
        self.unanswered = True
        self._allowance = allowance
        self._begin()
        self._parser = httptools.HttpResponseParser(self)
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._waiting
        except BaseException:
            self.end()
            raise
        finally:
            self._waiting = None

    def end(self) -> None:
        """Give the connection up."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _begin(self) -> None:
        self._response, self._parts, self._before, self._headed, self._bounded = Response(), [], 0, False, False

    def _failed(self, error: Exception) -> None:
        self.usable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        self.end()

    def _done(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._response.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._waiting.set_result(self._response)

    # --- what the transport tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes came: they are an answer's, or nobody asked for them and nothing on this connection can be believed."""
        if self._waiting is None or self._waiting.done():
            self.end()
            return
        self.unanswered = False
        if not self._headed:
            self._before += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._failed(ConnectionError("not HTTP"))
        else:
            if not self._headed and self._before > LONGEST_HEAD:
                self._failed(ConnectionError("a head without end"))

    def connection_lost(self, error: Exception | None) -> None:
        """The connection ended; that is the end of an answer only where it said no other."""
        self.usable = False
        self._pool.forget(self)
        if self._headed and not self._bounded and error is None:
            self._done()
        else:
            self._failed(error or ConnectionError("the source hung up"))

    # --- what the parser tells ---

    def on_message_begin(self) -> None:
        """An answer begins; a second one behind it, which nobody asked for, ends the connection."""
        if self._waiting is None or self._waiting.done():
            raise ConnectionError("more than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name in KEPT:
            self._response.headers[name] = value.decode("latin-1")
        elif name in {b"content-length", b"transfer-encoding"}:
            self._bounded = True

    def on_headers_complete(self) -> None:
        """The body begins; there is none to read where we were refused."""
        status = self._response.status = self._parser.get_status_code()
        if status >= 200:
            self._headed = True
            if status != 200:
                self._parts = []
                self.usable = False
                self._done()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._allowance.left -= len(part)
        if self._allowance.left >= 0:
            self._parts.append(part)
        elif not self._response.excessive:
            self._parts = []
            self._response.excessive = True
            self.usable = False
            self._done()

    def on_message_complete(self) -> None:
        """The answer is whole; one that only says that another will follow is passed over."""
        if self._headed:
            self.usable = self.usable and self._parser.should_keep_alive()
            self._done()
        else:
            self._begin()


class Pool:
    """The connections to one host."""

    def __init__(self, most: int) -> None:
        """`most` are open at once; further requests wait for one of them."""
        self._idle: list[Connection] = []
        self._turns = asyncio.Semaphore(most)

    async def ask(self, target: Target, request: bytes, allowance: Allowance) -> Response:
        """Ask on a connection that is there, or on a new one.

        A kept connection may have been ended by the source just when it was asked; then it is asked anew, once. All that
        is ever sent to a source is a question, so that it does not matter whether the first was heard.

        Raises:
            OSError: the source cannot be reached, or does not speak HTTP.
        """
        async with self._turns:
            while self._idle:
                kept = self._idle.pop()
                if not kept.usable:
                    continue
                try:
                    return await self._on(kept, request, allowance)
                except ConnectionError:
                    if not kept.unanswered:
                        raise
                    break
            loop, secure = asyncio.get_running_loop(), trusted() if target.secure else None
            _, made = await loop.create_connection(lambda: Connection(self), target.host, target.port, ssl=secure)
            return await self._on(made, request, allowance)

    async def _on(self, connection: Connection, request: bytes, allowance: Allowance) -> Response:
        response = await connection.ask(request, allowance)
        if connection.usable:
            self._idle.append(connection)
        else:
            connection.end()
        return response

    def forget(self, connection: Connection) -> None:
        """A connection ended."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """End all that are kept."""
        while self._idle:
            self._idle.pop().end()


@dataclass(frozen=True, slots=True)
class Target:
    """A URL as requests are made of it: where to connect, and the head of every request but for its length."""

    host: str
    port: int
    secure: bool
    get: bytes
    post: bytes

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str]) -> Target:
        """Read a URL; who is named in it is named in a header.

        Raises:
            ValueError: it is no URL of HTTP, or a header cannot be sent.
        """
        try:
            found = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError("not a URL") from error
        if found.scheme not in {"http", "https"} or not found.host or (found.port or 0) > 65_535:
            raise ValueError("not a URL of HTTP")
        lines = {"Host": found.netloc.decode("ascii"), **headers}
        if found.userinfo:
            lines.setdefault("Authorization", f"Basic {base64.b64encode(found.userinfo).decode('ascii')}")
        for name, value in lines.items():
            if not name or set(name) & set(" :\r\n\0") or set(value) & set("\r\n\0"):
                raise ValueError("a header that cannot be sent")
        block = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1")
        secure = found.scheme == "https"
        start = b" " + found.raw_path + b" HTTP/1.1\r\n" + block
        json = b"Content-Type: application/json\r\nContent-Length: "
        return cls(
            found.raw_host.decode("ascii"), found.port or (443 if secure else 80), secure, b"GET" + start + b"\r\n", b"POST" + start + json
        )

    def request(self, body: bytes | None) -> bytes:
        """A whole request."""
        return self.get if body is None else b"%b%d\r\n\r\n%b" % (self.post, len(body), body)
