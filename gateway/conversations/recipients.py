"""Who gets texts about a whole program."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Person, Role


def managers_to_text(session: Session, program_id: int, *, but: int | None) -> list[Person]:
    """The program's managers who can be texted, except the person with the id `but`."""
    managers = session.scalars(
        select(Person)
        .where(
            Person.program_id == program_id,
            Person.role == Role.MANAGER,
            Person.left_at.is_(None),
        )
        .order_by(Person.id)
    )
    return [manager for manager in managers if manager.can_be_texted and manager.id != but]
