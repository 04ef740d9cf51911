"""The size of need: counts of cases, taken again and again, and the thresholds somebody wants to be told of.

A count speaks of no person: it is of all cases alike in need, place, points and size. Times are whole seconds since 1970 (UTC).
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

whereabouts = sa.Table(
    "whereabouts",
    metadata,
    sa.Column("person", Number, primary_key=True, autoincrement=False, comment="somebody with a place in a queue"),
    sa.Column("governorate", sa.String(16), nullable=False, comment="ISO 3166-2, as the registry last said"),
)

census = sa.Table(
    "census",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="the interval it was taken in, counted since 1970"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("daily", sa.Boolean, nullable=False, comment="the first of its day, which is kept longer"),
    sa.Column("digest", Digest, nullable=False, comment="BLAKE2b over every count, so that a simulation can name what it was made of"),
)

census_cell = sa.Table(
    "census_cell",
    metadata,
    sa.Column("census", Number, primary_key=True, autoincrement=False),
    sa.Column("need", sa.String(32), primary_key=True),
    sa.Column("governorate", sa.String(16), primary_key=True, comment="empty where it is not known"),
    sa.Column("band", sa.SmallInteger, primary_key=True, autoincrement=False, comment="fives of points, 0 to 19"),
    sa.Column("size", sa.SmallInteger, primary_key=True, autoincrement=False, comment="members, 1 to 8; 8 stands for more too"),
    sa.Column("cases", sa.Integer, nullable=False),
    sa.Column("unserved", sa.Integer, nullable=False, comment="those that received nothing for this need lately"),
)

need_alert = sa.Table(
    "need_alert",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("governorate", sa.String(16), comment="one, or the whole country"),
    sa.Column("class", sa.String(16), key="class_", comment="one class of need, or all"),
    sa.Column("measure", sa.String(16), nullable=False, comment="cases or unserved"),
    sa.Column("least", sa.Integer, nullable=False, comment="raised from so many on"),
    sa.Column("raised", sa.Boolean, nullable=False),
    sa.Column("count", sa.Integer, comment="the published count when it last changed"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)
