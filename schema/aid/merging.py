"""Two cases of one organisation that are one person, and two again where that was wrong."""

from typing import Annotated

import strawberry

from schema.access import Code, Instant, needs, plain
from schema.reading import hub_of, read, written
from schema.refusal import Refusal
from values import Level


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

    @strawberry.field(description="The own merges, newest first.", metadata=needs("case.read"))
    async def case_merges(
        self, info: strawberry.Info, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[CaseMerge] | None:
        """Give them."""
        return await read(info)


@strawberry.type
class Mutation:
    """Making one, and two again."""

    @strawberry.mutation(description="Make two own cases one person.", metadata=needs("case.merge"))
    async def cases_merge(
        self,
        info: strawberry.Info,
        input: CasesMergeInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[CasesMerged | Refusal, strawberry.union("CasesMergeResult")]:
        """Make them one."""
        hub, enquiry = hub_of(info)
        return await written(lambda: hub.aid.merging.merge(enquiry, vars(input)), lambda row: CasesMerged(**row))

    @strawberry.mutation(description="Undo a merge.", metadata=needs("case.merge"))
    async def cases_unmerge(
        self,
        info: strawberry.Info,
        input: CasesUnmergeInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[CasesUnmerged | Refusal, strawberry.union("CasesUnmergeResult")]:
        """Undo it."""
        hub, enquiry = hub_of(info)
        return await written(lambda: hub.aid.merging.unmerge(enquiry, vars(input)), lambda row: CasesUnmerged(**row))
