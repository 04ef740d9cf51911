"""What the cast was asked: a request that waits, one refused, one granted in part, and a consent on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from privacy.consent import Consents, Grant, Paper, Terms
from privacy.keys import KeyRing
from samples.cast import member
from samples.seeding import People
from tables.database import Database
from tables.identity.asking import consent_request
from values import Category, ConsentMode, Purpose

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to one of the cast; `granted` is what the person said yes to."""

    person: str
    organisation: str
    purpose: Purpose
    categories: tuple[Category, ...]
    days: int
    state: str
    terms: Terms = Terms()  # noqa: RUF009 — frozen
    granted: tuple[Category, ...] = ()


ASKS = (
    Ask("umm-hassan", "rafidain-relief", Purpose.AID_DISTRIBUTION, (Category.CONTACT, Category.FAMILY), 365, "open"),
    Ask("mariam", "hope-network", Purpose.AID_DISTRIBUTION, (Category.HEALTH, Category.INCOME), 365, "refused"),
    Ask(
        "umm-karrar",
        "basra-sewing-coop",
        Purpose.CASE_MANAGEMENT,
        (Category.CONTACT, Category.FAMILY, Category.INCOME),
        180,
        "granted",
        Terms(ConsentMode.STORE, 90, 4, 30),
        (Category.CONTACT,),
    ),
)

PAPER = ("abu-karrar", "labour-ministry", Purpose.SOCIAL_SECURITY, (Category.INSURANCE,), "MOLSA-2026/112")
"""Who agreed on paper, with whom, for what, to what, and where the paper lies."""


async def seed_asking(database: Database, ring: KeyRing, consents: Consents, people: People, now: int) -> int:
    """Write the requests and what they led to; gives how many."""
    names = [ask.person for ask in ASKS] + [PAPER[0]]
    by_name = {name: member(name).national_number or "" for name in names}
    known = await people.numbers(by_name.values())
    add = database.prepare(sa.insert(consent_request).values({each.name: sa.bindparam(each.name) for each in consent_request.c}))
    digest = ring.subkey("consent request", ring.root)
    async with database.transaction() as tx:
        for ask in ASKS:
            number = known[by_name[ask.person]]
            row = _row(ask, number, now)
            row["about"] = blake2b(f"{ask.organisation}\n{ask.purpose}\nperson {number}".encode(), key=digest, digest_size=32).digest()
            if ask.granted:
                wanted = Grant(
                    ask.organisation, ask.purpose, frozenset(ask.granted), now + (ask.days - 1) * DAY, ask.terms, request=row["id"]
                )
                row["consent"] = (await consents.give(tx, number, wanted, now - DAY)).id
            await tx.execute(add, row)
        name, organisation, purpose, categories, document = PAPER
        paper = Paper(organisation, document, now + 3 * 365 * DAY)
        grant = Grant(organisation, purpose, frozenset(categories), now + consents.rules.paper_days * DAY, paper=paper)
        await consents.give(tx, known[by_name[name]], grant, now - DAY)
    return len(ASKS) + 1


def _row(ask: Ask, number: int, now: int) -> dict[str, Any]:
    asked_at = now - 3 * DAY
    answer: Mapping[str, Any] = {"answered_at": None if ask.state == "open" else now - DAY, "consent": None}
    return {
        "id": blake2b(f"{ask.person} {ask.organisation} {now}".encode(), digest_size=16).hexdigest(),
        "organisation": ask.organisation,
        "person": number,
        "known": True,
        "shown": True,
        "purpose": ask.purpose.value,
        "categories": sum(each.bit for each in ask.categories),
        "days": ask.days,
        "mode": ask.terms.mode.value,
        "keep_days": ask.terms.keep_days,
        "uses": ask.terms.uses,
        "period_days": ask.terms.period_days,
        "state": ask.state,
        "asked_at": asked_at,
        "lapses_at": asked_at + 30 * DAY,
        **answer,
    }
