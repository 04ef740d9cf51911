"""Organisations register, are decided on and govern their accounts, all through the front door."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa

from errors import LimitReached
from privacy.keys import KeyRing
from privacy.second_factor import PAUSE_SECONDS, PROVEN_SECONDS, SecondFactors
from tables.database import Database
from tables.governance import invitation, organisation, paper, seat, second_factor, workshop
from tables.identity import credential
from tables.upgrade import upgrade
from tables.writing import step
from tests.asking import Asking, asking, copied, elsewhere
from tests.country import Country

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)

APPLY = """mutation($input: OrganisationApplyInput!) { organisationApply(input: $input) {
  ... on OrganisationApplied { organisation key } ... on Refusal { code field hint } } }"""
PAPER = "mutation($input: PaperAddInput!) { paperAdd(input: $input) { ... on PaperAdded { sha256 } ... on Refusal { code field } } }"
DECIDE = """mutation($input: OrganisationDecideInput!) { organisationDecide(input: $input) {
  ... on OrganisationDecided { state version } ... on Refusal { code field hint } } }"""
INVITE = "mutation($input: StaffInviteInput!) { staffInvite(input: $input) { ... on StaffInvited { code } ... on Refusal { code field } } }"
JOIN = "mutation($input: StaffJoinInput!) { staffJoin(input: $input) { ... on StaffJoined { name role key } ... on Refusal { code } } }"
CHANGE = "mutation($input: StaffChangeInput!) { staffChange(input: $input) { ... on StaffChanged { id role } ... on Refusal { code } } }"
END = "mutation($input: StaffEndInput!) { staffEnd(input: $input) { ... on StaffEnded { id } ... on Refusal { code } } }"
BEGIN = "mutation { secondFactorBegin { ... on SecondFactorBegun { secret address } ... on Refusal { code } } }"
PROVE = """mutation($input: SecondFactorProveInput!) { secondFactorProve(input: $input) {
  ... on SecondFactorProven { provenUntil } ... on Refusal { code } } }"""
RESET = "mutation($input: StaffEndInput!) { secondFactorReset(input: $input) { ... on StaffEnded { id } ... on Refusal { code } } }"
DEMAND = """mutation($input: SecondFactorDemandInput!) { secondFactorDemand(input: $input) {
  ... on SecondFactorDemanded { needed } ... on Refusal { code } } }"""
ANNOUNCE = """mutation($input: WorkshopAnnounceInput!) { workshopAnnounce(input: $input) {
  ... on WorkshopChanged { workshop } ... on Refusal { code field } } }"""
TAKE = "mutation($input: WorkshopSeatInput!) { workshopRegister(input: $input) { ... on SeatChanged { state } ... on Refusal { code } } }"
LEAVE = "mutation($input: WorkshopSeatInput!) { workshopLeave(input: $input) { ... on SeatChanged { state } ... on Refusal { code } } }"
CANCEL = """mutation($input: WorkshopCancelInput!) { workshopCancel(input: $input) {
  ... on WorkshopChanged { workshop } ... on Refusal { code } } }"""
MARK = "mutation($input: WorkshopMarkInput!) { workshopMark(input: $input) { ... on SeatChanged { state } ... on Refusal { code } } }"

SUNRISE = {"ar": "جمعية شروق الخيرية", "en": "Sunrise Charity", "kind": "NGO", "registrationNumber": "1I-2015/88"}
GOVERNING = "organisation_governance"
PDF = base64.b64encode(b"%PDF-1.7 a certificate").decode()


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of its own, which may be written to."""
    async with asking(country, copied(country, tmp_path / "copy")) as opened:
        yield opened


async def do(hub: Asking, mutation: str, who: str, said: dict[str, Any] | None = None, purpose: str | None = GOVERNING) -> Any:
    """The one payload of a mutation."""
    data = await hub.data(mutation, who, {"input": said} if said is not None else None, purpose)
    return next(iter(data.values()))


async def applied(hub: Asking, **other: Any) -> str:
    """Register Sunrise, and keep its manager's key under its name."""
    answer = await do(hub, APPLY, "public", {**SUNRISE, **other}, None)
    assert "key" in answer, answer
    hub.keys[answer["organisation"]] = answer["key"]
    return str(answer["organisation"])


async def verified(hub: Asking, name: str, act: str = "VERIFY", version: int = 1) -> Any:
    """Have the accreditor decide."""
    said = {"organisation": name, "decision": act, "reason": "Seen at the register on Monday.", "version": version}
    return await do(hub, DECIDE, "accreditor", said)


