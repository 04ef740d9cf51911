"""A value that may not be shown is not asked of the source: what databases and servers really received."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from connectors.hub import ENTITIES as OWN_TABLES
from schema import CATALOGUE, PUBLIC_NAMES
from settings import Settings
from tests.asking import copied
from tests.country import Country
from tests.law import Law
from tests.receiving import Receipts, Received, Watched, watching
from values import Enquiry

CAMEL = {inner: public.split(".")[1] for inner, public in PUBLIC_NAMES.items()}


async def everything(watched: Watched, who: str, purpose: str | None = None) -> str:
    """A selection of every field of a person that there is for this requester."""
    there = await watched.asking.fields(who, purpose)

    def of(entity: str) -> str:
        names = [PUBLIC_NAMES[f"{entity}.{name}"].split(".") for name in CATALOGUE.entities[entity].attributes if name != "organisation"]
        return " ".join(name for kind, name in names if name in there[kind])

    relations = [
        ("household", f"household {{ id {of('household')} members {{ id {of('person')} }} }}"),
        ("allocations", f"allocations(first: 1000) {{ id {of('allocation')} source organisation {{ id }} }}"),
        ("insurance", f"insurance {{ id {of('insurance')} }}" if "Insurance" in there else ""),
        ("withheld", "withheld { attribute reason }"),
        ("provenance", "provenance { attribute source }"),
    ]
    return f"id {of('person')} " + " ".join(text for name, text in relations if name in there["Person"])


@pytest.fixture(scope="module")
async def watched(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """A hub behind whose back every source notes what it receives."""
    folder = tmp_path_factory.mktemp("watched") / "hub"
    copied(country, folder)
    async with watching(country, folder) as opened:
        yield opened


# --- a value that may not be seen is not asked of the source ---------------------------------------------------------


def entity_of(settings: Settings, received: Received) -> Iterator[tuple[str, Any]]:
    """The entities of a source that a statement or request is about, by what it calls them."""
    if received.source == "hub.db":
        for entity, mapping in OWN_TABLES.items():
            if f"FROM {mapping.read}" in received.text:
                yield entity, mapping
        return
    for entity, mapping in settings.sources[received.source].entities.items():
        names = {mapping.read, entity} if received.source == "hope-network" else {mapping.read}
        if any(re.search(rf"(FROM \"?|/|rows: ){re.escape(name)}\b", received.text) for name in names):
            yield entity, mapping


def holds(text: str, column: str) -> bool:
    """Whether a statement, path or document mentions a column."""
    return re.search(rf'(?<![\w"]){re.escape(column)}(?![\w"])', text) is not None or f'"{column}"' in text


def wrongly_asked(law: Law, enquiry: Enquiry, received: Received) -> list[tuple[str, str]]:
    """Columns (and the entities they belong to) that this requester may not have read of somebody whose key was given."""
    mapped = list(entity_of(law.settings, received))
    assert mapped, received.text
    source = "hub" if received.source == "hub.db" else received.source
    keys = {mapping.person or mapping.key for _, mapping in mapped} | {mapping.key for _, mapping in mapped}
    columns: dict[str, set[str]] = {}
    for entity, mapping in mapped:
        for name, attribute in mapping.attributes.items():
            for column in attribute.column:
                if holds(received.text, column) and column not in keys:
                    columns.setdefault(column, set()).add(f"{entity}.{name}")
    people = [law.people[source][str(value)] for value in received.values if str(value) in law.people[source]]
    assert people, received.text
    wrong = []
    for column, coordinates in columns.items():
        for person in people:
            # A household is asked for through one of its members, for all of them on the page.
            everyone = [other for other, home in law.homes.items() if home == law.homes.get(person)]
            together = [person, *everyone] if any(each.startswith("household.") for each in coordinates) else [person]
            if not any(
                law.shows(enquiry.requester, enquiry.purpose, source, coordinate, each) for coordinate in coordinates for each in together
            ):
                wrong.append((received.source, column))
    return wrong


CASE_LOADS = [
    ("crescent-caseworker", "aid_distribution"),
    ("crescent-caseworker", "case_management"),
    ("hope-caseworker", "aid_distribution"),
    ("rafidain-caseworker", "aid_distribution"),
    ("karama-caseworker", "case_management"),
    ("ministry-caseworker", "social_security"),
    ("ministry-analyst", "statistics"),
]


def to_sources(receipts: Receipts) -> list[Received]:
    """What sources received, the hub's own tables as a source included."""
    own = [each for each in receipts.of("hub.db") if re.search(r"FROM (case_file|allocation)\b", each.text)]
    return [*receipts.of(*receipts.sources()), *own]


@pytest.mark.parametrize(("who", "purpose"), CASE_LOADS, ids=str)
async def test_nothing_is_asked_of_a_source_that_may_not_be_shown(who: str, purpose: str, watched: Watched) -> None:
    enquiry = await watched.enquiry(who, purpose)
    await watched.ask(f"{{ people(first: 1000) {{ {await everything(watched, who, purpose)} }} }}", who, purpose=purpose)
    received = to_sources(watched.receipts)
    assert received
    assert [wrong for each in received for wrong in wrongly_asked(watched.law, enquiry, each)] == []


