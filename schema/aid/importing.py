"""Cases imported from a file: looked through first, then all of it at once or nothing."""

from enum import Enum
from typing import Annotated

import strawberry

from resolvers.aid.importing import decoded
from resolvers.hub import Hub
from schema.access import Code, plain
from schema.aid.allocations import Language
from schema.roots import mutation, query
from values import Enquiry, Level


@strawberry.enum(description="What a file is.")
class CaseFileKind(Enum):
    """Nothing is guessed."""

    CSV = strawberry.enum_value("csv", description="Comma-separated text in UTF-8; semicolons or tabs may stand for commas.")
    XLSX = strawberry.enum_value("xlsx", description="An Excel workbook with one sheet that is not empty.")


@plain(Level.PARTNER, "What is wrong in a file, and where.")
class ImportFault:
    """What stands in the cell is not repeated."""

    row: int = strawberry.field(description="As a spreadsheet counts them; 0 for the file.")
    column: str | None = strawberry.field(description="The column, by its name here; by its letter where nothing is known by its header.")
    code: Code = strawberry.field(description="A stable code, see docs/domains/aid.md.")
    text: str = strawberry.field(description="What is wrong.")
    hint: str = strawberry.field(description="What to do.")


@plain(Level.SEALED, "A row that is likely an own case already, or another row.")
class ImportDuplicate:
    """A person decides."""

    row: int = strawberry.field(description="As a spreadsheet counts them.")
    person: strawberry.ID | None = strawberry.field(description="The own case it likely is.")
    other_row: int | None = strawberry.field(description="The earlier row it likely repeats.")
    score: int = strawberry.field(description="As `caseDuplicates` counts. Unit: points, 0 to 100.")


@plain(Level.PARTNER, "What an import would do.")
class CasesImportPreview:
    """Nothing is kept of the file."""

    digest: str = strawberry.field(description="To be given with the import of the same file.")
    rows: int = strawberry.field(description="Rows that can be read. Unit: people.")
    households: int = strawberry.field(description="Households they make.")
    fault_count: int = strawberry.field(description="Faults in all; the import takes a file without any.")
    faults: list[ImportFault] = strawberry.field(description="The first 200 of them.")
    duplicate_count: int = strawberry.field(description="Likely duplicates in all.")
    duplicates: list[ImportDuplicate] = strawberry.field(description="The first 200 of them.")


@strawberry.input(description="A file of cases, a row each.")
class CasesFileInput:
    """Columns: household, case_number, relation, name, mother_name, birth_year, sex, governorate, place, need_score.

    The first two are needed.
    """

    kind: CaseFileKind = strawberry.field(description="What the file is.")
    content: str = strawberry.field(
        description="Its bytes in base64, at most 500,000 of them and 5,000 rows; always send it as a variable."
    )


@strawberry.input(description="A file that was looked through.")
class CasesImportInput:
    """All of it is registered, or nothing."""

    kind: CaseFileKind = strawberry.field(description="What the file is.")
    content: str = strawberry.field(description="The same bytes in base64; always send it as a variable.")
    digest: str = strawberry.field(description="As `casesImportPreview` gave it.")
    distinct_rows: list[int] | None = strawberry.field(
        default=None, description="Rows with likely duplicates that were looked at, and are others."
    )
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The file is imported.")
class CasesImported:
    """Payload of casesImport."""

    households: int = strawberry.field(description="Households that were registered.")
    people: int = strawberry.field(description="People that were registered.")


@strawberry.type
class Query:
    """Looking through."""

    @query("What an import of this file would do; nothing is written or kept.", "case.import")
    def cases_import_preview(
        self,
        input: Annotated[CasesFileInput, strawberry.argument(description="The file.")],
        language: Annotated[Language, strawberry.argument(description="The language of the faults.")] = Language.EN,
    ) -> CasesImportPreview | None: ...


@strawberry.type
class Mutation:
    """Importing."""

    @mutation("Register everybody of a file that was looked through, or nobody.", "case.import")
    async def cases_import(self, hub: Hub, enquiry: Enquiry, input: CasesImportInput) -> CasesImported:
        return CasesImported(**await hub.aid.importing.load(enquiry, vars(input), *decoded(vars(input))))
