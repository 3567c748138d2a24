"""PAUSE and RESUME: a mentee stops the check-ins that were agreed on, and nothing else."""

from datetime import datetime

from sqlalchemy.orm import Session

from escalation.speech.i18n import DEFAULT_LANGUAGE, written
from escalation.speech.message_writer import conversation_language, say
from gateway.check_ins.schedules import list_schedules, next_due
from gateway.conversations.keywords import one_word
from gateway.runtime.line import Line
from models import Conversation, Message

PAUSE_WORDS = frozenset({"pause", "pause check-ins", "pause checkins", "pause check ins"})
RESUME_WORDS = frozenset({"resume", "resume check-ins", "resume checkins", "resume check ins"})


def is_about_pauses(session: Session, conversation: Conversation, words: str) -> bool:
    """Whether this is for us and not for the bot: there is something to pause or to resume.

    RESUME counts only while something is paused; otherwise it may mean an exercise.
    """
    word = one_word(words)
    if conversation.person is None or word not in PAUSE_WORDS | RESUME_WORDS:
        return False
    schedules = list_schedules(session, conversation.person)
    return any(schedule.paused or word in PAUSE_WORDS for schedule in schedules)


def act_on_pauses(
    session: Session, line: Line, conversation: Conversation, message: Message, *, now: datetime
) -> bool:
    """Pause or resume the mentee's check-ins and return True, or return False for other words."""
    if not is_about_pauses(session, conversation, message.words):
        return False
    schedules = list_schedules(session, conversation.person)
    pauses = one_word(message.words) in PAUSE_WORDS
    for schedule in schedules:
        schedule.paused = pauses
    session.flush()
    if pauses:
        say(session, line.rules, conversation, "check_ins_paused", now=now)
    else:
        policy = line.rules.policy.schedule
        due = min(next_due(session, schedule, now=now, policy=policy) for schedule in schedules)
        language = conversation_language(conversation)
        first = f"{due:%A} at {due:%H:%M}"
        time = first if language == DEFAULT_LANGUAGE else written(due, "%A, %H:%M", language)
        say(session, line.rules, conversation, "check_ins_resumed", now=now, time=time)
    return True
