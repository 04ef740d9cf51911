"""Requests that do not hold, cost too much or only look wrong: each by its name, with the one verdict it has wherever it is sent."""

from __future__ import annotations

import json
from typing import Any

from tests.carrying import ME, Asked

CASEWORKER = "crescent-caseworker"
NUMBER = "990000000101"
"""Somebody's number: no answer repeats it."""


def _numbered(count: int, pattern: str) -> str:
    return " ".join(pattern.replace("#", str(at)) for at in range(count))


def _fan(width: int, levels: int) -> str:
    steps = [f"fragment F{level} on Query {{ {f'...F{level + 1} ' * width}}}" for level in range(levels)]
    return "{ ...F0 } " + " ".join(steps) + f" fragment F{levels} on Query {{ __typename }}"


def _aliased_fan(levels: int) -> str:
    steps = [
        f"fragment F{at} on Household {{ a: members {{ household {{ ...F{at + 1} }} }} b: members {{ household {{ ...F{at + 1} }} }} }}"
        for at in range(levels)
    ]
    return "{ people { household { ...F0 } } } " + " ".join(steps) + f" fragment F{levels} on Household {{ size }}"


def _chain(fragments: int, width: int) -> str:
    steps = [f"fragment F{at} on Query {{ {'... { ' * width}...F{at + 1}{' }' * width} }}" for at in range(fragments)]
    return "{ ...F0 } " + " ".join(steps) + f" fragment F{fragments} on Query {{ __typename }}"


TOO_LARGE = {
    "binary fan-out of fragments": _fan(2, 22),
    "eight-fold fan-out of fragments": _fan(8, 7),
    "binary fan-out through aliased fields": _aliased_fan(5),
    "deep binary fan-out through aliased fields": _aliased_fan(16),
    "fan-out in introspection": "{ __schema { types { ...F0 } } } "
    + " ".join(f"fragment F{at} on __Type {{ a: ofType {{ ...F{at + 1} }} b: ofType {{ ...F{at + 1} }} }}" for at in range(16))
    + " fragment F16 on __Type { name }",
    "many aliases of a field": f"{{ me {{ {_numbered(1200, 'a#: role')} }} }}",
    "thousands of aliases of a field": f"{{ me {{ {_numbered(5000, 'a#: role')} }} }}",
    "many aliases of a root field": f"{{ {_numbered(600, 'a#: me { role }')} }}",
    "thousands of aliases of a root field": f"{{ {_numbered(5000, 'a#: me { role }')} }}",
    "one field thousands of times": "{ me { " + "role " * 5000 + "} }",
    "one object a thousand times": "{ " + "me { role } " * 1000 + "}",
    "hundreds of nested inline fragments": "{ me { " + "... on Me { " * 600 + "role" + " }" * 600 + " } }",
    "one directive thousands of times": "{ me { role " + "@skip(if: false) " * 3000 + "} }",
    "an unknown directive thousands of times": "{ me { " + "role @nobody " * 3000 + "} }",
    "thousands of unused variables": f"query({_numbered(3000, '$v#: Int')}) {{ me {{ role }} }}",
    "thousands of unknown fields": f"{{ me {{ {_numbered(4000, 'nothing#')} }} }}",
    "fields nested sixty deep": "{ people " + "{ household { members " * 30 + "{ id }" + " } }" * 30 + " }",
    "fields nested two thousand deep": "{ people " + "{ household { members " * 1000 + "{ id }" + " } }" * 1000 + " }",
    "lists nested two thousand deep": "{ person(id: " + "[" * 2000 + "]" * 2000 + ") { id } }",
    "objects nested a thousand deep": "{ person(id: " + "{a: " * 1000 + "1" + "}" * 1000 + ") { id } }",
    "list types nested two thousand deep": f"query($n: {'[' * 2000}Int{']' * 2000}) {{ people(first: $n) {{ id }} }}",
    "a long chain of fragments": _chain(300, 1),
    "a chain of nested fragments": _chain(30, 40),
    "more tokens than are read": "{ me { role } } #" + "\n" + "{ a }" * 2000,
    "comments without end": "#\n" * 100_000 + ME,
    "thousands of operations": _numbered(2000, "query Q# { me { role } }"),
    "the name of a type thousands of times": "{ " + "__typename " * 2000 + "}",
    "a schema asked for a hundred times": f"{{ {_numbered(100, 'a#: __schema { types { name } }')} }}",
    "a type asked for a thousand times": "{ " + " ".join(f'a{at}: __type(name: "Person") {{ name }}' for at in range(1000)) + " }",
    "many aliases in introspection": f"{{ __schema {{ types {{ fields {{ {_numbered(900, 'a#: name')} }} }} }} }}",
    "one long text": '{ person(id: "' + "x" * 900_000 + '") { id } }',
}

