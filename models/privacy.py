"""Records of erasures, so that nothing erased comes back, and legal holds, which forbid an
erasure.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column, relationship

from models.base import Base, UtcDateTime, partial_index
from models.encryption.ownership import Encrypted
from models.encryption.words import keys
from models.people import Person

DUE = "keys to destroy"


class KeyToDestroy(Base):
    """A key whose words were erased in the same transaction. Its file goes after the commit."""

    __tablename__ = "key_to_destroy"

    key_id: Mapped[str] = mapped_column(sa.String(24), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def destroy_key(session: Session, key_id: str, *, now: datetime) -> None:
    """Destroy a key if the caller's transaction commits. Nothing may still be encrypted with it.

    If the process dies right after the commit, the row of `KeyToDestroy` says what is left to do.
    """
    if session.get(KeyToDestroy, key_id) is None:
        session.add(KeyToDestroy(key_id=key_id, at=now))
    due: list[Any] = session.info.setdefault(DUE, [])
    due.append((session.get_nested_transaction(), key_id))


@event.listens_for(Session, "after_commit")
def _destroy(session: Session) -> None:
    if not session.in_nested_transaction():
        for _, key_id in session.info.pop(DUE, []):
            keys().destroy(key_id)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    due = session.info.pop(DUE, [])
    if ended.nested:
        session.info[DUE] = [one for one in due if one[0] is not ended]


class ErasedText(Base):
    """A keyed hash of the provider's id of an erased text, so that it is not recorded again."""

    __tablename__ = "erased_text"

    provider_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProviderCopy(Base):
    """A text whose copy at the provider is to be deleted."""

    __tablename__ = "provider_copy"

    provider_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LegalHold(Base):
    """While it is open, nothing of this person is erased, by request or by age."""

    __tablename__ = "legal_hold"
    __table_args__ = (
        partial_index("one_open_hold", "person_id", where="ended_at IS NULL", unique=True),
    )
    owned_by = ("person_id",)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("person.id"), comment="Null for a command"
    )
    reason: Mapped[str] = mapped_column(Encrypted)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship(foreign_keys=person_id, lazy="joined")
