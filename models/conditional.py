"""The claim idiom: an UPDATE that says in its WHERE what must still be true."""

from typing import Any, cast

from sqlalchemy import CursorResult, Update
from sqlalchemy.orm import Session


def changes_one(session: Session, change: Update) -> bool:
    """Make the change and tell whether it changed its one row.

    False means that somebody else was there first, and that nothing was changed.
    """
    return cast(CursorResult[Any], session.execute(change)).rowcount == 1
