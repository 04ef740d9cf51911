"""The command that counts crowds."""

from __future__ import annotations

from pathlib import Path

import click

from cli.opening import config_option, open_hub, run, settings_of


@click.command()
@config_option
def crowd(config: Path | None) -> None:
    """Count how many people fit each description that helpers may be given; run it every week.

    \b
    mizalla crowd
    """

    async def work() -> tuple[int, int]:
        from resolvers.identity.crowd import count_crowds

        async with open_hub(settings_of(config)) as hub:
            return await count_crowds(hub)

    people, cells = run(work())
    click.echo(f"{people} people in {cells} crowds")
