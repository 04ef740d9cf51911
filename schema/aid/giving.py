"""Giving: allocations recorded one by one or many at once, delivered, returned, corrected, and vouchers for them."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Amount, Code, Day, Instant, plain
from schema.roots import mutation, query, subscription
from values import Enquiry, Level

KIND = "cash, food, shelter, health, education, protection, assistive_device or hygiene, after SP-DCI benefit_type."
KEY = "The same key gives the first answer again, and nothing is booked twice."


@plain(Level.PARTNER, "An allocation of the asker's own organisation, as it stands in its books.")
class BookedAllocation:
    """What others see of it stands in `Person.allocations`, under other identifiers."""

    id: strawberry.ID = strawberry.field(description="Names it in `allocationDeliver` and the like, for this requester only.")
    programme: strawberry.ID = strawberry.field(description="The programme it was booked under.")
    kind: Code = strawberry.field(description="Kind of benefit.")
    amount: Amount = strawberry.field(description="Its value. Unit: major unit of `currency`.")
    currency: Code = strawberry.field(description="After ISO 4217.")
    quantity: Amount | None = strawberry.field(description="How many units, for goods.")
    unit: Code | None = strawberry.field(description="Unit of the quantity.")
    allocated_on: Day = strawberry.field(description="The day it is for.")
    status: Code = strawberry.field(description="planned, delivered, returned or corrected.")


@plain(Level.PARTNER, "One line of a distribution list.")
class DistributionLine:
    """Whom it is for is `person`, by the asker's own identifier."""

    allocation: BookedAllocation = strawberry.field(description="What is to be handed over, or was.")
    person: strawberry.ID = strawberry.field(description="For whom; give it to `person(id:)` to read more.")


@plain(Level.PARTNER, "A page of a programme's distribution list.")
class DistributionList:
    """Oldest first."""

    lines: list[DistributionLine] = strawberry.field(description="The lines of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` to go on; null on an empty page.")
    has_next_page: bool = strawberry.field(description="Whether more follow.")


@plain(Level.PARTNER, "One step of an allocation, signed by the hub.")
class AllocationStep:
    """Who did what when."""

    number: int = strawberry.field(description="1, 2, 3 … without gaps.")
    at: Instant = strawberry.field(description="When.")
    act: Code = strawberry.field(description="record, deliver, return or correct.")
    status: Code = strawberry.field(description="The status it led to.")
    role: Code = strawberry.field(description="The role of whoever did it.")
    reason: str | None = strawberry.field(description="Why, where a reason was asked for.")


