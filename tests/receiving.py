"""What sources really receive: every statement their databases run, every request that reaches their servers.

Nothing of the hub is replaced. SQLite tells through apsw of each connection and each statement; lists of values, which
it cannot read back, are noted as they are handed over. Servers are reached through a forwarder that reads along.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import apsw

from schema.door.door import Request
from tests.asking import Asking, addresses, elsewhere
from tests.country import Country
from tests.law import Law
from values import Enquiry

FILES = {"civil-registry.db": "civil-registry", "labour-ministry.db": "labour-ministry", ".index.sqlite": "hope-network"}
"""Files of the sample's sources; the hub's own are under their own names."""


@dataclass(frozen=True, slots=True)
class Received:
    """One statement or request: its text without values, and the values it came with."""

    source: str
    text: str
    values: tuple[Any, ...]


@dataclass(slots=True)
class Receipts:
    """Everything received so far."""

    all: list[Received] = field(default_factory=list)

    def of(self, *sources: str) -> list[Received]:
        """What these sources received, in order."""
        return [each for each in self.all if each.source in sources]

    def sources(self) -> set[str]:
        """Who was asked anything, the hub's own files left aside."""
        return {each.source for each in self.all} - {"hub.db", "record.db"}


@contextmanager
def reading_databases(receipts: Receipts) -> Iterator[None]:
    """Note what every SQLite connection opened in this block is asked, for as long as it lives."""
    lists: dict[int, tuple[Any, tuple[Any, ...]]] = {}
    carray = apsw.carray

    def listed(values: Any, *more: Any, **named: Any) -> Any:
        handed = carray(values, *more, **named)
        lists[id(handed)] = handed, tuple(values)
        return handed

    def plain(bound: Any) -> Iterator[Any]:
        for value in (bound.values() if isinstance(bound, dict) else bound) or ():
            if id(value) in lists:
                yield from lists[id(value)][1]
            else:
                yield value

    def watch(connection: apsw.Connection) -> None:
        name = Path(connection.filename).name

        def note(_: Any, sql: str, bound: Any) -> bool:
            if re.match(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql) and not re.search(r"\b(pragma_|sqlite_schema)", sql):
                receipts.all.append(Received(FILES.get(name, name), sql, tuple(plain(bound))))
            return True

        connection.set_exec_trace(note)

    apsw.connection_hooks.append(watch)
    apsw.carray = listed  # type: ignore[assignment]
    try:
        yield
    finally:
        apsw.connection_hooks.remove(watch)
        apsw.carray = carray


def read_request(source: str, line: str, body: bytes) -> Received:
    """A request as a source's operator would read it: the path and the columns of a GET, or a document."""
    method, target, _ = line.split(" ", 2)
    if method == "POST":
        sent = json.loads(body)
        return Received(source, sent["query"], tuple(sent["variables"]["keys"]))
    url = urlsplit(target)
    query = parse_qsl(url.query)
    values = [value for name, listed in query if name.endswith("__in") for value in json.loads(listed)]
    values += [value for name, value in query if "__" in name and not name.endswith("__in")]
    columns = " ".join(value for name, value in query if name == "_col")
    return Received(source, f"GET {unquote(url.path)} {columns}", tuple(values))


@asynccontextmanager
async def forwarding(source: str, address: str, receipts: Receipts) -> AsyncIterator[str]:
    """An address beside a server's, which passes everything on and reads what the server is asked."""
    url = urlsplit(address)
    tasks: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        back, on = await asyncio.open_connection(url.hostname, url.port)
        writers.update((writer, on))
        tasks.update((task, asyncio.create_task(_pass(back, writer))))
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                receipts.all.append(read_request(source, lines[0], body))
                on.write(head + body)
                await on.drain()
        on.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    try:
        yield address.replace(f":{url.port}", f":{port}")
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.CancelledError):
        while part := await reader.read(2**16):
            writer.write(part)
            await writer.drain()
    writer.close()


@dataclass(frozen=True, slots=True)
class Watched:
    """A hub whose sources' receipts are read, and the law it has to keep."""

    asking: Asking
    receipts: Receipts
    law: Law

    async def ask(self, question: str, who: str, variables: dict[str, Any] | None = None, purpose: str | None = None) -> dict[str, Any]:
        """Ask, and keep only what was received for it."""
        enquiry = await self.enquiry(who, purpose)
        self.receipts.all.clear()
        body = (await self.asking.door.answer(Request(question, None, variables), enquiry, explain=True)).body
        assert "errors" not in body, body["errors"]
        return body

    async def enquiry(self, who: str, purpose: str | None = None) -> Enquiry:
        """Who asks, as the hub understands it."""
        return await self.asking.hub.enquiry(self.asking.keys.get(who), purpose)

    def number(self, enquiry: Enquiry, pseudonym: str) -> int:
        """The person a requester's identifier stands for."""
        found = self.asking.hub.pseudonyms.resolve(enquiry.requester.receiver, pseudonym)
        assert found is not None
        return found


@asynccontextmanager
async def watching(country: Country, folder: Path) -> AsyncIterator[Watched]:
    """Open the hub that stands copied in a folder, and read along with all its sources."""
    receipts = Receipts()
    async with AsyncExitStack() as stack:
        found = {name: await stack.enter_async_context(forwarding(name, address, receipts)) for name, address in addresses(country).items()}
        with reading_databases(receipts):
            opened = await stack.enter_async_context(elsewhere(country, folder, found))
            yield Watched(opened, receipts, Law(opened.hub.settings))
