"""What is given stands in books that add up, never below zero, never edited, and others see it by the ordinary rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from errors import Invalid
from resolvers.aid.inputs import CURRENCIES, shown, text, thousandths
from tables.aid import account, allocation, entry, posting, programme, voucher
from tables.identity import own_case, person
from tables.writing import command, news, step
from tests.asking import Asking, asking, copied
from tests.country import Country
from values import Purpose, Role

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
WRITTEN = (account, programme, allocation, entry, posting, voucher, command, news, step)
TODAY = datetime.now(UTC).date().isoformat()

FUND = """mutation ($name: String! = "Winter fund", $currency: Code! = "IQD", $key: String) {
  fundOpen(input: {name: $name, currency: $currency, idempotencyKey: $key}) {
    __typename ... on ResourceOpened { resource { id name kind unit balance } } ... on Refusal { code field hint } } }"""
STOCK = """mutation ($name: String! = "Baskets", $unit: Code! = "basket", $worth: Amount! = 40000, $currency: Code! = "IQD") {
  stockOpen(input: {name: $name, unit: $unit, unitValue: $worth, currency: $currency}) {
    __typename ... on ResourceOpened { resource { id kind unit balance unitValue } } ... on Refusal { code field hint } } }"""
RECEIVE = """mutation ($resource: ID!, $amount: Amount! = 1000000, $unit: Code! = "IQD", $on: Day!) {
  resourceReceive(input: {resource: $resource, amount: $amount, unit: $unit, on: $on}) {
    __typename ... on ResourceReceived { resource { balance } } ... on Refusal { code field hint } } }"""
PROGRAMME = """mutation ($input: ProgrammeOpenInput!) { programmeOpen(input: $input) {
    __typename ... on ProgrammeOpened { programme { id name kind state version resource { id } } } ... on Refusal { code field hint } } }"""
CLOSE = """mutation ($programme: ID!, $version: Int! = 1, $reason: String! = "done") {
  programmeClose(input: {programme: $programme, version: $version, reason: $reason}) {
    __typename ... on ProgrammeEnded { programme { state version } } ... on Refusal { code field hint } } }"""
RECORD = """mutation ($input: AllocationRecordInput!) { allocationRecord(input: $input) {
    __typename ... on AllocationRecorded { allocation { id amount currency quantity unit status } }
    ... on Refusal { code field hint } } }"""
MANY = """mutation ($input: AllocationsRecordInput!) { allocationsRecord(input: $input) {
    __typename ... on AllocationsRecorded { count total allocations } ... on Refusal { code field hint } } }"""
DELIVER = """mutation ($id: ID!) { allocationDeliver(input: {allocation: $id}) {
    __typename ... on AllocationMoved { allocation { status } } ... on Refusal { code field hint } } }"""
RETURN = """mutation ($id: ID!, $reason: String! = "moved away") { allocationReturn(input: {allocation: $id, reason: $reason}) {
    __typename ... on AllocationMoved { allocation { status } } ... on Refusal { code field hint } } }"""
CORRECT = """mutation ($id: ID!, $amount: Amount, $quantity: Amount, $reason: String! = "a slip") {
  allocationCorrect(input: {allocation: $id, amount: $amount, quantity: $quantity, reason: $reason}) {
    __typename ... on AllocationCorrected { corrected { status } allocation { id amount status } } ... on Refusal { code field hint } } }"""
ISSUE = """mutation ($id: ID!, $ends: Day!) { voucherIssue(input: {allocation: $id, endsOn: $ends}) {
    __typename ... on VoucherIssued { code endsOn } ... on Refusal { code field hint } } }"""
REDEEM = """mutation ($code: String!) { voucherRedeem(input: {code: $code}) {
    __typename ... on AllocationMoved { allocation { status } } ... on Refusal { code field hint } } }"""
PROGRAMMES = "{ programmes { id name state version given resource { id balance } } }"


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub of its own, whose books these tests fill."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("giving") / "copy")) as opened:
        yield opened


class Desk:
    """One organisation's manager at work; what is opened stands open for the rest of a test."""

    def __init__(self, hub: Asking, who: str = "crescent-manager") -> None:
        self.hub = hub
        self.who = who

    async def did(self, mutation: str, **variables: Any) -> Any:
        """The payload or refusal of a mutation."""
        ((_, answer),) = (await self.hub.data(mutation, self.who, variables)).items()
        return answer

    async def means(self, amount: int = 1_000_000, currency: str = "IQD", **rules: Any) -> tuple[str, str]:
        """A fund with so much in it, and a programme that gives cash from it."""
        fund = (await self.did(FUND, currency=currency))["resource"]["id"]
        if amount:
            assert (await self.did(RECEIVE, resource=fund, amount=amount, unit=currency, on=TODAY))["__typename"] == "ResourceReceived"
        wanted = {"name": "Winter cash", "kind": "CASH", "resource": fund, "opensOn": TODAY, **rules}
        return fund, (await self.did(PROGRAMME, input=wanted))["programme"]["id"]

    async def people(self, first: int = 10) -> list[str]:
        """Some of the own case load."""
        return [each["id"] for each in (await self.hub.data(f"{{ people(first: {first}) {{ id }} }}", self.who))["people"]]

    async def record(self, programme: str, person: str, amount: Any = 50_000, **more: Any) -> Any:
        """Allocate cash."""
        given = {"person": person, "programme": programme, "kind": "cash", "amount": amount, "currency": "IQD", "on": TODAY, **more}
        return await self.did(RECORD, input=given)

    async def balance(self, fund: str) -> Any:
        """What a fund holds."""
        found = (await self.hub.data("{ resources { id balance } }", self.who))["resources"]
        return next(each["balance"] for each in found if each["id"] == fund)


