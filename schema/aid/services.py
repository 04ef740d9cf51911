"""What a beneficiary sees of its own cases, and where what was allocated is collected."""

import strawberry

from resolvers.hub import Hub
from schema.access import Amount, Code, Day, plain
from schema.roots import mutation, query
from values import Enquiry, Level


@plain(Level.PARTNER, "Where and when a programme hands over what it allocated.")
class Collection:
    """The organisation's latest announcement."""

    place: str = strawberry.field(description="Where.")
    hours: str | None = strawberry.field(description="At which hours, in the organisation's own words.")
    begins_on: Day = strawberry.field(description="The first day.")
    ends_on: Day = strawberry.field(description="The last day.")


@plain(Level.SEALED, "A need that an organisation assessed of the person.")
class OwnNeed:
    """It stands in that organisation's queue."""

    need: Code = strawberry.field(description="Kind of aid.")
    points: float = strawberry.field(description="As assessed. Unit: points, 0 to 100; 100 is the greatest need.")
    since: Day = strawberry.field(description="The day of the first assessment: waiting counts from it.")


@plain(Level.SEALED, "Something that was allocated to the person and waits to be handed over.")
class WaitingAllocation:
    """What was handed over already stands in `me { person { allocations } }`."""

    id: strawberry.ID = strawberry.field(description="Names it in `appealFile`, for this person only.")
    kind: Code = strawberry.field(description="Kind of benefit.")
    amount: Amount = strawberry.field(description="Its value. Unit: major unit of `currency`.")
    currency: Code = strawberry.field(description="After ISO 4217.")
    quantity: Amount | None = strawberry.field(description="How many units, for goods.")
    unit: Code | None = strawberry.field(description="Unit of the quantity.")
    allocated_on: Day = strawberry.field(description="The day it is for.")
    collection: Collection | None = strawberry.field(description="Where to collect it; null until it is announced.")
    voucher_ends_on: Day | None = strawberry.field(description="The last day of the voucher for it, where there is one.")


@plain(Level.SEALED, "What one organisation keeps of the person.")
class OwnCase:
    """Read by the person alone, or by a guardian who may read."""

    organisation: strawberry.ID = strawberry.field(description="Whose case the person is.")
    needs: list[OwnNeed] = strawberry.field(description="What it assessed.")
    to_collect: list[WaitingAllocation] = strawberry.field(description="What waits, the soonest first; of each person at most 100.")


@strawberry.input(description="Where and when a programme hands over what it allocated.")
class CollectionAnnounceInput:
    """The latest announcement holds."""

    programme: strawberry.ID = strawberry.field(description="An open programme of the own organisation.")
    place: str = strawberry.field(description="Where, in 1 to 200 letters; never anybody's home.")
    hours: str | None = strawberry.field(default=None, description="At which hours, in at most 120 letters.")
    begins_on: Day = strawberry.field(description="The first day.")
    ends_on: Day = strawberry.field(description="The last day; not past, and at most a year ahead.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "It is announced.")
class CollectionAnnounced:
    """Payload of collectionAnnounce."""

    programme: strawberry.ID = strawberry.field(description="The programme.")
    collection: Collection = strawberry.field(description="What its people now read.")


@strawberry.type
class Query:
    """One's own cases."""

    @query("Who keeps a case of the person who asks, what was assessed, and what waits to be collected where.", "case.read_own")
    def my_cases(self) -> list[OwnCase] | None: ...


@strawberry.type
class Mutation:
    """Telling where to collect."""

    @mutation("Announce where and when a programme hands over what it allocated.", "collection.announce")
    async def collection_announce(self, hub: Hub, enquiry: Enquiry, input: CollectionAnnounceInput) -> CollectionAnnounced:
        given = {name: getattr(input, name) for name in ("programme", "place", "hours", "begins_on", "ends_on")}
        row = await hub.aid.services.announce(enquiry, given, input.idempotency_key)
        return CollectionAnnounced(
            programme=row["programme"],
            collection=Collection(place=row["place"], hours=row["hours"], begins_on=row["begins_on"], ends_on=row["ends_on"]),
        )
