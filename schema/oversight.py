"""Oversight: which sources stand behind the hub, what was withheld and why, and who looked."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import strawberry

from schema.access import Instant, needs, plain
from schema.reading import read
from values import Level, Reason, SourceStatus


@plain(Level.PARTNER, "An attribute that is not shown, why, and what could be done.")
class Withheld:
    """One line of a person's `withheld`."""

    attribute: str = strawberry.field(description="The field, as `Person.birthDate`.")
    reason: Reason = strawberry.field(description="Why; depends on requester, purpose, consent and selection, never on the value.")
    remedy: str = strawberry.field(description="What the requester could do about it.")


@plain(Level.PARTNER, "Where a shown attribute came from.")
class Provenance:
    """One line of a person's `provenance`."""

    attribute: str = strawberry.field(description="The field, as `Person.sex`.")
    source: str = strawberry.field(description="The source it was read from.")
    as_of: Instant = strawberry.field(description="When the source's data were true, as far as it tells.")


@plain(Level.SEALED, "One look at a person's data: who, when, why, what.")
class Disclosure:
    """An entry of the disclosure record, as the person reads it."""

    id: strawberry.ID = strawberry.field(description="The entry's number in the record.")
    at: Instant = strawberry.field(description="When.")
    organisation: str | None = strawberry.field(description="The receiving organisation.")
    role: str = strawberry.field(description="The role of who looked.")
    purpose: str = strawberry.field(description="Why.")
    attributes: list[str] = strawberry.field(description="Which fields were shown.")
    sources: list[str] = strawberry.field(description="Which sources they came from.")
    grounds: list[str] = strawberry.field(description="On which grounds: agreement, consent, own case, self.")


@plain(Level.OPEN, "A connected system.")
class Source:
    """A source and how it is doing just now."""

    name: str = strawberry.field(description="Its name in `extensions.sources` and in agreements.")
    steward: str = strawberry.field(description="The organisation that answers for it.")
    kind: str = strawberry.field(description="ministry, ngo or registry.")
    wire: str = strawberry.field(description="How it is reached: sql, rest, graphql, files, hub.")
    status: SourceStatus = strawberry.field(description="How its last answers were; NOT_ASKED before the first.")
    last_answer_at: Instant | None = strawberry.field(description="When it last answered well.")
    milliseconds: float | None = strawberry.field(description="Median of its last answers.")
    entities: list[str] = strawberry.field(description="What it knows about.")


@strawberry.type
class Query:
    """Oversight's root fields."""

    @strawberry.field(description="The sources behind the hub and how they are doing; open to anyone.")
    async def sources(self, info: strawberry.Info) -> list[Source]:
        """Give the sources."""
        return await read(info)


@strawberry.type
class Subscription:
    """What happens in the hub, as it happens."""

    @strawberry.subscription(description="The sources whose status has just changed; open to anyone.")
    async def sources_changed(self, info: strawberry.Info) -> AsyncGenerator[list[Source], None]: ...

    @strawberry.subscription(
        description="A look at the subscriber's own data as it enters the record; for the person alone, its own looks left out.",
        metadata=needs("disclosures.watch"),
    )
    async def disclosed(self, info: strawberry.Info) -> AsyncGenerator[Disclosure | None, None]: ...
