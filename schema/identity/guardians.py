"""Guardians: who acts for whom, on what basis, for what and until when."""

from enum import Enum
from typing import Any

import strawberry

from resolvers.hub import Hub
from resolvers.identity.consents import moment_in
from resolvers.identity.guardians import Witnessed
from schema.access import Instant, plain
from schema.roots import mutation, query
from values import Act, Enquiry, Level, PaperKind, Scheme

strawberry.enum(Act, name="GuardianAct", description="What a guardian may do for the person it acts for.")


@strawberry.enum(description="What makes somebody a guardian.")
class GuardianKind(Enum):
    """In the place of whom, by what."""

    PARENT = strawberry.enum_value("parent", description="A parent of a child; it ends when the child comes of age.")
    COURT = strawberry.enum_value("court", description="Appointed by a court.")
    NAMED = strawberry.enum_value("named", description="Named by the person itself.")


@strawberry.enum(description="What bears a guardianship out.")
class GuardianBasis(Enum):
    """Never the household alone."""

    REGISTRY = strawberry.enum_value("registry", description="The child's own entry in the registry.")
    WITNESS = strawberry.enum_value("witness", description="Staff of an organisation, who saw papers.")
    WARD = strawberry.enum_value("ward", description="The person itself.")


@strawberry.enum(description="What came of applying for a guardianship.")
class GuardianshipStatus(Enum):
    """What an applicant is told."""

    ESTABLISHED = strawberry.enum_value("established", description="It is in force.")
    NEEDS_REVIEW = strawberry.enum_value(
        "needs_review", description="Not by itself, whatever the reason: go to an organisation with papers."
    )


@plain(Level.SEALED, "That somebody acts for somebody, for the two of them and whoever witnessed it.")
class Guardianship:
    """With its basis and its end."""

    id: strawberry.ID = strawberry.field(description="Names it for `guardianshipEnd`.")
    person: strawberry.ID | None = strawberry.field(description="The person acted for, by the guardian's own identifier; for the guardian.")
    kind: GuardianKind = strawberry.field(description="What makes somebody a guardian.")
    basis: GuardianBasis = strawberry.field(description="What bears it out.")
    witness: str | None = strawberry.field(description="The organisation whose staff witnessed it, if any.")
    source: str | None = strawberry.field(description="The registry that bore it out, if one did.")
    acts: list[Act] = strawberry.field(description="What it is for.")
    begun_at: Instant = strawberry.field(description="Since when.")
    ends_at: Instant = strawberry.field(description="When it ends by itself, as by coming of age.")
    ended_at: Instant | None = strawberry.field(description="When somebody ended it before, if so.")


@plain(Level.SEALED, "A text by which somebody else may name this person as its guardian.")
class Invitation:
    """It says nothing to anybody but the hub."""

    text: str = strawberry.field(description="Give it to whoever shall be acted for.")
    ends_at: Instant = strawberry.field(description="When it ends.")


@strawberry.input(description="Applying, as a parent, to act for a child.")
class GuardianshipApplyInput:
    """Held against the child's own entry in the registry; kept nowhere."""

    scheme: Scheme = strawberry.field(description="What kind of number it is.")
    number: str = strawberry.field(description="The child's number; always send it as a variable.")
    name: str = strawberry.field(description="The child's name, father's and grandfather's, as far as known.")
    birth_year: int = strawberry.field(description="The child's year of birth. Unit: year.")


@strawberry.input(description="Witnessing that somebody acts for somebody.")
class GuardianshipWitnessInput:
    """Both are known to the organisation."""

    guardian: strawberry.ID = strawberry.field(description="Who acts, by the requester's own identifier.")
    ward: strawberry.ID = strawberry.field(description="Who is acted for, by the requester's own identifier.")
    kind: GuardianKind = strawberry.field(description="What makes one of them a guardian.")
    acts: list[Act] = strawberry.field(description="What it is for; at least one.")
    ends_at: Instant = strawberry.field(description="When it ends; at most five years ahead, a parent's when the child comes of age.")
    papers: list[PaperKind] = strawberry.field(description="The kinds of papers seen; COURT_ORDER for a court's.")


