"""One enquiry being answered: settle who may be shown, ask the sources, put the rows together, keep the account.

The order is always the same. People and their standing come from the hub; each group of attributes is settled for them
in one go; each source gets one Ask a step with exactly the attributes it may be asked, of exactly the people it may be
asked about; what is missing is counted with its reason; what is shown is noted for the disclosure record.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from errors import SourceError
from privacy.links import Keys
from privacy.standing import People
from privacy.uses import Spent
from resolvers.plan import Below, Listed, Merged, Organisations, Share
from resolvers.settle import Pending, Step, consentable, extended, newest_first, representatives, settle_listed, settle_merged
from resolvers.totals import totals
from values import Ask, Enquiry, Reason, Shape, Shown, SourceStatus

if TYPE_CHECKING:
    from resolvers.hub import Hub

STATUS = {"SOURCE_UNAVAILABLE": SourceStatus.UNAVAILABLE, "SOURCE_TIMEOUT": SourceStatus.TIMEOUT, "SOURCE_GARBLED": SourceStatus.GARBLED}

KEY = itemgetter(0)

INLINE_KEYS = 200
"""An Ask of a local source for at most this many keys is awaited in place; a task costs more than it."""


@dataclass(slots=True)
class SourceReport:
    """What `extensions.sources` says of one source in this enquiry."""

    name: str
    status: SourceStatus = SourceStatus.OK
    rows: int = 0
    milliseconds: float = 0.0
    as_of: datetime | None = None
    withheld: int = 0


@dataclass(slots=True)
class Fault:
    """One entry of `errors`: a source that failed for one coordinate, with how many people it concerns."""

    code: str
    source: str
    coordinate: str
    count: int
    path: tuple[str | int, ...]


class Gathering:
    """Everything known while one enquiry is being answered."""

    def __init__(self, hub: Hub, enquiry: Enquiry, variables: Any = None) -> None:
        """`variables` are the operation's coerced variables, handed to the wants' arguments."""
        self.hub = hub
        self.enquiry = enquiry
        self.variables = variables
        self.sources: dict[str, SourceReport] = {}
        self.withheld: dict[tuple[str, Reason], int] = {}
        self.faults: list[Fault] = []
        self.shown: list[Shown] = []
        self.asks: list[tuple[Shape, int]] = []
        self.path: tuple[str | int, ...] = ()
        self.spent = Spent()

    def root(self, key: str) -> Gathering:
        """The gathering of one root field: on one account with the others, but what it shows counts only once it is answered."""
        part = Gathering.__new__(Gathering)
        part.__dict__.update(self.__dict__)
        part.path = (key,)
        part.shown = []
        return part

    # --- people -------------------------------------------------------------------------------------------------

    async def people(self, plan: Merged, people: People) -> list[dict[str, Any]]:
        """The finished objects of these people, in their order."""
        if not people.numbers:
            return []
        await self.counted(plan, people)
        needs_households = any(below.plan.entity == "household" for below in plan.relations)
        if needs_households and any(number not in people.households for number in people.numbers):
            await self.hub.standing.households(people)
        keys: Mapping[str, Keys] = people.keys
        if not plan.sources <= keys.keys():
            keys = await self.hub.links.keys(plan.sources, people.numbers)
        own = settle_merged(plan, people, keys)
        steps = [(below, *self._settle_below(below, people, keys)) for below in plan.relations]
        await self.run([*own.pending, *(each for _, step, _ in steps for each in step.pending)])
        self.shown.append(Shown(("person.id",), (), tuple(people.numbers), ""))
        below_values = [await self._finish_below(below, step, concerned, people, keys) for below, step, concerned in steps]
        rows, blanks = self._rows(plan, own, keys)
        self._account(own)
        everything = [own, *(step for _, step, _ in steps)]
        below_values += [await self.hub.identity.people.meta(self, item, people, everything) for item in plan.meta]
        return plan.project(people.numbers, rows, blanks, below_values, self.hub.identifiers(self.enquiry, "person"))

    async def counted(self, plan: Merged, people: People) -> None:
        """Count this use of consents that may be used only so often; must come before it is decided who may be known."""
        if people.counted:
            of_others, of_own = consentable(plan)
            wanted = people.own
            await self.hub.uses.settle(self.enquiry, people, lambda number: of_own if number in wanted else of_others, self.spent)

    def _settle_below(self, below: Below, people: People, keys: Mapping[str, Keys]) -> tuple[Step, People]:
        if isinstance(below.plan, Listed):
            return settle_listed(below.plan, below.arguments(self.variables), people, keys), people
        if below.plan.entity == "household":
            concerned = representatives(people)
            return extended(settle_merged(below.plan, concerned, keys), people), concerned
        return settle_merged(below.plan, people, keys), people

    async def _finish_below(
        self, below: Below, step: Step, concerned: People, people: People, keys: Mapping[str, Keys]
    ) -> Mapping[int, Any]:
        if isinstance(below.plan, Listed):
            found: Mapping[int, Any] = await self._finish_listed(below, below.plan, step, keys)
            if below.total:
                assert below.field.want is not None
                found = totals(below.field.want, found, {number for each in step.pending if each.failed for number in each.people})
        elif below.plan.entity == "household":
            found = await self.hub.identity.people.households(self, below.plan, step, concerned, people, keys)
        else:
            found = self._finish_single(below.plan, step, people, keys)
        self._account(step)
        return found

    def _finish_single(self, plan: Merged, step: Step, people: People, keys: Mapping[str, Keys]) -> Mapping[int, Any]:
        rows, blanks = self._rows(plan, step, keys)
        known = rows[0] if len(rows) == 1 else {number for each in rows for number in each}
        present = [number for number in people.numbers if number in known]
        opaque = self.hub.opaque(self.enquiry, plan.entity)
        objects = plan.project(present, rows, blanks, (), lambda numbers: [opaque(str(number)) for number in numbers])
        return dict(zip(present, objects, strict=True))

    # --- asking -------------------------------------------------------------------------------------------------

    async def run(self, pending: Sequence[Pending]) -> None:
        """Make the Asks of one level together; a source that fails spoils only its own."""
        tasks: list[asyncio.Future[None] | Coroutine[Any, Any, None]] = []
        local = []
        for each in pending:
            if self.hub.gates[each.part.source].local and len(each.keys) <= INLINE_KEYS:
                local.append(each)
            else:
                tasks.append(asyncio.ensure_future(self._ask(each)) if len(pending) > 1 else self._ask(each))
        try:
            for each in local:
                await self._ask(each)
            for task in tasks:
                await task
        except BaseException:
            # Nobody waits for the others any more: what their sources still do is stopped.
            await given_up(tasks)
            raise

    async def _ask(self, pending: Pending) -> None:
        name = pending.part.source
        filters = tuple(key for key, _ in pending.filters) if pending.filters else ()
        shape, fetch = self.hub.gates[name].asks(pending.entity, pending.attributes, "person", filters)
        report = self.sources.get(name)
        if report is None:
            report = self.sources[name] = SourceReport(name)
        self.asks.append((shape, len(pending.keys)))
        started, status = time.perf_counter(), "CANCELLED"
        try:
            answer = await fetch(Ask(shape, pending.keys, tuple(value for _, value in pending.filters) if filters else ()))
        except SourceError as error:
            report.status, status = STATUS[error.code], error.code
            self._failed(pending, error)
            return
        else:
            status = "PARTIAL" if answer.faults else "OK"
        finally:
            seconds = time.perf_counter() - started
            report.milliseconds = max(report.milliseconds, seconds * 1000)
            if self.hub.telemetry is not None:
                self.hub.telemetry.asked(name, pending.entity, status, len(pending.people), seconds)
        pending.answer = answer
        if report.status is SourceStatus.NOT_ASKED:
            report.status = SourceStatus.OK
        report.rows += len(answer.rows)
        report.as_of = answer.as_of if report.as_of is None else min(report.as_of, answer.as_of)
        if answer.faults:
            if report.status is SourceStatus.OK:
                report.status = SourceStatus.PARTIAL
            for attribute, count in answer.faults.items():
                coordinate = f"{pending.entity}.{'id' if attribute == 'key' else attribute}"
                self._withhold(coordinate, Reason.SOURCE_GARBLED, count)
                self._fault("SOURCE_GARBLED", name, coordinate, count)
        self.shown.append(Shown(pending.coordinates, (name,), tuple(pending.people), pending.grounds))

    def _failed(self, pending: Pending, error: SourceError) -> None:
        pending.failed = Reason(error.code)
        for coordinate in pending.coordinates:
            self._withhold(coordinate, Reason(error.code), len(pending.people))
            self._fault(error.code, pending.part.source, coordinate, len(pending.people))
        self.sources[pending.part.source].withheld += len(pending.people) * len(pending.coordinates)

    def _fault(self, code: str, source: str, coordinate: str, count: int) -> None:
        for known in self.faults:
            if (known.code, known.source, known.coordinate, known.path) == (code, source, coordinate, self.path):
                known.count += count
                return
        self.faults.append(Fault(code, source, coordinate, count, self.path))

    def _withhold(self, coordinate: str, reason: Reason, count: int) -> None:
        self.withheld[coordinate, reason] = self.withheld.get((coordinate, reason), 0) + count

    def _account(self, step: Step) -> None:
        """Count each person once a field and reason, however many sources the field could have come from."""
        counted: dict[tuple[str, Reason], Collection[int]] = {}
        for missing in step.missing:
            if missing.source is not None:
                report = self.sources.setdefault(missing.source, SourceReport(missing.source, SourceStatus.NOT_ASKED))
                report.withheld += len(missing.people) * len(missing.coordinates)
            for coordinate in missing.coordinates:
                key = coordinate, missing.reason
                before = counted.get(key, ())
                counted[key] = missing.people if not before or before is missing.people else {*before, *missing.people}
        for (coordinate, reason), people in counted.items():
            self._withhold(coordinate, reason, len(people))

    # --- putting together ---------------------------------------------------------------------------------------

    def _rows(self, plan: Merged, step: Step, keys: Mapping[str, Keys]) -> tuple[list[dict[int, Any]], list[tuple[None, ...]]]:
        """Per part, the row of each person in the part's full layout; rows of narrower Asks are widened with None.

        Of a person entered twice the first entry counts, and what it lacks is taken from the other.
        """
        rows: list[dict[int, Any]] = []
        for part in plan.parts:
            found: dict[int, Any] = {}
            for pending in step.pending:
                if pending.part is part and pending.answer is not None:
                    known = keys[part.source]
                    wide = widened(pending)
                    if not found:
                        found = dict(zip(map(known.person.__getitem__, map(KEY, wide)), wide, strict=True))
                        if len(found) == len(wide):
                            continue
                        found = {}
                    for row in wide:
                        number = known.person[row[0]]
                        before = found.get(number)
                        if before is None:
                            found[number] = row
                        else:
                            pair = (row, before) if row[0] == known.key[number] else (before, row)
                            found[number] = tuple(other if value is None else value for value, other in zip(*pair, strict=True))
            rows.append(found)
        return rows, [(None,) * (len(part.layout) + 1) for part in plan.parts]

    async def _finish_listed(self, below: Below, plan: Listed, step: Step, keys: Mapping[str, Keys]) -> Mapping[int, Any]:
        arguments = below.arguments(self.variables)
        newest = newest_first(arguments)
        answered = [
            (share, pending)
            for share in plan.shares
            for pending in step.pending
            if pending.part is share.part and pending.answer is not None
        ]
        lists = step.listed
        failed = {number for pending in step.pending if pending.failed for number in pending.people}
        if failed:
            # A list is null where every source asked about the person failed, and partial where some did.
            failed.difference_update(*(pending.people for _, pending in answered))
            lists = {number: rows for number, rows in lists.items() if number not in failed}
        directories = await self._organisations(answered)
        begun = self.hub.pseudonyms.begun(self.enquiry.requester.receiver, plan.entity)
        for (share, pending), organisations in zip(answered, directories, strict=True):
            # Without a permitted day nothing may be ordered by it; such rows come last, in the source's order.
            day = max(share.day, 0) if newest else -1
            assert pending.answer is not None
            unordered = share.ordering is not None and pending.attributes == share.part.layout[:-1]
            rows = pending.answer.rows if unordered else widened(pending)  # nobody looks for the last, which was only to order by
            share.project(rows, keys[share.part.source].person, lists, begun, organisations, day)
        if newest:
            for rows in lists.values():
                rows.sort(key=_day, reverse=True)
        first = arguments.get("first", 100)
        if first is None:
            return lists
        if not newest:
            return lists if all(len(rows) <= first for rows in lists.values()) else {number: rows[:first] for number, rows in lists.items()}
        return {number: [each for _, each in rows[:first]] for number, rows in lists.items()}

    async def _organisations(self, answered: Sequence[tuple[Share, Pending]]) -> list[list[Callable[[Any], Any]]]:
        """For each answered share, and each time organisations are selected, the function from a code to the finished object."""
        return [[await self._directory(share, pending, each) for each in share.organisations] for share, pending in answered]

    async def _directory(self, share: Share, pending: Pending, wanted: Organisations) -> Callable[[Any], Any]:
        if wanted.source is None:
            return self.hub.directory(wanted.field, self.variables)
        if wanted.slots:
            return carried(wanted, share, widened(pending))
        references = {row[share.reference] for row in widened(pending)} - {None}
        return await self._named(wanted, tuple(sorted(references)))

    async def _named(self, wanted: Organisations, references: tuple[str, ...]) -> Callable[[Any], Any]:
        """Read the organisations a source's own rows refer to, one Ask for all of them."""
        assert wanted.source is not None
        assert wanted.project is not None
        shape, fetch = self.hub.gates[wanted.source].asks("organisation", wanted.attributes, "key")
        report = self.sources.setdefault(wanted.source, SourceReport(wanted.source))
        self.asks.append((shape, len(references)))
        try:
            answer = await fetch(Ask(shape, references))
        except SourceError as error:
            report.status = STATUS[error.code]
            coordinates = tuple(f"organisation.{name}" for name in wanted.attributes) or ("organisation.id",)
            for coordinate in coordinates:
                self._fault(error.code, wanted.source, coordinate, len(references))
            return _nothing
        report.rows += len(answer.rows)
        finished: dict[str, Any] = wanted.project(answer.rows)
        return finished.get


