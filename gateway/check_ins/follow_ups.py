"""Questions to a mentee after a handoff; after a no we ask whether someone should come again.

Nothing reopens the old handoff: a need that remains is a new one. The next question follows from
the row, so that an answer by text and one on the page do not conflict.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff
from escalation.policy import FollowUpPolicy
from escalation.transaction import Transaction
from gateway.conversations.person_requests import ask_for_a_person
from gateway.conversations.quick_replies import one_word
from gateway.conversations.turn import Turn
from models import Conversation, FollowUp, Handoff, HandoffEvent, Message, Move, Person

YES_WORDS = frozenset({"ok", "okay", "k", "yes", "y", "yeah", "yep", "yup", "sure", "yes please"})
NO_WORDS = frozenset({"no", "n", "nope", "nah", "not really", "no thanks", "no thank you"})


class Question(StrEnum):
    """AGAIN, after a no: whether someone should come again."""

    REACHED = "reached"
    HELPED = "helped"
    HEARD = "heard"
    AGAIN = "again"

    @property
    def line(self) -> str:
        """The line of the script that asks it."""
        return f"follow_up_{self}"


def next_question(follow_up: FollowUp) -> Question | None:
    """None when everything was answered."""
    if follow_up.answered_at is not None:
        return None
    if follow_up.reached is None:
        return Question.REACHED
    # Mentees who were not reached, or not helped, get one more question: the rest can wait.
    if follow_up.reached is False or follow_up.helped is False:
        return Question.AGAIN
    if follow_up.helped is None:
        return Question.HELPED
    return Question.HEARD


def yes_or_no(words: str) -> bool | None:
    """The answer of a text that is a plain yes or no and nothing else."""
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


def get_open_follow_up(
    session: Session, conversation: Conversation, policy: FollowUpPolicy, *, now: datetime
) -> FollowUp | None:
    """The one that still waits for an answer, if any."""
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
    """A plain yes or no, if our question is the last message before it."""
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
    answer = match_follow_up(turn)
    if answer is None:  # answered on the page a moment ago
        turn.say("follow_up_thanks")
        return True
    follow_up = turn.session.get_one(FollowUp, answer.follow_up_id)
    record_answer(turn, turn.conversation, answer, message=turn.message)
    if (following := next_question(follow_up)) is not None:
        turn.say(following.line)
    elif answer.question is Question.HEARD:
        turn.say("follow_up_thanks")
    elif not answer.says:
        turn.say("follow_up_nobody")
    return True


def record_answer(
    tx: Transaction,
    conversation: Conversation,
    answer: FollowUpAnswer,
    *,
    message: Message | None,
) -> Handoff | None:
    """Record one answer, by text (`message`) or on the page. The caller holds the conversation.

    A yes to AGAIN opens a handoff. For AGAIN the open one is returned.
    """
    opened = None
    follow_up = tx.session.get_one(FollowUp, answer.follow_up_id)
    if answer.question is Question.AGAIN:
        opened = get_open_handoff(tx.session, conversation)
        if answer.says and opened is None:
            opened = ask_for_a_person(tx, conversation, message=message)
            follow_up.led_to_id = opened.id
    else:
        setattr(follow_up, answer.question, answer.says)
    if answer.question in (Question.HEARD, Question.AGAIN):
        follow_up.answered_at = tx.now
    tx.session.flush()
    return opened
