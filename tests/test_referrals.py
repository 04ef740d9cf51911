"""An organisation passes a person on to another; nothing of the person opens unless the person agreed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from privacy.messages import opened
from tables.aid import case_file
from tables.exchange.referrals import referral
from tables.identity import link, own_case, person
from tables.identity.references import reference_use
from tables.writing import command, step
from tests.asking import Asking, asking, copied
from tests.corresponding import counts, issued, text
from tests.country import Country
from tests.test_messages import Desks
from tests.test_references import called, numbers
from values import Purpose, Role

REFUSAL = "... on Refusal { code field hint }"
MOVED = f"__typename ... on ReferralMoved {{ referral state version }} {REFUSAL}"
SEND = f"mutation ($input: ReferralSendInput!) {{ referralSend(input: $input) {{ {MOVED} }} }}"
ACCEPT = f"mutation ($input: ReferralAcceptInput!) {{ referralAccept(input: $input) {{ {MOVED} }} }}"
COMPLETE = f"mutation ($input: ReferralCompleteInput!) {{ referralComplete(input: $input) {{ {MOVED} }} }}"
END = {name: f"mutation ($input: ReferralEndInput!) {{ {name}(input: $input) {{ {MOVED} }} }}" for name in (
    "referralRefuse", "referralWithdraw", "referralHandBack",
)}  # fmt: skip
DECIDED = f"__typename ... on ReferralDecided {{ referral {{ state agreed }} }} {REFUSAL}"
AGREE = f"mutation ($id: ID!) {{ referralAgree(input: {{referral: $id}}) {{ {DECIDED} }} }}"
OBJECT = f"mutation ($id: ID!) {{ referralObject(input: {{referral: $id}}) {{ {DECIDED} }} }}"
LIST = """query ($sent: Boolean! = false, $first: Int! = 100, $after: String) { referrals(sent: $sent, first: $first, after: $after) {
    referrals { id sender receiver about { handle person } need state version agreed overdue serveBy senderKey key box sealed }
    endCursor hasNextPage } }"""
STEPS = "query ($id: ID!) { referralSteps(referral: $id) { act state organisation reason } }"
OWN = "{ ownReferrals { id sender receiver need state agreed } }"
KNOWN = "query ($id: ID!) { person(id: $id) { id } }"
WORDS = "He cannot climb stairs; ask for his daughter."
WRITTEN = (referral, own_case, case_file, link, reference_use, command, step)


class Passing(Desks):
    """Crescent Aid refers people whom Hope Network does not know."""

    def __init__(self, hub: Asking) -> None:
        super().__init__(hub)
        self.people: list[int] = []

    async def send(self, number: int, **more: Any) -> Any:
        given = {"receiver": "hope-network", "person": called(self.hub, "crescent-aid", number), "need": "HEALTH"}
        sealed = self.crescent.sealed(WORDS, [self.hope])
        sealed.pop("attachments")
        return await self.crescent.did(SEND, input={**given, **sealed, **more})

    def theirs(self, sent: Any, organisation: str = "hope-network") -> str:
        """How another organisation, or a person, calls what Crescent Aid sent."""
        number = self.hub.hub.pseudonyms.resolve("crescent-aid", sent["referral"], "referral") or 0
        return called(self.hub, organisation, number, "referral")

    async def shown(self, sent: Any) -> Any:
        """How Hope Network sees it."""
        return next(each for each in (await self.hope.did(LIST))["referrals"] if each["id"] == self.theirs(sent))

    async def accept(self, sent: Any, **more: Any) -> Any:
        return await self.hope.did(ACCEPT, input={"referral": self.theirs(sent), "version": sent["version"], **more})

    async def end(self, name: str, sent: Any, version: int, reason: str = "we have no doctor") -> Any:
        return await self.hope.did(END[name], input={"referral": self.theirs(sent), "version": version, "reason": reason})

    async def itself(self, number: int) -> str:
        """The credential of a person, to speak for itself."""
        name, now = f"person-{number}", int(datetime.now(UTC).timestamp())
        if name not in self.hub.keys:
            issue = self.hub.hub.credentials.issue
            self.hub.keys[name] = await issue(name, "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), now, number)
        return name

    async def known(self, number: int) -> bool:
        """Whether Hope Network may know the person."""
        return await self.hope.did(KNOWN, id=called(self.hub, "hope-network", number)) is not None


@pytest.fixture(scope="module")
async def passing(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Passing]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("referrals") / "copy")) as hub:
        made = Passing(hub)
        await made.publish()
        alone = await numbers(hub, "crescent-aid")
        homes = (await hub.hub.standing.of(await hub.hub.enquiry(hub.keys["crescent-caseworker"], None), alone)).households
        made.people = list({homes[number]: number for number in alone}.values())  # of one household, all would become known with one
        yield made


# --- from sending to its end -----------------------------------------------------------------------------------------


async def test_a_person_is_passed_on_and_served_and_becomes_a_case_only_when_it_agrees(passing: Passing) -> None:
    """Failure 3.2b of exchange."""
    number = passing.people[0]
    sent = await passing.send(number)
    assert (sent["state"], sent["version"]) == ("SENT", 1)
    seen = await passing.shown(sent)
    assert (seen["sender"], seen["need"], seen["state"], seen["agreed"]) == ("crescent-aid", "health", "SENT", False)
    assert seen["about"]["person"] is None
    box, raw = (base64.b64decode(seen[name]) for name in ("box", "sealed"))
    said = opened([raw], box, ("crescent-aid", passing.crescent.public), ["crescent-aid", "hope-network"], passing.hope.secrets[0])
    assert said["text"] == WORDS
    before = await counts(passing.hub, (own_case, case_file, link))
    accepted = await passing.accept(sent)
    assert (accepted["state"], accepted["version"]) == ("ACCEPTED", 2)
    assert await counts(passing.hub, (own_case, case_file, link)) == before
    assert not await passing.known(number)
    who = await passing.itself(number)
    (own,) = (await passing.hub.data(OWN, who))["ownReferrals"]
    assert own | {"id": ""} == {
        "id": "", "sender": "crescent-aid", "receiver": "hope-network", "need": "health", "state": "ACCEPTED", "agreed": False,
    }  # fmt: skip
    agreed = (await passing.hub.data(AGREE, who, {"id": own["id"]}))["referralAgree"]
    assert agreed["referral"] == {"state": "ACCEPTED", "agreed": True}
    assert await passing.known(number)
    assert (await passing.shown(sent))["about"]["person"] == called(passing.hub, "hope-network", number)
    done = await passing.hope.did(COMPLETE, input={"referral": passing.theirs(sent), "version": 3})
    assert (done["state"], await passing.known(number)) == ("COMPLETED", True)
    steps = await passing.crescent.did(STEPS, id=sent["referral"])
    assert [(each["act"], each["state"], each["organisation"]) for each in steps] == [
        ("send", "SENT", "crescent-aid"),
        ("accept", "ACCEPTED", "hope-network"),
        ("agree", "ACCEPTED", None),
        ("complete", "COMPLETED", "hope-network"),
    ]


async def test_what_a_referral_opened_it_closes_when_the_person_is_handed_back(passing: Passing) -> None:
    number = passing.people[1]
    who = await passing.itself(number)
    sent = await passing.send(number)
    (own,) = (await passing.hub.data(OWN, who))["ownReferrals"]
    assert (await passing.hub.data(AGREE, who, {"id": own["id"]}))["referralAgree"]["referral"]["state"] == "SENT"
    assert not await passing.known(number)
    assert (await passing.accept({**sent, "version": 2}))["state"] == "ACCEPTED"
    assert await passing.known(number)
    back = await passing.end("referralHandBack", sent, 3)
    assert (back["state"], await passing.known(number)) == ("HANDED_BACK", False)
    ours = next(each for each in (await passing.crescent.did(LIST, sent=True))["referrals"] if each["id"] == sent["referral"])
    assert (ours["state"], ours["about"]["person"]) == ("HANDED_BACK", called(passing.hub, "crescent-aid", number))
    assert (await passing.crescent.did(STEPS, id=sent["referral"]))[-1]["reason"] == "we have no doctor"
    assert (await passing.send(number))["state"] == "SENT"


async def test_a_person_objects_at_any_time_and_nobody_answers_afterwards(passing: Passing) -> None:
    """Failure 3.3a of exchange, 3.3b of exchange."""
    number, other = passing.people[2:4]
    who, stranger = await passing.itself(number), await passing.itself(other)
    sent = await passing.send(number)
    own = passing.theirs(sent, f"person:{number}")
    before = await counts(passing.hub, WRITTEN)
    for asked, id_ in ((stranger, own), (stranger, passing.theirs(sent, f"person:{other}")), (who, sent["referral"]), (who, "\u202e")):
        for act in (AGREE, OBJECT):
            ((_, refused),) = (await passing.hub.data(act, asked, {"id": id_})).items()
            assert refused["code"] == "UNKNOWN"
    assert await counts(passing.hub, WRITTEN) == before
    assert (await passing.hub.data(OWN, stranger))["ownReferrals"] == []
    assert (await passing.hub.data(AGREE, who, {"id": own}))["referralAgree"]["referral"]["agreed"]
    assert (await passing.hub.data(AGREE, who, {"id": own}))["referralAgree"]["code"] == "CONFLICT"
    await passing.accept({**sent, "version": 2})
    assert await passing.known(number)
    assert (await passing.hub.data(OBJECT, who, {"id": own}))["referralObject"]["referral"]["state"] == "OBJECTED"
    assert not await passing.known(number)
    assert (await passing.hub.data(OBJECT, who, {"id": own}))["referralObject"]["code"] == "CONFLICT"
    assert (await passing.end("referralHandBack", sent, 4))["code"] == "CONFLICT"


async def test_who_is_a_case_of_the_receiver_already_stays_one(passing: Passing) -> None:
    number = (await numbers(passing.hub, "crescent-aid", "hope-network"))[0]
    sent = await passing.send(number)
    seen = await passing.shown(sent)
    assert seen["about"]["person"] == called(passing.hub, "hope-network", number)
    before = await counts(passing.hub, (own_case, case_file))
    await passing.accept(sent)
    who = await passing.itself(number)
    await passing.hub.data(AGREE, who, {"id": passing.theirs(sent, f"person:{number}")})
    assert await counts(passing.hub, (own_case, case_file)) == before
    await passing.end("referralHandBack", sent, 3)
    assert await passing.known(number)


async def test_what_nobody_answers_in_time_lapses_and_what_is_late_says_so(passing: Passing) -> None:
    """Failure 3.2c of exchange."""
    sent, other = [await passing.send(number) for number in passing.people[4:6]]
    await passing.accept(other, serveBy=(datetime.now(UTC).date() + timedelta(days=3)).isoformat())
    database = passing.hub.hub.database
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.update(referral).values(answer_by=1, serve_by=sa.case((referral.c.serve_by > 0, 1)))))
    assert (await passing.shown(sent))["state"] == "LAPSED"
    assert (await passing.shown(other))["overdue"]
    assert (await passing.accept(sent))["code"] == "CONFLICT"
    withdrawn = {"referral": sent["referral"], "version": 1, "reason": "no answer"}
    assert (await passing.crescent.did(END["referralWithdraw"], input=withdrawn))["code"] == "CONFLICT"
    assert (await passing.send(passing.people[4]))["state"] == "SENT"


async def test_referrals_are_listed_in_pages_and_refused_withdrawn_and_told(passing: Passing) -> None:
    """Failure 3.2d of exchange."""
    enquiry = await passing.hub.hub.enquiry(passing.hub.keys["hope-caseworker"], None)
    with passing.hub.hub.watching.watch("referral_moved", enquiry) as watcher:
        sent = [await passing.send(number) for number in passing.people[6:8]]
        assert (await watcher.next(10))["state"] == "sent"
    assert (await passing.end("referralRefuse", sent[0], 1))["state"] == "REFUSED"
    ours = {"referral": sent[1]["referral"], "version": 1, "reason": "she moved"}
    assert (await passing.crescent.did(END["referralWithdraw"], input={**ours, "version": 7}))["code"] == "STALE"
    assert (await passing.crescent.did(END["referralWithdraw"], input=ours))["state"] == "WITHDRAWN"
    first = await passing.crescent.did(LIST, sent=True, first=1)
    second = await passing.crescent.did(LIST, sent=True, first=1, after=first["endCursor"])
    assert first["hasNextPage"]
    assert first["referrals"][0]["id"] != second["referrals"][0]["id"]
    answer = await passing.hub.ask(LIST, "hope-caseworker", {"after": first["endCursor"]})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"


# --- what is refused -------------------------------------------------------------------------------------------------

TODAY = datetime.now(UTC).date()
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "to itself": ({"receiver": "crescent-aid"}, "INVALID", "receiver"),
    "to nobody": ({"receiver": "\u202e"}, "INVALID", "receiver"),
    "to one not verified": ({"receiver": "new-dawn"}, "INVALID", "receiver"),
    "to one without a key": ({"receiver": "karama"}, "INVALID", "boxes"),
    "to another than it is sealed for": ({"receiver": "rafidain-relief"}, "INVALID", "boxes"),
    "of nobody": ({"person": "0" * 48}, "UNKNOWN", ""),
    "of nonsense": ({"person": "\u202e"}, "UNKNOWN", ""),
    "for no need": ({"need": "gold"}, "INVALID", "need"),
    "answered today": ({"answerBy": TODAY.isoformat()}, "INVALID", "answerBy"),
    "answered long ago": ({"answerBy": "2020-01-01"}, "INVALID", "answerBy"),
    "answered far ahead": ({"answerBy": "2999-01-01"}, "INVALID", "answerBy"),
    "a plain note": ({"sealed": WORDS}, "INVALID", "sealed"),
    "a note of no size": ({"sealed": text(bytes(99))}, "INVALID", "sealed"),
    "boxed for nobody": ({"boxes": []}, "INVALID", "boxes"),
    "a key too long": ({"idempotencyKey": "k" * 65}, "INVALID", "idempotencyKey"),
}


@pytest.mark.parametrize(("changed", "code", "field"), BAD.values(), ids=BAD)
async def test_a_referral_that_cannot_be_is_refused_and_nothing_is_written(
    passing: Passing, changed: dict[str, Any], code: str, field: str
) -> None:
    """Failure 3.1a of exchange, 3.1b of exchange."""
    before = await counts(passing.hub, WRITTEN)
    refused = await passing.send(passing.people[8], **changed)
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", code, field or None)
    assert refused["hint"]
    assert await counts(passing.hub, WRITTEN) == before


async def test_one_referral_stands_at_a_time_and_one_key_sends_it_once(passing: Passing) -> None:
    """Failure 3.1c of exchange."""
    number = passing.people[9]
    sealed = passing.crescent.sealed(WORDS, [passing.hope])
    sealed.pop("attachments")
    sent = await passing.send(number, **sealed, idempotencyKey="once")
    assert await passing.send(number, **sealed, idempotencyKey="once") == sent
    before = await counts(passing.hub, WRITTEN)
    assert (await passing.send(number))["code"] == "CONFLICT"
    assert (await passing.send(number, need="food", idempotencyKey="once"))["code"] == "CONFLICT"
    assert await counts(passing.hub, WRITTEN) == before


async def test_answers_that_cannot_be_are_refused_and_nothing_is_written(passing: Passing) -> None:
    """Failure 3.2a of exchange, 3.2d of exchange."""
    sent = await passing.send(passing.people[10])
    before = await counts(passing.hub, WRITTEN)
    for reason in ("", " ", "n" * 501, "back\u202ewards", "call 0770 123 4567", "write to her@mail.iq"):
        refused = await passing.end("referralRefuse", sent, 1, reason)
        assert (refused["code"], refused["field"]) == ("INVALID", "reason")
    for day in ("2020-01-01", "2999-01-01", TODAY.isoformat()):
        refused = await passing.accept(sent, serveBy=day)
        assert (refused["code"], refused["field"]) == ("INVALID", "serveBy")
    assert (await passing.accept({**sent, "version": 9}))["field"] == "version"
    assert (await passing.end("referralHandBack", sent, 1))["code"] == "CONFLICT"
    assert (await passing.hope.did(COMPLETE, input={"referral": passing.theirs(sent), "version": 1}))["code"] == "CONFLICT"
    assert await counts(passing.hub, WRITTEN) == before


async def test_nobody_reads_or_answers_what_was_sent_to_another(passing: Passing) -> None:
    """Failure 3.2e of exchange."""
    sent = await passing.send(passing.people[11])
    before = await counts(passing.hub, WRITTEN)
    for office, named in (
        (passing.rafidain, sent["referral"]),
        (passing.rafidain, passing.theirs(sent)),
        (passing.rafidain, passing.theirs(sent, "rafidain-relief")),
        (passing.hope, sent["referral"]),
        (passing.crescent, sent["referral"]),
        (passing.crescent, "\u202e"),
    ):
        given = {"referral": named, "version": 1}
        refused = [await office.did(ACCEPT, input=given), await office.did(COMPLETE, input=given)]
        refused += [await office.did(END[name], input={**given, "reason": "no"}) for name in ("referralRefuse", "referralHandBack")]
        if office is not passing.crescent:
            refused.append(await office.did(END["referralWithdraw"], input={**given, "reason": "no"}))
            assert await office.did(STEPS, id=named) is None
        assert {each["code"] for each in refused} == {"UNKNOWN"}
    assert await counts(passing.hub, WRITTEN) == before
    assert (await passing.rafidain.did(LIST))["referrals"] == []
    under = await passing.hub.data(LIST, "hope-caseworker", purpose="case_management")
    assert under["referrals"]["referrals"] == []


@pytest.mark.parametrize("who", ["public", "inspector", "app-developer", "new-dawn-caseworker", "crescent-app"])
async def test_who_refers_nobody_has_no_such_fields(passing: Passing, who: str) -> None:
    fields = await passing.hub.fields(who)
    assert not {"referrals", "referralSteps", "ownReferrals"} & fields["Query"]
    assert not {name for name in fields.get("Mutation", ()) if name.startswith("referral")}


# --- on every database -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_of_answers_at_once_one_counts_and_one_case_is_made(country: Country, url: str, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as hub:
        database = hub.hub.database
        async with database.transaction() as tx:
            await tx.execute_many(database.prepare(sa.insert(person)), [{"number": each, "household": each} for each in (1, 2)])
            cases = [{"organisation": "crescent-aid", "position": str(each), "person": each} for each in (1, 2)]
            await tx.execute_many(database.prepare(sa.insert(own_case)), cases)
        await issued(hub)
        desks = Passing(hub)
        await desks.publish()
        sent, second = await desks.send(1), await desks.send(1, need="food")
        done = await asyncio.gather(*(desks.accept(sent) for _ in range(3)), desks.end("referralRefuse", sent, 1))
        assert sorted(each["__typename"] for each in done) == ["ReferralMoved", "Refusal", "Refusal", "Refusal"]
        if done[3]["__typename"] == "Refusal":
            await desks.accept(second)
            who = await desks.itself(1)
            own_ids = [desks.theirs(each, "person:1") for each in (sent, second)]
            await asyncio.gather(*(hub.data(AGREE, who, {"id": each}) for each in own_ids))
            assert await counts(hub, (own_case, case_file)) == [3, 1]
            assert await desks.known(1)
