"""Aid: what a person received, from whom, and the organisations that give it."""

from enum import Enum
from typing import Annotated

import strawberry

from schema.access import Code, Day, entity, meta, open_, partner, plain, related
from schema.roots import query
from values import Category, Level

ASSISTANCE = Category.ASSISTANCE


@strawberry.enum(description="The order of a list of allocations.")
class AllocationOrder(Enum):
    """NEWEST for people who read, RECORDED for programs that want the source's own order."""

    NEWEST = strawberry.enum_value("newest", description="Newest day first; those of one day in the source's order.")
    RECORDED = strawberry.enum_value("recorded", description="As each source recorded them, sources by precedence.")


@strawberry.enum(description="A language people read, by its BCP 47 code.")
class Language(Enum):
    """The three languages of the hub."""

    AR = strawberry.enum_value("ar", description="Arabic.")
    CKB = strawberry.enum_value("ckb", description="Kurdish (Sorani).")
    EN = strawberry.enum_value("en", description="English.")


@entity("organisation", Level.OPEN, "A body that gives aid or keeps data: a ministry, a registry, a civil-society organisation.")
class Organisation:
    """An organisation; anyone may know of it."""

    id: strawberry.ID = strawberry.field(description="Its public name in addresses and agreements; the same for everyone.")
    name: str | None = open_("Its name, in English where it is known in several languages; see `named`.")
    kind: Code | None = open_("What kind of body it is: ministry, ngo, registry, inspectorate, developer, or the source's own word.")
    website: str | None = open_("Its public page.")

    @meta(Level.OPEN, "Its name in one language; null where nobody gave it.")
    def named(
        self, language: Annotated[Language, strawberry.argument(description="The language it is wanted in.")] = Language.AR
    ) -> str | None: ...


@entity("allocation", Level.PARTNER, "One thing given to a person: cash, goods or a service, by one organisation on one day.")
class Allocation:
    """What one organisation gave one person once."""

    id: strawberry.ID = strawberry.field(description="This allocation for this requester only; another requester sees another identifier.")
    kind: Code | None = partner(
        "Kind of benefit: cash, food, shelter, health, education, protection, assistive_device, hygiene.",
        ASSISTANCE,
        standard="SP-DCI benefit_type",
    )
    programme: str | None = partner("The programme it belongs to.", ASSISTANCE)
    amount: float | None = partner("Its value.", ASSISTANCE, unit="major unit of `currency`", standard="SP-DCI benefit_value")
    currency: Code | None = partner("Currency of the amount.", ASSISTANCE, standard="ISO 4217")
    quantity: float | None = partner("How many units were given, for goods.", ASSISTANCE, unit="the allocation's `unit`")
    unit: Code | None = partner("The unit of the quantity: basket, kg, piece, session.", ASSISTANCE)
    allocated_on: Day | None = partner("The day it was given or planned for.", ASSISTANCE, standard="ISO 8601")
    status: Code | None = partner("planned, delivered, returned, or corrected by another in its place.", ASSISTANCE)

    @related(Level.PARTNER, "organisation", "Who gave it.", ASSISTANCE)
    def organisation(self) -> Organisation | None: ...

    @meta(Level.PARTNER, "The source that recorded it.")
    def source(self) -> str | None: ...


@plain(Level.PARTNER, "What a person received of one kind in one currency, from everybody whose books may be read.")
class Received:
    """Allocations added up, each under its own rules; a value that may not be shown is in no total."""

    kind: Code | None = strawberry.field(description="Kind of benefit, after SP-DCI benefit_type.")
    currency: Code | None = strawberry.field(description="Currency of the amounts, after ISO 4217.")
    amount: float | None = strawberry.field(description="Delivered in all. Unit: major unit of `currency`.")
    planned: float | None = strawberry.field(description="Planned and not handed over yet. Unit: major unit of `currency`.")
    count: int = strawberry.field(description="How many times something was delivered.")
    last_on: Day | None = strawberry.field(description="The day of the last of them.")
    complete: bool = strawberry.field(description="Whether every source that was asked answered.")


ENTITIES = [Organisation, Allocation]


@strawberry.type
class Query:
    """Aid's root fields."""

    @query("The organisations the hub knows, by name; open to anyone.")
    def organisations(self) -> list[Organisation]: ...
