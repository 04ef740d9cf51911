"""Who acts for another does so on evidence, for what it names, until it ends, and is seen to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from errors import NotPermitted
from resolvers.identity.guardians import _of_age
from samples.cast import member
from samples.wallet import SIGN_IN, Wallet
from tables.identity import identifier, link, person
from tables.identity.guardians import guardianship
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.serving import serving
from tests.wallets import Clock, enrolled, nobody_enrolled, particulars, wallet
from values import Scheme

SHOWN = "guardianship { id person kind basis witness source acts endsAt endedAt }"
APPLY = f"""mutation ($input: GuardianshipApplyInput!) {{ guardianshipApply(input: $input) {{
  ... on GuardianshipApplied {{ status {SHOWN} }} ... on Refusal {{ code field }} }} }}"""
WITNESS = f"""mutation ($input: GuardianshipWitnessInput!) {{ guardianshipWitness(input: $input) {{
  ... on GuardianshipChanged {{ {SHOWN} }} ... on Refusal {{ code field }} }} }}"""
GRANT = f"""mutation ($input: GuardianshipGrantInput!) {{ guardianshipGrant(input: $input) {{
  ... on GuardianshipChanged {{ {SHOWN} }} ... on Refusal {{ code field }} }} }}"""
END = f"""mutation ($input: GuardianshipEndInput!) {{ guardianshipEnd(input: $input) {{
  ... on GuardianshipChanged {{ {SHOWN} }} ... on Refusal {{ code field }} }} }}"""
CONSENT = """mutation ($input: ConsentGrantInput!) { consentGrant(input: $input) {
  ... on ConsentGranted { consent { id receipt } } ... on Refusal { code } } }"""
WARDS = "{ wards { id person kind basis acts endedAt } }"
ME = "{ me { role person { nationalNumber } } }"


@pytest.fixture(scope="module")
async def opened(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub of this module's own."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("hub") / "copy")) as found:
        yield found


@pytest.fixture
async def hub(opened: Asking) -> Asking:
    """The same, in which nobody is enrolled."""
    return await nobody_enrolled(opened)


def child(who: str, **changed: Any) -> dict[str, Any]:
    """What a parent says of a child of the cast."""
    found = member(who)
    name = f"{found.given} {found.father} {found.grandfather}"
    return {"scheme": "NATIONAL_NUMBER", "number": found.national_number, "name": name, "birthYear": found.born.year} | changed


async def applied(holder: Wallet, who: str, **changed: Any) -> Any:
    return (await holder.ask(APPLY, {"input": child(who, **changed)}))["data"]["guardianshipApply"]


async def count(hub: Asking) -> int:
    return int((await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(sa.func.count()).select_from(guardianship))))[0][0])


def later(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def consent(**changed: Any) -> dict[str, Any]:
    wanted = {"receiver": "hope-network", "purpose": "AID_DISTRIBUTION", "categories": ["NAME"], "endsAt": later(30)}
    return {"input": wanted | changed}


async def case(hub: Asking, who: str, number: str | None) -> str:
    """How a caseworker's organisation knows somebody."""
    question = "query ($n: String!) { personByIdentifier(scheme: NATIONAL_NUMBER, value: $n) { id } }"
    return str((await hub.data(question, who, {"n": number}))["personByIdentifier"]["id"])


# --- a parent, by the registry ---------------------------------------------------------------------------------------------


async def test_a_mother_whom_the_childs_entry_names_acts_for_it_until_it_is_of_age(hub: Asking) -> None:
    mother = await enrolled(hub, "umm-hassan")
    given = await applied(mother, "zahra")
    found = given["guardianship"]
    assert (given["status"], found["kind"], found["basis"], found["source"]) == ("ESTABLISHED", "PARENT", "REGISTRY", "civil-registry")
    assert (found["acts"], found["endsAt"]) == (["READ", "CONSENT", "REQUEST"], "2034-12-11T00:00:00Z")
    acting = await mother.ask(ME, acting_for=found["person"])
    assert acting["data"]["me"] == {"role": "guardian", "person": {"nationalNumber": member("zahra").national_number}}
    assert (await mother.ask(ME))["data"]["me"]["role"] == "person", "without the header she is herself"
    assert (await mother.ask(WARDS))["data"]["wards"][0]["person"] == found["person"]


