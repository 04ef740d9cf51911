"""The door to the sources: builds the connector of each stanza and sets its guard before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence

import structlog

from connectors.contract import Connector, Fetch, Finding, Person
from connectors.guard import Guard, State
from connectors.mapping import stanza_findings
from errors import ConfigError, SourceError
from settings import Settings, Source
from tables.database import Database
from values import Catalogue, Shape

log = structlog.get_logger("mizalla.sources")

CHECK_SECONDS = 30.0
"""`check` may take this long for one source, and one part of a scan."""


class Gate:
    """One source, guarded."""

    def __init__(self, name: str, source: Source, connector: Connector, catalogue: Catalogue, *, local: bool) -> None:
        """`local` says that small Asks are answered without waiting for anybody: an SQLite file in this machine."""
        self.name = name
        self.source = source
        self.connector = connector
        self.local = local
        self._catalogue = catalogue
        self._guard = Guard(name, source)
        self._fetchers: dict[Shape, Fetch] = {}
        self._asks: dict[tuple[str, tuple[str, ...], str, tuple[str, ...]], tuple[Shape, Fetch]] = {}

    async def open(self) -> None:
        """Connect as far as needed; a source that is down shows at its first Ask."""
        try:
            await self._guard.checked(self.connector.open, 600)
        except SourceError as error:
            log.warning("source_not_opened", source=self.name, code=error.code)

    async def close(self) -> None:
        """Let go of connections and files."""
        await self.connector.close()

    def fetcher(self, shape: Shape) -> Fetch:
        """The guarded function that answers a shape, prepared at first use.

        Raises:
            ConfigError: the source does not offer what the shape asks.
        """
        found = self._fetchers.get(shape)
        if found is None:
            found = self._fetchers[shape] = self._guard.guarded(self.connector.prepare(shape), shape.entity)
        return found

    def asks(self, entity: str, attributes: tuple[str, ...], by: str, filters: tuple[str, ...] = ()) -> tuple[Shape, Fetch]:
        """The shape of an Ask, and what answers it: made once, since a shape costs more to make and to find than to ask.

        Raises:
            ConfigError: the source does not offer what is asked.
        """
        key = entity, attributes, by, filters
        found = self._asks.get(key)
        if found is None:
            shape = Shape(self.name, entity, attributes, by, filters)
            found = self._asks[key] = shape, self.fetcher(shape)
        return found

    def offers(self, entity: str) -> frozenset[str]:
        """The attributes of an entity that this source maps; empty when it does not know the entity."""
        return self.connector.offers(entity)

    def explain(self, shape: Shape) -> str:
        """The SQL, path or document a shape becomes, without values."""
        return self.connector.explain(shape)

    @property
    def state(self) -> State:
        """How the source does just now, as its guard has seen it; nobody is asked for this."""
        return self._guard.state

    def watch(self, told: Callable[[], object]) -> None:
        """Call `told` whenever the status changes."""
        self._guard.watch(told)

    async def check(self) -> list[Finding]:
        """Everything wrong with this source; one that cannot be reached is a finding that does not forbid the start."""
        found = stanza_findings(self.name, self.source, self._catalogue)
        if found:
            return found
        try:
            return await self._guard.checked(self.connector.check, CHECK_SECONDS)
        except SourceError as error:
            remedy = "see that it runs, and that its address and what the hub identifies itself with are right"
            return [Finding(self.name, f"sources.{self.name}.address", error.message, remedy, fatal=False, reached=False)]

    def scan(self, after: str | None, size: int) -> AsyncIterator[Sequence[Person]]:
        """All people of the source by key, from the first key greater than `after`, in lists of `size`."""
        return self._guard.streamed(self.connector.scan(after, size), CHECK_SECONDS)


def connect(name: str, source: Source, settings: Settings, catalogue: Catalogue, hub_database: Database) -> Gate:
    """Build the connector a stanza asks for and guard it; nothing is reached yet.

    Raises:
        ConfigError: the address or an option cannot be used.
    """
    place = str(settings.path)
    if source.wire != "hub" and not source.address:
        raise ConfigError(f"sources.{name}: no `address`", "write where the source is", place)
    if source.wire == "hub":
        from connectors.hub import OwnTables

        return Gate(name, source, OwnTables(name, source, catalogue, hub_database), catalogue, local=hub_database.url.startswith("sqlite"))
    if source.wire == "sql":
        from connectors.sql import SQL

        try:
            return Gate(name, source, SQL(name, source, catalogue), catalogue, local=source.address.startswith("sqlite"))
        except ValueError as error:
            raise ConfigError(f"sources.{name}.address: {error}", "write the URL of a database", place) from None
    if source.wire == "files":
        from connectors.files import Files

        return Gate(name, source, Files(name, source, catalogue), catalogue, local=True)
    if source.wire == "rest":
        from connectors.rest import REST

        return Gate(name, source, REST(name, source, catalogue), catalogue, local=False)
    from connectors.graphql import RemoteGraphQL

    return Gate(name, source, RemoteGraphQL(name, source, catalogue), catalogue, local=False)


async def check_all(gates: Collection[Gate]) -> list[Finding]:
    """What is wrong with all sources, in their order; they are checked together."""
    found = await asyncio.gather(*(gate.check() for gate in gates))
    return [finding for each in found for finding in each]
