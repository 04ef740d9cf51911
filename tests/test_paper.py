"""A consent on paper holds at once, is marked wherever it is seen, is told to the person, and ends unless the person confirms it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from samples.cast import member
from tables.identity import consent
from tests.asking import Asking, asking, copied
from tests.country import Country

WITNESS = """
mutation Witness($input: ConsentWitnessInput!) {
  consentWitness(input: $input) {
    __typename
    ... on ConsentWitnessed { person categories document endsAt }
    ... on Refusal { code message hint field }
  }
}
"""
CONFIRM = """
mutation Confirm($id: ID!) {
  consentConfirm(input: { id: $id }) {
    __typename ... on ConsentGranted { consent { id endsAt confirmedAt waits receipt } } ... on Refusal { code message hint }
  }
}
"""
WITHDRAW = "mutation($id: ID!) { consentWithdraw(input: { id: $id }) { __typename } }"
HERS = "{ me { person { consents { id receiver categories witness document waits confirmedAt endsAt receipt } } } }"
MARIAM = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { id motherName } }'
YEAR = (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of one's own, whose consents may be changed."""
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


async def changed(hub: Asking, document: str, who: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The one payload or refusal of a mutation."""
    (result,) = (await hub.data(document, who, variables)).values()
    assert isinstance(result, dict)
    return result


async def witnessed(hub: Asking, **changes: Any) -> dict[str, Any]:
    """Crescent Aid records what Mariam agreed to on paper."""
    hers = (await hub.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["id"]
    wanted = {"person": hers, "document": "CA-2026/17", "categories": ["NAME"], "endsAt": YEAR} | changes
    return await changed(hub, WITNESS, "crescent-caseworker", {"input": wanted})


async def of_paper(hub: Asking, who: str = "mariam") -> list[dict[str, Any]]:
    """The person's consents that were recorded by this test."""
    found: list[dict[str, Any]] = (await hub.data(HERS, who))["me"]["person"]["consents"]
    return [each for each in found if each["document"] == "CA-2026/17"]


async def test_a_consent_on_paper_holds_at_once_and_is_marked_wherever_it_is_seen(hub: Asking) -> None:
    recorded = await witnessed(hub)
    assert recorded["__typename"] == "ConsentWitnessed"
    assert (await hub.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["motherName"] == member("mariam").mother
    (hers,) = await of_paper(hub)
    assert (hers["witness"], hers["waits"], hers["confirmedAt"]) == ("crescent-aid", True, None)
    record = json.loads(hers["receipt"])["record"]
    assert record["collection"] == {"method": "paper", "witness": "crescent-aid", "document": "CA-2026/17"}
    held = (await hub.data("{ consentsHeld(first: 1000) { person witnessed } }", "crescent-caseworker"))["consentsHeld"]
    assert {"person": recorded["person"], "witnessed": True} in held


async def test_it_ends_after_a_while_unless_the_person_confirms_it(hub: Asking) -> None:
    await witnessed(hub)
    (hers,) = await of_paper(hub)
    ends = datetime.fromisoformat(hers["endsAt"]) - datetime.now(UTC)
    assert timedelta(days=179) < ends <= timedelta(days=hub.hub.consents.rules.paper_days)
    confirmed = (await changed(hub, CONFIRM, "mariam", {"id": hers["id"]}))["consent"]
    assert (confirmed["endsAt"], confirmed["waits"]) == (YEAR, False)
    assert [each["state"] for each in json.loads(confirmed["receipt"])["record"]["events"]] == ["given", "confirmed"]
    assert hub.hub.consents.verified(confirmed["receipt"].encode()) is not None
    held = (await hub.data("{ consentsHeld(first: 1000) { witnessed } }", "crescent-caseworker"))["consentsHeld"]
    assert {"witnessed": True} not in [each for each in held if each["witnessed"]][1:]
    assert (await changed(hub, CONFIRM, "mariam", {"id": hers["id"]}))["code"] == "CONFLICT"


async def test_the_person_is_told_and_takes_it_back_where_it_was_not_so(hub: Asking) -> None:
    enquiry = await hub.hub.enquiry(hub.keys["mariam"], None)
    with hub.hub.watching.watch("consent_witnessed", enquiry) as watcher:
        await witnessed(hub)
        told = await watcher.next(5)
    (hers,) = await of_paper(hub)
    assert told == {"id": hers["id"]}
    await hub.data(WITHDRAW, "mariam", {"id": hers["id"]})
    assert (await hub.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["motherName"] is None
    assert (await changed(hub, CONFIRM, "mariam", {"id": hers["id"]}))["code"] == "CONFLICT"


async def test_nobody_confirms_for_another(hub: Asking) -> None:
    """Failure 3.4b of identity."""
    await witnessed(hub)
    (hers,) = await of_paper(hub)
    foreign = await changed(hub, CONFIRM, "umm-hassan", {"id": hers["id"]})
    assert foreign == await changed(hub, CONFIRM, "umm-hassan", {"id": "0" * 32})
    assert foreign["code"] == "UNKNOWN"
    assert [each["waits"] for each in await of_paper(hub)] == [True]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"document": ""}, "INVALID", "document"),
        ({"document": "990000000161"}, "INVALID", "document"),
        ({"document": "tel 0700 000 0161"}, "INVALID", "document"),
        ({"document": "file-0700-000-0161"}, "INVALID", "document"),
        ({"document": "x" * 41}, "INVALID", "document"),
        ({"document": "مريم"}, "INVALID", "document"),
        ({"endsAt": "soon"}, "INVALID", "endsAt"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "INVALID", "endsAt"),
        ({"categories": []}, "INVALID", "categories"),
        ({"person": "0" * 48}, "UNKNOWN", None),
    ],
)
async def test_what_cannot_be_witnessed_is_refused_and_nothing_is_written(
    hub: Asking, changes: dict[str, Any], code: str, field: str | None
) -> None:
    """Failure 3.4a of identity."""
    count = hub.hub.database.prepare(sa.select(sa.func.count()).select_from(consent))
    before = await hub.hub.database.fetch(count)
    refusal = await witnessed(hub, **changes)
    assert (refusal["__typename"], refusal["code"], refusal["field"]) == ("Refusal", code, field)
    assert await hub.hub.database.fetch(count) == before


async def test_staff_witness_only_for_their_own_cases_and_nobody_else_does(hub: Asking) -> None:
    theirs = (await hub.data("{ people(first: 1) { id } }", "hope-caseworker"))["people"][0]["id"]
    assert (await witnessed(hub, person=theirs))["code"] == "UNKNOWN"
    for who in ("crescent-app", "mariam", "inspector", "public"):
        wanted = {"person": theirs, "document": "CA-2026/17", "categories": ["NAME"], "endsAt": YEAR}
        body = await hub.ask(WITNESS, who, {"input": wanted})
        assert {each["extensions"]["code"] for each in body["errors"]} == {"GRAPHQL_INVALID"}
