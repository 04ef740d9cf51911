"""What was learned from an organisation's own cases, beside the queue's transparent priority and never instead of it."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from schema.access import Code, Day, Instant, plain
from schema.aid.allocations import Language
from schema.aid.needs import Need
from schema.aid.queue import QueueReason
from schema.roots import query
from values import Level

if TYPE_CHECKING:
    from schema.identity.people import PageInfo, Person


@plain(Level.PARTNER, "What one answer adds to a suggestion; with the base, all of them add up to it.")
class SuggestionReason:
    """Against the middle case, whose every reason is nothing."""

    code: Code = strawberry.field(description="The question, or `received` for what the organisation itself gave before.")
    text: str = strawberry.field(description="In words.")
    weight: float = strawberry.field(description="What it adds. Unit: log-odds.")


@plain(Level.PARTNER, "What was learned of cases like one.")
class Suggestion:
    """Learned from whom the organisation gave to; where that was not right, this is not either."""

    place: int = strawberry.field(description="Where it would stand among the places of this answer; 1 is first.")
    chance: float = strawberry.field(description="How many of a hundred cases like it the organisation gave to. Unit: percent.")
    base: float = strawberry.field(description="That of the middle case. Unit: log-odds.")
    reasons: list[SuggestionReason] = strawberry.field(description="What speaks for it and against it, strongest first.")


@plain(Level.PARTNER, "A place in the own queue, with a suggestion beside it.")
class SuggestedPlace:
    """The queue's own place, priority and reasons; the suggestion changes none of them."""

    place: int = strawberry.field(description="In the queue; 1 is next.")
    person: Annotated["Person", strawberry.lazy("schema.identity.people")] = strawberry.field(description="Who stands here.")
    priority: float = strawberry.field(description="By the queue's own rules.")

    @strawberry.field(description="Why this place in the queue: numbers and words.")
    def reasons(
        self, language: Annotated[Language, strawberry.argument(description="The language of the words.")] = Language.EN
    ) -> list[QueueReason]: ...

    @strawberry.field(description="What was learned; null where a question it needs was not answered.")
    def suggestion(
        self, language: Annotated[Language, strawberry.argument(description="The language of the words.")] = Language.EN
    ) -> Suggestion | None: ...


@plain(Level.PARTNER, "How far suggestions err for a group of at least twenty cases.")
class SuggestionGroup:
    """Judged on cases that the judging model did not see."""

    group: Code = strawberry.field(
        description="DISABILITY, NO_DISABILITY (Washington Group), DISABILITY_NOT_ASKED; REGION_ and a governorate, REGION_NOT_SAID."
    )
    cases: int = strawberry.field(description="How many.")
    given: float = strawberry.field(description="How many of them were given to. Unit: share, 0 to 1.")
    suggested: float = strawberry.field(
        description="How many the suggestions say; less than `given` is to their harm. Unit: share, 0 to 1."
    )
    brier: float = strawberry.field(description="Mean squared error of the chance; 0 is none.")


@plain(Level.PARTNER, "What suggestions were learned from, and how far they err.")
class SuggestionCard:
    """Of the version in force; versions never change, and are signed."""

    version: int = strawberry.field(description="Of this organisation and need.")
    trained_at: Instant = strawberry.field(description="When.")
    rules: int = strawberry.field(description="The version of the queue's rules whose questions it was learned by.")
    cases: int = strawberry.field(description="How many own assessments.")
    people: int = strawberry.field(description="Of how many people.")
    since: Day = strawberry.field(description="The day of the first assessment.")
    until: Day = strawberry.field(description="The day of the last one.")
    outcome_days: int = strawberry.field(
        description="What is learned: whether the organisation itself gave within so many days of the assessment. Unit: days."
    )
    features: list[Code] = strawberry.field(description="The questions it was learned from, and `received`.")
    left_out: list[Code] = strawberry.field(
        description="The questions it was not: of disability unless allowed, and what the organisation leaves out."
    )
    given: float = strawberry.field(description="How many of the cases were given to. Unit: share, 0 to 1.")
    brier: float = strawberry.field(description="Mean squared error of the chance, on cases that were not seen.")
    skill: float = strawberry.field(description="How much less that is than of saying the same of everybody; 0 is not less, 1 is no error.")
    groups: list[SuggestionGroup] = strawberry.field(description="The same for groups.")


@plain(Level.PARTNER, "A page of the own queue, with suggestions beside it.")
class Suggestions:
    """In the queue's order: nobody is moved by a suggestion, and nothing is given by one."""

    card: SuggestionCard = strawberry.field(description="What it was learned from, and how far it errs.")
    nodes: list[SuggestedPlace] = strawberry.field(description="The places of this page.")
    page_info: Annotated["PageInfo", strawberry.lazy("schema.identity.people")] = strawberry.field(description="Where this page stands.")


@strawberry.type
class Query:
    """What was learned."""

    @query("A page of the own queue with what was learned from own cases beside it; null where nothing was.", "suggestion.read")
    def suggestions(
        self,
        need: Annotated[Need, strawberry.argument(description="The need.")],
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
    ) -> Suggestions | None: ...
