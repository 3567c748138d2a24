"""After a handoff the mentee is asked how it went; a no asks whether somebody should come again.

Nothing reopens the old handoff: a need that is still there is a new one. What is asked next is
read from the row, so that an answer by text and one on the page cannot get in each other's way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff
from escalation.policy import FollowUpPolicy
from gateway.conversations.keywords import one_word
from gateway.conversations.person_requests import ask_for_a_person
from gateway.conversations.turn import Turn
from gateway.runtime.line import Line
from models import (
    Conversation,
    FollowUp,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Person,
    Program,
)

log = structlog.get_logger()

YES_WORDS = frozenset({"ok", "okay", "k", "yes", "y", "yeah", "yep", "yup", "sure", "yes please"})
NO_WORDS = frozenset({"no", "n", "nope", "nah", "not really", "no thanks", "no thank you"})


class Question(StrEnum):
    """What is asked. AGAIN is whether somebody should come again, after a no."""

    REACHED = "reached"
    HELPED = "helped"
    HEARD = "heard"
    AGAIN = "again"

    @property
    def line(self) -> str:
        """The line of the script that asks it."""
        return LINES[self]


LINES = {
    Question.REACHED: "follow_up_reached",
    Question.HELPED: "follow_up_helped",
    Question.HEARD: "follow_up_heard",
    Question.AGAIN: "follow_up_again",
}


def next_question(follow_up: FollowUp) -> Question | None:
    """What is to be asked next, or None when everything was answered."""
    if follow_up.answered_at is not None:
        return None
    if follow_up.reached is None:
        return Question.REACHED
    # Who was not reached, or not helped, is asked one thing more: the rest can wait.
    if follow_up.reached is False or follow_up.helped is False:
        return Question.AGAIN
    if follow_up.helped is None:
        return Question.HELPED
    return Question.HEARD


def yes_or_no(words: str) -> bool | None:
    """What a text answers, if it is a plain yes or no and nothing else."""
    word = one_word(words).rstrip("?,; ")
    if word in YES_WORDS or word in {"\N{THUMBS UP SIGN}", "\N{OK HAND SIGN}"}:
        return True
    return False if word in NO_WORDS else None


def who_came(session: Session, handoff: Handoff) -> Person | None:
    """The mentor who held a resolved handoff, or the person who closed it if no one held it."""
    if handoff.mentor is not None:
        return handoff.mentor
    return session.scalar(
        select(Person)
        .join(HandoffEvent, HandoffEvent.by_id == Person.id)
        .where(HandoffEvent.handoff_id == handoff.id, HandoffEvent.move == Move.RESOLVE)
    )


# --- answering ---


def get_open_follow_up(
    session: Session, conversation: Conversation, policy: FollowUpPolicy, *, now: datetime
) -> FollowUp | None:
    """The one that still waits for an answer, if any. After its time it is left alone."""
    return session.scalar(
        select(FollowUp)
        .join(Handoff, Handoff.id == FollowUp.handoff_id)
        .where(
            Handoff.conversation_id == conversation.id,
            FollowUp.answered_at.is_(None),
            FollowUp.asked_at > now - timedelta(hours=policy.answer_within_hours),
        )
        .order_by(FollowUp.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )


@dataclass(frozen=True)
class FollowUpAnswer:
    follow_up_id: int
    question: Question
    says: bool


def match_follow_up(turn: Turn) -> FollowUpAnswer | None:
    """A plain yes or no, when the question is the last thing that was said."""
    says = yes_or_no(turn.words)
    if says is None:
        return None
    policy, asked_at = turn.policy.follow_up, turn.message.at
    follow_up = get_open_follow_up(turn.session, turn.conversation, policy, now=asked_at)
    question = next_question(follow_up) if follow_up else None
    if follow_up is None or question is None or turn.last_said is None:
        return None
    if turn.last_said.script != question.line:
        return None
    return FollowUpAnswer(follow_up.id, question, says)


def act_on_follow_up(turn: Turn, _: FollowUpAnswer) -> bool:
    """Record the answer, and ask the next question."""
    answer = match_follow_up(turn)
    if answer is None:  # answered on the page a moment ago
        turn.say("follow_up_thanks")
        return True
    session, line, conversation = turn.session, turn.line, turn.conversation
    follow_up = session.get_one(FollowUp, answer.follow_up_id)
    record_answer(session, line, conversation, answer, message=turn.message, now=turn.now)
    if (following := next_question(follow_up)) is not None:
        turn.say(following.line)
    elif answer.question is Question.HEARD:
        turn.say("follow_up_thanks")
    elif not answer.says:
        turn.say("follow_up_nobody")
    return True


def record_answer(
    session: Session,
    line: Line,
    conversation: Conversation,
    answer: FollowUpAnswer,
    *,
    message: Message | None,
    now: datetime,
) -> Handoff | None:
    """Record one answer, by text (`message`) or on the page. The caller holds the conversation.

    A yes to AGAIN opens a handoff. For AGAIN the open one is returned.
    """
    opened = None
    follow_up = session.get_one(FollowUp, answer.follow_up_id)
    match answer.question:
        case Question.REACHED:
            follow_up.reached = answer.says
        case Question.HELPED:
            follow_up.helped = answer.says
        case Question.HEARD:
            follow_up.heard, follow_up.answered_at = answer.says, now
        case Question.AGAIN:
            follow_up.answered_at = now
            opened = get_open_handoff(session, conversation)
            if answer.says and opened is None:
                opened = ask_for_a_person(session, line, conversation, message=message, now=now)
                follow_up.led_to_id = opened.id
    session.flush()
    return opened


# --- reading ---


def list_follow_ups(
    session: Session, program: Program, since: datetime, until: datetime
) -> Sequence[FollowUp]:
    """What the mentees of a program were asked, from `since` up to `until`; the oldest first."""
    return session.scalars(
        select(FollowUp)
        .join(Handoff, Handoff.id == FollowUp.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            FollowUp.asked_at >= since,
            FollowUp.asked_at < until,
        )
        .order_by(FollowUp.asked_at, FollowUp.id)
    ).all()
