"""How long linking takes and how much memory: a SQLite source of people with two schemes each, into a hub on SQLite.

    python bench/linking.py [--people 1000000] [--again]

The peak memory is that of the process which links; the source is made by another one before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from connectors.sql import SQL
from privacy.blind import Blinder
from privacy.keys import KeyRing
from resolvers.linking import Linker
from settings import Hub, Organisation, Settings, Source
from tables.database import Database
from tables.upgrade import upgrade
from values import Catalogue


def make(path: Path, people: int) -> None:
    """Write the source: a case number, a national number (one in fifty missing), a line on a ration card."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE people (case_id TEXT PRIMARY KEY, national TEXT, card TEXT, line TEXT, home TEXT) WITHOUT ROWID")

    def rows() -> object:
        for number in range(people):
            national = None if number % 50 == 7 else f"{(number * 7_919 + 1_000_003) % 10**12:012d}"
            card = str(2_000_000 + (number // 5) * 7 % 9_999_991)
            yield f"C-{number:08d}", national, card, str(number % 5 + 1), f"H{number // 5}"

    with connection:
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", rows())  # type: ignore[arg-type]
    connection.close()


def settings_for(folder: Path) -> Settings:
    """One registry over the file."""
    people = {
        "read": "people",
        "key": "case_id",
        "identifiers": {"national_number": "national", "ration_card": ["card", "line"]},
        "household": "home",
    }
    registry = Organisation.model_validate({"name": {"ar": "سجل", "en": "Registry"}, "kind": "registry"})
    source = {"steward": "registry", "wire": "sql", "address": f"sqlite:///{folder}/source.db", "entities": {"person": people}}
    hub = Hub(database=f"sqlite:///{folder}/hub.db")
    return Settings(hub=hub, organisations={"registry": registry}, sources={"people": Source.model_validate(source)})


def shown(done: int, total: int | None) -> None:
    """One line that moves."""
    sys.stderr.write(f"\r{done} of {total or '?'} ")


async def link(folder: Path, runs: int) -> None:
    """Link the source so many times, printing each run's figures."""
    settings = settings_for(folder)
    await upgrade(settings.hub.database)
    database = Database.at(settings.hub.database)
    await database.open()
    linker = Linker(database, Blinder(KeyRing.create(folder / "keys.json")), settings)
    connector = SQL("people", settings.sources["people"], Catalogue({}))
    await connector.open()
    for _ in range(runs):
        used = resource.getrusage(resource.RUSAGE_SELF)
        report = await linker.link("people", connector, shown, int(time.time()))
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        sys.stderr.write("\n")
        print(
            f"{report.rows} rows in {report.seconds:.1f} s ({report.rows / report.seconds:,.0f} a second, {cpu:.1f} s of CPU): "
            f"{report.new} new, {report.linked} linked, {report.conflicts} conflicts, {report.unreadable} unreadable; "
            f"most memory {after.ru_maxrss / 1024:.0f} MiB, hub.db {(folder / 'hub.db').stat().st_size / 2**20:.0f} MiB"
        )
    await connector.close()
    await database.close()


def main() -> None:
    """Measure in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="link a second time, when nothing is new")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as folder:
        making = multiprocessing.get_context("spawn").Process(target=make, args=(Path(folder) / "source.db", options.people))
        making.start()
        making.join()
        uvloop.run(link(Path(folder), 2 if options.again else 1))


if __name__ == "__main__":
    main()
