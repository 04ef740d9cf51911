"""A person asks for help without a name: helpers see what is assured and never who, one serves, both speak, the person closes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from errors import Invalid
from privacy.keys import KeyRing
from privacy.requests import AidRequest, AidRequests, Message
from resolvers.identity import requests as commands
from resolvers.identity.crowd import BANDS, CLASSES, FLOOR, banded, cell, cells_of, count_crowds, told_in, unserved
from resolvers.identity.wording import cleaned, tells_who
from samples.cast import member
from samples.seeding import People
from tables.database import Database
from tables.identity.requests import aid_request, crowd, request_complaint, request_message
from tables.upgrade import upgrade
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from values import Purpose, Role

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
FOLLOWERS = {"hope-caseworker", "crescent-caseworker", "rafidain-caseworker", "karama-caseworker", "mariam", "umm-hassan"}
"""Who may be a side of a request; for others what is for the sides does not exist."""

ASKERS: set[str] = set()
"""Who asked for something in the test before."""

CAST = ("abbas", "nadia", "duha", "jasim", "salma", "shirin", "khudeda")
SHOWN = """id need urgency governorate district words openness askedOn state helper promisedUntil
  assurances { needClass household unservedSince asOf } messages { side words }"""
RESULT = f"{{ __typename ... on AidRequestMoved {{ aidRequest {{ {SHOWN} }} }} ... on Refusal {{ code message hint field }} }}"
OPEN = "id need urgency governorate district words openness askedOn state"
LIST = f"""query ($n: Code, $u: AidUrgency, $g: Code, $first: Int! = 50, $after: String) {{
  aidRequests(need: $n, urgency: $u, governorate: $g, first: $first, after: $after) {{
    nodes {{ {SHOWN} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
ONE = f"query ($id: ID!) {{ aidRequest(id: $id) {{ {SHOWN} }} }}"


@pytest.fixture(scope="module")
async def open_hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("requests") / "hub")) as opened:
        people = People(opened.hub.database, opened.hub.blinder)
        for name in CAST:
            (number,) = (await people.numbers([member(name).national_number or ""])).values()
            opened.keys[name] = await opened.hub.credentials.issue(name, "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), 0, number)
        await count_crowds(opened.hub)
        yield opened


def written(digits: str, zero: str) -> str:
    """Digits in the script of a zero."""
    return "".join(chr(ord(zero) + int(each)) if each.isdecimal() else each for each in digits)


async def do(hub: Asking, who: str, act: str, **given: Any) -> dict[str, Any]:
    name = act[0].upper() + act[1:]
    kind = name if act in {"open", "promise", "messageSend", "report"} else "Act"
    question = f"mutation ($input: AidRequest{kind}Input!) {{ aidRequest{name}(input: $input) {RESULT} }}"
    return dict((await hub.data(question, who, {"input": given}))[f"aidRequest{name}"])


async def opened(hub: Asking, who: str = "umm-hassan", need: str = "food", **more: Any) -> dict[str, Any]:
    asked = {"need": need, "urgency": "URGENT", "words": "نحتاج إلى حليب للأطفال", **more}
    answer = await do(hub, who, "open", **asked)
    ASKERS.add(who)
    assert answer["__typename"] == "AidRequestMoved", answer
    return dict(answer["aidRequest"])


async def listed(hub: Asking, who: str, **how: Any) -> list[dict[str, Any]]:
    question = LIST if who in FOLLOWERS else LIST.replace(SHOWN, OPEN)
    return list((await hub.data(question, who, how))["aidRequests"]["nodes"])


async def seen(hub: Asking, who: str, words: str, **how: Any) -> dict[str, Any] | None:
    """The request of these words as somebody sees it in the list."""
    return next((each for each in await listed(hub, who, **how) if each["words"] == words), None)


async def rows(hub: Asking, table: sa.Table = aid_request) -> int:
    database = hub.hub.database
    return int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0])


async def ended(hub: Asking, who: str) -> None:
    """Withdraw whatever of a person stands, so that tests do not meet."""
    for each in (await hub.data("{ myAidRequests { id state } }", who))["myAidRequests"]:
        if each["state"] in {"OPENED", "PROMISED", "SERVED"}:
            await do(hub, who, "withdraw", id=each["id"])


@pytest.fixture
async def hub(open_hub: Asking, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """The hub while nobody asks for anything, where tests may ask oftener than people."""
    monkeypatch.setattr(commands, "MOST_A_WEEK", 1000)
    for who in ASKERS:
        await ended(open_hub, who)
    ASKERS.clear()
    return open_hub


# --- from asking to thanks ---------------------------------------------------------------------------------------------


async def test_a_request_goes_from_asking_to_thanks_and_nobody_learns_a_name(hub: Asking) -> None:
    mine = await opened(hub, need="assistive_device", words="كرسي متحرك لابني")
    assert (mine["state"], mine["governorate"], mine["district"]) == ("OPENED", "IQ-BG", None)
    theirs = await seen(hub, "hope-caseworker", "كرسي متحرك لابني")
    assert theirs is not None
    assert theirs["id"] != mine["id"]
    assert theirs["assurances"]["unservedSince"] == mine["assurances"]["unservedSince"] is not None
    promised = (await do(hub, "hope-caseworker", "promise", id=theirs["id"], days=3))["aidRequest"]
    assert (promised["state"], promised["helper"]) == ("PROMISED", "hope-network")
    await do(hub, "hope-caseworker", "messageSend", id=theirs["id"], words="متى نسلّمه؟")
    await do(hub, "umm-hassan", "messageSend", id=mine["id"], words="غداً عند المركز الصحي")
    talk = (await hub.data(ONE, "umm-hassan", {"id": mine["id"]}))["aidRequest"]["messages"]
    assert talk == [{"side": "HELPER", "words": "متى نسلّمه؟"}, {"side": "PERSON", "words": "غداً عند المركز الصحي"}]
    assert (await do(hub, "hope-caseworker", "serve", id=theirs["id"]))["aidRequest"]["state"] == "SERVED"
    assert (await do(hub, "umm-hassan", "confirm", id=mine["id"]))["aidRequest"]["state"] == "CONFIRMED"
    closed = (await do(hub, "umm-hassan", "close", id=mine["id"], words="شكراً لكم"))["aidRequest"]
    assert (closed["state"], closed["messages"][-1]) == ("CLOSED", {"side": "PERSON", "words": "شكراً لكم"})
    steps = "query ($id: ID!) { aidRequestSteps(id: $id) { act state by } }"
    trace = (await hub.data(steps, "umm-hassan", {"id": mine["id"]}))["aidRequestSteps"]
    assert [(each["act"], each["by"]) for each in trace] == [
        ("open", "person"),
        ("promise", "hope-network"),
        ("serve", "hope-network"),
        ("confirm", "person"),
        ("close", "person"),
    ]
    assert (await hub.data(steps, "hope-caseworker", {"id": theirs["id"]}))["aidRequestSteps"] == trace
    everything = json.dumps([theirs, promised, trace], ensure_ascii=False)
    person = (await hub.data("{ me { person { id name } } }", "umm-hassan"))["me"]["person"]
    assert person["id"] not in everything
    assert not any(part in everything for part in person["name"].split())


async def test_a_helper_cannot_tell_a_request_from_its_case_by_any_identifier(hub: Asking) -> None:
    """A request's name resolves to no person, a person's to no request, and two organisations' names of one request are unlike."""
    await opened(hub, words="طلب لا اسم له")
    names = {}
    for who in ("hope-caseworker", "crescent-caseworker"):
        found = await seen(hub, who, "طلب لا اسم له")
        assert found is not None
        names[who] = found["id"]
        assert (await hub.data("query ($id: ID!) { person(id: $id) { id } }", who, {"id": found["id"]}))["person"] is None
        for each in (await hub.data("{ people(first: 20) { id } }", who))["people"]:
            assert (await hub.data(ONE, who, {"id": each["id"]}))["aidRequest"] is None
    assert len(set(names.values())) == 2
    assert (await hub.data(ONE, "hope-caseworker", {"id": names["crescent-caseworker"]}))["aidRequest"] is None


async def test_whoever_looked_at_a_request_stands_in_the_persons_disclosures(hub: Asking) -> None:
    await opened(hub, "nadia", words="دواء للضغط", need="health")
    assert await seen(hub, "hope-caseworker", "دواء للضغط")
    looks = (await hub.data("{ me { person { disclosures(first: 5) { organisation attributes grounds sources } } } }", "nadia"))["me"]
    by_hope = next(each for each in looks["person"]["disclosures"] if each["organisation"] == "hope-network")
    assert by_hope["grounds"] == ["request"]
    assert "AidRequest.words" in by_hope["attributes"]
    assert "AidRequest.needClass" in by_hope["attributes"]


# --- who sees what -----------------------------------------------------------------------------------------------------


async def test_the_person_decides_who_sees_a_request(hub: Asking) -> None:
    """Failure 15.2a of identity."""
    await opened(hub, need="food", openness="ANYONE", words="مفتوح للجميع")
    await opened(hub, need="health", openness="ORGANISATIONS", words="للمنظمات")
    await opened(hub, need="shelter", openness="CHOSEN", organisation="hope-network", words="لواحدة")
    expected = {
        "public": {"مفتوح للجميع"},
        "new-dawn-caseworker": {"مفتوح للجميع"},
        "ministry-analyst": {"مفتوح للجميع"},
        "crescent-caseworker": {"مفتوح للجميع", "للمنظمات"},
        "hope-caseworker": {"مفتوح للجميع", "للمنظمات", "لواحدة"},
        "mariam": {"مفتوح للجميع"},
    }
    for who, words in expected.items():
        assert {each["words"] for each in await listed(hub, who)} == words
    for who in ("public", "new-dawn-caseworker", "ministry-analyst"):
        assert (await hub.fields(who))["AidRequest"] == set(OPEN.split())


async def test_a_place_is_told_as_exactly_as_the_person_wants(hub: Asking) -> None:
    places = {}
    for need, place in (("food", "NONE"), ("health", "GOVERNORATE"), ("shelter", "DISTRICT")):
        await opened(hub, need=need, place=place, words=place)
        found = await seen(hub, "hope-caseworker", place)
        assert found is not None
        places[place] = found["governorate"], found["district"]
    assert places == {"NONE": (None, None), "GOVERNORATE": ("IQ-BG", None), "DISTRICT": ("IQ-BG", "الصدر")}


async def test_lists_are_by_urgency_then_age_filtered_and_paged(hub: Asking) -> None:
    made = [("nadia", "LASTING"), ("mariam", "URGENT"), ("duha", "TEMPORARY"), ("abbas", "URGENT")]
    for who, urgency in made:
        await opened(hub, who, need="hygiene", urgency=urgency, words=f"{who} {urgency}", openness="ANYONE")
    found = await listed(hub, "public", n="hygiene")
    assert [each["urgency"] for each in found] == ["URGENT", "URGENT", "TEMPORARY", "LASTING"]
    assert [each["words"] for each in await listed(hub, "public", n="hygiene", u="TEMPORARY")] == ["duha TEMPORARY"]
    assert [each["words"] for each in await listed(hub, "public", n="hygiene", g="IQ-NA")] == ["mariam URGENT"]
    walked, after = [], None
    while True:
        page = (await hub.data(LIST.replace(SHOWN, OPEN), "public", {"n": "hygiene", "first": 1, "after": after}))["aidRequests"]
        walked += [each["words"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert walked == [each["words"] for each in found]
    body = await hub.ask(LIST, "hope-caseworker", {"after": after})
    assert body["errors"][0]["extensions"]["code"] == "INVALID"


# --- asking ------------------------------------------------------------------------------------------------------------


async def refused(hub: Asking, code: str, field: str | None, **given: Any) -> dict[str, Any]:
    before = await rows(hub), await rows(hub, step)
    asked = {"need": "food", "urgency": "URGENT", "words": "نص", **given}
    answer = await do(hub, "umm-hassan", "open", **asked)
    assert (answer.get("code"), answer.get("field")) == (code, field), answer
    assert (await rows(hub), await rows(hub, step)) == before
    return answer


async def test_words_that_would_tell_who_asks_are_warned_of_and_never_published(hub: Asking) -> None:
    """Failure 15.1b of identity."""
    told = "اتصلوا بي " + written("0770 123 4567", "\u0660")
    for language, part in (("AR", "يكشف من أنت"), ("CKB", "دەریدەخات تۆ کێیت"), ("EN", "tells who you are")):
        assert part in (await refused(hub, "INVALID", "words", words=told, language=language))["hint"]
    await refused(hub, "INVALID", "words", words=told, openness="ANYONE", keepsIdentifiers=True)
    assert (await opened(hub, words=told, keepsIdentifiers=True))["words"] == told


async def test_what_cannot_be_asked_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 15.1a of identity."""
    await refused(hub, "INVALID", "words", words=" \u202e\u200b ")
    await refused(hub, "INVALID", "words", words="م" * 1001)
    await refused(hub, "INVALID", "words", words="م" * 500_000)
    await refused(hub, "INVALID", "need", need="gold")
    await refused(hub, "INVALID", "organisation", openness="CHOSEN")
    await refused(hub, "INVALID", "organisation", organisation="hope-network")
    await refused(hub, "INVALID", "organisation", openness="CHOSEN", organisation="new-dawn")
    await refused(hub, "INVALID", "organisation", openness="CHOSEN", organisation="nobody")


async def test_writing_that_turns_itself_round_is_shown_as_it_reads(hub: Asking) -> None:
    assert (await opened(hub, words="طعام\u202e dlrow \u2066x\u2069"))["words"] == "طعام dlrow x"


async def test_nobody_asks_twice_for_the_same_at_once(hub: Asking) -> None:
    """Failure 15.1c of identity."""
    asked = {"need": "cash", "urgency": "LASTING", "words": "إيجار"}
    ASKERS.update({"mariam", "duha"})
    answers = await asyncio.gather(*(do(hub, "mariam", "open", **asked) for _ in range(4)))
    assert sorted(each.get("code", "") for each in answers) == ["", "CONFLICT", "CONFLICT", "CONFLICT"]
    again = [await do(hub, "duha", "open", **asked, idempotencyKey="k") for _ in range(2)]
    assert again[0] == again[1]
    await do(hub, "duha", "withdraw", id=again[0]["aidRequest"]["id"])
    assert (await opened(hub, "duha", "cash"))["state"] == "OPENED"


async def test_nobody_asks_for_too_much_at_once_or_in_a_week(hub: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failure 15.1d of identity."""
    for need in ("food", "cash", "health", "shelter", "hygiene"):
        await opened(hub, "jasim", need)
    assert (await do(hub, "jasim", "open", need="education", urgency="URGENT", words="نص"))["code"] == "LIMIT_REACHED"
    monkeypatch.setattr(commands, "MOST_A_WEEK", 5)
    await ended(hub, "jasim")
    assert (await do(hub, "jasim", "open", need="education", urgency="URGENT", words="نص"))["code"] == "LIMIT_REACHED"


async def test_only_a_person_asks_and_only_organisations_promise(hub: Asking) -> None:
    """Failure 15.1e of identity, 15.3e of identity."""
    for who, act in (
        ("hope-caseworker", "open"),
        ("public", "open"),
        ("umm-hassan", "promise"),
        ("inspector", "promise"),
        ("new-dawn-caseworker", "promise"),
        ("ministry-analyst", "promise"),
        ("hope-caseworker", "remove"),
    ):
        name = act[0].upper() + act[1:]
        kind = "Act" if act == "remove" else name
        given = {"need": "food", "urgency": "URGENT", "words": "x"} if act == "open" else {"id": "x"}
        body = await hub.ask(
            f"mutation ($input: AidRequest{kind}Input!) {{ aidRequest{name}(input: $input) {RESULT} }}", who, {"input": given}
        )
        assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID", who


# --- promising and serving ---------------------------------------------------------------------------------------------


async def test_of_two_who_promise_at_once_one_does(hub: Asking) -> None:
    """Failure 15.3a of identity."""
    mine = await opened(hub, "abbas", "food", words="واحدة فقط")
    helpers = ("hope-caseworker", "crescent-caseworker", "rafidain-caseworker")
    names = {}
    for who in helpers:
        found = await seen(hub, who, "واحدة فقط")
        assert found is not None
        names[who] = found["id"]
    answers = await asyncio.gather(*(do(hub, who, "promise", id=names[who]) for who in helpers))
    assert sorted(each.get("code", "") for each in answers) == ["", "CONFLICT", "CONFLICT"]
    winner = helpers[[each["__typename"] for each in answers].index("AidRequestMoved")]
    loser = next(each for each in helpers if each != winner)
    assert (await do(hub, loser, "serve", id=names[loser]))["code"] == "UNKNOWN"
    assert (await do(hub, loser, "messageSend", id=names[loser], words="x"))["code"] == "UNKNOWN"
    assert await seen(hub, loser, "واحدة فقط") is None
    trace = await hub.hub.writing.trace(
        commands.thing(hub.hub.identity.requests.number(await hub.hub.enquiry(hub.keys["abbas"], None), mine["id"]))
    )
    assert [each.act for each in trace] == ["open", "promise"]


async def test_a_promise_that_is_not_kept_lapses_and_another_may_promise(hub: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failure 15.3b of identity."""
    await opened(hub, "salma", "shelter", words="خيمة")
    first = await seen(hub, "hope-caseworker", "خيمة")
    assert first is not None
    await do(hub, "hope-caseworker", "promise", id=first["id"], days=2)
    await do(hub, "hope-caseworker", "messageSend", id=first["id"], words="قادمون")
    assert await seen(hub, "crescent-caseworker", "خيمة") is None
    later(hub, monkeypatch, timedelta(days=2, seconds=1))
    second = await seen(hub, "crescent-caseworker", "خيمة")
    assert second is not None
    assert second["state"] == "OPENED"
    taken = (await do(hub, "crescent-caseworker", "promise", id=second["id"]))["aidRequest"]
    assert (taken["state"], taken["messages"]) == ("PROMISED", []), "what another helper wrote is its own"
    assert (await do(hub, "hope-caseworker", "serve", id=first["id"]))["code"] == "UNKNOWN"
    released = (await do(hub, "crescent-caseworker", "release", id=second["id"]))["aidRequest"]
    assert (released["state"], released["helper"]) == ("OPENED", None)


def later(hub: Asking, monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let every enquiry from now on be made later."""
    made = hub.hub.enquiry

    async def shifted(token: str | None, purpose: str | None, now: datetime | None = None) -> Any:
        found = await made(token, purpose, now)
        return replace(found, now=found.now + by)

    monkeypatch.setattr(hub.hub, "enquiry", shifted)


async def test_what_is_not_possible_now_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 15.3c of identity, 15.4a of identity, 15.5a of identity."""
    mine = await opened(hub, "khudeda", "food", words="حصة")
    theirs = await seen(hub, "hope-caseworker", "حصة")
    assert theirs is not None
    before = await rows(hub, step)
    for who, name, act, code in [
        ("khudeda", mine["id"], "confirm", "CONFLICT"),
        ("khudeda", mine["id"], "close", "CONFLICT"),
        ("hope-caseworker", theirs["id"], "serve", "UNKNOWN"),
        ("hope-caseworker", theirs["id"], "release", "UNKNOWN"),
        ("mariam", mine["id"], "withdraw", "UNKNOWN"),
        ("khudeda", theirs["id"], "withdraw", "UNKNOWN"),
        ("khudeda", "0" * 48, "withdraw", "UNKNOWN"),
        ("khudeda", "لا شيء", "withdraw", "UNKNOWN"),
    ]:
        assert (await do(hub, who, act, id=name))["code"] == code
    assert (await do(hub, "khudeda", "messageSend", id=mine["id"], words="هل من أحد؟"))["code"] == "CONFLICT"
    assert (await do(hub, "khudeda", "complain", id=mine["id"]))["code"] == "INVALID"
    assert (await do(hub, "hope-caseworker", "promise", id=theirs["id"], days=31))["code"] == "INVALID"
    assert await rows(hub, step) == before
    await do(hub, "khudeda", "withdraw", id=mine["id"])
    assert (await do(hub, "hope-caseworker", "promise", id=theirs["id"]))["code"] == "UNKNOWN"
    assert (await hub.data(ONE, "hope-caseworker", {"id": theirs["id"]}))["aidRequest"] is None


async def test_served_once_nobody_is_told_it_was_not(hub: Asking) -> None:
    """What one organisation served is no gap for another, which does not learn who served it."""
    await opened(hub, "shirin", "protection", words="قبل")
    before = await seen(hub, "karama-caseworker", "قبل")
    assert before is not None
    assert before["assurances"]["unservedSince"] is not None
    await do(hub, "karama-caseworker", "promise", id=before["id"])
    await do(hub, "karama-caseworker", "serve", id=before["id"])
    mine = (await hub.data("{ myAidRequests { id words } }", "shirin"))["myAidRequests"]
    await do(hub, "shirin", "confirm", id=next(each["id"] for each in mine if each["words"] == "قبل"))
    await opened(hub, "shirin", "protection", words="بعد")
    after = await seen(hub, "hope-caseworker", "بعد")
    assert after is not None
    assert after["assurances"]["unservedSince"] is None
    assert "karama" not in json.dumps(after)


# --- speaking ----------------------------------------------------------------------------------------------------------


async def test_messages_are_between_the_two_sides_and_bounded(hub: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failure 15.4b of identity, 15.4c of identity."""
    mine = await opened(hub, "mariam", "health", words="علاج طبيعي", openness="ANYONE")
    theirs = await seen(hub, "hope-caseworker", "علاج طبيعي")
    assert theirs is not None
    await do(hub, "hope-caseworker", "promise", id=theirs["id"])
    number = "رقمي 0770-1234567"
    assert (await do(hub, "mariam", "messageSend", id=mine["id"], words=number))["field"] == "words"
    assert (await do(hub, "mariam", "messageSend", id=mine["id"], words=number, keepsIdentifiers=True))["__typename"] == "AidRequestMoved"
    assert (await do(hub, "hope-caseworker", "messageSend", id=theirs["id"], words="مركزنا 0780 765 4321"))[
        "__typename"
    ] == "AidRequestMoved"
    by_another = await seen(hub, "crescent-caseworker", "علاج طبيعي")
    assert by_another is None, "promised, so not in the lists of others"
    for who in ("crescent-caseworker", "inspector", "duha"):
        assert (await hub.data("query ($id: ID!) { aidRequest(id: $id) { messages { words } } }", who, {"id": mine["id"]}))[
            "aidRequest"
        ] is None
    monkeypatch.setattr(commands, "MOST_MESSAGES", 2)
    assert (await do(hub, "mariam", "messageSend", id=mine["id"], words="ثانية"))["__typename"] == "AidRequestMoved"
    assert (await do(hub, "mariam", "messageSend", id=mine["id"], words="ثالثة"))["code"] == "LIMIT_REACHED"
    assert (await do(hub, "mariam", "messageSend", id=mine["id"], words="م" * 2001))["code"] == "INVALID"


# --- complaints --------------------------------------------------------------------------------------------------------

COMPLAINTS = "{ aidRequestComplaints { by words request { id state words assurances { needClass } } } }"


async def test_a_complaint_reaches_the_inspectorate_and_names_nobody(hub: Asking) -> None:
    mine = await opened(hub, "nadia", "cash", words="مبلغ للإيجار")
    theirs = await seen(hub, "rafidain-caseworker", "مبلغ للإيجار")
    assert theirs is not None
    await do(hub, "rafidain-caseworker", "promise", id=theirs["id"])
    await do(hub, "rafidain-caseworker", "serve", id=theirs["id"], words="سلّمناه")
    assert (await do(hub, "nadia", "complain", id=mine["id"], words="لم يصل شيء"))["aidRequest"]["state"] == "COMPLAINED"
    every = (await hub.data(COMPLAINTS, "inspector"))["aidRequestComplaints"]
    found = next(each for each in every if each["words"] == "لم يصل شيء")
    assert (found["by"], found["words"], found["request"]["state"]) == (None, "لم يصل شيء", "COMPLAINED")
    assert (await do(hub, "nadia", "close", id=mine["id"]))["aidRequest"]["state"] == "CLOSED"
    for who in ("nadia", "rafidain-caseworker", "public"):
        assert (await hub.ask(COMPLAINTS, who))["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


async def test_what_is_no_request_is_reported_once_and_taken_down(hub: Asking) -> None:
    """Failure 15.5b of identity."""
    mine = await opened(hub, "abbas", "education", words="إعلان تجاري", openness="ANYONE")
    theirs = await seen(hub, "crescent-caseworker", "إعلان تجاري")
    assert theirs is not None
    before = await rows(hub, request_complaint)
    for _ in range(2):
        await do(hub, "crescent-caseworker", "report", id=theirs["id"], words="هذا إعلان")
    assert await rows(hub, request_complaint) == before + 1
    assert (await do(hub, "crescent-caseworker", "report", id=mine["id"], words="x"))["code"] == "UNKNOWN"
    every = (await hub.data(COMPLAINTS, "inspector"))["aidRequestComplaints"]
    found = next(each for each in every if each["words"] == "هذا إعلان")
    assert (found["by"], found["words"]) == ("crescent-aid", "هذا إعلان")
    assert (await do(hub, "inspector", "remove", id=found["request"]["id"]))["aidRequest"]["state"] == "REMOVED"
    assert await seen(hub, "public", "إعلان تجاري") is None
    own = (await hub.data("{ myAidRequests { state words } }", "abbas"))["myAidRequests"]
    assert [each["state"] for each in own if each["words"] == "إعلان تجاري"] == ["REMOVED"]


# --- news --------------------------------------------------------------------------------------------------------------


async def test_both_sides_and_possible_helpers_are_told(hub: Asking) -> None:
    events = hub.hub.watching.events
    number = (await hub.hub.enquiry(hub.keys["duha"], None)).requester.person
    with (
        events.watch("aid_request_opened", "all") as helpers,
        events.watch("aid_request_changed", f"person:{number}") as person,
        events.watch("aid_request_changed", "hope-network") as helper,
    ):
        mine = await opened(hub, "duha", "food", words="خبر")
        assert set(await helpers.next(1)) == {"id"}
        theirs = await seen(hub, "hope-caseworker", "خبر")
        assert theirs is not None
        await do(hub, "hope-caseworker", "promise", id=theirs["id"])
        assert await person.next(1) == await helper.next(1)
        await do(hub, "duha", "messageSend", id=mine["id"], words="أهلاً")
        assert await helper.next(1) is not None


# --- crowds ------------------------------------------------------------------------------------------------------------


async def test_a_description_that_fits_too_few_is_coarsened(hub: Asking) -> None:
    """Failure 15.2b of identity."""
    database = hub.hub.database
    counted: dict[str, int] = dict(await database.fetch(database.prepare(sa.select(crowd.c.cell, crowd.c.people)), rows=1000))
    told = {}
    for need, place in (("food", "NONE"), ("health", "GOVERNORATE"), ("shelter", "DISTRICT")):
        mine = await opened(hub, need=need, place=place, words=place)
        told[place] = mine["assurances"]["needClass"], mine["assurances"]["household"]
    assert counted[cell("", "", "SEVERE", "FIVE_TO_SEVEN")] >= FLOOR > counted[cell("IQ-BG", "", "SEVERE", "FIVE_TO_SEVEN")]
    assert told["NONE"][0] == "SEVERE"
    assert told["GOVERNORATE"] == told["DISTRICT"] == (None, None)


KINDS = [(need, band) for need in ("", *(name for _, name in CLASSES)) for band in ("", *(name for _, name in BANDS))]


@given(st.dictionaries(st.sampled_from(KINDS), st.integers(1, 40)))
def test_whatever_is_told_is_told_of_enough_people_alike(place: dict[tuple[str, str], int]) -> None:
    told = told_in(place)
    assert told.keys() == place.keys()
    sizes: dict[tuple[str, str], int] = {}
    for kind, said in told.items():
        assert said[0] in {"", kind[0]}
        assert said[1] in {"", kind[1]}
        sizes[said] = sizes.get(said, 0) + place[kind]
    assert all(size >= FLOOR for size in sizes.values()) or set(sizes) <= {("", "")}


def test_whom_least_is_told_of_are_a_crowd_too() -> None:
    """Three severe cases among many: to leave out their class alone would say that they are the three."""
    place = {("SEVERE", "ONE"): 3, ("HIGH", "ONE"): 50, ("LOW", "ONE"): 30}
    assert told_in(place) == {("SEVERE", "ONE"): ("", ""), ("HIGH", "ONE"): ("HIGH", "ONE"), ("LOW", "ONE"): ("", "")}


async def test_where_nobody_counted_nothing_is_told(country: Country, tmp_path: Path) -> None:
    async with asking(country, copied(country, tmp_path / "hub")) as hub:
        told = (await opened(hub))["assurances"]
        assert (told["needClass"], told["household"]) == (None, None)
        people, cells = await count_crowds(hub.hub)
        assert people > 400
        assert await rows(hub, crowd) == cells


@given(
    st.dictionaries(st.sampled_from(["governorate", "district"]), st.sampled_from(["a", "b"])),
    st.none() | st.floats(0, 100),
    st.none() | st.integers(1, 12),
)
def test_everybody_is_counted_in_each_place_it_could_tell(place: dict[str, str], score: float | None, size: int | None) -> None:
    cells = cells_of({**place, "need_score": score, "household_size": size})
    assert len(cells) == len({("", ""), (place.get("governorate", ""), ""), (place.get("governorate", ""), place.get("district", ""))})
    assert all(each.endswith(f"|{banded(score, CLASSES)}|{banded(size, BANDS)}") for each in cells)
    assert len(set(cells)) == len(cells)


@pytest.mark.parametrize(
    ("value", "band"), [(None, ""), (0.0, "LOW"), (24.9, "LOW"), (25.0, "MODERATE"), (74.9, "HIGH"), (75.0, "SEVERE"), (100.0, "SEVERE")]
)
def test_a_score_has_one_class(value: float | None, band: str) -> None:
    assert banded(value, CLASSES) == band


@pytest.mark.parametrize(
    ("last", "since"),
    [
        (None, "2025-11-01"),
        ("2025-10-31", "2025-11-01"),
        ("2025-11-01", "2026-05-01"),
        ("2026-08-15", "2026-10-01"),
        ("2026-10-01", None),
        ("2026-11-24", None),
    ],
)
def test_since_when_nobody_served_is_told_by_whole_months(last: str | None, since: str | None) -> None:
    given_ = [] if last is None else [{"kind": "food", "status": "delivered", "allocated_on": last}]
    others = [
        {"kind": "cash", "status": "delivered", "allocated_on": "2026-11-20"},
        {"kind": "food", "status": "planned", "allocated_on": "2026-11-20"},
    ]
    assert unserved("food", [*given_, *others], [], date(2026, 11, 25)) == since
    assert unserved("food", others, [last] if last else [], date(2026, 11, 25)) == since


# --- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "07701234567",
        "0770 123 4567",
        written("07701234567", "\u0660"),
        written("07701234567", "\u06f0"),
        "0770-123-45-67",
        "رقمي:" + written("990000000101", "\u0660"),
        "a@b.iq",
        "https://t.me/x",
        "www.example.iq",
        "0\u200b7701234567",
        written("07701234567", "\uff10"),
        "0ـ7ـ7ـ0ـ1ـ2ـ3ـ4",
    ],
)
def test_what_looks_like_a_number_or_address_of_a_person_is_found(text: str) -> None:
    assert tells_who(f"اكتبوا لي {text} رجاءً")


@pytest.mark.parametrize(
    "text", ["أحتاج 250000 دينار", "1500000 دينار", "أنا عمري ٤٥ وعندي ٦ أولاد", "بيت رقم 12 شارع 40", "2026-11", "لا شيء"]
)
def test_sums_ages_and_days_are_no_identifiers(text: str) -> None:
    assert not tells_who(text)


@given(st.text(max_size=300))
def test_cleaned_words_are_short_visible_and_stay_as_they_are(text: str) -> None:
    try:
        made = cleaned(text, "words", 200)
    except Invalid:
        return
    assert 1 <= len(made) <= 200
    assert not any(each in made for each in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200b\x00")
    assert cleaned(made, "words", 200) == made


# --- the hub's tables --------------------------------------------------------------------------------------------------


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await upgrade(url)
    opened_ = Database.at(url)
    await opened_.open()
    yield opened_
    await opened_.close()


def one(number: int, person: int = 7, need: str = "food", rank: int = 0, **more: Any) -> AidRequest:
    made = AidRequest(
        number, person, need, rank, "IQ-BG", "", "organisations", "", "نص", {"need_class": "HIGH"}, "opened", None, None, 100, 100
    )
    return replace(made, **more)


@EVERYWHERE
async def test_requests_are_kept_moved_and_found_alike_everywhere(database: Database, tmp_path: Path) -> None:
    kept = AidRequests(database, KeyRing.create(tmp_path / "ring.json"))
    async with database.transaction() as tx:
        assert await kept.add(tx, one(5))
        assert not await kept.add(tx, one(6))
        assert await kept.add(tx, one(4, 8, rank=2))
        assert await kept.add(tx, one(3, 9, rank=2, openness="chosen", chosen="hope-network"))
        assert await kept.add(tx, one(2, 9, "cash", rank=1, openness="anyone"))
    everything = {"need": "", "governorate": "", "urgency": -1}
    start = (-1, 0, 0)
    assert [each.number for each in await kept.waiting("hope-network", 100, everything, start, 10)] == [5, 2, 3, 4]
    assert [each.number for each in await kept.waiting("crescent-aid", 100, everything, start, 10)] == [5, 2, 4]
    assert [each.number for each in await kept.waiting("", 100, everything, start, 10)] == [2]
    assert [each.number for each in await kept.waiting("hope-network", 100, everything, (2, 100, 3), 10)] == [4]
    assert [each.number for each in await kept.waiting("hope-network", 100, {**everything, "need": "cash"}, start, 10)] == [2]
    assert [each.number for each in await kept.waiting("hope-network", 100, {**everything, "urgency": 2}, start, 10)] == [3, 4]
    async with database.transaction() as tx:
        held = await kept.held(tx, 5)
        assert held == one(5)
        await kept.move(tx, replace(one(5), state="promised", helper="hope-network", promised_until=200, changed_at=101))
        await kept.write(tx, Message(5, 1, "helper", "hope-network", "أهلاً", 102))
        await kept.complain(tx, 5, "", "لم يصل", 103)
        await kept.complain(tx, 5, "", "مرة أخرى", 104)
    assert [each.number for each in await kept.waiting("crescent-aid", 150, everything, start, 10)] == [2, 4]
    assert [each.number for each in await kept.waiting("crescent-aid", 200, everything, start, 10)] == [5, 2, 4]
    assert [each.number for each in await kept.helped("hope-network", 10)] == [5]
    assert await kept.messages([5, 4]) == [Message(5, 1, "helper", "hope-network", "أهلاً", 102)]
    ((request, by, words, at),) = await kept.complaints(10)
    assert (request.number, by, words, at) == (5, "", "لم يصل", 103)
    async with database.transaction() as tx:
        await kept.move(tx, replace(one(5), state="withdrawn"))
        assert await kept.add(tx, one(6))
        await kept.count(tx, {"|||": 3, "IQ-BG|الصدر||": 2})
        await kept.count(tx, {"|||": 4})
    assert await kept.crowds(["|||", "IQ-BG|الصدر||"]) == {"|||": 4}


async def test_words_sealed_by_a_stolen_version_stay_readable_for_their_sides(tmp_path: Path) -> None:
    await upgrade(f"sqlite:///{tmp_path}/hub.db")
    database = Database.at(f"sqlite:///{tmp_path}/hub.db")
    await database.open()
    ring = KeyRing.create(tmp_path / "ring.json")
    ring.rotate()
    kept = AidRequests(database, ring)
    async with database.transaction() as tx:
        assert await kept.add(tx, one(5))
    ring.rotate()
    ring.retire(2)
    found = await kept.one(5)
    await database.close()
    assert found == one(5)


async def test_a_thief_of_the_tables_reads_no_words(hub: Asking) -> None:
    mine = await opened(hub, "mariam", "health", words="سرّ لا يُقرأ")
    theirs = await seen(hub, "hope-caseworker", "سرّ لا يُقرأ")
    assert theirs is not None
    await do(hub, "hope-caseworker", "promise", id=theirs["id"])
    await do(hub, "mariam", "messageSend", id=mine["id"], words="وهذا أيضاً")
    database = hub.hub.database
    for table in (aid_request, request_message, request_complaint):
        text = repr(await database.fetch(database.prepare(sa.select(*table.c))))
        assert "سرّ" not in text
        assert "وهذا" not in text
        assert "SEVERE" not in text
    assert datetime.now(UTC) > datetime.fromtimestamp(0, UTC)
