"""The code that confirms an identity which was enrolled alone."""

from typing import Annotated

import strawberry

from schema.access import Instant, needs, plain
from schema.reading import hub_of, written
from schema.refusal import Refusal
from values import Level, PaperKind, Scheme

strawberry.enum(PaperKind, name="PaperKind", description="Kinds of papers that staff may have seen.")


@strawberry.input(description="Who is to be handed, or sent, a code.")
class IdentityCodeMakeInput:
    """Always send it as a variable, never in the document."""

    scheme: Scheme = strawberry.field(description="What kind of number it is.")
    number: str = strawberry.field(description="The number it enrolled with, in any digits.")
    papers: list[PaperKind] = strawberry.field(default_factory=list, description="The kinds of papers seen, where it is handed over.")
    letter: bool = strawberry.field(default=False, description="Whether it is sent by post; for the enrolment office.")


@strawberry.input(description="The code that was handed over, or came by post.")
class IdentityConfirmInput:
    """The person is the requester itself."""

    code: str = strawberry.field(description="As it was written, in any case, with or without its hyphen.")


@plain(Level.SEALED, "A code; it is not shown again.")
class IdentityCodeMade:
    """Payload of identityCodeMake."""

    code: str = strawberry.field(description="Ten letters and digits; for the person alone.")
    ends_at: Instant = strawberry.field(description="Until when it can be entered.")


@plain(Level.SEALED, "The identity is confirmed; every session has ended.")
class IdentityConfirmed:
    """Payload of identityConfirm."""

    confirmed: bool = strawberry.field(description="Always true: sign in again.")


@strawberry.type
class Mutation:
    """Codes made and entered."""

    @strawberry.mutation(
        description="Make a code for who enrolled alone, as staff who saw papers, or as the office that sends it by post.",
        metadata=needs("enrolment.witness"),
    )
    async def identity_code_make(
        self,
        info: strawberry.Info,
        input: IdentityCodeMakeInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[IdentityCodeMade | Refusal, strawberry.union("IdentityCodeResult")]:
        """Make it."""
        hub, enquiry = hub_of(info)
        papers = tuple(dict.fromkeys(each.value for each in input.papers))
        return await written(
            lambda: hub.identity.assurance.make(enquiry, input.scheme, input.number, papers, letter=input.letter),
            lambda row: IdentityCodeMade(**row),
        )

    @strawberry.mutation(description="Enter the code, after enrolling alone.", metadata=needs("enrolment.confirm"))
    async def identity_confirm(
        self,
        info: strawberry.Info,
        input: IdentityConfirmInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[IdentityConfirmed | Refusal, strawberry.union("IdentityConfirmResult")]:
        """Enter it."""
        hub, enquiry = hub_of(info)
        return await written(lambda: hub.identity.assurance.confirm(enquiry, input.code), lambda row: IdentityConfirmed(**row))
