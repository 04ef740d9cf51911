"""Complaints about a look, from an entry of the record straight to an inspectorate."""

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.oversight.looks import Disclosure, disclosure
from schema.oversight.matters import MatterStep, steps
from schema.roots import mutation, query, subscription
from values import Enquiry, Level


class ComplaintState(StrEnum):
    """Where a complaint stands."""

    FILED = "filed"
    IN_REVIEW = "in_review"
    ANSWERED = "answered"
    CONTESTED = "contested"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


strawberry.enum(ComplaintState, name="ComplaintState", description="Where a complaint stands.")


@plain(Level.SEALED, "A person's complaint about one look at its data.")
class Complaint:
    """The person and the inspectorate read the same, each under an id of its own."""

    id: strawberry.ID = strawberry.field(description="The complaint, for this requester.")
    state: ComplaintState = strawberry.field(description="Where it stands.")
    body: strawberry.ID = strawberry.field(description="The inspectorate it went to.")
    text: str | None = strawberry.field(description="What the person wrote.")
    answer: str | None = strawberry.field(description="What the inspectorate answered.")
    filed_at: Instant = strawberry.field(description="When it was filed.")
    changed_at: Instant = strawberry.field(description="When it last moved.")
    person: strawberry.ID | None = strawberry.field(description="Who complains; null unless the person lets it be known.")
    disclosure: Disclosure | None = strawberry.field(description="The look complained of, as far as it concerns the person.")
    trace: list[MatterStep] = strawberry.field(description="Its signed steps.")


@strawberry.input(description="Which look to complain of, and how.")
class ComplaintFileInput:
    """The person is the requester itself."""

    disclosure: strawberry.ID = strawberry.field(description="The `id` of one of one's own `disclosures`.")
    text: str = strawberry.field(description="What is wrong with it, in 20 to 4000 characters.")
    body: strawberry.ID | None = strawberry.field(default=None, description="The inspectorate; the first that did not look itself.")
    reveal: bool = strawberry.field(default=False, description="Whether the inspectorate may know who complains.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which complaint.")
class ComplaintInput:
    """Its id alone."""

    id: strawberry.ID = strawberry.field(description="The complaint.")


@strawberry.input(description="Which complaint, and what to say.")
class ComplaintTextInput:
    """Its id and a text."""

    id: strawberry.ID = strawberry.field(description="The complaint.")
    text: str = strawberry.field(description="In 20 to 4000 characters.")


@plain(Level.SEALED, "The complaint stands.")
class ComplaintFiled:
    """Payload of complaintFile."""

    complaint: Complaint = strawberry.field(description="As it stands now.")


@plain(Level.SEALED, "The complaint moved.")
class ComplaintMoved:
    """Payload of what is done with a complaint."""

    complaint: Complaint = strawberry.field(description="As it stands now.")


def _complaint(row: dict[str, Any]) -> Complaint:
    look = row["disclosure"]
    given = {**steps(row), "state": ComplaintState[row["state"]], "disclosure": None if look is None else disclosure(look)}
    return Complaint(**given)  # type: ignore[arg-type]


def _moved(row: dict[str, Any]) -> ComplaintMoved:
    return ComplaintMoved(complaint=_complaint(row))


@strawberry.type
class Query:
    """Complaints of one's own, or to one's own body."""

    @query("One's own complaints, or for an inspector those that went to its body, newest first.", "complaint.read")
    def complaints(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[Complaint] | None: ...


@strawberry.type
class Mutation:
    """Complaining, and answering."""

    @mutation("Complain about a look at oneself, straight to an inspectorate.", "complaint.file")
    async def complaint_file(self, hub: Hub, enquiry: Enquiry, input: ComplaintFileInput) -> ComplaintFiled:
        given = {
            "disclosure": str(input.disclosure),
            "text": input.text,
            "body": None if input.body is None else str(input.body),
            "reveal": input.reveal,
        }
        return ComplaintFiled(complaint=_complaint(await hub.oversight.complaints.file(enquiry, given, input.idempotency_key)))

    @mutation("Take a complaint in hand.", "complaint.decide", result="ComplaintMoveResult")
    async def complaint_take(self, hub: Hub, enquiry: Enquiry, input: ComplaintInput) -> ComplaintMoved:
        return _moved(await hub.oversight.complaints.act(enquiry, str(input.id), "take", None))

    @mutation("Answer a complaint.", "complaint.decide", result="ComplaintMoveResult")
    async def complaint_answer(self, hub: Hub, enquiry: Enquiry, input: ComplaintTextInput) -> ComplaintMoved:
        return _moved(await hub.oversight.complaints.act(enquiry, str(input.id), "answer", input.text))

    @mutation("Contest the answer, once.", "complaint.file", result="ComplaintMoveResult")
    async def complaint_contest(self, hub: Hub, enquiry: Enquiry, input: ComplaintTextInput) -> ComplaintMoved:
        return _moved(await hub.oversight.complaints.act(enquiry, str(input.id), "contest", input.text))

    @mutation("Take one's own complaint back.", "complaint.file", result="ComplaintMoveResult")
    async def complaint_withdraw(self, hub: Hub, enquiry: Enquiry, input: ComplaintInput) -> ComplaintMoved:
        return _moved(await hub.oversight.complaints.act(enquiry, str(input.id), "withdraw", None))


@strawberry.type
class Subscription:
    """What becomes of them."""

    @subscription("A complaint of one's own, or one that went to one's body, whenever something became of it.", "complaint.read")
    async def complaint_changed(self) -> AsyncGenerator[Complaint | None, None]: ...
