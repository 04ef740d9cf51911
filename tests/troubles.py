"""Ways round to what may not be seen, and sources that break or lie: each by its name, with the one verdict it has wherever it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests import broken
from tests.bad_inputs import ONE
from tests.broken import SECRET

HERS = 'personByIdentifier(scheme: NATIONAL_NUMBER, value: "<stranger>")'

NOBODY = {"person": None}

REACHES: dict[str, tuple[str, str, dict[str, Any] | str]] = {
    "a person who may not be known": (f"{{ person: {HERS} {{ id sex household {{ id }} }} }}", "{}", NOBODY),
    "the name of the type alone": (f"{{ person: {HERS} {{ __typename }} }}", "{}", NOBODY),
    "the reasons alone": (f"{{ person: {HERS} {{ withheld {{ attribute reason }} }} }}", "{}", NOBODY),
    "a bare number as an id": ("query($id: ID!) { person(id: $id) { id } }", '{"id": "<stranger>"}', NOBODY),
    "an inner number as an id": ("query($id: ID!) { person(id: $id) { id } }", '{"id": "1"}', NOBODY),
    "an id of another organisation": ("query($id: ID!) { person(id: $id) { id sex } }", '{"id": "<hope\'s id>"}', NOBODY),
    "an id of another kind": ("query($id: ID!) { person(id: $id) { id sex } }", '{"id": "<household>"}', NOBODY),
    "a cursor of another organisation": (
        "query($after: String!) { caseload(first: 1, after: $after) { nodes { id } } }",
        '{"after": "<hope\'s cursor>"}',
        "INVALID",
    ),
    "a bare position as a cursor": (
        "query($after: String!) { caseload(first: 1, after: $after) { nodes { id } } }",
        '{"after": "HA-0001"}',
        "INVALID",
    ),
    "an id in place of a cursor": (
        "query($after: String!) { caseload(first: 1, after: $after) { nodes { id } } }",
        '{"after": "<hope\'s id>"}',
        "INVALID",
    ),
    "a field of what is withheld, by its inner name": (f"{{ {ONE} {{ mother_name }} }}", "{}", "GRAPHQL_INVALID"),
    "an order by what may not be seen": ("{ people(first: 1, order: MOTHER_NAME) { id } }", "{}", "GRAPHQL_INVALID"),
    "the interface of federation": (
        '{ _entities(representations: [{__typename: "Person", id: "1"}]) { __typename } }',
        "{}",
        "GRAPHQL_INVALID",
    ),
    "any object by its id": ('{ node(id: "1") { id } }', "{}", "GRAPHQL_INVALID"),
    "a field whose rule fails": (f"{{ {ONE} {{ sex needScore }} }}", "{}", "GRAPHQL_INVALID"),
    "what stands beside a field whose rule fails": (f"{{ {ONE} {{ sex }} }}", "{}", {"personByIdentifier": {"sex": "M"}}),
    "a field that is opened under a condition there is not": (f"{{ {ONE} {{ sex disability }} }}", "{}", "GRAPHQL_INVALID"),
}
"""Asked by a caseworker of Crescent Aid; what stands in angle brackets is asked for first. The answer's data, or the code of its error."""


def given(rows: Callable[[str], list[Any]], **more: object) -> Callable[[str], broken.Way]:
    """A way to answer with rows about the one who is asked about, by the key."""
    return lambda key: broken.says(lambda _: broken.rows(rows(key), **more))


def says(body: bytes, status: str = "200 OK", kind: str = "application/json", **headers: str) -> Callable[[str], broken.Way]:
    """A way to answer with this."""
    return lambda _: broken.says(lambda _: broken.http(body, status, kind, **headers))


def of(key: str, **changes: Any) -> dict[str, Any]:
    """What Crescent Aid's books say of somebody."""
    return {"case_no": key, "mobile": TELEPHONE, "vulnerability": 40, **changes}


TELEPHONE = "0770 000 0001"
DOWN, SLOW, GARBLED = "SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT", "SOURCE_GARBLED"


@dataclass(frozen=True)
class Trouble:
    """A way to answer, the code that the field gets, and the telephone shown."""

    way: str | Callable[[str], broken.Way]
    code: str | None = None
    telephone: str | None = None


TROUBLES: dict[str, Trouble] = {
    "nothing is wrong": Trouble(given(lambda key: [of(key)]), None, TELEPHONE),
    "HTML": Trouble("html", GARBLED),
    "HTML by the name of JSON": Trouble("html_named_json", GARBLED),
    "204 and nothing": Trouble(says(b"", "204 No Content"), GARBLED),
    "401 and a text": Trouble("401", DOWN),
    "404": Trouble("404", GARBLED),
    "500": Trouble("500", DOWN),
    "JSON without rows": Trouble("no_rows", GARBLED),
    "JSON that ends too soon": Trouble("truncated", GARBLED),
    "silence": Trouble("hang", SLOW),
    "a byte now and then": Trouble("drip", SLOW),
    "a reset": Trouble("reset", DOWN),
    "less than was promised": Trouble("stop_short", DOWN),
    "a body without end": Trouble("huge", GARBLED),
    "a redirect to the address of a cloud's own figures": Trouble(
        says(b"", "302 Found", location="http://169.254.169.254/latest/meta-data/"), GARBLED
    ),
    "a redirect in circles": Trouble("in_circles", GARBLED),
    "a compressed body": Trouble("compressed", GARBLED),
    "one name twice": Trouble(
        lambda key: broken.says(
            lambda _: broken.http(f'{{"rows": [{{"case_no": "{key}", "mobile": "{SECRET}", "mobile": "{TELEPHONE}"}}]}}'.encode())
        ),
        None,
        TELEPHONE,
    ),
    "values of other types": Trouble(given(lambda key: [of(key, mobile={"x": SECRET})]), GARBLED),
    "more rows than were asked for": Trouble(given(lambda key: [of("XX-1", mobile=SECRET), of(key)]), GARBLED, TELEPHONE),
    "null for a key": Trouble(given(lambda key: [{**of(key), "case_no": None, "mobile": SECRET}, of(key)]), GARBLED, TELEPHONE),
    "every row twice": Trouble(given(lambda key: [of(key), of(key)]), GARBLED, TELEPHONE),
    "no row for the key": Trouble(given(lambda _: [])),
    "an error beside the rows": Trouble(given(lambda key: [of(key)], error=SECRET), None, TELEPHONE),
    "columns that have other names now": Trouble(given(lambda key: [{"case_no": key, "handy": SECRET}]), GARBLED),
}
"""What Crescent Aid's server says when it is asked for one telephone number."""

LEFT: dict[str, tuple[str, dict[str, Any]]] = {
    "what every source would have said": (
        f"{{ {ONE} {{ sex phone birthYear }} me {{ role }} }}",
        {"personByIdentifier": {"sex": None, "phone": None, "birthYear": None}, "me": {"role": "caseworker"}},
    ),
    "what the hub knows by itself": ("{ me { role } }", {"me": {"role": "caseworker"}}),
}
"""Asked of a hub all of whose sources are gone, and the data of the answer."""
