"""Handoffs, their moves and pages, and what mentees say about them afterward."""

from datetime import datetime
from enum import IntEnum, StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import (
    Base,
    Json,
    JsonDict,
    Ranked,
    UtcDateTime,
    enum_column,
    partial_index,
)
from models.conversations import Conversation, Message
from models.encryption.ownership import Encrypted
from models.people import AlertChannel, Person


class Need(StrEnum):
    CRISIS = "crisis"
    CONCERN = "concern"
    REQUEST = "request"
    CONNECTION = "connection"
    STUCK = "stuck"
    STAFF = "staff"  # a mentor or manager asked that somebody write
    MENTOR = "mentor"  # a mentor wrote first


class Urgency(IntEnum):
    """Warmline only raises it; only a person lowers it."""

    ROUTINE = 1
    SOON = 2
    CRISIS = 3


class Danger(StrEnum):
    """What kind of danger a crisis is, as far as words say. It decides the mentor's brief and the
    numbers that the mentee reads."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    ABUSE_AT_HOME = "abuse_at_home"
    SEXUAL = "sexual"
    VIOLENCE = "violence"
    EATING = "eating"
    SUBSTANCES = "substances"
    SOMEBODY_ELSE = "somebody_else"
    OTHER = "other"


# What a mentee discloses with these may need a safeguarding record.
DISCLOSURES = frozenset({Danger.ABUSE_AT_HOME, Danger.SEXUAL})


class Status(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Owner(StrEnum):
    """Who answers next. Derived from the open handoff, never stored."""

    BOT = "bot"
    QUEUE = "queue"
    MENTOR = "mentor"


class Move(StrEnum):
    OPEN = "open"
    PAGE = "page"
    RAISE = "raise"
    LOWER = "lower"
    CLAIM = "claim"
    REMIND = "remind"
    RELEASE = "release"
    RESOLVE = "resolve"
    WITHDRAW = "withdraw"


class Outcome(StrEnum):
    TALKED = "talked"
    REFERRED = "referred"
    NOANSWER = "noanswer"
    NOTNEEDED = "notneeded"


OPEN = "status IN ('waiting', 'claimed')"


class Handoff(Base):
    """A period in which a person, not the bot, answers a mentee.

    `ladder` counts the climbs: each open, raise, and release starts a new one at rung 0.
    `next_page_at` is when the next rung is due, so that the watchdog finds a missed one.
    """

    __tablename__ = "handoff"
    owned_by = ("conversation_id",)
    __table_args__ = (
        sa.CheckConstraint(
            "status <> 'claimed' OR mentor_id IS NOT NULL", name="claimed_has_mentor"
        ),
        sa.CheckConstraint(
            "status <> 'resolved' OR outcome IS NOT NULL", name="resolved_has_outcome"
        ),
        sa.CheckConstraint("urgency BETWEEN 1 AND 3", name="urgency_is_known"),
        partial_index(
            "one_open_handoff_per_conversation", "conversation_id", where=OPEN, unique=True
        ),
        sa.Index("handoff_of_conversation", "conversation_id", "id"),
        # For the metrics.
        sa.Index("handoff_of_conversation_by_time", "conversation_id", "opened_at"),
        # The open ones, and those that ended lately.
        sa.Index("handoff_by_status", "status", "closed_at"),
        sa.Index("handoff_of_mentor", "mentor_id", "status"),
        partial_index("handoff_crisis", "mentor_id", where="urgency = 3"),
        # What a mentee disclosed. Its kind is encrypted.
        partial_index("handoff_with_danger", "opened_at", where="danger IS NOT NULL"),
        partial_index("handoff_without_claim", "opened_at", where="claimed_at IS NULL"),
        partial_index("handoff_without_reply", "opened_at", where="first_reply_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"))
    opened_by_message_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("message.id"), comment="The message that asked for it"
    )
    need: Mapped[Need] = mapped_column(enum_column(Need))
    urgency: Mapped[Urgency] = mapped_column(Ranked(Urgency))
    danger_named: Mapped[str | None] = mapped_column(
        "danger", Encrypted(""), comment="Null if the words do not say what kind of danger it is"
    )
    status: Mapped[Status] = mapped_column(enum_column(Status))
    mentor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    ladder: Mapped[int] = mapped_column(default=0)
    rung: Mapped[int] = mapped_column(
        default=-1, comment="The last rung paged; -1 before the first"
    )
    next_page_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_reply_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime,
        comment="First message by a person under any claim that is not known to have failed",
    )
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    outcome: Mapped[Outcome | None] = mapped_column(enum_column(Outcome))

    conversation: Mapped[Conversation] = relationship(lazy="joined")
    mentor: Mapped[Person | None] = relationship(lazy="joined")

    @property
    def danger(self) -> Danger | None:
        return Danger(self.danger_named) if self.danger_named else None

    @property
    def is_open(self) -> bool:
        return self.status in (Status.WAITING, Status.CLAIMED)


class HandoffEvent(Base):
    """One move of a handoff. The database refuses to change or delete it.

    Only `note`, the reason a person gave, becomes null when we erase the mentee's data.
    """

    __tablename__ = "handoff_event"
    owned_by = ("handoff_id",)
    __table_args__ = (
        partial_index("handoff_event_claim", "by_id", "handoff_id", where="move = 'claim'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    move: Mapped[Move] = mapped_column(enum_column(Move))
    by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("person.id"), comment="Null when Warmline moved it"
    )
    detail: Mapped[JsonDict] = mapped_column(
        Json, default=dict, comment="Never names or message text"
    )
    note: Mapped[str | None] = mapped_column(Encrypted)

    by: Mapped[Person | None] = relationship(lazy="joined")


class Alert(Base):
    """One page of one person, on one rung, for one handoff."""

    __tablename__ = "alert"
    __table_args__ = (sa.UniqueConstraint("handoff_id", "ladder", "rung", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    # Alerts about several unknown numbers can share one text.
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    ladder: Mapped[int]
    rung: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    handoff: Mapped[Handoff] = relationship(lazy="raise")
    person: Mapped[Person] = relationship(lazy="joined")
    message: Mapped[Message] = relationship(lazy="joined")


class StepState(StrEnum):
    """How far a call or an e-mail after an alert's text has come."""

    DUE = "due"
    TRYING = "trying"
    RINGING = "ringing"
    REACHED = "reached"
    MISSED = "missed"
    DROPPED = "dropped"


