"""Joint decisions: which of several organisations covers whom of a list."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Amount, Code, Day, Instant, plain
from schema.exchange.messages import SpokenOf
from schema.roots import mutation, query, subscription
from values import Enquiry, Level

KEY = "The same key gives the first answer again."


@strawberry.enum(description="How a joint decision stands.")
class JointDecisionState(Enum):
    """It takes proposals and votes while it is open."""

    OPEN = strawberry.enum_value("open", description="It takes proposals and votes.")
    ENDED = strawberry.enum_value("ended", description="Its end has come, and it is to be closed.")
    CLOSED = strawberry.enum_value("closed", description="It is decided.")


@strawberry.enum(description="How a proposal stands.")
class JointProposalState(Enum):
    """What won is booked, or could not be."""

    PROPOSED = strawberry.enum_value("proposed", description="Its organisation has not agreed.")
    AGREED = strawberry.enum_value("agreed", description="Its organisation agrees.")
    DECLINED = strawberry.enum_value("declined", description="Its organisation does not.")
    WON = strawberry.enum_value("won", description="It won, and is about to be booked.")
    LOST = strawberry.enum_value("lost", description="It did not win.")
    APPLIED = strawberry.enum_value("applied", description="It is booked.")
    FAILED = strawberry.enum_value("failed", description="Its organisation's books refused it; it can be tried again.")


@plain(Level.PARTNER, "Who would cover a person of the list, with what.")
class JointProposal:
    """Every party reads it, but for what stands in the books of one."""

    id: strawberry.ID = strawberry.field(description="Names it, for this requester only.")
    organisation: strawberry.ID = strawberry.field(description="Who would cover the person.")
    proposed_by: strawberry.ID = strawberry.field(description="Who proposed it.")
    kind: Code = strawberry.field(description="Kind of benefit, after SP-DCI benefit_type.")
    amount: Amount | None = strawberry.field(description="How much money. Unit: major unit of `currency`.")
    currency: Code | None = strawberry.field(description="After ISO 4217.")
    quantity: Amount | None = strawberry.field(description="How many units of goods.")
    unit: Code | None = strawberry.field(description="Unit of the quantity.")
    on: Day | None = strawberry.field(description="The day it would be for, once its organisation agreed.")
    state: JointProposalState = strawberry.field(description="How it stands.")
    votes: list[strawberry.ID] = strawberry.field(description="Which parties voted for it.")
    programme: strawberry.ID | None = strawberry.field(description="The programme, where it is the asker's own organisation's.")
    allocation: strawberry.ID | None = strawberry.field(description="What it was booked as, where it is the asker's own organisation's.")
    fault: Code | None = strawberry.field(description="The code by which the own organisation's booking was refused, see docs/errors.md.")


@plain(Level.PARTNER, "A person of the list.")
class JointPerson:
    """Known to each party by its own identifier, or by a handle."""

    place: int = strawberry.field(description="In the list, from 1.")
    about: SpokenOf | None = strawberry.field(description="Who; null 90 days after it was opened.")
    proposals: list[JointProposal] = strawberry.field(description="Who would cover the person.")


@plain(Level.PARTNER, "A joint decision in a list of them.")
class JointDecisionSummary:
    """Read the whole by `jointDecision`."""

    id: strawberry.ID = strawberry.field(description="Names it, for this requester only.")
    opened_by: strawberry.ID = strawberry.field(description="Who opened it.")
    title: str = strawberry.field(description="What it is about.")
    parties: list[strawberry.ID] = strawberry.field(description="Who decides, the opener among them.")
    state: JointDecisionState = strawberry.field(description="How it stands.")
    version: int = strawberry.field(description="Give it back with `jointDecisionClose`.")
    opened_at: Instant = strawberry.field(description="When it was opened.")
    ends_at: Instant = strawberry.field(description="Until when it takes proposals and votes.")


@plain(Level.PARTNER, "A joint decision.")
class JointDecision:
    """With all its people, proposals and votes."""

    id: strawberry.ID = strawberry.field(description="Names it, for this requester only.")
    opened_by: strawberry.ID = strawberry.field(description="Who opened it.")
    title: str = strawberry.field(description="What it is about.")
    parties: list[strawberry.ID] = strawberry.field(description="Who decides, the opener among them.")
    state: JointDecisionState = strawberry.field(description="How it stands.")
    version: int = strawberry.field(description="Give it back with `jointDecisionClose`.")
    opened_at: Instant = strawberry.field(description="When it was opened.")
    ends_at: Instant = strawberry.field(description="Until when it takes proposals and votes.")
    people: list[JointPerson] = strawberry.field(description="Whom it is about, in the order of the list.")


@plain(Level.PARTNER, "A page of joint decisions.")
class JointDecisionPage:
    """The newest first."""

    decisions: list[JointDecisionSummary] = strawberry.field(description="The decisions of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` to go on; null on an empty page.")
    has_next_page: bool = strawberry.field(description="Whether more follow.")


@plain(Level.PARTNER, "One step of a joint decision, signed by the hub.")
class JointDecisionStep:
    """Who did what when."""

    at: Instant = strawberry.field(description="When.")
    act: Code = strawberry.field(description="open, propose, volunteer, agree, decline, vote, close, win, lose, apply or fail.")
    state: Code = strawberry.field(description="The state of the decision or proposal that it led to.")
    organisation: strawberry.ID = strawberry.field(description="The organisation that did it.")
    proposal: strawberry.ID | None = strawberry.field(description="The proposal concerned; null for the decision itself.")


@plain(Level.PARTNER, "A joint decision has moved.")
class JointDecisionNews:
    """Read it by `jointDecision`."""

    decision: strawberry.ID = strawberry.field(description="Which.")


@strawberry.input(description="A joint decision to open.")
class JointDecisionOpenInput:
    """Over people whom the opener knows."""

    title: str = strawberry.field(description="What it is about, 1 to 200 letters; never who a person is.")
    parties: list[strawberry.ID] = strawberry.field(description="With whom: 1 to 9 other organisations.")
    people: list[strawberry.ID] = strawberry.field(description="Whom it is about, by this requester's own identifiers: 1 to 100.")
    ends_at: Instant | None = strawberry.field(default=None, description="Its end, at most 60 days ahead; in 7 days if none.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Who would cover a person of the list, with what.")
class JointDecisionProposeInput:
    """For the asker's own organisation with programme and day; for another without."""

    decision: strawberry.ID = strawberry.field(description="Which.")
    place: int = strawberry.field(description="The person's place in the list.")
    organisation: strawberry.ID = strawberry.field(description="Who would cover the person: a party.")
    kind: Code = strawberry.field(description="Kind of benefit, after SP-DCI benefit_type.")
    amount: Amount | None = strawberry.field(default=None, description="How much money. Unit: major unit of `currency`.")
    currency: Code | None = strawberry.field(default=None, description="After ISO 4217.")
    quantity: Amount | None = strawberry.field(default=None, description="How many units of goods.")
    unit: Code | None = strawberry.field(default=None, description="Unit of the quantity.")
    programme: strawberry.ID | None = strawberry.field(default=None, description="The own programme it would be booked under.")
    on: Day | None = strawberry.field(default=None, description="The day it would be for.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A proposal of the asker's own organisation to agree to.")
