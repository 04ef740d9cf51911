"""Hope Network's office files: people in CSV, distributions in Excel workbooks, assessments in Parquet.

They are as such files are: Arabic headers, digits now European and now Arabic-Indic, dates in three forms, a byte-order
mark, empty cells. Two field offices export their own lists; the workbooks hold one year each.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import xlsxwriter

from samples.books import Aid, Case

PEOPLE = (
    "رقم الملف",
    "الاسم",
    "اسم الأب",
    "اسم الجد",
    "اللقب",
    "اسم الأم",
    "الجنس",
    "تاريخ الميلاد",
    "الرقم الوطني",
    "رقم البطاقة التموينية",
    "تسلسل الفرد",
    "المحافظة",
    "القضاء",
    "الهاتف",
    "الحالة الزوجية",
    "من ذوي الإعاقة",
    "نوع الإعاقة",
    "درجة الحاجة",
    "رقم العائلة",
)
DISTRIBUTIONS = ("رقم التوزيع", "رقم الملف", "نوع المساعدة", "البرنامج", "المبلغ", "العملة", "الكمية", "الوحدة", "تاريخ التوزيع", "الحالة")
ASSESSMENTS = ("رقم الملف", "رقم العائلة", "عدد الأفراد", "المحافظة", "القضاء", "نوع السكن")

_DIGITS = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
_NUMERIC = {PEOPLE.index(header) for header in ("تاريخ الميلاد", "الرقم الوطني", "رقم البطاقة التموينية", "تسلسل الفرد", "درجة الحاجة")}
_MARITAL = {"single": "أعزب", "married": "متزوج", "widowed": "أرمل", "divorced": "مطلق"}
_IMPAIRMENTS = {"VIS": "بصرية", "HEAR": "سمعية", "MOB": "حركية", "COG": "إدراكية", "SC": "عناية ذاتية", "COM": "تواصل"}
_KINDS = {"cash": "نقد", "education": "تعليم", "hygiene": "نظافة", "food": "غذاء", "health": "صحة"}
_STATES = {"delivered": "مسلّم", "planned": "مخطط", "returned": "مرتجع"}
_UNITS = {"piece": "قطعة", "kg": "كغم", "basket": "سلة", "session": "جلسة"}
_DWELLINGS = {"owned": "ملك", "rented": "إيجار", "shared": "مشترك", "informal": "تجاوز", "camp": "مخيم"}
_SOUTH = {"IQ-BA", "IQ-MA", "IQ-DQ", "IQ-MU"}

SHEET_ROWS = 1_000_000
"""Rows of a workbook before the next one begins; Excel ends at 1,048,576."""


class _Workbooks:
    """The workbooks of one year, each filled row by row without being held."""

    def __init__(self, folder: Path, year: int) -> None:
        self.folder, self.year, self.count, self.row = folder, year, 0, 0
        self._begin()

    def _begin(self) -> None:
        self.count += 1
        name = f"distributions-{self.year}{f'-{self.count}' if self.count > 1 else ''}.xlsx"
        self.book = xlsxwriter.Workbook(str(self.folder / name), {"constant_memory": True})
        self.book.set_properties({"author": "Hope Network", "created": datetime(2026, 1, 1)})  # noqa: DTZ001 — workbooks know no zones
        self.day = self.book.add_format({"num_format": "yyyy-mm-dd"})
        self.sheet = self.book.add_worksheet("التوزيعات")
        self.sheet.right_to_left()
        self.sheet.write_row(0, 0, DISTRIBUTIONS)
        self.row = 0

    def add(self, cells: Sequence[Any]) -> None:
        if self.row == SHEET_ROWS:
            self.book.close()
            self._begin()
        self.row += 1
        for column, cell in enumerate(cells):
            if isinstance(cell, date):
                self.sheet.write_datetime(self.row, column, cell, self.day)
            elif cell is not None:
                self.sheet.write(self.row, column, cell)

    def close(self) -> None:
        self.book.close()


class Exports:
    """Every file of the network in one folder, written as households come."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Begin the files; the folder must be there and empty."""
        self.folder = folder
        self.chance = Random(f"exports {seed}")
        self.given = self.people = 0
        self.books = {year: _Workbooks(folder, year) for year in (2023, 2024, 2025)}
        self.files = []
        self.writers = {}
        for office in ("north", "south"):
            file = (folder / f"beneficiaries-{office}.csv").open("w", encoding="utf-8-sig", newline="")
            self.files.append(file)
            self.writers[office] = csv.writer(file)
            self.writers[office].writerow(PEOPLE)
        self.rows = folder / "assessments.rows"
        self.files.append(self.rows.open("w", encoding="utf-8", newline=""))
        self.assessments = csv.writer(self.files[-1])
        self.assessments.writerow(ASSESSMENTS)

    def add(self, cases: Sequence[Case], aid: Sequence[Aid]) -> None:
        """Write the network's own among one household's cases and aid."""
        for case in cases:
            if case.source == "hope-network":
                self.writers["south" if case.household.governorate.code in _SOUTH else "north"].writerow(self._person(case))
                self.assessments.writerow(_assessment(case))
                self.people += 1
        for given in aid:
            if given.source == "hope-network":
                self.books[given.on.year].add(self._distribution(given))

    def close(self) -> None:
        """End the files, and turn the assessments into Parquet."""
        for file in self.files:
            file.close()
        for books in self.books.values():
            books.close()
        connection = duckdb.connect(config={"threads": 1, "memory_limit": "200MB"})
        try:
            typed = {name: "INTEGER" if name == "عدد الأفراد" else "VARCHAR" for name in ASSESSMENTS}
            rows = connection.read_csv(str(self.rows), header=True, dtype=typed)
            rows.write_parquet(str(self.folder / "assessments.parquet"), compression="zstd")
        finally:
            connection.close()
        self.rows.unlink()

    def _person(self, case: Case) -> tuple[Any, ...]:
        person, household = case.resident, case.household
        card, _, line = (case.ration_card or "").partition("/")
        eastern = self.chance.random() < 0.4
        cells = (
            case.number,
            *case.name,
            person.mother,
            "ذكر" if person.sex == "M" else "أنثى",
            self._day(person.born),
            case.national_number,
            card,
            line,
            household.governorate.ar,
            household.district,
            person.phone,
            _MARITAL[person.marital],
            "نعم" if person.impairment else "كلا",
            _IMPAIRMENTS.get(person.impairment or "", ""),
            case.need,
            f"HF-{household.number:07d}",
        )
        if not eastern:
            return cells
        return tuple(str(cell).translate(_DIGITS) if column in _NUMERIC and cell is not None else cell for column, cell in enumerate(cells))

    def _distribution(self, given: Aid) -> tuple[Any, ...]:
        self.given += 1
        amount, on = int(given.amount), given.on
        by_hand = self.chance.random() < 0.3
        return (
            f"HD-{self.given:07d}",
            given.case,
            _KINDS[given.kind],
            given.programme,
            str(amount).translate(_DIGITS) if by_hand else amount,
            given.currency,
            given.quantity,
            _UNITS[given.unit] if given.unit else None,
            self._day(on).translate(_DIGITS) if by_hand else on,
            _STATES[given.status],
        )

    def _day(self, day: date) -> str:
        return day.strftime(self.chance.choice(("%Y-%m-%d", "%d/%m/%Y", "%Y/%m/%d")))


def _assessment(case: Case) -> tuple[Any, ...]:
    household = case.household
    place = household.governorate.ar, household.district, _DWELLINGS[household.dwelling]
    return case.number, f"HF-{household.number:07d}", len(household.residents), *place
