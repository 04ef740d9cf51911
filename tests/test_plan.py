"""Any selection at all: what is shown is permitted and selected, in the shape and order of the document."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.hub import ENTITIES as OWN_TABLES
from schema import CATALOGUE, PUBLIC_NAMES
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.law import Law
from values import Enquiry

TYPES = {"person": "Person", "household": "Household", "allocation": "Allocation", "insurance": "Insurance"}
ATTRIBUTES = {
    entity: {
        PUBLIC_NAMES[f"{entity}.{name}"].split(".")[1]: name for name in CATALOGUE.entities[entity].attributes if name != "organisation"
    }
    for entity in TYPES
}
RELATIONS = {
    "person": {"household": "household", "allocations": "allocation", "insurance": "insurance"},
    "household": {"members": "person"},
    "allocation": {},
    "insurance": {},
}
ARGUMENTS = ["", "(first: 1)", "(first: 3, order: RECORDED)", '(since: "2025-09-01")', '(kinds: ["food", "cash"])', "(order: $order)"]
SWITCHES = {"": True, " @include(if: $yes)": True, " @include(if: $no)": False, " @skip(if: $yes)": False, " @skip(if: $no)": True}

ASKERS = [
    ("crescent-caseworker", "aid_distribution", "people(first: 6)"),
    ("crescent-caseworker", "case_management", 'personByIdentifier(scheme: RATION_CARD, value: "2043817/1")'),
    ("hope-caseworker", "aid_distribution", "people(first: 6)"),
    ("hope-caseworker", "aid_distribution", 'personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000201")'),
    ("rafidain-caseworker", "aid_distribution", "people(first: 6)"),
    ("karama-caseworker", "case_management", "people(first: 6)"),
    ("ministry-analyst", "statistics", "people(first: 6)"),
    ("inspector", "oversight", 'personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000141")'),
]


@dataclass(frozen=True, slots=True)
class Node:
    """One selected field, or a fragment (without a name) around others."""

    name: str = ""
    alias: str = ""
    arguments: str = ""
    switch: str = ""
    below: tuple["Node", ...] = ()
    spread: bool = False

    @property
    def key(self) -> str:
        """Its name in the answer."""
        return self.alias or self.name


@dataclass
class Written:
    """A document being written: its fragments, and how many aliases were given."""

    fragments: list[str] = field(default_factory=list)

    def selection(self, nodes: tuple[Node, ...], entity: str) -> str:
        """A selection set as text."""
        return "{ " + " ".join(self._node(each, entity) for each in nodes) + " }"

    def _node(self, node: Node, entity: str) -> str:
        if node.name:
            label = f"{node.alias}: {node.name}" if node.alias else node.name
            below = self.selection(node.below, RELATIONS[entity][node.name]) if node.name in RELATIONS[entity] else ""
            return f"{label}{node.arguments}{node.switch} {below}"
        inner = self.selection(node.below, entity)
        if not node.spread:
            return f"... on {TYPES[entity]}{node.switch} {inner}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {TYPES[entity]} {inner}")
        return f"...{name}{node.switch}"


def collected(nodes: tuple[Node, ...]) -> dict[str, list[Node]]:
    """The fields of a selection by response key, in order, as the specification collects them."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        if SWITCHES[node.switch]:
            if node.name:
                found.setdefault(node.key, []).append(node)
            else:
                for key, inner in collected(node.below).items():
                    found.setdefault(key, []).extend(inner)
    return found