class JointDecisionAgreeInput:
    """If it wins it is booked so."""

    proposal: strawberry.ID = strawberry.field(description="Which.")
    programme: strawberry.ID = strawberry.field(description="The own programme it would be booked under.")
    on: Day = strawberry.field(description="The day it would be for.")


@strawberry.input(description="A proposal.")
class JointProposalInput:
    """To decline, where it is the own organisation's, or to vote for."""

    proposal: strawberry.ID = strawberry.field(description="Which.")


@strawberry.input(description="A joint decision to close.")
class JointDecisionCloseInput:
    """Once it has ended, or everybody has voted on everybody."""

    decision: strawberry.ID = strawberry.field(description="Which.")
    version: int = strawberry.field(description="As it was read.")


@strawberry.input(description="A closed joint decision.")
class JointDecisionApplyInput:
    """What could not be booked is tried again."""

    decision: strawberry.ID = strawberry.field(description="Which.")


@plain(Level.PARTNER, "The joint decision is open.")
class JointDecisionOpened:
    """Payload of jointDecisionOpen."""

    decision: strawberry.ID = strawberry.field(description="Which.")
    state: JointDecisionState = strawberry.field(description="How it stands.")
    version: int = strawberry.field(description="Its version.")


@plain(Level.PARTNER, "The proposal or vote stands.")
class JointProposalMoved:
    """Payload of what parties do with proposals."""

    decision: strawberry.ID = strawberry.field(description="In which decision.")
    proposal: strawberry.ID = strawberry.field(description="Which.")
    state: JointProposalState = strawberry.field(description="How it stands.")


