"""Surveys: questions from one organisation to others, and what the answers come to."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Amount, Code, Day, Instant, plain
from schema.governance.workshops import Title
from schema.roots import mutation, query, subscription
from values import Enquiry, Level


@strawberry.enum(description="How a question of a survey is answered.")
class SurveyQuestionKind(Enum):
    """Each kind has a place of its own in an answer."""

    CHOICE = strawberry.enum_value("choice", description="One of its options.")
    SEVERAL = strawberry.enum_value("several", description="One or more of its options.")
    NUMBER = strawberry.enum_value("number", description="A number, within its bounds if it has any.")
    SCALE = strawberry.enum_value("scale", description="A whole number from `least` to `most`; from 1 to 5 where it does not say.")
    TEXT = strawberry.enum_value("text", description="Free text of at most 1000 letters, without numbers or addresses of people.")
    DATE = strawberry.enum_value("date", description="A day.")


@strawberry.enum(description="How a survey stands.")
class SurveyState(Enum):
    """Only what is over has results."""

    OPEN = strawberry.enum_value("open", description="It takes answers.")
    CLOSED = strawberry.enum_value("closed", description="Who sent it closed it.")
    ENDED = strawberry.enum_value("ended", description="Its end has come.")


@plain(Level.PARTNER, "An answer to choose.")
class SurveyOption:
    """Named by its code."""

    code: Code = strawberry.field(description="Names it in answers.")
    text: Title = strawberry.field(description="What it says.")


@plain(Level.PARTNER, "A question of a survey.")
class SurveyQuestion:
    """Named by its code."""

    code: Code = strawberry.field(description="Names it in answers and results.")
    kind: SurveyQuestionKind = strawberry.field(description="How it is answered.")
    text: Title = strawberry.field(description="What it asks.")
    options: list[SurveyOption] = strawberry.field(description="What can be chosen.")
    least: Amount | None = strawberry.field(description="The least number it takes.")
    most: Amount | None = strawberry.field(description="The greatest number it takes.")
    required: bool = strawberry.field(description="Whether it must be answered.")


@plain(Level.PARTNER, "A survey, as its sender and those it asks see it.")
class Survey:
    """Who has answered is told to nobody."""

    id: strawberry.ID = strawberry.field(description="Names it, for this requester only.")
    sender: strawberry.ID = strawberry.field(description="Who asks.")
    title: Title = strawberry.field(description="What about.")
    anonymous: bool = strawberry.field(description="Whether answers are kept without a name, an order or a time.")
    shared: bool = strawberry.field(description="Whether those who are asked read the results too.")
    state: SurveyState = strawberry.field(description="How it stands.")
    version: int = strawberry.field(description="Grows with every change; give it back with `surveyClose`.")
    sent_at: Instant = strawberry.field(description="When it was sent.")
    ends_at: Instant = strawberry.field(description="Until when it takes answers.")
    answered: bool | None = strawberry.field(description="Whether the asker's own organisation has answered; null for who sent it.")
    questions: list[SurveyQuestion] = strawberry.field(description="What it asks.")


@plain(Level.PARTNER, "A page of surveys.")
class SurveyPage:
    """The newest first."""

    surveys: list[Survey] = strawberry.field(description="The surveys of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` to go on; null on an empty page.")
    has_next_page: bool = strawberry.field(description="Whether more follow.")


@plain(Level.PARTNER, "How many gave one answer.")
class SurveyCount:
    """Of an option, or a step of a scale."""

    code: Code = strawberry.field(description="The option's code, or the step.")
    count: int | None = strawberry.field(description="How many, rounded down to whole fives; null for fewer than five, nobody included.")


@plain(Level.PARTNER, "What the answers to one question come to.")
class SurveyResult:
    """Never finer than five answers."""

    code: Code = strawberry.field(description="The question's code.")
    kind: SurveyQuestionKind = strawberry.field(description="How it was answered.")
    answered: int | None = strawberry.field(description="How many answered it, rounded down to whole fives; null for fewer than five.")
    counts: list[SurveyCount] = strawberry.field(description="For options and steps of a scale.")
    lower: Amount | None = strawberry.field(description="The lower quartile of numbers, in two digits; null for fewer than twenty.")
    median: Amount | None = strawberry.field(description="The median of numbers, in two digits; null for fewer than five.")
    upper: Amount | None = strawberry.field(description="The upper quartile of numbers, in two digits; null for fewer than twenty.")
    median_on: Day | None = strawberry.field(description="The first of the month of the median of days; null for fewer than five.")
    texts: list[str] = strawberry.field(description="Free texts by the alphabet; none where fewer than five were written.")


@plain(Level.PARTNER, "What a survey came to.")
class SurveyResults:
    """It is over, so no figure can tell of a further answer."""

    answered: int | None = strawberry.field(description="How many answered, rounded down to whole fives; null for fewer than five.")
    questions: list[SurveyResult] = strawberry.field(description="Each question.")


@plain(Level.PARTNER, "An answer with a name.")
class SurveyAnswer:
    """One of `options`, `number`, `text` and `day` is there, after the question's kind."""

    question: Code = strawberry.field(description="The question's code.")
    options: list[Code] | None = strawberry.field(description="What was chosen.")
    number: Amount | None = strawberry.field(description="The number.")
    text: str | None = strawberry.field(description="The text.")
    day: Day | None = strawberry.field(description="The day.")