async def count(hub: Asking, *tables: sa.Table) -> list[int]:
    """How many rows each table has."""
    database = hub.hub.database
    return [(await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0] for table in tables]


# --- registering -----------------------------------------------------------------------------------------------------


async def test_whoever_registers_has_a_space_at_once_and_sees_nothing_until_verified(hub: Asking) -> None:
    name = await applied(hub)
    assert name == "sunrise-charity"
    listed = await hub.data("{ organisations { id name kind } }", "public")
    assert {"id": name, "name": "Sunrise Charity", "kind": "ngo"} in listed["organisations"]
    me = await hub.data("{ me { role organisation purposes } }", name)
    assert me["me"] == {
        "role": "manager",
        "organisation": name,
        "purposes": ["ORGANISATION_GOVERNANCE", "AID_DISTRIBUTION", "CASE_MANAGEMENT"],
    }
    own = await hub.data("{ ownOrganisation { id state version evidence { source found score traits } steps { act by } } }", name)
    assert own["ownOrganisation"] == {
        "id": name,
        "state": "APPLIED",
        "version": 1,
        "evidence": {"source": "civil-registry", "found": True, "score": 100, "traits": ["same"]},
        "steps": [{"act": "apply", "by": None}],
    }
    assert "caseload" not in (await hub.fields(name, "aid_distribution"))["Query"]
    await verified(hub, name)
    assert "errors" not in await hub.ask("{ me { organisation } }", name)


@pytest.mark.parametrize(
    ("number", "english", "expected"),
    [
        ("1I-2015/88", "Moonlight Charity", {"found": False, "score": 0}),
        ("9Z-9999", "Sunrise Charity", {"found": False, "score": None}),
    ],
    ids=["another name", "an unknown number"],
)
async def test_what_the_register_does_not_confirm_is_kept_as_evidence(hub: Asking, number: str, english: str, expected: Any) -> None:
    """Failure 1.2b of governance."""
    arabic = SUNRISE["ar"] if english.startswith("Sun") else "مؤسسة القمر"
    name = await applied(hub, registrationNumber=number, en=english, ar=arabic)
    own = await hub.data("{ ownOrganisation { evidence { found score } } }", name)
    found = own["ownOrganisation"]["evidence"]
    assert found["found"] is expected["found"]
    assert (found["score"] is None) is (expected["score"] is None)


async def test_a_register_that_is_down_does_not_keep_anybody_from_applying(country: Country, tmp_path: Path) -> None:
    """Failure 1.2a of governance."""
    copied(country, tmp_path / "copy")
    nowhere = {"civil-registry": f"sqlite:///{tmp_path}/nothing.db"}
    async with elsewhere(country, tmp_path / "copy", nowhere, retries=0) as hub:
        name = await applied(hub)
        evidence = (await hub.data("{ ownOrganisation { evidence { source found fault } } }", name))["ownOrganisation"]["evidence"]
    assert evidence == {"source": "civil-registry", "found": None, "fault": "SOURCE_UNAVAILABLE"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"ar": "\N{RIGHT-TO-LEFT OVERRIDE}قلوب"}, "ar"),
        ({"ar": "١٢٣"}, "ar"),
        ({"en": "x" * 500}, "en"),
        ({"en": "أمل"}, "en"),
        ({"registrationNumber": "<script>"}, "registrationNumber"),
        ({"website": "javascript:alert(1)"}, "website"),
    ],
    ids=["turns text", "no letters", "500 letters", "not Latin", "no number", "no address"],
)
async def test_an_application_that_cannot_stand_is_refused_by_its_field(hub: Asking, said: dict[str, str], field: str) -> None:
    """Failure 1.1a of governance."""
    before = await count(hub, organisation, credential, step)
    answer = await do(hub, APPLY, "public", {**SUNRISE, **said}, None)
    assert (answer["code"], answer["field"]) == ("INVALID", field)
    assert answer["hint"]
    assert await count(hub, organisation, credential, step) == before


@pytest.mark.parametrize(
    "said",
    [{"en": "Crescent Aid", "registrationNumber": "7"}, {"registrationNumber": "8-8"}, {"en": "Another Name"}],
    ids=["hub.toml's name", "another's name", "another's number"],
)
async def test_nobody_registers_what_is_anothers(hub: Asking, said: dict[str, str]) -> None:
    """Failure 1.1b of governance."""
    await applied(hub)
    before = await count(hub, organisation, credential, step)
    said = {"registrationNumber": "77", **said} if "en" not in said else said
    answer = await do(hub, APPLY, "public", {**SUNRISE, **said}, None)
    assert answer["code"] in {"CONFLICT", "INVALID"}
    assert await count(hub, organisation, credential, step) == before


