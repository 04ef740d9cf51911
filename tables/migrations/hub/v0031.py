"""Answers to idempotency keys, rules of queues and answers to questionnaires as long as they may be, on MariaDB too."""

from __future__ import annotations

from alembic import op
from sqlalchemy.dialects import mysql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Widen the columns; SQLite and PostgreSQL keep texts of any length."""
    if op.get_bind().dialect.name in {"mysql", "mariadb"}:
        for table, column, empty in (("command", "answer", True), ("queue_policy", "body", False), ("assessment", "answers", False)):
            op.alter_column(table, column, type_=mysql.MEDIUMTEXT(), existing_nullable=empty)
