"""One handoff as one person may see it, and one move on it at a time: what its pages share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from fastapi import Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import AlreadyTaken, NeedsReason, lock_conversation
from escalation.handoffs.moves import Closed, NotHolder, Refused
from escalation.handoffs.transfers import CannotTransfer, NotAsked, TransferOver
from escalation.speech.i18n import gettext_noop, phrase
from gateway.console.canned_replies import filled, list_replies
from gateway.conversations.visibility import what_may_be_read
from gateway.handoffs.brief import Brief, build_brief, load_guide, what_is_known
from gateway.handoffs.decisions import (
    Piece,
    decision_about,
    highlight_evidence,
    highlight_pieces,
    why_decided,
)
from gateway.handoffs.notes import BadNote, list_notes, may_note
from gateway.handoffs.presence import is_worth_noting, touch
from gateway.handoffs.queue import is_kept_from
from gateway.handoffs.timeline import thread_until
from gateway.messaging.outbox import acting
from gateway.review.pages import Judging, judging_handoff
from gateway.runtime import audit
from gateway.runtime.line import Line
from gateway.web.i18n import in_its_language
from gateway.web.lookup import find_handoff
from gateway.web.rendering import PageRefused, env, get_line, go_to, page, wants_part
from models import (
    CannedReply,
    Channel,
    Conversation,
    Debrief,
    DecisionRecord,
    Handoff,
    Message,
    Note,
    Person,
    Role,
    Status,
    Transfer,
)

env.filters.update(filled=filled, why=in_its_language(why_decided))

NEWEST = 100
# Another tab, or a browser without our script, may send one click twice.
DOUBLE_CLICK = timedelta(seconds=5)


class Stage(StrEnum):
    """Where a handoff stands for the person who looks at it.

    `offered`: a colleague who holds it asks this person to take it over.
    """

    WAITING = "waiting"
    MINE = "mine"
    OFFERED = "offered"
    THEIRS = "theirs"
    CLOSED = "closed"


@dataclass(frozen=True)
class View:
    """What one person may see of one handoff, and what changes while they look.

    `transfer` is the latest offer of it to a colleague under the present holder. `shares_whole`
    is False where the mentee shows only what came after they asked for a person.
    """

    handoff: Handoff
    stage: Stage
    may_read: bool
    transfer: Transfer | None = None
    thread: Sequence[Message] = ()
    earlier: bool = False
    shares_whole: bool = True
    cannot_write: str | None = None


@dataclass(frozen=True)
class Desk:
    """What lies around the thread: read once, when the page is opened."""

    opening: Message | None = None
    pieces: Sequence[Piece] = ()
    record: DecisionRecord | None = None
    brief: Brief | None = None
    notes: Sequence[Note] = ()
    may_note: bool = False
    replies: Sequence[CannedReply] = ()
    colleagues: Sequence[Person] = ()
    debrief: Debrief | None = None
    judging: Judging | None = None


NOTHING_AROUND = Desk()

# What a form was sent with, by the names of its boxes, so that a refusal gives it back.
Kept = Mapping[str, str]
BOXES = ("words", "note", "to", "handing", "outcome", "reason", "debrief")


def build_view(session: Session, person: Person, number: int, *, all_of_it: bool = False) -> View:
    """A mentor reads what they hold, or held when it was closed; a manager reads everything.

    Raises:
        PageRefused: it is not there, or not for this person at all.
    """
    handoff = find_handoff(session, person, number)
    transfer = _find_transfer(session, handoff)
    stage = _stage(handoff, person, transfer)
    may_read = person.role is Role.MANAGER or handoff.mentor_id == person.id
    if not may_read:
        if is_kept_from(session, person, handoff):
            raise PageRefused(
                403, phrase("#{number} goes to one of your colleagues.", number=number)
            )
        return View(handoff, stage, may_read=False, transfer=transfer)
    thread = thread_until(session, handoff, newest=None if all_of_it else NEWEST + 1)
    first = what_may_be_read(session, handoff, handoff.conversation.person)
    thread = [said for said in thread if first is None or said.id >= first]
    earlier = not all_of_it and len(thread) > NEWEST
    return View(
        handoff,
        stage,
        may_read=True,
        transfer=transfer,
        thread=thread[-NEWEST:] if earlier else thread,
        earlier=earlier,
        shares_whole=first is None,
        cannot_write=why_not_writable(session, handoff.conversation),
    )


def build_handoff_page(session: Session, line: Line, person: Person, view: View) -> Desk:
    """What lies around the thread that `person` may read."""
    handoff = view.handoff
    if not view.may_read:
        return NOTHING_AROUND
    record = decision_about(session, handoff.opened_by_message_id)
    opening = session.get(Message, handoff.opened_by_message_id or 0)
    pieces: Sequence[Piece] = ()
    if opening is not None:
        pieces = (
            highlight_evidence(record, opening.words)
            if record
            else highlight_pieces(opening.words, [])
        )
    mine = view.stage is Stage.MINE
    return Desk(
        opening=opening,
        pieces=pieces,
        record=record,
        brief=brief_for(session, line, person, handoff),
        notes=list_notes(session, handoff),
        may_note=may_note(handoff, person),
        replies=list_replies(session, person.program_id) if mine else (),
        colleagues=_colleagues(session, person) if mine else (),
        debrief=session.scalar(
            select(Debrief).where(Debrief.handoff_id == handoff.id, Debrief.person_id == person.id)
        ),
        judging=judging_handoff(session, handoff, person, action=f"/console/{handoff.id}/verdict"),
    )


def brief_for(session: Session, line: Line, person: Person, handoff: Handoff) -> Brief:
    cut_offs = line.rules.policy.check_ins
    known = what_is_known(session, handoff, person, cut_offs=cut_offs, now=line.clock())
    return build_brief(known, load_guide())


def note_reading(line: Line, person: Person, view: View) -> None:
    """Before the words are shown: who reads them is kept, and that they look at them now."""
    if not view.may_read:
        return
    audit.read(line, person, f"handoff:{view.handoff.id}")
    if not view.handoff.is_open:
        return
    now = line.clock()
    with line.database.reading() as session:
        if not is_worth_noting(session, person, view.handoff, now=now):
            return
    with line.database.writing() as session:
        touch(session, person, view.handoff, now=now)


# --- moves ---


Make = Callable[[Session, Line, Handoff], None]


def act(
    request: Request,
    number: int,
    person: Person,
    move: Make,
    *,
    then: str | None = None,
    kept: Kept | None = None,
    stays: bool = False,
) -> Response:
    """Make one move, holding the conversation. A refusal is a sentence and loses no words.

    `kept` is what was written. Where a page `stays`, it reads anew by itself what has changed.
    """
    line = get_line(request)
    try:
        with acting(line) as session:
            handoff = find_handoff(session, person, number)
            lock_conversation(session, handoff.conversation_id)
            session.refresh(handoff)
            try:
                move(session, line, handoff)
            except Refused as refused:
                # In words at once: with the transaction go the rows that the words are made of.
                raise PageRefused(409, _in_plain_words(refused, number)) from refused
            except BadNote as bad:
                raise PageRefused(422, str(bad)) from bad
    except PageRefused as refused:
        return _refuse(request, number, person, refused, kept or {})
    if stays and wants_part(request):
        return Response(status_code=204)
    return go_to(request, then or f"/console/{number}")


def show(
    request: Request,
    person: Person,
    number: int,
    *,
    all_of_it: bool = False,
    status: int = 200,
    kept: Kept | None = None,
    sentence: str = "",
) -> Response:
    """The page of a handoff; with a refusal, the sentence and what had been written."""
    line = get_line(request)
    with line.database.reading() as session:
        view = build_view(session, person, number, all_of_it=all_of_it)
        if not sentence:
            _refuse_strangers(view)
        desk = build_handoff_page(session, line, person, view)
    note_reading(line, person, view)
    return page(
        request,
        "console/handoff.html",
        viewer=person,
        status=status,
        view=view,
        desk=desk,
        all=all_of_it,
        kept=dict.fromkeys(BOXES, "") | dict(kept or {}),
        sentence=sentence,
    )


def cleaned(words: str) -> str:
    """Words as they can be kept: one kind of line break, and no byte that a database refuses."""
    whole = words.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\r\n", "\n").replace("\x00", "\ufffd").strip()


def _refuse(
    request: Request, number: int, person: Person, refused: PageRefused, kept: Kept
) -> Response:
    """The page itself says it when it asked; otherwise the whole page comes back, words and all."""
    if wants_part(request) or refused.status == 404:
        raise refused
    return show(request, person, number, status=refused.status, kept=kept, sentence=str(refused))


def _refuse_strangers(view: View) -> None:
    number = view.handoff.id
    if view.may_read:
        return
    if view.stage is Stage.THEIRS:
        holder = view.handoff.mentor.name if view.handoff.mentor else "somebody"
        raise PageRefused(
            403,
            phrase(
                "#{number} is held by {holder}. Only who holds a conversation can read it.",
                number=number,
                holder=holder,
            ),
        )
    if view.stage is Stage.CLOSED:
        raise PageRefused(
            403, phrase("#{number} is closed, and you did not hold it.", number=number)
        )


def _in_plain_words(refused: Refused, number: int) -> str:
    match refused:
        case AlreadyTaken():
            return phrase("{holder} has #{number} already.", holder=refused.holder, number=number)
        case Closed():
            return phrase("#{number} is closed.", number=number)
        case NotHolder():
            return phrase(
                "You do not hold #{number} any more, so nothing was changed or sent.", number=number
            )
        case NeedsReason():
            return gettext_noop("This is a crisis: write a few words on why it can be closed.")
        case CannotTransfer():
            return phrase("Not offered. {sentence}", sentence=refused.sentence)
        case NotAsked():
            return phrase("#{number} was not offered to you.", number=number)
        case TransferOver():
            return phrase("#{number} is no longer offered to you.", number=number)
        case _:
            return phrase(
                "#{number} has moved meanwhile. Reload the page and look again.", number=number
            )


def _stage(handoff: Handoff, person: Person, transfer: Transfer | None) -> Stage:
    if not handoff.is_open:
        return Stage.CLOSED
    if handoff.status is Status.WAITING:
        return Stage.WAITING
    if handoff.mentor_id == person.id:
        return Stage.MINE
    asked = transfer is not None and transfer.answered_at is None and transfer.to_id == person.id
    return Stage.OFFERED if asked else Stage.THEIRS


def _find_transfer(session: Session, handoff: Handoff) -> Transfer | None:
    """The latest offer that the present holder has made since they hold it."""
    if handoff.claimed_at is None or not handoff.is_open:
        return None
    return session.scalar(
        select(Transfer)
        .where(Transfer.handoff_id == handoff.id, Transfer.from_id == handoff.mentor_id)
        .order_by(Transfer.id.desc())
        .limit(1)
    )


def _colleagues(session: Session, person: Person) -> list[Person]:
    """Whom `person` may ask to take over; whether they can just now is seen when it is asked."""
    there = session.scalars(
        select(Person).where(
            Person.program_id == person.program_id,
            Person.role != Role.MENTEE,
            Person.left_at.is_(None),
            Person.id != person.id,
        )
    )
    return sorted(there, key=lambda one: (one.name.casefold(), one.id))


def why_not_writable(session: Session, conversation: Conversation) -> str | None:
    """Why words written here would reach nobody, and what to do; None when they would."""
    person = conversation.person
    if person is None or conversation.channel is Channel.WEB:
        return None
    if person.opted_out_at is not None:
        # Who knows the web chat reads there what may not be texted.
        on_web = select(Message.id).where(
            Message.conversation_id == conversation.id, Message.channel == Channel.WEB
        )
        if session.scalar(on_web.limit(1)) is not None:
            return None
        return phrase(
            "{name} has texted STOP, so nothing may be texted to them. Reach them another "
            "way, then close this.",
            name=person.name,
        )
    if person.phone is None or person.unreachable_code:
        return phrase(
            "{name}'s number cannot be texted. Reach them another way, then close this.",
            name=person.name,
        )
    return None
