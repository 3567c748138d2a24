"""Writing rows in bulk: numbered here, encrypted with their owners' keys, a batch at a time."""

from collections import defaultdict
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy import func, insert, select

from gateway.runtime.database import Database
from models import Base, keys, with_key
from models.encryption.ownership import encrypted_columns

BATCH = 50_000

Row = dict[str, Any]


class Inserts:
    """Rows of every table, written in the order of their foreign keys. `finish()` it at the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[type[Base], list[Row]] = defaultdict(list)
        self._last: dict[type[Base], int] = {}
        self._empty: dict[type[Base], Row] = {}
        self._count = 0

    def add(self, table: type[Base], key: str | None = None, **values: Any) -> int:
        """One row, whose words are encrypted with `key`. Returns its number."""
        number = self._last[table] = self._last_of(table) + 1
        row = self._empty_row(table) | {"id": number} | values
        if key is not None:
            for name in encrypted_columns(table.__mapper__):
                if row.get(name) is not None:
                    row[name] = with_key(row[name], key)
        self._waiting[table].append(row)
        self._count += 1
        if self._count >= BATCH:
            self._write()
        return number

    def finish(self) -> None:
        self._write()
        with self._database.writing() as session:
            if not self._database.is_sqlite:
                for table, last in self._last.items():
                    sequence = func.pg_get_serial_sequence(table.__tablename__, "id")
                    session.execute(select(func.setval(sequence, last)))
                # As autovacuum does by and by. Nothing does it on SQLite.
                session.execute(sa.text("ANALYZE"))

    def _write(self) -> None:
        order = {table.name: n for n, table in enumerate(Base.metadata.sorted_tables)}
        with self._database.writing() as session:
            for table in sorted(self._waiting, key=lambda one: order[one.__tablename__]):
                session.connection().execute(insert(table), self._waiting[table])
        self._waiting.clear()
        self._count = 0

    def _last_of(self, table: type[Base]) -> int:
        if table not in self._last:
            with self._database.reading() as session:
                last = session.scalar(select(func.max(table.__table__.c.id)))
            self._last[table] = last or 0
        return self._last[table]

    def _empty_row(self, table: type[Base]) -> Row:
        """All columns, because one statement writes all rows of a batch."""
        if table not in self._empty:
            self._empty[table] = {
                column.name: getattr(column.default, "arg", None)
                if getattr(column.default, "is_scalar", False)
                else None
                for column in table.__table__.columns
            }
        return self._empty[table]


def make_keys(count: int) -> list[str]:
    """New keys, without waiting for the disk: they belong to no real person."""
    with patch("os.fsync"):
        return [keys().create() for _ in range(count)]
