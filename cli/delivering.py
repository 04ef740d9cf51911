"""Commands for what leaves the hub by itself: webhooks and their deliveries, receipts and how to check them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.opening import config_option, open_hub, run, settings_of
from errors import Invalid


@click.group()
def webhooks() -> None:
    """Webhooks of organisations: see how their deliveries go, send again.

    \b
    mizalla webhooks list
    mizalla webhooks log ID
    mizalla webhooks resend ID
    """


@webhooks.command("list")
@config_option
def webhooks_list(config: Path | None) -> None:
    """List webhooks with what waits and what is dead; never addresses, which may hold secrets.

    \b
    mizalla webhooks list
    """

    async def work() -> list[dict[str, Any]]:
        async with open_hub(settings_of(config)) as hub:
            return await hub.identity.webhooks.overview()

    for each in run(work()):
        told = f"{each['state'].lower():<10} waiting {each['waiting']}  dead {each['dead']}"
        click.echo(f"{each['id']}  {each['organisation']:<22} {' '.join(each['topics']):<24} {told}")


@webhooks.command("log")
@config_option
@click.argument("id")
@click.option("--first", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many of the last.")
def webhooks_log(config: Path | None, id: str, first: int) -> None:  # noqa: A002 — what the list calls it
    """Show the last deliveries to one webhook, newest first: when and how they went, never what they said.

    \b
    mizalla webhooks log 3f9a0c11d2e43f9a0c11d2e43f9a0c11
    """

    async def work() -> list[dict[str, Any]]:
        async with open_hub(settings_of(config)) as hub:
            return await hub.identity.webhooks.log_of(id, first)

    for each in run(work()):
        how = f"{each['status'] or ''} {each['fault'] or ''}".strip()
        click.echo(f"{each['id']}  {each['at']}  {each['topic']:<24} {each['state'].lower():<10} attempts {each['attempts']}  {how}")


@webhooks.command("resend")
@config_option
@click.argument("id")
def webhooks_resend(config: Path | None, id: str) -> None:  # noqa: A002 — what the list calls it
    """Have what is dead sent again by the running hub, and a suspended webhook resumed.

    \b
    mizalla webhooks resend 3f9a0c11d2e43f9a0c11d2e43f9a0c11
    """

    async def work() -> int:
        async with open_hub(settings_of(config)) as hub:
            return await hub.identity.webhooks.resend(id)

    click.echo(f"{run(work())} to be sent again")


@click.group()
def receipt() -> None:
    """Receipts of consents.

    \b
    mizalla receipt verify receipt.json --keys jwks.json
    """


@receipt.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--keys",
    "published",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The hub's /.well-known/jwks.json, kept in a file.",
)
def receipt_verify(file: Path, published: Path) -> None:
    """Check a receipt with nothing but the hub's published keys: no hub, no network.

    \b
    mizalla receipt verify receipt.json --keys jwks.json
    """
    from privacy.receipts import keys_in, verified

    try:
        keys = keys_in(published.read_bytes())
    except ValueError as error:
        raise Invalid(str(error), "fetch /.well-known/jwks.json from the hub that signed it") from None
    record = verified(file.read_bytes().strip(), keys.get)
    if record is None:
        click.echo("not genuine: no published key signed exactly this")
        sys.exit(1)
    for line in _told(record):
        click.echo(line)


def _told(record: dict[str, Any]) -> list[str]:
    """What a genuine receipt says, in lines."""

    def at(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    processing, collection, validity = record["processing"], record["collection"], record["validity"]
    frequency = processing["frequency"]
    period = f" in {frequency['inDays']} days" if frequency and frequency["inDays"] else ""
    lines = [
        f"genuine, as of {at(record['issuedAt'])}",
        f"receiver   {record['piiController']}",
        f"purpose    {record['purposes'][0]['purpose']} ({record['purposes'][0]['dpv']})",
        f"opens      {', '.join(record['personalData'])}",
        f"holds      {at(validity['from'])} to {at(validity['until'])}",
        f"mode       {processing['mode']}" + (f", kept at most {processing['retentionDays']} days" if processing["retentionDays"] else ""),
        f"used       {frequency['times']} times{period}" if frequency else "used       as often as needed",
    ]
    if collection:
        lines.append(f"on paper   witnessed by {collection['witness']}, reference {collection['document'] or 'none'}")
    return [*lines, *(f"{each['state']:<10} {at(each['at'])}" for each in record["events"])]
