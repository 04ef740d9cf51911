"""A source that shows the hub no identifier is tied to the same people as one that does."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
import sqlalchemy as sa
import structlog
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cli import main
from connectors.blinding import DatabaseTable
from connectors.edge import Operator, outputs
from errors import ConfigError, Invalid, SourceDown, SourceError, SourceGarbled, SourceSlow
from privacy.edge import EDGE, SUITE, EdgeKey, message, named, written
from privacy.keys import KeyRing
from privacy.linkage import Linkage
from resolvers.identity.edge import Budget, EdgeForms
from resolvers.linking import Linker
from schema import SCHEMA
from schema.door.live import Live
from server import application
from settings import Settings, SourceEntity, load
from stanzas import EdgeOperator
from tables.database import Database
from tables.identity import identifier, link
from tables.identity.edge import edge_use
from tables.upgrade import upgrade
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.serving import Serving, serving
from values import Purpose, Role, Scheme

EVALUATE = """mutation($i: EdgeEvaluateInput!) { edgeEvaluate(input: $i) {
  __typename ... on EdgeEvaluated { elements proof publicKey } ... on Refusal { code message hint field }
} }"""
NATIONAL, CARD, LINE = "الرقم الوطني", "رقم البطاقة التموينية", "تسلسل الفرد"
BUDGET = 2000


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def mizalla(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def with_edge(own: Settings, more: str = "") -> Settings:
    """The same hub, which evaluates for Hope Network's side."""
    text = own.path.read_text(encoding="utf-8")
    edge = f'[hub.edge]\nsources = ["hope-network"]\nevaluations_per_day = {BUDGET}\n{more}\n'
    own.path.write_text(text.replace("[organisations.civil-registry]", f"{edge}\n[organisations.civil-registry]", 1), encoding="utf-8")
    return load(own.path)


async def issued(hub: Asking, organisation: str = "hope-network", role: Role = Role.DEVELOPER) -> str:
    name = f"{organisation}-{role}"
    hub.keys[name] = await hub.hub.credentials.issue(name, "app", organisation, role, (Purpose.AID_DISTRIBUTION,), 0)
    return name


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    own = with_edge(copied(country, tmp_path_factory.mktemp("edge") / "copy"))
    async with asking(country, own) as opened:
        await issued(opened)
        yield opened


async def evaluated(hub: Asking, who: str, elements: list[str], source: str = "hope-network") -> dict[str, Any]:
    return dict((await hub.data(EVALUATE, who, {"i": {"source": source, "elements": elements}}))["edgeEvaluate"])


async def used(hub: Asking) -> list[tuple[Any, ...]]:
    database = hub.hub.database
    account = await database.fetch(database.prepare(sa.select(edge_use.c.source, edge_use.c.evaluations, edge_use.c.batches)))
    steps = await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(step).where(step.c.thing.startswith("edge:"))))
    return [*account, *steps]


# --- the country -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the country, hub and files, that may be changed."""
    return with_edge(copied(country, tmp_path_factory.mktemp("side") / "copy", sources=True))


@pytest.fixture(scope="module")
def operator(own: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Path]]:
    """That copy's hub, served, and the file in which the source's side names it."""
    issue = ("--organisation", "hope-network", "--role", "developer", "--purpose", "aid_distribution")
    key = mizalla("credential", "issue", "edge", "--kind", "app", *issue, "--config", str(own.path)).stdout.strip()
    public = mizalla("edge", "key", "--config", str(own.path)).stdout.strip()
    folder = tmp_path_factory.mktemp("operator")
    with serving(own.path, folder / "output.txt") as serves:
        file = folder / "edge.toml"
        file.write_text(f'[[operators]]\nurl = "{serves.url}"\nkey = "{key}"\nsource = "hope-network"\npublic_key = "{public}"\n')
        yield serves, file


