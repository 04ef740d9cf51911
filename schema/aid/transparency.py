"""Transparency reports: what was given, to how many, how evenly; open to anyone in figures that single nobody out."""

from typing import Annotated

import strawberry

from schema.access import Amount, Code, Day, Instant, plain
from schema.roots import query
from values import Level

ROUNDED = "For anyone a neighbouring multiple of five, null below five."


@plain(Level.OPEN, "What was given of one kind, in one currency or unit.")
class TransparencyAmount:
    """Planned and delivered; what came back is not in it."""

    kind: Code = strawberry.field(description="Kind of aid, after SP-DCI benefit_type.")
    goods: bool = strawberry.field(description="Whether it was goods; `amount` is then what they are worth.")
    amount: Amount | None = strawberry.field(
        description="How much; for anyone a neighbouring multiple of what five of the largest receivers got. Unit: major unit."
    )
    currency: Code | None = strawberry.field(description="After ISO 4217.")
    quantity: Amount | None = strawberry.field(description="How many `unit`s of goods, likewise.")
    unit: Code | None = strawberry.field(description="Basket, kg, litre, piece, session.")
    people: int | None = strawberry.field(description=f"To how many. {ROUNDED} Unit: people.")
    households: int | None = strawberry.field(description=f"In how many. {ROUNDED} Unit: households.")


@plain(Level.OPEN, "A point of a Lorenz curve.")
class LorenzPoint:
    """From who received least."""

    people: float = strawberry.field(description="The share of all who received, 0 to 1.")
    value: float = strawberry.field(description="The share of the value they received together, 0 to 1.")


@plain(Level.OPEN, "How evenly what was given is spread over those who received.")
class Concentration:
    """In one currency; for anyone from fifty people on."""

    currency: Code = strawberry.field(description="After ISO 4217.")
    gini: float = strawberry.field(description="Gini coefficient: 0 where all received alike, 1 where one received everything.")
    lorenz: list[LorenzPoint] = strawberry.field(description="Lorenz curve by tenths of people.")


@plain(Level.OPEN, "How many of those assessed were reached.")
class NeedCoverage:
    """Of the queues' people, each counted once."""

    need: Code = strawberry.field(description="Kind of aid.")
    assessed: int = strawberry.field(description=f"With a need assessed by the end of the period. {ROUNDED} Unit: people.")
    reached: int | None = strawberry.field(description=f"Those of them who received such aid in it. {ROUNDED} Unit: people.")
    share: float | None = strawberry.field(description="The share that was reached, 0 to 1.")


@plain(Level.OPEN, "How long people waited.")
class NeedWaiting:
    """From the first assessment to the first such gift of the period; who received before is not in it."""

    need: Code = strawberry.field(description="Kind of aid.")
    served: int = strawberry.field(description=f"Who received after waiting. {ROUNDED} Unit: people.")
    mean_days: int = strawberry.field(description="How long on the average; for anyone to the nearest five. Unit: days.")
    within_month: int | None = strawberry.field(description=f"Those who waited 30 days at most. {ROUNDED}")
    within_quarter: int | None = strawberry.field(description=f"Those who waited 90 days at most. {ROUNDED}")


@plain(Level.OPEN, "Whom others gave to as well.")
class Overlap:
    """In the same period, as far as the hub knows; exact for inspectors alone."""

    people: int = strawberry.field(description=f"Who received. {ROUNDED} Unit: people.")
    others: int | None = strawberry.field(description=f"Those whom another organisation gave to as well. {ROUNDED} Unit: people.")
    same_kind: int | None = strawberry.field(description=f"Those whom another gave the same kind of aid. {ROUNDED} Unit: people.")
    share: float | None = strawberry.field(description="The share that received from others too, 0 to 1.")


@plain(Level.OPEN, "What was given in a period, in figures.")
class TransparencyReport:
    """Of one organisation or all, one programme or all, one governorate or all."""

    organisation: strawberry.ID | None = strawberry.field(description="Whose; null for all together.")
    programme: str | None = strawberry.field(description="Of which programme of it, by name; null for all.")
    place: Code | None = strawberry.field(description="To people of which governorate, after ISO 3166-2; null for all.")
    from_: Day = strawberry.field(name="from", description="The first day it is about.")
    to: Day = strawberry.field(description="The last day it is about.")
    exact: bool = strawberry.field(description="Whether figures are as they are; for anyone else they are moved a little.")
    counted_at: Instant = strawberry.field(
        description="When the books were read: for anyone once a day, an organisation's own now, all together minutes ago at most."
    )
    books_as_of: Instant | None = strawberry.field(
        description="Since when the least fresh of other systems' books stands; null where none was read."
    )
    people: int | None = strawberry.field(description=f"Who received anything. {ROUNDED} Unit: people.")
    households: int | None = strawberry.field(description=f"Where somebody did. {ROUNDED} Unit: households.")
    left_out: bool = strawberry.field(description="Whether something is not told, for being of too few people.")
    amounts: list[TransparencyAmount] = strawberry.field(
        description="How much, by kind, and by currency or unit: never added up across them."
    )
    concentration: list[Concentration] = strawberry.field(description="How evenly, by currency.")
    coverage: list[NeedCoverage] = strawberry.field(description="How much of assessed need was reached.")
    waiting: list[NeedWaiting] = strawberry.field(description="How long people waited.")
    overlap: Overlap | None = strawberry.field(description="Whom others gave to as well.")


@strawberry.type
class Query:
    """What was given."""

    @query(
        "What was given in a period, to how many and how evenly. Anyone reads it of one quarter or one year that is "
        "over, in figures that single nobody out; the organisation reads its own, and inspectors all, to the day and as they are."
    )
    def transparency_report(
        self,
        from_: Annotated[Day, strawberry.argument(name="from", description="The first day.")],
        to: Annotated[Day, strawberry.argument(description="The last day.")],
        organisation: Annotated[strawberry.ID | None, strawberry.argument(description="Of this organisation.")] = None,
        programme: Annotated[str | None, strawberry.argument(description="Of this programme of it, by name.")] = None,
        place: Annotated[Code | None, strawberry.argument(description="To people of this governorate, after ISO 3166-2.")] = None,
    ) -> TransparencyReport | None: ...
