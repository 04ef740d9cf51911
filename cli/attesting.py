"""Commands about attestations: check one offline, take one back, see which no longer hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.opening import config_option, open_hub, run, settings_of


@click.group()
def attestation() -> None:
    """What people carry and show: check a presentation, take back what was issued.

    \b
    mizalla attestation verify shown.txt --keys jwks.json --nonce n-1 --audience https://shop.example
    mizalla attestation refresh
    mizalla attestation revoke ID
    """


@attestation.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--keys", "keys", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True, help="The issuer's JWK Set.")
@click.option("--nonce", help="What the holder was asked to sign; without it only the issuer's signature is checked.")
@click.option("--audience", help="Whom the holder signed it for.")
@click.option(
    "--status", "status", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The status list the attestation names."
)
def attestation_verify(file: Path, keys: Path, nonce: str | None, audience: str | None, status: Path | None) -> None:
    """Check a presentation with nothing but files, and print what it shows as JSON.

    \b
    mizalla attestation verify shown.txt --keys jwks.json --nonce n-1 --audience https://shop.example --status list.jwt
    """
    from privacy.attesting import by_kid
    from privacy.selective import verified
    from privacy.status import check

    if (nonce is None) != (audience is None):
        raise click.UsageError("--nonce and --audience go together")
    try:
        known = by_kid(json.loads(keys.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise click.ClickException("--keys is not a JWK Set. Remedy: fetch /.well-known/jwks.json of the issuer.") from None
    now = int(datetime.now(UTC).timestamp())
    shown = verified(file.read_text(encoding="utf-8").strip(), known, now, nonce=nonce, audience=audience)
    if status is not None:
        check(shown.claims, status.read_text(encoding="utf-8").strip(), known, now)
    told = {"type": shown.type, "claims": shown.claims, "holder": shown.bound, "revocation": status is not None}
    click.echo(json.dumps(told, ensure_ascii=False, indent=1))


@attestation.command("refresh")
@config_option
def attestation_refresh(config: Path | None) -> None:
    """Take back whatever the sources no longer say; run it every night.

    \b
    mizalla attestation refresh
    """

    async def work() -> tuple[int, int, int]:
        async with open_hub(settings_of(config)) as hub:
            return await hub.identity.attestations.refresh(datetime.now(UTC))

    seen, ended, left = run(work())
    click.echo(f"{seen} looked at, {ended} taken back, {left} left because a source did not answer")


@attestation.command("revoke")
@config_option
@click.argument("id")
def attestation_revoke(config: Path | None, id: str) -> None:  # noqa: A002 — click names it after the argument
    """Take back as issuer what was issued wrongly.

    \b
    mizalla attestation revoke 0f3a77c1d2e44b5a9c01aa37be6d8f20
    """

    async def work() -> Any:
        async with open_hub(settings_of(config)) as hub:
            await hub.identity.attestations.withdraw(id, datetime.now(UTC))

    run(work())
    click.echo("revoked")