async def test_whatever_a_guardian_does_reads_as_a_guardians(hub: Asking) -> None:
    mother = await enrolled(hub, "umm-hassan")
    ward = (await applied(mother, "zahra"))["guardianship"]
    await mother.ask("{ me { person { birthDate } } }", acting_for=ward["person"])
    granted = (await mother.ask(CONSENT, consent(), acting_for=ward["person"]))["data"]["consentGrant"]["consent"]
    assert json.loads(granted["receipt"])["record"]["givenBy"] == {"role": "guardian", "guardianship": ward["id"]}
    (trace,) = await hub.hub.writing.trace(f"consent:{granted['id']}")
    assert trace.role == "guardian"
    (begun,) = await hub.hub.writing.trace(f"guardianship:{ward['id']}")
    assert (begun.act, begun.state, begun.role) == ("begin", "in_force", "person")
    seen = (await mother.ask("{ me { person { disclosures { role } consents { id } } } }", acting_for=ward["person"]))["data"]["me"][
        "person"
    ]
    assert {each["role"] for each in seen["disclosures"]} == {"guardian", "registrar"}
    assert [each["id"] for each in seen["consents"]] == [granted["id"]]
    own = (await mother.ask("{ me { person { consents { id } } } }"))["data"]["me"]["person"]
    assert granted["id"] not in {each["id"] for each in own["consents"]}


async def test_her_own_consents_say_that_she_gave_them(hub: Asking) -> None:
    mother = await enrolled(hub, "umm-hassan")
    granted = (await mother.ask(CONSENT, consent()))["data"]["consentGrant"]["consent"]
    assert json.loads(granted["receipt"])["record"]["givenBy"] == "principal"


UNBORNE: dict[str, tuple[str, dict[str, Any]]] = {
    "of age": ("hassan", {}),
    "another's child": ("karrar", {}),
    "nobody": ("zahra", {"number": "880000000000"}),
    "another name": ("zahra", {"name": "مريم يوسف حنا"}),
    "another year": ("zahra", {"birthYear": 2015}),
    "herself": ("umm-hassan", {}),
}


async def test_whatever_the_registry_does_not_bear_out_reads_the_same(hub: Asking) -> None:
    """Failure 8.1a of identity."""
    answers = []
    clock = Clock()
    mother = await enrolled(hub, "umm-hassan", clock)
    for who, changed in UNBORNE.values():
        clock.passes(days=1, seconds=1)
        await mother.sign_in()
        answers.append(await applied(mother, who, **changed))
    assert answers == [{"status": "NEEDS_REVIEW", "guardianship": None}] * len(UNBORNE)
    assert await count(hub) == 0


async def test_living_in_one_household_makes_nobody_a_parent(hub: Asking) -> None:
    """Failure 8.1a of identity."""
    brother = await enrolled(hub, "hassan")
    assert (await applied(brother, "zahra"))["status"] == "NEEDS_REVIEW"
    assert await count(hub) == 0


async def test_a_parent_tries_so_often_a_day(hub: Asking) -> None:
    """Failure 8.1b of identity."""
    mother = await enrolled(hub, "umm-hassan")
    codes = [(await applied(mother, "zahra", birthYear=2000)).get("code") for _ in range(6)]
    assert codes == [None] * 5 + ["LIMIT_REACHED"]


async def test_of_many_tries_of_a_parent_at_once_no_more_are_answered(hub: Asking) -> None:
    """Failure 8.1b of identity."""
    mother = await enrolled(hub, "umm-hassan")
    answers = await asyncio.gather(*(applied(mother, "zahra", birthYear=2000) for _ in range(9)))
    assert sorted(each.get("code") or "" for each in answers) == [""] * 5 + ["LIMIT_REACHED"] * 4


