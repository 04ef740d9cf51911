"""Commands that hold the record to what it once said: its head, proofs, and a monitor that needs nothing of the hub's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from cli.opening import config_option, run, settings_of
from errors import ConfigError, Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from privacy.tree import Tree

HEAD = "{ treeHead { checkpoint verifierKey } }"
CONTINUES = "query ($first: ID!, $second: ID!) { treeConsistency(first: $first, second: $second) { hashes } }"


def _with_tree(config: Path | None, work: Callable[[Tree], Awaitable[Any]]) -> Any:
    settings = settings_of(config)

    async def opened() -> Any:
        from privacy.keys import KeyRing
        from privacy.record import Record
        from tables.database import Database

        record = Record(Database.at(settings.hub.record), KeyRing.load(settings.hub.keys))
        await record.open()
        try:
            await record.tree.grow()
            await record.tree.sign()
            return await work(record.tree)
        finally:
            await record.close()

    return run(opened())


@click.command("head")
@config_option
def audit_head(config: Path | None) -> None:
    """Bring the tree up to the record, print its signed head, and the key that verifies it.

    \b
    mizalla audit head
    """

    async def work(tree: Tree) -> tuple[str, str]:
        head = await tree.head()
        if head is None:
            raise Unknown("the record is empty, so there is no head", "ask the hub something first")
        return head.checkpoint, tree.verifier(head.key_version)

    checkpoint, key = _with_tree(config, work)
    click.echo(checkpoint, nl=False)
    click.echo(key, err=True)


@click.command("prove")
@config_option
@click.argument("number", type=click.IntRange(min=1))
def audit_prove(config: Path | None, number: int) -> None:
    """Print the proof that an entry is in the tree, opened for an auditor: people stand in it as marks, never as numbers.

    \b
    mizalla audit prove 17 > entry-17.json
    """

    async def work(tree: Tree) -> dict[str, Any] | None:
        return await tree.proof(number)

    made = _with_tree(config, work)
    if made is None:
        raise Unknown(f"the record has no entry {number}", "name one that `mizalla audit verify` counts")
    click.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))


@click.command("check")
@click.argument("proof", type=click.File("rb"))
@click.option("--key", required=True, help="The record's public key, as `treeHead { verifierKey }` or `mizalla audit head` gave it.")
@click.option("--person-key", help="Your own record key, noted from an earlier proof: the entry must be about you.")
def audit_check(proof: Any, key: str, person_key: str | None) -> None:
    """Verify a proof, without the hub and without a network.

    \b
    mizalla audit check entry-17.json --key mizalla-record-…
    """
    from privacy.checkpoints import checked_bundle

    try:
        made = orjson.loads(proof.read())
        leaf, checkpoint = checked_bundle(made if isinstance(made, dict) else {}, key, person_key)
    except ValueError as error:
        raise click.ClickException(f"not proved: {error}") from None
    click.echo(f"proved: entry {leaf.number} is in the record of {checkpoint.origin}, among {checkpoint.size} entries.")
    for each in (leaf.head, leaf.desk, *leaf.parts):
        if each.text is not None:
            opened = orjson.loads(each.text)
            marks = opened.pop("people", None)
            click.echo(orjson.dumps({**opened, **({"people": len(marks)} if marks else {})}))


@click.command("monitor")
@click.argument("url")
@click.option("--pin", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the last head and the key are kept.")
def audit_monitor(url: str, pin: Path) -> None:
    """Hold a hub to the head it gave last time: its record may only have grown since.

    The first run keeps the head and the key; every further one verifies the new head by that key, and that it continues the kept one.

    \b
    mizalla audit monitor https://hub.example --pin heads.json
    """
    from privacy.checkpoints import checked_continuation, opened_checkpoint

    head = _asked(url, HEAD, {})["treeHead"]
    if head is None:
        click.echo("the record is empty, or has no signed head yet")
        return
    kept = orjson.loads(pin.read_bytes()) if pin.exists() else None
    try:
        now = opened_checkpoint(head["checkpoint"], kept["verifierKey"] if kept else head["verifierKey"])
        if kept is not None:
            before = opened_checkpoint(kept["checkpoint"], kept["verifierKey"])
            sizes = {"first": str(before.size), "second": str(now.size)}
            found = _asked(url, CONTINUES, sizes)["treeConsistency"] if before.size <= now.size else None
            checked_continuation(before, now, found["hashes"] if found else [])
    except (ValueError, TypeError) as error:
        click.echo(f"NOT CONTINUED: {error}", err=True)
        sys.exit(1)
    beside = pin.with_name(f"{pin.name}.new")
    beside.write_bytes(orjson.dumps({"checkpoint": head["checkpoint"], "verifierKey": (kept or head)["verifierKey"]}))
    beside.replace(pin)
    click.echo(f"{now.size} entries, {'continues the kept head' if kept else 'kept as the first head'}")


def _asked(url: str, question: str, variables: dict[str, str]) -> dict[str, Any]:
    import httpx

    try:
        answer = httpx.post(f"{url.rstrip('/')}/graphql", json={"query": question, "variables": variables}, timeout=30)
        return dict(answer.json()["data"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        raise ConfigError("the hub did not answer this", "name the address at which it is served, as https://hub.example", url) from None


def join(audit: click.Group) -> None:
    """Add these commands to the group that verifies the record."""
    for command in (audit_head, audit_prove, audit_check, audit_monitor):
        audit.add_command(command)
