"""HTTP, event streams and WebSockets over real sockets: one verdict for all, sockets that end with their code, streams that obey."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from privacy.credentials import Credentials
from privacy.keys import KeyRing
from resolvers.events import Events
from resolvers.hub import Hub
from schema import SCHEMA
from schema.door.door import Request
from schema.door.live import Live
from schema.door.streaming import Piece, Streams
from tables.database import Database
from tests.asking import Asking, asking, copied
from tests.bad_inputs import TOO_LARGE
from tests.carrying import EVENT_STREAM, GRAPHQL, ME, TRANSPORTS, Asked, Client, Place, connected, opened, said, streamed
from tests.country import Country
from tests.serving import Serving, serving
from values import Enquiry, Purpose, Role

WATCH = "subscription { caseConsented { id motherName withheld { attribute reason } } }"
CHANGES = "subscription { sourcesChanged { name status } }"
CASEWORKER, MARIAM = "crescent-caseworker", "mariam"
LIMITS = "[hub.limits]\nconnections = 3\noperations = 60\ninit_seconds = 0.5\naliases = 10000\nfields = 10000\n"


@pytest.fixture(scope="session")
def place(hub_server: Serving, country: Country) -> Place:
    return Place(hub_server, country.keys, country.settings)


@pytest.fixture(scope="module")
def narrow(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A hub of its own, whose limits are soon reached, and which one foreign origin may connect to."""
    folder = tmp_path_factory.mktemp("narrow")
    settings = copied(country, folder / "country")
    text = settings.path.read_text(encoding="utf-8")
    settings.path.write_text(text.replace("[hub]\n", f'{LIMITS}\n[hub]\norigins = ["https://app.example.org"]\n', 1), encoding="utf-8")
    with serving(settings.path, folder / "output.txt") as hub:
        yield Place(hub, country.keys, settings)


# --- one verdict -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("authorization", "purpose", "verdict"),
    [
        ("Bearer {key}", None, "answered"),
        ("bearer {key}", "aid_distribution", "answered"),
        (None, "open_data", "answered"),
        ("{key}", None, "UNAUTHENTICATED"),
        ("Bearer", None, "UNAUTHENTICATED"),
        ("Basic {key}", None, "UNAUTHENTICATED"),
        ("Bearer {key}x", None, "UNAUTHENTICATED"),
        ("Bearer mz_", None, "UNAUTHENTICATED"),
        ("", None, "UNAUTHENTICATED"),
        ("Bearer {key}", "statistics", "PURPOSE_NOT_ALLOWED"),
        ("Bearer {key}", "", "PURPOSE_NOT_ALLOWED"),
        (None, "aid_distribution", "PURPOSE_NOT_ALLOWED"),
    ],
)
async def test_a_credential_has_the_same_verdict_over_every_transport(
    place: Place, transport: str, authorization: str | None, purpose: str | None, verdict: str
) -> None:
    given = authorization.format(key=place.keys[CASEWORKER]) if authorization is not None else None
    assert said(await TRANSPORTS[transport](place, Asked({"query": ME}, given, purpose))) == verdict


@pytest.mark.parametrize("transport", ["POST", "SSE", "WebSocket"])
async def test_a_change_is_made_or_refused_alike_over_every_transport_that_takes_changes(place: Place, transport: str) -> None:
    withdraw = 'mutation { consentWithdraw(input: { id: "none" }) { __typename ... on Refusal { code } } }'
    asked = Asked({"query": withdraw}, f"Bearer {place.keys[MARIAM]}")
    assert said(await TRANSPORTS[transport](place, asked)) == "answered"
    other = Asked({"query": withdraw}, f"Bearer {place.keys[CASEWORKER]}")
    assert said(await TRANSPORTS[transport](place, other)) == "GRAPHQL_INVALID"