@pytest.fixture(scope="module")
def blinded(own: Settings, operator: tuple[Serving, Path]) -> list[Path]:
    """Hope Network's own files, blinded on its side: the national number dropped, the card as well."""
    made = []
    for path in sorted((own.folder / "hope-network").glob("beneficiaries-*.csv")):
        first, second = own.folder / f"first-{path.name}", own.folder / "hope-network" / f"blinded-{path.name}"
        run = ("edge", "blind", str(path), "--operators", str(operator[1]), "--drop")
        told = mizalla(*run, "--column", NATIONAL, "--scheme", "national_number", "--output", str(first), "--batch", "100")
        assert told.exit_code == 0, told.output
        run = ("edge", "blind", str(first), "--operators", str(operator[1]), "--drop")
        told = mizalla(*run, "--column", CARD, "--column", LINE, "--scheme", "ration_card", "--output", str(second))
        assert told.exit_code == 0, told.output
        made.append(second)
    return made


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def in_edge_mode(own: Settings) -> Settings:
    """Hope Network's stanza, reading the blinded files."""
    source = own.sources["hope-network"]
    people = source.entities["person"].model_dump()
    people |= {
        "read": "blinded-beneficiaries-*.csv",
        "identifiers": {"national_number": f"{NATIONAL}_blinded", "ration_card": f"{CARD}_{LINE}_blinded"},
        "blinded": ["national_number", "ration_card"],
    }
    changed = source.model_copy(update={"entities": {**source.entities, "person": SourceEntity.model_validate(people)}})
    return own.model_copy(update={"sources": {**own.sources, "hope-network": changed}})


async def links(hub: Asking, source: str) -> dict[str, int]:
    database = hub.hub.database
    found = await database.fetch(database.prepare(sa.select(link.c.key, link.c.person).where(link.c.source == source)))
    return {str(key): number for key, number in found}


async def linked(hub: Asking, *names: str) -> list[Any]:
    linker = Linker(hub.hub.database, hub.hub.blinder, hub.hub.settings, hub.hub.edge)
    return [await linker.link(name, hub.hub.gates[name], lambda *_: None, 0) for name in names]


async def test_an_edge_mode_source_is_tied_to_the_same_person_numbers(country: Country, own: Settings, blinded: list[Path]) -> None:
    async with asking(country, in_edge_mode(own)) as hub:
        before, registry = await links(hub, "hope-network"), await links(hub, "civil-registry")
        with pytest.raises(Invalid):  # people known by numbers that nobody evaluated yet would become two
            await linked(hub, "hope-network")
        assert await links(hub, "hope-network") == before
        order = Linker(hub.hub.database, hub.hub.blinder, hub.hub.settings).order()
        await linked(hub, *(name for name in order if name != "hope-network"))
        assert await links(hub, "civil-registry") == registry
        (report,) = await linked(hub, "hope-network")
        after = await links(hub, "hope-network")
        assert len(before) >= 15
        assert after == before
        assert set(after.values()) & set(registry.values())
        assert (report.new, report.removed) == (0, 0)


async def test_a_person_known_by_an_edge_mode_source_alone_is_found_by_its_number(
    country: Country, own: Settings, blinded: list[Path], tmp_path: Path
) -> None:
    """Failure 12.4a of identity."""
    empty = in_edge_mode(own)
    hub_ = empty.hub.model_copy(update={"database": f"sqlite:///{tmp_path}/hub.db", "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, empty.model_copy(update={"hub": hub_})) as hub:
        (report,) = await linked(hub, "hope-network")
        assert report.new >= 15
        who = await issued(hub, role=Role.CASEWORKER)
        asked = "query($v: String!, $s: IdentifierScheme!) { personByIdentifier(scheme: $s, value: $v) { id } }"
        raw = [row for path in blinded for row in rows(path.with_name(path.name.removeprefix("blinded-")))]
        person = next(row for row in raw if row[NATIONAL])
        found = (await hub.data(asked, who, {"s": "NATIONAL_NUMBER", "v": person[NATIONAL]}))["personByIdentifier"]
        number = (await links(hub, "hope-network"))[person["رقم الملف"]]
        assert found == {"id": hub.hub.identifier(await hub.hub.enquiry(hub.keys[who], None), "person")(number)}
        column = next(row for path in blinded for row in rows(path) if row[f"{NATIONAL}_blinded"])[f"{NATIONAL}_blinded"]
        assert column not in str(await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(identifier))))
        refused = await hub.ask(asked, who, {"s": "NATIONAL_NUMBER", "v": column})
        assert refused["errors"][0]["extensions"]["code"] == "INVALID", "what stands in the column is no number to ask by"


