"""Browser sessions in the database: started, found again by the cookie's token, and ended."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from models import Person, WebSession

SESSION_LASTS = timedelta(hours=12)
# A page that reloads itself should not write to the database each time.
SEEN_AGAIN_AFTER = timedelta(minutes=5)


def start_session(
    session: Session,
    person: Person,
    *,
    now: datetime,
    browser: str | None = None,
    lasts: timedelta = SESSION_LASTS,
) -> str:
    """Sign a browser in; returns the token for its cookie."""
    session.execute(delete(WebSession).where(WebSession.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            person_id=person.id,
            token_hash=_hash_token(token),
            at=now,
            expires_at=now + lasts,
            seen_at=now,
            browser=browser,
        )
    )
    return token


def find_session(session: Session, token: str, *, now: datetime) -> WebSession | None:
    """The session of a cookie's token; None when it expired or its person left."""
    found = session.scalar(select(WebSession).where(WebSession.token_hash == _hash_token(token)))
    if found is None or found.expires_at <= now or found.person.left_at is not None:
        return None
    return found


def find_signed_in(session: Session, token: str, *, now: datetime) -> Person | None:
    found = find_session(session, token, now=now)
    return found.person if found else None


def note_seen(session: Session, web_session: WebSession, *, now: datetime) -> None:
    """Update when this browser was last seen, unless a parallel request just did."""
    session.execute(
        update(WebSession)
        .where(
            WebSession.id == web_session.id,
            or_(WebSession.seen_at.is_(None), WebSession.seen_at <= now - SEEN_AGAIN_AFTER),
        )
        .values(seen_at=now)
    )


def list_sessions(session: Session, person: Person, *, now: datetime) -> Sequence[WebSession]:
    """This person's active sessions, newest first."""
    return session.scalars(
        select(WebSession)
        .where(WebSession.person_id == person.id, WebSession.expires_at > now)
        .order_by(WebSession.id.desc())
    ).all()


def end_session(session: Session, token: str) -> None:
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash_token(token)))


def end_sessions(session: Session, person: Person, *, but: WebSession | None = None) -> None:
    """Sign this person out of every browser, or of every browser but one."""
    ended = delete(WebSession).where(WebSession.person_id == person.id)
    session.execute(ended.where(WebSession.id != but.id) if but else ended)


def _hash_token(token: str) -> str:
    # The token is long and random, so a plain hash cannot be reversed by guessing.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
