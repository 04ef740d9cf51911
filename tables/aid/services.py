"""What beneficiaries are told and may ask for: where to collect, and appeals against what an organisation decided.

Texts that people write are sealed by the key ring. Times are whole seconds since 1970 (UTC).
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

collection = sa.Table(
    "collection",
    metadata,
    sa.Column("programme", Number, primary_key=True, autoincrement=False, comment="one a programme: the latest announcement holds"),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("place", sa.String(200), nullable=False, comment="where it is handed over; never anybody's home"),
    sa.Column("hours", sa.String(120), comment="when on each day, in words"),
    sa.Column("begins_on", sa.String(10), nullable=False),
    sa.Column("ends_on", sa.String(10), nullable=False),
    sa.Column("announced_at", sa.BigInteger, nullable=False),
)

appeal = sa.Table(
    "appeal",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("organisation", sa.String(64), nullable=False, comment="whose decision is contested, and who answers first"),
    sa.Column("kind", sa.String(16), nullable=False, comment="complaint of how one was treated, or appeal against a decision"),
    sa.Column("allocation", Number, comment="the allocation it is about, where it is about one"),
    sa.Column("need", sa.String(32), comment="the need whose queue it is about, where it is about one"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False, comment="sealed: all that the person wrote"),
    sa.Column("answer", sa.Text, comment="sealed: all that was answered"),
    sa.Column("body", sa.String(64), index=True, comment="the inspectorate it was carried to"),
    sa.Column("due_at", sa.BigInteger, comment="until when the next answer, or the person's next step, is due"),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Index("ix_appeal_organisation_state", "organisation", "state"),
)
