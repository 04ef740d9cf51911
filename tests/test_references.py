"""An organisation speaks of a person to another, and neither learns how the other knows that person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from errors import LimitReached
from privacy.keys import KeyRing
from privacy.references import Bound, References
from resolvers.writing import Change
from tables.identity import consent, own_case, person
from tables.identity.references import reference_use
from tables.writing import command, step
from tests.asking import Asking, asking, copied
from tests.country import Country
from values import Enquiry, Purpose, Requester, Role

NOW = 1_800_000_000
AID = Purpose.AID_DISTRIBUTION.value
MAKE = """mutation($i: ReferenceMakeInput!) { referenceMake(input: $i) {
  __typename ... on ReferenceMade { reference endsAt } ... on Refusal { code message hint field }
} }"""
OPEN = 'query($t: String!, $h: String = "") { reference(text: $t, thread: $h) { handle sender endsAt person { id } } }'


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("references") / "copy")) as opened:
        yield opened


async def numbers(hub: Asking, *organisations: str) -> list[int]:
    """People in the case loads of all of these; for one, those whom nobody else of the three knows, by household or consent."""
    database = hub.hub.database
    joined = sa.select(own_case.c.organisation, person.c.number, person.c.household).join(person, person.c.number == own_case.c.person)
    kept: dict[int, set[str]] = {}
    home: dict[int, int] = {}
    for organisation, number, household in await database.fetch(database.prepare(joined)):
        kept.setdefault(number, set())
        home[number] = household
        if organisation in {"crescent-aid", "hope-network", "rafidain-relief"}:
            kept[number].add(organisation)
    houses: dict[int, set[str]] = {}
    for number, household in home.items():
        houses.setdefault(household, set()).update(kept[number])
    consented = {number for (number,) in await database.fetch(database.prepare(sa.select(consent.c.person)))}
    wanted = set(organisations)
    alone = [number for number in sorted(home) if home[number] is not None and houses[home[number]] == wanted and number not in consented]
    return alone if len(wanted) == 1 else [number for number in sorted(home) if wanted <= kept[number]]


def called(hub: Asking, organisation: str, number: int, kind: str = "person") -> str:
    return hub.hub.pseudonyms.maker(organisation, kind)(number)


async def made(hub: Asking, who: str, **given: Any) -> dict[str, Any]:
    return dict((await hub.data(MAKE, who, {"i": {"thread": "t", **given}}))["referenceMake"])


async def counted(hub: Asking) -> list[int]:
    database = hub.hub.database
    return [(await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0] for table in (step, command)]


async def test_each_reads_the_person_by_its_own_identifier_and_neither_the_others(hub: Asking) -> None:
    number = (await numbers(hub, "crescent-aid", "hope-network"))[0]
    text = (await made(hub, "crescent-caseworker", receiver="hope-network", person=called(hub, "crescent-aid", number)))["reference"]
    found = (await hub.data(OPEN, "hope-caseworker", {"t": text, "h": "t"}))["reference"]
    assert found["person"]["id"] == called(hub, "hope-network", number)
    assert found["sender"] == "crescent-aid"
    assert called(hub, "crescent-aid", number) not in str([text, found])


async def test_who_may_not_know_the_person_gets_a_handle_that_is_the_same_within_the_thread_alone(hub: Asking) -> None:
    """Failure 11.3a of identity."""
    number, other = (await numbers(hub, "crescent-aid"))[:2]
    handles = []
    for thread, whom in (("t", number), ("t", number), ("u", number), ("t", other)):
        made_ = await made(hub, "crescent-caseworker", receiver="hope-network", person=called(hub, "crescent-aid", whom), thread=thread)
        found = (await hub.data(OPEN, "hope-caseworker", {"t": made_["reference"], "h": thread}))["reference"]
        assert found["person"] is None
        handles.append(found["handle"])
    assert handles[0] == handles[1]
    assert len(set(handles)) == 3
    assert (await hub.data("query($id: ID!) { person(id: $id) { id } }", "hope-caseworker", {"id": handles[0]}))["person"] is None


async def test_who_does_not_know_the_person_can_answer_its_sender_and_tell_nobody_else(hub: Asking) -> None:
    """Failure 11.2b of identity."""
    number = (await numbers(hub, "crescent-aid"))[0]
    text = (await made(hub, "crescent-caseworker", receiver="hope-network", person=called(hub, "crescent-aid", number)))["reference"]
    before = await counted(hub)
    refused = await made(hub, "hope-caseworker", receiver="rafidain-relief", reference=text)
    assert (refused["__typename"], refused["code"]) == ("Refusal", "UNKNOWN")
    assert await counted(hub) == before
    back = (await made(hub, "hope-caseworker", receiver="crescent-aid", reference=text))["reference"]
    found = (await hub.data(OPEN, "crescent-caseworker", {"t": back, "h": "t"}))["reference"]
    assert (found["person"]["id"], found["sender"]) == (called(hub, "crescent-aid", number), "hope-network")


async def test_every_text_that_is_not_for_the_asker_is_the_same_null(hub: Asking) -> None:
    """Failure 11.3b of identity."""
    number = (await numbers(hub, "crescent-aid", "hope-network"))[0]
    text = (await made(hub, "crescent-caseworker", receiver="hope-network", person=called(hub, "crescent-aid", number)))["reference"]
    ended = hub.hub.identity.references.forward("crescent-aid", "hope-network", Purpose.AID_DISTRIBUTION, "said:t", number, 1)
    of_a_domain = hub.hub.identity.references.forward("crescent-aid", "hope-network", Purpose.AID_DISTRIBUTION, "message:1", number, 2**40)
    attempts = {
        "its own sender": ("crescent-caseworker", text, "t", None),
        "a third": ("rafidain-caseworker", text, "t", None),
        "another thread": ("hope-caseworker", text, "u", None),
        "another purpose": ("hope-caseworker", text, "t", "case_management"),
        "changed": ("hope-caseworker", text[:-5] + ("A" if text[-5] != "A" else "B") + text[-4:], "t", None),
        "cut": ("hope-caseworker", text[:-8], "t", None),
        "ended": ("hope-caseworker", ended, "t", None),
        "a domain's": ("hope-caseworker", of_a_domain, "message:1", None),
        "a pseudonym": ("hope-caseworker", called(hub, "hope-network", number), "t", None),
        "nonsense": ("hope-caseworker", "\u0627" * 5000, "t", None),
    }
    bodies = {}
    for name, (who, sent, thread, purpose) in attempts.items():
        body = await hub.ask(OPEN, who, {"t": sent, "h": thread}, purpose)
        bodies[name] = {key: each for key, each in body.items() if key != "extensions"}
        assert body["extensions"].get("sources", []) == [], name
    assert set(map(str, bodies.values())) == {"{'data': {'reference': None}}"}


async def test_nobody_speaks_of_a_person_it_may_not_know(hub: Asking) -> None:
    """Failure 11.1a of identity."""
    mine, theirs = (await numbers(hub, "crescent-aid"))[0], (await numbers(hub, "hope-network"))[0]
    before = await counted(hub)
    refusals = [
        await made(hub, "hope-caseworker", receiver="crescent-aid", person=text)
        # Confused deputy: another organisation's identifier of the same person, its own form of a stranger, and nonsense.
        for text in (called(hub, "crescent-aid", mine), called(hub, "crescent-aid", theirs), called(hub, "hope-network", mine), "x")
    ]
    assert {refusal["code"] for refusal in refusals} == {"UNKNOWN"}
    assert len(set(map(str, refusals))) == 1
    assert await counted(hub) == before


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"receiver": "nobody"}, "receiver"),
        ({"receiver": "new-dawn"}, "receiver"),
        ({"receiver": "crescent-aid"}, "receiver"),
        ({"receiver": "inspectorate"}, "receiver"),
        ({"days": 0}, "days"),
        ({"days": 91}, "days"),
        ({"thread": "x" * 65}, "thread"),
        ({"person": None}, "person"),
        ({"reference": "x"}, "person"),
    ],
)
async def test_an_input_out_of_bounds_is_named_and_nothing_is_written(hub: Asking, given: dict[str, Any], field: str) -> None:
    """Failure 11.2a of identity."""
    number = (await numbers(hub, "crescent-aid"))[0]
    before = await counted(hub)
    refused = await made(hub, "crescent-caseworker", **{"receiver": "hope-network", "person": called(hub, "crescent-aid", number), **given})
    assert (refused["code"], refused["field"]) == ("INVALID", field)
    assert await counted(hub) == before


async def made_today(hub: Asking) -> int:
    database = hub.hub.database
    which = reference_use.c.sender == "crescent-aid", reference_use.c.receiver == "hope-network"
    rows = await database.fetch(database.prepare(sa.select(reference_use.c.made).where(*which)))
    return sum(each for (each,) in rows)


async def test_nobody_speaks_to_another_of_everybody_it_knows(country: Country, tmp_path: Path) -> None:
    """Failure 11.2c of identity."""
    settings = copied(country, tmp_path / "copy")
    limits = settings.hub.limits.model_copy(update={"references_per_day": 3})
    settings = settings.model_copy(update={"hub": settings.hub.model_copy(update={"limits": limits})})
    async with asking(country, settings) as hub:
        ids = [each["id"] for each in (await hub.data("{ people(first: 5) { id } }", "crescent-caseworker"))["people"]]
        before = (await counted(hub))[0]
        codes = [(await made(hub, "crescent-caseworker", receiver="hope-network", person=each)).get("code") for each in ids]
        assert codes == [None, None, None, "LIMIT_REACHED", "LIMIT_REACHED"]
        assert await made_today(hub) == 3
        assert (await counted(hub))[0] == before + 3
        assert "reference" in await made(hub, "crescent-caseworker", receiver="rafidain-relief", person=ids[0])


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """The server a test names."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.mark.parametrize("url", ["postgresql", "mariadb"], indirect=True)
async def test_references_are_counted_on_every_database(url: str, country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "copy")
    limits = settings.hub.limits.model_copy(update={"references_per_day": 2})
    elsewhere = {"limits": limits, "database": url}
    settings = settings.model_copy(update={"hub": settings.hub.model_copy(update=elsewhere)})
    requester = Requester("someone", Role.CASEWORKER, "crescent-aid", "crescent-aid", purposes=(Purpose.AID_DISTRIBUTION,))
    enquiry = Enquiry(requester, Purpose.AID_DISTRIBUTION, datetime.now(UTC))
    async with asking(country, settings) as hub:

        async def work(change: Change) -> dict[str, Any]:
            await hub.hub.identity.references._count(change, "crescent-aid", "hope-network")
            return {}

        for _ in range(2):
            await hub.hub.writing.run(enquiry, "reference.make", work)
        with pytest.raises(LimitReached):
            await hub.hub.writing.run(enquiry, "reference.make", work)
        assert await made_today(hub) == 2