async def counts(hub: Asking) -> list[int]:
    """How many rows every table has that a command may write."""
    database = hub.hub.database
    return [
        int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0])
        for table in WRITTEN
        if table is not news
    ]


async def adds_up(hub: Asking) -> None:
    """The lines of every entry add up to nothing, and every balance is the sum of its postings."""
    database = hub.hub.database
    entries = sa.select(posting.c.entry).group_by(posting.c.entry).having(sa.func.sum(posting.c.amount) != 0)
    assert await database.fetch(database.prepare(entries)) == []
    sums = sa.select(account.c.balance, sa.func.coalesce(sa.func.sum(posting.c.amount), 0))
    joined = sums.select_from(account.outerjoin(posting, posting.c.account == account.c.id))
    kept = joined.where(sa.or_(account.c.kind == "fund", account.c.kind == "stock")).group_by(account.c.id, account.c.balance)
    assert [balance for balance, total in await database.fetch(database.prepare(kept)) if balance != int(total) or balance < 0] == []


# --- a day's work ----------------------------------------------------------------------------------------------------


async def test_what_one_organisation_records_another_sees_at_once_by_its_agreement(hub: Asking) -> None:
    desk = Desk(hub)
    _, winter = await desk.means()
    variables = {"card": "2043817/1"}
    find = """query ($card: String!) { personByIdentifier(scheme: RATION_CARD, value: $card) {
      id allocations { amount status programme organisation { id } } } }"""
    mother = (await hub.data(find, "crescent-caseworker", variables))["personByIdentifier"]
    recorded = await desk.record(winter, mother["id"], 75_000, delivered=True)
    assert recorded["allocation"] | {"id": ""} == {
        "id": "", "amount": 75_000, "currency": "IQD", "quantity": None, "unit": None, "status": "delivered",
    }  # fmt: skip
    seen = (await hub.data(find, "rafidain-caseworker", variables))["personByIdentifier"]
    new = {"amount": 75_000, "status": "delivered", "programme": "Winter cash", "organisation": {"id": "crescent-aid"}}
    assert new in seen["allocations"]
    assert new not in mother["allocations"]
    assert recorded["allocation"]["id"] not in str(seen)
    assert seen["id"] != mother["id"]