async def test_an_inspector_causes_no_source_to_be_asked_for_what_takes_consent(watched: Watched) -> None:
    enquiry = await watched.enquiry("inspector")
    found = f'{{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") {{ {await everything(watched, "inspector")} }} }}'
    await watched.ask(found, "inspector")
    received = to_sources(watched.receipts)
    assert {each.source for each in received} >= {"civil-registry", "crescent-aid", "rafidain-relief", "hope-network", "labour-ministry"}
    assert [wrong for each in received for wrong in wrongly_asked(watched.law, enquiry, each)] == []


@pytest.mark.parametrize(
    ("who", "purpose", "source", "column", "attribute"),
    [
        ("crescent-caseworker", "aid_distribution", "civil-registry", "mother_name", "person.mother_name"),
        ("hope-caseworker", "aid_distribution", "crescent-aid", "mobile", "person.phone"),
        ("rafidain-caseworker", "aid_distribution", "crescent-aid", "mobile", "person.phone"),
        ("crescent-caseworker", "aid_distribution", "hope-network", "من ذوي الإعاقة", "person.disability"),
    ],
)
async def test_a_consented_column_is_asked_for_of_exactly_those_who_consented(
    who: str, purpose: str, source: str, column: str, attribute: str, watched: Watched
) -> None:
    enquiry, law = await watched.enquiry(who, purpose), watched.law
    name = CAMEL[attribute]
    body = await watched.ask(f"{{ people(first: 1000) {{ id {name} sex birthYear }} }}", who, purpose=purpose)
    asked = {law.people[source][value] for each in watched.receipts.of(source) if holds(each.text, column) for value in each.values}
    category = CATALOGUE.attribute(*attribute.split(".")).category
    page = [watched.number(enquiry, person["id"]) for person in body["data"]["people"]]
    known = set(law.people[source].values())
    own_source = law.settings.sources[source].steward == enquiry.requester.organisation
    assert not own_source
    willing = {person for person in page if person in known and law.consented(enquiry.requester, enquiry.purpose, person, category)}
    assert len(willing) < len([person for person in page if person in known])
    # Whoever an earlier source by precedence could answer for is not asked about again.
    earlier = [other for other in sources_before(law.settings, source) if attribute.split(".")[1] in offered(law.settings, other)]
    willing -= {
        person
        for other in earlier
        for person in willing
        if person in set(law.people[other].values()) and law.shows(enquiry.requester, enquiry.purpose, other, attribute, person)
    }
    assert asked == willing


def sources_before(settings: Settings, source: str) -> list[str]:
    """The sources asked before another."""
    return [name for name, each in settings.sources.items() if each.precedence < settings.sources[source].precedence]


def offered(settings: Settings, source: str) -> set[str]:
    """The attributes of people a source keeps."""
    mapping = settings.sources[source].entities.get("person")
    return set(mapping.attributes) if mapping else set()


async def test_his_columns_are_not_read_where_he_consented_to_another(watched: Watched) -> None:
    await watched.ask(
        '{ personByIdentifier(scheme: RATION_CARD, value: "2043891/1") { motherName maritalStatus disability preferredLanguage } }',
        "crescent-caseworker",
    )
    (received,) = watched.receipts.of("civil-registry")
    assert received.values == ("990000000201",)
    assert holds(received.text, "language")
    assert not [name for name in ("mother_name", "marital_status", "given_name") if holds(received.text, name)]
    assert watched.receipts.sources() == {"civil-registry"}


async def test_nobody_is_asked_about_a_person_who_may_not_be_known(watched: Watched) -> None:
    foreign = await watched.ask("{ people(first: 1) { id } }", "hope-caseworker")
    for question in (
        '{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000122") { sex allocations { kind } } }',
        f'{{ person(id: "{foreign["data"]["people"][0]["id"]}") {{ sex allocations {{ kind }} }} }}',
        '{ person(id: "nobody") { sex allocations { kind } } }',
    ):
        body = await watched.ask(question, "crescent-caseworker")
        assert set(body["data"].values()) == {None}
        assert watched.receipts.sources() == set()


# --- asked is what is shown, and keys --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "columns"),
    [
        ("sex", {"national_number", "sex"}),
        ("sex birthYear again: sex", {"national_number", "sex", "birth_year"}),
        ("household { size }", {"national_number", "family_number", "members"}),
        ("id", set()),
        ("withheld { reason } household { id members { id } }", set()),
    ],
)
async def test_the_registry_is_asked_for_what_is_shown_and_keys(selection: str, columns: set[str], watched: Watched) -> None:
    body = await watched.ask(
        f'{{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") {{ {selection} }} }}', "crescent-caseworker"
    )
    asked = {name for each in watched.receipts.of("civil-registry") for name in re.findall(r"resident\.(\w+)", each.text)}
    assert asked == columns
    assert body["extensions"].get("withheld") is None


async def test_a_list_is_asked_for_its_day_where_it_is_ordered_by_it_alone(watched: Watched) -> None:
    by_day = '{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { allocations { kind } } }'
    recorded = by_day.replace("allocations", "allocations(order: RECORDED)")
    for question, dated in ((by_day, True), (recorded, False)):
        body = await watched.ask(question, "crescent-caseworker")
        assert len(body["data"]["personByIdentifier"]["allocations"]) == 8
        for each in watched.receipts.of(*watched.receipts.sources()):
            days = ("paid_on", "given_on", "distributedOn", "تاريخ التوزيع")
            assert any(holds(each.text, day) for day in days) is dated, each
