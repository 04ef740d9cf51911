"""What several measurements share: memory of a process, percentiles, a sample country with its hub, one HTTP connection."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import apsw

from settings import Settings
from tests.asking import copied
from tests.country import Country, running_country

LOCAL = {"127.0.0.1", "localhost", "::1"}
MIB = 2**20

ONE = "query One($id: ID!) { person(id: $id) { id sex birthYear allocations(first: 5) { kind amount currency } insurance { status } } }"
MANY = "query Many($first: Int!) { people(first: $first) { id sex birthYear allocations { id kind amount currency allocatedOn } } }"
FLAT = "query Flat($first: Int!) { people(first: $first) { id sex birthYear governorate householdSize living needScore } }"
"""Questions that go to all sources of the sample country."""

LOCAL_ONE = "query One($id: ID!) { person(id: $id) { id living insurance { status months } } }"
LOCAL_MANY = "query Many($first: Int!) { people(first: $first) { id living insurance { status months } } }"
"""Questions that go to its databases only, so that no source over HTTP is measured with the hub."""

WHO = "crescent-caseworker"


def resident(pid: int | str = "self", line: str = "VmRSS") -> float:
    """MiB that a process has in memory now, or with `VmHWM` had at most since `forget_peak`; 0.0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(each.split()[1]) / 1024 for each in text.splitlines() if each.startswith(f"{line}:")), 0.0)


def forget_peak(pid: int | str = "self") -> float:
    """Let the peak start anew from what is in memory now, and give that."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    return resident(pid)


def share(times: Sequence[float], of: float) -> float:
    """The time in milliseconds that `of` (0 to 1) of the times, in seconds, do not exceed; 0.0 of none."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * of))] * 1000 if ordered else 0.0


@contextmanager
def country(people: int) -> Iterator[tuple[Country, Settings]]:
    """A new sample country whose servers run, and settings of its hub, where everybody is a case of the caseworker's."""
    with tempfile.TemporaryDirectory(prefix="mizalla-") as folder, running_country(Path(folder) / "country", people) as running:
        settings = copied(running, Path(folder) / "hub")
        books = apsw.Connection(str(Path(folder) / "hub" / "hub.db"))
        books.execute(
            "INSERT INTO own_case SELECT 'crescent-aid', 'Z-' || number, number FROM person"
            " WHERE number NOT IN (SELECT person FROM own_case WHERE organisation = 'crescent-aid')"
        )
        books.close()
        yield running, settings


class Connection:
    """One connection kept alive, over which bodies are sent one after the other. `async with Connection(url) as connection:`."""

    def __init__(self, url: str, key: str | None) -> None:
        """`url` is the hub's on this machine.

        Raises:
            SystemExit: it is not on this machine; load is never sent elsewhere.
        """
        parts = urlsplit(url)
        if parts.hostname not in LOCAL:
            raise SystemExit(f"{parts.hostname} is not this machine. Remedy: run the hub here.")
        self._at = (parts.hostname, parts.port or 80)
        head = f"POST /graphql HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        self._head = head + (f"authorization: Bearer {key}\r\n" if key else "")

    async def __aenter__(self) -> Self:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(*self._at, limit=MIB)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self._writer.close()

    async def ask(self, query: str, variables: dict[str, Any] | None = None, seconds: float = 60) -> tuple[int, bytes]:
        """The status and the body of an answer.

        Raises:
            OSError: the connection broke, or `seconds` went by.
        """
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        async with asyncio.timeout(seconds):
            self._writer.write(f"{self._head}content-length: {len(body)}\r\n\r\n".encode() + body)
            try:
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
                return int(head.split()[1]), await self._reader.readexactly(length)
            except asyncio.IncompleteReadError:
                raise ConnectionResetError from None
