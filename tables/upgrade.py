"""Bringing a database's tables up to date, at every start and by every worker at once.

Nearly always there is nothing to do, and finding that out is one small look-up; Alembic, which takes a while to import,
comes in only when a step is missing. Steps run under a lock of the database itself, in one transaction where it has such.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from errors import ConfigError
from tables.database import Database

Part = Literal["hub", "record"]

HEADS: dict[Part, str] = {"hub": "0032", "record": "0002"}
"""The newest step of each part; `tests/test_upgrade.py` holds it against the folder."""

LOCK = 0x6D697A616C6C61
LOCK_SECONDS = 60


def version_table(part: Part) -> str:
    """Where a database says which step it has reached; one for each part, so that it is told whose tables it holds."""
    return f"{part}_version"


async def upgrade(database_url: str, part: Part = "hub") -> bool:
    """Bring the tables of the hub, or of its disclosure record, to the newest step; True when there was something to do.

    Safe to call from several processes at once: one works, the others wait and find it done. On SQLite and PostgreSQL all
    steps take effect together; on MariaDB a killed upgrade is completed by the next call.

    Raises:
        ConfigError: the database cannot be reached or changed, or was made by a newer release.
    """
    with _told(part):
        found = await _reached(database_url, part)
    if found == HEADS[part]:
        return False
    url = sa.make_url(database_url)
    with _told(part):
        if url.get_backend_name() == "sqlite":
            await asyncio.to_thread(_upgrade_sqlite, url, part)
        else:
            await _upgrade_server(url, part)
    return True


async def _reached(database_url: str, part: Part) -> str | None:
    """The step stored in the database, or None when there is none yet."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():  # noqa: ASYNC240 — nothing else runs yet at start
        return None
    database = Database.at(database_url, read_only=True)
    version = sa.table(version_table(part), sa.column("version_num", sa.String))
    await database.open()
    try:
        if version.name not in await database.tables():
            return None
        rows = await database.fetch(database.prepare(sa.select(version.c.version_num)))
    finally:
        await database.close()
    return str(rows[0][0]) if rows else None


def _upgrade_sqlite(url: sa.URL, part: Part) -> None:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url.set(drivername="sqlite"), poolclass=sa.NullPool, connect_args={"timeout": LOCK_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def by_hand(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver would otherwise commit before each CREATE TABLE

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        _run_steps(connection, part)


async def _upgrade_server(url: sa.URL, part: Part) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    if url.get_backend_name() == "postgresql":
        url, lock = url.set(drivername="postgresql+asyncpg"), sa.select(sa.func.pg_advisory_xact_lock(LOCK))
    else:  # the lock ends with its connection, and the pool keeps none
        url, lock = url.set(drivername="mysql+aiomysql"), sa.select(sa.func.get_lock(f"mizalla {url.database}"[:64], LOCK_SECONDS))
    engine = create_async_engine(url, poolclass=sa.NullPool)
    async with engine.begin() as connection:
        if await connection.scalar(lock) == 0:
            raise TimeoutError("another process is upgrading")
        await connection.run_sync(_run_steps, part)


def _run_steps(connection: sa.Connection, part: Part) -> None:
    from alembic import command
    from alembic.config import Config

    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config = Config()
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{folder}/{part}")
    config.attributes.update(connection=connection, part=part)
    command.upgrade(config, "head")


@contextlib.contextmanager
def _told(part: Part) -> Iterator[None]:
    """Say what a driver's error means for who starts the hub; the driver's own text may hold an address or a password."""
    setting = "hub.database" if part == "hub" else "hub.record"
    try:
        yield
    except Exception as error:
        if type(error).__name__ == "CommandError":  # Alembic's, for a step it does not know
            hint = "start that release, or restore a copy from before it"
            raise ConfigError(f"the database of {setting} was made by a newer release", hint, setting) from None
        message = f"the database of {setting} cannot be opened or brought up to date ({type(error).__name__})"
        raise ConfigError(message, f"see that it runs, and that {setting} names a user who may create tables in it", setting) from error
