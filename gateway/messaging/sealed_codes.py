"""Codes by text: for a mentee's sign-in to the chat, and for a mentor or manager to confirm.

Mentors who claim a handoff read the mentee's thread, where this text is, too. So the row holds the
code encrypted, and only until it is sent; then a note replaces it. It is sent once: a mentee who
waits for it asks for another sooner than we could send it again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from escalation.speech.message_writer import get_thread, say_by_text
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import Purpose, new_code
from models import Delivery, Message, Person, decrypt, encrypt

CODE_LASTS = timedelta(minutes=10)
CODES_BY_TEXT: Mapping[Purpose, str] = {"chat": "chat_code", "confirm": "confirm_code"}
NOTE = "(A code was texted.)"


def text_code(
    session: Session,
    line: Line,
    person: Person,
    *,
    now: datetime,
    purpose: Purpose,
    browser: str,
) -> None:
    """Write the text with a new code. The caller's transaction sends it (`acting`)."""
    code = new_code(session, person, purpose, now=now, lasts=CODE_LASTS, browser=browser)
    minutes = int(CODE_LASTS.total_seconds() // 60)
    thread = get_thread(session, line.rules, person)
    script = CODES_BY_TEXT[purpose]
    text = say_by_text(session, line.rules, thread, script, now=now, code=code, minutes=minutes)
    if text.delivery is Delivery.QUEUED:
        text.words = encrypt(text.words)
    else:
        forget_code(text)  # never sent, because of STOP
    session.flush()


def why_code_is_not_sent(message: Message, *, now: datetime) -> str | None:
    """Why a code may no longer be sent; None for a code that may, and for every other text."""
    if not has_code(message):
        return None
    if message.tries:
        return "code_tried_once"
    return "code_expired" if now >= message.at + CODE_LASTS else None


def take_out_code(message: Message) -> str:
    """The words to send. A code is removed from its row."""
    if not has_code(message):
        return message.words
    words = decrypt(message.words)
    forget_code(message)
    return words


def forget_code(message: Message) -> None:
    if has_code(message):
        message.words = NOTE


def has_code(message: Message) -> bool:
    return message.script in CODES_BY_TEXT.values()
