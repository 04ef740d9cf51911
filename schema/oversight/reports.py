"""Reports of wrongdoing, sealed before they reach the hub; a receipt code is all that a reporter keeps."""

from enum import StrEnum
from typing import Annotated

import strawberry

from resolvers.hub import Hub
from schema.access import Day, Instant, plain
from schema.roots import mutation, query
from values import Enquiry, Level


class ReportKind(StrEnum):
    """What a report is about."""

    CORRUPTION = "corruption"
    FRAUD = "fraud"
    DISCRIMINATION = "discrimination"
    EXPLOITATION = "exploitation"
    DATA_MISUSE = "data_misuse"
    OTHER = "other"


class ReportState(StrEnum):
    """Where a report stands."""

    FILED = "filed"
    TAKEN = "taken"
    CLOSED = "closed"


strawberry.enum(ReportKind, name="ReportKind", description="What a report is about, by the reporter's own choice.")
strawberry.enum(ReportState, name="ReportState", description="Where a report stands.")


@plain(Level.OPEN, "A key that reports may be sealed to.")
class ReportingKey:
    """Its secret half is with the inspectorate and never with the hub."""

    id: strawberry.ID = strawberry.field(description="The fingerprint; compare it over another way.")
    body: strawberry.ID = strawberry.field(description="The inspectorate.")
    public_key: str = strawberry.field(description="X25519, as base64.")
    begins_at: Instant = strawberry.field(description="Since when it is valid.")
    until_at: Instant = strawberry.field(description="Until when.")


@plain(Level.OPEN, "One sealed message of a conversation.")
class ReportMessage:
    """The hub cannot read it."""

    by_body: bool = strawberry.field(description="Whether the inspectorate wrote it.")
    day: Day = strawberry.field(description="When; never a time of day.")
    sealed: str = strawberry.field(description="As base64.")


@plain(Level.OPEN, "A report as its reporter finds it again.")
class ReportConversation:
    """Found by token alone."""

    state: ReportState = strawberry.field(description="Where it stands.")
    key: strawberry.ID = strawberry.field(description="The key it is sealed to.")
    messages: list[ReportMessage] = strawberry.field(description="What was said, in order.")


@plain(Level.SEALED, "A report as the inspectorate has it.")
class Report:
    """Opened offline, with the inspectorate's own key."""

    id: strawberry.ID = strawberry.field(description="The report, for this requester.")
    key: strawberry.ID = strawberry.field(description="The key it is sealed to.")
    kind: ReportKind = strawberry.field(description="What it is about.")
    day: Day = strawberry.field(description="When it came; never a time of day.")
    state: ReportState = strawberry.field(description="Where it stands.")
    mine: bool = strawberry.field(description="Whether this officer took it.")
    messages: list[ReportMessage] = strawberry.field(description="What was said, in order.")


@plain(Level.OPEN, "How many reports of one kind a quarter had.")
class ReportCount:
    """Published a month after the quarter, and only from five on."""

    quarter: str = strawberry.field(description="As `2026-Q3`.")
    kind: ReportKind = strawberry.field(description="What they were about.")
    count: int = strawberry.field(description="How many. Unit: reports.")


@strawberry.input(description="A report, sealed on the reporter's side.")
class ReportFileInput:
    """Made by `mizalla report file`."""

    token: str = strawberry.field(description="Made from the receipt code, which is never sent.")
    key: strawberry.ID = strawberry.field(description="The key it is sealed to.")
    kind: ReportKind = strawberry.field(description="What it is about; the one thing the hub can read.")
    sealed: str = strawberry.field(description="Sealed content of one of the sizes, as base64.")


@strawberry.input(description="A further message of the reporter.")
class ReportAnswerInput:
    """Found by token alone."""

    token: str = strawberry.field(description="Made from the receipt code.")
    sealed: str = strawberry.field(description="Sealed content, as base64.")


