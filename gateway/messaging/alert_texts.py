"""Alerts at the moment of sending: they may have waited, and the handoff has moved on."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from escalation.handoffs.replies import get_hold, get_unanswered
from escalation.transaction import Transaction
from models import Alert, Handoff, Message


def why_too_late(tx: Transaction, text: Message) -> str | None:
    """Why nobody needs this alert any more, a key of labels.toml. None for every other text.

    Whoever is paged while a mentor holds the handoff, because it became more urgent, is still to
    read it, unless the handoff has a new holder. A text that the holder did not answer is not sent
    once they have. An alert about several handoffs is sent while one of them needs it.
    """
    about = select(Handoff, Alert.at).join(Alert, Alert.handoff_id == Handoff.id)
    found = tx.session.execute(
        about.where(Alert.message_id == text.id).execution_options(populate_existing=True)
    ).all()
    asks_for_answer = (text.script or "").startswith("alert_unanswered")
    reasons = {
        _why_not_needed(tx, handoff, alert_at=at, asks_for_answer=asks_for_answer)
        for handoff, at in found
    }
    if None in reasons:
        return None
    return max((reason for reason in reasons if reason), default=None)


def _why_not_needed(
    tx: Transaction, handoff: Handoff, *, alert_at: datetime, asks_for_answer: bool
) -> str | None:
    if not handoff.is_open:
        return "handoff_ended"
    hold = get_hold(tx.session, handoff)
    if hold is None:
        return None
    if hold.at > alert_at:
        return "handoff_claimed"
    if asks_for_answer and get_unanswered(tx.session, handoff, tx.rules) is None:
        return "holder_answered"
    return None


def get_validity(tx: Transaction, text: Message) -> timedelta | None:
    """How long the provider may still try to deliver an alert. None for every other text."""
    urgency = tx.session.scalar(
        select(func.max(Handoff.urgency))
        .join(Alert, Alert.handoff_id == Handoff.id)
        .where(Alert.message_id == text.id)
    )
    return None if urgency is None else tx.policy.alert.valid_minutes.at(urgency)
