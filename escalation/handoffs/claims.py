"""Claims without a first message: released in time, so that another mentor can answer."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import release
from escalation.handoffs.jobs import CheckClaim
from escalation.ruleset import Rules
from escalation.transaction import Transaction
from models import Handoff, HandoffEvent, Message, Move, Speaker, Status


def release_if_unanswered(tx: Transaction, handoff: Handoff, event_id: int) -> bool:
    """Release a claim if its holder wrote nothing since event `event_id`. True if released."""
    event = tx.session.get_one(HandoffEvent, event_id)
    moved_on = tx.session.scalar(
        select(HandoffEvent.id)
        .where(
            HandoffEvent.handoff_id == handoff.id,
            HandoffEvent.id > event_id,
            HandoffEvent.move.in_([Move.CLAIM, Move.RAISE, Move.RELEASE]),
        )
        .limit(1)
    )
    if handoff.status is not Status.CLAIMED or moved_on:
        return False
    if _has_written(tx.session, handoff, event.at):
        return False
    holder = handoff.mentor
    minutes = round((tx.now - event.at).total_seconds() / 60)
    release(tx, handoff, by=None)
    if holder is not None:
        tx.tell(holder, "released_unanswered", code=handoff.id, minutes=minutes)
    return True


def overdue_claims(
    session: Session, *, now: datetime, get_rules: Callable[[int], Rules]
) -> list[CheckClaim]:
    """The claim checks that were due by `now` and whose holder has not written yet."""
    overdue = []
    for handoff in session.scalars(select(Handoff).where(Handoff.status == Status.CLAIMED)):
        event = session.scalars(
            select(HandoffEvent)
            .where(
                HandoffEvent.handoff_id == handoff.id,
                HandoffEvent.move.in_([Move.CLAIM, Move.RAISE]),
            )
            .order_by(HandoffEvent.id.desc())
            .limit(1)
        ).one()
        rules = get_rules(handoff.conversation.program_id)
        due = event.at + rules.policy.answer_within(handoff.urgency)
        if due < now and not _has_written(session, handoff, event.at):
            overdue.append(CheckClaim(handoff.id, event.id))
    return overdue


def _has_written(session: Session, handoff: Handoff, since: datetime) -> bool:
    written = select(
        exists().where(
            Message.conversation_id == handoff.conversation_id,
            Message.outgoing,
            Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER]),
            Message.speaker_id == handoff.mentor_id,
            Message.at >= since,
        )
    )
    return bool(session.scalar(written))
