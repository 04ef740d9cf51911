"""Servers of databases that break as no database should, GraphQL sources that lie, and files that are no files of theirs."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.gate import Gate
from errors import SourceDown, SourceError, SourceGarbled, SourceSlow
from tests import broken
from tests.broken import SECRET
from tests.wires import gate_of
from values import Answer, Ask, Shape

SHAPE = Shape("aid", "person", ("sex", "household_size"))
GOOD = [("C-01", "F", 5), ("C-02", "M", 3)]
MOST = 32 * 1024 * 1024
"""Bytes that a server without end gets rid of at most before the hub hangs up; some of them wait in the system's buffers."""


def gate_at(address: str, wire: str, read: str, seconds: float = 20, **more: Any) -> Gate:
    person = {
        "read": read,
        "key": "case_no",
        "attributes": {"sex": {"column": "sex", "codes": {"1": "F", "2": "M"}}, "household_size": "members"},
    }
    limits = {"timeout_seconds": seconds, "retries": 0, "breaker": {"failures": 2, "reset_seconds": 60}}
    return gate_of({"steward": "aid", "wire": wire, "address": address, "entities": {"person": person}, **limits, **more})


async def ask(gate: Gate) -> Answer:
    return await gate.fetcher(SHAPE)(Ask(SHAPE, ("C-01", "C-02")))


class Server:
    """Takes connections and treats each in one way; `sent` counts the bytes it got rid of."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.port = self.sent = self.asked = 0

    async def treat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        with suppress(ConnectionError):
            match self.way:
                case "hangs":
                    await reader.read()
                case "resets":
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                case "hangs up":
                    writer.close()
                case "says HTML":
                    await self.say(writer, f"HTTP/1.1 400 Bad\r\ncontent-type: text/html\r\n\r\n<html>{SECRET}</html>".encode())
                case "drips":
                    while True:
                        await self.say(writer, b"S")
                        await asyncio.sleep(0.02)
                case "says a length without end":
                    await self.say(writer, b"R\x7f\xff\xff\xff" + b"\xff\xff\xff\x00")
                    while self.sent < 16 * MOST:
                        await self.say(writer, SECRET.encode() * 3000)
        writer.transport.abort()

    async def say(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.sent += len(data)


@asynccontextmanager
async def breaking(way: str) -> AsyncIterator[Server]:
    found, treating = Server(way), set[asyncio.Task[None]]()

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(found.treat(reader, writer))
        treating.add(task)
        try:
            await task
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(treat, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in treating:
            task.cancel()
        await asyncio.gather(*treating, return_exceptions=True)


SERVERS = ["hangs", "resets", "hangs up", "says HTML", "drips", "says a length without end"]


ENDLESS = {"hangs", "drips", "says a length without end"}
"""Those that only the hub's own clock ends; the others are waited for as long as the machine needs."""

EXPECTED: dict[str, set[type[SourceError]]] = {"hangs": {SourceSlow}, "resets": {SourceDown}, "hangs up": {SourceDown}}
"""What drivers make of the others depends on where they stopped reading."""


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("way", SERVERS)
async def test_a_database_server_that_breaks_is_named_by_its_fault_and_left_in_peace(
    kind: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with breaking(way) as server:
        gate = gate_at(f"{kind}://hub:{SECRET}@127.0.0.1:{server.port}/books", "sql", "cases", 0.5 if way in ENDLESS else 20)
        now, faults = 0.0, []
        gate._guard.clock = lambda: now
        for _ in range(3):
            with pytest.raises(SourceError) as caught:
                await ask(gate)
            faults.append(type(caught.value))
            told = "".join(traceback.format_exception(caught.value)) + caplog.text
            assert SECRET not in told
        assert gate.state.breakers["person"] == "open"
        asked = server.asked
        with pytest.raises(SourceDown):
            await ask(gate)
        assert server.asked == asked, "left in peace"
        now = 60.0
        words = [gate.state.breakers["person"]]
        with pytest.raises(SourceError):
            await ask(gate)
        assert [*words, gate.state.breakers["person"]] == ["half_open", "open"]
        assert server.sent < MOST
        await gate.close()
    assert faults[0] in EXPECTED.get(way, {SourceDown, SourceSlow, SourceGarbled})


# --- GraphQL sources that lie -----------------------------------------------------------------------------------------------


def nodes(rows: list[Any]) -> broken.Way:
    return broken.says(lambda _: broken.http(json.dumps({"data": {"rows": {"nodes": rows}}}).encode()))


ONE, TWO = broken.ROWS
LIES: dict[str, tuple[list[Any], list[Any], dict[str, int]]] = {
    "rows turned round": ([TWO, ONE], GOOD[::-1], {}),
    "fewer rows than keys": ([ONE], GOOD[:1], {}),
    "no rows": ([], [], {}),
    "rows of others and of nobody": ([ONE, TWO, {**ONE, "case_no": SECRET}, {**ONE, "case_no": None}], GOOD, {"key": 2}),
    "every row twice": ([ONE, TWO, ONE, TWO], GOOD, {"key": 2}),
    "values of other types": (
        [{**ONE, "sex": {"x": SECRET}, "members": SECRET}, {**TWO, "members": 3.5}],
        [("C-01", None, None), ("C-02", "M", None)],
        {"sex": 1, "household_size": 2},
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_a_lying_graphql_source_says_is_used_as_far_as_it_can_be(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said, rows, faults = LIES[lie]
    monkeypatch.setitem(broken.WAYS, lie, nodes(said))
    with broken.broken() as source:
        source.way = lie
        gate = gate_at(source.url, "graphql", "rows")
        answer = await ask(gate)
        assert (list(answer.rows), answer.faults) == (rows, faults)
        await gate.close()


# --- files ---------------------------------------------------------------------------------------------------------------------

CSV = "case_no,sex,members\nC-01,1,5\nC-02,2,3\n"
SPOILT: dict[str, bytes] = {
    "HTML": f"<html><body>{SECRET}</body></html>".encode(),
    "nothing": b"",
    "bytes of nothing": bytes(10_000),
    "another encoding": CSV.encode("utf-16"),
    "no column of its key": b"a,b\n1,2\n",
    "a file of another kind": b"PK\x03\x04" + SECRET.encode() * 40,
}


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
@pytest.mark.parametrize("spoilt", SPOILT)
async def test_a_file_that_is_spoilt_is_garbled_and_one_that_is_mended_is_read(
    kind: str, spoilt: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.files.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("connectors.files.GRACE_SECONDS", 5.0)
    caplog.set_level(logging.DEBUG)
    (tmp_path / f"cases.{kind}").write_bytes(SPOILT[spoilt])
    gate = gate_at(str(tmp_path), "files", "cases.*")
    (told,) = await asyncio.gather(ask(gate), return_exceptions=True)
    if isinstance(told, Answer):
        assert (list(told.rows), list(told.faults)) == ([], ["key"])
    else:
        assert type(told) in {SourceGarbled, SourceDown}
        assert SECRET not in "".join(traceback.format_exception(told))
    findings = " ".join(each.message for each in await gate.check())
    assert SECRET not in findings + caplog.text
    assert f"cases.{kind}" in findings
    (tmp_path / f"cases.{kind}").unlink()
    (tmp_path / "cases.csv").write_text(CSV)
    assert list((await ask(gate)).rows) == GOOD
    await gate.close()
