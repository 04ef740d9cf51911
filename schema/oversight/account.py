"""Broken glass in numbers: for anyone late and from five on, for inspectors by body."""

from enum import StrEnum
from typing import Annotated

import strawberry

from schema.access import Instant, plain
from schema.roots import query
from values import Level


class GlassOutcome(StrEnum):
    """What an officer found who looked a glass over."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"
    UNREVIEWED = "unreviewed"


strawberry.enum(GlassOutcome, name="GlassOutcome", description="What was found when a broken glass was looked over, if it was.")


@plain(Level.OPEN, "How many glasses of one outcome were broken in a quarter.")
class GlassCount:
    """Published a month after the quarter, from five on."""

    quarter: str = strawberry.field(description="Year and quarter, as 2026-Q4.")
    outcome: GlassOutcome = strawberry.field(description="What was found.")
    count: int = strawberry.field(description="How many, five at least. Unit: glasses.")


@plain(Level.SEALED, "What became of all the glass one body broke.")
class GlassReport:
    """Numbers only; the glasses themselves are read by the two bodies each concerns."""

    organisation: strawberry.ID = strawberry.field(description="The body.")
    broken: int = strawberry.field(description="How many in all. Unit: glasses.")
    open: int = strawberry.field(description="Those that still are. Unit: glasses.")
    unreviewed: int = strawberry.field(description="Those that are closed and that nobody looked over yet. Unit: glasses.")
    unreviewed_since: Instant | None = strawberry.field(description="Since when the oldest of these waits.")
    justified: int = strawberry.field(description="Those found right. Unit: glasses.")
    unjustified: int = strawberry.field(description="Those found wrong. Unit: glasses.")
    delayed: int = strawberry.field(description="Those of which the person was, or is, told later. Unit: glasses.")


@strawberry.type
class Query:
    """The numbers."""

    @query("How often the glass was broken, by quarter and outcome; open to anyone.")
    def glass_counts(self) -> list[GlassCount]: ...

    @query("What became of all the glass that was broken in a time, by body.", "glass.review")
    def glass_report(
        self,
        since: Annotated[Instant | None, strawberry.argument(description="Broken at or after.")] = None,
        until: Annotated[Instant | None, strawberry.argument(description="Broken before.")] = None,
    ) -> list[GlassReport] | None: ...