UNSOUND = {
    "a fragment in itself": "{ ...A } fragment A on Query { ...A }",
    "two fragments in each other": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "a fragment in itself through a field": "{ people { ...A } } fragment A on Person { household { members { ...A } } }",
    "an unknown fragment": "{ ...Nobody }",
    "an unused fragment alone": "fragment A on Query { me { role } }",
    "a fragment on a type that cannot be here": '{ person(id: "x") { ... on Allocation { id } } }',
    "a directive hundreds of times": "{ me { role " + "@skip(if: false) " * 500 + "} }",
    "an unknown directive": "{ me { role @nobody } }",
    "an unknown directive hundreds of times": "{ me { " + "role @nobody " * 900 + "} }",
    "an unknown field": "{ nothing }",
    "hundreds of unknown fields": "{ me { " + "nothing " * 900 + "} }",
    "hundreds of unused variables": f"query({_numbered(900, '$v#: Int')}) {{ me {{ role }} }}",
    "an unused variable": "query($a: Int) { me { role } }",
    "an unused variable with a default, beside a directive": "query($a: Int = 1) { me { role } __typename @skip(if: false) }",
    "a variable of an unknown type": "query($a: Nobody) { me { role } }",
    "a variable of a deep list type": f"query($n: {'[' * 30}Int{']' * 30}) {{ people(first: $n) {{ id }} }}",
    "a variable of a wrong type in a directive": "query($n: Int!) { me { role } a: __typename @skip(if: $n) }",
    "no selection": "{}",
    "no selection inside": "{ me {} }",
    "a selection that is missing": "{ me }",
    "a selection inside a leaf": "{ me { role { name } } }",
    "a comment alone": "# nothing",
    "a comma alone": ",",
    "a document that ends too soon": "{ me { role } ",
    "a brace alone": "{",
    "an anonymous operation beside a named one": "{ me { role } } query A { me { role } }",
    "two operations of one name": "query A { me { role } } query A { me { role } }",
    "a definition of a type": "type A { b: Int }",
    "a definition of a type beside an operation": "{ me { role } } type A { b: Int }",
    "introspection without end": "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    "a subscription to a query's field": "subscription { me { role } }",
    "a subscription that is hidden": "subscription { disclosed { id } }",
    "a subscription of others": "subscription { caseConsented { id } }",
    "a subscription to the name of its type": "subscription { sourcesChanged { name } __typename }",
    "a subscription to two things": "subscription { a: sourcesChanged { name } b: sourcesChanged { name } }",
    "a field that is hidden": "{ people { id } }",
    "a lone surrogate": '{ person(id: "\\uD800") { id } }',
    "a NUL": '{ person(id: "a\\u0000b") { id } }',
    "a NUL in braces": '{ person(id: "\\u{00}") { id } }',
    "an exponent without end": "{ person(id: 1e400) { id } }",
    "five thousand digits": f"{{ people(first: {'9' * 5000}) {{ id }} }}",
    "an int beyond 32 bits": "{ people(first: 2147483648) { id } }",
    "an int beyond what a double holds": "{ people(first: 9007199254740993) { id } }",
    "null for what must be there": "{ person(id: null) { id } }",
    "an argument that is missing": "{ person { id } }",
    "an enum value of another alphabet": "{ personByIdentifier(scheme: NATIO\u039dAL_NUMBER, value: 1) { id } }",
    "an enum value as a text": f'{{ personByIdentifier(scheme: "NATIONAL_NUMBER", value: "{NUMBER}") {{ id }} }}',
    "a field of an input that is not there": '{ person(id: "x", __proto__: {a: 1}) { id } }',
    "one name for two fields": '{ person(id: "x") { a: id a: sex } }',
}
"""Asked by anyone: whether a field is hidden or its arguments are wrong, the request is no GraphQL of theirs."""

