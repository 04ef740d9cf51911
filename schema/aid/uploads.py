"""Large files of cases, sent in parts: looked through and registered while anybody may ask how far it is."""

from enum import Enum
from typing import Annotated

import strawberry

from resolvers.hub import Hub
from schema.access import Instant, plain
from schema.aid.allocations import Language
from schema.aid.importing import CaseFileKind, CasesImported, CasesImportPreview
from schema.refusal import Refusal
from schema.roots import mutation, query
from values import Enquiry, Level


@strawberry.enum(description="How far a file is.")
class CasesUploadState(Enum):
    """The next step is the manager's in RECEIVING and LOOKED."""

    RECEIVING = strawberry.enum_value("receiving", description="Parts are missing.")
    LOOKING = strawberry.enum_value("looking", description="It is being looked through.")
    LOOKED = strawberry.enum_value("looked", description="`preview` says what an import would do; `failure`, why one was refused.")
    REGISTERING = strawberry.enum_value("registering", description="Everybody is being registered.")
    REGISTERED = strawberry.enum_value("registered", description="Everybody is registered, and nothing is kept of the file.")
    FAILED = strawberry.enum_value("failed", description="The work ended unexpectedly; nobody was registered.")


@plain(Level.PARTNER, "A file of cases on its way in.")
class CasesUpload:
    """Its parts lie sealed until everybody is registered, it is discarded, or a day is over."""

    id: strawberry.ID = strawberry.field(description="This file for this requester only.")
    state: CasesUploadState = strawberry.field(description="How far it is.")
    size_bytes: int = strawberry.field(description="Its size. Unit: bytes.")
    received_bytes: int = strawberry.field(description="How much is here; the next part begins there. Unit: bytes.")
    rows_done: int = strawberry.field(description="Rows looked for among the cases so far; it counts anew when they are registered.")
    rows_total: int = strawberry.field(description="Rows to look for; 0 until the file is read.")
    preview: CasesImportPreview | None = strawberry.field(
        description="What an import would do, with the first 200 faults and likely duplicates after the row asked for, of 5,000 at most."
    )
    registered: CasesImported | None = strawberry.field(description="Whom it registered.")
    failure: Refusal | None = strawberry.field(description="Why nobody was registered.")
    opened_at: Instant = strawberry.field(description="When it was opened; a day later it is forgotten.")
    changed_at: Instant = strawberry.field(description="When something last happened to it.")


@strawberry.input(description="A file that will be sent.")
class CasesUploadOpenInput:
    """Columns and rows as in `casesImportPreview`, at most 16 MiB and 50,000 rows."""

    kind: CaseFileKind = strawberry.field(description="What the file is.")
    size_bytes: int = strawberry.field(description="Its size, 1 to 16,777,216. Unit: bytes.")


@strawberry.input(description="The next part of a file.")
class CasesUploadPartInput:
    """Parts come in order; a part that did not arrive is sent again."""

    upload: strawberry.ID = strawberry.field(description="An own file that is being sent.")
    offset: int = strawberry.field(description="The byte it begins with, counted from 0. Unit: bytes.")
    content: str = strawberry.field(description="Its bytes in base64, at most 600,000 of them; always send it as a variable.")


@strawberry.input(description="A file that was looked through.")
class CasesUploadImportInput:
    """All of it is registered, or nothing; a second time nothing happens."""

    upload: strawberry.ID = strawberry.field(description="An own file.")
    distinct_rows: list[int] | None = strawberry.field(
        default=None, description="Rows with likely duplicates that were looked at, and are others."
    )


@strawberry.input(description="A file that is not wanted any more.")
class CasesUploadDiscardInput:
    """Nothing of it is kept."""

    upload: strawberry.ID = strawberry.field(description="An own file.")


@plain(Level.PARTNER, "A file may be sent.")
class CasesUploadOpened:
    """Payload of casesUploadOpen."""

    upload: strawberry.ID = strawberry.field(description="To be given with every part.")
    most_bytes: int = strawberry.field(description="What a part has at most, before base64. Unit: bytes.")


@plain(Level.PARTNER, "A part has arrived.")
class CasesUploadReceived:
    """Payload of casesUploadPart."""

    received_bytes: int = strawberry.field(description="How much is here. Unit: bytes.")
    state: CasesUploadState = strawberry.field(description="LOOKING after the last part.")


@plain(Level.PARTNER, "Everybody of the file is being registered.")
class CasesUploadImporting:
    """Payload of casesUploadImport."""

    state: CasesUploadState = strawberry.field(description="REGISTERING; REGISTERED where it was done before.")


@plain(Level.PARTNER, "The file is forgotten.")
class CasesUploadDiscarded:
    """Payload of casesUploadDiscard."""

    discarded: bool = strawberry.field(description="True.")


@strawberry.type
class Query:
    """Asking how far it is."""

    @query("How far a file of cases is; null for one that is forgotten, or another organisation's.", "case.import")
    def cases_upload(
        self,
        upload: Annotated[strawberry.ID, strawberry.argument(description="An own file.")],
        after_row: Annotated[int, strawberry.argument(description="Faults and likely duplicates after this row.")] = 0,
        language: Annotated[Language, strawberry.argument(description="The language of the faults.")] = Language.EN,
    ) -> CasesUpload | None: ...


@strawberry.type
class Mutation:
    """Sending, registering, forgetting."""

    @mutation("Begin to send a file of cases in parts.", "case.import")
    async def cases_upload_open(self, hub: Hub, enquiry: Enquiry, input: CasesUploadOpenInput) -> CasesUploadOpened:
        return CasesUploadOpened(**await hub.aid.uploads.open(enquiry, vars(input)))

    @mutation("Send the next part of a file; with the last one it is looked through.", "case.import")
    async def cases_upload_part(self, hub: Hub, enquiry: Enquiry, input: CasesUploadPartInput) -> CasesUploadReceived:
        row = await hub.aid.uploads.receive(enquiry, vars(input))
        return CasesUploadReceived(received_bytes=row["received_bytes"], state=CasesUploadState(row["state"]))

    @mutation("Register everybody of a file that was looked through, or nobody; `casesUpload` says how it ended.", "case.import")
    async def cases_upload_import(self, hub: Hub, enquiry: Enquiry, input: CasesUploadImportInput) -> CasesUploadImporting:
        row = await hub.aid.uploads.register(enquiry, vars(input))
        return CasesUploadImporting(state=CasesUploadState(row["state"]))

    @mutation("Forget a file that was sent.", "case.import")
    async def cases_upload_discard(self, hub: Hub, enquiry: Enquiry, input: CasesUploadDiscardInput) -> CasesUploadDiscarded:
        return CasesUploadDiscarded(**await hub.aid.uploads.discard(enquiry, vars(input)))
