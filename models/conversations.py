"""Conversations and their messages."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, UtcDateTime, enum_column, literal_in, partial_index
from models.encryption.ownership import Encrypted, key_column
from models.people import Person, Program

# The conversations that a transaction has locked.
HELD = "held"


class Channel(StrEnum):
    SMS = "sms"
    WHATSAPP = "whatsapp"
    PHONES = "phones"
    WEB = "web"


class Speaker(StrEnum):
    MENTEE = "mentee"
    MENTOR = "mentor"
    MANAGER = "manager"
    UNKNOWN = "unknown"  # a number that is not enrolled
    BOT = "bot"


class TextKind(StrEnum):
    """What an incoming text is, if it is not simply a person's words.

    STOP, START, and HELP: the provider took it for this keyword (Twilio's OptOutType).
    """

    REACTION = "reaction"
    AUTO_REPLY = "auto_reply"
    CONTACT_CARD = "contact_card"
    STOP = "stop"
    START = "start"
    HELP = "help"


class Delivery(StrEnum):
    """How far an outgoing message has come. It only moves forward.

    We never send a `dropped` message: a person took over while the bot was composing it, or the
    recipient opted out.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Conversation(Base):
    """One person's thread with Warmline. A mentor's commands are in the mentor's own thread.

    A number that is not enrolled has a thread too, so that we lose none of its messages.
    """

    __tablename__ = "conversation"
    has_own_key = True
    owned_by = ("person_id",)
    __table_args__ = (
        sa.CheckConstraint(
            "(person_id IS NULL) <> (stranger_phone IS NULL)", name="person_or_stranger"
        ),
        sa.CheckConstraint(
            "(stranger_phone IS NULL) = (stranger_index IS NULL)", name="stranger_has_index"
        ),
        partial_index("conversation_to_forget", "forget_due_at", where="forget_due_at IS NOT NULL"),
        # The unknown numbers of a program.
        partial_index("conversation_of_stranger", "program_id", where="person_id IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), unique=True)
    stranger_phone: Mapped[str | None] = mapped_column(Encrypted)
    stranger_index: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    key_id: Mapped[str] = key_column()
    channel: Mapped[Channel] = mapped_column(
        enum_column(Channel), comment="The last one used; answers go there"
    )
    skill: Mapped[str | None] = mapped_column(
        Encrypted(""), comment="The skill or check-in in progress"
    )
    forget_bot: Mapped[bool] = mapped_column(
        default=False, comment="Reset the bot before its next answer"
    )
    forget_due_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="Erased, and since then the bot's copy is due too"
    )
    held_by: Mapped[str | None] = mapped_column(
        sa.String(40), comment="The worker that is handling it"
    )
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="When a number that no one enrolled texted STOP"
    )

    person: Mapped[Person | None] = relationship(lazy="joined")
    program: Mapped[Program] = relationship(lazy="joined")

    @property
    def phone(self) -> str | None:
        return self.person.phone if self.person else self.stranger_phone

    @property
    def has_stopped_texts(self) -> bool:
        stopped_at = self.person.opted_out_at if self.person else self.stopped_at
        return stopped_at is not None


def hold_thread(session: Session, conversation_id: int) -> None:
    """Lock a conversation until this transaction ends. A writer on SQLite has locked everything."""
    held: set[int] = session.info.setdefault(HELD, set())
    if conversation_id in held:
        return
    if session.get_bind().dialect.name != "sqlite":
        session.execute(
            sa.select(Conversation.id)
            .where(Conversation.id == conversation_id)
            # NO KEY: inserting a message into this thread must not wait for the lock.
            .with_for_update(key_share=True)
        )
    held.add(conversation_id)


class Message(Base):
    """One message, in or out. The database refuses to change its speaker."""

    __tablename__ = "message"
    owned_by = ("about_id", "conversation_id")
    # It is written once, so it cannot get another key when we learn whom a text is about.
    owned_apart: ClassVar[dict[str, str]] = {"speaker_name": "conversation_id"}
    __table_args__ = (
        sa.CheckConstraint("(delivery IS NOT NULL) = outgoing", name="outgoing_is_delivered"),
        sa.CheckConstraint("speaker <> 'bot' OR outgoing", name="bot_only_outgoing"),
        sa.CheckConstraint("NOT outgoing OR handled_at IS NOT NULL", name="outgoing_is_handled"),
        sa.CheckConstraint(
            "speaker IN ('bot', 'unknown') OR speaker_id IS NOT NULL", name="person_has_id"
        ),
        # For the worker that handles the messages of a thread in order.
        partial_index("message_unhandled", "conversation_id", "id", where="handled_at IS NULL"),
        # For delivery, and for the watchdog after a crash.
        partial_index(
            "message_undelivered",
            "conversation_id",
            "id",
            where="delivery IN ('queued', 'sending')",
        ),
        sa.Index("message_thread", "conversation_id", "id"),
        # For erasing what staff texted about a mentee.
        partial_index("message_about", "about_id", where="about_id IS NOT NULL"),
        # The mentees who asked to be erased, or changed their mind.
        partial_index(
            "message_erasure_asked",
            "conversation_id",
            "id",
            where="script IN ('erase_set', 'erase_undone')",
        ),
        # For what a manager must know, and for the provider's limit.
        partial_index("message_refused", "error_code", "moved_at", where="error_code IS NOT NULL"),
        partial_index("message_contact_details", "moved_at", where="contact_details IS NOT NULL"),
        # For the limit on what a program sends in a day, without reading the messages.
        partial_index(
            "message_texted",
            "moved_at",
            "at",
            "conversation_id",
            "outgoing",
            where="tries > 0",
        ),
        # For the metrics: the messages of a thread in a period.
        sa.Index("message_of_thread_by_time", "conversation_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"))
    # No foreign key, so that a join of the two tables stays unambiguous. Threads are never deleted.
    about_id: Mapped[int | None] = mapped_column(
        info={"row_of": "conversation"},
        comment="The mentee's conversation that a text to or from staff is about",
    )
    # A text from staff has a key of its own until we know whom it is about.
    key_id: Mapped[str | None] = key_column(nullable=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    outgoing: Mapped[bool]
    speaker: Mapped[Speaker] = mapped_column(enum_column(Speaker))
    speaker_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    speaker_name: Mapped[str | None] = mapped_column(Encrypted)
    words: Mapped[str] = mapped_column(Encrypted)
    script: Mapped[str | None] = mapped_column(
        sa.String(60), comment="Its key in script.toml; null for Rasa's own words"
    )
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    media: Mapped[int] = mapped_column(default=0, comment="Attached pictures and files")
    kind: Mapped[TextKind | None] = mapped_column(
        enum_column(TextKind),
        comment="What the phone or the provider says that a text is",
    )
    copy_due: Mapped[bool] = mapped_column(
        default=False, comment="Whether we have asked to delete the provider's copy"
    )
    relayed_from_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("message.id"), comment="The mentor's text this forwards"
    )
    contact_details: Mapped[str | None] = mapped_column(
        sa.String(60), comment="Kinds of contact details in a mentor's words to a mentee"
    )
    provider_id: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivery: Mapped[Delivery | None] = mapped_column(enum_column(Delivery))
    tries: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(sa.String(40))
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    moved_at: Mapped[datetime] = mapped_column(
        UtcDateTime, index=True, comment="When any column last changed"
    )
    sending_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    conversation: Mapped[Conversation] = relationship(lazy="raise")

    @property
    def from_rasa(self) -> bool:
        """Whether Rasa wrote it. We drop such a message when a person takes over."""
        return self.speaker is Speaker.BOT and self.script is None


# As the partial index says it, so that both databases use it.
ON_ITS_WAY = literal_in(Message.delivery, (Delivery.QUEUED, Delivery.SENDING))


class FailedTry(Base):
    """A text that the provider took and did not deliver. Its message may be sent again.

    A report that comes late, or twice, is about this try and not about the next one.
    """

    __tablename__ = "failed_try"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    provider_id: Mapped[str] = mapped_column(sa.String(64), unique=True)
    code: Mapped[str | None] = mapped_column(sa.String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