TWO = "query A { me { role } } query B { me { name } }"
PERSON = "query P($id: ID!) { person(id: $id) { id sex } }"
PEOPLE = "query P($n: Int!) { people(first: $n) { id } }"
FOUND = "query P($v: String!) { personByIdentifier(scheme: NATIONAL_NUMBER, value: $v) { id } }"
OPTIONAL = "query($yes: Boolean!) { me { name role @include(if: $yes) } }"

REQUESTS: dict[str, tuple[dict[str, Any], str]] = {
    "two operations and no name": ({"query": TWO}, "INVALID"),
    "two operations and an empty name": ({"query": TWO, "operationName": ""}, "INVALID"),
    "a name that no operation has": ({"query": TWO, "operationName": "C"}, "INVALID"),
    "a name that the one operation has not": ({"query": ME, "operationName": "C"}, "INVALID"),
    "a name of the language below": ({"query": TWO, "operationName": "__proto__"}, "INVALID"),
    "the name of one operation": ({"query": TWO, "operationName": "B"}, "answered"),
    "a number as the name": ({"query": ME, "operationName": 1}, "HTTP_INVALID"),
    "an object as the name": ({"query": ME, "operationName": {"a": NUMBER}}, "HTTP_INVALID"),
    "no document": ({"variables": {}}, "HTTP_INVALID"),
    "an empty document": ({"query": ""}, "HTTP_INVALID"),
    "a document of spaces": ({"query": "  "}, "HTTP_INVALID"),
    "a number as the document": ({"query": 1}, "HTTP_INVALID"),
    "null as the document": ({"query": None}, "HTTP_INVALID"),
    "a list as the document": ({"query": [ME]}, "HTTP_INVALID"),
    "a hash that is none": ({"id": "persisted"}, "HTTP_INVALID"),
    "a list as the variables": ({"query": ME, "variables": [1]}, "HTTP_INVALID"),
    "an empty list as the variables": ({"query": ME, "variables": []}, "HTTP_INVALID"),
    "a number as the variables": ({"query": ME, "variables": 1}, "HTTP_INVALID"),
    "a number as the extensions": ({"query": ME, "extensions": 1}, "HTTP_INVALID"),
    "a variable that decides, of another type": ({"query": OPTIONAL, "variables": {"yes": 1}}, "INVALID"),
    "a variable that decides, missing": ({"query": OPTIONAL}, "INVALID"),
    "a variable that decides": ({"query": OPTIONAL, "variables": {"yes": False}}, "answered"),
}
"""Asked by anyone."""

