"""A source that breaks in every way a source can, over real sockets."""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

SECRET = "Zaynab-al-Juburi-1988"
"""Text of the source that must never come out of the hub."""

HUGE = 64 * 1024 * 1024
"""Bytes a huge answer would have."""

ROWS = [{"case_no": "C-01", "sex": "1", "members": 5}, {"case_no": "C-02", "sex": "2", "members": 3}]


@dataclass
class Broken:
    """A running source; `way` is how it answers next, `asked` the request lines it received, `sent` the bytes it sent."""

    port: int
    way: str = "good"
    asked: list[str] = field(default_factory=list)
    sent: int = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def broken() -> Iterator[Broken]:
    """Run a broken source in a thread with a loop of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    source = Broken(listening.getsockname()[1])
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    source.asked.append(head.split("\r\n")[0])
                    length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
                    await reader.readexactly(length)
                    async for part in WAYS[source.way](source, writer):
                        source.sent += len(part)
                        writer.write(part)
                        await writer.drain()
        finally:
            tasks.discard(task)
            writer.transport.abort()

    async def serve(ready: Callable[[], None]) -> None:
        server = await asyncio.start_server(answer, sock=listening)
        ready()
        with suppress(asyncio.CancelledError):
            await server.serve_forever()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    started = threading.Event()
    running: list[asyncio.Task[None]] = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        running.append(loop.create_task(serve(started.set)))
        loop.run_until_complete(running[0])
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield source
    finally:
        loop.call_soon_threadsafe(running[0].cancel)
        thread.join(10)


def http(body: bytes, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", ""]).encode() + body


def rows(found: object, **more: object) -> bytes:
    """A whole answer with rows."""
    return http(json.dumps({"rows": found, **more}).encode())


AID = {"number": "1", "programme": "winter", "giver": {"code": "N-1", "title": "عون"}}
GIVEN = {"caseNo": "C-01", "aid": [AID]}


def entities(found: object, **more: object) -> bytes:
    """A whole answer of a subgraph."""
    return http(json.dumps({"data": {"rows": found}, **more}).encode())


Way = Callable[[Broken, asyncio.StreamWriter], AsyncIterator[bytes]]


def says(make: Callable[[Broken], bytes]) -> Way:
    """Answer with these bytes."""

    async def way(source: Broken, _: asyncio.StreamWriter) -> AsyncIterator[bytes]:
        yield make(source)

    return way


async def hang(_: Broken, __: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """Take the request and say nothing."""
    await asyncio.sleep(60)
    yield b""


async def drip(_: Broken, __: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """One byte now and then: always alive, never done."""
    for byte in http(json.dumps({"rows": ROWS}).encode()):
        yield bytes([byte])
        await asyncio.sleep(0.05)


async def reset(_: Broken, writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """Reset the connection instead of answering."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    yield b""


