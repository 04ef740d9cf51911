"""Commands that keep the hub: keys, credential, audit."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.opening import config_option, open_hub, run, settings_of
from errors import Unknown
from values import Purpose, Role

STAFF = tuple(role for role in Role if role not in {Role.PUBLIC, Role.PERSON, Role.NEWCOMER, Role.GUARDIAN, Role.REGISTRAR})
"""The roles a key may be issued for; people get theirs where they are known to be themselves."""


@click.group()
def keys() -> None:
    """The hub's own secret keys: make a ring, rotate it, retire a version, list them.

    \b
    mizalla keys new
    mizalla keys rotate
    mizalla keys retire 2
    mizalla keys list
    """


@keys.command("new")
@config_option
def keys_new(config: Path | None) -> None:
    """Make the key ring that hub.toml names; refuses to overwrite one.

    \b
    mizalla keys new --config hub.toml
    """
    from privacy.keys import KeyRing

    settings = settings_of(config)
    KeyRing.create(settings.hub.keys)
    click.echo(f"made {settings.hub.keys}; keep a copy of it apart from the database's copies")


@keys.command("rotate")
@config_option
def keys_rotate(config: Path | None) -> None:
    """Add a key version; identifiers made with older ones still resolve.

    \b
    mizalla keys rotate
    """
    from privacy.keys import KeyRing

    ring = KeyRing.load(settings_of(config).hub.keys)
    click.echo(f"version {ring.rotate()} is now in use; a running hub takes it before its next answer")


@keys.command("retire")
@config_option
@click.argument("version", type=int)
def keys_retire(config: Path | None, version: int) -> None:
    """Take nothing more that a stolen version sealed; what it signed before can still be verified.

    \b
    mizalla keys retire 2
    """
    from privacy.keys import KeyRing

    KeyRing.load(settings_of(config).hub.keys).retire(version)
    click.echo(f"version {version} is retired; identifiers and references made with it resolve no more")


@keys.command("list")
@config_option
def keys_list(config: Path | None) -> None:
    """List the versions, never the keys.

    \b
    mizalla keys list
    """
    from privacy.keys import KeyRing

    ring = KeyRing.load(settings_of(config).hub.keys)
    for version in ring.versions:
        made = datetime.fromtimestamp(ring.created_at(version), UTC).isoformat()
        at = ring.retired_at(version)
        standing = "  in use" if version == ring.current else f"  retired {datetime.fromtimestamp(at, UTC).isoformat()}" if at else ""
        click.echo(f"version {version}  made {made}{standing}{'  root' if version == ring.root else ''}")


@click.group()
def credential() -> None:
    """API keys of organisations' staff, apps and people: issue, list, revoke.

    \b
    mizalla credential issue amal-desk --organisation crescent-aid --role caseworker --purpose aid_distribution
    mizalla credential list
    mizalla credential revoke ID
    """


@credential.command("issue")
@config_option
@click.argument("name")
@click.option("--kind", type=click.Choice(["staff", "app"]), default="staff", show_default=True)
@click.option("--organisation", required=True, help="For whom the holder acts.")
@click.option("--role", type=click.Choice([each.value for each in STAFF]), required=True)
@click.option(
    "--purpose",
    "purposes",
    multiple=True,
    required=True,
    type=click.Choice([each.value for each in Purpose]),
    help="May be repeated; the first is the default.",
)
@click.option("--days", type=click.IntRange(min=1), help="Ends by itself after so many days.")
def credential_issue(
    config: Path | None, name: str, kind: str, organisation: str, role: str, purposes: tuple[str, ...], days: int | None
) -> None:
    """Make a key and print it once.

    \b
    mizalla credential issue amal-desk --organisation crescent-aid --role caseworker --purpose aid_distribution --days 365
    """
    settings = settings_of(config)
    if organisation not in settings.organisations:
        raise Unknown(f"there is no organisation {organisation}", f"known: {', '.join(settings.organisations)}")

    async def work() -> str:
        async with open_hub(settings) as hub:
            now = int(datetime.now(UTC).timestamp())
            ends = now + days * 86_400 if days else None
            return str(
                await hub.credentials.issue(
                    name, kind, organisation, Role(role), [Purpose(each) for each in purposes], now, expires_at=ends
                )
            )

    click.echo(run(work()))
    click.echo("It is not shown again; the hub keeps only a hash of it.", err=True)


@credential.command("list")
@config_option
def credential_list(config: Path | None) -> None:
    """List credentials, never keys.

    \b
    mizalla credential list
    """
    settings = settings_of(config)

    async def work() -> list[Any]:
        async with open_hub(settings) as hub:
            return list(await hub.credentials.listed())

    for each in run(work()):
        state = (
            "revoked" if each.revoked_at else "expired" if each.expires_at and each.expires_at < datetime.now(UTC).timestamp() else "in use"
        )
        click.echo(
            f"{each.id}  {each.name:<24} {each.kind:<7} {each.organisation or '-':<22} {each.role:<11} {' '.join(each.purposes)}  {state}"
        )


@credential.command("revoke")
@config_option
@click.argument("id")
def credential_revoke(config: Path | None, id: str) -> None:  # noqa: A002 — what the list calls it
    """End a key now.

    \b
    mizalla credential revoke 3f9a0c11d2e4
    """
    settings = settings_of(config)

    async def work() -> None:
        async with open_hub(settings) as hub:
            await hub.credentials.revoke(id, int(datetime.now(UTC).timestamp()))

    run(work())
    click.echo("revoked")


@click.group()
def audit() -> None:
    """The disclosure record: verify its chain, see its head.

    \b
    mizalla audit verify
    """


@audit.command("verify")
@config_option
def audit_verify(config: Path | None) -> None:
    """Walk the whole chain and name the first broken entry, if one is.

    \b
    mizalla audit verify
    """
    settings = settings_of(config)

    async def work() -> Any:
        from privacy.keys import KeyRing
        from privacy.record import Record
        from tables.database import Database

        record = Record(Database.at(settings.hub.record), KeyRing.load(settings.hub.keys))
        await record.open()
        try:
            return await record.verify()
        finally:
            await record.close()

    verdict = run(work())
    click.echo(f"{verdict.sentence} {verdict.entries} entries, {verdict.heads} signed heads.")
    if not verdict.sound:
        sys.exit(1)
