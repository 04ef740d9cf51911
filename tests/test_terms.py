"""What a consent says besides who, why and what: how often, how long, whether it may be kept; and what none may go beyond."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from privacy.consent import Consent, Consents, Grant, Terms
from privacy.keys import KeyRing
from privacy.standing import People
from privacy.uses import Spent, Uses, period_of
from samples.cast import member
from schema.door.door import Request
from stanzas import FAIR_USE, Ceiling, ConsentRules
from tables.database import Database
from tables.identity import consent_use
from tables.upgrade import upgrade
from tests.asking import Asking, asking, copied
from tests.country import Country
from values import COUNTED_BIT, Category, ConsentMode, Enquiry, OrganisationKind, Purpose, Requester, Role

NOW = 1_800_000_000
DAY = 86_400
AID = Purpose.AID_DISTRIBUTION
NAME = Category.NAME.bit

GRANT = """
mutation Grant($input: ConsentGrantInput!) {
  consentGrant(input: $input) {
    __typename
    ... on ConsentGranted { consent { id mode keepDays frequency { times inDays } categories receipt } }
    ... on Refusal { code message hint field }
  }
}
"""
MARIAM = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { motherName } }'
HER_SEX = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { sex } }'


def wish(**changes: Any) -> dict[str, Any]:
    """What Mariam wants to let Crescent Aid see, a month long."""
    ends = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = {"receiver": "crescent-aid", "purpose": "AID_DISTRIBUTION", "categories": ["NAME"], "endsAt": ends}
    return {"input": wanted | changes}


async def granted(hub: Asking, who: str = "mariam", **changes: Any) -> dict[str, Any]:
    """The payload or refusal of a grant."""
    result: dict[str, Any] = (await hub.data(GRANT, who, wish(**changes)))["consentGrant"]
    return result


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of one's own, whose consents may be changed."""
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    return f"sqlite:///{tmp_path}/hub.db" if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def tables(url: str, tmp_path: Path) -> AsyncIterator[SimpleNamespace]:
    """Consents and their uses in it."""
    await upgrade(url)
    database = Database.at(url)
    await database.open()
    yield SimpleNamespace(
        database=database,
        ring=(ring := KeyRing.create(tmp_path / "ring.json")),
        consents=Consents(database, ring),
        uses=Uses(database, FAIR_USE),
    )
    await database.close()


def enquiry(now: int = NOW, purpose: Purpose = AID) -> Enquiry:
    """Crescent Aid asks."""
    staff = Requester("a-caseworker", Role.CASEWORKER, "crescent-aid", "crescent-aid", OrganisationKind.NGO, True, (purpose,))
    return Enquiry(staff, purpose, datetime.fromtimestamp(now, UTC))


async def give(tables: SimpleNamespace, person: int, terms: Terms, *categories: Category, receiver: str = "crescent-aid") -> Consent:
    """A grant of a year."""
    async with tables.database.transaction() as tx:
        wanted = Grant(receiver, AID, frozenset(categories or {Category.NAME}), NOW + 365 * DAY, terms)
        given: Consent = await tables.consents.give(tx, person, wanted, NOW)
        return given


async def opened(tables: SimpleNamespace, *numbers: int, now: int = NOW, wanted: int = NAME, own: bool = False, spent: Any = ...) -> Any:
    """The masks of people after one use is counted."""
    people = People(list(numbers), set(numbers) if own else frozenset(), dict.fromkeys(numbers, COUNTED_BIT | NAME))
    assert people.masks == {}
    assert sorted(people.counted) == sorted(numbers)
    await tables.uses.settle(enquiry(now), people, lambda _: wanted, Spent() if spent is ... else spent)
    return people.masks


async def counted(database: Database) -> int:
    """How many uses are written down."""
    ((count,),) = await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(consent_use)))
    return int(count)


# --- how often -------------------------------------------------------------------------------------------------------


async def test_a_consent_to_be_used_once_is_used_once(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=1))
    assert await opened(tables, 7) == {7: NAME}
    assert await opened(tables, 7) == {}
    assert await opened(tables, 7, now=NOW + 300 * DAY) == {}
    assert await counted(tables.database) == 1


async def test_a_period_begins_anew_and_what_was_not_used_is_not_saved_up(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=2, period_days=30))
    seen = [await opened(tables, 7, now=NOW + day * DAY) for day in (0, 1, 2, 29, 30, 31, 32, 120, 120, 120)]
    assert [bool(each) for each in seen] == [True, True, False, False, True, True, False, True, True, False]
    assert [period_of(NOW, 30, NOW + 30 * DAY + each) for each in (-1, 0)] == [0, 1]


async def test_however_many_ask_at_once_no_more_are_answered_than_were_allowed(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=3))
    answers = await asyncio.gather(*(opened(tables, 7) for _ in range(12)))
    assert sorted(map(bool, answers)) == [False] * 9 + [True] * 3
    assert await counted(tables.database) == 3


