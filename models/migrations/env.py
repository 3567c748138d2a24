"""Alembic's entry: it runs on the connection the gateway hands it."""

import sqlalchemy as sa
from alembic import context

from models import Base


def ours(thing: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    """The durable engine keeps its own tables in the same SQLite file; leave them alone."""
    return kind != "table" or name in Base.metadata.tables


def run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=ours,
        compare_type=False,
        render_as_batch=False,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Run migrations with `warmline migrate`; it knows the database.")
run(connection)
