"""What managers do with anybody's handoff, and holders with the urgency of their own."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from escalation.handoffs.handoffs import AlreadyTaken, release
from escalation.handoffs.moves import Closed, NotHolder
from escalation.handoffs.oversight import lower, raise_by_hand, reassign, take, take_over
from escalation.speech.i18n import gettext_noop, phrase
from escalation.transaction import Transaction
from gateway.accounts.sessions import Manager, Mentor
from gateway.console.moves import act
from gateway.conversations.relay import LONGEST_TEXT
from gateway.handoffs.presence import leave
from gateway.runtime.labels import URGENCIES
from gateway.runtime.user_input import cleaned, too_long
from gateway.web.lookup import row_number
from gateway.web.rendering import Number, PageRefused
from models import Handoff, Person, Role, Status, Urgency

router = APIRouter(prefix="/console")

Words = Annotated[str, Form()]


@router.post("/{number}/take-over")
def take_it_over(request: Request, number: Number, manager: Manager) -> Response:
    def move(tx: Transaction, handoff: Handoff) -> None:
        by, holder = tx.session.get_one(Person, manager.id), handoff.mentor
        try:
            if handoff.status is Status.CLAIMED:
                take_over(tx, handoff, by)
            else:
                take(tx, handoff, by)
        except AlreadyTaken as taken:
            if taken.holder_id != manager.id:  # not a double click
                raise
        if holder is not None and holder.id != by.id:
            leave(tx.session, holder, handoff)

    return act(request, number, manager, move)


@router.post("/{number}/release")
def release_it(request: Request, number: Number, manager: Manager) -> Response:
    def move(tx: Transaction, handoff: Handoff) -> None:
        if not handoff.is_open:
            raise Closed(handoff)
        if handoff.status is Status.WAITING:
            return  # a double click, or the holder was quicker
        holder = handoff.mentor
        release(tx, handoff, by=tx.session.get_one(Person, manager.id))
        if holder is not None:
            leave(tx.session, holder, handoff)

    return act(request, number, manager, move)


@router.post("/{number}/assign")
def assign(
    request: Request, number: Number, manager: Manager, assign_to: Words = "", why: Words = ""
) -> Response:
    why = cleaned(why)

    def move(tx: Transaction, handoff: Handoff) -> None:
        to = tx.session.get(Person, row_number(assign_to))
        if to is None or to.program_id != manager.program_id or to.role is Role.MENTEE:
            raise PageRefused(422, gettext_noop("Choose a colleague."))
        if sentence := too_long(why, LONGEST_TEXT):
            raise PageRefused(422, sentence)
        if handoff.mentor_id == to.id:
            return  # a double click
        by, holder = tx.session.get_one(Person, manager.id), handoff.mentor
        reassign(tx, handoff, to, by=by, reason=why)
        if holder is not None:
            leave(tx.session, holder, handoff)

    return act(request, number, manager, move, form={"assign_to": assign_to, "why": why})


@router.post("/{number}/urgency")
def change_urgency(
    request: Request, number: Number, mentor: Mentor, urgency: Words = "", because: Words = ""
) -> Response:
    """Raise or lower it: the holder, or a manager."""
    because = cleaned(because)

    def move(tx: Transaction, handoff: Handoff) -> None:
        by = tx.session.get_one(Person, mentor.id)
        if by.role is not Role.MANAGER and handoff.mentor_id != by.id:
            raise NotHolder(handoff, by)
        named = {one.name.lower(): one for one in Urgency}.get(urgency)
        if named is None:
            raise PageRefused(422, gettext_noop("Choose how urgent it is."))
        if not because:
            raise PageRefused(422, gettext_noop("Write why."))
        if sentence := too_long(because, LONGEST_TEXT):
            raise PageRefused(422, sentence)
        if named is handoff.urgency:
            sentence = phrase(
                "#{number} is “{urgency}” already.", number=number, urgency=URGENCIES[named]
            )
            raise PageRefused(409, sentence)
        if named > handoff.urgency:
            raise_by_hand(tx, handoff, named, by=by, reason=because)
        else:
            lower(tx, handoff, named, by=by, reason=because)

    return act(request, number, mentor, move, form={"urgency": urgency, "because": because})
