"""What those who run a hub may watch, and that nobody is found in it."""

from __future__ import annotations

import http.server
import io
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import httpx
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from errors import ConfigError
from settings import Hub as HubSettings
from telemetry import Telemetry, write_logs
from tests.country import Country
from tests.serving import Serving
from tests.varying import Varied, varied

ADDRESS = "203.0.113.77"
"""Where the asker says it comes from, through the proxy on this machine."""

PEOPLE = "{ people(first: 3) { id name phone birthDate allocations(first: 2) { kind programme } } }"
FOUND = "query($value: String!) { personByIdentifier(scheme: RATION_CARD, value: $value) { id name household { members { id name } } } }"
CARD = "2043817/1"


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector of traces; what it was sent."""
    received: list[bytes] = []

    class Takes(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            received.append(body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Watched:
    """A hub with everything on, which was asked something; what can be seen of it from outside."""

    def __init__(self, served: Varied, received: list[bytes]) -> None:
        self.personal: set[str] = {ADDRESS, CARD, *served.keys.values(), *(key.split("_")[1] for key in served.keys.values())}
        for _ in range(2):
            self._keep(served.ask(PEOPLE, "crescent-caseworker", X_Forwarded_For=ADDRESS))
        self._keep(served.ask(FOUND, "crescent-caseworker", {"value": CARD}))
        served.ask("{ nothing }", "crescent-caseworker")
        served.ask('{ person(id: "990000000101") { id } }', "crescent-caseworker")
        served.post({"query": "{ me { role } }"}, Mizalla_Purpose="nobody-knows")
        served.client.put("/graphql")
        self.personal |= {"990000000101", "nobody-knows"}
        self.page = served.client.get("/metrics")
        self.log = self._until(served.hub.said, '"HTTP_INVALID"')
        self._until(lambda: " ".join(each.name for each in _spans(received)), "record")
        time.sleep(0.5)
        self.traces = list(received)
        self.spans = _spans(self.traces)

    def _keep(self, body: dict[str, object]) -> None:
        """Everything personal in an answer."""
        assert "errors" not in body, body

        def walk(value: object, name: str = "") -> None:
            if isinstance(value, dict):
                for key, each in value.items():
                    walk(each, key)
            elif isinstance(value, list):
                for each in value:
                    walk(each, name)
            elif isinstance(value, str) and name in {"id", "name", "phone", "birthDate"}:
                self.personal.add(value)

        walk(body["data"])

    @staticmethod
    def _until(seen: object, word: str) -> str:
        deadline = time.monotonic() + 10
        while word not in (text := seen()):  # type: ignore[operator]
            assert time.monotonic() < deadline, f"{word} is not in {text[-2000:]}"
            time.sleep(0.05)
        return str(text)

    def figure(self, name: str, **labels: str) -> float:
        """One figure of the page, 0 where it is not there."""
        for line in self.page.text.splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
                return float(found[3])
        return 0.0


def _spans(received: list[bytes]) -> list[Span]:
    return [
        span
        for body in list(received)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.fixture(scope="module")
def watched(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with collector() as (address, received):
        hub = f'logs = "json"\nmetrics = true\ntraces = "{address}"'
        environment = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
        with varied(country, tmp_path_factory.mktemp("watched") / "hub", hub, environment=environment) as served:
            yield Watched(served, received)


# --- nobody is found in it ---------------------------------------------------------------------------------------------------


def test_nothing_personal_stands_in_logs_figures_or_traces(watched: Watched) -> None:
    assert len(watched.personal) > 20, "names, identifiers, keys, numbers that were shown or sent"
    traces = b" ".join(watched.traces).decode("utf-8", "replace")
    for value in watched.personal:
        assert value not in watched.log
        assert value not in watched.page.text
        assert value not in traces
    for text in (watched.log, watched.page.text, traces):
        assert "personByIdentifier" not in text, "nor a document"
        assert "crescent-caseworker" not in text, "nor the name of a credential"


def test_spans_say_only_words_of_closed_lists_and_counts(watched: Watched, country: Country) -> None:
    said = {(item.key, item.value.string_value) for span in watched.spans for item in span.attributes if item.value.string_value}
    names = {key for key, _ in said}
    assert names == {f"mizalla.{name}" for name in ("role", "purpose", "code", "operation", "source", "entity", "status")}
    assert {value for key, value in said if key == "mizalla.source"} <= set(country.settings.sources)
    assert not [span for span in watched.spans if span.events or span.status.message]


# --- what is told ---------------------------------------------------------------------------------------------------------------


def test_a_request_is_a_span_with_its_plan_its_asks_and_its_record_below(watched: Watched) -> None:
    requests = [span for span in watched.spans if span.name == "request"]
    assert {span.name for span in watched.spans} == {"request", "plan", "ask", "record"}
    whole = next(span for span in requests if len([each for each in watched.spans if each.parent_span_id == span.span_id]) > 3)
    below = [each for each in watched.spans if each.parent_span_id == whole.span_id]
    assert {each.name for each in below} == {"plan", "ask", "record"}
    for each in below:
        assert each.trace_id == whole.trace_id
        assert whole.start_time_unix_nano - 2_000_000 <= each.start_time_unix_nano <= each.end_time_unix_nano
        assert each.end_time_unix_nano <= whole.end_time_unix_nano + 2_000_000
    told = {item.key: item.value.int_value for item in whole.attributes if not item.value.string_value}
    assert told["mizalla.cost"] > told["mizalla.rows"] > 0
    assert not [span for span in watched.spans if span.name != "request" and not span.parent_span_id], "none stands alone"


def test_requests_asks_and_disclosures_are_counted(watched: Watched) -> None:
    assert watched.page.status_code == 200
    assert watched.page.headers["content-type"].startswith("text/plain; version=")
    mine = {"role": "caseworker", "purpose": "aid_distribution"}
    assert watched.figure("mizalla_requests_total", **mine, code="OK") == 4
    assert watched.figure("mizalla_requests_total", **mine, code="GRAPHQL_INVALID") == 1
    assert watched.figure("mizalla_requests_total", role="unknown", purpose="none", code="PURPOSE_NOT_ALLOWED") == 1
    assert watched.figure("mizalla_requests_total", role="unknown", purpose="none", code="HTTP_INVALID") == 1
    assert watched.figure("mizalla_request_seconds_count", role="caseworker") == 5
    assert watched.figure("mizalla_asks_total", source="crescent-aid", entity="person", status="OK") >= 2
    assert watched.figure("mizalla_ask_seconds_count", source="crescent-aid") >= 2
    assert watched.figure("mizalla_disclosures_total") == 3
    assert watched.figure("mizalla_documents") >= 3
    assert 'mizalla_breaker_open{entity="person",source="crescent-aid"} 0.0' in watched.page.text


def test_each_request_is_one_json_line(watched: Watched) -> None:
    lines = [json.loads(line) for line in watched.log.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) == 7
    assert set(requests[0]) == {"event", "level", "timestamp", "role", "purpose", "code", "milliseconds", "cost"}
    assert [line["code"] for line in requests].count("OK") == 4
    assert requests[0]["cost"] > 0


# --- off -------------------------------------------------------------------------------------------------------------------------


def test_by_default_nothing_is_watched(hub_server: Serving) -> None:
    assert httpx.get(f"{hub_server.url}/metrics").status_code == 404
    httpx.post(f"{hub_server.url}/graphql", json={"query": "{ me { role } }"})
    assert "event=request" not in hub_server.said()
    assert HubSettings().watched is False


def test_traces_without_their_library_are_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match="not installed") as refused:
        Telemetry(HubSettings(traces="http://127.0.0.1:1/v1/traces"), dict)
    assert "mizalla[traces]" in refused.value.hint


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_log_leaves_out_the_text_of_exceptions(form: str) -> None:
    before = structlog.get_config()
    try:
        write_logs("json" if form == "json" else "console")
        with redirect_stderr(io.StringIO()) as written:
            try:
                int("990000000101 of nobody")
            except ValueError:
                structlog.get_logger("mizalla").error("unexpected", kind="ValueError", exc_info=True)
        assert "unexpected" in written.getvalue()
        assert "990000000101" not in written.getvalue()
    finally:
        structlog.configure(**before)


@pytest.mark.alone
def test_a_collector_that_is_gone_holds_nobody_up(country: Country, tmp_path: Path) -> None:
    with varied(country, tmp_path / "hub", 'traces = "http://127.0.0.1:9/v1/traces"') as served:
        started = time.perf_counter()
        assert served.ask("{ me { role } }", "crescent-caseworker")["data"] == {"me": {"role": "caseworker"}}
        assert time.perf_counter() - started < 1
