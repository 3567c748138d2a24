"""The mentee's thread as the web chat shows it, and what follows when nobody looks at it.

One thread for one person: what was texted and what was written here stand in one order.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session, load_only

from escalation.handoffs.handoffs import get_open_handoff, get_owner
from escalation.handoffs.hours import get_holidays, is_within_hours, next_opening
from escalation.ruleset import Rules
from escalation.speech.i18n import gettext_noop
from gateway.conversations.quick_replies import Choice, choices_in
from gateway.messaging import sealed_codes
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import new_link
from gateway.runtime.sql_time import first_claim_at
from models import (
    Channel,
    Conversation,
    Delivery,
    Handoff,
    Message,
    Owner,
    Person,
    Program,
    Role,
    Speaker,
    Urgency,
)

SHOWN = 60
# The menu, the longest answer, is three messages after a disclosure.
MOST_SAID_AT_ONCE = 5

MESSAGE_WAITS = "chat_message_waits"
# These texts are about the page itself, and would only puzzle on it.
NOT_SHOWN = (sealed_codes.SCRIPT, MESSAGE_WAITS)

WAITS_LOOKED_BACK = timedelta(days=28)
FEWEST_WAITS = 10


def chat_link(rules: Rules) -> str:
    return f"{rules.site}/chat"


def invite(session: Session, person: Person, rules: Rules, *, now: datetime) -> str:
    """An address that opens the chat for this mentee, once.

    Raises:
        ValueError: a mentor or manager; they sign in elsewhere.
    """
    if person.role is not Role.MENTEE:
        raise ValueError(f"{person.name} is no mentee; mentors and managers use /sign-in.")
    lasts = timedelta(days=rules.policy.chat.invitation_days)
    return f"{chat_link(rules)}/in/{new_link(session, person, 'chat', now=now, lasts=lasts)}"


def tell_code(line: Line, person_id: int) -> None:
    """Text this mentee a code for the chat; nothing for anybody else, or who cannot be texted."""
    with acting(line) as session:
        person = session.get(Person, person_id)
        if person is None or person.role is not Role.MENTEE or person.left_at is not None:
            return
        if person.can_be_texted:
            sealed_codes.text_code(session, line, person, now=line.clock())


# --- what is shown ---


@dataclass(frozen=True)
class Thread:
    """A stretch of a thread, oldest first; `earlier` says whether there is more before it."""

    messages: Sequence[Message]
    earlier: bool

    @property
    def last_id(self) -> int:
        return self.messages[-1].id if self.messages else 0


def is_shown() -> ColumnElement[bool]:
    """What a mentee sees of their thread: all but what yielded to a person, unsent."""
    return and_(
        or_(
            Message.delivery.is_(None),
            Message.delivery != Delivery.DROPPED,
            Message.error_code == "opted_out",
        ),
        or_(Message.script.is_(None), Message.script.not_in(NOT_SHOWN)),
    )


def get_conversation(session: Session, person: Person) -> Conversation | None:
    return session.scalar(select(Conversation).where(Conversation.person_id == person.id))


def latest(session: Session, conversation: Conversation | None, *, before: int = 0) -> Thread:
    """The latest messages, or the latest before one of them."""
    if conversation is None:
        return Thread((), earlier=False)
    asked = select(Message).where(Message.conversation_id == conversation.id, is_shown())
    if before:
        asked = asked.where(Message.id < before)
    found = session.scalars(asked.order_by(Message.id.desc()).limit(SHOWN + 1)).all()
    return Thread(found[:SHOWN][::-1], earlier=len(found) > SHOWN)


def after(session: Session, conversation: Conversation, last_id: int) -> Sequence[Message]:
    """The next messages after one of them, oldest first. Ids grow as rows appear."""
    return session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.id > last_id, is_shown())
        .order_by(Message.id)
        .limit(SHOWN)
    ).all()


def note_shown(session: Session, conversation: Conversation, up_to: int, *, now: datetime) -> int:
    """An open page has shown everything up to this message: what was sent to it has arrived."""
    arrived = session.execute(
        update(Message)
        .where(
            Message.conversation_id == conversation.id,
            Message.id <= up_to,
            Message.channel == Channel.WEB,
            Message.delivery == Delivery.SENT,
        )
        .values(delivery=Delivery.DELIVERED, delivered_at=now, moved_at=now)
        .returning(Message.id)
    )
    return len(arrived.all())


def message_state(message: Message) -> str:
    """How far a message has come, as its mentee reads it."""
    if message.delivery is None:
        return gettext_noop("sent")
    by_text = message.channel is not Channel.WEB
    match message.delivery:
        case Delivery.DELIVERED:
            return gettext_noop("delivered to your phone") if by_text else gettext_noop("delivered")
        case Delivery.SENT:
            return gettext_noop("sent to your phone") if by_text else gettext_noop("sent")
        case Delivery.QUEUED | Delivery.SENDING:
            return gettext_noop("on its way to your phone")
        case Delivery.DROPPED if message.error_code == "opted_out":
            return gettext_noop("not texted: you stopped texts")
        case Delivery.DROPPED:
            return gettext_noop("withdrawn")
        case _:
            return gettext_noop("failed: it did not reach your phone")


def message_states(session: Session, conversation: Conversation) -> dict[str, str]:
    """The states of what was sent lately, by message, withdrawn ones too."""
    sent = session.scalars(
        select(Message)
        .options(load_only(Message.delivery, Message.channel, Message.error_code))
        .where(Message.conversation_id == conversation.id, Message.outgoing)
        .order_by(Message.id.desc())
        .limit(SHOWN)
    )
    return {str(message.id): message_state(message) for message in sent}


def choices_now(session: Session, conversation: Conversation | None, owner: Owner) -> list[Choice]:
    """What the bot's last words offer as answers; nothing while a person is there."""
    if conversation is None or owner is Owner.MENTOR:
        return []
    last = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation.id, is_shown())
        .order_by(Message.id.desc())
        .limit(MOST_SAID_AT_ONCE)
    )
    said = [message.words for message in takewhile(lambda one: one.speaker is Speaker.BOT, last)]
    return choices_in(reversed(said))


