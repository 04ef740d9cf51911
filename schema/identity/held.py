"""Consents as their receivers see them."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from schema.access import Day, plain
from schema.identity.consents import Frequency
from schema.roots import query, subscription
from values import Category, ConsentMode, Level, Purpose


@plain(Level.PARTNER, "A consent in force towards the requester's organisation.")
class HeldConsent:
    """Days, not moments: two receivers shall not recognise a person by the second of its consent."""

    cursor: str = strawberry.field(description="Where to go on after it.")
    person: strawberry.ID = strawberry.field(description="Whose it is, by this requester's own identifier.")
    purpose: Purpose = strawberry.field(description="The purpose it holds for.")
    categories: list[Category] = strawberry.field(description="What it opens now, no more than the ceiling of the purpose.")
    granted_on: Day = strawberry.field(description="The day it was given.")
    ends_on: Day = strawberry.field(description="The day it ends by itself.")
    mode: ConsentMode = strawberry.field(description="Whether what is seen may be kept.")
    keep_days: int | None = strawberry.field(description="How long what was seen may be kept; null where it may not. Unit: days.")
    frequency: Frequency | None = strawberry.field(description="How often it may be used; null: as often as needed.")
    witnessed: bool = strawberry.field(description="Whether it was given on paper before a witness and not confirmed by the person yet.")


@plain(Level.PARTNER, "A person took a consent back: nothing more is shown under it, and what was kept under it is to be erased.")
class ConsentEnded:
    """Told to those who held it."""

    person: strawberry.ID = strawberry.field(description="Who, by this requester's own identifier.")
    purpose: Purpose = strawberry.field(description="The purpose it held for.")
    categories: list[Category] = strawberry.field(description="What it opened.")
    mode: ConsentMode = strawberry.field(description="STORE: what was kept is to be erased now.")


@strawberry.type
class Query:
    """What an organisation may do by consent."""

    @query("The consents in force towards the requester's organisation, for the purpose of this request.", "consent.held")
    def consents_held(
        self,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 100,
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
    ) -> list[HeldConsent] | None: ...


@strawberry.type
class Subscription:
    """Being told of a withdrawal."""

    @subscription("A person has just taken back a consent towards this organisation, for the purpose of the subscription.", "consent.held")
    async def consent_ended(self) -> AsyncGenerator[ConsentEnded | None, None]: ...
