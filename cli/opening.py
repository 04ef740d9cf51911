"""What every command starts with: settings, the hub, and errors told in one line.

What a command works with is imported once it works, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errors import ConfigError, HubError
from places import located

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from settings import Settings

SAMPLE = Path("var/sample")


class Group(click.Group):
    """Turns errors that somebody can mend into one line and an exit code instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; one of our errors ends it with its sentence and hint."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise _told(error, _place(error, ctx.find_root().obj)) from None
        except HubError as error:
            raise _told(error) from None
        except OSError as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from None


def _told(error: HubError, place: str = "") -> click.ClickException:
    """One line: `hub.toml:12: what is wrong. Remedy: what to do`."""
    remedy = f" Remedy: {error.hint.rstrip('.')}." if error.hint else ""
    return click.ClickException(f"{place}{error.message.rstrip('.')}.{remedy}")


def _place(error: ConfigError, settings: Settings | None) -> str:
    place = located(error, settings.place if settings else None)
    return f"{place}: " if place else ""


def log_to_stderr() -> None:
    """Logs go to standard error, one line each: standard output is the command's answer alone."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config hub.toml`, or the sample country's where there is no other."""
    return click.option("--config", "config", type=click.Path(path_type=Path), envvar="MIZALLA_CONFIG", help="The hub.toml to use.")(
        command
    )


def settings_of(config: Path | None) -> Settings:
    """The settings of --config, ./hub.toml, or the built sample country."""
    log_to_stderr()
    for path in [config] if config else [Path("hub.toml"), SAMPLE / "hub.toml"]:
        if config or path.exists():
            if path == SAMPLE / "hub.toml" or path.with_name("sample.json").exists():
                _sample_environment(path.parent)
            from settings import load

            settings = load(path)
            click.get_current_context().find_root().obj = settings
            return settings
    raise ConfigError("there is no hub.toml here", "name one with --config, or make the sample country: mizalla sample build")


def _sample_environment(folder: Path) -> None:
    """Where a running sample's own servers are, for commands beside `serve --sample`."""
    from samples.servers import known_environment

    for name, value in known_environment(folder).items():
        os.environ.setdefault(name, value)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run one command's work to its end."""
    import asyncio

    log_to_stderr()
    return asyncio.run(work)


def open_hub(settings: Settings) -> Hub:
    """The hub of these settings, not opened yet."""
    from resolvers.hub import Hub
    from schema import CATALOGUE, PUBLIC_NAMES

    return Hub(settings, CATALOGUE, PUBLIC_NAMES)