@strawberry.input(description="Naming a guardian of one's own.")
class GuardianshipGrantInput:
    """The person is the requester itself."""

    invitation: str = strawberry.field(description="As `invitation` gave it to the one who shall act.")
    acts: list[Act] = strawberry.field(description="What it is for; at least one.")
    ends_at: Instant = strawberry.field(description="When it ends; at most five years ahead.")


@strawberry.input(description="Ending a guardianship.")
class GuardianshipEndInput:
    """By either of the two, or whoever witnessed it."""

    id: strawberry.ID = strawberry.field(description="The guardianship.")


@plain(Level.SEALED, "What came of applying.")
class GuardianshipApplied:
    """Payload of guardianshipApply."""

    status: GuardianshipStatus = strawberry.field(description="What came of it.")
    guardianship: Guardianship | None = strawberry.field(description="Where it is established.")


@plain(Level.PARTNER, "The guardianship as it stands now.")
class GuardianshipChanged:
    """Payload of guardianshipWitness, guardianshipGrant and guardianshipEnd."""

    guardianship: Guardianship = strawberry.field(description="The guardianship.")


def _guardianship(row: dict[str, Any]) -> Guardianship:
    acts = [Act[each] for each in row["acts"]]
    return Guardianship(**{**row, "kind": GuardianKind[row["kind"]], "basis": GuardianBasis[row["basis"]], "acts": acts})


def _changed(row: dict[str, Any]) -> GuardianshipChanged:
    return GuardianshipChanged(guardianship=_guardianship(row))


def _applied(row: dict[str, Any]) -> GuardianshipApplied:
    found = row["guardianship"]
    return GuardianshipApplied(status=GuardianshipStatus[row["status"]], guardianship=_guardianship(found) if found else None)


@strawberry.type
class Query:
    """Who acts for whom."""

    @query("Whom the requester acts, or acted, for; for the person alone.", "wallet.keep")
    def wards(self) -> list[Guardianship] | None: ...

    @query("Who acts, or acted, for the requester; for the person alone.", "wallet.keep")
    def guardians(self) -> list[Guardianship] | None: ...

    @query("A text by which somebody may name the requester as its guardian, within a day.", "wallet.keep")
    def invitation(self) -> Invitation | None: ...


@strawberry.type
class Mutation:
    """Beginning and ending guardianships."""

    @mutation("Apply, as a parent, to act for a child.", "wallet.keep")
    async def guardianship_apply(self, hub: Hub, enquiry: Enquiry, input: GuardianshipApplyInput) -> GuardianshipApplied:
        return _applied(await hub.identity.guardians.apply(enquiry, input.scheme, input.number, input.name, input.birth_year))

    @mutation("Witness that one person acts for another, having seen papers.", "enrolment.witness", result="GuardianshipResult")
    async def guardianship_witness(self, hub: Hub, enquiry: Enquiry, input: GuardianshipWitnessInput) -> GuardianshipChanged:
        papers = tuple(dict.fromkeys(each.value for each in input.papers))
        ends_at = moment_in(input.ends_at, "endsAt")
        seen = Witnessed(str(input.guardian), str(input.ward), str(input.kind.value), tuple(input.acts), ends_at, papers)
        return _changed(await hub.identity.guardians.witness(enquiry, seen))

    @mutation("Name a guardian of one's own.", "wallet.keep", result="GuardianshipResult")
    async def guardianship_grant(self, hub: Hub, enquiry: Enquiry, input: GuardianshipGrantInput) -> GuardianshipChanged:
        ends_at = moment_in(input.ends_at, "endsAt")
        return _changed(await hub.identity.guardians.grant(enquiry, input.invitation, tuple(input.acts), ends_at))

    @mutation("End a guardianship, from the next request on.", "guardianship.end", result="GuardianshipResult")
    async def guardianship_end(self, hub: Hub, enquiry: Enquiry, input: GuardianshipEndInput) -> GuardianshipChanged:
        return _changed(await hub.identity.guardians.end(enquiry, str(input.id)))
