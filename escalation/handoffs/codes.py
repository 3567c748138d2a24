"""The codes by which people text about a handoff: TAKE K4RT.

Each person has a different code for the same handoff and reads it only on their own phone. So a
sender's number alone moves nothing, and no code shows how many handoffs there were.
"""

import re
import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import Handoff, HandoffCode, Person, Urgency

# No vowels, so that a code spells nothing. Of letters and digits that look alike (0 O, 1 I L, 2 Z,
# 5 S, 6 G, 8 B, U V), at most one is used.
LETTERS = "CDFHJKMNPQRTVWX"
DIGITS = "2346789"
LENGTH = 4
# A text has room for 1,600 characters; the console lists all handoffs.
MOST_LISTED = 50
CODE = re.compile(rf"(?=.*[{DIGITS}])[{LETTERS}][{LETTERS}{DIGITS}]{{{LENGTH - 1}}}")


def code_for(session: Session, person: Person, handoff: Handoff) -> str:
    """The person's code for this handoff. It stays the same until the handoff is erased."""
    code = session.scalar(
        select(HandoffCode.code).where(
            HandoffCode.handoff_id == handoff.id, HandoffCode.person_id == person.id
        )
    )
    if code is not None:
        return code
    try:
        with session.begin_nested():
            code = random_code()
            session.add(HandoffCode(handoff_id=handoff.id, person_id=person.id, code=code))
        return code
    except IntegrityError:
        # This person already has the code for another handoff, or another transaction has just
        # made one for this handoff.
        return code_for(session, person, handoff)


def choice(
    session: Session, person: Person, handoffs: Sequence[Handoff], *, marks_crises: bool = False
) -> dict[str, object]:
    """The blanks of a line that names at least one handoff by this person's codes."""
    codes = {one: code_for(session, person, one) for one in handoffs[:MOST_LISTED]}
    urgent = {one for one in codes if marks_crises and one.urgency is Urgency.CRISIS}
    listed = [f"#{code}{' URGENT' if one in urgent else ''}" for one, code in codes.items()]
    listed += ["..."] if len(handoffs) > MOST_LISTED else []
    return {"codes": ", ".join(listed), "example": next(iter(codes.values()))}


def handoff_with_code(session: Session, person: Person, code: str) -> Handoff | None:
    """The handoff that this person knows by `code`, open or closed."""
    return session.scalar(
        select(Handoff)
        .join(HandoffCode, HandoffCode.handoff_id == Handoff.id)
        .where(HandoffCode.person_id == person.id, HandoffCode.code == code)
    )


def random_code() -> str:
    """A letter, then letters and digits with at least one digit: neither a word nor a time."""
    while True:
        code = secrets.choice(LETTERS) + "".join(
            secrets.choice(LETTERS + DIGITS) for _ in range(LENGTH - 1)
        )
        if CODE.fullmatch(code):
            return code
