"""Finding what a number names: only what is of one's own program is there."""

from sqlalchemy.orm import Session

from escalation.speech.i18n import phrase
from gateway.web.rendering import PageRefused
from models import Handoff, Person


def row_number(said: str) -> int:
    """The number of a row, as a form carries it; 0, which no row has, for anything else."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


def find_handoff(session: Session, person: Person, number: int) -> Handoff:
    """The handoff with this number in the person's own program; of others nothing is told."""
    handoff = session.get(Handoff, number)
    if handoff is None or handoff.conversation.program_id != person.program_id:
        raise PageRefused(404, phrase("There is no #{number} in your program.", number=number))
    return handoff
