"""A source that is a subgraph of a federation: entities by key, rows below them, and organisations inside these rows."""

import copy
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import strawberry
from strawberry.asgi import GraphQL

from connectors.gate import Gate
from errors import ConfigError, SourceDown, SourceError, SourceGarbled, SourceSlow
from settings import Mapped
from tests.asking import asking, copied
from tests.broken import SECRET, Broken, broken
from tests.country import Country
from tests.subgraphs import subgraph_app, subgraph_stanza
from tests.wires import gate_of, graphql_app, served
from values import Answer, Ask, Shape

pytestmark = pytest.mark.anyio

GIVEN = Shape("aid", "allocation", ("key", "programme", "organisation", "organisation.name"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(subgraph_app()) as found:
        yield found


@pytest.fixture
async def open_gate() -> AsyncIterator[Callable[..., Awaitable[Gate]]]:
    opened: list[Gate] = []

    async def give(source: dict[str, Any]) -> Gate:
        opened.append(gate_of(source))
        await opened[-1].open()
        return opened[-1]

    yield give
    for gate in opened:
        await gate.close()


async def ask(gate: Gate, shape: Shape, *keys: str) -> Answer:
    return await gate.fetcher(shape)(Ask(shape, keys))


def changed(source: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The stanza with some values put at dotted places; None takes the key away."""
    source = copy.deepcopy(source)
    for path, value in change.items():
        at = source
        *way, last = path.split("/")
        for step in way:
            at = at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return source


async def test_rows_below_an_entity_carry_the_organisation_that_gave(url: str, open_gate: Any) -> None:
    answer = await ask(await open_gate(subgraph_stanza(url)), GIVEN, "C-01", "C-02", "nobody", "C,04")
    assert sorted(answer.rows) == [
        ("C,04", "11", "ramadan", None, None),
        ("C-01", "1", "winter", "N-1", "عون"),
        ("C-01", "10", "clinic", None, None),
        ("C-01", "3", "ramadan", "N-1", "عون"),
        ("C-02", "2", "winter", "N-2", "Aid of the North"),
    ]
    assert answer.faults == {}


async def test_what_is_asked_is_one_document_with_representations(url: str, open_gate: Any) -> None:
    told = (await open_gate(subgraph_stanza(url))).explain(GIVEN)
    assert told == (
        "query Ask($keys: [_Any!]!) { rows: _entities(representations: $keys)"
        " { ... on Case { caseNo aid { number programme giver { code title } } } } }"
    )


async def test_one_object_below_an_entity_is_a_row_and_null_is_none(url: str, open_gate: Any) -> None:
    source = changed(subgraph_stanza(url), {"options/allocation.below": "last"})
    attributes = source["entities"]["allocation"]["attributes"]
    source["entities"]["allocation"] |= {"key": "last.number", "attributes": {"programme": "last.programme"}}
    assert attributes
    answer = await ask(await open_gate(source), Shape("aid", "allocation", ("key", "programme")), "C-01", "C-03", "C-02")
    assert sorted(answer.rows) == [("C-01", "10", "clinic"), ("C-02", "2", "winter")]


async def test_an_entity_that_fails_is_a_fault_and_the_others_stand(url: str, open_gate: Any) -> None:
    answer = await ask(await open_gate(subgraph_stanza(url) | {"page_size": 500}), GIVEN, "C-02", "broken")
    assert [row[:2] for row in answer.rows] == [("C-02", "2")]
    assert answer.faults == {"key": 1}


async def test_a_field_that_fails_is_a_fault_of_its_attribute(url: str, open_gate: Any) -> None:
    source = changed(subgraph_stanza(url), {"entities/allocation/attributes/programme": "aid.doubtful"})
    answer = await ask(await open_gate(source), Shape("aid", "allocation", ("key", "programme")), "C-01", "C-02")
    assert sorted(answer.rows) == [("C-01", "1", "sure"), ("C-01", "10", "sure"), ("C-01", "3", "sure"), ("C-02", "2", None)]
    assert answer.faults == {"programme": 1}


# --- a subgraph that breaks ------------------------------------------------------------------------------------------


@pytest.fixture
def source() -> Iterator[Broken]:
    with broken() as running:
        yield running


FAULTS: dict[str, type[SourceError]] = {
    "hang": SourceSlow,
    "reset": SourceDown,
    "stop_short": SourceDown,
    "503": SourceDown,
    "401": SourceDown,
    "html": SourceGarbled,
    "truncated": SourceGarbled,
    "huge": SourceGarbled,
    "elsewhere": SourceGarbled,
    "graphql_refused": SourceGarbled,
    "graphql": SourceGarbled,
    "entities_of_text": SourceGarbled,
}


@pytest.mark.parametrize(("way", "fault"), FAULTS.items())
async def test_a_subgraph_fails_by_the_same_names(source: Broken, open_gate: Any, way: str, fault: type[SourceError]) -> None:
    source.way = way
    gate = await open_gate(subgraph_stanza(source.url, retries=0, max_bytes=1024 * 1024) | {"timeout_seconds": 0.4})
    with pytest.raises(SourceError) as caught:
        await ask(gate, GIVEN, "C-01", "C-02")
    assert type(caught.value) is fault
    assert SECRET not in repr(caught.value.args)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("way", "rows", "faults"),
    [
        ("entities", [("C-01", "1", "winter", "N-1", "عون")], {}),
        ("entities_of_others", [("C-01", "1", "winter", "N-1", "عون")], {"key": 2}),
        ("entities_twice", [("C-01", "1", "winter", "N-1", "عون")], {"key": 2}),
        ("entities_partial", [("C-01", "1", None, "N-1", None)], {"programme": 1, "key": 1}),
        (
            "entities_bent",
            [("C-01", "1", "winter", None, None), ("C-02", "2", None, None, None)],
            {"key": 4, "organisation": 2, "programme": 1},
        ),
    ],
)
async def test_what_is_wrong_in_a_subgraphs_answer_is_dropped_and_counted(
    source: Broken, open_gate: Any, way: str, rows: list[Any], faults: dict[str, int]
) -> None:
    source.way = way
    gate = await open_gate(subgraph_stanza(source.url) | {"page_size": 500})
    answer = await ask(gate, GIVEN, "C-01", "C-02")
    assert [*answer.rows] == rows
    assert {name: count for name, count in answer.faults.items() if name in faults} == faults
    assert SECRET not in repr(answer)
    assert source.asked == ["POST / HTTP/1.1"]


# --- what `mizalla check` says ---------------------------------------------------------------------------------------

TYPE, READ = "options/type", "entities/allocation/read"
MISTAKES: list[tuple[dict[str, Any], str, str, str]] = [
    ({TYPE: "Cases"}, "sources.aid.options", "no type `Cases`", "`Case`"),
    ({READ: "_entities", TYPE: "Cass"}, "sources.aid.options", "no type `Cass`", "`Case`"),
    ({READ: "allCase"}, "sources.aid.entities.allocation.read", "no root field `allCase`", "`allCases`"),
    ({"entities/allocation/key": "aid.nummer"}, "sources.aid.entities.allocation.key", "no field `aid.nummer`", "`number`"),
    (
        {READ: "_entities", "entities/allocation/attributes/organisation.name": "aid.giver.titles"},
        "sources.aid.entities.allocation.attributes.organisation.name",
        "no field `aid.giver.titles`",
        "`title`",
    ),
    ({"entities/person/read": "_entities"}, "sources.aid.entities.person.read", "cannot be linked", "root field"),
    (
        {"entities/allocation/attributes/organisation.names": "aid.giver.title"},
        "sources.aid.entities.allocation.attributes.organisation.names",
        "no attribute `organisation.names`",
        "`organisation.name`",
    ),
]


@pytest.mark.parametrize(("change", "place", "message", "remedy"), MISTAKES)
async def test_a_mistake_is_named_with_its_remedy(
    url: str, open_gate: Any, change: dict[str, Any], place: str, message: str, remedy: str
) -> None:
    found = [each for each in await (await open_gate(changed(subgraph_stanza(url), change))).check() if each.fatal]
    told = [each for each in found if each.place == place]
    assert told, found
    assert message in told[0].message
    assert remedy in told[0].remedy


async def test_a_server_outside_any_federation_is_named(open_gate: Any) -> None:
    with served(graphql_app()) as plain:
        source = changed(subgraph_stanza(plain), {"entities/allocation/read": "aid", "entities/person": None})
        (finding,) = await (await open_gate(source)).check()
    assert "no subgraph" in finding.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({READ: "_entities", TYPE: None}, "asked by a type"),
        ({"entities/allocation/person": "aid.case"}, "cannot represent"),
        ({"entities/allocation/person": "aid.case", TYPE: None}, "cannot be asked by"),
    ],
)
def test_a_stanza_that_cannot_work_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        gate_of(changed(subgraph_stanza("http://x"), change))
    assert caught.value.hint


async def test_what_is_known_by_keys_alone_is_not_read_in_full(url: str, open_gate: Any) -> None:
    gate = await open_gate(changed(subgraph_stanza(url), {READ: "_entities"}))
    assert not [each for each in await gate.check() if each.fatal]
    with pytest.raises(ConfigError, match="keys alone"):
        gate.fetcher(Shape("aid", "allocation", ("key",), "all"))


# --- a whole hub -----------------------------------------------------------------------------------------------------


@strawberry.federation.type
class Giver:
    code: str
    title: str


@strawberry.federation.type
class Distribution:
    number: int
    sector: str
    programme: str
    amount: float
    currency: str
    distributed_on: str
    status: str

    @strawberry.field
    def giver(self) -> Giver:
        """Two offices give in turn."""
        return Giver(code=f"office-{self.number % 2}", title=f"Office {self.number % 2}")


def application(path: Path) -> Any:
    """Rafidain Relief's distributions as a subgraph that knows nothing else of its beneficiaries."""

    @strawberry.federation.type(keys=["caseNumber"])
    class Beneficiary:
        case_number: strawberry.ID

        @strawberry.field
        def distributions(self) -> list[Distribution]:
            columns = "number, sector, programme, amount, currency, distributed_on, status"
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as books:
                found = books.execute(f"SELECT {columns} FROM distribution WHERE case_number = ? ORDER BY number", (self.case_number,))
                return [Distribution(**dict(zip(columns.split(", "), row, strict=True))) for row in found]

        @classmethod
        def resolve_reference(cls, caseNumber: str) -> "Beneficiary":  # noqa: N803 — strawberry hands the representation on as it came
            return cls(case_number=strawberry.ID(caseNumber))

    @strawberry.type
    class Query:
        version: int = 1

    return GraphQL(strawberry.federation.Schema(query=Query, types=[Beneficiary]), graphql_ide=None)


QUESTION = "{ people(first: 60) { id allocations { id source kind programme amount currency allocatedOn status } } }"
OFFICES = "{ people(first: 60) { allocations { source organisation { name } again: organisation { key: id kind } } } }"


async def test_a_hub_answers_from_a_subgraph_as_from_any_server(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "hub")
    source = settings.sources["rafidain-relief"]
    given = source.entities["allocation"]
    below = {
        name: each.model_copy(update={"column": tuple(f"distributions.{column}" for column in each.column)})
        for name, each in given.attributes.items()
        if name not in {"organisation", "quantity", "unit"}
    }
    code, title = (Mapped(column=(f"distributions.giver.{name}",)) for name in ("code", "title"))
    mapping = given.model_copy(
        update={
            "read": "_entities",
            "key": "distributions.number",
            "attributes": {**below, "organisation": code, "organisation.name": title},
        }
    )
    async with asking(country, settings) as hub:
        before = await hub.data(QUESTION, "rafidain-caseworker")
    with served(application(tmp_path / "hub" / "rafidain-relief.db")) as address:
        changed = source.model_copy(
            update={
                "address": address,
                "entities": {"allocation": mapping},
                "options": {"type": "Beneficiary", "below": "distributions"},
            }
        )
        async with asking(country, settings.model_copy(update={"sources": {**settings.sources, "rafidain-relief": changed}})) as hub:
            after = await hub.data(QUESTION, "rafidain-caseworker")
            body = await hub.ask(OFFICES, "rafidain-caseworker")
    assert after == before
    assert "errors" not in body
    given_by = [
        (each["organisation"]["name"], each["again"]["key"], each["again"]["kind"])
        for person in body["data"]["people"]
        for each in person["allocations"]
        if each["source"] == "rafidain-relief"
    ]
    assert {*given_by} == {("Office 0", "rafidain-relief:office-0", None), ("Office 1", "rafidain-relief:office-1", None)}
    assert [each["entity"] for each in body["extensions"]["plan"] if each["source"] == "rafidain-relief"] == ["allocation"]
