"""Programmes as activities of the International Aid Transparency Initiative: what was spent by quarter and currency, of no person.

Sums are those anyone may know of (see `coarse`); a quarter of too few people is left out. Only quarters that are over are written.
Source: IATI Standard 2.03, activity standard; codelists TransactionType, ActivityStatus, ActivityDateType,
OrganisationType, GeographicVocabulary, Sector (DAC 5 digit); Standard Ruleset 2.03.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import sqlalchemy as sa

from resolvers.aid import coarse
from resolvers.aid.coarse import FEWEST, Group, whole
from resolvers.aid.figures import Figures
from resolvers.aid.inputs import shown
from tables.aid import programme
from values import OrganisationKind

if TYPE_CHECKING:
    from resolvers.hub import Hub

VERSION: Final = "2.03"
SECTORS: Final = {
    "cash": "72010", "food": "72040", "shelter": "72010", "health": "72011", "education": "72012", "protection": "72010",
    "assistive_device": "72010", "hygiene": "72010",
}  # fmt: skip
"""DAC purpose codes: material relief, food assistance, health and education in emergencies."""

KINDS: Final = {OrganisationKind.NGO: "22", OrganisationKind.MINISTRY: "10", OrganisationKind.REGISTRY: "10"}
"""OrganisationType: national NGO, government."""

LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
PREFIX: Final = "XI-MIZALLA"
"""Stands before the hub's own names of organisations, which are not registered with any agency of org-id.guide."""

YEARS: Final = 5


class Activities:
    """Writes the file."""

    def __init__(self, hub: Hub, figures: Figures) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.figures = figures
        self._chance = hub.ring.subkey("transparency", hub.ring.root)
        prepare = hub.database.prepare
        columns = [programme.c[name] for name in ("organisation", "name", "kind", "state", "opens_on", "closes_on")]
        self._programmes = prepare(sa.select(*columns).order_by(programme.c.organisation, programme.c.id))

    async def written(self, now: datetime, organisation: str | None = None) -> bytes | None:
        """The activities of everybody, or of one; None where there are none, because the standard has no empty file."""
        today = now.date()
        until = date(today.year, (today.month - 1) // 3 * 3 + 1, 1) - timedelta(days=1)
        within = {"since": date(today.year - YEARS, 1, 1).isoformat(), "until": until.isoformat()}
        async with self.hub.large:
            fetch = self.hub.database.fetch
            programmes = [
                row for row in await fetch(self._programmes) if organisation in {None, row[0]} and row[0] in self.hub.organisations
            ]
            if not programmes:
                return None
            copied = await self.figures.of_day(now)
            spent, places = await asyncio.to_thread(copied.read, [(SPENT, within), (PLACES, within)])
        sums: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in spent:
            sums[row[0], row[1]].append(row[2:])
        where: dict[tuple[str, str], list[str]] = defaultdict(list)
        for maker, name, place, people in places:
            if people >= FEWEST:
                where[maker, name].append(place)
        root = ET.Element("iati-activities", {"version": VERSION, "generated-datetime": now.strftime("%Y-%m-%dT%H:%M:%SZ")})
        seen: set[tuple[str, str]] = set()
        for row in programmes:
            key = row[0], row[1]
            if key not in seen:  # programmes of one name are one in the allocations' books, and one activity
                self._activity(root, row, (sums[key], where[key]), today.isoformat())
            seen.add(key)
        ET.indent(root)
        return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))

    def _activity(self, root: ET.Element, row: Sequence[Any], counted: tuple[Sequence[Any], Sequence[str]], today: str) -> None:
        spent, places = counted
        organisation, name, kind, state, opens_on, closes_on = row
        known = self.hub.organisations[organisation]
        reference, type_ = f"{PREFIX}-{organisation}", KINDS.get(known.kind, "90")
        made = ET.SubElement(root, "iati-activity", {LANGUAGE: "en", "humanitarian": "1"})
        digest = self.hub.pseudonyms.opaque("iati", "programme")(f"{organisation}:{name}")
        ET.SubElement(made, "iati-identifier").text = f"{reference}-{digest[:16]}"
        _said(ET.SubElement(made, "reporting-org", {"ref": reference, "type": type_, "secondary-reporter": "1"}), known.name.en)
        _said(ET.SubElement(made, "title"), name)
        _said(
            ET.SubElement(made, "description", {"type": "1"}),
            f"{name}: aid of the kind {kind.replace('_', ' ')}, given by {known.name.en}.",
        )
        _said(ET.SubElement(made, "participating-org", {"ref": reference, "type": type_, "role": "4"}), known.name.en)
        begun, ended = opens_on <= today, closes_on is not None and closes_on < today
        ET.SubElement(made, "activity-status", {"code": "4" if state != "open" or ended else "2" if begun else "1"})
        # What lies ahead is planned: an actual day in the future is an error by the standard's rules.
        ET.SubElement(made, "activity-date", {"type": "2" if begun else "1", "iso-date": opens_on})
        if closes_on is not None:
            ET.SubElement(made, "activity-date", {"type": "4" if ended and begun else "3", "iso-date": closes_on})
        ET.SubElement(made, "recipient-country", {"code": "IQ"})
        for place in sorted(places):
            # ISO 3166-2 is no vocabulary of the standard: the code stands as the location's own name.
            located = ET.SubElement(made, "location", {"ref": place})
            ET.SubElement(located, "location-reach", {"code": "2"})
            _said(ET.SubElement(located, "name"), f"{place} (ISO 3166-2)")
            ET.SubElement(located, "administrative", {"vocabulary": "A4", "code": place[:2], "level": "0"})
        ET.SubElement(made, "sector", {"vocabulary": "1", "code": SECTORS.get(kind, "72010")})
        for currency, quarter, people, mark, total, largest in spent:
            told = coarse.amount(self._chance, Group(people, whole(mark)), whole(total), whole(largest))
            if told is not None:
                _transaction(made, str(currency), _last_day(str(quarter)), told)


def _transaction(activity: ET.Element, currency: str, day: str, thousandths: int) -> None:
    made = ET.SubElement(activity, "transaction", {"humanitarian": "1"})
    ET.SubElement(made, "transaction-type", {"code": "4"})
    ET.SubElement(made, "transaction-date", {"iso-date": day})
    ET.SubElement(made, "value", {"currency": currency, "value-date": day}).text = str(shown(thousandths))
    _said(ET.SubElement(made, "description"), "Given in the quarter that ends on this day, rounded so that nobody can be recognised.")


def _said(element: ET.Element, text: str) -> None:
    ET.SubElement(element, "narrative").text = text


def _last_day(quarter: str) -> str:
    year, number = quarter.split("-")
    return date(int(year), 3 * int(number), 31 if number in "14" else 30).isoformat()


SPENT: Final = """
SELECT organisation, programme, currency, quarter, count(*), sum(mark(person)), sum(amount), max(amount)
FROM (
  SELECT organisation, programme, currency, concat(year(day), '-', quarter(day)) AS quarter, person, sum(amount) AS amount
  FROM gift WHERE programme <> '' AND currency <> '' AND day BETWEEN $since AND $until GROUP BY ALL
)
GROUP BY organisation, programme, currency, quarter ORDER BY organisation, programme, currency, quarter
"""
"""By quarter and currency: people with their mark, the sum and the largest that one received."""

PLACES: Final = """
SELECT organisation, programme, place, count(DISTINCT person)
FROM gift WHERE programme <> '' AND place <> '' AND day BETWEEN $since AND $until
GROUP BY organisation, programme, place ORDER BY organisation, programme, place
"""
"""To how many people in which governorate."""
