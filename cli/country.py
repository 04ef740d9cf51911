"""Commands of the sample country: build it, show its keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from cli.opening import SAMPLE, run
from errors import ConfigError


@click.group()
def sample() -> None:
    """The sample country: build it at any size, show its keys.

    \b
    mizalla sample build --people 20000
    mizalla sample credentials
    """


@sample.command("build")
@click.option(
    "--people", type=click.IntRange(min=0), default=20_000, show_default=True, help="How many people; the named cast comes on top."
)
@click.option("--folder", type=click.Path(path_type=Path), default=SAMPLE, show_default=True)
def sample_build(people: int, folder: Path) -> None:
    """Build the sample country anew, its sources, its hub and its keys.

    \b
    mizalla sample build
    mizalla sample build --people 1000000 --folder var/large
    """
    build_sample(folder, people)
    click.echo(f"built {folder}; serve it with: mizalla serve --sample")


def build_sample(folder: Path, people: int) -> None:
    """Build it with a progress bar for each stage."""
    from samples.build import build

    bars: dict[str, Any] = {}

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage not in bars:
            for each in bars.values():
                each.render_finish()
            bars[stage] = click.progressbar(length=total or 1, label=f"{stage:<28}")
            bars[stage].render_progress()
        bar = bars[stage]
        bar.length = total or max(done, 1)
        bar.update(done - bar.pos)

    run(build(folder, people=people, progress=progress))
    for each in list(bars.values())[-1:]:
        each.render_finish()


@sample.command("credentials")
@click.option("--folder", type=click.Path(path_type=Path), default=SAMPLE, show_default=True)
def sample_credentials(folder: Path) -> None:
    """Print the sample's credentials as JSON.

    \b
    mizalla sample credentials
    """
    path = folder / "credentials.json"
    if not path.exists():
        raise ConfigError("the sample country is not built", "run: mizalla sample build")
    click.echo(orjson.dumps(orjson.loads(path.read_bytes()), option=orjson.OPT_INDENT_2).decode())
