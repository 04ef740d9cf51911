"""An organisation's books by double entry: what it has, what it gave, and the programmes under which it gives.

All amounts are whole thousandths: of the currency's major unit for money, of the unit for goods. An entry is never changed;
what was wrong is taken back by another that names it. The lines of an entry add up to nothing.
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

account = sa.Table(
    "account",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column(
        "kind", sa.String(16), nullable=False, comment="fund and stock are had; outside is where they come from, given where they go"
    ),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("unit", sa.String(16), nullable=False, comment="ISO 4217 for money, the unit of goods for stock"),
    sa.Column("unit_value_minor", sa.BigInteger, comment="what one unit of goods is worth"),
    sa.Column("value_currency", sa.String(3), comment="ISO 4217, for goods"),
    sa.Column("counterpart", Number, comment="the outside account that a fund or stock is filled from"),
    sa.Column("balance", sa.BigInteger, nullable=False, comment="of funds and stocks: the sum of their postings"),
    sa.CheckConstraint("balance >= 0", name="ck_account_balance"),
)

programme = sa.Table(
    "programme",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("account", Number, nullable=False, comment="the fund or stock it gives from"),
    sa.Column("given", Number, nullable=False, comment="the account of what it gave"),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="open or closed"),
    sa.Column("opens_on", sa.String(10), nullable=False),
    sa.Column("closes_on", sa.String(10), comment="the last day allocations may be for"),
    sa.Column("ceiling_person", sa.BigInteger, comment="at most so much for one person in a period"),
    sa.Column("ceiling_household", sa.BigInteger, comment="at most so much for one household in a period"),
    sa.Column("period_days", sa.Integer, comment="days a ceiling looks back; empty means all time"),
    sa.Column("minimum_need", sa.Integer, comment="points of need, 0 to 100, below which nobody is admitted"),
    sa.Column("version", sa.Integer, nullable=False),
)

entry = sa.Table(
    "entry",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("act", sa.String(32), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("booked_on", sa.String(10), nullable=False),
    sa.Column("allocation", Number, index=True),
    sa.Column("reverses", Number, unique=True, comment="the entry it takes back: none is taken back twice"),
)

posting = sa.Table(
    "posting",
    metadata,
    sa.Column("entry", Number, primary_key=True, autoincrement=False),
    sa.Column("line", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("account", Number, nullable=False, index=True),
    sa.Column("amount", sa.BigInteger, nullable=False, comment="what comes in is positive"),
    sqlite_with_rowid=False,
)

voucher = sa.Table(
    "voucher",
    metadata,
    sa.Column("blind", Digest, primary_key=True, comment="keyed hash of the code; the code is shown once and not kept"),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("allocation", Number, nullable=False, unique=True),
    sa.Column("ends_on", sa.String(10), nullable=False, comment="the last day it is taken"),
    sa.Column("redeemed_at", sa.BigInteger),
    sqlite_with_rowid=False,
)
