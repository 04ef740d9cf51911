"""Questionnaires that needs are assessed by, from XLSForm workbooks as Kobo and ODK read them."""

from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Code, Instant, plain
from schema.aid.allocations import Language
from schema.aid.importing import ImportFault
from schema.roots import mutation, query
from values import Enquiry, Level


@plain(Level.PARTNER, "A choice of a question.")
class QuestionChoice:
    """Its name is what is answered."""

    name: Code = strawberry.field(description="What is answered; a number where it is counted.")
    label: str = strawberry.field(description="In words.")


@plain(Level.PARTNER, "A question of a questionnaire.")
class Question:
    """Its name is what score sets count by."""

    name: Code = strawberry.field(description="By which it is answered and counted.")
    type: Code = strawberry.field(description="select_one, select_multiple, integer, decimal, text or date.")
    label: str = strawberry.field(description="In words; in English, or another language there is, where the one asked for is missing.")
    required: bool = strawberry.field(description="Whether it has to be answered, where it is asked.")
    relevant: str | None = strawberry.field(description="Asked only where this holds of the answers before it.")
    constraint: str | None = strawberry.field(description="What has to hold of the answer, which is written as a full stop.")
    choices: list[QuestionChoice] = strawberry.field(description="What may be chosen; none for other types.")


@plain(Level.PARTNER, "A questionnaire: a signed version that never changes.")
class Questionnaire:
    """The organisation's own."""

    id: strawberry.ID = strawberry.field(description="This version for this requester only.")
    name: str = strawberry.field(description="What the organisation calls it.")
    version: int = strawberry.field(description="Counted from 1.")
    title: str = strawberry.field(description="As the workbook's settings say.")
    adopted_at: Instant = strawberry.field(description="When it was adopted.")
    questions: list[Question] = strawberry.field(description="In order.")


@plain(Level.PARTNER, "What a workbook would ask.")
class QuestionnairePreview:
    """Nothing is kept of it."""

    title: str = strawberry.field(description="As the workbook's settings say.")
    questions: list[Question] = strawberry.field(description="Those that can be asked, in order.")
    fault_count: int = strawberry.field(description="Faults in all; a workbook without any can be adopted.")
    faults: list[ImportFault] = strawberry.field(description="The first 200 of them; columns as sheet.column.")


@strawberry.input(description="A workbook to be the next version of a questionnaire.")
class QuestionnaireAdoptInput:
    """Sheets survey, choices and settings."""

    name: str = strawberry.field(description="What the organisation calls it, 1 to 64 letters.")
    version: int = strawberry.field(description="The version in force, as it was read; 0 for a new one.")
    content: str = strawberry.field(description="The workbook's bytes in base64, at most 500,000; always send it as a variable.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The questionnaire is in force.")
class QuestionnaireAdopted:
    """Payload of questionnaireAdopt."""

    questionnaire: Questionnaire = strawberry.field(description="The new version.")


def _adopted(row: dict[str, Any]) -> QuestionnaireAdopted:
    questions = [Question(**{**each, "choices": [QuestionChoice(**one) for one in each["choices"]]}) for each in row["questions"]]
    return QuestionnaireAdopted(questionnaire=Questionnaire(**{**row, "questions": questions}))


@strawberry.type
class Query:
    """Own questionnaires."""

    @query("The own questionnaires, each in its newest version.", "need.assess")
    def questionnaires(
        self, language: Annotated[Language, strawberry.argument(description="The language of the words.")] = Language.EN
    ) -> list[Questionnaire] | None: ...

    @query("What an XLSForm workbook would ask, and what is wrong in it; nothing is written.", "queue.adopt")
    def questionnaire_preview(
        self,
        content: Annotated[str, strawberry.argument(description="The workbook's bytes in base64; always send it as a variable.")],
        language: Annotated[Language, strawberry.argument(description="The language of the words.")] = Language.EN,
    ) -> QuestionnairePreview | None: ...


@strawberry.type
class Mutation:
    """Adopting."""

    @mutation("Adopt an XLSForm workbook as the next version of an own questionnaire.", "queue.adopt")
    async def questionnaire_adopt(self, hub: Hub, enquiry: Enquiry, input: QuestionnaireAdoptInput) -> QuestionnaireAdopted:
        return _adopted(await hub.aid.questionnaires.adopt(enquiry, vars(input)))
