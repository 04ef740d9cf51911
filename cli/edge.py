"""Edge mode: the program a source's side runs, and what an operator of the edge key needs."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.opening import config_option, open_hub, run, settings_of
from errors import ConfigError
from values import Scheme

if TYPE_CHECKING:
    from connectors.blinding import Place
    from stanzas import EdgeOperator


@click.group()
def edge() -> None:
    """Sources that show the hub no identifiers: blind them here, on the source's own side.

    \b
    mizalla edge blind people.csv --column national_id --scheme national_number --operators edge.toml
    mizalla edge key
    mizalla edge used
    """


@edge.command("blind")
@click.argument("people")
@click.option("--column", "columns", multiple=True, required=True, help="The identifier's column; several are joined by /.")
@click.option("--scheme", type=click.Choice([each.value for each in Scheme]), required=True, help="What kind of number it is.")
@click.option("--operators", type=click.Path(path_type=Path), required=True, help="A file of [[operators]]: url, key, source, public_key.")
@click.option("--output", type=click.Path(path_type=Path), help="The file to write; NAME.blinded.csv otherwise.")
@click.option("--drop", is_flag=True, help="Leave the identifier's own columns out of the file.")
@click.option("--delimiter", default=",", show_default=True, help="What parts the fields of the file.")
@click.option("--table", help="The table, where PEOPLE is a database's address.")
@click.option("--key", help="The table's key.")
@click.option("--batch", type=click.IntRange(1, 1000), default=500, show_default=True, help="How many are sent at once.")
def edge_blind(
    people: str,
    columns: tuple[str, ...],
    scheme: str,
    operators: Path,
    output: Path | None,
    drop: bool,
    delimiter: str,
    table: str | None,
    key: str | None,
    batch: int,
) -> None:
    """Blind the identifiers of PEOPLE, a CSV file or a database's address, and write the results beside them.

    Stopped half-way it goes on where it was. No operator sees an identifier.

    \b
    mizalla edge blind people.csv --column national_id --scheme national_number --operators edge.toml
    mizalla edge blind sqlite:///people.db --table people --key id --column national_id --scheme national_number --operators edge.toml
    """
    from connectors.blinding import CSVFile, DatabaseTable, Job
    from settings import DATABASE

    place: Place
    if DATABASE.fullmatch(people):
        if table is None or key is None:
            raise ConfigError("a database needs --table and --key", "name the table of people and its key column")
        place = DatabaseTable(people, table, key, columns)
    else:
        path = Path(people)
        place = CSVFile(path, output or path.with_suffix(".blinded.csv"), columns, delimiter, drop)
    job = Job(place, Scheme(scheme), operators_of(operators), batch)
    with click.progressbar(length=1, label=f"{'blinding':<18}") as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        run(job.run(progress))
    click.echo(f"{job.blinded} blinded, {job.empty} empty, {len(job.unreadable)} unreadable, {job.before} done before; in {place.wrote}")
    for row in job.unreadable[:20]:
        click.echo(f"  row {row}: not readable as {scheme}")
    if len(job.unreadable) > 20:
        click.echo(f"  … and {len(job.unreadable) - 20} more")


@edge.command("key")
@config_option
def edge_key(config: Path | None) -> None:
    """Print the public key of this hub's share of the edge key.

    \b
    mizalla edge key
    """
    click.echo(open_hub(settings_of(config)).edge.key.public.hex())


@edge.command("used")
@config_option
def edge_used(config: Path | None) -> None:
    """Print how many evaluations each source's side had on each day.

    \b
    mizalla edge used
    """
    settings = settings_of(config)

    async def work() -> list[tuple[str, str, int, int]]:
        async with open_hub(settings) as hub:
            return await hub.identity.edge.budget.used()

    for source, day, evaluations, batches in run(work()):
        click.echo(f"{day}  {source:<24} {evaluations} of {settings.hub.edge.evaluations_per_day} evaluations, {batches} batches")


def operators_of(path: Path) -> list[EdgeOperator]:
    """The operators of a file.

    Raises:
        ConfigError: it is not there, is not understood, or names a secret that the environment does not have.
    """
    from pydantic import ValidationError

    from settings import SECRET
    from stanzas import EdgeOperator

    try:
        text = SECRET.sub(lambda match: os.environ[match[1]], path.read_text(encoding="utf-8"))
        found = [EdgeOperator.model_validate(each) for each in tomllib.loads(text)["operators"]]
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror}", "name the file of operators", str(path)) from None
    except KeyError as error:
        raise ConfigError(
            f"neither the file nor the environment has {error}", "write [[operators]], and export what it names", str(path)
        ) from None
    except (tomllib.TOMLDecodeError, TypeError, ValidationError, UnicodeDecodeError):
        hint = "each [[operators]] has url, key, source and public_key (64 hexadecimal digits), and nothing else"
        raise ConfigError("this is no file of operators", hint, str(path)) from None
    if not found:
        raise ConfigError("it names no operator", "write [[operators]]", str(path))
    return found
