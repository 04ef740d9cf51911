"""How Alembic runs the steps: on the connection that `tables/upgrade.py` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from tables.upgrade import version_table

given = context.config.attributes
context.configure(
    connection=given["connection"],
    version_table=version_table(given["part"]),
    transactional_ddl=given["connection"].dialect.name != "mysql",
)
with context.begin_transaction():
    context.run_migrations()