async def test_the_same_key_gives_the_same_reference(hub: Asking) -> None:
    number = (await numbers(hub, "crescent-aid"))[0]
    given = {"receiver": "hope-network", "person": called(hub, "crescent-aid", number)}
    first, again = [await made(hub, "crescent-caseworker", **given, idempotencyKey="k") for _ in range(2)]
    other = await made(hub, "crescent-caseworker", **given)
    assert first == again
    assert first["reference"] != other["reference"]


async def test_the_person_reads_who_was_told_of_it(hub: Asking) -> None:
    number = (await numbers(hub, "crescent-aid"))[3]
    text = (await made(hub, "crescent-caseworker", receiver="hope-network", person=called(hub, "crescent-aid", number)))["reference"]
    await hub.data(OPEN, "hope-caseworker", {"t": text, "h": "t"})
    entries = await hub.hub.record.of_person(number, 10, None)
    assert [(each.organisation, part.coordinates) for _, each in entries for part in each.shown] == [
        ("hope-network", ("Reference.handle",))
    ]


async def test_the_same_statements_are_run_for_a_stranger_and_for_nobody(hub: Asking) -> None:
    number = (await numbers(hub, "crescent-aid"))[0]
    asked: list[str] = []
    fetch = hub.hub.database.fetch

    async def counting(statement: Any, *given: Any, **named: Any) -> Any:
        asked.append(statement.sql)
        return await fetch(statement, *given, **named)

    hub.hub.database.fetch = counting  # type: ignore[method-assign]  # counts what passes through to the real database
    try:
        runs = []
        for text in (called(hub, "hope-network", number), called(hub, "hope-network", 10**9), "x"):
            asked.clear()
            await made(hub, "hope-caseworker", receiver="crescent-aid", person=text)
            runs.append(list(asked))
    finally:
        del hub.hub.database.fetch
    assert runs[0] == runs[1] == runs[2]


