"""One mentee, for whoever may start something: write first, or ask that somebody write."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.speech.i18n import gettext_noop
from escalation.speech.message_writer import get_thread
from escalation.transaction import Transaction
from gateway.accounts.sessions import Mentor
from gateway.console.moves import DOUBLE_CLICK
from gateway.conversations.relay import LONGEST_TEXT
from gateway.handoffs.first_messages import (
    CannotStart,
    find_openable_mentee,
    list_own_mentees,
    note_draft,
    open_for_mentee,
    write_first,
)
from gateway.messaging.outbox import acting
from gateway.runtime.user_input import cleaned, too_long
from gateway.web.rendering import Number, PageRefused, get_line, go_to, page
from models import Channel, Conversation, Message, Person, Urgency

router = APIRouter(prefix="/console/mentees")

Words = Annotated[str, Form()]
# Returns the address to go on at.
Start = Callable[[Transaction, Person, Person], str]


@router.get("/{number}")
def one_mentee(request: Request, number: Number, mentor: Mentor, held: bool = False) -> Response:
    return _show(request, number, mentor, held=held)


@router.post("/{number}/write")
def write(request: Request, number: Number, mentor: Mentor, words: Words = "") -> Response:
    """Write now, or in the morning if it is night for the mentee."""
    words = cleaned(words)

    def start(tx: Transaction, by: Person, mentee: Person) -> str:
        if mentee.id not in {one.id for one in list_own_mentees(tx.session, by)}:
            raise PageRefused(403, gettext_noop("Only their own mentors write to a mentee first."))
        _check(words, gettext_noop("Write a message first."))
        thread = lock_conversation(tx.session, get_thread(tx.session, tx.rules, mentee).id)
        if not _was_just_written(tx, thread, by, words):
            write_first(tx, by, mentee, note_draft(tx, by, mentee, words))
        handoff = get_open_handoff(tx.session, thread)
        return f"/console/{handoff.id}" if handoff else f"/console/mentees/{number}?held=true"

    return _start(request, number, mentor, start, {"words": words})


@router.post("/{number}/open")
def open_(
    request: Request, number: Number, mentor: Mentor, urgency: Words = "", reason: Words = ""
) -> Response:
    reason = cleaned(reason)

    def start(tx: Transaction, by: Person, mentee: Person) -> str:
        if urgency not in {one.name.lower() for one in Urgency}:
            raise PageRefused(422, gettext_noop("Choose how urgent it is."))
        _check(reason, gettext_noop("Write why somebody should write to them."))
        named = Urgency[urgency.upper()]
        return f"/console/{open_for_mentee(tx, mentee, named, by=by, reason=reason).id}"

    return _start(request, number, mentor, start, {"urgency": urgency, "reason": reason})


def _start(
    request: Request, number: int, mentor: Person, start: Start, form: dict[str, str]
) -> Response:
    line = get_line(request)
    try:
        with acting(line) as session:
            by = session.get_one(Person, mentor.id)
            mentee = _find(session, by, number)
            path = start(line.of(session, by.program_id).at(session), by, mentee)
    except CannotStart as cannot:
        return _show(request, number, mentor, form=form, refused=PageRefused(409, cannot.sentence))
    except PageRefused as refused:
        if refused.status == 404:
            raise
        return _show(request, number, mentor, form=form, refused=refused)
    return go_to(request, path)


def _was_just_written(tx: Transaction, thread: Conversation, by: Person, words: str) -> bool:
    drafts = select(Message).where(
        Message.about_id == thread.id,
        Message.speaker_id == by.id,
        Message.channel == Channel.WEB,
        Message.outgoing.is_(False),
        Message.at > tx.now - DOUBLE_CLICK,
    )
    return any(one.words == words for one in tx.session.scalars(drafts))


def _check(words: str, missing: str) -> None:
    if not words:
        raise PageRefused(422, missing)
    if sentence := too_long(words, LONGEST_TEXT):
        raise PageRefused(422, sentence)


def _find(session: Session, person: Person, number: int) -> Person:
    mentee = find_openable_mentee(session, person, number)
    if mentee is not None:
        return mentee
    raise PageRefused(404, gettext_noop("There is no such mentee among yours."))


def _show(
    request: Request,
    number: int,
    mentor: Person,
    *,
    form: dict[str, str] | None = None,
    refused: PageRefused | None = None,
    held: bool = False,
) -> Response:
    with get_line(request).database.reading() as session:
        mentee = _find(session, mentor, number)
        thread = session.scalar(select(Conversation).where(Conversation.person_id == mentee.id))
        handoff = get_open_handoff(session, thread) if thread else None
        own = mentee.id in {one.id for one in list_own_mentees(session, mentor)}
    return page(
        request,
        "console/console_mentee.html",
        viewer=mentor,
        status=refused.status if refused else 200,
        mentee=mentee,
        handoff=handoff,
        own=own,
        form={"words": "", "urgency": "", "reason": ""} | (form or {}),
        sentence=str(refused or ""),
        held=held,
        longest=LONGEST_TEXT,
    )
