"""An organisation asks others; answers without a name cannot be told apart, and results are never finer than five of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from resolvers.exchange.questions import coarse, results_of, two_digits
from tables.exchange.surveys import survey, survey_answer, survey_party
from tables.writing import command, news, step
from tests.asking import Asking, asking, copied
from tests.corresponding import counts, later
from tests.country import Country
from values import Purpose, Role

CHANGED = "__typename ... on SurveyChanged { survey state version } ... on Refusal { code field hint }"
SEND = f"mutation ($input: SurveySendInput!) {{ surveySend(input: $input) {{ {CHANGED} }} }}"
ANSWER = f"mutation ($input: SurveyAnswersInput!) {{ surveyAnswer(input: $input) {{ {CHANGED} }} }}"
CLOSE = f"mutation ($id: ID!, $version: Int! = 1) {{ surveyClose(input: {{survey: $id, version: $version}}) {{ {CHANGED} }} }}"
LIST = """query ($sent: Boolean! = false, $first: Int! = 100, $after: String) { surveys(sent: $sent, first: $first, after: $after) {
    surveys { id sender title { ar ckb en } anonymous shared state answered
      questions { code kind text { en } options { code text { ar } } least most required } } endCursor hasNextPage } }"""
RESULTS = """query ($id: ID!) { surveyResults(survey: $id) { answered questions {
    code kind answered counts { code count } lower median upper medianOn texts } } }"""
NAMED = "query ($id: ID!) { surveyAnswers(survey: $id) { organisation answers { question options number text day } } }"
WRITTEN = (survey, survey_party, survey_answer, command, step)
ASKED = ("rafidain-relief", "hope-network", "karama", "basra-sewing-coop", "labour-ministry", "civil-registry")
ASKER = "crescent-manager"
ALL = {"to": list(ASKED), "anonymous": True}
TEXTS = {"ar": "كم بئراً؟", "en": "How many wells?"}


def question(code: str = "wells", kind: str = "NUMBER", **more: Any) -> dict[str, Any]:
    return {"code": code, "kind": kind, **TEXTS, **more}


def options(*codes: str) -> list[dict[str, str]]:
    return [{"code": code, "ar": "نعم", "en": code} for code in codes]


QUESTIONS = [
    question("works", "CHOICE", options=options("yes", "no")),
    question("lacks", "SEVERAL", options=options("water", "roof", "road"), required=False),
    question("wells", "NUMBER", least=0, most=500),
    question("trust", "SCALE"),
    question("why", "TEXT", required=False),
    question("since", "DATE", required=False),
]


def answers(place: int = 0, **more: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {
        "works": {"options": ["yes"]}, "lacks": {"options": ["water", "road"]}, "wells": {"number": 10 + place},
        "trust": {"number": 4}, "why": {"text": f"The road is {'very ' * place}bad"}, "since": {"day": f"2025-0{place + 1}-09"}, **more,
    }  # fmt: skip
    return [{"question": code, **each} for code, each in given.items() if each is not None]


class Polling:
    """A hub where six organisations are asked by a seventh."""

    def __init__(self, hub: Asking) -> None:
        self.hub = hub

    async def staff(self) -> Polling:
        now = int(datetime.now(UTC).timestamp())
        for organisation in (*ASKED, "crescent-aid"):
            role = Role.MANAGER if organisation == "crescent-aid" else Role.CASEWORKER
            name = ASKER if organisation == "crescent-aid" else organisation
            issue = self.hub.hub.credentials.issue
            self.hub.keys[name] = await issue(name, "staff", organisation, role, [Purpose.CASE_MANAGEMENT], now, None)
        return self

    async def did(self, document: str, who: str = ASKER, **variables: Any) -> Any:
        ((_, answer),) = (await self.hub.data(document, who, variables)).items()
        return answer

    async def send(self, **more: Any) -> Any:
        return await self.did(SEND, input={"to": list(ASKED), **TEXTS, "questions": QUESTIONS, **more})

    def theirs(self, sent: Any, organisation: str) -> str:
        pseudonyms = self.hub.hub.pseudonyms
        return pseudonyms.maker(organisation, "survey")(pseudonyms.resolve("crescent-aid", sent["survey"], "survey") or 0)

    async def answer(self, sent: Any, organisation: str, given_: list[dict[str, Any]]) -> Any:
        return await self.did(ANSWER, organisation, input={"survey": self.theirs(sent, organisation), "answers": given_})


@pytest.fixture(scope="module")
async def polling(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Polling]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("surveys") / "copy")) as hub:
        yield await Polling(hub).staff()


# --- from asking to results ------------------------------------------------------------------------------------------


async def test_anonymous_answers_are_counted_and_cannot_be_told_apart(polling: Polling) -> None:
    """Failure 4.3a of exchange, 4.3b of exchange."""
    sent = await polling.send(anonymous=True, shared=True)
    seen = next(each for each in (await polling.did(LIST, "karama"))["surveys"] if each["id"] == polling.theirs(sent, "karama"))
    assert (seen["sender"], seen["anonymous"], seen["state"], seen["answered"]) == ("crescent-aid", True, "OPEN", False)
    assert seen["questions"][3] | {"text": 0} == {
        "code": "trust", "kind": "SCALE", "text": 0, "options": [], "least": 1, "most": 5, "required": True,
    }  # fmt: skip
    before = await counts(polling.hub, (command, step, news, survey_answer))
    for place, organisation in enumerate(ASKED):
        one = {"works": {"options": ["no"]}, "lacks": None} if place == 5 else {}
        assert (await polling.answer(sent, organisation, answers(place, **one)))["__typename"] == "SurveyChanged"
        assert await polling.did(RESULTS, id=sent["survey"]) is None
    assert await counts(polling.hub, (command, step, news, survey_answer)) == before
    assert (await polling.did(CLOSE, id=sent["survey"]))["state"] == "CLOSED"
    found = await polling.did(RESULTS, id=sent["survey"])
    works, lacks, wells, trust, why, since = found["questions"]
    assert found["answered"] == 5
    assert works["counts"] == [{"code": "yes", "count": 5}, {"code": "no", "count": None}]
    assert (lacks["answered"], [each["count"] for each in lacks["counts"]]) == (5, [5, None, 5])
    assert (wells["lower"], wells["median"], wells["upper"]) == (None, 12, None)
    assert (trust["median"], [each["count"] for each in trust["counts"]]) == (4, [None, None, None, 5, None])
    assert why["texts"] == sorted(why["texts"])
    assert len(why["texts"]) == 6
    assert since["medianOn"] == "2025-04-01"
    assert await polling.did(NAMED, id=sent["survey"]) is None
    assert await polling.did(RESULTS, "karama", id=polling.theirs(sent, "karama")) == found
    database = polling.hub.hub.database
    pool = (await database.fetch(database.prepare(sa.select(survey.c.pool).where(survey.c.pool.is_not(None)))))[-1][0]
    assert "water" not in pool
    opened = orjson.loads(polling.hub.hub.exchange.surveys.opened(pool) or "")
    assert {key for each in opened for key in each} == {"works", "lacks", "wells", "trust", "why", "since"}


async def test_the_order_of_answering_is_not_the_order_of_storing(polling: Polling) -> None:
    orders = set()
    database = polling.hub.hub.database
    for _ in range(4):
        sent = await polling.send(anonymous=True, questions=[question()])
        for place, organisation in enumerate(ASKED):
            await polling.answer(sent, organisation, [{"question": "wells", "number": place}])
        which = polling.hub.hub.pseudonyms.resolve("crescent-aid", sent["survey"], "survey")
        pool = (await database.fetch(database.prepare(sa.select(survey.c.pool).where(survey.c.id == which))))[0][0]
        orders.add(tuple(each["wells"] for each in orjson.loads(polling.hub.hub.exchange.surveys.opened(pool) or "")))
    assert len(orders) > 1
    assert all(sorted(each) == [0, 1000, 2000, 3000, 4000, 5000] for each in orders)


async def test_of_fewer_than_five_nothing_is_told(polling: Polling) -> None:
    """Failure 4.3c of exchange."""
    sent = await polling.send(anonymous=True, shared=True)
    for organisation in ASKED[:4]:
        await polling.answer(sent, organisation, answers())
    await polling.did(CLOSE, id=sent["survey"])
    found = await polling.did(RESULTS, id=sent["survey"])
    assert found["answered"] is None
    for each in found["questions"]:
        told = (each["answered"], each["lower"], each["median"], each["upper"], each["medianOn"])
        assert (told, each["texts"], {one["count"] for one in each["counts"]} - {None}) == ((None,) * 5, [], set())


async def test_answers_with_names_are_read_by_who_asked_alone(polling: Polling) -> None:
    """Failure 4.3d of exchange."""
    sent = await polling.send(to=["hope-network", "karama"])
    await polling.answer(sent, "karama", answers(2, lacks=None))
    assert await polling.did(NAMED, id=sent["survey"]) is None
    await polling.did(CLOSE, id=sent["survey"])
    (found,) = await polling.did(NAMED, id=sent["survey"])
    by_code = {each.pop("question"): each for each in found["answers"]}
    assert found["organisation"] == "karama"
    assert by_code["works"] == {"options": ["yes"], "number": None, "text": None, "day": None}
    assert (by_code["wells"]["number"], by_code["since"]["day"]) == (12, "2025-03-09")
    theirs = polling.theirs(sent, "karama")
    assert await polling.did(NAMED, "karama", id=theirs) is None
    assert await polling.did(RESULTS, "karama", id=theirs) is None
    database = polling.hub.hub.database
    stored = await database.fetch(database.prepare(sa.select(survey_answer.c.content)))
    assert "road" not in str(stored)


async def test_surveys_are_listed_in_pages_and_told(polling: Polling) -> None:
    """Failure 4.1c of exchange."""
    enquiry = await polling.hub.hub.enquiry(polling.hub.keys["karama"], None)
    with polling.hub.hub.watching.watch("survey_received", enquiry) as watcher:
        await polling.send(ckb="چەند بیر؟")
        await polling.send()
        assert set(await watcher.next(10)) == {"survey", "purpose"}
    first = await polling.did(LIST, sent=True, first=1)
    second = await polling.did(LIST, sent=True, first=1, after=first["endCursor"])
    assert first["hasNextPage"]
    assert first["surveys"][0]["id"] != second["surveys"][0]["id"]
    assert first["surveys"][0]["answered"] is None
    answer = await polling.hub.ask(LIST, "karama", {"after": first["endCursor"]})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"


# --- what is refused -------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "of nobody": ({"to": []}, "to"),
    "of itself": ({"to": ["crescent-aid"]}, "to"),
    "of one twice": ({"to": ["karama", "karama"]}, "to"),
    "of far too many": ({"to": [f"org-{each}" for each in range(301)]}, "to"),
    "of one not verified": ({"to": ["new-dawn"]}, "to"),
    "of one of other purposes": ({"to": ["nahrain-apps"]}, "to"),
    "without a name among four": ({"to": list(ASKED[:4]), "anonymous": True}, "to"),
    "without a title": ({"en": " "}, "en"),
    "with a title of 500 letters": ({"ar": "ن" * 500}, "ar"),
    "with a title written backwards": ({"ckb": "wells\u202e"}, "ckb"),
    "ended": ({"endsAt": later(-1)}, "endsAt"),
    "without end": ({"endsAt": later(400)}, "endsAt"),
    "at no time": ({"endsAt": "soon"}, "endsAt"),
    "without questions": ({"questions": []}, "questions"),
    "with too many questions": ({"questions": [question(f"q{each}") for each in range(31)]}, "questions"),
    "with a question twice": ({"questions": [question(), question()]}, "questions.1.code"),
    "with a code of no form": ({"questions": [question("Wells!")]}, "questions.0.code"),
    "with a question without words": ({"questions": [question(en="")]}, "questions.0.en"),
    "with four texts": ({"questions": [question(f"q{each}", "TEXT") for each in range(4)]}, "questions"),
    "with nothing to choose": ({"questions": [question("a", "CHOICE")]}, "questions.0.options"),
    "with one thing to choose": ({"questions": [question("a", "SEVERAL", options=options("x"))]}, "questions.0.options"),
    "with an option twice": ({"questions": [question("a", "CHOICE", options=options("x", "x"))]}, "questions.0.options"),
    "with an option of no form": ({"questions": [question("a", "CHOICE", options=options("x", "\u202e"))]}, "questions.0.options.1.code"),
    "with options for a number": ({"questions": [question(options=options("x", "y"))]}, "questions.0.options"),
    "with bounds for a text": ({"questions": [question("a", "TEXT", least=1)]}, "questions.0.least"),
    "with bounds crossed": ({"questions": [question(least=5, most=5)]}, "questions.0.most"),
    "with absurd bounds": ({"questions": [question(most="9" * 30)]}, "questions.0.most"),
    "with bounds beyond all figures": ({"questions": [question(most="1E+100000000")]}, "questions.0.most"),
    "with a scale of halves": ({"questions": [question("a", "SCALE", least="0.5", most=3)]}, "questions.0.most"),
    "with a scale without end": ({"questions": [question("a", "SCALE", least=1, most=100)]}, "questions.0.most"),
    "with a key too long": ({"idempotencyKey": "k" * 65}, "idempotencyKey"),
}


@pytest.mark.parametrize(("changed", "field"), BAD.values(), ids=BAD)
async def test_a_survey_that_cannot_be_is_refused_and_nothing_is_written(polling: Polling, changed: dict[str, Any], field: str) -> None:
    """Failure 4.1a of exchange, 4.1b of exchange."""
    before = await counts(polling.hub, WRITTEN)
    refused = await polling.send(**changed)
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", "INVALID", field)
    assert refused["hint"]
    assert await counts(polling.hub, WRITTEN) == before


BAD_ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing chosen": ({"works": {"options": []}}, "answers.0.options"),
    "two of one": ({"works": {"options": ["yes", "no"]}}, "answers.0.options"),
    "what is no option": ({"works": {"options": ["maybe"]}}, "answers.0.options"),
    "one twice": ({"lacks": {"options": ["water", "water"]}}, "answers.1.options"),
    "a number for a choice": ({"works": {"number": 1}}, "answers.0.options"),
    "two at once": ({"works": {"options": ["yes"], "text": "yes"}}, "answers.0.options"),
    "nothing at all": ({"works": {}}, "answers.0.options"),
    "less than nothing": ({"wells": {"number": -1}}, "answers.2.number"),
    "beyond all figures": ({"wells": {"number": "-1E+100000000"}}, "answers.2.number"),
    "absurdly many": ({"wells": {"number": "9" * 40}}, "answers.2.number"),
    "finer than thousandths": ({"wells": {"number": "0.0001"}}, "answers.2.number"),
    "half a step": ({"trust": {"number": 2.5}}, "answers.3.number"),
    "beyond the scale": ({"trust": {"number": 6}}, "answers.3.number"),
    "an empty text": ({"why": {"text": " "}}, "answers.4.text"),
    "a text too long": ({"why": {"text": "n" * 1001}}, "answers.4.text"),
    "a text written backwards": ({"why": {"text": "bad\u202eroad"}}, "answers.4.text"),
    "a telephone": ({"why": {"text": "call 0770 123 4567"}}, "answers.4.text"),
    "its own name": ({"why": {"text": "we at KARAMA know"}}, "answers.4.text"),
    "before all days": ({"since": {"day": "1066-10-14"}}, "answers.5.day"),
    "not all that must be": ({"wells": None}, "answers"),
    "no question": ({"weather": {"text": "fine"}, "lacks": None}, "answers.5.question"),
    "far too much": ({f"q{each}": {"text": "x"} for each in range(500)}, "answers"),
}


@pytest.fixture(scope="module")
async def standing(polling: Polling) -> Any:
    """An anonymous survey that stays open."""
    return await polling.send(anonymous=True)


@pytest.mark.parametrize(("changed", "field"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_an_answer_that_cannot_be_is_refused_and_nothing_is_written(
    polling: Polling, standing: Any, changed: dict[str, Any], field: str
) -> None:
    """Failure 4.2a of exchange, 4.2b of exchange."""
    before = await counts(polling.hub, WRITTEN)
    refused = await polling.answer(standing, "karama", answers(0, **changed))
    assert await counts(polling.hub, WRITTEN) == before
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", "INVALID", field)
    shown = next(each for each in (await polling.did(LIST, "karama"))["surveys"] if each["id"] == polling.theirs(standing, "karama"))
    assert not shown["answered"]


async def test_a_question_is_not_answered_twice(polling: Polling, standing: Any) -> None:
    refused = await polling.answer(standing, "karama", [answers()[0], *answers()[:4]])
    assert refused["field"] == "answers.1.question"


async def test_one_organisation_answers_once_and_nothing_is_taken_when_it_is_over(polling: Polling) -> None:
    """Failure 4.2c of exchange, 4.3e of exchange."""
    sent = await polling.send(to=["karama", "hope-network"], idempotencyKey="once")
    assert await polling.send(to=["karama", "hope-network"], idempotencyKey="once") == sent
    assert (await polling.send(to=["karama"], idempotencyKey="once"))["code"] == "CONFLICT"
    await polling.answer(sent, "karama", answers())
    assert (await polling.answer(sent, "karama", answers(1)))["code"] == "CONFLICT"
    before = await counts(polling.hub, WRITTEN)
    assert (await polling.did(CLOSE, id=sent["survey"], version=2))["code"] == "STALE"
    assert await counts(polling.hub, WRITTEN) == before
    done = await asyncio.gather(*(polling.did(CLOSE, id=sent["survey"]) for _ in range(3)))
    assert sorted(each["__typename"] for each in done) == ["Refusal", "Refusal", "SurveyChanged"]
    assert (await polling.answer(sent, "hope-network", answers()))["code"] == "CONFLICT"
    ended = await polling.send()
    database = polling.hub.hub.database
    which = polling.hub.hub.pseudonyms.resolve("crescent-aid", ended["survey"], "survey")
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.update(survey).where(survey.c.id == which).values(ends_at=1)))
    assert (await polling.answer(ended, "karama", answers()))["code"] == "CONFLICT"
    assert (await polling.did(CLOSE, id=ended["survey"]))["code"] == "CONFLICT"
    assert (await polling.did(RESULTS, id=ended["survey"]))["answered"] is None


async def test_nobody_reads_answers_or_closes_what_it_has_no_part_in(polling: Polling) -> None:
    """Failure 4.2d of exchange."""
    sent = await polling.send(to=["karama", "hope-network"])
    before = await counts(polling.hub, WRITTEN)
    for who, named in (
        ("rafidain-relief", sent["survey"]),
        ("rafidain-relief", polling.theirs(sent, "rafidain-relief")),
        ("karama", sent["survey"]),
        (ASKER, sent["survey"]),
        ("karama", "\u202e"),
    ):
        assert (await polling.did(ANSWER, who, input={"survey": named, "answers": answers()}))["code"] == "UNKNOWN"
    for named in (polling.theirs(sent, "hope-network"), sent["survey"], "x"):
        assert (await polling.did(CLOSE, "rafidain-manager", id=named))["code"] == "UNKNOWN"
    assert await counts(polling.hub, WRITTEN) == before
    await polling.did(CLOSE, id=sent["survey"])
    for named in (sent["survey"], polling.theirs(sent, "rafidain-relief")):
        assert await polling.did(RESULTS, "rafidain-relief", id=named) is None
        assert await polling.did(NAMED, "rafidain-relief", id=named) is None
    assert polling.theirs(sent, "rafidain-relief") not in str(await polling.did(LIST, "rafidain-relief"))


@pytest.mark.parametrize("who", ["public", "umm-hassan", "inspector", "app-developer", "new-dawn-caseworker", "crescent-app"])
async def test_who_asks_nobody_has_no_such_fields(polling: Polling, who: str) -> None:
    fields = await polling.hub.fields(who)
    assert not {"surveys", "surveyResults", "surveyAnswers"} & fields["Query"]
    assert not {name for name in fields.get("Mutation", ()) if name.startswith("survey")}
    assert "surveySend" not in (await polling.hub.fields("crescent-caseworker"))["Mutation"]


# --- figures ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 500_000), max_size=60), st.integers(0, 500_000))
def test_one_answer_more_moves_a_result_by_a_whole_five_or_not_at_all(numbers: list[int], more: int) -> None:
    asked = [{"code": "a", "kind": "choice", "options": [{"code": "x"}, {"code": "y"}], "least": None, "most": None}]
    given_ = [{"a": ["x" if each % 2 else "y"]} for each in numbers]
    before, after = (results_of(asked, each)[0] for each in (given_, [*given_, {"a": ["x" if more % 2 else "y"]}]))
    for one, other in zip([before["answered"], *before["counts"]], [after["answered"], *after["counts"]], strict=True):
        first, second = ((each["count"] if isinstance(each, dict) else each) or 0 for each in (one, other))
        assert second - first in {0, 5}
        assert first % 5 == second % 5 == 0


def test_quartiles_are_told_from_twenty_on_and_values_in_two_digits() -> None:
    asked: list[dict[str, Any]] = [{"code": "a", "kind": "number", "options": [], "least": None, "most": None}]
    for count, told in ((4, (None, None, None)), (19, (None, 5_200, None)), (20, (5_200, 5_200, 5_200))):
        found = results_of(asked, [{"a": 5_213_000}] * count)[0]
        assert (found["lower"], found["median"], found["upper"]) == told
    assert [coarse(each) for each in (0, 4, 5, 9, 10)] == [None, None, 5, 5, 10]
    assert [two_digits(each) for each in (0, 0.123, 98_765)] == [0, 0.12, 99_000]


# --- on every database -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_of_answers_at_once_none_is_lost_and_none_counts_twice(country: Country, url: str, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as hub:
        polling = await Polling(hub).staff()
        sent = await polling.send(anonymous=True)
        twice = [each for each in ASKED for _ in range(2)]
        done = await asyncio.gather(*(polling.answer(sent, each, answers(place % 3)) for place, each in enumerate(twice)))
        assert sorted(each["__typename"] for each in done) == ["Refusal"] * 6 + ["SurveyChanged"] * 6
        await polling.did(CLOSE, id=sent["survey"])
        found = await polling.did(RESULTS, id=sent["survey"])
        assert (found["answered"], len(found["questions"][4]["texts"])) == (5, 6)
