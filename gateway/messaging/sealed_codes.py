"""The code that is texted to a mentee who signs in to the chat, and how it stays between the two.

It is a text in the mentee's own thread, which others may read: whoever claims a handoff reads
the thread. So the row holds it sealed, and only until it leaves; then a plain note takes its
place. It is tried once: the mentee who waits for it asks for another sooner than we could
send it again.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from escalation.speech.message_writer import get_thread, say_by_text
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import new_code
from models import Delivery, Message, Person
from models.encryption import decrypt, encrypt

CODE_LASTS = timedelta(minutes=10)
SCRIPT = "chat_code"
NOTE = "(A code for the chat was texted.)"


def text_code(session: Session, line: Line, person: Person, *, now: datetime) -> None:
    """Write the text with a new code. The caller's transaction delivers it (`acting`)."""
    code = new_code(session, person, "chat", now=now, lasts=CODE_LASTS)
    minutes = int(CODE_LASTS.total_seconds() // 60)
    thread = get_thread(session, line.rules, person)
    text = say_by_text(session, line.rules, thread, SCRIPT, now=now, code=code, minutes=minutes)
    if text.delivery is Delivery.QUEUED:
        text.words = encrypt(text.words)
    else:
        forget_code(text)  # STOP: it never leaves
    session.flush()


def why_code_is_not_sent(message: Message, *, now: datetime) -> str | None:
    """Why a code may not leave any more; None for one that may, and for every other text."""
    if message.script != SCRIPT:
        return None
    if message.tries:
        return "code_tried_once"
    return "code_expired" if now >= message.at + CODE_LASTS else None


def take_out_code(message: Message) -> str:
    """The words to send. A code's are taken out of its row, which is about to leave."""
    if message.script != SCRIPT:
        return message.words
    words = decrypt(message.words)
    forget_code(message)
    return words


def forget_code(message: Message) -> None:
    if message.script == SCRIPT:
        message.words = NOTE
