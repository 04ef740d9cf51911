"""Files that people hand in are read strictly or refused at the cell that is wrong."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
import xlsxwriter

from connectors.sheets import MOST_UNPACKED, Fault, read_csv, read_workbook

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