@pytest.mark.parametrize("who", [None, CASEWORKER, MARIAM, "inspector"])
async def test_the_schema_says_the_same_of_itself_over_every_transport(place: Place, who: str | None) -> None:
    query = "{ __schema { subscriptionType { fields { name } } } }"
    posted = (await place.post(query, who)).json()
    async with connected(place, who) as client:
        assert (await client.answer("1", query))["payload"] == posted
    async with streamed(place, {"query": query}, who) as events:
        assert await events.next() == ("next", posted)
    names = {each["name"] for each in posted["data"]["__schema"]["subscriptionType"]["fields"]}
    assert "sourcesChanged" in names
    assert names & {"caseConsented", "disclosed"} == {CASEWORKER: {"caseConsented"}, MARIAM: {"disclosed"}}.get(who or "", set())


async def test_an_answer_is_the_same_over_every_transport_and_recorded_over_each(narrow: Place) -> None:
    query = "{ people(first: 3) { id name sex withheld { attribute reason } } }"
    posted = (await narrow.post(query, CASEWORKER)).json()["data"]
    before = _entries(narrow)
    async with connected(narrow, CASEWORKER) as client:
        assert (await client.answer("1", query))["payload"]["data"] == posted
    assert _entries(narrow) == before + 1
    async with streamed(narrow, {"query": query}, CASEWORKER) as events:
        assert (await events.next())[1]["data"] == posted
    assert _entries(narrow) == before + 2


def _entries(place: Place) -> int:
    import sqlite3

    with closing(sqlite3.connect(place.settings.hub.record.removeprefix("sqlite:///"))) as connection:
        return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])


# --- WebSocket: the protocol ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [1, [], "x", {"authorization": 1}, {"authorization": ["Bearer x"]}, {"purpose": {}}])
async def test_an_initialisation_of_another_shape_closes_with_4400(place: Place, payload: Any) -> None:
    async with opened(place) as client:
        await client.send(type="connection_init", payload=payload)
        assert (await client.closed())[0] == 4400


async def test_a_frame_that_is_too_large_or_not_utf_8_closes_with_its_code(place: Place) -> None:
    async with connected(place) as client:
        await client.subscribe("1", "#" * 1_100_000)
        assert (await client.closed())[0] == 1009
    async with connected(place) as client:
        await client.socket.send(b"\xff\xfe", text=True)
        assert (await client.closed())[0] == 1007


async def test_who_asks_before_it_is_acknowledged_is_closed_with_4401(place: Place) -> None:
    async with opened(place) as client:
        await client.subscribe("1", ME)
        assert (await client.closed())[0] == 4401


async def test_who_initialises_twice_is_closed_with_4429(place: Place) -> None:
    async with connected(place) as client:
        await client.send(type="connection_init")
        assert (await client.closed())[0] == 4429


async def test_who_does_not_initialise_in_time_is_closed_with_4408(narrow: Place) -> None:
    async with opened(narrow) as client:
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}
        assert (await client.closed())[0] == 4408


async def test_an_id_that_is_running_closes_with_4409_and_one_that_ended_is_free_again(place: Place) -> None:
    async with connected(place) as client:
        assert (await client.answer("1", ME))["type"] == "next"
        assert (await client.answer("1", ME))["type"] == "next"
        await client.watch("1", CHANGES)
        await client.send(type="complete", id="1")
        assert (await client.answer("1", ME))["type"] == "next"
        await client.watch("2", CHANGES)
        await client.subscribe("2", ME)
        assert (await client.closed())[0] == 4409


@pytest.mark.parametrize("protocols", [None, [Subprotocol("graphql-ws")], [Subprotocol("nothing")]])
async def test_another_subprotocol_is_closed_with_4406(place: Place, protocols: list[Subprotocol] | None) -> None:
    async with connect(place.socket, subprotocols=protocols) as other:
        assert (await Client(other).closed())[0] == 4406


async def test_a_ping_is_answered_and_a_complete_for_nothing_is_not_held_against_anyone(place: Place) -> None:
    async with connected(place) as client:
        await client.send(type="pong")
        await client.send(type="complete", id="never begun")
        await client.send(type="ping", payload={"any": "thing"})
        assert await client.receive() == {"type": "pong"}


