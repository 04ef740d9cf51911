"""Double entry: what is booked stands for ever, adds up to nothing, and takes no fund or stock below zero.

Whoever books from a fund or stock holds its row until the end of the transaction, so that of many at once each sees what the
others left; the database itself refuses a negative balance as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from errors import NotCovered, Unknown
from tables.aid import account, entry, posting, programme
from tables.database import Database, Row, Transaction, among
from tables.statement import updating

if TYPE_CHECKING:
    from resolvers.writing import Change


@dataclass(frozen=True, slots=True)
class Account:
    """A fund, a stock, or the other side of either; amounts in thousandths."""

    id: int
    organisation: str
    kind: str
    name: str
    unit: str
    unit_value_minor: int | None
    value_currency: str | None
    counterpart: int | None
    balance: int

    def worth(self, amount: int) -> tuple[int, str]:
        """What an amount of it is worth: itself for money, by the unit's value for goods."""
        if self.unit_value_minor is None or self.value_currency is None:
            return amount, self.unit
        return amount * self.unit_value_minor // 1000, self.value_currency


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme's rules as they are stored."""

    id: int
    organisation: str
    account: int
    given: int
    name: str
    kind: str
    state: str
    opens_on: str
    closes_on: str | None
    ceiling_person: int | None
    ceiling_household: int | None
    period_days: int | None
    minimum_need: int | None
    version: int

    @property
    def ruled(self) -> bool:
        """Whether it has ceilings or asks for a need, so that what else was given has to be looked at."""
        return any(each is not None for each in (self.ceiling_person, self.ceiling_household, self.minimum_need))


@dataclass(frozen=True, slots=True)
class Line:
    """One entry to be booked: `amount` moves from a fund or stock to another account."""

    amount: int
    allocation: int | None = None
    reverses: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Lines of one act and day from a fund or stock to another account, or with negative amounts from there back into it."""

    act: str
    on: str
    lines: Sequence[Line]
    ours: Account
    other: int


ACCOUNT = [account.c[name] for name in Account.__dataclass_fields__]
PROGRAMME = [programme.c[name] for name in Programme.__dataclass_fields__]


class Books:
    """Every organisation's books; each command sees its own organisation's only."""

    def __init__(self, database: Database) -> None:
        """Prepare every statement once."""
        prepare = database.prepare
        owned = account.c.id == sa.bindparam("account"), account.c.organisation == sa.bindparam("organisation")
        self._account = prepare(sa.select(*ACCOUNT).where(*owned))
        self._hold = prepare(sa.select(*ACCOUNT).where(*owned).with_for_update())
        taken = sa.bindparam("taken", type_=sa.BigInteger)
        covered = account.c.id == sa.bindparam("account"), account.c.balance >= taken
        self._take = prepare(sa.update(account).where(*covered).values(balance=account.c.balance - taken))
        mine = programme.c.id == sa.bindparam("programme"), programme.c.organisation == sa.bindparam("organisation")
        self._programme = prepare(sa.select(*PROGRAMME).where(*mine))
        self._programme_held = prepare(sa.select(*PROGRAMME).where(*mine).with_for_update())
        its_account = sa.and_(account.c.id == programme.c.account, account.c.organisation == programme.c.organisation)
        both = sa.select(*PROGRAMME, *ACCOUNT).select_from(programme.join(account, its_account))
        self._both = prepare(both.where(*mine))
        self._all = prepare(both.where(among(programme.c.id, "programmes", "whole")))
        kept = sa.select(account.c.id, account.c.balance).where(among(account.c.id, "accounts", "whole"))
        self._hold_all = prepare(kept.order_by(account.c.id).with_for_update())
        self._set_all = updating(account, ("id",), ("balance",), database.dialect)
        self._entry = prepare(sa.insert(entry))
        self._posting = prepare(sa.insert(posting))

    async def account(self, change: Change, organisation: str, number: int, field: str) -> Account:
        """An account of an organisation.

        Raises:
            Unknown: it has no such account.
        """
        rows = await change.fetch(self._account, {"account": number, "organisation": organisation})
        if not rows:
            raise Unknown("there is no such fund or stock", "give the id of one of `resources`", field)
        return Account(*rows[0])

    async def hold(self, change: Change, organisation: str, number: int) -> Account:
        """The same, held until the end of the transaction: its balance cannot change meanwhile."""
        return Account(*(await change.fetch(self._hold, {"account": number, "organisation": organisation}))[0])

    async def programme(self, change: Change, organisation: str, number: int, *, held: bool = False) -> Programme:
        """A programme of an organisation.

        Raises:
            Unknown: it has no such programme.
        """
        rows = await change.fetch(self._programme_held if held else self._programme, {"programme": number, "organisation": organisation})
        if not rows:
            raise Unknown("there is no such programme", "give the id of one of `programmes`", "programme")
        return Programme(*rows[0])

    async def means(self, change: Change, organisation: str, number: int) -> tuple[Programme, Account]:
        """A programme of an organisation, and the fund or stock it gives from.

        Raises:
            Unknown: it has no such programme.
        """
        rows = await change.fetch(self._both, {"programme": number, "organisation": organisation})
        if not rows:
            raise Unknown("there is no such programme", "give the id of one of `programmes`", "programme")
        return _pair(rows[0])

    async def several_means(self, tx: Transaction, numbers: Collection[int]) -> dict[int, tuple[Programme, Account]]:
        """The same of many programmes at once, whosever they are: the caller compares the organisation."""
        found = map(_pair, await tx.fetch(self._all, {"programmes": list(numbers)}))
        return {programme.id: (programme, ours) for programme, ours in found}

    async def book(self, change: Change, moves: Sequence[Move], numbers: Iterator[int]) -> None:
        """Book what moves.

        Funds and stocks are changed last, and so held shortest: everything else is already written when others have to wait for them. What
        one holds is looked at by the very statement that takes from it, or where there are several, when all of them are held.

        Raises:
            NotCovered: one does not hold as much; the transaction must end.
        """
        entries, postings, taken = [], [], dict[int, int]()
        for move in moves:
            ours, now, on, act = move.ours, change.now, move.on, move.act
            for line in move.lines:
                number = next(numbers)
                entries.append((number, ours.organisation, act, now, on, line.allocation, line.reverses))
                postings.append((number, 1, ours.id, -line.amount))
                postings.append((number, 2, move.other, line.amount))
                taken[ours.id] = taken.get(ours.id, 0) + line.amount
        await change.execute_many(self._entry, entries)
        await change.execute_many(self._posting, postings)
        if len(taken) == 1:
            covered = await change.execute(self._take, {"account": moves[0].ours.id, "taken": taken[moves[0].ours.id]}) == 1
        else:
            left = [(held - taken[each], each) for each, held in await change.fetch(self._hold_all, {"accounts": list(taken)})]
            covered = all(balance >= 0 for balance, _ in left)
            if covered:
                await change.execute_many(self._set_all, left)
        if not covered:
            raise NotCovered("the fund or stock does not hold as much", "give less, or book what came in first", self._field(moves[0].ours))

    @staticmethod
    def _field(ours: Account) -> str:
        return "amount" if ours.kind == "fund" else "quantity"


def _pair(row: Row) -> tuple[Programme, Account]:
    return Programme(*row[: len(PROGRAMME)]), Account(*row[len(PROGRAMME) :])
