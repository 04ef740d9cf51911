"""What stands out in how aid was given, for inspectors."""

from typing import Annotated

import strawberry

from schema.access import Amount, Code, Day, Instant, plain
from schema.roots import query
from values import Level


@plain(Level.SEALED, "A person who received from many organisations.")
class RepeatedReceipt:
    """Often rightly: it is a reason to look."""

    person: strawberry.ID = strawberry.field(description="By the inspectorate's own identifier; the person reads that it was shown.")
    organisations: int = strawberry.field(description="How many gave. Unit: organisations.")
    kinds: int = strawberry.field(description="How many kinds of aid.")
    gifts: int = strawberry.field(description="How many times.")


@plain(Level.SEALED, "A month in which much more was given than before.")
class GivingSpike:
    """At least three times the median of at least three months before it, within the period."""

    organisation: strawberry.ID = strawberry.field(description="Who gave.")
    programme: str | None = strawberry.field(description="Under which programme; null for other systems' books.")
    currency: Code = strawberry.field(description="After ISO 4217.")
    month: str = strawberry.field(description="As 2026-03.")
    amount: Amount = strawberry.field(description="How much. Unit: major unit of the currency.")
    usual: Amount = strawberry.field(description="The median of the months before, likewise.")
    times: float = strawberry.field(description="The one by the other.")


@plain(Level.SEALED, "Allocations just below a programme's ceiling for a person.")
class NearCeiling:
    """From nine tenths of it on."""

    organisation: strawberry.ID = strawberry.field(description="Who gave.")
    programme: str = strawberry.field(description="The programme.")
    near: int = strawberry.field(description="How many allocations are just below it.")
    allocations: int = strawberry.field(description="Of how many.")
    share: float = strawberry.field(description="The one by the other, 0 to 1.")


@plain(Level.SEALED, "What became of an organisation's allocations.")
class AllocationOutcomes:
    """By the day they are for."""

    organisation: strawberry.ID = strawberry.field(description="Who gave.")
    allocations: int = strawberry.field(description="How many in all.")
    returned: int = strawberry.field(description="Those that came back.")
    corrected: int = strawberry.field(description="Those that were wrong, and recorded anew.")


@plain(Level.SEALED, "A fund or stock that holds something and does not move.")
class DormantResource:
    """Nothing was booked on it in the 90 days up to the end of the period."""

    organisation: strawberry.ID = strawberry.field(description="Whose.")
    name: str = strawberry.field(description="Its name.")
    unit: Code = strawberry.field(description="ISO 4217 for money, else the unit of goods.")
    balance: Amount = strawberry.field(description="What it holds. Unit: `unit`.")
    last_moved_at: Instant = strawberry.field(description="When something was last booked on it.")


@plain(Level.SEALED, "How often an organisation decided otherwise than its queue.")
class OverrideCount:
    """Who was moved is the organisation's to tell: `queueOverrides`."""

    organisation: strawberry.ID = strawberry.field(description="Who decided.")
    need: Code = strawberry.field(description="In the queue of which need.")
    count: int = strawberry.field(description="How often.")
    people: int = strawberry.field(description="For how many people.")
    upwards: int = strawberry.field(description="How often towards the head.")
    roles: list[str] = strawberry.field(description="In which roles.")
    reasons: list[str] = strawberry.field(description="The reasons that were written down, newest first, at most twenty.")
    last_at: Instant = strawberry.field(description="When last.")


@plain(Level.SEALED, "What stands out in how aid was given in a period.")
class AidPatterns:
    """Only what is selected is looked for."""

    from_: Day = strawberry.field(name="from", description="The first day.")
    to: Day = strawberry.field(description="The last day.")
    repeated: list[RepeatedReceipt] = strawberry.field(description="People who received from many, most first.")
    spikes: list[GivingSpike] = strawberry.field(description="Months that stand out, steepest first.")
    near_ceilings: list[NearCeiling] = strawberry.field(description="Programmes with allocations just below their ceiling.")
    outcomes: list[AllocationOutcomes] = strawberry.field(description="What came back or was wrong, by organisation.")
    dormant: list[DormantResource] = strawberry.field(description="What lies unused, longest first.")
    overrides: list[OverrideCount] = strawberry.field(description="Decisions against a queue, most first.")


@strawberry.type
class Query:
    """Looking over all organisations."""

    @query("For inspectors: what stands out in how aid was given by all organisations. A reason to look, never a verdict.", "aid.inspect")
    def aid_patterns(
        self,
        from_: Annotated[Day, strawberry.argument(name="from", description="The first day.")],
        to: Annotated[Day, strawberry.argument(description="The last day.")],
        least_organisations: Annotated[int, strawberry.argument(description="From so many givers on a person is listed, 2 at least.")] = 3,
        first: Annotated[int, strawberry.argument(description="At most so many of each, 1 to 1000.")] = 50,
    ) -> AidPatterns | None: ...
