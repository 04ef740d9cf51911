"""The register of organisations: applying, papers, decisions."""

from enum import Enum
from typing import Annotated

import strawberry

from resolvers.governance.applying import Application
from resolvers.hub import Hub
from schema.access import Code, Instant, plain
from schema.roots import mutation, query
from settings import Words
from values import Enquiry, Level, OrganisationKind


@strawberry.enum(description="How an organisation stands.")
class OrganisationState(Enum):
    """Only a verified organisation receives anything about people."""

    APPLIED = strawberry.enum_value("applied", description="It waits for an accreditor; its credentials work and open nothing.")
    VERIFIED = strawberry.enum_value("verified", description="An accreditor verified it.")
    SUSPENDED = strawberry.enum_value("suspended", description="An accreditor suspended it; nothing is open to it any more.")
    REFUSED = strawberry.enum_value("refused", description="An accreditor refused it; its credentials are refused.")


@strawberry.enum(description="What an accreditor decides.")
class OrganisationDecision(Enum):
    """The act, as the trace names it."""

    VERIFY = strawberry.enum_value("verify", description="It is what it says: it may receive under its agreements.")
    SUSPEND = strawberry.enum_value("suspend", description="Nothing is open to it until it is verified again.")
    REFUSE = strawberry.enum_value("refuse", description="It is no such organisation.")


@strawberry.enum(description="What kind of body may register itself.")
class ApplicantKind(Enum):
    """Ministries, registries and inspectorates are named by the hub's operator."""

    NGO = strawberry.enum_value("ngo", description="An organisation of civil society.")
    DEVELOPER = strawberry.enum_value("developer", description="A maker of apps on open data.")


@plain(Level.PARTNER, "What the official register said of an application.")
class RegisterEvidence:
    """Evidence, never a copy."""

    source: str | None = strawberry.field(description="The source that was asked; null where none keeps a register of organisations.")
    found: bool | None = strawberry.field(description="Whether it knows the number under a like name; null where it could not say.")
    score: int | None = strawberry.field(description="How alike the names are. Unit: points, 0 to 100.")
    traits: list[str] = strawberry.field(description="How the names differ: same, spelling, sound, shorter, slip, different.")
    fault: str | None = strawberry.field(description="The code of its fault, where it could not say.")


@plain(Level.PARTNER, "A paper handed in with an application.")
class Paper:
    """Its content is read by `paper`."""

    title: str = strawberry.field(description="What it is.")
    media_type: str = strawberry.field(description="application/pdf, image/jpeg or image/png.")
    sha256: str = strawberry.field(description="The SHA-256 of its content, in hexadecimal.")
    at: Instant = strawberry.field(description="When it was handed in.")


@plain(Level.PARTNER, "The content of a paper.")
class PaperContent:
    """Sealed where it is kept."""

    media_type: str = strawberry.field(description="Its media type.")
    content: str = strawberry.field(description="The file, in base64.")


@plain(Level.PARTNER, "One step of what became of an organisation.")
class OrganisationStep:
    """Chained and signed where it is kept."""

    at: Instant = strawberry.field(description="When.")
    act: str = strawberry.field(description="apply, add_paper, verify, suspend or refuse.")
    by: str | None = strawberry.field(description="The organisation that did it; null for an applicant.")
    reason: str | None = strawberry.field(description="Why, in words.")


@plain(Level.PARTNER, "An organisation that registered itself, as its managers and accreditors see it.")
class RegisteredOrganisation:
    """Everybody else reads `organisations`."""

    id: strawberry.ID = strawberry.field(description="Its public name in addresses and agreements.")
    ar: str = strawberry.field(description="Its Arabic name.")
    ckb: str | None = strawberry.field(description="Its Kurdish (Sorani) name.")
    en: str = strawberry.field(description="Its English name.")
    kind: Code = strawberry.field(description="ngo or developer.")
    website: str | None = strawberry.field(description="Its public page.")
    registration_number: str = strawberry.field(description="As the official register has it.")
    state: OrganisationState = strawberry.field(description="How it stands.")
    version: int = strawberry.field(description="Grows with every decision; give it back with the next.")
    second_factor: bool = strawberry.field(description="Whether it asks all its staff for a second factor.")
    applied_at: Instant = strawberry.field(description="When it applied.")
    evidence: RegisterEvidence = strawberry.field(description="What the official register said then.")
    papers: list[Paper] = strawberry.field(description="Its papers, oldest first.")
    steps: list[OrganisationStep] = strawberry.field(description="What became of it, first to last.")


