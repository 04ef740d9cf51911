"""Commands that write how aid was given: as a table, as IATI activities; for anyone, so they open no credential."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from cli.opening import config_option, open_hub, run, settings_of
from cli.reporting import report
from errors import Invalid, Unknown

__all__ = ["report"]


@report.command("transparency")
@config_option
@click.option("--organisation", help="Of this organisation; of all together otherwise.")
@click.option("--programme", help="Of this programme of it.")
@click.option("--place", help="To people of this governorate, as IQ-BG.")
@click.option("--from", "first", required=True, help="The first day.")
@click.option("--to", "last", required=True, help="The last day.")
@click.option("--csv", "as_table", is_flag=True, help="As a table; as JSON otherwise.")
def report_transparency(config: Path | None, *, as_table: bool, **asked: Any) -> None:
    """Write how aid was given in a period, in the figures that anyone may read.

    \b
    mizalla report transparency --from 2025-01-01 --to 2025-12-31 --csv
    mizalla report transparency --organisation karama --from 2025-01-01 --to 2025-03-31
    """
    from schema import SCHEMA
    from schema.door.door import Door, Request
    from web.transparency import DOCUMENT, as_csv

    given = {**{name: asked[name] for name in ("organisation", "programme", "place")}, "from": asked["first"], "to": asked["last"]}

    async def work() -> dict[str, Any]:
        async with open_hub(settings_of(config)) as hub:
            return (await Door(hub, SCHEMA).answer(Request(DOCUMENT, None, given), await hub.enquiry(None, None))).body

    body = run(work())
    for error in body.get("errors", ()):
        raise Invalid(error["message"], str(error.get("extensions", {}).get("hint", "")))
    found = body["data"]["transparencyReport"]
    click.echo(as_csv(found) if as_table else orjson.dumps(found, option=orjson.OPT_INDENT_2), nl=not as_table)


@report.command("iati")
@config_option
@click.option("--organisation", help="Of this organisation; of all together otherwise.")
def report_iati(config: Path | None, organisation: str | None) -> None:
    """Write all programmes as activities of the IATI Standard 2.03, of no person.

    \b
    mizalla report iati > activities.xml
    """

    async def work() -> bytes | None:
        async with open_hub(settings_of(config)) as hub:
            return await hub.aid.activities.written(datetime.now(UTC), organisation)

    found: bytes | None = run(work())
    if found is None:
        raise Unknown("there is no programme to write of", "organisations open programmes with programmeOpen")
    click.echo(found)