# --- the text itself -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> References:
    return References(KeyRing.create(tmp_path_factory.mktemp("ring") / "ring.json"))


@given(number=st.integers(0, 2**64 - 1), thread=st.text(max_size=64))
def test_two_references_of_one_person_are_unlike_and_all_are_of_one_length(references: References, number: int, thread: str) -> None:
    bound = Bound("crescent-aid", "hope-network", AID, thread)
    first, second = (references.make(bound, number, NOW + 1) for _ in range(2))
    assert first != second
    assert len({len(first), len(second), len(references.make(Bound("a", "b", "c"), 0, 0))}) == 1
    for text in (first, second):
        found = references.open(text, "hope-network", AID, thread, NOW)
        assert found is not None
        assert (found.number, found.bound) == (number, bound)


@given(text=st.text(), place=st.integers(0, 300), by=st.integers(1, 127))
def test_no_text_but_the_made_one_opens_and_none_raises(references: References, text: str, place: int, by: int) -> None:
    made = references.make(Bound("crescent-aid", "hope-network", AID), 7, NOW + 1)
    at = place % len(made)
    changed = made[:at] + chr((ord(made[at]) + by) % 128) + made[at + 1 :]
    for each in (text, changed, made + text):
        found = references.open(each, "hope-network", AID, "", NOW)
        assert found is None or each == made or _same_bytes(each, made)


