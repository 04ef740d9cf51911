"""A source that fails is named by its fault, left in peace, tried again, and never heard by the requester."""

import asyncio
import logging
import resource
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import aiomysql
import apsw
import asyncpg
import httpx
import pytest
import structlog

from connectors.gate import Gate
from connectors.guard import Breaker, Guard, translated
from errors import SourceDown, SourceError, SourceGarbled, SourceSlow
from stanzas import Breaker as BreakerSettings
from tests.broken import HUGE, SECRET, Broken, broken
from tests.wires import gate_of, source_of
from tests.working import calls
from values import Answer, Ask, Shape, SourceStatus

pytestmark = pytest.mark.anyio

SHAPE = Shape("aid", "person", ("sex", "household_size"))
KEYS = ("C-01", "C-02")
GOOD = [("C-01", "F", 5), ("C-02", "M", 3)]
TOKEN = "token-of-the-hub"


@pytest.fixture
def source() -> Iterator[Broken]:
    with broken() as running:
        yield running


@pytest.fixture
async def open_gate() -> AsyncIterator[Callable[..., Awaitable[Gate]]]:
    opened: list[Gate] = []

    async def give(url: str, **changes: Any) -> Gate:
        person = {
            "read": "people.json",
            "key": "case_no",
            "attributes": {"sex": {"column": "sex", "codes": {"1": "F", "2": "M"}}, "household_size": "members"},
        }
        stanza = {"steward": "aid", "wire": "rest", "address": url, "timeout_seconds": 20, "retries": 0, "entities": {"person": person}}
        gate = gate_of({**stanza, "headers": {"Authorization": f"Bearer {TOKEN}"}, **changes})
        await gate.open()
        opened.append(gate)
        return gate

    yield give
    for gate in opened:
        await gate.close()


def seconds(way: str) -> float:
    """Little time for what only the hub's clock ends; for all else as much as the machine needs."""
    return 0.4 if way in {"hang", "drip"} else 20


async def ask(gate: Gate, keys: tuple[str, ...] = KEYS) -> Answer:
    return await gate.fetcher(SHAPE)(Ask(SHAPE, keys))


async def failure(gate: Gate) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await ask(gate)
    return caught.value


FAULTS = {
    "hang": SourceSlow,
    "drip": SourceSlow,
    "reset": SourceDown,
    "stop_short": SourceDown,
    "500": SourceDown,
    "503": SourceDown,
    "429": SourceDown,
    "401": SourceDown,
    "404": SourceGarbled,
    "huge": SourceGarbled,
    "html": SourceGarbled,
    "html_named_json": SourceGarbled,
    "truncated": SourceGarbled,
    "not_utf8": SourceGarbled,
    "empty": SourceGarbled,
    "not_http": SourceDown,
    "a_list": SourceGarbled,
    "no_rows": SourceGarbled,
    "rows_of_text": SourceGarbled,
    "elsewhere": SourceGarbled,
    "other_port": SourceGarbled,
    "in_circles": SourceGarbled,
    "next_elsewhere": SourceGarbled,
    "next_itself": SourceGarbled,
    "compressed": SourceGarbled,
}


