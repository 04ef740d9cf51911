"""News in every process: what others stored is read from the table they stored it in, and told to those who watch here.

A number is given to a row before its transaction ends, so a lower number may appear after a higher one. Rows are therefore read
from the lowest number that is still missing, each told once; what stays missing for long was rolled back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
import sqlalchemy as sa

from stanzas import NewsRules
from tables.database import Database
from tables.identity import consent, consent_use
from tables.webhooks import webhook_delivery
from tables.writing import command, news

MISSING_SECONDS = 60.0
"""A number that does not appear for so long belongs to a change that was undone."""

MOST = 500
"""Rows read at once."""

DAY = 86_400
SWEEP_SECONDS = 3600.0

Tell = Callable[[str, str, dict[str, Any]], None]


class Tail:
    """Reads the news of other processes, in the order of their numbers."""

    def __init__(self, database: Database, rules: NewsRules, origin: str, tell: Tell, before: Tail | None = None) -> None:
        """`origin` is this process, which has told its own watchers already; `before` the tail in whose place this one stands."""
        self._database = database
        self._rules = rules
        self._origin = origin
        self._tell = tell
        self._low: int | None = before._low if before else None  # noqa: SLF001 — another of its own kind
        self._told: set[int] = set(before._told) if before else set()  # noqa: SLF001 — as above
        self._missed: dict[int, float] = {}
        prepare = database.prepare
        self._last = prepare(sa.select(sa.func.max(news.c.number)))
        self._next = prepare(
            sa.select(news.c.number, news.c.origin, news.c.topic, news.c.key, news.c.body)
            .where(news.c.number > sa.bindparam("after"))
            .order_by(news.c.number)
            .limit(MOST)
        )

    async def begin(self) -> None:
        """Watch from now on: what was stored before is no news to anybody here."""
        self._low = (await self._database.fetch(self._last))[0][0] or 0

    async def look(self, now: float | None = None) -> int:
        """Tell what is new, and give how many rows were; `now` is a clock that only runs forward."""
        if self._low is None:
            await self.begin()
        assert self._low is not None
        now = time.monotonic() if now is None else now
        rows = await self._database.fetch(self._next, {"after": self._low})
        count = 0
        for number, origin, topic, key, body in rows:
            if number in self._told:
                continue
            self._told.add(number)
            if origin != self._origin:
                count += 1
                self._tell(topic, key, orjson.loads(body))
        highest = rows[-1][0] if rows else self._low
        self._missed = {number: self._missed.get(number, now) for number in range(self._low + 1, highest) if number not in self._told}
        while self._low < highest:
            number = self._low + 1
            if number not in self._told and now - self._missed.get(number, now) < MISSING_SECONDS:
                break
            self._low = number
            self._told.discard(number)
            self._missed.pop(number, None)
        return count

    async def attend(self) -> None:
        """Look for ever, as often as `hub.toml` says."""
        while True:
            await self.look()
            await asyncio.sleep(self._rules.poll_seconds)


class Sweep:
    """Removes what was kept long enough: news, deliveries, answers to idempotency keys, uses of consents and periods that are over."""

    def __init__(self, database: Database, rules: NewsRules) -> None:
        """Prepare every statement once."""
        self._database = database
        self._rules = rules
        prepare = database.prepare
        self._newest = prepare(sa.select(sa.func.max(news.c.number), sa.literal_column("1")))
        # The newest row stays, because SQLite would give its number again, and those who read along would miss it.
        self._news = prepare(sa.delete(news).where(news.c.at < sa.bindparam("before"), news.c.number < sa.bindparam("newest")))
        self._deliveries = prepare(
            sa.delete(webhook_delivery).where(
                webhook_delivery.c.at < sa.bindparam("before"), webhook_delivery.c.number < sa.bindparam("newest")
            )
        )
        self._last_delivery = prepare(sa.select(sa.func.max(webhook_delivery.c.number), sa.literal_column("1")))
        used = consent_use.c
        over: sa.BindParameter[int] = sa.bindparam("before")
        lapsed = sa.and_(consent.c.period_days.is_not(None), used.at + consent.c.period_days * DAY < over)
        ended = sa.or_(consent.c.ends_at < over, consent.c.withdrawn_at < over, lapsed)
        self._uses = prepare(sa.delete(consent_use).where(sa.exists().where(consent.c.id == used.consent, ended)))
        self._commands = prepare(sa.delete(command).where(command.c.at < sa.bindparam("before")))

    async def sweep(self, now: int) -> None:
        """Remove what is too old at this moment, in seconds since 1970 (UTC)."""
        told = now - self._rules.keep_days * DAY
        async with self._database.transaction() as tx:
            for newest, delete in ((self._newest, self._news), (self._last_delivery, self._deliveries)):
                ((last, _),) = await tx.fetch(newest)
                await tx.execute(delete, {"before": told, "newest": last or 0})
            await tx.execute(self._uses, {"before": told})
            await tx.execute(self._commands, {"before": now - self._rules.command_days * DAY})

    async def attend(self) -> None:
        """Sweep once an hour."""
        while True:
            await self.sweep(int(time.time()))
            await asyncio.sleep(SWEEP_SECONDS)
