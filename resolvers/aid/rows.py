"""Rows of a file as households with members: read all the way through, so that every fault is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from connectors.sheets import Fault, Sheet
from errors import Invalid
from resolvers.aid.homes import HEAD, RELATIONS, Where, place_of
from resolvers.aid.households import LONGEST_NUMBER, MOST_MEMBERS
from resolvers.aid.import_words import COLUMNS, SEXES
from resolvers.aid.import_words import RELATIONS as RELATION_WORDS
from resolvers.aid.inputs import text
from resolvers.aid.likeness import Particulars, particulars_of

NEEDED: Final = ("household", "case_number")
HEADERS: Final = {header: name for name, headers in COLUMNS.items() for header in headers}
CODES: Final = {"name": "NAME", "motherName": "NAME", "birthYear": "BIRTH_YEAR", "sex": "SEX", "governorate": "GOVERNORATE"}
"""The code of a fault by the field of the refusal that a form would get."""

SOUND: Final = "علي حسن"
"""A name in order, beside which other cells are looked at."""

COLUMN_OF: Final = {"name": "name", "motherName": "mother_name", "birthYear": "birth_year", "sex": "sex", "governorate": "governorate"}


@dataclass(frozen=True, slots=True)
class Row:
    """Somebody, as a row of the file says."""

    number: int
    case: str
    need: float | None
    relation: str
    particulars: Particulars | None


@dataclass(slots=True)
class Home:
    """A household of the file."""

    row: int
    members: list[Row] = field(default_factory=list)
    where: Where = None
    places: set[Where] = field(default_factory=set)


@dataclass(slots=True)
class Read:
    """What a file holds, and every fault in it."""

    homes: list[Home] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """Everybody, in the order of the file."""
        return sorted((row for home in self.homes for row in home.members), key=lambda row: row.number)


def read_rows(sheet: Sheet, year: int) -> Read:
    """Households with members; `year` is this one."""
    found = Read(faults=list(sheet.faults) or ([] if sheet.rows else [Fault(0, None, "EMPTY_FILE")]))
    columns = _columns(sheet.header, found.faults) if sheet.header else {}
    if any(fault.row == 0 or fault.code.endswith(("COLUMN", "HEADER")) for fault in found.faults):
        return found
    refused = {fault.row for fault in found.faults}
    homes: dict[str, Home] = {}
    cases: set[str] = set()
    for number, cells in sheet.rows:
        if number in refused:
            continue
        values = {name: cells[place] for name, place in columns.items()}
        reader = _Reader(number, values, found.faults)
        key, row, where = reader.row(year)
        if row is None:
            continue
        if row.case in cases:
            found.faults.append(Fault(number, "case_number", "CASE_TWICE"))
        cases.add(row.case)
        home = homes.setdefault(key, Home(number))
        home.members.append(row)
        if where is not None:
            home.places.add(where)
    found.homes = list(homes.values())
    for home in found.homes:
        found.faults += _together(home)
    found.faults.sort(key=lambda fault: (fault.row, fault.column or ""))
    return found


def _columns(header: list[str], faults: list[Fault]) -> dict[str, int]:
    """Where each column stands."""
    found: dict[str, int] = {}
    for place, written in enumerate(header):
        name = HEADERS.get(" ".join(written.split()).lower()) or HEADERS.get("_".join(written.lower().split()))
        if name is None:
            # What stands there may be anything, so it is not repeated.
            faults.append(Fault(1, _letter(place), "UNKNOWN_COLUMN"))
        elif name in found:
            faults.append(Fault(1, name, "DUPLICATE_HEADER"))
        else:
            found[name] = place
    faults += [Fault(1, name, "MISSING_COLUMN") for name in NEEDED if name not in found]
    return found


def _letter(place: int) -> str:
    return chr(65 + place) if place < 26 else f"A{chr(65 + place - 26)}" if place < 52 else f"B{chr(65 + place - 52)}"


def _together(home: Home) -> list[Fault]:
    """What cannot be of the rows of one household together; the first alone is the head where none says so."""
    faults = []
    heads = sum(row.relation == HEAD for row in home.members)
    if heads == 0 and len(home.members) == 1:
        (only,) = home.members
        home.members = [Row(only.number, only.case, only.need, HEAD, only.particulars)]
    elif heads != 1:
        faults.append(Fault(home.row, "relation", "HEADS"))
    if len(home.members) > MOST_MEMBERS:
        faults.append(Fault(home.row, "household", "MANY_MEMBERS"))
    if len(home.places) > 1:
        faults.append(Fault(home.row, "place", "PLACES"))
    home.where = next(iter(home.places), None)
    return faults


class _Reader:
    """Reads the cells of one row, noting what is wrong."""

    def __init__(self, number: int, values: Mapping[str, str], faults: list[Fault]) -> None:
        self.number, self.values, self.faults = number, values, faults

    def row(self, year: int) -> tuple[str, Row | None, Where]:
        """The household's key, the row, and where they live; no row where something is wrong."""
        before = len(self.faults)
        key, case = (self.short(name) for name in NEEDED)
        relation, sex = self.word("relation", RELATION_WORDS, RELATIONS) or "other", self.word("sex", SEXES, ("F", "M"))
        need, born = self.figure("need_score", float), self.figure("birth_year", int)
        if need is not None and not 0 <= need <= 100:
            self.fault("need_score", "NEED_SCORE")
        where = self.tried("place", lambda: place_of({"governorate": self.get("governorate"), "place": self.get("place")}))
        written = self.particulars(born, sex, year)
        if len(self.faults) > before:
            return key, None, None
        return key, Row(self.number, case, need, relation, written), where

    def particulars(self, born: int | None, sex: str | None, year: int) -> Particulars | None:
        """What is written down; nothing without a name."""
        if self.get("name") is None:
            for name in ("mother_name", "birth_year", "sex"):
                if self.get(name) is not None:
                    self.fault("name", "MISSING")
                    break
            return None
        given = {"name": self.get("name"), "mother_name": self.get("mother_name"), "birth_year": born, "sex": sex}
        whole = {**given, "governorate": self.get("governorate")}
        before = len(self.faults)
        found: Particulars | None = self.tried("name", lambda: particulars_of(whole, "", year))
        for name in ("mother_name", "birth_year") if len(self.faults) > before else ():
            # What comes first hides what is wrong beside it; whoever mends a file wants to know all of it.
            self.tried("name", partial(particulars_of, {"name": SOUND, name: given[name]}, "", year))
        return found

    def get(self, name: str) -> str | None:
        """A cell, or None where it is empty or there is no such column."""
        return self.values.get(name) or None

    def fault(self, column: str, code: str) -> None:
        """Note one, once a cell."""
        fault = Fault(self.number, column, code)
        if not any((each.row, each.column) == (fault.row, fault.column) for each in self.faults[-20:]):
            self.faults.append(fault)

    def short(self, name: str) -> str:
        """A number that a row must have."""
        value = self.get(name)
        if value is None:
            self.fault(name, "MISSING")
            return ""
        try:
            return text(value, name, LONGEST_NUMBER)
        except Invalid:
            self.fault(name, "HIDDEN")
            return ""

    def word(self, name: str, words: Mapping[str, tuple[str, ...]], codes: tuple[str, ...]) -> str | None:
        """A code, or one of the words for it."""
        value = self.get(name)
        if value is None:
            return None
        for code in codes:
            if value.lower() == code.lower() or value.lower() in words.get(code, ()):
                return code
        self.fault(name, name.upper())
        return None

    def figure(self, name: str, kind: Callable[[str], Any]) -> Any:
        """A number, in whichever digits it is written."""
        value = self.get(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError:
            self.fault(name, name.upper())
            return None

    def tried(self, column: str, read: Callable[[], Any]) -> Any:
        """What a form would have taken; its refusal becomes a fault of the cell."""
        try:
            return read()
        except Invalid as refused:
            where = (refused.field or column).rsplit(".", 1)[-1]
            self.fault(COLUMN_OF.get(where, where), CODES.get(where, "HIDDEN"))
            return None
