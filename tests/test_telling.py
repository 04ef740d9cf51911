"""What happens between organisations is told to their parties as it happens, each by an id of its own, under the purpose it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from resolvers.exchange.messages import MOST_A_DAY
from resolvers.gather import Gathering
from tables.exchange.messages import message
from tests.asking import Asking, asking, copied
from tests.corresponding import counts
from tests.country import Country
from tests.test_decisions import OPEN as DECIDE
from tests.test_messages import SEND as WRITE
from tests.test_messages import letter
from tests.test_parties import listening, told
from tests.test_references import called, numbers
from tests.test_referrals import SEND as REFER
from tests.test_referrals import Passing
from tests.test_surveys import SEND as ASK
from tests.test_surveys import TEXTS, question

CARE = "subscription { %s }"
WATCHED = {
    "messageReceived": CARE % "messageReceived { thread number }",
    "referralMoved": CARE % "referralMoved { referral state }",
    "surveyReceived": CARE % "surveyReceived { survey }",
    "jointDecisionMoved": CARE % "jointDecisionMoved { decision }",
}

KINDS = {
    "messageReceived": ("thread", "thread"),
    "referralMoved": ("referral", "referral"),
    "surveyReceived": ("survey", "survey"),
    "jointDecisionMoved": ("decision", "joint_decision"),
}
"""Where the id stands, and of what it is."""


@pytest.fixture(scope="module")
async def passing(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Passing]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("exchange") / "copy")) as hub:
        made = Passing(hub)
        await made.publish()
        made.people = await numbers(hub, "crescent-aid")
        yield made


async def moved(passing: Passing, name: str, purpose: str | None = None) -> dict[str, Any]:
    """Have Crescent Aid do what Hope Network is told of."""
    sealed = passing.crescent.sealed("well", [passing.hope])
    sealed.pop("attachments")
    person = called(passing.hub, "crescent-aid", passing.people[0])
    document, given = {
        "messageReceived": (WRITE, letter(passing)),
        "referralMoved": (REFER, {"receiver": "hope-network", "person": person, "need": "food", **sealed}),
        "surveyReceived": (ASK, {"to": ["hope-network"], **TEXTS, "questions": [question()]}),
        "jointDecisionMoved": (DECIDE, {"title": "Winter", "parties": ["hope-network"], "people": [person]}),
    }[name]
    ((_, answer),) = (await passing.hub.data(document, "crescent-manager", {"input": given}, purpose)).items()
    assert answer["__typename"] != "Refusal", answer
    return dict(answer)


@pytest.mark.parametrize("name", WATCHED)
async def test_a_party_is_told_by_an_id_of_its_own(passing: Passing, name: str) -> None:
    async with listening(passing.hub, "hope-manager", WATCHED[name]) as hope:
        if name != "surveyReceived":
            await moved(passing, name, "case_management")
        done = await moved(passing, name)
        heard = told(await hope.next())
    slot, kind = KINDS[name]
    inner = passing.hub.hub.pseudonyms.resolve("crescent-aid", done[slot], kind)
    assert inner is not None
    assert heard[slot] == called(passing.hub, "hope-network", inner, kind)
    assert heard[slot] != done[slot]


async def test_a_webhook_is_sent_the_receivers_own_id_and_nothing_of_what_was_written(passing: Passing) -> None:
    done = await moved(passing, "messageReceived")
    number = passing.hub.hub.pseudonyms.resolve("crescent-aid", done["thread"], "thread")
    assert number is not None
    gathering = Gathering(passing.hub.hub, await passing.hub.hub.enquiry(passing.hub.keys["hope-caseworker"], None))
    pushed = await passing.hub.hub.outbox.pushed["message_received"](
        gathering, "hope-network", {"thread": number, "number": 1, "purpose": "aid_distribution"}
    )
    assert pushed == {"thread": called(passing.hub, "hope-network", number, "thread"), "number": 1, "purpose": "aid_distribution"}


async def test_an_organisation_writes_so_many_messages_a_day(passing: Passing, hub: Asking) -> None:
    """Failure 2.2e of exchange."""
    database, now = hub.hub.database, 2**40
    async with database.transaction() as tx:
        rows = [{"thread": 1, "number": each, "sender": "crescent-aid", "sender_key": 1, "at": now} for each in range(MOST_A_DAY)]
        await tx.execute_many(database.prepare(sa.insert(message)), rows)
    before = await counts(hub)
    refused = await passing.crescent.did(WRITE, input=letter(passing))
    assert refused["code"] == "LIMIT_REACHED"
    assert await counts(hub) == before
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.delete(message).where(message.c.at == now)))
    assert (await passing.crescent.did(WRITE, input=letter(passing)))["__typename"] == "MessageSent"


@pytest.fixture
def hub(passing: Passing) -> Asking:
    """The hub of these tests."""
    return passing.hub