async def test_the_same_key_registers_once(hub: Asking) -> None:
    """Failure 1.1c of governance."""
    said = {**SUNRISE, "idempotencyKey": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    first, again = await do(hub, APPLY, "public", said, None), await do(hub, APPLY, "public", said, None)
    assert first == again
    assert (await count(hub, organisation))[0] == 1


async def test_a_key_that_can_be_guessed_is_none_for_who_has_no_credential(hub: Asking) -> None:
    """Whoever sends the same again is given the manager's key: failure 1.1c of governance."""
    for key in ("a1", "registration-1", "x" * 31):
        refused = await do(hub, APPLY, "public", {**SUNRISE, "idempotencyKey": key}, None)
        assert (refused["code"], refused["field"]) == ("INVALID", "idempotencyKey")
    assert (await count(hub, organisation))[0] == 0


async def test_papers_are_sealed_and_read_by_the_organisation_and_accreditors_alone(hub: Asking) -> None:
    """Failure 1.3b of governance."""
    name = await applied(hub)
    digest = (await do(hub, PAPER, name, {"title": "Certificate", "mediaType": "application/pdf", "content": PDF}))["sha256"]
    rows = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(paper.c.content)))
    assert b"certificate" not in base64.urlsafe_b64decode(rows[0][0] + "==")
    read = "query($o: ID!, $d: String!) { paper(organisation: $o, sha256: $d) { mediaType content } }"
    asked = {"o": name, "d": digest}
    for who in (name, "accreditor"):
        assert (await hub.data(read, who, asked, GOVERNING))["paper"] == {"mediaType": "application/pdf", "content": PDF}
    other = await applied(hub, en="Other House", registrationNumber="12")
    assert (await hub.data(read, other, asked, GOVERNING))["paper"] is None
    assert (await hub.data(read, name, {"o": name, "d": "0" * 64}, GOVERNING))["paper"] is None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"mediaType": "text/html"}, "mediaType"),
        ({"mediaType": "image/png"}, "mediaType"),
        ({"content": "***"}, "content"),
        ({"content": base64.b64encode(b"%PDF-" + bytes(500_000)).decode()}, "content"),
        ({"title": "\N{RIGHT-TO-LEFT OVERRIDE}"}, "title"),
    ],
    ids=["another kind", "not what it is called", "no base64", "too large", "no title"],
)
async def test_a_paper_that_is_none_is_refused(hub: Asking, said: dict[str, str], field: str) -> None:
    """Failure 1.3a of governance."""
    name = await applied(hub)
    answer = await do(hub, PAPER, name, {"title": "Certificate", "mediaType": "application/pdf", "content": PDF, **said})
    assert (answer["code"], answer["field"]) == ("INVALID", field)
    assert (await count(hub, paper))[0] == 0


# --- deciding --------------------------------------------------------------------------------------------------------


async def test_what_an_accreditor_decides_is_obeyed_by_the_next_request(hub: Asking) -> None:
    """Failure 2.3a of governance."""
    name = await applied(hub)
    assert (await verified(hub, name)) == {"state": "VERIFIED", "version": 2}
    caseload = "{ caseload { totalCount } }"
    said = {"name": "sunrise-worker", "role": "CASEWORKER", "purposes": ["AID_DISTRIBUTION"]}
    code = (await do(hub, INVITE, name, said))["code"]
    hub.keys["worker"] = (await do(hub, JOIN, "public", {"code": code}, None))["key"]
    assert (await hub.data(caseload, "worker"))["caseload"] == {"totalCount": 0}
    assert (await verified(hub, name, "SUSPEND", 2))["state"] == "SUSPENDED"
    assert "caseload" in str((await hub.ask(caseload, "worker"))["errors"])
    assert (await verified(hub, name, "REFUSE", 3))["state"] == "REFUSED"
    with pytest.raises(Exception, match="not valid"):
        await hub.ask("{ me { role } }", "worker")


async def test_a_decision_on_what_changed_meanwhile_is_none(hub: Asking) -> None:
    """Failure 2.2a of governance."""
    name = await applied(hub)
    before = await count(hub, step)
    assert (await verified(hub, name, version=7))["code"] == "CONFLICT"
    assert (await verified(hub, name, "SUSPEND"))["code"] == "CONFLICT"
    assert await count(hub, step) == before