def test_the_hub_is_sent_no_identifier_and_writes_none_down(own: Settings, operator: tuple[Serving, Path], blinded: list[Path]) -> None:
    numbers = {row[NATIONAL] for path in blinded for row in rows(path.with_name(path.name.removeprefix("blinded-"))) if row[NATIONAL]}
    assert len(numbers) >= 15
    kept = b"".join(path.read_bytes() for path in own.folder.glob("hub.db*")) + operator[0].log.read_bytes()
    assert not [number for number in numbers if number.encode() in kept]
    for path in blinded:
        assert NATIONAL not in rows(path)[0]
        text = path.read_text(encoding="utf-8")
        assert not [number for number in numbers if number in text]


def test_a_blinded_column_is_the_same_whoever_runs_it_and_however_digits_are_written(
    operator: tuple[Serving, Path], tmp_path: Path
) -> None:
    """Failure 12.2a of identity."""
    people = tmp_path / "people.csv"
    people.write_text("id;number\n1;199012345678\n2;١٩٩٠١٢٣٤٥٦٧٨\n3;\n4;not a number\n5\n", encoding="utf-8")
    run = ("edge", "blind", str(people), "--column", "number", "--scheme", "national_number", "--operators", str(operator[1]))
    told = mizalla(*run, "--delimiter", ";")
    assert "2 blinded, 2 empty, 1 unreadable, 0 done before" in told.output
    assert "row 4: not readable as national_number" in told.output
    assert "not a number" not in told.output
    made = [line.split(";") for line in (tmp_path / "people.blinded.csv").read_text(encoding="utf-8").splitlines()]
    assert made[0] == ["id", "number", "number_blinded"]
    assert made[1][2] == made[2][2] != ""
    assert [line[2] for line in made[3:]] == ["", "", ""]
    again = mizalla(*run, "--delimiter", ";")
    assert "0 blinded, 0 empty, 0 unreadable, 5 done before" in again.output


def test_a_table_is_blinded_beside_itself(operator: tuple[Serving, Path], tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "people.db"))
    connection.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, card TEXT, line INTEGER)")
    connection.execute("INSERT INTO people VALUES (1, '2043817', 1), (2, '2043817', 2), (3, NULL, 1), (4, '2043817', NULL)")
    whole = ("--table", "people", "--key", "id", "--column", "card", "--column", "line", "--scheme", "ration_card")
    run = ("edge", "blind", f"sqlite:///{tmp_path}/people.db", *whole, "--operators", str(operator[1]))
    told = mizalla(*run, "--batch", "1")
    assert "2 blinded, 2 empty, 0 unreadable, 0 done before; in people_blinded" in told.output
    connection.execute("INSERT INTO people VALUES (5, '2043817', 1)")
    assert "1 blinded, 0 empty, 0 unreadable, 4 done before" in mizalla(*run).output
    found = {str(row[0]): row[1] for row in connection.execute("SELECT key, blinded FROM people_blinded")}
    assert found["1"] == found["5"] != found["2"]
    assert (found["3"], found["4"]) == ("", "")
    connection.close()


