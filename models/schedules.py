"""Check-ins that were agreed on: when each is wished for, and what became of it."""

from datetime import date, datetime, time
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, UtcDateTime, enum_column, partial_index
from models.people import Person


class SkipReason(StrEnum):
    """Why a scheduled check-in was not asked, or is followed up no further.

    `with_a_person`: a handoff is open. `in_an_exercise`: the mentee is in the middle of
    something else. `too_late`: the line was not running. `left`: the mentee did not want to
    do it now. `no_terms`: the mentee, or a guardian, has still to agree to the terms by text.
    """

    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    WITH_A_PERSON = "with_a_person"
    IN_AN_EXERCISE = "in_an_exercise"
    BOT_AWAY = "bot_away"
    TOO_LATE = "too_late"
    LEFT = "left"
    NO_TERMS = "no_terms"


OPEN = "answered_at IS NULL AND missed_at IS NULL AND skipped_at IS NULL"


class Schedule(Base):
    """A check-in that a mentee gets on some days of the week, at a local time of theirs."""

    __tablename__ = "schedule"
    __table_args__ = (
        sa.UniqueConstraint("person_id", "check_in"),
        sa.CheckConstraint("days <> ''", name="days_not_empty"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    check_in: Mapped[str] = mapped_column(sa.String(24), comment="A check_in.kind")
    days: Mapped[str] = mapped_column(sa.String(27), comment="Days of the week: mon,thu")
    at: Mapped[time] = mapped_column(comment="In the person's time zone")
    paused: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(
        UtcDateTime, comment="When days or time last changed"
    )

    person: Mapped[Person] = relationship(lazy="joined")


class ScheduledCheckIn(Base):
    """One day's check-in of a schedule: asked, reminded once, then answered, missed or skipped."""

    __tablename__ = "scheduled_check_in"
    __table_args__ = (
        sa.UniqueConstraint("schedule_id", "local_date"),
        sa.CheckConstraint("reminded_at IS NULL OR sent_at IS NOT NULL", name="sent_then_reminded"),
        sa.CheckConstraint("missed_at IS NULL OR sent_at IS NOT NULL", name="sent_then_missed"),
        sa.CheckConstraint("answered_at IS NULL OR sent_at IS NOT NULL", name="sent_then_answered"),
        sa.CheckConstraint(
            "skipped_at IS NULL OR skip_reason IS NOT NULL", name="skipped_has_reason"
        ),
        # Read by the step that asks, reminds and closes.
        partial_index("scheduled_check_in_open", "due_at", where=OPEN),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    schedule_id: Mapped[int] = mapped_column(sa.ForeignKey("schedule.id"))
    local_date: Mapped[date] = mapped_column(comment="In the mentee's time zone")
    due_at: Mapped[datetime] = mapped_column(
        UtcDateTime, comment="The requested time, moved out of quiet hours"
    )
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="Can be after missed_at: late answers count"
    )
    missed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    skipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    skip_reason: Mapped[SkipReason | None] = mapped_column(
        enum_column(SkipReason), comment="Final once skipped_at is set"
    )

    schedule: Mapped[Schedule] = relationship(lazy="joined")
