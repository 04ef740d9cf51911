"""Files that people hand in are read strictly or refused at the cell that is wrong."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import pytest
import python_calamine
import xlsxwriter

from connectors.sheets import Fault, read_csv, read_workbook
from connectors.workbook import MOST_UNPACKED

ROWS = 100


def workbook(rows: list[list[Any]], *more: list[list[Any]]) -> bytes:
    """An Excel file with one sheet, or several."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for table in (rows, *more):
            sheet = book.add_worksheet()
            for place, cells in enumerate(table):
                sheet.write_row(place, 0, cells)
    return out.getvalue()


def test_rows_keep_the_numbers_a_spreadsheet_shows() -> None:
    sheet = read_csv('household,name\n1,"زينب\nكاظم"\n\n2,علي\n'.encode(), ROWS)
    assert (sheet.header, sheet.faults) == (["household", "name"], [])
    assert [(number, cells[0]) for number, cells in sheet.rows] == [(2, "1"), (5, "2")]
    book = read_workbook(workbook([["household", "name", "year"], [1, "زينب", 1981.0], ["", "", ""], [2, "علي", "1990"]]), ROWS)
    assert book.faults == []
    assert book.rows == [(2, ["1", "زينب", "1981"]), (4, ["2", "علي", "1990"])]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_the_headers_own(separator: str) -> None:
    sheet = read_csv(f"\ufeffa{separator}b\n1{separator}2\n".encode(), ROWS)
    assert (sheet.header, sheet.rows) == (["a", "b"], [(2, ["1", "2"])])


BAD: dict[str, tuple[bytes, Fault]] = {
    "nothing": (b" \n", Fault(0, None, "EMPTY_FILE")),
    "another encoding": ("a,b\nزينب,1\n".encode("cp1256"), Fault(2, None, "ENCODING")),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), Fault(0, None, "ENCODING")),
    "a nought": (b"a,b\n1,\0\n", Fault(0, None, "ENCODING")),
    "an open quote": (b'a,b\n1,"2\n', Fault(0, None, "NOT_A_TABLE")),
    "too many rows": (b"a\n" + b"1\n" * (ROWS + 1), Fault(0, None, "TOO_MANY_ROWS")),
    "too many columns": (b"a," * 80 + b"\n1", Fault(1, None, "TOO_MANY_COLUMNS")),
    "more cells": (b"a,b\n1,2,3\n", Fault(2, None, "MORE_CELLS_THAN_HEADERS")),
    "a formula": (b'a,b\n1,"=HYPERLINK(""x"")"\n', Fault(2, "b", "FORMULA")),
    "a command": (b"a,b\n1,@SUM(1)\n", Fault(2, "b", "FORMULA")),
    "a giant cell": (b"a,b\n1," + b"x" * 5000 + b"\n", Fault(2, "b", "TOO_LONG")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_csv_that_cannot_be_is_refused_where_it_is_wrong(name: str) -> None:
    content, fault = BAD[name]
    assert read_csv(content, ROWS).faults == [fault]


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", bytes(MOST_UNPACKED + 1))
    return out.getvalue()


def _with(name: str, content: bytes) -> bytes:
    out = io.BytesIO(workbook([["a"], ["1"]]))
    with zipfile.ZipFile(out, "a") as packed:
        packed.writestr(name, content)
    return out.getvalue()


def _without_sheet() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook([["a"], ["1"]]))) as whole, zipfile.ZipFile(out, "w") as packed:
        for each in whole.namelist():
            if "sheet1" not in each:
                packed.writestr(each, whole.read(each))
    return out.getvalue()


