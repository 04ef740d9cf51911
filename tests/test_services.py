"""What beneficiaries see of their own cases, where they collect, and what becomes of their appeals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from samples.cast import member
from samples.seeding import People
from schema.door.door import Request
from tables.aid import appeal, collection
from tables.identity import own_case, person
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import rows, wait
from tests.test_giving import EVERYWHERE, TODAY, Desk
from tests.test_queue import ASSESS
from values import Purpose, Role

SOON = (date.fromisoformat(TODAY) + timedelta(days=7)).isoformat()
TEXT = "My family was left out although nothing has changed for us."
WHY = "The list was wrong; the family is on the next one."
CASES = """{ myCases { organisation needs { need points since }
    toCollect { id kind amount currency status: allocatedOn collection { place hours beginsOn endsOn } voucherEndsOn } } }"""
ANNOUNCE = """mutation ($input: CollectionAnnounceInput!) { collectionAnnounce(input: $input) {
    ... on CollectionAnnounced { collection { place hours beginsOn endsOn } } ... on Refusal { code field hint } } }"""
APPEAL = "appeal { id kind state organisation person allocation need text answer body dueAt trace { act state organisation } }"
FILE = f"""mutation ($input: AppealFileInput!) {{ appealFile(input: $input) {{
    ... on AppealFiled {{ {APPEAL} }} ... on Refusal {{ code field hint }} }} }}"""
MOVE = {
    name: f"mutation ($input: Appeal{name}Input!) {{ appeal{name}(input: $input) {{ ... on AppealMoved {{ {APPEAL} }} "
    "... on Refusal { code field hint } } }"
    for name in ("Answer", "Carry", "Withdraw", "Decide")
}
APPEALS = "{ appeals { id state organisation person text answer body } }"
COUNTS = "{ appealsOverdue { organisation filed waiting overdue granted } }"


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of its own, in which two of the cast have credentials."""
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        for name in ("umm-hassan", "abu-karrar"):
            number = member(name).national_number or ""
            (found,) = (await People(opened.hub.database, opened.hub.blinder).numbers([number])).values()
            opened.keys[name] = await opened.hub.credentials.issue(name, "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), 0, found)
        yield opened


@pytest.fixture
async def elsewhere(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over a database of another kind, with one case of Crescent Aid."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        database, issue = opened.hub.database, opened.hub.credentials.issue
        async with database.transaction() as tx:
            await tx.execute_many(database.prepare(sa.insert(person)), [{"number": 1, "household": 1}])
            case = {"organisation": "crescent-aid", "position": "1", "person": 1}
            await tx.execute_many(database.prepare(sa.insert(own_case)), [case])
        now = int(datetime.now(UTC).timestamp())
        own_work = (Purpose.AID_DISTRIBUTION,)
        opened.keys["crescent-manager"] = await issue("crescent-manager", "staff", "crescent-aid", Role.MANAGER, own_work, now, None)
        opened.keys["inspector"] = await issue("inspector", "staff", "inspectorate", Role.INSPECTOR, (Purpose.OVERSIGHT,), now, None)
        opened.keys["umm-hassan"] = await issue("umm-hassan", "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), now, 1)
        yield opened


async def planned(hub: Asking, who: str = "crescent-manager") -> tuple[Desk, str, str]:
    """A desk, its programme, and what it planned for Umm Hassan."""
    desk = Desk(hub, who)
    _, programme = await desk.means()
    found = await hub.data('{ personByIdentifier(scheme: CASE_NUMBER, value: "CA-000101") { id } }', who)
    made = await desk.record(programme, found["personByIdentifier"]["id"])
    return desk, programme, made["allocation"]["id"]


async def cases(hub: Asking, who: str = "umm-hassan") -> dict[str, Any]:
    """The own cases of somebody, by organisation."""
    return {each["organisation"]: each for each in (await hub.data(CASES, who))["myCases"]}


async def did(hub: Asking, mutation: str, who: str, at: datetime | None = None, **given: Any) -> dict[str, Any]:
    """The appeal that a mutation answers with, or its refusal."""
    enquiry = await hub.hub.enquiry(hub.keys.get(who), None, at)
    body = (await hub.door.answer(Request(mutation, None, {"input": given}), enquiry)).body
    assert "errors" not in body, body["errors"]
    (answer,) = body["data"].values()
    return dict(answer.get("appeal", answer))


async def filed(hub: Asking, **more: Any) -> dict[str, Any]:
    """An appeal of Umm Hassan to the Crescent."""
    return await did(hub, FILE, "umm-hassan", **{"organisation": "crescent-aid", "text": TEXT, **more})


async def mine(hub: Asking, who: str) -> list[dict[str, Any]]:
    """The appeals that somebody reads."""
    return list((await hub.data(APPEALS, who))["appeals"])


# --- own cases -------------------------------------------------------------------------------------------------------


async def test_a_person_reads_what_was_assessed_and_what_waits_where(hub: Asking) -> None:
    desk, programme, allocation = await planned(hub)
    before = (await cases(hub))["crescent-aid"]
    assert [(each["kind"], each["amount"], each["collection"]) for each in before["toCollect"]] == [("cash", 50_000, None)]
    assert before["toCollect"][0]["id"] != allocation
    said = {"place": "School of Ninawa Street", "hours": "9 to 13", "beginsOn": TODAY, "endsOn": SOON}
    assert (await desk.did(ANNOUNCE, input={"programme": programme, **said}))["collection"] == said
    assert (await cases(hub))["crescent-aid"]["toCollect"][0]["collection"] == said
    later = {**said, "place": "Hall of the society", "hours": None}
    await desk.did(ANNOUNCE, input={"programme": programme, **later})
    assert (await cases(hub))["crescent-aid"]["toCollect"][0]["collection"] == later


async def test_a_person_reads_its_needs_as_assessed_and_its_voucher(hub: Asking) -> None:
    desk, _, allocation = await planned(hub)
    issued = "mutation ($id: ID!, $ends: Day!) { voucherIssue(input: {allocation: $id, endsOn: $ends}) { __typename } }"
    await hub.data(issued, desk.who, {"id": allocation, "ends": SOON})
    found = await hub.data('{ personByIdentifier(scheme: CASE_NUMBER, value: "CA-000101") { id } }', desk.who)
    given = {"person": found["personByIdentifier"]["id"], "need": "CASH", "on": TODAY}
    given["answers"] = [{"code": "gap", "value": 0.5}, {"code": "dependants", "value": 2}]
    assessed = await desk.did(ASSESS, input=given)
    own = (await cases(hub))["crescent-aid"]
    assert own["toCollect"][0]["voucherEndsOn"] == SOON
    (need,) = [each for each in own["needs"] if each["need"] == "cash"]
    assert need["points"] == assessed["assessment"]["points"]
    assert need["since"] <= TODAY


async def test_what_was_handed_over_or_returned_waits_no_more(hub: Asking) -> None:
    desk, _, allocation = await planned(hub)
    await desk.did("mutation ($id: ID!) { allocationDeliver(input: {allocation: $id}) { __typename } }", id=allocation)
    assert (await cases(hub))["crescent-aid"]["toCollect"] == []


async def test_nobody_else_reads_somebodys_cases(hub: Asking) -> None:
    """Failure 13.2a of aid."""
    await planned(hub)
    assert all(not each["toCollect"] for each in (await cases(hub, "abu-karrar")).values())
    for who in ("public", "crescent-manager", "crescent-caseworker", "inspector"):
        assert "myCases" not in (await hub.fields(who))["Query"]


async def test_reading_one_s_own_cases_is_recorded_as_every_other_look(hub: Asking) -> None:
    await planned(hub)
    await cases(hub)
    looked = "{ me { person { disclosures(first: 5) { role attributes } } } }"
    seen = (await hub.data(looked, "umm-hassan"))["me"]["person"]["disclosures"]
    assert ["OwnCase.needs", "OwnCase.organisation", "OwnCase.toCollect"] in [sorted(each["attributes"]) for each in seen]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"place": ""}, ("INVALID", "place")),
        ({"place": "x" * 201}, ("INVALID", "place")),
        ({"place": "hall\u202egnp"}, ("INVALID", "place")),
        ({"hours": "h" * 121}, ("INVALID", "hours")),
        ({"beginsOn": "2019-01-01"}, ("INVALID", "beginsOn")),
        ({"endsOn": "2019-01-01"}, ("INVALID", "endsOn")),
        ({"beginsOn": SOON, "endsOn": TODAY}, ("INVALID", "endsOn")),
        ({"endsOn": "2090-01-01"}, ("INVALID", "endsOn")),
        ({"programme": "nothing"}, ("UNKNOWN", "programme")),
    ],
)
async def test_what_cannot_be_announced_is_refused(given: dict[str, Any], refused: tuple[str, str], hub: Asking) -> None:
    """Failure 13.1a of aid. Failure 13.1b of aid."""
    desk, programme, _ = await planned(hub)
    answer = await desk.did(ANNOUNCE, input={"programme": programme, "place": "hall", "beginsOn": TODAY, "endsOn": SOON, **given})
    assert (answer["code"], answer["field"]) == refused
    assert answer["hint"]
    assert await rows(hub, collection) == 0


