"""What an organisation wrote down of its own cases, and who is likely one of them already."""

from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Code, plain
from schema.aid.allocations import Language
from schema.roots import mutation, query
from values import Enquiry, Level


@strawberry.input(description="What is written down of a case; kept sealed.")
class CaseParticularsInput:
    """Names as the person gives them."""

    name: str = strawberry.field(description="The chain of names: given, father's, grandfather's, surname. 2 to 200 letters.")
    mother_name: str | None = strawberry.field(default=None, description="The mother's chain of names.")
    birth_year: int | None = strawberry.field(default=None, description="Year of birth. Unit: year.")
    sex: Code | None = strawberry.field(default=None, description="F or M.")
    governorate: Code | None = strawberry.field(default=None, description="Where the person comes from, after ISO 3166-2.")


@plain(Level.SEALED, "What the asker's organisation wrote down of an own case.")
class CaseParticulars:
    """Only its own caseworkers and managers read it."""

    person: strawberry.ID = strawberry.field(description="This person for this requester only.")
    case_numbers: list[str] = strawberry.field(description="The organisation's own numbers; several where cases were merged.")
    name: str | None = strawberry.field(description="The chain of names.")
    mother_name: str | None = strawberry.field(description="The mother's.")
    birth_year: int | None = strawberry.field(description="Unit: year.")
    sex: Code | None = strawberry.field(description="F or M.")
    governorate: Code | None = strawberry.field(description="After ISO 3166-2.")
    version: int = strawberry.field(description="To be given with the next change; 0 where nothing is written down.")


@plain(Level.SEALED, "One reason why two cases are likely one person; the weights of all of them add up to the score.")
class LikenessReason:
    """In a word for programs, and in words for people."""

    code: Code = strawberry.field(
        description="NAME_ and MOTHER_ with SAME, SPELLING, SOUND, SHORTER, SLIP or DIFFERENT; BIRTH_YEAR_SAME, BIRTH_YEAR_NEAR, "
        "BIRTH_YEAR_APART, PLACE_SAME, SEX_DIFFERS, NAMES_DIFFER, TOO_LITTLE_KNOWN."
    )
    text: str = strawberry.field(description="In words.")
    weight: float = strawberry.field(description="What it adds to the score.")


@plain(Level.SEALED, "An own case that is likely meant by what is being typed.")
class LikelyDuplicate:
    """A person decides."""

    person: strawberry.ID = strawberry.field(description="This person for this requester only.")
    case_numbers: list[str] = strawberry.field(description="The organisation's own numbers.")
    name: str = strawberry.field(description="As it is written down.")
    mother_name: str | None = strawberry.field(description="As it is written down.")
    birth_year: int | None = strawberry.field(description="Unit: year.")
    sex: Code | None = strawberry.field(description="F or M.")
    governorate: Code | None = strawberry.field(description="After ISO 3166-2.")
    score: int = strawberry.field(description="75 and more are shown. Unit: points, 0 to 100.")
    reasons: list[LikenessReason] = strawberry.field(description="Why, in numbers and words.")


@strawberry.input(description="Particulars of an own case, new or corrected.")
class CaseDescribeInput:
    """What was written down before is not kept."""

    person: strawberry.ID = strawberry.field(description="A person of the own case load.")
    version: int = strawberry.field(description="Of the particulars, as it was read; 0 where nothing is written down.")
    particulars: CaseParticularsInput = strawberry.field(description="What is written down from now on.")
    distinct_from: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Likely duplicates that were looked at, and are others."
    )
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The particulars are written down.")
class CaseDescribed:
    """Payload of caseDescribe."""

    person: strawberry.ID = strawberry.field(description="Of whom.")
    version: int = strawberry.field(description="The new version.")


@strawberry.type
class Query:
    """Own cases by what is written down."""

    @query("What is written down of an own case; null for any other. The id of a merged case gives the one it became.", "case.read")
    def case_particulars(
        self, person: Annotated[strawberry.ID, strawberry.argument(description="A person of the own case load.")]
    ) -> CaseParticulars | None: ...

    @query("Who of the own cases is likely meant by what is being typed, the likeliest first; nothing is changed.", "case.read")
    def case_duplicates(
        self,
        input: Annotated[CaseParticularsInput, strawberry.argument(description="As far as it is typed.")],
        language: Annotated[Language, strawberry.argument(description="The language of the reasons.")] = Language.EN,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 50.")] = 10,
    ) -> list[LikelyDuplicate] | None: ...


@strawberry.type
class Mutation:
    """Writing down."""

    @mutation("Write down, or correct, the particulars of an own case.", "case.describe")
    async def case_describe(self, hub: Hub, enquiry: Enquiry, input: CaseDescribeInput) -> CaseDescribed:
        given = {**vars(input), "particulars": vars(input.particulars)}
        return CaseDescribed(**await hub.aid.particulars.describe(enquiry, given))


def particulars_in(given: CaseParticularsInput | None) -> dict[str, Any] | None:
    """Particulars as resolvers take them."""
    return None if given is None else vars(given)
