"""`mizalla import`: cases from a file, looked through first, then all of it at once or nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from cli.asking import token_of
from cli.opening import config_option, open_hub, run, settings_of
from errors import ConfigError

KINDS = {".csv": "csv", ".xlsx": "xlsx"}


@click.command("import")
@config_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "who", default="", help="A name of `mizalla sample credentials`, or a key (better: MIZALLA_KEY).")
@click.option("--purpose", help="The purpose; the credential's default otherwise.")
@click.option("--language", type=click.Choice(["en", "ar", "ckb"]), default="en", show_default=True, help="The language of faults.")
@click.option("--commit", is_flag=True, help="Register everybody; without it the file is only looked through.")
@click.option("--distinct", default="", metavar="ROWS", help="Rows that were looked at and are others, as 3,7; `all` for every one.")
@click.option("--key", help="An idempotency key: the same key gives the first answer again.")
def import_cases(
    config: Path | None, file: Path, who: str, purpose: str | None, language: str, commit: bool, distinct: str, key: str | None
) -> None:
    """Look through a file of cases, and with --commit register everybody in it, or nobody.

    A row is a person; rows with one `household` live together. Columns: household, case_number, relation, name, mother_name,
    birth_year, sex, governorate, place, need_score. At most 50,000 rows and 16 MiB.

    \b
    mizalla import --as crescent-manager cases.csv
    mizalla import --as crescent-manager cases.csv --commit --distinct 3,7
    """
    settings = settings_of(config)
    kind = KINDS.get(file.suffix.lower())
    if kind is None:
        raise ConfigError("this is neither .csv nor .xlsx", "save it as CSV UTF-8, or as an Excel workbook")
    token = token_of(settings, who) if who else os.environ.get("MIZALLA_KEY")

    async def work() -> bool:
        from resolvers.aid.importing import FILE_BYTES, FILE_ROWS, fault_row

        if file.stat().st_size > FILE_BYTES:  # noqa: ASYNC240 — nothing else runs in this process
            raise ConfigError(f"the file has more than {FILE_BYTES} bytes", "send it in parts")
        content = file.read_bytes()  # noqa: ASYNC240 — the same
        async with open_hub(settings) as hub:
            enquiry, importing = await hub.enquiry(token, purpose), hub.aid.importing
            bar: Any = click.progressbar(length=1, label="looking for duplicates")

            def told(done: int, everybody: int) -> None:
                bar.length = everybody
                bar.update(done - bar.pos)

            found = await importing.preview(enquiry, content, kind, (FILE_BYTES, FILE_ROWS), told)
            bar.render_finish()
            for fault in found.read.faults:
                row = fault_row(fault, language)
                click.echo(f"{file.name}:{row['row']}:{row['column'] or ''}: {row['code']}: {row['text']}. {row['hint']}.")
            for twin in found.twins:
                other = "is likely a case already" if twin.other_row is None else f"is likely row {twin.other_row} again"
                click.echo(f"{file.name}:{twin.row}: {other} ({twin.score})")
            read = found.read
            counted = f"{len(read.homes)} households, {found.people} people, {len(read.faults)} faults"
            click.echo(f"{counted}, {len(found.twins)} likely duplicates")
            if not commit or found.read.faults:
                return not found.read.faults
            rows = [twin.row for twin in found.twins] if distinct == "all" else _rows(distinct)
            given = {"digest": found.digest, "distinct_rows": rows, "idempotency_key": key}
            bar = click.progressbar(length=1, label="registering")
            done = await importing.load(enquiry, given, content, kind, (FILE_BYTES, FILE_ROWS), told)
            bar.render_finish()
            click.echo(f"registered {done['people']} people in {done['households']} households")
            return True

    if not run(work()):
        sys.exit(1)


def _rows(given: str) -> list[int]:
    try:
        return [int(each) for each in given.split(",") if each.strip()]
    except ValueError:
        raise ConfigError("rows are numbers", "as in --distinct 3,7") from None