async def test_another_organisations_programme_is_announced_by_nobody_else(hub: Asking) -> None:
    """Failure 13.1b of aid."""
    _, programme, _ = await planned(hub)
    given = {"programme": programme, "place": "hall", "beginsOn": TODAY, "endsOn": SOON}
    assert (await Desk(hub, "hope-manager").did(ANNOUNCE, input=given))["code"] == "UNKNOWN"


# --- appeals ---------------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_collecting_and_appealing_hold_on_every_database(elsewhere: Asking) -> None:
    desk = Desk(elsewhere)
    _, programme = await desk.means()
    (someone,) = await desk.people(1)
    await desk.record(programme, someone)
    said = {"place": "مدرسة شارع نينوى", "hours": "9–13", "beginsOn": TODAY, "endsOn": SOON}
    for place in (said["place"], "hall"):
        await desk.did(ANNOUNCE, input={"programme": programme, **said, "place": place})
    (waiting,) = (await cases(elsewhere))["crescent-aid"]["toCollect"]
    assert waiting["collection"] == {**said, "place": "hall"}
    given = {"organisation": "crescent-aid", "allocation": waiting["id"], "text": TEXT}
    both = await asyncio.gather(*(did(elsewhere, FILE, "umm-hassan", **given) for _ in range(2)))
    assert sorted(each.get("code", "") for each in both) == ["", "CONFLICT"]
    (made,) = (each for each in both if "id" in each)
    (theirs,) = await mine(elsewhere, "crescent-manager")
    await did(elsewhere, MOVE["Answer"], "crescent-manager", id=theirs["id"], uphold=False, text=WHY)
    await did(elsewhere, MOVE["Carry"], "umm-hassan", id=made["id"])
    (seen,) = await mine(elsewhere, "inspector")
    decided = await did(elsewhere, MOVE["Decide"], "inspector", id=seen["id"], overrule=False, text=WHY)
    assert (decided["state"], len(decided["trace"])) == ("CONFIRMED", 4)
    assert (await elsewhere.data(COUNTS, "inspector"))["appealsOverdue"][0]["granted"] == 0


