"""The named cast of `cast.toml`: the same people in every sample country, for documentation and tests."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from samples.books import Aid, Case
from samples.country import Household, Insured, Resident
from samples.places import BY_CODE

FILE = Path(__file__).with_name("cast.toml")


@dataclass(frozen=True, slots=True)
class Grant:
    """A consent one of the cast gave, by the giver's name in the cast; `withdrawn` when it was taken back."""

    giver: str
    receiver: str
    purpose: str
    categories: frozenset[str]
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """One household of the cast with its story and everything written down about its members."""

    id: str
    story: str
    household: Household
    cases: tuple[Case, ...]
    aid: tuple[Aid, ...]
    grants: tuple[Grant, ...]


@cache
def scenes() -> tuple[Scene, ...]:
    """Read the cast; household numbers are 1 to 13 in the order of the file."""
    with FILE.open("rb") as file:
        return tuple(_scene(number, raw) for number, raw in enumerate(tomllib.load(file)["household"], 1))


def member(name: str) -> Resident:
    """Give one of the cast by name.

    Raises:
        KeyError: nobody in the cast has this name.
    """
    for scene in scenes():
        for resident in scene.household.residents:
            if resident.cast == name:
                return resident
    raise KeyError(name)


def _scene(number: int, raw: dict[str, Any]) -> Scene:
    household = Household(
        number=number,
        governorate=BY_CODE[raw["governorate"]],
        district=raw["district"],
        dwelling=raw["dwelling"],
        need=float(raw["need"]),
        ration_card=raw.get("ration_card"),
        displaced=raw.get("displaced", False),
    )
    cases: list[Case] = []
    aid: list[Aid] = []
    grants: list[Grant] = []
    for line, each in enumerate(raw["member"], 1):
        resident = _resident(line, each)
        household.residents.append(resident)
        own = [_case(household, resident, case) for case in each.get("cases", ())]
        cases += own
        by_source = {case.source: case.number for case in reversed(own)}
        aid += [_aid(by_source, given) for given in each.get("aid", ())]
        grants += [
            Grant(each["id"], grant["receiver"], grant["purpose"], frozenset(grant["categories"]), grant.get("withdrawn", False))
            for grant in each.get("consents", ())
        ]
    return Scene(raw["id"], raw["story"], household, tuple(cases), tuple(aid), tuple(grants))


def _resident(line: int, raw: dict[str, Any]) -> Resident:
    given, father, grandfather, surname = raw["name"]
    insured = raw.get("insured")
    return Resident(
        line=line,
        given=given,
        father=father,
        grandfather=grandfather,
        surname=surname,
        mother=raw["mother"],
        sex=raw["sex"],
        born=raw["born"],
        marital=raw.get("marital", "single"),
        language=raw.get("language", "ar"),
        living=raw.get("living", True),
        national_number=raw.get("national_number"),
        unhcr_number=raw.get("unhcr_number"),
        phone=raw.get("phone"),
        impairment=raw.get("impairment"),
        insured=Insured(**{**insured, "since": insured["since"].isoformat()}) if insured else None,
        cast=raw["id"],
    )


def _case(household: Household, resident: Resident, raw: dict[str, Any]) -> Case:
    return Case(
        source=raw["source"],
        number=raw["number"],
        resident=resident,
        household=household,
        name=(raw.get("given", resident.given), resident.father, resident.grandfather, resident.surname),
        need=household.need,
        opened=date(2024, 1, 1),
        national_number=raw.get("national_number"),
        ration_card=raw.get("ration_card"),
        unhcr_number=raw.get("unhcr_number"),
    )


def _aid(by_source: dict[str, str], raw: dict[str, Any]) -> Aid:
    return Aid(
        source=raw["source"],
        case=raw.get("case", by_source[raw["source"]]),
        kind=raw["kind"],
        programme=raw["programme"],
        amount=raw["amount"],
        currency=raw.get("currency", "IQD"),
        on=raw["on"],
        status=raw.get("status", "delivered"),
        quantity=raw.get("quantity"),
        unit=raw.get("unit"),
    )
