"""What was said in a thread before a text. It is read once for each text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.speech.disclosure import DISCLOSURES
from models import Message

OFFERS = ("offer_own", "offer_team")
NUDGES = ("nudge_own", "nudge_team")
ERASURE = ("erase_set", "erase_undone")
LINES = (*OFFERS, *NUDGES, *ERASURE, *DISCLOSURES)


@dataclass(frozen=True)
class Said:
    """`last` is the last message to the person before the text, and `last_words_at` the time of the
    last message before it, whoever wrote it. `lines` has the lines of LINES that were said, also
    after the text arrived: the id and the time of the last message with each.
    """

    last: Message | None
    last_words_at: datetime | None
    lines: Mapping[str, tuple[int, datetime]]

    def last_at(self, keys: Iterable[str]) -> datetime | None:
        return max((self.lines[key][1] for key in keys if key in self.lines), default=None)

    @property
    def erasure_set_at(self) -> datetime | None:
        """When the request was set that was not cancelled since."""
        asked, undone = (self.lines.get(key) for key in ERASURE)
        if asked is None or (undone is not None and undone > asked):
            return None
        return asked[1]


def read_said(session: Session, message: Message) -> Said:
    before = (Message.conversation_id == message.conversation_id) & (Message.id < message.id)
    any_at = select(func.max(Message.at)).where(before)
    last, last_words_at = session.execute(
        select(Message, any_at.scalar_subquery())
        .where(before, Message.outgoing)
        .order_by(Message.id.desc())
        .limit(1)
    ).one_or_none() or (None, session.scalar(any_at))
    lines = session.execute(
        select(Message.script, func.max(Message.id), func.max(Message.at))
        .where(Message.conversation_id == message.conversation_id, Message.script.in_(LINES))
        .group_by(Message.script)
    )
    return Said(last, last_words_at, {str(key): (number, at) for key, number, at in lines})
