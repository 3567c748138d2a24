"""When the bot must say again that it is a program."""

from datetime import datetime, timedelta

from escalation.policy import Disclosure

FIRST_DISCLOSURE = "first_contact"
AFTER_IDLE = "welcome_back"
MEANWHILE = "still_a_bot"
# Script lines that disclose it.
DISCLOSURES = (FIRST_DISCLOSURE, AFTER_IDLE, MEANWHILE, "scheduled_check_in")


def disclosure_due(
    *,
    disclosed_at: datetime | None,
    last_words_at: datetime | None,
    now: datetime,
    policy: Disclosure,
) -> str | None:
    """The script line to send before the bot's next answer, or None.

    `last_words_at`: when anyone last wrote in the conversation before the current message.
    """
    if disclosed_at is None:
        return FIRST_DISCLOSURE
    if now - (last_words_at or disclosed_at) >= timedelta(days=policy.again_after_idle_days):
        return AFTER_IDLE
    if now - disclosed_at >= timedelta(hours=policy.again_every_hours):
        return MEANWHILE
    return None
