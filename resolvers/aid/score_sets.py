"""Score sets as organisations write them: scales, the Washington Group's short set, proxy means tests with regional variants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from errors import Invalid
from resolvers.aid.homes import GOVERNORATE
from resolvers.aid.scores import DIFFICULTIES

MOST_PARTS, MOST_MODELS, MOST_COEFFICIENTS = 20, 30, 50
CODE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
FURTHEST: Final = 1e6


def score_set(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """The parts of a score set as they are kept and signed.

    Raises:
        Invalid: none or too many, a code that is none or there twice, a method, weight or model that cannot be.
    """
    if not 1 <= len(parts) <= MOST_PARTS:
        raise Invalid(f"a score set has 1 to {MOST_PARTS} parts", "give them all: they stand instead of those before", "parts")
    found: list[dict[str, Any]] = []
    for place, part in enumerate(parts):
        where = f"parts.{place}"
        code, weight = str(part.code), float(part.weight)
        if not CODE.fullmatch(code) or code in {each["code"] for each in found} or code in DIFFICULTIES:
            raise Invalid("a part has a code of its own", "Latin letters, digits, _ - and .; none of the six domains", f"{where}.code")
        if not 0 <= weight <= 1000:
            raise Invalid("a weight is 0 to 1000", "weights are relative to each other", f"{where}.weight")
        found.append({"code": code, "method": str(part.method), "weight": weight, **_method(part, where)})
    if sum(each["method"] == "wg" for each in found) > 1:
        raise Invalid("the six questions are counted once", "leave one of the parts out", "parts")
    return found


def _method(part: Any, where: str) -> dict[str, Any]:
    """What a part's method needs, and nothing else."""
    given = {name for name in ("most", "line", "models") if getattr(part, name) is not None}
    wanted = {"scale": {"most"}, "wg": set(), "pmt": {"line", "models"}}.get(str(part.method))
    if wanted is None:
        raise Invalid("there is no such method", "scale, wg or pmt", f"{where}.method")
    if given != wanted:
        raise Invalid(
            f"{part.method} needs {' and '.join(sorted(wanted)) or 'nothing'} beside its weight", "give that, and nothing else", where
        )
    if part.method == "scale":
        if not 0 < part.most <= FURTHEST:
            raise Invalid("the answer that counts whole is more than 0", "give the highest answer of the scale", f"{where}.most")
        return {"most": float(part.most)}
    if part.method == "wg":
        return {}
    if not 0 < part.line <= 1e12:
        raise Invalid("a poverty line is more than nothing", "give it in the unit of what is predicted", f"{where}.line")
    return {"line": float(part.line), "models": _models(part.models, f"{where}.models")}


def _models(models: Sequence[Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if len(models) > MOST_MODELS:
        raise Invalid(f"a test has at most {MOST_MODELS} variants", "leave some out", where)
    for place, model in enumerate(models):
        region = str(model.region) if model.region is not None else ""
        if region in found or (region and not GOVERNORATE.fullmatch(region)):
            raise Invalid("each variant is for a governorate of its own", "a code of ISO 3166-2, as in IQ-BG", f"{where}.{place}.region")
        coefficients = {str(each.question): float(each.value) for each in model.coefficients}
        if not 1 <= len(model.coefficients) <= MOST_COEFFICIENTS or len(coefficients) < len(model.coefficients):
            raise Invalid(f"a variant has 1 to {MOST_COEFFICIENTS} questions, each once", "check the list", f"{where}.{place}.coefficients")
        if any(not CODE.fullmatch(code) for code in coefficients):
            raise Invalid("this is no question", "Latin letters, digits, _ - and .", f"{where}.{place}.coefficients")
        if any(abs(each) > FURTHEST for each in (*coefficients.values(), float(model.intercept))):
            raise Invalid("this number is absurdly high", "check its digits", f"{where}.{place}")
        found[region] = {"intercept": float(model.intercept), "coefficients": coefficients}
    if "" not in found:
        raise Invalid("one variant is for everywhere else", "give one without a region", where)
    return found
