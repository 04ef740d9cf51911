"""Webhooks: addresses that an organisation has news sent to."""

from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.roots import mutation, query
from values import Enquiry, Level


@strawberry.enum(description="Whether news are sent to a webhook.")
class WebhookState(Enum):
    """As stored."""

    ACTIVE = strawberry.enum_value("active", description="News are sent.")
    SUSPENDED = strawberry.enum_value("suspended", description="A message died: nothing is sent until it is resumed.")


@strawberry.enum(description="How far a message got.")
class DeliveryState(Enum):
    """As stored."""

    WAITING = strawberry.enum_value("waiting", description="It is to be sent, or sent again.")
    DELIVERED = strawberry.enum_value("delivered", description="The receiver took it.")
    DEAD = strawberry.enum_value("dead", description="It was not taken after the last attempt.")
    SKIPPED = strawberry.enum_value("skipped", description="It did not concern the receiver any more when its turn came.")


@plain(Level.PARTNER, "One message to a webhook: when and how it went, never what it said.")
class WebhookDelivery:
    """A line of the log."""

    id: strawberry.ID = strawberry.field(description="The `webhook-id` it bears at every attempt.")
    topic: str = strawberry.field(description="What it is about, as `consent.ended`.")
    at: Instant = strawberry.field(description="When it happened.")
    state: DeliveryState = strawberry.field(description="How far it got.")
    attempts: int = strawberry.field(description="How often it was sent.")
    last_at: Instant | None = strawberry.field(description="When it was sent last.")
    fault: str | None = strawberry.field(description="Why the last attempt failed: TIMEOUT, UNREACHABLE, ADDRESS, REDIRECT, STATUS or KEY.")
    status: int | None = strawberry.field(description="The HTTP status of the last answer.")


@plain(Level.PARTNER, "An address that news are sent to.")
class Webhook:
    """Its secret is shown once, when it is made."""

    id: strawberry.ID = strawberry.field(description="Names the webhook.")
    url: str | None = strawberry.field(description="Where news are sent; null where the hub's keys no longer open it.")
    topics: list[str] = strawberry.field(description="What is sent.")
    state: WebhookState = strawberry.field(description="Whether anything is sent.")
    created_at: Instant = strawberry.field(description="When it was registered.")


@strawberry.input(description="Where to send which news.")
class WebhookRegisterInput:
    """The receiver is the requester's organisation."""

    url: str = strawberry.field(description="An https address on the public network.")
    topics: list[str] = strawberry.field(description="What to send, as `consent.ended`.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which webhook.")
class WebhookInput:
    """One of the requester's organisation."""

    id: strawberry.ID = strawberry.field(description="The webhook.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The webhook, and the secret its messages are signed by.")
class WebhookRegistered:
    """Payload of webhookRegister and webhookSecretReplace."""

    webhook: Webhook = strawberry.field(description="The webhook as recorded.")
    secret: str = strawberry.field(description="Verifies messages, after Standard Webhooks; it is not shown again.")


@plain(Level.PARTNER, "The webhook is removed; what waited for it is forgotten.")
class WebhookRemoved:
    """Payload of webhookRemove."""

    id: strawberry.ID = strawberry.field(description="Which it was.")


@plain(Level.PARTNER, "The webhook is active again; what was dead is sent first.")
class WebhookResumed:
    """Payload of webhookResume."""

    webhook: Webhook = strawberry.field(description="The webhook as recorded.")


def _webhook(row: dict[str, Any]) -> Webhook:
    return Webhook(**{**row, "state": WebhookState[row["state"]]})


@strawberry.type
class Query:
    """Looking after webhooks."""

    @query("The webhooks of the requester's organisation.", "webhook.manage")
    def webhooks(self) -> list[Webhook] | None: ...

    @query("The last messages to one webhook, newest first; null where there is no such webhook.", "webhook.manage")
    def webhook_deliveries(
        self,
        webhook: Annotated[strawberry.ID, strawberry.argument(description="The webhook.")],
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 20,
    ) -> list[WebhookDelivery] | None: ...


@strawberry.type
class Mutation:
    """Registering and removing webhooks."""

    @mutation("Have news sent to an address.", "webhook.manage")
    async def webhook_register(self, hub: Hub, enquiry: Enquiry, input: WebhookRegisterInput) -> WebhookRegistered:
        row = await hub.identity.webhooks.register(enquiry, input.url, input.topics, input.idempotency_key)
        return WebhookRegistered(webhook=_webhook(row["webhook"]), secret=row["secret"])

    @mutation("Send nothing more to an address.", "webhook.manage")
    async def webhook_remove(self, hub: Hub, enquiry: Enquiry, input: WebhookInput) -> WebhookRemoved:
        return WebhookRemoved(**await hub.identity.webhooks.remove(enquiry, str(input.id), input.idempotency_key))

    @mutation("Send to a suspended address again.", "webhook.manage")
    async def webhook_resume(self, hub: Hub, enquiry: Enquiry, input: WebhookInput) -> WebhookResumed:
        row = await hub.identity.webhooks.resume(enquiry, str(input.id), input.idempotency_key)
        return WebhookResumed(webhook=_webhook(row["webhook"]))

    @mutation("Sign by a new secret from now on.", "webhook.manage")
    async def webhook_secret_replace(self, hub: Hub, enquiry: Enquiry, input: WebhookInput) -> WebhookRegistered:
        row = await hub.identity.webhooks.replace_secret(enquiry, str(input.id), input.idempotency_key)
        return WebhookRegistered(webhook=_webhook(row["webhook"]), secret=row["secret"])
