"""A report counted in a copy of the books says what counting them plainly says."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from resolvers.aid.figures import Figures, Scope
from resolvers.aid.ledger import FIELD, PRIME, RECORD, Ledger
from tables.aid import allocation, nomination, queue_policy, receipt, residence, whereabouts
from tables.database import Database
from tables.identity import person
from tables.upgrade import upgrade

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEGINS = date(2025, 1, 1)
TABLES = (person, whereabouts, residence, queue_policy, nomination, allocation, receipt)


@dataclass(frozen=True)
class Gift:
    """Somebody gave somebody something."""

    person: int
    organisation: str
    programme: str
    kind: str
    currency: str
    unit: str
    amount: int
    quantity: int
    day: str
    status: str = "delivered"
    brought: bool = False


@dataclass(frozen=True)
class Books:
    """Everything that a report is counted from."""

    gifts: tuple[Gift, ...]
    households: dict[int, int]
    places: dict[int, str]
    moves: tuple[tuple[int, str, str], ...]
    waits: tuple[tuple[int, str, str, int], ...]

    def home(self, number: int) -> int:
        """The household, or the person alone."""
        return self.households.get(number, -number)

    def place(self, number: int) -> str:
        """What the registry says, or the household's last move."""
        moves = [(day, place, to) for place, (home, day, to) in enumerate(self.moves) if home == self.households.get(number)]
        return self.places.get(number) or (max(moves)[2] if moves else "")


people = st.integers(1, 12)
names = st.sampled_from(("amal", "hope", "سند"))
days = st.integers(0, 400).map(lambda more: (BEGINS + timedelta(days=more)).isoformat())
places = st.sampled_from(("IQ-BA", "IQ-BG"))
kinds = st.sampled_from(("cash", "food"))
own = st.builds(
    Gift, people, names, st.sampled_from(("Winter", 'a "b", c', "شتاء")), kinds, st.sampled_from(("IQD", "USD")),
    st.sampled_from(("", "kg")),
    st.integers(1, 10**9), st.integers(0, 5000), days, st.sampled_from(("planned", "delivered", "returned", "corrected")),
)  # fmt: skip
brought = st.builds(
    Gift, people, names, st.just(""), kinds, st.sampled_from(("IQD", "")), st.just(""), st.integers(1, 10**9), st.just(0), days,
    st.just("delivered"), st.just(True),
)  # fmt: skip
books = st.builds(
    Books,
    st.lists(own | brought, max_size=40).map(tuple),
    st.dictionaries(people, st.integers(1, 4), max_size=12),
    st.dictionaries(people, places, max_size=8),
    st.lists(st.tuples(st.integers(1, 4), days, places), max_size=6).map(tuple),
    st.lists(st.tuples(people, kinds, names, st.integers(BEGINS.toordinal() - 50, BEGINS.toordinal() + 400)), max_size=20).map(tuple),
)
scopes = st.builds(
    lambda first, more, organisation, programme, place: Scope(
        (BEGINS + timedelta(days=first)).isoformat(), (BEGINS + timedelta(days=first + more)).isoformat(), organisation,
        programme if organisation else None, place,
    ),
    st.integers(0, 300), st.integers(0, 400), st.none() | names, st.none() | st.just("Winter"), st.none() | places,
)  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all examples."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def database(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The hub's tables, empty."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/hub.db"
    opened = Database.at(url)
    runner.run(upgrade(url))
    runner.run(opened.open())
    yield opened
    runner.run(opened.close())


