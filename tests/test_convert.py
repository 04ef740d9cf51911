"""Raw values become canonical ones as declared; what cannot be read is none and counted, never guessed."""

# ruff: noqa: RUF001 — digits of several scripts are what is tested

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.convert import Check, converter, raw_codes
from errors import ConfigError
from settings import Mapped
from values import Attribute, Kind, Level


def attribute(kind: Kind) -> Attribute:
    return Attribute("person", "one", kind, Level.PARTNER, None, "One.")


def converted(kind: Kind, raw: Any, **mapped: Any) -> Any:
    convert = converter(Mapped.model_validate({"column": "a", **mapped}), attribute(kind))
    assert convert is not None
    return convert(raw)


def arabic(text: str, zero: int = 0x0660) -> str:
    return text.translate({ord("0") + digit: zero + digit for digit in range(10)})


@pytest.mark.parametrize("kind", Kind)
def test_nothing_declared_means_nothing_changed(kind: Kind) -> None:
    assert converter(Mapped(column=("a",)), attribute(kind)) is None


@pytest.mark.parametrize(
    ("kind", "raw", "mapped", "value"),
    [
        (Kind.TEXT, "  علي ", {"convert": "text"}, "علي"),
        (Kind.TEXT, 77, {"convert": "text"}, "77"),
        (Kind.TEXT, 77.0, {"convert": "text"}, "77"),
        (Kind.TEXT, "\u200f77", {"convert": "text"}, "77"),
        (Kind.TEXT, " ", {"convert": "text"}, None),
        (Kind.WHOLE, "٤٢", {"convert": "whole"}, 42),
        (Kind.WHOLE, "۴۲", {"convert": "whole"}, 42),
        (Kind.WHOLE, " -7 ", {"convert": "whole"}, -7),
        (Kind.WHOLE, 5.0, {"convert": "whole"}, 5),
        (Kind.WHOLE, Decimal("5.00"), {"convert": "whole"}, 5),
        (Kind.WHOLE, "1,250,000", {"convert": "whole"}, 1_250_000),
        (Kind.WHOLE, "١٬٢٥٠", {"convert": "whole"}, 1250),
        (Kind.WHOLE, "", {"convert": "whole"}, None),
        (Kind.NUMBER, "٣٫٥", {"convert": "number"}, 3.5),
        (Kind.NUMBER, "1,234.5", {"convert": "number"}, 1234.5),
        (Kind.NUMBER, "7", {"convert": "number"}, 7),
        (Kind.NUMBER, Decimal("3.25"), {"convert": "number"}, 3.25),
        (Kind.NUMBER, 4035, {"scale": 0.001}, 4.035),
        (Kind.NUMBER, 1001, {"scale": 0.001}, 1.001),
        (Kind.NUMBER, "٥", {"scale": 12}, 60),
        (Kind.NUMBER, None, {"scale": 0.001}, None),
        (Kind.WHOLE, 3, {"scale": 1000}, 3000),
        (Kind.TRUTH, 1, {"convert": "truth"}, True),
        (Kind.TRUTH, "0", {"convert": "truth"}, False),
        (Kind.TRUTH, "نعم", {"convert": "truth"}, True),
        (Kind.TRUTH, "نەخێر", {"convert": "truth"}, False),
        (Kind.TRUTH, "YES", {"convert": "truth"}, True),
        (Kind.DAY, "١٧/٠٣/١٩٨٨", {"forms": ["%d/%m/%Y"]}, "1988-03-17"),
        (Kind.DAY, "5/7/1971", {"forms": ["%Y-%m-%d", "%d/%m/%Y"]}, "1971-07-05"),
        (Kind.DAY, "03/04/2000", {"forms": ["%d/%m/%Y", "%m/%d/%Y"]}, "2000-04-03"),
        (Kind.DAY, date(2000, 2, 29), {"forms": ["%d/%m/%Y"]}, "2000-02-29"),
        (Kind.DAY, datetime(2000, 2, 29, 13, tzinfo=UTC), {"convert": "day"}, "2000-02-29"),
        (Kind.DAY, " ", {"convert": "day"}, None),
        (Kind.INSTANT, "2026-03-21T12:30:00+03:00", {"convert": "instant"}, "2026-03-21T09:30:00Z"),
        (Kind.INSTANT, "21/03/2026 09:30", {"forms": ["%d/%m/%Y %H:%M"]}, "2026-03-21T09:30:00Z"),
        (Kind.INSTANT, datetime(2026, 3, 21, 12, tzinfo=timezone(timedelta(hours=3))), {"convert": "instant"}, "2026-03-21T09:00:00Z"),
        (Kind.CODE, "ذكر", {"codes": {"ذكر": "M"}}, "M"),
        (Kind.CODE, 1, {"codes": {"1": "M"}}, "M"),
        (Kind.CODE, " 1 ", {"codes": {"1": "M"}}, "M"),
        (Kind.CODE, "", {"codes": {"1": "M"}}, None),
        (Kind.CODE, " IQ-BG ", {"convert": "code"}, "IQ-BG"),
    ],
)
def test_a_raw_value_becomes_the_canonical_one(kind: Kind, raw: Any, mapped: dict[str, Any], value: Any) -> None:
    found = converted(kind, raw, **mapped)
    assert found == value
    assert type(found) is type(value) or kind is Kind.NUMBER


