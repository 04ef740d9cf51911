"""Requests for consent: an organisation asks, a person answers."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from resolvers.identity.asking import Asked, Part
from schema.access import Instant, plain
from schema.identity.consents import ConsentGranted, Frequency, FrequencyInput, consent_of, terms_of
from schema.roots import mutation, query, subscription
from values import Category, ConsentMode, Enquiry, Level, Purpose, Scheme


@strawberry.enum(description="How far a request for consent got.")
class ConsentRequestState(Enum):
    """As stored; lapsed by its time."""

    OPEN = strawberry.enum_value("open", description="It waits for an answer.")
    GRANTED = strawberry.enum_value("granted", description="The person said yes, to all of it or to a part.")
    REFUSED = strawberry.enum_value("refused", description="The person said no.")
    LAPSED = strawberry.enum_value("lapsed", description="Nobody answered in time.")
    CANCELLED = strawberry.enum_value("cancelled", description="The organisation took it back.")


@plain(Level.SEALED, "What a request says, in plain words made of the request itself.")
class ConsentRequestText:
    """One text, in the three languages of the hub."""

    ar: str = strawberry.field(description="Arabic.")
    ckb: str = strawberry.field(description="Kurdish (Sorani).")
    en: str = strawberry.field(description="English.")


@plain(Level.SEALED, "A request for consent, as the person reads it.")
class ConsentRequest:
    """Who asks, what for, and what follows."""

    id: strawberry.ID = strawberry.field(description="Names the request.")
    organisation: strawberry.ID = strawberry.field(description="Who asks, as `organisations` names it.")
    purpose: Purpose = strawberry.field(description="Why.")
    categories: list[Category] = strawberry.field(description="What would be seen.")
    days: int = strawberry.field(description="How long the consent would hold from the yes. Unit: days.")
    mode: ConsentMode = strawberry.field(description="Whether what is seen may be kept.")
    keep_days: int | None = strawberry.field(description="How long what was seen may be kept; null where it may not. Unit: days.")
    frequency: Frequency | None = strawberry.field(description="How often it may be used; null: as often as needed.")
    asked_at: Instant = strawberry.field(description="When it was asked.")
    lapses_at: Instant = strawberry.field(description="When the request ends by itself.")
    state: ConsentRequestState = strawberry.field(description="How far it got.")
    text: ConsentRequestText = strawberry.field(description="All of this in plain words, with what happens to whoever says no.")


@plain(Level.PARTNER, "A request for consent, as far as the organisation that made it may know how it went.")
class ConsentRequestMade:
    """A no of somebody it did not know looks like no answer."""

    id: strawberry.ID = strawberry.field(description="Names the request.")
    person: strawberry.ID | None = strawberry.field(
        description="Who was asked, by the own identifier; null where the requester does not know of the person."
    )
    purpose: Purpose = strawberry.field(description="Why.")
    categories: list[Category] = strawberry.field(description="What was asked for.")
    days: int = strawberry.field(description="How long the consent would hold from the yes. Unit: days.")
    mode: ConsentMode = strawberry.field(description="Whether what is seen may be kept.")
    keep_days: int | None = strawberry.field(description="How long what was seen may be kept; null where it may not. Unit: days.")
    frequency: Frequency | None = strawberry.field(description="How often it may be used; null: as often as needed.")
    asked_at: Instant = strawberry.field(description="When it was asked.")
    lapses_at: Instant = strawberry.field(description="When the request ends by itself.")
    state: ConsentRequestState = strawberry.field(description="How far it got.")


@strawberry.input(description="Whom to ask for what; the receiver is the requester's organisation, the purpose that of this request.")
class ConsentRequestSendInput:
    """Either a person of one's own answers, or a number."""

    person: strawberry.ID | None = strawberry.field(default=None, description="The person by this requester's own identifier.")
    scheme: Scheme | None = strawberry.field(default=None, description="Instead: what kind of number it is.")
    value: str | None = strawberry.field(default=None, description="Instead: the number; always send it as a variable.")
    categories: list[Category] = strawberry.field(description="What would be seen.")
    days: int = strawberry.field(description="How long the consent would hold from the yes. Unit: days.")
    mode: ConsentMode = strawberry.field(default=ConsentMode.VIEW, description="Whether what is seen may be kept.")
    keep_days: int | None = strawberry.field(default=None, description="With STORE: how long it may be kept. Unit: days.")
    frequency: FrequencyInput | None = strawberry.field(default=None, description="How often it may be used; null: as often as needed.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which request, and to how much of it the person says yes.")
