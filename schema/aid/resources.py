"""What an organisation has to give: funds, goods in stock, and the programmes that give from them."""

from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Amount, Code, Day, plain
from schema.roots import mutation, query
from values import Enquiry, Level


@plain(Level.PARTNER, "Money or goods of the asker's organisation; kept by double entry, never below zero.")
class Resource:
    """A fund or a stock."""

    id: strawberry.ID = strawberry.field(description="This fund or stock for this requester only.")
    name: str = strawberry.field(description="Its name.")
    kind: Code = strawberry.field(description="fund or stock.")
    unit: Code = strawberry.field(
        description="Of a fund the currency after ISO 4217, of a stock the unit of its goods: basket, kg, piece, session."
    )
    balance: Amount = strawberry.field(description="What is left. Unit: `unit`.")
    unit_value: Amount | None = strawberry.field(description="What one unit of goods is worth. Unit: major unit of `valueCurrency`.")
    value_currency: Code | None = strawberry.field(description="Currency of that worth, after ISO 4217.")


@plain(Level.PARTNER, "A programme of the asker's organisation: what is given, from where, by which rules.")
class Programme:
    """Rules under which allocations are made."""

    id: strawberry.ID = strawberry.field(description="This programme for this requester only.")
    name: str = strawberry.field(description="Its name, as allocations of it bear it.")
    kind: Code = strawberry.field(description="Kind of benefit, after SP-DCI benefit_type.")
    state: Code = strawberry.field(description="open or closed.")
    opens_on: Day = strawberry.field(description="The first day allocations may be for.")
    closes_on: Day | None = strawberry.field(description="The last day allocations may be for.")
    ceiling_person: Amount | None = strawberry.field(description="At most so much for one person in a period. Unit: that of its resource.")
    ceiling_household: Amount | None = strawberry.field(
        description="At most so much for one household in a period. Unit: that of its resource."
    )
    period_days: int | None = strawberry.field(description="How far back a ceiling looks; null for all time. Unit: days.")
    minimum_need: int | None = strawberry.field(description="Need below which nobody is admitted. Unit: points, 0 to 100.")
    version: int = strawberry.field(description="Give it back with a change; it counts the changes.")
    given: Amount = strawberry.field(description="What it has given. Unit: that of its resource.")
    resource: Resource = strawberry.field(description="The fund or stock it gives from.")


