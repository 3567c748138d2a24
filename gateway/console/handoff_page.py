"""The page of one handoff, with what its reader may see."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import list_staff
from escalation.speech.i18n import phrase
from gateway.console.canned_replies import filled, list_replies
from gateway.conversations.relay import what_may_be_read
from gateway.handoffs.brief.build import Brief, build_brief
from gateway.handoffs.brief.facts import read_facts
from gateway.handoffs.brief.guide import load_guide
from gateway.handoffs.debriefs import find_debrief
from gateway.handoffs.decisions import (
    Segment,
    decision_reason,
    find_decision,
    highlight_evidence,
    list_decisions,
)
from gateway.handoffs.notes import list_notes, may_note
from gateway.handoffs.presence import is_worth_noting, touch
from gateway.handoffs.queue import is_excluded
from gateway.handoffs.thread import readable_thread
from gateway.review.judging import Judging, judging_handoff
from gateway.runtime import audit
from gateway.runtime.labels import skill_end, skill_name
from gateway.runtime.line import Line
from gateway.web.i18n import in_its_language
from gateway.web.lookup import find_handoff
from gateway.web.rendering import (
    PageRefused,
    env,
    get_line,
    page,
)
from models import (
    CannedReply,
    Channel,
    Conversation,
    Debrief,
    DecisionRecord,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Note,
    Person,
    Role,
    Status,
    Transfer,
)

env.filters.update(
    filled=filled,
    why=in_its_language(decision_reason),
    skill_end=skill_end,
    skill_name=in_its_language(skill_name),
)

NEWEST = 100


class ViewerStatus(StrEnum):
    """What the handoff is to the viewer. `offered`: its mentor asks the viewer to take it over."""

    WAITING = "waiting"
    MINE = "mine"
    OFFERED = "offered"
    THEIRS = "theirs"
    CLOSED = "closed"


@dataclass(frozen=True)
class View:
    """What one person may see of one handoff, and what changes while they look.

    `transfer` is the latest offer by the current mentor. `shares_whole` is False when the mentee
    shares only what came after they needed a person.
    """

    handoff: Handoff
    status: ViewerStatus
    may_read: bool
    transfer: Transfer | None = None
    thread: Sequence[Message] = ()
    earlier: bool = False
    shares_whole: bool = True
    cannot_write: str | None = None


@dataclass(frozen=True)
class Details:
    """What is beside the thread; read once, when the page opens."""

    opening: Message | None = None
    opening_words: Sequence[Segment] = ()
    opened_by: HandoffEvent | None = None
    record: DecisionRecord | None = None
    # What raised it later: each decision with its message.
    raised_by: Sequence[tuple[DecisionRecord, Sequence[Segment]]] = ()
    brief: Brief | None = None
    notes: Sequence[Note] = ()
    may_note: bool = False
    replies: Sequence[CannedReply] = ()
    colleagues: Sequence[Person] = ()
    debrief: Debrief | None = None
    verdict: Judging | None = None


# What was sent in a form, so that a refusal shows it again.
Form = Mapping[str, str]


def build_view(session: Session, person: Person, number: int, *, all_of_it: bool = False) -> View:
    """Mentors read the handoffs that they hold or held last, managers all. Raises PageRefused."""
    handoff = find_handoff(session, person, number)
    transfer = _find_transfer(session, handoff)
    status = _viewer_status(handoff, person, transfer)
    may_read = person.role is Role.MANAGER or handoff.mentor_id == person.id
    if not may_read:
        if is_excluded(session, person, handoff):
            raise PageRefused(403, phrase("One of your colleagues takes #{number}.", number=number))
        return View(handoff, status, may_read=False, transfer=transfer)
    first = what_may_be_read(session, handoff, handoff.conversation.person)
    newest = None if all_of_it else NEWEST + 1
    thread = readable_thread(session, handoff, first=first, newest=newest)
    earlier = not all_of_it and len(thread) > NEWEST
    return View(
        handoff,
        status,
        may_read=True,
        transfer=transfer,
        thread=thread[-NEWEST:] if earlier else thread,
        earlier=earlier,
        shares_whole=first is None,
        cannot_write=why_not_writable(session, handoff.conversation),
    )


def build_details(session: Session, line: Line, person: Person, view: View) -> Details:
    handoff = view.handoff
    if not view.may_read:
        return Details()
    record = find_decision(session, handoff.opened_by_message_id)
    opening = session.get(Message, handoff.opened_by_message_id or 0)
    mine = view.status is ViewerStatus.MINE
    return Details(
        opening=opening,
        opening_words=highlight_evidence(record, opening.words) if opening else (),
        opened_by=session.scalar(
            select(HandoffEvent).where(
                HandoffEvent.handoff_id == handoff.id,
                HandoffEvent.move == Move.OPEN,
                HandoffEvent.note.is_not(None),
            )
        ),
        record=record,
        raised_by=[
            (raised, highlight_evidence(raised, message.words))
            for raised, message in list_decisions(session, handoff)
            if message.id != handoff.opened_by_message_id
        ],
        brief=brief_for(session, line, person, handoff),
        notes=list_notes(session, handoff),
        may_note=may_note(handoff, person),
        replies=list_replies(session, person.program_id) if mine else (),
        colleagues=_colleagues(session, person) if handoff.is_open else (),
        debrief=find_debrief(session, handoff, person),
        verdict=judging_handoff(session, handoff, person, action=f"/console/{handoff.id}/verdict"),
    )


def brief_for(session: Session, line: Line, person: Person, handoff: Handoff) -> Brief:
    cut_offs = line.rules.policy.check_ins
    facts = read_facts(session, handoff, person, cut_offs=cut_offs, now=line.clock())
    return build_brief(facts, load_guide())


def note_reading(line: Line, person: Person, view: View) -> None:
    """Before the messages are shown, record the reader in the audit log and as present."""
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


def show(
    request: Request,
    person: Person,
    number: int,
    *,
    all_of_it: bool = False,
    form: Form | None = None,
    refused: PageRefused | None = None,
) -> Response:
    """The page of a handoff, with the form that was `refused`, if any."""
    line = get_line(request)
    with line.database.reading() as session:
        view = build_view(session, person, number, all_of_it=all_of_it)
        if refused is None:
            _check_readable(view)
        details = build_details(session, line, person, view)
    note_reading(line, person, view)
    return page(
        request,
        "console/handoff.html",
        viewer=person,
        status=refused.status if refused else 200,
        view=view,
        details=details,
        all=all_of_it,
        form=defaultdict(str, form or {}),
        sentence=str(refused or ""),
    )


def _check_readable(view: View) -> None:
    """Raises PageRefused when the viewer can neither read the handoff nor take it."""
    number = view.handoff.id
    if view.may_read:
        return
    if view.status is ViewerStatus.THEIRS:
        holder = view.handoff.mentor.name if view.handoff.mentor else phrase("Another mentor")
        sentence = phrase(
            "{holder} has #{number}. Only the mentor of a conversation can read it.",
            number=number,
            holder=holder,
        )
        raise PageRefused(403, sentence)
    if view.status is ViewerStatus.CLOSED:
        raise PageRefused(403, phrase("#{number} is closed, and it was not yours.", number=number))


def _viewer_status(handoff: Handoff, person: Person, transfer: Transfer | None) -> ViewerStatus:
    if not handoff.is_open:
        return ViewerStatus.CLOSED
    if handoff.status is Status.WAITING:
        return ViewerStatus.WAITING
    if handoff.mentor_id == person.id:
        return ViewerStatus.MINE
    asked = transfer is not None and transfer.answered_at is None and transfer.to_id == person.id
    return ViewerStatus.OFFERED if asked else ViewerStatus.THEIRS


def _find_transfer(session: Session, handoff: Handoff) -> Transfer | None:
    if handoff.claimed_at is None or not handoff.is_open:
        return None
    return session.scalar(
        select(Transfer)
        .where(Transfer.handoff_id == handoff.id, Transfer.from_id == handoff.mentor_id)
        .order_by(Transfer.id.desc())
        .limit(1)
    )


def _colleagues(session: Session, person: Person) -> list[Person]:
    """Everyone whom `person` may ask to take over. `offer_transfer` checks who can right now."""
    others = (one for one in list_staff(session, person.program_id) if one.id != person.id)
    return sorted(others, key=lambda one: (one.name.casefold(), one.id))


def why_not_writable(session: Session, conversation: Conversation) -> str | None:
    """Why a message would not reach the mentee, and what to do; None if it would."""
    person = conversation.person
    if person is None or conversation.channel is Channel.WEB:
        return None
    if person.opted_out_at is not None:
        # A mentee who has used the web chat reads there what we may not text.
        on_web = select(Message.id).where(
            Message.conversation_id == conversation.id, Message.channel == Channel.WEB
        )
        if session.scalar(on_web.limit(1)) is not None:
            return None
        return phrase(
            "{name} texted STOP, so we may not text them. Reach them another way, then close this.",
            name=person.name,
        )
    if person.phone is None or person.unreachable_code:
        return phrase(
            "We can't text {name}'s number. Reach them another way, then close this.",
            name=person.name,
        )
    return None
