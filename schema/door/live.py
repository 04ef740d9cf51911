"""The door as the files say just now: hub.toml, the key ring and the rules may change while the hub runs.

Before a request is looked at, the files it is answered by are asked whether they are still the same: one system call each, a
few microseconds, and no watcher that would learn of a change some time after it. When one has changed, a successor of the
hub is made of all of them and put in the place of the old one in a single step; requests that come meanwhile wait for it,
requests in flight are finished by the hub they began with. Every process looks for itself, so any number of workers follow.

What cannot be read, or does not hold together, changes nothing: the old hub goes on, and the log says what is wrong, where,
and what to do.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog
from strawberry import Schema

from errors import ConfigError
from places import located
from policies.law import FOLDER
from privacy.standing import epoch
from resolvers.hub import Hub
from schema.door.door import Door
from settings import Settings, load
from values import PUBLIC, Enquiry, Purpose

log = structlog.get_logger("mizalla")

LOOK_SECONDS = 1.0
"""How often somebody looks when nobody asks: an operator need not send a request to learn that a file was taken or refused."""

SETTLE_SECONDS = 0.02
"""A file that changed so short a time ago may be half written; it is read when it has rested. Renaming into place is still better."""

ROUNDS = 50
"""A file that never rests is read all the same after so many waits."""

LINGER_SECONDS = 15.0
"""Beyond the longest operation, how long what only the old hub used stays open: writing is not cut off."""

PREPARED_AFTER = 2.0
"""Seconds after a start or a change, when views begin to be decided before anybody asks: whoever asks at once comes first."""

AT_START = ("database", "record", "host", "port", "logs", "metrics", "traces")
"""Keys of `[hub]` that are taken when the hub starts, and not before it starts again."""

Stamp = tuple[tuple[int, int, int] | None, ...]


class Live:
    """A hub and its door, replaced as one when its files change."""

    def __init__(self, hub: Hub, schema: Schema) -> None:
        """Begin with a hub that its caller has made, and as its files are now."""
        self.door = Door(hub, schema)
        self.refused = False
        self.taken = 0
        self._forced = False
        self._schema = schema
        self._first: Settings | None = None
        self._last: Settings | None = None
        self._files = _files(hub.settings)
        self._stamp: Stamp | None = _stamp(self._files)
        self._following: asyncio.Future[None] | None = None
        self._leaving: dict[asyncio.Task[None], Hub] = {}
        self._looking: asyncio.Task[None] | None = None
        self._preparing: asyncio.Task[None] | None = None

    @property
    def hub(self) -> Hub:
        """The hub that answers just now."""
        return self.door.hub

    async def now(self) -> Door:
        """The door by which a request that begins now is answered."""
        while _stamp(self._files) != self._stamp:
            if self._following is None:
                self._following = asyncio.ensure_future(self._follow())
            await asyncio.shield(self._following)
        return self.door

    def again(self) -> None:
        """Make everything anew before the next request, whether or not a file seems to have changed.

        So trusted documents are read again, and the keys of OpenID issuers are fetched again.
        """
        self._stamp, self._forced = None, True

    async def __aenter__(self) -> Self:
        """Open the hub, take what changed since its files were read, and begin to look."""
        await self.hub.__aenter__()
        self._stamp = None
        await self.now()
        self._looking = asyncio.create_task(self._look(), name="files")
        self._preparing = asyncio.create_task(self._prepare(self.door), name="views")
        self.hub.duties.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the hub that answers, and what is left of those before it."""
        for task in (self._looking, self._preparing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.hub.duties.rest()
        leaving = dict(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        for hub in leaving.values():
            await hub.leave(self.hub)
        await self.hub.__aexit__(None, None, None)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.now()

    async def _prepare(self, door: Door) -> None:
        """Decide the views of those who are likely to ask: the first of a kind would wait a tenth of a second for the rules."""
        await asyncio.sleep(PREPARED_AFTER)
        try:
            now = datetime.now(UTC)
            for each in (PUBLIC, *await door.hub.credentials.kinds(epoch(now), door.hub)):
                for purpose in each.purposes or (Purpose.OPEN_DATA,):
                    await door.variants.prepare(Enquiry(each, purpose, now))
        except Exception as error:  # noqa: BLE001 — then whoever asks first waits
            log.warning("views_not_prepared", error=type(error).__name__)

    async def _follow(self) -> None:
        try:
            files = self._files
            for _ in range(ROUNDS):
                if _rests(stamp := _stamp(files)):
                    break
                await asyncio.sleep(SETTLE_SECONDS)
            try:
                await self._succeed()
            except ConfigError as error:
                self._refuse(located(error, self.hub.settings.place), error.message, error.hint)
            except Exception as error:  # noqa: BLE001 — whatever it is, the old hub goes on; its text may quote a file
                self._refuse(str(self.hub.settings.path), type(error).__name__, "see what `mizalla check` says")
            self._stamp = stamp if self._files == files else None
        finally:
            self._following = None

    def _refuse(self, place: str, fault: str, remedy: str) -> None:
        self.refused = True
        log.error("settings_refused", place=place, fault=fault, remedy=remedy)

    async def _succeed(self) -> None:
        before, forced, self._forced = self.hub, self._forced, False
        written = await asyncio.to_thread(load, before.settings.path)  # requests in flight go on meanwhile
        late = self._late(written)
        settings = _running(written, before.settings)
        hub = Hub(settings, before.catalogue, before.public_names, before, anew=forced)
        if not forced and settings == before.settings and hub.ring is before.ring and hub.policies is before.policies:
            self.refused = False
            return
        door = Door(hub, self._schema)
        try:
            await hub.take_over()
        except BaseException:
            await hub.leave(before)
            raise
        self.door, self.refused, self.taken = door, False, self.taken + 1
        if self._looking is not None:
            await before.duties.rest()
            hub.duties.begin()
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = asyncio.create_task(self._prepare(door), name="views")
        self._files = _files(settings)
        for name in late:
            log.warning("setting_not_taken", place=settings.place(f"hub.{name}"), setting=f"hub.{name}", remedy="start the hub again")
        log.info("settings_taken", keys=hub.ring.current, agreements=len(settings.agreements), sources=len(settings.sources))
        task = asyncio.create_task(self._leave(before), name="hub before")
        self._leaving[task] = before
        task.add_done_callback(lambda done: self._leaving.pop(done, None))

    def _late(self, written: Settings) -> list[str]:
        """The settings that were changed this time and have to wait for a start. What the command line says has precedence anyway."""
        first, last = self._first or written, self._last or written
        self._first, self._last = first, written
        return [name for name in AT_START if getattr(written.hub, name) not in {getattr(last.hub, name), getattr(first.hub, name)}]

    async def _leave(self, before: Hub) -> None:
        await asyncio.sleep(max(each.seconds for each in before.settings.hub.limits.all) + LINGER_SECONDS)
        await before.leave(self.hub)


def _files(settings: Settings) -> tuple[str, ...]:
    """What a hub is made of: its settings, its key ring, and the rules where they are a deployment's own."""
    found = [str(settings.path)]
    if not settings.hub.keys.startswith("env:"):
        found.append(settings.hub.keys)
    if settings.hub.rules is not None and Path(settings.hub.rules) != FOLDER:
        found += [settings.hub.rules, *sorted(str(each) for each in Path(settings.hub.rules).glob("*.polar"))]
    return tuple(found)


def _stamp(files: tuple[str, ...]) -> Stamp:
    """What tells one state of the files from another; a file that is not there has no more than that."""
    return tuple([_stamp_of(path) for path in files])


def _stamp_of(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 — a path object costs more than the call, and every request makes it
    except OSError:
        return None
    return found.st_ctime_ns, found.st_ino, found.st_size


def _rests(stamp: Stamp) -> bool:
    now = time.time_ns()
    return all(each is None or not 0 <= now - each[0] < SETTLE_SECONDS * 1e9 for each in stamp)


def _running(written: Settings, running: Settings) -> Settings:
    """The settings as written, but for what a running hub cannot change."""
    kept = {name: getattr(running.hub, name) for name in AT_START}
    return written.model_copy(update={"hub": written.hub.model_copy(update=kept)})
