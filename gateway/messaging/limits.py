"""Limits on automated texts, which cost money: per unknown number, per person, per program.

Above a limit we drop a text, and /log shows it. We always send people's words, the crisis reply,
everything to an enrolled person in a crisis, texts about a concern, the confirmation of STOP,
sign-in texts, and alerts. We group alerts about unknown numbers instead
(escalation/handoffs/alerts/grouping.py).
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import tell_managers_daily
from escalation.policy import PaidTexts
from escalation.speech.danger_lines import why_line
from escalation.speech.message_writer import CONFIRM_STOP
from escalation.transaction import Transaction
from gateway.messaging.sealed_codes import CODES_BY_TEXT
from models import Conversation, Danger, Handoff, Message, Need, Speaker, Status, Urgency

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Alerts, people's words, crises, concerns, sign-in texts, and what managers must learn.
ALWAYS_SENT = frozenset(
    {
        *("alert_routine", "alert_soon", "alert_crisis", "alert_raised_to_holder"),
        *("alert_raised_alone", "alert_unanswered", "alert_unanswered_crisis"),
        *("reply_reminder", "reply_overdue", "released_unanswered", "crisis_lowered"),
        *("released_by_manager", "taken_over", "closed_by_manager", "you_were_assigned"),
        *("disclosure_record", "mentee_not_reached", "crisis_closed", "transfer_asked"),
        *("mentee_words", "new_message", "chat_message_waits", "talk_wanted"),
        *(why_line(Need.CRISIS, danger) for danger in (None, *Danger)),
        *CONFIRM_STOP,
        *("concern_noted", "concern_noted_nobody", "concern_no_manager", "concern_alert"),
        *("concern_overdue", "record_alert", "contact_details"),
        *("away_in_crisis", "staff_stopped", "number_fails", "codes_tried", "limit_reached"),
        "wrong_number_told",
        *("sign_in_link", "sign_in_changed", "sign_in_changed_told", "sign_in_several_told"),
        *("sign_in_new_device", "sign_in_new_device_told", "sign_in_old_number"),
        *CODES_BY_TEXT.values(),
    }
)


def find_reached_limit(
    session: Session, limits: PaidTexts, conversation: Conversation, message: Message, now: datetime
) -> str | None:
    """The key in labels.toml of the limit that this text would exceed, or None."""
    lines = (message.script or "").split("+")
    if message.speaker is not Speaker.BOT or not ALWAYS_SENT.isdisjoint(lines):
        return None
    unknown = conversation.person_id is None
    most_here = limits.per_unknown_number_a_day if unknown else limits.per_person_an_hour
    here = _sent_since(now - (DAY if unknown else HOUR), but=message).where(
        Message.conversation_id == conversation.id
    )
    everywhere = (
        _sent_since(now - DAY, but=message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        # Plus 0: from the day's texts to their threads, and not from each thread to its texts.
        .where(Conversation.program_id + 0 == conversation.program_id)
    )
    sent_here, sent_everywhere = session.execute(
        select(here.scalar_subquery(), everywhere.scalar_subquery())
    ).one()
    if sent_here >= most_here:
        reached = "limit_unknown_number" if unknown else "limit_person"
    elif sent_everywhere >= limits.per_program_a_day:
        reached = "limit_program"
    else:
        return None
    # A person in a crisis gets every answer.
    return reached if unknown or not _is_in_crisis(session, conversation.id) else None


def tell_limit_reached(tx: Transaction, program_id: int) -> None:
    """Text the managers, once a day for all limits together."""
    link = f"{tx.rules.site}/log#limits-heading"
    tell_managers_daily(tx, program_id, "limit_reached", link=link)


def _sent_since(since: datetime, *, but: Message) -> Select[int]:
    """How many other texts went to the provider. No row moves before it is written."""
    return select(func.count(Message.id)).where(
        Message.id != but.id,
        Message.outgoing,
        Message.tries > 0,
        Message.at > since,
        Message.moved_at > since,
    )


def is_urgent(session: Session, message: Message) -> bool:
    """Whether a text pages someone, goes to someone in an open crisis, or tells staff about one."""
    about = [message.conversation_id, message.about_id]
    return (message.script or "").startswith("alert_") or _is_in_crisis(
        session, *(one for one in about if one is not None)
    )


def _is_in_crisis(session: Session, *conversation_ids: int) -> bool:
    crisis = select(Handoff.id).where(
        Handoff.conversation_id.in_(conversation_ids),
        Handoff.urgency == Urgency.CRISIS,
        Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
    )
    return session.scalar(crisis.limit(1)) is not None
