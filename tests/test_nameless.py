"""Who asks for help stays unknown until it agrees, or two bodies decide; asking to know tells nothing of whom is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tables.oversight.inspection import glass, opening
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import asked, found, looks, refused, rows, wait

REASON = "The ambulance must know whom to ask for at the gate."
NOTE = "The call was heard by two of us, and she did not answer since."
ASK = """mutation ($input: OpeningAskInput!) { openingAsk(input: $input) {
    ... on OpeningMoved { opening { id kind subject person state } } ... on Refusal { code field } } }"""
DECIDE = """mutation ($input: OpeningDecideInput!) { openingDecide(input: $input) {
    ... on OpeningMoved { opening { state } } ... on Refusal { code field } } }"""
CONCUR = """mutation ($input: OpeningConcurInput!) { openingConcur(input: $input) {
    ... on OpeningMoved { opening { state person subject } } ... on Refusal { code field } } }"""
OPENINGS = "{ openings { id kind subject person state reason } }"
OPEN = """mutation ($input: AidRequestOpenInput!) { aidRequestOpen(input: $input) {
    ... on AidRequestMoved { aidRequest { id } } ... on Refusal { code message } } }"""
ACT = """mutation ($input: AidRequest%sInput!) { aidRequest%s(input: $input) {
    ... on AidRequestMoved { aidRequest { id state } } ... on Refusal { code } } }"""
NAME = "query ($id: ID!) { person(id: $id) { name } }"


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("nameless") / "hub")) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def _withdrawn(hub: Asking) -> AsyncIterator[None]:
    """Withdraw what still stands after a test, so that the next may ask."""
    yield
    for each in (await hub.data("{ myAidRequests { id state } }", "umm-hassan"))["myAidRequests"]:
        if each["state"] in {"OPENED", "PROMISED", "SERVED"}:
            await act(hub, each["id"], "Withdraw", "umm-hassan")


async def requested(hub: Asking, need: str, openness: str = "ORGANISATIONS") -> str:
    """Umm Hassan asks for something; her own id for the request."""
    given = {"need": need, "urgency": "URGENT", "words": f"نحتاج إلى مساعدة {need}", "openness": openness}
    return str((await hub.data(OPEN, "umm-hassan", {"input": given}))["aidRequestOpen"]["aidRequest"]["id"])


async def seen(hub: Asking, need: str, who: str = "hope-caseworker") -> str:
    """Another's id for it, while it waits."""
    question = f'{{ aidRequests(need: "{need}") {{ nodes {{ id }} }} }}'
    ((each,),) = [(await hub.data(question, who))["aidRequests"]["nodes"]]
    return str(each["id"])


async def act(hub: Asking, which: str, name: str, who: str = "hope-caseworker", **given: Any) -> None:
    kind = name if name == "Promise" else "Act"
    answer = await hub.data(ACT % (kind, name), who, {"input": {"id": which, **given}})
    assert "aidRequest" in answer[f"aidRequest{name}"], answer


async def promised(hub: Asking, need: str) -> tuple[str, str]:
    """A request that Hope Network has promised: the person's id for it, and Hope Network's."""
    mine = await requested(hub, need)
    theirs = await seen(hub, need)
    await act(hub, theirs, "Promise", days=3)
    return mine, theirs


async def ask(hub: Asking, subject: str, who: str = "hope-caseworker", **given: Any) -> dict[str, Any]:
    answer = (await hub.data(ASK, who, {"input": {"kind": "aid_request", "subject": subject, "reason": REASON, **given}}))["openingAsk"]
    return dict(answer.get("opening", answer))


async def listed(hub: Asking, who: str, subject: str, at: Any = None) -> dict[str, Any]:
    """The opening about a thing, as somebody reads it."""
    (one,) = [each for each in (await asked(hub, OPENINGS, who, at=at))["openings"] if each["subject"] == subject]
    return dict(one)


async def test_a_helper_learns_a_name_when_the_holder_agrees_and_nothing_before(hub: Asking) -> None:
    mine, theirs = await promised(hub, "food")
    made = await ask(hub, theirs, hours=5)
    assert made | {"id": ""} == {"id": "", "kind": "aid_request", "subject": theirs, "person": None, "state": "ASKED"}
    assert (await listed(hub, "hope-caseworker", theirs))["person"] is None
    assert ["opening"] not in [each["grounds"] for each in await looks(hub, "umm-hassan")]
    holder = await listed(hub, "umm-hassan", mine)
    assert (holder["kind"], holder["reason"], holder["id"] != made["id"]) == ("aid_request", REASON, True)
    done = (await hub.data(DECIDE, "umm-hassan", {"input": {"id": holder["id"], "approve": True}}))["openingDecide"]
    assert done["opening"]["state"] == "OPENED"
    known = (await listed(hub, "hope-caseworker", theirs))["person"]
    assert known is not None
    assert ["opening"] in [each["grounds"] for each in await looks(hub, "umm-hassan")]
    assert (await hub.data(NAME, "hope-caseworker", {"id": known}))["person"]["name"] == "زينب كاظم جاسم الساعدي"
    later = wait(hours=6)
    assert (await listed(hub, "hope-caseworker", theirs, later))["person"] is None