@plain(Level.PARTNER, "The joint decision is closed, and what it came to is booked as far as it can be.")
class JointDecisionClosed:
    """Payload of jointDecisionClose and jointDecisionApply."""

    decision: strawberry.ID = strawberry.field(description="Which.")
    state: JointDecisionState = strawberry.field(description="How it stands.")
    applied: int = strawberry.field(description="For how many people it is booked.")
    failed: int = strawberry.field(description="For how many the winner's books refused it.")
    unresolved: int = strawberry.field(description="For how many nobody won.")


@strawberry.type
class Query:
    """Reading joint decisions."""

    @query("The joint decisions of which the organisation is a party, under this purpose, the newest first.", "joint.read")
    def joint_decisions(
        self,
        first: Annotated[int, strawberry.argument(description="How many at most.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before.")] = None,
    ) -> JointDecisionPage: ...

    @query("One joint decision; null for one of others, or of another purpose.", "joint.read")
    def joint_decision(self, id: Annotated[strawberry.ID, strawberry.argument(description="Which.")]) -> JointDecision | None: ...

    @query("Every signed step of a joint decision; null for one of others.", "joint.read")
    def joint_decision_steps(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="Which.")]
    ) -> list[JointDecisionStep] | None: ...


def _opened(row: dict[str, Any]) -> JointDecisionOpened:
    return JointDecisionOpened(decision=row["decision"], state=JointDecisionState[row["state"]], version=row["version"])


def _moved(row: dict[str, Any]) -> JointProposalMoved:
    return JointProposalMoved(decision=row["decision"], proposal=row["proposal"], state=JointProposalState[row["proposal_state"]])


def _closed(row: dict[str, Any]) -> JointDecisionClosed:
    counts = {name: row[name] for name in ("applied", "failed", "unresolved")}
    return JointDecisionClosed(decision=row["decision"], state=JointDecisionState.CLOSED, **counts)


@strawberry.type
class Mutation:
    """Deciding jointly."""

    @mutation("Open a joint decision over people, with other organisations.", "joint.open")
    async def joint_decision_open(self, hub: Hub, enquiry: Enquiry, input: JointDecisionOpenInput) -> JointDecisionOpened:
        given = {name: getattr(input, name) for name in ("title", "parties", "people", "ends_at")}
        return _opened(await hub.exchange.decisions.open(enquiry, given, input.idempotency_key))

    @mutation("Propose who covers a person of the list.", "joint.take_part")
    async def joint_decision_propose(self, hub: Hub, enquiry: Enquiry, input: JointDecisionProposeInput) -> JointProposalMoved:
        names = ("decision", "place", "organisation", "kind", "amount", "currency", "quantity", "unit", "programme", "on")
        given = {name: getattr(input, name) for name in names}
        return _moved(await hub.exchange.decisions.propose(enquiry, given, input.idempotency_key))

    @mutation("Agree to cover a person, for the own organisation.", "joint.take_part")
    async def joint_decision_agree(self, hub: Hub, enquiry: Enquiry, input: JointDecisionAgreeInput) -> JointProposalMoved:
        given = {"programme": input.programme, "on": input.on}
        return _moved(await hub.exchange.decisions.answer(enquiry, str(input.proposal), "agree", given))

    @mutation("Decline to cover a person, for the own organisation.", "joint.take_part")
    async def joint_decision_decline(self, hub: Hub, enquiry: Enquiry, input: JointProposalInput) -> JointProposalMoved:
        return _moved(await hub.exchange.decisions.answer(enquiry, str(input.proposal), "decline", {}))

    @mutation("Vote for a proposal, for the own organisation.", "joint.take_part")
    async def joint_decision_vote(self, hub: Hub, enquiry: Enquiry, input: JointProposalInput) -> JointProposalMoved:
        return _moved(await hub.exchange.decisions.vote(enquiry, str(input.proposal)))

    @mutation("Close a joint decision and book what it came to, in the books of who won.", "joint.take_part")
    async def joint_decision_close(self, hub: Hub, enquiry: Enquiry, input: JointDecisionCloseInput) -> JointDecisionClosed:
        return _closed(await hub.exchange.decisions.close(enquiry, str(input.decision), input.version))

    @mutation("Book what a closed joint decision came to and is not booked yet.", "joint.take_part")
    async def joint_decision_apply(self, hub: Hub, enquiry: Enquiry, input: JointDecisionApplyInput) -> JointDecisionClosed:
        return _closed(await hub.exchange.decisions.apply(enquiry, str(input.decision)))


@strawberry.type
class Subscription:
    """Being told of joint decisions."""

    @subscription("A joint decision of the organisation has moved, under this purpose.", "joint.read")
    async def joint_decision_moved(self) -> AsyncGenerator[JointDecisionNews | None, None]: ...