VARIABLES: dict[str, tuple[str, str, str]] = {
    "NaN": (PEOPLE, '{"n": NaN}', "HTTP_INVALID"),
    "infinity": (PEOPLE, '{"n": -Infinity}', "HTTP_INVALID"),
    "a number beyond 32 bits": (PEOPLE, '{"n": 2147483648}', "INVALID"),
    "a number beyond what a double holds": (PEOPLE, '{"n": 9007199254740993}', "INVALID"),
    "a number beyond every double": (PEOPLE, '{"n": 1e400}', "HTTP_INVALID"),
    "minus zero": (PEOPLE, '{"n": -0}', "INVALID"),
    "a fraction": (PEOPLE, '{"n": 1.5}', "INVALID"),
    "a number of five thousand digits": (PEOPLE, f'{{"n": {"9" * 5000}}}', "HTTP_INVALID"),
    "half a surrogate pair": (PERSON, '{"id": "\\ud800"}', "HTTP_INVALID"),
    "a NUL in an id": (PERSON, '{"id": "a\\u0000b"}', "INVALID"),
    "a NUL in a number of papers": (FOUND, f'{{"v": "{NUMBER}\\u0000"}}', "INVALID"),
    "signs that turn writing round": (PERSON, '{"id": "\\u202e\\u2066"}', "answered"),
    "a text of half a megabyte": (PERSON, json.dumps({"id": "x" * 500_000}), "answered"),
    "one name twice": (PERSON, '{"id": {"a": 1}, "id": "x"}', "answered"),
    "a name of the language below": (PERSON, f'{{"__proto__": {{"id": "{NUMBER}"}}}}', "INVALID"),
    "an object for a text": (PERSON, f'{{"id": {{"id": "{NUMBER}"}}}}', "INVALID"),
    "a list for a text": (PERSON, f'{{"id": ["{NUMBER}"]}}', "INVALID"),
    "a truth for a text": (PERSON, '{"id": true}', "INVALID"),
    "null for a text": (PERSON, '{"id": null}', "INVALID"),
    "none": (PERSON, "{}", "INVALID"),
    "a thousand unknown": (PERSON, json.dumps({"id": "x"} | {f"v{at}": NUMBER for at in range(1000)}), "answered"),
    "lists without end": (PERSON, '{"id": ' + "[" * 100_000 + "]" * 100_000 + "}", "HTTP_INVALID"),
}
"""Variables as they are written, asked by a caseworker."""

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a number": b"1",
    "null": b"null",
    "a text": b'"x"',
    "an empty list": b"[]",
    "a list of a number": b"[1]",
    "a list of a request": b'[{"query": "{ me { role } }"}]',
    "half an object": b"{",
    "half a request": b'{"query": "{ me { role } }"',
    "an empty object": b"{}",
    "a hundred thousand lists": b"[" * 100_000 + b"]" * 100_000,
    "a hundred thousand lists that do not end": b'{"query":' + b"[" * 100_000,
    "five thousand digits": b"9" * 5_000,
    "bytes that are no UTF-8": b'{"query": "\xff\xfe"}',
    "half a surrogate pair in the document": b'{"query": "{ me { \\udfff } }"}',
    "another encoding": json.dumps({"query": ME}).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps({"query": ME}).encode(),
    "five megabytes": json.dumps({"query": '{ person(id: "' + "x" * 5_000_000 + '") { id } }'}).encode(),
}
"""What is no request, as a body or in a WebSocket's `subscribe`."""

CASES: dict[str, tuple[Asked, str, str | None]] = {
    **{f"document: {name}": (Asked({"query": query}), "LIMIT_REACHED", None) for name, query in TOO_LARGE.items()},
    **{f"document: {name}": (Asked({"query": query}), "GRAPHQL_INVALID", None) for name, query in UNSOUND.items()},
    **{f"request: {name}": (Asked(body), code, None) for name, (body, code) in REQUESTS.items()},
    **{
        f"variables: {name}": (Asked({"query": query}, written=written), code, CASEWORKER)
        for name, (query, written, code) in VARIABLES.items()
    },
    **{f"body: {name}": (Asked({}, raw=content), "HTTP_INVALID", None) for name, content in BODIES.items()},
}
"""By its name: the request, the code of its first error, and who asks."""

