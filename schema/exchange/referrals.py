"""Referrals: passing a person on to another organisation, and what the person says to it."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Code, Day, Instant, plain
from schema.exchange.messages import MessageBoxInput, SpokenOf
from schema.roots import mutation, query, subscription
from values import Enquiry, Level

KEY = "The same key gives the first answer again."


@strawberry.enum(description="How a referral stands.")
class ReferralState(Enum):
    """From sending to its end."""

    SENT = strawberry.enum_value("sent", description="Not answered yet.")
    ACCEPTED = strawberry.enum_value("accepted", description="The receiver takes it on.")
    REFUSED = strawberry.enum_value("refused", description="The receiver does not.")
    WITHDRAWN = strawberry.enum_value("withdrawn", description="The sender took it back.")
    LAPSED = strawberry.enum_value("lapsed", description="Nobody answered in time.")
    OBJECTED = strawberry.enum_value("objected", description="The person objected.")
    HANDED_BACK = strawberry.enum_value("handed_back", description="The receiver gave it back.")
    COMPLETED = strawberry.enum_value("completed", description="The receiver is done.")


@plain(Level.PARTNER, "A person passed on from one organisation to another, as both see it.")
class Referral:
    """The note is sealed like a message, see docs/messages.md."""

    id: strawberry.ID = strawberry.field(description="Names it, for this requester only.")
    sender: strawberry.ID = strawberry.field(description="Who refers.")
    receiver: strawberry.ID = strawberry.field(description="To whom.")
    about: SpokenOf | None = strawberry.field(description="Whom; null once it is long over.")
    need: Code = strawberry.field(description="For which kind of need, after SP-DCI benefit_type.")
    state: ReferralState = strawberry.field(description="How it stands.")
    version: int = strawberry.field(description="Grows with every step; give it back with the next.")
    sent_at: Instant = strawberry.field(description="When it was sent.")
    answer_by: Instant = strawberry.field(description="Until when it can be answered.")
    serve_by: Instant | None = strawberry.field(description="Until when the receiver wants to be done, once accepted.")
    overdue: bool = strawberry.field(description="Whether that has passed, and it is not done.")
    agreed: bool = strawberry.field(description="Whether the person agreed; only then it becomes an own case of the receiver.")
    on_paper: bool = strawberry.field(description="Whether it agreed on paper, and did not stand by it yet.")
    sender_key: int = strawberry.field(description="The version of the sender's key the note is boxed with.")
    key: int = strawberry.field(description="The version of the asker's own key it is boxed to.")
    box: str = strawberry.field(description="The key of the note, boxed for the asker's organisation, as base64.")
    sealed: str = strawberry.field(description="The note, which the hub cannot read, as base64.")


@plain(Level.PARTNER, "A page of referrals.")
class ReferralPage:
    """The newest first."""

    referrals: list[Referral] = strawberry.field(description="The referrals of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` to go on; null on an empty page.")
    has_next_page: bool = strawberry.field(description="Whether more follow.")


@plain(Level.SEALED, "A referral as the person reads it whom it is about.")
class OwnReferral:
    """Without the note, which the hub cannot read."""

    id: strawberry.ID = strawberry.field(description="Names it, for this requester only.")
    sender: strawberry.ID = strawberry.field(description="Who refers.")
    receiver: strawberry.ID = strawberry.field(description="To whom.")
    need: Code = strawberry.field(description="For which kind of need.")
    state: ReferralState = strawberry.field(description="How it stands.")
    sent_at: Instant = strawberry.field(description="When it was sent.")
    answer_by: Instant = strawberry.field(description="Until when it can be answered.")
    serve_by: Instant | None = strawberry.field(description="Until when the receiver wants to be done, once accepted.")
    agreed: bool = strawberry.field(description="Whether the person agreed.")
    document: str | None = strawberry.field(description="The reference of the paper on which it agreed, as the sender witnessed.")
    waits: bool = strawberry.field(description="Whether what is agreed on paper ends unless the person stands by it.")


@plain(Level.PARTNER, "One step of a referral, signed by the hub.")
class ReferralStep:
    """Who did what when."""

    at: Instant = strawberry.field(description="When.")
    act: Code = strawberry.field(description="send, accept, refuse, withdraw, agree, witness, paper_end, object, hand_back or complete.")
    state: ReferralState = strawberry.field(description="The state it led to.")
    organisation: strawberry.ID | None = strawberry.field(description="The organisation that did it; null for the person and the hub.")
    reason: str | None = strawberry.field(description="Why, where a reason was asked for.")


@plain(Level.PARTNER, "A referral has moved.")
class ReferralNews:
    """Read it by `referrals`."""

    referral: strawberry.ID = strawberry.field(description="Which.")
    state: ReferralState = strawberry.field(description="How it stands.")


@strawberry.input(description="A person to pass on.")
class ReferralSendInput:
    """The note is sealed for both parties, as docs/messages.md says, without attachments."""

    receiver: strawberry.ID = strawberry.field(description="To whom.")
    person: strawberry.ID = strawberry.field(description="Whom, by this requester's own identifier.")
    need: Code = strawberry.field(description="For which kind of need, after SP-DCI benefit_type.")
    sealed: str = strawberry.field(description="The sealed note, as base64.")
    boxes: list[MessageBoxInput] = strawberry.field(description="The key of the note for sender and receiver.")
    answer_by: Day | None = strawberry.field(default=None, description="The last day to answer, at most 60 days ahead; in 14 days if none.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A referral to take on.")
class ReferralAcceptInput:
    """It opens nothing of the person unless the person agreed."""

    referral: strawberry.ID = strawberry.field(description="Which.")
    version: int = strawberry.field(description="As it was read.")
    serve_by: Day | None = strawberry.field(default=None, description="The day to be done by, at most 366 days ahead; in 30 days if none.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A referral to refuse, withdraw or hand back, and why.")
class ReferralEndInput:
    """Both read the reason."""

    referral: strawberry.ID = strawberry.field(description="Which.")
    version: int = strawberry.field(description="As it was read.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters; never an identifier of a person.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A person's agreement on paper.")
class ReferralWitnessInput:
    """Of a person without a device; recorded by who referred it."""

    referral: strawberry.ID = strawberry.field(description="Which.")
    version: int = strawberry.field(description="As it was read.")
    document: str = strawberry.field(description="The reference under which the paper lies; never a number of the person.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A referral that is done.")
class ReferralCompleteInput:
    """The person stays an own case of the receiver."""

    referral: strawberry.ID = strawberry.field(description="Which.")
    version: int = strawberry.field(description="As it was read.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A referral of the person itself.")
class ReferralDecideInput:
    """As `ownReferrals` names it."""

    referral: strawberry.ID = strawberry.field(description="Which.")


@plain(Level.PARTNER, "The referral is on its way, or has moved.")
class ReferralMoved:
    """Payload of what organisations do with referrals."""

    referral: strawberry.ID = strawberry.field(description="Which.")
    state: ReferralState = strawberry.field(description="How it stands now.")
    version: int = strawberry.field(description="Its version now.")


@plain(Level.SEALED, "What the person said to the referral stands.")
class ReferralDecided:
    """Payload of referralAgree and referralObject."""

    referral: OwnReferral = strawberry.field(description="As it stands now.")


@strawberry.type
class Query:
    """Reading referrals."""

    @query("What the organisation received, or sent, under this purpose, the newest first.", "referral.read")
    def referrals(
        self,
        sent: Annotated[bool, strawberry.argument(description="Those it sent, instead of those it received.")] = False,  # noqa: FBT002 — an argument of the schema
        first: Annotated[int, strawberry.argument(description="How many at most.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before.")] = None,
    ) -> ReferralPage: ...

    @query("The signed steps of a referral, first to last; null for one of others.", "referral.read")
    def referral_steps(
        self, referral: Annotated[strawberry.ID, strawberry.argument(description="Which.")]
    ) -> list[ReferralStep] | None: ...

    @query("To whom the person was referred, at most the last 100.", "referral.decide")
    def own_referrals(self) -> list[OwnReferral]: ...


def _moved(row: dict[str, Any]) -> ReferralMoved:
    return ReferralMoved(referral=row["id"], state=ReferralState[row["state"]], version=row["version"])


def _decided(row: dict[str, Any]) -> ReferralDecided:
    return ReferralDecided(referral=OwnReferral(**{**row, "state": ReferralState[row["state"]]}))


async def _ended(hub: Hub, enquiry: Enquiry, given: ReferralEndInput, act: str) -> ReferralMoved:
    named = {"version": given.version, "reason": given.reason, "idempotency_key": given.idempotency_key}
    return _moved(await hub.exchange.referrals.act(enquiry, str(given.referral), act, named))


@strawberry.type
class Mutation:
    """Passing people on."""

    @mutation("Refer a person to another organisation.", "referral.send")
    async def referral_send(self, hub: Hub, enquiry: Enquiry, input: ReferralSendInput) -> ReferralMoved:
        given = {name: getattr(input, name) for name in ("receiver", "person", "need", "sealed", "answer_by")}
        boxes = [{"organisation": str(each.organisation), "version": each.version, "box": each.box} for each in input.boxes]
        return _moved(await hub.exchange.referrals.send(enquiry, {**given, "boxes": boxes}, input.idempotency_key))

    @mutation(
        "Record that an own case agreed on paper to a referral that one sent; it ends unless the person stands by it.", "referral.send"
    )
    async def referral_witness(self, hub: Hub, enquiry: Enquiry, input: ReferralWitnessInput) -> ReferralMoved:
        given = {"version": input.version, "document": input.document, "idempotency_key": input.idempotency_key}
        return _moved(await hub.exchange.agreements.witness(enquiry, str(input.referral), given))

    @mutation("Take a referral on.", "referral.answer")
    async def referral_accept(self, hub: Hub, enquiry: Enquiry, input: ReferralAcceptInput) -> ReferralMoved:
        given = {"version": input.version, "serve_by": input.serve_by, "idempotency_key": input.idempotency_key}
        return _moved(await hub.exchange.referrals.act(enquiry, str(input.referral), "accept", given))

    @mutation("Refuse a referral.", "referral.answer")
    async def referral_refuse(self, hub: Hub, enquiry: Enquiry, input: ReferralEndInput) -> ReferralMoved:
        return await _ended(hub, enquiry, input, "refuse")

    @mutation("Take back a referral that nobody answered yet.", "referral.send")
    async def referral_withdraw(self, hub: Hub, enquiry: Enquiry, input: ReferralEndInput) -> ReferralMoved:
        return await _ended(hub, enquiry, input, "withdraw")

    @mutation("Hand a person back to who referred it.", "referral.answer")
    async def referral_hand_back(self, hub: Hub, enquiry: Enquiry, input: ReferralEndInput) -> ReferralMoved:
        return await _ended(hub, enquiry, input, "hand_back")

    @mutation("Say that a referral is done.", "referral.answer")
    async def referral_complete(self, hub: Hub, enquiry: Enquiry, input: ReferralCompleteInput) -> ReferralMoved:
        given = {"version": input.version, "idempotency_key": input.idempotency_key}
        return _moved(await hub.exchange.referrals.act(enquiry, str(input.referral), "complete", given))

    @mutation("Agree to being referred: the receiver may then look after the person as its own case.", "referral.decide")
    async def referral_agree(self, hub: Hub, enquiry: Enquiry, input: ReferralDecideInput) -> ReferralDecided:
        return _decided(await hub.exchange.referrals.decide(enquiry, str(input.referral), "agree"))

    @mutation("Object to being referred: it ends, and what it opened is closed.", "referral.decide")
    async def referral_object(self, hub: Hub, enquiry: Enquiry, input: ReferralDecideInput) -> ReferralDecided:
        return _decided(await hub.exchange.referrals.decide(enquiry, str(input.referral), "object"))


@strawberry.type
class Subscription:
    """Being told of referrals."""

    @subscription("A referral of the organisation has moved, under this purpose.", "referral.read")
    async def referral_moved(self) -> AsyncGenerator[ReferralNews | None, None]: ...

    @subscription("A referral of the person has moved.", "referral.decide")
    async def own_referral_moved(self) -> AsyncGenerator[OwnReferral | None, None]: ...