def test_stopped_anywhere_it_goes_on_where_it_was(operator: tuple[Serving, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failure 12.3a of identity."""
    people = tmp_path / "people.csv"
    people.write_text("number\n" + "".join(f"1990123456{place:02}\n" for place in range(10)), encoding="utf-8")
    run = (
        "edge",
        "blind",
        str(people),
        "--column",
        "number",
        "--scheme",
        "national_number",
        "--operators",
        str(operator[1]),
        "--batch",
        "3",
    )
    evaluate, count = Operator.evaluate, []

    async def failing(self: Operator, elements: Any) -> list[bytes]:
        count.append(len(elements))
        if len(count) == 3:
            raise SourceDown("operator", "the operator cannot be reached", "try again")
        return await evaluate(self, elements)

    monkeypatch.setattr(Operator, "evaluate", failing)
    stopped = mizalla(*run)
    assert stopped.exit_code == 1
    assert "the operator cannot be reached" in stopped.stderr
    assert not (tmp_path / "people.blinded.csv").exists()
    with (tmp_path / ".people.blinded.csv.part").open("a") as torn:
        torn.write("19901234560")
    assert "4 blinded, 0 empty, 0 unreadable, 6 done before" in mizalla(*run).output
    assert count == [3, 3, 3, 3, 1]
    made = rows(tmp_path / "people.blinded.csv")
    assert [row["number"] for row in made] == [f"1990123456{place:02}" for place in range(10)]
    assert len({row["number_blinded"] for row in made}) == 10
    people.write_text("number\n199012345600\n", encoding="utf-8")
    assert "1 blinded, 0 empty, 0 unreadable, 0 done before" in mizalla(*run).output
    assert rows(tmp_path / "people.blinded.csv") == made[:1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing.csv", "--column", "x"), "cannot be read"),
        (("people.csv", "--column", "x"), "no column x"),
        (("people.csv", "--column", "number", "--output", "people.csv"), "written over itself"),
        (("sqlite:///people.db", "--column", "number"), "--table and --key"),
        (("sqlite:///people.db", "--column", "number", "--table", "people", "--key", "id"), "no column id"),
    ],
)
def test_what_cannot_be_blinded_is_said_in_one_line(
    arguments: tuple[str, ...], says: str, operator: tuple[Serving, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("number\n1\n")
    apsw.Connection("people.db").execute("CREATE TABLE people (number TEXT)")
    result = mizalla("edge", "blind", *arguments, "--scheme", "national_number", "--operators", str(operator[1]))
    assert result.exit_code == 1
    assert says in result.stderr


@pytest.mark.parametrize(
    "text", ["", "operators = []", "[[operators]]\nurl = 1", "not toml", '[[operators]]\nurl = "${env:MIZALLA_NOT_SET}"', None]
)
def test_a_file_of_operators_that_is_none_is_said_with_the_remedy(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    if text is not None:
        file.write_text(text)
    result = mizalla("edge", "blind", "people.csv", "--column", "n", "--scheme", "national_number", "--operators", str(file))
    assert (result.exit_code, "Remedy: " in result.stderr) == (1, True)


def test_what_was_evaluated_is_counted_by_source_and_day(own: Settings, blinded: list[Path]) -> None:
    told = mizalla("edge", "used", "--config", str(own.path)).stdout
    assert f"{datetime.now(UTC).date()}  hope-network" in told
    assert f"of {BUDGET} evaluations" in told


# --- the budget ------------------------------------------------------------------------------------------------------


async def test_a_source_has_so_many_evaluations_a_day_and_every_one_is_recorded(hub: Asking) -> None:
    """Failure 12.3b of identity."""
    elements = [SUITE.blind(b"x").element.hex()] * 900
    made = [await evaluated(hub, "hope-network-developer", elements) for _ in range(2)]
    assert [each["__typename"] for each in made] == ["EdgeEvaluated"] * 2
    assert await used(hub) == [("hope-network", 1800, 2), (2,)]
    refused = await evaluated(hub, "hope-network-developer", elements)
    assert refused["code"] == "LIMIT_REACHED"
    assert await used(hub) == [("hope-network", 1800, 2), (2,)]
    assert (await evaluated(hub, "hope-network-developer", elements[:200]))["__typename"] == "EdgeEvaluated"
    assert (await evaluated(hub, "hope-network-developer", elements[:1]))["code"] == "LIMIT_REACHED"
    trace = await hub.hub.writing.trace(f"edge:hope-network:{datetime.now(UTC).date()}")
    assert [(each.organisation, each.reason) for each in trace][-1] == ("hope-network", "200 evaluations")


@pytest.mark.parametrize(
    ("source", "elements", "field"),
    [
        ("civil-registry", ["00" * 32], "source"),
        ("crescent-aid", ["00" * 32], "source"),
        ("nobody", ["00" * 32], "source"),
        ("hope-network", [], "elements"),
        ("hope-network", ["00" * 32] * 1001, "elements"),
        ("hope-network", ["zz"], "elements"),
    ],
)
async def test_nobody_has_anything_evaluated_for_another_source_or_out_of_bounds(
    hub: Asking, source: str, elements: list[str], field: str
) -> None:
    """Failure 12.1a of identity."""
    before = await used(hub)
    refused = await evaluated(hub, "hope-network-developer", elements, source)
    assert (refused["code"], refused["field"]) == ("INVALID", field)
    assert await used(hub) == before


async def test_only_an_app_may_have_anything_evaluated(hub: Asking) -> None:
    for who in ("hope-caseworker", "inspector", "public"):
        body = await hub.ask(EVALUATE, who, {"i": {"source": "hope-network", "elements": []}})
        assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


async def test_what_is_no_element_is_refused_and_still_counts(country: Country, tmp_path: Path) -> None:
    async with asking(country, with_edge(copied(country, tmp_path / "copy"))) as hub:
        who = await issued(hub)
        for element in ("00" * 32, "01" + "00" * 31, "ff" * 32, "00"):
            refused = await evaluated(hub, who, [element])
            assert (refused["code"], refused["field"]) == ("INVALID", "elements")
        assert (await used(hub))[0] == ("hope-network", 4, 4), "an oracle for elements is an oracle too"


@pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_budgets_forms_and_blinded_tables_are_the_same_on_every_database(url: str, tmp_path: Path) -> None:
    await upgrade(url)
    database = Database.at(url)
    await database.open()
    budget, linkage = Budget(database), Linkage(database)
    async with database.transaction() as tx:
        found = [await budget.use(tx, "a", "2026-11-25", more, 10) for more in (6, 5, 4, 1)]  # type: ignore[arg-type]  # a Change is one
    assert found == [6, 11, 10, 11]
    assert await budget.used() == [("a", "2026-11-25", 10, 2)]
    rows: list[tuple[bytes, int, int]] = [(b"a" * 32, 1, 0), (b"b" * 32, 1, EDGE), (b"c" * 32, 2, EDGE), (b"d" * 32, 3, 1)]
    async with database.transaction() as tx:
        await linkage.insert(tx, "identifier", rows)
    assert [await linkage.unformed(ranks) for ranks in ([0], [1], [0, 1], [2])] == [False, True, True, False]
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.text("CREATE TABLE people (id INTEGER PRIMARY KEY, number VARCHAR(20))")), {})
        await tx.execute(database.prepare(sa.text("INSERT INTO people VALUES (1, 'x'), (2, NULL), (3, 'y')")), {})
    await database.close()
    for run, size, expected in (("one", 2, [1, 2, 3]), ("one", 2, []), ("two", 5, [1, 2, 3])):
        place = DatabaseTable(url, "people", "id", ["number"])
        assert await place.begin(run) == 3
        done = []
        async for some in place.rows(size):
            await place.keep(some, [f"{run} {raw}" for _, _, raw in some])
            done += [key for _, key, _ in some]
        await place.close()
        assert done == expected


# --- two operators ---------------------------------------------------------------------------------------------------


class Answering(httpx.AsyncBaseTransport):
    """An operator in this process: another hub's share of the key, or something else."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, httpx.Response):
            return self.answer
        asked = json.loads(request.content)["variables"]["input"]
        made, proof = self.answer.evaluate([bytes.fromhex(each) for each in asked["elements"]])
        body = {"__typename": "EdgeEvaluated", "elements": [each.hex() for each in made], "proof": proof.hex()}
        return httpx.Response(200, json={"data": {"edgeEvaluate": body}})


def stanza(public: bytes) -> EdgeOperator:
    return EdgeOperator.model_validate({"url": "https://second.example", "key": "mz_x", "source": "hub", "public_key": public.hex()})


def reached(public: bytes, answer: Any) -> Operator:
    return Operator(stanza(public), httpx.AsyncClient(transport=Answering(answer)))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[EdgeKey, EdgeKey]:
    """Two hubs, each with a share."""
    first, second = (KeyRing.create(tmp_path / f"{name}.json") for name in ("first", "second"))
    publics = [EdgeKey(ring, []).public for ring in (first, second)]
    return EdgeKey(first, [publics[1]]), EdgeKey(second, [publics[0]])


async def test_a_hub_that_holds_a_share_needs_the_other_and_finds_what_a_source_wrote(
    keys: tuple[EdgeKey, EdgeKey], own: Settings, tmp_path: Path
) -> None:
    first, second = keys
    assert first.name == second.name
    source_side = await outputs(
        [reached(first.public, first), reached(second.public, second)], [message("national_number", "199012345678")]
    )
    column = written(first.name, source_side[0])
    edge = own.hub.edge.model_copy(update={"operators": (stanza(second.public),)})
    changed = in_edge_mode(own).model_copy(update={"hub": own.hub.model_copy(update={"edge": edge})})
    forms = EdgeForms(changed, KeyRing.load(tmp_path / "first.json"))
    forms._others = [reached(second.public, second)]
    assert await forms.of("national_number", "١٩٩٠١٢٣٤٥٦٧٨") == forms.key.read("national_number", column)
    assert await forms.of("unhcr_number", "123-12C01234") is None
    with pytest.raises(AssertionError):
        forms.key.output("national_number", "199012345678")
    forms._others = [reached(second.public, httpx.ConnectError("down"))]
    with pytest.raises(SourceDown):
        await forms.of("national_number", "199012345678")


async def test_two_hubs_share_the_key_and_each_counts(country: Country, tmp_path: Path) -> None:
    """Failure 12.3d of identity."""
    mine, theirs = (copied(country, tmp_path / name) for name in ("mine", "theirs"))
    (theirs.folder / "keys.json").unlink()
    KeyRing.create(theirs.folder / "keys.json")
    async with asking(country, with_edge(theirs)) as second:
        public = second.hub.edge.key.public.hex()
        key = second.keys[await issued(second)]
        stanza_ = f'[[hub.edge.operators]]\nurl = "https://second.example"\nkey = "{key}"\nsource = "hope-network"\npublic_key = "{public}"'
        async with asking(country, with_edge(mine, stanza_)) as first:
            assert first.hub.edge.key.shared
            clients = [httpx.AsyncClient(transport=httpx.ASGITransport(application(Live(each.hub, SCHEMA)))) for each in (first, second)]
            first.hub.edge._others = [Operator(first.hub.settings.hub.edge.operators[0], clients[1])]
            own = {"url": "https://first.example", "key": first.keys[await issued(first)], "source": "hope-network"}
            own["public_key"] = first.hub.edge.key.public.hex()
            stanzas = [
                EdgeOperator.model_validate(own),
                first.hub.settings.hub.edge.operators[0],
            ]
            side = [Operator(each, client) for each, client in zip(stanzas, clients, strict=True)]
            (output,) = await outputs(side, [message("national_number", "199012345678")])
            name = named(each.public for each in side)
            (form,) = await first.hub.edge.forms([("national_number", "199012345678")])
            assert form == first.hub.edge.key.read("national_number", written(name, output))
            assert [await each.hub.identity.edge.budget.used() for each in (first, second)] == [
                [("hope-network", str(datetime.now(UTC).date()), 1, 1)],
                [("hope-network", str(datetime.now(UTC).date()), 2, 2)],
            ]
            for client in clients:
                await client.aclose()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.ConnectError("down"), SourceDown),
        (httpx.ReadTimeout("slow"), SourceSlow),
        (httpx.Response(401, json={"errors": []}), SourceDown),
        (httpx.Response(200, json={"errors": [{}], "data": None}), SourceDown),
        (httpx.Response(200, json={"data": {"edgeEvaluate": {"__typename": "Refusal", "code": "LIMIT_REACHED", "hint": "x"}}}), SourceDown),
        (httpx.Response(502, text="<html>"), SourceGarbled),
        (httpx.Response(200, json={"data": {"edgeEvaluate": {"__typename": "EdgeEvaluated", "elements": [], "proof": ""}}}), SourceGarbled),
        (httpx.Response(200, json={"data": {"edgeEvaluate": {"elements": "zz"}}}), SourceGarbled),
    ],
)
async def test_an_operator_that_fails_or_proves_nothing_gives_nothing(
    keys: tuple[EdgeKey, EdgeKey], answer: Any, error: type[SourceError]
) -> None:
    """Failure 12.3c of identity."""
    with pytest.raises(error):
        await outputs([reached(keys[0].public, keys[0]), reached(keys[1].public, answer)], [b"x"])


