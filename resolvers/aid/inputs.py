"""What people write into commands, read strictly: days, amounts, currencies, texts.

Every reader raises Invalid with the input's public name, so that a refusal says where to look.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from secrets import randbits
from time import time
from typing import Final

from errors import Invalid

KINDS: Final = ("cash", "food", "shelter", "health", "education", "protection", "assistive_device", "hygiene")
"""Kinds of benefit, after SP-DCI benefit_type."""

UNITS: Final = ("basket", "kg", "litre", "piece", "session")
"""What goods are counted in."""

EXPONENTS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK "
        "DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT "
        "LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
        "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS "
        "VES WST XCD YER ZAR ZMW"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
CURRENCIES: Final = {code: exponent for exponent, codes in EXPONENTS.items() for code in codes.split()}
"""Currencies in use with the digits after the point. Source: ISO 4217, list one."""

MOST: Final = 10**15
"""Thousandths: a trillion of anything is a slip of the keyboard."""

JOINERS: Final = "\u200c\u200d"
"""Arabic and Kurdish writing needs these; every other invisible character only misleads readers."""


def text(value: str, field: str, longest: int) -> str:
    """A name or sentence, trimmed.

    Raises:
        Invalid: nothing, too much, or characters that cannot be seen.
    """
    found = unicodedata.normalize("NFC", value.strip())
    if not 1 <= len(found) <= longest:
        raise Invalid(f"this text has 1 to {longest} letters", "write less, or something at all", field)
    if any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Cn"} and each not in JOINERS for each in found):
        raise Invalid("this text holds characters that cannot be seen", "type it anew instead of pasting it", field)
    return found


def day(value: str, field: str) -> date:
    """A calendar day.

    Raises:
        Invalid: it is none.
    """
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Invalid("this is not a day", "write it as 2026-03-21", field) from None


def day_between(value: str, field: str, first: date, last: date) -> date:
    """A calendar day not before `first` and not after `last`.

    Raises:
        Invalid: it is none, or another.
    """
    found = day(value, field)
    if not first <= found <= last:
        raise Invalid("this day is too far away", f"give a day from {first} to {last}", field)
    return found


def years_around(today: date) -> tuple[date, date]:
    """The days that somebody may mean by a day of today's work: ten years back, one ahead."""
    return today - timedelta(days=3653), today + timedelta(days=366)


def currency(value: str, field: str = "currency") -> str:
    """A currency's code.

    Raises:
        Invalid: no currency in use has it.
    """
    if value not in CURRENCIES:
        raise Invalid("there is no such currency", "give its three letters after ISO 4217, such as IQD", field)
    return value


def kind_of_aid(value: str, field: str = "kind") -> str:
    """A kind of benefit, in small letters or capitals.

    Raises:
        Invalid: there is no such kind.
    """
    if value.lower() not in KINDS:
        raise Invalid("there is no such kind of aid", f"one of {', '.join(KINDS)}", field)
    return value.lower()


def unit_of_goods(value: str, field: str = "unit") -> str:
    """What goods are counted in.

    Raises:
        Invalid: there is no such unit.
    """
    if value not in UNITS:
        raise Invalid("there is no such unit", f"one of {', '.join(UNITS)}", field)
    return value


def thousandths(value: Decimal | float, unit: str, field: str) -> int:
    """An amount of a currency or unit in whole thousandths.

    Raises:
        Invalid: nothing or less, absurdly much, or finer than the currency's smallest coin.
    """
    exact = Decimal(str(value))
    if exact <= 0:
        raise Invalid("an amount is more than nothing", "give a positive amount; returns and corrections take back", field)
    if exact > MOST // 1000:
        raise Invalid("this amount is absurdly high", "check its digits", field)
    places = CURRENCIES.get(unit, 3)
    if exact != round(exact, places):
        raise Invalid(f"{unit} has {places} digits after the point", "round the amount", field)
    return int(exact * 1000)


def shown(amount: int) -> int | float:
    """Thousandths as answers write them: exact to 15 digits."""
    return amount // 1000 if amount % 1000 == 0 else amount / 1000


def numbers() -> Iterator[int]:
    """Numbers of new rows in the order of time: milliseconds and 22 random bits, then one by one.

    So rows can be made without asking the database for their number, and keep their order. Two writers that meet are
    refused by the primary key, and the command can be repeated.
    """
    return count((int(time() * 1000) - 1_700_000_000_000) << 22 | randbits(22))
