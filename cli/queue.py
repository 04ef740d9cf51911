"""Commands of the nomination queues: read what other systems gave, count every place anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.opening import config_option, open_hub, run, settings_of
from errors import Unknown

if TYPE_CHECKING:
    from resolvers.aid.refreshing import Progress


@click.group()
def queue() -> None:
    """The nomination queues: bring in what other systems gave, count places anew.

    \b
    mizalla queue refresh
    mizalla queue recount
    """


@queue.command("refresh")
@config_option
@click.option("--source", "only", help="Only this source.")
def queue_refresh(config: Path | None, only: str | None) -> None:
    """Read what other systems gave to everybody in a queue, and move them; an interrupted run goes on where it ended.

    \b
    mizalla queue refresh
    mizalla queue refresh --source hope-network
    """
    settings = settings_of(config)

    async def work() -> None:
        async with open_hub(settings) as hub:
            refresher = hub.aid.refresher
            names = refresher.sources()
            if only is not None and only not in names:
                raise Unknown(f"there is no source {only} that keeps allocations", f"known: {', '.join(names)}")
            for name in [only] if only is not None else names:
                with _told(name) as told:
                    moved = await refresher.refresh(name, int(datetime.now(UTC).timestamp()), told)
                click.echo(f"{name}: {moved} places moved")

    run(work())


@queue.command("recount")
@config_option
def queue_recount(config: Path | None) -> None:
    """Count every place of every queue anew, from all that the hub knows; an interrupted run goes on where it ended.

    \b
    mizalla queue recount
    """
    settings = settings_of(config)

    async def work() -> None:
        async with open_hub(settings) as hub:
            with _told("places") as told:
                moved = await hub.aid.refresher.recount(int(datetime.now(UTC).timestamp()), told)
            click.echo(f"{moved} places moved")

    run(work())


@contextmanager
def _told(label: str) -> Iterator[Progress]:
    """A progress bar, and what moves it on."""
    bar: Any = click.progressbar(length=1, label=f"{label:<28}")

    def told(done: int, everybody: int) -> None:
        bar.length = everybody
        bar.update(done - bar.pos)

    yield told
    bar.render_finish()
