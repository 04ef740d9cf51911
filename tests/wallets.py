"""Wallets of the cast, asking a hub in this process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from samples.holding import said_by
from samples.wallet import Wallet
from schema.door.door import Request
from schema.door.http import bearer
from tables.identity.enrolment import enrolment
from tables.identity.guardians import guardianship
from tables.identity.wallet import answered, device, holding, session
from tables.writing import step
from tests.asking import Asking

ORIGIN = "http://127.0.0.1:8000"
"""The sample country's own, as its `hub.toml` says no other."""


class Clock:
    """What time the wallets' requests come; moved by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


def wallet(asked: Asking, clock: Clock | None = None) -> Wallet:
    """A new device that asks this hub."""
    watch = clock or Clock()

    async def asks(document: str, variables: Mapping[str, Any] | None, headers: Mapping[str, str]) -> dict[str, Any]:
        token = bearer([headers["authorization"]]) if "authorization" in headers else None
        enquiry = await asked.hub.enquiry(token, None, watch.now, acting_for=headers.get("mizalla-acting-for"))
        return (await asked.door.answer(Request(document, None, variables), enquiry)).body

    return Wallet(asks, ORIGIN)


def particulars(who: str, /, **changed: Any) -> dict[str, Any]:
    """What one of the cast says of itself."""
    return said_by(who) | changed


async def enrolled(asked: Asking, name: str, clock: Clock | None = None) -> Wallet:
    """A device of one of the cast, enrolled and signed in."""
    made = wallet(asked, clock)
    given = await made.enrol(particulars(name), f"phone of {name}")
    assert given["enrolment"]["status"] == "VERIFIED", given
    assert "token" in await made.sign_in()
    return made


async def nobody_enrolled(asked: Asking) -> Asking:
    """The same hub without those of the cast who hold wallets, so that what a test makes can be counted."""
    async with asked.hub.database.transaction() as tx:
        for table in (enrolment, device, holding, session, answered, guardianship, step):
            await tx.execute(asked.hub.database.prepare(sa.delete(table)))
    return asked
