"""Consents: what a person lets a receiver see, and how it is given and taken back."""

from typing import Any

import strawberry

from privacy.consent import Terms
from resolvers.hub import Hub
from resolvers.identity.consents import Wish
from schema.access import Instant, plain
from schema.roots import mutation
from values import Category, ConsentMode, Enquiry, Level, Purpose

strawberry.enum(ConsentMode, name="ConsentMode", description="Whether what a receiver sees may be kept: VIEW no, STORE for a time.")


@plain(Level.SEALED, "How often a consent may be used.")
class Frequency:
    """Obeyed by the hub: a use is one enquiry that is shown something of the person under the consent."""

    times: int = strawberry.field(description="How often. Unit: enquiries.")
    in_days: int | None = strawberry.field(description="In each period of so many days since the grant; null: in all. Unit: days.")


@plain(Level.SEALED, "A consent: what a person lets a receiver see, for what, until when.")
class Consent:
    """One grant; the signed receipt goes to the person."""

    id: strawberry.ID = strawberry.field(description="Names the consent and its receipt.")
    receiver: str = strawberry.field(description="An organisation, or a class of them such as `kind:ngo`.")
    purpose: Purpose = strawberry.field(description="The purpose it holds for.")
    categories: list[Category] = strawberry.field(description="What it opens.")
    granted_at: Instant = strawberry.field(description="When it was given.")
    ends_at: Instant = strawberry.field(description="When it ends by itself.")
    withdrawn_at: Instant | None = strawberry.field(description="When the person took it back, if so.")
    mode: ConsentMode = strawberry.field(description="Whether what is seen may be kept.")
    keep_days: int | None = strawberry.field(description="How long what was seen may be kept; null where it may not. Unit: days.")
    frequency: Frequency | None = strawberry.field(description="How often it may be used; null: as often as needed.")
    witness: strawberry.ID | None = strawberry.field(description="The organisation that witnessed it on paper, where it was given so.")
    document: str | None = strawberry.field(description="The reference under which the paper lies.")
    confirmed_at: Instant | None = strawberry.field(description="When the person confirmed what the witness recorded.")
    waits: bool = strawberry.field(description="Whether it waits to be confirmed by the person; if it is not, it ends at `endsAt`.")
    receipt: str = strawberry.field(description="The signed receipt as JSON, in the shape of ISO/IEC TS 27560.")


@strawberry.input(description="How often a consent may be used; the hub obeys it.")
class FrequencyInput:
    """Once is `times: 1` without days."""

    times: int = strawberry.field(description="How often, 1 to 1000.")
    in_days: int | None = strawberry.field(default=None, description="In each period of so many days; null: in all.")


@strawberry.input(description="What a person wants to let a receiver see.")
class ConsentGrantInput:
    """The person is the requester itself."""

    receiver: str = strawberry.field(description="An organisation's public name, or a class such as `kind:ngo`.")
    purpose: Purpose = strawberry.field(description="The one purpose it holds for.")
    categories: list[Category] = strawberry.field(description="What it opens.")
    ends_at: Instant = strawberry.field(description="When it ends by itself; at most five years ahead, for some purposes less.")
    mode: ConsentMode = strawberry.field(default=ConsentMode.VIEW, description="Whether what is seen may be kept.")
    keep_days: int | None = strawberry.field(default=None, description="With STORE: how long it may be kept. Unit: days.")
    frequency: FrequencyInput | None = strawberry.field(default=None, description="How often it may be used; null: as often as needed.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which consent to take back.")
class ConsentWithdrawInput:
    """The person is the requester itself."""

    id: strawberry.ID = strawberry.field(description="The consent.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.SEALED, "The consent stands; the next request already obeys it.")
class ConsentGranted:
    """Payload of consentGrant."""

    consent: Consent = strawberry.field(description="The consent as recorded.")


@plain(Level.SEALED, "The consent is withdrawn; the next request already obeys it.")
class ConsentWithdrawn:
    """Payload of consentWithdraw."""

    consent: Consent = strawberry.field(description="The consent as recorded.")


def consent_of(row: dict[str, Any]) -> Consent:
    """A consent as a mutation's payload shows it."""
    return Consent(
        **{
            **row,
            "purpose": Purpose[row["purpose"]],
            "categories": [Category[each] for each in row["categories"]],
            "mode": ConsentMode[row["mode"]],
            "frequency": Frequency(**row["frequency"]) if row["frequency"] else None,
        }
    )


def terms_of(mode: ConsentMode, keep_days: int | None, frequency: FrequencyInput | None) -> Terms:
    """The terms somebody wrote."""
    return Terms(mode, keep_days, frequency.times if frequency else None, frequency.in_days if frequency else None)


@strawberry.type
class Mutation:
    """Granting and withdrawing consents."""

    @mutation("Let a receiver see categories of one's own data for a purpose, until an end.", "consent.grant")
    async def consent_grant(self, hub: Hub, enquiry: Enquiry, input: ConsentGrantInput) -> ConsentGranted:
        terms = terms_of(input.mode, input.keep_days, input.frequency)
        wish = Wish(input.receiver, input.purpose, frozenset(input.categories), str(input.ends_at), terms)
        return ConsentGranted(consent=consent_of(await hub.identity.consents.grant(enquiry, wish, input.idempotency_key)))

    @mutation("Take a consent back.", "consent.withdraw")
    async def consent_withdraw(self, hub: Hub, enquiry: Enquiry, input: ConsentWithdrawInput) -> ConsentWithdrawn:
        return ConsentWithdrawn(consent=consent_of(await hub.identity.consents.withdraw(enquiry, str(input.id), input.idempotency_key)))
