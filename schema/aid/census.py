"""The size of need in counts, alerts about it, and what a scale of payments would do."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Amount, Code, Instant, plain
from schema.aid.needs import Need
from schema.roots import mutation, query, subscription
from values import Enquiry, Level


@strawberry.enum(description="How badly something is needed, in points as assessed.")
class NeedClass(Enum):
    """The classes that requests without a name are told in as well."""

    SEVERE = strawberry.enum_value("SEVERE", description="From 75 points on.")
    HIGH = strawberry.enum_value("HIGH", description="From 50.")
    MODERATE = strawberry.enum_value("MODERATE", description="From 25.")
    LOW = strawberry.enum_value("LOW", description="Below.")


@strawberry.enum(description="What counts are by.")
class CountDimension(Enum):
    """Several together are allowed."""

    NEED = strawberry.enum_value("need", description="Kind of aid.")
    GOVERNORATE = strawberry.enum_value("governorate", description="Place of residence.")
    CLASS = strawberry.enum_value("class", description="How badly.")


@strawberry.enum(description="What an alert looks at.")
class AlertMeasure(Enum):
    """Either of a published count."""

    CASES = strawberry.enum_value("cases", description="All cases.")
    UNSERVED = strawberry.enum_value("unserved", description="Those that received nothing for the need in the last 90 days.")


@plain(Level.OPEN, "One counting of all needs.")
class Census:
    """Taken every hour, or as `[hub.census]` says."""

    census: strawberry.ID = strawberry.field(description="Names it in `needCounts` and `paymentScale`.")
    taken_at: Instant = strawberry.field(description="When.")
    digest: str = strawberry.field(description="A keyed hash of the census and its exact counts, of which it tells nothing.")


@plain(Level.OPEN, "How many cases are alike.")
class NeedCount:
    """A case is a household for cash, food, hygiene and shelter, else a person; each counts once, however many organisations know it."""

    need: Code | None = strawberry.field(description="Kind of aid, where it is counted by it.")
    governorate: Code | None = strawberry.field(
        description="After ISO 3166-2, where it is counted by it; null for cases without a known place."
    )
    class_: NeedClass | None = strawberry.field(name="class", description="How badly, where it is counted by it.")
    cases: int = strawberry.field(description="How many, moved to a neighbouring multiple of five.")
    unserved: int = strawberry.field(
        description="Those that received nothing for the need in 90 days from anybody the hub knows of; likewise."
    )


@plain(Level.OPEN, "The counts of one census.")
class NeedCounts:
    """Groups that round to nothing are left out, as empty ones are."""

    census: strawberry.ID = strawberry.field(description="The census.")
    taken_at: Instant = strawberry.field(description="When.")
    digest: str = strawberry.field(description="A keyed hash of the census and its exact counts, of which it tells nothing.")
    counts: list[NeedCount] = strawberry.field(description="By what was asked for, in order.")


@plain(Level.PARTNER, "A threshold that an organisation wants to be told of.")
class NeedAlert:
    """It looks at published counts, and tells when one passes the threshold in either direction."""

    id: strawberry.ID = strawberry.field(description="The alert, for this requester.")
    need: Code = strawberry.field(description="Kind of aid.")
    governorate: Code | None = strawberry.field(description="One governorate, or the whole country.")
    class_: NeedClass | None = strawberry.field(name="class", description="One class, or all.")
    measure: AlertMeasure = strawberry.field(description="What it looks at.")
    at_least: int = strawberry.field(description="Raised from so many on.")
    raised: bool = strawberry.field(description="Whether it is raised.")
    count: int | None = strawberry.field(description="The published count when it was last raised or lowered.")
    changed_at: Instant = strawberry.field(description="When that was.")


@plain(Level.PARTNER, "What a scale does to some households in a month.")
class ScaleOutcome:
    """Poverty as headcount and gap (Foster, Greer and Thorbecke)."""

    households: int = strawberry.field(description="Households counted.")
    poor: int = strawberry.field(description="Those that lack something.")
    paid: int = strawberry.field(description="Those the scale pays to.")
    coverage: float | None = strawberry.field(description="Of the poor, the share that is paid to.")
    leakage: float | None = strawberry.field(description="Of those paid to, the share that is not poor.")
    lifted: int = strawberry.field(description="Poor households that lack nothing any more.")
    cost: Amount = strawberry.field(description="What is paid in a month. Unit: major unit of the currency.")
    gap_before: Amount = strawberry.field(description="What all poor households lack together in a month.")
    gap_after: Amount = strawberry.field(description="What they lack once they are paid.")
    gap_closed: float | None = strawberry.field(description="The share of the gap that is closed.")


@plain(Level.PARTNER, "The outcome in one class of need.")
class ScaleClass:
    """A part of the whole."""

    class_: NeedClass = strawberry.field(name="class", description="The class.")
    outcome: ScaleOutcome = strawberry.field(description="The outcome.")


@plain(Level.PARTNER, "The outcome in one governorate.")
class ScaleGovernorate:
    """A part of the whole."""

    governorate: Code | None = strawberry.field(description="After ISO 3166-2; null for households without a known place.")
    outcome: ScaleOutcome = strawberry.field(description="The outcome.")


@plain(Level.PARTNER, "What a scale of payments would cost and do.")
class PaymentScale:
    """The same scale over the same census has the same outcome and fingerprint."""

    census: strawberry.ID = strawberry.field(description="The census it was made of.")
    currency: Code = strawberry.field(description="After ISO 4217.")
    assumption: str = strawberry.field(description="What the figures rest on.")
    fingerprint: str = strawberry.field(description="Of census and scale.")
    total: ScaleOutcome = strawberry.field(description="In all.")
    by_class: list[ScaleClass] = strawberry.field(description="By class of need.")
    by_governorate: list[ScaleGovernorate] = strawberry.field(description="By governorate.")


@strawberry.input(description="What households of some need and size would receive in a month; at most one step fits a household.")
class ScaleStepInput:
    """Points in steps of five."""

    least_points: int = strawberry.field(default=0, description="From so many points of need in cash on.")
    below_points: int = strawberry.field(default=100, description="And below so many; 100 includes the greatest need.")
    smallest: int = strawberry.field(default=1, description="From so many members on.")
    largest: int = strawberry.field(default=8, description="Up to so many; 8 stands for more too.")
    amount: Amount = strawberry.field(description="For a household of the smallest size.")
    each_more: Amount = strawberry.field(default=0, description="For each member beyond the smallest size.")


@strawberry.input(description="A scale of payments.")
class PaymentScaleInput:
    """Everything a month."""

    steps: list[ScaleStepInput] = strawberry.field(description="1 to 50.")
    poverty_line: Amount = strawberry.field(description="What a person needs in a month.")
    poor_from: int = strawberry.field(default=25, description="Points of need from which on a household is poor.")
    currency: Code = strawberry.field(default="IQD", description="After ISO 4217.")


@strawberry.input(description="A threshold to be told of.")
class NeedAlertSetInput:
    """It is compared with the next census."""

    need: Need = strawberry.field(description="The need.")
    governorate: Code | None = strawberry.field(default=None, description="Only in this governorate, after ISO 3166-2.")
    class_: NeedClass | None = strawberry.field(name="class", default=None, description="Only of this class.")
    measure: AlertMeasure = strawberry.field(default=AlertMeasure.UNSERVED, description="What to look at.")
    at_least: int = strawberry.field(description="From so many on, at least 5.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="An alert that is not wanted any more.")
class NeedAlertRemoveInput:
    """Its id alone."""

    id: strawberry.ID = strawberry.field(description="The alert.")


@plain(Level.PARTNER, "The alert stands.")
class NeedAlertSet:
    """Payload of needAlertSet."""

    alert: NeedAlert = strawberry.field(description="As it stands now.")


@plain(Level.PARTNER, "The alert is gone.")
class NeedAlertRemoved:
    """Payload of needAlertRemove."""

    id: strawberry.ID = strawberry.field(description="Which one.")


def _alert(row: dict[str, Any]) -> NeedAlert:
    given = dict(row)
    class_ = given.pop("class")
    return NeedAlert(**{**given, "class_": class_ and NeedClass[class_], "measure": AlertMeasure[row["measure"]]})


def _value(given: Any) -> Any:
    return None if given is None else getattr(given, "value", given)


@strawberry.type
class Query:
    """Counts of need."""

    @query("How many cases need what, where and how badly; open to anyone. Null until somebody counted.")
    def need_counts(
        self,
        by: Annotated[list[CountDimension], strawberry.argument(description="What to count by.")],
        need: Annotated[Need | None, strawberry.argument(description="Only this need.")] = None,
        governorate: Annotated[Code | None, strawberry.argument(description="Only this governorate, after ISO 3166-2.")] = None,
        class_: Annotated[NeedClass | None, strawberry.argument(name="class", description="Only this class.")] = None,
        census: Annotated[strawberry.ID | None, strawberry.argument(description="Those of this census; of the newest otherwise.")] = None,
    ) -> NeedCounts | None: ...

    @query("The censuses that are kept, newest first: of a week all, of three years the first of each day.")
    def censuses(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 24
    ) -> list[Census] | None: ...

    @query("The own organisation's alerts.", "alert.set")
    def need_alerts(self) -> list[NeedAlert] | None: ...

    @query("What a scale of payments would cost and do, over the counts of a census.", "scale.simulate")
    def payment_scale(
        self,
        scale: Annotated[PaymentScaleInput, strawberry.argument(description="The scale.")],
        census: Annotated[strawberry.ID | None, strawberry.argument(description="Over this census; over the newest otherwise.")] = None,
    ) -> PaymentScale | None: ...


@strawberry.type
class Mutation:
    """Setting alerts."""

    @mutation("Be told when a published count of need passes a threshold.", "alert.set")
    async def need_alert_set(self, hub: Hub, enquiry: Enquiry, input: NeedAlertSetInput) -> NeedAlertSet:
        given = {"need": input.need.value, "governorate": input.governorate, "class": _value(input.class_)}
        given |= {"measure": input.measure.value, "least": input.at_least}
        return NeedAlertSet(alert=_alert(await hub.aid.alerts.set(enquiry, given, input.idempotency_key)))

    @mutation("Be told no more.", "alert.set")
    async def need_alert_remove(self, hub: Hub, enquiry: Enquiry, input: NeedAlertRemoveInput) -> NeedAlertRemoved:
        row = await hub.aid.alerts.remove(enquiry, str(input.id))
        return NeedAlertRemoved(id=strawberry.ID(row["id"]))


@strawberry.type
class Subscription:
    """Counts and alerts as they change."""

    @subscription("A census was taken; open to anyone.")
    async def need_counted(self) -> AsyncGenerator[Census | None, None]: ...

    @subscription("An alert of the own organisation was raised or lowered.", "alert.set")
    async def need_alerted(self) -> AsyncGenerator[NeedAlert | None, None]: ...