def _patched(sheet: bytes = b"", texts: bytes | None = None, *, at: str = "xl/worksheets/sheet1.xml") -> bytes:
    """A workbook with something more in its sheet, other shared texts, or its sheet elsewhere."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook([["a"], ["1"]]))) as whole, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in whole.namelist():
            part = whole.read(name).replace(b"</sheetData>", sheet + b"</sheetData>")
            if name == "xl/sharedStrings.xml" and texts is not None:
                part = texts
            part = part.replace(b"worksheets/sheet1.xml", at.removeprefix("xl/").encode())
            packed.writestr(at if name == "xl/worksheets/sheet1.xml" else name, part)
    return out.getvalue()


def _lying() -> bytes:
    """An archive that says of its sheet that it is shorter, with the right sum for the shorter one."""
    whole = bytearray(_patched(b'<row r="9"><c r="XFD9999"><v>1</v></c></row>'))
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        (part,) = (each for each in packed.infolist() if each.filename == "xl/worksheets/sheet1.xml")
        short = packed.read(part)[:-300]
    for old, new in ((part.CRC, zlib.crc32(short)), (part.file_size, len(short))):
        whole = bytearray(bytes(whole).replace(old.to_bytes(4, "little"), new.to_bytes(4, "little")))
    return bytes(whole)


FILLED = b'<c r="%s%d"><v>1</v></c>'
FORMULA = b'<row r="3"><c r="B3"><f>1+1</f><v>2</v></c></row>'
SHARING = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (row, row) for row in range(3, 90))
LONG = b"<sst><si><t>" + b"x" * (MOST_UNPACKED // 80) + b"</t></si></sst>"

COSTLY: dict[str, tuple[bytes, str]] = {
    "a cell in the last place there is": (_patched(b'<row r="1048576">' + FILLED % (b"XFD", 1048576) + b"</row>"), "TOO_BIG"),
    "a cell a few thousand rows below, far right": (_patched(b"<row>" + FILLED % (b"XFD", 2000) + b"</row>"), "TOO_BIG"),
    "rows that say where they are, with cells that do not": (
        _patched(b'<row r="1048570"><c><v>1</v></c>' + b"<c/>" * 16000 + b"<c><v>1</v></c></row>"),
        "TOO_BIG",
    ),
    "one long text that many cells share": (_patched(SHARING, LONG), "TOO_BIG"),
    "texts in texts": (_patched(SHARING, b"<sst><si><si></si></si></sst>"), "NOT_A_TABLE"),
    "tags that do not end": (_patched(b"<c " * 200_000), "NOT_A_TABLE"),
    "an end of a tag that is none": (_patched(b'<row r="2"><c x=">" r="XFD1048576"><v>1</v></c></row>'), "NOT_A_TABLE"),
    "a place in other letters": (_patched(b'<row r="2"><c r="&#88;FD9"><v>1</v></c></row>'), "NOT_A_TABLE"),
    "a comment": (_patched(b"<!-- -->"), "NOT_A_TABLE"),
    "a formula in a sheet that lies elsewhere": (_patched(FORMULA, at="xl/other/table.xml"), "FORMULA"),
    "a formula in a prefixed tag": (_patched(FORMULA.replace(b"<f>", b"<x:f y='1'>").replace(b"</f>", b"</x:f>")), "FORMULA"),
}
"""Of a few kilobytes, or a few hundred; any of them would take gigabytes, minutes, or run a formula that was not seen."""


@pytest.mark.parametrize("name", COSTLY)
def test_a_workbook_that_would_cost_too_much_is_never_opened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content, code = COSTLY[name]
    if code != "FORMULA":
        monkeypatch.delattr(python_calamine, "load_workbook")
    assert [each.code for each in read_workbook(content, ROWS).faults] == [code]


def test_what_an_archive_hides_behind_its_own_figures_is_never_opened() -> None:
    assert [each.code for each in read_workbook(_lying(), ROWS).faults] == ["NOT_A_TABLE"]


def test_where_somebody_is_chosen_from_another_sheet_there_is_no_formula() -> None:
    lists = b"<extLst><ext><x14:dataValidation><xm:f>Sheet2!$A$1</xm:f></x14:dataValidation></ext></extLst>"
    assert read_workbook(_patched(b'<row r="3"><c r="A3" s="1"/></row>' + lists), ROWS).faults == []


WORKBOOKS: dict[str, tuple[bytes, Fault]] = {
    "no workbook": (b"PK but not really", Fault(0, None, "NOT_A_TABLE")),
    "half a workbook": (workbook([["a"], ["1"]])[:-200], Fault(0, None, "NOT_A_TABLE")),
    "without its sheet": (_without_sheet(), Fault(0, None, "NOT_A_TABLE")),
    "a formula": (workbook([["a", "b"], [1, "=1+1"]]), Fault(2, "B", "FORMULA")),
    "a text like one": (workbook([["a", "b"], [1, "@x"]]), Fault(2, "b", "FORMULA")),
    "several sheets": (workbook([["a"], ["1"]], [["b"], ["2"]]), Fault(0, None, "MANY_SHEETS")),
    "empty sheets": (workbook([], []), Fault(0, None, "EMPTY_FILE")),
    "too large unpacked": (_bomb(), Fault(0, None, "TOO_BIG")),
    "macros": (_with("xl/vbaProject.bin", b"\0"), Fault(0, None, "MACRO")),
    "declarations": (_with("xl/more.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'), Fault(0, None, "NOT_A_TABLE")),
}


@pytest.mark.parametrize("name", WORKBOOKS)
def test_a_workbook_that_cannot_be_is_refused_where_it_is_wrong(name: str) -> None:
    content, fault = WORKBOOKS[name]
    assert read_workbook(content, ROWS).faults == [fault]