async def test_an_operation_that_does_not_hold_disturbs_no_other(place: Place) -> None:
    broken: list[Any] = [
        {"query": "{"},
        {"query": ME, "operationName": "C"},
        {"query": 1},
        {"query": ME, "variables": [1]},
        {"query": TOO_LARGE["binary fan-out of fragments"]},
        {"query": "subscription { nothing }"},
        None,
        1,
        [],
        "x",
        {},
    ]
    async with connected(place) as client:
        await client.watch("standing", CHANGES)
        for number, payload in enumerate(broken):
            await client.send(type="subscribe", id=f"broken {number}", payload=payload)
            message = await client.receive()
            assert (message["type"], message["id"]) == ("error", f"broken {number}")
            assert message["payload"][0]["extensions"]["hint"]
        assert (await client.answer("broken 0", ME))["payload"] == {"data": {"me": {"role": "public"}}}
        await client.subscribe("standing", ME)
        assert (await client.closed())[0] == 4409, "what stood before still stands"


async def test_the_credential_may_come_as_a_header_but_not_twice(place: Place) -> None:
    bearer = f"Bearer {place.keys[CASEWORKER]}"
    async with connected(place, additional_headers={"authorization": bearer, "mizalla-purpose": "aid_distribution"}) as client:
        assert (await client.answer("1", ME))["payload"] == {"data": {"me": {"role": "caseworker"}}}
    async with opened(place, additional_headers={"authorization": bearer}) as client:
        await client.send(type="connection_init", payload={"authorization": bearer})
        code, reason = await client.closed()
        assert (code, reason.partition(":")[0]) == (4403, "UNAUTHENTICATED")
        assert place.keys[CASEWORKER] not in reason


async def test_a_page_of_another_origin_may_not_connect_unless_it_is_named(narrow: Place) -> None:
    for foreign in ("https://evil.example.org", "null", "https://app.example.org.evil.org", "http://app.example.org"):
        with pytest.raises(InvalidStatus) as refused:
            async with opened(narrow, origin=foreign):
                pass
        assert refused.value.response.status_code == 403
        assert refused.value.response.headers["cache-control"] == "no-store"
        assert json.loads(refused.value.response.body)["errors"][0]["extensions"]["code"] == "HTTP_INVALID"
    for welcome in ("https://app.example.org", narrow.hub.url):
        async with connected(narrow, origin=welcome) as client:
            assert (await client.answer("1", ME))["type"] == "next"


async def test_a_connection_carries_so_many_operations_and_no_more(narrow: Place) -> None:
    async with connected(narrow) as client:
        for number in range(59):
            await client.subscribe(str(number), CHANGES)
        assert (await client.answer("the last", ME))["type"] == "next"
        await client.subscribe("59", CHANGES)
        refused = await client.answer("too many", ME)
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "LIMIT_REACHED")
        await client.send(type="complete", id="7")
        await asyncio.sleep(0.1)
        assert (await client.answer("again", ME))["type"] == "next"


async def test_a_credential_holds_so_many_connections_and_no_more(narrow: Place) -> None:
    async with connected(narrow, CASEWORKER), connected(narrow, CASEWORKER), streamed(narrow, {"query": CHANGES}, CASEWORKER) as events:
        assert await events.next() == ("alive", None)
        async with opened(narrow) as client:
            await client.send(type="connection_init", payload={"authorization": f"Bearer {narrow.keys[CASEWORKER]}"})
            code, reason = await client.closed()
            assert (code, reason.partition(":")[0]) == (4403, "LIMIT_REACHED")
        async with streamed(narrow, {"query": ME}, CASEWORKER) as refused:
            assert said(json.loads(await refused.response.aread())) == "LIMIT_REACHED"
        async with connected(narrow, MARIAM) as other:
            assert (await other.answer("1", ME))["type"] == "next"
        assert (await narrow.post(ME, CASEWORKER)).status_code == 200
    await asyncio.sleep(0.2)
    async with connected(narrow, CASEWORKER) as client:
        assert (await client.answer("1", ME))["type"] == "next"


