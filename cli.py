"""The command line: `mizalla serve | check | link | ask | why | keys | credential | audit | sample`. Wiring only.

Every command's `--help` shows what to type; every error says what to do, in one line, without a traceback.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from errors import ConfigError, HubError, Unknown
from settings import Settings, load
from values import Purpose, Role

SAMPLE = Path("var/sample")


class _Group(click.Group):
    """Turns our own errors into one line and an exit code instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HubError as error:
            said = str(error) if isinstance(error, ConfigError) else f"{error.message}. {error.hint}".strip()
            raise click.ClickException(said) from None


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config hub.toml`, or the sample country's where there is no other."""
    return click.option("--config", "config", type=click.Path(path_type=Path), envvar="MIZALLA_CONFIG", help="The hub.toml to use.")(
        command
    )


def settings_of(config: Path | None) -> Settings:
    """The settings of --config, ./hub.toml, or the built sample country."""
    for path in [config] if config else [Path("hub.toml"), SAMPLE / "hub.toml"]:
        if config or path.exists():
            if path == SAMPLE / "hub.toml" or path.with_name("sample.json").exists():
                _sample_environment(path.parent)
            return load(path)
    raise ConfigError("there is no hub.toml here", "name one with --config, or make the sample country: mizalla sample build")


def _sample_environment(folder: Path) -> None:
    """Where a running sample's own servers are, for commands beside `serve --sample`."""
    from samples.servers import known_environment

    for name, value in known_environment(folder).items():
        os.environ.setdefault(name, value)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run one command's work to its end."""
    return asyncio.run(work)


def open_hub(settings: Settings) -> Any:
    """The hub of these settings, not opened yet."""
    from resolvers.hub import Hub
    from schema import CATALOGUE, PUBLIC_NAMES

    return Hub(settings, CATALOGUE, PUBLIC_NAMES)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="mizalla")
def main() -> None:
    """mizalla: one GraphQL schema over ministries, NGOs and registries.

    \b
    mizalla serve --sample                         try it with an invented country
    mizalla sample credentials                     keys to try it with
    mizalla ask --as crescent-caseworker '{ me { organisation } }'
    mizalla why crescent-caseworker Person.name    who may see a field, and by which rule
    """


@main.command()
@config_option
@click.option("--sample", is_flag=True, help="Build the sample country on the first run and start its sources too.")
@click.option("--people", default=20_000, show_default=True, help="Size of the sample country.")
@click.option("--host", help="Address to listen on; hub.toml's otherwise.")
@click.option("--port", type=int, envvar="PORT", help="Port to listen on; hub.toml's otherwise.")
def serve(config: Path | None, sample: bool, people: int, host: str | None, port: int | None) -> None:
    """Serve the hub over HTTP.

    \b
    mizalla serve --sample              the sample country on http://127.0.0.1:8000
    mizalla serve --config hub.toml     your own
    PORT=9000 mizalla serve --sample    somewhere else
    """
    from server import serve as run_server

    servers = None
    if sample:
        folder = config.parent if config else SAMPLE
        if not (folder / "hub.toml").exists():
            _build(folder, people)
        from samples import servers as sample_servers

        servers = sample_servers.start(folder)
        os.environ.update(servers.environment)
        config = folder / "hub.toml"
    try:
        settings = settings_of(config)
        hub = settings.hub.model_copy(update={key: value for key, value in (("host", host), ("port", port)) if value is not None})
        settings = settings.model_copy(update={"hub": hub})
        if sample:
            _say_what_to_try(settings)
        run_server(settings)
    finally:
        if servers is not None:
            servers.stop()


def _say_what_to_try(settings: Settings) -> None:
    address = f"http://{settings.hub.host}:{settings.hub.port}"
    click.echo(
        f"""
mizalla serves the sample country on {address}

  Anyone:            curl -s {address}/graphql -H 'Content-Type: application/json' -d '{{"query":"{{ sources {{ name status }} }}"}}'
  Keys to try:       .venv/bin/mizalla sample credentials
  The main question: .venv/bin/mizalla ask --as crescent-caseworker --file samples/questions/family.graphql --var card=2043817/1
  Why not:           .venv/bin/mizalla why crescent-caseworker Person.name
  The schema:        {address}/schema.graphql

Stop with Ctrl-C."""
    )


@main.command()
@config_option
def check(config: Path | None) -> None:
    """Check hub.toml and every source without starting: each fault in one line, with its remedy.

    \b
    mizalla check
    mizalla check --config hub.toml
    """
    settings = settings_of(config)

    async def work() -> bool:
        hub = open_hub(settings)
        fatal = False
        for name, gate in hub.gates.items():
            await gate.open()
            findings = await gate.check()
            await gate.close()
            for each in findings:
                fatal |= each.fatal
                click.echo(f"{'✗' if each.fatal else '!'} {each.source} {each.place}: {each.message} Remedy: {each.remedy}")
            if not findings:
                click.echo(f"✓ {name}")
        return fatal

    if run(work()):
        sys.exit(1)


@main.command()
@config_option
@click.argument("source", required=False)
@click.option("--all", "every", is_flag=True, help="Link every source, registries first.")
@click.option("--report", type=click.Path(path_type=Path), help="Write every unreadable row and conflict there, rows and reasons only.")
def link(config: Path | None, source: str | None, every: bool, report: Path | None) -> None:
    """Tie the people of a source to the people of the hub, by blind identifiers.

    Stopped half-way it goes on where it was; done twice it changes nothing.

    \b
    mizalla link civil-registry
    mizalla link --all
    """
    settings = settings_of(config)
    if bool(source) == every:
        raise ConfigError("name one source, or --all", f"sources: {', '.join(settings.sources)}")
    if source and source not in settings.sources:
        raise Unknown(f"there is no source {source}", f"sources: {', '.join(settings.sources)}")

    async def work() -> None:
        from resolvers.linking import Linker

        async with open_hub(settings) as hub:
            names = [name for name, each in settings.sources.items() if "person" in each.entities] if every else [source]
            names.sort(key=lambda name: settings.sources[name or ""].precedence)
            for name in names:
                linker = Linker(hub.database, hub.blinder, settings)
                with click.progressbar(length=1, label=f"{name:<18}") as bar:

                    def progress(done: int, total: int | None, bar: Any = bar) -> None:
                        bar.length = total or done + 1
                        bar.update(done - bar.pos)

                    found = await linker.link(name, hub.gates[name], progress, datetime.now(UTC))
                click.echo(found.text())
                if report:
                    found.write(report)

    run(work())


@main.command()
@config_option
@click.argument("question", required=False)
@click.option("--file", "file", type=click.Path(exists=True, path_type=Path), help="Read the GraphQL document from a file.")
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
    text = file.read_text(encoding="utf-8") if file else question
    if not text:
        raise ConfigError("there is no question", "write a GraphQL document, or name a file with --file")
    token = os.environ.get("MIZALLA_KEY") if who == "public" else _token(settings, who)

    async def work() -> dict[str, Any]:
        from schema import SCHEMA
        from schema.door import Door, Request

        async with open_hub(settings) as hub:
            enquiry = await hub.enquiry(token, purpose)
            response = await Door(hub, SCHEMA).answer(Request(text, operation, dict(map(_variable, variables))), enquiry, explain=explain)
            return response.body

    body = run(work())
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())
    if "errors" in body and body.get("data") is None:
        sys.exit(1)


def _variable(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ConfigError(f"--var {name} has no value", "write --var NAME=VALUE")
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value


def _token(settings: Settings, who: str) -> str:
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


@main.command()
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
            token = None if requester == "public" else _token(settings, requester)
            enquiry = await hub.enquiry(token, purpose)
            return await hub.identity.why(enquiry, hub.coordinate(field), person)

    for line in run(work()):
        click.echo(line)


@main.group()
def keys() -> None:
    """The hub's own secret keys: make a ring, rotate it, list its versions.

    \b
    mizalla keys new
    mizalla keys rotate
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
    click.echo(f"version {ring.rotate()} is now in use; restart the hub to use it")


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
        click.echo(f"version {version}  made {made}{'  in use' if version == ring.current else ''}")


@main.group()
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
@click.option("--role", type=click.Choice([Role.CASEWORKER, Role.ANALYST, Role.INSPECTOR, Role.DEVELOPER]), required=True)
@click.option(
    "--purpose",
    "purposes",
    multiple=True,
    required=True,
    type=click.Choice(list(Purpose)),
    help="May be repeated; the first is the default.",
)
@click.option("--days", type=int, help="Ends by itself after so many days.")
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


@main.group()
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
    click.echo(str(verdict))
    if not verdict.sound:
        sys.exit(1)


@main.group()
def sample() -> None:
    """The sample country: build it at any size, show its keys.

    \b
    mizalla sample build --people 20000
    mizalla sample credentials
    """


@sample.command("build")
@click.option("--people", default=20_000, show_default=True, help="How many people; the named cast comes on top.")
@click.option("--folder", type=click.Path(path_type=Path), default=SAMPLE, show_default=True)
def sample_build(people: int, folder: Path) -> None:
    """Build the sample country anew, its sources, its hub and its keys.

    \b
    mizalla sample build
    mizalla sample build --people 1000000 --folder var/large
    """
    _build(folder, people)
    click.echo(f"built {folder}; serve it with: mizalla serve --sample")


def _build(folder: Path, people: int) -> None:
    from samples.build import build

    bars: dict[str, Any] = {}

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage not in bars:
            for each in bars.values():
                each.render_finish()
            bars[stage] = click.progressbar(length=total or 1, label=f"{stage:<28}")
            bars[stage].render_progress()
        bar = bars[stage]
        bar.length = total or max(done, 1)
        bar.update(done - bar.pos)

    run(build(folder, people=people, progress=progress))
    for each in list(bars.values())[-1:]:
        each.render_finish()


@sample.command("credentials")
@click.option("--folder", type=click.Path(path_type=Path), default=SAMPLE, show_default=True)
def sample_credentials(folder: Path) -> None:
    """Print the sample's credentials as JSON.

    \b
    mizalla sample credentials
    """
    path = folder / "credentials.json"
    if not path.exists():
        raise ConfigError("the sample country is not built", "run: mizalla sample build")
    click.echo(orjson.dumps(orjson.loads(path.read_bytes()), option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
