"""Browser sessions: their rows and cookies, and the pages that a signed-in person may open."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from escalation.policy import Policy
from escalation.speech.i18n import gettext_noop
from gateway.accounts.devices import forget_devices
from gateway.accounts.permissions import Action, allow
from gateway.messaging.outbox import acting
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import hash_token
from gateway.web.cookies import cookie_name
from gateway.web.rendering import PageRefused, get_line, get_settings
from models import OneTimeKey, Passkey, Person, Role, WebSession

How = Literal["password", "link", "passkey", "code", "demo"]
COOKIE = "warmline"
MENTEE_LASTS = timedelta(days=30)
# A page that reloads itself should not write to the database each time.
SEEN_AGAIN_AFTER = timedelta(minutes=5)

CONFIRM_FIRST = gettext_noop("Confirm that it is you first, then try again.")
SECOND_FACTOR_FIRST = gettext_noop("Finish signing in first: managers need a second proof.")
SET_UP_FIRST = gettext_noop("Set a password or add a passkey on your account page first.")


class ConfirmFirst(PageRefused):
    """The person must prove again who they are. Their form continues after that."""

    def __init__(self, sentence: str) -> None:
        super().__init__(403, sentence)


class SetUpFirst(PageRefused):
    """A manager came in by a link and has nothing else to sign in with."""

    def __init__(self) -> None:
        super().__init__(403, SET_UP_FIRST)


# --- rows ---


@dataclass(frozen=True)
class Limits:
    """How long a browser stays signed in: without use, and at most."""

    idle: timedelta
    lasts: timedelta


def limits_of(policy: Policy, person: Person) -> Limits:
    if person.role is Role.MENTEE:
        return Limits(timedelta(days=policy.sign_in.mentee_idle_days), MENTEE_LASTS)
    idle = timedelta(minutes=policy.sign_in.staff_idle_minutes)
    return Limits(idle, timedelta(hours=policy.sign_in.staff_hours))


def start_session(
    session: Session, person: Person, *, now: datetime, how: How, limits: Limits, **marks: Any
) -> str:
    """Sign a browser in; returns the token for its cookie. `marks` are further columns."""
    session.execute(delete(WebSession).where(WebSession.expires_at <= now))
    token = secrets.token_urlsafe(32)
    web_session = WebSession(
        person_id=person.id,
        token_hash=hash_token(token),
        at=now,
        expires_at=now + min(limits.idle, limits.lasts),
        ends_at=now + limits.lasts,
        seen_at=now,
        confirmed_at=now,
        how=how,
        **marks,
    )
    session.add(web_session)
    return token


def finish_sign_in(web_session: WebSession, limits: Limits, *, now: datetime) -> None:
    """The person has given their second proof: from now on the session is like any other."""
    web_session.needs_second_factor = False
    web_session.ends_at = now + limits.lasts
    web_session.expires_at = now + min(limits.idle, limits.lasts)


def renew_token(web_session: WebSession) -> str:
    """A new token for the cookie of a session whose person has just proved who they are."""
    token = secrets.token_urlsafe(32)
    web_session.token_hash = hash_token(token)
    return token


def find_session(session: Session, token: str, *, now: datetime) -> WebSession | None:
    """The session of a cookie's token; None when it expired or its person left."""
    found = session.scalar(select(WebSession).where(WebSession.token_hash == hash_token(token)))
    if found is None or found.expires_at <= now or found.person.left_at is not None:
        return None
    return found


def list_sessions(session: Session, person: Person, *, now: datetime) -> Sequence[WebSession]:
    return session.scalars(
        select(WebSession)
        .where(WebSession.person_id == person.id, WebSession.expires_at > now)
        .order_by(WebSession.id.desc())
    ).all()


def end_session(session: Session, token: str) -> None:
    session.execute(delete(WebSession).where(WebSession.token_hash == hash_token(token)))


def end_sessions(session: Session, person: Person, *, but: WebSession | None = None) -> None:
    """Sign this person out of every browser, or of every browser but one."""
    ended = delete(WebSession).where(WebSession.person_id == person.id)
    session.execute(ended.where(WebSession.id != but.id) if but else ended)


def end_access(session: Session, person: Person) -> None:
    """End what an earlier number, role, or password opened: sessions, links, codes, devices."""
    end_sessions(session, person)
    forget_devices(session, person)
    unused = (OneTimeKey.person_id == person.id, OneTimeKey.used_at.is_(None))
    session.execute(delete(OneTimeKey).where(*unused))


# --- requests ---