# --- who answers, and how long it takes ---


@dataclass(frozen=True)
class Wait:
    """How long somebody waited for a person lately, from what happened and not from a plan.

    Of those who asked at this urgency in the last 28 days, `taken` were taken up; half of them
    within `median`, nine of ten within `ninetieth`. Both are None where too few were.
    """

    asked: int
    taken: int
    median: timedelta | None
    ninetieth: timedelta | None


def expected_wait(
    session: Session, program: Program, urgency: Urgency, *, now: datetime, but: Handoff | None
) -> Wait:
    """The first claim of each handoff counts; one that nobody took up is counted and not hidden."""
    found = session.execute(
        select(Handoff.opened_at, first_claim_at())
        .join(Conversation)
        .where(
            Conversation.program_id == program.id,
            Handoff.urgency == urgency,
            Handoff.opened_at > now - WAITS_LOOKED_BACK,
            Handoff.id != (but.id if but else 0),
        )
    ).all()
    waits = sorted(claimed - opened for opened, claimed in found if claimed is not None)
    if len(waits) < FEWEST_WAITS:
        return Wait(len(found), len(waits), None, None)
    ninetieth = waits[math.ceil(0.9 * len(waits)) - 1]
    half = statistics.median(wait.total_seconds() for wait in waits)
    return Wait(len(found), len(waits), timedelta(seconds=half), ninetieth)


@dataclass(frozen=True)
class Standing:
    """Who answers next in a thread; while a person is awaited, how long that took lately.

    `opens_at` is None while the program is within its hours.
    """

    owner: Owner
    program: Program
    mentor: str | None = None
    since: datetime | None = None
    urgency: Urgency | None = None
    wait: Wait | None = None
    opens_at: datetime | None = None


def get_thread_status(
    session: Session, person: Person, conversation: Conversation | None, *, now: datetime
) -> Standing:
    handoff = get_open_handoff(session, conversation) if conversation else None
    owner, program = get_owner(handoff), person.program
    if handoff is None:
        return Standing(owner, program)
    if owner is Owner.MENTOR:
        return Standing(owner, program, mentor=handoff.mentor.name if handoff.mentor else None)
    holidays = get_holidays(session, program)
    is_open = is_within_hours(program, now, holidays)
    return Standing(
        owner,
        program,
        since=handoff.opened_at,
        urgency=handoff.urgency,
        wait=expected_wait(session, program, handoff.urgency, now=now, but=handoff),
        opens_at=None if is_open else next_opening(program, now, holidays),
    )