async def test_an_appeal_is_answered_dismissed_carried_on_and_decided(hub: Asking) -> None:
    _, _, allocation = await planned(hub)
    waiting = (await cases(hub))["crescent-aid"]["toCollect"][0]["id"]
    made = await filed(hub, allocation=waiting, kind="COMPLAINT")
    assert (made["state"], made["kind"], made["allocation"]) == ("FILED", "COMPLAINT", waiting)
    (theirs,) = await mine(hub, "crescent-manager")
    assert theirs["id"] != made["id"]
    assert theirs["text"] == TEXT
    answered = await did(hub, MOVE["Answer"], "crescent-manager", id=theirs["id"], uphold=False, text=WHY)
    assert (answered["state"], answered["allocation"]) == ("DISMISSED", allocation)
    carried = await did(hub, MOVE["Carry"], "umm-hassan", id=made["id"], text="What they answer is not what happened to us.")
    assert (carried["state"], carried["body"]) == ("CARRIED_ON", "inspectorate")
    assert carried["text"] == f"{TEXT}\n\nWhat they answer is not what happened to us."
    (seen,) = await mine(hub, "inspector")
    decided = await did(hub, MOVE["Decide"], "inspector", id=seen["id"], overrule=True, text="The family was entitled; give it its place.")
    assert (decided["state"], decided["dueAt"]) == ("OVERRULED", None)
    assert [each["act"] for each in decided["trace"]] == ["file", "dismiss", "carry", "overrule"]
    assert (await hub.data(COUNTS, "inspector"))["appealsOverdue"] == [
        {"organisation": "crescent-aid", "filed": 1, "waiting": 0, "overdue": 0, "granted": 1}
    ]
    assert {each["state"] for who in ("umm-hassan", "crescent-caseworker") for each in await mine(hub, who)} == {"OVERRULED"}


