"""What does not hold has one verdict, whatever carries it, costs little, and ends no connection without a word."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from schema.door.door import Request
from settings import Settings
from tests.asking import Asking, asking
from tests.bad_inputs import CASES, CASEWORKER, FRAMES, HIDDEN, KINDS, NUMBER, ONE, PATHS, TOO_LARGE, UNSOUND
from tests.carrying import EVENT_STREAM, GRAPHQL, ME, PROTOCOL, TRANSPORTS, Asked, Place, connected, opened, said
from tests.country import Country
from tests.numbered import ELSEWHERE, LISTED, Numbered
from tests.serving import Serving
from tests.troubles import LEFT, REACHES, TROUBLES
from tests.varying import varied


@pytest.fixture(scope="session")
def place(hub_server: Serving, country: Country) -> Place:
    return Place(hub_server, country.keys, country.settings)


@pytest.mark.parametrize(("asked", "code", "who"), CASES.values(), ids=list(CASES))
async def test_it_has_the_same_verdict_over_every_transport(place: Place, asked: Asked, code: str, who: str | None) -> None:
    asked = replace(asked, authorization=f"Bearer {place.keys[who]}") if who else asked
    bodies = {transport: await TRANSPORTS[transport](place, asked) for transport in asked.transports}
    assert {transport: said(body) for transport, body in bodies.items()} == dict.fromkeys(asked.transports, code)
    assert NUMBER not in str(bodies)


BY_NAME: dict[str, tuple[str, ...]] = {
    **{name: asked.transports for name, (asked, *_) in CASES.items()},
    **{f"frame: {name}": ("WebSocket",) for name in FRAMES},
    **{f"type: {name}": ("POST", "SSE") for name in KINDS},
    **{f"hidden: {name}": tuple(TRANSPORTS) for name in HIDDEN},
    **{f"path: {name}": tuple(TRANSPORTS) for name in PATHS},
    **{f"reach: {name}": tuple(TRANSPORTS) for name in REACHES},
    **{f"source: {name}": tuple(TRANSPORTS) for name in TROUBLES},
    **{f"gone: {name}": tuple(TRANSPORTS) for name in LEFT},
}
"""Every case of the tables, and what carries it."""


@pytest.mark.parametrize(("number", "listed"), LISTED.items())
def test_each_number_is_tried_over_every_transport_or_says_why_not(number: int, listed: Numbered) -> None:
    found = {pattern: [name for name in BY_NAME if fnmatchcase(name, pattern)] for pattern in listed.cases}
    assert [pattern for pattern, names in found.items() if not names] == []
    missing = {each for names in found.values() for name in names for each in set(TRANSPORTS) - set(BY_NAME[name])}
    over = set(listed.over) if listed.tests else set(TRANSPORTS) - missing
    assert over | missing
    assert (set(listed.without), over & set(listed.without)) == (set(TRANSPORTS) - over, set()), listed.says
    for place in (*listed.tests, *ELSEWHERE.get(number, ())):
        file, _, name = place.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8"), place


def test_the_numbers_go_from_1_to_53() -> None:
    assert list(LISTED) == list(range(1, 54))
    assert set(ELSEWHERE) < set(LISTED)


COSTLY = {**TOO_LARGE, **{name: query for name, query in UNSOUND.items() if len(query) > 2000}}


@pytest.fixture(scope="module")
async def unmeasured(country: Country, served: Settings) -> AsyncIterator[Asking]:
    async with asking(country, served) as hub:
        await hub.ask(ME)
        yield hub


@pytest.mark.parametrize("query", COSTLY.values(), ids=list(COSTLY))
async def test_refusing_it_takes_little_work(unmeasured: Asking, query: str) -> None:
    """In calls of functions, which are as many on every machine."""
    enquiry, calls = await unmeasured.hub.enquiry(None, None), Counter[str]()
    sys.setprofile(lambda _, event, __: calls.update((event,)))
    try:
        body = (await unmeasured.door.answer(Request(query), enquiry)).body
    finally:
        sys.setprofile(None)
    assert "errors" in body
    assert calls["call"] <= 250_000


# --- the frames of a WebSocket, and the heads of HTTP -----------------------------------------------------------------------


@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
async def test_what_is_no_message_of_the_protocol_closes_with_4400_and_a_reason(place: Place, frame: str | bytes) -> None:
    async with connected(place) as client:
        await client.socket.send(frame)
        code, reason = await client.closed()
        assert (code, bool(reason)) == (4400, True)
    if "subscribe" not in str(frame):
        async with opened(place) as client:
            await client.socket.send(frame)
            assert (await client.closed())[0] == 4400, "before the connection is acknowledged too"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
async def test_a_body_that_is_not_json_by_name_is_refused_unread(place: Place, kind: str) -> None:
    async with place.client() as client:
        for accept in (GRAPHQL, EVENT_STREAM):
            given = {"content-type": kind, "accept": accept}
            response = await client.post("/graphql", content=json.dumps({"query": ME}), headers=given)
            assert (response.status_code, said(response.json())) == (415, "HTTP_INVALID")
        got = await client.get("/graphql", params={"query": ME}, headers={"content-type": kind})
        assert got.json() == {"data": {"me": {"role": "public"}}}, "a GET has no body"


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "deflate, gzip"])
async def test_a_compressed_body_is_not_unpacked(place: Place, encoding: str) -> None:
    bomb = gzip.compress(b'{"query": "' + b" " * 50_000_000 + b'"}', 9)
    async with place.client() as client:
        for accept in (GRAPHQL, EVENT_STREAM):
            given = {"content-type": "application/json", "content-encoding": encoding, "accept": accept}
            response = await client.post("/graphql", content=bomb, headers=given)
            assert (response.status_code, said(response.json())) == (415, "HTTP_INVALID")


async def test_no_websocket_unpacks_its_frames(place: Place) -> None:
    async with connect(place.socket, subprotocols=[PROTOCOL]) as socket:
        assert not socket.protocol.extensions


def _said(connection: socket.socket) -> bytes:
    """All that is said until the hub hangs up."""
    found = b""
    with suppress(ConnectionError):
        while part := connection.recv(65_536):
            found += part
    return found


def _connected(place: Place) -> socket.socket:
    url = httpx.URL(place.hub.url)
    return socket.create_connection((url.host, url.port or 0), timeout=20)


def test_a_head_of_sixty_kilobytes_is_read_and_one_without_end_is_not(place: Place) -> None:
    with _connected(place) as connection:
        connection.sendall(b"GET /graphql?query={me{role}} HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 60_000 + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    with _connected(place) as connection:
        connection.sendall(b"GET /graphql HTTP/1.1\r\nHost: x\r\nX: ")
        sent = 0
        with suppress(ConnectionError):
            while sent < 10_000_000:
                connection.sendall(b"a" * 10_000)
                sent += 10_000
        assert sent < 10_000_000


@pytest.mark.parametrize("more", [b"1000\r\n" + b" " * 4096 + b"\r\n", b"0\r\n" + b"a: b\r\n" * 500], ids=["a body", "trailers"])
def test_what_comes_behind_an_answer_is_not_read_for_ever(place: Place, more: bytes) -> None:
    with _connected(place) as connection:
        connection.sendall(b"GET /graphql?query={me{role}} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        sent = 0
        with suppress(ConnectionError):
            while sent < 50_000_000:
                connection.sendall(more)
                more = more.removeprefix(b"0\r\n")
                sent += len(more)
        assert sent < 50_000_000


# --- values that may not be seen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "variables"), PATHS.values(), ids=list(PATHS))
async def test_a_value_that_may_not_be_seen_is_reached_over_no_transport(place: Place, query: str, variables: str) -> None:
    """What may be seen beside it survives."""
    asked = Asked({"query": query}, f"Bearer {place.keys[CASEWORKER]}", written=variables)
    bodies = [await TRANSPORTS[transport](place, asked) for transport in asked.transports]
    assert len(bodies) == 4
    assert all(body["data"] == bodies[0]["data"] for body in bodies)
    for body in bodies:
        assert "زينب كاظم" not in json.dumps(body, ensure_ascii=False)
        assert json.dumps(body["data"]).count('"M"') >= 1
        withheld = {(each["coordinate"], each["reason"]) for each in body["extensions"]["withheld"]}
        assert ("Person.motherName", "NO_CONSENT") in withheld
    assert "زينب كاظم" not in place.hub.said()


# --- a hub that is in a bad way: a source is down, and it says nothing of its schema -------------------------------------------


@pytest.fixture(scope="module")
def maimed(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    limits = "[hub.limits]\narrival_seconds = 1.0\n"
    down = {"CRESCENT_AID_URL": "http://127.0.0.1:9"}
    with varied(country, tmp_path_factory.mktemp("maimed") / "hub", "introspection = false", limits, down) as running:
        yield Place(running.hub, country.keys, country.settings)


@pytest.mark.parametrize(("query", "variables"), HIDDEN.values(), ids=list(HIDDEN))
async def test_a_schema_that_is_not_told_is_told_over_no_transport(maimed: Place, query: str, variables: str) -> None:
    asked = Asked({"query": query}, written=variables)
    told = {transport: said(await TRANSPORTS[transport](maimed, asked)) for transport in asked.transports}
    assert told == dict.fromkeys(TRANSPORTS, "GRAPHQL_INVALID")
    assert said(await TRANSPORTS["WebSocket"](maimed, Asked({"query": "{ __typename me { __typename } }"}))) == "answered"


async def test_a_partial_answer_is_the_same_over_every_transport_and_kept_by_nobody(maimed: Place) -> None:
    """That no cache may keep it is looked at wherever an answer is read."""
    asked = Asked({"query": f"{{ {ONE} {{ birthYear phone }} }}"}, f"Bearer {maimed.keys[CASEWORKER]}")
    bodies = {transport: await TRANSPORTS[transport](maimed, asked) for transport in TRANSPORTS}
    for body in bodies.values():
        assert body["data"] == {"personByIdentifier": {"birthYear": 2006, "phone": None}}
        (error,) = body["errors"]
        found = error["extensions"]
        assert (found["code"], found["source"], found["coordinate"]) == ("SOURCE_UNAVAILABLE", "crescent-aid", "Person.phone")
        assert {each["name"]: each["status"] for each in body["extensions"]["sources"]}["crescent-aid"] == "UNAVAILABLE"


SLOW = {
    "nothing at all": (b"", b""),
    "a line without end": (b"POST /graph", b""),
    "a head that drips": (b"POST /graphql HTTP/1.1\r\nhost: x\r\nx: ", b"a"),
    "empty lines that drip": (b"\r\n", b"\r\n"),
    "a body that does not come": (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n",
        b"",
    ),
    "a body that drips": (b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{", b" "),
    "a body in pieces that drip": (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        b"1\r\n \r\n",
    ),
    "a stream's body that drips": (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n",
        b" ",
    ),
    "trailers that drip behind an answer": (
        b"GET /graphql?query={me{role}} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        b"a: b\r\n",
    ),
    "a second head that drips": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nx: ", b"a"),
}


async def _dripped(place: Place, first: bytes, then: bytes) -> bytes:
    """What the hub says until it hangs up on who sends so slowly; the test ends by itself where it does not."""
    url = httpx.URL(place.hub.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(first)
    reading = asyncio.ensure_future(reader.read())
    async with asyncio.timeout(20):
        while not reading.done():
            with suppress(ConnectionError):
                writer.write(then)
                await writer.drain()
            await asyncio.sleep(0.1)
    writer.close()
    return b"" if reading.exception() is not None else reading.result()


@pytest.mark.alone
async def test_who_sends_slowly_is_not_waited_for(maimed: Place) -> None:
    heard = await asyncio.gather(*(_dripped(maimed, *each) for each in SLOW.values()))
    told = {name: re.findall(rb"HTTP/1.1 (\d+)", text) for name, text in zip(SLOW, heard, strict=True)}
    late = [b"408"]
    assert told == {
        "nothing at all": [],
        "a line without end": late,
        "a head that drips": late,
        "empty lines that drip": late,
        "a body that does not come": late,
        "a body that drips": late,
        "a body in pieces that drip": late,
        "a stream's body that drips": late,
        "trailers that drip behind an answer": [b"200"],
        "a second head that drips": [b"200", b"408"],
    }
    for text in heard:
        if b"408" in text:
            body: dict[str, Any] = json.loads(text.rpartition(b"\r\n\r\n")[2])
            assert said(body) == "HTTP_INVALID"
    async with maimed.client() as client:
        assert (await client.get("/healthz")).status_code == 200
