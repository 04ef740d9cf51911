"""Commands of the nomination queues: read what other systems gave."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.opening import config_option, open_hub, run, settings_of
from errors import Unknown


@click.group()
def queue() -> None:
    """The nomination queues: bring in what other systems gave.

    \b
    mizalla queue refresh
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
                bar: Any = click.progressbar(length=1, label=f"{name:<28}")

                def told(done: int, everybody: int, bar: Any = bar) -> None:
                    bar.length = everybody
                    bar.update(done - bar.pos)

                moved = await refresher.refresh(name, int(datetime.now(UTC).timestamp()), told)
                bar.render_finish()
                click.echo(f"{name}: {moved} places moved")

    run(work())
