"""Tables that people hand in as files, read strictly: CSV in UTF-8, or the sheets of an Excel workbook.

Nothing is guessed and nothing is run: a cell with a formula is refused where it stands, whether the workbook says so or its text begins
like one, because a spreadsheet that later opens an export would run it. A workbook is looked through before it is opened.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from connectors.workbook import Unsound, looked_through

MOST_SHEETS: Final = 40
MOST_COLUMNS: Final = 60
LONGEST_CELL: Final = 4_000
RUNS: Final = ("=", "+", "@", "\t=", "-=")
"""How a text begins that a spreadsheet may run."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong where: `row` as a spreadsheet counts them, 0 for the file; `column` by its header or letter."""

    row: int
    column: str | None
    code: str


@dataclass(slots=True)
class Sheet:
    """A table as it was handed in: `rows` are (number, cells), without those that are empty."""

    header: list[str] = field(default_factory=list)
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_csv(content: bytes, most_rows: int) -> Sheet:
    """Rows of a CSV file in UTF-8, separated by whichever of comma, semicolon and tab its first line has most of."""
    if not content.strip():
        return Sheet(faults=[Fault(0, None, "EMPTY_FILE")])
    if b"\0" in content or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Sheet(faults=[Fault(0, None, "ENCODING")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        return Sheet(faults=[Fault(content.count(b"\n", 0, wrong.start) + 1, None, "ENCODING")])
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = [(number, cells) for number, cells in _numbered(text, separator) if any(each.strip() for each in cells)]
    except csv.Error:
        return Sheet(faults=[Fault(0, None, "NOT_A_TABLE")])
    return _sheet(rows, most_rows)


def _numbered(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def read_workbook(content: bytes, most_rows: int) -> Sheet:
    """Rows of the only sheet of an Excel workbook that is not empty."""
    sheets = read_workbooks(content, most_rows)
    if isinstance(sheets, Fault):
        return Sheet(faults=[sheets])
    filled = [each for each in sheets.values() if each.header or each.rows]
    if len(filled) != 1:
        return Sheet(faults=[Fault(0, None, "MANY_SHEETS" if filled else "EMPTY_FILE")])
    return filled[0]


def read_workbooks(content: bytes, most_rows: int) -> dict[str, Sheet] | Fault:
    """Every sheet of an Excel workbook by its name; one fault where it cannot be opened at all."""
    import python_calamine

    try:
        looked = looked_through(content, 2 * (most_rows + 1) * MOST_COLUMNS)
        with python_calamine.load_workbook(io.BytesIO(looked.content)) as book:
            if len(book.sheet_names) > MOST_SHEETS:
                return Fault(0, None, "TOO_BIG")
            found = {}
            for place, name in enumerate(book.sheet_names):
                sheet = book.get_sheet_by_index(place)
                begin = (sheet.start or (0, 0))[0] + 1
                rows = [(number, [_text(each) for each in cells]) for number, cells in enumerate(sheet.to_python(), begin)]
                found[name] = _sheet([row for row in rows if any(row[1])], most_rows)
    except Unsound as unsound:
        return Fault(0, None, unsound.code)
    except (zipfile.BadZipFile, python_calamine.CalamineError, OSError, ValueError, KeyError, NotImplementedError, RuntimeError):
        return Fault(0, None, "NOT_A_TABLE")
    if looked.formulas:
        column, row = looked.formulas[0]
        return Fault(row, column, "FORMULA")
    return found


def _text(value: Any) -> str:
    """A cell as somebody would have typed it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return str(value).strip()


def _sheet(rows: list[tuple[int, list[str]]], most_rows: int) -> Sheet:
    """The first row is the header; every cell is looked at before anybody reads it."""
    if not rows:
        return Sheet(faults=[Fault(0, None, "EMPTY_FILE")])
    (top, header), *below = rows
    header = [each.strip() for each in header]
    while header and not header[-1]:
        header.pop()
    found = Sheet(header)
    if len(header) > MOST_COLUMNS:
        found.faults.append(Fault(top, None, "TOO_MANY_COLUMNS"))
    if len(below) > most_rows:
        found.faults.append(Fault(0, None, "TOO_MANY_ROWS"))
    if found.faults:
        return found
    for number, cells in below:
        short = [each.strip() for each in cells]
        if any(short[len(header) :]):
            found.faults.append(Fault(number, None, "MORE_CELLS_THAN_HEADERS"))
            continue
        padded = (short + [""] * len(header))[: len(header)]
        for name, cell in zip(header, padded, strict=True):
            if len(cell) > LONGEST_CELL:
                found.faults.append(Fault(number, name, "TOO_LONG"))
            elif cell.startswith(RUNS):
                found.faults.append(Fault(number, name, "FORMULA"))
        found.rows.append((number, padded))
    return found
