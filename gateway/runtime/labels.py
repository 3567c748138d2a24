"""Words that pages, texts, and files use for the values in the tables."""

import tomllib
from datetime import timedelta
from pathlib import Path

from escalation.speech.i18n import Phrase, phrase
from models import Conversation, Delivery, Message, Need, Outcome, SkillOutcome, Status, Urgency

LABELS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text("utf-8")
)
NEEDS = {need: LABELS["needs"][need] for need in Need}
URGENCIES = {urgency: LABELS["urgencies"][urgency.name.lower()] for urgency in Urgency}
STATUSES = {status: LABELS["statuses"][status] for status in Status}
OUTCOMES = {outcome: LABELS["outcomes"][outcome] for outcome in Outcome}
TEXT_KINDS = LABELS["text_kinds"]
WHY_DROPPED = LABELS["why_dropped"]
BOT_STATES = LABELS["bot_states"]
OWNERS = LABELS["owners"]
DECISIONS = LABELS["decisions"]
QUADRANTS = LABELS["quadrants"]
CHECK_IN_NAMES = LABELS["check_ins"]


def skill_end(outcome: SkillOutcome | None) -> str:
    return LABELS["skill_ends"][outcome or "open"]


def masked(phone: str | None) -> str:
    """The last four digits: enough to recognize a number that one knows."""
    return f"…{phone[-4:]}" if phone else phrase("no number")


def unknown_number(phone: str | None) -> Phrase:
    return phrase("Unknown number {number}", number=masked(phone))


def display_name(conversation: Conversation) -> str:
    if conversation.person is not None:
        return conversation.person.name
    return unknown_number(conversation.stranger_phone)


def in_words(time: timedelta) -> Phrase:
    seconds = max(int(time.total_seconds()), 0)
    if seconds < 60:
        return phrase("{seconds} s", seconds=seconds)
    minutes = seconds // 60
    if minutes < 60:
        return phrase("{minutes} min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        if not minutes:
            return phrase("{hours} h", hours=hours)
        return phrase("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return phrase("{days} days", days=hours // 24)


def precise_duration(time: timedelta) -> Phrase:
    seconds = time.total_seconds()
    return phrase("{seconds:.1f} s", seconds=seconds) if seconds < 10 else in_words(time)


def skill_name(skill: str) -> Phrase:
    return phrase(skill.replace("_", " "))


def delivery_status(message: Message) -> Phrase:
    state, code = str(message.delivery or "received"), message.error_code
    if state == Delivery.QUEUED and message.tries:
        state = "retrying"
    if state in (Delivery.FAILED, Delivery.UNDELIVERED):
        state = "failed_with_code" if code else "failed"
    reason = phrase(WHY_DROPPED.get(code or "", code or "unknown"))
    return phrase(LABELS["deliveries"][state], code=code, reason=reason)