@pytest.mark.parametrize(
    ("kind", "raw", "mapped"),
    [
        (Kind.TEXT, b"x", {"convert": "text"}),
        (Kind.TEXT, {"a": 1}, {"convert": "text"}),
        (Kind.WHOLE, "4.5", {"convert": "whole"}),
        (Kind.WHOLE, "4_5", {"convert": "whole"}),
        (Kind.WHOLE, True, {"convert": "whole"}),
        (Kind.NUMBER, "1,25", {"convert": "number"}),
        (Kind.NUMBER, "nan", {"convert": "number"}),
        (Kind.NUMBER, float("inf"), {"convert": "number"}),
        (Kind.TRUTH, "perhaps", {"convert": "truth"}),
        (Kind.TRUTH, 2, {"convert": "truth"}),
        (Kind.DAY, "31/02/1990", {"forms": ["%d/%m/%Y"]}),
        (Kind.DAY, "1990-02-31", {"convert": "day"}),
        (Kind.DAY, "17/03/88", {"forms": ["%d/%m/%Y"]}),
        (Kind.INSTANT, "yesterday", {"convert": "instant"}),
        (Kind.CODE, "3", {"codes": {"1": "M"}}),
        (Kind.CODE, ["1"], {"codes": {"1": "M"}}),
    ],
)
def test_what_cannot_be_read_is_refused(kind: Kind, raw: Any, mapped: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        converted(kind, raw, **mapped)


def test_several_columns_are_joined_without_gaps() -> None:
    join = converter(Mapped(column=("a", "b", "c")), attribute(Kind.TEXT))
    assert join is not None
    assert join(("زينب", None, " الجبوري ")) == "زينب الجبوري"
    assert join((None, "", " ")) is None
    card = converter(Mapped(column=("a", "b"), join="/"), attribute(Kind.TEXT))
    assert card is not None
    assert card((2043817.0, 1)) == "2043817/1"


def test_a_conversion_that_cannot_give_the_kind_is_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match=r"person\.one") as caught:
        converter(Mapped(column=("a",), convert="text"), attribute(Kind.DAY))
    assert "`text`" in caught.value.message
    assert "day" in caught.value.hint


def test_filters_speak_in_the_words_of_the_source() -> None:
    mapped = Mapped(column=("a",), codes={"نقد": "cash", "مال": "cash", "غذاء": "food"})
    assert raw_codes(mapped, ["cash"]) == ("نقد", "مال")
    assert raw_codes(mapped, ["shelter"]) == ()
    assert raw_codes(Mapped(column=("a",)), ["cash"]) == ("cash",)


