"""Enrolment: applying for a blinded identity, alone or with somebody who stands by, and how an application stands."""

from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from resolvers.identity.enrolment import Particulars
from schema.access import Code, Instant, plain
from schema.identity.wallet import ProofInput
from schema.roots import mutation, query
from values import Enquiry, Level, PaperKind, Scheme


@strawberry.enum(description="How an application for an identity stands.")
class EnrolmentStatus(Enum):
    """What an applicant is told."""

    APPLIED = strawberry.enum_value("applied", description="The registry did not answer; nothing was compared. Apply again later.")
    VERIFIED = strawberry.enum_value("verified", description="The particulars fit, and the device may sign in.")
    NEEDS_REVIEW = strawberry.enum_value(
        "needs_review", description="Not verified by itself, for whatever reason: wait until `readyAt`, or go to an organisation."
    )
    REFUSED = strawberry.enum_value("refused", description="Not verified, or objected to by a device of the identity.")


@plain(Level.OPEN, "An application for a blinded identity, for whoever holds its id.")
class Enrolment:
    """A status with its evidence; never a copy of the papers."""

    id: strawberry.ID = strawberry.field(description="Random; whoever holds it may read this.")
    status: EnrolmentStatus = strawberry.field(description="How it stands.")
    source: str = strawberry.field(description="The registry the particulars were held against.")
    score: int | None = strawberry.field(description="How well the names agreed, where verified. Unit: points, 0 to 100.")
    findings: list[Code] = strawberry.field(
        description="What agreed and how, where verified, as `name:spelling`: same, spelling, sound, shorter, slip or different."
    )
    witness: str | None = strawberry.field(description="The organisation whose staff stood by, if any.")
    papers: list[PaperKind] = strawberry.field(description="Kinds of papers that staff saw.")
    applied_at: Instant = strawberry.field(description="When it was made, and the registry asked.")
    ready_at: Instant | None = strawberry.field(description="From when `enrolmentComplete` may be tried.")


@strawberry.input(description="What an applicant says of itself; it is compared with the registry's and kept nowhere.")
class ParticularsInput:
    """Always send it as a variable, never in the document."""

    scheme: Scheme = strawberry.field(description="What kind of number it is.")
    number: str = strawberry.field(description="The number, in any digits.")
    name: str = strawberry.field(description="The own name, father's, grandfather's and surname, as far as known.")
    mother_name: str = strawberry.field(description="The mother's name and her father's.")
    birth_year: int = strawberry.field(description="Year of birth. Unit: year.")


@strawberry.input(description="An application made alone, on the applicant's own device.")
class EnrolmentApplyInput:
    """The device has made its key pair and keeps the private half."""

    particulars: ParticularsInput = strawberry.field(description="Who applies.")
    device: str = strawberry.field(description="What the applicant calls the device.")
    proof: ProofInput = strawberry.field(description="By the device's key, for `enrolment.apply`, about nothing.")


@strawberry.input(description="An application made with staff of an organisation who has seen papers.")
class EnrolmentWitnessInput:
    """The proof comes from the applicant's device."""

    particulars: ParticularsInput = strawberry.field(description="Who applies.")
    device: str = strawberry.field(description="What the applicant calls the device.")
    proof: ProofInput = strawberry.field(description="By the applicant's device, for `enrolment.apply`, about nothing.")
    papers: list[PaperKind] = strawberry.field(description="The kinds of papers seen; at least one.")


@strawberry.input(description="A recovery that has waited long enough.")
class EnrolmentCompleteInput:
    """By the device that applied."""

    id: strawberry.ID = strawberry.field(description="The application.")
    proof: ProofInput = strawberry.field(description="By the device that applied, for `enrolment.complete`, about the application's id.")


@strawberry.input(description="A recovery that a device of the identity objects to.")
class RecoveryObjectInput:
    """The person is the requester itself."""

    id: strawberry.ID = strawberry.field(description="The recovery, as `wallet` lists it.")


@plain(Level.OPEN, "The application as it stands now.")
class EnrolmentApplied:
    """Payload of enrolmentApply, enrolmentWitness, enrolmentComplete and recoveryObject."""

    enrolment: Enrolment = strawberry.field(description="The application.")


def _applied(row: dict[str, Any]) -> EnrolmentApplied:
    papers = [PaperKind[each] for each in row["papers"]]
    return EnrolmentApplied(enrolment=Enrolment(**{**row, "status": EnrolmentStatus[row["status"]], "papers": papers}))


def _particulars(said: ParticularsInput) -> Particulars:
    return Particulars(said.scheme, said.number, said.name, said.mother_name, said.birth_year)


@strawberry.type
class Query:
    """How an application stands."""

    @query("An application by its id; null for any other text.")
    def enrolment(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="As the application's answer gave it.")]
    ) -> Enrolment | None: ...


@strawberry.type
class Mutation:
    """Applying, and what may follow."""

    @mutation(
        "Apply for a blinded identity; whatever is not verified reads the same, whether there is such a person or not.",
        "enrolment.apply",
        result="EnrolmentResult",
    )
    async def enrolment_apply(self, hub: Hub, enquiry: Enquiry, input: EnrolmentApplyInput) -> EnrolmentApplied:
        return _applied(await hub.identity.enrolment.apply(enquiry, _particulars(input.particulars), input.device, input.proof.read()))

    @mutation(
        "Stand by while somebody applies, having seen papers; an identity that is there already is recovered at once.",
        "enrolment.witness",
        result="EnrolmentResult",
    )
    async def enrolment_witness(self, hub: Hub, enquiry: Enquiry, input: EnrolmentWitnessInput) -> EnrolmentApplied:
        papers = tuple(dict.fromkeys(each.value for each in input.papers))
        return _applied(
            await hub.identity.enrolment.witness(enquiry, _particulars(input.particulars), input.device, input.proof.read(), papers)
        )

    @mutation(
        "Complete a recovery that no device objected to: this device is let in, and every other ends.",
        "enrolment.apply",
        result="EnrolmentResult",
    )
    async def enrolment_complete(self, hub: Hub, enquiry: Enquiry, input: EnrolmentCompleteInput) -> EnrolmentApplied:
        return _applied(await hub.identity.enrolment.complete(enquiry, str(input.id), input.proof.read()))

    @mutation("Object to a recovery of one's own identity; it ends.", "wallet.keep", result="EnrolmentResult")
    async def recovery_object(self, hub: Hub, enquiry: Enquiry, input: RecoveryObjectInput) -> EnrolmentApplied:
        return _applied(await hub.identity.enrolment.object(enquiry, str(input.id)))