@pytest.mark.parametrize(("field", "value"), [("number", "12"), ("name", "")])
async def test_what_cannot_be_read_of_a_child_is_refused(hub: Asking, field: str, value: str) -> None:
    """Failure 8.1c of identity."""
    given = await applied(await enrolled(hub, "umm-hassan"), "zahra", **{field: value})
    assert given == {"code": "INVALID", "field": field}


# --- witnessed, or named ---------------------------------------------------------------------------------------------------


async def test_staff_who_saw_a_courts_order_establish_a_guardian_for_what_it_says(hub: Asking) -> None:
    guardian = await enrolled(hub, "umm-hassan")
    sent: dict[str, Any] = {
        "guardian": await case(hub, "crescent-caseworker", member("umm-hassan").national_number),
        "ward": await case(hub, "crescent-caseworker", member("hassan").national_number),
        "kind": "COURT",
        "acts": ["READ"],
        "endsAt": later(300),
        "papers": ["COURT_ORDER"],
    }
    given = (await hub.data(WITNESS, "crescent-caseworker", {"input": sent}))["guardianshipWitness"]["guardianship"]
    assert (given["basis"], given["witness"], given["acts"]) == ("WITNESS", "crescent-aid", ["READ"])
    assert given["person"] == sent["ward"]
    (ward,) = (await guardian.ask(WARDS))["data"]["wards"]
    assert ward["person"] != sent["ward"], "the guardian knows the person by an identifier of its own"
    assert (await guardian.ask(ME, acting_for=ward["person"]))["data"]["me"]["person"] == {"nationalNumber": "990000000102"}
    assert "data" not in await guardian.ask(CONSENT, consent(), acting_for=ward["person"]), "it is not for consents"
    with pytest.raises(NotPermitted):
        await guardian.ask(ME, acting_for=sent["ward"])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"papers": []}, "INVALID"),
        ({"papers": ["PASSPORT"]}, "INVALID"),
        ({"acts": []}, "INVALID"),
        ({"endsAt": "2001-01-01T00:00:00Z"}, "INVALID"),
        ({"endsAt": "2099-01-01T00:00:00Z"}, "INVALID"),
        ({"endsAt": "soon"}, "INVALID"),
        ({"ward": "0" * 48}, "UNKNOWN"),
        ({"ward": "nonsense"}, "UNKNOWN"),
        ({"kind": "PARENT"}, "CONFLICT"),
    ],
)
async def test_staff_witness_nothing_without_paper_people_or_end(hub: Asking, changed: dict[str, Any], code: str) -> None:
    """Failure 8.2a of identity, 8.2b of identity."""
    sent = {
        "guardian": await case(hub, "crescent-caseworker", member("umm-hassan").national_number),
        "ward": await case(hub, "crescent-caseworker", member("hassan").national_number),
        "kind": "COURT",
        "acts": ["READ"],
        "endsAt": later(300),
        "papers": ["COURT_ORDER"],
    } | changed
    given = (await hub.data(WITNESS, "crescent-caseworker", {"input": sent}))["guardianshipWitness"]
    assert given["code"] == code
    assert await count(hub) == 0


@pytest.mark.parametrize("who", ["public", "app-developer", "inspector", "mariam"])
async def test_only_a_caseworker_witnesses_a_guardian(hub: Asking, who: str) -> None:
    """Failure 8.2b of identity."""
    sent = {"guardian": "a", "ward": "b", "kind": "COURT", "acts": ["READ"], "endsAt": later(3), "papers": ["COURT_ORDER"]}
    assert "data" not in await hub.ask(WITNESS, who, {"input": sent})
    assert await count(hub) == 0


