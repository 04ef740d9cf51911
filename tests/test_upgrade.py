"""A database's tables come up to date by themselves, on every kind of database, whoever starts when."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import create_async_engine

import tables.aid
import tables.exchange.decisions
import tables.exchange.messages
import tables.exchange.referrals
import tables.exchange.surveys
import tables.governance
import tables.identity.asking
import tables.identity.assurance
import tables.identity.attestations
import tables.identity.edge
import tables.identity.enrolment
import tables.identity.guardians
import tables.identity.references
import tables.identity.requests
import tables.identity.wallet
import tables.oversight.inspection
import tables.oversight.reports
import tables.webhooks
import tables.writing
from errors import ConfigError
from tables.database import Database
from tables.identity import consent, identifier
from tables.metadata import metadata
from tables.migrations.hub import v0026
from tables.oversight import record
from tables.upgrade import HEADS, Part, upgrade, version_table

PARTS: tuple[Part, ...] = ("hub", "record")
FOLDER = Path(__file__).parent.parent
assert (
    tables.aid.case_file.metadata
    is tables.governance.organisation.metadata
    is tables.writing.step.metadata
    is tables.identity.wallet.device.metadata
    is metadata
)
assert tables.aid.case_file.metadata is tables.writing.step.metadata is tables.identity.wallet.device.metadata is metadata
assert tables.webhooks.webhook.metadata is tables.identity.asking.consent_request.metadata is metadata
assert tables.aid.case_file.metadata is tables.writing.step.metadata is metadata
assert tables.oversight.inspection.glass.metadata is tables.oversight.reports.report.metadata is metadata


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    return f"sqlite:///{tmp_path}/deep/down/hub.db" if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_empty"))


def asynchronous(url: sa.URL) -> sa.URL:
    return url.set(drivername="postgresql+asyncpg" if url.get_backend_name() == "postgresql" else "mysql+aiomysql")


async def inside(address: str, look: Callable[[sa.Connection], Any]) -> Any:
    """What SQLAlchemy's own engine sees in a database."""
    url = sa.make_url(address)
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            return look(connection)
    served = create_async_engine(asynchronous(url), poolclass=sa.NullPool)
    async with served.begin() as connection:
        return await connection.run_sync(look)


def other_type(_: Any, __: Any, ___: Any, found: Any, wanted: Any) -> bool | None:
    """MariaDB chooses among its sizes of BLOB by the length asked for, and does not say it again; else Alembic compares."""
    return False if isinstance(found, mysql.TINYBLOB | mysql.MEDIUMBLOB | sa.BLOB) and isinstance(wanted, sa.LargeBinary) else None


def differences(connection: sa.Connection, part: Part) -> list[Any]:
    """What the tables in the code have and the database lacks, or the other way round; comments apart."""
    context = MigrationContext.configure(connection, opts={"version_table": version_table(part), "compare_type": other_type})
    wanted = metadata if part == "hub" else record
    flat = [one for each in compare_metadata(context, wanted) for one in (each if isinstance(each, list) else [each])]
    return [each for each in flat if each[0] not in {"modify_comment", "add_table_comment"}]


@pytest.mark.parametrize("part", PARTS)
async def test_an_upgraded_database_has_exactly_the_tables_of_the_code(address: str, part: Part) -> None:
    assert await upgrade(address, part)
    assert await inside(address, lambda connection: differences(connection, part)) == []
    stored = await inside(address, lambda connection: connection.exec_driver_sql(f"SELECT version_num FROM {part}_version").scalar())
    assert stored == HEADS[part]
    assert not await upgrade(address, part)


@pytest.mark.parametrize("part", PARTS)
async def test_a_database_holds_the_tables_of_its_part_and_says_whose_they_are(part: Part, address: str) -> None:
    assert await upgrade(address, part)
    names = await inside(address, lambda connection: set(sa.inspect(connection).get_table_names()))
    assert names == {*(metadata if part == "hub" else record).tables, version_table(part)}


async def test_workers_that_start_together_all_find_the_tables(address: str) -> None:
    done = await asyncio.gather(*(upgrade(address) for _ in range(4)))
    assert any(done)
    assert await inside(address, lambda connection: differences(connection, "hub")) == []
    assert await inside(address, lambda connection: connection.exec_driver_sql("SELECT count(*) FROM hub_version").scalar()) == 1


