"""A small sample country, built once and served over its real wires, for every test that asks a running hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samples import servers
from samples.build import Built, build
from settings import Settings, load

PEOPLE = 400
"""Beside the forty of the cast: enough for overlaps, few enough for a second or two."""


@dataclass(frozen=True, slots=True)
class Country:
    """A built sample whose servers run; `keys` are the credentials' keys by name."""

    folder: Path
    settings: Settings
    keys: dict[str, str]
    credentials: list[dict[str, Any]]
    built: Built
    servers: servers.Servers


@contextmanager
def running_country(folder: Path, people: int = PEOPLE) -> Iterator[Country]:
    """Build a country in a folder that is not there yet, and keep its servers running, and in the environment, for the block."""
    built = asyncio.run(build(folder, people))
    credentials = json.loads((folder / "credentials.json").read_text(encoding="utf-8"))
    with servers.running(folder) as started:
        yield Country(folder, load(folder / "hub.toml"), {each["name"]: each["key"] for each in credentials}, credentials, built, started)
