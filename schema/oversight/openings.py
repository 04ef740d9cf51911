"""Opening an identity: with the holder's approval, or by two officers of two bodies."""

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.oversight.matters import MatterStep, steps
from schema.roots import mutation, query, subscription
from values import Enquiry, Level


class OpeningState(StrEnum):
    """Where an opening stands."""

    ASKED = "asked"
    OPENED = "opened"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ENDED = "ended"
    TAKEN_BACK = "taken_back"


strawberry.enum(OpeningState, name="OpeningState", description="Where the opening of an identity stands.")


@plain(Level.SEALED, "A question who somebody is, and what became of it.")
class Opening:
    """Asker, holder and second body each know it by an id of their own."""

    id: strawberry.ID = strawberry.field(description="The opening, for this requester.")
    kind: str = strawberry.field(description="What the subject is named by: `person`, or a domain's own kind of thing.")
    subject: str | None = strawberry.field(description="The thing, by this requester's own id for it; null for a pseudonym.")
    person: strawberry.ID | None = strawberry.field(
        description="The person by this requester's own identifier: for the holder, and for the asker once and while it is opened."
    )
    organisation: strawberry.ID = strawberry.field(description="Who asks.")
    extreme: bool = strawberry.field(description="Whether it is asked of a second body instead of the holder.")
    body: strawberry.ID | None = strawberry.field(description="The second body, where it is extreme.")
    reason: str = strawberry.field(description="Why.")
    state: OpeningState = strawberry.field(description="Where it stands.")
    asked_at: Instant = strawberry.field(description="When it was asked.")
    ends_at: Instant = strawberry.field(description="Until when it can be decided; once it is opened, until when it is open.")
    told_at: Instant = strawberry.field(description="When the holder is told.")
    delay_basis: str | None = strawberry.field(description="By which law later than at once.")
    trace: list[MatterStep] = strawberry.field(description="Its signed steps.")


@strawberry.input(description="Whose identity to open, and why.")
class OpeningAskInput:
    """A subject that the requester can name."""

    subject: strawberry.ID = strawberry.field(description="By this requester's own id for it.")
    kind: str = strawberry.field(default="person", description="What the subject is: `person`, or a domain's own kind of thing.")
    reason: str = strawberry.field(description="Why, in 20 to 4000 characters; the holder reads it.")
    hours: int = strawberry.field(default=1, description="How long it stays open. Unit: hours, 1 to 24, for inspectors 1 to 3.")
    extreme: bool = strawberry.field(default=False, description="Without the holder, by an officer of a second body; for inspectors.")
    body: strawberry.ID | None = strawberry.field(default=None, description="The second body, where it is extreme.")
    tell_after: Instant | None = strawberry.field(default=None, description="When the holder is told, if not at once; where it is extreme.")
    delay_basis: str | None = strawberry.field(default=None, description="The law that lets it be told later.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="What the holder decides.")
class OpeningDecideInput:
    """The holder is the requester itself."""

    id: strawberry.ID = strawberry.field(description="The opening.")
    approve: bool = strawberry.field(description="Whether to be known; a consent to the name, which may be taken back.")


@strawberry.input(description="What the second officer decides.")
class OpeningConcurInput:
    """An officer of the second body."""

    id: strawberry.ID = strawberry.field(description="The opening.")
    agree: bool = strawberry.field(description="Whether the identity is opened.")
    note: str = strawberry.field(description="Why, in 20 to 4000 characters; it stands in the trace.")


@strawberry.input(description="Which opening.")
class OpeningInput:
    """Its id alone."""

    id: strawberry.ID = strawberry.field(description="The opening.")


@plain(Level.SEALED, "The opening is asked for, or moved.")
class OpeningMoved:
    """Payload of everything done with an opening."""

    opening: Opening = strawberry.field(description="As it stands now.")


def _moved(row: dict[str, Any]) -> OpeningMoved:
    return OpeningMoved(opening=Opening(**{**steps(row), "state": OpeningState[row["state"]]}))  # type: ignore[arg-type]


@strawberry.type
class Query:
    """Every opening one may know of."""

    @query("Who asks to know oneself; for an organisation what it asks, and what is asked of it as second body.", "opening.read")
    def openings(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[Opening] | None: ...


@strawberry.type
class Mutation:
    """Asking who somebody is, and deciding."""

    @mutation("Ask the holder of a pseudonym to be known, or in the extreme case a second body.", "opening.ask", result="OpeningResult")
    async def opening_ask(self, hub: Hub, enquiry: Enquiry, input: OpeningAskInput) -> OpeningMoved:
        names = ("kind", "reason", "hours", "extreme", "tell_after", "delay_basis")
        given = {name: getattr(input, name) for name in names}
        given |= {"subject": str(input.subject), "body": None if input.body is None else str(input.body)}
        return _moved(await hub.oversight.openings.ask(enquiry, given, input.idempotency_key))

    @mutation("Approve or refuse to be known.", "opening.decide", result="OpeningResult")
    async def opening_decide(self, hub: Hub, enquiry: Enquiry, input: OpeningDecideInput) -> OpeningMoved:
        return _moved(await hub.oversight.openings.decide(enquiry, str(input.id), yes=input.approve))

    @mutation("Concur with an extreme opening, or object, as the second body.", "opening.concur", result="OpeningResult")
    async def opening_concur(self, hub: Hub, enquiry: Enquiry, input: OpeningConcurInput) -> OpeningMoved:
        return _moved(await hub.oversight.openings.concur(enquiry, str(input.id), yes=input.agree, note=input.note))

    @mutation("Take a question back before it is decided.", "opening.ask", result="OpeningResult")
    async def opening_withdraw(self, hub: Hub, enquiry: Enquiry, input: OpeningInput) -> OpeningMoved:
        return _moved(await hub.oversight.openings.withdraw(enquiry, str(input.id)))


@strawberry.type
class Subscription:
    """What becomes of them."""

    @subscription("A question who somebody is, to asker, holder and second body, whenever something became of it.", "opening.read")
    async def opening_changed(self) -> AsyncGenerator[Opening | None, None]: ...
