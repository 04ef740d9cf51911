"""The sources behind the hub and how they do."""

from collections.abc import AsyncGenerator

import strawberry

from schema.access import Instant, plain
from schema.roots import query, subscription
from values import Level, SourceStatus


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
    """What is open to anyone."""

    @query("The sources behind the hub and how they are doing; open to anyone.")
    def sources(self) -> list[Source]: ...


@strawberry.type
class Subscription:
    """What happens in the hub, as it happens."""

    @subscription("The sources whose status has just changed; open to anyone.")
    async def sources_changed(self) -> AsyncGenerator[list[Source], None]: ...
