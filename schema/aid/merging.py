"""Two cases of one organisation that are one person, and two again where that was wrong."""

from typing import Annotated

import strawberry

from resolvers.hub import Hub
from schema.access import Code, Instant, plain
from schema.roots import mutation, query
from values import Enquiry, Level


@plain(Level.PARTNER, "A signed step of a merge.")
class CaseMergeStep:
    """Who did what when, and why."""

    number: int = strawberry.field(description="1, 2, 3 … without gaps.")
    at: Instant = strawberry.field(description="When.")
    act: Code = strawberry.field(description="merge or unmerge.")
    role: Code = strawberry.field(description="The role of whoever did it.")
    reason: str | None = strawberry.field(description="Why.")


@plain(Level.PARTNER, "Two own cases that were made one.")
class CaseMerge:
    """It can be undone."""

    id: strawberry.ID = strawberry.field(description="This merge for this requester only.")
    person: strawberry.ID = strawberry.field(description="Who they are.")
    state: Code = strawberry.field(description="merged or undone.")
    at: Instant = strawberry.field(description="When they were made one.")
    steps: list[CaseMergeStep] = strawberry.field(description="What was done, first to last.")


@strawberry.input(description="Two own cases that are one person.")
class CasesMergeInput:
    """What was given, assessed and filed follows."""

    keep: strawberry.ID = strawberry.field(description="The case whose particulars hold.")
    merge: strawberry.ID = strawberry.field(description="The case that becomes one with it.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters; never an identifier of a person.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="A merge that was wrong.")
class CasesUnmergeInput:
    """What followed goes back; what came since stays."""

    merge: strawberry.ID = strawberry.field(description="An own merge.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters; never an identifier of a person.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The two are one.")
class CasesMerged:
    """Payload of casesMerge."""

    merge: strawberry.ID = strawberry.field(description="By which it is undone.")
    person: strawberry.ID = strawberry.field(
        description="Who they are: of the two whoever is known elsewhere as well, so that nobody else's view changes; else the one kept."
    )


@plain(Level.PARTNER, "They are two again.")
class CasesUnmerged:
    """Payload of casesUnmerge."""

    merge: strawberry.ID = strawberry.field(description="The merge that is undone.")
    person: strawberry.ID = strawberry.field(description="Who stayed.")
    merged: strawberry.ID = strawberry.field(description="Who is a case of its own again.")


@strawberry.type
class Query:
    """Own merges."""

    @query("The own merges, newest first.", "case.read")
    def case_merges(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[CaseMerge] | None: ...


@strawberry.type
class Mutation:
    """Making one, and two again."""

    @mutation("Make two own cases one person.", "case.merge")
    async def cases_merge(self, hub: Hub, enquiry: Enquiry, input: CasesMergeInput) -> CasesMerged:
        return CasesMerged(**await hub.aid.merging.merge(enquiry, vars(input)))

    @mutation("Undo a merge.", "case.merge")
    async def cases_unmerge(self, hub: Hub, enquiry: Enquiry, input: CasesUnmergeInput) -> CasesUnmerged:
        return CasesUnmerged(**await hub.aid.merging.unmerge(enquiry, vars(input)))
