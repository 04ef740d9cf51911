"""Who may be known, to whom, and since when: consents, identifiers, and people of whom nothing may be learnt."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from errors import NotPermitted
from privacy.standing import consented
from resolvers.identity.consents import Wish
from samples.cast import member
from samples.seeding import People
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import asked
from tests.receiving import Receipts, reading_databases
from values import Category, Purpose

YEAR = timedelta(days=365)

GRANT = """
mutation Grant($input: ConsentGrantInput!) {
  consentGrant(input: $input) {
    __typename
    ... on ConsentGranted { consent { id receiver purpose categories grantedAt endsAt withdrawnAt receipt } }
    ... on Refusal { code message hint field }
  }
}
"""
WITHDRAW = """
mutation Withdraw($id: ID!) {
  consentWithdraw(input: { id: $id }) {
    __typename
    ... on ConsentWithdrawn { consent { id withdrawnAt receipt } }
    ... on Refusal { code message hint field }
  }
}
"""
CONSENTS = "{ me { person { consents { id receiver categories withdrawnAt } } } }"


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of one's own, whose consents may be changed."""
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub for those who only read."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("standing") / "hub")) as opened:
        yield opened


def grant(**changes: Any) -> dict[str, Any]:
    """What Mariam wants to let Crescent Aid see, a year long."""
    ends = (datetime.now(UTC) + YEAR).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = {"receiver": "crescent-aid", "purpose": "AID_DISTRIBUTION", "categories": ["NAME", "BIRTH"], "endsAt": ends}
    return {"input": wanted | changes}


