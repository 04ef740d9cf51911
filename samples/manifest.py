"""What a built sample says of itself; light to import, for commands that only want to know whether there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MANIFEST = "sample.json"

FORMAT = 3
"""Raised when the sample's files change shape, so that an older folder is built anew."""


def found(folder: Path) -> dict[str, Any] | None:
    """What a folder's sample was built with (`people`, `seed`, `format`), or None where there is none of this format."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return manifest if manifest.get("format") == FORMAT else None
