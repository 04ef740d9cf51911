"""Edge mode: a source's side has its blinded identifiers evaluated; the hub never sees one."""

import strawberry

from resolvers.hub import Hub
from schema.access import plain
from schema.roots import mutation
from values import Enquiry, Level


@strawberry.input(description="Blinded identifiers of a source.")
class EdgeEvaluateInput:
    """The protocol is that of RFC 9497 in its mode VOPRF."""

    source: str = strawberry.field(description="The source under whose daily budget they count, as `sources` names it.")
    elements: list[str] = strawberry.field(description="Blinded elements, each 64 hexadecimal digits; at most 1,000.")


@plain(Level.PARTNER, "Blinded identifiers, evaluated under this hub's share of the edge key.")
class EdgeEvaluated:
    """Payload of edgeEvaluate."""

    elements: list[str] = strawberry.field(description="The evaluated elements, in the order they were sent. After RFC 9497.")
    proof: str = strawberry.field(description="That all were evaluated under the public key: 128 hexadecimal digits. After RFC 9497.")
    public_key: str = strawberry.field(description="The public key of this hub's share; compare it with the one given to you by hand.")


@strawberry.type
class Mutation:
    """What a source's side asks of an operator."""

    @mutation(
        "Evaluate blinded identifiers for `mizalla edge blind`; the hub learns nothing of them, the source nothing of the key.",
        "edge.evaluate",
    )
    async def edge_evaluate(self, hub: Hub, enquiry: Enquiry, input: EdgeEvaluateInput) -> EdgeEvaluated:
        return EdgeEvaluated(**await hub.identity.edge.evaluate(enquiry, input.source, input.elements))