# --- event streams ----------------------------------------------------------------------------------------------------------


async def test_a_query_is_a_stream_of_one_answer_for_who_prefers_it(place: Place) -> None:
    for accept in (EVENT_STREAM, "text/event-stream, application/json;q=0.5", "Text/Event-Stream;q=0.3"):
        async with streamed(place, {"query": ME}, accept=accept) as events:
            assert events.response.status_code == 200
            assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert events.response.headers["cache-control"] == "no-store"
            assert await events.next() == ("next", {"data": {"me": {"role": "public"}}})
            assert await events.next() == ("complete", None)
            assert await events.next() == ("end", None)
    for accept in ("application/json, text/event-stream;q=0.5", "*/*", "text/event-stream;q=0, */*"):
        async with streamed(place, {"query": ME}, accept=accept) as events:
            assert events.response.headers["content-type"].startswith("application/")


async def test_get_never_opens_a_stream(place: Place) -> None:
    async with place.client() as client:
        for query in (ME, CHANGES):
            response = await client.get("/graphql", params={"query": query}, headers={"accept": EVENT_STREAM})
            assert response.status_code == 406
            assert said(response.json()) == "HTTP_INVALID"
        response = await client.get("/graphql", params={"query": CHANGES}, headers={"accept": GRAPHQL})
        assert (response.status_code, said(response.json())) == (405, "READS_ONLY")


async def test_a_subscription_without_a_stream_is_refused_with_the_way_to_have_one(place: Place) -> None:
    response = await place.post(CHANGES, accept=GRAPHQL)
    assert (response.status_code, said(response.json())) == (400, "INVALID")
    assert "text/event-stream" in response.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
async def test_what_a_page_can_send_unasked_opens_no_stream(place: Place, kind: str) -> None:
    async with streamed(place, {"query": CHANGES}, **{"content-type": kind}) as events:
        assert events.response.status_code == 415
        assert said(json.loads(await events.response.aread())) == "HTTP_INVALID"


# --- subscriptions ----------------------------------------------------------------------------------------------------------

GRANT = """mutation { consentGrant(input: { receiver: "%s", purpose: %s, categories: [NAME], endsAt: "2027-10-01T00:00:00Z" }) {
  __typename ... on ConsentGranted { consent { id } } } }"""
WITHDRAW = 'mutation { consentWithdraw(input: { id: "%s" }) { __typename } }'


async def granted(place: Place, receiver: str = "crescent-aid", purpose: str = "AID_DISTRIBUTION", who: str = MARIAM) -> str:
    body = (await place.post(GRANT % (receiver, purpose), who)).json()
    return str(body["data"]["consentGrant"]["consent"]["id"])


async def withdrawn(place: Place, consent: str, who: str = MARIAM) -> None:
    body = (await place.post(WITHDRAW % consent, who)).json()
    assert body["data"]["consentWithdraw"]["__typename"] == "ConsentWithdrawn"


async def test_staff_learn_of_a_consent_and_the_event_after_its_withdrawal_shows_no_more(narrow: Place) -> None:
    before = _entries(narrow)
    async with connected(narrow, CASEWORKER) as client, streamed(narrow, {"query": WATCH}, CASEWORKER) as events:
        await client.watch("1", WATCH)
        assert await events.next() == ("alive", None)
        consent = await granted(narrow)
        told = (await client.receive())["payload"]["data"]["caseConsented"]
        assert told["motherName"]
        assert told["withheld"] == []
        assert (await events.next())[1]["data"]["caseConsented"] == told
        assert _entries(narrow) == before + 2, "each event is in the record before it leaves"
        seen = (await narrow.post(f'{{ person(id: "{told["id"]}") {{ motherName }} }}', CASEWORKER)).json()
        assert seen["data"]["person"] == {"motherName": told["motherName"]}
        await withdrawn(narrow, consent)
        closed = {"id": told["id"], "motherName": None, "withheld": [{"attribute": "Person.motherName", "reason": "NO_CONSENT"}]}
        assert (await client.receive())["payload"]["data"]["caseConsented"] == closed
        assert (await events.next())[1]["data"]["caseConsented"] == closed


