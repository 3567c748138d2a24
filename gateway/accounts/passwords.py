"""Passwords of mentors and managers."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import update
from sqlalchemy.orm import Session, object_session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import end_access
from models import Person, Role

SHORTEST_PASSWORD = 10
# Hashing time grows with the length, so a huge "password" must not reach the hasher.
LONGEST_PASSWORD = 200
# zxcvbn's scores, from 0 to 4: 3 needs more than 10^8 guesses, which is safe with a slow hash.
LOWEST_SCORE = 3
# zxcvbn takes seconds for a longer text.
LONGEST_SCORED = 72

# argon2id with 64 MB and three passes: RFC 9106, section 4, for less memory.
_hasher = PasswordHasher()
# Checked for unknown people, so that both answers take equally long. Its password was
# random, and no one knows it. Hashing a new one at each start would cost 0.3 s and 64 MB.
DUMMY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$1XXvmTDRhCZIrtlqnjIZAQ$"
    "MUafNO0eMXTpTfWe27KsdFTACZRq4+WQsdqNGLJ20fM"
)


EASY_TO_GUESS = gettext_noop(
    "This password is easy to guess, because it is common or made of your name or number; three or "
    "four words that do not belong together are a good one."
)


class BadPassword(Exception):
    """Its text says why the password cannot be set."""


def hash_password(person: Person, password: str) -> str:
    """The hash to store. Takes most of a second, so call it before a transaction.

    Raises BadPassword.
    """
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
    if _is_easy_to_guess(person, password):
        raise BadPassword(EASY_TO_GUESS)
    return _hasher.hash(password.encode("utf-8", "replace"))


def set_password(person: Person, hashed: str) -> None:
    """Store a hash from `hash_password`, and end what the old password opened."""
    person.password_hash = hashed
    if session := object_session(person):
        end_access(session, person)


def _is_easy_to_guess(person: Person, password: str) -> bool:
    """Whether it is common, a pattern, or made of what others know about the person."""
    # Takes half a second, and most processes never set a password.
    from zxcvbn import zxcvbn

    known = ["warmline", person.name, person.program.name]
    if person.phone:
        known += [person.phone, person.phone.removeprefix("+"), person.phone[-10:]]
    scored = zxcvbn(password[:LONGEST_SCORED], user_inputs=known)
    return int(scored["score"]) < LOWEST_SCORE


def renewed_hash(person: Person, password: str) -> str | None:
    """A new hash of a password that was just right, if the stored one has older parameters."""
    if person.password_hash and _hasher.check_needs_rehash(person.password_hash):
        return _hasher.hash(password.encode("utf-8", "replace"))
    return None


def store_renewed(session: Session, checked: Person, hashed: str) -> None:
    """Store a hash from `renewed_hash`, unless `checked` got another password in the meantime."""
    is_same = Person.id == checked.id, Person.password_hash == checked.password_hash
    session.execute(update(Person).where(*is_same).values(password_hash=hashed))


def check_password(person: Person | None, password: str) -> bool:
    """Takes as long without a person as with one."""
    stored = person.password_hash if person else None
    typed = password[: LONGEST_PASSWORD + 1].encode("utf-8", "replace")
    try:
        matches = _hasher.verify(stored or DUMMY_HASH, typed)
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None
