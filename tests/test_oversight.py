"""What was shown to whom, as the person reads it: neither more nor less than left the hub."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from connectors.hub import ENTITIES as OWN_TABLES
from samples.cast import member
from samples.seeding import People
from schema import CATALOGUE, PUBLIC_NAMES
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.law import Law
from values import Enquiry, Purpose, Role

CAST = ("umm-hassan", "hussein", "abu-karrar", "salma", "jasim", "mariam", "shirin", "khudeda", "nadia", "abbas", "hajji-anwar", "duha")
"""Those of whom disclosures are read, one in each household and two in one."""

DISCLOSURES = "{ me { person { disclosures(first: 30) { id at organisation role purpose attributes sources grounds } } } }"


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub whose record these tests alone write to; everybody of the cast has a credential."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("oversight") / "hub")) as opened:
        for name in CAST:
            opened.keys[name] = await opened.hub.credentials.issue(
                name, "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), 0, await number(opened, name)
            )
        yield opened


async def number(hub: Asking, name: str) -> int:
    """The hub's number of somebody of the cast."""
    (found,) = (await People(hub.hub.database, hub.hub.blinder).numbers([member(name).national_number or ""])).values()
    return found


async def latest(hub: Asking, name: str) -> dict[str, Any] | None:
    """The newest disclosure that somebody of the cast reads, such readings themselves left aside."""
    rows = (await hub.data(DISCLOSURES, name))["me"]["person"]["disclosures"]
    return next((each for each in rows if (each["role"], each["attributes"]) != ("person", ["Person.id"])), None)