async def test_one_enquiry_that_names_a_person_often_is_one_use(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=1))
    spent = Spent()
    assert await asyncio.gather(*(opened(tables, 7, spent=spent) for _ in range(3))) == [{7: NAME}] * 3
    assert await counted(tables.database) == 1
    assert await opened(tables, 7) == {}


async def test_nothing_is_used_where_nothing_is_needed_of_it(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=1), Category.NAME)
    assert await opened(tables, 7, wanted=Category.HEALTH.bit, own=True) == {}
    assert await opened(tables, 7, wanted=0, own=True) == {}
    await give(tables, 7, Terms(), Category.NAME)
    assert await opened(tables, 7, own=True) == {7: NAME}  # by the other, which is not counted
    assert await counted(tables.database) == 0


async def test_to_know_that_there_is_such_a_person_is_a_use(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=1))
    assert await opened(tables, 7, wanted=0) == {7: NAME}
    assert await opened(tables, 7, wanted=0) == {}


async def test_looking_whether_a_use_is_left_uses_nothing(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=1))
    assert [await opened(tables, 7, spent=None) for _ in range(3)] == [{7: NAME}] * 3
    assert await opened(tables, 7) == {7: NAME}
    assert await opened(tables, 7, spent=None) == {}


async def test_many_people_are_counted_in_as_many_statements_as_one(tables: SimpleNamespace) -> None:
    people = range(1, 41)
    for person in people:
        await give(tables, person, Terms(uses=1))
    asked: list[str] = []
    fetch = tables.database.fetch

    async def noted(statement: Any, *given: Any, **named: Any) -> Any:
        asked.append(statement.sql)
        return await fetch(statement, *given, **named)

    tables.database.fetch = noted
    assert await opened(tables, *people) == dict.fromkeys(people, NAME)
    assert len(asked) == 3


async def test_over_the_schema_the_second_look_at_a_consent_for_once_finds_nothing(hub: Asking) -> None:
    """Failure 3.2b of identity."""
    given = await granted(hub, frequency={"times": 1})
    assert given["consent"]["frequency"] == {"times": 1, "inDays": None}
    assert (await hub.data(HER_SEX, "crescent-caseworker"))["personByIdentifier"] == {"sex": "F"}  # not asked for by consent: no use
    mother = {"motherName": member("mariam").mother}
    twice = MARIAM.replace("{ personBy", "{ again: personBy", 1).replace("} }", f"}} {MARIAM[2:]}")
    assert await hub.data(twice, "crescent-caseworker") == {"again": mother, "personByIdentifier": mother}
    assert (await hub.data(MARIAM, "crescent-caseworker"))["personByIdentifier"] == {"motherName": None}


async def test_a_stranger_whose_uses_are_used_up_is_not_known_any_more(hub: Asking) -> None:
    await granted(hub, receiver="hope-network", frequency={"times": 1, "inDays": 7})
    assert (await hub.data(MARIAM, "hope-caseworker"))["personByIdentifier"] == {"motherName": member("mariam").mother}
    assert (await hub.data(MARIAM, "hope-caseworker"))["personByIdentifier"] is None


async def test_concurrent_requests_over_the_schema_use_a_consent_no_oftener_than_allowed(hub: Asking) -> None:
    await granted(hub, frequency={"times": 2, "inDays": 30})
    enquiries = [await hub.hub.enquiry(hub.keys["crescent-caseworker"], None) for _ in range(8)]
    bodies = await asyncio.gather(*(hub.door.answer(Request(MARIAM, None, None), each) for each in enquiries))
    names = [each.body["data"]["personByIdentifier"]["motherName"] for each in bodies]
    assert sorted(names, key=str) == [None] * 6 + [member("mariam").mother] * 2


# --- what may be kept, and what none may go beyond -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mode": "STORE"}, "keepDays"),
        ({"mode": "VIEW", "keepDays": 3}, "keepDays"),
        ({"mode": "STORE", "keepDays": 0}, "keepDays"),
        ({"mode": "STORE", "keepDays": 1831}, "keepDays"),
        ({"frequency": {"times": 0}}, "frequency"),
        ({"frequency": {"times": 1001}}, "frequency"),
        ({"frequency": {"times": 1, "inDays": 0}}, "frequency"),
        ({"frequency": {"times": 1, "inDays": 9999}}, "frequency"),
        ({"purpose": "STATISTICS", "categories": ["PLACE", "NAME"]}, "categories"),
        ({"purpose": "STATISTICS", "categories": ["IDENTIFIERS"]}, "categories"),
        ({"purpose": "STATISTICS", "categories": ["PLACE"], "mode": "STORE", "keepDays": 367}, "keepDays"),
        (
            {
                "purpose": "STATISTICS",
                "categories": ["PLACE"],
                "endsAt": (datetime.now(UTC) + timedelta(days=740)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "endsAt",
        ),
    ],
)
async def test_terms_that_contradict_themselves_or_go_beyond_fair_use_are_refused(hub: Asking, changes: dict[str, Any], field: str) -> None:
    """Failure 3.1c of identity."""
    before = await hub.data("{ me { person { consents { id } } } }", "mariam")
    refusal = await granted(hub, **changes)
    assert (refusal["__typename"], refusal["code"], refusal["field"]) == ("Refusal", "INVALID", field)
    assert refusal["hint"]
    assert await hub.data("{ me { person { consents { id } } } }", "mariam") == before


