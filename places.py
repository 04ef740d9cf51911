"""Places in `hub.toml`: the line on which something stands, so that whoever has to mend it need not look for it."""

from __future__ import annotations

import re
from collections.abc import Callable

from errors import ConfigError

DOTTED = re.compile(r"(hub|sources|organisations|agreements)(\.[\w-]+)+")
"""A place in `hub.toml`, as errors and findings name it."""


def located(error: ConfigError, lines: Callable[[str], str] | None) -> str:
    """Where a fault stands; `lines` gives the line of a dotted place, for errors that name no more than that."""
    place = error.place or ""
    named = DOTTED.fullmatch(place) or DOTTED.match(error.message)
    if lines is not None and named is not None and not re.search(r":\d+$", place):
        place = lines(named[0])
    return place


def line_of(text: str, place: tuple[str, ...]) -> int:
    """The line of `hub.toml` where a dotted place stands, or its nearest table; 1 when nothing matches.

    tomllib keeps no positions; a table header followed by a key is all that `hub.toml` needs.
    """
    best, best_depth, arrays = 1, -1, dict[str, int]()
    table: tuple[str, ...] = ()
    found: tuple[str, ...]
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[(\[?)([^\]]+)\]", line)
        key = re.match(r"\s*(\"[^\"]+\"|[\w-]+(?:\.[\w-]+)*)\s*=", line)
        if header:
            table = tuple(part.strip().strip('"') for part in header[2].split("."))
            if header[1]:
                arrays[header[2]] = arrays.get(header[2], -1) + 1
                table = (*table, str(arrays[header[2]]))
            found = table
        elif key:
            found = (*table, *key[1].strip('"').split("."))
        else:
            continue
        depth = len(found)
        if place[:depth] == found and depth > best_depth:
            best, best_depth = number, depth
    return best