class AlertStep(Base):
    """A call or an e-mail that follows an alert's text, if the person has not answered by then."""

    __tablename__ = "alert_step"
    __table_args__ = (
        sa.UniqueConstraint("alert_id", "channel"),
        sa.Index("alert_step_by_state", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(sa.ForeignKey("alert.id"))
    channel: Mapped[AlertChannel] = mapped_column(enum_column(AlertChannel))
    state: Mapped[StepState] = mapped_column(enum_column(StepState))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    tries: Mapped[int]
    provider_id: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    why: Mapped[str | None] = mapped_column(
        sa.String(40), comment="What the person pressed, or why the step reached nobody"
    )

    alert: Mapped[Alert] = relationship(lazy="joined")


class HandoffCode(Base):
    """The code by which one person texts about one handoff. Nobody else can use it."""

    __tablename__ = "handoff_code"
    __table_args__ = (
        sa.UniqueConstraint("handoff_id", "person_id"),
        sa.UniqueConstraint("person_id", "code"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    code: Mapped[str] = mapped_column(sa.String(8))


class FollowUp(Base):
    """A mentee's answers after a handoff: were you reached, did it help, did you feel heard?

    `led_to_id` is the new handoff that a "no" opened. We never reopen a handoff.
    """

    __tablename__ = "follow_up"

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), unique=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reached: Mapped[bool | None]
    helped: Mapped[bool | None]
    heard: Mapped[bool | None]
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    led_to_id: Mapped[int | None] = mapped_column(sa.ForeignKey("handoff.id"))