@plain(Level.PARTNER, "What one organisation answered to a survey with names.")
class SurveyAnswers:
    """For who sent it."""

    organisation: strawberry.ID = strawberry.field(description="Who answered.")
    answers: list[SurveyAnswer] = strawberry.field(description="What.")


@plain(Level.PARTNER, "A survey has come.")
class SurveyNews:
    """Read it by `surveys`."""

    survey: strawberry.ID = strawberry.field(description="Which.")


@strawberry.input(description="An answer to choose.")
class SurveyOptionInput:
    """In the languages people read."""

    code: Code = strawberry.field(description="Names it: small Latin letters, digits and `_`.")
    ar: str = strawberry.field(description="In Arabic.")
    ckb: str | None = strawberry.field(default=None, description="In Kurdish (Sorani).")
    en: str = strawberry.field(description="In English.")


@strawberry.input(description="A question to ask.")
class SurveyQuestionInput:
    """In the languages people read."""

    code: Code = strawberry.field(description="Names it: small Latin letters, digits and `_`.")
    kind: SurveyQuestionKind = strawberry.field(description="How it is answered.")
    ar: str = strawberry.field(description="In Arabic.")
    ckb: str | None = strawberry.field(default=None, description="In Kurdish (Sorani).")
    en: str = strawberry.field(description="In English.")
    options: list[SurveyOptionInput] = strawberry.field(default_factory=list, description="2 to 20, for CHOICE and SEVERAL.")
    least: Amount | None = strawberry.field(default=None, description="The least number, for NUMBER and SCALE.")
    most: Amount | None = strawberry.field(default=None, description="The greatest number, for NUMBER and SCALE.")
    required: bool = strawberry.field(default=True, description="Whether it must be answered.")


@strawberry.input(description="A survey to send.")
class SurveySendInput:
    """To organisations that work for the same purpose."""

    to: list[strawberry.ID] = strawberry.field(description="Whom to ask: 1 to 300, at least five where it is anonymous.")
    ar: str = strawberry.field(description="What about, in Arabic.")
    ckb: str | None = strawberry.field(default=None, description="In Kurdish (Sorani).")
    en: str = strawberry.field(description="In English.")
    questions: list[SurveyQuestionInput] = strawberry.field(description="1 to 30, at most 3 of them for free text.")
    anonymous: bool = strawberry.field(default=False, description="Whether answers are kept without a name, an order or a time.")
    shared: bool = strawberry.field(default=False, description="Whether those who are asked read the results too.")
    ends_at: Instant | None = strawberry.field(default=None, description="Until when it takes answers, at most a year; 30 days if none.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key sends it once.")


