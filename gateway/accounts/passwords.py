"""Passwords of mentors and managers."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import object_session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import end_sessions
from models import Person, Role

SHORTEST_PASSWORD = 10
# Hashing time grows with the length, so a huge "password" must not reach the hasher.
LONGEST_PASSWORD = 200

_hasher = PasswordHasher()
# Checked for unknown people, so that both answers take equally long. Its password was
# random, and no one knows it. Hashing a new one at each start would cost 0.3 s and 64 MB.
DUMMY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$1XXvmTDRhCZIrtlqnjIZAQ$"
    "MUafNO0eMXTpTfWe27KsdFTACZRq4+WQsdqNGLJ20fM"
)


class BadPassword(Exception):
    """Its text says why the password cannot be set."""


def set_password(person: Person, password: str) -> None:
    """Store a hash and sign this person out of every browser. Raises BadPassword."""
    if person.role is Role.MENTEE:
        raise BadPassword(
            gettext_noop("Only mentors and managers have a password; mentees use texts.")
        )
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
        end_sessions(session, person)


def check_password(person: Person | None, password: str) -> bool:
    """Takes as long without a person as with one."""
    stored = person.password_hash if person else None
    typed = password[: LONGEST_PASSWORD + 1].encode("utf-8", "replace")
    try:
        matches = _hasher.verify(stored or DUMMY_HASH, typed)
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None
