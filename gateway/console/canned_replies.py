"""First drafts that a program's managers write and its mentors start from, and then edit.

Nothing here is ever sent: a reply is put into the box, and who sends it has read it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.conversations.relay import LONGEST_TEXT
from models import CannedReply, Person
from models.conditional import changes_one

LONGEST_TITLE = 60
MOST = 100


class ReplyRefused(Exception):
    """A reply that cannot be kept. Its text is a sentence for the manager who wrote it."""


def list_replies(session: Session, program_id: int) -> Sequence[CannedReply]:
    """The replies of a program, by their titles."""
    return session.scalars(
        select(CannedReply)
        .where(CannedReply.program_id == program_id, CannedReply.removed_at.is_(None))
        .order_by(CannedReply.title, CannedReply.id)
    ).all()


def get_reply(session: Session, program_id: int, number: int) -> CannedReply | None:
    """The reply with this number, unless it is another program's or was removed."""
    return session.scalar(
        select(CannedReply).where(
            CannedReply.id == number,
            CannedReply.program_id == program_id,
            CannedReply.removed_at.is_(None),
        )
    )


def write_reply(
    session: Session, *, by: Person, title: str, words: str, now: datetime
) -> CannedReply:
    """Keep a reply for the mentors of `by`'s program.

    Raises:
        ReplyRefused: a part is missing or too long, there is one of that title, or too many.
    """
    title, words = " ".join(title.split()), words.strip()
    if not title or not words:
        raise ReplyRefused(gettext_noop("A reply needs a title to find it by, and words."))
    if len(title) > LONGEST_TITLE:
        raise ReplyRefused(
            phrase("Keep the title under {longest} characters.", longest=LONGEST_TITLE + 1)
        )
    if len(words) > LONGEST_TEXT:
        too_many = len(words) - LONGEST_TEXT
        raise ReplyRefused(
            phrase(
                "A text holds {longest:,} characters; this is {too_many:,} too long.",
                longest=LONGEST_TEXT,
                too_many=too_many,
            )
        )
    there = list_replies(session, by.program_id)
    if any(one.title.casefold() == title.casefold() for one in there):
        raise ReplyRefused(
            phrase(
                "There is a reply “{title}” already. Remove it first, or rename this.", title=title
            )
        )
    if len(there) >= MOST:
        raise ReplyRefused(
            phrase("There are {most} replies, and nobody finds one among more.", most=MOST)
        )
    reply = CannedReply(program_id=by.program_id, title=title, words=words, by_id=by.id, at=now)
    session.add(reply)
    session.flush()
    return reply


def remove_reply(session: Session, program_id: int, number: int, *, now: datetime) -> bool:
    """Take a reply out of the mentors' lists; the row stays. False when it was not there."""
    return changes_one(
        session,
        update(CannedReply)
        .where(
            CannedReply.id == number,
            CannedReply.program_id == program_id,
            CannedReply.removed_at.is_(None),
        )
        .values(removed_at=now),
    )


def filled(words: str, name: str | None) -> str:
    """`words` with the mentee's first name where they say {name}."""
    # Not `format`: managers and names may use braces of their own.
    return words.replace("{name}", name) if name else words.replace(" {name}", "")
