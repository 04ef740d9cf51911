"""Commands that ask: ask, why."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from cli.opening import config_option, open_hub, run, settings_of
from errors import ConfigError, Unknown

if TYPE_CHECKING:
    from settings import Settings


@click.command()
@config_option
@click.argument("question", required=False)
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read the GraphQL document from a file.")
@click.option(
    "--as", "who", default="public", show_default=True, help="A name of `mizalla sample credentials`, or a key (better: MIZALLA_KEY)."
)
@click.option("--purpose", help="The purpose; the credential's default otherwise.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="A variable; VALUE as JSON, or plain text.")
@click.option("--operation", help="Which operation of the document to run.")
@click.option("--explain", is_flag=True, help="Also say what each source was asked.")
def ask(
    config: Path | None,
    question: str | None,
    file: Path | None,
    who: str,
    purpose: str | None,
    variables: tuple[str, ...],
    operation: str | None,
    explain: bool,
) -> None:
    """Ask the hub one question and print the answer; it is recorded like any other.

    \b
    mizalla ask '{ organisations { id name } }'
    mizalla ask --as crescent-caseworker '{ caseload(first: 3) { nodes { id sex } } }'
    mizalla ask --as crescent-caseworker --explain --file samples/questions/family.graphql --var card=2043817/1
    """
    settings = settings_of(config)
    text = _utf_8(file.read_text(encoding="utf-8", errors="surrogateescape") if file else question or "")
    if not text.strip():
        raise ConfigError("there is no question", "write a GraphQL document, or name a file with --file")
    token = os.environ.get("MIZALLA_KEY") if who == "public" else token_of(settings, who)

    given = _variables(text, variables)

    async def work() -> dict[str, Any]:
        from schema import SCHEMA
        from schema.door.door import Door, Request

        async with open_hub(settings) as hub:
            enquiry = await hub.enquiry(token, purpose)
            response = await Door(hub, SCHEMA).answer(Request(text, operation, given), enquiry, explain=explain)
            return response.body

    body = run(work())
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    if "errors" in body and body.get("data") is None:
        sys.exit(1)


def _utf_8(text: str) -> str:
    """The same text; what cannot be read arrives from files and command lines as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError("the question or a variable is not UTF-8", "write it in UTF-8") from None
    return text


def _variables(document: str, given: tuple[str, ...]) -> dict[str, Any]:
    """The variables of --var: JSON where the document declares a number, truth, list or object; plain text elsewhere.

    So a national number stays the text it is, and does not become a number for being all digits.
    """
    declared = dict(re.findall(r"\$(\w+)\s*:\s*([\[\w]+)", document))
    found: dict[str, Any] = {}
    for text in given:
        name, separator, value = _utf_8(text).partition("=")
        if not separator:
            raise ConfigError(f"--var {name} has no value", "write --var NAME=VALUE")
        kind = declared.get(name, "")
        found[name] = value
        if kind in {"Int", "Float", "Boolean"} or kind.startswith("[") or kind.endswith("Input"):
            with suppress(orjson.JSONDecodeError):
                found[name] = orjson.loads(value)
    return found


def token_of(settings: Settings, who: str) -> str:
    """The key of a sample credential by its name; a key is taken as it is."""
    if who.startswith("mz_"):
        return who
    path = settings.folder / "credentials.json"
    known = orjson.loads(path.read_bytes()) if path.exists() else []
    for each in known:
        if each["name"] == who:
            return str(each["key"])
    names = ", ".join(each["name"] for each in known) or "none here"
    raise Unknown(f"there is no credential called {who}", f"known: {names}; or put a key into MIZALLA_KEY")


@click.command()
@config_option
@click.argument("requester")
@click.argument("field")
@click.option("--person", help="The requester's own identifier of a person: is a condition met for this one?")
@click.option("--purpose", help="The purpose; the credential's default otherwise.")
def why(config: Path | None, requester: str, field: str, person: str | None, purpose: str | None) -> None:
    """Say why a requester may or may not see a field: conditions, rule, agreement, and what is missing.

    \b
    mizalla why crescent-caseworker Person.name
    mizalla why public person.sex
    mizalla why hope-caseworker Allocation.amount --purpose aid_distribution
    """
    settings = settings_of(config)

    async def work() -> list[str]:
        async with open_hub(settings) as hub:
            if hub.coordinate(field) not in hub.policies.things:
                import difflib

                near = difflib.get_close_matches(field, sorted({*hub.public_names.values()}), n=3, cutoff=0.4)
                raise Unknown(f"there is no field {field}", f"write it as Person.sex; near it: {', '.join(near) or 'nothing'}")
            token = None if requester == "public" else token_of(settings, requester)
            enquiry = await hub.enquiry(token, purpose)
            return list(await hub.identity.people.why(enquiry, hub.coordinate(field), person))

    for line in run(work()):
        click.echo(line)
