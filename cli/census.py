"""The command that counts the size of need."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.opening import config_option, open_hub, run, settings_of


@click.command()
@config_option
def census(config: Path | None) -> None:
    """Note where those in a queue live, and count the size of need; run it every day. The hub itself counts every hour.

    \b
    mizalla census
    """

    async def work() -> None:
        async with open_hub(settings_of(config)) as hub:
            bar: Any = click.progressbar(length=1, label="where people live")

            def told(done: int, everybody: int) -> None:
                bar.length = everybody
                bar.update(done - bar.pos)

            found = await hub.aid.censuses.place(told)
            bar.render_finish()
            now = datetime.now(UTC)
            taken = await hub.aid.censuses.take(now)
            more = ", counted before: the next one says where they live" if taken.at < int(now.timestamp()) else ""
            click.echo(f"{found} people placed; census {taken.id}{more}")

    run(work())
