"""Questionnaires come from the workbooks of the field, are answered as they ask, and feed score sets of the organisation's own."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from math import log
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.aid.expressions import Value, holds, parsed
from resolvers.aid.form_words import FAULTS
from resolvers.aid.questionnaires import MOST_BYTES
from resolvers.aid.scores import DIFFICULTIES, disabled
from resolvers.aid.xlsform import read_form
from tables.aid import assessment, nomination, questionnaire, queue_policy
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_membership import ELSE
from tests.test_queue import TODAY, Line, settled

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
WRITTEN = (questionnaire, assessment, nomination, queue_policy, step)

QUESTION = "questions { name type label required relevant constraint choices { name label } }"
PREVIEW = f"""query ($content: String!, $language: Language! = EN) {{ questionnairePreview(content: $content, language: $language) {{
  title {QUESTION} faultCount faults {{ row column code text }} }} }}"""
ADOPT = f"""mutation ($input: QuestionnaireAdoptInput!) {{ questionnaireAdopt(input: $input) {{
  ... on QuestionnaireAdopted {{ questionnaire {{ id name version title }} }} {ELSE}"""
LIST = f"query ($language: Language! = EN) {{ questionnaires(language: $language) {{ id name version title {QUESTION} }} }}"
ASSESS = f"""mutation ($input: NeedAssessInput!) {{ needAssess(input: $input) {{
  ... on NeedAssessed {{ assessment {{ points version disability }} }} {ELSE}"""
RULES = f"""mutation ($input: QueueRulesAdoptInput!) {{ queueRulesAdopt(input: $input) {{
  ... on QueueRulesAdopted {{ rules {{ version parts {{ code method weight }} }} }} {ELSE}"""

HEADER = ["type", "name", "label", "label::Arabic (ar)", "label::Kurdish (ckb)", "required", "relevant", "constraint"]
SIX = [["select_one difficulty", each, f"Difficulty: {each}", "", "", "yes", "", ""] for each in DIFFICULTIES]
SURVEY: list[list[Any]] = [
    HEADER,
    ["start", "start", "", "", "", "", "", ""],
    ["note", "hello", "Good morning", "صباح الخير", "بەیانی باش", "", "", ""],
    ["integer", "children", "How many children?", "كم طفلاً؟", "چەند منداڵ؟", "yes", "", ". >= 0 and . <= 20"],
    ["begin group", "school", "", "", "", "", "${children} > 0", ""],
    ["integer", "in_school", "How many go to school?", "", "", "yes", "", ". >= 0 and . <= ${children}"],
    ["end group", "", "", "", "", "", "", ""],
    ["select_multiple asset", "assets", "What do you own?", "ماذا تملك؟", "", "", "", "not(selected(., 'none')) or count-selected(.) = 1"],
    ["select_one gap", "gap", "How far is it unmet?", "", "", "yes", "", ""],
    ["decimal", "rooms", "Rooms a person", "", "", "", "", ". < 10"],
    ["date", "since", "Since when?", "", "", "", "", ""],
    ["text", "remarks", "Anything else?", "", "", "", "", ""],
    *SIX,
]
CHOICES: list[list[Any]] = [
    ["list_name", "name", "label", "label::ar"],
    ["asset", "fridge", "A refrigerator", "ثلاجة"],
    ["asset", "car", "A car", "سيارة"],
    ["asset", "none", "Nothing", "لا شيء"],
    *(["gap", place, f"{place} of 4", ""] for place in range(5)),
    *(["difficulty", place, f"{place}", ""] for place in range(1, 5)),
]
SETTINGS: list[list[Any]] = [["form_title", "version"], ["Household survey", 7]]


def form(survey: list[list[Any]] = SURVEY, choices: list[list[Any]] = CHOICES, **sheets: list[list[Any]]) -> bytes:
    """An XLSForm workbook."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        tables: dict[str, list[list[Any]]] = {"survey": survey, "choices": choices, "settings": SETTINGS, **sheets}
        for name, table in tables.items():
            sheet = book.add_worksheet(name)
            for place, cells in enumerate(table):
                sheet.write_row(place, 0, cells)
    return out.getvalue()


def sent(content: bytes) -> str:
    """A workbook as it is sent."""
    return base64.b64encode(content).decode()


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over an empty database with two organisations and five people."""
    copy = copied(country, tmp_path / "copy")
    own = copy.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, copy.model_copy(update={"hub": own})) as opened:
        await settled(opened, ("karama", "hope-network"), 5)
        yield opened


async def counts(hub: Asking) -> list[int]:
    """How many rows adopting and assessing may write."""
    database = hub.hub.database
    return [int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(each))))[0][0]) for each in WRITTEN]


class Surveyor(Line):
    """A manager with questionnaires."""

    async def adopt(self, content: bytes | None = None, version: int = 0, **more: Any) -> Any:
        """Adopt a workbook."""
        return await self.did(ADOPT, input={"name": "household", "version": version, "content": sent(content or form()), **more})

    async def answer(self, which: str, who: str, said: dict[str, str], need: str = "CASH", **more: Any) -> Any:
        """Assess somebody by it."""
        responses = [{"question": name, "value": value} for name, value in said.items()]
        given = {"person": who, "need": need, "on": TODAY, "questionnaire": which, "responses": responses, **more}
        return await self.did(ASSESS, input=given)


SAID = {"children": "3", "in_school": "2", "assets": "fridge car", "gap": "4", "since": TODAY, "remarks": "بيت من طين"}
WELL = dict.fromkeys(DIFFICULTIES, "1")
PARTS = [
    {"code": "gap", "method": "scale", "weight": 50, "most": 4},
    {"code": "six", "method": "wg", "weight": 20},
    {
        "code": "poverty",
        "method": "pmt",
        "weight": 30,
        "line": 100_000,
        "models": [
            {"intercept": log(50_000), "coefficients": [{"question": "assets", "value": 0}]},
            {"region": "IQ-BA", "intercept": log(50_000), "coefficients": [{"question": "assets", "value": 5}]},
        ],
    },
]


@EVERYWHERE
async def test_a_workbook_becomes_a_questionnaire_and_its_answers_a_place(hub: Asking) -> None:
    line, other = Surveyor(hub, "karama-manager"), Surveyor(hub, "hope-manager")
    answers = await asyncio.gather(*(line.adopt(idempotencyKey="one") for _ in range(3)))
    assert answers[0] == answers[1] == answers[2]
    made = answers[0]["questionnaire"]
    assert (made["version"], made["title"]) == (1, "Household survey")
    (listed,) = (await hub.data(LIST, line.who, {"language": "AR"}))["questionnaires"]
    asked = {each["name"]: each for each in listed["questions"]}
    assert list(asked) == ["children", "in_school", "assets", "gap", "rooms", "since", "remarks", *DIFFICULTIES]
    assert asked["children"]["label"] == "كم طفلاً؟"
    assert asked["in_school"] == {
        "name": "in_school", "type": "integer", "label": "How many go to school?", "required": True,
        "relevant": "(${children} > 0)", "constraint": ". >= 0 and . <= ${children}", "choices": [],
    }  # fmt: skip
    assert asked["assets"]["choices"][0] == {"name": "fridge", "label": "ثلاجة"}
    assert (await hub.data(LIST, other.who))["questionnaires"] == []

    rules = await line.did(RULES, input={"need": "CASH", "version": 1, "parts": PARTS})
    assert [(each["code"], each["method"]) for each in rules["rules"]["parts"]] == [("gap", "scale"), ("six", "wg"), ("poverty", "pmt")]
    first, second, third = await line.people(3)
    found = await line.answer(made["id"], first, {**SAID, **WELL})
    assert found["assessment"] == {"points": 65.0, "version": 2, "disability": False}, "half the line is missing: 50 + 0 + 15"
    found = await line.answer(made["id"], second, {**SAID, **WELL, "HEAR": "3"})
    assert found["assessment"] == {"points": 85.0, "version": 2, "disability": True}
    found = await line.answer(made["id"], third, {**SAID, **WELL}, region="IQ-BA")
    assert found["assessment"]["points"] == 50.0, "in Basra the same assets tell of more"
    assert await line.order() == [second, first, third]

    back = [{"code": "assets", "method": "scale", "weight": 1, "most": 3}, {"code": "unasked", "method": "scale", "weight": 0, "most": 1}]
    await line.did(RULES, input={"need": "CASH", "version": 2, "parts": back[:1]})
    assert {each["priority"] for each in (await line.queue())["nodes"]} == {44.4}, "all answers are kept, so other rules can count them"
    await line.did(RULES, input={"need": "CASH", "version": 3, "parts": [*back[1:], {**back[0], "code": "rooms", "weight": 1}]})
    assert {each["priority"] for each in (await line.queue())["nodes"]} == {44.4}, "where nobody was asked, the points before stand"

    later = await line.adopt(form(SURVEY[:8]), 1)
    assert later["questionnaire"]["version"] == 2
    stale = await line.answer(made["id"], first, {**SAID, **WELL})
    assert (stale["code"], stale["field"]) == ("STALE", "questionnaire")
    stolen = await other.answer(later["questionnaire"]["id"], (await other.people(1))[0], SAID)
    assert (stolen["code"], stolen["field"]) == ("UNKNOWN", "questionnaire")
    (sealed, *_) = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(assessment.c.answers)))
    assert "طين" not in sealed[0]


def _changed(**cells: Any) -> list[list[Any]]:
    """A form of one good question and one with these cells."""
    row = {"type": "integer", "name": "two", "label": "Two?", **cells}
    header = ["type", "name", "label", "required", "relevant", "constraint", "calculation"]
    return [header, ["integer", "one", "One?", "", "", "", ""], [row.get(each, "") for each in header]]


BAD: dict[str, tuple[bytes, list[tuple[int, str | None, str]]]] = {
    "no workbook": (b"PK", [(0, None, "NOT_A_TABLE")]),
    "no survey": (form([]), [(0, "survey", "NO_SHEET")]),
    "nothing asked": (form([HEADER, ["note", "n", "Hello", "", "", "", "", ""]]), [(0, "survey", "NO_QUESTIONS")]),
    "a map": (form(_changed(type="geopoint")), [(3, "survey.type", "TYPE")]),
    "a repeat": (form(_changed(type="begin_repeat")), [(3, "survey.type", "TYPE")]),
    "a calculation": (form(_changed(calculation="1+1")), [(3, "survey.calculation", "TYPE")]),
    "a formula": (form(_changed(constraint="=1+1")), [(3, "F", "FORMULA")]),
    "no name": (form(_changed(name="")), [(3, "survey.name", "QUESTION_NAME")]),
    "a name with spaces": (form(_changed(name="a b")), [(3, "survey.name", "QUESTION_NAME")]),
    "500 letters": (form(_changed(name="a" * 500)), [(3, "survey.name", "QUESTION_NAME")]),
    "a name twice": (form(_changed(name="one")), [(3, "survey.name", "NAME_TWICE")]),
    "no words": (form(_changed(label="")), [(3, "survey.label", "LABEL")]),
    "no such list": (form(_changed(type="select_one colour")), [(3, "survey.type", "LIST")]),
    "a choice of two words": (form(choices=[*CHOICES, ["asset", "big car", "Big", ""]]), [(len(CHOICES) + 1, "choices.name", "CHOICE")]),
    "a choice twice": (form(choices=[*CHOICES, ["asset", "car", "Big", ""]]), [(len(CHOICES) + 1, "choices.name", "NAME_TWICE")]),
    "a group alone": (form(_changed(type="begin_group")), [(0, "survey.type", "GROUP")]),
    "an end alone": (form(_changed(type="end_group")), [(3, "survey.type", "GROUP")]),
    "a strange function": (form(_changed(constraint="regex(., 'a')")), [(3, "survey.constraint", "EXPRESSION")]),
    "a broken condition": (form(_changed(relevant="${one} >")), [(3, "survey.relevant", "EXPRESSION")]),
    "a later question": (form(_changed(relevant="${three} = 1")), [(3, "survey.relevant", "REFERENCE")]),
    "itself": (form(_changed(relevant="${two} = 1")), [(3, "survey.relevant", "REFERENCE")]),
}  # fmt: skip


async def test_a_workbook_that_cannot_be_asked_is_refused_with_row_and_reason(hub: Asking) -> None:
    """Failure 22.1a of aid, 22.2a of aid."""
    line = Surveyor(hub, "karama-manager")
    await line.adopt()
    before = await counts(hub)
    for name, (content, faults) in BAD.items():
        seen = (await hub.data(PREVIEW, line.who, {"content": sent(content)}))["questionnairePreview"]
        assert [(each["row"], each["column"], each["code"]) for each in seen["faults"]] == faults, name
        refused = await line.adopt(content, 1)
        assert refused["code"] == "INVALID", name
        assert refused["hint"]
    for version, content, named, code, field in (
        (0, form(), "household", "STALE", "version"),
        (1, form(), "a\u202eb", "INVALID", "name"),
        (0, form(), "n" * 500, "INVALID", "name"),
    ):
        refused = await line.did(ADOPT, input={"name": named, "version": version, "content": sent(content)})
        assert (refused["code"], refused["field"]) == (code, field)
    for wrong in ("no base64!", "A" * (MOST_BYTES * 2)):
        refused = await line.did(ADOPT, input={"name": "household", "version": 1, "content": wrong})
        assert (refused["code"], refused["field"]) == ("INVALID", "content")
    assert await counts(hub) == before


ANSWERS: dict[str, tuple[dict[str, str | None], str]] = {
    "one missing": ({"gap": None}, "responses.gap"),
    "one too many": ({"colour": "red"}, "responses"),
    "not asked": ({"children": "0"}, "responses.in_school"),
    "outside its bounds": ({"children": "21"}, "responses.children"),
    "more at school than there are": ({"in_school": "4"}, "responses.in_school"),
    "no number": ({"children": "three"}, "responses.children"),
    "a number of another script": ({"children": "٣x"}, "responses.children"),
    "an endless number": ({"children": "9" * 40}, "responses.children"),
    "no choice": ({"gap": "5"}, "responses.gap"),
    "two choices": ({"gap": "1 2"}, "responses.gap"),
    "a choice twice": ({"assets": "car car"}, "responses.assets"),
    "nothing and something": ({"assets": "none car"}, "responses.assets"),
    "no day": ({"since": "yesterday"}, "responses.since"),
    "hidden text": ({"remarks": "a\u202eb"}, "responses.remarks"),
    "a novel": ({"remarks": "a" * 501}, "responses.remarks"),
}


async def test_answers_that_do_not_fit_their_questions_are_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 22.3a of aid, 22.3b of aid."""
    line = Surveyor(hub, "karama-manager")
    made = (await line.adopt())["questionnaire"]["id"]
    (first, *_) = await line.people(1)
    parts = [{"code": "gap", "method": "scale", "weight": 1, "most": 4}]
    await line.did(RULES, input={"need": "CASH", "version": 1, "parts": parts})
    before = await counts(hub)
    for name, (changes, field) in ANSWERS.items():
        said = {each: value for each, value in {**SAID, **WELL, **changes}.items() if value is not None}
        refused = await line.answer(made, first, said)
        assert (refused.get("code"), refused.get("field")) == ("INVALID", field), name
        assert refused["hint"]
    twice = [{"question": "gap", "value": "1"}] * 2
    refused = await line.answer(made, first, {}, responses=twice)
    assert (refused["code"], refused["field"]) == ("INVALID", "responses")
    refused = await line.answer(made, first, {**SAID, **WELL}, answers=[{"code": "gap", "value": 1}])
    assert (refused["code"], refused["field"]) == ("INVALID", "answers")
    refused = await line.answer("0" * 48, first, SAID)
    assert (refused["code"], refused["field"]) == ("UNKNOWN", "questionnaire")
    assert await counts(hub) == before


SETS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "none": ([], "parts"),
    "too many": ([{"code": f"c{each}", "method": "scale", "weight": 1, "most": 1} for each in range(21)], "parts"),
    "a code twice": ([PARTS[0], PARTS[0]], "parts.1.code"),
    "a code of the six": ([{**PARTS[0], "code": "VIS"}], "parts.0.code"),
    "a hidden code": ([{**PARTS[0], "code": "ga\u202ep"}], "parts.0.code"),
    "no method": ([{**PARTS[0], "method": "guess"}], "parts.0.method"),
    "less than no weight": ([{**PARTS[0], "weight": -1}], "parts.0.weight"),
    "no weight at all": ([{**PARTS[0], "weight": 0}], "weights"),
    "a scale without end": ([{"code": "gap", "method": "scale", "weight": 1}], "parts.0"),
    "a scale of nothing": ([{**PARTS[0], "most": 0}], "parts.0.most"),
    "the six with a line": ([{**PARTS[1], "line": 1}], "parts.0"),
    "the six twice": ([PARTS[1], {**PARTS[1], "code": "again"}], "parts"),
    "no line": ([{**PARTS[2], "line": 0}], "parts.0.line"),
    "no model for all else": ([{**PARTS[2], "models": PARTS[2]["models"][1:]}], "parts.0.models"),  # type: ignore[index]
    "no governorate": ([{**PARTS[2], "models": [{**PARTS[2]["models"][1], "region": "Basra"}]}], "parts.0.models.0.region"),  # type: ignore[index]
    "no questions": ([{**PARTS[2], "models": [{"intercept": 1, "coefficients": []}]}], "parts.0.models.0.coefficients"),
    "absurd": ([{**PARTS[2], "models": [{"intercept": 1e9, "coefficients": [{"question": "a", "value": 1}]}]}], "parts.0.models.0"),
}  # fmt: skip


async def test_a_score_set_that_cannot_count_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 22.4a of aid."""
    line = Surveyor(hub, "karama-manager")
    (first, *_) = await line.people(1)
    await line.assess(first)
    before = await counts(hub)
    for name, (parts, field) in SETS.items():
        refused = await line.did(RULES, input={"need": "CASH", "version": 1, "parts": parts})
        assert (refused.get("code"), refused.get("field")) == ("INVALID", field), name
        assert refused["hint"]
    assert await counts(hub) == before


def test_every_fault_is_said_in_three_languages() -> None:
    assert {language: set(words) for language, words in FAULTS.items()} == {each: set(FAULTS["en"]) for each in ("en", "ar", "ckb")}
    assert {code for _, faults in BAD.values() for _, _, code in faults} <= set(FAULTS["en"])


def test_somebody_is_disabled_by_the_cut_off_of_the_six_questions() -> None:
    well = dict.fromkeys(DIFFICULTIES, 1.0)
    assert disabled(well) is False
    assert disabled({**well, "SC": 2}) is False
    assert disabled({**well, "COM": 3}) is True
    assert disabled({**well, "COM": 7}) is None
    assert disabled(dict.fromkeys(DIFFICULTIES[1:], 1.0)) is None


# --- conditions ------------------------------------------------------------------------------------------------------

HOLDS = {
    "1 = 1 and not(2 < 1)": True,
    "${age} >= 18 and ${age} < 65": True,
    "${age} + 2 * 3 = 46": True,
    "(${age} + 2) * 3 = 126": True,
    "${age} div 0 = 1": False,
    "-${age} < 0": True,
    "7 mod 4 = 3": True,
    "${sex} = 'F' or ${sex} = \"M\"": True,
    "${sex} != 'F'": False,
    "${missing} = ''": True,
    "${missing} > 3": False,
    "selected(${assets}, 'car')": True,
    "selected(${assets}, 'bus')": False,
    "count-selected(${assets}) = 2": True,
    "selected(${sex}, 'F')": True,
    ". > 3": True,
    "true() and not(false())": True,
    "1 = 2 or 3 = 3 and 4 = 4": True,
}


@pytest.mark.parametrize("text", HOLDS)
def test_a_condition_means_what_the_field_means_by_it(text: str) -> None:
    values: dict[str, Value] = {"age": 40.0, "sex": "F", "assets": ("car", "fridge")}
    assert holds(text, values, 4.0) is HOLDS[text]


@pytest.mark.parametrize(
    "text", ["", "1 +", "(1", "1 2", "selected(.)", "position(..)", "${a", "a = 1", "not 1", "${a}.b", "(" * 40 + "1" + ")" * 40, "1" * 600]
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parsed(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="()${}ab19.,'\"<>=!+-*andornotselectedtruefalse ", max_size=60))
def test_any_text_is_understood_or_refused_and_never_anything_else(text: str) -> None:
    try:
        parsed(text)
    except ValueError:
        return
    assert holds(text, {"a": 1.0, "b": ("x",)}) in {True, False}


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_form_or_faults(content: bytes) -> None:
    found = read_form(content)
    assert found.faults or found.questions