async def test_an_operator_that_uses_another_key_is_found_out(keys: tuple[EdgeKey, EdgeKey]) -> None:
    with pytest.raises(SourceGarbled):
        await outputs([reached(keys[0].public, keys[1])], [b"x"])


# --- what is written and what is stored ------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=90))
def test_a_text_that_was_not_written_under_this_key_is_not_read_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        KEY_.read("national_number", text)
    assert len(text) < 4 or text not in str(caught.value)


class _Key:
    def read(self, scheme: str, text: str) -> bytes:
        key = EdgeKey.__new__(EdgeKey)
        key.name = "00000000"
        return key.read(scheme, text if not text.startswith("00000000.") else "")


KEY_ = _Key()


def test_another_ring_scheme_or_operator_gives_another_form(tmp_path: Path) -> None:
    one, two = (EdgeKey(KeyRing.create(tmp_path / f"{name}.json"), []) for name in "ab")
    output = one.output("national_number", "199012345678")
    assert one.stored("national_number", output) == one.read("national_number", written(one.name, output))
    assert len({one.stored("national_number", output), one.stored("ration_card", output), two.stored("national_number", output)}) == 3
    with pytest.raises(ValueError, match="another key"):
        two.read("national_number", written(one.name, output))
    assert named([one.public, two.public]) == named([two.public, one.public])


def test_a_rotation_leaves_the_edge_key_as_it_is(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "ring.json")
    before = EdgeKey(ring, [])
    ring.rotate()
    after = EdgeKey(ring, [])
    assert (after.public, after.name) == (before.public, before.name)
    assert after.stored("x", bytes(64)) == before.stored("x", bytes(64))


def test_forms_have_places_that_no_scheme_has() -> None:
    assert len(Scheme) < EDGE


@pytest.mark.parametrize("changed", [{"blinded": ["ration_card"]}, {"blinded": ["national_number"], "key_scheme": "national_number"}])
def test_what_is_blinded_must_be_an_identifier_and_no_raw_key(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SourceEntity.model_validate({"read": "people", "key": "id", "identifiers": {"national_number": "n"}, **changed})


def test_a_public_key_that_is_none_keeps_the_hub_from_opening(own: Settings, tmp_path: Path) -> None:
    edge = own.hub.edge.model_copy(update={"operators": (stanza(bytes(32)),)})
    with pytest.raises(ConfigError):
        EdgeForms(own.model_copy(update={"hub": own.hub.model_copy(update={"edge": edge})}), KeyRing.create(tmp_path / "ring.json"))
