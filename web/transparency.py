"""Transparency reports as a page to read and print, and as a table: no script, every figure of the charts in a table beside them.

The page asks the same question as anybody may at `/graphql`, under the credential it is fetched with, if any.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from errors import HubError, LimitReached
from schema.door.door import Request as Question
from schema.door.http import STATUS, address_of, bearer
from web.words import DIRECTIONS, KINDS, NAMES, WORDS

if TYPE_CHECKING:
    from schema.door.live import Live

FOLDER: Final = Path(__file__).parent
DOCUMENT: Final = (FOLDER / "transparency.graphql").read_text(encoding="utf-8")
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "vary": "Authorization, Mizalla-Purpose",
}
ASKED: Final = ("programme", "place", "from", "to")
CODES: Final = {"UNKNOWN": 404, "LIMIT_REACHED": 429, **STATUS}


class TransparencyPages:
    """The page and the table, of all organisations together or of one."""

    def __init__(self, live: Live) -> None:
        """Read the template once."""
        self.live = live
        made = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        self._template = made.get_template("transparency.html")
        self._style = (FOLDER / "transparency.css").read_bytes()

    def routes(self) -> list[Route]:
        """Where they stand."""
        return [
            Route("/transparency/transparency.css", self.style),
            Route("/transparency.csv", self.table),
            Route("/transparency/{organisation}.csv", self.table),
            Route("/transparency", self.page),
            Route("/transparency/{organisation}", self.page),
        ]

    async def style(self, _: Request) -> Response:
        """The style sheet."""
        return Response(self._style, headers={**HEADERS, "cache-control": "no-cache"}, media_type="text/css; charset=utf-8")

    async def page(self, request: Request) -> Response:
        """The page, in the language that is named."""
        named = request.query_params.get("language", "ar")
        language = named if named in WORDS else "ar"
        data, refusal, status = await self._asked(request)
        report = (data or {}).get("transparencyReport")
        organisation = request.path_params.get("organisation")
        names = {each["id"]: each["named" if language == "en" else language] for each in (data or {}).get("organisations") or ()}
        values = _values(request)
        words = WORDS[language]
        text = self._template.render(
            language=language,
            direction=DIRECTIONS[language],
            words=words,
            kinds=KINDS[language],
            languages=[(code, f"?{urlencode({**values, 'language': code})}", own) for code, own in NAMES.items()],
            name=names.get(organisation, "") if organisation else "",
            report=report,
            refusal=refusal,
            bars=bars(report["amounts"], DIRECTIONS[language]) if report else [],
            curves=[_curve(each) for each in report["concentration"]] if report else [],
            days={each["need"]: each["meanDays"] for each in report["waiting"]} if report else {},
            number=_number,
            counted=report["countedAt"].replace("T", " ")[:16] if report else "",
            percent=lambda share: "–" if share is None else f"{share:.0%}",
            up="../" if organisation else "",
            csv=f"{organisation or 'transparency'}.csv?{urlencode(values)}",
        )
        return Response(text, status, HEADERS, "text/html; charset=utf-8")

    async def table(self, request: Request) -> Response:
        """The figures as CSV."""
        data, refusal, status = await self._asked(request)
        if data is None or data["transparencyReport"] is None:
            return PlainTextResponse(f"{refusal}\n", status, HEADERS)
        return Response(as_csv(data["transparencyReport"]), status, HEADERS, "text/csv; charset=utf-8; header=present")

    async def _asked(self, request: Request) -> tuple[dict[str, Any] | None, str | None, int]:
        """The data, or why there are none, and the status."""
        door = await self.live.now()
        try:
            enquiry = await door.hub.enquiry(bearer(request.headers.getlist("authorization")), request.headers.get("mizalla-purpose"))
        except HubError as error:
            try:  # whoever tries keys is counted by address, here as at the door
                await door.admission.request(None, address_of(request))
            except LimitReached as reached:
                return None, f"{reached.code}: {reached.message}", CODES[reached.code]
            return None, f"{error.code}: {error.message}", CODES.get(error.code, 400)
        given = {"organisation": request.path_params.get("organisation"), **_values(request)}
        question = Question(DOCUMENT, None, given, reads_only=True, address=address_of(request))
        body = (await door.answer(question, enquiry)).body
        for fault in body.get("errors", ()):
            code = str(fault.get("extensions", {}).get("code", "INVALID"))
            return body.get("data"), f"{code}: {fault['message']}", CODES.get(code, 400)
        return body["data"], None, 200


def _values(request: Request) -> dict[str, str]:
    """What the address names; last year where it names no period."""
    year = date.today().year - 1  # noqa: DTZ011 — any day of this year gives the same
    usual = {"from": f"{year}-01-01", "to": f"{year}-12-31"}
    return {**usual, **{name: request.query_params[name] for name in ASKED if request.query_params.get(name)}}


def bars(amounts: list[dict[str, Any]], direction: str) -> list[dict[str, Any]]:
    """How many people each kind of aid reached, as bars: the most of its currencies and units, for they overlap.

    They stand in the order of the table beside them, so that whoever reads from the right finds the first on the right.
    """
    counted: dict[str, int] = {}
    for each in amounts:
        if each["people"]:
            counted[each["kind"]] = max(counted.get(each["kind"], 0), each["people"])
    if not counted:
        return []
    step, most = 440 / len(counted), max(counted.values())
    found = []
    for place, (kind, value) in enumerate(counted.items()):
        height, width = round(130 * value / most), round(min(step * 0.6, 60))
        middle = round(20 + step * (place + 0.5))
        middle = middle if direction == "ltr" else 480 - middle
        found.append(
            {"kind": kind, "value": value, "x": middle - width // 2, "middle": middle, "y": 160 - height, "width": width, "height": height}
        )
    return found


def _curve(spread: Mapping[str, Any]) -> dict[str, Any]:
    points = " ".join(f"{20 + 200 * each['people']:.0f},{220 - 200 * each['value']:.0f}" for each in spread["lorenz"])
    return {**spread, "points": points}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def as_csv(report: Mapping[str, Any]) -> str:
    """A report as a table with one figure a line, after RFC 4180."""
    out = io.StringIO()
    written = csv.writer(out)
    written.writerow(("part", "of", "in", "measure", "value"))
    written.writerows(map(_plain, _lines(report)))
    return out.getvalue()


def _lines(report: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name in ("organisation", "programme", "place", "from", "to", "exact", "countedAt", "people", "households", "leftOut"):
        yield "report", "", "", name, report[name]
    for each in report["amounts"]:
        within = each["unit"] or each["currency"]
        for name in ("amount", "currency", "quantity", "people", "households"):
            yield "amounts", each["kind"], within, name, each[name]
    for each in report["concentration"]:
        yield "concentration", "", each["currency"], "gini", each["gini"]
        for point in each["lorenz"]:
            yield "lorenz", point["people"], each["currency"], "value", point["value"]
    for part in ("coverage", "waiting"):
        for each in report[part]:
            for name, value in each.items():
                if name != "need":
                    yield part, each["need"], "", name, value
    for name, value in (report["overlap"] or {}).items():
        yield "overlap", "", "", name, value


def _plain(line: Iterable[Any]) -> list[Any]:
    """Nothing as nothing; a text that a spreadsheet would take for a formula is marked as text, whatever column it stands in."""
    return [_cell(value) for value in line]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else "" if value is None else value