async def test_staff_learn_of_no_consent_for_another_receiver_or_purpose(narrow: Place) -> None:
    async with connected(narrow, CASEWORKER) as client:
        await client.watch("1", WATCH)
        others = [await granted(narrow, "hope-network"), await granted(narrow, purpose="CASE_MANAGEMENT")]
        kind = await granted(narrow, "kind:ngo")
        message = await client.receive()
        assert message["payload"]["data"]["caseConsented"]["motherName"], "the first event is of the consent to every such organisation"
        for consent in (*others, kind):
            await withdrawn(narrow, consent)
        assert (await client.receive())["payload"]["data"]["caseConsented"]["motherName"] is None
        assert (await client.answer("2", ME))["type"] == "next", "nothing else came before"


async def test_a_person_learns_who_looked_and_not_that_it_looked_itself(narrow: Place) -> None:
    query = "subscription { disclosed { id organisation role purpose attributes sources grounds } }"
    async with connected(narrow, CASEWORKER) as staff:
        await staff.watch("1", "subscription { caseConsented { id } }")
        consent = await granted(narrow)
        pseudonym = (await staff.receive())["payload"]["data"]["caseConsented"]["id"]
    async with connected(narrow, MARIAM) as client, streamed(narrow, {"query": query}, MARIAM) as events:
        await client.watch("1", query)
        assert await events.next() == ("alive", None)
        await narrow.post("{ me { person { name } } }", MARIAM)
        await narrow.post(f'{{ person(id: "{pseudonym}") {{ sex name }} people(first: 2) {{ id }} }}', CASEWORKER)
        told = (await client.receive())["payload"]["data"]["disclosed"]
        assert (told["organisation"], told["role"], told["purpose"]) == ("crescent-aid", "caseworker", "aid_distribution")
        assert {"Person.id", "Person.sex", "Person.name"} == set(told["attributes"])
        assert (await events.next())[1]["data"]["disclosed"] == told
        kept = (await narrow.post("{ me { person { disclosures(first: 20) { id attributes } } } }", MARIAM)).json()
        assert told["id"] in {each["id"] for each in kept["data"]["me"]["person"]["disclosures"]}
        assert (await client.answer("2", ME))["type"] == "next", "nothing else came before"
    await withdrawn(narrow, consent)


