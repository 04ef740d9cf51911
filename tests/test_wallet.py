"""A wallet's proof holds for one key, one act, one origin, one moment, once; and what it opened ends at once."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from errors import Invalid, Unauthenticated
from privacy.keys import KeyRing
from privacy.wallet import Challenges, Proof, key_of, text_of, written
from samples.wallet import ADD, SIGN_IN, Wallet, over_http
from settings import Settings, load
from tables.identity import credential
from tables.identity.wallet import answered, device, session
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.serving import serving
from tests.wallets import ORIGIN, Clock, enrolled, nobody_enrolled, particulars, wallet

NOW = 1_800_000_000
ME = "{ me { role person { nationalNumber } } }"
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
"""Points of small order, and other writings of them, after Chalkias, Garillot and Nikolaenko."""


@pytest.fixture(scope="module")
async def opened(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub of this module's own."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("hub") / "copy")) as found:
        yield found


@pytest.fixture
async def hub(opened: Asking) -> Asking:
    """The same, in which nobody is enrolled."""
    return await nobody_enrolled(opened)


@pytest.fixture
def challenges(tmp_path: Path) -> Challenges:
    return Challenges(KeyRing.create(tmp_path / "ring.json"), {ORIGIN}, 120)


async def live_sessions(hub: Asking) -> int:
    statement = sa.select(sa.func.count()).select_from(session.join(credential, credential.c.id == session.c.credential))
    statement = statement.where(credential.c.revoked_at.is_(None))
    return int((await hub.hub.database.fetch(hub.hub.database.prepare(statement)))[0][0])


async def count(hub: Asking, table: sa.Table) -> int:
    return int((await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0])


async def offline(challenge: str) -> Wallet:
    """A wallet that asks nobody."""

    async def nobody(*_: Any) -> dict[str, Any]:
        return {"data": {"challenge": {"challenge": challenge}}}

    return Wallet(nobody, ORIGIN)


async def proof(challenges: Challenges, act: str = "session.open", about: str = "", **changed: str) -> Proof:
    made = await (await offline(challenges.make(NOW)[0])).proof(act, about)
    given = {"public_key": made["publicKey"], "origin": made["origin"], "challenge": made["challenge"], "signature": made["signature"]}
    return Proof(**(given | changed))


# --- proofs ------------------------------------------------------------------------------------------------------------------


async def test_a_proof_holds_for_its_key_act_and_origin_until_it_ends(challenges: Challenges) -> None:
    made = await proof(challenges)
    proven = challenges.proven(made, "session.open", "", NOW + 119)
    assert written(proven.public_key) == made.public_key
    assert proven.ends_at == NOW + 120


async def test_a_proof_for_one_thing_is_none_for_another(challenges: Challenges, tmp_path: Path) -> None:
    """Failure 6.2a of identity."""
    made, other = await proof(challenges), await proof(challenges)
    elsewhere = Challenges(KeyRing.create(tmp_path / "other.json"), {ORIGIN}, 120)
    wrong = [
        (challenges, made, "device.add", "", NOW),
        (challenges, made, "session.open", "something", NOW),
        (elsewhere, made, "session.open", "", NOW),
        (challenges, Proof(other.public_key, made.origin, made.challenge, made.signature), "session.open", "", NOW),
        (challenges, Proof(made.public_key, made.origin, other.challenge, made.signature), "session.open", "", NOW),
        (challenges, Proof(made.public_key, "https://evil.example", made.challenge, made.signature), "session.open", "", NOW),
        (challenges, Proof(made.public_key, made.origin + "/", made.challenge, made.signature), "session.open", "", NOW),
        (challenges, Proof(made.public_key, made.origin, made.challenge, other.signature), "session.open", "", NOW),
        (challenges, Proof(made.public_key, made.origin, made.challenge, ""), "session.open", "", NOW),
        (challenges, Proof(made.public_key, made.origin, made.challenge, "A" * 86), "session.open", "", NOW),
        (challenges, Proof(made.public_key, made.origin, "", made.signature), "session.open", "", NOW),
        (challenges, Proof(made.public_key, made.origin, "ا" * 5000, made.signature), "session.open", "", NOW),
    ]
    said = set()
    for judge, given_, act, about, now in wrong:
        with pytest.raises(Unauthenticated) as caught:
            judge.proven(given_, act, about, now)
        said.add(caught.value.message)
    assert said == {"the proof does not hold"}


async def test_a_page_of_another_origin_signs_nothing_that_holds_here(challenges: Challenges) -> None:
    """Failure 6.2b of identity."""
    phished = await offline(challenges.make(NOW)[0])
    phished.origin = "https://mizalla.example.evil"
    made = await phished.proof("session.open")
    for origin in (phished.origin, ORIGIN):
        with pytest.raises(Unauthenticated):
            challenges.proven(Proof(made["publicKey"], origin, made["challenge"], made["signature"]), "session.open", "", NOW)


async def test_a_challenge_ends(challenges: Challenges) -> None:
    """Failure 6.2c of identity."""
    made = await proof(challenges)
    with pytest.raises(Unauthenticated, match="ended"):
        challenges.proven(made, "session.open", "", NOW + 120)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_point_of_small_order_is_nobodys_key(point: str) -> None:
    """Failure 6.2d of identity."""
    with pytest.raises(Invalid) as caught:
        key_of(written(bytes.fromhex(point)))
    assert caught.value.field == "publicKey"


@given(st.text(max_size=60))
def test_what_is_no_key_is_refused_and_nothing_else_raised(text: str) -> None:
    with pytest.raises(Invalid):
        key_of(text)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_that_is_read_is_written_the_same(raw: bytes) -> None:
    try:
        assert key_of(written(raw)) == raw
    except Invalid:
        return
    assert key_of(written(raw) + "=") == raw


def test_no_two_acts_have_one_text() -> None:
    assert text_of("a", "b", "c", "d") == b"mizalla wallet 1\na\nb\nc\nd"
    assert len({text_of(*parts) for parts in (("a", "b", "c", ""), ("a", "b", "", "c"), ("a", "", "b", "c"), ("", "a", "b", "c"))}) == 4


def test_challenges_are_all_different_and_store_nothing(challenges: Challenges) -> None:
    assert len({challenges.make(NOW)[0] for _ in range(100)}) == 100


# --- signing in --------------------------------------------------------------------------------------------------------------


async def test_a_session_lasts_some_minutes_and_is_refused_when_it_ended(hub: Asking) -> None:
    """Failure 6.3a of identity."""
    clock = Clock()
    phone = await enrolled(hub, "umm-hassan", clock)
    assert (await phone.ask(ME))["data"]["me"] == {"role": "person", "person": {"nationalNumber": "990000000101"}}
    clock.passes(minutes=15, seconds=1)
    with pytest.raises(Unauthenticated, match="expired"):
        await phone.ask(ME)
    assert "token" in await phone.sign_in()
    assert await count(hub, session) == 1, "a device's ended sessions go when it signs in again"
    assert (await phone.ask(ME))["data"]["me"]["role"] == "person"


async def test_signing_out_ends_this_session_at_once_and_no_other(hub: Asking) -> None:
    phone = await enrolled(hub, "umm-hassan")
    first = phone.token
    await phone.sign_in()
    assert "endedAt" in await phone.sign_out()
    with pytest.raises(Unauthenticated):
        await phone.ask(ME)
    phone.token = first
    assert (await phone.ask(ME))["data"]["me"]["role"] == "person"


async def test_a_proof_signs_in_once(hub: Asking) -> None:
    """Failure 6.2e of identity."""
    phone = await enrolled(hub, "umm-hassan")
    made = {"input": {"proof": await phone.proof("session.open")}}
    first = (await hub.data(SIGN_IN, "public", made))["sessionOpen"]
    before = await live_sessions(hub)
    again = (await hub.data(SIGN_IN, "public", made))["sessionOpen"]
    assert "token" in first
    assert again["code"] == "UNAUTHENTICATED"
    assert await live_sessions(hub) == before


async def test_of_one_proof_sent_many_times_at_once_one_signs_in(hub: Asking) -> None:
    """Failure 6.2e of identity."""
    phone = await enrolled(hub, "umm-hassan")
    made = {"input": {"proof": await phone.proof("session.open")}}
    found = await asyncio.gather(*(hub.data(SIGN_IN, "public", made) for _ in range(5)))
    assert sum("token" in each["sessionOpen"] for each in found) == 1


async def test_spent_challenges_are_kept_until_they_would_have_ended(hub: Asking) -> None:
    clock = Clock()
    phone = await enrolled(hub, "umm-hassan", clock)
    for _ in range(3):
        await phone.sign_in()
    assert await count(hub, answered) == 5 + 1, "and the number that was tried, which is held for a day"
    clock.passes(seconds=121)
    await phone.sign_in()
    assert await count(hub, answered) == 1 + 1


async def test_a_strangers_key_signs_nobody_in(hub: Asking) -> None:
    """Failure 6.2f of identity."""
    stranger = wallet(hub)
    assert (await stranger.sign_in())["code"] == "UNAUTHENTICATED"
    assert await count(hub, session) == 0
    assert await count(hub, answered) == 0


# --- devices -----------------------------------------------------------------------------------------------------------------


async def test_a_device_lets_another_in_and_either_signs_in(hub: Asking) -> None:
    phone, tablet = await enrolled(hub, "umm-hassan"), wallet(hub)
    added = await phone.add(tablet, "tablet")
    assert [each["name"] for each in added["devices"]] == ["phone of umm-hassan", "tablet"]
    await tablet.sign_in()
    assert (await tablet.ask(ME))["data"]["me"]["person"] == {"nationalNumber": "990000000101"}
    ids = {each["name"]: each["id"] for each in added["devices"]}
    assert (await hub.hub.writing.trace(f"device:{ids['tablet']}"))[0].role == "person"


async def test_a_device_that_is_ended_is_out_at_once_and_its_key_never_comes_back(hub: Asking) -> None:
    """Failure 7.2a of identity."""
    phone, tablet = await enrolled(hub, "umm-hassan"), wallet(hub)
    added = await phone.add(tablet, "tablet")
    await tablet.sign_in()
    removed = await phone.remove(added["devices"][1]["id"])
    assert [each["endedAt"] is None for each in removed["devices"]] == [True, False]
    with pytest.raises(Unauthenticated):
        await tablet.ask(ME)
    assert (await tablet.sign_in())["code"] == "UNAUTHENTICATED"
    assert (await phone.add(tablet, "tablet"))["code"] == "CONFLICT"
    assert (await phone.ask(ME))["data"]["me"]["role"] == "person"


async def test_the_last_device_stays(hub: Asking) -> None:
    """Failure 7.2b of identity."""
    phone = await enrolled(hub, "umm-hassan")
    (only,) = (await phone.state())["devices"]
    assert (await phone.remove(only["id"]))["code"] == "CONFLICT"
    assert "token" in await phone.sign_in()


async def test_nobody_ends_or_adds_a_device_of_anothers(hub: Asking) -> None:
    """Failure 7.1a of identity, 7.2c of identity."""
    hers, his = await enrolled(hub, "umm-hassan"), await enrolled(hub, "abu-karrar")
    (device_,) = (await hers.state())["devices"]
    assert (await his.remove(device_["id"]))["code"] == "UNKNOWN"
    other = wallet(hub)
    stolen, hers.token = hers.token, his.token
    assert (await hers.add(other, "not his"))["code"] == "UNAUTHENTICATED", "her key, his session"
    hers.token = stolen
    proof = await hers.proof("device.add", wallet(hub).public_key)
    joining = await other.proof("device.join")
    sent = {"input": {"name": "x", "proof": proof, "joining": joining}}
    assert (await hers.ask(ADD, sent))["data"]["deviceAdd"]["code"] == "UNAUTHENTICATED", "signed about another key"
    assert await count(hub, device) == 2


async def test_a_device_joins_only_with_its_own_key_in_hand(hub: Asking) -> None:
    """Failure 7.1a of identity."""
    hers, other = await enrolled(hub, "umm-hassan"), wallet(hub)
    forged = {**(await hers.proof("device.join")), "publicKey": other.public_key}
    sent = {"input": {"name": "x", "proof": await hers.proof("device.add", other.public_key), "joining": forged}}
    assert (await hers.ask(ADD, sent))["data"]["deviceAdd"]["code"] == "UNAUTHENTICATED"
    assert await count(hub, device) == 1


async def test_an_identity_has_so_many_devices(hub: Asking) -> None:
    """Failure 7.1b of identity."""
    phone = await enrolled(hub, "umm-hassan")
    codes = [(await phone.add(wallet(hub), f"number {each}")).get("code") for each in range(20)]
    assert codes == [None] * 19 + ["CONFLICT"]


async def test_a_device_hears_of_what_happens_to_its_identity(hub: Asking) -> None:
    phone = await enrolled(hub, "umm-hassan")
    enquiry = await hub.hub.enquiry(phone.token, None)
    with hub.hub.watching.watch("wallet_changed", enquiry) as watcher:
        await phone.add(wallet(hub), "tablet")
        assert set(await watcher.next(5)) == {"device"}
        await wallet(hub).enrol(particulars("umm-hassan"), "a stranger")
        assert set(await watcher.next(5)) == {"enrolment"}


@pytest.mark.parametrize("who", ["public", "crescent-caseworker", "inspector", "app-developer"])
async def test_nobody_but_a_person_has_a_wallet(hub: Asking, who: str) -> None:
    assert "data" not in await hub.ask("{ wallet { openedAt } }", who)
    assert "data" not in await hub.ask("mutation { sessionClose { __typename } }", who)


# --- the end ---------------------------------------------------------------------------------------------------------------


async def test_closing_ends_consents_devices_and_identifiers_and_leaves_the_record(country: Country, tmp_path: Path) -> None:
    async with asking(country, copied(country, tmp_path / "hub")) as hub:
        await _closed(hub)


async def _closed(hub: Asking) -> None:
    clock = Clock()
    phone = await enrolled(hub, "umm-hassan", clock)
    find = '{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") { id motherName } }'
    before = (await hub.data(find, "crescent-caseworker"))["personByIdentifier"]
    assert before["motherName"]
    entries = hub.hub.record._last_number
    assert "closedAt" in await phone.close()
    one = "query ($id: ID!) { person(id: $id) { id motherName } }"
    assert await hub.data(one, "crescent-caseworker", {"id": before["id"]}) == {"person": None}
    assert (await hub.data(find, "crescent-caseworker"))["personByIdentifier"] is None
    with pytest.raises(Unauthenticated):
        await phone.ask(ME)
    with pytest.raises(Unauthenticated):
        await hub.ask(ME, "umm-hassan")
    assert (await phone.sign_in())["code"] == "UNAUTHENTICATED"
    assert hub.hub.record._last_number >= entries
    caseload = await hub.data("{ people(first: 5) { id name household { size } } }", "crescent-caseworker")
    assert len(caseload["people"]) == 5, "its own books stay the organisation's"
    assert (await phone.enrol(particulars("umm-hassan"), "phone"))["code"] == "CONFLICT"
    again = await enrolled(hub, "umm-hassan", clock)
    found = (await again.ask("{ me { person { nationalNumber consents { withdrawnAt } disclosures { id } household { size } } } }"))["data"]
    person = found["me"]["person"]
    assert person["consents"]
    assert all(each["withdrawnAt"] for each in person["consents"])
    assert len(person["disclosures"]) >= 3
    assert person["household"]["size"] == 5
    assert (await hub.data(one, "crescent-caseworker", {"id": before["id"]}))["person"]["motherName"] is None


async def test_nobody_closes_anothers_identity(hub: Asking) -> None:
    """Failure 7.4a of identity."""
    hers, his = await enrolled(hub, "umm-hassan"), await enrolled(hub, "abu-karrar")
    hers.token = his.token
    assert (await hers.close())["code"] == "UNAUTHENTICATED"
    assert "token" in await hers.sign_in()
    person = (await hers.ask("{ me { person { consents { withdrawnAt } } } }"))["data"]["me"]["person"]
    assert any(each["withdrawnAt"] is None for each in person["consents"])


# --- two processes ----------------------------------------------------------------------------------------------------------


async def test_a_proof_answered_in_one_process_holds_in_no_other(country: Country, tmp_path: Path) -> None:
    """Failure 6.2e of identity."""
    settings: Settings = copied(country, tmp_path / "hub")
    text = settings.path.read_text(encoding="utf-8").replace("[hub]\n", f'[hub]\naddress = "{ORIGIN}"\n')
    settings.path.unlink()
    settings.path.write_text(text, encoding="utf-8")
    load(settings.path)
    with serving(settings.path, tmp_path / "one.txt") as one, serving(settings.path, tmp_path / "two.txt") as two:
        phone = Wallet(over_http(one.url), ORIGIN)
        assert (await phone.enrol(particulars("umm-hassan"), "phone"))["enrolment"]["status"] == "VERIFIED"
        made = {"query": SIGN_IN, "variables": {"input": {"proof": await phone.proof("session.open")}}}
        async with httpx.AsyncClient() as client:
            answers = await asyncio.gather(*(client.post(f"{each.url}/graphql", json=made) for each in (one, two, one, two)))
            tokens = [token for each in answers if (token := each.json()["data"]["sessionOpen"].get("token"))]
            assert len(tokens) == 1
            phone.token = tokens[0]
            phone.asks = over_http(two.url)
            assert (await phone.ask(ME))["data"]["me"]["person"] == {"nationalNumber": "990000000101"}
        for each in (one, two):
            assert tokens[0] not in each.said()
            assert "990000000101" not in each.said()


def test_a_public_key_is_32_bytes_however_it_is_padded() -> None:
    raw = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert key_of("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") == key_of("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=") == raw
