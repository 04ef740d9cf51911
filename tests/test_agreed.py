"""A person without a device agrees to a referral on paper: its sender witnesses it, and it ends unless the person stands by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tables.exchange.referrals import referral
from tables.identity import own_case
from tests.asking import asking, copied
from tests.corresponding import counts
from tests.country import Country
from tests.test_parties import listening, told
from tests.test_references import numbers
from tests.test_referrals import AGREE, COMPLETE, MOVED, OBJECT, STEPS, WRITTEN, Passing

WITNESS = f"mutation ($input: ReferralWitnessInput!) {{ referralWitness(input: $input) {{ {MOVED} }} }}"
SENT = "{ referrals(sent: true, first: 100) { referrals { id agreed onPaper } } }"
OWN = "{ ownReferrals { id agreed document waits } }"
NEWS = "subscription { ownReferralMoved { state agreed document waits } }"
PAPER = "CA-2026/17"


@pytest.fixture
async def passing(country: Country, tmp_path: Path) -> AsyncIterator[Passing]:
    async with asking(country, copied(country, tmp_path / "copy")) as hub:
        made = Passing(hub)
        await made.publish()
        alone = await numbers(hub, "crescent-aid")
        homes = (await hub.hub.standing.of(await hub.hub.enquiry(hub.keys["crescent-caseworker"], None), alone)).households
        made.people = list({homes[number]: number for number in alone}.values())  # of one household, all are known with one
        yield made


async def witnessed(passing: Passing, sent: Any, version: int = 1, **more: Any) -> Any:
    given = {"referral": sent["referral"], "version": version, "document": PAPER, **more}
    return await passing.crescent.did(WITNESS, input=given)


async def own(passing: Passing, number: int) -> Any:
    (found,) = (await passing.hub.data(OWN, await passing.itself(number)))["ownReferrals"]
    return found


async def ours(passing: Passing, sent: Any) -> Any:
    return next(each for each in (await passing.crescent.did(SENT))["referrals"] if each["id"] == sent["referral"])


async def aged(passing: Passing, days: int) -> datetime:
    """So many days later."""
    return datetime.now(UTC) + timedelta(days=days, seconds=5)


async def test_what_is_agreed_on_paper_counts_at_once_and_is_marked(passing: Passing) -> None:
    number = passing.people[0]
    sent = await passing.send(number)
    done = await witnessed(passing, sent, idempotencyKey="one")
    assert (done["state"], done["version"]) == ("SENT", 2)
    assert await witnessed(passing, sent, idempotencyKey="one") == done
    assert not await passing.known(number)
    await passing.accept(done)
    assert await passing.known(number)
    assert await ours(passing, sent) == {"id": sent["referral"], "agreed": True, "onPaper": True}
    assert await own(passing, number) | {"id": ""} == {"id": "", "agreed": True, "document": PAPER, "waits": True}
    step = (await passing.crescent.did(STEPS, id=sent["referral"]))[1]
    assert (step["act"], step["organisation"], step["reason"]) == ("witness", "crescent-aid", f"on paper, {PAPER}")


async def test_the_person_hears_of_it_and_stands_by_it(passing: Passing) -> None:
    number = passing.people[0]
    who = await passing.itself(number)
    async with listening(passing.hub, who, NEWS) as itself:
        sent = await passing.send(number)
        assert told(await itself.next()) == {"state": "SENT", "agreed": False, "document": None, "waits": False}
        await witnessed(passing, sent)
        assert told(await itself.next()) == {"state": "SENT", "agreed": True, "document": PAPER, "waits": True}
    await passing.accept({**sent, "version": 2})
    mine = (await own(passing, number))["id"]
    assert (await passing.hub.data(AGREE, who, {"id": mine}))["referralAgree"]["referral"] == {"state": "ACCEPTED", "agreed": True}
    assert (await passing.hub.data(AGREE, who, {"id": mine}))["referralAgree"]["code"] == "CONFLICT"
    assert not (await ours(passing, sent))["onPaper"]
    assert await passing.hub.hub.exchange.agreements.end(await aged(passing, 10_000)) == 0
    assert await passing.known(number)


@pytest.mark.parametrize("completed", [False, True])
async def test_what_nobody_stands_by_ends_with_the_case_it_made(passing: Passing, completed: bool) -> None:
    """Failure 3.4d of exchange."""
    number, ending = passing.people[0], passing.hub.hub.exchange.agreements.end
    sent = await passing.send(number)
    await witnessed(passing, sent)
    await passing.accept({**sent, "version": 2})
    if completed:
        await passing.hope.did(COMPLETE, input={"referral": passing.theirs(sent), "version": 3})
    assert await ending(await aged(passing, passing.hub.hub.consents.rules.paper_days - 1)) == 0
    assert await passing.known(number)
    assert await ending(await aged(passing, passing.hub.hub.consents.rules.paper_days)) == 1
    assert await ending(await aged(passing, passing.hub.hub.consents.rules.paper_days)) == 0
    assert not await passing.known(number)
    assert await ours(passing, sent) == {"id": sent["referral"], "agreed": False, "onPaper": False}
    assert (await passing.crescent.did(STEPS, id=sent["referral"]))[-1]["act"] == "paper_end"
    again = await witnessed(passing, sent, 5 if completed else 4, document="CA-2027/3")
    assert again.get("code") == ("CONFLICT" if completed else None)
    assert await passing.known(number) is not completed


async def test_the_hub_ends_it_while_it_is_served(passing: Passing) -> None:
    sent = await passing.send(passing.people[0])
    await witnessed(passing, sent)
    database = passing.hub.hub.database
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.update(referral).values(paper_until=1)))
    async with listening(passing.hub, await passing.itself(passing.people[0]), NEWS) as itself, passing.hub.hub.duties.attended():
        assert told(await itself.next()) == {"state": "SENT", "agreed": False, "document": None, "waits": False}


async def test_who_objects_after_a_paper_ends_it_all(passing: Passing) -> None:
    number = passing.people[0]
    sent = await passing.send(number)
    await witnessed(passing, sent)
    await passing.accept({**sent, "version": 2})
    await passing.hub.data(OBJECT, await passing.itself(number), {"id": (await own(passing, number))["id"]})
    assert not await passing.known(number)
    assert await passing.hub.hub.exchange.agreements.end(await aged(passing, 10_000)) == 0
    assert (await witnessed(passing, sent, 4))["code"] == "CONFLICT"


@pytest.mark.parametrize("document", ["", "990000000161", "tel 0700 000 0161", "x" * 41, "\u0645\u0631\u064a\u0645", "CA\u202e17"])
async def test_a_paper_that_cannot_be_is_refused_and_nothing_is_written(passing: Passing, document: str) -> None:
    """Failure 3.4a of exchange."""
    sent = await passing.send(passing.people[0])
    before = await counts(passing.hub, WRITTEN)
    refused = await witnessed(passing, sent, document=document)
    assert (refused["code"], refused["field"]) == ("INVALID", "document")
    assert await counts(passing.hub, WRITTEN) == before


async def test_nobody_but_the_sender_witnesses_and_of_its_own_cases_alone(passing: Passing) -> None:
    """Failure 3.4b of exchange; failure 3.4c of exchange."""
    number = passing.people[0]
    sent = await passing.send(number)
    before = await counts(passing.hub, WRITTEN)
    for office, named in (
        (passing.hope, passing.theirs(sent)),
        (passing.rafidain, passing.theirs(sent, "rafidain-relief")),
        (passing.crescent, "\u202e"),
    ):
        given = {"referral": named, "version": 1, "document": PAPER}
        assert (await office.did(WITNESS, input=given))["code"] == "UNKNOWN"
    assert (await witnessed(passing, sent, 7))["code"] == "STALE"
    under = await passing.hub.data(
        WITNESS, "crescent-caseworker", {"input": {"referral": sent["referral"], "version": 1, "document": PAPER}}, "case_management"
    )
    assert under["referralWitness"]["code"] == "UNKNOWN"
    assert await counts(passing.hub, WRITTEN) == before
    await passing.hub.data(AGREE, await passing.itself(number), {"id": passing.theirs(sent, f"person:{number}")})
    assert (await witnessed(passing, sent, 2))["code"] == "CONFLICT"
    other, database = await passing.send(passing.people[1]), passing.hub.hub.database
    async with database.transaction() as tx:
        lost = sa.delete(own_case).where(own_case.c.organisation == "crescent-aid")  # one's family would make it known still
        await tx.execute(database.prepare(lost))
    before = await counts(passing.hub, WRITTEN)
    assert (await witnessed(passing, other))["code"] == "UNKNOWN"
    assert await counts(passing.hub, WRITTEN) == before
