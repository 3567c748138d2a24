"""Limits on automated texts, which cost money: per unknown number, per person, per program.

Above a limit we drop a text, and /log shows it. We always send people's words, the crisis reply,
everything to an enrolled person in a crisis, texts about a concern, the confirmation of STOP,
sign-in texts, and alerts. We group alerts about unknown numbers instead
(escalation/handoffs/alerts/grouping.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import tell_managers_daily
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


@dataclass
class Counted:
    """How many texts went to the provider lately: counted when the first of `texts` asks, without
    these. Then each of them that is sent is added.
    """

    tx: Transaction
    conversation: Conversation
    texts: Sequence[Message]
    sent: int = 0

    @cached_property
    def before(self) -> tuple[int, int]:
        """To this person within the limit's time, and to everybody in the program within a day."""
        conversation, now = self.conversation, self.tx.now
        here = self._sent_since(now - (DAY if self.is_unknown else HOUR)).where(
            Message.conversation_id == conversation.id
        )
        everywhere = (
            self._sent_since(now - DAY)
            .join(Conversation, Conversation.id == Message.conversation_id)
            # Plus 0: from the day's texts to their threads, and not from each thread to its texts.
            .where(Conversation.program_id + 0 == conversation.program_id)
        )
        both = select(here.scalar_subquery(), everywhere.scalar_subquery())
        to_them, to_all = self.tx.session.execute(both).one()
        return to_them, to_all

    @property
    def is_unknown(self) -> bool:
        return self.conversation.person_id is None

    def _sent_since(self, since: datetime) -> Select[int]:
        """No row moves before it is written."""
        return select(func.count(Message.id)).where(
            Message.id.not_in([text.id for text in self.texts]),
            Message.outgoing,
            Message.tries > 0,
            Message.at > since,
            Message.moved_at > since,
        )


def find_reached_limit(counted: Counted, message: Message) -> str | None:
    """The key in labels.toml of the limit that this text would exceed, or None."""
    lines = (message.script or "").split("+")
    if message.speaker is not Speaker.BOT or not ALWAYS_SENT.isdisjoint(lines):
        return None
    limits, unknown = counted.tx.policy.paid_texts, counted.is_unknown
    most_here = limits.per_unknown_number_a_day if unknown else limits.per_person_an_hour
    here, everywhere = counted.before
    if here + counted.sent >= most_here:
        reached = "limit_unknown_number" if unknown else "limit_person"
    elif everywhere + counted.sent >= limits.per_program_a_day:
        reached = "limit_program"
    else:
        return None
    # A person in a crisis gets every answer.
    in_crisis = not unknown and _is_in_crisis(counted.tx.session, counted.conversation.id)
    return None if in_crisis else reached


def tell_limit_reached(tx: Transaction, program_id: int) -> None:
    """Text the managers, once a day for all limits together."""
    link = f"{tx.rules.site}/log#limits-heading"
    tell_managers_daily(tx, program_id, "limit_reached", link=link)


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