@st.composite
def selections(draw: st.DrawFn, entity: str = "person", depth: int = 3, path: str = "a") -> tuple[Node, ...]:
    """Selections of an entity: attributes, relations, fragments, each perhaps under another name or switched off."""
    nodes = [Node("__typename")]  # never empty, whatever is switched off
    if entity == "person":
        nodes.append(Node("id", "zid"))  # by which the test knows whose values it sees
    for number in range(draw(st.integers(1, 7))):
        here = f"{path}{number}"
        kind = draw(st.sampled_from(["attribute", "attribute", "attribute", "relation", "fragment"]))
        switch = draw(st.sampled_from(list(SWITCHES)))
        if kind == "relation" and depth and RELATIONS[entity]:
            name = draw(st.sampled_from(list(RELATIONS[entity])))
            arguments = draw(st.sampled_from(ARGUMENTS)) if name == "allocations" else ""
            below = draw(selections(RELATIONS[entity][name], depth - 1, here))
            alias = here if arguments or draw(st.booleans()) else ""
            nodes.append(Node(name, alias, arguments, switch, below))
        elif kind == "fragment" and depth:
            nodes.append(Node(switch=switch, below=draw(selections(entity, depth - 1, here)), spread=draw(st.booleans())))
        else:
            name = draw(st.sampled_from(["id", "__typename", *ATTRIBUTES[entity]]))
            nodes.append(Node(name, here if draw(st.booleans()) else "", switch=switch))
    return tuple(draw(st.permutations(nodes)))


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub for any question."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("plan") / "hub")) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer walked beside its selection."""

    hub: Asking
    law: Law
    enquiry: Enquiry

    def person_of(self, identifier: str) -> int:
        """The number behind an identifier."""
        found = self.hub.hub.pseudonyms.resolve(self.enquiry.requester.receiver, identifier)
        assert found is not None
        return found

    def may(self, person: int, coordinate: str) -> bool:
        """Whether any source may show it; what is shown of a household is open to whoever may see it of one of its members."""
        entity, name = coordinate.split(".")
        home = self.law.homes.get(person)
        people = [person] if entity != "household" else [each for each, at in self.law.homes.items() if at == home]
        return any(
            self.law.shows(self.enquiry.requester, self.enquiry.purpose, source, coordinate, each)
            for source, stanza in self.law.settings.sources.items()
            for mapping in [(OWN_TABLES if source == "hub" else stanza.entities).get(entity)]
            if mapping and name in mapping.attributes
            for each in people
        )

    def objects(self, value: Any, nodes: tuple[Node, ...], entity: str, person: int | None) -> Iterator[tuple[int, str]]:
        """Every shown value as (person, coordinate); keys are checked against the selection on the way."""
        if isinstance(value, list):
            for each in value:
                yield from self.objects(each, nodes, entity, person)
        if not isinstance(value, dict):
            return
        fields = collected(nodes)
        assert list(value) == list(fields)
        if entity == "person":
            person = self.person_of(value["zid"])
        for key, merged in fields.items():
            name = merged[0].name
            if name == "__typename":
                assert value[key] == TYPES[entity]
            elif name in RELATIONS[entity]:
                below = tuple(each for node in merged for each in node.below)
                yield from self.objects(value[key], below, RELATIONS[entity][name], person)
            elif name in ATTRIBUTES[entity] and value[key] is not None and person is not None:
                yield person, f"{entity}.{ATTRIBUTES[entity][name]}"


def coordinates(nodes: tuple[Node, ...], entity: str) -> set[str]:
    """Every attribute selected, with the rows they belong to."""
    found = {f"{entity}.id"}
    for merged in collected(nodes).values():
        name = merged[0].name
        if name in RELATIONS[entity]:
            found |= coordinates(tuple(each for node in merged for each in node.below), RELATIONS[entity][name])
        elif name in ATTRIBUTES[entity]:
            found.add(f"{entity}.{ATTRIBUTES[entity][name]}")
    return found


@pytest.fixture(scope="module")
def law(hub: Asking) -> Law:
    """What the hub has to keep to."""
    return Law(hub.hub.settings)


There = Mapping[tuple[str, str], Mapping[str, frozenset[str]]]


@pytest.fixture(scope="module")
async def there(hub: Asking) -> There:
    """The fields that there are for each who asks."""
    return {(who, purpose): await hub.fields(who, purpose) for who, purpose, _ in ASKERS}


