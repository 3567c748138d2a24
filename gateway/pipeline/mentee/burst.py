"""Which of a mentee's texts belong together, because they came within seconds or as parts.

Nothing waits for a text that may still come: a crisis in the first text is acted on at once, and
no timer has to survive a restart. What is recorded already when a text is read, is read with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import func, select

from escalation.decide import Do
from escalation.detect.bursts import part_of
from gateway.conversations.quick_replies import KEYWORDS, one_word
from gateway.conversations.turn import Turn
from models import DecisionRecord, Message

# How many earlier texts, and how old ones, detection reads along with a text.
HISTORY_LASTS = timedelta(hours=24)
HISTORY_MESSAGES = 8


@dataclass(frozen=True)
class Texts:
    """The mentee's latest texts before this one, oldest first, and the id of their next one."""

    before: Sequence[Message]
    next_id: int | None

    def since(self, at: datetime) -> list[Message]:
        return [text for text in self.before if text.at >= at]


def read_texts(turn: Turn) -> Texts:
    here = (Message.conversation_id == turn.conversation.id) & Message.outgoing.is_(False)
    following = select(func.min(Message.id)).where(here, Message.id > turn.message.id)
    texts = turn.session.execute(
        select(Message, following.scalar_subquery())
        .where(
            here,
            (Message.id == turn.message.id)
            | (
                (Message.id < turn.message.id)
                & Message.kind.is_(None)
                & (Message.at > turn.message.at - HISTORY_LASTS)
            ),
        )
        .order_by(Message.id.desc())
        .limit(max(HISTORY_MESSAGES, 2 * turn.policy.bursts.most_texts) + 1)
    ).all()
    [(_, next_id), *before] = texts
    return Texts([text for text, _ in reversed(before)], next_id)


def list_latest(turn: Turn, texts: Texts) -> list[Message]:
    """This text and those before it, each within seconds of the next. Empty if it came alone."""
    policy = turn.policy.bursts
    within = timedelta(seconds=policy.within_seconds)
    burst = [turn.message]
    for message in reversed(texts.before):
        if burst[0].at - message.at > within or len(burst) == policy.most_texts:
            break
        burst.insert(0, message)
    return burst if len(burst) > 1 else []


def find_burst(turn: Turn, texts: Texts, latest: Sequence[Message]) -> tuple[str, ...]:
    """The mentee's texts to read together with this one, oldest first, this one among them.

    `latest` comes from `list_latest`. Empty if it came alone.
    """
    here, policy = turn.message, turn.policy.bursts
    if here.kind is not None:
        return ()
    if (part := part_of(here.words)) is not None:
        since = here.at - timedelta(seconds=policy.parts_within_seconds)
        parts = [(message, part_of(message.words)) for message in texts.since(since)]
        earlier = [message.words for message, one in parts if one is not None and one.of == part.of]
        return (*earlier, here.words) if earlier else ()
    return tuple(message.words for message in latest)


def words_for_bot(turn: Turn, latest: Sequence[Message]) -> str:
    """The words of this text after those that were left to be read together with it."""
    if turn.message.kind is not None:
        return turn.words.strip()
    if not latest:
        return turn.words
    read_on = turn.session.scalars(
        select(DecisionRecord.message_id).where(
            DecisionRecord.message_id.in_([message.id for message in latest]),
            DecisionRecord.decision == Do.READ_ON,
        )
    ).all()
    left = takewhile(lambda message: message.id in read_on, reversed(latest[:-1]))
    return " ".join([*reversed([message.words for message in left]), turn.words])


def find_next(turn: Turn, texts: Texts, latest: Sequence[Message]) -> Message | None:
    """The mentee's next text, if it came within seconds and is recorded already."""
    if texts.next_id is None:
        return None
    within = timedelta(seconds=turn.policy.bursts.within_seconds)
    following = turn.session.get_one(Message, texts.next_id)
    if following.kind or following.handled_at is not None:
        return None
    close = following.at - turn.message.at <= within
    many = len(latest) >= turn.policy.bursts.most_texts
    alone = any(map(stands_alone, (turn.words, following.words)))
    return following if close and not many and not alone else None


def stands_alone(words: str) -> bool:
    """Whether a text is complete: MENU, or a picture without words."""
    return not words.strip() or one_word(words).upper() in KEYWORDS