@strawberry.input(description="A fund to open.")
class FundOpenInput:
    """Money comes in afterwards by `resourceReceive`."""

    name: str = strawberry.field(description="Its name, 1 to 120 letters.")
    currency: Code = strawberry.field(description="After ISO 4217.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="A stock of goods to open.")
class StockOpenInput:
    """Goods come in afterwards by `resourceReceive`."""

    name: str = strawberry.field(description="Its name, 1 to 120 letters.")
    unit: Code = strawberry.field(description="What is counted: basket, kg, piece, session.")
    unit_value: Amount = strawberry.field(description="What one unit is worth. Unit: major unit of `currency`.")
    currency: Code = strawberry.field(description="Of that worth, after ISO 4217.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Money or goods that came in.")
class ResourceReceiveInput:
    """Booked against the outside world."""

    resource: strawberry.ID = strawberry.field(description="The fund or stock.")
    amount: Amount = strawberry.field(description="How much. Unit: `unit`.")
    unit: Code = strawberry.field(description="The resource's own currency or unit, so that nothing is mixed up.")
    on: Day = strawberry.field(description="The day it came in.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="A programme to open.")
class ProgrammeOpenInput:
    """Its rules hold for every allocation under it."""

    name: str = strawberry.field(description="Its name, 1 to 64 letters.")
    kind: Code = strawberry.field(
        description="cash, food, shelter, health, education, protection, assistive_device or hygiene, after SP-DCI benefit_type."
    )
    resource: strawberry.ID = strawberry.field(description="The fund or stock it gives from.")
    opens_on: Day = strawberry.field(description="The first day allocations may be for.")
    closes_on: Day | None = strawberry.field(default=None, description="The last day allocations may be for.")
    ceiling_person: Amount | None = strawberry.field(default=None, description="At most so much for one person in a period.")
    ceiling_household: Amount | None = strawberry.field(default=None, description="At most so much for one household in a period.")
    period_days: int | None = strawberry.field(default=None, description="How far back a ceiling looks; all time without it. Unit: days.")
    minimum_need: int | None = strawberry.field(default=None, description="Need below which nobody is admitted. Unit: points, 0 to 100.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="A programme to close: it takes no allocations afterwards.")
class ProgrammeCloseInput:
    """What was planned under it can still be delivered or returned."""

    programme: strawberry.ID = strawberry.field(description="The programme.")
    version: int = strawberry.field(description="As it was read.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters; never an identifier of a person.")


@plain(Level.PARTNER, "The fund or stock stands.")
class ResourceOpened:
    """Payload of fundOpen and stockOpen."""

    resource: Resource = strawberry.field(description="As it stands now.")


@plain(Level.PARTNER, "What came in is booked.")
class ResourceReceived:
    """Payload of resourceReceive."""

    resource: Resource = strawberry.field(description="As it stands now.")


@plain(Level.PARTNER, "The programme is open.")
class ProgrammeOpened:
    """Payload of programmeOpen."""

    programme: Programme = strawberry.field(description="As it stands now.")


@plain(Level.PARTNER, "The programme is closed.")
class ProgrammeEnded:
    """Payload of programmeClose."""

    programme: Programme = strawberry.field(description="As it stands now.")


def _programme(row: dict[str, Any]) -> Programme:
    return Programme(**{**row, "resource": Resource(**row["resource"])})


@strawberry.type
class Query:
    """What the asker's organisation has and does."""

    @query("The funds and stocks of the asker's organisation, oldest first.", "books.read")
    def resources(self) -> list[Resource] | None: ...

    @query("The programmes of the asker's organisation, open ones first.", "books.read")
    def programmes(
        self, state: Annotated[Code | None, strawberry.argument(description="Only those that are open, or closed.")] = None
    ) -> list[Programme] | None: ...


@strawberry.type
class Mutation:
    """Opening, filling and closing what is given from."""

    @mutation("Open a fund.", "fund.open")
    async def fund_open(self, hub: Hub, enquiry: Enquiry, input: FundOpenInput) -> ResourceOpened:
        return ResourceOpened(
            resource=Resource(**await hub.aid.resources.open_fund(enquiry, input.name, input.currency, input.idempotency_key))
        )

    @mutation("Open a stock of goods.", "fund.open")
    async def stock_open(self, hub: Hub, enquiry: Enquiry, input: StockOpenInput) -> ResourceOpened:
        return ResourceOpened(
            resource=Resource(
                **await hub.aid.resources.open_stock(
                    enquiry, input.name, input.unit, (input.unit_value, input.currency), input.idempotency_key
                )
            )
        )

    @mutation("Book money or goods that came in.", "fund.receive")
    async def resource_receive(self, hub: Hub, enquiry: Enquiry, input: ResourceReceiveInput) -> ResourceReceived:
        return ResourceReceived(
            resource=Resource(
                **await hub.aid.resources.receive(enquiry, str(input.resource), (input.amount, input.unit), input.on, input.idempotency_key)
            )
        )

    @mutation("Open a programme.", "programme.open")
    async def programme_open(self, hub: Hub, enquiry: Enquiry, input: ProgrammeOpenInput) -> ProgrammeOpened:
        rules = {name: getattr(input, name) for name in ("ceiling_person", "ceiling_household", "period_days", "minimum_need")}
        return ProgrammeOpened(
            programme=_programme(
                await hub.aid.resources.open_programme(
                    enquiry, (input.name, input.kind, str(input.resource)), (input.opens_on, input.closes_on), rules, input.idempotency_key
                )
            )
        )

    @mutation("Close a programme.", "programme.close")
    async def programme_close(self, hub: Hub, enquiry: Enquiry, input: ProgrammeCloseInput) -> ProgrammeEnded:
        return ProgrammeEnded(
            programme=_programme(await hub.aid.resources.close_programme(enquiry, str(input.programme), input.version, input.reason))
        )
