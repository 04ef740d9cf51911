"""What happens between organisations is told to their parties as it happens, each by an id of its own, under the purpose it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import cycle
from typing import Any

import pytest
import sqlalchemy as sa

from resolvers.directory import Organisations
from resolvers.exchange.messages import MOST_A_DAY
from stanzas import WebhookRules
from tables.exchange.messages import message
from tests.asking import Asking, asking, copied
from tests.corresponding import counts
from tests.country import Country
from tests.hearing import Receiver, receiving
from tests.test_decisions import OPEN as DECIDE
from tests.test_messages import SEND as WRITE
from tests.test_messages import letter
from tests.test_parties import listening, told
from tests.test_references import called, numbers
from tests.test_referrals import SEND as REFER
from tests.test_referrals import Passing
from tests.test_surveys import SEND as ASK
from tests.test_surveys import TEXTS, question
from tests.test_webhooks import HERE, REMOVE, changed, log_of, registered
from values import Purpose

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

NEEDS = cycle(("food", "cash", "shelter", "health", "education", "protection"))
"""One referral of a person for one need stands at a time."""

TOPICS = {
    "messageReceived": "message.received",
    "referralMoved": "referral.moved",
    "surveyReceived": "survey.received",
    "jointDecisionMoved": "joint_decision.moved",
}


@pytest.fixture(scope="module")
async def passing(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Passing]:
    settings = copied(country, tmp_path_factory.mktemp("exchange") / "copy")
    rules = settings.hub.model_copy(update={"webhooks": WebhookRules(networks=HERE, timeout_seconds=1, pauses_seconds=(0, 0))})
    async with asking(country, settings.model_copy(update={"hub": rules})) as hub:
        made = Passing(hub)
        await made.publish()
        made.people = await numbers(hub, "crescent-aid")
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody to send to."""
    async with receiving() as server:
        yield server


async def moved(passing: Passing, name: str, purpose: str | None = None, receiver: str = "hope-network") -> dict[str, Any]:
    """Have one of the two do what the other is told of: Crescent Aid, where nothing else is said."""
    ends = {"crescent-aid": passing.crescent, "hope-network": passing.hope}
    to = ends.pop(receiver)
    (sender,) = ends.values()
    letter = {**sender.sealed("well", [to]), "to": [receiver]}
    sealed = {slot: letter[slot] for slot in ("sealed", "boxes")}
    (number, *_) = await numbers(passing.hub, sender.organisation)
    person = called(passing.hub, sender.organisation, number)
    document, given = {
        "messageReceived": (WRITE, letter),
        "referralMoved": (REFER, {"receiver": receiver, "person": person, "need": next(NEEDS), **sealed}),
        "surveyReceived": (ASK, {"to": [receiver], **TEXTS, "questions": [question()]}),
        "jointDecisionMoved": (DECIDE, {"title": "Winter", "parties": [receiver], "people": [person]}),
    }[name]
    ((_, answer),) = (await passing.hub.data(document, sender.manager, {"input": given}, purpose)).items()
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


@pytest.mark.parametrize("name", WATCHED)
async def test_a_webhook_is_sent_the_receivers_own_id_and_nothing_that_was_written(passing: Passing, receiver: Receiver, name: str) -> None:
    """Over a real receiver, which checks the signature of what it hears."""
    which = await registered(passing.hub, receiver, topics=[*TOPICS.values()])
    done = await moved(passing, name, "case_management", "crescent-aid")
    await passing.hub.hub.outbox.send_due(to_the_end=True)
    (heard,) = receiver.accepted
    slot, kind = KINDS[name]
    inner = passing.hub.hub.pseudonyms.resolve("hope-network", done[slot], kind)
    assert inner is not None
    more: dict[str, dict[str, Any]] = {"messageReceived": {"number": 1}, "referralMoved": {"state": "sent"}}
    purpose = {"purpose": "case_management"} if name != "surveyReceived" else {}
    assert heard.said["type"] == TOPICS[name]
    assert heard.said["data"] == {slot: called(passing.hub, "crescent-aid", inner, kind), **more.get(name, {}), **purpose}
    assert (await log_of(passing.hub, which))[0]["topic"] == TOPICS[name]
    assert (await changed(passing.hub, REMOVE, {"id": which}))["id"] == which


@pytest.mark.parametrize("left", [{"verified": False}, {"purposes": (Purpose.OPEN_DATA,)}])
async def test_who_may_deal_with_others_no_more_is_sent_nothing_of_them(passing: Passing, receiver: Receiver, left: dict[str, Any]) -> None:
    which = await registered(passing.hub, receiver, topics=[*TOPICS.values()])
    for name in WATCHED:
        await moved(passing, name, None, "crescent-aid")
    known = passing.hub.hub.organisations
    passing.hub.hub.organisations = Organisations({**known, "crescent-aid": known["crescent-aid"].model_copy(update=left)})
    await passing.hub.hub.outbox.send_due(to_the_end=True)
    passing.hub.hub.organisations = known
    assert [each["state"] for each in await log_of(passing.hub, which)] == ["SKIPPED"] * len(WATCHED)
    assert receiver.heard == []
    assert (await changed(passing.hub, REMOVE, {"id": which}))["id"] == which


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
