"""The one shape in which a mutation is refused."""

import strawberry

from schema.access import plain
from values import Level


@plain(Level.OPEN, "Why a change was not made, and what to do now.")
class Refusal:
    """The one shape of refused mutations."""

    code: str = strawberry.field(description="A stable code, see docs/errors.md.")
    message: str = strawberry.field(description="One sentence.")
    hint: str = strawberry.field(description="What to do now.")
    field: str | None = strawberry.field(description="The input concerned, if one is.")