async def test_a_fund_goes_down_by_what_is_given_and_up_by_what_comes_back(hub: Asking) -> None:
    desk = Desk(hub)
    fund, winter = await desk.means()
    someone, other, *_ = await desk.people()
    first = (await desk.record(winter, someone))["allocation"]
    second = (await desk.record(winter, other, "25000.5"))["allocation"]
    assert (first["status"], second["amount"]) == ("planned", 25_000.5)
    assert await desk.balance(fund) == 924_999.5
    assert (await desk.did(DELIVER, id=first["id"]))["allocation"] == {"status": "delivered"}
    assert (await desk.did(RETURN, id=first["id"]))["allocation"] == {"status": "returned"}
    assert await desk.balance(fund) == 974_999.5
    refused = await desk.did(RETURN, id=first["id"])
    assert (refused["code"], refused["hint"]) == ("CONFLICT", "possible now: nothing")
    corrected = await desk.did(CORRECT, id=second["id"], amount=30_000)
    assert (corrected["corrected"], corrected["allocation"]["amount"]) == ({"status": "corrected"}, 30_000)
    assert await desk.balance(fund) == 970_000
    steps = "query ($id: ID!) { allocationSteps(allocation: $id) { number act status role reason } }"
    assert (await hub.data(steps, desk.who, {"id": second["id"]}))["allocationSteps"] == [
        {"number": 1, "act": "record", "status": "planned", "role": "manager", "reason": None},
        {"number": 2, "act": "correct", "status": "corrected", "role": "manager", "reason": "a slip"},
    ]
    given = {each["id"]: each["given"] for each in (await hub.data(PROGRAMMES, desk.who))["programmes"]}
    assert given[winter] == 30_000
    await adds_up(hub)


async def test_goods_are_counted_in_their_unit_and_seen_with_their_value(hub: Asking) -> None:
    desk = Desk(hub)
    stock = (await desk.did(STOCK))["resource"]
    assert (stock["kind"], stock["unitValue"]) == ("stock", 40_000)
    assert (await desk.did(RECEIVE, resource=stock["id"], amount=10, unit="basket", on=TODAY))["resource"]["balance"] == 10
    wanted = {"name": "Baskets", "kind": "food", "resource": stock["id"], "opensOn": TODAY}
    baskets = (await desk.did(PROGRAMME, input=wanted))["programme"]["id"]
    someone, *_ = await desk.people()
    goods = {"person": someone, "programme": baskets, "kind": "FOOD", "quantity": "1.5", "unit": "basket", "on": TODAY}
    assert (await desk.did(RECORD, input=goods))["allocation"] | {"id": ""} == {
        "id": "", "amount": 60_000, "currency": "IQD", "quantity": 1.5, "unit": "basket", "status": "planned",
    }  # fmt: skip
    assert (await desk.did(RECORD, input={**goods, "quantity": 9}))["code"] == "NOT_COVERED"
    mixed = await desk.did(RECORD, input={**goods, "amount": 5})
    assert (mixed["code"], mixed["field"]) == ("INVALID", "amount")
    assert await desk.balance(stock["id"]) == 8.5
    await adds_up(hub)


async def test_a_distribution_list_is_paged_and_recorded_as_shown(hub: Asking) -> None:
    desk = Desk(hub)
    _, winter = await desk.means()
    some = await desk.people(5)
    lines = [{"person": each} for each in some[:4]] + [{"person": some[4], "amount": 10_000}]
    bulk = {"programme": winter, "kind": "cash", "amount": 20_000, "currency": "IQD", "on": TODAY, "lines": lines, "idempotencyKey": "bulk"}
    made = await desk.did(MANY, input=bulk)
    assert (made["count"], made["total"]) == (5, 90_000)
    assert await desk.did(MANY, input=bulk) == made
    page = """query ($of: ID!, $after: String) { distribution(programme: $of, status: "planned", first: 3, after: $after) {
      lines { allocation { id amount } person } endCursor hasNextPage } }"""
    first = (await hub.data(page, desk.who, {"of": winter}))["distribution"]
    second = (await hub.data(page, desk.who, {"of": winter, "after": first["endCursor"]}))["distribution"]
    assert [each["person"] for each in first["lines"] + second["lines"]] == some
    assert [each["allocation"]["id"] for each in first["lines"] + second["lines"]] == made["allocations"]
    assert (first["hasNextPage"], second["hasNextPage"]) == (True, False)
    another = await hub.ask(page, "hope-manager", {"of": winter, "after": first["endCursor"]})
    assert another["errors"][0]["extensions"]["code"] == "INVALID"