async def changed(hub: Asking, document: str, who: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The one payload or refusal of a mutation."""
    (result,) = (await hub.data(document, who, variables)).values()
    assert isinstance(result, dict)
    return result


# --- consent ---------------------------------------------------------------------------------------------------------

MARIAM = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { motherName withheld { attribute reason } } }'


async def test_a_consent_opens_its_categories_at_the_very_next_request_and_a_withdrawal_closes_them(hub: Asking) -> None:
    async def seen(who: str) -> Any:
        return (await hub.data(MARIAM, who))["personByIdentifier"]

    closed = {"motherName": None, "withheld": [{"attribute": "Person.motherName", "reason": "NO_CONSENT"}]}
    opened = {"motherName": member("mariam").mother, "withheld": []}
    assert await seen("crescent-caseworker") == closed
    given = await changed(hub, GRANT, "mariam", grant())
    assert given["__typename"] == "ConsentGranted"
    assert await seen("crescent-caseworker") == opened
    assert await seen("hope-caseworker") is None  # whom she did not name
    ended = await changed(hub, WITHDRAW, "mariam", {"id": given["consent"]["id"]})
    assert ended["consent"]["withdrawnAt"] is not None
    assert await seen("crescent-caseworker") == closed


async def test_a_consent_lets_an_organisation_know_of_her_that_never_helped_her(hub: Asking) -> None:
    question = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { motherName phone birthYear household { size } } }'
    assert (await hub.data(question, "hope-caseworker"))["personByIdentifier"] is None
    await changed(hub, GRANT, "mariam", grant(receiver="hope-network", categories=["NAME"]))
    # Not the year of her birth, which is open to organisations only of their own cases or under a consent to BIRTH.
    assert (await hub.data(question, "hope-caseworker"))["personByIdentifier"] == {
        "motherName": member("mariam").mother,
        "phone": None,
        "birthYear": None,
        "household": None,
    }
    assert (await hub.data(question, "rafidain-caseworker"))["personByIdentifier"] is None


async def test_a_consent_to_a_kind_of_organisation_holds_for_the_verified_ones(hub: Asking) -> None:
    await changed(hub, GRANT, "mariam", grant(receiver="kind:ngo", categories=["NAME"]))
    question = MARIAM.replace(" withheld { attribute reason }", "")
    for who in ("crescent-caseworker", "hope-caseworker", "rafidain-caseworker"):
        assert (await hub.data(question, who))["personByIdentifier"] == {"motherName": member("mariam").mother}
    assert (await hub.data(question, "ministry-caseworker"))["personByIdentifier"] is None
    assert (await hub.ask(question, "new-dawn-caseworker"))["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"  # has no such field


async def test_a_consent_ends_by_itself(hub: Asking) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    await changed(hub, GRANT, "mariam", grant(endsAt=soon))
    question = MARIAM.replace(" withheld { attribute reason }", "")
    assert (await hub.data(question, "crescent-caseworker"))["personByIdentifier"]["motherName"] is not None
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert (await asked(hub, question, "crescent-caseworker", at=later))["personByIdentifier"]["motherName"] is None


async def test_a_person_reads_her_own_consents_newest_first(hub: Asking) -> None:
    before = (await hub.data(CONSENTS, "mariam"))["me"]["person"]["consents"]
    await asyncio.sleep(1.1)
    given = await changed(hub, GRANT, "mariam", grant())
    consents = (await hub.data(CONSENTS, "mariam"))["me"]["person"]["consents"]
    assert consents == [
        {"id": given["consent"]["id"], "receiver": "crescent-aid", "categories": ["NAME", "BIRTH"], "withdrawnAt": None},
        *before,
    ]


FAR = (datetime.now(UTC) + 6 * YEAR).strftime("%Y-%m-%dT%H:%M:%SZ")
REFUSED = {
    "unknown receiver": ({"receiver": "nobody-knows"}, "INVALID", "receiver"),
    "unknown kind": ({"receiver": "kind:developers"}, "INVALID", "receiver"),
    "no category": ({"categories": []}, "INVALID", "categories"),
    "past end": ({"endsAt": "2020-01-01T00:00:00Z"}, "INVALID", "endsAt"),
    "more than five years": ({"endsAt": FAR}, "INVALID", "endsAt"),
    "no moment": ({"endsAt": "next year"}, "INVALID", "endsAt"),
}


@pytest.mark.parametrize(("changes", "code", "field"), REFUSED.values(), ids=list(REFUSED))
async def test_a_consent_that_cannot_stand_is_refused_and_nothing_is_written(
    changes: dict[str, Any], code: str, field: str, hub: Asking
) -> None:
    """Failure 3.1a of identity."""
    before = await consents_in(hub)
    refusal = await changed(hub, GRANT, "mariam", grant(**changes))
    assert (refusal["__typename"], refusal["code"], refusal["field"]) == ("Refusal", code, field)
    assert refusal["message"]
    assert refusal["hint"]
    assert await consents_in(hub) == before


async def consents_in(hub: Asking) -> list[Any]:
    """Every row of the ledger, read beside the hub."""
    ledger = apsw.Connection(hub.hub.settings.hub.database.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = list(ledger.execute("SELECT * FROM consent ORDER BY id"))
    ledger.close()
    return rows


async def test_nobody_consents_or_withdraws_in_a_persons_place(hub: Asking) -> None:
    """Failure 3.1b of identity."""
    before = await consents_in(hub)
    hers = (await hub.data(CONSENTS, "mariam"))["me"]["person"]["consents"][0]["id"]
    for who in ("crescent-caseworker", "inspector", "app-developer", "public"):
        for document, variables in ((GRANT, grant()), (WITHDRAW, {"id": hers})):
            body = await hub.ask(document, who, variables)
            assert {each["extensions"]["code"] for each in body["errors"]} == {"GRAPHQL_INVALID"}  # there is no such mutation for them
        enquiry = await hub.hub.enquiry(hub.keys.get(who), None)
        wish = Wish("crescent-aid", Purpose.AID_DISTRIBUTION, frozenset({Category.NAME}), "2030-01-01T00:00:00Z")
        with pytest.raises(NotPermitted):
            await hub.hub.identity.consents.withdraw(enquiry, hers)
        with pytest.raises(NotPermitted):
            await hub.hub.identity.consents.grant(enquiry, wish)
    assert await consents_in(hub) == before


async def test_anothers_consent_and_none_at_all_are_refused_alike(hub: Asking) -> None:
    """Failure 3.3a of identity."""
    before = await consents_in(hub)
    hers = (await hub.data(CONSENTS, "mariam"))["me"]["person"]["consents"][0]["id"]
    foreign = await changed(hub, WITHDRAW, "umm-hassan", {"id": hers})
    assert foreign == await changed(hub, WITHDRAW, "umm-hassan", {"id": "0" * 32})
    assert foreign["code"] == "UNKNOWN"
    assert await consents_in(hub) == before


async def test_a_second_withdrawal_changes_nothing(hub: Asking) -> None:
    hers = (await hub.data(CONSENTS, "mariam"))["me"]["person"]["consents"][0]["id"]
    first = await changed(hub, WITHDRAW, "mariam", {"id": hers})
    before = await consents_in(hub)
    assert await changed(hub, WITHDRAW, "mariam", {"id": hers}) == first
    assert await consents_in(hub) == before


# --- identifiers -----------------------------------------------------------------------------------------------------

IDENTIFIERS = """
{
  personByIdentifier(scheme: RATION_CARD, value: "2043817/1") {
    id
    household { id members { id allocations { id } } }
    allocations { id }
    insurance { id }
  }
  caseload(first: 500) {
    nodes { id household { id } allocations { id } insurance { id } }
    edges { cursor }
    pageInfo { startCursor endCursor }
  }
}
"""


def identifiers(value: Any) -> Iterator[str]:
    """Every text under a key that names something."""
    if isinstance(value, list):
        for each in value:
            yield from identifiers(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in {"id", "cursor", "startCursor", "endCursor"}:
                yield each
            else:
                yield from identifiers(each)


async def test_two_organisations_are_given_no_equal_identifier_of_the_same_people(shared: Asking) -> None:
    given = {who: set(identifiers(await shared.data(IDENTIFIERS, who))) for who in ("crescent-caseworker", "hope-caseworker")}
    assert min(map(len, given.values())) > 50
    assert given["crescent-caseworker"] & given["hope-caseworker"] == set()


async def test_one_organisation_is_given_the_same_identifiers_each_time(shared: Asking) -> None:
    first, second = [set(identifiers(await shared.data(IDENTIFIERS, "crescent-caseworker"))) for _ in range(2)]
    assert first == second


async def test_neither_number_nor_key_of_a_person_is_in_an_answer_to_an_organisation(shared: Asking) -> None:
    text = str(await shared.ask(IDENTIFIERS, "crescent-caseworker", purpose="aid_distribution"))
    assert not re.findall(r"\b99\d{10}\b|(?:CA|HN|RR)-\d{6}", text)


# --- people of whom nothing may be learnt ----------------------------------------------------------------------------


@pytest.fixture
async def counted(country: Country, tmp_path: Path) -> AsyncIterator[tuple[Asking, Receipts]]:
    """A hub whose own statements are counted."""
    receipts = Receipts()
    with reading_databases(receipts):
        async with asking(country, copied(country, tmp_path / "hub")) as opened:
            yield opened, receipts


def about_people(receipts: Receipts) -> list[str]:
    """The statements of one enquiry; its credential is looked up only now and then."""
    return [each.text for each in receipts.all if "FROM credential" not in each.text]


async def test_unknown_foreign_forged_and_forbidden_people_are_alike(counted: tuple[Asking, Receipts]) -> None:
    """Failure 1.2a of identity: the same null, and the same statements for it."""
    hub, receipts = counted
    foreign = (await hub.data("{ people(first: 1) { id } }", "hope-caseworker"))["people"][0]["id"]
    own = (await hub.data("{ people(first: 1) { id } }", "crescent-caseworker"))["people"][0]["id"]
    numbers = await People(hub.hub.database, hub.hub.blinder).numbers([member("umm-salma").national_number or ""])
    (stranger,) = numbers.values()
    enquiry = await hub.hub.enquiry(hub.keys["crescent-caseworker"], None)
    forbidden = hub.hub.identifier(enquiry, "person")(stranger)
    asked: dict[str, list[str]] = {}
    for name, id_ in {
        "foreign": foreign,
        "forged": own[:-1] + ("A" if own[-1] != "A" else "B"),
        "forbidden": forbidden,
        "unknown": hub.hub.identifier(enquiry, "person")(10**9),
        "of another kind": hub.hub.identifier(enquiry, "household")(1),
        "empty": "",
        "long": "A" * 5000,
        "no text": "\x01\ud7ff",
    }.items():
        receipts.all.clear()
        body = await hub.ask(
            "query One($id: ID!) { person(id: $id) { id sex household { id } allocations { id } } }", "crescent-caseworker", {"id": id_}
        )
        assert body == {"data": {"person": None}, "extensions": {"plan": []}}, name
        asked[name] = about_people(receipts)
    assert len({tuple(texts) for texts in asked.values()}) == 1
    assert len(asked["forged"]) == 1  # the standing of one person


async def test_a_number_nobody_has_and_one_of_a_stranger_are_alike(counted: tuple[Asking, Receipts]) -> None:
    """Failure 1.1b of identity, and 1.1b of aid."""
    hub, receipts = counted
    asked = []
    for value in ("990000009999", "990000000122"):
        receipts.all.clear()
        question = "query One($value: String!) { personByIdentifier(scheme: NATIONAL_NUMBER, value: $value) { id sex } }"
        body = await hub.ask(question, "crescent-caseworker", {"value": value})
        assert body == {"data": {"personByIdentifier": None}, "extensions": {"plan": []}}
        asked.append(about_people(receipts))
    assert asked[0] == asked[1]


GARBAGE = ["", " ", "secret-12-secret", "9900000001011", "٩٩", "7654321/", "245-14C", "' OR 1=1 --", "9" * 10_000]


@pytest.mark.parametrize("scheme", ["NATIONAL_NUMBER", "RATION_CARD", "UNHCR_NUMBER"])
async def test_garbage_for_a_number_is_refused_with_a_hint_and_not_repeated(scheme: str, shared: Asking) -> None:
    """Failure 1.1a of identity, and 1.1a of aid."""
    for value in GARBAGE:
        question = f"query One($value: String!) {{ personByIdentifier(scheme: {scheme}, value: $value) {{ id }} }}"
        body = await shared.ask(question, "crescent-caseworker", {"value": value})
        assert body["data"] == {"personByIdentifier": None}
        (error,) = body["errors"]
        assert error["extensions"]["code"] == "INVALID"
        assert error["extensions"]["field"] == "value"
        assert error["extensions"]["hint"]
        assert len(value.strip()) < 4 or value not in str(error)


async def test_a_case_number_finds_only_own_cases(shared: Asking) -> None:
    """Failure 1.1c of identity."""
    question = "query One($value: String!) { personByIdentifier(scheme: CASE_NUMBER, value: $value) { id } }"

    async def found(who: str, value: str) -> bool:
        return (await shared.data(question, who, {"value": value}))["personByIdentifier"] is not None

    assert await found("crescent-caseworker", "CA-000101")
    assert await found("crescent-caseworker", " CA-000101 ")
    assert await found("hope-caseworker", "HN-000101")
    assert await found("karama-caseworker", "KRM-000001")
    for who in ("hope-caseworker", "rafidain-caseworker", "karama-caseworker", "ministry-caseworker", "inspector"):
        assert not await found(who, "CA-000101")
    # Neither the hub's own numbers nor what it stores in place of a key are case numbers.
    for value in ("1", "101", "", "%", "CA-%"):
        assert not await found("crescent-caseworker", value)
        assert not await found("ministry-caseworker", value)


# --- the case load ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_walking_the_case_load_meets_everybody_exactly_once(size: int, shared: Asking) -> None:
    whole = [each["id"] for each in (await shared.data("{ people(first: 1000) { id } }", "hope-caseworker"))["people"]]
    by_cursor: list[str] = []
    after: str | None = None
    while True:
        question = (
            "query Page($first: Int!, $after: String) { caseload(first: $first, after: $after)"
            " { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } }"
        )
        page = (await shared.data(question, "hope-caseworker", {"first": size, "after": after}))["caseload"]
        by_cursor += [each["id"] for each in page["nodes"]]
        assert page["totalCount"] == len(whole)
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert by_cursor == whole
    assert len(set(whole)) == len(whole)
    by_person: list[str] = []
    while True:
        question = "query Page($first: Int!, $after: ID) { people(first: $first, after: $after) { id } }"
        after = by_person[-1] if by_person else None
        rows = (await shared.data(question, "hope-caseworker", {"first": size, "after": after}))["people"]
        if not rows:
            break
        by_person += [each["id"] for each in rows]
    assert by_person == whole


async def test_a_cursor_is_of_no_use_to_another_organisation(shared: Asking) -> None:
    """Failure 3.2a of aid."""
    page = "query Page($after: String) { caseload(first: 1, after: $after) { nodes { id } pageInfo { endCursor } } }"
    cursor = (await shared.data(page, "hope-caseworker"))["caseload"]["pageInfo"]["endCursor"]
    person = (await shared.data("{ people(first: 1) { id } }", "hope-caseworker"))["people"][0]["id"]
    for question, variables in (
        (page, {"after": cursor}),
        ("query Page($after: ID) { people(first: 1, after: $after) { id } }", {"after": person}),
    ):
        body = await shared.ask(question, "crescent-caseworker", variables)
        assert body["errors"][0]["extensions"]["code"] == "INVALID"
        assert list(body["data"].values()) == [None]


async def test_a_person_is_found_again_by_the_identifier_given_before(shared: Asking) -> None:
    for who in ("crescent-caseworker", "ministry-analyst"):
        for each in (await shared.data("{ people(first: 5) { id birthYear } }", who))["people"]:
            again = await shared.data("query One($id: ID!) { person(id: $id) { id birthYear } }", who, {"id": each["id"]})
            assert again["person"] == each


async def test_a_member_of_a_family_is_an_own_case_as_long_as_one_of_them_is(hub: Asking) -> None:
    children = '{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000192") { birthYear } }'
    assert (await hub.data(children, "crescent-caseworker"))["personByIdentifier"] == {"birthYear": 2014}
    async with hub.hub.database.transaction() as tx:
        gone = hub.hub.database.prepare(sa.text("DELETE FROM own_case WHERE organisation = 'crescent-aid' AND position = 'CA-000191'"))
        await tx.execute(gone)
    assert (await hub.data(children, "crescent-caseworker"))["personByIdentifier"] is None


@given(st.lists(st.tuples(st.integers(1, 5), st.none() | st.integers(0, 7)), min_size=1, max_size=8))
def test_what_all_consented_to_is_what_each_of_them_did(rows: list[tuple[int, int | None]]) -> None:
    masks, common = consented([number for number, _ in rows], [categories for _, categories in rows])
    each = {number: 0 for number, _ in rows}
    for number, categories in rows:
        each[number] |= categories or 0
    assert {number: masks.get(number, 0) for number in each} == each
    assert [bit for bit in (1, 2, 4) if common & bit] == [bit for bit in (1, 2, 4) if all(mask & bit for mask in each.values())]
