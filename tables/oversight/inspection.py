"""What inspectors do and people may hold against it: hidden looks, complaints, broken glass, opened identities.

Texts that somebody wrote are sealed by the key ring. Times are whole seconds since 1970 (UTC).
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

hiding = sa.Table(
    "hiding",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("person", Number, nullable=False, index=True, comment="from whom looks are hidden"),
    sa.Column("organisation", sa.String(64), nullable=False, comment="whose looks"),
    sa.Column("body", sa.String(64), nullable=False, comment="the inspectorate that ordered it; never the same"),
    sa.Column("basis", sa.Text, nullable=False, comment="sealed: the law and the order's own number"),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False, comment="from then on the looks are shown"),
    sa.Column("ordered_at", sa.BigInteger, nullable=False),
)

complaint = sa.Table(
    "complaint",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("entry", Number, nullable=False, comment="the entry of the record that is complained of"),
    sa.Column("body", sa.String(64), nullable=False, index=True, comment="the inspectorate it went to"),
    sa.Column("revealed", sa.Boolean, nullable=False, comment="whether the person let the inspectorate know who complains"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False, comment="sealed"),
    sa.Column("answer", sa.Text, comment="sealed"),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("person", "entry"),
)

glass = sa.Table(
    "glass",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("person", Number, nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False, comment="whose officers may look"),
    sa.Column("officer", sa.String(64), nullable=False, comment="the credential that broke it; its reviewer is another"),
    sa.Column("categories", sa.BigInteger, nullable=False, comment="bits of values.Category"),
    sa.Column("reason", sa.Text, nullable=False, comment="sealed"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("told_at", sa.BigInteger, nullable=False, comment="when the person is told: at once, or after a legal delay"),
    sa.Column("delay", sa.Text, comment="sealed: the law that lets it be told later"),
    sa.Column("notified", sa.String(64), nullable=False, comment="the second body, which was told at once"),
    sa.Column("note", sa.Text, comment="sealed: what the reviewer found"),
    sa.Column("reviewed_at", sa.BigInteger),
    sa.Column("heard_at", sa.BigInteger, comment="when news of it went to the person; null until it is told"),
    sa.Index("ix_glass_heard_at", "heard_at", "told_at"),
    sa.Index("ix_glass_organisation_ends_at", "organisation", "ends_at"),
    sa.Index("ix_glass_person", "person"),
)

opening = sa.Table(
    "opening",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("kind", sa.String(16), nullable=False, comment="what names the subject: a pseudonym of the asker, or a domain's own thing"),
    sa.Column("subject", sa.String(64), nullable=False, comment="the thing, where it is one; empty for a pseudonym"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("organisation", sa.String(64), nullable=False, comment="who asks"),
    sa.Column("officer", sa.String(64), nullable=False, comment="the credential that asked"),
    sa.Column("extreme", sa.Boolean, nullable=False, comment="without the holder, by a second officer of another body"),
    sa.Column("body", sa.String(64), comment="whose officer must concur, where it is extreme"),
    sa.Column("reason", sa.Text, nullable=False, comment="sealed"),
    sa.Column("delay", sa.Text, comment="sealed: the law that lets it be told later"),
    sa.Column("told_at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False, comment="of the question, and once opened of the opening"),
    sa.Column("hours", sa.Integer, nullable=False, comment="how long it stays open"),
    sa.Column("heard_at", sa.BigInteger, comment="when news of it went to the person; null until it is told"),
    sa.Column("opened_by", sa.String(64), comment="the consent or glass that opened it: when that ends, it ends"),
    sa.Index("ix_opening_heard_at", "heard_at", "told_at"),
    sa.Index("ix_opening_opened_by", "opened_by"),
    sa.Index("ix_opening_organisation", "organisation", "state"),
)
