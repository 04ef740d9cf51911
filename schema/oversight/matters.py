"""What all matters of inspection show: the signed steps of each."""

import strawberry

from schema.access import Instant, plain
from values import Level


@plain(Level.SEALED, "One signed step of a matter; a trace that was tampered with is not shown but refused.")
class MatterStep:
    """Who did what, when."""

    at: Instant = strawberry.field(description="When.")
    act: str = strawberry.field(description="What was done.")
    state: str = strawberry.field(description="The state it led to.")
    organisation: str | None = strawberry.field(description="Whose officer did it; null for a person.")
    role: str = strawberry.field(description="In which role.")
    reason: str | None = strawberry.field(description="Why, where a step has a reason of its own.")


def steps(row: dict[str, object]) -> dict[str, object]:
    """A matter's row with its steps as the schema's own."""
    return {**row, "trace": [MatterStep(**each) for each in row["trace"]]}  # type: ignore[attr-defined]
