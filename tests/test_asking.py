"""Organisations ask for consent in plain words; people say yes, yes to a part, or no; nobody is nagged and no stranger found."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from privacy.consent import Terms
from resolvers.identity.plainly import SAYS, WHAT, WHY, days_in, texts, times_in
from samples.cast import member
from tables.identity import consent
from tables.identity.asking import consent_request
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.receiving import Receipts, reading_databases
from values import Category, ConsentMode, Purpose

SEND = """
mutation Send($input: ConsentRequestSendInput!) {
  consentRequestSend(input: $input) {
    __typename
    ... on ConsentRequestSent {
      request { id person purpose categories days mode keepDays frequency { times inDays } state lapsesAt askedAt }
    }
    ... on Refusal { code message hint field }
  }
}
"""
YES = """
mutation Yes($input: ConsentRequestGrantInput!) {
  consentRequestGrant(input: $input) {
    __typename
    ... on ConsentGranted { consent { id receiver categories mode keepDays frequency { times inDays } endsAt } }
    ... on Refusal { code message hint field }
  }
}
"""
NO = """
mutation No($id: ID!) {
  consentRequestRefuse(input: { id: $id }) { __typename ... on ConsentRequestRefused { request { state } } ... on Refusal { code message } }
}
"""
CANCEL = """
mutation Cancel($id: ID!) {
  consentRequestCancel(input: { id: $id }) { __typename ... on ConsentRequestSent { request { state } } ... on Refusal { code message } }
}
"""
HERS = "{ consentRequests { id organisation purpose categories days mode state text { ar ckb en } } }"
MADE = "{ consentRequestsMade(first: 1000) { id person state } }"
MARIAM = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { id motherName } }'

STRANGER, NOBODY = "990000000122", "990000009999"


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of one's own, whose requests may be changed."""
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