@pytest.mark.parametrize(
    ("said", "code"),
    [({"reason": "no"}, "INVALID"), ({"organisation": "crescent-aid"}, "UNKNOWN"), ({"organisation": "nobody"}, "UNKNOWN")],
    ids=["no reason", "hub.toml's", "none"],
)
async def test_a_decision_needs_a_reason_and_an_organisation(hub: Asking, said: dict[str, str], code: str) -> None:
    """Failure 2.2b of governance."""
    name = await applied(hub)
    whole = {"organisation": name, "decision": "VERIFY", "reason": "Seen at the register.", "version": 1, **said}
    assert (await do(hub, DECIDE, "accreditor", whole))["code"] == code
    assert (await hub.data("{ ownOrganisation { state } }", name))["ownOrganisation"]["state"] == "APPLIED"


async def test_only_accreditors_see_applications(hub: Asking) -> None:
    """Failure 2.1a of governance."""
    name = await applied(hub)
    assert [each["id"] for each in (await hub.data("{ applications { id } }", "accreditor"))["applications"]] == [name]
    for who in (name, "crescent-caseworker", "inspector", "public"):
        assert {"applications", "ownOrganisation"} - set((await hub.fields(who))["Query"]) >= {"applications"}


# --- accounts --------------------------------------------------------------------------------------------------------


async def test_an_invitation_is_good_for_one_account(hub: Asking) -> None:
    """Failure 3.2a of governance."""
    name = await applied(hub)
    said = {"name": "sunrise-cashier-2", "role": "CASEWORKER", "purposes": ["AID_DISTRIBUTION"], "team": "north"}
    code = (await do(hub, INVITE, name, said))["code"]
    joined = await do(hub, JOIN, "public", {"code": code}, None)
    assert (joined["name"], joined["role"]) == ("sunrise-cashier-2", "caseworker")
    for again in (code, "0000-0000", ""):
        assert (await do(hub, JOIN, "public", {"code": again}, None))["code"] == "UNKNOWN"
    staff = (await hub.data("{ staff { name role teams secondFactor } }", name))["staff"]
    assert {"name": "sunrise-cashier-2", "role": "caseworker", "teams": ["north"], "secondFactor": False} in staff
    assert len(staff) == 2
    stored = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(invitation.c.hash)))
    assert code.encode() not in bytes(stored[0][0])


@pytest.mark.parametrize(
    ("said", "field"),
    [({"name": "زينب كاظم"}, "name"), ({"purposes": ["OVERSIGHT"]}, "purposes"), ({"purposes": []}, "purposes"), ({"team": "a b"}, "team")],
    ids=["a person's name", "not its purpose", "no purpose", "no team"],
)
async def test_an_invitation_that_cannot_stand_is_refused(hub: Asking, said: dict[str, Any], field: str) -> None:
    """Failure 3.1a of governance."""
    name = await applied(hub)
    whole = {"name": "sunrise-2", "role": "CASEWORKER", "purposes": ["AID_DISTRIBUTION"], **said}
    answer = await do(hub, INVITE, name, whole)
    assert (answer["code"], answer["field"]) == ("INVALID", field)
    assert (await count(hub, invitation))[0] == 0


async def test_accounts_of_others_do_not_exist_and_the_last_manager_stays(hub: Asking) -> None:
    """Failure 3.3a of governance, failure 3.3b of governance."""
    name = await applied(hub)
    other = await applied(hub, en="Other House", registrationNumber="12")
    its_id, foreign = (hub.keys[each].split("_")[1] for each in (name, other))
    assert (await do(hub, END, name, {"account": foreign}))["code"] == "UNKNOWN"
    assert (await do(hub, END, name, {"account": its_id}))["code"] == "CONFLICT"
    changed = {"account": its_id, "role": "AUDITOR", "purposes": ["AID_DISTRIBUTION"]}
    assert (await do(hub, CHANGE, name, changed))["code"] == "CONFLICT"
    assert (await hub.data("{ me { role } }", other))["me"]["role"] == "manager"
    code = (await do(hub, INVITE, name, {"name": "second", "role": "MANAGER", "purposes": ["ORGANISATION_GOVERNANCE"]}))["code"]
    hub.keys["second"] = (await do(hub, JOIN, "public", {"code": code}, None))["key"]
    assert (await do(hub, CHANGE, "second", changed))["role"] == "auditor"
    assert (await hub.data("{ me { role } }", name))["me"]["role"] == "auditor"
    assert (await do(hub, END, "second", {"account": its_id}))["id"] == its_id
    with pytest.raises(Exception, match="not valid"):
        await hub.ask("{ me { role } }", name)


