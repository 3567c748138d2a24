"""One-time links and codes for signing in.

A link is long and random, so an unsalted hash is enough. A code has six digits, so its hash uses a
key that is not in the database: a stolen table reveals no codes.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from models import OneTimeKey, Person, changes_one, fingerprint

Purpose = Literal["chat", "sign_in", "confirm"]

MOST_WRONG_CODES = 5
# Used and expired keys stay this long, so that we can say why one does not work.
KEPT_FOR = timedelta(days=30)

_CODE = "code:"
_SALT_LENGTH = 16

USED = gettext_noop("This link has been used already. Ask for a new one.")
EXPIRED = gettext_noop("This link has expired. Ask for a new one.")
NO_LINK = gettext_noop(
    "This link is not right. Open the whole link from the text, or ask for a new one."
)
WRONG_CODE = gettext_noop(
    "That code is not right. Type the newest one you were sent, or ask for a new one."
)
USED_CODE = gettext_noop("That code has been used already. Ask for a new one.")
EXPIRED_CODE = gettext_noop("That code has expired. Ask for a new one.")
TOO_MANY = gettext_noop("Too many wrong codes. This one no longer works; ask for a new one.")


class KeyRefused(Exception):
    """Says why a link, code, or passkey does not work. `person_id` is its owner, if known."""

    def __init__(self, sentence: str, person_id: int | None = None) -> None:
        self.person_id = person_id
        super().__init__(sentence)


def new_link(
    session: Session, person: Person, purpose: Purpose, *, now: datetime, lasts: timedelta
) -> str:
    """The token of a link that signs `person` in once. Their other links stay valid."""
    token = secrets.token_urlsafe(32)
    key = OneTimeKey(person_id=person.id, purpose=purpose, key_hash=hash_token(token))
    _store(session, key, now, lasts)
    return token


def new_code(
    session: Session,
    person: Person,
    purpose: Purpose,
    *,
    now: datetime,
    lasts: timedelta,
    browser: str = "",
) -> str:
    """Six digits that `person` can use once. Only their newest code for a purpose is valid.

    `browser` names the browser that asked for it; the code works only there.
    """
    code = f"{secrets.randbelow(1_000_000):06d}"
    hashed = _hash_code(person, code + browser, secrets.token_hex(_SALT_LENGTH // 2))
    _store(session, OneTimeKey(person_id=person.id, purpose=purpose, key_hash=hashed), now, lasts)
    return code


def _store(session: Session, key: OneTimeKey, now: datetime, lasts: timedelta) -> None:
    session.execute(delete(OneTimeKey).where(OneTimeKey.expires_at <= now - KEPT_FOR))
    key.at, key.expires_at = now, now + lasts
    session.add(key)
    session.flush()


def use_link(session: Session, token: str, purpose: Purpose, *, now: datetime) -> Person:
    """The person that a link signs in, once. Raises KeyRefused."""
    key = session.scalar(
        select(OneTimeKey).where(
            OneTimeKey.key_hash == hash_token(token), OneTimeKey.purpose == purpose
        )
    )
    if key is None or key.person.left_at is not None:
        raise KeyRefused(NO_LINK, key.person_id if key else None)
    if key.used_at is None and key.expires_at <= now:
        raise KeyRefused(EXPIRED, key.person_id)
    if not _is_first_use(session, key, now=now):
        raise KeyRefused(USED, key.person_id)
    return key.person


def use_code(
    session: Session,
    person: Person,
    code: str,
    purpose: Purpose,
    *,
    now: datetime,
    browser: str = "",
) -> Person:
    """`person`, if `code` is their newest and still valid. Of two simultaneous uses, one succeeds.

    An attempt is counted before the code is compared, so that simultaneous attempts count too. A
    refusal commits the caller's transaction, because a rollback would undo the count. Do not use
    the session after KeyRefused.

    Raises:
        KeyRefused: the code is wrong, used, expired, or was tried too often.
    """
    key = session.scalar(
        select(OneTimeKey)
        .where(
            OneTimeKey.person_id == person.id,
            OneTimeKey.purpose == purpose,
            OneTimeKey.key_hash.startswith(_CODE),
        )
        .order_by(OneTimeKey.id.desc())
        .limit(1)
    )
    sentence = WRONG_CODE
    if key is not None and person.left_at is None:
        sentence = _use(session, person, key, "".join(code.split()) + browser, now=now)
    if sentence:
        session.commit()
        raise KeyRefused(sentence, person.id)
    return person


def _use(session: Session, person: Person, key: OneTimeKey, code: str, *, now: datetime) -> str:
    """Use a code. Returns why it was refused, or an empty string."""
    is_right = hmac.compare_digest(
        _hash_code(person, code, key.key_hash[len(_CODE) :][:_SALT_LENGTH]), key.key_hash
    )
    counted = changes_one(
        session,
        update(OneTimeKey)
        .where(OneTimeKey.id == key.id, OneTimeKey.tries < MOST_WRONG_CODES)
        .values(tries=OneTimeKey.tries + 1),
    )
    if not counted:
        return TOO_MANY
    if not is_right:
        return WRONG_CODE
    if key.used_at is None and key.expires_at <= now:
        return EXPIRED_CODE
    return "" if _is_first_use(session, key, now=now) else USED_CODE


def _is_first_use(session: Session, key: OneTimeKey, *, now: datetime) -> bool:
    return changes_one(
        session,
        update(OneTimeKey)
        .where(OneTimeKey.id == key.id, OneTimeKey.used_at.is_(None))
        .values(used_at=now),
    )


def hash_token(token: str) -> str:
    """What the database has of a link, a cookie, or an API token."""
    # The token is long and random, so a plain hash cannot be reversed by guessing.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _hash_code(person: Person, code: str, salt: str) -> str:
    # 64 characters: the prefix, the salt, and 32 bytes in base64.
    mac = fingerprint("one-time code", f"{person.id} {salt} {code}")
    return _CODE + salt + base64.urlsafe_b64encode(mac).decode().rstrip("=")