@pytest.mark.parametrize(("way", "fault"), FAULTS.items())
async def test_each_way_to_fail_has_its_name(
    source: Broken, open_gate: Any, way: str, fault: type[SourceError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source.way = way
    gate = await open_gate(source.url, max_bytes=1024 * 1024, timeout_seconds=seconds(way))
    with structlog.testing.capture_logs() as logs:
        error = await failure(gate)
    assert type(error) is fault
    assert error.source == "aid"
    assert error.hint
    told = "".join(traceback.format_exception(error)) + repr(logs) + caplog.text
    assert SECRET not in told
    assert TOKEN not in told
    assert "C-01" not in repr(error.args) + repr(logs) + caplog.text
    assert error.__context__ is None
    assert gate.state.last_fault == fault.code


GRAPHQL_FAULTS = {
    way: FAULTS[way] for way in ("hang", "reset", "stop_short", "500", "401", "html", "truncated", "a_list", "no_rows", "huge", "elsewhere")
}
GRAPHQL_FAULTS |= {"graphql_refused": SourceGarbled, "graphql_in_circles": SourceGarbled}


@pytest.mark.parametrize(("way", "fault"), GRAPHQL_FAULTS.items())
async def test_graphql_sources_fail_by_the_same_names(
    source: Broken, open_gate: Any, way: str, fault: type[SourceError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source.way = way
    gate = await open_gate(source.url, wire="graphql", max_bytes=1024 * 1024, timeout_seconds=seconds(way))
    error = await failure(gate)
    assert type(error) is fault
    told = "".join(traceback.format_exception(error)) + caplog.text
    assert SECRET not in told
    assert TOKEN not in told


async def test_keys_are_no_part_of_a_graphql_document_or_url(source: Broken, open_gate: Any) -> None:
    source.way = "graphql"
    gate = await open_gate(source.url, wire="graphql")
    assert list((await ask(gate)).rows) == GOOD
    assert source.asked == ["POST / HTTP/1.1"]


async def test_errors_beside_data_leave_the_data_and_are_counted(source: Broken, open_gate: Any) -> None:
    source.way = "graphql_partial"
    answer = await ask(await open_gate(source.url, wire="graphql"))
    assert list(answer.rows) == [("C-01", "F", 5), ("C-02", "M", None)]
    assert answer.faults == {"household_size": 1, "key": 1}


async def test_a_source_that_is_not_there_is_down(open_gate: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gate = await open_gate(f"http://127.0.0.1:{port}")
    assert type(await failure(gate)) is SourceDown
    assert gate.state.status is SourceStatus.UNAVAILABLE


@pytest.mark.parametrize("way", ["hang", "drip"])
async def test_a_slow_source_keeps_nobody_waiting_beyond_its_time(source: Broken, open_gate: Any, way: str) -> None:
    source.way = way
    gate = await open_gate(source.url, timeout_seconds=seconds(way))
    await failure(gate)
    assert gate.state.status is SourceStatus.TIMEOUT


async def test_a_huge_answer_is_stopped_while_it_comes(source: Broken, open_gate: Any) -> None:
    source.way = "huge"
    gate = await open_gate(source.url, max_bytes=1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await failure(gate)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024
    assert source.sent < HUGE / 4


@pytest.mark.parametrize(
    ("way", "rows", "faults"),
    [
        ("good", GOOD, {}),
        ("turned_round", GOOD[::-1], {}),
        ("fewer", GOOD[:1], {}),
        ("no_one", [], {}),
        ("more", GOOD, {"key": 2}),
        ("doubles", GOOD, {"key": 2}),
        ("wrong_types", [("C-01", None, None), ("C-02", "M", None)], {"sex": 1, "household_size": 2}),
        ("missing_field", [("C-01", "F", None), ("C-02", "M", None)], {"household_size": 2}),
    ],
)
async def test_what_can_be_used_is_used_and_the_rest_counted(
    source: Broken, open_gate: Any, way: str, rows: list[Any], faults: dict[str, int]
) -> None:
    source.way = way
    gate = await open_gate(source.url)
    answer = await ask(gate)
    assert list(answer.rows) == rows
    assert answer.faults == faults
    assert gate.state.status is (SourceStatus.PARTIAL if faults else SourceStatus.OK)


async def test_credentials_go_to_the_source_and_only_there(source: Broken, open_gate: Any) -> None:
    with broken() as other:
        gate = await open_gate(source.url)
        source.way = "other_port"
        await failure(gate)
        assert other.asked == []
    assert len(source.asked) == 1


async def test_a_read_whose_connection_broke_is_tried_again(source: Broken, open_gate: Any) -> None:
    source.way = "reset"
    gate = await open_gate(source.url, retries=2)

    async def mend() -> None:
        while not source.asked:
            await asyncio.sleep(0.005)
        source.way = "good"

    answer, _ = await asyncio.gather(ask(gate), mend())
    assert list(answer.rows) == GOOD
    assert len(source.asked) == 2
    assert gate.state.last_fault is None


async def test_retries_are_bounded(source: Broken, open_gate: Any) -> None:
    source.way = "503"
    gate = await open_gate(source.url, retries=2)
    assert type(await failure(gate)) is SourceDown
    assert len(source.asked) == 3


@pytest.mark.parametrize("way", ["hang", "html", "404"])
async def test_slow_and_garbled_sources_are_not_tried_again(source: Broken, open_gate: Any, way: str) -> None:
    source.way = way
    gate = await open_gate(source.url, retries=3, timeout_seconds=seconds(way))
    await failure(gate)
    assert len(source.asked) == 1


@pytest.mark.parametrize("way", ["500", "html", "hang"])
async def test_a_source_that_keeps_failing_is_left_in_peace(source: Broken, open_gate: Any, way: str) -> None:
    source.way = way
    gate = await open_gate(source.url, timeout_seconds=seconds(way), breaker={"failures": 3, "reset_seconds": 60})
    for _ in range(3):
        await failure(gate)
    assert gate.state.breakers["person"] == "open"
    assert type(await failure(gate)) is SourceDown
    assert len(source.asked) == 3


async def test_one_probe_at_a_time_finds_out_whether_it_is_back(source: Broken, open_gate: Any) -> None:
    source.way = "500"
    gate = await open_gate(source.url, breaker={"failures": 2, "reset_seconds": 10})
    now = 0.0
    gate._guard.clock = lambda: now
    for _ in range(2):
        await failure(gate)
    now = 10.0
    assert gate.state.breakers["person"] == "half_open"
    asked = len(source.asked)
    results = await asyncio.gather(*(ask(gate) for _ in range(5)), return_exceptions=True)
    assert len(source.asked) == asked + 1
    assert {type(result) for result in results} == {SourceDown}
    assert gate.state.breakers["person"] == "open"
    now = 20.0
    source.way = "good"
    assert list((await ask(gate)).rows) == GOOD
    assert (gate.state.breakers["person"], gate.state.status) == ("closed", SourceStatus.OK)


async def test_an_entity_that_keeps_failing_is_left_in_peace_and_the_others_are_asked_on() -> None:
    """A table that always times out opens its breaker however often the source answers about others, and closes nothing else."""
    now, asked, hanging = 0.0, [], True
    guard, told = Guard("aid", source_of(timeout_seconds=0.05, breaker={"failures": 2, "reset_seconds": 10})), []
    guard.clock = lambda: now
    guard.watch(lambda: told.append(guard.state.status))

    async def slow(_: Ask) -> Answer:
        asked.append("allocation")
        if hanging:
            await asyncio.Event().wait()
        return Answer((), datetime.now(UTC))

    async def quick(_: Ask) -> Answer:
        asked.append("person")
        return Answer((), datetime.now(UTC))

    allocations, people = guard.guarded(slow, "allocation"), guard.guarded(quick, "person")
    more = guard.guarded(slow, "allocation")  # another shape of the same
    for each in (allocations, more):
        await people(Ask(SHAPE, KEYS))
        with pytest.raises(SourceSlow):
            await each(Ask(SHAPE, KEYS))
    await people(Ask(SHAPE, KEYS))
    assert guard.state.breakers == {"allocation": "open", "person": "closed"}
    assert told == [SourceStatus.OK, SourceStatus.TIMEOUT, SourceStatus.OK, SourceStatus.TIMEOUT, SourceStatus.PARTIAL]
    asked.clear()
    for _ in range(3):
        await people(Ask(SHAPE, KEYS))
        with pytest.raises(SourceDown):
            await allocations(Ask(SHAPE, KEYS))
    assert (asked, told[5:]) == (["person"] * 3, []), "nobody waits for it, and nothing new is told"
    now, hanging = 10.0, False
    await allocations(Ask(SHAPE, KEYS))
    assert guard.state.breakers == {"allocation": "closed", "person": "closed"}
    assert told[5:] == [SourceStatus.OK]


async def test_giving_up_an_enquiry_says_nothing_about_the_source(source: Broken, open_gate: Any) -> None:
    source.way = "hang"
    gate = await open_gate(source.url, breaker={"failures": 1, "reset_seconds": 60})
    asking = asyncio.create_task(ask(gate))
    while not source.asked:
        await asyncio.sleep(0.005)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    source.way = "good"
    assert list((await ask(gate)).rows) == GOOD


async def test_many_keys_are_asked_in_several_short_urls(source: Broken, open_gate: Any) -> None:
    source.way = "no_one"
    gate = await open_gate(source.url)
    await ask(gate, tuple(f"حالة,{number}" for number in range(1000)))
    assert len(source.asked) > 5
    assert max(map(len, source.asked)) < 6_020


class Slot:
    """A prepared shape whose answers are let go by hand."""

    def __init__(self) -> None:
        self.running = self.most = self.calls = 0
        self.let_go = asyncio.Event()

    async def fetch(self, _: Ask) -> Answer:
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.let_go.wait()
        finally:
            self.running -= 1
        return Answer((), datetime.now(UTC))


async def test_nothing_of_an_enquiry_is_logged(source: Broken, open_gate: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The URLs of such a source hold the keys, and its headers the hub's credentials."""
    caplog.set_level(logging.DEBUG)
    assert list((await ask(await open_gate(source.url))).rows) == GOOD
    assert "C-01" in source.asked[0]
    assert "C-01" not in caplog.text
    assert TOKEN not in caplog.text


async def test_only_so_many_asks_run_at_once_and_only_so_many_wait() -> None:
    slot = Slot()
    fetch = Guard("aid", source_of(concurrency=2, timeout_seconds=20)).guarded(slot.fetch, "person")
    asking = [asyncio.ensure_future(fetch(Ask(SHAPE, KEYS))) for _ in range(2 + 16)]
    while slot.running < 2:
        await asyncio.sleep(0)
    with pytest.raises(SourceDown, match="too many"):
        await fetch(Ask(SHAPE, KEYS))
    slot.let_go.set()
    await asyncio.gather(*asking)
    assert (slot.most, slot.calls) == (2, 18)


async def test_waiting_for_a_turn_ends_in_time() -> None:
    slot = Slot()
    guard = Guard("aid", source_of(concurrency=1, timeout_seconds=0.1))
    fetch = guard.guarded(slot.fetch, "person")
    results = await asyncio.gather(*(fetch(Ask(SHAPE, KEYS)) for _ in range(3)), return_exceptions=True)
    assert {type(result) for result in results} == {SourceSlow}


async def test_values_sent_into_a_guarded_fetch_come_back() -> None:
    """The first step is taken before the clock is set; what the source awaits must not notice."""

    async def fetch(ask: Ask) -> Answer:
        task = asyncio.current_task()
        for _ in range(3):
            await asyncio.sleep(0)
        async with asyncio.timeout(1):
            found = await asyncio.get_running_loop().run_in_executor(None, lambda: 7)
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        except TimeoutError:
            found += 1
        assert task is asyncio.current_task()
        return Answer(((ask.keys[0], found),), datetime.now(UTC))

    answer = await Guard("aid", source_of()).guarded(fetch, "person")(Ask(SHAPE, ("k",)))
    assert list(answer.rows) == [("k", 8)]


async def test_a_healthy_call_costs_next_to_nothing() -> None:
    answer = Answer((), datetime.now(UTC))

    async def fetch(_: Ask) -> Answer:
        return answer

    wanted = Ask(SHAPE, KEYS)
    guarded = Guard("aid", source_of()).guarded(fetch, "person")
    await guarded(wanted)

    def once() -> None:
        asked = guarded(wanted)
        assert isinstance(asked, Coroutine)
        with suppress(StopIteration):
            asked.send(None)
            pytest.fail("it ends at once, since nobody makes it wait")

    assert 2 < calls(once) < 25


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (TimeoutError(SECRET), SourceSlow),
        (ConnectionResetError(SECRET), SourceDown),
        (FileNotFoundError(SECRET), SourceDown),
        (asyncio.IncompleteReadError(b"", 1), SourceDown),
        (httpx.ReadTimeout(SECRET), SourceSlow),
        (httpx.ConnectError(SECRET), SourceDown),
        (httpx.DecodingError(SECRET), SourceGarbled),
        (asyncpg.QueryCanceledError(SECRET), SourceSlow),
        (asyncpg.ConnectionDoesNotExistError(SECRET), SourceDown),
        (asyncpg.TooManyConnectionsError(SECRET), SourceDown),
        (asyncpg.InvalidPasswordError(SECRET), SourceDown),
        (asyncpg.UndefinedColumnError(SECRET), SourceGarbled),
        (apsw.CantOpenError(SECRET), SourceDown),
        (apsw.BusyError(SECRET), SourceDown),
        (apsw.InterruptError(SECRET), SourceSlow),
        (apsw.CorruptError(SECRET), SourceGarbled),
        (apsw.SQLError(SECRET), SourceGarbled),
        (aiomysql.OperationalError(2003, SECRET), SourceDown),
        (aiomysql.OperationalError(1054, SECRET), SourceGarbled),
        (aiomysql.OperationalError(1969, SECRET), SourceSlow),
        (aiomysql.ProgrammingError(1146, SECRET), SourceGarbled),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, SECRET), SourceGarbled),
        (KeyError(SECRET), SourceGarbled),
        (RuntimeError(SECRET), SourceGarbled),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else type(each).__name__,
)
def test_foreign_errors_become_ours_without_their_text(error: Exception, meaning: type[SourceError]) -> None:
    ours = translated("aid", error)
    assert type(ours) is meaning
    assert SECRET not in repr(ours.args) + str(ours) + ours.hint


def test_a_breaker_counts_failures_in_a_row_only() -> None:
    breaker = Breaker(BreakerSettings(failures=2, reset_seconds=10), clock=lambda: 0.0)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert (breaker.word, breaker.admits()) == ("closed", True)


def test_an_abandoned_probe_makes_room_for_the_next() -> None:
    now = 0.0
    breaker = Breaker(BreakerSettings(failures=1, reset_seconds=10), clock=lambda: now)
    breaker.failed()
    assert not breaker.admits()
    now = 10.0
    assert breaker.admits()
    assert not breaker.admits()
    breaker.abandoned()
    assert breaker.admits()