FRAMES: dict[str, str | bytes] = {
    "a binary frame": b'{"type": "ping"}',
    "nothing": "",
    "a number": "1",
    "null": "null",
    "a list": "[]",
    "a text": '"ping"',
    "a truth": "true",
    "half an object": "{",
    "an empty object": "{}",
    "a hundred thousand lists": "[" * 100_000 + "]" * 100_000,
    "a hundred thousand lists that do not end": '{"type": ' + "[" * 100_000,
    "five thousand digits": "9" * 5_000,
    "a message with NaN": '{"type": "ping", "a": NaN}',
    "half a surrogate pair": '{"type": "subscribe", "id": "\\ud800", "payload": {}}',
    "a number as the type": '{"type": 1}',
    "a list as the type": '{"type": ["ping"]}',
    "an unknown type": '{"type": "nothing"}',
    "a message that only the hub sends": '{"type": "next", "id": "1", "payload": {}}',
    "an acknowledgement": '{"type": "connection_ack"}',
    "a message of the older protocol": '{"type": "start", "id": "1", "payload": {"query": "{ me { role } }"}}',
    "a ping with a number": '{"type": "ping", "payload": 1}',
    "a pong with a list": '{"type": "pong", "payload": []}',
    "no id": '{"type": "subscribe", "payload": {"query": "{ me { role } }"}}',
    "a number as the id": '{"type": "subscribe", "id": 1, "payload": {"query": "{ me { role } }"}}',
    "an empty id": '{"type": "subscribe", "id": "", "payload": {"query": "{ me { role } }"}}',
    "null as the id": '{"type": "subscribe", "id": null, "payload": {"query": "{ me { role } }"}}',
    "an id that is too long": json.dumps({"type": "subscribe", "id": "x" * 257, "payload": {"query": ME}}),
    "an end without an id": '{"type": "complete"}',
    "an end of a number": '{"type": "complete", "id": 1}',
}
"""Frames that are no message of the protocol."""

KINDS = {
    "plain text": "text/plain",
    "plain text that names JSON": "text/plain; application/json",
    "a form": "application/x-www-form-urlencoded",
    "a form of files": "multipart/form-data; boundary=x",
    "a bare document": "application/graphql",
    "JSON in another charset": "application/json; charset=utf-16",
    "JSON in an invented charset": "application/json; charset=x-nothing",
    "no type": "",
}
"""Content types that a page of another origin could send unasked, or that are read otherwise than they were written."""

ONE = 'personByIdentifier(scheme: RATION_CARD, value: "2043817/2")'
"""Somebody whose mother's name stands in the registry, and who did not consent to showing it."""

SECOND = 'personByIdentifier(scheme: RATION_CARD, value: "2043817/1")'
"""That mother."""

SHARING = "fragment A on Person { household { members { sex } } } fragment B on Person { household { members { motherName } } }"

PATHS: dict[str, tuple[str, str]] = {
    "by itself": (f"{{ {ONE} {{ sex motherName }} }}", "{}"),
    "under another name": (f"{{ {ONE} {{ sex name: motherName }} }}", "{}"),
    "under its object's other name": (f"{{ a: {ONE} {{ sex }} b: {ONE} {{ sex motherName }} }}", "{}"),
    "in a fragment": (f"{{ {ONE} {{ sex ...M }} }} fragment M on Person {{ motherName }}", "{}"),
    "in an inline fragment": (f"{{ {ONE} {{ sex ... on Person {{ motherName }} }} }}", "{}"),
    "in a fragment on the root": (f"{{ ...Q }} fragment Q on Query {{ {ONE} {{ sex motherName }} }}", "{}"),
    "by a variable that includes it": (f"query($yes: Boolean!) {{ {ONE} {{ sex motherName @include(if: $yes) }} }}", '{"yes": true}'),
    "by a variable that does not skip it": (f"query($no: Boolean!) {{ {ONE} {{ sex motherName @skip(if: $no) }} }}", '{"no": false}'),
    "in two fragments that share a key": (
        f"{{ {ONE} {{ ...A ...B }} }} {SHARING}",
        "{}",
    ),
    "inside what is permitted": (f"{{ {ONE} {{ household {{ members {{ sex motherName }} }} }} }}", "{}"),
    "beside the name of its type": (f"{{ {ONE} {{ __typename sex motherName }} }}", "{}"),
    "in what the hub says of the answer": (f"{{ {ONE} {{ sex motherName withheld {{ attribute reason }} }} }}", "{}"),
}
"""Ways to a value that may not be seen, each beside one that may."""

HIDDEN = {
    "by itself": ("{ __schema { description } }", "{}"),
    "under another name": ('{ me { role } a: __type(name: "Person") { name } }', "{}"),
    "in a fragment": ("{ ...F } fragment F on Query { __schema { description } }", "{}"),
    "where a variable includes it": ("query($v: Boolean!) { me { role } __schema @include(if: $v) { description } }", '{"v": true}'),
}
"""Ways to ask of the schema where it says nothing of itself."""