def _same_bytes(text: str, made: str) -> bool:
    """Base64 leaves unused bits in its last character: another letter there may be the same bytes."""
    return text[:-1] == made[:-1]


def test_a_reference_ends_to_the_second(references: References) -> None:
    text = references.make(Bound("a", "b", AID), 7, NOW)
    assert references.open(text, "b", AID, "", NOW - 1) is not None
    assert references.open(text, "b", AID, "", NOW) is None


def test_what_is_too_long_is_not_cut(references: References) -> None:
    with pytest.raises(ValueError):
        references.make(Bound("x" * 65, "b", AID), 7, NOW)


async def test_a_domain_converts_and_opens_with_nothing_of_its_own(hub: Asking) -> None:
    number = (await numbers(hub, "crescent-aid", "hope-network"))[0]
    stranger = (await numbers(hub, "crescent-aid"))[0]
    references, now = hub.hub.identity.references, datetime.now(UTC)
    sender = await hub.hub.enquiry(hub.keys["crescent-caseworker"], None, now)
    receiver = await hub.hub.enquiry(hub.keys["hope-caseworker"], None, now)
    ends_at = int((now + timedelta(days=1)).timestamp())
    for whom, known in ((number, called(hub, "hope-network", number)), (stranger, None)):
        pseudonym = called(hub, "crescent-aid", whom)
        kept: dict[str, Any] = {}

        async def work(change: Change, pseudonym: str = pseudonym, kept: dict[str, Any] = kept) -> dict[str, Any]:
            kept["inner"], kept["text"] = await references.convert(change, pseudonym, "hope-network", "message:1", ends_at)
            kept["mine"] = (await references.convert(change, pseudonym, "crescent-aid", "message:1", ends_at))[1]
            return {}

        before = await made_today(hub)
        await hub.hub.writing.run(sender, "message.send", work)
        assert await made_today(hub) == before + 1
        inner, text = kept["inner"], kept["text"]
        mine = await references.opened(sender, kept["mine"], "message:1")
        assert mine is not None
        assert mine.person == pseudonym
        found = await references.opened(receiver, text, "message:1")
        assert found is not None
        assert (inner, found.number, found.sender, found.person) == (whom, whom, "crescent-aid", known)
        assert await references.opened(receiver, text, "message:2") is None
        assert await references.opened(sender, text, "message:1") is None
