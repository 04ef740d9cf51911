"""The two sources that are servers, each in a process of its own: Crescent Aid's Datasette, Rafidain Relief's GraphQL.

Ports are free ones unless given, so that two samples run beside each other. A child ends when its parent does, however
the parent ends: it waits on a pipe that the system closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from errors import ConfigError

CRESCENT_URL, RAFIDAIN_URL, RAFIDAIN_TOKEN = "CRESCENT_AID_URL", "RAFIDAIN_RELIEF_URL", "RAFIDAIN_RELIEF_TOKEN"
"""What `hub.toml` reads from the environment."""

NOT_RUNNING = {CRESCENT_URL: "http://127.0.0.1:9", RAFIDAIN_URL: "http://127.0.0.1:9/graphql", RAFIDAIN_TOKEN: "none"}
"""Addresses at which nobody answers: the configuration is whole, and the two sources are down."""

FILE = "servers.json"
"""Beside the sample, while its servers run: what other commands need to find them. Only its owner may read it."""

PATIENCE = 20.0
"""Seconds to wait for both; they take one or two."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers, running; `environment` is what the hub's configuration needs to find them."""

    environment: Mapping[str, str]
    processes: tuple[subprocess.Popen[bytes], ...]
    file: Path | None = None

    def alive(self) -> bool:
        """Whether both still run."""
        return all(process.poll() is None for process in self.processes)

    def stop(self) -> None:
        """End both and wait for it."""
        if self.file is not None and known_environment(self.file.parent) == self.environment:
            self.file.unlink(missing_ok=True)
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


def start(folder: Path, *, crescent_port: int = 0, rafidain_port: int = 0) -> Servers:
    """Start both servers over the files of a built sample, and give them once they answer.

    Port 0 takes a free one. The token is the environment's, or a new one for this run.

    Raises:
        ConfigError: one did not start in time; the hint repeats its last line.
    """
    token = os.environ.get(RAFIDAIN_TOKEN) or secrets.token_urlsafe(24)
    with tempfile.TemporaryFile() as crescent_log, tempfile.TemporaryFile() as rafidain_log:
        crescent = _spawn("crescent-aid", folder, crescent_port, token, crescent_log)
        rafidain = _spawn("rafidain-relief", folder, rafidain_port, token, rafidain_log)
        servers = Servers({}, (crescent, rafidain))
        try:
            ports = [_port(crescent, "crescent-aid", crescent_log), _port(rafidain, "rafidain-relief", rafidain_log)]
        except ConfigError:
            servers.stop()
            raise
    urls = {CRESCENT_URL: f"http://127.0.0.1:{ports[0]}", RAFIDAIN_URL: f"http://127.0.0.1:{ports[1]}/graphql", RAFIDAIN_TOKEN: token}
    return Servers(urls, servers.processes, _tell(folder / FILE, urls))


def known_environment(folder: Path) -> Mapping[str, str]:
    """Where a sample's servers are that another process started; where none runs, addresses at which nobody answers."""
    try:
        found: dict[str, str] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return NOT_RUNNING
    return found


def _tell(file: Path, environment: Mapping[str, str]) -> Path:
    """Write the file whole, so that nobody reads half of it."""
    descriptor, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as writing:
        json.dump(dict(environment), writing)
    return Path(beside).replace(file)


@contextlib.contextmanager
def running(folder: Path, *, crescent_port: int = 0, rafidain_port: int = 0) -> Iterator[Servers]:
    """Have both servers running, and the environment say where, until the block ends."""
    servers = start(folder, crescent_port=crescent_port, rafidain_port=rafidain_port)
    before = {name: os.environ.get(name) for name in servers.environment}
    os.environ.update(servers.environment)
    try:
        yield servers
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        servers.stop()


def _spawn(name: str, folder: Path, port: int, token: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 — this interpreter, this module
        [sys.executable, "-m", "samples.servers", name, str(folder.resolve()), str(port)],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, RAFIDAIN_TOKEN: token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )


def _port(process: subprocess.Popen[bytes], name: str, log: IO[bytes]) -> int:
    """Wait for a child's one line of output: the port it listens on."""
    late = threading.Timer(PATIENCE, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
    finally:
        late.cancel()
    if line:
        return int(json.loads(line)["port"])
    process.wait()
    log.seek(0)
    last = log.read().decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise ConfigError(f"the sample source {name} did not start", f"build the sample again; it ended with: {last[0]}")


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _application(name: str, folder: Path) -> Any:
    if name == "rafidain-relief":
        from samples.rafidain import application

        return application(folder / "rafidain-relief.db", os.environ[RAFIDAIN_TOKEN])
    from datasette.app import Datasette

    settings = {"default_allow_sql": False, "allow_download": False, "allow_facet": False, "suggest_facets": False, "default_cache_ttl": 0}
    return Datasette([str(folder / "crescent-aid.db")], settings=settings).app()


async def _serve(name: str, folder: Path, port: int) -> None:
    import uvicorn

    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(_application(name, folder), log_level="warning", access_log=False, lifespan="auto")
    server = uvicorn.Server(config)

    async def announce() -> None:
        while not server.started:  # noqa: ASYNC110 — uvicorn has a flag and no event
            await asyncio.sleep(0.005)
        sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
        sys.stdout.flush()

    telling = asyncio.create_task(announce())
    await server.serve(sockets=[listening])
    telling.cancel()


def main() -> None:
    """Run one server in this process: `python -m samples.servers NAME FOLDER PORT`."""
    name, folder, port = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(name, Path(folder), int(port)))


if __name__ == "__main__":
    main()
