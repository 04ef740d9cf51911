"""Messages between organisations: sealed by who writes for who reads, about a person where one is named."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.roots import mutation, query, subscription
from values import Enquiry, Level


@plain(Level.PARTNER, "Whom something between organisations is about, as far as this requester may know.")
class SpokenOf:
    """Neither party learns the other's identifier."""

    handle: strawberry.ID = strawberry.field(description="The same within this thread or thing, and meaningless elsewhere.")
    person: strawberry.ID | None = strawberry.field(
        description="The person by this requester's own identifier, to be given to `person(id:)`; null where it may not know who is meant."
    )


@plain(Level.PARTNER, "An organisation in a thread.")
class ThreadParty:
    """Parties of a thread do not change."""

    organisation: strawberry.ID = strawberry.field(description="Which.")
    read_upto: int = strawberry.field(description="The number of the last message it says it has read; 0 for none.")


@plain(Level.PARTNER, "Messages between the same organisations, about one thing.")
class Thread:
    """It exists under the purpose it was opened for."""

    id: strawberry.ID = strawberry.field(description="Names it, for this requester only.")
    opened_by: strawberry.ID = strawberry.field(description="The organisation that opened it.")
    parties: list[ThreadParty] = strawberry.field(description="Who writes and reads, by name.")
    last: int = strawberry.field(description="The number of its last message.")
    last_at: Instant = strawberry.field(description="When that was sent.")
    unread: int = strawberry.field(description="How many messages the asker's organisation has not read.")
    about: SpokenOf | None = strawberry.field(description="Whom it is about, for 90 days; null where it is about nobody.")


@plain(Level.PARTNER, "A page of threads.")
class ThreadPage:
    """The newest message first."""

    threads: list[Thread] = strawberry.field(description="The threads of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` to go on; null on an empty page.")
    has_next_page: bool = strawberry.field(description="Whether more follow.")


@plain(Level.PARTNER, "A sealed attachment.")
class MessageAttachment:
    """Its name and kind stand in the sealed content."""

    place: int = strawberry.field(description="1, 2, 3 …: give it to `messageAttachment`.")
    size_bytes: int = strawberry.field(description="Its sealed size. Unit: bytes.")


@plain(Level.PARTNER, "A message, which the hub cannot read.")
class Message:
    """How to open it: docs/messages.md."""

    number: int = strawberry.field(description="1, 2, 3 … in its thread.")
    sender: strawberry.ID = strawberry.field(description="The organisation that wrote it.")
    sender_key: int = strawberry.field(description="The version of the sender's key it is boxed with.")
    at: Instant = strawberry.field(description="When it was sent.")
    key: int = strawberry.field(description="The version of the asker's own key it is boxed to.")
    box: str = strawberry.field(description="The key of its parts, boxed for the asker's organisation, as base64.")
    sealed: str = strawberry.field(description="Its content, as base64.")
    attachments: list[MessageAttachment] = strawberry.field(description="What is attached.")


@plain(Level.PARTNER, "A message has come.")
class MessageNews:
    """Read it by `messages`."""

    thread: strawberry.ID = strawberry.field(description="In which thread.")
    number: int = strawberry.field(description="Its number there.")


@strawberry.input(description="The key of a message's parts, boxed for one party.")
class MessageBoxInput:
    """One for each party, the sender among them."""

    organisation: strawberry.ID = strawberry.field(description="For which party.")
    version: int = strawberry.field(description="The version of its key.")
    box: str = strawberry.field(description="104 bytes, as base64.")


@strawberry.input(description="A message, sealed as docs/messages.md says.")
class MessageSendInput:
    """Into a thread, or opening one."""

    thread: strawberry.ID | None = strawberry.field(default=None, description="The thread it goes into.")
    to: list[strawberry.ID] | None = strawberry.field(default=None, description="Instead: 1 to 9 organisations to open a thread with.")
    about: strawberry.ID | None = strawberry.field(
        default=None, description="For a thread to be opened: the person it is about, by this requester's own identifier."
    )
    sealed: str = strawberry.field(description="The sealed content, as base64.")
    attachments: list[str] = strawberry.field(default_factory=list, description="Sealed attachments, as base64, at most 4.")
    boxes: list[MessageBoxInput] = strawberry.field(description="The key of the parts for each party, the sender among them.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key sends it once.")


@strawberry.input(description="Up to where a thread was read.")
class MessageReadInput:
    """By the asker's organisation."""

    thread: strawberry.ID = strawberry.field(description="Which.")
    upto: int = strawberry.field(description="The number of the last message that was read.")


@plain(Level.PARTNER, "The message is sent.")
class MessageSent:
    """Payload of messageSend."""

    thread: strawberry.ID = strawberry.field(description="The thread it stands in.")
    number: int = strawberry.field(description="Its number there.")
    at: Instant = strawberry.field(description="When.")


@plain(Level.PARTNER, "The thread is read up to there.")
class MessagesRead:
    """Payload of messageRead."""

    thread: strawberry.ID = strawberry.field(description="Which.")
    read_upto: int = strawberry.field(description="The last number that was read.")
    unread: int = strawberry.field(description="How many are not read.")


@strawberry.type
class Query:
    """Reading what others wrote."""

    @query("The organisation's threads under this purpose, the newest message first.", "message.read")
    def threads(
        self,
        first: Annotated[int, strawberry.argument(description="How many at most.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before.")] = None,
        unread: Annotated[bool, strawberry.argument(description="Only those with something unread.")] = False,  # noqa: FBT002 — an argument of the schema
    ) -> ThreadPage: ...

    @query("A thread's messages, oldest first; null for a thread that is not one of the organisation's under this purpose.", "message.read")
    def messages(
        self,
        thread: Annotated[strawberry.ID, strawberry.argument(description="Which thread.")],
        first: Annotated[int, strawberry.argument(description="How many at most.")] = 20,
        after: Annotated[int, strawberry.argument(description="After the message of this number.")] = 0,
    ) -> list[Message] | None: ...

    @query("One sealed attachment, as base64; null for one that is not there or not the organisation's.", "message.read")
    def message_attachment(
        self,
        thread: Annotated[strawberry.ID, strawberry.argument(description="Which thread.")],
        number: Annotated[int, strawberry.argument(description="Of which message.")],
        place: Annotated[int, strawberry.argument(description="Which of its attachments.")],
    ) -> str | None: ...


@strawberry.type
class Mutation:
    """Writing to others."""

    @mutation("Send a sealed message, into a thread or opening one.", "message.send")
    async def message_send(self, hub: Hub, enquiry: Enquiry, input: MessageSendInput) -> MessageSent:
        given = {name: getattr(input, name) for name in ("thread", "to", "about", "sealed", "attachments")}
        boxes = [{"organisation": str(each.organisation), "version": each.version, "box": each.box} for each in input.boxes]
        return MessageSent(**await hub.exchange.messages.send(enquiry, {**given, "boxes": boxes}, input.idempotency_key))

    @mutation("Say up to where a thread was read.", "message.read")
    async def message_read(self, hub: Hub, enquiry: Enquiry, input: MessageReadInput) -> MessagesRead:
        return MessagesRead(**await hub.exchange.messages.read(enquiry, str(input.thread), input.upto))


@strawberry.type
class Subscription:
    """Being written to."""

    @subscription("Another organisation has just written to the asker's, under this purpose.", "message.read")
    async def message_received(self) -> AsyncGenerator[MessageNews | None, None]: ...
