"""Appeals of beneficiaries: to the organisation, and from there to an inspectorate."""

from enum import StrEnum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Code, Instant, plain
from schema.oversight.matters import MatterStep, steps
from schema.roots import mutation, query
from values import Enquiry, Level

TEXT = "In 20 to 4000 characters."


class AppealKind(StrEnum):
    """What a person holds against an organisation."""

    COMPLAINT = "complaint"
    APPEAL = "appeal"


class AppealState(StrEnum):
    """Where an appeal stands."""

    FILED = "filed"
    UPHELD = "upheld"
    DISMISSED = "dismissed"
    CARRIED_ON = "carried_on"
    OVERRULED = "overruled"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


strawberry.enum(AppealKind, name="AppealKind", description="COMPLAINT of how one was treated, or APPEAL against a decision.")
strawberry.enum(
    AppealState,
    name="AppealState",
    description=(
        "The organisation answers what is FILED: UPHELD or DISMISSED. What was dismissed, or not answered in time, may be CARRIED_ON "
        "to an inspectorate, which has OVERRULED the organisation or CONFIRMED it. WITHDRAWN by the person."
    ),
)


@plain(Level.SEALED, "A person's appeal to an organisation.")
class Appeal:
    """Read by the person, the organisation, and once it is carried on by the inspectorate; each knows it under another id."""

    id: strawberry.ID = strawberry.field(description="The appeal, for this requester.")
    kind: AppealKind = strawberry.field(description="What it is.")
    state: AppealState = strawberry.field(description="Where it stands.")
    organisation: strawberry.ID = strawberry.field(description="To whom.")
    person: strawberry.ID = strawberry.field(description="Whose, by the requester's own identifier.")
    allocation: strawberry.ID | None = strawberry.field(
        description="The allocation it is about, as `myCases` or `distribution` name it; null for an inspectorate."
    )
    need: Code | None = strawberry.field(description="The need it is about, where it is about a queue.")
    text: str | None = strawberry.field(description="What the person wrote.")
    answer: str | None = strawberry.field(description="What was answered.")
    body: strawberry.ID | None = strawberry.field(description="The inspectorate it was carried to.")
    due_at: Instant | None = strawberry.field(
        description="Until when an answer is due, or for what was dismissed until when it may be carried on; null once it is final."
    )
    filed_at: Instant = strawberry.field(description="When it was filed.")
    changed_at: Instant = strawberry.field(description="When it last moved.")
    trace: list[MatterStep] = strawberry.field(description="Its signed steps.")


@plain(Level.SEALED, "How an organisation answers appeals, in counts.")
class AppealCounts:
    """Of no person."""

    organisation: strawberry.ID = strawberry.field(description="The organisation.")
    filed: int = strawberry.field(description="Appeals ever filed to it.")
    waiting: int = strawberry.field(description="Those it has not answered.")
    overdue: int = strawberry.field(description="Those of them whose day is past.")
    granted: int = strawberry.field(description="Those it upheld itself, or that were overruled.")


@strawberry.input(description="What to hold against whose decision; give an allocation, a need, or neither.")
class AppealFileInput:
    """The organisation then knows the person by its own identifier, if it did not already."""

    organisation: strawberry.ID = strawberry.field(description="A verified organisation.")
    kind: AppealKind = strawberry.field(default=AppealKind.APPEAL, description="What it is.")
    allocation: strawberry.ID | None = strawberry.field(default=None, description="The allocation, by its id in `myCases`.")
    need: Code | None = strawberry.field(default=None, description="The kind of aid whose queue it is about.")
    text: str = strawberry.field(description=f"What is wrong. {TEXT}")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="An answer to an appeal.")
class AppealAnswerInput:
    """Its reason is read by the person."""

    id: strawberry.ID = strawberry.field(description="The appeal.")
    uphold: bool = strawberry.field(description="Whether the person is right.")
    text: str = strawberry.field(description=f"Why, and what follows. {TEXT}")