async def test_a_voucher_is_taken_once(hub: Asking) -> None:
    """Failure 7.2a of aid."""
    desk = Desk(hub)
    _, winter = await desk.means()
    someone, *_ = await desk.people()
    planned = (await desk.record(winter, someone))["allocation"]["id"]
    code = (await desk.did(ISSUE, id=planned, ends=TODAY))["code"]
    assert (await desk.did(ISSUE, id=planned, ends=TODAY))["code"] == "CONFLICT"
    assert (await Desk(hub, "hope-manager").did(REDEEM, code=code))["code"] == "UNKNOWN"
    assert (await desk.did(REDEEM, code=code.lower().replace("-", " ")))["allocation"] == {"status": "delivered"}
    again = await desk.did(REDEEM, code=code)
    assert (again["code"], again["field"]) == ("CONFLICT", "code")


async def test_the_same_key_books_once_and_another_content_is_refused(hub: Asking) -> None:
    """Failure 5.2d of aid."""
    desk = Desk(hub)
    fund, winter = await desk.means()
    someone, *_ = await desk.people()
    answers = [await desk.record(winter, someone, idempotencyKey="once") for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert await desk.balance(fund) == 950_000
    assert (await desk.record(winter, someone, 60_000, idempotencyKey="once"))["code"] == "CONFLICT"
    assert await desk.balance(fund) == 950_000


# --- rules -----------------------------------------------------------------------------------------------------------


async def test_ceilings_hold_for_a_person_and_for_its_household_in_their_period(hub: Asking) -> None:
    """Failure 5.2b of aid."""
    desk = Desk(hub, "crescent-manager")
    _, winter = await desk.means(ceilingPerson=60_000, ceilingHousehold=100_000, periodDays=30)
    family = "query ($card: String!) { personByIdentifier(scheme: RATION_CARD, value: $card) { household { members { id } } } }"
    members = (await hub.data(family, desk.who, {"card": "2043817/1"}))["personByIdentifier"]["household"]["members"]
    mother, child = members[0]["id"], members[1]["id"]
    assert "allocation" in await desk.record(winter, mother, 50_000)
    refused = await desk.record(winter, mother, 20_000)
    assert (refused["code"], refused["field"], refused["hint"]) == ("CEILING_REACHED", "amount", "at most 10000 is left for this person")
    refused = await desk.record(winter, child, 60_000)
    assert (refused["code"], refused["hint"]) == ("CEILING_REACHED", "at most 50000 is left for this household")
    assert "allocation" in await desk.record(winter, child, 50_000)


async def test_a_programme_admits_only_those_in_greater_need(hub: Asking) -> None:
    desk = Desk(hub)
    _, winter = await desk.means(minimumNeed=100)
    someone, *_ = await desk.people()
    before = await counts(hub)
    refused = await desk.record(winter, someone)
    assert (refused["code"], refused["field"]) == ("NOT_ELIGIBLE", "person")
    assert await counts(hub) == before


async def test_a_closed_programme_takes_nothing_and_its_plans_can_still_be_delivered(hub: Asking) -> None:
    desk = Desk(hub)
    _, winter = await desk.means()
    someone, *_ = await desk.people()
    planned = (await desk.record(winter, someone))["allocation"]["id"]
    stale = await desk.did(CLOSE, programme=winter, version=7)
    assert (stale["code"], stale["field"]) == ("STALE", "version")
    assert (await desk.did(CLOSE, programme=winter))["programme"] == {"state": "closed", "version": 2}
    assert (await desk.did(CLOSE, programme=winter, version=2))["code"] == "CONFLICT"
    refused = await desk.record(winter, someone)
    assert (refused["code"], refused["field"]) == ("PROGRAMME_CLOSED", "programme")
    assert (await desk.did(DELIVER, id=planned))["allocation"] == {"status": "delivered"}


# --- bad input -------------------------------------------------------------------------------------------------------

BAD_RECORDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({"amount": 0}, "INVALID", "amount"),
    "less than nothing": ({"amount": -5}, "INVALID", "amount"),
    "absurdly much": ({"amount": "9" * 40}, "INVALID", "amount"),
    "more than there is": ({"amount": 1_000_001}, "NOT_COVERED", "amount"),
    "a fraction of a fils": ({"amount": "0.0001"}, "INVALID", "amount"),
    "an unknown currency's amount": ({"currency": "XXX"}, "INVALID", "currency"),
    "another currency": ({"currency": "USD"}, "INVALID", "currency"),
    "no currency": ({"currency": None}, "INVALID", "currency"),
    "no amount": ({"amount": None}, "INVALID", "amount"),
    "money and goods": ({"quantity": 1, "unit": "kg"}, "INVALID", "amount"),
    "goods": ({"amount": None, "currency": None, "quantity": 1, "unit": "kg"}, "INVALID", "quantity"),
    "another kind": ({"kind": "food"}, "INVALID", "kind"),
    "no kind": ({"kind": "gold"}, "INVALID", "kind"),
    "before the programme opened": ({"on": "2020-01-01"}, "PROGRAMME_CLOSED", "on"),
    "far ahead": ({"on": "2999-01-01"}, "PROGRAMME_CLOSED", "on"),
    "nobody": ({"person": "0" * 48}, "UNKNOWN", "person"),
    "nonsense for a person": ({"person": "\u202e"}, "UNKNOWN", "person"),
    "no such programme": ({"programme": "1"}, "UNKNOWN", "programme"),
    "a key too long": ({"idempotencyKey": "k" * 65}, "INVALID", "idempotencyKey"),
}


