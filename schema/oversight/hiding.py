"""Looks hidden by law for a time, each by the order of another inspectorate, with an end."""

from typing import Annotated, Any

import strawberry

from schema.access import Instant, needs, plain
from schema.oversight.matters import MatterStep, steps
from schema.reading import hub_of, read, written
from schema.refusal import Refusal
from values import Level


@plain(Level.SEALED, "An order by which the looks of one body at one person are hidden from that person until an end.")
class Hiding:
    """Inspectorates see each other's orders."""

    id: strawberry.ID = strawberry.field(description="The order, for this requester.")
    person: strawberry.ID = strawberry.field(description="The person, by this requester's own identifier.")
    organisation: strawberry.ID = strawberry.field(description="Whose looks are hidden.")
    body: strawberry.ID = strawberry.field(description="The inspectorate that ordered it.")
    basis: str = strawberry.field(description="The law that allows it; the person reads it when the time is over.")
    reference: str = strawberry.field(description="The order's own number at the court or office that gave it.")
    since: Instant = strawberry.field(description="Looks from then on are hidden.")
    ends_at: Instant = strawberry.field(description="From then on they are shown.")
    ordered_at: Instant = strawberry.field(description="When it was ordered.")
    trace: list[MatterStep] = strawberry.field(description="Its signed steps.")


@strawberry.input(description="Whose looks to hide from whom, by which law, until when.")
class LooksHideInput:
    """A body never hides its own looks."""

    person: strawberry.ID = strawberry.field(description="By this requester's own identifier.")
    organisation: strawberry.ID = strawberry.field(description="Another body, whose looks are hidden.")
    basis: str = strawberry.field(description="The law, in 20 characters at least.")
    reference: str = strawberry.field(description="The order's own number.")
    ends_at: Instant = strawberry.field(description="At most 180 days ahead.")
    since: Instant | None = strawberry.field(default=None, description="Now, where nothing is said; at most 7 days ago.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which order to end before its time, and why.")
class LooksShowInput:
    """Only the body that ordered it may."""

    id: strawberry.ID = strawberry.field(description="The order.")
    reason: str = strawberry.field(description="Why, in 20 characters at least.")


@plain(Level.SEALED, "The looks are hidden until the end.")
class LooksHidden:
    """Payload of looksHide."""

    hiding: Hiding = strawberry.field(description="The order.")


@plain(Level.SEALED, "The looks are shown from now on, and say that they were hidden.")
class LooksShown:
    """Payload of looksShow."""

    hiding: Hiding = strawberry.field(description="The order.")


def _hiding(row: dict[str, Any]) -> Hiding:
    return Hiding(**steps(row))  # type: ignore[arg-type]


@strawberry.type
class Query:
    """What is hidden, for those who oversee it."""

    @strawberry.field(description="Every order that hides looks, of every inspectorate, newest first.", metadata=needs("looks.hide"))
    async def hidings(self, info: strawberry.Info) -> list[Hiding] | None:
        """Give the orders."""
        return await read(info)


@strawberry.type
class Mutation:
    """Hiding looks, and showing them again."""

    @strawberry.mutation(
        description="Hide another body's looks at a person from that person, by law and until an end.", metadata=needs("looks.hide")
    )
    async def looks_hide(
        self,
        info: strawberry.Info,
        input: LooksHideInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[LooksHidden | Refusal, strawberry.union("LooksHideResult")]:
        """Order it."""
        hub, enquiry = hub_of(info)
        given = {
            "person": str(input.person),
            "organisation": str(input.organisation),
            "basis": input.basis,
            "reference": input.reference,
            "ends_at": input.ends_at,
            "since": input.since,
        }
        return await written(
            lambda: hub.oversight.hiding.order(enquiry, given, input.idempotency_key), lambda row: LooksHidden(hiding=_hiding(row))
        )

    @strawberry.mutation(description="End such an order before its time.", metadata=needs("looks.hide"))
    async def looks_show(
        self,
        info: strawberry.Info,
        input: LooksShowInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[LooksShown | Refusal, strawberry.union("LooksShowResult")]:
        """End it."""
        hub, enquiry = hub_of(info)
        return await written(
            lambda: hub.oversight.hiding.end(enquiry, str(input.id), input.reason), lambda row: LooksShown(hiding=_hiding(row))
        )