def get_viewer(request: Request) -> Person | None:
    """The signed-in mentor or manager. Updates when this browser was last seen."""
    found = find_own_session(request, COOKIE)
    # Also for the page of a refusal, which shows who is signed in.
    request.state.viewer = found.person if found else None
    request.state.web_session = found
    return found.person if found else None


def find_own_session(request: Request, cookie: str) -> WebSession | None:
    """The session of this browser, which counts as used now."""
    token = read_cookie(request, cookie)
    if not token:
        return None
    line: Line = request.app.state.line
    now = line.clock()
    with line.database.reading() as session:
        found = find_session(session, token, now=now)
        if found is None or (found.seen_at and found.seen_at > now - SEEN_AGAIN_AFTER):
            return found
        policy = line.of(session, found.person.program_id).rules.policy
    with line.database.writing() as session:
        _note_seen(session, found, limits_of(policy, found.person), now=now)
    return found


def _note_seen(session: Session, web_session: WebSession, limits: Limits, *, now: datetime) -> None:
    is_complete = not web_session.needs_second_factor
    until = min(now + limits.idle, web_session.ends_at) if is_complete else web_session.ends_at
    session.execute(
        update(WebSession)
        .where(
            WebSession.id == web_session.id,
            or_(WebSession.seen_at.is_(None), WebSession.seen_at <= now - SEEN_AGAIN_AFTER),
        )
        .values(seen_at=now, expires_at=until)
    )


def admit(request: Request, action: Action) -> Person:
    """The viewer, if they may do this. Raises NotSignedIn, PageRefused, or ConfirmFirst."""
    person = allow(get_viewer(request), action)
    web_session: WebSession = request.state.web_session
    if web_session.needs_second_factor:
        if not has_nothing_else(request, person):
            raise ConfirmFirst(SECOND_FACTOR_FIRST)
        if action is not Action.OWN_ACCOUNT:
            raise SetUpFirst
    return person


def has_nothing_else(request: Request, person: Person) -> bool:
    """Whether a link by text is the only way in that this person has so far."""
    with get_line(request).database.reading() as session:
        passkey = select(Passkey.id).where(Passkey.person_id == person.id).limit(1)
        return person.password_hash is None and session.scalar(passkey) is None


def require(action: Action) -> Callable[[Request], Person]:
    """A dependency: the viewer, if their role may do this."""

    def viewer(request: Request) -> Person:
        return admit(request, action)

    return viewer


def is_recent(request: Request) -> bool:
    """Whether the person at this browser proved a short time ago who they are."""
    line = get_line(request)
    within = timedelta(minutes=line.rules.policy.sign_in.confirm_minutes)
    web_session: WebSession = request.state.web_session
    return web_session.confirmed_at > line.clock() - within


def require_recent(request: Request) -> None:
    """Raises ConfirmFirst. Each handler that changes how somebody signs in calls this."""
    if not is_recent(request):
        raise ConfirmFirst(CONFIRM_FIRST)


Mentor = Annotated[Person, Depends(require(Action.ANSWER))]
Manager = Annotated[Person, Depends(require(Action.OVERSEE))]
Staff = Annotated[Person, Depends(require(Action.OWN_ACCOUNT))]


def may_listen(request: Request) -> None:
    """Raises like `admit`. The demo's phones listen without a sign-in."""
    if get_settings(request).sms != "phones":
        admit(request, Action.LISTEN)


@contextmanager
def audited(request: Request, person: Person, action: str) -> Iterator[Session]:
    """A transaction in which `person` changes something of theirs; notes it in the audit log."""
    line = get_line(request)
    with acting(line) as session:
        yield session
        note_about(session, person, action, by=person, now=line.clock())


# --- cookies ---


def read_cookie(request: Request, name: str) -> str:
    return request.cookies.get(cookie_name(request, name), "")


def set_cookie(
    request: Request, response: Response, value: str, *, name: str = COOKIE, lasts: timedelta
) -> None:
    age = int(lasts.total_seconds())
    is_https = get_settings(request).is_https
    response.set_cookie(
        cookie_name(request, name), value, max_age=age, httponly=True, secure=is_https
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(
        cookie_name(request, name),
        httponly=True,
        secure=get_settings(request).is_https,
        samesite="lax",
    )


def own_path(wanted: str) -> str | None:
    """`wanted` if it is a path on this site; None for anything that could lead elsewhere."""
    if not wanted.startswith("/") or wanted.startswith("//") or not wanted.isprintable():
        return None
    return None if "\\" in wanted or urlsplit(wanted).netloc else wanted
