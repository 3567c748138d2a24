"""Finding what a number names: only what is of one's own programme is there."""

from sqlalchemy.orm import Session

from escalation.speech.i18n import phrase
from gateway.web.rendering import PageRefused
from models import Handoff, Person


def row_number(said: str) -> int:
    """The number of a row, as a form carries it; 0, which no row has, for anything else."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


def handoff_of(session: Session, person: Person, number: int) -> Handoff:
    """The handoff with this number in the person's own programme; of others nothing is told."""
    handoff = session.get(Handoff, number)
    if handoff is None or handoff.conversation.programme_id != person.programme_id:
        raise PageRefused(404, phrase("There is no #{number} in your programme.", number=number))
    return handoff