async def stop_short(_: Broken, writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """Promise more bytes than are sent, then hang up."""
    yield http(json.dumps({"rows": ROWS}).encode())[:-10]
    writer.close()
    raise ConnectionResetError


async def huge(source: Broken, _: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """An answer without end."""
    yield b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    part = b" " * 65_536
    while source.sent < HUGE:
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


WAYS: dict[str, Way] = {
    "good": says(lambda _: rows(ROWS)),
    "hang": hang,
    "drip": drip,
    "reset": reset,
    "stop_short": stop_short,
    "huge": huge,
    "html": says(lambda _: http(f"<html>{SECRET}</html>".encode(), kind="text/html")),
    "html_named_json": says(lambda _: http(f"<html>{SECRET}</html>".encode())),
    "truncated": says(lambda _: http(json.dumps({"rows": [{"case_no": SECRET}]}).encode()[:-5])),
    "not_utf8": says(lambda _: http(b'{"rows": [{"case_no": "\xff\xfe"}]}')),
    "empty": says(lambda _: http(b"")),
    "not_http": says(lambda _: f"{SECRET}\r\n\r\n".encode()),
    "a_list": says(lambda _: http(json.dumps([SECRET]).encode())),
    "no_rows": says(lambda _: http(json.dumps({"error": SECRET}).encode())),
    "rows_of_text": says(lambda _: rows([SECRET])),
    "500": says(lambda _: http(SECRET.encode(), "500 Internal Server Error", "text/plain")),
    "503": says(lambda _: http(json.dumps({"detail": SECRET}).encode(), "503 Service Unavailable")),
    "429": says(lambda _: http(b"", "429 Too Many Requests")),
    "401": says(lambda _: http(SECRET.encode(), "401 Unauthorized", "text/plain")),
    "404": says(lambda _: http(SECRET.encode(), "404 Not Found", "text/plain")),
    "elsewhere": says(lambda _: http(b"", "302 Found", location=f"http://localhost.example/{SECRET}")),
    "other_port": says(lambda source: http(b"", "302 Found", location=f"http://127.0.0.1:{source.port + 1}/")),
    "in_circles": says(lambda _: http(b"", "302 Found", location="/again")),
    "next_elsewhere": says(lambda _: rows(ROWS, next_url=f"http://localhost.example/{SECRET}")),
    "next_itself": says(lambda source: rows([], next_url=f"{source.url}{source.asked[-1].split()[1]}")),
    "compressed": says(lambda _: http(b"\x1f\x8b", content_encoding="gzip")),
    "wrong_types": says(
        lambda _: rows([{"case_no": "C-01", "sex": {"x": SECRET}, "members": SECRET}, {"case_no": "C-02", "sex": "2", "members": 3.5}])
    ),
    "missing_field": says(lambda _: rows([{"case_no": "C-01", "sex": "1"}, {"case_no": "C-02", "sex": "2"}])),
    "more": says(lambda _: rows([*ROWS, {"case_no": SECRET, "sex": "1", "members": 1}, {"case_no": None, "sex": "1", "members": 1}])),
    "fewer": says(lambda _: rows(ROWS[:1])),
    "doubles": says(lambda _: rows([*ROWS, *ROWS])),
    "turned_round": says(lambda _: rows(ROWS[::-1])),
    "graphql": says(lambda _: http(json.dumps({"data": {"rows": {"nodes": ROWS}}}).encode())),
    "graphql_refused": says(lambda _: http(json.dumps({"errors": [{"message": SECRET}], "data": None}).encode())),
    "graphql_partial": says(
        lambda _: http(
            json.dumps(
                {
                    "errors": [{"message": SECRET, "path": ["rows", "nodes", 1, "members"]}, {"message": SECRET}],
                    "data": {"rows": {"nodes": [ROWS[0], {**ROWS[1], "members": None}]}},
                }
            ).encode()
        )
    ),
    "graphql_in_circles": says(
        lambda _: http(json.dumps({"data": {"rows": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}}}).encode())
    ),
    "entities": says(lambda _: entities([GIVEN, None])),
    "entities_of_text": says(lambda _: entities([SECRET])),
    "entities_of_others": says(lambda _: entities([GIVEN, {"caseNo": SECRET, "aid": [AID, {**AID, "number": "2"}]}])),
    "entities_twice": says(lambda _: entities([{**GIVEN, "aid": [AID, AID]}, GIVEN])),
    "entities_partial": says(
        lambda _: entities(
            [{**GIVEN, "aid": [{**AID, "programme": None, "giver": {"code": "N-1", "title": None}}]}, None],
            errors=[{"message": SECRET, "path": ["rows", 0, "aid", 0, "programme"]}, {"message": SECRET, "path": ["rows", 1]}],
        )
    ),
    "entities_bent": says(
        lambda _: entities(
            [
                {"caseNo": "C-01", "aid": [{**AID, "giver": SECRET}, {**AID, "number": {"x": SECRET}}, SECRET]},
                {"caseNo": "C-02", "aid": {"number": "2"}},
                {"caseNo": "C-02", "aid": SECRET},
                {"caseNo": "C-02"},
            ]
        )
    ),
    "no_one": says(lambda _: rows([])),
}
"""Every way to answer."""
