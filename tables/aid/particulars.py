"""What organisations wrote down of their own cases, sealed; keyed hashes by which duplicates are looked for; cases made one."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

case_particulars = sa.Table(
    "case_particulars",
    metadata,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.Text, nullable=False, comment="sealed JSON: names, year of birth, sex, governorate"),
    sa.Column("version", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

case_block = sa.Table(
    "case_block",
    metadata,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("block", Digest, primary_key=True, comment="keyed hash of how some of the names sound"),
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Index("ix_case_block_person", "organisation", "person"),
    sqlite_with_rowid=False,
)

case_merge = sa.Table(
    "case_merge",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("kept", Number, nullable=False),
    sa.Column("merged", Number, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False, comment="merged or undone"),
    sa.Column("body", sa.Text, nullable=False, comment="JSON: where both lived, what was written of them, and their places"),
    sa.Column("at", sa.BigInteger, nullable=False),
)

case_merge_row = sa.Table(
    "case_merge_row",
    metadata,
    sa.Column("case_merge", Number, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), primary_key=True, comment="allocation, assessment or case followed; carried before, taken, dropped"),
    sa.Column("person", Number, primary_key=True, autoincrement=False, comment="whose it was"),
    sa.Column("number", Number, primary_key=True, autoincrement=False, comment="of the row, so that it can go back"),
    sqlite_with_rowid=False,
)