async def test_what_nobody_answers_in_time_may_be_carried_on(hub: Asking) -> None:
    """Failure 14.3a of aid."""
    made = await filed(hub)
    early = await did(hub, MOVE["Carry"], "umm-hassan", id=made["id"])
    assert early["code"] == "CONFLICT"
    late = await did(hub, MOVE["Carry"], "umm-hassan", wait(days=31), id=made["id"])
    assert late["state"] == "CARRIED_ON"


async def test_what_was_dismissed_is_final_after_its_days(hub: Asking) -> None:
    """Failure 14.3b of aid."""
    made = await filed(hub)
    (theirs,) = await mine(hub, "crescent-manager")
    await did(hub, MOVE["Answer"], "crescent-manager", id=theirs["id"], uphold=False, text=WHY)
    assert (await did(hub, MOVE["Carry"], "umm-hassan", wait(days=61), id=made["id"]))["code"] == "CONFLICT"


async def test_overdue_appeals_are_counted_for_inspectors(hub: Asking) -> None:
    await filed(hub)
    enquiry = await hub.hub.enquiry(hub.keys["inspector"], None, wait(days=31))
    counted = (await hub.door.answer(Request(COUNTS, None, None), enquiry)).body["data"]["appealsOverdue"]
    assert [(each["waiting"], each["overdue"]) for each in counted] == [(1, 1)]


async def test_an_appeal_is_withdrawn_by_its_person(hub: Asking) -> None:
    made = await filed(hub)
    assert (await did(hub, MOVE["Withdraw"], "umm-hassan", id=made["id"]))["state"] == "WITHDRAWN"
    (theirs,) = await mine(hub, "crescent-manager")
    assert (await did(hub, MOVE["Answer"], "crescent-manager", id=theirs["id"], uphold=True, text=WHY))["code"] == "CONFLICT"


async def test_two_answers_at_once_are_one(hub: Asking) -> None:
    await filed(hub)
    (theirs,) = await mine(hub, "crescent-manager")
    given = {"id": theirs["id"], "text": WHY}
    both = await asyncio.gather(*(did(hub, MOVE["Answer"], "crescent-manager", uphold=right, **given) for right in (True, False)))
    assert sorted("code" in each for each in both) == [False, True]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"text": "no"}, ("INVALID", "text")),
        ({"text": "word " * 30}, ("INVALID", "text")),
        ({"text": "x" * 4001}, ("INVALID", "text")),
        ({"organisation": "nobody"}, ("UNKNOWN", "organisation")),
        ({"organisation": "new-dawn"}, ("UNKNOWN", "organisation")),
        ({"allocation": "nothing"}, ("UNKNOWN", "allocation")),
        ({"need": "GOLD"}, ("INVALID", "need")),
        ({"need": "FOOD", "allocation": "nothing"}, ("INVALID", "need")),
    ],
)
async def test_what_is_no_appeal_is_refused(given: dict[str, Any], refused: tuple[str, str], hub: Asking) -> None:
    """Failure 14.1a of aid. Failure 14.1b of aid."""
    before = await rows(hub, step)
    answer = await filed(hub, **given)
    assert (answer["code"], answer["field"]) == refused
    assert answer["hint"]
    assert (await rows(hub, appeal), await rows(hub, step)) == (0, before)


