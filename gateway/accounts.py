"""Passwords, and browsers that are signed in."""

import hashlib
import secrets
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, object_session

from models import Person, Role, SignIn

SHORTEST_PASSWORD = 10
# Hashing takes time in proportion; nobody's password is longer.
LONGEST_PASSWORD = 200
SIGNED_IN_FOR = timedelta(hours=12)

_hasher = PasswordHasher()
# Checked when there is no such person or password, so that both answers take as long.
_NOBODYS_HASH = _hasher.hash(secrets.token_hex())


class BadPassword(Exception):
    """A password that cannot be set. Its text says why."""


def set_password(person: Person, password: str) -> None:
    """Keep a hash of `password`; every browser signed in as this person is signed out.

    Raises:
        BadPassword: it is too short or too long, or this is a mentee, who signs in nowhere.
    """
    if person.role is Role.MENTEE:
        raise BadPassword("Only mentors and managers sign in; mentees write by text.")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadPassword(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; "
            f"this one has {len(password)}."
        )
    person.password_hash = _hasher.hash(password)
    if session := object_session(person):
        session.execute(delete(SignIn).where(SignIn.person_id == person.id))


def check_password(person: Person | None, password: str) -> bool:
    """Whether `password` is this person's. It takes as long when there is no such person."""
    kept = person.password_hash if person else None
    try:
        matches = _hasher.verify(kept or _NOBODYS_HASH, password[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False
    return matches and kept is not None


def begin_sign_in(session: Session, person: Person, *, now: datetime) -> str:
    """Sign a browser in for 12 hours; returns the token that its cookie carries."""
    session.execute(delete(SignIn).where(SignIn.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            person_id=person.id, token_hash=_hash_of(token), at=now, expires_at=now + SIGNED_IN_FOR
        )
    )
    return token


def person_signed_in(session: Session, token: str, *, now: datetime) -> Person | None:
    sign_in = session.scalar(select(SignIn).where(SignIn.token_hash == _hash_of(token)))
    return sign_in.person if sign_in and now < sign_in.expires_at else None


def end_sign_in(session: Session, token: str) -> None:
    session.execute(delete(SignIn).where(SignIn.token_hash == _hash_of(token)))


def _hash_of(token: str) -> str:
    # The token is random and long: a plain hash cannot be guessed backwards.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
