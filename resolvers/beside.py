"""Long work in a process of its own, so that nobody who asks waits for it, and its memory goes when it ends.

The process opens the hub's own database, with no other source, and does one thing there. It tells what came of it through the
tables, so that any worker of the hub can say how far it is; if it is killed, what it had not committed never was.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from settings import Settings
from values import Catalogue

if TYPE_CHECKING:
    from resolvers.hub import Hub

Work = Callable[..., Awaitable[None]]
"""A function of a module: it is given the other process's hub, and the arguments."""


async def beside(hub: Hub, work: Work, *arguments: Any) -> bool:
    """Do it there, and say whether it came to its end."""
    made_of = hub.settings, hub.catalogue, hub.public_names
    process = multiprocessing.get_context("spawn").Process(target=_begin, args=(*made_of, work, arguments), daemon=True)
    await asyncio.to_thread(process.start)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    except asyncio.CancelledError:
        process.terminate()
        raise
    finally:
        loop.remove_reader(process.sentinel)
    await asyncio.to_thread(process.join)
    return process.exitcode == 0


def _begin(settings: Settings, catalogue: Catalogue, names: Mapping[str, str], work: Work, arguments: tuple[Any, ...]) -> None:
    from resolvers.hub import Hub

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub, which ends this with itself
    sources = {name: each for name, each in settings.sources.items() if each.wire == "hub"}
    agreements = tuple(each for each in settings.agreements if each.source in sources)
    alone = settings.model_copy(update={"sources": sources, "agreements": agreements})

    async def do() -> None:
        async with Hub(alone, catalogue, names) as hub:
            await work(hub, *arguments)

    asyncio.run(do())