async def test_a_helper_whom_the_holder_refuses_learns_nothing_and_does_not_ask_again(hub: Asking) -> None:
    """Failure 7.1c of oversight."""
    mine, theirs = await promised(hub, "health")
    await ask(hub, theirs)
    assert (await ask(hub, theirs))["code"] == "CONFLICT"
    holder = await listed(hub, "umm-hassan", mine)
    await hub.data(DECIDE, "umm-hassan", {"input": {"id": holder["id"], "approve": False}})
    after = await listed(hub, "hope-caseworker", theirs)
    assert (after["state"], after["person"]) == ("REFUSED", None)
    before = await rows(hub, opening)
    assert (await ask(hub, theirs))["code"] == "CONFLICT"
    assert await rows(hub, opening) == before


async def test_a_refusal_about_one_thing_does_not_tell_whose_another_is(hub: Asking) -> None:
    """Failure 7.1c of oversight: only what was asked about this very thing counts."""
    _, first = await promised(hub, "shelter")
    _, second = await promised(hub, "hygiene")
    await ask(hub, first)
    assert (await ask(hub, second))["state"] == "ASKED"
    hers = await found(hub, "hope-caseworker", "990000000101")
    assert (await ask(hub, hers, kind="person"))["state"] == "ASKED"


async def test_who_does_not_help_cannot_ask_who_it_is(hub: Asking) -> None:
    """Failure 7.1d of oversight."""
    mine = await requested(hub, "education")
    theirs, others = await seen(hub, "education"), await seen(hub, "education", "rafidain-caseworker")
    before = await rows(hub, opening)
    person = await found(hub, "hope-caseworker", "990000000101")
    for subject in (theirs, mine, others, person, "forged", "\u202e", ""):
        assert await ask(hub, subject) == {"code": "UNKNOWN", "field": None}
    await act(hub, theirs, "Promise", days=3)
    assert await ask(hub, others, "rafidain-caseworker") == {"code": "UNKNOWN", "field": None}
    assert await ask(hub, theirs, kind="person") == {"code": "UNKNOWN", "field": None}
    await act(hub, theirs, "Release")
    assert await ask(hub, theirs) == {"code": "UNKNOWN", "field": None}
    assert await rows(hub, opening) == before


async def test_two_bodies_open_a_request_in_the_extreme_case_and_the_second_is_not_shown_who(hub: Asking) -> None:
    await requested(hub, "safety", "ANYONE")
    inspector = await seen(hub, "safety", "inspector")
    second = await seen(hub, "safety", "integrity-officer")
    hers = await found(hub, "inspector", "990000000101")
    broken = await hub.data(
        "mutation ($i: GlassBreakInput!) { glassBreak(input: $i) { ... on GlassBroken { glass { state } } } }",
        "inspector",
        {"i": {"person": hers, "reason": REASON, "categories": ["CONTACT"]}},
    )
    assert broken["glassBreak"]["glass"]["state"] == "OPEN"
    glasses = await rows(hub, glass)
    made = await ask(hub, inspector, "inspector", extreme=True)
    assert (made["state"], made["person"]) == ("ASKED", None)
    theirs = await listed(hub, "integrity-officer", second)
    done = (await hub.data(CONCUR, "integrity-officer", {"input": {"id": theirs["id"], "agree": True, "note": NOTE}}))["openingConcur"]
    assert done["opening"] == {"state": "OPENED", "person": None, "subject": second}
    assert await rows(hub, glass) == glasses + 1, "a glass broken before is no reason to refuse, which would tell who it is"
    assert (await listed(hub, "inspector", inspector))["person"] == hers
    read = (await hub.data("query ($id: ID!) { person(id: $id) { name phone } }", "inspector", {"id": hers}))["person"]
    assert None not in read.values()


async def test_an_inspector_whose_question_is_not_agreed_to_learns_nothing(hub: Asking) -> None:
    await requested(hub, "protection", "ANYONE")
    inspector, second = await seen(hub, "protection", "inspector"), await seen(hub, "protection", "integrity-officer")
    await ask(hub, inspector, "inspector", extreme=True)
    assert await refused(hub, ASK, "inspector", {"kind": "aid_request", "subject": inspector, "reason": REASON, "extreme": True}) == (
        "CONFLICT",
        None,
    )
    theirs = await listed(hub, "integrity-officer", second)
    await hub.data(CONCUR, "integrity-officer", {"input": {"id": theirs["id"], "agree": False, "note": NOTE}})
    after = await listed(hub, "inspector", inspector)
    assert (after["state"], after["person"]) == ("REFUSED", None)
