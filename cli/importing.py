"""`mizalla import`: cases from a file, looked through first, then all of it at once or nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.asking import token_of
from cli.opening import config_option, open_hub, run, settings_of
from errors import ConfigError, Unauthenticated

if TYPE_CHECKING:
    from cli.sending import Elsewhere

KINDS = {".csv": "csv", ".xlsx": "xlsx"}
PRINTED: Final = 200
"""Faults, and likely duplicates, that are printed; all are counted."""


@click.command("import")
@config_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "who", default="", help="A name of `mizalla sample credentials`, or a key (better: MIZALLA_KEY).")
@click.option("--hub", "url", help="The address of a hub elsewhere, as https://hub.example; the hub of --config otherwise.")
@click.option("--purpose", help="The purpose; the credential's default otherwise.")
@click.option("--language", type=click.Choice(["en", "ar", "ckb"]), default="en", show_default=True, help="The language of faults.")
@click.option("--commit", is_flag=True, help="Register everybody; without it the file is only looked through.")
@click.option("--distinct", default="", metavar="ROWS", help="Rows that were looked at and are others, as 3,7; `all` for every one.")
@click.option("--key", help="An idempotency key: the same key gives the first answer again. A hub elsewhere needs none.")
def import_cases(config: Path | None, file: Path, **given: Any) -> None:
    """Look through a file of cases, and with --commit register everybody in it, or nobody.

    A row is a person; rows with one `household` live together. Columns: household, case_number, relation, name, mother_name,
    birth_year, sex, governorate, place, need_score. At most 50,000 rows and 16 MiB.

    \b
    mizalla import --as crescent-manager cases.csv
    mizalla import --as crescent-manager cases.csv --commit --distinct 3,7
    mizalla import --hub https://hub.example cases.csv          # with a key in MIZALLA_KEY
    """
    kind = KINDS.get(file.suffix.lower())
    if kind is None:
        raise ConfigError("this is neither .csv nor .xlsx", "save it as CSV UTF-8, or as an Excel workbook")
    from resolvers.aid.importing import FILE_BYTES

    if file.stat().st_size > FILE_BYTES:
        raise ConfigError(f"the file has more than {FILE_BYTES} bytes", "send it in parts")
    whole = given["url"] and (given["who"].startswith("mz_") or not given["who"])
    settings = None if whole else settings_of(config)
    token = os.environ.get("MIZALLA_KEY") if not given["who"] else given["who"] if settings is None else token_of(settings, given["who"])
    if given["url"]:
        if not token:
            raise Unauthenticated("a hub elsewhere wants a key", "put one into MIZALLA_KEY, or name it with --as")
        from cli.sending import Elsewhere

        with Elsewhere(given["url"], token, given["purpose"], given["language"]) as there:
            done = _elsewhere(there, file, kind, given["commit"], given["distinct"])
    else:
        assert settings is not None
        done = run(_here(settings, token, file, kind, given))
    if not done:
        sys.exit(1)


class Bar:
    """A bar for each thing that is done, one after the other."""

    def __init__(self) -> None:
        """None is shown yet."""
        self._doing = ""
        self._bar: Any = None

    def told(self, doing: str, done: int, everything: int) -> None:
        """Show how far it is."""
        if doing != self._doing or self._bar is None:
            self.end()
            self._doing, self._bar = doing, click.progressbar(length=everything, label=f"{doing:<24}")
        self._bar.length = everything
        self._bar.update(max(done - self._bar.pos, 0))

    def end(self) -> None:
        """Leave the bar where it stands."""
        if self._bar is not None:
            self._bar.render_finish()
        self._bar = None


async def _here(settings: Any, token: str | None, file: Path, kind: str, given: Mapping[str, Any]) -> bool:
    from resolvers.aid.importing import FILE_BYTES, FILE_ROWS, fault_row

    content, most, bar = file.read_bytes(), (FILE_BYTES, FILE_ROWS), Bar()  # noqa: ASYNC240 — nothing else runs in this process
    async with open_hub(settings) as hub:
        enquiry, importing = await hub.enquiry(token, given["purpose"]), hub.aid.importing
        found = await importing.preview(enquiry, content, kind, most, lambda done, all_: bar.told("looking for duplicates", done, all_))
        bar.end()
        read, twins = found.read, [{"row": each.row, "otherRow": each.other_row, "score": each.score} for each in found.twins]
        _say(file, [fault_row(each, given["language"]) for each in read.faults[:PRINTED]], len(read.faults), twins, len(twins))
        _count(len(read.homes), found.people, len(read.faults), len(twins))
        if not given["commit"] or read.faults:
            return not read.faults
        rows = [twin.row for twin in found.twins] if given["distinct"] == "all" else _rows(given["distinct"])
        said = {"digest": found.digest, "distinct_rows": rows, "idempotency_key": given["key"]}
        done = await importing.load(enquiry, said, content, kind, most, lambda done, all_: bar.told("registering", done, all_))
        bar.end()
        click.echo(f"registered {done['people']} people in {done['households']} households")
        return True


def _elsewhere(there: Elsewhere, file: Path, kind: str, commit: bool, distinct: str) -> bool:
    bar = Bar()
    upload = there.send(file.read_bytes(), kind, bar.told)
    looked = there.ended(upload, "looking for duplicates", bar.told)
    bar.end()
    seen = looked["preview"]
    if seen is None:
        raise ConfigError(looked["failure"]["message"], looked["failure"]["hint"])
    _say(file, seen["faults"], seen["faultCount"], seen["duplicates"], seen["duplicateCount"])
    _count(seen["households"], seen["rows"], seen["faultCount"], seen["duplicateCount"])
    if not commit or seen["faultCount"]:
        there.discard(upload)
        return not seen["faultCount"]
    if distinct == "all" and seen["duplicateCount"] > len(seen["duplicates"]):
        raise ConfigError("these are more likely duplicates than anybody looked at", "name the rows that are others, or leave them out")
    there.register(upload, [each["row"] for each in seen["duplicates"]] if distinct == "all" else _rows(distinct))
    done = there.ended(upload, "registering", bar.told)
    bar.end()
    if done["registered"] is None:
        raise ConfigError(f"{done['failure']['code']}: {done['failure']['message']}", done["failure"]["hint"])
    click.echo(f"registered {done['registered']['people']} people in {done['registered']['households']} households")
    return True


def _say(file: Path, faults: Sequence[Mapping[str, Any]], many: int, twins: Sequence[Mapping[str, Any]], alike: int) -> None:
    for row in faults[:PRINTED]:
        click.echo(f"{file.name}:{row['row']}:{row['column'] or ''}: {row['code']}: {row['text']}. {row['hint']}.")
    if many > PRINTED:
        click.echo(f"  … and {many - PRINTED} more faults")
    for twin in twins[:PRINTED]:
        other = "is likely a case already" if twin["otherRow"] is None else f"is likely row {twin['otherRow']} again"
        click.echo(f"{file.name}:{twin['row']}: {other} ({twin['score']})")
    if alike > PRINTED:
        click.echo(f"  … and {alike - PRINTED} more likely duplicates")


def _count(homes: int, people: int, faults: int, twins: int) -> None:
    click.echo(f"{homes} households, {people} people, {faults} faults, {twins} likely duplicates")


def _rows(given: str) -> list[int]:
    try:
        return [int(each) for each in given.split(",") if each.strip()]
    except ValueError:
        raise ConfigError("rows are numbers", "as in --distinct 3,7") from None