def entries(hub: Asking) -> int:
    """How long the record is, read beside the hub."""
    book = apsw.Connection(hub.hub.settings.hub.record.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
    ((count,),) = book.execute("SELECT count(*) FROM entry")
    book.close()
    return int(count)


def open_to(law: Law, enquiry: Enquiry, person: int, coordinate: str) -> list[str]:
    """The sources, by precedence, that know a person and may show this of it."""
    entity, name = coordinate.split(".")
    by_precedence = sorted(law.settings.sources, key=lambda source: law.settings.sources[source].precedence)
    found = []
    for source in by_precedence:
        mapping = (OWN_TABLES if source == "hub" else law.settings.sources[source].entities).get(entity)
        knows = person in law.people.get(source, {}).values()
        if mapping and name in mapping.attributes and knows and law.shows(enquiry.requester, enquiry.purpose, source, coordinate, person):
            found.append(source)
    return found


SELECTIONS = {
    "names": ({"person": ["name", "mother_name", "sex", "birth_date", "phone", "need_score", "national_number"]}, "aid_distribution"),
    "lists": ({"person": ["birth_year"], "allocation": ["kind", "amount", "status"]}, "aid_distribution"),
    "insurance": ({"person": ["living"], "insurance": ["status", "wage", "insured_since"]}, "case_management"),
    "case numbers": ({"person": ["case_number", "district", "disability"]}, "case_management"),
}


@pytest.mark.parametrize("who", ["crescent-caseworker", "hope-caseworker", "rafidain-caseworker"])
@pytest.mark.parametrize(("selection", "purpose"), SELECTIONS.values(), ids=list(SELECTIONS))
async def test_a_person_reads_exactly_what_was_shown_of_her(who: str, selection: dict[str, list[str]], purpose: str, hub: Asking) -> None:
    enquiry = await hub.hub.enquiry(hub.keys[who], purpose)
    law = Law(hub.hub.settings)
    there = await hub.fields(who, purpose)
    inner = {
        entity: " ".join(name for kind, name in (PUBLIC_NAMES[f"{entity}.{each}"].split(".") for each in names) if name in there[kind])
        for entity, names in selection.items()
    }
    question = "{ people(first: 1000) { " + inner["person"]
    if "allocation" in inner:
        question += f" allocations(first: 1000, order: RECORDED) {{ {inner['allocation']} }}"
    if "insurance" in inner:
        question += f" insurance {{ {inner['insurance']} }}"
    before = {name: await latest(hub, name) for name in CAST}
    await hub.data(question + " } }", who, purpose=purpose)
    told = 0
    for name in CAST:
        person, after = await number(hub, name), await latest(hub, name)
        if person not in law.cases[enquiry.requester.organisation or ""]:
            assert after == before[name]
            continue
        told += 1
        attributes, sources = {"Person.id"}, set()
        for entity, names in selection.items():
            opened = {f"{entity}.{each}": open_to(law, enquiry, person, f"{entity}.{each}") for each in names}
            attributes |= {PUBLIC_NAMES[coordinate] for coordinate, found in opened.items() if found}
            sources |= {source for found in opened.values() for source in (found if entity == "allocation" else found[:1])}
            if entity != "person" and any(opened.values()):
                attributes.add(PUBLIC_NAMES[f"{entity}.id"])  # that there is one at all
        assert after is not None
        assert after != before[name]
        assert set(after["attributes"]) == attributes, name
        assert set(after["sources"]) == sources, name
        assert after["organisation"] == enquiry.requester.organisation
        assert after["purpose"] == purpose
        assert after["role"] == "caseworker"
    assert told


async def test_what_is_shown_of_a_household_is_shown_of_each_member_on_the_page(hub: Asking) -> None:
    await hub.data("{ people(first: 1000) { household { size dwelling } } }", "crescent-caseworker")
    for name in ("umm-hassan", "hussein"):
        told = await latest(hub, name)
        assert told is not None
        assert told["attributes"] == ["Household.dwelling", "Household.id", "Household.size", "Person.id"]
        assert told["sources"] == ["civil-registry"]


async def test_what_a_household_withholds_is_withheld_from_each_member_on_the_page(hub: Asking) -> None:
    question = "{ people(first: 1000) { id household { id district } withheld { attribute reason } } }"
    people = (await hub.data(question, "crescent-caseworker", purpose="case_management"))["people"]
    together = [each for each in people if each["household"] and each["household"]["district"] is None]
    assert len(together) > len({each["household"]["id"] for each in together})
    for each in together:
        assert each["withheld"] == [{"attribute": "Household.district", "reason": "NO_CONSENT"}]
    assert not [each for each in people if each["household"] and each["household"]["district"] is not None and each["withheld"]]


async def test_members_seen_through_a_family_read_of_it_too(hub: Asking) -> None:
    question = '{ personByIdentifier(scheme: CASE_NUMBER, value: "CA-000101") { household { members { birthYear } } } }'
    await hub.data(question, "crescent-caseworker")
    told = await latest(hub, "hussein")
    assert told is not None
    assert told["attributes"] == ["Person.birthYear", "Person.id"]


@pytest.mark.parametrize(
    ("name", "who", "selection", "grounds"),
    [
        ("umm-hassan", "crescent-caseworker", "birthYear", ["own_case"]),
        ("umm-hassan", "crescent-caseworker", "motherName", ["consented"]),
        ("umm-hassan", "crescent-caseworker", "motherName birthYear", ["consented", "own_case"]),
        ("umm-hassan", "inspector", "birthYear", ["always"]),
        ("umm-hassan", "umm-hassan", "birthYear nationalNumber", ["self"]),
    ],
)
async def test_a_disclosure_says_on_which_grounds(name: str, who: str, selection: str, grounds: list[str], hub: Asking) -> None:
    if who == name:
        question = f"{{ me {{ person {{ {selection} }} }} }}"
    else:
        value = member(name).national_number
        question = f'{{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "{value}") {{ {selection} }} }}'
    await hub.data(question, who)
    told = await latest(hub, name)
    assert told is not None
    assert told["grounds"] == grounds


async def test_nobody_but_the_person_reads_disclosures_or_consents(hub: Asking) -> None:
    """Failure 1.1a of oversight."""
    for who in ("crescent-caseworker", "inspector"):
        for field in ("disclosures", "consents"):
            question = f'{{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") {{ {field} {{ id }} }} }}'
            assert [each["extensions"]["code"] for each in (await hub.ask(question, who))["errors"]] == ["GRAPHQL_INVALID"]
    question = "{ me { person { id disclosures(first: 1000) { id } household { members { id disclosures { id } } } } } }"
    mine = (await hub.data(question, "umm-hassan"))["me"]["person"]
    assert mine["disclosures"]
    assert [each["id"] for each in mine["household"]["members"]] == [mine["id"]]


async def test_one_persons_disclosures_are_in_no_other_persons_list(hub: Asking) -> None:
    before = await latest(hub, "mariam")
    await hub.data('{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { birthYear } }', "crescent-caseworker")
    assert await latest(hub, "mariam") == before


async def test_where_nothing_was_shown_nothing_is_recorded(hub: Asking) -> None:
    """Failure 2.1a of oversight."""
    before = entries(hub)
    for who, question in (
        ("public", "{ organisations { name } sources { name } }"),
        ("crescent-caseworker", '{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000122") { id } me { name } }'),
        ("public", "{ caseload { nodes { id } } }"),
        ("crescent-caseworker", "{ nonsense }"),
    ):
        await hub.ask(question, who)
    assert entries(hub) == before


async def test_a_field_that_is_refused_half_way_discloses_nothing(hub: Asking) -> None:
    """Failure 2.1b of oversight, and 2.1a of aid: what was gathered before the refusal is not shown, and so not recorded."""
    before = entries(hub)
    question = """
    { personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") {
        birthYear household { size members { birthYear allocations(first: 5000) { kind } } }
    } }
    """
    body = await hub.ask(question, "crescent-caseworker")
    assert body["data"] == {"personByIdentifier": None}
    assert [each["extensions"]["code"] for each in body["errors"]] == ["INVALID"]
    assert entries(hub) == before


async def test_what_could_not_be_recorded_is_not_shown(country: Country, tmp_path: Path) -> None:
    """Failure 2.2a of oversight, and 1.5a of aid."""
    async with asking(country, copied(country, tmp_path / "hub")) as own:
        with apsw.Connection(own.hub.settings.hub.record.removeprefix("sqlite:///")) as book:
            book.execute("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        body = await own.ask('{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { birthYear } }', "crescent-caseworker")
        assert body["data"] is None
        assert [each["extensions"]["code"] for each in body["errors"]] == ["DISCLOSURE_NOT_RECORDED"]
        assert "1981" not in str(body)
        assert await own.data("{ me { name } organisations { id } }", "crescent-caseworker")  # what needs no record still answers


async def test_several_root_fields_are_one_entry(hub: Asking) -> None:
    before = entries(hub)
    question = '{ a: personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { birthYear } people(first: 3) { sex } }'
    await hub.data(question, "crescent-caseworker")
    assert entries(hub) == before + 1


async def test_introspection_beside_data_changes_nothing_about_the_record(hub: Asking) -> None:
    before = entries(hub)
    question = """
    { __schema { queryType { name } }
      a: personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { birthYear }
      b: personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { allocations(first: 5000) { kind } } }
    """
    body = await hub.ask(question, "crescent-caseworker")
    assert body["data"]["a"] == {"birthYear": 1981}
    assert body["data"]["b"] is None
    assert [each["path"] for each in body["errors"]] == [["b"]]
    assert entries(hub) == before + 1
    told = await latest(hub, "umm-hassan")
    assert told is not None
    assert told["attributes"] == ["Person.birthYear", "Person.id"]


async def test_every_attribute_of_the_schema_has_a_public_name() -> None:
    for attribute in CATALOGUE.attributes():
        assert attribute.coordinate in PUBLIC_NAMES


FILTERED = (
    "query ($f: DisclosureFilter) { me { person { disclosures(first: 5, filter: $f) { id at organisation purpose categories manner } } } }"
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"receiver": "hope-network"}, ("hope-network", "aid_distribution", "ORDINARY")),
        ({"purpose": "CASE_MANAGEMENT"}, ("crescent-aid", "case_management", "ORDINARY")),
        ({"purpose": "SELF_ACCESS"}, (None, "self_access", "OWN")),
        ({"category": "NAME", "receiver": "crescent-aid"}, ("crescent-aid", "aid_distribution", "ORDINARY")),
        ({"category": "INCOME", "receiver": "hope-network"}, None),
        ({"since": "2999-01-01T00:00:00Z"}, None),
        ({"until": "2000-01-01"}, None),
        ({"receiver": "nobody"}, None),
    ],
)
async def test_a_person_narrows_the_list_of_who_looked(wanted: dict[str, str], found: tuple[Any, ...] | None, hub: Asking) -> None:
    family = '{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { birthYear } }'
    await hub.data(family, "hope-caseworker")
    await hub.data(family, "crescent-caseworker", purpose="case_management")
    await hub.data(family.replace("birthYear", "motherName"), "crescent-caseworker")
    await hub.data(DISCLOSURES, "umm-hassan")
    rows = (await hub.data(FILTERED, "umm-hassan", {"f": wanted}))["me"]["person"]["disclosures"]
    assert bool(rows) == (found is not None)
    if found is not None:
        assert (rows[0]["organisation"], rows[0]["purpose"], rows[0]["manner"]) == found
    for each in rows:
        assert wanted.get("receiver", each["organisation"]) == each["organisation"]
        assert wanted.get("purpose", each["purpose"]).lower() == each["purpose"]
        assert "category" not in wanted or wanted["category"] in each["categories"]


@pytest.mark.parametrize("name", ["since", "until"])
async def test_a_filter_that_is_no_moment_is_refused(name: str, hub: Asking) -> None:
    """Failure 18.1a of identity; failure 18.1b of identity is that of 1.1a of oversight."""
    body = await hub.ask(FILTERED, "umm-hassan", {"f": {name: "yesterday"}})
    assert body["errors"][0]["extensions"]["code"] == "INVALID"
    assert body["data"] == {"me": None}
