"""What may be subscribed to. The answers are made by `resolvers/watching.py`; here it only has its name, type and description."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import strawberry

from schema.access import needs
from schema.identity import Person
from schema.oversight import Disclosure, Source


@strawberry.type
class Subscription:
    """Every subscription; each has one field, as the specification demands."""

    @strawberry.subscription(description="The sources whose status has just changed; open to anyone.")
    async def sources_changed(self, info: strawberry.Info) -> AsyncGenerator[list[Source], None]: ...

    @strawberry.subscription(
        description="A look at the subscriber's own data as it enters the record; for the person alone, its own looks left out.",
        metadata=needs("disclosures.watch"),
    )
    async def disclosed(self, info: strawberry.Info) -> AsyncGenerator[Disclosure | None, None]: ...

    @strawberry.subscription(
        description="A person of the own case load who has just granted or withdrawn a consent towards this organisation, for the "
        "purpose of the subscription, as it may be seen from now on.",
        metadata=needs("caseload.read"),
    )
    async def case_consented(self, info: strawberry.Info) -> AsyncGenerator[Person | None, None]: ...
