"""An Excel workbook, looked through before anything opens it: what it would cost to read, and what in it would run.

What is handed on is packed anew from the very bytes that were looked at, because two readers of one archive may find two things
in it. The reader makes room for every cell between the first and the last that is filled, and a text for every cell that shares it: both
are added up here first, or a file of five kilobytes would take the hub down.
Source: ECMA-376 part 1, 18.3.1.4 (cells), 18.3.1.40 (formulas), 18.4.8 (shared texts).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MOST_UNPACKED: Final = 64 * 1024 * 1024
"""Bytes that a workbook may have unpacked, and its texts written out."""

MOST_PARTS: Final = 200
SHARED: Final = "xl/sharedstrings.xml"

NAME: Final = rb"""<(/?)(?:[^\s<>:/"'=]+:)?"""
TAGS: Final = re.compile(NAME + rb"""(c|f|v|row)((?=[\s/>])(?:[^<>"']++|"[^"<>]*+"|'[^'<>]*+')*+)>""")
BEGUN: Final = re.compile(NAME + rb"""(?:c|f|v|row)[\s/>]""")
TEXTS: Final = re.compile(NAME + rb"si(?:[\s/][^<>]*)?>")
PLACE: Final = re.compile(rb"""(?<!\S)r\s*=\s*["']([A-Z]{1,3})?(\d{1,7})["']""")
PLACED: Final = re.compile(rb"(?<!\S)r\s*=")
SHARES: Final = re.compile(rb"""(?<!\S)t\s*=\s*["']s["']""")
NUMBER: Final = re.compile(rb"\d{1,9}")


class Unsound(Exception):
    """The workbook should not be opened; `code` says why, as a fault does."""

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Looked:
    """A workbook that may be opened, and its cells with formulas: column and row."""

    content: bytes
    formulas: list[tuple[str, int]]


def looked_through(content: bytes, most_cells: int) -> Looked:
    """Look a workbook through.

    Args:
        content: the file.
        most_cells: so many cells may lie between the first and the last that are filled, in all sheets together.

    Raises:
        Unsound: NOT_A_TABLE, TOO_BIG or MACRO.
        zipfile.BadZipFile, OSError, ValueError, KeyError, NotImplementedError, RuntimeError: it is no archive that can be read.
    """
    parts = dict(_parts(content))
    if "xl/workbook.xml" not in parts:
        raise Unsound("NOT_A_TABLE")
    texts = _texts(parts.get(SHARED, b""))
    formulas, cells, written = [], 0, 0
    for name, text in parts.items():
        if name.startswith("xl/") and name != SHARED:
            sheet = _Sheet(texts)
            sheet.read(text)
            formulas += sheet.formulas
            cells, written = cells + sheet.cells, written + sheet.written
            if cells > most_cells or written > MOST_UNPACKED:
                raise Unsound("TOO_BIG")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return Looked(packed.getvalue(), formulas)


def _parts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The parts that a reader needs, by their names in small letters."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        listed = packed.infolist()
        if len(listed) > MOST_PARTS or sum(each.file_size for each in listed) > MOST_UNPACKED:
            raise Unsound("TOO_BIG")
        if len({each.filename.lower() for each in listed}) < len(listed):
            raise Unsound("NOT_A_TABLE")
        for part in listed:
            name = part.filename.lower()
            if name.endswith(".bin") and "printersettings" not in name:
                raise Unsound("MACRO")
            if not name.endswith((".xml", ".rels")):
                continue
            text = packed.read(part)
            # Declarations, comments, other encodings: where two readers might not agree on what a tag is.
            if b"<!" in text or b"\0" in text:
                raise Unsound("NOT_A_TABLE")
            yield name, text


def _texts(shared: bytes) -> list[int]:
    """How long each shared text is, in bytes."""
    found, begun = [], -1
    for tag in TEXTS.finditer(shared):
        empty = tag[0].endswith(b"/>")
        if (begun >= 0) is not bool(tag[1]):  # one within another, or an end without a beginning
            raise Unsound("NOT_A_TABLE")
        if tag[1] or empty:
            found.append(0 if empty else tag.start() - begun)
        begun = -1 if tag[1] or empty else tag.end()
    return found


class _Sheet:
    """Follows a sheet's cells as its reader would."""

    def __init__(self, texts: Sequence[int]) -> None:
        self.formulas: list[tuple[str, int]] = []
        self.written = 0
        self._texts = texts
        self._longest = max(texts, default=0)
        self._rows, self._columns = [1 << 30, 0], [1 << 30, 0]

    @property
    def cells(self) -> int:
        """How many cells lie between the first and the last that are filled."""
        return max(0, self._rows[1] - self._rows[0] + 1) * max(0, self._columns[1] - self._columns[0] + 1)

    def read(self, text: bytes) -> None:
        row, column, found = 0, 0, 0
        inside = shares = False
        for found, tag in enumerate(TAGS.finditer(text), 1):  # noqa: B007 — how many there were is looked at below
            ends, kind, attributes = tag.groups()
            empty = attributes.endswith(b"/")
            if ends:
                inside = inside and kind != b"c"
            elif kind == b"row":
                row, column = _placed(attributes, (row + 1, 0), row=True)
            elif kind == b"c":
                row, column = _placed(attributes, (row, column + 1))
                inside, shares = not empty, SHARES.search(attributes) is not None
                if inside:
                    self._rows = [min(self._rows[0], row), max(self._rows[1], row)]
                    self._columns = [min(self._columns[0], column), max(self._columns[1], column)]
            elif kind == b"f" and inside:
                self.formulas.append((_letters(column), row))
            elif kind == b"v" and inside and shares:
                place = NUMBER.match(text, tag.end())
                known = place is not None and int(place[0]) < len(self._texts)
                self.written += self._texts[int(place[0])] if known and place is not None else self._longest
        if found != len(BEGUN.findall(text)):  # a tag that another reader would read differently
            raise Unsound("NOT_A_TABLE")


def _placed(attributes: bytes, following: tuple[int, int], *, row: bool = False) -> tuple[int, int]:
    """Row and column where a row or cell says it stands, or else the following place."""
    said = PLACE.search(attributes)
    if said is None or (said[1] is None) != row:
        if PLACED.search(attributes):
            raise Unsound("NOT_A_TABLE")
        return following
    column = 0
    for letter in said[1] or b"":
        column = 26 * column + letter - 64
    return int(said[2]), column


def _letters(column: int) -> str:
    """A column as spreadsheets name it: 1 is A, 28 is AB."""
    found = ""
    while column:
        column, place = divmod(column - 1, 26)
        found = chr(65 + place) + found
    return found
