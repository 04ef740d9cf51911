"""Requests for help without a name: asked, promised, served, talked about and closed."""

from collections.abc import AsyncGenerator
from enum import Enum, StrEnum
from typing import Annotated

import strawberry

from schema.access import Code, Day, Instant, plain, stricter
from schema.identity.people import PageInfo
from schema.roots import query, subscription
from values import Level


@strawberry.enum(description="How pressing a need is.")
class AidUrgency(Enum):
    """In the order in which requests are listed."""

    URGENT = strawberry.enum_value(0, description="Now: distress.")
    TEMPORARY = strawberry.enum_value(1, description="For a while.")
    LASTING = strawberry.enum_value(2, description="For long.")


@strawberry.enum(description="How exactly a person says where it is.")
class AidPlace(Enum):
    """What is told is what the registry says of the person."""

    NONE = strawberry.enum_value("none", description="Not at all.")
    GOVERNORATE = strawberry.enum_value("governorate", description="The governorate of residence.")
    DISTRICT = strawberry.enum_value("district", description="The district of residence too.")


@strawberry.enum(description="Who may see a request.")
class AidOpenness(Enum):
    """The person decides."""

    ANYONE = strawberry.enum_value("anyone", description="Published openly; what is assured is for organisations all the same.")
    ORGANISATIONS = strawberry.enum_value("organisations", description="Verified organisations.")
    CHOSEN = strawberry.enum_value("chosen", description="One verified organisation.")


class AidRequestState(StrEnum):
    """Where a request stands."""

    OPENED = "opened"
    PROMISED = "promised"
    SERVED = "served"
    CONFIRMED = "confirmed"
    COMPLAINED = "complained"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    REMOVED = "removed"


strawberry.enum(AidRequestState, name="AidRequestState", description="Where a request stands.")


class AidSide(StrEnum):
    """Who wrote."""

    PERSON = "person"
    HELPER = "helper"


strawberry.enum(AidSide, name="AidSide", description="Which side of a request wrote.")


@plain(Level.PARTNER, "What the hub assures of who asks, from the sources, as coarse as a crowd of ten fits.")
class AidAssurances:
    """Null where fewer people of the place would fit, or where no source says it."""

    need_class: Code | None = strawberry.field(description="SEVERE from 75 points of need, HIGH from 50, MODERATE from 25, else LOW.")
    household: Code | None = strawberry.field(description="Members: ONE, TWO_TO_FOUR, FIVE_TO_SEVEN, EIGHT_OR_MORE.")
    unserved_since: Day | None = strawberry.field(
        description="Since when no organisation of any source, and no request here, served this need; null where one just did."
    )
    as_of: Day = strawberry.field(description="When this was looked up last.")


@plain(Level.SEALED, "What one side wrote to the other.")
class AidMessage:
    """Kept sealed; the hub routes it and names nobody."""

    side: AidSide = strawberry.field(description="Who wrote it.")
    words: str = strawberry.field(description="What was written.")
    at: Instant = strawberry.field(description="When.")


@plain(Level.OPEN, "A request for help without a name.")
class AidRequest:
    """Whoever asks has no identifier here, and the request has another one for every requester."""

    id: strawberry.ID = strawberry.field(description="This request for this requester only.")
    need: Code = strawberry.field(
        description="cash, food, shelter, health, education, protection, assistive_device, hygiene; safety for distress. After SP-DCI."
    )
    urgency: AidUrgency = strawberry.field(description="How pressing it is.")
    governorate: Code | None = strawberry.field(description="Governorate, where the person says so. After ISO 3166-2.")
    district: str | None = strawberry.field(description="District, where the person says so.")
    words: str = strawberry.field(description="What the person writes.")
    openness: AidOpenness = strawberry.field(description="Who may see it.")
    asked_on: Day = strawberry.field(description="The day it was asked.")
    state: AidRequestState = strawberry.field(description="Where it stands; a promise that was not kept in time leaves it OPENED.")

    assurances: AidAssurances | None = stricter(
        Level.PARTNER, "What is assured of who asks; for verified organisations, inspectors and the person.", "aid_request.follow"
    )
    helper: strawberry.ID | None = stricter(Level.SEALED, "The organisation that promised; for the two sides.", "aid_request.follow")
    promised_until: Instant | None = stricter(Level.SEALED, "Until when the promise holds; for the two sides.", "aid_request.follow")
    messages: list[AidMessage] | None = stricter(
        Level.SEALED, "What was written, oldest first; for the two sides, each helper its own part.", "aid_request.follow"
    )


