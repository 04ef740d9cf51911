"""The nomination queue: greatest need on top, with the reasons for each place, moved at once by what anybody gives."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Annotated

import strawberry

from schema.access import Code, plain
from schema.aid.allocations import Language
from schema.aid.needs import Need, WeightInput
from schema.roots import query, subscription
from values import Level

if TYPE_CHECKING:
    from schema.identity.people import PageInfo, Person


@plain(Level.PARTNER, "One reason for a place; the weights of all of them add up to the priority.")
class QueueReason:
    """In a word for programs, and in words for people."""

    code: Code = strawberry.field(
        description="NEED, OVERRIDE, WAITED, RECEIVED, RECEIVED_ELSEWHERE, or ELSEWHERE where no more may be known of what others gave."
    )
    text: str = strawberry.field(description="In words.")
    weight: float = strawberry.field(description="What it adds to the priority; rounded to whole tens where no more may be known.")


@plain(Level.PARTNER, "A place in the own queue.")
class QueuePlace:
    """Who, where, and why."""

    place: int = strawberry.field(description="1 is next; behind a cursor it is counted on from the page before.")
    person: Annotated["Person", strawberry.lazy("schema.identity.people")] = strawberry.field(description="Who stands here.")
    priority: float = strawberry.field(
        description="What the points of need weigh, doubled with each half-life of waiting, less what was received from anyone."
    )

    @strawberry.field(description="Why this place: numbers and words.")
    def reasons(
        self, language: Annotated[Language, strawberry.argument(description="The language of the words.")] = Language.EN
    ) -> list[QueueReason]: ...


@plain(Level.PARTNER, "A page of the own queue.")
class QueueConnection:
    """After the Relay connection specification, without edges: the cursors are those of the page."""

    nodes: list[QueuePlace] = strawberry.field(description="The places of this page.")
    page_info: Annotated["PageInfo", strawberry.lazy("schema.identity.people")] = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description="How many stand in the queue.")


@plain(Level.PARTNER, "A place as other rules would give it.")
class QueueWhatIf:
    """Nothing is changed by asking."""

    place: int = strawberry.field(description="Under the other rules.")
    place_now: int = strawberry.field(description="Under those in force.")
    person: strawberry.ID = strawberry.field(description="Who would stand here.")
    points: float = strawberry.field(description="Need by the other score set. Unit: points, 0 to 100.")


@plain(Level.PARTNER, "People moved in the own queue.")
class QueueMoved:
    """Read the queue to see where; whose gift it was, only what may be known."""

    need: Code = strawberry.field(description="In the queue of which need.")
    count: int = strawberry.field(description="How many places were counted anew.")


@strawberry.type
class Query:
    """Who is next."""

    @query("The own queue of a need, greatest priority first; ties by arrival.", "queue.read")
    def queue(
        self,
        need: Annotated[Need, strawberry.argument(description="The need.")],
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
    ) -> QueueConnection | None: ...

    @query("The head of the own queue as other rules would order it; up to 20,000 places are counted anew.", "queue.adopt")
    def queue_what_if(
        self,
        need: Annotated[Need, strawberry.argument(description="The need.")],
        half_life_days: Annotated[float | None, strawberry.argument(description="Another half-life. Unit: days.")] = None,
        emphasis: Annotated[float | None, strawberry.argument(description="Another emphasis on great need, 0 to 8.")] = None,
        reference: Annotated[float | None, strawberry.argument(description="Another reference. Unit: Iraqi dinars.")] = None,
        weights: Annotated[list[WeightInput] | None, strawberry.argument(description="Other weights.")] = None,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
    ) -> list[QueueWhatIf] | None: ...


@strawberry.type
class Subscription:
    """What moves the own queue."""

    @subscription(
        "Whenever places of the own queue are counted anew: by an own assessment, or by what anybody gave or took back.", "queue.read"
    )
    async def queue_moved(
        self, need: Annotated[Need, strawberry.argument(description="The need.")]
    ) -> AsyncGenerator[QueueMoved | None, None]: ...
