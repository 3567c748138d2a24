"""The mentors' console: the lists, and taking, reading, answering, releasing, closing a handoff."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select

from escalation.handoffs.codes import CODE, handoff_with_code
from escalation.handoffs.handoffs import AlreadyTaken, release, resolve
from escalation.handoffs.moves import Closed, NotHolder
from escalation.handoffs.oversight import take as take_or_take_over
from escalation.speech.i18n import gettext_noop, phrase
from escalation.transaction import Transaction
from gateway.accounts.sessions import Mentor
from gateway.console.canned_replies import filled, list_replies
from gateway.console.caseload import list_own_mentees
from gateway.console.handoff_page import (
    ViewerStatus,
    brief_for,
    build_view,
    note_reading,
    show,
    why_not_writable,
)
from gateway.console.moves import DOUBLE_CLICK, STAY, act
from gateway.conversations.relay import LONGEST_TEXT, write_to_mentee
from gateway.handoffs.presence import leave
from gateway.handoffs.queue import Tab, count_queue, get_queue, is_excluded
from gateway.runtime import audit
from gateway.runtime.user_input import cleaned, too_long
from gateway.web.i18n import said_to
from gateway.web.rendering import Number, PageRefused, get_line, go_to, page
from models import Handoff, Message, Outcome, Person, Role, Status

router = APIRouter(prefix="/console")

Words = Annotated[str, Form()]


@router.get("")
def lists(request: Request, mentor: Mentor, tab: Tab | None = None) -> Response:
    return _lists(request, mentor, tab, "console/console.html")


@router.get("/lists")
def only_lists(request: Request, mentor: Mentor, tab: Tab | None = None) -> Response:
    return _lists(request, mentor, tab, "console/console_lists.html")


@router.get("/mentees")
def own_mentees(request: Request, mentor: Mentor) -> Response:
    line = get_line(request)
    policy = line.rules.policy
    audit.read(line, mentor, "mentees")
    with line.database.reading() as session:
        mentees = list_own_mentees(session, mentor, policy, now=line.clock())
    return page(
        request,
        "console/console_mentees.html",
        viewer=mentor,
        mentees=mentees,
        inactive_after=policy.targets.inactive_after_days,
        missed_within=policy.schedule.missed_shown_days,
    )


@router.get("/to/{code}")
def from_a_text(request: Request, code: str, mentor: Mentor) -> Response:
    """The link of a text, with its reader's own code."""
    handoff = None
    if CODE.fullmatch(code.upper()):
        with get_line(request).database.reading() as session:
            handoff = handoff_with_code(session, mentor, code.upper())
    if handoff is None:
        raise PageRefused(404, gettext_noop("This link is for a colleague, or no longer works."))
    return go_to(request, f"/console/{handoff.id}")


@router.get("/{number}")
def handoff_page(
    request: Request,
    number: Number,
    mentor: Mentor,
    all: bool = False,
    reply: int = 0,
    suggested: bool = False,
) -> Response:
    """`reply` and `suggested` put a canned reply or the suggested line into the message box."""
    draft = _draft(request, number, mentor, reply=reply, suggested=suggested)
    return show(request, mentor, number, all_of_it=all, form={"words": draft})


@router.get("/{number}/now")
def only_now(request: Request, number: Number, mentor: Mentor, all: bool = False) -> Response:
    """The part of the page that changes while it is open, without the forms."""
    line = get_line(request)
    with line.database.reading() as session:
        view = build_view(session, mentor, number, all_of_it=all)
    note_reading(line, mentor, view)
    return page(request, "console/handoff_now.html", viewer=mentor, view=view, all=all)


@router.get("/{number}/brief")
def brief(request: Request, number: Number, mentor: Mentor) -> Response:
    """Only the brief, as the text BRIEF links to it. A mentor who must take it first can do so."""
    line = get_line(request)
    with line.database.reading() as session:
        view = build_view(session, mentor, number)
        if not view.may_read:
            return go_to(request, f"/console/{number}")
        shown = brief_for(session, line, mentor, view.handoff)
    audit.read(line, mentor, f"handoff:{number}")
    return page(request, "console/console_brief.html", viewer=mentor, view=view, brief=shown)


