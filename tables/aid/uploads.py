"""Files of cases on their way in: sealed parts until everybody is registered, and what came of looking through them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.identity import Number
from tables.metadata import metadata

LONG = sa.Text().with_variant(mysql.MEDIUMTEXT, "mysql", "mariadb")

cases_upload = sa.Table(
    "cases_upload",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(8), nullable=False, comment="csv or xlsx"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("received_bytes", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("rows_done", sa.Integer, nullable=False, comment="rows that were looked for among the cases"),
    sa.Column("rows_total", sa.Integer, nullable=False),
    sa.Column("result", LONG, comment="sealed JSON: faults, likely duplicates, why it was refused, whom it registered"),
    sa.Column("opened_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("changed_at", sa.BigInteger, nullable=False, comment="also while somebody works on it"),
)

cases_upload_part = sa.Table(
    "cases_upload_part",
    metadata,
    sa.Column("upload", Number, primary_key=True, autoincrement=False),
    sa.Column("begins", sa.BigInteger, primary_key=True, autoincrement=False, comment="the byte of the file it begins with"),
    sa.Column("content", LONG, nullable=False, comment="sealed"),
)