@strawberry.input(description="Which report, and what to say.")
class ReportReplyInput:
    """Sealed to the reporter's own key, which is inside the report."""

    id: strawberry.ID = strawberry.field(description="The report.")
    sealed: str = strawberry.field(description="Sealed content, as base64.")


@strawberry.input(description="Which report.")
class ReportInput:
    """Its id alone."""

    id: strawberry.ID = strawberry.field(description="The report.")


@strawberry.input(description="A key to publish.")
class ReportKeyPublishInput:
    """Made offline by `mizalla report keys`."""

    public_key: str = strawberry.field(description="X25519, as base64.")
    begins_at: Instant = strawberry.field(description="Since when it is valid.")
    until_at: Instant = strawberry.field(description="Until when; 800 days at most.")


@plain(Level.OPEN, "It is kept.")
class ReportKept:
    """Payload of what reporters and inspectors do."""

    done: bool = strawberry.field(description="Always true.")


@plain(Level.SEALED, "The key is published.")
class ReportKeyPublished:
    """Payload of reportKeyPublish."""

    key: ReportingKey = strawberry.field(description="As anyone reads it.")


@strawberry.type
class Query:
    """Keys, conversations, counts."""

    @query("The keys that reports may be sealed to now; open to anyone.")
    def reporting_keys(self) -> list[ReportingKey]: ...

    @query("A report by the token of its receipt code; null for none. Open to anyone who has the code.")
    def report_conversation(
        self, token: Annotated[str, strawberry.argument(description="Always send it as a variable.")]
    ) -> ReportConversation | None: ...

    @query("How many reports there were, by quarter and kind; open to anyone.")
    def report_counts(self) -> list[ReportCount]: ...

    @query("The reports that came to one's own body.", "report.decide")
    def reports(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[Report] | None: ...


@strawberry.type
class Mutation:
    """Reporting, and answering."""

    @mutation("File a sealed report; no credential is needed, and none should be sent.", "report.file", result="ReportResult")
    async def report_file(self, hub: Hub, enquiry: Enquiry, input: ReportFileInput) -> ReportKept:
        given = {"token": input.token, "key": str(input.key), "kind": input.kind.value, "sealed": input.sealed}
        await hub.oversight.reports.file(enquiry, given)
        return ReportKept(done=True)

    @mutation("Add to one's own report.", "report.file", result="ReportResult")
    async def report_answer(self, hub: Hub, enquiry: Enquiry, input: ReportAnswerInput) -> ReportKept:
        await hub.oversight.reports.say(enquiry, input.token, input.sealed)
        return ReportKept(done=True)

    @mutation("Take a report in hand.", "report.decide", result="ReportResult")
    async def report_take(self, hub: Hub, enquiry: Enquiry, input: ReportInput) -> ReportKept:
        await hub.oversight.reports.act(enquiry, str(input.id), "take")
        return ReportKept(done=True)

    @mutation("Answer the reporter.", "report.decide", result="ReportResult")
    async def report_reply(self, hub: Hub, enquiry: Enquiry, input: ReportReplyInput) -> ReportKept:
        await hub.oversight.reports.act(enquiry, str(input.id), "reply", input.sealed)
        return ReportKept(done=True)

    @mutation("Close a report.", "report.decide", result="ReportResult")
    async def report_close(self, hub: Hub, enquiry: Enquiry, input: ReportInput) -> ReportKept:
        await hub.oversight.reports.act(enquiry, str(input.id), "close")
        return ReportKept(done=True)

    @mutation("Publish a key of one's own body that reports may be sealed to.", "report.decide")
    async def report_key_publish(self, hub: Hub, enquiry: Enquiry, input: ReportKeyPublishInput) -> ReportKeyPublished:
        return ReportKeyPublished(
            key=ReportingKey(**await hub.oversight.reports.publish(enquiry, input.public_key, input.begins_at, input.until_at))
        )
