"""A receiver of webhooks as an organisation would run it: a real server that checks every message, and may be down or hostile."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from privacy.webhooks import is_genuine

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(slots=True)
class Heard:
    """One message as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        """What it says."""
        return json.loads(self.body)

    @property
    def id(self) -> str:
        """Its id."""
        return self.headers["webhook-id"]


@dataclass(slots=True)
class Receiver:
    """Answers as `answer` says; `accepted` are the messages a careful receiver would act on, each once."""

    url: str = ""
    secret: str = ""
    answer: Callable[[Heard], bytes | None] = lambda _: OK
    heard: list[Heard] = field(default_factory=list)
    accepted: list[Heard] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: Heard) -> None:
        """What a receiver does: signature and time first, then whether the id is new."""
        if is_genuine(self.secret, message.headers, message.body, int(time.time())) and message.id not in self.seen:
            self.seen.add(message.id)
            self.accepted.append(message)

    async def until(self, count: int) -> None:
        """Wait until so many messages arrived."""
        async with asyncio.timeout(20):
            while len(self.heard) < count:
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port of this machine."""
    receiver = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.partition(":") for line in head.split("\r\n")[1:] if line]
            headers = {name.lower(): value.strip() for name, _, value in lines}
            message = Heard(headers, await reader.readexactly(int(headers.get("content-length", 0))))
            receiver.heard.append(message)
            receiver.arrived.set()
            answer = receiver.answer(message)
            if answer is None:
                await asyncio.Event().wait()  # never answers
            assert answer is not None
            if answer.startswith(b"HTTP/1.1 2"):
                receiver.take(message)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks?for=hub"
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