async def test_a_receipt_says_what_may_be_kept_and_how_often_it_may_be_used(hub: Asking) -> None:
    given = (await granted(hub, mode="STORE", keepDays=90, frequency={"times": 4, "inDays": 30}))["consent"]
    assert (given["mode"], given["keepDays"], given["frequency"]) == ("STORE", 90, {"times": 4, "inDays": 30})
    record = json.loads(given["receipt"])["record"]
    assert record["processing"] == {"mode": "store", "retentionDays": 90, "frequency": {"times": 4, "inDays": 30}}
    assert hub.hub.consents.verified(given["receipt"].encode()) == record
    for old, new in (('"times":4', '"times":9'), ('"retentionDays":90', '"retentionDays":99'), ('"mode":"store"', '"mode":"sell!"')):
        assert hub.hub.consents.verified(given["receipt"].replace(old, new).encode()) is None


async def test_a_grant_asked_for_twice_with_one_key_is_one_grant(hub: Asking) -> None:
    same = wish(idempotencyKey="once")
    first, again = [(await hub.data(GRANT, "mariam", same))["consentGrant"] for _ in range(2)]
    assert first == again
    other = (await hub.data(GRANT, "mariam", wish(idempotencyKey="once", categories=["PLACE"])))["consentGrant"]
    assert other["code"] == "CONFLICT"


async def test_a_ceiling_lowered_later_lowers_what_older_consents_open(hub: Asking) -> None:
    """Failure 3.2a of identity."""
    await granted(hub, categories=["NAME", "PLACE"])
    question = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { motherName district } }'
    assert None not in (await hub.data(question, "crescent-caseworker"))["personByIdentifier"].values()
    lower = Ceiling(never=(Category.NAME,))
    hub.hub.standing.rules = ConsentRules(ceilings={AID: lower})
    seen = (await hub.data(question, "crescent-caseworker"))["personByIdentifier"]
    assert seen["motherName"] is None
    assert seen["district"] is not None


async def test_a_consent_of_nothing_but_what_is_above_the_ceiling_does_not_even_tell_of_the_person(hub: Asking) -> None:
    await granted(hub, receiver="hope-network", categories=["NAME"])
    assert (await hub.data(MARIAM, "hope-caseworker"))["personByIdentifier"] is not None
    hub.hub.standing.rules = ConsentRules(ceilings={AID: Ceiling(never=(Category.NAME,))})
    assert (await hub.data(MARIAM, "hope-caseworker"))["personByIdentifier"] is None


async def test_a_duration_lowered_later_ends_older_consents(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms())
    shorter = Consents(
        tables.database, KeyRing.load(tables.consents._ring._location), ConsentRules(ceilings={AID: Ceiling(longest_days=30)})
    )
    for consents, seen in ((tables.consents, {7: NAME}), (shorter, {})):
        assert await consents.masks([7], ["crescent-aid"], AID, NOW + 30 * DAY) == seen
    assert await shorter.masks([7], ["crescent-aid"], AID, NOW + 30 * DAY - 1) == {7: NAME}


async def test_a_counted_consent_obeys_the_ceiling_too(tables: SimpleNamespace) -> None:
    await give(tables, 7, Terms(uses=5), Category.NAME, Category.PLACE)
    tables.uses = Uses(tables.database, ConsentRules(ceilings={AID: Ceiling(never=(Category.NAME,))}))
    assert await opened(tables, 7, wanted=NAME | Category.PLACE.bit) == {7: Category.PLACE.bit}


def test_statistics_never_open_a_name_where_the_operator_says_nothing() -> None:
    for purpose in (Purpose.STATISTICS, Purpose.OPEN_DATA):
        assert not FAIR_USE.ceiling(purpose).mask & (NAME | Category.CONTACT.bit | Category.IDENTIFIERS.bit)
    assert FAIR_USE.ceiling(AID).mask == (1 << len(Category)) - 1
    assert FAIR_USE.ceiling(AID).mode is ConsentMode.STORE


async def test_a_page_without_counted_consents_is_one_statement_as_before(hub: Asking) -> None:
    asked: list[str] = []
    fetch = hub.hub.database.fetch

    async def noted(statement: Any, *given: Any, **named: Any) -> Any:
        asked.append(statement.sql)
        return await fetch(statement, *given, **named)

    hub.hub.database.fetch = noted  # type: ignore[method-assign]  # notes what passes through to the real database
    await hub.data("{ people(first: 100) { sex } }", "crescent-caseworker")
    assert len([each for each in asked if "consent" in each]) == 1