async def test_a_person_names_a_guardian_by_its_invitation(hub: Asking) -> None:
    clock = Clock()
    guardian, ward = await enrolled(hub, "umm-hassan", clock), await enrolled(hub, "abu-karrar", clock)
    text = (await guardian.ask("{ invitation { text endsAt } }"))["data"]["invitation"]["text"]
    wanted = {"invitation": text, "acts": ["CONSENT"], "endsAt": later(30)}
    given = (await ward.ask(GRANT, {"input": wanted}))["data"]["guardianshipGrant"]["guardianship"]
    assert (given["kind"], given["basis"], given["acts"], given["person"]) == ("NAMED", "WARD", ["CONSENT"], None)
    (found,) = (await guardian.ask(WARDS))["data"]["wards"]
    assert (await guardian.ask(CONSENT, consent(), acting_for=found["person"]))["data"]["consentGrant"]["consent"]["id"]
    assert "data" not in await guardian.ask("{ me { person { birthDate } } }", acting_for=found["person"]), "it is not for reading"
    clock.passes(days=30, seconds=1)
    await guardian.sign_in()
    with pytest.raises(NotPermitted):
        await guardian.ask(ME, acting_for=found["person"])


async def test_no_other_text_is_an_invitation(hub: Asking) -> None:
    """Failure 8.3a of identity."""
    clock = Clock()
    guardian, ward = await enrolled(hub, "umm-hassan", clock), await enrolled(hub, "abu-karrar", clock)
    theirs = (await guardian.ask("{ invitation { text } }"))["data"]["invitation"]["text"]
    own = (await ward.ask("{ invitation { text } }"))["data"]["invitation"]["text"]
    clock.passes(days=1, seconds=1)
    await ward.sign_in()
    for text in ("", "x" * 1000, "ا", own, theirs[:-1] + ("A" if theirs[-1] != "A" else "B"), theirs):
        given = (await ward.ask(GRANT, {"input": {"invitation": text, "acts": ["READ"], "endsAt": later(30)}}))["data"]["guardianshipGrant"]
        assert given == {"code": "INVALID", "field": "invitation"}
    assert await count(hub) == 0


# --- deny by default, and ending ---------------------------------------------------------------------------------------------


async def test_nobody_acts_for_whom_it_has_no_guardianship(hub: Asking) -> None:
    """Failure 8.4a of identity."""
    mother, stranger = await enrolled(hub, "umm-hassan"), await enrolled(hub, "abu-karrar")
    ward = (await applied(mother, "zahra"))["guardianship"]["person"]
    itself = (await mother.ask("{ me { person { id } } }"))["data"]["me"]["person"]["id"]
    said = set()
    for holder, text in (
        (stranger, ward),
        (mother, itself),
        (mother, ""),
        (mother, "0" * 48),
        (mother, "ا" * 9),
        (mother, ward[:-1] + "x"),
    ):
        with pytest.raises(NotPermitted) as caught:
            await holder.ask(ME, acting_for=text)
        said.add(caught.value.message)
    assert len(said) == 1
    for who in ("crescent-caseworker", "inspector"):
        with pytest.raises(NotPermitted):
            await hub.hub.enquiry(hub.keys[who], None, acting_for=ward)
    with pytest.raises(NotPermitted):
        await hub.hub.enquiry(None, None, acting_for=ward)


async def test_a_guardian_keeps_no_wallet_and_names_no_guardian_in_a_persons_place(hub: Asking) -> None:
    """Failure 8.4b of identity."""
    mother = await enrolled(hub, "umm-hassan")
    ward = (await applied(mother, "zahra"))["guardianship"]
    for document in ("{ wallet { openedAt } }", WARDS, "{ invitation { text } }", "{ guardians { id } }"):
        assert "data" not in await mother.ask(document, acting_for=ward["person"])
    assert "data" not in await mother.ask(END, {"input": {"id": ward["id"]}}, acting_for=ward["person"])
    assert "data" not in await mother.ask(APPLY, {"input": child("hussein")}, acting_for=ward["person"])