@pytest.mark.parametrize(("changed", "code", "field"), BAD_RECORDS.values(), ids=BAD_RECORDS)
async def test_an_allocation_that_cannot_be_is_refused_and_nothing_is_written(
    hub: Asking, changed: dict[str, Any], code: str, field: str
) -> None:
    """Failure 5.1a of aid, 5.1b of aid, 5.2a of aid, 5.2c of aid."""
    desk = Desk(hub)
    _, winter = await desk.means()
    someone, *_ = await desk.people(1)
    before = await counts(hub)
    good = {"person": someone, "programme": winter, "kind": "cash", "amount": 5, "currency": "IQD", "on": TODAY}
    refused = await desk.did(RECORD, input={**good, **changed})
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", code, field)
    assert refused["hint"]
    assert await counts(hub) == before


async def test_a_list_is_booked_whole_or_not_at_all(hub: Asking) -> None:
    """Failure 6.1a of aid, 6.1b of aid, 6.2a of aid."""
    desk = Desk(hub)
    fund, winter = await desk.means(100_000)
    some = await desk.people(5)
    bulk = {"programme": winter, "kind": "cash", "amount": 20_000, "currency": "IQD", "on": TODAY}
    before = await counts(hub)
    for lines, code, field in (
        ([], "INVALID", "lines"),
        ([{"person": some[0]}] * 10_001, "INVALID", "lines"),
        ([{"person": some[0]}, {"person": some[0]}], "INVALID", "lines.1.person"),
        ([{"person": some[0]}, {"person": "nobody"}], "UNKNOWN", "lines.1.person"),
        ([{"person": some[0]}, {"person": some[1], "amount": -1}], "INVALID", "lines.1.amount"),
        ([*({"person": each} for each in some[:4]), {"person": some[4], "amount": 20_001}], "NOT_COVERED", "amount"),
    ):
        refused = await desk.did(MANY, input={**bulk, "lines": lines})
        assert (refused.get("code"), refused.get("field")) == (code, field)
    assert await counts(hub) == before
    assert await desk.balance(fund) == 100_000


BAD_MEANS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a fund without a name": (FUND, {"name": "  "}, "name"),
    "a fund of 500 letters": (FUND, {"name": "ن" * 500}, "name"),
    "a fund written backwards": (FUND, {"name": "Winter\u202efund"}, "name"),
    "a fund of no currency": (FUND, {"currency": "iqd"}, "currency"),
    "a stock of no unit": (STOCK, {"unit": "cow"}, "unit"),
    "a stock of no worth": (STOCK, {"worth": 0}, "unitValue"),
    "a stock worth half a cent": (STOCK, {"worth": "0.005", "currency": "USD"}, "unitValue"),
    "nothing received": (RECEIVE, {"amount": 0}, "amount"),
    "dollars into dinars": (RECEIVE, {"unit": "USD"}, "unit"),
    "received tomorrow": (RECEIVE, {"on": "2999-01-01"}, "on"),
    "received by another": (RECEIVE, {"resource": "x"}, "resource"),
}


