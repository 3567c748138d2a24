"""API tokens, each for one program.

The database has only a hash of a token. It finds the row by index and needs no comparison that an
attacker could time.
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.integrations.scopes import Scope
from gateway.people.details.row import cleaned
from gateway.runtime.audit import note_about
from gateway.runtime.database import lock_program
from gateway.runtime.one_time_keys import hash_token
from models import ApiToken, Person, changes_one

# Secret scanners recognize a token by it, for example in a public repository.
PREFIX = "warmline_"
LONGEST_NAME = 60
MOST = 20
# Otherwise every request would write to the database.
USED_ANEW_AFTER = timedelta(minutes=1)


class CannotMake(Exception):
    """Says why a token cannot be created, and what to do."""


def make_token(
    session: Session, *, name: str, scopes: Collection[str], by: Person, now: datetime
) -> str:
    """Create a token for the manager's program and return its secret, which is not stored.

    Raises:
        CannotMake: the name or the scopes are not valid, or there are too many tokens.
    """
    name = cleaned(name)
    if not name:
        raise CannotMake(gettext_noop("Give it a name, such as the system that will use it."))
    if len(name) > LONGEST_NAME:
        raise CannotMake(
            phrase(
                "The name is longer than {longest} characters. Shorten it.", longest=LONGEST_NAME
            )
        )
    chosen = [scope for scope in Scope if scope.value in scopes]
    if not chosen:
        raise CannotMake(gettext_noop("Choose at least one permission."))
    # A form that was sent twice waits here for the first, and then finds the name taken.
    lock_program(session, by.program_id)
    active = [token for token in list_tokens(session, by.program_id) if token.revoked_at is None]
    if any(token.name == name for token in active):
        raise CannotMake(
            phrase(
                "You already have a token named {name}. Revoke it or choose another name.",
                name=name,
            )
        )
    if len(active) >= MOST:
        raise CannotMake(
            phrase(
                "You have {most} tokens, which is the maximum. Revoke one that you no longer use.",
                most=MOST,
            )
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        program_id=by.program_id,
        name=name,
        token_hash=hash_token(secret),
        scopes=" ".join(chosen),
        by_id=by.id,
        at=now,
    )
    session.add(token)
    session.flush()
    note_about(session, token, "token made", by=by, now=now, scopes=chosen)
    return secret


def list_tokens(session: Session, program_id: int) -> list[ApiToken]:
    """Active tokens first, then revoked ones; the newest first."""
    tokens = session.scalars(
        select(ApiToken)
        .where(ApiToken.program_id == program_id)
        .order_by(ApiToken.revoked_at.is_not(None), ApiToken.id.desc())
    )
    return list(tokens)


def find_token(session: Session, secret: str) -> ApiToken | None:
    """The token with this secret, even if it was revoked."""
    return session.scalar(select(ApiToken).where(ApiToken.token_hash == hash_token(secret)))


def note_used(session: Session, token: ApiToken, *, now: datetime) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token.id).values(used_at=now))


def was_used_long_ago(token: ApiToken, *, now: datetime) -> bool:
    return token.used_at is None or token.used_at <= now - USED_ANEW_AFTER


def revoke_token(session: Session, number: int, *, by: Person, now: datetime) -> bool:
    """Returns False if the program has no such token or it was already revoked."""
    revoking = update(ApiToken).where(
        ApiToken.id == number,
        ApiToken.program_id == by.program_id,
        ApiToken.revoked_at.is_(None),
    )
    if not changes_one(session, revoking.values(revoked_at=now)):
        return False
    note_about(session, session.get_one(ApiToken, number), "token revoked", by=by, now=now)
    return True
