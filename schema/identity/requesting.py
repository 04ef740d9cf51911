"""What moves requests for help: each mutation gives the request as it then stands, or a refusal."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from resolvers.identity.requests import RANKS, Asked
from schema.access import Code, needs, plain
from schema.aid import Language
from schema.identity.requests import (
    AidAssurances,
    AidMessage,
    AidOpenness,
    AidPlace,
    AidRequest,
    AidRequestState,
    AidSide,
    AidUrgency,
)
from schema.reading import Context, written
from schema.refusal import Refusal
from values import Level


@strawberry.input(description="What a person asks for.")
class AidRequestOpenInput:
    """The person is the requester itself."""

    need: Code = strawberry.field(description="As `AidRequest.need`.")
    urgency: AidUrgency = strawberry.field(description="How pressing it is.")
    words: str = strawberry.field(description="In 1 to 1000 characters, without what would tell who asks.")
    place: AidPlace = strawberry.field(default=AidPlace.GOVERNORATE, description="How exactly the place is told.")
    openness: AidOpenness = strawberry.field(default=AidOpenness.ORGANISATIONS, description="Who may see it.")
    organisation: strawberry.ID | None = strawberry.field(default=None, description="The chosen organisation, for CHOSEN.")
    keeps_identifiers: bool = strawberry.field(default=False, description="Whether a number or address in the words is meant to be there.")
    language: Language = strawberry.field(default=Language.AR, description="The language of warnings.")
    idempotency_key: str | None = strawberry.field(default=None, description="Give it again to get the first answer again.")


@strawberry.input(description="Which request to promise.")
class AidRequestPromiseInput:
    """For the requester's organisation."""

    id: strawberry.ID = strawberry.field(description="The request.")
    days: int = strawberry.field(default=7, description="For how long the promise holds, 1 to 30. Unit: days.")
    idempotency_key: str | None = strawberry.field(default=None, description="Give it again to get the first answer again.")


@strawberry.input(description="Which request to move, and what to say with it.")
class AidRequestActInput:
    """For whoever may."""

    id: strawberry.ID = strawberry.field(description="The request.")
    words: str | None = strawberry.field(default=None, description="Thanks, a note, or for a complaint what is wrong; to 2000 characters.")
    idempotency_key: str | None = strawberry.field(default=None, description="Give it again to get the first answer again.")


@strawberry.input(description="What to write to the other side.")
class AidRequestMessageSendInput:
    """From either side."""

    id: strawberry.ID = strawberry.field(description="The request.")
    words: str = strawberry.field(description="In 1 to 2000 characters.")
    keeps_identifiers: bool = strawberry.field(default=False, description="Whether a number or address in it is meant.")
    language: Language = strawberry.field(default=Language.AR, description="The language of warnings.")
    idempotency_key: str | None = strawberry.field(default=None, description="Give it again to get the first answer again.")


@strawberry.input(description="What to report.")
class AidRequestReportInput:
    """To the inspectorate."""

    id: strawberry.ID = strawberry.field(description="The request.")
    words: str = strawberry.field(description="What is wrong with it, in 1 to 2000 characters.")


@plain(Level.OPEN, "The request as it stands now.")
class AidRequestMoved:
    """Payload of every change of a request."""

    aid_request: AidRequest = strawberry.field(description="As this requester may see it.")


AidRequestResult = Annotated[AidRequestMoved | Refusal, strawberry.union("AidRequestResult")]


def _moved(row: dict[str, Any]) -> AidRequestMoved:
    told, talk = row["assurances"], row["messages"]
    made = {
        "urgency": AidUrgency[row["urgency"]],
        "openness": AidOpenness[row["openness"]],
        "state": AidRequestState[row["state"]],
        "assurances": None if told is None else AidAssurances(**told),
        "messages": None if talk is None else [AidMessage(**{**each, "side": AidSide[each["side"]]}) for each in talk],
    }
    return AidRequestMoved(aid_request=AidRequest(**{**row, **made}))


async def _answer(info: strawberry.Info, command: Callable[[Context], Awaitable[Any]]) -> Any:
    """Run a command, and give the request as its requester may see it; the look is recorded like any other."""
    context: Context = info.context

    async def work() -> Any:
        return await context.hub.identity.requesting.told(context.gathering, await command(context))

    return await written(work, _moved)


