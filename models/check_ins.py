"""Check-ins, their schedules, the skills a mentee practices, and their goals."""

from datetime import date, datetime, time
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, UtcDateTime, enum_column, partial_index
from models.encryption.ownership import Encrypted, EncryptedJson
from models.people import Person

CHECK_INS = ("mood", "phq2", "phq9", "gad2", "gad7", "who5", "ucla3", "mentor_check")


class CheckIn(Base):
    """One answered check-in and its score, which is not a diagnosis.

    `mood` goes from 0 (worst) to 10 (best). A scale with too many missing answers, or one that
    the mentee left halfway, has no score.
    """

    __tablename__ = "check_in"
    owned_by = ("conversation_id",)
    __table_args__ = (sa.CheckConstraint("missing >= 0", name="missing_is_a_count"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"), index=True)
    message_id: Mapped[int] = mapped_column(
        sa.ForeignKey("message.id"), unique=True, comment="The message that completed it"
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(sa.String(24))
    score: Mapped[int | None] = mapped_column(
        EncryptedJson, comment="Null when it cannot be scored"
    )
    missing: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="Items without an answer"
    )
    answers: Mapped[str | None] = mapped_column(
        Encrypted("[]"), comment="JSON: the mentee's answers, item by item"
    )
    note: Mapped[str | None] = mapped_column(Encrypted)


class SkipReason(StrEnum):
    """Why we did not send a scheduled check-in, or stopped following it up."""

    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    WITH_A_PERSON = "with_a_person"  # a handoff is open
    IN_AN_EXERCISE = "in_an_exercise"
    BOT_AWAY = "bot_away"
    TOO_LATE = "too_late"  # Warmline was not running when it was due
    LEFT = "left"  # the mentee did not want to do it now
    NO_TERMS = "no_terms"  # the mentee or a guardian has not agreed to the terms yet


class Schedule(Base):
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
    """One day's check-in: sent, reminded once, then answered, missed, or skipped."""

    __tablename__ = "scheduled_check_in"
    __table_args__ = (
        sa.UniqueConstraint("schedule_id", "local_date"),
        sa.CheckConstraint("reminded_at IS NULL OR sent_at IS NOT NULL", name="sent_then_reminded"),
        sa.CheckConstraint("missed_at IS NULL OR sent_at IS NOT NULL", name="sent_then_missed"),
        sa.CheckConstraint("answered_at IS NULL OR sent_at IS NOT NULL", name="sent_then_answered"),
        sa.CheckConstraint(
            "skipped_at IS NULL OR skip_reason IS NOT NULL", name="skipped_has_reason"
        ),
        # For the job that sends, reminds, and closes.
        partial_index(
            "scheduled_check_in_open",
            "due_at",
            where="answered_at IS NULL AND missed_at IS NULL AND skipped_at IS NULL",
        ),
        partial_index("scheduled_check_in_missed", "missed_at", where="missed_at IS NOT NULL"),
        partial_index(
            "scheduled_check_in_unasked",
            "due_at",
            where="sent_at IS NULL AND skipped_at IS NULL",
        ),
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


class SkillOutcome(StrEnum):
    DONE = "done"
    LEFT = "left"


class GoalResult(StrEnum):
    DONE = "done"
    PARTLY = "partly"
    NOT_YET = "not_yet"


class SkillUse(Base):
    """One use of a skill, from its first question until the mentee finishes or leaves it.

    `before` and `after` are the mentee's ratings from 0 to 10 of what the skill is for (tension,
    worry, mood); null without a rating.
    """

    __tablename__ = "skill_use"
    owned_by = ("conversation_id",)
    __table_args__ = (
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
        partial_index(
            "one_skill_at_a_time", "conversation_id", where="ended_at IS NULL", unique=True
        ),
        sa.Index("skill_use_of_conversation", "conversation_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"))
    skill: Mapped[str] = mapped_column(Encrypted(""))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[SkillOutcome | None] = mapped_column(enum_column(SkillOutcome))
    before: Mapped[int | None] = mapped_column(EncryptedJson)
    after: Mapped[int | None] = mapped_column(EncryptedJson)
    message_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("message.id"), comment="The mentee's message that ended it"
    )


@event.listens_for(CheckIn, "before_insert")
@event.listens_for(CheckIn, "before_update")
def _mood_is_0_to_10(_: object, __: object, row: CheckIn) -> None:
    """Raises ValueError. The database cannot check what it cannot read."""
    if row.kind == "mood" and (row.score is None or not 0 <= row.score <= 10):
        raise ValueError(f"A mood is 0 to 10, not {row.score}.")


@event.listens_for(SkillUse, "before_insert")
@event.listens_for(SkillUse, "before_update")
def _ratings_are_0_to_10(_: object, __: object, row: SkillUse) -> None:
    for rating in (row.before, row.after):
        if rating is not None and not 0 <= rating <= 10:
            raise ValueError(f"A rating is 0 to 10, not {rating}.")


class Goal(Base):
    """A mentee's goal in their own words. A later check-in asks how it went."""

    __tablename__ = "goal"
    owned_by = ("conversation_id",)
    __table_args__ = (
        sa.CheckConstraint("result IS NULL OR followed_up_at IS NOT NULL", name="result_has_time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"), index=True)
    words: Mapped[str] = mapped_column(Encrypted)
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    followed_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[GoalResult | None] = mapped_column(enum_column(GoalResult))
