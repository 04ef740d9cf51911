"""Who applies is held against the registry, and told no more than it knew; what fits becomes an identity."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resolvers.identity.enrolment import Particulars, judged
from resolvers.identity.registry import Kept
from samples.wallet import WITNESS
from settings import load
from tables.identity.enrolment import enrolment
from tables.identity.wallet import answered, device, holding
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.wallets import Clock, enrolled, nobody_enrolled, particulars, wallet
from values import Scheme

TABLES = (enrolment, device, holding, answered, step)


@pytest.fixture(scope="module")
async def opened(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub of this module's own."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("hub") / "copy")) as found:
        yield found


@pytest.fixture
async def hub(opened: Asking) -> Asking:
    """The same, in which nobody is enrolled."""
    return await nobody_enrolled(opened)


async def count(hub: Asking) -> list[int]:
    """How many rows each of the tables has."""
    found = [hub.hub.database.prepare(sa.select(sa.func.count()).select_from(table)) for table in TABLES]
    return [(await hub.hub.database.fetch(each))[0][0] for each in found]


async def witnessed(hub: Asking, who: str, given: dict[str, Any], papers: list[str] | None = None) -> Any:
    """Apply beside staff of an organisation."""
    phone = wallet(hub)
    sent = {"particulars": given, "device": "phone", "proof": await phone.proof("enrolment.apply"), "papers": papers or ["NATIONAL_CARD"]}
    return (await hub.data(WITNESS, who, {"input": sent}))["enrolmentWitness"], phone


# --- what becomes of an application ------------------------------------------------------------------------------------------


async def test_whose_particulars_fit_has_an_identity_and_sees_the_look_of_it(hub: Asking) -> None:
    phone = await enrolled(hub, "umm-hassan")
    body = await phone.ask(
        "{ me { role purpose person { nationalNumber disclosures(first: 1) { organisation role purpose attributes sources } } } }"
    )
    me = body["data"]["me"]
    assert (me["role"], me["purpose"], me["person"]["nationalNumber"]) == ("person", "SELF_ACCESS", "990000000101")
    assert me["person"]["disclosures"][:1] == [
        {
            "organisation": "umbrella-office",
            "role": "registrar",
            "purpose": "identity_verification",
            "attributes": ["Person.birthDate", "Person.birthYear", "Person.id", "Person.living", "Person.motherName", "Person.name"],
            "sources": ["civil-registry"],
        }
    ]
    state = await phone.state()
    assert [each["name"] for each in state["devices"]] == ["phone of umm-hassan"]
    assert state["recoveries"] == []


async def test_evidence_says_what_agreed_and_holds_no_name_and_no_number(hub: Asking) -> None:
    phone = wallet(hub)
    given = (await phone.enrol(particulars("umm-hassan", name="زينب كاظم الساعدى", motherName="كريمه عبود"), "phone"))["enrolment"]
    assert (given["status"], given["score"], given["source"]) == ("VERIFIED", 94, "civil-registry")
    assert given["findings"] == ["name:shorter", "mother_name:spelling", "birth_year:same", "living:true"]
    again = await hub.data("query ($id: ID!) { enrolment(id: $id) { id status score } }", "public", {"id": given["id"]})
    assert again["enrolment"] == {"id": given["id"], "status": "VERIFIED", "score": 94}
    rows = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(*enrolment.c)))
    stored = repr(rows)
    assert "زينب" not in stored
    assert "990000000101" not in stored
    trace = await hub.hub.writing.trace(f"enrolment:{given['id']}")
    assert [(each.act, each.state, each.role) for each in trace] == [("verify", "verified", "public")]


NOT_VERIFIED = {
    "another name": {"name": "سعاد داود سلمان التميمي"},
    "a brother's name": {"name": "حسن كاظم جاسم الساعدي"},
    "another mother": {"motherName": "فوزية خليل"},
    "another year": {"birthYear": 1982},
    "nobody's number": {"number": "880000000000"},
    "another's number": {"number": "990000000112"},
}


@pytest.mark.parametrize("changed", NOT_VERIFIED.values(), ids=NOT_VERIFIED)
async def test_whatever_does_not_fit_reads_the_same_and_makes_no_identity(hub: Asking, changed: dict[str, Any]) -> None:
    """Failure 5.3a of identity, 5.3b of identity."""
    phone = wallet(hub)
    given = (await phone.enrol(particulars("umm-hassan", **changed), "phone"))["enrolment"]
    assert given.pop("id")
    assert given.pop("readyAt")
    assert given == {
        "status": "NEEDS_REVIEW",
        "score": None,
        "findings": [],
        "source": "civil-registry",
        "witness": None,
        "papers": [],
    }
    assert (await phone.sign_in())["code"] == "UNAUTHENTICATED"
    assert (await count(hub))[1:3] == [0, 0]


async def test_the_same_is_asked_and_stored_for_nobodys_number_as_for_somebodys(hub: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    database = hub.hub.database
    fetch = database.fetch

    async def counted(statement: Any, *rest: Any, **named: Any) -> Any:
        asked.append(statement.sql)
        return await fetch(statement, *rest, **named)

    monkeypatch.setattr(database, "fetch", counted)
    seen = []
    for changed in ({"name": "سعاد داود سلمان التميمي"}, {"number": "880000000000"}):
        phone = wallet(hub)
        proof = await phone.proof("enrolment.apply")
        asked.clear()
        before = await count(hub)
        asked.clear()
        entries = hub.hub.record._last_number
        sent = {"particulars": particulars("umm-hassan", **changed), "device": "phone", "proof": proof}
        await hub.data(
            "mutation ($input: EnrolmentApplyInput!) { enrolmentApply(input: $input) { __typename } }", "public", {"input": sent}
        )
        statements = list(asked)
        seen.append((statements, [b - a for a, b in zip(before, await count(hub), strict=True)], hub.hub.record._last_number - entries))
    assert seen[0] == seen[1]
    assert seen[0][2] == 1, "a look at nobody is recorded too"


@pytest.mark.parametrize("text", ["9900", "", "99000000010x", "\u202e"])
async def test_a_number_that_cannot_be_read_is_refused_and_not_repeated(hub: Asking, text: str) -> None:
    """Failure 5.2a of identity."""
    given = await wallet(hub).enrol(particulars("umm-hassan", number=text), "phone")
    assert (given["code"], given["field"]) == ("INVALID", "number")
    assert await count(hub) == [0] * 5


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "ا" * 500), ("name", ""), ("name", "زينب<script>"), ("motherName", "1"), ("birthYear", 1800), ("birthYear", 2999)],
)
async def test_particulars_that_nobody_has_are_refused_before_anybody_is_asked(hub: Asking, field: str, value: Any) -> None:
    """Failure 5.2a of identity."""
    entries = hub.hub.record._last_number
    given = await wallet(hub).enrol(particulars("umm-hassan", **{field: value}), "phone")
    assert (given["code"], given["field"]) == ("INVALID", field)
    assert await count(hub) == [0] * 5
    assert hub.hub.record._last_number == entries


async def test_marks_of_direction_in_a_name_and_digits_of_another_script_change_nothing(hub: Asking) -> None:
    phone = wallet(hub)
    said = particulars("umm-hassan", name="\u202eزينب\u202c كاظم\u200f جاسم الساعدي", number="٩٩٠٠٠٠٠٠٠١٠١")
    assert (await phone.enrol(said, "\u202ephone\u202c"))["enrolment"]["status"] == "VERIFIED"
    assert await phone.sign_in()
    assert (await phone.state())["devices"][0]["name"] == "phone"


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "\u202e\u200f"])
async def test_a_device_has_a_name_that_can_be_read(hub: Asking, name: str) -> None:
    given = await wallet(hub).enrol(particulars("umm-hassan"), name)
    assert (given["code"], given["field"]) == ("INVALID", "device")
    assert await count(hub) == [0] * 5


async def test_where_the_registry_is_down_the_status_says_so_and_nothing_is_half_made(
    hub: Asking, country: Country, tmp_path: Path
) -> None:
    """Failure 5.3c of identity."""
    settings = hub.hub.settings
    gone = settings.sources["civil-registry"].model_copy(update={"address": f"sqlite:///{tmp_path}/nowhere/registry.db"})
    down = settings.model_copy(update={"sources": {**settings.sources, "civil-registry": gone}})
    async with asking(country, down) as without:
        await nobody_enrolled(without)
        phone = wallet(without)
        given = (await phone.enrol(particulars("umm-hassan"), "phone"))["enrolment"]
        nobody = (await wallet(without).enrol(particulars("umm-hassan", number="880000000000"), "phone"))["enrolment"]
        assert {**given, "id": ""} == {**nobody, "id": ""}
        assert (given["status"], given["score"], given["readyAt"]) == ("APPLIED", None, None)
        assert (await count(without))[1:3] == [0, 0]
    assert (await phone_of(hub).enrol(particulars("umm-hassan"), "phone"))["enrolment"]["status"] == "VERIFIED"


def phone_of(hub: Asking) -> Any:
    return wallet(hub)


async def test_a_number_is_tried_so_often_a_day_whether_anybody_has_it_or_not(hub: Asking) -> None:
    """Failure 5.2b of identity."""
    clock = Clock()
    for number in ("990000000101", "880000000000"):
        said = particulars("umm-hassan", number=number, name="سعاد داود سلمان التميمي")
        codes = [(await wallet(hub, clock).enrol(said, "phone")).get("code") for _ in range(6)]
        assert codes == [None] * 5 + ["LIMIT_REACHED"]
    clock.passes(days=1, seconds=1)
    assert (await wallet(hub, clock).enrol(particulars("umm-hassan"), "phone"))["enrolment"]["status"] == "VERIFIED"


async def test_of_many_tries_at_once_no_more_are_answered(hub: Asking) -> None:
    """Failure 5.2b of identity."""
    said = particulars("umm-hassan", name="سعاد داود سلمان التميمي")
    answers = await asyncio.gather(*(wallet(hub).enrol(said, "phone") for _ in range(9)))
    assert sorted(each.get("code") or "" for each in answers) == [""] * 5 + ["LIMIT_REACHED"] * 4


async def test_who_has_an_identity_is_not_given_another_and_its_devices_are_told(hub: Asking) -> None:
    """Failure 5.3d of identity."""
    first = await enrolled(hub, "umm-hassan")
    second = wallet(hub)
    given = (await second.enrol(particulars("umm-hassan"), "stranger's phone"))["enrolment"]
    assert (given["status"], given["score"], given["findings"]) == ("NEEDS_REVIEW", None, [])
    assert (await second.sign_in())["code"] == "UNAUTHENTICATED"
    (waiting,) = (await first.state())["recoveries"]
    assert (waiting["id"], waiting["device"]) == (given["id"], "stranger's phone")
    assert len((await first.state())["devices"]) == 1


async def test_a_key_enrols_once(hub: Asking) -> None:
    """Failure 5.2c of identity."""
    phone = await enrolled(hub, "umm-hassan")
    before = await count(hub)
    assert (await phone.enrol(particulars("mariam"), "again"))["code"] == "CONFLICT"
    assert await count(hub) == before


async def test_of_several_who_apply_at_once_one_has_the_identity(hub: Asking) -> None:
    """Failure 5.3d of identity."""
    phones = [wallet(hub) for _ in range(4)]
    given = await asyncio.gather(*(each.enrol(particulars("umm-hassan"), "phone") for each in phones))
    assert sorted(each["enrolment"]["status"] for each in given) == ["NEEDS_REVIEW"] * 3 + ["VERIFIED"]
    assert (await count(hub))[1:3] == [1, 1]


async def test_no_hub_enrols_anybody_without_a_registry_to_ask(country: Country, tmp_path: Path) -> None:
    """Failure 5.1a of identity."""
    settings = copied(country, tmp_path / "hub")
    async with asking(country, settings.model_copy(update={"hub": settings.hub.model_copy(update={"enrolment": None})})) as hub:
        await nobody_enrolled(hub)
        assert (await wallet(hub).enrol(particulars("umm-hassan"), "phone"))["code"] == "NOT_PERMITTED"
        assert await count(hub) == [0] * 5


# --- with somebody who stands by -----------------------------------------------------------------------------------------------


async def test_staff_who_saw_a_paper_settle_what_spelling_left_open(hub: Asking) -> None:
    said = particulars("umm-hassan", name="زينب كاظم")
    assert (await wallet(hub).enrol(said, "phone"))["enrolment"]["status"] == "NEEDS_REVIEW"
    given, phone = await witnessed(hub, "crescent-caseworker", said, ["RATION_CARD", "NATIONAL_CARD", "RATION_CARD"])
    found = given["enrolment"]
    assert (found["status"], found["score"], found["witness"]) == ("VERIFIED", 86, "crescent-aid")
    assert found["papers"] == ["RATION_CARD", "NATIONAL_CARD"]
    assert "token" in await phone.sign_in()
    (trace,) = await hub.hub.writing.trace(f"enrolment:{found['id']}")
    assert (trace.act, trace.organisation, trace.role) == ("verify", "crescent-aid", "caseworker")


@pytest.mark.parametrize("changed", NOT_VERIFIED.values(), ids=NOT_VERIFIED)
async def test_no_paper_makes_somebody_another(hub: Asking, changed: dict[str, Any]) -> None:
    """Failure 5.4a of identity."""
    given, phone = await witnessed(hub, "crescent-caseworker", particulars("umm-hassan", **changed))
    found = given["enrolment"]
    assert (found["status"], found["score"], found["findings"]) == ("REFUSED", None, [])
    assert (await phone.sign_in())["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("who", ["public", "app-developer", "inspector", "new-dawn-caseworker", "mariam", "ministry-analyst"])
async def test_only_a_caseworker_of_a_verified_organisation_stands_by(hub: Asking, who: str) -> None:
    """Failure 5.4b of identity."""
    phone = wallet(hub)
    sent = {"particulars": particulars("umm-hassan"), "device": "x", "proof": await phone.proof("enrolment.apply"), "papers": ["PASSPORT"]}
    body = await hub.ask(WITNESS, who, {"input": sent})
    assert "data" not in body
    assert await count(hub) == [0] * 5


async def test_whoever_stands_by_has_seen_a_paper(hub: Asking) -> None:
    """Failure 5.4b of identity."""
    phone = wallet(hub)
    sent = {"particulars": particulars("umm-hassan"), "device": "x", "proof": await phone.proof("enrolment.apply"), "papers": []}
    given = (await hub.data(WITNESS, "crescent-caseworker", {"input": sent}))["enrolmentWitness"]
    assert (given["code"], given["field"]) == ("INVALID", "papers")
    assert await count(hub) == [0] * 5


# --- recovering ------------------------------------------------------------------------------------------------------------


async def test_a_recovery_waits_and_then_ends_every_other_device_at_once(hub: Asking) -> None:
    """Failure 7.3a of identity."""
    clock = Clock()
    lost = await enrolled(hub, "umm-hassan", clock)
    new = wallet(hub, clock)
    given = (await new.enrol(particulars("umm-hassan"), "new phone"))["enrolment"]
    assert (await new.complete(given["id"]))["code"] == "CONFLICT", "not yet"
    clock.passes(hours=72, seconds=1)
    await lost.sign_in()
    assert (await new.complete(given["id"]))["enrolment"]["status"] == "VERIFIED"
    with pytest.raises(Exception, match="not valid"):
        await lost.state()
    assert (await lost.sign_in())["code"] == "UNAUTHENTICATED"
    await new.sign_in()
    assert [(each["name"], each["endedAt"] is None) for each in (await new.state())["devices"]] == [
        ("phone of umm-hassan", False),
        ("new phone", True),
    ]
    assert (await new.complete(given["id"]))["code"] == "CONFLICT", "once"


async def test_a_device_objects_and_the_recovery_ends(hub: Asking) -> None:
    """Failure 7.3b of identity."""
    clock = Clock()
    mine = await enrolled(hub, "umm-hassan", clock)
    thief = wallet(hub, clock)
    given = (await thief.enrol(particulars("umm-hassan"), "thief"))["enrolment"]
    other = await enrolled(hub, "mariam", clock)
    assert (await other.object(given["id"]))["code"] == "UNKNOWN"
    assert (await mine.object(given["id"]))["enrolment"]["status"] == "REFUSED"
    assert (await mine.object(given["id"]))["code"] == "CONFLICT"
    clock.passes(hours=100)
    assert (await thief.complete(given["id"]))["code"] == "CONFLICT"
    assert "token" in await mine.sign_in()
    assert (await mine.state())["recoveries"] == []
    trace = await hub.hub.writing.trace(f"enrolment:{given['id']}")
    assert [(each.act, each.state, each.role) for each in trace] == [("recover", "recovering", "public"), ("object", "refused", "person")]


async def test_what_was_never_a_recovery_is_completed_by_nobody(hub: Asking) -> None:
    """Failure 7.3a of identity."""
    clock = Clock()
    await enrolled(hub, "umm-hassan", clock)
    new, other = wallet(hub, clock), wallet(hub, clock)
    real = (await new.enrol(particulars("umm-hassan"), "new"))["enrolment"]["id"]
    unfit = (await other.enrol(particulars("umm-hassan", birthYear=1900), "other"))["enrolment"]["id"]
    clock.passes(hours=73)
    refusals = [await other.complete(id_) for id_ in (real, unfit, "0" * 32, "", "x" * 500)]
    assert {each["code"] for each in refusals} == {"CONFLICT"}
    assert len({each["message"] for each in refusals}) == 1
    assert (await count(hub))[1] == 1


async def test_with_a_witness_a_recovery_does_not_wait(hub: Asking) -> None:
    lost = await enrolled(hub, "umm-hassan")
    given, new = await witnessed(hub, "hope-caseworker", particulars("umm-hassan"))
    assert given["enrolment"]["status"] == "VERIFIED"
    assert (await lost.sign_in())["code"] == "UNAUTHENTICATED"
    assert "token" in await new.sign_in()


# --- comparing -----------------------------------------------------------------------------------------------------------


def test_who_died_enrols_nobody() -> None:
    said = Particulars(Scheme.NATIONAL_NUMBER, "1", "علي حسين كاظم", "زينب كاظم", 1970)
    alive = Kept(b"", 7, False, said.name, said.mother_name, "1970-01-01", 1970, True)
    dead = Kept(b"", 7, False, said.name, said.mother_name, "1970-01-01", 1970, False)
    assert judged(said, alive).fits
    assert not judged(said, dead).fits
    assert not judged(said, dead).near


def test_the_registry_that_enrolment_names_is_one_of_the_sources(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text('[hub.enrolment]\nsource = "nowhere"\noffice = "nobody"\n', encoding="utf-8")
    with pytest.raises(Exception, match="there is no `nowhere`"):
        load(path)