@router.post("/{number}/take")
def take(request: Request, number: Number, mentor: Mentor) -> Response:
    def move(tx: Transaction, handoff: Handoff) -> None:
        if is_excluded(tx.session, mentor, handoff):
            raise PageRefused(403, phrase("One of your colleagues takes #{number}.", number=number))
        try:
            take_or_take_over(tx, handoff, mentor)
        except AlreadyTaken as taken:
            if taken.holder_id != mentor.id:  # not a double click
                raise

    return act(request, number, mentor, move)


@router.post("/{number}/reply")
def reply(request: Request, number: Number, mentor: Mentor, words: Words = "") -> Response:
    words = cleaned(words)

    def move(tx: Transaction, handoff: Handoff) -> None:
        if handoff.mentor_id != mentor.id or handoff.status is not Status.CLAIMED:
            raise NotHolder(handoff, mentor) if handoff.is_open else Closed(handoff)
        if not words:
            raise PageRefused(422, gettext_noop("Write a message first."))
        if sentence := too_long(words, LONGEST_TEXT):
            raise PageRefused(422, sentence)
        if reason := why_not_writable(tx.session, handoff.conversation):
            raise PageRefused(409, phrase("Not sent. {reason}", reason=reason))
        if not _was_just_said(tx, handoff, mentor, words):
            write_to_mentee(tx, handoff, words)

    return act(request, number, mentor, move, form={"words": words}, then=STAY)


@router.post("/{number}/give-back")
def give_back(request: Request, number: Number, mentor: Mentor) -> Response:
    def move(tx: Transaction, handoff: Handoff) -> None:
        if not handoff.is_open:
            raise Closed(handoff)
        release(tx, handoff, by=mentor)
        leave(tx.session, mentor, handoff)

    return act(request, number, mentor, move, then="/console")


@router.post("/{number}/done")
def done(
    request: Request, number: Number, mentor: Mentor, outcome: Words = "", reason: Words = ""
) -> Response:
    reason = cleaned(reason)

    def move(tx: Transaction, handoff: Handoff) -> None:
        if outcome not in list(Outcome):
            raise PageRefused(422, gettext_noop("Choose how it ended."))
        if sentence := too_long(reason, LONGEST_TEXT):
            raise PageRefused(422, sentence)
        resolve(tx, handoff, Outcome(outcome), by=mentor, note=reason)
        leave(tx.session, mentor, handoff)

    return act(request, number, mentor, move, form={"outcome": outcome, "reason": reason})


def _lists(request: Request, mentor: Person, tab: Tab | None, template: str) -> Response:
    line = get_line(request)
    tabs = list(Tab) if mentor.role is Role.MANAGER else [Tab.MINE, Tab.WAITING]
    if tab and tab not in tabs:
        raise PageRefused(403, gettext_noop("Only managers can see all conversations."))
    with line.database.reading() as session:
        tab = tab or (Tab.MINE if count_queue(session, mentor).mine else Tab.WAITING)
        queue = get_queue(session, mentor, tab, now=line.clock())
    return page(request, template, viewer=mentor, tab=tab, tabs=tabs, queue=queue)


def _draft(request: Request, number: int, mentor: Person, *, reply: int, suggested: bool) -> str:
    """The start of a message; empty for a viewer who may not write."""
    if not reply and not suggested:
        return ""
    line = get_line(request)
    with line.database.reading() as session:
        view = build_view(session, mentor, number)
        if view.status is not ViewerStatus.MINE:
            return ""
        if suggested:
            first_line = brief_for(session, line, mentor, view.handoff).first_line
            return said_to(request, first_line)
        person = view.handoff.conversation.person
        for canned in list_replies(session, mentor.program_id):
            if canned.id == reply:
                return filled(canned.words, person.name if person else None)
        return ""


def _was_just_said(tx: Transaction, handoff: Handoff, mentor: Person, words: str) -> bool:
    last = tx.session.scalar(
        select(Message)
        .where(Message.conversation_id == handoff.conversation_id, Message.speaker_id == mentor.id)
        .order_by(Message.id.desc())
        .limit(1)
    )
    return last is not None and last.words == words and tx.now - last.at < DOUBLE_CLICK
