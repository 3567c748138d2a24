"""Calls and e-mails that follow an alert's text. The rules: escalation/handoffs/alerts/steps.py."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from escalation.handoffs.alerts.steps import hasten_next, overdue_steps, why_not_needed
from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.jobs import TakeStep, Work, enqueue
from escalation.handoffs.ladder import climb_if_unreached
from escalation.handoffs.oversight import may_take_over
from escalation.handoffs.replies import get_unanswered
from escalation.speech.message_writer import conversation_language, get_thread
from escalation.transaction import Transaction
from gateway.messaging.delivery_codes import get_code
from gateway.messaging.outbox import acting
from gateway.operators.alarms import raise_alarm
from gateway.runtime.line import Line, TextFailed
from models import Alert, AlertChannel, AlertStep, Handoff, Status, StepState

log = structlog.get_logger()

MOST_TRIES = 3
AGAIN_AFTER = timedelta(seconds=5)
OPEN = (StepState.DUE, StepState.TRYING, StepState.RINGING)


@dataclass(frozen=True)
class Taken:
    """A step that this worker has marked as trying: where to, and the words of an e-mail."""

    channel: AlertChannel
    to: str
    subject: str
    words: str


def take_step(line: Line, work: TakeStep) -> None:
    """Call or e-mail, unless the person or the handoff needs it no more."""
    taken = _mark(line, work.step_id)
    if taken is None:
        return
    try:
        if taken.channel is AlertChannel.VOICE and line.calls is not None:
            provider_id = line.calls.call(taken.to, step_id=work.step_id)
            _note_ringing(line, work.step_id, provider_id)
        elif taken.channel is AlertChannel.EMAIL and line.mail is not None:
            line.mail.send(taken.to, taken.subject, taken.words)
            note_end(line, work.step_id, StepState.REACHED)
        else:
            note_end(line, work.step_id, StepState.DROPPED, why="not_set_up")
    except TextFailed as failed:
        _note_failure(line, work.step_id, failed)


def why_not(tx: Transaction, alert: Alert, handoff: Handoff) -> str | None:
    """Why the person needs no call or e-mail any more, or None.

    While a mentor holds the handoff and owes an answer, that mentor is called, and so is everyone
    who was paged to take over.
    """
    if handoff.status is Status.CLAIMED:
        if handoff.mentor_id == alert.person_id:
            owes = get_unanswered(tx.session, handoff, tx.rules) is not None
        else:
            owes = may_take_over(tx, handoff, alert.person)
        if owes:
            return None
    return why_not_needed(tx, alert, handoff)


def locked(line: Line, session: Session, step_id: int) -> tuple[Transaction, AlertStep, Handoff]:
    step = session.get_one(AlertStep, step_id)
    handoff = session.get_one(Handoff, step.alert.handoff_id)
    lock_conversation(session, handoff.conversation_id)
    session.refresh(handoff)
    session.refresh(step)
    return line.of(session, handoff.conversation.program_id).at(session), step, handoff


def _mark(line: Line, step_id: int) -> Taken | None:
    with acting(line) as session:
        tx, step, handoff = locked(line, session, step_id)
        if not _is_due(step, now=tx.now):
            return None
        person = step.alert.person
        why = why_not(tx, step.alert, handoff)
        if not person.can_be_reached_by(step.channel):
            why = why or "not_available"
        if why is not None:
            _end(tx, step, handoff, StepState.DROPPED, why=why)
            return None
        step.state, step.moved_at, step.tries = StepState.TRYING, tx.now, step.tries + 1
        address = person.phone if step.channel is AlertChannel.VOICE else person.email
        language = conversation_language(get_thread(session, tx.rules, person))
        link = f"{tx.rules.site}/console"
        lines = tx.rules.script
        return Taken(
            step.channel,
            address or "",
            lines.line("email_subject", language=language),
            lines.line("email_alert", language=language, link=link),
        )


def _is_due(step: AlertStep, *, now: datetime) -> bool:
    # A worker died in between: a second call is better than none.
    return step.state is StepState.TRYING or (step.state is StepState.DUE and step.due_at <= now)


def _note_ringing(line: Line, step_id: int, provider_id: str) -> None:
    with acting(line) as session:
        tx, step, _ = locked(line, session, step_id)
        step.provider_id = step.provider_id or provider_id
        if step.state is StepState.TRYING:  # otherwise the provider has told us more already
            step.state, step.moved_at = StepState.RINGING, tx.now


def _note_failure(line: Line, step_id: int, failed: TextFailed) -> None:
    code = get_code(failed.code, taken=False)
    log.warning("alert not sent", step=step_id, code=failed.code, meaning=code.meaning)
    with acting(line) as session:
        tx, step, handoff = locked(line, session, step_id)
        if code.alarm:
            words = f"Calls or e-mails fail with code {failed.code}. {code.meaning}"
            raise_alarm(session, f"code {failed.code}", words, now=tx.now)
        if failed.final or step.tries >= MOST_TRIES:
            _end(tx, step, handoff, StepState.MISSED, why=failed.code)
            return
        step.state, step.due_at, step.moved_at = StepState.DUE, tx.now + AGAIN_AFTER, tx.now
        enqueue(session, TakeStep(step.id), at=step.due_at)


def note_end(line: Line, step_id: int, state: StepState, *, why: str | None = None) -> None:
    with acting(line) as session:
        tx, step, handoff = locked(line, session, step_id)
        _end(tx, step, handoff, state, why=why)


def _end(
    tx: Transaction, step: AlertStep, handoff: Handoff, state: StepState, *, why: str | None
) -> None:
    """End a step. If it reached nobody, the person's next one is due, or else the next people."""
    if step.state not in OPEN:
        return
    step.state, step.why, step.moved_at = state, why, tx.now
    tx.session.flush()
    log.info("alert step ended", step=step.id, channel=step.channel, state=state, why=why)
    if state is StepState.REACHED:
        return
    hasten_next(tx.session, step.alert, now=tx.now)
    if handoff.rung >= 0 and (handoff.ladder, handoff.rung) == (step.alert.ladder, step.alert.rung):
        climb_if_unreached(tx, handoff)


def steps_to_take(line: Line, session: Session, before: datetime) -> list[Work]:
    return [*overdue_steps(session, before=before, now=line.clock())]