def existing(nodes: tuple[Node, ...], there: Mapping[str, frozenset[str]], entity: str) -> tuple[Node, ...]:
    """What remains of a selection where some fields do not exist for the requester."""
    kept = []
    for node in nodes:
        if not node.name:
            kept.append(replace(node, below=existing(node.below, there, entity)))
        elif node.name in RELATIONS[entity]:
            target = RELATIONS[entity][node.name]
            if node.name in there[TYPES[entity]]:
                kept.append(replace(node, below=existing(node.below, there, target)))
        elif node.name == "__typename" or node.name in there[TYPES[entity]]:
            kept.append(node)
    return tuple(kept) or (Node("__typename"),)


def document_of(nodes: tuple[Node, ...], root: str) -> str:
    """The whole document, with the account of each person at the end."""
    written = Written()
    selection = written.selection(nodes, "person").removesuffix("}") + "zw: withheld { attribute reason } zp: provenance { attribute } }"
    head = "query Any($yes: Boolean! = true, $no: Boolean! = false, $order: AllocationOrder! = NEWEST)"
    used = "used: __typename @include(if: $yes) @skip(if: $no)"
    document = f"{head} {{ {used} root: {root} {selection} }} {' '.join(written.fragments)}"
    if "$order" not in document.split("{", 1)[1]:
        document = document.replace(", $order: AllocationOrder! = NEWEST", "")
    return document


WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each example asks a hub twice: shrinking one that fails would take longer than reading it."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=WITHOUT_SHRINKING)
@given(nodes=selections(), asker=st.sampled_from(ASKERS), order=st.sampled_from(["NEWEST", "RECORDED"]))
async def test_shown_is_permitted_and_permitted_is_selected(
    hub: Asking, law: Law, there: There, nodes: tuple[Node, ...], asker: tuple[str, str, str], order: str
) -> None:
    who, purpose, root = asker
    nodes = existing(nodes, there[who, purpose], "person")
    document = document_of(nodes, root)
    variables = {"yes": True, "no": False} | ({"order": order} if "$order" in document else {})
    body = await hub.ask(document, who, variables, purpose)
    assert "errors" not in body, body["errors"]
    data = body["data"]["root"]
    enquiry = await hub.hub.enquiry(hub.keys[who], purpose)
    checked = Checked(hub, law, enquiry)

    told = [(person.pop("zw"), person.pop("zp")) for person in (data if isinstance(data, list) else [data])]
    shown = set(checked.objects(data, nodes, "person", None))
    assert {(person, coordinate) for person, coordinate in shown if not checked.may(person, coordinate)} == set()

    wanted = coordinates(nodes, "person")
    public = {PUBLIC_NAMES[coordinate] for coordinate in wanted}
    names = {each[0].name for each in collected(nodes).values()} & ATTRIBUTES["person"].keys()
    direct = {PUBLIC_NAMES[f"person.{ATTRIBUTES['person'][name]}"] for name in names}
    for withheld, provenance in told:
        missing, known = {each["attribute"] for each in withheld}, {each["attribute"] for each in provenance}
        assert missing | known <= public
        assert not missing & known & direct
        assert direct <= missing | known
    for each in body["extensions"]["plan"]:
        extra = {f"{each['entity']}.{name}" for name in each["attributes"]} - wanted
        assert extra <= {"allocation.key", "allocation.allocated_on", "allocation.organisation"}

    # Introspection beside it sends the operation the other way round the house: through Strawberry's own execution.
    beside = await hub.ask(document.replace("{ used:", "{ __schema { queryType { name } } used:", 1), who, variables, purpose)
    again = beside["data"]["root"]
    for person in again if isinstance(again, list) else [again]:
        del person["zw"], person["zp"]
    assert json.dumps(again) == json.dumps(data)