@strawberry.input(description="One allocation.")
class AllocationRecordInput:
    """Give `amount` and `currency` for money, `quantity` and `unit` for goods."""

    person: strawberry.ID = strawberry.field(description="A person of the own case load.")
    programme: strawberry.ID = strawberry.field(description="The programme it is given under.")
    kind: Code = strawberry.field(description=f"The programme's kind: {KIND}")
    amount: Amount | None = strawberry.field(default=None, description="How much money. Unit: major unit of `currency`.")
    currency: Code | None = strawberry.field(default=None, description="The fund's own, after ISO 4217.")
    quantity: Amount | None = strawberry.field(default=None, description="How many units of goods.")
    unit: Code | None = strawberry.field(default=None, description="The stock's own unit.")
    on: Day = strawberry.field(description="The day it is for; at most a year ahead, and not before the programme opened.")
    delivered: bool = strawberry.field(default=False, description="Whether it is already in the person's hands; else it is planned.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="One line of a bulk allocation.")
class AllocationLineInput:
    """Without an amount of its own it takes that of the whole."""

    person: strawberry.ID = strawberry.field(description="A person of the own case load.")
    amount: Amount | None = strawberry.field(default=None, description="Another amount for this person.")
    quantity: Amount | None = strawberry.field(default=None, description="Another quantity for this person.")


@strawberry.input(description="Many allocations of one programme: all of them are booked, or none.")
class AllocationsRecordInput:
    """As `allocationRecord`, for up to 10,000 people at once."""

    programme: strawberry.ID = strawberry.field(description="The programme they are given under.")
    kind: Code = strawberry.field(description=f"The programme's kind: {KIND}")
    lines: list[AllocationLineInput] = strawberry.field(description="1 to 10,000 lines, each person at most once.")
    amount: Amount | None = strawberry.field(default=None, description="How much money for each line that does not say.")
    currency: Code | None = strawberry.field(default=None, description="The fund's own, after ISO 4217.")
    quantity: Amount | None = strawberry.field(default=None, description="How many units of goods for each line that does not say.")
    unit: Code | None = strawberry.field(default=None, description="The stock's own unit.")
    on: Day = strawberry.field(description="The day they are for.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A planned allocation that was handed over.")
class AllocationDeliverInput:
    """Its distribution list then shows it as delivered."""

    allocation: strawberry.ID = strawberry.field(description="The allocation.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An allocation that came back: a counter-entry puts it into its fund or stock again.")
class AllocationReturnInput:
    """Nothing is erased."""

    allocation: strawberry.ID = strawberry.field(description="The allocation.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters; never an identifier of a person.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An allocation recorded with a wrong amount: a counter-entry takes it back and another follows.")
class AllocationCorrectInput:
    """Nothing is edited."""

    allocation: strawberry.ID = strawberry.field(description="The allocation.")
    amount: Amount | None = strawberry.field(default=None, description="What was right, for money.")
    quantity: Amount | None = strawberry.field(default=None, description="What was right, for goods.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters; never an identifier of a person.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A voucher for a planned allocation.")
class VoucherIssueInput:
    """Whoever brings its code receives the allocation, once."""

    allocation: strawberry.ID = strawberry.field(description="The planned allocation.")
    ends_on: Day = strawberry.field(description="The last day it is taken; at most a year ahead.")


@strawberry.input(description="A voucher that somebody brought.")
class VoucherRedeemInput:
    """It is taken once."""

    code: str = strawberry.field(description="The code on it; always send it as a variable.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@plain(Level.PARTNER, "The allocation is booked.")
class AllocationRecorded:
    """Payload of allocationRecord."""

    allocation: BookedAllocation = strawberry.field(description="As it stands now.")


@plain(Level.PARTNER, "All allocations are booked.")
class AllocationsRecorded:
    """Payload of allocationsRecord."""

    count: int = strawberry.field(description="How many.")
    allocations: list[strawberry.ID] = strawberry.field(description="Their identifiers, in the order of the lines.")
    total: Amount = strawberry.field(description="What they took together. Unit: that of the programme's resource.")


@plain(Level.PARTNER, "The allocation moved on.")
class AllocationMoved:
    """Payload of allocationDeliver, allocationReturn and voucherRedeem."""

    allocation: BookedAllocation = strawberry.field(description="As it stands now.")


@plain(Level.PARTNER, "The allocation was taken back, and another recorded in its place.")
class AllocationCorrected:
    """Payload of allocationCorrect."""

    corrected: BookedAllocation = strawberry.field(description="The one that was wrong.")
    allocation: BookedAllocation = strawberry.field(description="The one in its place.")


@plain(Level.PARTNER, "The voucher holds.")
class VoucherIssued:
    """Payload of voucherIssue."""

    code: str = strawberry.field(description="Shown this once; the hub keeps only a hash of it.")
    ends_on: Day = strawberry.field(description="The last day it is taken.")


@plain(Level.PARTNER, "How far a list of allocations is; all of it is booked, or nothing.")
class AllocationsProgress:
    """What is booked is durable when the state says so."""

    idempotency_key: str | None = strawberry.field(description="That of the list, as it was sent.")
    lines: int = strawberry.field(description="How many lines the list has.")
    checked: int = strawberry.field(description="How many of them were looked at and can be booked.")
    booked: int = strawberry.field(description="How many of them are written; they stand once the state is booked.")
    state: Code = strawberry.field(description="checking, booking, booked or refused.")


def _booked(row: dict[str, Any]) -> BookedAllocation:
    return BookedAllocation(**row)


@strawberry.type
class Query:
    """The own books, line by line."""

    @query("What a programme of the own organisation allocated to whom, oldest first.", "books.read")
    def distribution(
        self,
        programme: Annotated[strawberry.ID, strawberry.argument(description="The programme.")],
        status: Annotated[Code | None, strawberry.argument(description="Only those planned, delivered, returned or corrected.")] = None,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
    ) -> DistributionList | None: ...

    @query("The signed steps of an own allocation, first to last.", "books.read")
    def allocation_steps(
        self, allocation: Annotated[strawberry.ID, strawberry.argument(description="The allocation.")]
    ) -> list[AllocationStep] | None: ...


@strawberry.type
class Mutation:
    """Booking what is given."""

    @mutation("Record an allocation to a person of the own case load.", "allocation.record")
    async def allocation_record(self, hub: Hub, enquiry: Enquiry, input: AllocationRecordInput) -> AllocationRecorded:
        return AllocationRecorded(allocation=_booked(await hub.aid.giving.record(enquiry, vars(input))))

    @mutation("Record many allocations at once, all or none.", "allocation.record")
    async def allocations_record(self, hub: Hub, enquiry: Enquiry, input: AllocationsRecordInput) -> AllocationsRecorded:
        lines = [vars(each) for each in input.lines]
        return AllocationsRecorded(**await hub.aid.giving.record_many(enquiry, vars(input), lines))

    @mutation("Say that a planned allocation was handed over.", "allocation.record")
    async def allocation_deliver(self, hub: Hub, enquiry: Enquiry, input: AllocationDeliverInput) -> AllocationMoved:
        return AllocationMoved(allocation=_booked(await hub.aid.giving.deliver(enquiry, str(input.allocation), input.idempotency_key)))

    @mutation("Take back an allocation that came back, by a counter-entry.", "allocation.record")
    async def allocation_return(self, hub: Hub, enquiry: Enquiry, input: AllocationReturnInput) -> AllocationMoved:
        return AllocationMoved(
            allocation=_booked(await hub.aid.giving.take_back(enquiry, str(input.allocation), input.reason, input.idempotency_key))
        )

    @mutation("Correct an allocation: a counter-entry, and another in its place.", "allocation.correct")
    async def allocation_correct(self, hub: Hub, enquiry: Enquiry, input: AllocationCorrectInput) -> AllocationCorrected:
        row = await hub.aid.giving.correct(
            enquiry, str(input.allocation), (input.amount, input.quantity), input.reason, input.idempotency_key
        )
        return AllocationCorrected(corrected=_booked(row["corrected"]), allocation=_booked(row["allocation"]))

    @mutation("Issue a voucher for a planned allocation.", "allocation.record")
    async def voucher_issue(self, hub: Hub, enquiry: Enquiry, input: VoucherIssueInput) -> VoucherIssued:
        return VoucherIssued(**await hub.aid.distribution.issue(enquiry, str(input.allocation), input.ends_on))

    @mutation("Take a voucher, once, and deliver what it is for.", "allocation.record")
    async def voucher_redeem(self, hub: Hub, enquiry: Enquiry, input: VoucherRedeemInput) -> AllocationMoved:
        return AllocationMoved(allocation=_booked(await hub.aid.distribution.redeem(enquiry, input.code, input.idempotency_key)))


@strawberry.type
class Subscription:
    """How far a long list is."""

    @subscription("How far the own organisation's lists of allocations are, while they are checked and booked.", "allocation.record")
    async def allocations_progressed(
        self, idempotency_key: Annotated[str | None, strawberry.argument(description="Only of the list with this key.")] = None
    ) -> AsyncGenerator[AllocationsProgress | None, None]: ...
