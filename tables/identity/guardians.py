"""Who may act for whom, on what basis, for what, and until when."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

guardianship = sa.Table(
    "guardianship",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("guardian", Number, nullable=False),
    sa.Column("ward", Number, nullable=False, index=True, comment="the person acted for"),
    sa.Column("kind", sa.String(16), nullable=False, comment="parent, court or named"),
    sa.Column("basis", sa.String(16), nullable=False, comment="registry, witness or ward"),
    sa.Column("organisation", sa.String(64), comment="whose staff witnessed it, if any"),
    sa.Column("source", sa.String(64), comment="the registry that bore it out, if one did"),
    sa.Column("acts", sa.Text, nullable=False, comment="what it is for, space-separated: read, consent, request"),
    sa.Column("begun_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False, comment="when it ends by itself, as by coming of age"),
    sa.Column("ended_at", sa.BigInteger, comment="when somebody ended it before"),
    sa.Index("ix_guardianship_guardian", "guardian", "ward"),
)
