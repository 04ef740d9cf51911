"""Glass opens one person's named categories to one officer for some hours; an identity opens by its holder or by two bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tables.oversight.inspection import glass, opening
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import asked, found, looks, refused, rows, wait

REASON = "Her life is said to be in danger and nobody can reach her."
NOTE = "The hospital confirmed that the call was made."
NUMBER, OTHER = "990000000101", "990000000141"
BREAK = """mutation ($input: GlassBreakInput!) { glassBreak(input: $input) {
    ... on GlassBroken { glass { id state organisation notified categories endsAt toldAt } } ... on Refusal { code field } } }"""
ACT = """mutation ($id: ID!) { %s(input: {id: $id}) { ... on GlassMoved { glass { state endsAt toldAt } } ... on Refusal { code } } }"""
REVIEW = """mutation ($input: GlassReviewInput!) { glassReview(input: $input) {
    ... on GlassMoved { glass { state note trace { act state organisation } } } ... on Refusal { code field } } }"""
LIST = "{ glasses { id person state reason delayBasis note trace { act } } }"
ASK = """mutation ($input: OpeningAskInput!) { openingAsk(input: $input) {
    ... on OpeningMoved { opening { id state person body endsAt } } ... on Refusal { code field } } }"""
DECIDE = """mutation ($input: OpeningDecideInput!) { openingDecide(input: $input) {
    ... on OpeningMoved { opening { state person trace { act organisation } } } ... on Refusal { code field } } }"""
CONCUR = """mutation ($input: OpeningConcurInput!) { openingConcur(input: $input) {
    ... on OpeningMoved { opening { state trace { act organisation } } } ... on Refusal { code field } } }"""
OPENINGS = "{ openings { id state person reason organisation } }"


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def unchanged(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub in which everything is refused."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("glass") / "hub")) as opened:
        yield opened


async def broken(hub: Asking, who: str = "inspector", number: str = NUMBER, **given: Any) -> dict[str, Any]:
    asked_ = {"person": await found(hub, who, number), "reason": REASON, **given}
    answer = (await hub.data(BREAK, who, {"input": asked_}))["glassBreak"]
    return dict(answer.get("glass", answer))


async def read(hub: Asking, who: str = "inspector", number: str = NUMBER, at: Any = None) -> dict[str, Any]:
    question = f'{{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "{number}") {{ phone nationalNumber motherName }} }}'
    return dict((await asked(hub, question, who, at=at))["personByIdentifier"])


NOTHING = {"phone": None, "nationalNumber": None, "motherName": None}


async def test_glass_opens_what_it_names_of_one_person_to_one_officer_for_its_time(hub: Asking) -> None:
    """Failure 6.3a of oversight."""
    assert await read(hub) == NOTHING
    await broken(hub, categories=["IDENTIFIERS", "CONTACT"], hours=2)
    assert await read(hub) == {"phone": "07000000101", "nationalNumber": NUMBER, "motherName": None}
    for who, number, at in (("inspector", OTHER, None), ("inspector-2", NUMBER, None), ("inspector", NUMBER, wait(hours=2, seconds=1))):
        assert await read(hub, who, number, at) == NOTHING


async def test_what_glass_does_not_open_is_not_asked_of_its_source(hub: Asking) -> None:
    """Failure 6.3a of oversight."""
    await broken(hub, categories=["CONTACT"])
    question = f'{{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "{NUMBER}") {{ phone nationalNumber }} }}'
    asks = (await hub.ask(question, "inspector"))["extensions"]["plan"]
    assert {name for ask in asks for name in ask["attributes"]} == {"phone"}


async def test_the_person_is_told_at_once_and_reads_it_among_the_looks(hub: Asking) -> None:
    made = await broken(hub)
    assert (made["notified"], made["state"], len(made["categories"])) == ("integrity-commission", "OPEN", 11)
    await read(hub)
    (newest, *_) = await looks(hub, "umm-hassan")
    assert (newest["manner"], "break_glass" in newest["grounds"], "Person.nationalNumber" in newest["attributes"]) == (
        "BREAK_GLASS",
        True,
        True,
    )
    (mine,) = (await hub.data(LIST, "umm-hassan"))["glasses"]
    assert (mine["state"], mine["reason"]) == ("OPEN", REASON)
    (theirs,) = (await hub.data(LIST, "integrity-officer"))["glasses"]
    assert theirs["id"] != mine["id"]
    assert (await hub.data(LIST, "mariam"))["glasses"] == []


async def test_a_legal_delay_hides_the_looks_until_it_is_over_or_the_second_body_ends_it(hub: Asking) -> None:
    made = await broken(hub, tellAfter=wait(days=3).isoformat(), delayBasis=REASON)
    await read(hub)
    assert (await hub.data(LIST, "umm-hassan"))["glasses"] == []
    assert "inspectorate" not in {each["organisation"] for each in await looks(hub, "umm-hassan") if each["manner"] == "BREAK_GLASS"}
    after = [each for each in await looks(hub, "umm-hassan", at=wait(days=4)) if each["manner"] == "BREAK_GLASS"]
    assert [each["hiddenBasis"] for each in after] == [REASON]
    assert len((await asked(hub, LIST, "umm-hassan", at=wait(days=4)))["glasses"]) == 1
    assert (await hub.data(ACT % "glassTell", "inspector", {"id": made["id"]}))["glassTell"] == {"code": "NOT_PERMITTED"}
    (theirs,) = (await hub.data(LIST, "integrity-officer"))["glasses"]
    await hub.data(ACT % "glassTell", "integrity-officer", {"id": theirs["id"]})
    assert len((await hub.data(LIST, "umm-hassan"))["glasses"]) == 1


async def test_another_officer_looks_it_over_when_it_is_closed(hub: Asking) -> None:
    """Failure 6.4a of oversight; failure 6.4b of oversight."""
    made = await broken(hub)
    judged = {"id": made["id"], "justified": True, "note": NOTE}
    assert await refused(hub, REVIEW, "inspector", judged) == ("NOT_PERMITTED", None)
    (second,) = (await hub.data(LIST, "inspector-2"))["glasses"]
    assert await refused(hub, REVIEW, "inspector-2", {**judged, "id": second["id"]}) == ("CONFLICT", None)
    assert (await hub.data(ACT % "glassClose", "inspector-2", {"id": second["id"]}))["glassClose"] == {"code": "NOT_PERMITTED"}
    closed = (await hub.data(ACT % "glassClose", "inspector", {"id": made["id"]}))["glassClose"]["glass"]
    assert closed["state"] == "CLOSED"
    assert await read(hub, at=wait(seconds=2)) == NOTHING
    assert await refused(hub, REVIEW, "integrity-officer", judged) == ("UNKNOWN", None)
    (theirs,) = (await hub.data(LIST, "integrity-officer"))["glasses"]
    found_ = (await hub.data(REVIEW, "integrity-officer", {"input": {**judged, "id": theirs["id"], "justified": False}}))["glassReview"][
        "glass"
    ]
    assert (found_["state"], found_["note"]) == ("UNJUSTIFIED", NOTE)
    assert [(each["act"], each["organisation"]) for each in found_["trace"]] == [
        ("break", "inspectorate"),
        ("close", "inspectorate"),
        ("censure", "integrity-commission"),
    ]
    assert await refused(hub, REVIEW, "inspector-2", {**judged, "id": second["id"]}) == ("CONFLICT", None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"hours": 4}, "hours"),
        ({"hours": 0}, "hours"),
        ({"reason": "urgent"}, "reason"),
        ({"reason": "urgent urgent urgent urgent"}, "reason"),
        ({"body": "inspectorate"}, "body"),
        ({"body": "crescent-aid"}, "body"),
        ({"tellAfter": "2999-01-01T00:00:00Z", "delayBasis": REASON}, "tellAfter"),
        ({"tellAfter": "soon", "delayBasis": REASON}, "tellAfter"),
    ],
)
async def test_glass_without_reason_bound_or_witness_stays_whole(given: dict[str, Any], field: str, unchanged: Asking) -> None:
    """Failure 6.1a of oversight."""
    assert await broken(unchanged, **given) == {"code": "INVALID", "field": field}
    assert await rows(unchanged, glass) == 0


async def test_a_delay_without_a_law_breaks_nothing(unchanged: Asking) -> None:
    """Failure 6.1a of oversight; failure 6.1b of oversight."""
    assert await broken(unchanged, tellAfter=wait(days=2).isoformat()) == {"code": "INVALID", "field": "delayBasis"}
    theirs = await found(unchanged, "inspector", NUMBER)
    assert await broken(unchanged, "integrity-officer", person=theirs) == {"code": "UNKNOWN", "field": None}
    assert await rows(unchanged, glass) == 0


async def test_glass_is_broken_once_at_a_time(hub: Asking) -> None:
    """Failure 6.1c of oversight."""
    first = await broken(hub, idempotencyKey="k")
    assert (await broken(hub, idempotencyKey="k"))["id"] == first["id"]
    assert await broken(hub) == {"code": "CONFLICT", "field": None}
    assert await rows(hub, glass) == 1


# --- opening an identity ---------------------------------------------------------------------------------------------


async def ask(hub: Asking, who: str, **given: Any) -> dict[str, Any]:
    answer = (await hub.data(ASK, who, {"input": {"subject": await found(hub, who, NUMBER), "reason": REASON, **given}}))["openingAsk"]
    return dict(answer.get("opening", answer))


async def listed(hub: Asking, who: str, at: Any = None) -> dict[str, Any]:
    (one,) = (await asked(hub, OPENINGS, who, at=at))["openings"]
    return dict(one)


CONSENTS = "{ me { person { consents { receiver categories purpose endsAt withdrawnAt } } } }"


async def named(hub: Asking) -> list[dict[str, Any]]:
    """What Umm Hassan lets Rafidain Relief see."""
    consents = (await hub.data(CONSENTS, "umm-hassan"))["me"]["person"]["consents"]
    return [each for each in consents if each["receiver"] == "rafidain-relief"]


async def test_a_holder_who_approves_consents_to_its_name_for_the_time(hub: Asking) -> None:
    assert await named(hub) == []
    await ask(hub, "rafidain-caseworker", hours=5)
    mine = await listed(hub, "umm-hassan")
    assert (mine["state"], mine["reason"], mine["organisation"]) == ("ASKED", REASON, "rafidain-relief")
    decided = (await hub.data(DECIDE, "umm-hassan", {"input": {"id": mine["id"], "approve": True}}))["openingDecide"]["opening"]
    assert (decided["state"], [each["act"] for each in decided["trace"]]) == ("OPENED", ["ask", "approve"])
    (given,) = await named(hub)
    assert (given["categories"], given["purpose"], given["withdrawnAt"]) == (["NAME"], "AID_DISTRIBUTION", None)
    assert wait(hours=4).isoformat() < given["endsAt"] < wait(hours=6).isoformat()
    assert (await listed(hub, "rafidain-caseworker", at=wait(hours=6)))["state"] == "ENDED"


TAKE_BACK = "mutation ($id: ID!) { consentWithdraw(input: {id: $id}) { __typename } }"


async def test_an_opening_whose_consent_is_taken_back_is_open_no_more(hub: Asking) -> None:
    """Failure 7.2c of oversight."""
    await ask(hub, "rafidain-caseworker", hours=5)
    mine = await listed(hub, "umm-hassan")
    await hub.data(DECIDE, "umm-hassan", {"input": {"id": mine["id"], "approve": True}})
    consents = (await hub.data("{ me { person { consents { id receiver } } } }", "umm-hassan"))["me"]["person"]["consents"]
    for each in consents:  # those that opened nothing change nothing
        if each["receiver"] != "rafidain-relief":
            await hub.data(TAKE_BACK, "umm-hassan", {"id": each["id"]})
    assert (await listed(hub, "umm-hassan"))["state"] == "OPENED"
    (given,) = [each["id"] for each in consents if each["receiver"] == "rafidain-relief"]
    for _ in range(2):
        await hub.data(TAKE_BACK, "umm-hassan", {"id": given})
    for who in ("umm-hassan", "rafidain-caseworker"):
        assert (await listed(hub, who))["state"] == "TAKEN_BACK"
        ((taken),) = (await hub.data("{ openings { trace { act state role } } }", who))["openings"]
        assert taken["trace"][-1] == {"act": "take_back", "state": "taken_back", "role": "person"}
    assert (await listed(hub, "umm-hassan", at=wait(hours=6)))["state"] == "TAKEN_BACK"
    assert await ask(hub, "rafidain-caseworker", hours=5) == {"code": "CONFLICT", "field": None}


async def test_a_consent_that_is_taken_back_when_its_opening_is_over_leaves_it_ended(hub: Asking) -> None:
    await ask(hub, "rafidain-caseworker", hours=5)
    mine = await listed(hub, "umm-hassan")
    await hub.data(DECIDE, "umm-hassan", {"input": {"id": mine["id"], "approve": True}})
    consents = (await hub.data("{ me { person { consents { id receiver } } } }", "umm-hassan"))["me"]["person"]["consents"]
    (given,) = [each["id"] for each in consents if each["receiver"] == "rafidain-relief"]
    await asked(hub, TAKE_BACK, "umm-hassan", {"id": given}, at=wait(hours=6))
    assert (await listed(hub, "umm-hassan", at=wait(hours=6)))["state"] == "ENDED"


async def test_an_opening_ends_when_its_officer_closes_the_glass(hub: Asking) -> None:
    await ask(hub, "inspector", extreme=True)
    theirs = await listed(hub, "integrity-officer")
    await hub.data(CONCUR, "integrity-officer", {"input": {"id": theirs["id"], "agree": True, "note": NOTE}})
    assert (await listed(hub, "inspector"))["state"] == "OPENED"
    (broken_,) = (await hub.data(LIST, "inspector"))["glasses"]
    await hub.data(ACT % "glassClose", "inspector", {"id": broken_["id"]})
    for who in ("inspector", "integrity-officer", "umm-hassan"):
        assert (await listed(hub, who))["state"] == "ENDED"


async def test_a_holder_who_refuses_stays_unknown(hub: Asking) -> None:
    """Failure 7.2a of oversight; failure 7.2b of oversight."""
    await ask(hub, "rafidain-caseworker")
    mine, theirs = await listed(hub, "umm-hassan"), await listed(hub, "rafidain-caseworker")
    assert await refused(hub, DECIDE, "mariam", {"id": mine["id"], "approve": True}) == ("UNKNOWN", None)
    refusal = {"id": mine["id"], "approve": False}
    assert (await hub.data(DECIDE, "umm-hassan", {"input": refusal}))["openingDecide"]["opening"]["state"] == "REFUSED"
    assert await refused(hub, DECIDE, "umm-hassan", {**refusal, "approve": True}) == ("CONFLICT", None)
    assert await named(hub) == []
    assert theirs["id"] != mine["id"]


async def test_what_is_not_decided_in_time_opens_nothing(hub: Asking) -> None:
    """Failure 7.2b of oversight."""
    await ask(hub, "rafidain-caseworker")
    mine = await listed(hub, "umm-hassan", at=wait(days=15))
    assert mine["state"] == "EXPIRED"
    given = {"input": {"id": mine["id"], "approve": True}}
    assert (await asked(hub, DECIDE, "umm-hassan", given, at=wait(days=15)))["openingDecide"]["code"] == "CONFLICT"


async def test_two_officers_of_two_bodies_open_an_identity_and_the_holder_is_told(hub: Asking) -> None:
    """Failure 7.3a of oversight; failure 7.3b of oversight."""
    made = await ask(hub, "inspector", extreme=True)
    assert (made["state"], made["body"]) == ("ASKED", "integrity-commission")
    assert (await listed(hub, "umm-hassan"))["state"] == "ASKED"
    agreed = {"agree": True, "note": NOTE}
    for who in ("inspector", "inspector-2"):
        assert await refused(hub, CONCUR, who, {"id": (await listed(hub, who))["id"], **agreed}) == ("NOT_PERMITTED", None)
    assert await read(hub) == NOTHING
    mine = await listed(hub, "umm-hassan")
    assert await refused(hub, DECIDE, "umm-hassan", {"id": mine["id"], "approve": False}) == ("UNKNOWN", None)
    theirs = await listed(hub, "integrity-officer")
    assert theirs["person"] is None
    done = (await hub.data(CONCUR, "integrity-officer", {"input": {"id": theirs["id"], **agreed}}))["openingConcur"]["opening"]
    assert [(each["act"], each["organisation"]) for each in done["trace"]] == [("ask", "inspectorate"), ("concur", "integrity-commission")]
    assert await read(hub) == {"phone": None, "nationalNumber": NUMBER, "motherName": "كريمة عبود"}
    assert await read(hub, "inspector-2") == NOTHING
    assert await read(hub, "integrity-officer") == NOTHING
    assert len((await hub.data(LIST, "umm-hassan"))["glasses"]) == 1
    assert await refused(hub, CONCUR, "integrity-officer", {"id": theirs["id"], **agreed}) == ("CONFLICT", None)


async def test_a_second_officer_who_objects_opens_nothing(hub: Asking) -> None:
    await ask(hub, "inspector", extreme=True)
    theirs = await listed(hub, "integrity-officer")
    done = (await hub.data(CONCUR, "integrity-officer", {"input": {"id": theirs["id"], "agree": False, "note": NOTE}}))["openingConcur"]
    assert done["opening"]["state"] == "REFUSED"
    assert (await read(hub), await rows(hub, glass)) == (NOTHING, 0)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"kind": "nothing"}, ("UNKNOWN", None)),
        ({"subject": "forged"}, ("UNKNOWN", None)),
        ({"reason": "curious"}, ("INVALID", "reason")),
        ({"hours": 25}, ("INVALID", "hours")),
        ({"hours": 2, "extreme": True, "body": "inspectorate"}, ("INVALID", "body")),
        ({"tellAfter": "2030-01-01T00:00:00Z"}, ("INVALID", "tellAfter")),
    ],
)
async def test_a_question_that_cannot_be_asked_is_refused(
    given: dict[str, Any], refusal: tuple[str, str | None], unchanged: Asking
) -> None:
    """Failure 7.1a of oversight; failure 7.1b of oversight."""
    answer = await ask(unchanged, "inspector", **given)
    assert (answer["code"], answer["field"]) == refusal
    assert await rows(unchanged, opening) == 0


async def test_a_caseworker_cannot_go_past_the_holder(unchanged: Asking) -> None:
    """Failure 7.1b of oversight."""
    assert (await ask(unchanged, "rafidain-caseworker", extreme=True))["code"] == "NOT_PERMITTED"
    assert await rows(unchanged, opening) == 0
