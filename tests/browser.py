"""A real browser without a window, driven over the DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

PATIENCE = 30.0
"""Seconds to wait for something to be seen; a second is usual."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Page:
    """One page of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent = 0
        self.complaints: list[str] = []

    def order(self, method: str, **given: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; what the page complains of meanwhile is kept."""
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": given}))
        while True:
            said = json.loads(self.socket.recv(PATIENCE))
            if said.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["params"]))
            elif said.get("method") == "Log.entryAdded" and said["params"]["entry"]["source"] == "security":
                self.complaints.append(said["params"]["entry"]["text"])
            elif said.get("id") == self.sent:
                assert "error" not in said, said
                found: dict[str, Any] = said["result"]
                return found

    def open(self, url: str) -> None:
        """Go there."""
        self.order("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href === " + json.dumps(url))

    def value(self, script: str) -> Any:
        """What an expression gives; a promise is waited for."""
        result = self.order("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.value(script):
            assert time.monotonic() < deadline, f"{script} did not come true; the page reads: {self.value('document.body.innerText')}"
            time.sleep(0.05)

    def write(self, field: str, text: str) -> None:
        """Write into a field as by hand."""
        self.value(f"document.getElementById('{field}').focus()")
        self.order("Input.insertText", text=text)

    def press(self, button: str) -> None:
        """Press a button with the keyboard, where it is shown."""
        self.until(f"document.getElementById('{button}').checkVisibility()")
        self.value(f"document.getElementById('{button}').focus()")
        assert self.value("document.activeElement.id") == button
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.order("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.order("Input.dispatchKeyEvent", type="keyUp", **key)


@contextmanager
def browsing(folder: Path) -> Iterator[Page]:
    """A page of a new browser; skips where there is none, but fails with CI=true."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium is installed: .ci/run installs it as root, or apt-get install chromium")
        pytest.skip("no chromium is installed")
    folder.mkdir()
    with (folder.parent / "browser.txt").open("wb") as output:
        process = subprocess.Popen([program, *FLAGS, f"--user-data-dir={folder}", "about:blank"], stdout=output, stderr=output)
    try:
        with connect(_address(process, folder), max_size=None, proxy=None) as socket:
            page = Page(socket)
            for domain in ("Page", "Runtime", "Log"):
                page.order(f"{domain}.enable")
            yield page
            page.order("Browser.close")
    finally:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    named = folder / "DevToolsActivePort"
    while not (named.exists() and named.read_text().count("\n")):
        assert process.poll() is None, "the browser ended"
        assert time.monotonic() < deadline, "the browser does not answer"
        time.sleep(0.05)
    port = named.read_text().splitlines()[0]
    with httpx.Client(trust_env=False) as client:
        targets = client.get(f"http://127.0.0.1:{port}/json/list").json()
    return next(str(each["webSocketDebuggerUrl"]) for each in targets if each["type"] == "page")