@strawberry.input(description="Which appeal to carry on, and what to add.")
class AppealCarryInput:
    """Possible once it was dismissed, or not answered in time."""

    id: strawberry.ID = strawberry.field(description="The appeal.")
    text: str | None = strawberry.field(default=None, description=f"What to add. {TEXT}")
    body: strawberry.ID | None = strawberry.field(
        default=None, description="The inspectorate; the first that is not the organisation itself."
    )


@strawberry.input(description="Which appeal.")
class AppealWithdrawInput:
    """Its id alone."""

    id: strawberry.ID = strawberry.field(description="The appeal.")


@strawberry.input(description="An inspectorate's decision on an appeal.")
class AppealDecideInput:
    """It is final."""

    id: strawberry.ID = strawberry.field(description="The appeal.")
    overrule: bool = strawberry.field(description="Whether the person is right after all.")
    text: str = strawberry.field(description=f"Why, and what follows. {TEXT}")


@plain(Level.SEALED, "The appeal stands.")
class AppealFiled:
    """Payload of appealFile."""

    appeal: Appeal = strawberry.field(description="As it stands now.")


@plain(Level.SEALED, "The appeal moved.")
class AppealMoved:
    """Payload of what is done with an appeal."""

    appeal: Appeal = strawberry.field(description="As it stands now.")


def _appeal(row: dict[str, Any]) -> Appeal:
    return Appeal(**{**steps(row), "kind": AppealKind[row["kind"]], "state": AppealState[row["state"]]})  # type: ignore[arg-type]


def _moved(row: dict[str, Any]) -> AppealMoved:
    return AppealMoved(appeal=_appeal(row))


@strawberry.type
class Query:
    """Appeals, and how they are answered."""

    @query("One's own appeals, those to one's organisation, or for an inspector those carried to its body, newest first.", "appeal.read")
    def appeals(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[Appeal] | None: ...

    @query("For inspectors: how every organisation answers the appeals to it, in counts.", "appeal.decide")
    def appeals_overdue(self) -> list[AppealCounts] | None: ...


@strawberry.type
class Mutation:
    """Appealing, answering, deciding."""

    @mutation("Appeal to an organisation against its decision, or complain of its treatment.", "appeal.file")
    async def appeal_file(self, hub: Hub, enquiry: Enquiry, input: AppealFileInput) -> AppealFiled:
        given = {name: getattr(input, name) for name in ("organisation", "allocation", "need", "text")} | {"kind": input.kind.value}
        return AppealFiled(appeal=_appeal(await hub.aid.appeals.file(enquiry, given, input.idempotency_key)))

    @mutation("Uphold or dismiss an appeal to the own organisation.", "appeal.answer", result="AppealMoveResult")
    async def appeal_answer(self, hub: Hub, enquiry: Enquiry, input: AppealAnswerInput) -> AppealMoved:
        act = "uphold" if input.uphold else "dismiss"
        return _moved(await hub.aid.appeals.act(enquiry, str(input.id), act, input.text))

    @mutation("Carry an appeal on to an inspectorate.", "appeal.file", result="AppealMoveResult")
    async def appeal_carry(self, hub: Hub, enquiry: Enquiry, input: AppealCarryInput) -> AppealMoved:
        body = None if input.body is None else str(input.body)
        return _moved(await hub.aid.appeals.act(enquiry, str(input.id), "carry", input.text, body))

    @mutation("Take one's own appeal back.", "appeal.file", result="AppealMoveResult")
    async def appeal_withdraw(self, hub: Hub, enquiry: Enquiry, input: AppealWithdrawInput) -> AppealMoved:
        return _moved(await hub.aid.appeals.act(enquiry, str(input.id), "withdraw", None))

    @mutation("Overrule or confirm what an organisation answered, or did not.", "appeal.decide", result="AppealMoveResult")
    async def appeal_decide(self, hub: Hub, enquiry: Enquiry, input: AppealDecideInput) -> AppealMoved:
        act = "overrule" if input.overrule else "confirm"
        return _moved(await hub.aid.appeals.act(enquiry, str(input.id), act, input.text))
