"""Declared conversions: how a source's raw values become canonical, and how wrong ones are found cheaply.

A value that cannot be read is None and is counted; it is never guessed at and never passed on as it came, because a
wrong day or a wrong sex does more harm to a family than a missing one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from errors import ConfigError
from settings import Mapped
from values import Attribute, Converter, Kind

DIGITS = {zero + number: ord("0") + number for zero in (0x0660, 0x06F0) for number in range(10)} | {0x066B: ord("."), 0x066C: None}
"""Arabic-Indic and Extended Arabic-Indic digits, and the Arabic signs of fraction and thousands."""

MARKS = dict.fromkeys((0x200E, 0x200F, 0x061C, 0xFEFF))
"""Marks of writing direction, which spreadsheets leave around numbers."""

TRUTHS = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "نعم", "بەڵێ"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "لا", "كلا", "نەخێر"), False),
}
"""Yes and no in English, Arabic and Kurdish."""

THOUSANDS = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")

SUITS = {
    Kind.TEXT: {"text"},
    Kind.CODE: {"code", "text"},
    Kind.WHOLE: {"whole"},
    Kind.NUMBER: {"number", "whole"},
    Kind.TRUTH: {"truth"},
    Kind.DAY: {"day"},
    Kind.INSTANT: {"instant"},
}
"""Which conversions give values of which kind."""

TEXTS: frozenset[type] = frozenset({str, type(None)})

EXACT: Mapping[Kind, frozenset[type]] = {
    Kind.TEXT: TEXTS,
    Kind.CODE: TEXTS,
    Kind.WHOLE: frozenset({int, type(None)}),
    Kind.NUMBER: frozenset({int, float, type(None)}),
    Kind.TRUTH: frozenset({bool, type(None)}),
    Kind.DAY: TEXTS,
    Kind.INSTANT: TEXTS,
}
"""The Python types a canonical column of each kind may hold."""

KNOWN_MOST = 200_000
"""How many distinct days are remembered as good; more than people alive today were born on."""


def converter(mapped: Mapped, attribute: Attribute) -> Converter | None:
    """Give the function from raw to canonical values; None when raw values pass unchanged.

    With several columns the function takes the tuple of their values. It raises ValueError for a value it cannot
    read, and gives None for None and for empty text.

    Raises:
        ConfigError: the conversion does not give values of the attribute's kind.
    """
    declared = mapped.convert is not None or bool(mapped.forms) or bool(mapped.codes) or mapped.scale != 1 or len(mapped.column) > 1
    if not declared:
        return None
    name = mapped.convert or attribute.kind.value
    if name not in SUITS[attribute.kind]:
        raise ConfigError(
            f"{attribute.coordinate} holds {attribute.kind.value} values, which the conversion `{name}` does not give",
            f"use {' or '.join(sorted(SUITS[attribute.kind]))}",
        )
    one = _codes(mapped.codes) if mapped.codes else _plain(name, mapped, attribute.kind)
    return _joined(one, mapped.join) if len(mapped.column) > 1 else one


def _plain(name: str, mapped: Mapped, kind: Kind) -> Converter:
    if name == "day":
        return _days(mapped.forms)
    if name == "instant":
        return _instants(mapped.forms)
    if name == "number":
        return _scaled(number, mapped.scale, number) if mapped.scale != 1 else number
    if name == "whole":
        return _scaled(number, mapped.scale, whole if kind is Kind.WHOLE else number) if mapped.scale != 1 else whole
    return {"text": text, "code": text, "truth": truth}[name]


def _joined(one: Converter, between: str) -> Converter:
    def join(parts: tuple[Any, ...]) -> Any:
        found = [part for part in map(text, parts) if part is not None]
        return one(between.join(found)) if found else None

    return join


def _codes(codes: Mapping[str, str]) -> Converter:
    known: dict[Any, str | None] = {**codes, None: None, "": None}

    def code(raw: Any) -> str | None:
        try:
            return known[raw]
        except (KeyError, TypeError):
            pass
        found = text(raw)
        if found not in known:
            raise ValueError("a code that is not in the list")
        return known[found]

    return code


def _scaled(one: Converter, scale: float, last: Converter) -> Converter:
    """Scaling by 0.001 divides by 1,000, which rounds once; multiplying would round twice."""
    parts = round(1 / scale) if scale and abs(1 / scale - round(1 / scale)) < 1e-9 else 0

    def scaled(raw: Any) -> Any:
        value = one(raw)
        return None if value is None else last(value / parts if parts else value * scale)

    return scaled


def folded(raw: Any) -> str:
    """Text without direction marks and surrounding space, with Western digits."""
    return str(raw).translate(MARKS).strip().translate(DIGITS)


def text(raw: Any) -> str | None:
    """Text without surrounding space; a whole number stored as a fraction loses its `.0`."""
    if raw is None:
        return None
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, bytes | bytearray | memoryview | list | dict):
        raise ValueError("not text")  # noqa: TRY004 — every unreadable value raises ValueError
    return str(raw).translate(MARKS).strip() or None


def number(raw: Any) -> int | float | None:
    """A number from digits of any of the scripts in use, with their own point and thousands signs."""
    if raw is None or type(raw) is int:
        return raw
    if isinstance(raw, bool | bytes):
        raise ValueError("not a number")  # noqa: TRY004 — every unreadable value raises ValueError
    if isinstance(raw, float):
        found = raw
    elif isinstance(raw, Decimal):
        return int(raw) if raw == raw.to_integral_value() else float(raw)
    else:
        plain = folded(raw)
        if not plain:
            return None
        if THOUSANDS.match(plain):
            plain = plain.replace(",", "")
        if "_" in plain:
            raise ValueError("not a number")
        found = float(plain)
        if found.is_integer() and plain.lstrip("+-").isdigit():
            return int(plain)
    if not math.isfinite(found):
        raise ValueError("not a finite number")
    return found


def whole(raw: Any) -> int | None:
    """A whole number; a fraction of zero is dropped, any other is unreadable."""
    found = number(raw)
    if isinstance(found, float):
        if not found.is_integer():
            raise ValueError("not a whole number")
        return int(found)
    return found


def truth(raw: Any) -> bool | None:
    """Yes or no, in digits or in the words of the three languages."""
    if raw is None or isinstance(raw, bool):
        return raw
    plain = folded(raw).lower()
    if not plain:
        return None
    if plain not in TRUTHS:
        raise ValueError("neither yes nor no")
    return TRUTHS[plain]


def _days(forms: tuple[str, ...]) -> Converter:
    seen: dict[str, str | None] = {}

    def day(raw: Any) -> str | None:
        if raw is None:
            return None
        if isinstance(raw, date):
            return raw.isoformat()[:10]
        if isinstance(raw, str) and raw in seen:
            return seen[raw]
        plain = folded(raw)
        found = _read_day(plain, forms) if plain else None
        if isinstance(raw, str) and len(seen) < KNOWN_MOST:
            seen[raw] = found
        return found

    return day


def _read_day(plain: str, forms: tuple[str, ...]) -> str:
    for form in forms or ("%Y-%m-%d",):
        try:
            found = datetime.strptime(plain, form).date()  # noqa: DTZ007 — a calendar day has no zone
        except ValueError:
            continue
        return found.isoformat()
    raise ValueError("not a day in any of its forms")


def _instants(forms: tuple[str, ...]) -> Converter:
    def instant(raw: Any) -> str | None:
        if raw is None:
            return None
        if isinstance(raw, datetime):
            return _utc(raw)
        plain = folded(raw)
        if not plain:
            return None
        for form in forms:
            try:
                return _utc(datetime.strptime(plain, form))  # noqa: DTZ007 — `_utc` gives it one
            except ValueError:
                continue
        if forms:
            raise ValueError("not an instant in any of its forms")
        return _utc(datetime.fromisoformat(plain))

    return instant


def _utc(moment: datetime) -> str:
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _exactly(kind: Kind) -> Converter:
    """What a driver may give for a kind without losing anything: Decimal, date, datetime, 0 and 1."""
    if kind in {Kind.TEXT, Kind.CODE}:
        wanted: tuple[type, ...] = (str,)
        give: Converter = str
    elif kind is Kind.WHOLE:
        wanted, give = (int, Decimal), whole
    elif kind is Kind.NUMBER:
        wanted, give = (int, float, Decimal), number
    elif kind is Kind.TRUTH:
        wanted, give = (int,), truth
    elif kind is Kind.DAY:
        wanted, give = (str, date), _days(())
    else:
        wanted, give = (str, datetime), _instants(())

    def exact(raw: Any) -> Any:
        if raw is None:
            return None
        if not isinstance(raw, wanted) or (isinstance(raw, bool) and kind is not Kind.TRUTH):
            raise ValueError("another type than its kind")
        return give(raw)

    return exact


class Check:
    """Looks at a whole column at once and mends it only where something is wrong.

    Good data pay for one look at the types (some 40 ns a value); each bad value becomes None and is counted.
    """

    __slots__ = ("_convert", "_exact", "_good", "known")

    def __init__(self, kind: Kind, convert: Converter | None) -> None:
        """`convert` is the declared conversion, if any."""
        self._convert = convert
        self._exact = _exactly(kind)
        self._good = EXACT[kind]
        self.known: set[Any] | None = {None} if kind in {Kind.DAY, Kind.INSTANT} else None
        """Days or instants read before and found to be good: few are ever new."""

    @property
    def converts(self) -> bool:
        """Whether a conversion was declared."""
        return self._convert is not None

    def column(self, values: tuple[Any, ...]) -> tuple[Sequence[Any], int]:
        """Give the canonical column, the same object when nothing had to change, and the number of faults."""
        if self._convert is not None:
            return _each(values, self._convert)
        known = self.known
        if known is None:
            if self._good is TEXTS:
                try:
                    "".join(values)  # fails on anything but text, in a quarter of the time that looking at types takes
                except TypeError:
                    pass
                else:
                    return values, 0
            return (values, 0) if self._good.issuperset(map(type, values)) else _each(values, self._exact)
        try:
            if known.issuperset(values):
                return values, 0
        except TypeError:  # a value that cannot be hashed is no day
            return _each(values, self._exact)
        found, faults = _each(values, self._exact)
        if len(known) > KNOWN_MOST:
            known.clear()
        known.update(found)
        return (values, 0) if not faults and found == [*values] else (found, faults)


def _each(values: tuple[Any, ...], convert: Converter) -> tuple[list[Any], int]:
    try:
        distinct = set(values)
        if len(distinct) * 4 <= len(values) and len({*map(type, values)} - {type(None)}) == 1:
            # Codes, yes and no, places: a column of few different values is converted once a value.
            canonical = {value: convert(value) for value in distinct}
            return [*map(canonical.__getitem__, values)], 0
        return [*map(convert, values)], 0
    except (ValueError, TypeError, OverflowError):
        pass
    found: list[Any] = []
    faults = 0
    for value in values:
        try:
            found.append(convert(value))
        except (ValueError, TypeError, OverflowError):
            found.append(None)
            faults += 1
    return found, faults


def raw_codes(mapped: Mapped, wanted: Iterable[str]) -> tuple[str, ...]:
    """The source's own codes of canonical ones, to filter by in the source's words."""
    if not mapped.codes:
        return tuple(wanted)
    return tuple(raw for raw, code in mapped.codes.items() if code in wanted)
