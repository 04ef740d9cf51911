"""What each requester used in this minute: requests and points, counted in memory or in a Redis shared by several hubs.

Whoever asks is counted under a keyed hash alone, so that neither this memory nor that server holds a credential or an
address. Minutes are those of the clock: all hubs agree on them without asking, and one step counts and tells what is left.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from typing import Any, NamedTuple

import structlog
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.errors import StorageError

from errors import ConfigError, LimitReached
from settings import Limits
from values import Requester

log = structlog.get_logger("mizalla")

MINUTE = 60

PATIENCE = 0.25
"""Seconds the store may take; then this hub counts for itself."""

PAUSE = 10.0
"""Seconds for which a store that failed is not asked again."""


class Left(NamedTuple):
    """What one may use in a minute, what is left of it, and in how many seconds the next begins."""

    limit: int
    remaining: int
    reset: int


class Shares:
    """Counts what requesters use."""

    def __init__(self, store: str, key: bytes) -> None:
        """`key` is what names are hashed under.

        Raises:
            ConfigError: the store needs a library that is not installed.
        """
        self._key = key
        self._memory = Memory()
        self._shared: RedisStorage | None = None
        self._rests_until = 0.0
        if store != "memory":
            try:
                self._shared = RedisStorage(
                    f"async+{store}",
                    wrap_exceptions=True,
                    implementation="redispy",
                    key_prefix="mizalla",
                    socket_timeout=PATIENCE,
                    socket_connect_timeout=PATIENCE,
                )
            except Exception as error:
                raise ConfigError(
                    "hub.limits.store: it cannot be used", "pip install 'mizalla[redis]', and write redis://host:6379/0", "hub.limits.store"
                ) from error

    def name(self, requester: Requester | None, address: str) -> str:
        """Under what name somebody is counted: a hash of the credential, or without one of the address."""
        known = None if requester is None else requester.credential or (requester.organisation and requester.name)
        text = f"credential:{known}" if known else f"address:{_network(address)}"
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=16).hexdigest()

    async def request(self, name: str, limits: Limits, count: int = 1) -> Left | None:
        """Count requests; None where there is no limit.

        Raises:
            LimitReached: there were too many in this minute.
        """
        if limits.requests_per_minute is None:
            return None
        left = await self._use("requests", name, count, limits.requests_per_minute)
        if left.remaining < 0:
            raise LimitReached(f"more than {left.limit} requests in a minute", f"ask again in {left.reset} seconds", left.reset)
        return left

    async def spend(self, name: str, limits: Limits, cost: int) -> Left | None:
        """Use up points; None where there is no budget. What is refused is given back.

        Raises:
            LimitReached: not so much is left of this minute's points, or no minute has so much.
        """
        budget = limits.cost_per_minute
        if budget is None:
            return None
        if cost > budget:
            raise LimitReached(f"the operation is estimated at {cost} points, and a minute has {budget}", "ask for fewer rows")
        left = await self._use("points", name, cost, budget)
        if left.remaining < 0:
            await self._use("points", name, -cost, budget)
            raise LimitReached(
                f"the operation is estimated at {cost} points, and {max(left.remaining + cost, 0)} of {budget} are left in this minute",
                f"ask again in {left.reset} seconds, or for fewer rows",
                left.reset,
            )
        return left

    async def close(self) -> None:
        """Let go of the store."""
        if self._shared is not None:
            bridge: Any = self._shared.bridge
            await bridge.storage.aclose()

    async def _use(self, what: str, name: str, amount: int, limit: int) -> Left:
        now = time.time()
        minute, past = divmod(int(now), MINUTE)
        key = f"{what}:{name}:{minute}"
        store: Storage = self._memory
        if self._shared is not None and now >= self._rests_until:
            store = self._shared
        try:
            used = await store.incr(key, MINUTE, amount)
        except (StorageError, OSError) as error:
            # Better to count for oneself for a while than to refuse everybody, or nobody.
            self._rests_until = now + PAUSE
            log.warning("shares_not_shared", error=type(error).__name__)
            used = await self._memory.incr(key, MINUTE, amount)
        return Left(limit, limit - used, MINUTE - past)


class Memory(MemoryStorage):
    """The library's memory, which by itself looks through all its keys at every count."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self._swept_at = time.time()

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, and once in a while forget what is over."""
        now = time.time()
        if now - self._swept_at > expiry:
            self._swept_at = now
            for each in [each for each, ends in self.expirations.items() if ends <= now]:
                await self.clear(each)
        if self.expirations.get(key, 0) <= now:
            self.storage[key] = 0
            self.expirations[key] = now + expiry
        self.storage[key] += amount
        return self.storage[key]


def _network(address: str) -> str:
    """An address as it is counted: a household has a whole IPv6 network of 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
