"""The form by which a manager or mentor opens a safeguarding record. Only managers read it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import list_staff
from escalation.handoffs.handoffs import lock_conversation
from escalation.speech.i18n import gettext_noop
from gateway.accounts.sessions import Mentor
from gateway.messaging.outbox import acting
from gateway.runtime.user_input import cleaned, too_long
from gateway.safeguarding.records import Report, list_reportable_mentees, report_by_staff
from gateway.web.lookup import row_number
from gateway.web.rendering import PageRefused, get_line, go_to, page
from models import Concern, Conversation, Handoff, Person, Role, SafeguardingRecord

router = APIRouter()

LONGEST_WORDS = 4000
# Another tab, or a browser without our script, may send one click twice.
DOUBLE_CLICK = timedelta(seconds=5)


class Given(BaseModel):
    """What was sent in the form; `handoff` is the one from whose page the viewer came."""

    mentee: str = ""
    kind: str = ""
    words: str = ""
    about: str = ""
    handoff: str = ""


@router.get("/safeguarding/new")
def new_record(request: Request, mentor: Mentor, handoff: str = "", done: str = "") -> Response:
    with get_line(request).database.reading() as session:
        came_from = _find_handoff(session, mentor, row_number(handoff))
        mentee = came_from.conversation.person_id if came_from else None
        given = Given(mentee=str(mentee or ""), handoff=str(came_from.id) if came_from else "")
    return _show(request, mentor, given, done=done)


@router.post("/safeguarding/new")
def open_new_record(request: Request, mentor: Mentor, given: Annotated[Given, Form()]) -> Response:
    line = get_line(request)
    try:
        with acting(line) as session:
            by = session.get_one(Person, mentor.id)
            report = _read(session, by, given)
            conversation = session.scalar(
                select(Conversation).where(Conversation.person_id == report.mentee.id)
            )
            if conversation is not None:
                lock_conversation(session, conversation.id)
            known, tx = True, line.of(session, by.program_id).at(session)
            if not _was_just_opened(session, report, since=tx.now - DOUBLE_CLICK):
                known = report_by_staff(tx, report, conversation)
            number = session.scalar(
                select(SafeguardingRecord.id)
                .where(SafeguardingRecord.opened_by_id == by.id)
                .order_by(SafeguardingRecord.id.desc())
                .limit(1)
            )
    except PageRefused as refused:
        return _show(request, mentor, given, problem=refused)
    if mentor.role is Role.MANAGER:
        return go_to(request, f"/safeguarding/{number}")
    return go_to(request, f"/safeguarding/new?done={'told' if known else 'untold'}")


def _read(session: Session, by: Person, given: Given) -> Report:
    """Raises PageRefused."""
    mentees = {str(one.id): one for one in list_reportable_mentees(session, by)}
    if given.mentee not in mentees:
        raise PageRefused(422, gettext_noop("Choose the mentee."))
    if given.kind not in list(Concern):
        raise PageRefused(422, gettext_noop("Choose a kind."))
    staff = {str(one.id): one for one in list_staff(session, by.program_id)}
    wants_mentor = given.about or given.kind == Concern.MENTOR
    if wants_mentor and given.about not in staff:
        raise PageRefused(422, gettext_noop("Choose the mentor whom it is about."))
    words = cleaned(given.words)
    if not words:
        raise PageRefused(422, gettext_noop("Write what you saw or heard."))
    if sentence := too_long(words, LONGEST_WORDS):
        raise PageRefused(422, sentence)
    mentee = mentees[given.mentee]
    handoff = _find_handoff(session, by, row_number(given.handoff))
    if handoff is not None and handoff.conversation.person_id != mentee.id:
        handoff = None  # they chose another mentee on the form
    return Report(mentee, Concern(given.kind), words, by, staff.get(given.about), handoff)


def _find_handoff(session: Session, person: Person, number: int) -> Handoff | None:
    handoff = session.get(Handoff, number)
    if handoff is None or handoff.conversation.program_id != person.program_id:
        return None
    may_read = person.role is Role.MANAGER or handoff.mentor_id == person.id
    return handoff if may_read else None


def _was_just_opened(session: Session, report: Report, *, since: datetime) -> bool:
    latest = session.scalars(
        select(SafeguardingRecord).where(
            SafeguardingRecord.opened_by_id == report.opened_by.id,
            SafeguardingRecord.mentee_id == report.mentee.id,
            SafeguardingRecord.concern == report.concern,
            SafeguardingRecord.opened_at > since,
        )
    )
    return any(one.words == report.words for one in latest)


def _show(
    request: Request,
    viewer: Person,
    given: Given,
    *,
    problem: PageRefused | None = None,
    done: str = "",
) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        mentees: Sequence[Person] = list_reportable_mentees(session, viewer)
        staff = [one for one in list_staff(session, viewer.program_id) if one.id != viewer.id]
        policy = line.of(session, viewer.program_id).rules.policy
    return page(
        request,
        "safeguarding/safeguarding_new.html",
        viewer=viewer,
        status=problem.status if problem else 200,
        given=given,
        mentees=mentees,
        staff=staff,
        problem=str(problem or ""),
        done=done,
        longest=LONGEST_WORDS,
        due_hours=policy.safeguarding.due_hours,
    )
