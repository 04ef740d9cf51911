"""References: how a person is spoken of between two organisations that know the person each by an identifier of its own."""

from typing import Annotated

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.identity.people import Person
from schema.roots import mutation, query
from values import Enquiry, Level


@plain(Level.PARTNER, "A person spoken of by another organisation, as far as this requester may know who it is.")
class Reference:
    """An opened reference."""

    handle: strawberry.ID = strawberry.field(
        description="The same for every reference to the same person by this sender in this thread, and meaningless elsewhere; "
        "it may be kept by who may not know the person."
    )
    sender: strawberry.ID = strawberry.field(description="The organisation that made it, as `organisations` names it.")
    ends_at: Instant = strawberry.field(description="Until when it can be opened and answered.")
    person: Person | None = strawberry.field(
        description="The person by this requester's own identifier; null where it may not know who is meant."
    )


@strawberry.input(description="Of whom to speak, to whom.")
class ReferenceMakeInput:
    """Either a person of one's own or a reference received."""

    receiver: strawberry.ID = strawberry.field(description="The organisation spoken to; it opens the reference for the same purpose.")
    person: strawberry.ID | None = strawberry.field(default=None, description="The person by this requester's own identifier.")
    reference: str | None = strawberry.field(
        default=None, description="Instead of `person`: a reference received in this thread, answered to its sender."
    )
    thread: str = strawberry.field(
        default="", description="What ties references together, at most 64 characters; the receiver must name it."
    )
    days: int = strawberry.field(default=30, description="For how long it can be opened. Unit: days, 1 to 90.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The reference is made; only its receiver can open it.")
class ReferenceMade:
    """Payload of referenceMake."""

    reference: str = strawberry.field(description="The text to hand over by any way; it says nothing to whoever carries it.")
    ends_at: Instant = strawberry.field(description="Until when it can be opened.")


@strawberry.type
class Query:
    """Opening what was received."""

    @query(
        (
            "What a reference says to this requester; null when it is not for it, of another purpose or thread, ended or forged, "
            "without distinction."
        ),
        "reference.open",
    )
    def reference(
        self,
        text: Annotated[str, strawberry.argument(description="The reference as it was handed over.")],
        thread: Annotated[str, strawberry.argument(description="The thread it was made in.")] = "",
    ) -> Reference | None: ...


@strawberry.type
class Mutation:
    """Speaking of a person."""

    @mutation("Make a reference to a person that another organisation can open; neither learns the other's identifier.", "reference.make")
    async def reference_make(self, hub: Hub, enquiry: Enquiry, input: ReferenceMakeInput) -> ReferenceMade:
        subject = (None if input.person is None else str(input.person), input.reference)
        made = hub.identity.references.make(enquiry, str(input.receiver), subject, input.thread, input.days, input.idempotency_key)
        return ReferenceMade(**await made)