async def changed(hub: Asking, document: str, who: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The one payload or refusal of a mutation."""
    (result,) = (await hub.data(document, who, variables)).values()
    assert isinstance(result, dict)
    return result


def wanted(**changes: Any) -> dict[str, Any]:
    """What Crescent Aid would see of Mariam."""
    return {"input": {"categories": ["NAME", "PLACE"], "days": 90} | changes}


async def of_mariam(hub: Asking, **changes: Any) -> dict[str, Any]:
    """Crescent Aid asks Mariam, whom it knows; the request or the refusal."""
    hers = (await hub.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["id"]
    sent = await changed(hub, SEND, "crescent-caseworker", wanted(person=hers, **changes))
    return dict(sent.get("request", sent))


async def received(hub: Asking, who: str = "mariam") -> list[dict[str, Any]]:
    """What a person was asked in this test."""
    found: list[dict[str, Any]] = (await hub.data(HERS, who))["consentRequests"]
    return [each for each in found if each["state"] != "LAPSED"]


async def counts(hub: Asking) -> list[int]:
    """How many requests and consents there are."""
    prepare, fetch = hub.hub.database.prepare, hub.hub.database.fetch
    return [int((await fetch(prepare(sa.select(sa.func.count()).select_from(table))))[0][0]) for table in (consent_request, consent)]


@pytest.fixture
async def quiet(hub: Asking) -> Asking:
    """The same, before anybody asked anything."""
    async with hub.hub.database.transaction() as tx:
        await tx.execute(hub.hub.database.prepare(sa.delete(consent_request)))
    return hub


# --- yes, a part, no -------------------------------------------------------------------------------------------------


async def test_a_person_reads_who_asks_for_what_and_says_yes(quiet: Asking) -> None:
    sent = await of_mariam(quiet, mode="STORE", keepDays=30, frequency={"times": 2, "inDays": 30})
    assert sent["state"] == "OPEN"
    (asked,) = await received(quiet)
    assert asked | {"text": None} == {
        "id": sent["id"],
        "organisation": "crescent-aid",
        "purpose": "AID_DISTRIBUTION",
        "categories": ["NAME", "PLACE"],
        "days": 90,
        "mode": "STORE",
        "state": "OPEN",
        "text": None,
    }
    assert "Crescent Aid" in asked["text"]["en"]
    given = (await changed(quiet, YES, "mariam", {"input": {"id": sent["id"]}}))["consent"]
    assert (given["receiver"], given["categories"]) == ("crescent-aid", ["NAME", "PLACE"])
    assert (given["mode"], given["keepDays"], given["frequency"]) == ("STORE", 30, {"times": 2, "inDays": 30})
    assert (await quiet.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["motherName"] == member("mariam").mother
    assert [each["state"] for each in await received(quiet)] == ["GRANTED"]
    assert [each["state"] for each in (await quiet.data(MADE, "crescent-caseworker"))["consentRequestsMade"]] == ["GRANTED"]


async def test_a_person_says_yes_to_a_part_for_fewer_days_and_not_to_be_kept(quiet: Asking) -> None:
    sent = await of_mariam(quiet, mode="STORE", keepDays=30)
    part = {"id": sent["id"], "categories": ["PLACE"], "days": 7, "viewOnly": True}
    given = (await changed(quiet, YES, "mariam", {"input": part}))["consent"]
    assert (given["categories"], given["mode"], given["keepDays"]) == (["PLACE"], "VIEW", None)
    ends = datetime.fromisoformat(given["endsAt"])
    assert timedelta(days=6, hours=23) < ends - datetime.now(UTC) <= timedelta(days=7)
    assert (await quiet.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["motherName"] is None


async def test_a_person_says_no_and_nothing_is_shown(quiet: Asking) -> None:
    sent = await of_mariam(quiet)
    before = await counts(quiet)
    assert (await changed(quiet, NO, "mariam", {"id": sent["id"]}))["request"]["state"] == "REFUSED"
    assert await counts(quiet) == before
    assert (await quiet.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["motherName"] is None
    assert [each["state"] for each in (await quiet.data(MADE, "crescent-caseworker"))["consentRequestsMade"]] == ["REFUSED"]


@pytest.mark.parametrize(
    ("part", "field"),
    [({"categories": []}, "categories"), ({"categories": ["NAME", "HEALTH"]}, "categories"), ({"days": 91}, "days"), ({"days": 0}, "days")],
)
async def test_no_more_than_was_asked_for_is_granted(quiet: Asking, part: dict[str, Any], field: str) -> None:
    """Failure 9.3a of identity."""
    sent = await of_mariam(quiet)
    before = await counts(quiet)
    refusal = await changed(quiet, YES, "mariam", {"input": {"id": sent["id"], **part}})
    assert (refusal["code"], refusal["field"]) == ("INVALID", field)
    assert await counts(quiet) == before
    assert [each["state"] for each in await received(quiet)] == ["OPEN"]


async def test_nobody_answers_what_another_was_asked(quiet: Asking) -> None:
    """Failure 9.3b of identity."""
    sent = await of_mariam(quiet)
    before = await counts(quiet)
    for document, variables in ((YES, {"input": {"id": sent["id"]}}), (NO, {"id": sent["id"]})):
        foreign = await changed(quiet, document, "umm-hassan", variables)
        unknown = {"input": {"id": "0" * 32}} if document is YES else {"id": "0" * 32}
        assert foreign == await changed(quiet, document, "umm-hassan", unknown)
        assert foreign["code"] == "UNKNOWN"
    assert (await changed(quiet, CANCEL, "hope-caseworker", {"id": sent["id"]}))["code"] == "UNKNOWN"
    assert await received(quiet, "umm-hassan") == []
    assert await counts(quiet) == before


async def test_what_was_answered_taken_back_or_lapsed_is_not_open_any_more(quiet: Asking) -> None:
    """Failure 9.3c of identity."""
    sent = await of_mariam(quiet)
    assert (await changed(quiet, CANCEL, "crescent-caseworker", {"id": sent["id"]}))["request"]["state"] == "CANCELLED"
    for document, variables in ((YES, {"input": {"id": sent["id"]}}), (NO, {"id": sent["id"]})):
        assert (await changed(quiet, document, "mariam", variables))["code"] == "CONFLICT"
    assert (await changed(quiet, CANCEL, "crescent-caseworker", {"id": sent["id"]}))["code"] == "CONFLICT"
    async with quiet.hub.database.transaction() as tx:
        await tx.execute(quiet.hub.database.prepare(sa.update(consent_request).values(state="open", lapses_at=1)))
    assert (await changed(quiet, YES, "mariam", {"input": {"id": sent["id"]}}))["code"] == "CONFLICT"
    assert (await changed(quiet, CANCEL, "crescent-caseworker", {"id": sent["id"]}))["code"] == "CONFLICT"
    assert [each["state"] for each in (await quiet.data(HERS, "mariam"))["consentRequests"]] == ["LAPSED"]


# --- strangers -------------------------------------------------------------------------------------------------------


def by_number(value: str) -> dict[str, Any]:
    """A request about whoever has a national number."""
    return wanted(scheme="NATIONAL_NUMBER", value=value)


async def test_a_request_does_not_tell_whether_anybody_has_the_number(quiet: Asking) -> None:
    """Failure 9.1a of identity."""
    hidden = {"id": None, "askedAt": None, "lapsesAt": None}
    sent = [await changed(quiet, SEND, "crescent-caseworker", by_number(value)) for value in (STRANGER, NOBODY)]
    assert sent[0]["request"] | hidden == sent[1]["request"] | hidden
    assert sent[0]["request"]["person"] is None
    again = [await changed(quiet, SEND, "crescent-caseworker", by_number(value)) for value in (STRANGER, NOBODY)]
    assert {each["code"] for each in again} == {"CONFLICT"}
    assert again[0]["message"] == again[1]["message"]
    made = (await quiet.data(MADE, "crescent-caseworker"))["consentRequestsMade"]
    assert [(each["person"], each["state"]) for each in made] == [(None, "OPEN")] * 2


async def test_the_same_work_is_done_for_a_number_nobody_has(country: Country, tmp_path: Path) -> None:
    receipts = Receipts()
    with reading_databases(receipts):
        async with asking(country, copied(country, tmp_path / "counted")) as hub:
            asked = []
            await hub.data(MARIAM, "crescent-caseworker")  # what is looked up only now and then is looked up here
            for value in (STRANGER, NOBODY):
                receipts.all.clear()
                await changed(hub, SEND, "crescent-caseworker", by_number(value))
                asked.append([each.text for each in receipts.all if "FROM credential" not in each.text])
    assert asked[0] == asked[1]


async def test_a_no_of_a_stranger_looks_like_no_answer_and_a_yes_does_not(quiet: Asking) -> None:
    national = member("mariam").national_number or ""
    first = (await changed(quiet, SEND, "hope-caseworker", by_number(national)))["request"]
    await changed(quiet, NO, "mariam", {"id": first["id"]})
    assert (await quiet.data(MADE, "hope-caseworker"))["consentRequestsMade"][0] == {"id": first["id"], "person": None, "state": "OPEN"}
    second = (await changed(quiet, SEND, "rafidain-caseworker", by_number(national)))["request"]
    await changed(quiet, YES, "mariam", {"input": {"id": second["id"]}})
    ((granted),) = (await quiet.data(MADE, "rafidain-caseworker"))["consentRequestsMade"]
    assert granted["state"] == "GRANTED"
    assert granted["person"] == (await quiet.data(MARIAM, "rafidain-caseworker"))["personByIdentifier"]["id"]


async def test_two_numbers_of_one_person_do_not_meet_and_the_person_is_asked_once(quiet: Asking) -> None:
    await changed(quiet, SEND, "hope-caseworker", by_number(member("mariam").national_number or ""))
    other = await changed(quiet, SEND, "hope-caseworker", wanted(scheme="RATION_CARD", value="2043862/1"))
    assert other["__typename"] == "ConsentRequestSent"
    assert len(await received(quiet)) == 1


# --- no nagging ------------------------------------------------------------------------------------------------------


async def test_who_was_refused_may_not_ask_again_for_a_while(quiet: Asking) -> None:
    """Failure 9.1b of identity."""
    sent = await of_mariam(quiet)
    await changed(quiet, NO, "mariam", {"id": sent["id"]})
    before = await counts(quiet)
    again = await of_mariam(quiet, categories=["NAME"])
    assert again["code"] == "CONFLICT"
    assert "ask again after" in again["hint"]
    assert await counts(quiet) == before
    long_ago = int(datetime.now(UTC).timestamp()) - quiet.hub.consents.rules.rest_days * 86_400 - 1
    async with quiet.hub.database.transaction() as tx:
        await tx.execute(
            quiet.hub.database.prepare(sa.update(consent_request).values(asked_at=long_ago, lapses_at=long_ago + 1, answered_at=long_ago))
        )
    assert (await of_mariam(quiet))["state"] == "OPEN"
    assert [each["state"] for each in await received(quiet)] == ["OPEN", "REFUSED"]


async def test_an_organisation_asks_only_so_many_in_a_day(quiet: Asking) -> None:
    """Failure 9.1c of identity."""
    rules = quiet.hub.consents.rules
    quiet.hub.consents.rules = rules.model_copy(update={"requests_per_day": 2})
    for number in range(2):
        await changed(quiet, SEND, "crescent-caseworker", by_number(f"99000000990{number}"))
    refusal = await changed(quiet, SEND, "crescent-caseworker", by_number("990000009909"))
    assert refusal["code"] == "LIMIT_REACHED"
    assert (await counts(quiet))[0] == 2
    assert (await changed(quiet, SEND, "hope-caseworker", by_number("990000009909")))["__typename"] == "ConsentRequestSent"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"person": "0" * 48}, "UNKNOWN", None),
        ({"person": "x", "scheme": "NATIONAL_NUMBER", "value": NOBODY}, "INVALID", "person"),
        ({}, "INVALID", "person"),
        ({"scheme": "CASE_NUMBER", "value": "CA-000101"}, "INVALID", "scheme"),
        ({"scheme": "NATIONAL_NUMBER", "value": "secret-12"}, "INVALID", "value"),
        ({"scheme": "NATIONAL_NUMBER", "value": NOBODY, "days": 0}, "INVALID", "days"),
        ({"scheme": "NATIONAL_NUMBER", "value": NOBODY, "days": 1831}, "INVALID", "days"),
        ({"scheme": "NATIONAL_NUMBER", "value": NOBODY, "categories": []}, "INVALID", "categories"),
        ({"scheme": "NATIONAL_NUMBER", "value": NOBODY, "mode": "STORE"}, "INVALID", "keepDays"),
    ],
)
async def test_a_request_that_cannot_stand_is_refused_and_nothing_is_written(
    quiet: Asking, changes: dict[str, Any], code: str, field: str | None
) -> None:
    """Failure 9.1d of identity."""
    before = await counts(quiet)
    refusal = await changed(quiet, SEND, "crescent-caseworker", wanted(**changes))
    assert (refusal["__typename"], refusal["code"], refusal["field"]) == ("Refusal", code, field)
    assert "secret" not in str(refusal)
    assert await counts(quiet) == before


async def test_nobody_but_staff_asks_and_nobody_but_people_answer(quiet: Asking) -> None:
    sent = await of_mariam(quiet)
    for document, who, variables in (
        (SEND, "mariam", by_number(NOBODY)),
        (SEND, "new-dawn-caseworker", by_number(NOBODY)),
        (YES, "crescent-caseworker", {"input": {"id": sent["id"]}}),
        (NO, "crescent-caseworker", {"id": sent["id"]}),
        (HERS, "crescent-caseworker", {}),
        (MADE, "mariam", {}),
    ):
        body = await quiet.ask(document, who, variables)
        assert {each["extensions"]["code"] for each in body["errors"]} == {"GRAPHQL_INVALID"}, who


async def test_a_person_who_watches_is_told_of_a_request_and_the_organisation_of_the_answer(quiet: Asking) -> None:
    enquiry = await quiet.hub.enquiry(quiet.keys["mariam"], None)
    with quiet.hub.watching.watch("consent_requested", enquiry) as watcher:
        sent = await of_mariam(quiet)
        assert (await watcher.next(5))["id"] == sent["id"]
    assert "consent_answered" in quiet.hub.outbox.pushed


# --- plain words -----------------------------------------------------------------------------------------------------

NAMES = {"en": "Crescent Aid", "ar": "عون الهلال", "ckb": "یارمەتیی هیلال"}


def test_there_are_words_for_everything_that_can_be_asked_in_every_language() -> None:
    assert list(WHAT) == list(WHY) == list(SAYS) == ["en", "ar", "ckb"]
    assert all(set(words) == set(Category) and all(words.values()) for words in WHAT.values())
    assert len({frozenset(words) for words in WHY.values()}) == len({frozenset(words) for words in SAYS.values()}) == 1


@pytest.mark.parametrize("language", ["ar", "ckb"])
def test_a_text_is_written_in_its_own_script(language: str) -> None:
    for terms in (Terms(), Terms(ConsentMode.STORE, 30, 3, 7), Terms(uses=1)):
        text = texts(NAMES, Purpose.AID_DISTRIBUTION, frozenset(Category), 90, terms, 1_800_000_000)[language]
        assert all(unicodedata.name(letter).startswith("ARABIC") for letter in text if letter.isalpha())


def test_a_text_says_what_whom_why_how_long_and_what_follows_a_no() -> None:
    terms = Terms(ConsentMode.STORE, 30, 3, 7)
    text = texts(NAMES, Purpose.CASE_MANAGEMENT, frozenset({Category.HEALTH, Category.CONTACT}), 90, terms, 1_800_000_000)["en"]
    assert text == (
        "Crescent Aid asks to see: your telephone number; whether you have a disability, and which. "
        "Why: to look after your case. "
        "For how long: 90 days from when you say yes. Then it ends by itself. "
        "They may keep what they saw for 30 days, then they must delete it. "
        "They may look 3 times in every 7 days. "
        "You may say yes, yes to a part, or no. If you say no, they do not see it, and nobody may take anything from you for it. "
        "You can take a yes back at any time. From then on they see nothing more. "
        "If you do nothing, the request ends by itself on 2027-01-15, and they do not see it."
    )


def test_sentences_are_short() -> None:
    for language in SAYS:
        text = texts(NAMES, Purpose.AID_DISTRIBUTION, frozenset({Category.NAME}), 90, Terms(), 1_800_000_000)[language]
        assert max(len(sentence.split()) for sentence in text.replace("!", ".").split(".")) <= 24


def test_days_and_times_are_counted_as_each_language_counts() -> None:
    arabic = [days_in("ar", count) for count in (1, 2, 3, 10, 11, 99, 100, 102, 103, 111)]
    assert arabic == ["يوماً واحداً", "يومين", "3 أيام", "10 أيام", "11 يوماً", "99 يوماً", "100 يوم", "102 يوم", "103 أيام", "111 يوماً"]
    assert [times_in("ar", count) for count in (1, 2, 5, 20)] == ["مرة واحدة", "مرتين", "5 مرات", "20 مرة"]
    assert [days_in("en", 1), days_in("en", 2), times_in("en", 1), times_in("en", 2)] == ["1 day", "2 days", "once", "2 times"]
    assert [days_in("ckb", 3), times_in("ckb", 1)] == ["3 ڕۆژ", "1 جار"]
