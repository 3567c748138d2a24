"""Passwords, and browsers that are signed in."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, object_session

from escalation.speech.i18n import gettext_noop, phrase
from models import Person, Role, WebSession

SHORTEST_PASSWORD = 10
# Hashing takes time in proportion; nobody's password is longer.
LONGEST_PASSWORD = 200
SIGNED_IN_FOR = timedelta(hours=12)
# A page that reads itself anew should not write each time.
SEEN_AGAIN_AFTER = timedelta(minutes=5)

_hasher = PasswordHasher()
# Checked when there is no such person or password, so that both answers take as long. The password
# was random and is not known; hashing one at each start would cost 0.3 s and 64 MB.
_NOBODYS_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$1XXvmTDRhCZIrtlqnjIZAQ$"
    "MUafNO0eMXTpTfWe27KsdFTACZRq4+WQsdqNGLJ20fM"
)


class BadPassword(Exception):
    """A password that cannot be set. Its text says why."""


def set_password(person: Person, password: str) -> None:
    """Keep a hash of `password`; every browser signed in as this person is signed out.

    Raises:
        BadPassword: it is too short or too long, or this is a mentee, who has no password.
    """
    if person.role is Role.MENTEE:
        raise BadPassword(gettext_noop("Only mentors and managers sign in; mentees write by text."))
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadPassword(
            phrase(
                "A password has {shortest} to {longest} characters; this one has {count}.",
                shortest=SHORTEST_PASSWORD,
                longest=LONGEST_PASSWORD,
                count=len(password),
            )
        )
    person.password_hash = _hasher.hash(password.encode("utf-8", "replace"))
    if session := object_session(person):
        end_sign_ins(session, person)


def check_password(person: Person | None, password: str) -> bool:
    """Whether `password` is this person's. It takes as long when there is no such person."""
    kept = person.password_hash if person else None
    tried = password[: LONGEST_PASSWORD + 1].encode("utf-8", "replace")
    try:
        matches = _hasher.verify(kept or _NOBODYS_HASH, tried)
    except (VerificationError, InvalidHashError):
        return False
    return matches and kept is not None


def begin_sign_in(
    session: Session,
    person: Person,
    *,
    now: datetime,
    browser: str | None = None,
    lasts: timedelta = SIGNED_IN_FOR,
) -> str:
    """Sign a browser in, for 12 hours unless told; returns the token that its cookie carries."""
    session.execute(delete(WebSession).where(WebSession.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            person_id=person.id,
            token_hash=_hash_of(token),
            at=now,
            expires_at=now + lasts,
            seen_at=now,
            browser=browser,
        )
    )
    return token


def sign_in_with(session: Session, token: str, *, now: datetime) -> WebSession | None:
    """The sign-in that a cookie stands for; None when it has ended or its person has left."""
    sign_in = session.scalar(select(WebSession).where(WebSession.token_hash == _hash_of(token)))
    if sign_in is None or sign_in.expires_at <= now or sign_in.person.left_at is not None:
        return None
    return sign_in


def person_signed_in(session: Session, token: str, *, now: datetime) -> Person | None:
    sign_in = sign_in_with(session, token, now=now)
    return sign_in.person if sign_in else None


def was_seen_long_ago(sign_in: WebSession, *, now: datetime) -> bool:
    return sign_in.seen_at is None or sign_in.seen_at <= now - SEEN_AGAIN_AFTER


def note_seen(session: Session, sign_in: WebSession, *, now: datetime) -> None:
    """Note that this browser was here, unless another request of it just did."""
    session.execute(
        update(WebSession)
        .where(
            WebSession.id == sign_in.id,
            or_(WebSession.seen_at.is_(None), WebSession.seen_at <= now - SEEN_AGAIN_AFTER),
        )
        .values(seen_at=now)
    )


def list_sessions(session: Session, person: Person, *, now: datetime) -> Sequence[WebSession]:
    """Where this person is signed in, the latest first."""
    return session.scalars(
        select(WebSession)
        .where(WebSession.person_id == person.id, WebSession.expires_at > now)
        .order_by(WebSession.id.desc())
    ).all()


def end_sign_in(session: Session, token: str) -> None:
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash_of(token)))


def end_sign_ins(session: Session, person: Person, *, but: WebSession | None = None) -> None:
    """Sign this person out everywhere, or everywhere `but` there."""
    ended = delete(WebSession).where(WebSession.person_id == person.id)
    session.execute(ended.where(WebSession.id != but.id) if but else ended)


def _hash_of(token: str) -> str:
    # The token is random and long: a plain hash cannot be guessed backwards.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
