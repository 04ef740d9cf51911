"""What the hub keeps stays readable to it when a stolen key version is retired, nobody hands in a forgery of it, and what is over goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from errors import Conflict
from privacy.keys import KeyRing
from privacy.linkage import Linkage
from privacy.sealing import Seal
from privacy.webhooks import WebhookSecrets
from resolvers.news import DAY, Sweep
from resolvers.writing import Change, Writing
from stanzas import NewsRules
from tables.database import Database
from tables.identity import consent, consent_use, counter
from tables.oversight.inspection import hiding, opening
from tables.upgrade import upgrade
from tables.writing import command, step
from tests.asking import asking, copied
from tests.country import Country
from tests.inspecting import HIDE, found, wait
from values import Enquiry, Purpose, Requester, Role

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ASKER = Requester("someone", Role.CASEWORKER, "hope-network", "hope-network", verified=True, purposes=(Purpose.AID_DISTRIBUTION,))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/hub.db" if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await upgrade(url)
    opened = Database.at(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Database]:
    await upgrade(f"sqlite:///{tmp_path}/embedded.db")
    opened = Database.at(f"sqlite:///{tmp_path}/embedded.db")
    await opened.open()
    yield opened
    await opened.close()


async def test_an_answer_kept_for_its_key_is_given_after_its_version_was_retired(embedded: Database, tmp_path: Path) -> None:
    """And one that somebody wrote over in the table is not."""
    ring = KeyRing.create(tmp_path / "ring.json")
    ring.rotate()
    writing = Writing(embedded, ring, lambda *_: None)
    done = []

    async def work(_: Change) -> dict[str, Any]:
        done.append(1)
        return {"id": len(done)}

    enquiry = Enquiry(ASKER, Purpose.AID_DISTRIBUTION, NOW)
    assert await writing.run(enquiry, "thing.do", work, key="k", content=1) == {"id": 1}
    ring.rotate()
    ring.retire(2)
    assert await writing.run(enquiry, "thing.do", work, key="k", content=1) == {"id": 1}
    assert done == [1]
    another = Seal(KeyRing.create(tmp_path / "other.json"), "command", ASKER.receiver).close(b'{"id": 9}', 1)
    async with embedded.transaction() as tx:
        await tx.execute(embedded.prepare(sa.update(command).values(answer=another)))
    with pytest.raises(Conflict, match="no longer be read"):
        await writing.run(enquiry, "thing.do", work, key="k", content=1)


def test_a_stored_seal_opens_after_its_version_was_retired_and_one_that_is_handed_in_does_not(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "ring.json")
    ring.rotate()
    seal, secrets_ = Seal(ring, "use", "context"), WebhookSecrets(ring)
    text, secret = seal.close(b"words", 2), secrets_.seal("w", "secret", "whsec_x")
    ring.rotate()
    ring.retire(2)
    assert (seal.open(text, stored=True), seal.open(text)) == (b"words", None)
    assert secrets_.open("w", "secret", secret) == "whsec_x"
    assert secrets_.open("v", "secret", secret) is None
    forged = text[:-2] + ("AA" if text[-2:] != "AA" else "BB")
    assert seal.open(forged, stored=True) is None
    assert Seal(ring, "use", "another").open(text, stored=True) is None


async def test_what_officers_wrote_is_read_after_a_version_was_retired_and_stands_in_no_table(country: Country, tmp_path: Path) -> None:
    async with asking(country, copied(country, tmp_path / "hub")) as hub:
        hub.hub.ring.rotate()
        theirs = await found(hub, "integrity-officer", "990000000101")
        order = {"person": theirs, "organisation": "inspectorate", "basis": "Law 30 of 2011, article 14", "reference": "K-7/2026"}
        await hub.data(HIDE, "integrity-officer", {"input": {**order, "endsAt": wait(days=9).isoformat()}})
        hub.hub.ring.rotate()
        hub.hub.ring.retire(hub.hub.ring.current - 1)
        (read,) = (await hub.data("{ hidings { basis reference trace { reason } } }", "integrity-officer"))["hidings"]
        assert read == {"basis": order["basis"], "reference": "K-7/2026", "trace": [{"reason": "K-7/2026"}]}
        for table in (hiding, opening, step):
            rows = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(table)))
            assert not [row for row in rows for value in row if "2026" in str(value) or "article" in str(value)]


async def test_of_two_that_number_at_once_without_a_counter_both_go_on(database: Database) -> None:
    linkage = Linkage(database)
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.delete(counter)))

    async def number() -> int:
        async with database.transaction() as tx:
            highest = await linkage.hold(tx, "person") + 1
            await linkage.count(tx, "person", highest)
            return highest

    given = await asyncio.gather(*(number() for _ in range(4)))
    assert sorted(given) == [1, 2, 3, 4]


async def test_uses_of_what_is_over_are_forgotten_and_others_are_not(database: Database) -> None:
    now = int(NOW.timestamp())
    terms = {"ended": (now - 40 * DAY, None, None), "withdrawn": (now + DAY, now - 40 * DAY, None), "weekly": (now + DAY, None, 7)}
    terms["lasting"] = (now + DAY, None, None)
    row: dict[str, Any] = {each.name: None for each in consent.c}
    row |= {"person": 1, "receiver": "hope-network", "purpose": "aid_distribution", "categories": 1, "granted_at": now - 90 * DAY}
    row |= {"receipt": b"x", "uses": 3, "mode": "view"}
    async with database.transaction() as tx:
        for id_, (ends_at, withdrawn_at, period) in terms.items():
            stored = {**row, "id": id_, "ends_at": ends_at, "withdrawn_at": withdrawn_at, "period_days": period}
            await tx.execute(database.prepare(sa.insert(consent).values({name: sa.bindparam(name) for name in stored})), stored)
            for number, at in ((1, now - 60 * DAY), (2, now - DAY)):
                used = {"consent": id_, "period": number, "number": 1, "claim": "c", "at": at}
                await tx.execute(database.prepare(sa.insert(consent_use)), used)
    await Sweep(database, NewsRules(keep_days=30)).sweep(now)
    left = await database.fetch(database.prepare(sa.select(consent_use.c.consent, consent_use.c.period)))
    assert sorted(map(tuple, left)) == [("lasting", 1), ("lasting", 2), ("weekly", 2)]