# --- second factor ---------------------------------------------------------------------------------------------------


async def test_a_confirmed_second_factor_is_asked_for_before_governing(hub: Asking) -> None:
    """Failure 4.2a of governance, failure 4.3a of governance."""
    name = await applied(hub)
    begun = await do(hub, BEGIN, name)
    assert begun["address"].startswith("otpauth://totp/")
    stored = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(second_factor.c.secret)))
    assert begun["secret"] not in stored[0][0]
    said = {"name": "second", "role": "MANAGER", "purposes": ["ORGANISATION_GOVERNANCE"]}
    assert "code" in await do(hub, INVITE, name, said)  # not confirmed yet: it guards nothing
    proven = await do(hub, PROVE, name, {"code": pyotp.TOTP(begun["secret"]).now()})
    assert "provenUntil" in proven, proven
    code = (await do(hub, INVITE, name, {**said, "name": "third"}))["code"]
    hub.keys["third"] = (await do(hub, JOIN, "public", {"code": code}, None))["key"]
    async with hub.hub.database.transaction() as tx:
        await tx.execute(hub.hub.database.prepare(sa.update(second_factor).values(proven_until=1)))
    before = await count(hub, invitation, step)
    assert await do(hub, INVITE, name, {**said, "name": "fourth"}) == {"code": "SECOND_FACTOR_NEEDED", "field": None}
    assert await count(hub, invitation, step) == before
    own = {"account": hub.keys[name].split("_")[1]}
    assert (await do(hub, RESET, "third", own))["id"] == own["account"]
    assert (await do(hub, RESET, "third", {"account": hub.keys["third"].split("_")[1]}))["code"] == "NOT_PERMITTED"
    assert "code" in await do(hub, INVITE, name, {**said, "name": "fifth"})


async def test_an_organisation_may_ask_all_its_staff_for_one(hub: Asking) -> None:
    name = await applied(hub)
    assert await do(hub, DEMAND, name, {"needed": True}) == {"needed": True}
    said = {"name": "second", "role": "MANAGER", "purposes": ["ORGANISATION_GOVERNANCE"]}
    assert (await do(hub, INVITE, name, said))["code"] == "SECOND_FACTOR_NEEDED"
    secret = (await do(hub, BEGIN, name))["secret"]
    await do(hub, PROVE, name, {"code": pyotp.TOTP(secret).now()})
    assert len((await do(hub, INVITE, name, said))["code"]) > 20


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await upgrade(url)
    opened = Database.at(url)
    await opened.open()
    yield opened
    await opened.close()


@EVERYWHERE
async def test_a_code_is_good_once_and_guessing_is_paused(database: Database, tmp_path: Path) -> None:
    """Failure 4.2b of governance."""
    factors, now = SecondFactors(database, KeyRing.create(tmp_path / "ring.json")), 1_800_000_000

    async def prove(code: str, at: int) -> bool:
        async with database.transaction() as tx:
            return await factors.prove(tx, "a", code, at)

    async with database.transaction() as tx:
        totp = pyotp.TOTP((await factors.begin(tx, "a", "a")).secret)
    assert await prove(totp.at(now), now)
    assert (await factors.of("a")).proven_until == now + PROVEN_SECONDS
    assert not await prove(totp.at(now), now), "the same code again"
    later = now + 90
    assert await prove(totp.at(later - 30), later), "a clock that is slow by half a minute"
    wrong = next(code for code in (f"{each:06d}" for each in range(1000)) if code not in {totp.at(later + each) for each in (-30, 0, 30)})
    for _ in range(5):
        assert not await prove(wrong, later)
    with pytest.raises(LimitReached):
        await prove(totp.at(later), later)
    after = later + PAUSE_SECONDS + 30
    assert await prove(totp.at(after), after)


# --- workshops -------------------------------------------------------------------------------------------------------


def days(number: int) -> str:
    """A moment so many days from now."""
    return (datetime.now(UTC) + timedelta(days=number)).isoformat(timespec="seconds")


