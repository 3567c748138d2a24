"""The audit log: a hash chain that reveals an altered or deleted entry."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Json, JsonDict, UtcDateTime
from models.people import Person


class AuditEntry(Base):
    """One read or change, written once. `hash` covers the row and the previous row's hash.

    It holds row numbers, never message text, names, or telephone numbers.
    """

    __tablename__ = "audit_entry"
    # For the pages that list who has read something.
    __table_args__ = (sa.Index("audit_entry_about", "program_id", "about"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("person.id"), comment="Null when Warmline or a program acted"
    )
    action: Mapped[str] = mapped_column(sa.String(40))
    about: Mapped[str] = mapped_column(sa.String(60), comment="Such as handoff:7 or person:3")
    detail: Mapped[JsonDict] = mapped_column(Json, default=dict)
    previous: Mapped[str] = mapped_column(sa.String(64))
    hash: Mapped[str] = mapped_column(sa.String(64), unique=True)

    by: Mapped[Person | None] = relationship(lazy="joined")


class AuditAnchor(Base):
    """The last entry that was deleted because of its age. The chain begins after it.

    The database deletes only entries up to an anchor. `seal` is keyed, so nobody with the
    database alone can make one.
    """

    __tablename__ = "audit_anchor"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(sa.String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    seal: Mapped[str] = mapped_column(sa.String(64))
