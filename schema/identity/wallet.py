"""The wallet: challenges and sessions, the devices of an identity, and its end."""

from collections.abc import AsyncGenerator
from typing import Any

import strawberry

from privacy.wallet import Proof
from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.roots import mutation, query, subscription
from values import Enquiry, Level


@plain(Level.OPEN, "A challenge to sign: it holds for one act, once, until it ends.")
class Challenge:
    """Nothing is stored for it."""

    challenge: str = strawberry.field(description="The text to sign, see docs/domains/identity.md.")
    ends_at: Instant = strawberry.field(description="When it ends.")


@strawberry.input(
    description="A signature over `mizalla wallet 1`, the act, the origin, a challenge and what the act is about, a line each."
)
class ProofInput:
    """After RFC 8032; the texts are those of docs/domains/identity.md."""

    public_key: str = strawberry.field(description="Ed25519 public key of the signing device: 32 bytes in URL-safe base64.")
    origin: str = strawberry.field(description="The origin the wallet runs at; it must be the hub's own, or one it trusts.")
    challenge: str = strawberry.field(description="As `challenge` gave it.")
    signature: str = strawberry.field(description="64 bytes in URL-safe base64.")

    def read(self) -> Proof:
        """The proof as the floors below know it."""
        return Proof(self.public_key, self.origin, self.challenge, self.signature)


@plain(Level.SEALED, "A device of an identity.")
class Device:
    """Known by its public key; the private half never leaves it."""

    id: strawberry.ID = strawberry.field(description="Names the device.")
    name: str = strawberry.field(description="What its holder calls it.")
    public_key: str = strawberry.field(description="Ed25519, 32 bytes in URL-safe base64.")
    added_at: Instant = strawberry.field(description="When it was let in.")
    ended_at: Instant | None = strawberry.field(description="When it was ended, if so.")


@plain(Level.SEALED, "A recovery of the identity that waits: somebody applied with this person's particulars.")
class Recovery:
    """Object to it where it was not the person itself."""

    id: strawberry.ID = strawberry.field(description="Names it for `recoveryObject`.")
    device: str = strawberry.field(description="What the applicant called its device.")
    asked_at: Instant = strawberry.field(description="When it was asked for.")
    ready_at: Instant | None = strawberry.field(description="From when it may be completed.")


@plain(Level.SEALED, "What a person's identity is made of.")
class Wallet:
    """For the person alone."""

    opened_at: Instant | None = strawberry.field(description="When the identity was opened; null for who has none.")
    devices: list[Device] = strawberry.field(description="Every device, oldest first, ended ones too.")
    recoveries: list[Recovery] = strawberry.field(description="Recoveries that wait.")
    confirmed: bool = strawberry.field(description="False while the identity waits for a code, and opens nothing.")


@strawberry.input(description="Signing in.")
class SessionOpenInput:
    """By a device in use."""

    proof: ProofInput = strawberry.field(description="For `session.open`, about nothing.")


@strawberry.input(description="Letting another device in.")
class DeviceAddInput:
    """Signed by both."""

    name: str = strawberry.field(description="What the holder calls it.")
    proof: ProofInput = strawberry.field(description="By a device in use, for `device.add`, about the other's public key.")
    joining: ProofInput = strawberry.field(description="By the other device, for `device.join`, about nothing.")


@strawberry.input(description="Ending a device.")
class DeviceRemoveInput:
    """Its sessions end with it."""

    id: strawberry.ID = strawberry.field(description="The device.")


@strawberry.input(description="Closing the identity.")
class IdentityCloseInput:
    """Consents end; the disclosure record stays."""

    proof: ProofInput = strawberry.field(description="By a device in use, for `identity.close`, about nothing.")


@plain(Level.OPEN, "Signed in.")
class SessionOpened:
    """Payload of sessionOpen."""

    token: str = strawberry.field(description="Send it as `Authorization: Bearer`; it is not shown again.")
    ends_at: Instant = strawberry.field(description="When it ends by itself.")
    device: strawberry.ID = strawberry.field(description="The device that signed in.")


@plain(Level.SEALED, "Signed out.")
class SessionClosed:
    """Payload of sessionClose."""

    ended_at: Instant = strawberry.field(description="From then on the token is refused.")


@plain(Level.SEALED, "The devices as they are now.")
class DevicesChanged:
    """Payload of deviceAdd and deviceRemove."""

    devices: list[Device] = strawberry.field(description="Every device, oldest first, ended ones too.")


@plain(Level.SEALED, "The identity is closed.")
class IdentityClosed:
    """Payload of identityClose."""

    closed_at: Instant = strawberry.field(description="From then on no identifier leads to the person.")


def _devices(row: dict[str, Any]) -> DevicesChanged:
    return DevicesChanged(devices=[Device(**each) for each in row["devices"]])


@strawberry.type
class Query:
    """What a wallet asks."""

    @query("A challenge to sign.")
    def challenge(self) -> Challenge: ...

    @query("The requester's own devices and what waits for it; for the person alone.", "wallet.see")
    def wallet(self) -> Wallet | None: ...


@strawberry.type
class Mutation:
    """What a holder does with its identity."""

    @mutation("Sign in by a signed challenge.", "session.open")
    async def session_open(self, hub: Hub, enquiry: Enquiry, input: SessionOpenInput) -> SessionOpened:
        return SessionOpened(**await hub.identity.wallet.begin(enquiry, input.proof.read()))

    @mutation("Sign out: the session that asks ends.", "wallet.see")
    async def session_close(self, hub: Hub, enquiry: Enquiry) -> SessionClosed:
        return SessionClosed(**await hub.identity.wallet.finish(enquiry))

    @mutation("Let another device in, by one that is there.", "wallet.keep", result="DevicesResult")
    async def device_add(self, hub: Hub, enquiry: Enquiry, input: DeviceAddInput) -> DevicesChanged:
        return _devices(await hub.identity.wallet.add(enquiry, input.name, input.proof.read(), input.joining.read()))

    @mutation("End a device, its key and its sessions, at once.", "wallet.keep", result="DevicesResult")
    async def device_remove(self, hub: Hub, enquiry: Enquiry, input: DeviceRemoveInput) -> DevicesChanged:
        return _devices(await hub.identity.wallet.remove(enquiry, str(input.id)))

    @mutation("Close the identity: consents, devices and sessions end, and no identifier leads to the person any more.", "wallet.keep")
    async def identity_close(self, hub: Hub, enquiry: Enquiry, input: IdentityCloseInput) -> IdentityClosed:
        return IdentityClosed(**await hub.identity.wallet.close(enquiry, input.proof.read()))


@strawberry.type
class Subscription:
    """What happens to a person's identity."""

    @subscription(
        "The requester's own devices and recoveries, whenever they changed; so that an old device hears of a new one.", "wallet.see"
    )
    async def wallet_changed(self) -> AsyncGenerator[Wallet | None, None]: ...
