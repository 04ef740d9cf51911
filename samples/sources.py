"""Writes the five sources that are not the hub, household by household, each in its own form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from samples.books import Books
from samples.cast import scenes
from samples.country import people_of
from samples.databases import Databases
from samples.exports import Exports
from samples.seeding import Waiting

Progress = Callable[[str, int, int | None], None]
"""Told the stage, how much of it is done, and how much there is where that is known."""

TOLD_EVERY = 5000
"""People drawn between two words of progress."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: `people` by source, and what waits for linking."""

    people: Mapping[str, int]
    waits: Waiting


def write_sources(folder: Path, people: int, seed: int, tell: Progress) -> Written:
    """Write the cast and `people` more into a folder that is there and empty."""
    exports_folder = folder / "hope-network"
    exports_folder.mkdir()
    databases, exports, books = Databases(folder), Exports(exports_folder, seed), Books(seed)
    waits = Waiting(folder / "waiting.db", seed)
    for scene in scenes():
        databases.add(scene.household, scene.cases, scene.aid)
        exports.add(scene.cases, scene.aid)
        waits.add(scene.cases, scene.aid, scene.grants)
    drawn = told = 0
    for household in people_of(seed, people):
        cases, aid = books.enter(household)
        databases.add(household, cases, aid)
        exports.add(cases, aid)
        waits.add(cases, aid)
        drawn += len(household.residents)
        if drawn - told >= TOLD_EVERY:
            told = drawn
            tell("people", drawn, people)
    tell("people", people, people)
    for each in (databases, exports, waits):
        each.close()
    return Written({**databases.people(), "hope-network": exports.people}, waits)
