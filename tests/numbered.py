"""The bad inputs that every door of GraphQL is tried with, by number: which cases are of it, and what each is carried by.

A number names cases of the tables: `document: …`, `request: …`, `variables: …`, `body: …` are of `CASES`, `frame: …` of `FRAMES`,
`type: …` of `KINDS`, `hidden: …` of `HIDDEN`, `path: …` of `PATHS`, `reach: …` of `REACHES`, `source: …` of `TROUBLES`, `gone: …` of
`LEFT`.
A transport that cannot carry each case of a number stands there with its reason; what is of few transports, or is no single question,
stands with its tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LONG = "a query string holds no more than a head"
BODY = "a GET has no body"
TEXTS = "a query string has no types, only texts"
FRAMES = "a frame has no content type, no encoding and no charset, and is as long as it says"
METHOD = "it is GET, or another method, that is wrong"
STREAM = "it is a stream"
MESSAGES = "there are no messages, and one operation at a time"
EVENTS = "one answer ends it; there is nothing that goes on"


@dataclass(frozen=True)
class Numbered:
    """One kind of bad input."""

    says: str
    cases: tuple[str, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)
    tests: tuple[str, ...] = ()
    over: tuple[str, ...] = ()


def _of(says: str, *cases: str, **without: str) -> Numbered:
    """What is in the tables: every case goes over every transport but these."""
    return Numbered(says, cases, without)


def _by(says: str, over: str, *tests: str, **without: str) -> Numbered:
    """What tests of its own try over these transports."""
    return Numbered(says, (), without, tests, tuple(over.split()))


LISTED: dict[int, Numbered] = {
    1: _of("fan-out of two fragments", "document: binary fan-out of fragments"),
    2: _of("fan-out of eight fragments", "document: eight-fold fan-out of fragments"),
    3: _of("fan-out through aliased fields", "document: *binary fan-out through aliased fields"),
    4: _of("circles of fragments", "document: a fragment in itself*", "document: two fragments in each other"),
    5: _of("an unknown fragment", "document: an unknown fragment"),
    6: _of("thousands of aliases", "document: *aliases of a *field", GET=LONG),
    7: _of("one field thousands of times", "document: one field thousands of times"),
    8: _of("many objects and nested fragments", "document: one object a thousand times", "document: hundreds of nested inline fragments"),
    9: _of("many directives", "document: *directive*of times", GET=LONG),
    10: _of("thousands of unused variables", "document: *of unused variables", GET=LONG),
    11: _of("thousands of unknown fields", "document: *of unknown fields", GET=LONG),
    12: _of(
        "deep nesting", "document: * nested * deep", "document: list types nested*", "document: a variable of a deep list type", GET=LONG
    ),
    13: _of("empty selections", "document: no selection*", "document: a selection that is missing"),
    14: _of("no operation", "document: a comment alone", "document: an unused fragment alone", "request: an empty document"),
    15: _of("thousands of operations", "document: thousands of operations", GET=LONG),
    16: _of("two operations and no name", "request: two operations and no name"),
    17: _of("names that clash", "document: an anonymous operation beside*", "document: two operations of one name"),
    18: _of("a name that is none", "request: two operations and an empty name", "request: a* as the name", GET=TEXTS),
    19: _of(
        "introspection without end",
        "document: *of a type thousands of times",
        "document: a * asked for*",
        "document: introspection*",
        GET=LONG,
    ),
    20: _of("introspection where there is none", "hidden: *"),
    21: _of("NaN and infinity", "variables: NaN", "variables: infinity"),
    22: _of("numbers beyond", "variables: a number beyond*", "variables: minus zero", "document: an int beyond*", "document: an exponent*"),
    23: _of(
        "five thousand digits",
        "variables: a number of five thousand digits",
        "document: five thousand digits",
        "body: five thousand digits",
        GET=BODY,
    ),
    24: _of("half a surrogate pair", "variables: half a surrogate pair", "document: a lone surrogate"),
    25: _of("NUL", "variables: a NUL*"),
    26: _of("one name twice", "variables: one name twice"),
    27: _of(
        "names and values of others",
        "variables: a name of the language below",
        "document: an enum value of another alphabet",
        "document: a field of an*",
    ),
    28: _of("texts without end", "document: one long text", "variables: a text of half a megabyte", "body: five megabytes", GET=LONG),
    29: _of("a body that is no object", "body: a number", "body: null", "body: a text", "body: *list*", GET=BODY),
    30: _of("JSON nested deep", "body: a hundred thousand lists*", "variables: lists without end", GET=BODY),
    31: _of("other encodings", "body: bytes that are no UTF-8", "body: another encoding", "body: a byte order mark", GET=BODY),
    32: _of("other content types", "type: *", GET=BODY, WebSocket=FRAMES),
    33: _by(
        "changes by GET, and other methods",
        "GET",
        "test_door.py::test_a_mutation_by_get_is_refused",
        "test_door.py::test_a_method_that_is_not_taken_is_told_which_are",
        POST=METHOD,
        SSE=METHOD,
        WebSocket=METHOD,
    ),
    34: _of("variables that are none", "request: a number as the variables", "request: *list as the variables"),
    35: _by(
        "a stream by GET",
        "GET",
        "test_transports.py::test_get_never_opens_a_stream",
        "test_door.py::test_a_content_type_on_get_changes_nothing",
        POST=METHOD,
        SSE=METHOD,
        WebSocket=METHOD,
    ),
    36: _by(
        "a subscription without a stream",
        "POST GET",
        "test_transports.py::test_a_subscription_without_a_stream_is_refused_with_the_way_to_have_one",
        SSE=STREAM,
        WebSocket=STREAM,
    ),
    37: _by(
        "bombs, slow bodies, long heads, other charsets",
        "POST GET SSE",
        "test_bad_inputs.py::test_a_compressed_body_is_not_unpacked",
        "test_bad_inputs.py::test_a_body_that_is_not_json_by_name_is_refused_unread",
        "test_bad_inputs.py::test_a_head_of_sixty_kilobytes_is_read_and_one_without_end_is_not",
        "test_bad_inputs.py::test_who_sends_slowly_is_not_waited_for",
        WebSocket=FRAMES,
    ),
    38: _by(
        "messages out of turn, other origins",
        "WebSocket",
        "test_transports.py::test_who_asks_before_it_is_acknowledged_is_closed_with_4401",
        "test_transports.py::test_who_initialises_twice_is_closed_with_4429",
        "test_transports.py::test_an_id_that_is_running_closes_with_4409_and_one_that_ended_is_free_again",
        "test_transports.py::test_a_page_of_another_origin_may_not_connect_unless_it_is_named",
        POST=MESSAGES,
        GET=MESSAGES,
        SSE=MESSAGES,
    ),
    39: _of("frames that are no messages", "frame: *", POST=MESSAGES, GET=MESSAGES, SSE=MESSAGES),
    40: _by(
        "an operation that disturbs others",
        "WebSocket",
        "test_transports.py::test_an_operation_that_does_not_hold_disturbs_no_other",
        POST=MESSAGES,
        GET=MESSAGES,
        SSE=MESSAGES,
    ),
    41: _of("fields of another type", "request: a number as the document", "request: *list as the variables", GET=TEXTS),
    42: _of("ids that are none", "frame: *id", "frame: an id that is too long", POST=MESSAGES, GET=MESSAGES, SSE=MESSAGES),
    43: _by(
        "more operations at once than are carried",
        "SSE WebSocket",
        "test_transports.py::test_a_connection_carries_so_many_operations_and_no_more",
        "test_transports.py::test_a_credential_holds_so_many_connections_and_no_more",
        POST=EVENTS,
        GET=EVENTS,
    ),
    44: _by(
        "changes by any way",
        "POST GET SSE WebSocket",
        "test_transports.py::test_a_change_is_made_or_refused_alike_over_every_transport_that_takes_changes",
        "test_door.py::test_a_mutation_by_get_is_refused",
    ),
    45: _by(
        "slow readers",
        "SSE WebSocket",
        "test_transports.py::test_a_reader_slower_than_the_events_is_told_so_and_holds_nobody_up",
        POST=EVENTS,
        GET=EVENTS,
    ),
    46: _of("ways round to what may not be seen", "path: *", "reach: *"),
    47: _of("one key, once allowed and once withheld", "path: in two fragments that share a key"),
    48: _of("a rule that names what there is not", "reach: a field that is opened under a condition there is not"),
    49: _of("a rule that fails", "reach: a field whose rule fails", "reach: what stands beside a field whose rule fails"),
    50: _of("what must be there, withheld", "reach: a person who may not be known", "reach: the name of the type alone", "path: inside*"),
    51: _of("sources that break or lie", "source: *"),
    52: _of("sources that are gone or changed", "gone: *", "source: columns that have other names now"),
    53: _of("answers in part, kept by caches", "gone: *", "source: *"),
}

ELSEWHERE: dict[int, tuple[str, ...]] = {
    46: (
        "test_troubles.py::test_what_one_requester_is_shown_another_is_not_shown_from_memory",
        "test_transports.py::test_staff_learn_of_a_consent_and_the_event_after_its_withdrawal_shows_no_more",
        "test_trusted.py::test_a_client_registers_a_document_once_for_its_organisation_alone",
        "test_trusted.py::test_a_trusted_document_is_held_against_what_the_requester_may_see",
        "test_oracle.py::test_a_filter_finds_nothing_by_what_may_not_be_shown",
    ),
    48: ("test_rules.py::test_the_hub_does_not_open_with_broken_rules_and_says_where",),
    51: (
        "test_guard.py::test_each_way_to_fail_has_its_name",
        "test_broken_wires.py::test_what_a_lying_graphql_source_says_is_used_as_far_as_it_can_be",
    ),
    52: ("test_bad_inputs.py::test_a_partial_answer_is_the_same_over_every_transport_and_kept_by_nobody",),
}
"""What else of a number is tried, where it is no single question: events, documents registered by others, what two ask at once."""
