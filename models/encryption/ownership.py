"""Columns that are encrypted with the key of the person whom their row is about.

A column type sees neither the row nor the session. So before a row is written, we give each of its
values the name of its owner's key, and the type encrypts with that one. A value without a key, as
in a bulk statement, is refused.
"""

import json
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import (
    Mapper,
    Session,
    SessionTransaction,
    mapped_column,
    object_session,
)
from sqlalchemy.orm.attributes import flag_modified, get_history
from sqlalchemy.types import TypeDecorator

from models.base import Base
from models.encryption.keys import KeyGone
from models.encryption.words import HOUSE, decrypt, encrypt, keys

ERASED = "These words were erased."
CREATED = "keys created"


class NoOwner(Exception):
    def __init__(self) -> None:
        super().__init__(
            "An encrypted value has no key. Write it through the row's class, or give it the key "
            "of its owner with `with_key`."
        )


class KeyedStr(str):
    key = HOUSE


class KeyedInt(int):
    key = HOUSE


class KeyedFloat(float):
    key = HOUSE


class KeyedDict(dict[str, Any]):
    key = HOUSE


KEYED: dict[type, Any] = {str: KeyedStr, int: KeyedInt, float: KeyedFloat, dict: KeyedDict}


def with_key(value: Any, key: str) -> Any:
    """The same value, which an encrypted column stores with this key."""
    kind = next(kind for kind in KEYED if isinstance(value, kind))
    keyed = KEYED[kind](value)
    keyed.key = key
    return keyed


class Encrypted(TypeDecorator[str]):
    """Text, encrypted with its owner's key. Without the key it reads as `erased`."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, erased: str = ERASED) -> None:
        super().__init__()
        self.erased = erased

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not isinstance(value, KeyedStr):
            raise NoOwner
        return encrypt(value, value.key)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            words = KeyedStr(decrypt(value))
        except KeyGone:
            return self.erased
        words.key = value.partition(":")[0]
        return words


class EncryptedJson(TypeDecorator[Any]):
    """A number or a dictionary, encrypted with its owner's key. Without it, it reads as `erased`.

    The database cannot compare such values or add them up.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, erased: int | float | None = None) -> None:
        super().__init__()
        self.erased = erased

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if type(value) not in KEYED.values():
            raise NoOwner
        key: str = value.key
        return encrypt(json.dumps(value), key)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        try:
            return with_key(json.loads(decrypt(value)), value.partition(":")[0])
        except KeyGone:
            return self.erased


@cache
def encrypted_columns(mapper: Mapper[Any]) -> tuple[str, ...]:
    return tuple(
        one.key
        for one in mapper.column_attrs
        if isinstance(one.columns[0].type, Encrypted | EncryptedJson)
    )


def key_column(*, nullable: bool = False) -> Any:
    """The name of the row's own key. It is created with the row if the class says so."""
    about = "The key of its words, a file in KEY_FOLDER"
    return mapped_column(sa.String(24), nullable=nullable, comment=about)


def owner_key(session: Session, row: Base) -> str:
    """The key of the person, or the number, that a row is about."""
    key: str | None = getattr(row, "key_id", None)
    if key is not None:
        return key
    for name in row.owned_by:
        if getattr(row, name) is not None:
            return _key_through(session, row, name)
    return create_key(session) if row.has_own_key else HOUSE


def _key_through(session: Session, row: Base, name: str) -> str:
    owner = session.get_one(_table_of(type(row), name), getattr(row, name))
    return owner_key(session, owner)


def create_key(session: Session) -> str:
    """A new key, which is destroyed if the caller's transaction is rolled back."""
    name = keys().create()
    created: list[Any] = session.info.setdefault(CREATED, [])
    created.append((session.get_nested_transaction(), name))
    return name


@event.listens_for(Session, "before_commit")
def _keep_keys(session: Session) -> None:
    """From here on the keys stay: when a commit fails, the database may have the rows anyway."""
    if not session.in_nested_transaction():
        session.flush()
        session.info.pop(CREATED, None)


@event.listens_for(Session, "after_soft_rollback")
def _destroy_keys(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is not None and not ended.nested:
        return  # only a part of a flush; the transaction around it ends next
    created = session.info.pop(CREATED, [])
    if ended.nested:
        session.info[CREATED] = [one for one in created if one[0] is not ended]
        created = [one for one in created if one[0] is ended]
    for _, name in created:
        keys().destroy(name)


@cache
def _table_of(kind: type[Base], name: str) -> type[Base]:
    """The class whose row a column names."""
    column = kind.__table__.c[name]
    table = column.info.get("row_of") or next(iter(column.foreign_keys)).column.table.name
    return next(one.class_ for one in kind.registry.mappers if one.class_.__tablename__ == table)


@event.listens_for(Base, "before_insert", propagate=True)
@event.listens_for(Base, "before_update", propagate=True)
def _give_keys(mapper: Mapper[Any], _: sa.Connection, row: Base) -> None:
    session = object_session(row)
    names = encrypted_columns(mapper)
    if session is None or not (names or row.has_own_key):
        return
    rows_key = owner_key(session, row)
    if row.has_own_key and getattr(row, "key_id", None) is None:
        row.key_id = rows_key  # type: ignore[attr-defined]
    for name in names:
        value = row.__dict__.get(name)
        apart = row.owned_apart.get(name)
        key = _key_through(session, row, apart) if apart else rows_key
        if value is None or getattr(value, "key", None) == key:
            continue
        # Not what stands for words whose key is gone.
        erased = getattr(mapper.columns[name].type, "erased", None)
        if value != erased or get_history(row, name).added or hasattr(value, "key"):
            setattr(row, name, with_key(value, key))
            # Equal words with another key must be written too.
            flag_modified(row, name)
