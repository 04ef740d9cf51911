"""The front door over real HTTP: what is refused and how, what is answered, and that nothing personal stays behind."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from privacy.credentials import Credentials
from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms
from settings import Settings
from tables.database import Database
from tables.sqlite import SQLite
from tests.asking import asking, copied
from tests.country import Country
from tests.serving import ROOT, Serving, serving
from tests.varying import varied
from values import Purpose, Role

GRAPHQL = "application/graphql-response+json; charset=utf-8"
JSON = "application/json; charset=utf-8"
ME = "{ me { role } }"
PERSON = "query P($id: ID!) { person(id: $id) { id sex } }"
CARD = "2043817/1"
FAMILY = (ROOT / "samples" / "questions" / "family.graphql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Door:
    """A client of a running hub."""

    client: httpx.Client
    keys: dict[str, str]

    def send(self, content: bytes | Iterator[bytes], who: str | None = None, **headers: str) -> httpx.Response:
        """POST these very bytes."""
        given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if who:
            given["authorization"] = f"Bearer {self.keys[who]}"
        return self.client.post("/graphql", content=content, headers=[(name.encode(), value.encode()) for name, value in given.items()])

    def ask(
        self, query: Any, who: str | None = None, variables: Any = None, operation: Any = None, accept: str = GRAPHQL, **headers: str
    ) -> httpx.Response:
        """POST a question as JSON."""
        body = {"query": query}
        body |= {"variables": variables} if variables is not None else {}
        body |= {"operationName": operation} if operation is not None else {}
        return self.send(json.dumps(body).encode(), who, accept=accept, **headers)

    def data(self, query: str, who: str | None = None, variables: Any = None) -> Any:
        """The data of an answer without errors."""
        body = self.ask(query, who, variables).json()
        assert "errors" not in body, body["errors"]
        return body["data"]


@pytest.fixture(scope="session")
def door(hub_server: Serving, country: Country) -> Iterator[Door]:
    with httpx.Client(base_url=hub_server.url, timeout=30, verify=False) as client:
        yield Door(client, country.keys)


def refusal(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The one error of a refused request, after everything that holds for all of them."""
    assert response.status_code == status, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] in {GRAPHQL, JSON}
    body = response.json()
    assert set(body) == {"errors"}, "a request error has no data, not even null"
    for error in body["errors"]:
        assert set(error) <= {"message", "extensions", "locations"}
        assert error["message"]
        assert error["extensions"]["code"]
        assert error["extensions"]["hint"]
    assert body["errors"][0]["extensions"]["code"] == code
    return dict(body["errors"][0])


