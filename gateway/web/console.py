"""The mentors' console: who waits, taking a handoff, reading, writing, giving back, closing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs import (
    AlreadyTaken,
    Closed,
    NeedsReason,
    NotHolder,
    Refused,
    claim,
    hold_conversation,
    release,
    resolve,
)
from gateway.delivery import acting
from gateway.history import (
    Piece,
    decision_about,
    evidence_of,
    pieces_of,
    thread_until,
)
from gateway.line import Line
from gateway.mentor_texts import LONGEST_TEXT, held_by, waiting_in, write_to_mentee
from gateway.web.pages import Number, PageRefused, go_to, line_of, page, wants_part
from gateway.web.sign_in import Mentor
from gateway.web.verdicts import Judging, judging_handoff
from models import (
    Conversation,
    DecisionRecord,
    Handoff,
    Message,
    Outcome,
    Person,
    Role,
    Status,
)

router = APIRouter(prefix="/console")

RECENTLY = timedelta(days=7)
NEWEST = 100
# Another tab, or a browser without our script, may send one click twice.
DOUBLE_CLICK = timedelta(seconds=5)


class Stage(StrEnum):
    """Where a handoff stands for the person who looks at it."""

    WAITING = "waiting"
    MINE = "mine"
    THEIRS = "theirs"
    CLOSED = "closed"


@dataclass(frozen=True)
class View:
    """What one person may see of one handoff."""

    handoff: Handoff
    stage: Stage
    may_read: bool
    thread: Sequence[Message] = ()
    earlier: bool = False
    opening: Message | None = None
    pieces: Sequence[Piece] = ()
    record: DecisionRecord | None = None
    cannot_write: str | None = None
    judging: Judging | None = None


@router.get("")
def lists(request: Request, mentor: Mentor) -> Response:
    return _lists(request, mentor, "console.html")


@router.get("/lists")
def only_lists(request: Request, mentor: Mentor) -> Response:
    """Only the lists, for the page to read anew."""
    return _lists(request, mentor, "console_lists.html")


@router.get("/{number}")
def handoff_page(request: Request, number: Number, mentor: Mentor, all: bool = False) -> Response:
    with line_of(request).database.reading() as session:
        view = _view(session, mentor, number, all_of_it=all)
    if view.stage is Stage.THEIRS and not view.may_read:
        holder = view.handoff.mentor.name if view.handoff.mentor else "somebody"
        raise PageRefused(
            403, f"#{number} is held by {holder}. Only who holds a conversation can read it."
        )
    if view.stage is Stage.CLOSED and not view.may_read:
        raise PageRefused(403, f"#{number} is closed, and you did not hold it.")
    return page(request, "handoff.html", viewer=mentor, view=view, all=all, words="", sentence="")


@router.get("/{number}/now")
def only_now(request: Request, number: Number, mentor: Mentor, all: bool = False) -> Response:
    """What changes of a handoff's page while it is open: not the boxes one writes in."""
    with line_of(request).database.reading() as session:
        view = _view(session, mentor, number, all_of_it=all)
    return page(request, "handoff_now.html", viewer=mentor, view=view, all=all)


@router.post("/{number}/take")
def take(request: Request, number: Number, mentor: Mentor) -> Response:
    def move(session: Session, line: Line, handoff: Handoff) -> None:
        now = line.clock()
        try:
            claim(session, handoff, mentor, now=now, rules=line.rules, later=line.later)
        except AlreadyTaken as taken:
            if taken.holder_id != mentor.id:  # otherwise a second click: it is theirs already
                raise

    return _act(request, number, mentor, move)


