"""Tying a source's people to the hub's person numbers: exactly, by blind identifiers over several schemes.

Two people are never merged, and a row whose identifiers speak of two people is tied to neither: it is known by its
source and key alone, so that its organisation keeps its case and nobody is shown another's data. See
docs/decisions/0006-linking.md.

A batch is one transaction, its progress included: a run that is killed goes on where it was, and one that is repeated
changes nothing.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from connectors.contract import Person, Scans
from errors import Invalid
from privacy.blind import LONGEST_SEALED, Blinder
from privacy.edge import EDGE
from privacy.linkage import Linkage, Standing
from resolvers.identity.edge import EdgeForms
from resolvers.pairing import Known, Outcome, Pairing, Reading, trust
from settings import Settings
from tables.database import Database, Transaction
from values import OrganisationKind, Scheme

BATCH = 10_000
"""Rows of one transaction: enough to share its cost, few enough for some ten megabytes."""

LISTED = 1_000
"""Rows of each kind that a report names; the rest is counted."""

RANKS: dict[str, int] = {scheme: rank for rank, scheme in enumerate(Scheme)}

SPEAKS_OF_TWO = "its identifiers are known of different people; it is linked to neither"

Progress = Callable[[int, int | None], None]
"""Told the rows done and, where an earlier run counted them, about how many there are."""


@dataclass(slots=True)
class Report:
    """What a run did, resumed parts included; `seconds` and the listed rows are those of this process alone.

    Each row is counted once as linked (to a person already known), new or conflict; `unreadable` counts rows of which
    an identifier or the key could not be read, most of them linked all the same. Of rows only numbers and reasons are
    kept, never a value. `removed` counts links of rows that the source no longer has.
    """

    source: str
    rows: int = 0
    linked: int = 0
    new: int = 0
    conflicts: int = 0
    unreadable: int = 0
    removed: int = 0
    conflict_rows: list[tuple[int, str]] = field(default_factory=list)
    unreadable_rows: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0

    def counts(self) -> dict[str, int]:
        """The numbers that outlive a process."""
        return {name: getattr(self, name) for name in ("rows", "linked", "new", "conflicts", "unreadable", "removed")}


@dataclass(frozen=True, slots=True)
class Linked:
    """A source as linking sees it.

    `sealed`: its keys are identifiers, so the hub stores them sealed; `keyed_by` is their scheme where the source does
    not list it among its identifiers. `registry`: its households are the hub's. `suffix` tells apart the equal keys of
    two sources of one steward. `blinded` are the schemes of which it gives outputs of the edge key, never the identifier.
    """

    name: str
    organisation: str
    sealed: bool
    keyed_by: Scheme | None
    registry: bool
    suffix: str
    blinded: frozenset[str] = frozenset()


@dataclass(slots=True)
class Batch:
    """Some rows of a source, read: how many there were, those that can be linked, and what could not be read.

    `seen` are identifiers in the clear, as (place among the readings, scheme, normalised text), of which the edge form is wanted too.
    """

    rows: int
    readings: list[Reading] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    seen: list[tuple[int, str, str]] = field(default_factory=list)


class Linker:
    """Links one source after another into the hub's tables."""

    def __init__(self, database: Database, blinder: Blinder, settings: Settings, edge: EdgeForms | None = None) -> None:
        """The database must be open; `edge` is needed where a source blinds its identifiers."""
        self.edge = edge
        self.database = database
        self.blinder = blinder
        self.linkage = Linkage(database)
        self.kinds = {name: each.kind for name, each in settings.organisations.items()}
        self.sources: dict[str, Linked] = {}
        stewards: set[str] = set()
        for name, source in sorted(settings.sources.items(), key=lambda item: (item[1].precedence, item[0])):
            people = source.entities.get("person")
            if people is not None and source.wire != "hub":
                registry = self.kinds[source.steward] is OrganisationKind.REGISTRY
                suffix = f"@{name}" if source.steward in stewards else ""
                scheme = people.key_scheme
                keyed_by = scheme if scheme not in people.identifiers else None
                self.sources[name] = Linked(name, source.steward, scheme is not None, keyed_by, registry, suffix, frozenset(people.blinded))
                stewards.add(source.steward)

    def order(self) -> list[str]:
        """All sources that can be linked, registries first: who is known first decides what contradicts it later."""
        kinds = [OrganisationKind.REGISTRY, OrganisationKind.MINISTRY]

        def trust(name: str) -> int:
            kind = self.kinds[self.sources[name].organisation]
            return kinds.index(kind) if kind in kinds else len(kinds)

        return sorted(self.sources, key=trust)

    async def link(self, name: str, connector: Scans, progress: Progress, now: int) -> Report:
        """Link every person of a source, from where an interrupted run ended or from the beginning.

        Args:
            name: the source's name in `hub.toml`.
            connector: the open connector of this source.
            progress: called after every batch.
            now: seconds since 1970 (UTC), kept beside the progress.

        Raises:
            Invalid: the source maps no people.
            SourceError: the source failed; what was linked stays, and the next run goes on from there.
        """
        source = self.sources.get(name)
        if source is None:
            raise Invalid(f"the source {name} maps no people", f"give sources.{name}.entities.person a key and identifiers", "source")
        if source.blinded:
            await self._formed(source)
        begun = time.monotonic()
        standing = await self.linkage.standing(name)
        expected = standing.counts["rows"] if standing is not None and standing.complete else None
        if standing is None or standing.complete:
            report = Report(name)
            standing = Standing(standing.run + 1 if standing else 1, None, False, report.counts())
            await self.linkage.begin(name, standing.run, standing.counts, now)
        else:
            report = Report(name)
            for counted, number in standing.counts.items():
                setattr(report, counted, number)
        with _few_collections():
            async with self.linkage.in_bulk():
                await self._link_all(source, connector, standing, report, (progress, expected, now))
                await self._finish(source, standing.run, report, now)
        report.seconds = time.monotonic() - begun
        return report

    async def _formed(self, source: Linked) -> None:
        """Refuse to link an edge-mode source while people are known by identifiers without an edge form: they would become two."""
        ranks = sorted(RANKS[scheme] for scheme in source.blinded)
        if self.edge is None or await self.linkage.unformed(ranks):
            raise Invalid(
                f"people are known by identifiers that {source.name} blinds, and not yet by their edge form",
                "run `mizalla link` for every source that shows them, once, and then for this one",
                "source",
            )

    async def _link_all(
        self, source: Linked, connector: Scans, standing: Standing, report: Report, told: tuple[Progress, int | None, int]
    ) -> None:
        progress, expected, now = told
        after = standing.after
        begin = self.blinder.open_key(source.name, after) if after is not None and source.sealed else after
        batches = self._read(source, connector, begin)
        ahead = asyncio.ensure_future(anext(batches, None))
        try:
            while (batch := await ahead) is not None:
                ahead = asyncio.ensure_future(anext(batches, None))  # the next rows are read and blinded while these are stored
                async with self.database.transaction() as tx:
                    await self._link_batch(tx, source, standing.run, batch.readings, report)
                    report.rows += batch.rows
                    report.unreadable += len(batch.faults)
                    after = batch.readings[-1].key if batch.readings else after
                    await self.linkage.advance(tx, source.name, Standing(standing.run, after, False, report.counts()), now)
                _list(report.unreadable_rows, batch.faults)
                progress(report.rows, expected)
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
            await batches.aclose()

    async def _read(self, source: Linked, connector: Scans, after: str | None) -> AsyncGenerator[Batch, None]:
        async for people in connector.scan(after, BATCH):
            batch = await asyncio.to_thread(self._blinded, source, people)
            if batch.seen and self.edge is not None:
                await self._add_forms(self.edge, batch)
            yield batch

    async def _add_forms(self, edge: EdgeForms, batch: Batch) -> None:
        """Give every identifier that was seen the form that edge-mode sources have of it, so that both find one person."""
        forms = await edge.forms([(scheme, normal) for _, scheme, normal in batch.seen])
        for (place, scheme, _), form in zip(batch.seen, forms, strict=True):
            reading = batch.readings[place]
            blinds = sorted((*reading.blinds, (RANKS[scheme] + EDGE, form)), key=trust)
            batch.readings[place] = reading._replace(blinds=tuple(blinds))

    def _blinded(self, source: Linked, people: Sequence[Person]) -> Batch:
        """Read the rows of a batch; one whose key cannot be stored is reported and left out."""
        batch = Batch(len(people))
        for person in people:
            blinds, seen, reasons = self._blinds(source, person)
            try:
                stored = self._stored(source, person.key)
            except ValueError as error:
                reasons.append(str(error))
            else:
                home = self.blinder.household(source.name, person.household) if source.registry and person.household else None
                batch.seen += [(len(batch.readings), scheme, normal) for scheme, normal in seen]
                batch.readings.append(Reading(person.row, stored, self._position(source, person.key), tuple(blinds), home))
            if reasons:
                batch.faults.append((person.row, "; ".join(reasons)))
        return batch

    def _blinds(self, source: Linked, person: Person) -> tuple[list[tuple[int, bytes]], list[tuple[str, str]], list[str]]:
        """The blind identifiers of a row, most trusted first, those whose edge form is wanted too, and why others could not be read."""
        blinds: list[tuple[int, bytes]] = []
        seen, faults = [], []
        wanted = frozenset[str]() if self.edge is None else self.edge.schemes
        identifiers = person.identifiers if source.keyed_by is None else ((source.keyed_by, person.key), *person.identifiers)
        for scheme, raw in identifiers:
            if raw and not raw.isspace():
                try:
                    if scheme in source.blinded:
                        assert self.edge is not None
                        blinds.append((RANKS[scheme] + EDGE, self.edge.key.read(scheme, raw)))
                    else:
                        blinds.append((RANKS[scheme], self.blinder.blind(scheme, raw)))
                        if scheme in wanted:
                            seen.append((scheme, self.blinder.normalise(scheme, raw)))
                except ValueError as error:
                    faults.append(str(error))
        blinds.sort(key=trust)
        return blinds, seen, faults

    def _stored(self, source: Linked, key: str) -> str:
        if source.sealed:
            return self.blinder.seal_key(source.name, key)
        if not key or len(key) > LONGEST_SEALED - len(source.suffix):
            raise ValueError(f"a local key has 1 to {LONGEST_SEALED - len(source.suffix)} characters")
        return key

    def _position(self, source: Linked, key: str) -> str:
        return self.blinder.position(source.organisation, key + source.suffix) if source.sealed else key + source.suffix

    async def _link_batch(self, tx: Transaction, source: Linked, run: int, readings: list[Reading], report: Report) -> None:
        linkage = self.linkage
        last = await linkage.hold(tx, "person")
        known = Known(
            person=await linkage.people_of(tx, {blind for reading in readings for _, blind in reading.blinds}),
            linked=await linkage.linked(tx, source.name, [reading.key for reading in readings]),
        )
        known.ranks = await linkage.ranks_of(tx, known.doubtful(readings))
        before = dict(known.linked)
        pairing = Pairing(known, count(last + 1))
        paired = [self._paired(pairing, reading, report) for reading in readings]
        homes = await self._homes(tx, readings, paired, set(pairing.people))
        await linkage.insert(tx, "person", [(number, homes.get(number)) for number in pairing.people])
        await linkage.insert(tx, "identifier", sorted(pairing.identifiers))
        if pairing.people:
            await linkage.count(tx, "person", pairing.people[-1])
        await self._keep_links(tx, source, run, before, known.linked)
        await self._keep_cases(tx, source, readings, paired)

    def _paired(self, pairing: Pairing, reading: Reading, report: Report) -> int:
        person, outcome = pairing.pair(reading)
        pairing.known.linked[reading.key] = person
        if outcome is Outcome.LINKED:
            report.linked += 1
        elif outcome is Outcome.NEW:
            report.new += 1
        else:
            report.conflicts += 1
            _list(report.conflict_rows, [(reading.row, SPEAKS_OF_TWO)])
        return person

    async def _homes(self, tx: Transaction, readings: list[Reading], paired: list[int], new: set[int]) -> dict[int, int]:
        """Number the households of a registry's rows, move people already known, and give the household of each new one."""
        blinds = {number: reading.household for number, reading in zip(paired, readings, strict=True) if reading.household is not None}
        if not blinds:
            return {}
        linkage = self.linkage
        last = await linkage.hold(tx, "household")
        known = await linkage.households_of(tx, set(blinds.values()))
        made = {blind: last + place for place, blind in enumerate(sorted(set(blinds.values()) - known.keys()), 1)}
        if made:
            await linkage.insert(tx, "household", [(number, blind) for blind, number in made.items()])
            await linkage.count(tx, "household", last + len(made))
        homes = {number: known[blind] if blind in known else made[blind] for number, blind in blinds.items()}
        housed = await linkage.housed(tx, homes.keys() - new)
        await linkage.house(tx, {number: homes[number] for number, home in housed.items() if homes[number] != home})
        return homes

    async def _keep_links(self, tx: Transaction, source: Linked, run: int, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        """A key that now speaks of another person lets go of the earlier one at once, not at the end of the run."""
        moved = [(number, key) for key, number in before.items() if after[key] != number]
        await self.linkage.unlink(tx, source.name, moved)
        await self.linkage.seen(tx, source.name, run, [key for key, number in before.items() if after[key] == number])
        made = [(source.name, number, key, run) for key, number in after.items() if before.get(key) != number]
        await self.linkage.insert(tx, "link", made)

    async def _keep_cases(self, tx: Transaction, source: Linked, readings: list[Reading], paired: list[int]) -> None:
        """One case a person in the steward's case load: a double entry keeps the position of the first key."""
        before = await self.linkage.cases(tx, source.organisation, [reading.position for reading in readings], set(paired))
        at = dict(before)
        of = {number: position for position, number in before.items()}
        for reading, number in zip(readings, paired, strict=True):
            holder = at.get(reading.position)
            if holder is not None and holder != number:
                del at[reading.position], of[holder]
            if number not in of:
                at[reading.position], of[number] = number, reading.position
        gone = [(position, number) for position, number in before.items() if at.get(position) != number]
        await self.linkage.close_cases(tx, source.organisation, gone)
        made = sorted((source.organisation, position, number) for position, number in at.items() if before.get(position) != number)
        await self.linkage.insert(tx, "own_case", made)

    async def _finish(self, source: Linked, run: int, report: Report, now: int) -> None:
        """Let go of rows that the source no longer has, and give a case to who lost theirs and has another key."""
        linkage, gone = self.linkage, True
        while gone:
            async with self.database.transaction() as tx:
                gone_links = await linkage.gone(tx, source.name, run)
                cases = [(self._position(source, self._plain(source, key)), number) for number, key in gone_links]
                await linkage.close_cases(tx, source.organisation, cases)
                await linkage.unlink(tx, source.name, gone_links)
            report.removed += len(gone_links)
            gone = bool(gone_links)
        for sister in self.sources.values():
            if sister.organisation == source.organisation:
                await self._give_cases(sister)
        async with self.database.transaction() as tx:
            await linkage.advance(tx, source.name, Standing(run, None, True, report.counts()), now)

    async def _give_cases(self, source: Linked) -> None:
        missing = True
        while missing:
            async with self.database.transaction() as tx:
                without = await self.linkage.without_case(tx, source.organisation, source.name)
                cases = [(source.organisation, self._position(source, self._plain(source, key)), number) for number, key in without]
                await self.linkage.insert(tx, "own_case", cases)
            missing = bool(without)

    def _plain(self, source: Linked, key: str) -> str:
        return self.blinder.open_key(source.name, key) if source.sealed else key


@contextmanager
def _few_collections() -> Iterator[None]:
    """A batch makes many small objects and no cycles; looking for cycles at the usual pace would cost a quarter of the run."""
    usual = gc.get_threshold()
    gc.set_threshold(500_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _list(rows: list[tuple[int, str]], found: Sequence[tuple[int, str]]) -> None:
    rows.extend(found[: max(0, LISTED - len(rows))])
