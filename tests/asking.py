"""Asking a hub in this process, as somebody of the sample country, with everything on that a request meets after HTTP."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resolvers.hub import Hub
from samples.servers import CRESCENT_URL, RAFIDAIN_URL
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Door, Request
from settings import Settings, load
from tests.country import Country

OWN = ("hub.db", "hub.db-wal", "hub.db-shm", "keys.json", "credentials.json", "hub.toml")
"""What the hub itself keeps, beside its sources."""


@dataclass(frozen=True, slots=True, repr=False)
class Asking:
    """An open hub and the keys of everybody who may ask it."""

    hub: Hub
    door: Door
    keys: dict[str, str]

    async def ask(
        self, question: str, who: str = "public", variables: Mapping[str, Any] | None = None, purpose: str | None = None
    ) -> dict[str, Any]:
        """The whole body of the answer, with the plan of what each source was asked."""
        enquiry = await self.hub.enquiry(self.keys.get(who), purpose)
        return (await self.door.answer(Request(question, None, variables), enquiry, explain=True)).body

    async def data(self, question: str, who: str, variables: Mapping[str, Any] | None = None, purpose: str | None = None) -> Any:
        """The data of an answer that has no errors."""
        body = await self.ask(question, who, variables, purpose)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def fields(self, who: str, purpose: str | None = None) -> dict[str, frozenset[str]]:
        """The fields of each type that there are for this requester."""
        types = (await self.data("{ __schema { types { name fields { name } } } }", who, purpose=purpose))["__schema"]["types"]
        return {each["name"]: frozenset(one["name"] for one in each["fields"] or ()) for each in types}


@asynccontextmanager
async def asking(country: Country, settings: Settings | None = None) -> AsyncIterator[Asking]:
    """Open the hub of a country, or of a copy of it."""
    async with Hub(settings or country.settings, CATALOGUE, PUBLIC_NAMES) as hub:
        yield Asking(hub, Door(hub, SCHEMA), dict(country.keys))


def copied(country: Country, folder: Path, *, sources: bool = False) -> Settings:
    """Settings of a copy of a country, whose hub may be written to; sources that are files are shared, or copied too."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in country.folder.iterdir():
        if path.name.startswith("record.db"):
            continue  # what others asked is none of the copy's business
        if path.name in OWN or (sources and path.is_file()):
            shutil.copy2(path, folder / path.name)
        elif path.is_dir() and sources:
            shutil.copytree(path, folder / path.name)
        else:
            (folder / path.name).symlink_to(path)
    return load(folder / "hub.toml")


def addresses(country: Country) -> dict[str, str]:
    """Where the two servers are, as hub.toml writes it."""
    at = country.servers.environment
    return {"crescent-aid": f"{at[CRESCENT_URL]}/crescent-aid", "rafidain-relief": at[RAFIDAIN_URL]}


@asynccontextmanager
async def elsewhere(country: Country, folder: Path, addresses: Mapping[str, str], **limits: Any) -> AsyncIterator[Asking]:
    """Open the hub that stands copied in a folder, which finds some sources at other addresses.

    Other limits are for these sources, or for all where none is elsewhere: the others may take the time they need on a busy machine.
    """
    settings = load(folder / "hub.toml")
    changed = {
        name: source.model_copy(
            update={**({"address": addresses[name]} if name in addresses else {}), **(limits if name in addresses or not addresses else {})}
        )
        for name, source in settings.sources.items()
    }
    async with asking(country, settings.model_copy(update={"sources": changed})) as opened:
        yield opened