@plain(Level.OPEN, "One step of a paged list of requests.")
class AidRequestEdge:
    """A request with the cursor to go on from."""

    cursor: str = strawberry.field(description="Give it as `after` to go on from here; sealed for this requester.")
    node: AidRequest = strawberry.field(description="The request.")


@plain(Level.OPEN, "A page of requests.")
class AidRequestConnection:
    """After the Relay connection specification, with `nodes` for those who need no cursors."""

    nodes: list[AidRequest] = strawberry.field(description="The requests of this page.")
    edges: list[AidRequestEdge] = strawberry.field(description="The requests of this page, each with its cursor.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")


@plain(Level.SEALED, "One signed step of a request.")
class AidRequestStep:
    """The trace that both sides and the inspectorate read."""

    at: Instant = strawberry.field(description="When.")
    act: str = strawberry.field(description="What was done.")
    state: AidRequestState = strawberry.field(description="Where it led.")
    by: str = strawberry.field(description="The organisation, or the role of who is none.")


@plain(Level.SEALED, "A complaint of a person about a helper, or an organisation's report of abuse.")
class AidRequestComplaint:
    """For inspectors."""

    by: str | None = strawberry.field(description="The reporting organisation; null for the person's own complaint.")
    words: str = strawberry.field(description="What is wrong.")
    at: Instant = strawberry.field(description="When it was said.")
    request: AidRequest = strawberry.field(description="The request concerned.")


@strawberry.type
class Query:
    """Requests, as each may see them."""

    @query("Requests that wait for help, most urgent and oldest first: those open to anyone, and to the requester's organisation.")
    def aid_requests(
        self,
        need: Annotated[Code | None, strawberry.argument(description="Only this kind of need.")] = None,
        urgency: Annotated[AidUrgency | None, strawberry.argument(description="Only this urgency.")] = None,
        governorate: Annotated[Code | None, strawberry.argument(description="Only of this governorate.")] = None,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
    ) -> AidRequestConnection: ...

    @query("One request by this requester's own identifier; null when unknown or not to be known, without distinction.")
    def aid_request(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="As this requester's own answers gave it.")]
    ) -> AidRequest | None: ...

    @query("The requests the requester's organisation promised, newest first.", "aid_request.promise")
    def promised_aid_requests(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[AidRequest]: ...

    @query("The requests of the person that asks, newest first.", "aid_request.open")
    def my_aid_requests(self) -> list[AidRequest]: ...

    @query("The signed steps of a request; null for who is no side of it.", "aid_request.follow")
    def aid_request_steps(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="As this requester's own answers gave it.")]
    ) -> list[AidRequestStep] | None: ...

    @query("Complaints and reports about requests, newest first.", "aid_request.oversee")
    def aid_request_complaints(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[AidRequestComplaint]: ...


@strawberry.type
class Subscription:
    """News of requests."""

    @subscription("A request that has just begun to wait for help, for organisations that may see it.", "aid_request.promise")
    async def aid_request_opened(self) -> AsyncGenerator[AidRequest | None, None]: ...

    @subscription(
        "A request of the requester's own that has just moved, or in which somebody wrote: for both its sides.", "aid_request.follow"
    )
    async def aid_request_changed(self) -> AsyncGenerator[AidRequest | None, None]: ...
