"""Of several who take the next version of something at once, one has it; the others are told, by an error that says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from tables.aid import questionnaire, queue_policy, suggestion_model
from tables.exchange.messages import message_key
from tables.governance import organisation
from tables.identity import own_case, person
from tables.identity.asking import consent_request
from tests.asking import Asking, asking, copied
from tests.corresponding import PUBLISH, Office, issued
from tests.country import Country
from tests.test_asking import SEND as ASK
from tests.test_cases import DESCRIBE, ZAYNAB
from tests.test_governance import APPLY, SUNRISE, do
from tests.test_messages import REVOKE
from tests.test_questionnaires import ADOPT as QUESTIONS
from tests.test_questionnaires import form, sent
from tests.test_queue import ADOPT as RULES
from tests.test_references import called

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
AT_ONCE = 4


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over a database of its own, whose three organisations have staff and one case."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        database = opened.hub.database
        async with database.transaction() as tx:
            await tx.execute(database.prepare(sa.insert(person)), {"number": 1, "household": 1})
            await tx.execute(database.prepare(sa.insert(own_case)), {"organisation": "crescent-aid", "position": "1", "person": 1})
        await issued(opened)
        yield opened


async def at_once(*all_: Awaitable[Any]) -> list[str]:
    """What came of things done at the same moment, in words and in order."""
    return sorted(each.get("code") or "done" for each in await asyncio.gather(*all_))


async def kept(hub: Asking, table: sa.Table, *where: Any) -> int:
    """How many rows of a table there are."""
    database = hub.hub.database
    return int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table).where(*where))))[0][0])


@EVERYWHERE
async def test_of_keys_published_at_once_one_is_the_next_version(hub: Asking) -> None:
    """Failure 1.2c of exchange."""
    offices = [Office(hub, "crescent-aid") for _ in range(AT_ONCE)]
    assert await at_once(*(each.did(PUBLISH, each.manager, input=each.key()) for each in offices)) == ["STALE"] * 3 + ["done"]
    assert await kept(hub, message_key) == 1
    revoked = [each.did(REVOKE, each.manager, version=1) for each in offices]
    assert await at_once(*revoked) == ["CONFLICT"] * 3 + ["done"]
    for each in offices:
        each.secrets.append(offices[0].secrets[0][::-1])
    assert await at_once(*(each.did(PUBLISH, each.manager, input=each.key()) for each in offices)) == ["STALE"] * 3 + ["done"]
    trace = await hub.hub.writing.trace("message_key:crescent-aid")
    assert [each.act for each in trace] == ["publish", "revoke", "publish"]


@EVERYWHERE
async def test_of_questionnaires_and_rules_adopted_at_once_one_is_the_next_version(hub: Asking) -> None:
    for version in range(2):
        given = {"name": "household", "version": version, "content": sent(form())}
        adopted = [do(hub, QUESTIONS, "crescent-manager", given, None) for _ in range(AT_ONCE)]
        assert await at_once(*adopted) == ["STALE"] * 3 + ["done"]
        assert await kept(hub, questionnaire) == version + 1
    for version in (1, 2):
        rules = [{"need": "CASH", "version": version, "halfLifeDays": 60 + each} for each in range(AT_ONCE)]
        assert await at_once(*(do(hub, RULES, "crescent-manager", each, None) for each in rules)) == ["STALE"] * 3 + ["done"]
        assert await kept(hub, queue_policy, queue_policy.c.organisation == "crescent-aid") == version + 1


@EVERYWHERE
async def test_of_models_trained_at_once_each_is_a_version_and_one_is_in_force(hub: Asking) -> None:
    keep = hub.hub.aid.suggestions._keep
    made = await asyncio.gather(*(keep("crescent-aid", "cash", {"card": {}}) for _ in range(AT_ONCE)))
    assert sorted(each["version"] for each in made) == [1, 2, 3, 4]
    assert await kept(hub, suggestion_model, suggestion_model.c.active) == 1


@EVERYWHERE
async def test_of_organisations_papers_and_particulars_that_are_the_same_one_is_kept(hub: Asking) -> None:
    applied = [do(hub, APPLY, "public", {**SUNRISE, "idempotencyKey": f"{each:032}"}, None) for each in range(AT_ONCE)]
    assert await at_once(*applied) == ["CONFLICT"] * 3 + ["done"]
    assert await kept(hub, organisation) == 1
    answer = await do(hub, APPLY, "public", {**SUNRISE, "idempotencyKey": f"{0:032}"}, None)
    assert answer.get("code") in {None, "CONFLICT"}
    whom = {"person": called(hub, "crescent-aid", 1), "version": 0, "particulars": ZAYNAB}
    described = [do(hub, DESCRIBE, "crescent-manager", whom, None) for _ in range(AT_ONCE)]
    assert await at_once(*described) == ["STALE"] * 3 + ["done"]


@EVERYWHERE
async def test_a_person_is_asked_once_however_often_an_organisation_asks_at_once(hub: Asking) -> None:
    """Failure 9.1b of identity."""
    whom = called(hub, "crescent-aid", 1)
    asked = [
        do(hub, ASK, "crescent-caseworker", {"person": whom, "categories": ["NAME"], "days": 9 + each}, None) for each in range(AT_ONCE)
    ]
    assert await at_once(*asked) == ["CONFLICT"] * 3 + ["done"]
    assert await kept(hub, consent_request) == 1


async def test_what_another_transaction_never_took_is_not_tried_for_ever(hub: Asking) -> None:
    """A key that is always there is a fault, and is told as one."""
    database = hub.hub.database
    add = database.prepare(sa.insert(person))
    tries = 0

    async def work(tx: Any) -> None:
        nonlocal tries
        tries += 1
        await tx.execute(add, {"number": 1, "household": 1})

    with pytest.raises(Exception, match="UNIQUE"):
        await database.change(work)
    assert tries == 1, "SQLite lets one write at a time, and knows no races"


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_key_that_is_always_taken_ends_in_the_fault_itself(hub: Asking) -> None:
    database = hub.hub.database
    add = database.prepare(sa.insert(person))
    tries = 0

    async def work(tx: Any) -> None:
        nonlocal tries
        tries += 1
        await tx.execute(add, {"number": 1, "household": 1})

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.change(work)
    assert tries == 4
