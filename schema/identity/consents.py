"""Consents: what a person lets a receiver see, and how it is given and taken back."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from schema.access import Instant, needs, plain
from schema.reading import hub_of, written
from schema.refusal import Refusal
from values import Category, Level, Purpose


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
    receipt: str = strawberry.field(description="The signed receipt as JSON, in the shape of ISO/IEC TS 27560.")


@strawberry.input(description="What a person wants to let a receiver see.")
class ConsentGrantInput:
    """The person is the requester itself."""

    receiver: str = strawberry.field(description="An organisation's public name, or a class such as `kind:ngo`.")
    purpose: Purpose = strawberry.field(description="The one purpose it holds for.")
    categories: list[Category] = strawberry.field(description="What it opens.")
    ends_at: Instant = strawberry.field(description="When it ends by itself; at most five years ahead.")


@strawberry.input(description="Which consent to take back.")
class ConsentWithdrawInput:
    """The person is the requester itself."""

    id: strawberry.ID = strawberry.field(description="The consent.")


@plain(Level.SEALED, "The consent stands; the next request already obeys it.")
class ConsentGranted:
    """Payload of consentGrant."""

    consent: Consent = strawberry.field(description="The consent as recorded.")


@plain(Level.SEALED, "The consent is withdrawn; the next request already obeys it.")
class ConsentWithdrawn:
    """Payload of consentWithdraw."""

    consent: Consent = strawberry.field(description="The consent as recorded.")


def _consent(row: dict[str, Any]) -> Consent:
    return Consent(
        **{
            **row,
            "purpose": Purpose[row["purpose"]],
            "categories": [Category[each] for each in row["categories"]],
        }
    )


@strawberry.type
class Mutation:
    """Granting and withdrawing consents."""

    @strawberry.mutation(
        description="Let a receiver see categories of one's own data for a purpose, until an end.", metadata=needs("consent.grant")
    )
    async def consent_grant(
        self,
        info: strawberry.Info,
        input: ConsentGrantInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[ConsentGranted | Refusal, strawberry.union("ConsentGrantResult")]:
        """Grant a consent."""
        hub, enquiry = hub_of(info)
        return await written(
            lambda: hub.identity.consents.grant(enquiry, input.receiver, input.purpose, set(input.categories), input.ends_at),
            lambda row: ConsentGranted(consent=_consent(row)),
        )

    @strawberry.mutation(description="Take a consent back.", metadata=needs("consent.withdraw"))
    async def consent_withdraw(
        self,
        info: strawberry.Info,
        input: ConsentWithdrawInput,  # noqa: A002 — the one argument every mutation has
    ) -> Annotated[ConsentWithdrawn | Refusal, strawberry.union("ConsentWithdrawResult")]:
        """Withdraw a consent."""
        hub, enquiry = hub_of(info)
        return await written(
            lambda: hub.identity.consents.withdraw(enquiry, str(input.id)), lambda row: ConsentWithdrawn(consent=_consent(row))
        )
