"""The code that confirms an identity which was enrolled alone."""

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.roots import mutation
from values import Enquiry, Level, PaperKind, Scheme

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

    @mutation(
        "Make a code for who enrolled alone, as staff who saw papers, or as the office that sends it by post.",
        "enrolment.witness",
        result="IdentityCodeResult",
    )
    async def identity_code_make(self, hub: Hub, enquiry: Enquiry, input: IdentityCodeMakeInput) -> IdentityCodeMade:
        papers = tuple(dict.fromkeys(each.value for each in input.papers))
        return IdentityCodeMade(**await hub.identity.assurance.make(enquiry, input.scheme, input.number, papers, letter=input.letter))

    @mutation("Enter the code, after enrolling alone.", "enrolment.confirm")
    async def identity_confirm(self, hub: Hub, enquiry: Enquiry, input: IdentityConfirmInput) -> IdentityConfirmed:
        return IdentityConfirmed(**await hub.identity.assurance.confirm(enquiry, input.code))