async def test_an_allocation_of_somebody_else_is_nothing_to_appeal_about(hub: Asking) -> None:
    """Failure 14.1b of aid."""
    await planned(hub)
    waiting = (await cases(hub))["crescent-aid"]["toCollect"][0]["id"]
    number = hub.hub.pseudonyms.resolve((await hub.hub.enquiry(hub.keys["umm-hassan"], None)).requester.receiver, waiting, "waiting")
    enquiry = await hub.hub.enquiry(hub.keys["abu-karrar"], None)
    assert number is not None
    for given in (waiting, hub.hub.identifier(enquiry, "waiting")(number)):
        answer = await did(hub, FILE, "abu-karrar", organisation="crescent-aid", allocation=given, text=TEXT)
        assert (answer["code"], answer["field"]) == ("UNKNOWN", "allocation")


async def test_about_one_thing_one_appeal_is_open_and_ten_in_all(hub: Asking) -> None:
    """Failure 14.1c of aid."""
    await filed(hub)
    assert (await filed(hub))["code"] == "CONFLICT"
    kinds = ("CASH", "FOOD", "SHELTER", "HEALTH", "EDUCATION", "PROTECTION", "ASSISTIVE_DEVICE", "HYGIENE")
    for need in kinds:
        assert (await filed(hub, need=need))["state"] == "FILED"
    assert (await filed(hub, need="CASH", organisation="hope-network"))["state"] == "FILED"
    assert (await filed(hub, need="FOOD", organisation="hope-network"))["code"] == "LIMIT_REACHED"


async def test_a_key_files_once(hub: Asking) -> None:
    first, again = await filed(hub, idempotencyKey="k"), await filed(hub, idempotencyKey="k")
    assert first["id"] == again["id"]
    assert (await filed(hub, idempotencyKey="k", need="FOOD"))["code"] == "CONFLICT"
    assert await rows(hub, appeal) == 1


async def test_appeals_are_apart_for_each_party(hub: Asking) -> None:
    """Failure 14.2a of aid."""
    made = await filed(hub)
    (theirs,) = await mine(hub, "crescent-manager")
    for who in ("abu-karrar", "hope-manager", "inspector", "inspector-2"):
        assert await mine(hub, who) == []
    for name in (made["id"], theirs["id"], "nothing"):
        assert (await did(hub, MOVE["Answer"], "hope-manager", id=name, uphold=True, text=WHY))["code"] == "UNKNOWN"
        assert (await did(hub, MOVE["Withdraw"], "abu-karrar", id=name))["code"] == "UNKNOWN"
        assert (await did(hub, MOVE["Decide"], "inspector", id=name, overrule=True, text=WHY))["code"] == "UNKNOWN"
    assert (await mine(hub, "umm-hassan"))[0]["state"] == "FILED"
    assert made["person"] != theirs["person"]


async def test_an_inspectorate_hears_no_appeal_about_itself_or_of_nobody(hub: Asking) -> None:
    """Failure 14.3c of aid."""
    made = await filed(hub)
    for body in ("crescent-aid", "nobody"):
        answer = await did(hub, MOVE["Carry"], "umm-hassan", wait(days=31), id=made["id"], body=body)
        assert (answer["code"], answer["field"]) == ("INVALID", "body")


async def test_what_people_wrote_lies_sealed(hub: Asking) -> None:
    await filed(hub)
    (row,) = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(appeal.c.text, appeal.c.due_at, appeal.c.filed_at)))
    assert "family" not in row[0]
    assert row[1] - row[2] == hub.hub.settings.hub.appeals.answer_days * 86_400
    assert datetime.fromtimestamp(row[2], UTC).date().isoformat() >= TODAY
