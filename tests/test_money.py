"""Amounts arrive as they were written: docs/decisions/0008-money.md."""

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.convert import converter
from schema import CATALOGUE
from settings import Mapped

AMOUNT = CATALOGUE.attribute("allocation", "amount")
STORED = converter(Mapped(column=("amount_minor",), scale=0.001), AMOUNT)
WRITTEN = converter(Mapped(column=("amount",), convert="number"), AMOUNT)


@given(st.integers(min_value=-(10**15) + 1, max_value=10**15 - 1))
def test_thousandths_up_to_fifteen_digits_are_shown_exactly(thousandths: int) -> None:
    assert STORED is not None
    shown = orjson.dumps(STORED(thousandths)).decode()
    assert Decimal(shown) == Decimal(thousandths) / 1000


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=3))
def test_a_decimal_of_a_source_is_shown_as_it_was_written(amount: Decimal) -> None:
    assert WRITTEN is not None
    assert Decimal(orjson.dumps(WRITTEN(str(amount))).decode()) == amount
    assert Decimal(orjson.dumps(WRITTEN(amount)).decode()) == amount


@pytest.mark.parametrize("written", ["45000", "45,000", "٤٥٠٠٠", "٤٥٬٠٠٠", "۴۵۰۰۰", " 45000.0 "])  # noqa: RUF001 — the digits in use
def test_an_amount_reads_the_same_in_every_script(written: str) -> None:
    assert WRITTEN is not None
    assert WRITTEN(written) == 45000
