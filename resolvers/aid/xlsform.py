"""Questionnaires as the field writes them: XLSForm workbooks read into plain data, and answers held against them.

Only what can be asked and checked here is taken: a form that would ask something else is refused where it does. Source: XLSForm.org,
reference table; ODK and Kobo read the same workbooks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.sheets import Fault, Sheet, read_workbooks
from errors import Invalid
from resolvers.aid.expressions import Value, holds, names_in, parsed
from resolvers.aid.inputs import day, text

MOST_QUESTIONS, MOST_CHOICES = 500, 5_000
LONGEST_ANSWER: Final = 500
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
PLAIN: Final = ("integer", "decimal", "text", "date")
OF_THE_DEVICE: Final = ("start", "end", "today", "deviceid", "username", "phonenumber", "audit", "note")
"""Lines that Kobo and ODK add by themselves, and notes: they ask nothing."""

LANGUAGES: Final = {
    **dict.fromkeys(("en", "english"), "en"),
    **dict.fromkeys(("ar", "arabic", "العربية"), "ar"),
    **dict.fromkeys(("ckb", "ku", "kurdish", "sorani", "کوردی", "کوردی ناوەندی"), "ckb"),
}
YES: Final = ("yes", "true", "true()", "1", "required")


@dataclass(slots=True)
class Form:
    """A questionnaire: its title, questions in order, and what is wrong in its workbook."""

    title: str = ""
    questions: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_form(content: bytes) -> Form:
    """The questionnaire of a workbook; every fault names `sheet.column`."""
    found = Form()
    sheets = read_workbooks(content, MOST_CHOICES + 1)
    if isinstance(sheets, Fault):
        found.faults.append(sheets)
        return found
    named = {name.strip().lower(): sheet for name, sheet in sheets.items()}
    survey = named.get("survey")
    if survey is None or not survey.header:
        found.faults.append(Fault(0, "survey", "NO_SHEET"))
        return found
    for name in ("survey", "choices", "settings"):
        for each in named[name].faults if name in named else ():
            if each.code != "EMPTY_FILE":
                found.faults.append(Fault(each.row, f"{name}.{each.column or ''}", each.code))
    if not found.faults:
        lists = _choices(named.get("choices", Sheet()), found.faults)
        _questions(survey, lists, found)
        titles = [row.get("form_title", "") for _, row in _rows(named.get("settings", Sheet()))]
        found.title = titles[0] if titles else ""
    return found


def _rows(sheet: Sheet) -> list[tuple[int, dict[str, str]]]:
    header = [each.strip().lower() for each in sheet.header]
    return [(number, dict(zip(header, cells, strict=True))) for number, cells in sheet.rows]


def _labels(row: Mapping[str, str], default: str = "en") -> dict[str, str]:
    """A line's words by language: `label`, `label::Arabic (ar)`, `label::ckb`."""
    found: dict[str, str] = {}
    for column, value in row.items():
        if not value or not (column == "label" or column.startswith("label:")):
            continue
        said = column.removeprefix("label").strip(": ")
        code = re.search(r"\(([a-z-]+)\)$", said)
        language = LANGUAGES.get(code[1] if code else said) if said else default
        if language is not None:
            found.setdefault(language, value)
    return found


def _choices(sheet: Sheet, faults: list[Fault]) -> dict[str, list[dict[str, Any]]]:
    lists: dict[str, list[dict[str, Any]]] = {}
    for number, row in _rows(sheet):
        listed, name, labels = row.get("list_name") or row.get("list name", ""), row.get("name", ""), _labels(row)
        if not listed or not name or len(name.split()) != 1 or len(name) > 64:
            faults.append(Fault(number, "choices.name", "CHOICE"))
        elif any(each["name"] == name for each in lists.get(listed, ())):
            faults.append(Fault(number, "choices.name", "NAME_TWICE"))
        elif not labels:
            faults.append(Fault(number, "choices.label", "LABEL"))
        else:
            lists.setdefault(listed, []).append({"name": name, "labels": labels})
    return lists


def _questions(sheet: Sheet, lists: Mapping[str, list[dict[str, Any]]], found: Form) -> None:
    groups: list[str] = []
    names: set[str] = set()
    for number, row in _rows(sheet):
        kind, _, listed = " ".join(
            row.get("type", "").replace("begin group", "begin_group").replace("end group", "end_group").split()
        ).partition(" ")
        faults: list[Fault] = []
        if kind == "begin_group":
            groups.append(row.get("relevant", ""))
            faults += _understood(number, "relevant", row, names)
        elif kind == "end_group":
            if groups:
                groups.pop()
            else:
                faults.append(Fault(number, "survey.type", "GROUP"))
        elif kind in {"select_one", "select_multiple", *PLAIN}:
            faults += _faults(number, row, kind, lists.get(listed), names)
            if not faults:
                found.questions.append(_question(row, kind, lists.get(listed), groups))
            names.add(row.get("name", ""))
        elif kind not in OF_THE_DEVICE or listed:
            faults.append(Fault(number, "survey.type", "TYPE"))
        found.faults += faults
    if groups:
        found.faults.append(Fault(0, "survey.type", "GROUP"))
    if len(found.questions) > MOST_QUESTIONS:
        found.faults.append(Fault(0, "survey", "TOO_MANY"))
    elif not found.questions and not found.faults:
        found.faults.append(Fault(0, "survey", "NO_QUESTIONS"))