@strawberry.type
class Query:
    """Reading the register beyond what everybody reads."""

    @query("The asker's own organisation; null where hub.toml names it.", "organisation.govern")
    def own_organisation(self) -> RegisteredOrganisation | None: ...

    @query("Organisations that wait for a decision, the oldest first, at most 100; or one, whatever its state.", "organisation.decide")
    def applications(
        self, organisation: Annotated[strawberry.ID | None, strawberry.argument(description="Only this one.")] = None
    ) -> list[RegisteredOrganisation]: ...

    @query("The content of a paper, to managers of its organisation and accreditors; null otherwise, without distinction.", "paper.read")
    def paper(
        self,
        organisation: Annotated[strawberry.ID, strawberry.argument(description="Whose paper.")],
        sha256: Annotated[str, strawberry.argument(description="Which, by its digest.")],
    ) -> PaperContent | None: ...


@strawberry.input(description="An organisation that wants to be registered, free of charge.")
class OrganisationApplyInput:
    """Names as on the certificate."""

    ar: str = strawberry.field(description="Its Arabic name.")
    ckb: str | None = strawberry.field(default=None, description="Its Kurdish (Sorani) name.")
    en: str = strawberry.field(description="Its English name; its public name in addresses is made of it.")
    kind: ApplicantKind = strawberry.field(description="What kind of body it is.")
    registration_number: str = strawberry.field(description="As the official register has it.")
    website: str | None = strawberry.field(default=None, description="Its public page.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="A random UUID: the same gives the first answer again, with the key."
    )


@plain(Level.OPEN, "The organisation is registered and waits to be verified.")
class OrganisationApplied:
    """Payload of organisationApply."""

    organisation: strawberry.ID = strawberry.field(description="Its public name.")
    key: str = strawberry.field(description="The key of its first manager, shown this once.")


@strawberry.input(description="A paper for one's own organisation.")
class PaperAddInput:
    """At most twenty, of 500 kB each."""

    title: str = strawberry.field(description="What it is.")
    media_type: str = strawberry.field(description="application/pdf, image/jpeg or image/png.")
    content: str = strawberry.field(description="The file, in base64; always send it as a variable.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The paper is kept, sealed.")
class PaperAdded:
    """Payload of paperAdd."""

    sha256: str = strawberry.field(description="By which it is read again.")


@strawberry.input(description="A decision on an organisation.")
class OrganisationDecideInput:
    """The organisation reads the reason."""

    organisation: strawberry.ID = strawberry.field(description="Which.")
    decision: OrganisationDecision = strawberry.field(description="What is decided.")
    reason: str = strawberry.field(description="Why, in 10 to 1000 characters.")
    version: int = strawberry.field(description="As it was read: what changed since is not decided on.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "It is decided; the next request already obeys it.")
class OrganisationDecided:
    """Payload of organisationDecide."""

    organisation: strawberry.ID = strawberry.field(description="Which.")
    state: OrganisationState = strawberry.field(description="How it stands now.")
    version: int = strawberry.field(description="Its version now.")


@strawberry.type
class Mutation:
    """Changing the register."""

    @mutation("Register an organisation; open to anyone.", "organisation.apply")
    async def organisation_apply(self, hub: Hub, enquiry: Enquiry, input: OrganisationApplyInput) -> OrganisationApplied:
        name = Words(ar=input.ar, ckb=input.ckb, en=input.en)
        application = Application(name, OrganisationKind(str(input.kind.value)), input.registration_number, input.website)
        return OrganisationApplied(**await hub.governance.register.apply(enquiry, application, input.idempotency_key))

    @mutation("Hand in a paper of one's own organisation.", "organisation.govern")
    async def paper_add(self, hub: Hub, enquiry: Enquiry, input: PaperAddInput) -> PaperAdded:
        return PaperAdded(
            **await hub.governance.register.add_paper(enquiry, input.title, input.media_type, input.content, input.idempotency_key)
        )

    @mutation("Verify, suspend or refuse an organisation.", "organisation.decide")
    async def organisation_decide(self, hub: Hub, enquiry: Enquiry, input: OrganisationDecideInput) -> OrganisationDecided:
        decided = hub.governance.register.decide
        name, reason = str(input.organisation), input.reason
        row = await decided(enquiry, str(input.decision.value), name, reason, input.version, input.idempotency_key)
        return OrganisationDecided(**{**row, "state": OrganisationState[row["state"]]})
