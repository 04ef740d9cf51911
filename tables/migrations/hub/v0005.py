"""Books by double entry, programmes and vouchers; allocations know the programme they were booked under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from tables.migrations.create import add, create

revision = "0005"
down_revision = "0004"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "account",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("unit", sa.String(16), nullable=False),
    sa.Column("unit_value_minor", sa.BigInteger),
    sa.Column("value_currency", sa.String(3)),
    sa.Column("counterpart", Number),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.CheckConstraint("balance >= 0", name="ck_account_balance"),
)

sa.Table(
    "programme",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("account", Number, nullable=False),
    sa.Column("given", Number, nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("opens_on", sa.String(10), nullable=False),
    sa.Column("closes_on", sa.String(10)),
    sa.Column("ceiling_person", sa.BigInteger),
    sa.Column("ceiling_household", sa.BigInteger),
    sa.Column("period_days", sa.Integer),
    sa.Column("minimum_need", sa.Integer),
    sa.Column("version", sa.Integer, nullable=False),
)

sa.Table(
    "entry",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("act", sa.String(32), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("booked_on", sa.String(10), nullable=False),
    sa.Column("allocation", Number, index=True),
    sa.Column("reverses", Number, unique=True),
)

sa.Table(
    "posting",
    tables,
    sa.Column("entry", Number, primary_key=True, autoincrement=False),
    sa.Column("line", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("account", Number, nullable=False, index=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "voucher",
    tables,
    sa.Column("blind", Digest, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("allocation", Number, nullable=False, unique=True),
    sa.Column("ends_on", sa.String(10), nullable=False),
    sa.Column("redeemed_at", sa.BigInteger),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Create them."""
    create(tables)
    add(
        "allocation",
        sa.Column("quantity_milli", sa.BigInteger),
        sa.Column("unit", sa.String(16)),
        sa.Column("programme_id", Number),
        sa.Column("household", Number),
        sa.Column("recorded_at", sa.BigInteger),
        sa.Column("corrects", Number),
    )
    op.create_index("ix_allocation_programme_person", "allocation", ["programme_id", "person"], if_not_exists=True)
    op.create_index("ix_allocation_programme_household", "allocation", ["programme_id", "household"], if_not_exists=True)
