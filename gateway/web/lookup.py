"""Looking up rows by number, within the viewer's program."""

from sqlalchemy.orm import Session

from escalation.speech.i18n import phrase
from gateway.web.rendering import PageRefused
from models import Handoff, Person


def row_number(said: str) -> int:
    """A row number from a form; 0, which no row has, if it is not a number."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


def find_handoff(session: Session, person: Person, number: int) -> Handoff:
    handoff = session.get(Handoff, number)
    if handoff is None or handoff.conversation.program_id != person.program_id:
        raise PageRefused(
            404, phrase("There is no handoff #{number} in your program.", number=number)
        )
    return handoff
