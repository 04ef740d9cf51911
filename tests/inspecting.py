"""What tests of inspection share: asking at a later moment, finding people, reading looks, counting rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schema.door.door import Request
from tests.asking import Asking

FAMILY = '{ personByIdentifier(scheme: CASE_NUMBER, value: "CA-000101") { birthYear } }'
HIDE = """mutation ($input: LooksHideInput!) { looksHide(input: $input) {
    ... on LooksHidden { hiding { id person organisation body endsAt } } ... on Refusal { code field } } }"""
COMPLAINT = """mutation ($input: ComplaintFileInput!) { complaintFile(input: $input) {
    ... on ComplaintFiled { complaint { id state body person disclosure { organisation } } } ... on Refusal { code field } } }"""
LOOKS = """{ me { person { disclosures(first: 20) {
    id at organisation role attributes grounds manner hiddenUntil hiddenBasis } } } }"""


def wait(**length: float) -> datetime:
    """The moment so long from now."""
    return datetime.now(UTC) + timedelta(**length)


async def asked(
    hub: Asking, question: str, who: str, variables: Mapping[str, Any] | None = None, at: datetime | None = None
) -> dict[str, Any]:
    """The data of an answer without errors, as it would be at a moment."""
    enquiry = await hub.hub.enquiry(hub.keys.get(who), None, at)
    body = (await hub.door.answer(Request(question, None, variables), enquiry)).body
    assert "errors" not in body, body["errors"]
    return dict(body["data"])


async def found(hub: Asking, who: str, number: str) -> str:
    """A person's identifier for a requester, by national number."""
    question = f'{{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "{number}") {{ id }} }}'
    return str((await hub.data(question, who))["personByIdentifier"]["id"])


async def looks(hub: Asking, who: str, at: datetime | None = None) -> list[dict[str, Any]]:
    """Who looked, newest first, one's own reading of this very list left out."""
    rows = (await asked(hub, LOOKS, who, at=at))["me"]["person"]["disclosures"]
    return [each for each in rows if (each["role"], each["attributes"]) != ("person", ["Person.id"])]


async def refused(hub: Asking, question: str, who: str, given: Mapping[str, Any]) -> tuple[str, str | None]:
    """Code and field of a refusal."""
    ((answer),) = (await hub.data(question, who, {"input": given})).values()
    return answer["code"], answer["field"]


async def rows(hub: Asking, table: sa.Table) -> int:
    """How many rows a table has."""
    database = hub.hub.database
    return int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0])