@pytest.mark.parametrize(("mutation", "changed", "field"), BAD_MEANS.values(), ids=BAD_MEANS)
async def test_means_that_cannot_be_are_refused_and_nothing_is_written(
    hub: Asking, mutation: str, changed: dict[str, Any], field: str
) -> None:
    """Failure 4.1a of aid, 4.2a of aid."""
    desk = Desk(hub)
    fund = (await desk.did(FUND, name="أ"))["resource"]["id"]
    before = await counts(hub)
    good = {"resource": fund, "on": TODAY} if mutation is RECEIVE else {}
    refused = await desk.did(mutation, **{**good, **changed})
    assert (refused["__typename"], refused.get("field")) == ("Refusal", field)
    assert refused["hint"]
    assert await counts(hub) == before


BAD_PROGRAMMES: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": ""}, "name"),
    "no kind": ({"kind": "gold"}, "kind"),
    "no such resource": ({"resource": "x"}, "resource"),
    "opened long ago": ({"opensOn": "1990-01-01"}, "opensOn"),
    "closed before": ({"closesOn": "2020-01-01"}, "closesOn"),
    "closed when nobody lives": ({"closesOn": "9999-12-31"}, "closesOn"),
    "a ceiling of nothing": ({"ceilingPerson": 0}, "ceilingPerson"),
    "a period of no days": ({"periodDays": 0}, "periodDays"),
    "need beyond all points": ({"minimumNeed": 101}, "minimumNeed"),
}


@pytest.mark.parametrize(("changed", "field"), BAD_PROGRAMMES.values(), ids=BAD_PROGRAMMES)
async def test_a_programme_that_cannot_be_is_refused_and_nothing_is_written(hub: Asking, changed: dict[str, Any], field: str) -> None:
    """Failure 4.3a of aid."""
    desk = Desk(hub)
    fund = (await desk.did(FUND))["resource"]["id"]
    before = await counts(hub)
    refused = await desk.did(PROGRAMME, input={"name": "Winter", "kind": "cash", "resource": fund, "opensOn": TODAY, **changed})
    assert (refused["__typename"], refused.get("field")) == ("Refusal", field)
    assert await counts(hub) == before


async def test_no_organisation_reaches_the_means_or_allocations_of_another(hub: Asking) -> None:
    """Failure 4.3b of aid, 5.1a of aid, 7.1a of aid."""
    ours, theirs = Desk(hub), Desk(hub, "hope-manager")
    fund, winter = await ours.means()
    someone, *_ = await ours.people()
    (their_own, *_) = await theirs.people()
    planned = (await ours.record(winter, someone))["allocation"]["id"]
    before = await counts(hub)
    stolen = {"person": their_own, "programme": winter, "kind": "cash", "amount": 5, "currency": "IQD", "on": TODAY}
    for mutation, variables in (
        (RECEIVE, {"resource": fund, "on": TODAY}),
        (PROGRAMME, {"input": {"name": "Theirs", "kind": "cash", "resource": fund, "opensOn": TODAY}}),
        (CLOSE, {"programme": winter}),
        (RECORD, {"input": stolen}),
        (RECORD, {"input": {**stolen, "person": someone}}),
        (MANY, {"input": {key: value for key, value in stolen.items() if key != "person"} | {"lines": [{"person": their_own}]}}),
        (DELIVER, {"id": planned}),
        (RETURN, {"id": planned}),
        (CORRECT, {"id": planned, "amount": 5}),
        (ISSUE, {"id": planned, "ends": TODAY}),
    ):
        refused = await theirs.did(mutation, **variables)
        assert (refused["__typename"], refused.get("code")) == ("Refusal", "UNKNOWN"), mutation
    assert await counts(hub) == before
    assert winter not in str(await hub.data(PROGRAMMES, theirs.who))
    lists = "query ($of: ID!, $one: ID!) { distribution(programme: $of) { lines { person } } allocationSteps(allocation: $one) { act } }"
    found = await hub.data(lists, theirs.who, {"of": winter, "one": planned})
    assert found == {"distribution": {"lines": []}, "allocationSteps": None}


