"""The declarative base, column types, and the conditional update that all tables share."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, ClassVar, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

E = TypeVar("E", bound=IntEnum)


class Base(DeclarativeBase):
    # Columns that lead to the row whose key encrypts this one's words (encryption/ownership.py).
    owned_by: ClassVar[tuple[str, ...]] = ()
    # The same for single columns whose owner is not that of the rest of the row.
    owned_apart: ClassVar[dict[str, str]] = {}
    # Whether a row without such an owner gets a key of its own.
    has_own_key: ClassVar[bool] = False

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC. Raises ValueError for a naive one: SQLite drops zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"A time without a time zone cannot be stored: {value!r}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Ranked(TypeDecorator[E]):
    """An IntEnum stored as its number, so that ORDER BY sorts by rank.

    SQLAlchemy's own Enum stores the name, which would sort 'routine' after 'crisis'.
    """

    impl = sa.SmallInteger
    cache_ok = True

    def __init__(self, ranks: type[E]) -> None:
        super().__init__()
        self.ranks = ranks

    def process_bind_param(self, value: E | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> E | None:
        return None if value is None else self.ranks(value)


def enum_column(values: type[Enum]) -> sa.Enum:
    return sa.Enum(
        values,
        native_enum=False,
        create_constraint=True,
        length=24,
        name=values.__name__.lower(),
        values_callable=lambda members: [str(member.value) for member in members],
    )


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    rows = sa.text(where)
    return sa.Index(name, *columns, unique=unique, postgresql_where=rows, sqlite_where=rows)


def literal_in(column: Any, values: Iterable[Enum | str]) -> sa.ColumnElement[bool]:
    """`column IN (...)` with the values in the statement's text, as a partial index says them.

    SQLite uses the index only then: it does not look at the values that are bound to a list.
    """
    said: sa.BindParameter[Any] = sa.bindparam(
        None, list(values), expanding=True, literal_execute=True
    )
    condition: sa.ColumnElement[bool] = column.in_(said)
    return condition


def changes_one(session: Session, change: sa.Update) -> bool:
    """Execute an UPDATE whose WHERE states what must still be true. False if another was first."""
    return rows_changed(session, change) == 1


def rows_changed(session: Session, change: sa.Update | sa.Delete) -> int:
    return cast(sa.CursorResult[Any], session.execute(change)).rowcount


Json = sa.JSON().with_variant(JSONB(), "postgresql")
JsonDict = dict[str, Any]
