"""Builds the sample country in one folder: sources, configuration, keys, the hub's tables, links, consents, credentials.

Everything is made in a folder beside the wanted one, which is renamed at the end, so that a folder that is there is
whole, whenever the machine went off.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from connectors.contract import Connector
from connectors.gate import connect
from privacy.blind import Blinder
from privacy.consent import Consents
from privacy.credentials import Credentials
from privacy.keys import KeyRing
from resolvers.linking import Linker, Report
from samples import servers
from samples.asking import seed_asking
from samples.country import SEED
from samples.giving import seed_giving
from samples.holding import seed_wallets
from samples.learning import seed_learned
from samples.manifest import FORMAT, MANIFEST
from samples.seeding import People, seed_cases, seed_consents, seed_credentials
from samples.sources import Progress, Written, write_sources
from schema import CATALOGUE
from settings import Settings, load
from tables.database import Database
from tables.upgrade import upgrade

FILE = Path(__file__).with_name("hub.toml")


@dataclass(frozen=True, slots=True)
class Built:
    """A built sample; `reports` has one linking report a source."""

    folder: Path
    people: int
    reports: tuple[Report, ...]
    seconds: float


async def build(folder: Path, people: int = 20_000, seed: int = SEED, progress: Progress | None = None) -> Built:
    """Build the sample country, replacing one that is there.

    Args:
        folder: where it will stand; it appears whole or not at all.
        people: how many to draw, beside the forty of the cast.
        seed: the same seed and size give the same sources, byte for byte.
        progress: told how far it is.
    """
    started = time.monotonic()
    tell = progress or (lambda _stage, _done, _total: None)
    with _replacing(folder) as beside:
        written = write_sources(beside, people, seed, tell)
        shutil.copyfile(FILE, beside / "hub.toml")
        KeyRing.create(str(beside / "keys.json"))
        with servers.running(beside):
            settings = load(beside / "hub.toml")
            reports = await _fill_hub(settings, written, tell)
            tell("wallets", await seed_wallets(settings, beside / "wallets.json"), None)
        written.waits.path.unlink()
        (beside / MANIFEST).write_text(json.dumps({"format": FORMAT, "people": people, "seed": seed}), encoding="utf-8")
    return Built(folder, people, reports, time.monotonic() - started)


async def _fill_hub(settings: Settings, written: Written, tell: Progress) -> tuple[Report, ...]:
    """Link every source and seed what the hub itself keeps; nothing is flushed to disk before the end."""
    await upgrade(settings.hub.database)
    await upgrade(settings.hub.record, "record")
    waits = written.waits
    ring = KeyRing.load(settings.hub.keys)
    blinder = Blinder(ring)
    database = Database.at(settings.hub.database)
    await database.open()
    try:
        people, linker = People(database, blinder), Linker(database, blinder, settings)
        now = int(time.time())
        reports = [await _link(settings, linker, name, partial(tell, f"link {name}"), written.people[name]) for name in linker.order()]
        (hub,) = (name for name, source in settings.sources.items() if source.wire == "hub")
        tell("cases", await seed_cases(database, people, waits, hub), None)
        tell("consents", await seed_consents(Consents(database, ring), people, waits, now), None)
        tell("requests", await seed_asking(database, ring, Consents(database, ring), people, now), None)
        tell("queues", await seed_giving(database, ring, now), None)
        tell("suggestions", await seed_learned(database, ring, now), None)
        credentials = settings.folder / "credentials.json"
        tell("credentials", await seed_credentials(Credentials(database, ring), people, credentials, now), None)
    finally:
        await database.close()
    return tuple(reports)


async def _link(settings: Settings, linker: Linker, name: str, tell: Callable[[int, int | None], None], people: int) -> Report:
    gate = connect(name, settings.sources[name], settings, CATALOGUE, linker.database)
    await gate.open()
    try:
        # A gate has everything of a connector that linking asks for: the scan.
        return await linker.link(name, cast("Connector", gate), lambda done, _: tell(done, people), int(time.time()))
    finally:
        await gate.close()


@contextlib.contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the wanted one's place when the block ends well, and vanishes when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield beside
        old = beside.with_name(f"{beside.name}.old")
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
