"""Keys of organisations, to which messages to them are sealed."""

from typing import Annotated

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.roots import mutation, query
from values import Enquiry, Level


@plain(Level.PARTNER, "A key of an organisation, signed by it.")
class MessageKey:
    """Its secret half never reaches the hub."""

    organisation: strawberry.ID = strawberry.field(description="Whose.")
    version: int = strawberry.field(description="Counts from 1; the highest that neither ended nor was revoked is sealed to.")
    public_key: str = strawberry.field(description="X25519, as base64.")
    signing_key: str = strawberry.field(description="Ed25519, as base64: by which the organisation signs its keys.")
    signature: str = strawberry.field(description="Of the signing key over this key, as base64; check it before sealing.")
    fingerprint: str = strawberry.field(description="Of the signing key: compare it over another way than the hub.")
    continues: bool = strawberry.field(description="Whether the signing key is that of the version before, or was endorsed by it.")
    published_at: Instant = strawberry.field(description="When it was published.")
    until_at: Instant = strawberry.field(description="Until when it is sealed to.")
    revoked_at: Instant | None = strawberry.field(description="When it was revoked, if it was.")


@strawberry.input(description="A key to publish, as `mizalla message publish` prints it.")
class MessageKeyPublishInput:
    """The next version."""

    version: int = strawberry.field(description="One more than that of the key before; 1 for the first.")
    public_key: str = strawberry.field(description="X25519, as base64.")
    signing_key: str = strawberry.field(description="Ed25519, as base64.")
    until_at: Instant = strawberry.field(description="Until when it is to be sealed to, at most 800 days ahead.")
    signature: str = strawberry.field(description="Of the signing key over the key, as base64.")
    endorsement: str | None = strawberry.field(
        default=None, description="Where the signing key is new: the signature of the one before over it, as base64."
    )
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="A key that is not to be sealed to any more.")
class MessageKeyRevokeInput:
    """Lost, or known to others."""

    version: int = strawberry.field(description="Which.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters.")


@plain(Level.PARTNER, "The key stands as it is now.")
class MessageKeyChanged:
    """Payload of messageKeyPublish and messageKeyRevoke."""

    key: MessageKey = strawberry.field(description="The key.")


@strawberry.type
class Query:
    """Reading keys."""

    @query("All keys that some organisations published, the newest of each first; ended ones too, for old messages.", "message.read")
    def message_keys(
        self, organisations: Annotated[list[strawberry.ID], strawberry.argument(description="Whose, 1 to 50.")]
    ) -> list[MessageKey]: ...


@strawberry.type
class Mutation:
    """Publishing and revoking keys."""

    @mutation("Publish the organisation's next key.", "message.key")
    async def message_key_publish(self, hub: Hub, enquiry: Enquiry, input: MessageKeyPublishInput) -> MessageKeyChanged:
        names = ("version", "public_key", "signing_key", "until_at", "signature", "endorsement")
        given = {name: getattr(input, name) for name in names}
        return MessageKeyChanged(key=MessageKey(**await hub.exchange.keys.publish(enquiry, given, input.idempotency_key)))

    @mutation("Revoke a key of the organisation.", "message.key")
    async def message_key_revoke(self, hub: Hub, enquiry: Enquiry, input: MessageKeyRevokeInput) -> MessageKeyChanged:
        return MessageKeyChanged(key=MessageKey(**await hub.exchange.keys.revoke(enquiry, input.version, input.reason)))