@router.post("/{number}/reply")
def reply(
    request: Request, number: Number, mentor: Mentor, words: Annotated[str, Form()] = ""
) -> Response:
    words = words.replace("\r\n", "\n").replace("\x00", "\ufffd").strip()

    def move(session: Session, line: Line, handoff: Handoff) -> None:
        if handoff.mentor_id != mentor.id or handoff.status is not Status.CLAIMED:
            raise NotHolder(handoff, mentor) if handoff.is_open else Closed(handoff)
        if not words:
            raise PageRefused(422, "There is nothing to send yet. Write something first.")
        if len(words) > LONGEST_TEXT:
            too_many = len(words) - LONGEST_TEXT
            raise PageRefused(
                422,
                f"A text holds {LONGEST_TEXT:,} characters; this is {too_many:,} too long. "
                "Send it in two.",
            )
        if reason := _why_not_textable(handoff.conversation):
            raise PageRefused(409, f"Not sent. {reason}")
        now = line.clock()
        if not _was_just_said(session, handoff, mentor, words, line):
            write_to_mentee(session, handoff, mentor, words, now=now)

    return _act(request, number, mentor, move, words=words, stays=True)


@router.post("/{number}/give-back")
def give_back(request: Request, number: Number, mentor: Mentor) -> Response:
    def move(session: Session, line: Line, handoff: Handoff) -> None:
        now = line.clock()
        if not handoff.is_open:
            raise Closed(handoff)
        release(session, handoff, by=mentor, now=now, rules=line.rules, later=line.later)

    return _act(request, number, mentor, move, then="/console")


