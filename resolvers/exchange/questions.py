"""Questions of a survey and answers to them, read strictly; and what answers come to, never finer than five of them.

Every figure is rounded down to whole fives, what is rarer than five is not told, and a value that somebody gave is told in two
digits: so nobody's answer is read from a result, neither by who asked nor by who answered itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from statistics import quantiles
from typing import Any, Final

from errors import Invalid
from resolvers.aid.inputs import day_between, text
from resolvers.identity.wording import tells_who

KINDS: Final = ("choice", "several", "number", "scale", "text", "date")
CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
MOST_QUESTIONS, MOST_TEXTS, MOST_OPTIONS, LONGEST, LONGEST_ANSWER = 30, 3, 20, 200, 1_000
WIDEST_SCALE: Final = 10
HIGHEST: Final = 10**12
FEWEST: Final = 5
FOR_QUARTERS: Final = 4 * FEWEST
"""So that below the lower and above the upper quartile stand five answers each."""

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2100, 12, 31)


# --- asking ----------------------------------------------------------------------------------------------------------


def words_of(given: Mapping[str, Any], field: str) -> dict[str, str | None]:
    """A text in the languages people read.

    Raises:
        Invalid: one of them is empty, too long, or hides something.
    """
    prefix = f"{field}." if field else ""
    found: dict[str, str | None] = {name: text(str(given[name]), f"{prefix}{name}", LONGEST) for name in ("ar", "en")}
    found["ckb"] = None if given["ckb"] is None else text(str(given["ckb"]), f"{prefix}ckb", LONGEST)
    return found


def questions_of(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The questions of a survey as they are stored.

    Raises:
        Invalid: none or too many, one twice, or one that cannot be asked; `field` names it.
    """
    if not 1 <= len(given) <= MOST_QUESTIONS:
        raise Invalid(f"a survey has 1 to {MOST_QUESTIONS} questions", "ask less, or in two surveys", "questions")
    found = [_question(each, f"questions.{place}") for place, each in enumerate(given)]
    for place, each in enumerate(found):
        if each["code"] in {other["code"] for other in found[:place]}:
            raise Invalid("this code stands there twice", "give each question its own", f"questions.{place}.code")
    if sum(each["kind"] == "text" for each in found) > MOST_TEXTS:
        raise Invalid(f"a survey has at most {MOST_TEXTS} questions for free text", "offer answers to choose from", "questions")
    return found


def _question(given: Mapping[str, Any], field: str) -> dict[str, Any]:
    kind = str(given["kind"])
    found = {"code": _code(given["code"], f"{field}.code"), "kind": kind, "required": bool(given["required"]), **words_of(given, field)}
    options = [
        {"code": _code(each["code"], f"{field}.options.{place}.code"), **words_of(each, f"{field}.options.{place}")}
        for place, each in enumerate(given["options"])
    ]
    if kind in {"choice", "several"}:
        if not 2 <= len(options) <= MOST_OPTIONS or len({each["code"] for each in options}) != len(options):
            raise Invalid(f"there are 2 to {MOST_OPTIONS} options, each once", "give the answers to choose from", f"{field}.options")
    elif options:
        raise Invalid(f"a question of kind {kind} has no options", "leave them out", f"{field}.options")
    least, most = (None if given[name] is None else _number(given[name], f"{field}.{name}") for name in ("least", "most"))
    if kind == "scale":
        least, most = 1_000 if least is None else least, 5_000 if most is None else most
        if least % 1000 or most % 1000 or not 1 <= (most - least) // 1000 <= WIDEST_SCALE:
            raise Invalid(f"a scale has whole steps, at most {WIDEST_SCALE}", "give its ends, such as 1 and 5", f"{field}.most")
    elif kind != "number" and (least is not None or most is not None):
        raise Invalid(f"a question of kind {kind} has no bounds", "leave them out", f"{field}.least")
    elif least is not None and most is not None and least >= most:
        raise Invalid("the least is less than the most", "give the bounds the other way round", f"{field}.most")
    return {**found, "options": options, "least": least, "most": most}


def _code(given: Any, field: str) -> str:
    if not CODE.fullmatch(str(given)):
        raise Invalid("a code has 1 to 32 small Latin letters, digits and `_`", "give a short one, such as `wells`", field)
    return str(given)


def _number(given: Any, field: str) -> int:
    exact = Decimal(str(given))
    if not -HIGHEST <= exact <= HIGHEST or exact != round(exact, 3):
        raise Invalid("this number is absurd, or finer than thousandths", "check its digits", field)
    return int(exact * 1000)


# --- answering -------------------------------------------------------------------------------------------------------

