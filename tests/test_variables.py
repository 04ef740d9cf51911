"""Variables are coerced as graphql-core coerces them, whichever way they go."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse
from graphql.execution.values import get_variable_values
from hypothesis import given
from hypothesis import strategies as st

from schema.door.variables import UNKEPT, coercer

TYPES = [
    "ID",
    "ID!",
    "String",
    "String!",
    "Int",
    "Int!",
    "Boolean",
    "Boolean!",
    "Float",
    "Kind",
    "Kind!",
    "[Int!]",
    "Int = 3",
    "Int! = 3",
    "Nope",
]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**33), 2**33)
    | st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 1.0, 1.5, "A", "", [], [1], {}])
)
SCHEMA = build_schema("enum Kind { A B } type Query { a: Int }")


@given(st.lists(st.sampled_from(TYPES), max_size=3), st.dictionaries(st.sampled_from(["v0", "v1", "v2", "other"]), VALUES))
def test_variables_are_what_graphql_core_makes_of_them(types: list[str], given_: dict[str, Any]) -> None:
    declared = "".join(f"$v{place}: {type_} " for place, type_ in enumerate(types))
    (operation,) = parse(f"query Q({declared}) {{ a }}" if declared else "query Q { a }").definitions
    assert isinstance(operation, OperationDefinitionNode)
    nodes = operation.variable_definitions or ()
    found, due = coercer(SCHEMA, nodes)(given_), get_variable_values(SCHEMA, nodes, given_, max_errors=20)
    if isinstance(due, list):
        assert isinstance(found, list)
        assert found
        wrong = [[each.nodes[0] for each in errors if each.nodes and each.nodes[0] in nodes] for errors in (found, due)]
        assert wrong[0] == wrong[1]
    else:
        assert not isinstance(found, list)
        assert found.coerced == due.coerced
        assert {name: type(value) for name, value in found.coerced.items()} == {name: type(value) for name, value in due.coerced.items()}
        assert {name: each.value for name, each in found.sources.items()} == {name: each.value for name, each in due.sources.items()}


NESTED = build_schema("input Some { text: String, more: [Some!] } scalar Code type Query { a(b: Some, c: [Code], d: ID): Int }")


@pytest.mark.parametrize(
    ("type_", "value"), [("String", "a\0"), ("ID!", "\0"), ("Some", {"more": [{"text": "\0"}]}), ("[Code]", ["a", "\0b"]), ("[ID!]!", "\0")]
)
def test_a_text_that_no_database_keeps_is_refused_wherever_it_stands(type_: str, value: Any) -> None:
    (operation,) = parse(f"query Q($other: Int, $v: {type_}) {{ a }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    nodes = operation.variable_definitions or ()
    found = coercer(NESTED, nodes)({"v": value})
    assert isinstance(found, list)
    assert [(each.message, each.nodes) for each in found] == [(UNKEPT, [nodes[1]])]


@pytest.mark.parametrize(
    ("value", "places"),
    [
        (None, ["v"]),
        ({"text": 1, "more": [{"text": "a"}, {"text": 5}, {"more": 7}]}, ["v.text", "v.more.1.text", "v.more.2.more"]),
        ({"more": [{"SECRET": 1}]}, ["v.more.0"]),
        ({"more": [{"text": number} for number in range(1000)]}, [f"v.more.{number}.text" for number in range(20)]),
    ],
    ids=["null", "deep", "unknown", "many"],
)
def test_a_variable_that_does_not_fit_is_told_with_its_place_and_without_its_value(value: Any, places: list[str]) -> None:
    (operation,) = parse("query Q($v: Some!) { a }").definitions
    assert isinstance(operation, OperationDefinitionNode)
    found = coercer(NESTED, operation.variable_definitions or ())({"v": value})
    assert isinstance(found, list)
    assert [(each.extensions or {})["place"] for each in found] == places
    assert not any("SECRET" in str(each) for each in found)
