"""Commands of a running hub: serve, check, link."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.country import build_sample
from cli.opening import SAMPLE, config_option, open_hub, run, settings_of
from errors import ConfigError, Unknown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from settings import Settings


@click.command()
@config_option
@click.option("--sample", is_flag=True, help="Build the sample country on the first run and start its sources too.")
@click.option("--people", type=click.IntRange(min=0), default=20_000, show_default=True, help="Size of the sample country.")
@click.option("--host", help="Address to listen on; hub.toml's otherwise.")
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", help="Port to listen on; hub.toml's otherwise.")
def serve(config: Path | None, sample: bool, people: int, host: str | None, port: int | None) -> None:
    """Serve the hub over HTTP.

    \b
    mizalla serve --sample              the sample country on http://127.0.0.1:8000
    mizalla serve --config hub.toml     your own
    PORT=9000 mizalla serve --sample    somewhere else
    """
    servers = None
    if sample:
        folder = config.parent if config else SAMPLE
        from samples import servers as sample_servers
        from samples.manifest import found

        if found(folder) is None:
            click.echo(f"Building the sample country of {people} people in {folder}, once.")
            build_sample(folder, people)
        from concurrent.futures import ThreadPoolExecutor

        # The sources' own processes start while this one imports the hub.
        with ThreadPoolExecutor(1) as beside:
            starting = beside.submit(sample_servers.start, folder)
            import server  # noqa: F401 — imported for its time, used below

            servers = starting.result()
        os.environ.update(servers.environment)
        config = folder / "hub.toml"
    from server import serve as run_server

    try:
        settings = settings_of(config)
        hub = settings.hub.model_copy(update={key: value for key, value in (("host", host), ("port", port)) if value is not None})
        settings = settings.model_copy(update={"hub": hub})
        run_server(settings, lambda: _say_what_to_try(settings) if sample else None)
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


@click.command()
@config_option
def check(config: Path | None) -> None:
    """Check hub.toml and every source without starting: each fault in one line, with its remedy.

    \b
    mizalla check
    mizalla check --config hub.toml
    """
    from schema.door.trusted import Trusted

    settings = settings_of(config)

    async def work() -> bool:
        hub = open_hub(settings)
        if settings.hub.documents.folder is not None:
            click.echo(f"✓ {len(Trusted(settings))} trusted documents")
        own = await _own_tables(hub)
        sound = True
        for name, gate in hub.gates.items():
            if gate.source.wire == "hub" and not own:
                continue
            await gate.open()
            findings = await gate.check()
            await gate.close()
            for each in findings:
                bad = each.fatal or not each.reached
                said, remedy = each.message.rstrip("."), each.remedy.rstrip(".")
                click.echo(f"{'✗' if bad else '!'} {settings.place(each.place)}: {each.place}: {said}. Remedy: {remedy}.")
                sound &= not bad
            if not findings:
                click.echo(f"✓ {name}")
        await hub.database.close()
        return sound

    if not run(work()):
        sys.exit(1)


async def _own_tables(hub: Hub) -> bool:
    """Open the hub's own database only to look: checking makes and changes no table. False where there is none yet."""
    import sqlalchemy as sa

    url = sa.make_url(hub.database.url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():  # noqa: ASYNC240 — nothing else runs yet
        click.echo(f"! {hub.settings.place('hub.database')}: hub.database: not made yet. Remedy: the first `mizalla serve` makes it.")
        return False
    hub.database.read_only = True
    try:
        await hub.database.open()
    except Exception as error:  # noqa: BLE001 — each driver has its own
        raise ConfigError(
            f"hub.database: cannot be opened ({type(error).__name__})", "see that it runs, and that its address is right"
        ) from None
    return True


@click.command()
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

    if report:
        report.write_text("", encoding="utf-8")

    async def work() -> None:
        from resolvers.linking import Linker

        async with open_hub(settings) as hub:
            linker = Linker(hub.database, hub.blinder, settings, hub.edge)
            for name in linker.order() if source is None else [source]:
                with click.progressbar(length=1, label=f"{name:<18}") as bar:

                    def progress(done: int, total: int | None, bar: Any = bar) -> None:
                        bar.length = total or done + 1
                        bar.update(done - bar.pos)

                    found = await linker.link(name, hub.gates[name], progress, int(datetime.now(UTC).timestamp()))
                click.echo(", ".join(f"{count} {word}" for word, count in found.counts().items()) + f", {found.seconds:.1f} s")
                rows = [("conflict", *each) for each in found.conflict_rows] + [("unreadable", *each) for each in found.unreadable_rows]
                for word, row, reason in rows[:20]:
                    click.echo(f"  row {row}: {word}: {reason}")
                if len(rows) > 20:
                    click.echo(f"  … and {len(rows) - 20} more; --report FILE has them")
                if report:
                    with report.open("a", encoding="utf-8") as file:
                        file.writelines(f"{name}\t{row}\t{word}\t{reason}\n" for word, row, reason in rows)

    run(work())
