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
from typing import TYPE_CHECKING, Final

import orjson
from graphql import OperationType
from starlette.requests import HTTPConnection

from errors import HubError, Invalid, LimitReached, NotPermitted
from resolvers.events import NOTHING, Watcher
from resolvers.gather import Gathering
from resolvers.want import Field
from schema.door.admission import OVERTIME, too_large
from schema.door.door import Door, Prepared, Request, Response, error_entry, refused
from schema.door.live import Live
from settings import Limits
from values import Enquiry, Requester, Role

if TYPE_CHECKING:
    from resolvers.hub import Hub

HEARTBEAT_SECONDS = 15.0
"""How often a quiet stream shows that it lives, and is authorised anew."""

SEND_SECONDS: Final = 30.0
"""A client that takes nothing for so long has gone, whatever its connection says."""

Who = Callable[["Hub"], Awaitable[Enquiry]]
"""Looks the credential up again and gives the enquiry of this moment."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One answer of a stream, and its body as JSON."""

    response: Response
    encoded: bytes


class Stream:
    """One operation and its answers."""

    def __init__(self, live: Live, request: Request, who: Who) -> None:
        """Nothing happens before `responses` is read."""
        self.ended = False
        self._live = live
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
            door = await self._live.now()
            enquiry = await self._who(door.hub)
            # Who has used up its share has no document read.
            headers = await door.admission.request(enquiry.requester, self._request.address)
            prepared = door.prepare(self._request, enquiry)
            if isinstance(prepared, Prepared) and prepared.operation.node.operation is OperationType.SUBSCRIPTION:
                async for response in self._events(door, prepared, enquiry):
                    yield None if response is None else self._encoded(response, enquiry)
            else:
                response = await door.answer_prepared(prepared, self._request, enquiry)
                yield self._encoded(replace(response, headers=headers + response.headers), enquiry)
        except HubError as error:
            yield piece(refused(error))
        except Exception as error:  # noqa: BLE001 — whatever it is, the client gets a reference and no more
            yield piece(Response({"errors": [self._live.door.masked(error)]}, executed=False, refusal="INTERNAL"))

    def _encoded(self, response: Response, enquiry: Enquiry) -> Piece:
        """The answer as JSON, or in its place that it is too large: the same cap as over HTTP."""
        most = self._live.door.admission.limits[enquiry.requester.role].answer_bytes
        made = piece(response)
        if len(made.encoded) > most:
            made = piece(Response({"errors": [error_entry(too_large(most))], "data": None}, executed=True))
        return made

    async def _events(self, door: Door, prepared: Prepared, enquiry: Enquiry) -> AsyncGenerator[Response | None, None]:
        field = _watched(door, prepared)
        with door.hub.watching.watch(field.name, enquiry) as watcher:
            self._watcher = watcher
            if self.ended:
                return
            yield None
            while True:
                news = await watcher.next(HEARTBEAT_SECONDS)
                if watcher.ended:
                    return
                before, door = door, await self._live.now()
                enquiry = await self._who(door.hub)
                if door is not before:
                    again = door.prepare(self._request, enquiry)
                    if isinstance(again, Response):
                        yield again
                        return
                    prepared, field = again, _watched(door, again)
                if door.hub.watching.key(field.name, enquiry) != watcher.key:
                    raise NotPermitted("the credential is another's now", "subscribe again")
                response = None if news is None else await self._event(door, prepared, enquiry, field, news)
                if response is not None or news is None:
                    yield response
                if response is not None and not response.executed:
                    return

    async def _event(self, door: Door, prepared: Prepared, enquiry: Enquiry, field: Field, news: object) -> Response | None:
        requester = enquiry.requester
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

    def __init__(self, live: Live) -> None:
        """Nobody is connected yet."""
        self.live = live
        self._open: Counter[str] = Counter()

    @property
    def limits(self) -> Limits:
        """Those of the hub's settings."""
        return self.live.hub.settings.hub.limits

    def stream(self, request: Request, who: Who, client: HTTPConnection) -> Stream:
        """The answers to one request of one connection."""
        return Stream(self.live, replace(request, address=address_of(client)), who)

    async def stranger(self, error: HubError, client: HTTPConnection) -> HubError:
        """The refusal of one who is not let in; whoever tries keys is counted by address, as over HTTP."""
        try:
            await self.live.door.admission.request(None, address_of(client))
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


def _watched(door: Door, prepared: Prepared) -> Field:
    field = next(iter(door.compiled(prepared).fields), None)
    if field is None:
        raise Invalid("the subscription asks for nothing", "leave its field in", "query")
    return field


def address_of(client: HTTPConnection) -> str:
    """Where a connection comes from."""
    return client.client.host if client.client else ""


def piece(response: Response) -> Piece:
    """An answer with its body as JSON."""
    return Piece(response, orjson.dumps(response.body))
