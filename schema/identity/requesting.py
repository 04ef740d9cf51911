"""What moves requests for help: each mutation gives the request as it then stands, or a refusal."""

from typing import Annotated, Any

import strawberry

from privacy.requests import AidRequest as Kept
from resolvers.gather import Gathering
from resolvers.identity.requests import RANKS, Asked
from schema.access import Code, plain
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
from schema.refusal import Refusal
from schema.roots import mutation
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


async def _told(gathering: Gathering, kept: Kept) -> AidRequestMoved:
    """The request as its requester may see it; the look is recorded like any other."""
    return _moved(await gathering.hub.identity.requesting.told(gathering, kept))


async def _acted(gathering: Gathering, given: AidRequestActInput, act: str) -> AidRequestMoved:
    requests = gathering.hub.identity.requests
    return await _told(gathering, await requests.act(gathering.enquiry, str(given.id), act, words=given.words, key=given.idempotency_key))


@strawberry.type
class Mutation:
    """Everything both sides and inspectors do."""

    @mutation("Ask for help without a name; what is assured is read from the sources.", "aid_request.open", result="AidRequestResult")
    async def aid_request_open(self, gathering: Gathering, input: AidRequestOpenInput) -> AidRequestMoved:
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
        requests = gathering.hub.identity.requests
        return await _told(gathering, await requests.open(gathering.enquiry, asked, input.idempotency_key))

    @mutation("Promise help; while the promise holds nobody else can.", "aid_request.promise", result="AidRequestResult")
    async def aid_request_promise(self, gathering: Gathering, input: AidRequestPromiseInput) -> AidRequestMoved:
        requests = gathering.hub.identity.requests
        return await _told(gathering, await requests.promise(gathering.enquiry, str(input.id), input.days, input.idempotency_key))

    @mutation("Write to the other side of a request.", "aid_request.write", result="AidRequestResult")
    async def aid_request_message_send(self, gathering: Gathering, input: AidRequestMessageSendInput) -> AidRequestMoved:
        kept = input.keeps_identifiers, input.language.name.lower()
        requests = gathering.hub.identity.requests
        return await _told(gathering, await requests.write(gathering.enquiry, str(input.id), input.words, kept, input.idempotency_key))

    @mutation("Report a request that is none to the inspectorate.", "aid_request.report", result="AidRequestResult")
    async def aid_request_report(self, gathering: Gathering, input: AidRequestReportInput) -> AidRequestMoved:
        requests = gathering.hub.identity.requests
        return await _told(gathering, await requests.report(gathering.enquiry, str(input.id), input.words))

    @mutation("Withdraw a request of one's own.", "aid_request.withdraw", result="AidRequestResult")
    async def aid_request_withdraw(self, gathering: Gathering, input: AidRequestActInput) -> AidRequestMoved:
        return await _acted(gathering, input, "withdraw")

    @mutation("Confirm that help arrived.", "aid_request.confirm", result="AidRequestResult")
    async def aid_request_confirm(self, gathering: Gathering, input: AidRequestActInput) -> AidRequestMoved:
        return await _acted(gathering, input, "confirm")

    @mutation("Complain of what was served; it reaches the inspectorate.", "aid_request.complain", result="AidRequestResult")
    async def aid_request_complain(self, gathering: Gathering, input: AidRequestActInput) -> AidRequestMoved:
        return await _acted(gathering, input, "complain")

    @mutation("Close a request that was served, with thanks or without.", "aid_request.close", result="AidRequestResult")
    async def aid_request_close(self, gathering: Gathering, input: AidRequestActInput) -> AidRequestMoved:
        return await _acted(gathering, input, "close")

    @mutation("Say that help was given as promised.", "aid_request.serve", result="AidRequestResult")
    async def aid_request_serve(self, gathering: Gathering, input: AidRequestActInput) -> AidRequestMoved:
        return await _acted(gathering, input, "serve")

    @mutation("Give a promise back; the request waits again.", "aid_request.release", result="AidRequestResult")
    async def aid_request_release(self, gathering: Gathering, input: AidRequestActInput) -> AidRequestMoved:
        return await _acted(gathering, input, "release")

    @mutation("Take a request down that is none.", "aid_request.remove", result="AidRequestResult")
    async def aid_request_remove(self, gathering: Gathering, input: AidRequestActInput) -> AidRequestMoved:
        return await _acted(gathering, input, "remove")
