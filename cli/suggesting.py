"""Commands of the suggestions beside the queue: learn from an organisation's own cases, read the card, stop showing them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson

from cli.opening import config_option, open_hub, run, settings_of
from errors import Unknown


@click.group()
def suggest() -> None:
    """Suggestions beside a queue, learned from an organisation's own cases; they decide nothing.

    \b
    mizalla suggest train --organisation hope-network --need cash
    """


def _whose(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--need", required=True, help="The queue: cash, food, shelter …")(command)
    return click.option("--organisation", required=True, help="The organisation, as it is called in hub.toml or registered.")(command)


@suggest.command("train")
@config_option
@_whose
@click.option("--allow", "allowed", multiple=True, help="A protected feature that the organisation allows: disability.")
@click.option("--without", "left_out", multiple=True, help="A question that nothing is learned from.")
def suggest_train(config: Path | None, organisation: str, need: str, allowed: tuple[str, ...], left_out: tuple[str, ...]) -> None:
    """Learn from the organisation's own assessments and gifts; prints the card. Refused where the cases are too few.

    \b
    mizalla suggest train --organisation hope-network --need cash
    mizalla suggest train --organisation hope-network --need cash --without dependants
    """
    settings = settings_of(config)

    async def work() -> dict[str, Any]:
        async with open_hub(settings) as hub:
            bar: Any = click.progressbar(length=1, label=f"{organisation}, {need}", file=sys.stderr)

            def told(done: int, everything: int) -> None:
                bar.length = everything
                bar.update(done - bar.pos)

            card = await hub.aid.suggestions.train(organisation, need, (allowed, left_out), told)
            bar.render_finish()
            return card

    _print(run(work()))


@suggest.command("card")
@config_option
@_whose
def suggest_card(config: Path | None, organisation: str, need: str) -> None:
    """Print what suggestions were learned from, and how far they err, for all and for groups.

    \b
    mizalla suggest card --organisation hope-network --need cash
    """
    settings = settings_of(config)

    async def work() -> dict[str, Any]:
        async with open_hub(settings) as hub:
            known = await hub.aid.suggestions.known(organisation, need)
            if known is None:
                raise Unknown("there is no model in force", "`mizalla suggest train` makes one", "organisation")
            return {"version": known.version, **known.card}

    _print(run(work()))


@suggest.command("retire")
@config_option
@_whose
def suggest_retire(config: Path | None, organisation: str, need: str) -> None:
    """Show no suggestions any more; the versions are kept.

    \b
    mizalla suggest retire --organisation hope-network --need cash
    """
    settings = settings_of(config)

    async def work() -> None:
        async with open_hub(settings) as hub:
            await hub.aid.suggestions.retire(organisation, need)

    run(work())
    click.echo(f"{organisation} is shown no suggestions for {need}")


def _print(card: dict[str, Any]) -> None:
    click.echo(orjson.dumps(card, option=orjson.OPT_INDENT_2).decode())
