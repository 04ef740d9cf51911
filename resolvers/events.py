"""News inside one process: told after what it tells of is durable, to whoever watches at that moment.

News carry what happened, never an answer: each watcher's answer is made when its turn comes, from the rights it has then.
What a watcher has not taken yet is bounded; whoever is slower than the news is told so, and misses none silently.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Hashable
from contextlib import suppress
from typing import Any, Final, Self

from errors import LimitReached

NOTHING: Final = object()
"""Stands for an event that does not concern this watcher after all."""

MOST = 64
"""News that may wait for one watcher; beyond it the watcher's stream ends."""


class Watcher:
    """One stream's place among the news of one topic; leave it by `with`."""

    def __init__(self, events: Events, topic: str, key: Hashable, most: int) -> None:
        """Made by Events.watch."""
        self.topic = topic
        self.key = key
        self.ended = False
        self._events = events
        self._most = most
        self._overrun = False
        self._news: deque[Any] = deque()
        self._woken = asyncio.Event()

    def tell(self, news: Any) -> None:
        """Put news in the queue, or give the watcher up where the queue is full."""
        if len(self._news) >= self._most:
            self._overrun = True
            self._news.clear()
            self._events.leave(self)
        else:
            self._news.append(news)
        self._woken.set()

    async def next(self, seconds: float) -> Any:
        """The oldest news not taken yet; None when nothing came in time, or when the watching was ended.

        Raises:
            LimitReached: more came than may wait.
        """
        if not self._news and not self.ended and not self._overrun:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        if self._overrun:
            raise LimitReached(
                f"more than {self._most} events wait: they come faster than they are read", "read what changed, and subscribe again"
            )
        return self._news.popleft() if self._news and not self.ended else None

    def end(self) -> None:
        """Watch no longer; whoever waits in `next` goes on at once."""
        self.ended = True
        self._events.leave(self)
        self._woken.set()

    def __enter__(self) -> Self:
        """Watch until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the topic."""
        self._events.leave(self)


class Events:
    """Who watches which topic, by key: news reach only those whose key they concern."""

    def __init__(self) -> None:
        """Nobody watches yet."""
        self._watchers: dict[str, dict[Hashable, set[Watcher]]] = {}
        self._closed = False

    def watched(self, topic: str) -> Collection[Hashable]:
        """The keys of a topic that somebody watches; empty most of the time, so that telling costs nothing."""
        return self._watchers.get(topic, ())

    def tell(self, topic: str, key: Hashable, news: Any) -> None:
        """Hand news to everybody who watches this key."""
        for watcher in tuple(self._watchers.get(topic, {}).get(key, ())):
            watcher.tell(news)

    def watch(self, topic: str, key: Hashable, most: int = MOST) -> Watcher:
        """Begin to watch a key of a topic."""
        watcher = Watcher(self, topic, key, most)
        self._watchers.setdefault(topic, {}).setdefault(key, set()).add(watcher)
        if self._closed:
            watcher.end()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Take a watcher out; a second time changes nothing."""
        by_key = self._watchers.get(watcher.topic, {})
        watching = by_key.get(watcher.key, set())
        watching.discard(watcher)
        if not watching:
            by_key.pop(watcher.key, None)

    def close(self) -> None:
        """End every stream, so that the process can stop."""
        self._closed = True
        for watcher in [each for by_key in self._watchers.values() for watching in by_key.values() for each in watching]:
            watcher.end()
