"""Which of a mentee's texts belong together, because they came within seconds or as parts.

Nothing waits for a text that may still come: a crisis in the first text is acted on at once, and
no timer has to survive a restart. What is recorded already when a text is read, is read with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import select

from escalation.decide import Do
from escalation.detect.bursts import part_of
from gateway.conversations.quick_replies import KEYWORDS, one_word
from gateway.conversations.turn import Turn
from models import DecisionRecord, Message


def list_latest(turn: Turn) -> list[Message]:
    """This text and those before it, each within seconds of the next. Empty if it came alone."""
    policy = turn.policy.bursts
    within = timedelta(seconds=policy.within_seconds)
    burst = [turn.message]
    for message in reversed(_before(turn, turn.message.at - within * policy.most_texts)):
        if burst[0].at - message.at > within or len(burst) == policy.most_texts:
            break
        burst.insert(0, message)
    return burst if len(burst) > 1 else []


def find_burst(turn: Turn, latest: Sequence[Message]) -> tuple[str, ...]:
    """The mentee's texts to read together with this one, oldest first, this one among them.

    `latest` comes from `list_latest`. Empty if it came alone.
    """
    here, policy = turn.message, turn.policy.bursts
    if here.kind is not None:
        return ()
    if (part := part_of(here.words)) is not None:
        since = here.at - timedelta(seconds=policy.parts_within_seconds)
        parts = [(message, part_of(message.words)) for message in _before(turn, since)]
        texts = [message.words for message, one in parts if one is not None and one.of == part.of]
        return (*texts, here.words) if texts else ()
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


def find_next(turn: Turn, latest: Sequence[Message]) -> Message | None:
    """The mentee's next text, if it came within seconds and is recorded already."""
    within = timedelta(seconds=turn.policy.bursts.within_seconds)
    following = turn.session.scalar(
        select(Message)
        .where(
            Message.conversation_id == turn.conversation.id,
            Message.id > turn.message.id,
            Message.outgoing.is_(False),
        )
        .order_by(Message.id)
        .limit(1)
    )
    if following is None or following.kind or following.handled_at is not None:
        return None
    close = following.at - turn.message.at <= within
    many = len(latest) >= turn.policy.bursts.most_texts
    alone = any(map(stands_alone, (turn.words, following.words)))
    return following if close and not many and not alone else None


def stands_alone(words: str) -> bool:
    """Whether a text is complete: MENU, or a picture without words."""
    return not words.strip() or one_word(words).upper() in KEYWORDS


def _before(turn: Turn, since: datetime) -> list[Message]:
    earlier = (
        select(Message)
        .where(
            Message.conversation_id == turn.conversation.id,
            Message.id < turn.message.id,
            Message.outgoing.is_(False),
            Message.kind.is_(None),
            Message.at >= since,
        )
        .order_by(Message.id.desc())
        .limit(2 * turn.policy.bursts.most_texts)
    )
    return list(turn.session.scalars(earlier))[::-1]