GOOD: dict[Kind, list[Any]] = {
    Kind.TEXT: ["x", None, ""],
    Kind.CODE: ["IQ-BG", None],
    Kind.WHOLE: [1, -2, None],
    Kind.NUMBER: [1, 2.5, None],
    Kind.TRUTH: [True, False, None],
    Kind.DAY: ["2026-03-21", None],
    Kind.INSTANT: ["2026-03-21T09:30:00Z", None],
}


@pytest.mark.parametrize("kind", Kind)
def test_a_good_column_comes_back_as_it_is(kind: Kind) -> None:
    check, column = Check(kind, None), tuple(GOOD[kind])
    for _ in range(2):
        found, faults = check.column(column)
        assert found is column
        assert faults == 0


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (Kind.WHOLE, Decimal(5), 5),
        (Kind.NUMBER, Decimal("2.50"), 2.5),
        (Kind.TRUTH, 1, True),
        (Kind.TRUTH, 0, False),
        (Kind.DAY, date(2026, 3, 21), "2026-03-21"),
        (Kind.INSTANT, datetime(2026, 3, 21, 9, 30, tzinfo=UTC), "2026-03-21T09:30:00Z"),
        (Kind.INSTANT, "2026-03-21T12:30:00+03:00", "2026-03-21T09:30:00Z"),
    ],
)
def test_what_drivers_give_without_loss_needs_no_declaration(kind: Kind, raw: Any, value: Any) -> None:
    found, faults = Check(kind, None).column((raw, None))
    assert list(found) == [value, None]
    assert type(found[0]) is type(value)
    assert faults == 0


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Kind.TEXT, 5),
        (Kind.TEXT, b"x"),
        (Kind.CODE, 1),
        (Kind.WHOLE, True),
        (Kind.WHOLE, "5"),
        (Kind.WHOLE, 5.0),
        (Kind.NUMBER, "5"),
        (Kind.TRUTH, 2),
        (Kind.TRUTH, "yes"),
        (Kind.DAY, "2026-02-30"),
        (Kind.DAY, "21/03/2026"),
        (Kind.DAY, 20260321),
        (Kind.DAY, ["2026-03-21"]),
        (Kind.INSTANT, "noon"),
        (Kind.INSTANT, {}),
    ],
)
def test_a_value_of_another_type_is_none_and_counted(kind: Kind, raw: Any) -> None:
    column = (*GOOD[kind], raw, raw)
    found, faults = Check(kind, None).column(column)
    assert list(found) == [*GOOD[kind], None, None]
    assert faults == 2


@given(st.integers(-(10**15), 10**15), st.sampled_from([0x0660, 0x06F0, ord("0")]))
def test_whole_numbers_are_read_in_every_script(number: int, zero: int) -> None:
    assert converted(Kind.WHOLE, arabic(str(number), zero), convert="whole") == number


@given(st.dates(date(1000, 1, 1)), st.sampled_from(["%d/%m/%Y", "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y"]))
def test_days_are_read_in_every_form_and_script(day: date, form: str) -> None:
    assert converted(Kind.DAY, arabic(day.strftime(form)), forms=[form]) == day.isoformat()


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.binary(), st.dates(), st.lists(st.none()))))
def test_whatever_comes_a_column_holds_only_its_kind(values: list[Any]) -> None:
    kinds: dict[Kind, Any] = {
        Kind.WHOLE: int,
        Kind.TRUTH: bool,
        Kind.TEXT: str,
        Kind.DAY: str,
        Kind.INSTANT: str,
        Kind.NUMBER: (int, float),
    }
    for kind, type_ in kinds.items():
        for convert in (None, converter(Mapped(column=("a",), convert=kind.value), attribute(kind))):
            found, faults = Check(kind, convert).column(tuple(values))
            assert len(found) == len(values)
            assert all(value is None or isinstance(value, type_) for value in found)
            assert faults <= sum(1 for value in found if value is None)