async def test_an_upgrade_killed_half_way_is_completed_by_the_next(address: str) -> None:
    def half(connection: sa.Connection) -> None:
        consent.create(connection)
        identifier.create(connection)
        next(iter(identifier.indexes)).drop(connection)

    if not address.startswith("sqlite"):
        await inside(address, half)
    assert await upgrade(address)
    assert await inside(address, lambda connection: differences(connection, "hub")) == []


async def test_what_is_stored_survives_being_upgraded_again(address: str) -> None:
    await upgrade(address)
    database = Database.at(address)
    await database.open()
    blind = bytes(range(32))
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.insert(identifier)), {"blind": blind, "person": 2**40, "scheme": 3})
    await database.close()
    await upgrade(address)
    read = await inside(address, lambda connection: connection.execute(sa.select(identifier)).all())
    assert [tuple(row) for row in read] == [(blind, 2**40, 3)]


async def test_what_followed_cases_that_were_made_one_before_can_still_go_back(address: str) -> None:
    await upgrade(address)
    body = {"allocations": [11, 12], "assessments": [], "cases": [13], "carried": [14, 15], "carried_new": [15], "dropped": [[7, 16]]}
    row = {"id": 1, "organisation": "karama", "kept": 7, "merged": 8, "state": "merged", "body": json.dumps(body), "at": 0}

    def back(connection: sa.Connection) -> None:
        connection.execute(sa.insert(tables.aid.case_merge), row)
        connection.execute(sa.text("UPDATE hub_version SET version_num = :before"), {"before": v0026.down_revision})

    await inside(address, back)
    assert await upgrade(address)
    noted = await inside(address, lambda connection: connection.execute(sa.select(tables.aid.case_merge_row)).all())
    assert sorted(tuple(each)[1:] for each in noted) == [
        *[("allocation", 8, 11), ("allocation", 8, 12), ("carried", 8, 14), ("carried", 8, 15), ("case", 8, 13)],
        *[("dropped", 7, 16), ("taken", 8, 15)],
    ]


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(address: str) -> None:
    await upgrade(address)
    await inside(address, lambda connection: connection.exec_driver_sql("UPDATE hub_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="newer release"):
        await upgrade(address)
    assert await inside(address, lambda connection: connection.exec_driver_sql("SELECT version_num FROM hub_version").scalar()) == "9999"


async def test_a_failing_step_leaves_nothing_behind_in_sqlite(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/hub.db"
    await inside(address, lambda connection: connection.exec_driver_sql("CREATE VIEW person AS SELECT 1 AS number"))
    with pytest.raises(ConfigError, match="brought up to date"):
        await upgrade(address)
    assert await inside(address, lambda connection: sa.inspect(connection).get_table_names()) == []


@pytest.mark.parametrize(
    "address",
    ["postgresql://hub:s3cret@127.0.0.1:1/hub", "mariadb://hub:s3cret@127.0.0.1:1/hub", "oracle://hub:s3cret@127.0.0.1/hub"],
)
async def test_an_unreachable_database_is_named_by_its_setting_without_its_password(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await upgrade(address, "record")
    assert "hub.record" in str(caught.value)
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ConfigError, match=r"hub\.database"):
        asyncio.run(upgrade(f"sqlite:///{tmp_path}/hub.db"))


@pytest.mark.alone
async def test_finding_nothing_to_do_is_quick_and_leaves_alembic_unimported(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/hub.db"
    await upgrade(address)
    script = (
        "import asyncio, sys, time; from tables.upgrade import upgrade; begun = time.perf_counter()\n"
        f"assert asyncio.run(upgrade({address!r})) is False\n"
        "print(time.perf_counter() - begun, 'alembic' in sys.modules)"
    )
    spent, imported = subprocess.run([sys.executable, "-c", script], cwd=FOLDER, check=True, capture_output=True, text=True).stdout.split()
    assert float(spent) < 0.5
    assert imported == "False"


@pytest.mark.parametrize("part", PARTS)
def test_the_newest_step_in_the_folder_is_the_one_the_code_expects(part: Part) -> None:
    folder = FOLDER / "tables" / "migrations"
    assert ScriptDirectory(str(folder), version_locations=[str(folder / part)]).get_heads() == [HEADS[part]]