@strawberry.input(description="An answer to one question: one of `options`, `number`, `text` and `day`, after its kind.")
class SurveyAnswerInput:
    """As the question's kind asks."""

    question: Code = strawberry.field(description="The question's code.")
    options: list[Code] | None = strawberry.field(default=None, description="What is chosen.")
    number: Amount | None = strawberry.field(default=None, description="The number.")
    text: str | None = strawberry.field(default=None, description="The text.")
    day: Day | None = strawberry.field(default=None, description="The day.")


@strawberry.input(description="The answers of the asker's organisation.")
class SurveyAnswersInput:
    """Once, and not changed afterwards."""

    survey: strawberry.ID = strawberry.field(description="Which survey.")
    answers: list[SurveyAnswerInput] = strawberry.field(description="One for each question that is answered.")


@strawberry.input(description="A survey to close before its end.")
class SurveyCloseInput:
    """Only who sent it."""

    survey: strawberry.ID = strawberry.field(description="Which.")
    version: int = strawberry.field(description="As it was read.")


@plain(Level.PARTNER, "The survey is sent, answered or closed.")
class SurveyChanged:
    """Payload of the mutations of surveys."""

    survey: strawberry.ID = strawberry.field(description="Which.")
    state: SurveyState = strawberry.field(description="How it stands.")
    version: int = strawberry.field(description="Its version now.")


@strawberry.type
class Query:
    """Reading surveys."""

    @query("The surveys the organisation is asked to answer, or sent, the newest first.", "survey.read")
    def surveys(
        self,
        sent: Annotated[bool, strawberry.argument(description="Those it sent, instead of those it is asked.")] = False,  # noqa: FBT002 — an argument of the schema
        first: Annotated[int, strawberry.argument(description="How many at most.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before.")] = None,
    ) -> SurveyPage: ...

    @query(
        "What a survey came to, once it is over: for who sent it and, where it is shared, for those who were asked; else null.",
        "survey.read",
    )
    def survey_results(self, survey: Annotated[strawberry.ID, strawberry.argument(description="Which.")]) -> SurveyResults | None: ...

    @query("What each organisation answered to a survey with names, once it is over, for who sent it; else null.", "survey.read")
    def survey_answers(self, survey: Annotated[strawberry.ID, strawberry.argument(description="Which.")]) -> list[SurveyAnswers] | None: ...


def _changed(row: dict[str, Any]) -> SurveyChanged:
    return SurveyChanged(survey=row["survey"], state=SurveyState[row["state"]], version=row["version"])


def _asked(question: SurveyQuestionInput) -> dict[str, Any]:
    options = [{"code": each.code, "ar": each.ar, "ckb": each.ckb, "en": each.en} for each in question.options]
    plain_ = {name: getattr(question, name) for name in ("code", "ar", "ckb", "en", "least", "most", "required")}
    return {**plain_, "kind": question.kind.value, "options": options}


@strawberry.type
class Mutation:
    """Asking and answering."""

    @mutation("Send a survey to other organisations.", "survey.send")
    async def survey_send(self, hub: Hub, enquiry: Enquiry, input: SurveySendInput) -> SurveyChanged:
        given = {name: getattr(input, name) for name in ("to", "ar", "ckb", "en", "anonymous", "shared", "ends_at")}
        given["questions"] = [_asked(each) for each in input.questions]
        return _changed(await hub.exchange.surveys.send(enquiry, given, input.idempotency_key))

    @mutation("Answer a survey for the asker's organisation, once.", "survey.answer")
    async def survey_answer(self, hub: Hub, enquiry: Enquiry, input: SurveyAnswersInput) -> SurveyChanged:
        given = [{name: getattr(each, name) for name in ("question", "options", "number", "text", "day")} for each in input.answers]
        return _changed(await hub.exchange.surveys.answer(enquiry, str(input.survey), given))

    @mutation("Close a survey before its end.", "survey.send")
    async def survey_close(self, hub: Hub, enquiry: Enquiry, input: SurveyCloseInput) -> SurveyChanged:
        return _changed(await hub.exchange.surveys.close(enquiry, str(input.survey), input.version))


@strawberry.type
class Subscription:
    """Being asked."""

    @subscription("The organisation has just been asked to answer a survey.", "survey.read")
    async def survey_received(self) -> AsyncGenerator[SurveyNews | None, None]: ...
