"""A country's hub served with a hub.toml that says more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.asking import copied
from tests.country import Country
from tests.serving import Serving, serving


@dataclass(frozen=True, slots=True)
class Varied:
    """A running hub and a client of it."""

    hub: Serving
    client: httpx.Client
    keys: Mapping[str, str]

    def post(self, body: Any, who: str | None = None, **headers: str) -> httpx.Response:
        """Send this body as JSON, with these further headers."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if who:
            given["authorization"] = f"Bearer {self.keys[who]}"
        return self.client.post("/graphql", json=body, headers=given)

    def ask(self, query: str, who: str | None = None, variables: Mapping[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        """The body of the answer to a question."""
        body: dict[str, Any] = self.post({"query": query, "variables": variables}, who, **headers).json()
        return body


@contextmanager
def varied(
    country: Country,
    folder: Path,
    hub: str = "",
    tables: str = "",
    environment: Mapping[str, str] | None = None,
    changes: Mapping[str, str] | None = None,
) -> Iterator[Varied]:
    """Serve a copy of the country's hub, with more lines in `[hub]`, more tables, and some words changed."""
    copied(country, folder)
    path = folder / "hub.toml"
    text = path.read_text(encoding="utf-8").replace("[hub]\n", f"[hub]\n{hub}\n", 1) + f"\n{tables}\n"
    for before, after in (changes or {}).items():
        assert before in text
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
    with serving(path, folder / "output.txt", environment) as served, httpx.Client(base_url=served.url, timeout=30, verify=False) as client:
        yield Varied(served, client, country.keys)