async def test_anyone_learns_that_a_source_has_changed(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "country")
    down = {"CRESCENT_AID_URL": "http://127.0.0.1:9"}
    with serving(settings.path, tmp_path / "output.txt", down) as hub:
        place = Place(hub, country.keys, settings)
        async with connected(place) as client:
            await client.watch("1", CHANGES)
            await place.post("{ people(first: 2) { phone allocations { id } } }", CASEWORKER)
            told: dict[str, str] = {}
            while told.get("crescent-aid") != "UNAVAILABLE":
                for source in (await client.receive())["payload"]["data"]["sourcesChanged"]:
                    told[source["name"]] = source["status"]
            assert "OK" in told.values()


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_stream_ends_with_its_credential(narrow: Place, end: str) -> None:
    ring = KeyRing.load(narrow.settings.hub.keys)
    database = Database.at(narrow.settings.hub.database)
    await database.open()
    credentials, now = Credentials(database, ring), int(time.time())
    given = ("staff", "crescent-aid", Role.CASEWORKER, [Purpose.AID_DISTRIBUTION])
    key = await credentials.issue("watching", *given, now=now, expires_at=now + 2 if end == "expired" else None)
    bound = Place(narrow.hub, {**narrow.keys, "watching": key}, narrow.settings)
    async with connected(bound, "watching") as client, streamed(bound, {"query": WATCH}, "watching") as events:
        await client.watch("1", WATCH)
        assert await events.next() == ("alive", None)
        if end == "revoked":
            await credentials.revoke(key.split("_")[1], now)
        await asyncio.sleep(2.1 if end == "expired" else 1.1)
        before = _entries(narrow)
        consent = await granted(narrow)
        message = await client.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        name, body = await events.next()
        assert (name, said(body), "data" in body) == ("next", "UNAUTHENTICATED", False)
        assert await events.next() == ("complete", None)
        assert (await client.answer("2", ME))["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert _entries(narrow) == before
    await withdrawn(narrow, consent)
    await database.close()


NAMES = " ".join(f"n{number}: named" for number in range(100))
MUCH = "{ " + " ".join(f"a{number}: organisations {{ ...N }}" for number in range(48)) + f" }} fragment N on Organisation {{ {NAMES} }}"
"""Some megabyte about nobody, for which no source is asked."""


async def test_a_reader_slower_than_the_events_is_told_so_and_holds_nobody_up(narrow: Place) -> None:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    raw.connect(("127.0.0.1", int(narrow.hub.url.rsplit(":", 1)[1])))
    raw.setblocking(False)
    async with connected(narrow, CASEWORKER, sock=raw, max_queue=1) as slow, connected(narrow, CASEWORKER) as quick:
        await slow.watch("watching", WATCH)
        await quick.watch("watching", WATCH)
        for number in range(15):
            await slow.subscribe(f"much {number}", MUCH)
        assert (await quick.answer("meanwhile", ME))["type"] == "next"
        consents = []
        for _ in range(70):
            consents.append(await granted(narrow))
            assert (await quick.receive())["payload"]["data"]["caseConsented"]["motherName"]
        ended: dict[str, dict[str, Any]] = {}
        told = 0
        while len(ended) < 16:
            message = await slow.receive()
            if message["type"] != "next":
                ended[message["id"]] = message
            elif message["id"] == "watching":
                told += 1
        assert ended["watching"]["payload"][0]["extensions"]["code"] == "LIMIT_REACHED"
        assert told < 70
        assert (await slow.answer("still there", ME))["type"] == "next"
    for consent in consents:
        await withdrawn(narrow, consent)


@pytest.mark.alone
async def test_streams_are_completed_when_the_hub_stops(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "country")
    with serving(settings.path, tmp_path / "output.txt") as hub:
        place = Place(hub, country.keys, settings)
        async with connected(place) as client, streamed(place, {"query": CHANGES}) as events:
            await client.watch("1", CHANGES)
            assert await events.next() == ("alive", None)
            began = time.monotonic()
            hub.process.terminate()
            assert await client.receive() == {"type": "complete", "id": "1"}
            assert (await client.closed())[0] == 1012
            assert await events.next() == ("complete", None)
        assert await asyncio.to_thread(hub.process.wait, 10) == 0
        assert time.monotonic() - began < 8
        assert "Traceback" not in hub.said()


async def test_a_client_that_goes_away_leaves_nothing_behind(narrow: Place) -> None:
    for _ in range(5):
        for _ in range(3):
            async with connected(narrow, CASEWORKER) as client:
                await client.subscribe("1", WATCH)
                client.socket.transport.abort()
            async with streamed(narrow, {"query": WATCH}, CASEWORKER) as events:
                assert await events.next() == ("alive", None)
        await asyncio.sleep(0.1)
    async with connected(narrow, CASEWORKER) as client:
        assert (await client.answer("1", ME))["type"] == "next"
    assert "Traceback" not in narrow.hub.said()
    assert "unexpected" not in narrow.hub.said()


# --- streams, in this process -------------------------------------------------------------------------------------------------

HERE = HTTPConnection({"type": "http", "client": ("192.0.2.1", 1), "headers": []})


def flowing(asked: Asking, query: str, who: str | None = None) -> AsyncGenerator[Piece | None, None]:
    async def requester(hub: Hub) -> Enquiry:
        return await hub.enquiry(asked.keys[who] if who else None, None)

    return Streams(Live(asked.hub, SCHEMA)).stream(Request(query), requester, HERE).pieces()


async def fallen(pieces: AsyncGenerator[Piece | None, None]) -> dict[str, Any]:
    """The body of the next answer; signs of life are passed over."""
    async for piece in pieces:
        if piece is not None:
            return dict(json.loads(piece.encoded))
    raise AssertionError("the stream ended")


@pytest.mark.parametrize(
    ("limits", "query", "verdicts"),
    [
        ({"answer_bytes": 1024}, "{ organisations { id name kind website named } sources { name entities } }", ["LIMIT_REACHED"]),
        ({"requests_per_minute": 2}, ME, ["answered", "answered", "LIMIT_REACHED"]),
        ({"requests_per_minute": 1}, CHANGES, ["alive", "LIMIT_REACHED"]),
        ({"depth": 1}, ME, ["LIMIT_REACHED"]),
        ({"depth": 1}, CHANGES, ["LIMIT_REACHED"]),
    ],
)
async def test_the_limits_of_hub_toml_hold_for_streams_too(
    country: Country, limits: dict[str, int], query: str, verdicts: list[str]
) -> None:
    hub = country.settings.hub
    narrowed = hub.model_copy(update={"limits": hub.limits.model_copy(update=limits)})
    async with asking(country, country.settings.model_copy(update={"hub": narrowed})) as asked:
        for verdict in verdicts:
            async with aclosing(flowing(asked, query)) as pieces:
                piece = await anext(pieces)
                assert (said(json.loads(piece.encoded)) if piece is not None else "alive") == verdict


async def test_a_quiet_stream_shows_that_it_lives_and_ends_with_its_credential(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schema.door.streaming.HEARTBEAT_SECONDS", 0.05)
    async with asking(country, copied(country, tmp_path / "country")) as asked, aclosing(flowing(asked, WATCH, CASEWORKER)) as pieces:
        for _ in range(4):
            assert await anext(pieces) is None
        await asked.hub.credentials.revoke(asked.keys[CASEWORKER].split("_")[1], int(time.time()))
        assert said(await fallen(pieces)) == "UNAUTHENTICATED"
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)
        assert not asked.hub.watching.events.watched("case_consented")


async def test_an_event_that_cannot_be_recorded_is_not_shown(country: Country, tmp_path: Path) -> None:
    async with asking(country, copied(country, tmp_path / "country")) as asked, aclosing(flowing(asked, WATCH, CASEWORKER)) as pieces:
        assert await anext(pieces) is None
        assert (await asked.data(GRANT % ("crescent-aid", "AID_DISTRIBUTION"), MARIAM))["consentGrant"]
        assert (await fallen(pieces))["data"]["caseConsented"]["motherName"]
        (tmp_path / "country" / "record.db").rename(tmp_path / "elsewhere.db")
        assert (await asked.data(GRANT % ("crescent-aid", "AID_DISTRIBUTION"), MARIAM))["consentGrant"]
        body = await fallen(pieces)
        assert (said(body), set(body)) == ("DISCLOSURE_NOT_RECORDED", {"errors"})
        (tmp_path / "elsewhere.db").rename(tmp_path / "country" / "record.db")


async def test_news_wait_within_bounds_and_reach_only_whom_they_concern() -> None:
    events = Events()
    with events.watch("topic", "a", most=2) as first, events.watch("topic", "b", most=2) as second:
        assert set(events.watched("topic")) == {"a", "b"}
        for number in range(3):
            events.tell("topic", "a", number)
        assert await second.next(0.01) is None
        with pytest.raises(Exception, match="more than 2 events wait"):
            await first.next(0.01)
        events.tell("topic", "b", "news")
        assert await second.next(0.01) == "news"
        events.close()
        assert second.ended
        assert await second.next(10) is None
    assert not events.watched("topic")
    assert events.watch("topic", "a").ended
