"""The hub as a process of its own, asked over real HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent

PATIENCE = 100.0
"""Seconds to wait for a hub to be ready; it takes one or two."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A hub that answers at `url`; whatever it prints goes to `log`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Everything it printed so far, on both streams."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serving(config: Path, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """Serve the hub of this file on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve", "--config", str(config), "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    hub = Serving(f"http://127.0.0.1:{port}", process, log)
    try:
        _await_ready(hub)
        yield hub
    finally:
        process.terminate()
        process.wait(20)


def _await_ready(hub: Serving) -> None:
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(timeout=1, verify=False) as client:  # to read the authorities takes longer than to ask
        while True:
            assert hub.process.poll() is None, f"the hub ended: {hub.said()}"
            try:
                if client.get(f"{hub.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"the hub is not ready: {hub.said()}"
            time.sleep(0.05)
