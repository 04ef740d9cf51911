"""A guardian asks for help and answers requests for consent in the place of the person it acts for, as far as its acts go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from errors import NotPermitted
from samples.cast import member
from samples.wallet import Wallet
from tables.identity.requests import aid_request
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import rows
from tests.test_asking import MADE, SEND, YES, by_number
from tests.test_guardians import END, GRANT, applied, later
from tests.wallets import enrolled, nobody_enrolled

OPEN = """mutation ($input: AidRequestOpenInput!) { aidRequestOpen(input: $input) {
    ... on AidRequestMoved { aidRequest { id state governorate } } ... on Refusal { code } } }"""
WITHDRAW = """mutation ($input: AidRequestActInput!) { aidRequestWithdraw(input: $input) {
    ... on AidRequestMoved { aidRequest { state } } ... on Refusal { code } } }"""
STEPS = "query ($id: ID!) { aidRequestSteps(id: $id) { act by } }"
MINE = "{ myAidRequests { id state } }"
HERS = "{ consentRequests { id organisation state } }"
FOOD = {"input": {"need": "food", "urgency": "URGENT", "words": "نحتاج إلى حليب"}}


@pytest.fixture(scope="module")
async def opened(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub of this module's own."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("wards") / "copy")) as found:
        yield found


@pytest.fixture
async def hub(opened: Asking) -> Asking:
    """The same, in which nobody is enrolled."""
    return await nobody_enrolled(opened)


async def asks(holder: Wallet, question: str, variables: dict[str, Any] | None = None, ward: str | None = None) -> Any:
    """The one value of an answer without errors."""
    body = await holder.ask(question, variables or {}, acting_for=ward)
    assert "errors" not in body, body
    ((value,),) = [body["data"].values()]
    return value


async def test_a_mother_asks_for_help_for_her_child_and_it_reads_as_a_guardians(hub: Asking) -> None:
    mother = await enrolled(hub, "umm-hassan")
    ward = (await applied(mother, "zahra"))["guardianship"]
    made = (await asks(mother, OPEN, FOOD, ward["person"]))["aidRequest"]
    assert (made["state"], made["governorate"]) == ("OPENED", "IQ-BG")
    assert [(each["act"], each["by"]) for each in await asks(mother, STEPS, {"id": made["id"]}, ward["person"])] == [("open", "guardian")]
    assert [each["id"] for each in await asks(mother, MINE, ward=ward["person"])] == [made["id"]]
    assert await asks(mother, MINE) == [], "it is the child's, not her own"
    taken = await asks(mother, WITHDRAW, {"input": {"id": made["id"]}}, ward["person"])
    assert taken["aidRequest"]["state"] == "WITHDRAWN"


async def test_a_guardian_who_may_only_read_asks_for_nothing_and_answers_nothing(hub: Asking) -> None:
    mother, other = await enrolled(hub, "umm-hassan"), await enrolled(hub, "nadia")
    invitation = (await asks(other, "{ invitation { text } }"))["text"]
    granted = await asks(mother, GRANT, {"input": {"invitation": invitation, "acts": ["READ"], "endsAt": later(30)}})
    assert granted["guardianship"]["acts"] == ["READ"], granted
    (ward,) = await asks(other, "{ wards { person acts endedAt } }")
    before = await rows(hub, aid_request)
    for question, variables in ((OPEN, FOOD), (YES, {"input": {"id": "x", "categories": ["NAME"]}})):
        refused = await other.ask(question, variables, acting_for=ward["person"])
        assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"
    assert await rows(hub, aid_request) == before


async def test_a_mother_answers_a_request_for_consent_for_her_child_until_she_may_no_more(hub: Asking) -> None:
    mother = await enrolled(hub, "umm-hassan")
    ward = (await applied(mother, "zahra"))["guardianship"]
    await hub.data(SEND, "hope-caseworker", by_number(member("zahra").national_number or ""))
    (sent,) = await asks(mother, HERS, ward=ward["person"])
    assert (sent["organisation"], sent["state"]) == ("hope-network", "OPEN")
    assert "hope-network" not in {each["organisation"] for each in await asks(mother, HERS)}, "nobody asks her"
    given = await asks(mother, YES, {"input": {"id": sent["id"], "categories": ["NAME"]}}, ward["person"])
    assert given["consent"]["categories"] == ["NAME"]
    assert "GRANTED" in {each["state"] for each in (await hub.data(MADE, "hope-caseworker"))["consentRequestsMade"]}
    await asks(mother, END, {"input": {"id": ward["id"]}})
    with pytest.raises(NotPermitted):
        await mother.ask(HERS, {}, acting_for=ward["person"])