def carried(wanted: Organisations, share: Share, rows: Sequence[tuple[Any, ...]]) -> Callable[[Any], Any]:
    """Finish the organisations that rows say more of than their codes; the last row that speaks of one counts."""
    assert wanted.project is not None
    if len(wanted.slots) == 1:
        found: Any = [(code,) for code in {row[share.reference] for row in rows}]
    else:
        pick = itemgetter(*wanted.slots)
        found = {row[share.reference]: pick(row) for row in rows}.values()
    finished = wanted.project([each for each in found if each[0] is not None])
    return finished.get


async def given_up(tasks: Sequence[asyncio.Future[None] | Coroutine[Any, Any, None]]) -> None:
    """Stop what was begun and not awaited, and wait until it has let go of its source."""
    for task in tasks:
        if isinstance(task, asyncio.Future):
            task.cancel()
        else:
            task.close()
    await asyncio.gather(*(task for task in tasks if isinstance(task, asyncio.Future)), return_exceptions=True)


def _day(pair: tuple[str, Any]) -> str:
    return pair[0]


def _nothing(_: Any) -> None:
    return None


def widened(pending: Pending) -> Sequence[tuple[Any, ...]]:
    """The rows of an Ask in the full layout of its part."""
    assert pending.answer is not None
    if pending.attributes == pending.part.layout:
        return pending.answer.rows
    places = [pending.attributes.index(name) + 1 if name in pending.attributes else 0 for name in pending.part.layout]
    return [(row[0], *[row[place] if place else None for place in places]) for row in pending.answer.rows]


def moment(at: datetime | None) -> str | None:
    """An instant as the schema writes it."""
    return None if at is None else f"{(at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()[:19]}Z"


def moment_of(seconds: int | None) -> str | None:
    """An instant as the schema writes it, from seconds since 1970 as tables keep it."""
    return None if seconds is None else moment(datetime.fromtimestamp(seconds, UTC))
