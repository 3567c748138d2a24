"""What operators must know although no text failed: nobody reached, too few to reach, work late."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import list_staff
from escalation.handoffs.replies import HOPELESS
from gateway.operators.alarms import raise_alarm
from gateway.runtime.line import Line
from gateway.runtime.overdue import find_overdue
from models import (
    ON_ITS_WAY,
    Alert,
    AlertStep,
    Conversation,
    Delivery,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Program,
    Status,
    StepState,
    Urgency,
)

# The provider has not taken a text for so long.
DAY = timedelta(days=1)
LATE_AFTER = timedelta(minutes=10)


def find_trouble(line: Line, session: Session, *, now: datetime) -> dict[str, str]:
    """What is late or reached nobody, by what it is about. Names no person, number, or words."""
    return {
        **_overdue(session, now=now),
        **_late_texts(session, now=now),
        **_crises_that_reached_nobody(line, session, now=now),
    }


def raise_alarms(line: Line, session: Session, *, now: datetime) -> dict[str, str]:
    trouble = find_trouble(line, session, now=now)
    for about, words in trouble.items():
        raise_alarm(session, about, words, now=now)
    too_few = _too_few_staff(line, session)
    for about, words in too_few.items():
        raise_alarm(session, about, words, now=now, again_after=DAY)
    return trouble | too_few


def _overdue(session: Session, *, now: datetime) -> dict[str, str]:
    found = find_overdue(session, now=now)
    if not found:
        return {}
    words = (
        f"Work is late by more than a minute: {found.unhandled} messages unhandled, "
        f"{found.rungs} rungs not paged, {found.texts} texts and {found.calls} calls not sent. "
        "See whether a gateway runs, and restart it."
    )
    return {"work is late": words}


def _late_texts(session: Session, *, now: datetime) -> dict[str, str]:
    late = select(Message.error_code).where(
        ON_ITS_WAY,
        Message.delivery == Delivery.QUEUED,
        Message.tries > 0,
        Message.at < now - LATE_AFTER,
    )
    codes = session.scalars(late).all()
    if not codes:
        return {}
    minutes = LATE_AFTER // timedelta(minutes=1)
    words = (
        f"{len(codes)} texts could not be sent for more than {minutes} minutes "
        f"(codes: {', '.join(sorted({code or 'none' for code in codes}))}). Look at the status of "
        "the provider and of our account."
    )
    return {"texts are late": words}


def _crises_that_reached_nobody(line: Line, session: Session, *, now: datetime) -> dict[str, str]:
    """Crises that wait, and of which no text went out and no call or e-mail reached anyone.

    Alerts from before it became a crisis, or from before somebody held it, do not count.
    """
    asked = (
        select(func.max(HandoffEvent.at))
        .where(
            HandoffEvent.handoff_id == Handoff.id,
            HandoffEvent.move.in_([Move.OPEN, Move.RAISE, Move.RELEASE]),
        )
        .correlate(Handoff)
        .scalar_subquery()
    )
    alerts = select(Alert.id).where(Alert.handoff_id == Handoff.id, Alert.at >= asked)
    texted = alerts.join(Message, Message.id == Alert.message_id).where(
        Message.delivery.not_in([*HOPELESS, Delivery.QUEUED, Delivery.SENDING])
    )
    called = alerts.join(AlertStep, AlertStep.alert_id == Alert.id).where(
        AlertStep.state == StepState.REACHED
    )
    waiting = session.execute(
        select(Handoff.id, asked, Conversation.program_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Handoff.status == Status.WAITING,
            Handoff.urgency == Urgency.CRISIS,
            ~texted.exists(),
            ~called.exists(),
        )
    )
    found = {}
    for handoff_id, asked_at, program_id in waiting:
        policy = line.of(session, program_id).rules.policy.alert
        if now - asked_at >= timedelta(minutes=policy.delivered_within_minutes):
            found[f"crisis {handoff_id}"] = (
                f"Handoff {handoff_id} is a crisis, and no alert has reached anyone. Call the "
                "program's managers now."
            )
    return found


def _too_few_staff(line: Line, session: Session) -> dict[str, str]:
    found = {}
    for program in session.scalars(select(Program).order_by(Program.id)):
        least = line.of(session, program.id).rules.policy.alert.least_staff
        staff = list_staff(session, program.id)
        can = sum(person.can_be_texted for person in staff)
        if staff and can < least:
            found[f"staff of program {program.id}"] = (
                f"Program {program.id}: {can} of {len(staff)} mentors and managers can be texted; "
                f"its policy wants {least}. The others have opted out or have numbers that fail."
            )
    return found