SLOTS: Final = {"choice": "options", "several": "options", "number": "number", "scale": "number", "text": "text", "date": "day"}
"""Where the answer to each kind of question stands."""


def answers_of(questions: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]], hidden: Sequence[str]) -> dict[str, Any]:
    """Answers by question, as they are stored.

    Args:
        questions: those of the survey.
        given: one for each question that is answered.
        hidden: names that may not stand in free text; none where the answers bear a name anyway.

    Raises:
        Invalid: an answer to no question, twice, missing, of another kind or out of bounds; `field` names it.
    """
    by_code = {each["code"]: each for each in questions}
    if len(given) > len(questions):
        raise Invalid("there are more answers than questions", "answer each once", "answers")
    found: dict[str, Any] = {}
    for place, each in enumerate(given):
        field, code = f"answers.{place}", str(each["question"])
        if code not in by_code or code in found:
            raise Invalid("this is no question of the survey, or was answered above", "answer each once", f"{field}.question")
        question = by_code[code]
        slot = SLOTS[question["kind"]]
        filled = [name for name in ("options", "number", "text", "day") if each[name] is not None]
        if filled != [slot]:
            raise Invalid(f"a question of kind {question['kind']} is answered by `{slot}` alone", "give that", f"{field}.{slot}")
        found[code] = _answer(question, each[slot], f"{field}.{slot}", hidden)
    missing = [each["code"] for each in questions if each["required"] and each["code"] not in found]
    if missing:
        raise Invalid("a question that must be answered is not", f"answer `{missing[0]}`", "answers")
    return found


def _answer(question: Mapping[str, Any], given: Any, field: str, hidden: Sequence[str]) -> Any:
    kind = question["kind"]
    if kind in {"choice", "several"}:
        known = [each["code"] for each in question["options"]]
        chosen = [str(each) for each in given]
        if (
            not 1 <= len(chosen) <= (1 if kind == "choice" else len(known))
            or len(set(chosen)) != len(chosen)
            or not set(chosen) <= set(known)
        ):
            raise Invalid("this is not what can be chosen", f"choose of {', '.join(known)}", field)
        return sorted(chosen, key=known.index)
    if kind in {"number", "scale"}:
        value = _number(given, field)
        least, most = question["least"], question["most"]
        if (least is not None and value < least) or (most is not None and value > most) or (kind == "scale" and value % 1000):
            raise Invalid("this number is out of bounds", "see `least` and `most` of the question", field)
        return value
    if kind == "date":
        return day_between(str(given), field, FIRST_DAY, LAST_DAY).isoformat()
    said = " ".join(text(str(given), field, LONGEST_ANSWER).split())
    if tells_who(said):
        raise Invalid("this text holds what looks like a number or address of a person", "say it without", field)
    if any(each.casefold() in said.casefold() for each in hidden):
        raise Invalid("this text names the organisation that answers", "say it so that it could be anybody's", field)
    return said


# --- what it comes to ------------------------------------------------------------------------------------------------


def results_of(questions: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the answers to each question come to."""
    return [_result(each, [one[each["code"]] for one in answers if each["code"] in one]) for each in questions]


def _result(question: Mapping[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    kind = question["kind"]
    found: dict[str, Any] = {
        "code": question["code"], "kind": kind.upper(), "answered": coarse(len(values)), "counts": [],
        "lower": None, "median": None, "upper": None, "median_on": None, "texts": [],
    }  # fmt: skip
    if kind in {"choice", "several"}:
        codes = [each["code"] for each in question["options"]]
        found["counts"] = [{"code": code, "count": coarse(sum(code in each for each in values))} for code in codes]
    elif kind == "scale":
        steps = range(question["least"], question["most"] + 1, 1000)
        found["counts"] = [{"code": str(step // 1000), "count": coarse(values.count(step))} for step in steps]
    if len(values) < FEWEST:
        return found
    if kind in {"number", "scale"}:
        lower, median, upper = quantiles(values, n=4, method="inclusive")
        found["median"] = two_digits(median / 1000)
        if len(values) >= FOR_QUARTERS:
            found |= {"lower": two_digits(lower / 1000), "upper": two_digits(upper / 1000)}
    elif kind == "date":
        found["median_on"] = sorted(values)[len(values) // 2][:7] + "-01"
    elif kind == "text":
        found["texts"] = sorted(values, key=str.casefold)
    return found


def coarse(count: int) -> int | None:
    """A count rounded down to whole fives; None below five, nothing included."""
    return count // FEWEST * FEWEST or None


def two_digits(value: float) -> int | float:
    """A value in its first two digits."""
    found = float(f"{value:.2g}")
    return int(found) if found == int(found) else found
