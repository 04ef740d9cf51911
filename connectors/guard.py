"""What stands before every connector: time-out, retry, breaker, a bounded number at once, and one language of errors.

A healthy call pays for none of it but counting: the time-out is armed only when the source makes us wait, and the
retries are a library's only once something failed.

There is a breaker for each entity of a source: a table that always times out is left in peace, and the others go on being asked.
One for the whole source would never open, since every answer about another entity says that all is well; or it would be the slow
table's probes that keep everything else closed.

The breaker is our own because the libraries do not fit: purgatory lets everybody through while half open,
aiobreaker has had no release since 2021, pybreaker wants Tornado for coroutines.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, Generic, Literal, TypeVar

import stamina
import structlog

from connectors.contract import Fetch
from errors import SourceDown, SourceError, SourceGarbled, SourceSlow
from settings import Source
from stanzas import Breaker as BreakerSettings
from values import Answer, Ask, SourceStatus

log = structlog.get_logger("mizalla.sources")

QUEUE = 8
"""As many calls as may run at once, times this, may wait for their turn."""

REMEMBERED = 64
"""The median latency is that of so many answers."""

Result = TypeVar("Result")
Word = Literal["closed", "open", "half_open"]

DOWN, SLOW, GARBLED = SourceDown, SourceSlow, SourceGarbled
STATUS = {
    SourceDown.code: SourceStatus.UNAVAILABLE,
    SourceSlow.code: SourceStatus.TIMEOUT,
    SourceGarbled.code: SourceStatus.GARBLED,
}

MEANING: dict[str, type[SourceError]] = {
    "builtins.TimeoutError": SLOW,
    "builtins.OSError": DOWN,
    "builtins.EOFError": DOWN,
    "httpx.TimeoutException": SLOW,
    "httpx.TransportError": DOWN,
    "asyncpg.QueryCanceledError": SLOW,
    "asyncpg.PostgresConnectionError": DOWN,
    "asyncpg.InterfaceError": DOWN,
    "asyncpg.InternalClientError": DOWN,
    "asyncpg.InsufficientResourcesError": DOWN,
    "asyncpg.OperatorInterventionError": DOWN,
    "asyncpg.InvalidAuthorizationSpecificationError": DOWN,
    "asyncpg.InvalidCatalogNameError": DOWN,
    "apsw.InterruptError": SLOW,
    "apsw.AuthError": DOWN,
    "apsw.BusyError": DOWN,
    "apsw.CantOpenError": DOWN,
    "apsw.IOError": DOWN,
    "apsw.LockedError": DOWN,
    "apsw.PermissionsError": DOWN,
    "pymysql.OperationalError": DOWN,
    "pymysql.InterfaceError": DOWN,
    "duckdb.IOException": DOWN,
}
"""What errors of drivers and of the system mean, by top module and name; any other means that the answer is garbled."""

MARIADB_SLOW, MARIADB_GARBLED = {1317, 1969, 3024}, {1054, 1146, 1305}
"""Numbers that MariaDB and MySQL report as operational: interrupted or out of time; unknown column, table or function."""

SENTENCE: dict[type[SourceError], tuple[str, str]] = {
    DOWN: ("the source cannot be reached", "try again later; `mizalla check` says more to its operators"),
    SLOW: ("the source did not answer in its time", "try again later, or raise its `timeout_seconds`"),
    GARBLED: ("the source answered with something else than it promised", "run `mizalla check` and mend its stanza"),
}


def translated(source: str, error: Exception) -> SourceError:
    """Give the source error for any exception, with nothing of its text inside."""
    if isinstance(error, SourceError):
        return error
    meaning: type[SourceError] = GARBLED
    for each in type(error).__mro__:
        found = MEANING.get(f"{each.__module__.partition('.')[0]}.{each.__name__}")
        if found is not None:
            meaning = found
            break
    number = error.args[0] if error.args and type(error).__module__.startswith("pymysql") else None
    if number in MARIADB_SLOW:
        meaning = SLOW
    elif number in MARIADB_GARBLED:
        meaning = GARBLED
    return meaning(source, *SENTENCE[meaning])


@dataclass(frozen=True, slots=True)
class State:
    """How a source does just now, as the root field `sources` tells.

    `breakers` has a word for each entity that was ever prepared. `milliseconds` is the median of the latest answers; None before the first.
    """

    status: SourceStatus
    breakers: Mapping[str, Word]
    last_answer_at: datetime | None
    last_fault: str | None
    milliseconds: float | None


class Breaker:
    """Leaves a failing entity of a source in peace: opens after so many failures in a row, then lets one probe through at a time."""

    def __init__(self, settings: BreakerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._most = settings.failures
        self._rest = settings.reset_seconds
        self._clock = clock
        self._failures = 0
        self._until: float | None = None
        self._probing = False

    @property
    def word(self) -> Word:
        """closed, open or half_open."""
        if self._until is None:
            return "closed"
        return "half_open" if self._probing or self._clock() >= self._until else "open"

    def admits(self) -> bool:
        """Whether a call may go through now; while half open only one may, and it must report how it ended."""
        if self._until is None:
            return True
        if self._probing or self._clock() < self._until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures = 0
        self._until = None
        self._probing = False

    def failed(self) -> None:
        """A call was not answered, or not properly."""
        self._failures += 1
        if self._probing or self._failures >= self._most:
            self._until = self._clock() + self._rest
        self._probing = False

    def abandoned(self) -> None:
        """A call was given up by us: that says nothing about the source."""
        self._probing = False


class Guard:
    """Everything that stands before one source."""

    def __init__(self, name: str, source: Source) -> None:
        """Read limits from the source's stanza."""
        self.name = name
        self.clock = time.monotonic
        self._rules = source.breaker
        self._breakers: dict[str, Breaker] = {}
        self._seconds = source.timeout_seconds
        self._retries = source.retries
        self._turns = asyncio.Semaphore(source.concurrency)
        self._most_waiting = source.concurrency * QUEUE
        self._waiting = 0
        self._status = self._told_status = SourceStatus.NOT_ASKED
        self._told: list[Callable[[], object]] = []
        self._last_fault: str | None = None
        self._answered: float | None = None
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def state(self) -> State:
        """How the source does just now."""
        answered = None if self._answered is None else datetime.fromtimestamp(self._answered, UTC)
        took = round(median(self._took) * 1000, 3) if self._took else None
        return State(self.status, {entity: each.word for entity, each in self._breakers.items()}, answered, self._last_fault, took)

    @property
    def status(self) -> SourceStatus:
        """That of the latest answer; but a source that answers of one entity while another is left in peace does so in part."""
        if self._status is SourceStatus.OK and any(each.word == "open" for each in self._breakers.values()):
            return SourceStatus.PARTIAL
        return self._status

    def breaker(self, entity: str) -> Breaker:
        """What leaves an entity in peace."""
        found = self._breakers.get(entity)
        if found is None:
            found = self._breakers[entity] = Breaker(self._rules, self.clock)
        return found

    def watch(self, told: Callable[[], object]) -> None:
        """Call `told` whenever the status changes."""
        self._told.append(told)

    def _become(self, status: SourceStatus) -> None:
        self._status = status
        if (now := self.status) is not self._told_status:
            self._told_status = now
            for told in self._told:
                told()

    def guarded(self, fetch: Fetch, entity: str) -> Fetch:
        """Wrap a prepared shape of an entity: only SourceError comes out, and nothing of the source's text with it."""
        breaker, turns = self.breaker(entity), self._turns

        async def ask_guarded(ask: Ask) -> Answer:
            if not breaker.admits():
                raise SourceDown(self.name, "the source has failed repeatedly and is left in peace", "try again shortly")
            started = time.perf_counter()
            failure: SourceError | None = None
            try:
                if turns.locked():
                    await self._turn()
                else:
                    await turns.acquire()
                try:
                    answer = await self._within(fetch, ask)
                finally:
                    turns.release()
            except Exception as error:  # noqa: BLE001 — whatever a driver raises, one of ours leaves
                failure = translated(self.name, error)
                kind = type(error).__name__
            except BaseException:
                breaker.abandoned()
                raise
            # Raised outside the handler, so that the foreign exception and its text do not travel along as context.
            if failure is not None:
                self._note(breaker, failure, kind, entity)
                raise failure
            self._answered = time.time()
            self._took.append(time.perf_counter() - started)
            breaker.succeeded()
            self._become(SourceStatus.PARTIAL if answer.faults else SourceStatus.OK)
            return answer

        return ask_guarded

    def _note(self, breaker: Breaker, failure: SourceError, kind: str, entity: str) -> None:
        if not isinstance(failure, _Busy):
            breaker.failed()
            self._last_fault = failure.code
            self._become(STATUS[failure.code])
        log.warning("source_failed", source=self.name, entity=entity, code=failure.code, error=kind, breaker=breaker.word)

    async def _turn(self) -> None:
        if self._waiting >= self._most_waiting:
            raise _Busy(self.name, "too many enquiries wait for this source", "try again shortly")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._turns.acquire()
        finally:
            self._waiting -= 1

    async def _within(self, fetch: Fetch, ask: Ask) -> Answer:
        """Answer within the time; the clock is set only when the first step has to wait."""
        work = fetch(ask)
        assert isinstance(work, Coroutine)
        first: SourceError | None = None
        try:
            awaited = work.send(None)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer
        except Exception as error:
            first = translated(self.name, error)
            if not self._retries or not isinstance(first, SourceDown):
                raise
        async with asyncio.timeout(self._seconds):
            if first is None:
                try:
                    return await Continued(work, awaited)
                except Exception as error:
                    first = translated(self.name, error)
                    if not self._retries or not isinstance(first, SourceDown):
                        raise
            return await self._again(fetch, ask, first)

    async def _again(self, fetch: Fetch, ask: Ask, first: SourceError) -> Answer:
        """Retry a read whose connection failed; the first failure counts as the first attempt."""
        attempts = stamina.retry_context(
            on=lambda error: isinstance(translated(self.name, error), SourceDown),
            attempts=self._retries + 1,
            timeout=None,
            wait_initial=0.05,
            wait_max=0.5,
            wait_jitter=0.05,
        )
        async for attempt in attempts:
            with attempt:
                if attempt.num == 1:
                    raise first
                return await fetch(ask)
        raise first

    async def checked(self, work: Callable[[], Awaitable[Result]], seconds: float) -> Result:
        """Run something that is not an Ask within `seconds`; raises only SourceError."""
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except Exception as error:  # noqa: BLE001 — whatever a driver raises, one of ours leaves
            failure = translated(self.name, error)
        raise failure

    async def streamed(self, work: AsyncIterator[Result], seconds: float) -> AsyncIterator[Result]:
        """Pass a stream on, each part within `seconds`; raises only SourceError."""
        end: Any = object()

        async def part() -> Result:
            return await anext(work, end)

        try:
            while (found := await self.checked(part, seconds)) is not end:
                yield found
        finally:
            close = getattr(work, "aclose", None)
            if close is not None:
                await close()


class _Busy(SourceDown):
    """We have too much waiting: that says nothing about the source."""


class Continued(Generic[Result]):
    """A coroutine whose first step was taken already, as something to await."""

    __slots__ = ("_awaited", "_work")

    def __init__(self, work: Coroutine[Any, Any, Result], awaited: Any) -> None:
        """`awaited` is what the first step gave."""
        self._work = work
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, Result]:
        """Take the further steps."""
        awaited = self._awaited
        try:
            while True:
                try:
                    sent = yield awaited
                except GeneratorExit:
                    self._work.close()
                    raise
                except BaseException as error:  # noqa: BLE001 — handed to the coroutine, which decides
                    awaited = self._work.throw(error)
                else:
                    awaited = self._work.send(sent)
        except StopIteration as stop:
            result: Result = stop.value
            return result
