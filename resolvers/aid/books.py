"""Double entry: what is booked stands for ever, adds up to nothing, and takes no fund or stock below zero.

Whoever books from a fund or stock holds its row until the end of the transaction, so that of many at once each sees what the
others left; the database itself refuses a negative balance as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import NotCovered, Unknown
from tables.aid import account, entry, posting, programme
from tables.database import Database

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


@dataclass(frozen=True, slots=True)
class Line:
    """One entry to be booked: `amount` moves from the first account to the second."""

    amount: int
    allocation: int | None = None
    reverses: int | None = None


ACCOUNT = [account.c[name] for name in Account.__dataclass_fields__]
PROGRAMME = [programme.c[name] for name in Programme.__dataclass_fields__]


class Books:
    """Every organisation's books; each command sees its own organisation's only."""

    def __init__(self, database: Database) -> None:
        """Prepare every statement once."""
        prepare = self._prepare = database.prepare
        self.database = database
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
        self._both = prepare(sa.select(*PROGRAMME, *ACCOUNT).select_from(programme.join(account, its_account)).where(*mine))
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
        return Programme(*rows[0][: len(PROGRAMME)]), Account(*rows[0][len(PROGRAMME) :])

    async def book(
        self, change: Change, act: str, on: str, lines: Sequence[Line], between: tuple[Account, int], numbers: Iterator[int]
    ) -> None:
        """Book lines from a fund or stock to another account, or with negative amounts from there back into it.

        The fund or stock is changed last, and so held shortest: everything else is already written when others have to wait for it. What it
        holds is looked at by the very statement that takes from it.

        Raises:
            NotCovered: it does not hold as much; the transaction must end.
        """
        ours, other = between
        entries, postings = [], []
        for line in lines:
            number = next(numbers)
            entries.append(
                {
                    "id": number,
                    "organisation": ours.organisation,
                    "act": act,
                    "at": change.now,
                    "booked_on": on,
                    "allocation": line.allocation,
                    "reverses": line.reverses,
                }
            )
            postings.append({"entry": number, "line": 1, "account": ours.id, "amount": -line.amount})
            postings.append({"entry": number, "line": 2, "account": other, "amount": line.amount})
        await change.execute_many(self._entry, entries)
        await change.execute_many(self._posting, postings)
        taken = sum(line.amount for line in lines)
        if not await change.execute(self._take, {"account": ours.id, "taken": taken}):
            raise NotCovered("the fund or stock does not hold as much", "give less, or book what came in first", self._field(ours))

    @staticmethod
    def _field(ours: Account) -> str:
        return "amount" if ours.kind == "fund" else "quantity"

    def statement(self, statement: sa.ClauseElement) -> Any:
        """Prepare a statement for the hub's database."""
        return self._prepare(statement)
