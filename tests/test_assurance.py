"""Who enrols by knowledge alone opens nothing until a code was entered that came by another way; who is witnessed needs none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from privacy.standing import epoch
from samples.wallet import WITNESS, Wallet
from tables.identity.assurance import unconfirmed
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import rows
from tests.wallets import Clock, nobody_enrolled, particulars, wallet
from values import Role

NUMBER = "990000000101"
MAKE = """mutation ($input: IdentityCodeMakeInput!) { identityCodeMake(input: $input) {
    ... on IdentityCodeMade { code endsAt } ... on Refusal { code_: code field } } }"""
CONFIRM = """mutation ($input: IdentityConfirmInput!) { identityConfirm(input: $input) {
    ... on IdentityConfirmed { confirmed } ... on Refusal { code } } }"""
ME = "{ me { role person { nationalNumber } } }"
ROLE = "{ me { role } wallet { confirmed devices { name } } }"
CONSENT = "mutation ($input: ConsentGrantInput!) { consentGrant(input: $input) { ... on ConsentGranted { consent { id } } } }"


@pytest.fixture(scope="module")
async def opened(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub that asks for codes, as hubs do where `hub.toml` says nothing."""
    settings = copied(country, tmp_path_factory.mktemp("assurance") / "hub")
    assert settings.hub.enrolment is not None
    asks = settings.hub.enrolment.model_copy(update={"code": True})
    async with asking(country, settings.model_copy(update={"hub": settings.hub.model_copy(update={"enrolment": asks})})) as hub:
        office = settings.hub.enrolment.office
        now = epoch(datetime.now(UTC))
        purposes = hub.hub.organisations[office].purposes
        hub.keys["office"] = await hub.hub.credentials.issue("office", "staff", office, Role.CASEWORKER, purposes, now)
        yield hub


@pytest.fixture
async def hub(opened: Asking) -> Asking:
    """The same, in which nobody is enrolled."""
    found = await nobody_enrolled(opened)
    async with found.hub.database.transaction() as tx:
        await tx.execute(found.hub.database.prepare(unconfirmed.delete()))
    return found


async def alone(hub: Asking, clock: Clock | None = None) -> Wallet:
    """Umm Hassan's telephone, enrolled by what she knows, and signed in."""
    phone = wallet(hub, clock)
    assert (await phone.enrol(particulars("umm-hassan"), "phone"))["enrolment"]["status"] == "VERIFIED"
    assert "token" in await phone.sign_in()
    return phone


async def made(hub: Asking, who: str = "crescent-caseworker", **given: Any) -> dict[str, Any]:
    wish = {"scheme": "NATIONAL_NUMBER", "number": NUMBER, "papers": ["NATIONAL_CARD"], **given}
    return dict((await hub.data(MAKE, who, {"input": wish}))["identityCodeMake"])


async def entered(phone: Wallet, code: str) -> dict[str, Any]:
    return dict((await phone.ask(CONFIRM, {"input": {"code": code}}))["data"]["identityConfirm"])


async def role(phone: Wallet) -> tuple[str, bool]:
    found = (await phone.ask(ROLE))["data"]
    return found["me"]["role"], found["wallet"]["confirmed"]


