"""Commands for reports of wrongdoing, on the side of who writes and of who reads: neither key nor code ever leaves this machine."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import click
import orjson

from errors import ConfigError

KINDS = ("corruption", "fraud", "discrimination", "exploitation", "data_misuse", "other")


@click.group()
def report() -> None:
    """Reports of wrongdoing: seal one, read its answers; for an inspectorate: make keys, open reports, seal answers.

    \b
    mizalla report keys inspectorate.key
    mizalla report file https://hub.example --key FINGERPRINT --kind corruption --text report.txt
    mizalla report read https://hub.example
    """


@report.command("keys")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def report_keys(file: Path) -> None:
    """Make an inspectorate's key in a new file, and print its public half to publish.

    \b
    mizalla report keys inspectorate.key
    """
    from privacy.reports import fingerprint, new_key

    secret, public = new_key()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
        opened.write(base64.b64encode(secret).decode() + "\n")
    click.echo(base64.b64encode(public).decode())
    click.echo(f"fingerprint {fingerprint(public)}; keep {file} away from the hub", err=True)


@report.command("file")
@click.argument("url")
@click.option("--key", "fingerprint", required=True, help="The inspectorate's fingerprint, from somewhere else than the hub.")
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="What to say, in a file.")
@click.option("--attach", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A JPEG, PNG or text file.")
def report_file(url: str, fingerprint: str, kind: str, text: Path, attach: tuple[Path, ...]) -> None:
    """Seal a report and send it; prints the receipt code, which is kept nowhere else.

    \b
    mizalla report file https://hub.example --key 9f00aa11bb22cc33 --kind corruption --text report.txt --attach photo.jpg
    """
    from privacy import reports

    found = {each["id"]: each for each in _asked(url, "{ reportingKeys { id publicKey } }", {})["reportingKeys"]}
    public = base64.b64decode(found[fingerprint]["publicKey"]) if fingerprint in found else b""
    if reports.fingerprint(public) != fingerprint:
        raise ConfigError("the hub offers no such key", "compare the fingerprint with the inspectorate's own paper", url)
    code = reports.new_code()
    try:
        files = [reports.attached(each.name, each.read_bytes()) for each in attach]
        content = {"text": text.read_text(encoding="utf-8"), "attachments": files, "reply_to": bytes(reports.key_of(code).public_key).hex()}
        sealed = base64.b64encode(reports.sealed(content, public)).decode()
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    given = {"token": reports.token_of(code), "key": fingerprint, "kind": kind.upper(), "sealed": sealed}
    _done(_asked(url, _MUTATION.format(name="reportFile", kind="ReportFileInput"), {"input": given})["reportFile"])
    click.echo(code)
    click.echo("note this code: it alone leads to the answers", err=True)


@report.command("read")
@click.argument("url")
@click.option("--code", prompt=True, hide_input=True, help="The receipt code; better typed than given here.")
def report_read(url: str, code: str) -> None:
    """Read the answers to a report, by its receipt code.

    \b
    mizalla report read https://hub.example
    """
    from privacy import reports

    question = "query ($token: String!) { reportConversation(token: $token) { state messages { byBody day sealed } } }"
    try:
        found = _asked(url, question, {"token": reports.token_of(code)})["reportConversation"]
        if found is None:
            raise click.ClickException("there is no report under this code")
        click.echo(found["state"].lower())
        for each in found["messages"]:
            if each["byBody"]:
                click.echo(f"{each['day']}  {reports.opened(base64.b64decode(each['sealed']), reports.key_of(code))['text']}")
            else:
                click.echo(f"{each['day']}  (sent)")
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@report.command("open")
@click.argument("sealed", type=click.File("rb"))
@click.option("--key", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The inspectorate's key.")
def report_open(sealed: Any, file: Path) -> None:
    """Open a message with the inspectorate's key, offline: its base64, as `reports` gave it.

    \b
    mizalla report open message.txt --key inspectorate.key
    """
    from privacy import reports

    try:
        content = reports.opened(base64.b64decode(sealed.read()), reports.secret_key(base64.b64decode(file.read_text())))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))


@report.command("reply")
@click.argument("text", type=click.File("r", encoding="utf-8"))
@click.option("--to", "reply_to", required=True, help="`reply_to` of the opened report.")
def report_reply(text: Any, reply_to: str) -> None:
    """Seal an answer to a reporter, offline; prints what reportReply takes.

    \b
    mizalla report reply answer.txt --to 1f00aa
    """
    from privacy import reports

    try:
        click.echo(base64.b64encode(reports.sealed({"text": text.read()}, bytes.fromhex(reply_to))).decode())
    except ValueError as error:
        raise click.ClickException(str(error)) from None


_MUTATION = "mutation ($input: {kind}!) {{ {name}(input: $input) {{ ... on ReportKept {{ done }} ... on Refusal {{ message hint }} }} }}"


def _done(answer: dict[str, Any]) -> None:
    if not answer.get("done"):
        raise click.ClickException(f"{answer['message']}. Remedy: {answer['hint']}")


def _asked(url: str, question: str, variables: dict[str, Any]) -> dict[str, Any]:
    import httpx

    try:
        answer = httpx.post(f"{url.rstrip('/')}/graphql", json={"query": question, "variables": variables}, timeout=60)
        return dict(answer.json()["data"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        raise ConfigError("the hub did not answer this", "name the address at which it is served, as https://hub.example", url) from None
