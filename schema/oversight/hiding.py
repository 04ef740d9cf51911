"""Looks hidden by law for a time, each by the order of another inspectorate, with an end."""

from typing import Any

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.oversight.matters import MatterStep, steps
from schema.roots import mutation, query
from values import Enquiry, Level


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

    @query("Every order that hides looks, of every inspectorate, newest first.", "looks.hide")
    def hidings(self) -> list[Hiding] | None: ...


@strawberry.type
class Mutation:
    """Hiding looks, and showing them again."""

    @mutation("Hide another body's looks at a person from that person, by law and until an end.", "looks.hide")
    async def looks_hide(self, hub: Hub, enquiry: Enquiry, input: LooksHideInput) -> LooksHidden:
        given = {
            "person": str(input.person),
            "organisation": str(input.organisation),
            "basis": input.basis,
            "reference": input.reference,
            "ends_at": input.ends_at,
            "since": input.since,
        }
        return LooksHidden(hiding=_hiding(await hub.oversight.hiding.order(enquiry, given, input.idempotency_key)))

    @mutation("End such an order before its time.", "looks.hide")
    async def looks_show(self, hub: Hub, enquiry: Enquiry, input: LooksShowInput) -> LooksShown:
        return LooksShown(hiding=_hiding(await hub.oversight.hiding.end(enquiry, str(input.id), input.reason)))