def _acts(act: str) -> Callable[[strawberry.Info, AidRequestActInput], Awaitable[Any]]:
    async def answer(info: strawberry.Info, given: AidRequestActInput) -> Any:
        return await _answer(
            info,
            lambda context: context.hub.identity.requests.act(
                context.gathering.enquiry, str(given.id), act, words=given.words, key=given.idempotency_key
            ),
        )

    return answer


@strawberry.type
class Mutation:
    """Everything both sides and inspectors do."""

    @strawberry.mutation(
        description="Ask for help without a name; what is assured is read from the sources.",
        metadata=needs("aid_request.open"),
    )
    async def aid_request_open(
        self,
        info: strawberry.Info,
        input: AidRequestOpenInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Open a request."""
        asked = Asked(
            str(input.need),
            RANKS.index(input.urgency.name),
            input.place.name.lower(),
            input.openness.name.lower(),
            None if input.organisation is None else str(input.organisation),
            input.words,
            input.keeps_identifiers,
            input.language.name.lower(),
        )
        return await _answer(
            info, lambda context: context.hub.identity.requests.open(context.gathering.enquiry, asked, input.idempotency_key)
        )

    @strawberry.mutation(
        description="Promise help; while the promise holds nobody else can.",
        metadata=needs("aid_request.promise"),
    )
    async def aid_request_promise(
        self,
        info: strawberry.Info,
        input: AidRequestPromiseInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Promise help."""
        return await _answer(
            info,
            lambda context: context.hub.identity.requests.promise(
                context.gathering.enquiry, str(input.id), input.days, input.idempotency_key
            ),
        )

    @strawberry.mutation(description="Write to the other side of a request.", metadata=needs("aid_request.write"))
    async def aid_request_message_send(
        self,
        info: strawberry.Info,
        input: AidRequestMessageSendInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Write a message."""
        kept = input.keeps_identifiers, input.language.name.lower()
        return await _answer(
            info,
            lambda context: context.hub.identity.requests.write(
                context.gathering.enquiry, str(input.id), input.words, kept, input.idempotency_key
            ),
        )

    @strawberry.mutation(description="Report a request that is none to the inspectorate.", metadata=needs("aid_request.report"))
    async def aid_request_report(
        self,
        info: strawberry.Info,
        input: AidRequestReportInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Report abuse."""
        return await _answer(
            info, lambda context: context.hub.identity.requests.report(context.gathering.enquiry, str(input.id), input.words)
        )

    @strawberry.mutation(description="Withdraw a request of one's own.", metadata=needs("aid_request.withdraw"))
    async def aid_request_withdraw(
        self,
        info: strawberry.Info,
        input: AidRequestActInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Take it back."""
        return await _acts("withdraw")(info, input)

    @strawberry.mutation(description="Confirm that help arrived.", metadata=needs("aid_request.confirm"))
    async def aid_request_confirm(
        self,
        info: strawberry.Info,
        input: AidRequestActInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Confirm it."""
        return await _acts("confirm")(info, input)

    @strawberry.mutation(description="Complain of what was served; it reaches the inspectorate.", metadata=needs("aid_request.complain"))
    async def aid_request_complain(
        self,
        info: strawberry.Info,
        input: AidRequestActInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Complain."""
        return await _acts("complain")(info, input)

    @strawberry.mutation(description="Close a request that was served, with thanks or without.", metadata=needs("aid_request.close"))
    async def aid_request_close(
        self,
        info: strawberry.Info,
        input: AidRequestActInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Close it."""
        return await _acts("close")(info, input)

    @strawberry.mutation(description="Say that help was given as promised.", metadata=needs("aid_request.serve"))
    async def aid_request_serve(
        self,
        info: strawberry.Info,
        input: AidRequestActInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Serve it."""
        return await _acts("serve")(info, input)

    @strawberry.mutation(description="Give a promise back; the request waits again.", metadata=needs("aid_request.release"))
    async def aid_request_release(
        self,
        info: strawberry.Info,
        input: AidRequestActInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Release it."""
        return await _acts("release")(info, input)

    @strawberry.mutation(description="Take a request down that is none.", metadata=needs("aid_request.remove"))
    async def aid_request_remove(
        self,
        info: strawberry.Info,
        input: AidRequestActInput,  # noqa: A002 — the one argument every mutation has
    ) -> AidRequestResult:
        """Remove it."""
        return await _acts("remove")(info, input)