class ConsentRequestGrantInput:
    """What is left out is as asked."""

    id: strawberry.ID = strawberry.field(description="The request.")
    categories: list[Category] | None = strawberry.field(default=None, description="Only these of what was asked for.")
    days: int | None = strawberry.field(default=None, description="For fewer days. Unit: days.")
    view_only: bool = strawberry.field(default=False, description="May be viewed and not kept, whatever was asked.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which request.")
class ConsentRequestInput:
    """One of the requester's own."""

    id: strawberry.ID = strawberry.field(description="The request.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The request is made; whether anybody reads it is not said.")
class ConsentRequestSent:
    """Payload of consentRequestSend and consentRequestCancel."""

    request: ConsentRequestMade = strawberry.field(description="The request as recorded.")


@plain(Level.SEALED, "The request is refused; it may not be asked again for a while.")
class ConsentRequestRefused:
    """Payload of consentRequestRefuse."""

    request: ConsentRequest = strawberry.field(description="The request as recorded.")


def _common(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "purpose": Purpose[row["purpose"]],
        "categories": [Category[each] for each in row["categories"]],
        "mode": ConsentMode[row["mode"]],
        "frequency": Frequency(**row["frequency"]) if row["frequency"] else None,
        "state": ConsentRequestState[row["state"]],
    }


@strawberry.type
class Query:
    """Requests, received and made."""

    @query("What the person was asked, newest first.", "consent.grant")
    def consent_requests(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[ConsentRequest] | None: ...

    @query("What the requester's organisation asked, newest first.", "consent.ask")
    def consent_requests_made(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[ConsentRequestMade] | None: ...


@strawberry.type
class Mutation:
    """Asking and answering."""

    @mutation("Ask a person for consent; whether there is such a person is not told.", "consent.ask")
    async def consent_request_send(self, hub: Hub, enquiry: Enquiry, input: ConsentRequestSendInput) -> ConsentRequestSent:
        asked = Asked(frozenset(input.categories), input.days, terms_of(input.mode, input.keep_days, input.frequency))
        subject = (None if input.person is None else str(input.person), input.scheme, input.value)
        return ConsentRequestSent(
            request=ConsentRequestMade(**_common(await hub.identity.asking.send(enquiry, subject, asked, input.idempotency_key)))
        )

    @mutation("Take a request back before it is answered.", "consent.ask")
    async def consent_request_cancel(self, hub: Hub, enquiry: Enquiry, input: ConsentRequestInput) -> ConsentRequestSent:
        return ConsentRequestSent(
            request=ConsentRequestMade(**_common(await hub.identity.asking.cancel(enquiry, str(input.id), input.idempotency_key)))
        )

    @mutation("Say yes to a request, or to a part of it.", "consent.grant")
    async def consent_request_grant(self, hub: Hub, enquiry: Enquiry, input: ConsentRequestGrantInput) -> ConsentGranted:
        part = Part(None if input.categories is None else frozenset(input.categories), input.days, input.view_only)
        return ConsentGranted(consent=consent_of(await hub.identity.asking.grant(enquiry, str(input.id), part, input.idempotency_key)))

    @mutation("Say no to a request.", "consent.grant")
    async def consent_request_refuse(self, hub: Hub, enquiry: Enquiry, input: ConsentRequestInput) -> ConsentRequestRefused:
        row = await hub.identity.asking.refuse(enquiry, str(input.id), input.idempotency_key)
        return ConsentRequestRefused(request=ConsentRequest(**{**_common(row), "text": ConsentRequestText(**row["text"])}))


@strawberry.type
class Subscription:
    """Being asked."""

    @subscription("An organisation has just asked the person for consent.", "consent.grant")
    async def consent_requested(self) -> AsyncGenerator[ConsentRequest | None, None]: ...