# --- media types and methods -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("application/graphql-response+json", GRAPHQL),
        ("application/json", JSON),
        ("*/*", JSON),
        ("", JSON),
        ("application/*", JSON),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/json;q=0, */*", GRAPHQL),
        ("text/html, */*;q=0.1", JSON),
    ],
)
def test_the_answer_comes_in_the_media_type_that_is_accepted(door: Door, accept: str, given: str) -> None:
    response = door.ask(ME, accept=accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == given
    assert response.json() == {"data": {"me": {"role": "public"}}}


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*", "application/xml, text/plain", "*/*;q=nan"])
def test_a_media_type_that_cannot_be_given_is_refused(door: Door, accept: str) -> None:
    refusal(door.ask(ME, accept=accept), 406, "HTTP_INVALID")


def test_a_document_error_is_400_only_where_the_media_type_says_so(door: Door) -> None:
    refusal(door.ask("{ nothing }"), 400, "GRAPHQL_INVALID")
    refusal(door.ask("{ nothing }", accept="application/json"), 200, "GRAPHQL_INVALID")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_method_that_is_not_taken_is_told_which_are(door: Door, method: str) -> None:
    response = door.client.request(method, "/graphql", content=b'{"query": "{ me { role } }"}')
    refusal(response, 405, "HTTP_INVALID")
    assert response.headers["allow"] == "GET, POST"


def test_head_is_not_taken_either(door: Door) -> None:
    response = door.client.head("/graphql", params={"query": ME})
    assert (response.status_code, response.headers["allow"], response.content) == (405, "GET, POST", b"")


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'])
def test_json_is_taken_however_its_name_is_written(door: Door, kind: str) -> None:
    assert door.send(json.dumps({"query": ME}).encode(), content_type=kind).status_code == 200


def test_a_body_that_says_it_is_too_large_is_refused_unread(door: Door) -> None:
    refusal(door.send(json.dumps({"query": ME, "more": "x" * 1_100_000}).encode()), 413, "HTTP_INVALID")


def test_a_body_that_turns_out_too_large_is_refused(door: Door) -> None:
    refusal(door.send(b" " * 65_536 for _ in range(20)), 413, "HTTP_INVALID")


def test_every_address_says_that_nothing_is_kept_on_the_way(door: Door) -> None:
    for path in ("/healthz", "/readyz", "/schema.graphql"):
        response = door.client.get(path)
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert door.client.get("/readyz").json()["sources"].keys() >= {"civil-registry", "crescent-aid"}


@pytest.mark.parametrize("path", ["/", "/nothing", "/graphql/", "/graphql/?query=990000000101"])
def test_an_address_where_nothing_is_says_so_and_leads_nowhere(door: Door, path: str) -> None:
    response = door.client.post(path, json={"query": ME})
    refusal(response, 404, "HTTP_INVALID")
    assert "990000000101" not in str(response.headers) + response.text


# --- bodies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["2147483648", "-2147483649", "9007199254740993", "1e400", "-1e400", "1.5"])
def test_a_number_that_is_no_int_is_refused_without_being_repeated(door: Door, number: str) -> None:
    content = f'{{"query": "query($n: Int!) {{ people(first: $n) {{ id }} }}", "variables": {{"n": {number}}}}}'
    response = door.send(content.encode(), accept=GRAPHQL)
    assert response.status_code == 400
    assert number not in response.text


@pytest.mark.parametrize("number", [0, -1, 1001, 2147483647])
def test_a_page_is_one_to_a_thousand(door: Door, number: int) -> None:
    body = door.ask("query($n: Int!) { people(first: $n) { id } }", "crescent-caseworker", {"n": number}).json()
    assert body["data"] == {"people": None}
    assert body["errors"][0]["extensions"]["code"] == "INVALID"
    assert body["errors"][0]["path"] == ["people"]


def test_a_null_where_there_must_be_a_value_is_named_and_no_accident(door: Door) -> None:
    body = door.ask("query($n: Int = 3) { people(first: $n) { id } }", "crescent-caseworker", {"n": None}).json()
    assert body["data"] == {"people": None}
    (error,) = body["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["people"], "GRAPHQL_INVALID")


def test_of_a_name_given_twice_the_last_counts_as_everywhere_in_json(door: Door) -> None:
    response = door.send(b'{"query": "{ nothing }", "query": "{ me { role } }"}', accept=GRAPHQL)
    assert response.json() == {"data": {"me": {"role": "public"}}}


@pytest.mark.parametrize("text", ["\u202e", "\x1b[31m", "٩٩٠٠", "x" * 100_000])
def test_any_text_may_be_a_variable_and_is_not_repeated(door: Door, text: str) -> None:
    response = door.ask(PERSON, "crescent-caseworker", {"id": text})
    assert response.json() == {"data": {"person": None}}
    response = door.ask(
        "query($v: String!) { personByIdentifier(scheme: NATIONAL_NUMBER, value: $v) { id } }", "crescent-caseworker", {"v": text}
    )
    assert response.status_code == 200
    assert text not in response.text
    assert response.json()["data"] == {"personByIdentifier": None}
    assert [error["extensions"]["code"] for error in response.json().get("errors", [])] in ([], ["INVALID"])


def test_a_variable_that_does_not_fit_is_named_without_its_value(door: Door) -> None:
    for variables in ({"id": ["x"]}, {"ID": "x"}, {}, {"id": "\0"}, {"id": "a\0b"}):
        error = refusal(door.ask(PERSON, "crescent-caseworker", variables), 400, "INVALID")
        assert error["extensions"]["field"] == "id"


# --- GET -----------------------------------------------------------------------------------------------------------------


def test_a_query_may_be_asked_by_get(door: Door) -> None:
    given = {"query": "query A($id: ID!) { person(id: $id) { id } } query B { me { role } }", "operationName": "A"}
    headers = {"accept": GRAPHQL, "authorization": f"Bearer {door.keys['crescent-caseworker']}"}
    response = door.client.get("/graphql", params={**given, "variables": '{"id": "x"}'}, headers=headers)
    assert response.json() == {"data": {"person": None}}
    assert response.headers["cache-control"] == "no-store"


def test_a_mutation_by_get_is_refused(door: Door) -> None:
    query = 'mutation { consentWithdraw(input: { id: "1" }) { __typename } }'
    headers = {"accept": GRAPHQL, "authorization": f"Bearer {door.keys['mariam']}"}
    response = door.client.get("/graphql", params={"query": query}, headers=headers)
    assert refusal(response, 405, "READS_ONLY")["extensions"]["field"] == "query"
    assert response.headers["allow"] == "POST"
    plain = door.client.get("/graphql", params={"query": query}, headers={**headers, "accept": "application/json"})
    assert (plain.status_code, plain.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "query",
        "query=",
        "variables=1",
        "query={me{role}}&variables=1",
        "query={me{role}}&variables=[]",
        "query={me{role}}&variables={",
        "query={me{role}}&variables=null&operationName&x",
        "query=%ff",
        "query=%C3%28",
        "query={me{role}}&extensions=1",
        "query={me{role}}&variables=%7B%22a%22:%22%5Cud800%22%7D",
    ],
)
def test_a_query_string_that_cannot_be_read_is_refused(door: Door, query: str) -> None:
    refusal(door.client.get(f"/graphql?{query}"), 400, "HTTP_INVALID")


@pytest.mark.parametrize("query", ["query=%zz", "query=%", "query=%7Bme%7Brole%7D%7D%00"])
def test_a_broken_escape_is_a_document_that_does_not_parse(door: Door, query: str) -> None:
    refusal(door.client.get(f"/graphql?{query}", headers={"accept": GRAPHQL}), 400, "GRAPHQL_INVALID")


def test_a_content_type_on_get_changes_nothing(door: Door) -> None:
    response = door.client.get("/graphql", params={"query": ME}, headers={"content-type": "text/plain"})
    assert response.json() == {"data": {"me": {"role": "public"}}}


# --- documents -------------------------------------------------------------------------------------------------------------

TWO = "query A { me { role } } query B { me { name } }"


def test_of_two_operations_the_named_one_runs(door: Door) -> None:
    assert door.ask(TWO, operation="B").json() == {"data": {"me": {"name": "public"}}}


@pytest.mark.parametrize(
    "query",
    [
        '{ person(id: "a" "990000000101") { id } }',
        "{ personByIdentifier(scheme: NATIONAL_NUMBER, value: 990000000101) { id } }",
        '{ personByIdentifier(scheme: "990000000101", value: "990000000101") { id } }',
        '{ people(first: "990000000101") { id } }',
        '{ personByIdentifier(scheme: CASE_NUMBER, value: { a: "990000000101" }) { id } }',
        '{ "990000000101" }',
        "{ 990000000101 }",
        '{ person(id: """990000000101""" ) { id } } "990000000101"',
        '{ personByIdentifier(scheme: NATIONAL_NUMBER, value: "x990000000101") { id } }',
        '{ personByIdentifier(scheme: RATION_CARD, value: "990000000101/990000000101") { id } }',
        '{ caseload(after: "990000000101") { totalCount } }',
        '{ people(after: "990000000101") { id } }',
    ],
)
def test_an_error_does_not_repeat_what_was_written(door: Door, query: str) -> None:
    response = door.ask(query, "crescent-caseworker")
    assert response.json()["errors"]
    assert "990000000101" not in response.text


def test_introspection_answers_and_a_field_of_ours_beside_it_too(door: Door) -> None:
    schema = door.data(get_introspection_query(), "crescent-caseworker")["__schema"]
    assert {"Person", "Allocation"} <= {each["name"] for each in schema["types"]}
    both = '{ a: __typename __type(name: "Person") { name } me { ...M } } fragment M on Me { role n: name __typename }'
    assert door.data(both, "crescent-caseworker") == {
        "a": "Query",
        "__type": {"name": "Person"},
        "me": {"role": "caseworker", "n": "crescent-caseworker", "__typename": "Me"},
    }


def test_directives_and_merged_fields_do_what_the_specification_says(door: Door) -> None:
    query = "query($no: Boolean!) { me { role } me { name @skip(if: $no) } ... @include(if: $no) { here: __typename } }"
    assert door.data(query, variables={"no": True}) == {"me": {"role": "public"}, "here": "Query"}
    assert door.data(query, variables={"no": False}) == {"me": {"role": "public", "name": "public"}}


@pytest.mark.parametrize(
    ("limits", "query", "code"),
    [
        ({"depth": 2}, "{ people(first: 1) { household { size } } }", "LIMIT_REACHED"),
        ({"fields": 3}, "{ people(first: 1) { id sex living } }", "LIMIT_REACHED"),
        ({"tokens": 12}, "{ people(first: 1) { id sex living } }", "LIMIT_REACHED"),
        ({"page_rows": 2}, "{ people(first: 3) { id } }", "INVALID"),
        ({"page_rows": 2}, "{ caseload(first: 3) { totalCount } }", "INVALID"),
    ],
)
async def test_the_limits_are_those_of_hub_toml(country: Country, served: Settings, limits: dict[str, int], query: str, code: str) -> None:
    narrow = served.hub.model_copy(update={"limits": served.hub.limits.model_copy(update=limits)})
    async with asking(country, served.model_copy(update={"hub": narrow})) as asked:
        (error,) = (await asked.ask(query, "crescent-caseworker"))["errors"]
        assert error["extensions"]["code"] == code
        assert "errors" not in await asked.ask("{ people(first: 2) { id } }", "crescent-caseworker")


async def test_without_introspection_the_schema_says_nothing_of_itself(country: Country, served: Settings) -> None:
    silent = served.hub.model_copy(update={"introspection": False})
    async with asking(country, served.model_copy(update={"hub": silent})) as asked:
        for query in (
            "{ __schema { description } }",
            '{ me { role } a: __type(name: "Person") { name } }',
            "{ ...F } fragment F on Query { __schema { description } }",
        ):
            (error,) = (await asked.ask(query))["errors"]
            assert error["extensions"]["code"] == "GRAPHQL_INVALID"
        assert await asked.data("{ __typename me { __typename } }", "public") == {"__typename": "Query", "me": {"__typename": "Me"}}


# --- who asks --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def ended(country: Country, served: Settings) -> dict[str, str]:
    """Keys of the country that are no longer taken, and one that is not known."""
    ring = KeyRing.load(served.hub.keys)
    database = Database.at(served.hub.database)
    await database.open()
    keys = Credentials(database, ring)
    given = ("staff", "crescent-aid", Role.CASEWORKER, [Purpose.AID_DISTRIBUTION])
    expired = await keys.issue("gone", *given, now=1_000, expires_at=2_000)
    revoked = await keys.issue("taken", *given, now=1_000)
    await keys.revoke(revoked.split("_")[1], 2_000)
    await database.close()
    good = country.keys["crescent-caseworker"]
    return {"expired": expired, "revoked": revoked, "unknown": good[:-4] + "AAAA", "no such id": "mz_" + "a" * 12 + good[15:]}


async def test_every_key_that_is_not_taken_is_refused_in_the_same_shape(door: Door, ended: dict[str, str]) -> None:
    for key in ended.values():
        response = door.ask(ME, authorization=f"Bearer {key}")
        error = refusal(response, 401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == "Bearer"
        assert set(error) == {"message", "extensions"}
        assert set(error["extensions"]) == {"code", "hint"}
        assert key not in response.text
    unknown, revoked = (door.ask(ME, authorization=f"Bearer {ended[kind]}") for kind in ("unknown", "revoked"))
    assert unknown.content == revoked.content


@pytest.mark.parametrize(
    "header",
    ["Bearer", "bearer", "Basic dXNlcjpwYXNz", "mz_x", "Bearer mz_", "Bearer a b", "\u00e9\u00ff", "Bearer " + "x" * 10_000, ""],
)
def test_an_unreadable_authorization_is_never_taken_for_the_public(door: Door, header: str) -> None:
    response = door.client.post("/graphql", json={"query": ME}, headers=[(b"authorization", header.encode("latin-1"))])
    refusal(response, 401, "UNAUTHENTICATED")


def test_two_authorizations_are_one_too_many(door: Door) -> None:
    good = f"Bearer {door.keys['crescent-caseworker']}"
    refusal(door.client.post("/graphql", json={"query": ME}, headers=[("authorization", good)] * 2), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("purpose", ["statistics", "no such purpose", "", "aid_distribution, case_management", "oversight"])
def test_a_purpose_that_is_not_the_credentials_is_refused_whole(door: Door, purpose: str) -> None:
    error = refusal(door.ask(ME, "crescent-caseworker", mizalla_purpose=purpose), 403, "PURPOSE_NOT_ALLOWED")
    assert "aid_distribution" in error["extensions"]["hint"]


def test_the_purpose_is_the_credentials_first_unless_another_of_its_own_is_named(door: Door) -> None:
    query = "{ me { purpose } }"
    assert door.ask(query, "crescent-caseworker").json()["data"] == {"me": {"purpose": "AID_DISTRIBUTION"}}
    named = door.ask(query, "crescent-caseworker", mizalla_purpose="Case_Management")
    assert named.json()["data"] == {"me": {"purpose": "CASE_MANAGEMENT"}}


def test_anyone_reads_what_is_open_and_nothing_else(door: Door) -> None:
    data = door.data("{ organisations { id name named(language: CKB) } sources { name wire } me { role } }")
    assert {"crescent-aid", "civil-registry"} <= {each["id"] for each in data["organisations"]}
    assert data["me"] == {"role": "public"}
    body = door.ask('{ caseload { totalCount } people { id } person(id: "x") { id } me { person { id } } }').json()
    assert [error["message"] for error in body["errors"]] == [
        "Cannot query field 'caseload' on type 'Query'.",
        "Cannot query field 'people' on type 'Query'.",
        "Cannot query field 'person' on type 'Query'.",
        "Cannot query field 'person' on type 'Me'.",
    ]


def test_a_person_gives_and_takes_back_a_consent_and_another_may_not(door: Door) -> None:
    grant = """mutation($until: Instant!) { consentGrant(input: {
        receiver: "karama", purpose: AID_DISTRIBUTION, categories: [NAME, HEALTH], endsAt: $until
    }) { __typename ... on ConsentGranted { consent { id receiver categories withdrawnAt } } ... on Refusal { code hint field } } }"""
    given = door.data(grant, "mariam", {"until": "2027-01-31T00:00:00Z"})["consentGrant"]
    assert given["consent"]["categories"] == ["NAME", "HEALTH"]
    assert given["consent"]["withdrawnAt"] is None
    taken = "mutation($id: ID!) { consentWithdraw(input: { id: $id }) { __typename ... on Refusal { code hint } } }"
    stranger = door.data(taken, "umm-hassan", {"id": given["consent"]["id"]})["consentWithdraw"]
    assert (stranger["__typename"], stranger["code"]) == ("Refusal", "UNKNOWN")
    assert door.data(taken, "mariam", {"id": given["consent"]["id"]}) == {"consentWithdraw": {"__typename": "ConsentWithdrawn"}}
    for who in ("crescent-caseworker", None):
        refusal(door.ask(grant, who, {"until": "2027-01-31T00:00:00Z"}), 400, "GRAPHQL_INVALID")
    assert door.data(grant, "mariam", {"until": "soon"})["consentGrant"]["field"] == "endsAt"


# --- who is asked about ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ids:
    """Ways for crescent-aid to name a person that it may not know, and one that it may."""

    known: str
    unknown: dict[str, str]


@pytest.fixture(scope="module")
def ids(country: Country, door: Door) -> Ids:
    known = door.data("{ people(first: 1) { id } }", "crescent-caseworker")["people"][0]["id"]
    foreign = door.data("{ people(first: 1) { id } }", "rafidain-caseworker")["people"][0]["id"]
    household = door.data("{ people(first: 30) { household { id } } }", "crescent-caseworker")["people"]
    make = Pseudonyms(KeyRing.load(country.settings.hub.keys)).maker("crescent-aid")
    mine = {each["id"] for page in _pages(door) for each in page}
    stranger = next(make(number) for number in range(1, 400) if make(number) not in mine)
    turned = ("B" if known[10] == "A" else "A").join((known[:10], known[11:]))
    return Ids(
        known,
        {
            "empty": "",
            "garbage": "'; DROP TABLE person; --",
            "arabic": "زينب",
            "truncated": known[:-1],
            "longer": known + "A",
            "forged": turned,
            "of version 0": "A" * 32,
            "another organisation's": foreign,
            "a household's": next(each["household"]["id"] for each in household if each["household"]),
            "one that no rule lets it know": stranger,
            "of nobody": make(2**62),
            "one megabyte": "A" * 900_000,
        },
    )


def _pages(door: Door) -> Iterator[list[dict[str, Any]]]:
    after = None
    while page := door.data("query($after: ID) { people(first: 1000, after: $after) { id } }", "crescent-caseworker", {"after": after})[
        "people"
    ]:
        yield page
        after = page[-1]["id"]


def test_whoever_may_not_be_known_is_not_there_byte_for_byte(door: Door, ids: Ids) -> None:
    assert door.data(PERSON, "crescent-caseworker", {"id": ids.known})["person"]["id"] == ids.known
    answers = {door.ask(PERSON, "crescent-caseworker", {"id": text}).content for text in ids.unknown.values()}
    assert answers == {b'{"data":{"person":null}}'}


async def test_the_same_work_is_done_for_whoever_may_not_be_known(country: Country, served: Settings, ids: Ids) -> None:
    """Whoever measures the time of an answer learns nothing from it."""
    async with asking(country, served) as hub:
        statements: list[str] = []

        def see(_: Any, sql: str, __: Any) -> bool:
            statements.append(sql)
            return True

        assert isinstance(hub.hub.database, SQLite)
        assert hub.hub.database._inline is not None
        hub.hub.database._inline.exec_trace = see
        done = set()
        for text in ids.unknown.values():
            statements.clear()
            assert await hub.data(PERSON, "crescent-caseworker", {"id": text}) == {"person": None}
            done.add(tuple(statement for statement in statements if "credential" not in statement))
    assert len(done) == 1
    assert done.pop(), "the tracing sees the statements"


# --- what stays behind -------------------------------------------------------------------------------------------------------


def test_nothing_personal_reaches_the_log_even_when_everything_fails(country: Country, tmp_path: Path) -> None:
    down = {"CRESCENT_AID_URL": "http://127.0.0.1:9", "RAFIDAIN_RELIEF_URL": "http://127.0.0.1:9/graphql"}
    settings = copied(country, tmp_path / "country")
    with serving(settings.path, tmp_path / "output.txt", down) as hub, httpx.Client(base_url=hub.url, timeout=30, verify=False) as client:
        door = Door(client, country.keys)
        family = door.ask(FAMILY, "crescent-caseworker", {"card": CARD}).json()
        assert "SOURCE_UNAVAILABLE" in {error["extensions"]["code"] for error in family["errors"]}
        wrong = country.keys["crescent-caseworker"][:-4] + "AAAA"
        number = '{ a: personByIdentifier(scheme: NATIONAL_NUMBER, value: "990000000101") { name } __schema { description } }'
        door.ask(number, "inspector")
        door.ask(number.replace("990000000101", "زينب990000000101"), "inspector")
        door.ask('{ personByIdentifier(scheme: NATIONAL_NUMBER, value: 990000000101, name: "زينب") }', "inspector")
        door.ask(ME, authorization=f"Bearer {wrong}")
        door.ask(ME, mizalla_purpose="زينب")
        client.get("/graphql", params={"query": number, "variables": '{"name": "زينب"}'})
        client.get("/person/990000000101")
        door.send(b'{"query": "990000000101')
        grant = '{ receiver: "990000000101", purpose: AID_DISTRIBUTION, categories: [], endsAt: "x" }'
        door.ask(f"mutation {{ consentGrant(input: {grant}) {{ __typename }} }}", "mariam")
        said = hub.said()
    assert "source_failed" in said, "the log is read from where the hub writes it"
    for secret in ("990000000101", "زينب", CARD, "2043817", wrong, wrong[3:15], *country.keys.values()):
        assert secret not in said
    assert "Traceback" not in said


def test_what_cannot_be_recorded_is_not_shown(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "country")
    record = tmp_path / "country" / "record.db"
    with serving(settings.path, tmp_path / "output.txt") as hub, httpx.Client(base_url=hub.url, timeout=30, verify=False) as client:
        door = Door(client, country.keys)
        shown = door.data(FAMILY, "crescent-caseworker", {"card": CARD})
        name = shown["personByIdentifier"]["household"]["members"][0]["name"]
        assert name
        record.rename(tmp_path / "elsewhere.db")
        response = door.ask(FAMILY, "crescent-caseworker", {"card": CARD})
        assert response.status_code == 200
        assert response.json()["data"] is None
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "DISCLOSURE_NOT_RECORDED"
        assert error["extensions"]["hint"]
        assert set(response.json()) == {"data", "errors"}
        assert name not in response.text
        assert "personByIdentifier" not in response.text
        assert door.data(ME) == {"me": {"role": "public"}}, "what concerns nobody needs no record"
        (tmp_path / "elsewhere.db").rename(record)
        assert door.data(FAMILY, "crescent-caseworker", {"card": CARD}) == shown
        assert name not in hub.said()


@pytest.mark.alone
def test_a_hub_killed_while_it_answers_leaves_a_record_that_holds_every_answer(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "country")
    answered: list[int] = []

    def keep_asking(url: str) -> None:
        try:
            with httpx.Client(base_url=url, timeout=10, verify=False) as client:
                while True:
                    response = Door(client, country.keys).ask("{ people(first: 5) { id sex } }", "crescent-caseworker")
                    assert len(response.json()["data"]["people"]) == 5
                    answered.append(1)
        except httpx.TransportError:
            return

    with serving(settings.path, tmp_path / "output.txt") as hub:
        askers = [threading.Thread(target=keep_asking, args=(hub.url,)) for _ in range(4)]
        for asker in askers:
            asker.start()
        deadline = time.monotonic() + 20
        while len(answered) < 100 and time.monotonic() < deadline:
            time.sleep(0.01)
        hub.process.kill()
        for asker in askers:
            asker.join()
    verified = subprocess.run(
        [sys.executable, "-m", "cli", "audit", "verify", "--config", str(settings.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert len(answered) >= 100
    assert _entries(settings.hub.record) >= len(answered)


def _entries(url: str) -> int:
    import sqlite3

    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])


def test_status_codes_are_those_of_the_draft_where_hub_toml_says_so(country: Country, tmp_path: Path) -> None:
    with varied(country, tmp_path / "hub", "draft_status = true") as hub:
        unsound = {"{": 400, "{ nothing }": 422, "query A { me { role } } query B { me { role } }": 422, "{ me { role } }": 200}
        for query, status in unsound.items():
            assert hub.post({"query": query}, accept=GRAPHQL).status_code == status
            assert hub.post({"query": query}, accept="application/json").status_code == 200
        partly = {"query": "{ me { role } people(first: 0) { id } }"}
        response = hub.post(partly, "crescent-caseworker", accept=GRAPHQL)
        assert (response.status_code, response.json()["data"]) == (294, {"me": {"role": "caseworker"}, "people": None})
        assert hub.post(partly, "crescent-caseworker", accept="application/json").status_code == 200
