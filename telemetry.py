"""What those who run a hub may watch: log lines, figures and traces, each by its library and off unless `hub.toml` asks.

Nothing here can hold a person: there are no names, identifiers, variables, documents or addresses among the arguments, only
words of closed lists (roles, purposes, codes), names of sources and entities, counts and times.

Where nothing is watched there is no `Telemetry` at all, and whoever could tell it something asks for None and goes on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from opentelemetry import context, trace

from errors import ConfigError
from settings import Hub

log = structlog.get_logger("mizalla.requests")

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds of the latency histograms."""

BREAKER = {"closed": 0.0, "half_open": 0.5, "open": 1.0}

Breakers = Callable[[], Mapping[tuple[str, str], str]]


class Seen:
    """What is known of one request when it ends."""

    __slots__ = ("code", "cost", "rows", "withheld")

    def __init__(self) -> None:
        """Nothing yet: a request that ends without a word was given up by its client."""
        self.code = "ABANDONED"
        self.cost = 0
        self.rows = 0
        self.withheld = 0


class Telemetry:
    """Tells logs, figures and traces what happens; made only where one of them is on."""

    def __init__(self, hub: Hub, breakers: Breakers) -> None:
        """Load the libraries that are needed; `breakers` tells of each source and entity whether it is left in peace.

        Raises:
            ConfigError: traces are on and their library is not installed.
        """
        self.figures = Figures(breakers) if hub.metrics else None
        self.tracer = self._shutdown = None
        if hub.traces:
            self.tracer, self._shutdown = _exporting(hub.traces)
        self.logs = hub.logs is not None

    def watch(self, breakers: Breakers) -> None:
        """From here on tell of these sources."""
        if self.figures is not None:
            self.figures.breakers = breakers

    @contextmanager
    def request(self, role: str, purpose: str) -> Iterator[Seen]:
        """Watch one request from here to the end of the block, which writes into what is given."""
        seen, started, token = Seen(), time.perf_counter(), None
        span = self.tracer.start_span("request", attributes={"mizalla.role": role, "mizalla.purpose": purpose}) if self.tracer else None
        if span is not None:
            token = context.attach(trace.set_span_in_context(span))
        try:
            yield seen
        finally:
            seconds = time.perf_counter() - started
            if span is not None and token is not None:
                context.detach(token)
                told: dict[str, str | int] = {"code": seen.code, "cost": seen.cost, "rows": seen.rows, "withheld": seen.withheld}
                span.set_attributes({f"mizalla.{name}": value for name, value in told.items()})
                span.end()
            if self.figures is not None:
                self.figures.request(role, purpose, seen.code, seconds)
            if self.logs:
                log.info("request", role=role, purpose=purpose, code=seen.code, milliseconds=round(seconds * 1000, 2), cost=seen.cost)

    def refused(self, code: str) -> None:
        """A request ended before anybody knew who asks."""
        with self.request("unknown", "none") as seen:
            seen.code = code

    def planned(self, seconds: float, kind: str) -> None:
        """A request was read, measured and planned; `kind` is query, mutation or subscription."""
        self._past("plan", seconds, {"mizalla.operation": kind})

    def asked(self, source: str, entity: str, status: str, rows: int, seconds: float) -> None:
        """An Ask ended; `status` is OK, PARTIAL, CANCELLED or the code of what failed."""
        self._past("ask", seconds, {"mizalla.source": source, "mizalla.entity": entity, "mizalla.status": status, "mizalla.rows": rows})
        if self.figures is not None:
            self.figures.ask(source, entity, status, seconds)

    def recorded(self, seconds: float) -> None:
        """A disclosure was made durable."""
        self._past("record", seconds, {})
        if self.figures is not None:
            self.figures.disclosures.inc()

    def _past(self, name: str, seconds: float, attributes: Mapping[str, Any]) -> None:
        """A span that has just ended, below that of its request."""
        if self.tracer is not None:
            now = time.time_ns()
            self.tracer.start_span(name, attributes=attributes, start_time=now - int(seconds * 1e9)).end(now)

    def close(self) -> None:
        """Send what is not sent yet; may wait for the collector."""
        if self._shutdown is not None:
            self._shutdown()


class Figures:
    """The figures that `/metrics` gives."""

    def __init__(self, breakers: Breakers) -> None:
        """Begin at nothing; `breakers` are read whenever somebody looks."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mizalla_requests", "Requests by role, purpose and outcome.", ["role", "purpose", "code"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "mizalla_request_seconds", "How long requests took.", ["role"], buckets=SECONDS, registry=self.registry
        )
        self.asks = Counter("mizalla_asks", "Asks of sources, by how they ended.", ["source", "entity", "status"], registry=self.registry)
        self.ask_seconds = Histogram("mizalla_ask_seconds", "How long Asks took.", ["source"], buckets=SECONDS, registry=self.registry)
        self.disclosures = Counter("mizalla_disclosures", "Entries appended to the disclosure record.", registry=self.registry)
        self.documents = Gauge("mizalla_documents", "Documents kept compiled.", registry=self.registry)
        self._breaker = Gauge(
            "mizalla_breaker_open",
            "1 while an entity of a source is left in peace, 0.5 while one Ask may try it.",
            ["source", "entity"],
            registry=self.registry,
        )
        self.breakers = breakers
        self._made: dict[tuple[str, ...], tuple[Any, Any]] = {}

    def request(self, role: str, purpose: str, code: str, seconds: float) -> None:
        """Count one request."""
        key = ("request", role, purpose, code)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = (self.requests.labels(role, purpose, code), self.request_seconds.labels(role))
        found[0].inc()
        found[1].observe(seconds)

    def ask(self, source: str, entity: str, status: str, seconds: float) -> None:
        """Count one Ask."""
        key = ("ask", source, entity, status)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = (self.asks.labels(source, entity, status), self.ask_seconds.labels(source))
        found[0].inc()
        found[1].observe(seconds)

    def page(self, documents: int) -> tuple[bytes, str]:
        """The page that Prometheus reads, and its media type; `documents` are kept compiled."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        self.documents.set(documents)
        self._breaker.clear()  # a source may be gone
        for names, word in self.breakers().items():
            self._breaker.labels(*names).set(BREAKER[word])
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def write_logs(form: Literal["console", "json"]) -> None:
    """Write every log from here on to standard error, one JSON object or one readable line each.

    Tracebacks are left out on purpose: the text of an exception may hold what somebody sent.
    """
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            _without_exceptions,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            renderer,
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _without_exceptions(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("exc_info", None)
    return event


def _exporting(address: str) -> tuple[trace.Tracer, Callable[[], None]]:
    """A tracer whose spans go to a collector, and what ends it."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigError(
            "hub.traces: the library that sends traces is not installed", "pip install 'mizalla[traces]'", "hub.traces"
        ) from None
    # Nothing of the machine: the usual detection would send its name and the command line.
    provider = TracerProvider(resource=Resource({"service.name": "mizalla"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return provider.get_tracer("mizalla"), provider.shutdown
