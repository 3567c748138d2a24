"""One move on a handoff from its page: make it, or say in plain words why not."""

from collections.abc import Callable
from datetime import timedelta

from fastapi import Request, Response

from escalation.handoffs.handoffs import AlreadyTaken, lock_conversation
from escalation.handoffs.moves import Closed, NeedsReason, NotHolder, Refused
from escalation.handoffs.oversight import NotUrgency
from escalation.handoffs.transfers import CannotTransfer, NotAsked, TransferOver
from escalation.speech.i18n import gettext_noop, phrase
from escalation.transaction import Transaction
from gateway.console.handoff_page import Form, show
from gateway.handoffs.notes import BadNote
from gateway.messaging.outbox import acting
from gateway.runtime.labels import URGENCIES
from gateway.web.lookup import find_handoff
from gateway.web.rendering import (
    PageRefused,
    get_line,
    go_to,
    wants_part,
)
from models import Handoff, Person

# Another tab, or a browser without our script, may send one click twice.
DOUBLE_CLICK = timedelta(seconds=5)


Make = Callable[[Transaction, Handoff], None]
# The page stays, and its script loads what has changed.
STAY = ""


def act(
    request: Request,
    number: int,
    person: Person,
    move: Make,
    *,
    form: Form | None = None,
    then: str | None = None,
) -> Response:
    """Make one move while holding the conversation's lock, then show the handoff or `then`.

    A refusal is a sentence, and the page shows the words in `form` again.
    """
    line = get_line(request)
    try:
        with acting(line) as session:
            handoff = find_handoff(session, person, number)
            lock_conversation(session, handoff.conversation_id)
            session.refresh(handoff)
            try:
                move(line.at(session), handoff)
            except Refused as refused:
                # Put into words here, because the rows they name end with the transaction.
                raise PageRefused(409, in_plain_words(refused, number)) from refused
            except BadNote as bad:
                raise PageRefused(422, str(bad)) from bad
    except PageRefused as refused:
        # The script shows the sentence; without a script, the page comes back with the words.
        if wants_part(request) or refused.status == 404:
            raise
        return show(request, person, number, form=form, refused=refused)
    if then == STAY and wants_part(request):
        return Response(status_code=204)
    return go_to(request, then or f"/console/{number}")


def in_plain_words(refused: Refused, number: int) -> str:
    match refused:
        case AlreadyTaken():
            return phrase("{holder} already has #{number}.", holder=refused.holder, number=number)
        case Closed():
            return phrase("#{number} is closed.", number=number)
        case NotHolder():
            return phrase(
                "#{number} is no longer yours, so nothing was changed or sent.",
                number=number,
            )
        case NeedsReason():
            return gettext_noop("Write why.")
        case NotUrgency():
            named = URGENCIES[refused.handoff.urgency]
            return phrase("#{number} is “{urgency}” already.", number=number, urgency=named)
        case CannotTransfer():
            return phrase("Nothing was changed. {sentence}", sentence=refused.sentence)
        case NotAsked():
            return phrase("No one offered #{number} to you.", number=number)
        case TransferOver():
            return phrase("#{number} is no longer offered to you.", number=number)
        case _:
            return phrase(
                "#{number} changed in the meantime. Reload the page and look again.", number=number
            )
