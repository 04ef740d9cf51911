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
        assert [each.message for each in found] == [each.message for each in due]
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