async def test_what_ended_opens_nothing_from_the_next_request_on(hub: Asking) -> None:
    """Failure 8.5a of identity."""
    mother, daughter, other = await enrolled(hub, "umm-hassan"), await enrolled(hub, "zahra"), await enrolled(hub, "abu-karrar")
    ward = (await applied(mother, "zahra"))["guardianship"]
    end = {"input": {"id": ward["id"]}}
    assert (await other.ask(END, end))["data"]["guardianshipEnd"]["code"] == "UNKNOWN"
    assert (await hub.data(END, "crescent-caseworker", end))["guardianshipEnd"]["code"] == "UNKNOWN", "it witnessed nothing"
    (seen,) = (await daughter.ask("{ guardians { id kind person endedAt } }"))["data"]["guardians"]
    assert seen == {"id": ward["id"], "kind": "PARENT", "person": None, "endedAt": None}
    assert (await daughter.ask(END, end))["data"]["guardianshipEnd"]["guardianship"]["endedAt"]
    assert (await mother.ask(END, end))["data"]["guardianshipEnd"]["code"] == "CONFLICT"
    with pytest.raises(NotPermitted):
        await mother.ask(ME, acting_for=ward["person"])
    trace = await hub.hub.writing.trace(f"guardianship:{ward['id']}")
    assert [(each.act, each.state) for each in trace] == [("begin", "in_force"), ("end", "ended")]


async def test_coming_of_age_ends_a_parents_guardianship_by_itself(hub: Asking) -> None:
    clock = Clock()
    mother = await enrolled(hub, "umm-hassan", clock)
    ward = (await applied(mother, "huda"))["guardianship"]
    assert ward["endsAt"] == "2028-01-19T00:00:00Z"
    clock.now = datetime(2028, 1, 18, 23, 59, tzinfo=UTC)
    await mother.sign_in()
    assert (await mother.ask(ME, acting_for=ward["person"]))["data"]["me"]["role"] == "guardian"
    clock.now = datetime(2028, 1, 19, tzinfo=UTC)
    with pytest.raises(NotPermitted):
        await mother.ask(ME, acting_for=ward["person"])


def test_who_is_born_on_a_leap_day_is_of_age_on_the_first_of_march() -> None:
    assert _of_age("2008-02-29") == int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    assert _of_age("2008-03-01") == int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    assert _of_age(None) is None


async def test_the_header_is_obeyed_over_http_and_refused_alike(country: Country, tmp_path: Path) -> None:
    """Failure 8.4a of identity."""
    settings = copied(country, tmp_path / "hub")
    async with asking(country, settings) as hub:
        mother = await enrolled(hub, "umm-hassan")
        ward = (await applied(mother, "zahra"))["guardianship"]["person"]
    with serving(settings.path, tmp_path / "log.txt") as one:
        headers = {"authorization": f"Bearer {mother.token}"}
        asked = {"query": ME}
        async with httpx.AsyncClient(base_url=one.url) as client:
            good = await client.post("/graphql", headers=headers | {"mizalla-acting-for": ward}, json=asked)
            bad = await client.post("/graphql", headers=headers | {"mizalla-acting-for": "0" * 48}, json=asked)
            text = await client.get("/schema.graphql", headers=headers | {"mizalla-acting-for": ward})
        assert good.json()["data"]["me"]["role"] == "guardian"
        assert "Mizalla-Acting-For" in good.headers["vary"]
        assert (bad.status_code, bad.json()["errors"][0]["extensions"]["code"]) == (403, "NOT_PERMITTED")
        assert "deviceAdd" not in text.text
        assert "consentGrant" in text.text


async def test_of_the_cast_two_hold_wallets_and_one_acts_for_her_child(country: Country, tmp_path: Path) -> None:
    async with asking(country, copied(country, tmp_path / "hub")) as hub:
        await _cast_holds(hub, country)