def _question(row: Mapping[str, str], kind: str, choices: Any, groups: list[str]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "type": kind,
        "labels": _labels(row),
        "choices": choices if kind.startswith("select") else None,
        "required": row.get("required", "").strip().lower() in YES,
        "relevant": [each for each in (*groups, row.get("relevant", "")) if each],
        "constraint": row.get("constraint") or None,
    }


def _faults(number: int, row: Mapping[str, str], kind: str, choices: Any, names: set[str]) -> list[Fault]:
    faults = []
    name = row.get("name", "")
    if not NAME.fullmatch(name):
        faults.append(Fault(number, "survey.name", "QUESTION_NAME"))
    elif name in names:
        faults.append(Fault(number, "survey.name", "NAME_TWICE"))
    if not _labels(row):
        faults.append(Fault(number, "survey.label", "LABEL"))
    if kind.startswith("select") and not choices:
        faults.append(Fault(number, "survey.type", "LIST"))
    if row.get("required", "").strip().lower() not in {*YES, "", "no", "false", "false()", "0"}:
        faults.append(Fault(number, "survey.required", "EXPRESSION"))
    if row.get("calculation"):
        faults.append(Fault(number, "survey.calculation", "TYPE"))
    return faults + _understood(number, "relevant", row, names) + _understood(number, "constraint", row, names | {name})


def _understood(number: int, column: str, row: Mapping[str, str], names: set[str]) -> list[Fault]:
    """Nothing where a condition is understood and speaks of what was asked before it."""
    said = row.get(column)
    if not said:
        return []
    try:
        spoken = names_in(parsed(said))
    except ValueError:
        return [Fault(number, f"survey.{column}", "EXPRESSION")]
    return [] if spoken <= names else [Fault(number, f"survey.{column}", "REFERENCE")]


# --- answering ---------------------------------------------------------------------------------------------------


def answered(questions: list[dict[str, Any]], given: Mapping[str, str]) -> dict[str, Value]:
    """Answers as they are meant, each held against its question.

    Raises:
        Invalid: one that is missing, not asked, unreadable or outside its bounds; the field names the question.
    """
    known = {each["name"] for each in questions}
    if set(given) - known:
        raise Invalid("there is no such question in the questionnaire", "answer those that `questionnaires` lists", "responses")
    values: dict[str, Value] = {}
    for each in questions:
        name, where = each["name"], f"responses.{each['name']}"
        said = given.get(name, "").strip()
        if not all(holds(condition, values) for condition in each["relevant"]):
            if said:
                raise Invalid("this question is not asked after those answers", "leave it out", where)
            continue
        if not said:
            if each["required"]:
                raise Invalid("an answer is missing", "answer this question as well", where)
            continue
        value = _read(each, said, where)
        if each["constraint"] and not holds(each["constraint"], {**values, name: value}, value):
            raise Invalid("this answer is outside its bounds", "see the question's constraint", where)
        values[name] = value
    return values


def _read(question: Mapping[str, Any], said: str, where: str) -> Value:
    kind = question["type"]
    if kind in {"integer", "decimal"}:
        if not re.fullmatch(r"-?\d{1,12}" if kind == "integer" else r"-?\d{1,12}(\.\d{1,6})?", said, re.ASCII):
            raise Invalid("this is no number", "write it as 12" if kind == "integer" else "write it as 12.5", where)
        return float(said)
    if kind == "date":
        return day(said, where).isoformat()
    if kind == "text":
        return text(said, where, LONGEST_ANSWER)
    names = {each["name"] for each in question["choices"]}
    chosen = said.split()
    if not set(chosen) <= names or len(set(chosen)) < len(chosen) or (kind == "select_one" and len(chosen) > 1):
        raise Invalid("this is none of the choices", "give the choice's name, or several with spaces between where they may be", where)
    return chosen[0] if kind == "select_one" else tuple(chosen)


def counted(values: Mapping[str, Value]) -> dict[str, float]:
    """Answers as score sets count them: numbers, choices whose name is one, and how many were chosen of several."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, tuple):
            found[name] = float(len(value))
        elif isinstance(value, float):
            found[name] = value
        elif isinstance(value, str) and re.fullmatch(r"-?\d{1,9}(\.\d{1,6})?", value, re.ASCII):
            found[name] = float(value)
    return found