@settings(deadline=None, max_examples=30, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(books=books, scope=scopes)
def test_a_report_is_what_counting_plainly_gives(runner: asyncio.Runner, database: Database, books: Books, scope: Scope) -> None:
    """Of one copy of everything, and of one made for the question, which holds no more than it needs."""
    runner.run(_written(database, books))
    figures = Figures(database)
    whole = runner.run(figures.of_day(NOW))
    found = runner.run(figures.read(scope, whole))
    assert found == plainly(books, scope)
    assert runner.run(figures.read(scope, runner.run(figures.now(scope, NOW)))) == found


async def _written(database: Database, books: Books) -> None:
    rows: dict[sa.Table, list[dict[str, Any]]] = {each: [] for each in TABLES}
    everybody = {each.person for each in books.gifts} | set(books.households)
    rows[person] = [{"number": each, "household": books.households.get(each)} for each in sorted(everybody)]
    rows[whereabouts] = [{"person": each, "governorate": place} for each, place in books.places.items()]
    for number, (home, day, to) in enumerate(books.moves, 1):
        rows[residence].append({"id": number, "household": home, "moved_on": day, "governorate": to})
    for number, each in enumerate(books.gifts, 1):
        made = {"person": each.person, "organisation": each.organisation, "kind": each.kind, "currency": each.currency}
        made["amount_minor"] = each.amount
        if each.brought:
            rows[receipt].append({**made, "source": "elsewhere", "row": number.to_bytes(32), "given_on": each.day})
        else:
            goods = {"unit": each.unit or None, "quantity_milli": each.quantity if each.unit else None}
            own_ = {"id": number, "programme": each.programme, "allocated_on": each.day, "status": each.status}
            rows[allocation].append({**made, **own_, **goods})
    policies = {key: number for number, key in enumerate(sorted({(need, who) for _, need, who, _ in books.waits}), 1)}
    for (need, who), number in policies.items():
        kept = {"version": 1, "active": True, "body": "{}", "adopted_at": 1, "signature": b"", "key_version": 1}
        rows[queue_policy].append({"id": number, "organisation": who, "need": need, **kept})
    waits = {(policies[need, who], number): arrived for number, need, who, arrived in books.waits}
    for (policy, number), arrived in waits.items():
        kept = {"household": None, "size": 1, "order_key": 1, "arrived": 1, "points": 1, "lift": 0}
        rows[nomination].append({"policy": policy, "person": number, "arrived_on": arrived, **kept})
    async with database.transaction() as tx:
        for each in reversed(TABLES):
            await tx.execute(database.prepare(sa.delete(each)))
        for table, many in rows.items():
            for row in many:
                await tx.execute(database.prepare(sa.insert(table).values({name: sa.bindparam(f"_{name}") for name in row})), _bound(row))


def _bound(row: dict[str, Any]) -> dict[str, Any]:
    return {f"_{name}": value for name, value in row.items()}


# --- counted plainly -------------------------------------------------------------------------------------------------


def plainly(books: Books, scope: Scope) -> dict[str, list[tuple[Any, ...]]]:
    """The same, by going through everything."""
    given_ = [each for each in books.gifts if each.status in {"planned", "delivered"} and scope.since <= each.day <= scope.until]
    within = [
        each
        for each in given_
        if scope.organisation in {None, each.organisation}
        and scope.programme in {None, each.programme}
        and scope.place in {None, books.place(each.person)}
    ]
    receivers = {each.person for each in within}
    homes = {books.home(each) for each in receivers}
    return {
        "amounts": _amounts(books, within),
        "people": [(len(receivers), _mark(receivers), len(homes))],
        "spread": _spread(within),
        "needs": _needs(books, scope, within),
        "overlap": [_overlap(given_, within, receivers)],
    }


def _mark(numbers: set[int]) -> int | None:
    return sum(each % PRIME for each in numbers) if numbers else None


def _amounts(books: Books, within: list[Gift]) -> list[tuple[Any, ...]]:
    sums: dict[tuple[str, str, str], dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for each in within:
        one = sums[each.kind, each.currency, each.unit][each.person]
        one[0] += each.amount
        one[1] += each.quantity if each.unit else 0
    found = []
    for alike, by in sorted(sums.items()):
        amounts, quantities = [each[0] for each in by.values()], [each[1] for each in by.values()]
        homes = {books.home(each) for each in by}
        totals = sum(amounts), max(amounts), sum(quantities), max(quantities)
        found.append((*alike, len(by), _mark(set(by)), len(homes), *totals))
    return found


def _spread(within: list[Gift]) -> list[tuple[Any, ...]]:
    sums: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for each in within:
        if each.currency:
            sums[each.currency][each.person] += each.amount
    found = []
    for currency, by in sorted(sums.items()):
        ordered = sorted(by.items(), key=lambda each: (each[1], each[0]))
        size, more = divmod(len(ordered), 10)
        begin = 0
        for tenth in range(1, 11):
            end = begin + size + (tenth <= more)
            if end > begin:
                totals = [(place + 1, ordered[place][1]) for place in range(begin, end)]
                found.append(
                    (currency, tenth, end - begin, sum(total for _, total in totals), sum(place * total for place, total in totals))
                )
            begin = end
    return found


def _needs(books: Books, scope: Scope, within: list[Gift]) -> list[tuple[Any, ...]]:
    until = date.fromisoformat(scope.until).toordinal()
    waits = {(need, who, number): arrived for number, need, who, arrived in books.waits}
    arrived: dict[str, dict[int, int]] = defaultdict(dict)
    for (need, who, number), day in waits.items():
        if day <= until and scope.organisation in {None, who} and scope.place in {None, books.place(number)}:
            arrived[need][number] = min(day, arrived[need].get(number, day))
    first: dict[tuple[str, int], int] = {}
    for each in within:
        day = date.fromisoformat(each.day).toordinal()
        first[each.kind, each.person] = min(day, first.get((each.kind, each.person), day))
    found = []
    for need, since in sorted(arrived.items()):
        reached = {number for number in since if (need, number) in first}
        waited = {number: first[need, number] - since[number] for number in reached if first[need, number] >= since[number]}
        counts = len(waited), _mark(set(waited)), sum(waited.values()) if waited else None
        within_ = sum(days <= 30 for days in waited.values()), sum(days <= 90 for days in waited.values())
        found.append((need, len(since), _mark(set(since)), len(reached), _mark(reached), *counts, *within_))
    return found


def _overlap(given_: list[Gift], within: list[Gift], receivers: set[int]) -> tuple[Any, ...]:
    def another(each: Gift, *, alike: bool) -> bool:
        return any(
            other.person == each.person and other.organisation != each.organisation and (not alike or other.kind == each.kind)
            for other in given_
        )

    other = {each.person for each in within if another(each, alike=False)}
    same = {each.person for each in within if another(each, alike=True)}
    if not receivers:
        return (0, None, None, None, None, None)
    return len(receivers), _mark(receivers), len(other), _mark(other) or 0, len(same), _mark(same) or 0


# --- copying ---------------------------------------------------------------------------------------------------------


def test_a_text_that_was_cut_off_is_noticed() -> None:
    """A report is of all the books, or there is none."""
    ledger = Ledger(NOW)
    ledger.put("place", [(2, f"1{FIELD}IQ-BA{RECORD}2{FIELD}IQ-BG")])
    with pytest.raises(ValueError, match="cut off"):
        ledger.put("place", [(2, f"1{FIELD}IQ-BA{RECORD}2")])


def test_separators_in_names_are_spaces(runner: asyncio.Runner, database: Database) -> None:
    gift = Gift(1, f"a{FIELD}b", f"c{RECORD}d", "cash", "IQD", "", 1000, 0, BEGINS.isoformat())
    runner.run(_written(database, Books((gift,), {}, {}, (), ())))
    figures, scope = Figures(database), Scope(gift.day, gift.day, "a b", "c d")
    assert runner.run(figures.read(scope, runner.run(figures.of_day(NOW))))["people"] == [(1, 1, 1)]


async def test_a_copy_is_finished_though_nobody_waits_for_it(database: Database) -> None:
    """Who asks again finds it, instead of beginning anew."""
    figures = Figures(database)
    first = asyncio.create_task(figures.of_day(NOW))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    working = [*figures._working]
    assert len(working) == 1
    assert await working[0] is await figures.of_day(NOW + timedelta(hours=3))
    assert await figures.of_day(NOW + timedelta(days=1)) is not working[0].result()


async def test_all_books_together_are_some_minutes_old_at_most(database: Database) -> None:
    figures, scope = Figures(database), Scope("2025-01-01", "2025-12-31")
    first = await figures.now(scope, NOW)
    assert await figures.now(scope, NOW + timedelta(minutes=4)) is first
    assert (await figures.now(scope, NOW + timedelta(minutes=6))).made_at == NOW + timedelta(minutes=6)
