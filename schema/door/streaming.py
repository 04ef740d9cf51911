"""Answers that come one after another: queries, mutations and subscriptions, for the transports that can carry them.

Whatever is asked passes the same door as over HTTP. A subscription is authorised anew at every event, and at every
heartbeat while nothing happens: credential, purpose and rules are those of that moment, and what an event shows is in the
disclosure record before it leaves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import orjson
from graphql import OperationType
from starlette.requests import HTTPConnection

from errors import HubError, Invalid, LimitReached, NotPermitted
from resolvers.events import NOTHING, Watcher
from resolvers.gather import Gathering
from resolvers.want import Field
from schema.door.admission import OVERTIME, too_large
from schema.door.door import Door, Prepared, Request, Response, error_entry, refused
from values import Enquiry, Requester, Role

HEARTBEAT_SECONDS = 15.0
"""How often a quiet stream shows that it lives, and is authorised anew."""

SEND_SECONDS: Final = 30.0
"""A client that takes nothing for so long has gone, whatever its connection says."""

Who = Callable[[], Awaitable[Enquiry]]
"""Looks the credential up again and gives the enquiry of this moment."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One answer of a stream, and its body as JSON."""

    response: Response
    encoded: bytes


class Stream:
    """One operation and its answers."""

    def __init__(self, door: Door, request: Request, who: Who) -> None:
        """Nothing happens before `responses` is read."""
        self.ended = False
        self._door = door
        self._request = request
        self._who = who
        self._watcher: Watcher | None = None

    def end(self) -> None:
        """Give no further answer. What is being answered just now is finished first, and then not sent."""
        self.ended = True
        if self._watcher is not None:
            self._watcher.end()

    async def pieces(self) -> AsyncGenerator[Piece | None, None]:
        """Every answer of the operation; None is a sign of life. One that was not executed is the last. Never raises."""
        try:
            enquiry = await self._who()
            prepared = self._door.prepare(self._request, enquiry)
            if isinstance(prepared, Prepared) and prepared.operation.node.operation is OperationType.SUBSCRIPTION:
                await self._door.admission.request(enquiry.requester, self._request.address)
                async for response in self._events(prepared, enquiry):
                    yield None if response is None else self._encoded(response, enquiry)
            else:
                yield self._encoded(await self._door.answer(self._request, enquiry), enquiry)
        except HubError as error:
            yield piece(refused(error))
        except Exception as error:  # noqa: BLE001 — whatever it is, the client gets a reference and no more
            yield piece(Response({"errors": [self._door.masked(error)]}, executed=False, refusal="INTERNAL"))

    def _encoded(self, response: Response, enquiry: Enquiry) -> Piece:
        """The answer as JSON, or in its place that it is too large: the same cap as over HTTP."""
        most = self._door.admission.limits[enquiry.requester.role].answer_bytes
        made = piece(response)
        if len(made.encoded) > most:
            made = piece(Response({"errors": [error_entry(too_large(most))], "data": None}, executed=True))
        return made

    async def _events(self, prepared: Prepared, enquiry: Enquiry) -> AsyncGenerator[Response | None, None]:
        watching = self._door.hub.watching
        field = next(iter(self._door.compiled(prepared).fields), None)
        if field is None:
            raise Invalid("the subscription asks for nothing", "leave its field in", "query")
        with watching.watch(field.name, enquiry) as watcher:
            self._watcher = watcher
            if self.ended:
                return
            yield None
            while True:
                news = await watcher.next(HEARTBEAT_SECONDS)
                if watcher.ended:
                    return
                enquiry = await self._who()
                if watching.key(field.name, enquiry) != watcher.key:
                    raise NotPermitted("the credential is another's now", "subscribe again")
                response = None if news is None else await self._event(prepared, enquiry, field, news)
                if response is not None or news is None:
                    yield response
                if response is not None and not response.executed:
                    return

    async def _event(self, prepared: Prepared, enquiry: Enquiry, field: Field, news: object) -> Response | None:
        door, requester = self._door, enquiry.requester
        await door.admission.spend(requester, self._request.address, prepared.estimate)
        gathering = Gathering(door.hub, enquiry, prepared.variables)
        try:
            async with asyncio.timeout(door.admission.limits[requester.role].seconds) as clock:
                value = await door.hub.watching.show(gathering, field, news)
        except TimeoutError:
            if clock.expired():
                return refused(OVERTIME)
            raise
        if value is NOTHING:
            return None
        await door.hub.disclose(gathering)
        return door.told(gathering, {field.key: value}, [])


class Streams:
    """What all connections share: the door, and how many of them each credential holds."""

    def __init__(self, door: Door) -> None:
        """Limits are those of the hub's settings."""
        self.door = door
        self.limits = door.hub.settings.hub.limits
        self._open: Counter[str] = Counter()

    def stream(self, request: Request, who: Who, client: HTTPConnection) -> Stream:
        """The answers to one request of one connection."""
        return Stream(self.door, replace(request, address=address_of(client)), who)

    async def stranger(self, error: HubError, client: HTTPConnection) -> HubError:
        """The refusal of one who is not let in; whoever tries keys is counted by address, as over HTTP."""
        try:
            await self.door.admission.request(None, address_of(client))
        except LimitReached as reached:
            return reached
        return error

    @contextmanager
    def connection(self, requester: Requester, client: HTTPConnection) -> Iterator[None]:
        """Count a connection while the block lasts, by credential, and of those without one by address.

        Raises:
            LimitReached: there are too many already.
        """
        holder = f"key {requester.credential or requester.name}"
        if requester.role is Role.PUBLIC:
            holder = f"address {address_of(client)}"
        if self._open[holder] >= self.limits.connections:
            raise LimitReached(f"this credential holds {self.limits.connections} connections already", "close one, or ask over one of them")
        self._open[holder] += 1
        try:
            yield
        finally:
            self._open[holder] -= 1
            if not self._open[holder]:
                del self._open[holder]


def address_of(client: HTTPConnection) -> str:
    """Where a connection comes from."""
    return client.client.host if client.client else ""


def piece(response: Response) -> Piece:
    """An answer with its body as JSON."""
    return Piece(response, orjson.dumps(response.body))