@router.post("/{number}/done")
def done(
    request: Request,
    number: Number,
    mentor: Mentor,
    outcome: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    chosen = next((one for one in Outcome if one.value == outcome), None)

    def move(session: Session, line: Line, handoff: Handoff) -> None:
        if chosen is None:
            raise PageRefused(422, "Choose how it ended.")
        if len(reason) > LONGEST_TEXT:
            raise PageRefused(422, f"Keep the reason under {LONGEST_TEXT:,} characters.")
        resolve(
            session,
            handoff,
            chosen,
            by=mentor,
            note=reason.replace("\x00", "\ufffd").strip(),
            now=line.clock(),
            rules=line.rules,
        )

    return _act(request, number, mentor, move)


Make = Callable[[Session, Line, Handoff], None]


def _act(
    request: Request,
    number: int,
    mentor: Person,
    move: Make,
    *,
    then: str | None = None,
    words: str = "",
    stays: bool = False,
) -> Response:
    """Make one move, holding the conversation. A refusal is a sentence and loses no words."""
    line = line_of(request)
    try:
        with acting(line) as session:
            handoff = _find(session, mentor, number)
            hold_conversation(session, handoff.conversation_id)
            session.refresh(handoff)
            move(session, line, handoff)
    except Refused as refused:
        return _refuse(
            request, number, mentor, PageRefused(409, _in_plain_words(refused, number)), words
        )
    except PageRefused as refused:
        return _refuse(request, number, mentor, refused, words)
    if stays and wants_part(request):
        return Response(status_code=204)
    return go_to(request, then or f"/console/{number}")


def _refuse(
    request: Request, number: int, mentor: Person, refused: PageRefused, words: str
) -> Response:
    """The page itself says it when it asked; otherwise the whole page comes back, words and all."""
    if wants_part(request) or refused.status == 404:
        raise refused
    with line_of(request).database.reading() as session:
        view = _view(session, mentor, number, all_of_it=False)
    return page(
        request,
        "handoff.html",
        viewer=mentor,
        status=refused.status,
        view=view,
        all=False,
        words=words,
        sentence=str(refused),
    )


def _in_plain_words(refused: Refused, number: int) -> str:
    match refused:
        case AlreadyTaken():
            return f"{refused.holder} has #{number} already."
        case Closed():
            return f"#{number} is closed."
        case NotHolder():
            return f"You do not hold #{number} any more, so nothing was changed or sent."
        case NeedsReason():
            return "This is a crisis: write a few words on why it can be closed."
        case _:
            return f"#{number} has moved meanwhile. Reload the page and look again."


def _lists(request: Request, mentor: Person, template: str) -> Response:
    now = line_of(request).clock()
    with line_of(request).database.reading() as session:
        waiting = waiting_in(session, mentor)
        mine = held_by(session, mentor)
        closed = session.scalars(
            select(Handoff)
            .join(Conversation)
            .where(
                Conversation.programme_id == mentor.programme_id,
                Handoff.closed_at > now - RECENTLY,
                *([] if mentor.role is Role.MANAGER else [Handoff.mentor_id == mentor.id]),
            )
            .order_by(Handoff.closed_at.desc())
            .limit(20)
        ).all()
        theirs = _held_by_others(session, mentor) if mentor.role is Role.MANAGER else []
    return page(
        request, template, viewer=mentor, waiting=waiting, mine=mine, theirs=theirs, closed=closed
    )


def _held_by_others(session: Session, manager: Person) -> Sequence[Handoff]:
    return session.scalars(
        select(Handoff)
        .join(Conversation)
        .where(
            Conversation.programme_id == manager.programme_id,
            Handoff.status == Status.CLAIMED,
            Handoff.mentor_id != manager.id,
        )
        .order_by(Handoff.id)
    ).all()


def _find(session: Session, mentor: Person, number: int) -> Handoff:
    """The handoff with this number in the mentor's own programme; of others nothing is told."""
    handoff = session.get(Handoff, number)
    if handoff is None or handoff.conversation.programme_id != mentor.programme_id:
        raise PageRefused(404, f"There is no #{number} in your programme.")
    return handoff


def _view(session: Session, mentor: Person, number: int, *, all_of_it: bool) -> View:
    """A mentor reads what they hold, or held when it was closed; a manager reads everything."""
    handoff = _find(session, mentor, number)
    stage = _stage(handoff, mentor)
    may_read = mentor.role is Role.MANAGER or handoff.mentor_id == mentor.id
    if not may_read:
        return View(handoff, stage, may_read=False)
    thread = thread_until(session, handoff, newest=None if all_of_it else NEWEST + 1)
    earlier = not all_of_it and len(thread) > NEWEST
    record = decision_about(session, handoff.opened_by_message_id)
    opening = session.get(Message, handoff.opened_by_message_id or 0)
    pieces: Sequence[Piece] = ()
    if opening is not None:
        pieces = evidence_of(record, opening.words) if record else pieces_of(opening.words, [])
    return View(
        handoff,
        stage,
        may_read=True,
        thread=thread[-NEWEST:] if earlier else thread,
        earlier=earlier,
        opening=opening,
        pieces=pieces,
        record=record,
        cannot_write=_why_not_textable(handoff.conversation),
        judging=judging_handoff(session, handoff, mentor, action=f"/console/{number}/verdict"),
    )


def _stage(handoff: Handoff, mentor: Person) -> Stage:
    if not handoff.is_open:
        return Stage.CLOSED
    if handoff.status is Status.WAITING:
        return Stage.WAITING
    return Stage.MINE if handoff.mentor_id == mentor.id else Stage.THEIRS


def _why_not_textable(conversation: Conversation) -> str | None:
    """Why words written here would reach nobody, and what to do; None when they would."""
    person = conversation.person
    if person is None:
        return None
    if person.opted_out_at is not None:
        return (
            f"{person.name} has texted STOP, so nothing may be texted to them. "
            "Reach them another way, then close this."
        )
    if person.phone is None or person.unreachable_code:
        return f"{person.name}'s number cannot be texted. Reach them another way, then close this."
    return None


def _was_just_said(
    session: Session, handoff: Handoff, mentor: Person, words: str, line: Line
) -> bool:
    """Whether these very words were written here a moment ago: one click that came twice."""
    last = session.scalar(
        select(Message)
        .where(Message.conversation_id == handoff.conversation_id, Message.speaker_id == mentor.id)
        .order_by(Message.id.desc())
        .limit(1)
    )
    return last is not None and last.words == words and line.clock() - last.at < DOUBLE_CLICK
