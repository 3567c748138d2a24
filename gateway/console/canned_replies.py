"""Canned replies: drafts that managers write, and that mentors insert, edit, and send."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.conversations.relay import LONGEST_TEXT
from gateway.runtime.user_input import too_long
from models import CannedReply, Person

LONGEST_TITLE = 60
MOST = 100


class ReplyRefused(Exception):
    """Its text is a sentence for the manager who wrote the reply."""


def list_replies(session: Session, program_id: int) -> Sequence[CannedReply]:
    return session.scalars(
        select(CannedReply)
        .where(CannedReply.program_id == program_id, CannedReply.removed_at.is_(None))
        .order_by(CannedReply.title, CannedReply.id)
    ).all()


def write_reply(session: Session, *, by: Person, title: str, words: str, now: datetime) -> None:
    """Raises ReplyRefused: something is missing, too long, or in use, or the list is full."""
    if not title or not words:
        raise ReplyRefused(gettext_noop("A reply needs a title and a message."))
    if len(title) > LONGEST_TITLE:
        raise ReplyRefused(
            phrase("Keep the title under {longest} characters.", longest=LONGEST_TITLE + 1)
        )
    if sentence := too_long(words, LONGEST_TEXT):
        raise ReplyRefused(sentence)
    there = list_replies(session, by.program_id)
    if any(one.title.casefold() == title.casefold() for one in there):
        raise ReplyRefused(
            phrase(
                "There is a reply “{title}” already. Remove it or use another title.",
                title=title,
            )
        )
    if len(there) >= MOST:
        raise ReplyRefused(phrase("You have {most} replies. Remove one first.", most=MOST))
    session.add(
        CannedReply(program_id=by.program_id, title=title, words=words, by_id=by.id, at=now)
    )


def remove_reply(session: Session, program_id: int, number: int, *, now: datetime) -> None:
    """Hide a reply from mentors; the row stays. Does nothing if there is no such reply."""
    for reply in list_replies(session, program_id):
        if reply.id == number:
            reply.removed_at = now


def filled(words: str, name: str | None) -> str:
    # Not `format`: managers and names may use braces of their own.
    return words.replace("{name}", name) if name else words.replace(" {name}", "")
