"""Notes, transfers to a colleague, and debriefs in the console."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.transfers import (
    TransferOver,
    answer_transfer,
    get_open_transfer,
    offer_transfer,
)
from escalation.speech.i18n import gettext_noop, phrase
from escalation.transaction import Transaction
from gateway.accounts.sessions import Mentor
from gateway.console.handoff_page import build_view, note_reading
from gateway.console.moves import DOUBLE_CLICK, STAY, act
from gateway.conversations.relay import LONGEST_TEXT
from gateway.handoffs.debriefs import answer_debrief, find_debrief
from gateway.handoffs.notes import list_notes, write_note
from gateway.handoffs.presence import leave
from gateway.runtime.user_input import cleaned, too_long
from gateway.web.lookup import row_number
from gateway.web.rendering import Number, PageRefused, get_line, page, wants_part
from models import Handoff, Person, Role, Transfer

router = APIRouter(prefix="/console")

Words = Annotated[str, Form()]


@router.get("/{number}/notes")
def only_notes(request: Request, number: Number, mentor: Mentor) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        view = build_view(session, mentor, number)
        if not view.may_read:
            if wants_part(request):  # an open page shows this elsewhere
                return Response(status_code=204)
            raise PageRefused(403, phrase("#{number} is no longer yours.", number=number))
        notes = list_notes(session, view.handoff)
    note_reading(line, mentor, view)
    return page(request, "console/handoff_notes.html", viewer=mentor, notes=notes)


@router.post("/{number}/note")
def note(request: Request, number: Number, mentor: Mentor, note: Words = "") -> Response:
    words = cleaned(note)

    def move(tx: Transaction, handoff: Handoff) -> None:
        last = [one for one in list_notes(tx.session, handoff) if one.by_id == mentor.id][-1:]
        if not any(one.words == words and tx.now - one.at < DOUBLE_CLICK for one in last):
            write_note(tx.session, handoff, mentor, words, now=tx.now)

    return act(request, number, mentor, move, form={"note": words}, then=STAY)


@router.post("/{number}/transfer")
def transfer(
    request: Request, number: Number, mentor: Mentor, to: Words = "", handing: Words = ""
) -> Response:
    """Ask a colleague to take over. The handoff stays with `mentor` until they accept."""
    handing = cleaned(handing)

    def move(tx: Transaction, handoff: Handoff) -> None:
        colleague = tx.session.get(Person, row_number(to))
        if (
            colleague is None
            or colleague.program_id != mentor.program_id
            or colleague.role is Role.MENTEE
        ):
            raise PageRefused(422, gettext_noop("Choose a colleague."))
        if sentence := too_long(handing, LONGEST_TEXT):
            raise PageRefused(422, sentence)
        offered = get_open_transfer(tx.session, handoff)
        if (
            offered is None
            or (offered.from_id, offered.to_id) != (mentor.id, colleague.id)
            or tx.now - offered.at >= DOUBLE_CLICK
        ):
            # `mentor` belongs to another database session.
            giver = tx.session.get_one(Person, mentor.id)
            offer_transfer(tx, handoff, by=giver, to=colleague, note=handing)

    form = {"to": to, "handing": handing}
    return act(request, number, mentor, move, form=form, then=STAY)


@router.post("/{number}/accept")
def accept(request: Request, number: Number, mentor: Mentor) -> Response:
    return _answer(request, number, mentor, accept=True)


@router.post("/{number}/pass")
def decline(request: Request, number: Number, mentor: Mentor) -> Response:
    return _answer(request, number, mentor, accept=False)


def _answer(request: Request, number: int, mentor: Person, *, accept: bool) -> Response:
    def move(tx: Transaction, handoff: Handoff) -> None:
        offer = get_open_transfer(tx.session, handoff)
        if offer is None:
            if _has_answered(tx.session, handoff, mentor, accept=accept):
                return  # a double click
            raise TransferOver(handoff)
        giver = offer.from_
        answer_transfer(tx, offer, by=mentor, accept=accept)
        if accept:
            leave(tx.session, giver, handoff)

    return act(request, number, mentor, move, then=None if accept else "/console")


def _has_answered(session: Session, handoff: Handoff, person: Person, *, accept: bool) -> bool:
    last = session.scalar(
        select(Transfer)
        .where(Transfer.handoff_id == handoff.id)
        .order_by(Transfer.id.desc())
        .limit(1)
    )
    answered = last is not None and last.to_id == person.id and last.accepted is accept
    return answered and (not accept or handoff.mentor_id == person.id)


@router.post("/{number}/debrief")
def debrief(
    request: Request, number: Number, mentor: Mentor, debrief: Words = "", wants_to_talk: Words = ""
) -> Response:
    words = cleaned(debrief)

    def move(tx: Transaction, handoff: Handoff) -> None:
        asked = find_debrief(tx.session, handoff, mentor)
        if asked is None:
            raise PageRefused(404, phrase("There is no debrief for #{number}.", number=number))
        if sentence := too_long(words, LONGEST_TEXT):
            raise PageRefused(422, sentence)
        if asked.answered_at is None or tx.now - asked.answered_at >= DOUBLE_CLICK:
            answer_debrief(tx, asked, words=words, wants_to_talk=bool(wants_to_talk))

    return act(request, number, mentor, move, form={"debrief": words})
