"""Insurance: a person's standing with workers' social security (reading)."""

import strawberry

from schema.access import Code, Day, consented, entity, meta, partner, sealed
from values import Category, Level

INSURANCE = Category.INSURANCE


@entity("insurance", Level.PARTNER, "A person's standing with workers' retirement and social security.")
class Insurance:
    """What the insurance register says of one person."""

    id: strawberry.ID = strawberry.field(description="This insurance for this requester only.")
    status: Code | None = partner("active, lapsed, pending or exempt.", INSURANCE)
    months: int | None = partner("Contributions paid.", INSURANCE, unit="months")
    owed_months: int | None = consented("Contributions due and not paid.", INSURANCE, unit="months")
    scheme: Code | None = partner("The law or branch: law_18_2023, voluntary, kurdistan.", INSURANCE)
    insured_since: Day | None = consented("The day insurance began.", INSURANCE, standard="ISO 8601")
    employer: str | None = consented("The employer as registered.", INSURANCE)
    wage: float | None = consented("The wage contributions are paid on.", Category.INCOME, unit="major unit of `wageCurrency` a month")
    wage_currency: Code | None = partner("Currency of the wage.", INSURANCE, standard="ISO 4217")
    insurance_number: str | None = sealed("The number on the insurance card.", Category.IDENTIFIERS)

    @meta(Level.PARTNER, "The source that recorded it.")
    def source(self) -> str | None: ...


ENTITIES = [Insurance]
