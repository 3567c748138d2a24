"""Alerts at the moment of sending: they may have waited, and the handoff has moved on."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.transaction import Transaction
from models import Alert, Handoff, Message, Status


def why_too_late(session: Session, text: Message) -> str | None:
    """Why nobody needs this alert any more, a key of labels.toml. None for every other text.

    Whoever is paged while a mentor holds the handoff, because it became more urgent, is still to
    read it. An alert about several handoffs is sent while one of them needs it.
    """
    about = select(Handoff, Alert.at).join(Alert, Alert.handoff_id == Handoff.id)
    found = session.execute(
        about.where(Alert.message_id == text.id).execution_options(populate_existing=True)
    ).all()
    reasons = {_why_not_needed(handoff, alert_at=at) for handoff, at in found}
    if None in reasons:
        return None
    return max((reason for reason in reasons if reason), default=None)


def _why_not_needed(handoff: Handoff, *, alert_at: datetime) -> str | None:
    if not handoff.is_open:
        return "handoff_ended"
    claimed_since = handoff.claimed_at is not None and handoff.claimed_at > alert_at
    return "handoff_claimed" if handoff.status is Status.CLAIMED and claimed_since else None


def get_validity(tx: Transaction, text: Message) -> timedelta | None:
    """How long the provider may still try to deliver an alert. None for every other text."""
    urgency = tx.session.scalar(
        select(func.max(Handoff.urgency))
        .join(Alert, Alert.handoff_id == Handoff.id)
        .where(Alert.message_id == text.id)
    )
    return None if urgency is None else tx.policy.alert.valid_minutes.at(urgency)
