"""Organisations decide jointly who covers whom; what wins is booked once, in the winner's own books, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from resolvers.exchange.joint import Proposal, winner
from tables.aid import allocation, entry, posting
from tables.exchange.decisions import joint_decision, joint_party, joint_person, joint_proposal, joint_vote
from tables.identity import own_case, person
from tables.identity.references import reference_use
from tables.writing import command, step
from tests.asking import Asking, asking, copied
from tests.corresponding import counts, issued, later
from tests.country import Country
from tests.test_giving import RECEIVE, TODAY, Desk, adds_up
from tests.test_references import called, numbers

REFUSAL = "... on Refusal { code field hint }"
OPEN = f"""mutation ($input: JointDecisionOpenInput!) {{ jointDecisionOpen(input: $input) {{
    __typename ... on JointDecisionOpened {{ decision state version }} {REFUSAL} }} }}"""
MOVED = f"__typename ... on JointProposalMoved {{ decision proposal state }} {REFUSAL}"
PROPOSE = f"mutation ($input: JointDecisionProposeInput!) {{ jointDecisionPropose(input: $input) {{ {MOVED} }} }}"
AGREE = f"mutation ($input: JointDecisionAgreeInput!) {{ jointDecisionAgree(input: $input) {{ {MOVED} }} }}"
DECLINE = f"mutation ($id: ID!) {{ jointDecisionDecline(input: {{proposal: $id}}) {{ {MOVED} }} }}"
VOTE = f"mutation ($id: ID!) {{ jointDecisionVote(input: {{proposal: $id}}) {{ {MOVED} }} }}"
CLOSED = f"__typename ... on JointDecisionClosed {{ state applied failed unresolved }} {REFUSAL}"
CLOSE = f"mutation ($id: ID!, $version: Int! = 1) {{ jointDecisionClose(input: {{decision: $id, version: $version}}) {{ {CLOSED} }} }}"
APPLY = f"mutation ($id: ID!) {{ jointDecisionApply(input: {{decision: $id}}) {{ {CLOSED} }} }}"
LIST = """query ($first: Int! = 50, $after: String) { jointDecisions(first: $first, after: $after) {
    decisions { id openedBy title parties state } endCursor hasNextPage } }"""
ONE = """query ($id: ID!) { jointDecision(id: $id) { openedBy state version people { place about { handle person }
    proposals { id organisation proposedBy kind amount currency on state votes programme allocation fault } } } }"""
STEPS = "query ($id: ID!) { jointDecisionSteps(id: $id) { act state organisation proposal } }"
WRITTEN = (
    joint_decision, joint_party, joint_person, joint_proposal, joint_vote, allocation, entry, posting, reference_use, command, step,
)  # fmt: skip
CRESCENT, HOPE, RAFIDAIN = "crescent-aid", "hope-network", "rafidain-relief"
CASH = {"kind": "cash", "amount": 40_000, "currency": "IQD"}


class Table:
    """Three organisations around a table, each with a fund and a programme."""

    def __init__(self, hub: Asking) -> None:
        self.hub = hub
        self.desks = {name: Desk(hub, f"{name.partition('-')[0]}-manager") for name in (CRESCENT, HOPE, RAFIDAIN)}
        self.funds: dict[str, str] = {}
        self.programmes: dict[str, str] = {}
        self.people: list[int] = []

    async def ready(self, amount: int = 1_000_000) -> Table:
        for name, desk in self.desks.items():
            self.funds[name], self.programmes[name] = await desk.means(amount)
        return self

    async def open(self, over: list[int], **more: Any) -> Any:
        named = [called(self.hub, CRESCENT, each) for each in over]
        return await self.desks[CRESCENT].did(OPEN, input={"title": "Winter", "parties": [HOPE, RAFIDAIN], "people": named, **more})

    def name(self, organisation: str, text: str, kind: str = "joint_decision", of: str = CRESCENT) -> str:
        """How one organisation calls what another calls so."""
        return called(self.hub, organisation, self.hub.hub.pseudonyms.resolve(of, text, kind) or 0, kind)

    async def propose(self, by: str, opened: Any, at: int, covers: str, **more: Any) -> Any:
        own = {"programme": self.programmes[by], "on": TODAY} if by == covers else {}
        base = {"decision": self.name(by, opened["decision"]), "place": at, "organisation": covers, **CASH, **own}
        return await self.desks[by].did(PROPOSE, input={**base, **more})

    async def agree(self, by: str, proposal: str, **more: Any) -> Any:
        return await self.desks[by].did(AGREE, input={"proposal": proposal, "programme": self.programmes[by], "on": TODAY, **more})

    async def vote(self, proposal: str, of: str, *voters: str) -> list[Any]:
        """Votes for a proposal that one organisation calls so."""
        return [await self.desks[each].did(VOTE, id=self.name(each, proposal, "joint_proposal", of)) for each in voters]

    async def ended(self) -> None:
        database = self.hub.hub.database
        async with database.transaction() as tx:
            await tx.execute(database.prepare(sa.update(joint_decision).values(ends_at=1)))

    async def seen(self, by: str, opened: Any) -> Any:
        return await self.desks[by].did(ONE, id=self.name(by, opened["decision"]))

    async def balance(self, of: str) -> Any:
        return await self.desks[of].balance(self.funds[of])


@pytest.fixture(scope="module")
async def table(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Table]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("decisions") / "copy")) as hub:
        made = await Table(hub).ready()
        of_hope, of_rafidain = await numbers(hub, CRESCENT, HOPE), await numbers(hub, CRESCENT, RAFIDAIN)
        second = next(each for each in of_rafidain if each != of_hope[0])
        made.people = [of_hope[0], second, (await numbers(hub, CRESCENT))[0]]
        yield made


# --- from opening to the books ---------------------------------------------------------------------------------------


async def test_what_wins_is_booked_in_the_books_of_who_agreed_and_the_rest_stays_open(table: Table) -> None:
    """Failure 5.3b of exchange."""
    before = {name: await table.balance(name) for name in table.desks}
    opened = await table.open(table.people)
    theirs = await table.seen(HOPE, opened)
    known = [called(table.hub, HOPE, table.people[0]), None]
    assert [each["about"]["person"] for each in theirs["people"]][::2] == known
    assert called(table.hub, CRESCENT, table.people[0]) not in str(theirs)
    first = await table.propose(HOPE, opened, 1, HOPE)
    second = await table.propose(CRESCENT, opened, 2, RAFIDAIN)
    third = await table.propose(CRESCENT, opened, 3, CRESCENT)
    assert [each["state"] for each in (first, second, third)] == ["AGREED", "PROPOSED", "AGREED"]
    assert (await table.agree(RAFIDAIN, table.name(RAFIDAIN, second["proposal"], "joint_proposal")))["state"] == "AGREED"
    await table.vote(first["proposal"], HOPE, CRESCENT, HOPE)
    await table.vote(second["proposal"], CRESCENT, CRESCENT, RAFIDAIN, HOPE)
    await table.vote(third["proposal"], CRESCENT, CRESCENT)
    early = await table.desks[CRESCENT].did(CLOSE, id=opened["decision"])
    assert early["code"] == "CONFLICT"
    await table.ended()
    done = await table.desks[RAFIDAIN].did(CLOSE, id=table.name(RAFIDAIN, opened["decision"]))
    assert done == {"__typename": "JointDecisionClosed", "state": "CLOSED", "applied": 2, "failed": 0, "unresolved": 1}
    taken = {name: before[name] - await table.balance(name) for name in table.desks}
    assert taken == {HOPE: 40_000, RAFIDAIN: 40_000, CRESCENT: 0}
    hope = await table.seen(HOPE, opened)
    (mine,), (other,) = (each["proposals"] for each in hope["people"][:2])
    assert (mine["state"], mine["votes"], mine["programme"]) == ("APPLIED", [CRESCENT, HOPE], table.programmes[HOPE])
    assert (other["state"], other["votes"], other["programme"], other["allocation"]) == ("APPLIED", [CRESCENT, HOPE, RAFIDAIN], None, None)
    line = "query ($of: ID!) { distribution(programme: $of) { lines { allocation { id amount status } person } } }"
    (listed,) = (await table.hub.data(line, "hope-manager", {"of": table.programmes[HOPE]}))["distribution"]["lines"]
    assert listed["allocation"] == {"id": mine["allocation"], "amount": 40_000, "status": "planned"}
    assert listed["person"] == called(table.hub, HOPE, table.people[0])
    acts = [each["act"] for each in await table.desks[CRESCENT].did(STEPS, id=opened["decision"])]
    assert sorted(acts) == sorted(
        ["open", "volunteer", "propose", "volunteer", "agree", *["vote"] * 6, "close", "win", "win", "lose", "apply", "apply"]
    )
    await adds_up(table.hub)


async def test_no_vote_wins_for_who_has_not_agreed_or_has_declined(table: Table) -> None:
    """Failure 5.2d of exchange."""
    opened = await table.open(table.people[:2])
    proposed = await table.propose(CRESCENT, opened, 1, HOPE)
    agreed = await table.propose(RAFIDAIN, opened, 2, RAFIDAIN)
    await table.vote(proposed["proposal"], CRESCENT, CRESCENT, HOPE, RAFIDAIN)
    await table.vote(agreed["proposal"], RAFIDAIN, CRESCENT, HOPE, RAFIDAIN)
    assert (await table.desks[RAFIDAIN].did(DECLINE, id=agreed["proposal"]))["state"] == "DECLINED"
    assert (await table.desks[RAFIDAIN].did(DECLINE, id=agreed["proposal"]))["code"] == "CONFLICT"
    assert (await table.vote(agreed["proposal"], RAFIDAIN, HOPE))[0]["code"] == "CONFLICT"
    again = await table.propose(RAFIDAIN, opened, 2, RAFIDAIN, amount=1)
    assert again["state"] == "AGREED"
    done = await table.desks[CRESCENT].did(CLOSE, id=opened["decision"])
    assert (done["applied"], done["failed"], done["unresolved"]) == (0, 0, 2)
    for late in (
        await table.propose(HOPE, opened, 1, HOPE),
        await table.agree(HOPE, table.name(HOPE, proposed["proposal"], "joint_proposal")),
        (await table.vote(again["proposal"], RAFIDAIN, CRESCENT))[0],
        await table.desks[CRESCENT].did(CLOSE, id=opened["decision"], version=2),
    ):
        assert late["code"] == "CONFLICT"


async def test_what_the_books_refuse_spoils_nothing_and_can_be_tried_again(table: Table) -> None:
    """Failure 5.3c of exchange, 5.3d of exchange."""
    poor, programme = await table.desks[HOPE].means(10_000)
    opened = await table.open(table.people[:2])
    first = await table.propose(HOPE, opened, 1, HOPE, programme=programme)
    second = await table.propose(RAFIDAIN, opened, 2, RAFIDAIN)
    for proposal, of in ((first, HOPE), (second, RAFIDAIN)):
        await table.vote(proposal["proposal"], of, *table.desks)
    assert (await table.desks[CRESCENT].did(APPLY, id=opened["decision"]))["code"] == "CONFLICT"
    done = await table.desks[CRESCENT].did(CLOSE, id=opened["decision"])
    assert (done["applied"], done["failed"], done["unresolved"]) == (1, 1, 0)
    for party, fault in ((HOPE, "NOT_COVERED"), (CRESCENT, None), (RAFIDAIN, None)):  # what Hope has left is nobody else's
        failed = (await table.seen(party, opened))["people"][0]["proposals"][0]
        assert (failed["state"], failed["fault"]) == ("FAILED", fault)
    assert await table.desks[HOPE].balance(poor) == 10_000
    held = await counts(table.hub, (allocation, entry, posting))
    await table.desks[HOPE].did(RECEIVE, resource=poor, amount=100_000, on=TODAY)
    for _ in range(2):
        done = await table.desks[HOPE].did(APPLY, id=table.name(HOPE, opened["decision"]))
        assert (done["applied"], done["failed"]) == (2, 0)
    assert await table.desks[HOPE].balance(poor) == 70_000
    assert [one - other for one, other in zip(await counts(table.hub, (allocation, entry, posting)), held, strict=True)] == [1, 2, 4]
    await adds_up(table.hub)


async def test_a_later_vote_takes_the_place_of_an_earlier_one(table: Table) -> None:
    opened = await table.open(table.people[:1])
    ours, theirs = await table.propose(CRESCENT, opened, 1, CRESCENT), await table.propose(HOPE, opened, 1, HOPE)
    await table.vote(theirs["proposal"], HOPE, *table.desks)
    await table.vote(ours["proposal"], CRESCENT, RAFIDAIN, CRESCENT)
    votes = {each["organisation"]: each["votes"] for each in (await table.seen(HOPE, opened))["people"][0]["proposals"]}
    assert votes == {CRESCENT: [CRESCENT, RAFIDAIN], HOPE: [HOPE]}
    await table.desks[CRESCENT].did(CLOSE, id=opened["decision"])
    states = {each["organisation"]: each["state"] for each in (await table.seen(HOPE, opened))["people"][0]["proposals"]}
    assert states == {CRESCENT: "APPLIED", HOPE: "LOST"}


async def test_decisions_are_listed_in_pages_and_told(table: Table) -> None:
    enquiry = await table.hub.hub.enquiry(table.hub.keys["hope-manager"], None)
    with table.hub.hub.watching.watch("joint_decision_moved", enquiry) as watcher:
        opened = [await table.open(table.people[:1]) for _ in range(2)]
        assert set(await watcher.next(10)) == {"decision", "purpose"}
    first = await table.desks[HOPE].did(LIST, first=1)
    second = await table.desks[HOPE].did(LIST, first=1, after=first["endCursor"])
    assert first["hasNextPage"]
    assert first["decisions"][0]["parties"] == [CRESCENT, HOPE, RAFIDAIN]
    assert first["decisions"][0]["id"] != second["decisions"][0]["id"]
    every = {each["id"] for each in (await table.desks[HOPE].did(LIST))["decisions"]}
    assert {table.name(HOPE, each["decision"]) for each in opened} <= every
    answer = await table.hub.ask(LIST, "crescent-manager", {"after": first["endCursor"]})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"


# --- what is refused -------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "with nobody": ({"parties": []}, "INVALID", "parties"),
    "with itself": ({"parties": [CRESCENT]}, "INVALID", "parties"),
    "with one twice": ({"parties": [HOPE, HOPE]}, "INVALID", "parties"),
    "with far too many": ({"parties": [f"org-{each}" for each in range(900)]}, "INVALID", "parties"),
    "with one not verified": ({"parties": ["new-dawn"]}, "INVALID", "parties"),
    "with one of other purposes": ({"parties": ["nahrain-apps"]}, "INVALID", "parties"),
    "over nobody": ({"people": []}, "INVALID", "people"),
    "over far too many": ({"people": [f"{each}" for each in range(101)]}, "INVALID", "people"),
    "over one twice": ({"people": ["x", "x"]}, "INVALID", "people"),
    "over a stranger": ({"people": ["0" * 48]}, "UNKNOWN", "people.0"),
    "over nonsense": ({"people": ["\u202e"]}, "UNKNOWN", "people.0"),
    "without a title": ({"title": " "}, "INVALID", "title"),
    "with a title of 500 letters": ({"title": "ن" * 500}, "INVALID", "title"),
    "with a title written backwards": ({"title": "win\u202eter"}, "INVALID", "title"),
    "with a title that tells who": ({"title": "0770 123 4567"}, "INVALID", "title"),
    "ended": ({"endsAt": later(-1)}, "INVALID", "endsAt"),
    "without end": ({"endsAt": later(61)}, "INVALID", "endsAt"),
    "with a key too long": ({"idempotencyKey": "k" * 65}, "INVALID", "idempotencyKey"),
}


@pytest.mark.parametrize(("changed", "code", "field"), BAD.values(), ids=BAD)
async def test_a_decision_that_cannot_be_is_refused_and_nothing_is_written(
    table: Table, changed: dict[str, Any], code: str, field: str
) -> None:
    """Failure 5.1a of exchange, 5.1b of exchange."""
    before = await counts(table.hub, WRITTEN)
    refused = await table.open(table.people[:1], **changed)
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", code, field)
    assert refused["hint"]
    assert await counts(table.hub, WRITTEN) == before


BAD_PROPOSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "at no place": ({"place": 0}, "UNKNOWN", "place"),
    "at a place that is none": ({"place": 9}, "UNKNOWN", "place"),
    "of no kind": ({"kind": "gold"}, "INVALID", "kind"),
    "of another kind than the programme's": ({"kind": "food"}, "INVALID", "kind"),
    "of nothing": ({"amount": 0}, "INVALID", "amount"),
    "of less than nothing": ({"amount": -5}, "INVALID", "amount"),
    "of absurdly much": ({"amount": "9" * 40}, "INVALID", "amount"),
    "finer than a fils": ({"amount": "0.0001"}, "INVALID", "amount"),
    "without an amount": ({"amount": None}, "INVALID", "amount"),
    "of no currency": ({"currency": "iqd"}, "INVALID", "currency"),
    "of another currency": ({"currency": "USD"}, "INVALID", "currency"),
    "of money and goods": ({"quantity": 1, "unit": "kg"}, "INVALID", "amount"),
    "of goods from a fund": ({"amount": None, "currency": None, "quantity": 1, "unit": "kg"}, "INVALID", "quantity"),
    "of no unit": ({"amount": None, "currency": None, "quantity": 1, "unit": "cow"}, "INVALID", "unit"),
    "without a programme": ({"programme": None, "on": None}, "INVALID", "programme"),
    "under no programme": ({"programme": "x"}, "UNKNOWN", "programme"),
    "before the programme opened": ({"on": "2020-01-01"}, "PROGRAMME_CLOSED", "on"),
    "far ahead": ({"on": "2999-01-01"}, "PROGRAMME_CLOSED", "on"),
    "in no decision": ({"decision": "\u202e"}, "UNKNOWN", "decision"),
    "with a key too long": ({"idempotencyKey": "k" * 65}, "INVALID", "idempotencyKey"),
}


@pytest.mark.parametrize(("changed", "code", "field"), BAD_PROPOSALS.values(), ids=BAD_PROPOSALS)
async def test_a_proposal_that_cannot_be_is_refused_and_nothing_is_written(
    table: Table, changed: dict[str, Any], code: str, field: str
) -> None:
    """Failure 5.2a of exchange, 5.2b of exchange."""
    opened = await table.open(table.people[:1])
    before = await counts(table.hub, WRITTEN)
    refused = await table.propose(HOPE, opened, 1, HOPE, **changed)
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", code, field)
    assert await counts(table.hub, WRITTEN) == before


async def test_who_is_proposed_names_its_own_programme_and_covers_its_own_cases(table: Table) -> None:
    """Failure 5.2c of exchange."""
    opened = await table.open(table.people)
    before = await counts(table.hub, WRITTEN)
    for by, place, covers, more, code, field in (
        (CRESCENT, 1, HOPE, {"programme": table.programmes[CRESCENT], "on": TODAY}, "INVALID", "programme"),
        (CRESCENT, 1, "karama", {}, "INVALID", "organisation"),
        (HOPE, 3, HOPE, {}, "UNKNOWN", "person"),
        (HOPE, 1, HOPE, {"programme": table.programmes[CRESCENT]}, "UNKNOWN", "programme"),
    ):
        refused = await table.propose(by, opened, place, covers, **more)
        assert (refused.get("code"), refused.get("field")) == (code, field)
    assert await counts(table.hub, WRITTEN) == before
    made = await table.propose(CRESCENT, opened, 1, HOPE, idempotencyKey="once")
    assert await table.propose(CRESCENT, opened, 1, HOPE, idempotencyKey="once") == made
    before = await counts(table.hub, WRITTEN)
    assert (await table.propose(RAFIDAIN, opened, 1, HOPE))["code"] == "CONFLICT"
    theirs = table.name(HOPE, made["proposal"], "joint_proposal")
    for more, code in (({"programme": table.programmes[CRESCENT]}, "UNKNOWN"), ({"on": "2020-01-01"}, "PROGRAMME_CLOSED")):
        assert (await table.agree(HOPE, theirs, **more))["code"] == code
    for by, named in ((CRESCENT, made["proposal"]), (RAFIDAIN, theirs), (HOPE, made["proposal"]), (HOPE, "\u202e")):
        assert (await table.agree(by, named))["code"] == "UNKNOWN"
        assert (await table.desks[by].did(DECLINE, id=named))["code"] == "UNKNOWN"
    assert await counts(table.hub, WRITTEN) == before


async def test_a_decision_of_others_does_not_exist(table: Table) -> None:
    """Failure 5.2e of exchange, 5.3a of exchange."""
    opened = await table.open(table.people[:1], parties=[HOPE])
    made = await table.propose(HOPE, opened, 1, HOPE)
    before = await counts(table.hub, WRITTEN)
    rafidain = table.desks[RAFIDAIN]
    for named in (opened["decision"], table.name(RAFIDAIN, opened["decision"]), table.name(HOPE, opened["decision"]), "x"):
        assert await rafidain.did(ONE, id=named) is None
        assert await rafidain.did(STEPS, id=named) is None
        refused = [await rafidain.did(CLOSE, id=named), await rafidain.did(APPLY, id=named)]
        own = {"programme": table.programmes[RAFIDAIN], "on": TODAY}
        refused.append(await rafidain.did(PROPOSE, input={"decision": named, "place": 1, "organisation": RAFIDAIN, **CASH, **own}))
        assert {each["code"] for each in refused} == {"UNKNOWN"}
    for named in (made["proposal"], table.name(RAFIDAIN, made["proposal"], "joint_proposal", HOPE)):
        assert (await rafidain.did(VOTE, id=named))["code"] == "UNKNOWN"
    assert (await table.desks[HOPE].did(CLOSE, id=table.name(HOPE, opened["decision"]), version=3))["code"] == "STALE"
    assert await counts(table.hub, WRITTEN) == before
    assert table.name(RAFIDAIN, opened["decision"]) not in str(await rafidain.did(LIST))
    under = await table.hub.data(ONE, "hope-manager", {"id": table.name(HOPE, opened["decision"])}, "case_management")
    assert under["jointDecision"] is None


async def test_nobody_speaks_of_more_people_a_day_than_it_may(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "copy")
    limits = settings.hub.limits.model_copy(update={"references_per_day": 3})
    async with asking(country, settings.model_copy(update={"hub": settings.hub.model_copy(update={"limits": limits})})) as hub:
        table = Table(hub)
        people = await numbers(hub, CRESCENT)
        assert (await table.open(people[:2]))["__typename"] == "JointDecisionOpened"
        before = await counts(hub, WRITTEN)
        assert (await table.open(people[2:4]))["code"] == "LIMIT_REACHED"
        assert await counts(hub, WRITTEN) == before
        assert (await table.open(people[2:3]))["__typename"] == "JointDecisionOpened"


@pytest.mark.parametrize("who", ["public", "umm-hassan", "inspector", "app-developer", "new-dawn-caseworker", "crescent-app"])
async def test_who_gives_nothing_has_no_such_fields(table: Table, who: str) -> None:
    fields = await table.hub.fields(who)
    assert not {"jointDecisions", "jointDecision", "jointDecisionSteps"} & fields["Query"]
    assert not {name for name in fields.get("Mutation", ()) if name.startswith("joint")}


# --- the rule --------------------------------------------------------------------------------------------------------


@given(st.integers(2, 10), st.lists(st.tuples(st.sampled_from(["proposed", "agreed"]), st.integers(0, 6)), min_size=1, max_size=4))
def test_one_wins_who_agreed_and_has_more_than_half_of_all(parties: int, made: list[tuple[str, int]]) -> None:
    base = Proposal(0, 1, 1, "x", "x", "cash", 1, "IQD", goods=False, state="")
    proposals = [replace(base, id=place, state=state) for place, (state, _) in enumerate(made, 1)]
    ballots = [place for place, (_, count) in enumerate(made, 1) for _ in range(count)][:parties]
    votes = {f"party-{number}": chosen for number, chosen in enumerate(ballots)}
    found = winner(proposals, votes, parties)
    most = [each.id for each in proposals if each.state == "agreed" and 2 * ballots.count(each.id) > parties]
    assert found == (most[0] if most else None)
    assert len(most) <= 1


# --- many at once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_of_votes_and_closings_at_once_each_counts_once_and_nothing_is_booked_twice(
    country: Country, url: str, tmp_path: Path
) -> None:
    """Failure 5.3e of exchange."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as hub:
        database = hub.hub.database
        async with database.transaction() as tx:
            await tx.execute_many(database.prepare(sa.insert(person)), [{"number": each, "household": each} for each in range(1, 5)])
            everybody = [(name, each) for name in (CRESCENT, HOPE, RAFIDAIN) for each in range(1, 5)]
            cases = [{"organisation": name, "position": str(each), "person": each} for name, each in everybody]
            await tx.execute_many(database.prepare(sa.insert(own_case)), cases)
        await issued(hub)
        table = await Table(hub).ready()
        opened = await table.open([1, 2, 3, 4])
        made = [await table.propose(HOPE, opened, place, HOPE) for place in (1, 2, 3, 4)]
        await asyncio.gather(*(table.vote(each["proposal"], HOPE, *table.desks) for each in made))
        shown = await table.seen(CRESCENT, opened)
        assert [len(each["proposals"][0]["votes"]) for each in shown["people"]] == [3, 3, 3, 3]
        closings = [desk.did(CLOSE, id=table.name(name, opened["decision"])) for name, desk in table.desks.items()]
        done = await asyncio.gather(*closings)
        assert sorted(each["__typename"] for each in done) == ["JointDecisionClosed", "Refusal", "Refusal"]
        again = await asyncio.gather(*(desk.did(APPLY, id=table.name(name, opened["decision"])) for name, desk in table.desks.items()))
        assert [(each["applied"], each["failed"]) for each in again] == [(4, 0)] * 3
        assert await table.balance(HOPE) == 840_000
        assert await counts(hub, (allocation,)) == [4]
        async with database.transaction() as tx:  # as a hub leaves it that is killed between deciding and booking
            values = {"state": "won", "allocation": None}
            await tx.execute(database.prepare(sa.update(joint_proposal).where(joint_proposal.c.place == 4).values(**values)))
        both = await asyncio.gather(*(desk.did(APPLY, id=table.name(name, opened["decision"])) for name, desk in table.desks.items()))
        assert {each["applied"] + each["failed"] for each in both} <= {3, 4}
        assert await table.balance(HOPE) == 800_000
        assert await counts(hub, (allocation,)) == [5]
        await adds_up(hub)