async def test_who_enrolled_alone_sees_its_devices_and_nothing_else_of_anybody(hub: Asking) -> None:
    """Failure 19.1a of identity."""
    phone = await alone(hub)
    assert await role(phone) == ("newcomer", False)
    ends = "2027-01-01T00:00:00Z"
    wish = {"input": {"receiver": "hope-network", "purpose": "AID_DISTRIBUTION", "categories": ["NAME"], "endsAt": ends}}
    for question, variables in ((ME, {}), (CONSENT, wish), ("{ consentRequests { id } }", {}), ("{ myAidRequests { id } }", {})):
        assert (await phone.ask(question, variables))["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


async def test_a_code_that_was_handed_over_opens_the_identity_at_the_next_sign_in(hub: Asking) -> None:
    phone = await alone(hub)
    code = (await made(hub))["code"]
    assert await entered(phone, code.lower().replace("-", " ")) == {"confirmed": True}
    with pytest.raises(Exception, match="credential"):
        await phone.ask(ME)
    await phone.sign_in()
    assert (await phone.ask(ME))["data"]["me"] == {"role": "person", "person": {"nationalNumber": NUMBER}}
    assert await role(phone) == ("person", True)
    looks = (await phone.ask("{ me { person { disclosures(first: 5) { organisation grounds } } } }"))["data"]["me"]["person"]["disclosures"]
    assert {"organisation": "crescent-aid", "grounds": ["enrolment"]} in looks
    assert await rows(hub, unconfirmed) == 0


async def test_the_office_sends_a_code_by_post_and_nobody_else_does(hub: Asking) -> None:
    """Failure 19.2b of identity."""
    phone = await alone(hub)
    assert (await made(hub, papers=[], letter=True))["code_"] == "NOT_PERMITTED"
    code = (await made(hub, "office", papers=[], letter=True))["code"]
    assert await entered(phone, code) == {"confirmed": True}


async def test_with_staff_who_saw_papers_no_code_is_needed(hub: Asking) -> None:
    thief = await alone(hub)
    phone = wallet(hub)
    sent = {"particulars": particulars("umm-hassan"), "device": "phone", "papers": ["NATIONAL_CARD"]}
    await hub.data(WITNESS, "crescent-caseworker", {"input": {**sent, "proof": await phone.proof("enrolment.apply")}})
    await phone.sign_in()
    assert await role(phone) == ("person", True)
    assert (await thief.sign_in())["code"] == "UNAUTHENTICATED", "who had enrolled in her place is out"


async def test_five_wrong_codes_end_the_right_one(hub: Asking) -> None:
    """Failure 19.3a of identity."""
    phone = await alone(hub)
    assert await entered(phone, "AAAAA-AAAAA") == {"code": "UNKNOWN"}
    code = (await made(hub))["code"]
    for wrong in ("", "22222-22222", code[:-1], "\u202e", "A" * 500):
        assert await entered(phone, wrong) == {"code": "UNKNOWN"}
    assert await entered(phone, code) == {"code": "UNKNOWN"}
    assert await role(phone) == ("newcomer", False)


async def test_a_code_ends(hub: Asking) -> None:
    """Failure 19.3a of identity."""
    clock = Clock()
    phone = await alone(hub, clock)
    code = (await made(hub))["code"]
    clock.passes(days=31)
    await phone.sign_in()
    assert await entered(phone, code) == {"code": "UNKNOWN"}


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"number": "990000000141"}, ("UNKNOWN", None)),
        ({"number": "990000009999"}, ("UNKNOWN", None)),
        ({"number": "12"}, ("INVALID", "number")),
        ({"papers": []}, ("INVALID", "papers")),
    ],
)
async def test_no_code_is_made_for_who_does_not_wait(given: dict[str, Any], refusal: tuple[str, str | None], hub: Asking) -> None:
    """Failure 19.2a of identity."""
    await alone(hub)
    answer = await made(hub, **given)
    assert (answer["code_"], answer["field"]) == refusal
    ((code,),) = await hub.hub.database.fetch(hub.hub.database.prepare(unconfirmed.select().with_only_columns(unconfirmed.c.code)))
    assert code is None


async def test_one_code_a_day_and_only_the_last_one_counts(hub: Asking) -> None:
    """Failure 19.2c of identity."""
    await alone(hub)
    await made(hub)
    assert (await made(hub))["code_"] == "LIMIT_REACHED"


async def test_a_recovery_alone_waits_for_a_code_again(hub: Asking) -> None:
    clock = Clock()
    phone = await alone(hub, clock)
    await entered(phone, (await made(hub))["code"])
    other = wallet(hub, clock)
    asked = (await other.enrol(particulars("umm-hassan"), "found again"))["enrolment"]
    clock.passes(hours=73)
    assert (await other.complete(asked["id"]))["enrolment"]["status"] == "VERIFIED"
    await other.sign_in()
    assert await role(other) == ("newcomer", False)


@pytest.mark.parametrize("who", ["inspector", "public", "mariam", "crescent-app"])
async def test_nobody_else_makes_codes(who: str, hub: Asking) -> None:
    """Failure 19.2d of identity."""
    given = {"scheme": "NATIONAL_NUMBER", "number": NUMBER, "papers": ["NATIONAL_CARD"]}
    assert (await hub.ask(MAKE, who, {"input": given}))["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


async def test_a_stolen_database_tells_no_code(hub: Asking) -> None:
    await alone(hub)
    code = (await made(hub))["code"]
    ((stored,),) = await hub.hub.database.fetch(hub.hub.database.prepare(unconfirmed.select().with_only_columns(unconfirmed.c.code)))
    assert code.replace("-", "").encode() not in bytes(stored)
    assert len(bytes(stored)) == 32