async def _cast_holds(hub: Asking, country: Country) -> None:
    kept = {each["holder"]: each["privateKey"] for each in json.loads((country.folder / "wallets.json").read_text(encoding="utf-8"))}
    assert (country.folder / "wallets.json").stat().st_mode & 0o077 == 0
    assert sorted(kept) == ["aram", "nadia"]
    for name, private in kept.items():
        held = wallet(hub)
        holder = Wallet(held.asks, held.origin, private)
        await holder.sign_in()
        assert (await holder.ask(ME))["data"]["me"]["person"] == {"nationalNumber": member(name).national_number}
        wards = (await holder.ask(WARDS))["data"]["wards"]
        assert len(wards) == (name == "nadia")
        for each in wards:
            acting = (await holder.ask(ME, acting_for=each["person"]))["data"]["me"]
            assert acting == {"role": "guardian", "person": {"nationalNumber": member("omar").national_number}}


async def known(hub: Asking, people: dict[int, str]) -> None:
    """Put people of the cast into an empty hub, as linking would."""
    blinder = hub.hub.blinder
    async with hub.hub.database.transaction() as tx:
        for number, who in people.items():
            own = member(who).national_number or ""
            values: dict[sa.Table, dict[str, Any]] = {
                person: {"number": number, "household": 7},
                identifier: {"blind": blinder.blind(Scheme.NATIONAL_NUMBER, own), "person": number, "scheme": 0},
                link: {"source": "civil-registry", "person": number, "key": blinder.seal_key("civil-registry", own), "run": 1},
            }
            for table, row in values.items():
                columns: dict[str, Any] = {name: sa.bindparam(name) for name in row}
                await tx.execute(hub.hub.database.prepare(sa.insert(table).values(columns)), row)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """The server a test names."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.mark.parametrize("url", ["postgresql", "mariadb"], indirect=True)
async def test_identities_are_kept_on_every_database(country: Country, tmp_path: Path, url: str) -> None:
    """From enrolling to closing and coming back, with several at once where only one may win."""
    settings = copied(country, tmp_path / "hub")
    settings = settings.model_copy(update={"hub": settings.hub.model_copy(update={"database": url})})
    clock = Clock()
    async with asking(country, settings) as hub:
        await known(hub, {1: "umm-hassan", 2: "zahra"})
        phones = [wallet(hub, clock) for _ in range(3)]
        given = await asyncio.gather(*(each.enrol(particulars("umm-hassan"), "phone") for each in phones))
        states = [each["enrolment"]["status"] for each in given]
        assert sorted(states) == ["NEEDS_REVIEW", "NEEDS_REVIEW", "VERIFIED"]
        first, waiting = phones[states.index("VERIFIED")], phones[states.index("NEEDS_REVIEW")]
        made = {"input": {"proof": await first.proof("session.open")}}
        opened = await asyncio.gather(*(hub.ask(SIGN_IN, "public", made) for _ in range(4)))
        tokens = [token for each in opened if (token := each["data"]["sessionOpen"].get("token"))]
        assert len(tokens) == 1
        first.token = tokens[0]
        tablet = wallet(hub, clock)
        added = await first.add(tablet, "tablet")
        await tablet.sign_in()
        removed = await first.remove(next(each["id"] for each in added["devices"] if each["name"] == "tablet"))
        assert [each["endedAt"] is None for each in removed["devices"]] == [True, False]
        assert (await tablet.sign_in())["code"] == "UNAUTHENTICATED"
        ward = (await applied(first, "zahra"))["guardianship"]
        assert (await first.ask(ME, acting_for=ward["person"]))["data"]["me"]["role"] == "guardian"
        assert (await first.ask(CONSENT, consent(), acting_for=ward["person"]))["data"]["consentGrant"]["consent"]["id"]
        assert (await first.ask(END, {"input": {"id": ward["id"]}}))["data"]["guardianshipEnd"]["guardianship"]["endedAt"]
        ids = [each["id"] for each in (await first.state())["recoveries"]]
        clock.passes(hours=73)
        recovered = [(await waiting.complete(id_)).get("enrolment") for id_ in ids]
        assert len([each for each in recovered if each]) == 1
        assert (await first.sign_in())["code"] == "UNAUTHENTICATED"
        await waiting.sign_in()
        assert "closedAt" in await waiting.close()
        assert (await enrolled(hub, "umm-hassan", clock)).token