async def giving(hub: Asking, **other: Any) -> tuple[str, str]:
    """A verified organisation and a workshop it announced."""
    name = await applied(hub)
    await verified(hub, name)
    said = {"ar": "حماية البيانات", "en": "Protecting data", "beginsAt": days(2), "endsAt": days(3), "seats": 1, **other}
    return name, str((await do(hub, ANNOUNCE, name, said))["workshop"])


async def test_a_workshop_is_announced_attended_and_certified(hub: Asking) -> None:
    """Failure 5.2a of governance, failure 5.3a of governance."""
    name, which = await giving(hub)
    told = (await hub.data("{ workshops { id title { ar en } organisation seatsTotal seatsLeft } }", "public"))["workshops"]
    title = {"ar": "حماية البيانات", "en": "Protecting data"}
    assert told == [{"id": which, "title": title, "organisation": name, "seatsTotal": 1, "seatsLeft": 1}]
    asked = {"workshop": which}
    take = await do(hub, TAKE, "crescent-caseworker", asked, None)
    assert take == {"state": "REGISTERED"} == await do(hub, TAKE, "crescent-caseworker", asked, None)
    assert (await do(hub, TAKE, "hope-caseworker", asked, None))["code"] == "CONFLICT"
    assert await do(hub, LEAVE, "crescent-caseworker", asked, None) == {"state": "LEFT"}
    assert await do(hub, TAKE, "hope-caseworker", asked, None) == {"state": "REGISTERED"}
    account = hub.keys["hope-caseworker"].split("_")[1]
    mark = {"workshop": which, "account": account, "mark": "ATTEND"}
    assert (await do(hub, MARK, name, mark))["code"] == "CONFLICT"
    async with hub.hub.database.transaction() as tx:
        await tx.execute(hub.hub.database.prepare(sa.update(workshop).values(begins_at=1)))
    assert (await do(hub, MARK, name, {**mark, "mark": "CERTIFY"}))["code"] == "CONFLICT"
    assert await do(hub, MARK, name, mark) == {"state": "ATTENDED"}
    assert await do(hub, MARK, name, {**mark, "mark": "CERTIFY"}) == {"state": "CERTIFIED"}
    seats = (await hub.data("{ workshopSeats { workshop organisation state certificate } }", "hope-caseworker"))["workshopSeats"]
    assert [each["workshop"] for each in seats] == [which]
    certificate = json.loads(seats[0]["certificate"])
    assert certificate["certificate"]["account"] == account
    other = await applied(hub, en="Other House", registrationNumber="12")
    await verified(hub, other)
    assert (await do(hub, MARK, other, mark))["code"] == "UNKNOWN"
    assert (await hub.data("{ workshopSeats { state } }", other, purpose=GOVERNING))["workshopSeats"] == []
    assert len((await hub.data("{ workshopSeats { state } }", name, purpose=GOVERNING))["workshopSeats"]) == 2


async def test_a_workshop_called_off_takes_nobody(hub: Asking) -> None:
    name, which = await giving(hub)
    assert await do(hub, CANCEL, name, {"workshop": which, "reason": "The room is flooded"}) == {"workshop": which}
    assert (await do(hub, CANCEL, name, {"workshop": which, "reason": "Again"}))["code"] == "CONFLICT"
    assert (await do(hub, TAKE, "hope-caseworker", {"workshop": which}, None))["code"] == "CONFLICT"
    assert (await do(hub, TAKE, "hope-caseworker", {"workshop": "abc"}, None))["code"] == "UNKNOWN"
    assert (await count(hub, seat))[0] == 0


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"beginsAt": days(-1)}, "beginsAt"),
        ({"endsAt": days(1)}, "beginsAt"),
        ({"beginsAt": "Monday"}, "beginsAt"),
        ({"seats": 0}, "seats"),
        ({"ar": "..."}, "ar"),
        ({"guide": "http://x"}, "guide"),
    ],
    ids=["past", "ends before", "no moment", "no seats", "no letters", "not https"],
)
async def test_a_workshop_that_cannot_stand_is_refused(hub: Asking, said: dict[str, Any], field: str) -> None:
    """Failure 5.1a of governance."""
    name = await applied(hub)
    await verified(hub, name)
    whole = {"ar": "حماية البيانات", "en": "Protecting data", "beginsAt": days(2), "endsAt": days(3), "seats": 1, **said}
    answer = await do(hub, ANNOUNCE, name, whole)
    assert (answer["code"], answer["field"]) == ("INVALID", field)
    assert (await count(hub, workshop))[0] == 0
