"""What follows an alert's text until the person answers: a call, then an e-mail.

A text always goes first: it has the code. Each further channel is one row with a due time, from
policy.toml's [alert] or from the person's own order. A text or call that fails makes the next one
due at once.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import WhyNot, get_reasons, latest_snoozes
from escalation.handoffs.jobs import TakeStep, enqueue
from escalation.transaction import Transaction
from models import Alert, AlertChannel, AlertStep, Handoff, Person, Status, StepState, Urgency

# Short of the time after which a worker's mark counts as that of a dead process.
TRYING_IS_DEAD_AFTER = timedelta(seconds=30)


def plan_steps(tx: Transaction, handoff: Handoff, alert: Alert, person: Person) -> None:
    """Write the steps after an alert's text."""
    urgency = handoff.urgency
    channels = person.own_channels or tx.policy.alert.channels.at(urgency)
    wait = tx.policy.alert.next_channel_seconds.at(urgency)
    for place, channel in enumerate(channels):
        if channel is AlertChannel.SMS or not person.can_be_reached_by(channel):
            continue
        step = AlertStep(
            alert_id=alert.id,
            channel=channel,
            state=StepState.DUE,
            due_at=tx.now + wait * place,
            moved_at=tx.now,
            tries=0,
        )
        tx.session.add(step)
        tx.session.flush()
        enqueue(tx.session, TakeStep(step.id), at=step.due_at)


def hasten_next(session: Session, alert: Alert, *, now: datetime) -> None:
    """Make the alert's next step due now: the one before it did not reach the person.

    Not while a call is going on: its end makes the next one due.
    """
    going_on = select(AlertStep.id).where(
        AlertStep.alert_id == alert.id,
        AlertStep.state.in_([StepState.TRYING, StepState.RINGING]),
    )
    if session.scalar(going_on.limit(1)) is not None:
        return
    step = session.scalar(
        select(AlertStep)
        .where(AlertStep.alert_id == alert.id, AlertStep.state == StepState.DUE)
        .order_by(AlertStep.due_at, AlertStep.id)
        .limit(1)
        .with_for_update(of=AlertStep)
    )
    if step is not None and step.due_at > now:
        step.due_at = now
        session.flush()
        enqueue(session, TakeStep(step.id), at=now)


def is_still_trying(session: Session, alert: Alert) -> bool:
    """Whether a call or e-mail of this alert may still reach the person."""
    going_on = select(AlertStep.id).where(
        AlertStep.alert_id == alert.id,
        AlertStep.state.in_([StepState.DUE, StepState.TRYING, StepState.RINGING]),
    )
    return session.scalar(going_on.limit(1)) is not None


def why_not_needed(tx: Transaction, alert: Alert, handoff: Handoff) -> str | None:
    """Why the person needs no call or e-mail any more, or None."""
    if not handoff.is_open:
        return "handoff_ended"
    if handoff.status is not Status.WAITING:
        return "handoff_claimed"
    snoozed = latest_snoozes(tx.session, handoff).get(alert.person_id)
    if snoozed is not None and snoozed.at >= alert.at:
        return "answered"
    reasons = get_reasons(tx, handoff, [alert.person])[alert.person_id]
    if reasons & {WhyNot.LEFT, WhyNot.CONCERN}:
        return "not_available"
    # In a crisis the ladder pages people who are away, too.
    if WhyNot.AWAY in reasons and handoff.urgency is not Urgency.CRISIS:
        return "not_available"
    return None


def overdue_steps(session: Session, *, before: datetime, now: datetime) -> list[TakeStep]:
    due = (AlertStep.state == StepState.DUE) & (AlertStep.due_at < before)
    dead = (AlertStep.state == StepState.TRYING) & (AlertStep.moved_at < now - TRYING_IS_DEAD_AFTER)
    return [TakeStep(one) for one in session.scalars(select(AlertStep.id).where(due | dead))]
