"""Attestations: what a person can carry, signed, and show piece by piece to whom it wants."""

from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.aid import Language
from schema.roots import mutation, query
from values import Enquiry, Level


@plain(Level.OPEN, "One thing an attestation can say.")
class AttestableClaim:
    """The holder shows each or not."""

    name: str = strawberry.field(description="Its name in the attestation.")
    title: str = strawberry.field(description="What it says, in the language asked for.")
    sources: list[str] = strawberry.field(description="The fields it is derived from.")


@plain(Level.OPEN, "A type of attestation.")
class AttestationType:
    """What can be attested; the same for anyone."""

    name: str = strawberry.field(description="Its name here: age, residence, disability, beneficiary, insurance.")
    vct: str = strawberry.field(description="Its name in the attestation, and the address of its description. After SD-JWT VC vct.")
    title: str = strawberry.field(description="What people call it, in the language asked for.")
    level: Level = strawberry.field(description="The strictest level of what it is derived from.")
    days: int = strawberry.field(description="How long one holds. Unit: days.")
    needs_programme: bool = strawberry.field(description="Whether it is about one programme, which the person names.")
    claims: list[AttestableClaim] = strawberry.field(description="What it says.")


@plain(Level.PARTNER, "A nonce, for one presentation or one issuing.")
class AttestationChallenge:
    """Give both to the holder, who signs them."""

    nonce: str = strawberry.field(description="Sealed for this requester; counts once.")
    audience: str = strawberry.field(description="Whom the holder signs it for.")
    ends_at: Instant = strawberry.field(description="When it counts no more.")


@strawberry.enum(description="Why an attestation was taken back.")
class RevocationReason(Enum):
    """The closed list."""

    HOLDER = strawberry.enum_value("holder", description="Its holder took it back.")
    ISSUER = strawberry.enum_value("issuer", description="The hub's operator did: it was issued wrongly.")
    OUTDATED = strawberry.enum_value("outdated", description="The sources no longer say what it said.")


@plain(Level.SEALED, "Attestations issued together, which say the same and are each shown once.")
class Attestation:
    """What a person manages as one; the attestations themselves are with the person alone."""

    id: strawberry.ID = strawberry.field(description="Names it for its holder.")
    type: str = strawberry.field(description="Its type, as `attestationTypes` names it.")
    programme: str | None = strawberry.field(description="The programme it is about, if its type is.")
    count: int = strawberry.field(description="How many were issued.")
    issued_at: Instant = strawberry.field(description="When.")
    ends_at: Instant = strawberry.field(description="When it ends by itself; in the attestation, that day's end.")
    revoked_at: Instant | None = strawberry.field(description="When it was taken back, if so.")
    revoked_because: RevocationReason | None = strawberry.field(description="Why it was taken back, if so.")


@strawberry.input(description="What a person wants attested.")
class AttestationIssueInput:
    """The person is the requester itself."""

    type: str = strawberry.field(description="As `attestationTypes` names it.")
    nonce: str = strawberry.field(description="Of `attestationChallenge`.")
    proofs: list[str] = strawberry.field(
        description="One key proof for each attestation, 1 to 20, each of a new key: openid4vci-proof+jwt, signed by Ed25519 or P-256."
    )
    programme: str | None = strawberry.field(default=None, description="The programme it shall be about, for types that need one.")
    idempotency_key: str | None = strawberry.field(default=None, description="Give it again to get the first answer again.")


@strawberry.input(description="What a person wants to take back.")
class AttestationRevokeInput:
    """The person is the requester itself."""

    id: strawberry.ID = strawberry.field(description="The attestation.")


@strawberry.input(description="What a holder showed.")
class AttestationVerifyInput:
    """Both as the holder was asked for."""

    presentation: str = strawberry.field(description="SD-JWT with key binding, as the holder sent it.")
    nonce: str = strawberry.field(description="The nonce the holder was given.")


@plain(Level.SEALED, "The attestations were issued; the hub keeps no copy.")
class AttestationIssued:
    """Payload of attestationIssue."""

    attestation: Attestation = strawberry.field(description="What the person manages.")
    credentials: list[str] = strawberry.field(description="The attestations, one for each proof, as SD-JWT VC.")


@plain(Level.SEALED, "The attestations were taken back; every status list says so from now on.")
class AttestationRevoked:
    """Payload of attestationRevoke."""

    attestation: Attestation = strawberry.field(description="As it stands now.")


@plain(Level.PARTNER, "One claim that was shown.")
class AttestedClaim:
    """Only what the holder chose."""

    name: str = strawberry.field(description="As its type names it.")
    value: str = strawberry.field(description="As JSON.")


@plain(Level.PARTNER, "The presentation holds: issued here, not revoked, shown now by its holder to this requester.")
class AttestationVerified:
    """Payload of attestationVerify."""

    type: str = strawberry.field(description="Its type, as `attestationTypes` names it.")
    claims: list[AttestedClaim] = strawberry.field(description="What the holder chose to show.")
    ends_at: Instant = strawberry.field(description="When it ends.")


def _attestation(row: dict[str, Any]) -> Attestation:
    because = row["revoked_because"]
    kept = {name: value for name, value in row.items() if name != "made"}
    return Attestation(**{**kept, "revoked_because": None if because is None else RevocationReason[because]})


@strawberry.type
class Query:
    """What can be attested, and what was."""

    @query("What can be attested; open to anyone.")
    def attestation_types(
        self, language: Annotated[Language, strawberry.argument(description="The language of the titles.")] = Language.EN
    ) -> list[AttestationType]: ...

    @query("A new nonce for one presentation, or one issuing.", "attestation.challenge")
    def attestation_challenge(self) -> AttestationChallenge: ...

    @query("What was issued to the person that asks, newest first.", "attestation.issue")
    def attestations(self) -> list[Attestation]: ...


@strawberry.type
class Mutation:
    """Issuing, taking back and checking attestations."""

    @mutation("Have something attested about oneself, once for each key; the reading is recorded as one's own.", "attestation.issue")
    async def attestation_issue(self, hub: Hub, enquiry: Enquiry, input: AttestationIssueInput) -> AttestationIssued:
        row = await hub.identity.attestations.issue(enquiry, input.type, input.nonce, input.proofs, input.programme, input.idempotency_key)
        return AttestationIssued(attestation=_attestation(row), credentials=row["made"])

    @mutation("Take attestations back.", "attestation.revoke")
    async def attestation_revoke(self, hub: Hub, enquiry: Enquiry, input: AttestationRevokeInput) -> AttestationRevoked:
        return AttestationRevoked(attestation=_attestation(await hub.identity.attestations.revoke(enquiry, str(input.id))))

    @mutation("Check what a holder showed to this requester; its nonce counts once.", "attestation.verify")
    async def attestation_verify(self, hub: Hub, enquiry: Enquiry, input: AttestationVerifyInput) -> AttestationVerified:
        row = await hub.identity.attestations.verify(enquiry, input.presentation, input.nonce)
        return AttestationVerified(type=row["type"], claims=[AttestedClaim(**each) for each in row["claims"]], ends_at=row["ends_at"])
