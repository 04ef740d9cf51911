"""What a document asks is measured once and held against the limits of whoever asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import parse

from errors import LimitReached
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.limits import Estimate, Measured, measure, prices_of
from settings import Limits, RoleLimits
from tests.asking import asking, copied, elsewhere
from tests.broken import broken
from tests.country import Country
from tests.small_country import SETTINGS
from tests.varying import Varied, varied
from tests.working import calls
from values import Role

PRICES = prices_of(CATALOGUE, SETTINGS, lambda name: PUBLIC_NAMES.get(name, name))
"""Of the small country: crescent-aid and rafidain-relief cost 3 points a row, the others 1."""

ROLES = """
[hub.limits.roles.caseworker]
roots = 2
aliases = 2
directives = 2
fragments = 1
cost = 300
values = 500
batch = 3

[hub.limits.roles.developer]
answer_bytes = 1024
depth = 4
"""


def measured(text: str) -> Measured:
    return measure(parse(text), SCHEMA._schema, PRICES)


def estimated(text: str, variables: Mapping[str, Any] | None = None) -> Estimate:
    """The estimate of the one operation, whose name is Q where it has variables."""
    return measured(text).estimator("Q" if text.startswith("query Q") else None)(variables or {})


def code(body: Any) -> str | None:
    return body["errors"][0]["extensions"]["code"] if "errors" in body else None


# --- form ------------------------------------------------------------------------------------------------------------------


def test_a_fragment_is_measured_once_however_often_it_is_spread() -> None:
    levels = 18
    steps = [f"fragment F{at} on Household {{ members {{ household {{ ...F{at + 1} ...F{at + 1} }} }} }}" for at in range(levels)]
    text = "{ people { household { ...F0 } } }" + " ".join(steps) + f" fragment F{levels} on Household {{ size }}"
    assert calls(lambda: measured(text)) < 20_000
    found = measured(text)
    assert found.form.fields == 2 + 2**levels + 2 * (2**levels - 1)
    assert found.form.fragments == levels + 1
    assert found.estimator(None)({}).cost > 12**levels


def test_everything_is_counted_with_fragments_written_out() -> None:
    form = measured(
        """query Q($a: Boolean!) { x: me { ...F } me @skip(if: $a) { ...F } ... @include(if: true) { __typename } }
           fragment F on Me { y: role name @skip(if: $a) }"""
    ).form
    assert (form.roots, form.aliases, form.directives, form.fields, form.depth, form.fragments) == (3, 3, 4, 7, 2, 1)
    assert measured("{ me { role } } # not a token").form.tokens == 6


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("root fields", "{ me { role } a: me { role } b: me { role } }"),
        ("aliases", "{ a: me { b: role c: name } }"),
        ("directives", "{ me @skip(if: false) { role @skip(if: false) name @skip(if: false) } }"),
        ("fragments", "{ me { ...A ...B } } fragment A on Me { role } fragment B on Me { name }"),
        ("points", "{ people(first: 200) { id sex } }"),
        ("values", "{ people(first: 260) { id living } }"),
    ],
)
def test_a_role_keeps_within_its_own_limits_and_no_other_role_is_held_to_them(narrow: Varied, name: str, query: str) -> None:
    refused = narrow.post({"query": query}, "crescent-caseworker", accept="application/graphql-response+json")
    assert (refused.status_code, code(refused.json())) == (400, "LIMIT_REACHED")
    assert name in refused.json()["errors"][0]["message"]
    assert "data" not in refused.json()
    assert code(narrow.ask(query, "ministry-analyst")) is None
    assert code(narrow.ask(query, "crescent-caseworker")) == "LIMIT_REACHED", "also when the document is known from somebody else"


def test_a_role_without_limits_of_its_own_has_those_of_all() -> None:
    limits = Limits(depth=5, roles={Role.DEVELOPER: RoleLimits(fields=7)})
    assert limits.of(Role.PUBLIC) is limits
    assert (limits.of(Role.DEVELOPER).fields, limits.of(Role.DEVELOPER).depth) == (7, 5)
    with pytest.raises(LimitReached, match="more than 7 fields"):
        measured("{ me { a: role b: role c: role d: role e: role f: role g: role } }").form.hold(limits.of(Role.DEVELOPER))


# --- cost ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "cost", "rows", "values"),
    [
        ("{ me { role } }", 1, 1, 1),
        ("{ people(first: 10) { id } }", 10, 10, 10),  # nobody but the hub is asked
        ("{ people(first: 10) { needScore } }", 30, 10, 10),  # the dearest that keeps it: 3 points
        ("{ people(first: 10) { needScore phone } }", 30, 10, 20),  # both at the same source
        ("{ people(first: 10) { needScore sex } }", 40, 10, 20),  # and one more elsewhere
        ("{ people { id } }", 50, 50, 50),  # the default of the schema
        ("{ people(first: 100000) { id } }", 1000, 1000, 1000),  # as many as a page may hold; the rest is refused elsewhere
        ("{ people(first: 10) { allocations(first: 5) { kind } } }", 10 * (1 + 5 * 3), 60, 50),
        ("{ people(first: 10) { household { members { id } } } }", 10 * (1 + 1 + 6), 80, 60),
        ("{ caseload(first: 10) { nodes { id } } }", 10, 10, 10),
        ("{ caseload(first: 10) { edges { node { id } } } }", 10, 10, 10),
        ("{ people(first: 10) { id allocations @skip(if: true) { kind } } }", 10, 10, 10),
        ("{ nothing { at { all } } }", 1, 0, 1),
    ],
)
def test_rows_cost_the_points_of_their_sources(query: str, cost: int, rows: int, values: int) -> None:
    assert estimated(query) == (cost, rows, values)


PAGED = "query Q($n: Int!, $m: Int = 4, $with: Boolean!) { people(first: $n) { id ...L @include(if: $with) } }"
PAGED += " fragment L on Person { allocations(first: $m) { kind } }"


@pytest.mark.parametrize(
    ("variables", "cost"),
    [
        ({"n": 10, "m": 5, "with": True}, 160),
        ({"n": 10, "m": 5, "with": False}, 10),
        ({"n": 20, "m": 0, "with": True}, 20),
        ({"n": -3, "m": 5, "with": True}, 1),
        ({"n": 10, "m": None, "with": True}, 10 * (1 + 100 * 3)),
        ({"n": "many", "m": 5, "with": True}, 50 * 16),
    ],
)
def test_paging_variables_are_read_at_each_request(variables: dict[str, Any], cost: int) -> None:
    assert estimated(PAGED, variables).cost == cost


def test_an_estimate_of_a_known_document_is_next_to_no_work() -> None:
    """Some 2 µs where measured alone."""
    estimate = measured(PAGED).estimator("Q")
    variables = {"n": 10, "m": 5, "with": True}
    estimate(variables)
    assert 0 < calls(lambda: estimate(variables)) < 10


def test_many_operations_cost_no_more_than_their_length() -> None:
    """Four times the operations are four times the work."""

    def work(operations: int) -> int:
        text = " ".join(f"query Q{at}($n: Int) {{ people(first: $n) {{ id needScore }} }}" for at in range(operations))
        assert measured(text).estimator(f"Q{operations - 1}")({"n": 7}).cost == 21
        return calls(lambda: measured(text))

    work(10)
    assert 0 < work(300) <= 4.4 * work(75)


@pytest.mark.parametrize("who", ["crescent-caseworker", "ministry-caseworker"])
async def test_an_answer_never_holds_more_than_was_estimated(country: Country, who: str) -> None:
    question = """{ caseload(first: 40) {
                      totalCount nodes { id sex birthYear allocations(first: 3) { kind amount organisation { name } } }
                    }
                    people(first: 7) { id insurance { status } household { size members { id governorate } } } sources { name } }"""
    async with asking(country) as hub:
        enquiry = await hub.hub.enquiry(hub.keys[who], None)
        from schema.door.door import Request

        body = (await hub.door.answer(Request(question, cost=True), enquiry)).body
    assert _values(body["data"]) > 100
    assert _values(body["data"]) <= estimated(question.replace("sources { name }", "")).values + 10
    assert body["extensions"]["cost"]["estimated"] > body["extensions"]["cost"]["rows"] > 0


def _values(data: Any) -> int:
    if isinstance(data, dict):
        return sum(_values(each) for each in data.values())
    return sum(_values(each) for each in data) if isinstance(data, list) else data is not None


def test_the_cost_is_told_to_those_who_ask_for_it_and_to_nobody_else(narrow: Varied) -> None:
    query = "{ people(first: 10) { sex } }"
    told = {"estimated": 30, "rows": 10, "budgetLeft": None}
    assert narrow.ask(query, "crescent-caseworker", Mizalla_Explain="1")["extensions"]["cost"] == told
    asked = narrow.post({"query": query, "extensions": {"cost": True}}, "crescent-caseworker").json()
    assert asked["extensions"]["cost"] == told
    assert "plan" not in asked["extensions"]
    assert "cost" not in narrow.ask(query, "crescent-caseworker")["extensions"]


def test_variables_decide_whether_a_page_is_too_dear(narrow: Varied) -> None:
    query = "query($n: Int!) { people(first: $n) { sex } }"
    assert code(narrow.ask(query, "crescent-caseworker", {"n": 100})) is None
    assert code(narrow.ask(query, "crescent-caseworker", {"n": 101})) == "LIMIT_REACHED"


# --- batches ---------------------------------------------------------------------------------------------------------------


def test_a_batch_is_answered_in_its_order(narrow: Varied) -> None:
    response = narrow.post(
        [{"query": "{ me { role } }"}, {"query": "{ me { none } }"}, {"query": "{ me { name } }"}], "crescent-caseworker"
    )
    assert response.status_code == 200
    first, second, third = response.json()
    assert first == {"data": {"me": {"role": "caseworker"}}}
    assert code(second) == "GRAPHQL_INVALID"
    assert third == {"data": {"me": {"name": "crescent-caseworker"}}}


def test_a_batch_has_the_budget_of_one_request(narrow: Varied) -> None:
    page = {"query": "{ people(first: 60) { sex } }"}
    first, second, third = narrow.post([page, page, {"query": "{ me { role } }"}], "crescent-caseworker").json()
    assert code(first) is None
    assert code(second) == "LIMIT_REACHED", "180 points and 180 more are beyond 300"
    assert code(third) is None


@pytest.mark.parametrize(
    ("who", "size"), [("crescent-caseworker", 4), ("crescent-caseworker", 0), ("ministry-analyst", 1), (None, 2)], ids=str
)
def test_a_batch_is_refused_whole_where_it_is_too_long_or_not_taken(narrow: Varied, who: str | None, size: int) -> None:
    response = narrow.post([{"query": "{ me { role } }"}] * size, who)
    assert response.status_code == 400
    assert code(response.json()) == "HTTP_INVALID"


# --- size and time -----------------------------------------------------------------------------------------------------------


def test_an_answer_that_grew_too_large_is_not_sent(narrow: Varied) -> None:
    response = narrow.post({"query": "{ __schema { types { name description } } }"}, "app-developer")
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"errors", "data"}
    assert (body["data"], code(body)) == (None, "LIMIT_REACHED")
    assert narrow.ask("{ me { role } }", "app-developer")["data"] == {"me": {"role": "developer"}}


@pytest.mark.alone
async def test_time_that_is_up_stops_the_asks_and_lets_go_of_their_sources(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path)
    text = (tmp_path / "hub.toml").read_text(encoding="utf-8")
    (tmp_path / "hub.toml").write_text(text + "\n[hub.limits]\nseconds = 0.4\n", encoding="utf-8")
    assert settings.sources["crescent-aid"].timeout_seconds > 1
    with broken() as source:
        source.way = "hang"
        async with elsewhere(country, tmp_path, {"crescent-aid": source.url}) as hub:
            tasks, recorded = len(asyncio.all_tasks()), await hub.hub.record.verify()
            started = time.perf_counter()
            body = await hub.ask("{ people(first: 20) { id sex allocations { kind } } }", "crescent-caseworker")
            assert time.perf_counter() - started < 1.5
            assert (body["data"], code(body)) == (None, "TIME_LIMIT")
            assert source.asked, "it was asked"
            assert len(asyncio.all_tasks()) == tasks, "and nothing waits for it any more"
            guard = hub.hub.gates["crescent-aid"]._guard
            assert guard._turns._value == hub.hub.settings.sources["crescent-aid"].concurrency
            assert guard.breaker("person").word == "closed", "that we gave up says nothing about the source"
            assert await hub.hub.record.verify() == recorded, "nothing was shown"
            assert await hub.data("{ me { role } }", "crescent-caseworker") == {"me": {"role": "caseworker"}}


@pytest.fixture(scope="module")
def narrow(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Varied]:
    with varied(country, tmp_path_factory.mktemp("narrow") / "hub", tables=ROLES) as served:
        yield served
