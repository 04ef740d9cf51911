"""Consent on paper: recorded by a witness, confirmed by the person."""

from collections.abc import AsyncGenerator

import strawberry

from resolvers.hub import Hub
from resolvers.identity.consents import Wish
from schema.access import Instant, plain
from schema.identity.consents import Consent, ConsentGranted, FrequencyInput, consent_of, terms_of
from schema.roots import mutation, subscription
from values import Category, ConsentMode, Enquiry, Level


@strawberry.input(description="What an own case agreed to on paper, towards the requester's organisation and for its purpose.")
class ConsentWitnessInput:
    """The paper stays where it is; only its reference is kept."""

    person: strawberry.ID = strawberry.field(description="Who agreed, by this requester's own identifier.")
    document: str = strawberry.field(description="Where the paper lies, as CA-2026/17; never a person's number.")
    categories: list[Category] = strawberry.field(description="What it opens.")
    ends_at: Instant = strawberry.field(description="The end the paper names; it ends earlier unless the person confirms it.")
    mode: ConsentMode = strawberry.field(default=ConsentMode.VIEW, description="Whether what is seen may be kept.")
    keep_days: int | None = strawberry.field(default=None, description="With STORE: how long it may be kept. Unit: days.")
    frequency: FrequencyInput | None = strawberry.field(default=None, description="How often it may be used; null: as often as needed.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which consent the person confirms.")
class ConsentConfirmInput:
    """One that waits."""

    id: strawberry.ID = strawberry.field(description="The consent.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The consent on paper is recorded and the person told; the next request already obeys it.")
class ConsentWitnessed:
    """Payload of consentWitness."""

    person: strawberry.ID = strawberry.field(description="Who agreed, by this requester's own identifier.")
    categories: list[Category] = strawberry.field(description="What it opens.")
    document: str = strawberry.field(description="Where the paper lies.")
    ends_at: Instant = strawberry.field(description="When it ends unless the person confirms it.")


@strawberry.type
class Mutation:
    """Witnessing and confirming."""

    @mutation("Record what an own case agreed to on paper.", "consent.witness")
    async def consent_witness(self, hub: Hub, enquiry: Enquiry, input: ConsentWitnessInput) -> ConsentWitnessed:
        terms = terms_of(input.mode, input.keep_days, input.frequency)
        wish = Wish(enquiry.requester.organisation or "", enquiry.purpose, frozenset(input.categories), str(input.ends_at), terms)
        row = await hub.identity.paper.witness(enquiry, str(input.person), input.document, wish, input.idempotency_key)
        return ConsentWitnessed(**{**row, "categories": [Category[each] for each in row["categories"]]})

    @mutation("Stand by what a witness recorded.", "consent.grant")
    async def consent_confirm(self, hub: Hub, enquiry: Enquiry, input: ConsentConfirmInput) -> ConsentGranted:
        return ConsentGranted(consent=consent_of(await hub.identity.paper.confirm(enquiry, str(input.id), input.idempotency_key)))


@strawberry.type
class Subscription:
    """Being told of what a witness recorded."""

    @subscription("Somebody has just recorded a consent of the person on paper; take it back where it is not so.", "consent.grant")
    async def consent_witnessed(self) -> AsyncGenerator[Consent | None, None]: ...
