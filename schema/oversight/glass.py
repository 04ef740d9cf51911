"""Breaking the glass: an emergency opening, bounded, told, and looked over afterwards."""

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.oversight.matters import MatterStep, steps
from schema.roots import mutation, query, subscription
from values import Category, Enquiry, Level


class GlassState(StrEnum):
    """Where a glass stands."""

    OPEN = "open"
    CLOSED = "closed"
    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


strawberry.enum(GlassState, name="GlassState", description="Where a broken glass stands.")


@plain(Level.SEALED, "One breaking of the glass, as the person and both inspectorates read it.")
class Glass:
    """Each party knows it by an id of its own."""

    id: strawberry.ID = strawberry.field(description="The glass, for this requester.")
    person: strawberry.ID = strawberry.field(description="The person, by this requester's own identifier.")
    organisation: strawberry.ID = strawberry.field(description="The inspectorate whose officer broke it.")
    categories: list[Category] = strawberry.field(description="What it opens, as far as the inspectorate's agreements go.")
    reason: str | None = strawberry.field(description="Why.")
    state: GlassState = strawberry.field(description="Where it stands.")
    opened_at: Instant = strawberry.field(description="Since when.")
    ends_at: Instant = strawberry.field(description="Until when; it ends by itself.")
    told_at: Instant = strawberry.field(description="When the person is told.")
    delay_basis: str | None = strawberry.field(description="By which law later than at once.")
    notified: strawberry.ID = strawberry.field(description="The second body, which was told at once.")
    note: str | None = strawberry.field(description="What the officer found who looked it over.")
    reviewed_at: Instant | None = strawberry.field(description="When it was looked over.")
    trace: list[MatterStep] = strawberry.field(description="Its signed steps.")


@strawberry.input(description="For whom to break the glass, and why.")
class GlassBreakInput:
    """One person, for oversight, for a few hours."""

    person: strawberry.ID = strawberry.field(description="By this requester's own identifier.")
    reason: str = strawberry.field(description="Why, in 20 to 4000 characters; the person reads it.")
    categories: list[Category] | None = strawberry.field(default=None, description="What to open; everything, where nothing is said.")
    hours: int = strawberry.field(default=1, description="For how long. Unit: hours, 1 to 3.")
    body: strawberry.ID | None = strawberry.field(default=None, description="The second body to tell; the first other one, else.")
    tell_after: Instant | None = strawberry.field(default=None, description="When the person is told, if not at once; within 30 days.")
    delay_basis: str | None = strawberry.field(default=None, description="The law that lets it be told later.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which glass.")
class GlassInput:
    """Its id alone."""

    id: strawberry.ID = strawberry.field(description="The glass.")


@strawberry.input(description="What an officer found who looked a glass over.")
class GlassReviewInput:
    """Another officer than the one who broke it."""

    id: strawberry.ID = strawberry.field(description="The glass.")
    justified: bool = strawberry.field(description="Whether it was right to break it.")
    note: str = strawberry.field(description="Why, in 20 to 4000 characters.")


@plain(Level.SEALED, "The glass is broken.")
class GlassBroken:
    """Payload of glassBreak."""

    glass: Glass = strawberry.field(description="As it stands now.")


@plain(Level.SEALED, "The glass moved.")
class GlassMoved:
    """Payload of what is done with a glass."""

    glass: Glass = strawberry.field(description="As it stands now.")


def _glass(row: dict[str, Any]) -> Glass:
    given = {**steps(row), "state": GlassState[row["state"]], "categories": [Category[each] for each in row["categories"]]}
    return Glass(**given)  # type: ignore[arg-type]


def _moved(row: dict[str, Any]) -> GlassMoved:
    return GlassMoved(glass=_glass(row))


@strawberry.type
class Query:
    """Every glass one may know of."""

    @query("Glass broken about oneself; for an inspector every one of its body, and every one its body was told of.", "glass.read")
    def glasses(
        self,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        since: Annotated[Instant | None, strawberry.argument(description="For an inspector: broken at or after.")] = None,
        before: Annotated[strawberry.ID | None, strawberry.argument(description="For an inspector: go on after this one.")] = None,
    ) -> list[Glass] | None: ...


@strawberry.type
class Mutation:
    """Breaking the glass, and looking it over."""

    @mutation("Open consented and sealed fields of one person for a few hours; told to the person and to a second body.", "glass.break")
    async def glass_break(self, hub: Hub, enquiry: Enquiry, input: GlassBreakInput) -> GlassBroken:
        given = {
            "person": str(input.person),
            "reason": input.reason,
            "categories": input.categories,
            "hours": input.hours,
            "body": None if input.body is None else str(input.body),
            "tell_after": input.tell_after,
            "delay_basis": input.delay_basis,
        }
        return GlassBroken(glass=_glass(await hub.oversight.glass.broken(enquiry, given, input.idempotency_key)))

    @mutation("Close one's own glass before its end.", "glass.break", result="GlassMoveResult")
    async def glass_close(self, hub: Hub, enquiry: Enquiry, input: GlassInput) -> GlassMoved:
        return _moved(await hub.oversight.glass.act(enquiry, str(input.id), "close"))

    @mutation("Have the person told now, as the second body.", "glass.review", result="GlassMoveResult")
    async def glass_tell(self, hub: Hub, enquiry: Enquiry, input: GlassInput) -> GlassMoved:
        return _moved(await hub.oversight.glass.act(enquiry, str(input.id), "tell"))

    @mutation("Say whether it was right to break a glass, as another officer.", "glass.review", result="GlassMoveResult")
    async def glass_review(self, hub: Hub, enquiry: Enquiry, input: GlassReviewInput) -> GlassMoved:
        act = "justify" if input.justified else "censure"
        return _moved(await hub.oversight.glass.act(enquiry, str(input.id), act, input.note))


@strawberry.type
class Subscription:
    """What becomes of them."""

    @subscription(
        "A broken glass about oneself as soon as one may be told, or one of one's body, whenever something became of it.", "glass.read"
    )
    async def glass_changed(self) -> AsyncGenerator[Glass | None, None]: ...
