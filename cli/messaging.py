"""Commands for messages between organisations, on the side of who writes and of who reads: no secret key ever leaves this machine."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import orjson

from errors import ConfigError

KEYS = click.Path(exists=True, dir_okay=False, path_type=Path)
LONGEST: Final = 800


@click.group()
def message() -> None:
    """Messages between organisations: make and publish keys, seal a message, open one. Nothing here asks the hub.

    \b
    mizalla message keys aid.keys
    mizalla message publish aid.keys --organisation crescent-aid --days 365
    mizalla message seal text.txt --keys aid.keys --from crescent-aid --to keys.json --expect hope-network=9f00aa11bb22cc33
    mizalla message open message.json --keys aid.keys --from-keys keys.json
    """


@message.command("keys")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--after", "before", type=KEYS, help="The keys until now: the signing key is kept.")
def message_keys(file: Path, before: Path | None) -> None:
    """Make an organisation's next key in a new file; the old ones are kept in it, because old messages need them.

    \b
    mizalla message keys aid.keys
    mizalla message keys aid-2.keys --after aid.keys
    """
    from privacy.messages import fingerprint, new_keys, signing_public

    signing, secret = new_keys()
    held: dict[str, Any] = {"signing": _text(signing), "secrets": []} if before is None else _held(before)
    held["secrets"].append(_text(secret))
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(orjson.dumps(held, option=orjson.OPT_INDENT_2))
    click.echo(f"version {len(held['secrets'])}, fingerprint {fingerprint(signing_public(_raw(held['signing'])))}")
    click.echo(f"tell the fingerprint by telephone or on paper; keep {file} away from the hub", err=True)


@message.command("publish")
@click.argument("file", type=KEYS)
@click.option("--organisation", required=True, help="Whose key it is, as the hub names it.")
@click.option("--days", type=click.IntRange(1, LONGEST), default=365, show_default=True, help="For how long it is to be sealed to.")
@click.option("--endorsed-by", "before", type=KEYS, help="Keys with the signing key before, where it is a new one.")
def message_publish(file: Path, organisation: str, days: int, before: Path | None) -> None:
    """Print the input of `messageKeyPublish` for the newest key in a file.

    \b
    mizalla message publish aid.keys --organisation crescent-aid --days 365
    """
    from privacy.messages import public_of, signed, signing_public, statement, succession

    held = _held(file)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    seed, version, public = _raw(held["signing"]), len(held["secrets"]), public_of(_raw(held["secrets"][-1]))
    signing = signing_public(seed)
    signature = signed(seed, statement(organisation, version, public, signing, int(until.timestamp())))
    given = {"version": version, "publicKey": _text(public), "signingKey": _text(signing), "signature": _text(signature)}
    given["untilAt"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    if before is not None:
        given["endorsement"] = _text(signed(_raw(_held(before)["signing"]), succession(organisation, signing)))
    click.echo(orjson.dumps({"input": given}, option=orjson.OPT_INDENT_2))


@message.command("seal")
@click.argument("text", type=click.File("r", encoding="utf-8"))
@click.option("--keys", "file", type=KEYS, required=True, help="The writing organisation's own keys.")
@click.option("--from", "sender", required=True, help="The writing organisation, as the hub names it.")
@click.option("--to", "published", type=KEYS, required=True, help="The answer of `messageKeys` for every party, the sender among them.")
@click.option("--expect", multiple=True, help="ORGANISATION=FINGERPRINT, from somewhere else than the hub.")
@click.option("--attach", multiple=True, type=KEYS, help="A PDF, JPEG, PNG or text file; told apart by its content.")
def message_seal(text: Any, file: Path, sender: str, published: Path, expect: tuple[str, ...], attach: tuple[Path, ...]) -> None:
    """Seal a message, offline; prints `sealed`, `attachments` and `boxes` of `messageSend`.

    \b
    mizalla message seal text.txt --keys aid.keys --from crescent-aid --to keys.json --attach photo.jpg
    """
    from privacy import messages

    held, standing = _held(file), _standing(published, dict(each.partition("=")[::2] for each in expect))
    if sender not in standing:
        raise ConfigError(
            f"{sender} has no key that holds there", "ask `messageKeys` for every party, the sender among them", str(published)
        )
    version = standing[sender].version
    if version > len(held["secrets"]):
        raise ConfigError("the newest published key is not in this file", "use the keys it was published from", str(file))
    secret = _raw(held["secrets"][version - 1])
    try:
        files = [(each.name, each.read_bytes()) for each in attach]
        found = messages.sealed(text.read(), files, (sender, secret), {name: key.public for name, key in standing.items()})
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    boxes = [{"organisation": name, "version": standing[name].version, "box": _text(box)} for name, box in found.boxes.items()]
    content, *others = [_text(each) for each in found.parts]
    click.echo(orjson.dumps({"sealed": content, "attachments": others, "boxes": boxes}))


@message.command("open")
@click.argument("message", type=click.File("rb"))
@click.option("--keys", "file", type=KEYS, required=True, help="The reading organisation's own keys.")
@click.option("--from-keys", "published", type=KEYS, required=True, help="The answer of `messageKeys` for the sender.")
@click.option("--party", "parties", multiple=True, required=True, help="Every party of the thread, once each.")
@click.option("--attachments", "folder", type=click.Path(file_okay=False, path_type=Path), help="Where attachments are put.")
def message_open(message: Any, file: Path, published: Path, parties: tuple[str, ...], folder: Path | None) -> None:
    """Open a message, offline: one of `messages` as JSON, with the answers of `messageAttachment` in `parts`.

    \b
    mizalla message open message.json --keys hope.keys --from-keys keys.json --party crescent-aid --party hope-network
    """
    from privacy import messages

    held, given = _held(file), orjson.loads(message.read())
    found = {(each.organisation, each.version): each for each in _published(published)}
    key = found.get((given["sender"], given["senderKey"]))
    if key is None or given["key"] > len(held["secrets"]):
        raise ConfigError(
            "a key of this message is missing", "ask `messageKeys` for its sender, and use the newest of the own files", str(file)
        )
    parts = [_raw(each) for each in (given["sealed"], *given.get("parts", ()))]
    try:
        said = messages.opened(parts, _raw(given["box"]), (key.organisation, key.public), parties, _raw(held["secrets"][given["key"] - 1]))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(said["text"])
    for place, each in enumerate(said["attachments"], 1):
        click.echo(f"attachment {place}: {each['type']}, {len(each['content'])} bytes", err=True)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            suffix = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}.get(each["type"], "txt")
            (folder / f"attachment-{place}.{suffix}").write_bytes(each["content"])


def _held(file: Path) -> dict[str, Any]:
    try:
        held = dict(orjson.loads(file.read_bytes()))
        lengths = {len(_raw(each)) for each in (held["signing"], *held["secrets"])}
    except (ValueError, KeyError, TypeError):
        lengths = set()
    if lengths != {32} or not held["secrets"]:
        raise ConfigError("this is no file of keys", "make one with `mizalla message keys`", str(file))
    return held


def _published(file: Path) -> list[Any]:
    from privacy.messages import Published, is_genuine

    try:
        answer = orjson.loads(file.read_bytes())
        listed = answer.get("data", answer)["messageKeys"]
        found = []
        for each in listed:
            until = int(datetime.fromisoformat(each["untilAt"]).timestamp())
            public, signing, signature = (_raw(each[name]) for name in ("publicKey", "signingKey", "signature"))
            found.append(Published(each["organisation"], each["version"], public, signing, until, signature))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError("this is no answer of `messageKeys`", "ask for all its fields, and keep the answer as JSON", str(file)) from None
    if forged := [each.organisation for each in found if not is_genuine(each)]:
        raise ConfigError(f"the signature of a key of {forged[0]} does not hold", "do not seal to it; tell the organisation", str(file))
    return found


def _standing(file: Path, expected: dict[str, str]) -> dict[str, Any]:
    """The newest key of each organisation; those whose fingerprint is expected must have it."""
    from privacy.messages import fingerprint

    newest: dict[str, Any] = {}
    for each in sorted(_published(file), key=lambda one: one.version):
        newest[each.organisation] = each
    for name, key in newest.items():
        marked = fingerprint(key.signing)
        if expected.get(name, marked) != marked:
            raise ConfigError(
                f"the fingerprint of {name} is {marked}", "do not seal to it before you have asked the organisation", str(file)
            )
        click.echo(f"{name}: fingerprint {marked}{'' if name in expected else ', not compared'}", err=True)
    return newest


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text.encode(), validate=True)