@pytest.mark.parametrize("who", ["public", "umm-hassan", "inspector", "app-developer", "new-dawn-caseworker", "ministry-analyst"])
async def test_whoever_gives_nothing_has_no_such_fields(hub: Asking, who: str) -> None:
    fields = await hub.fields(who)
    assert not {"programmes", "resources", "distribution"} & fields["Query"]
    assert not {name for name in fields.get("Mutation", ()) if name.startswith(("fund", "programme", "allocation", "voucher"))}


async def test_a_caseworker_records_and_opens_nothing(hub: Asking) -> None:
    mutations = (await hub.fields("crescent-caseworker"))["Mutation"]
    assert {"allocationRecord", "allocationsRecord", "allocationReturn", "voucherRedeem"} <= mutations
    assert not {"fundOpen", "stockOpen", "resourceReceive", "programmeOpen", "programmeClose", "allocationCorrect"} & mutations


# --- many at once ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def grown(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over another database, where Crescent Aid has twenty people of five households."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        database = opened.hub.database
        async with database.transaction() as tx:
            people = [{"number": number, "household": number % 5} for number in range(1, 21)]
            await tx.execute_many(database.prepare(sa.insert(person)), people)
            cases = [{"organisation": "crescent-aid", "position": str(each["number"]), "person": each["number"]} for each in people]
            await tx.execute_many(database.prepare(sa.insert(own_case)), cases)
        issue, now = opened.hub.credentials.issue, int(datetime.now(UTC).timestamp())
        opened.keys["crescent-manager"] = await issue(
            "crescent-manager", "staff", "crescent-aid", Role.MANAGER, [Purpose.AID_DISTRIBUTION], now, None
        )
        yield opened


@EVERYWHERE
async def test_a_fund_never_goes_below_zero_however_many_book_at_once(grown: Asking) -> None:
    desk = Desk(grown)
    fund, winter = await desk.means(100_000)
    some = await desk.people(20)
    answers = await asyncio.gather(*(desk.record(winter, each, 9_000) for each in some))
    assert sorted(each.get("code", "") for each in answers) == [""] * 11 + ["NOT_COVERED"] * 9
    assert await desk.balance(fund) == 1_000
    await adds_up(grown)


@EVERYWHERE
async def test_of_many_at_once_a_household_receives_no_more_than_its_ceiling(grown: Asking) -> None:
    desk = Desk(grown)
    fund, winter = await desk.means(1_000_000, ceilingHousehold=20_000)
    some = await desk.people(20)
    answers = await asyncio.gather(*(desk.record(winter, each, 10_000) for each in some))
    assert sorted(each.get("code", "") for each in answers) == [""] * 10 + ["CEILING_REACHED"] * 10
    assert await desk.balance(fund) == 900_000


@EVERYWHERE
async def test_what_is_returned_by_two_at_once_comes_back_once(grown: Asking) -> None:
    """Failure 7.3a of aid."""
    desk = Desk(grown)
    fund, winter = await desk.means(100_000)
    someone, *_ = await desk.people(1)
    planned = (await desk.record(winter, someone, 40_000))["allocation"]["id"]
    answers = await asyncio.gather(*(desk.did(RETURN, id=planned) for _ in range(4)))
    assert sorted(each.get("code", "") for each in answers) == ["", "CONFLICT", "CONFLICT", "CONFLICT"]
    assert await desk.balance(fund) == 100_000
    await adds_up(grown)


# --- reading amounts -------------------------------------------------------------------------------------------------


@given(st.decimals(min_value="0.001", max_value=10**11, places=3))
def test_an_amount_is_kept_exactly(amount: Any) -> None:
    kept = thousandths(amount, "IQD", "amount")
    assert kept == int(amount * 1000)
    assert thousandths(shown(kept), "IQD", "amount") == kept


@given(st.text(max_size=130))
def test_a_name_is_kept_or_refused_and_never_hides_anything(name: str) -> None:
    try:
        kept = text(name, "name", 120)
    except Invalid:
        return
    assert kept == kept.strip()
    assert kept.replace("\u200c", "").replace("\u200d", "").isprintable()


def test_the_currencies_of_the_country_have_their_digits() -> None:
    assert [CURRENCIES[each] for each in ("IQD", "USD", "JPY", "QAR")] == [3, 2, 0, 2]
