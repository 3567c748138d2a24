"""Browser sessions: their rows and cookies, and the pages that a signed-in person may open."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from gateway.accounts.permissions import Action, allow
from gateway.runtime.audit import note_about
from gateway.web.rendering import get_line, get_settings
from models import Person, WebSession

COOKIE = "warmline"
SESSION_LASTS = timedelta(hours=12)
# A page that reloads itself should not write to the database each time.
SEEN_AGAIN_AFTER = timedelta(minutes=5)

# The first match counts: most browsers list several names.
BROWSERS = {
    "Firefox": r"Firefox/|FxiOS/",
    "Samsung Internet": r"SamsungBrowser/",
    "Opera": r"OPR/|Opera",
    "Edge": r"Edg(e|A|iOS)?/",
    "Chrome": r"Chrome/|CriOS/|Chromium/",
    "Safari": r"Safari/",
}
SYSTEMS = {
    "iPhone": r"iPhone",
    "iPad": r"iPad",
    "Android": r"Android",
    "Windows": r"Windows",
    "ChromeOS": r"CrOS",
    "Mac": r"Macintosh",
    "Linux": r"Linux",
}


# --- rows ---


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


def list_sessions(session: Session, person: Person, *, now: datetime) -> Sequence[WebSession]:
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


# --- requests ---


def get_viewer(request: Request) -> Person | None:
    """The signed-in mentor or manager. Updates when this browser was last seen."""
    line, found = get_line(request), None
    if token := request.cookies.get(COOKIE):
        now = line.clock()
        with line.database.reading() as session:
            found = find_session(session, token, now=now)
        if found and (found.seen_at is None or found.seen_at <= now - SEEN_AGAIN_AFTER):
            with line.database.writing() as session:
                _note_seen(session, found, now=now)
    # Also for the page of a refusal, which shows who is signed in.
    request.state.viewer = found.person if found else None
    return found.person if found else None


def _note_seen(session: Session, web_session: WebSession, *, now: datetime) -> None:
    session.execute(
        update(WebSession)
        .where(
            WebSession.id == web_session.id,
            or_(WebSession.seen_at.is_(None), WebSession.seen_at <= now - SEEN_AGAIN_AFTER),
        )
        .values(seen_at=now)
    )


def require(action: Action) -> Callable[[Request], Person]:
    """A dependency: the viewer, if their role may do this. Raises NotSignedIn or PageRefused."""

    def viewer(request: Request) -> Person:
        return allow(get_viewer(request), action)

    return viewer


Mentor = Annotated[Person, Depends(require(Action.ANSWER))]
Manager = Annotated[Person, Depends(require(Action.OVERSEE))]
Staff = Annotated[Person, Depends(require(Action.OWN_ACCOUNT))]


def may_listen(request: Request) -> None:
    """Raises NotSignedIn or PageRefused. The demo's phones listen without a sign-in."""
    if get_settings(request).sms != "phones":
        allow(get_viewer(request), Action.LISTEN)


@contextmanager
def audited(request: Request, person: Person, action: str) -> Iterator[Session]:
    """A transaction in which `person` changes something of theirs; notes it in the audit log."""
    line = get_line(request)
    with line.database.writing() as session:
        yield session
        note_about(session, person, action, by=person, now=line.clock())


# --- cookies ---


def begin(request: Request, session: Session, person: Person) -> str:
    """Replace this browser's session with one of `person`.

    Returns the token, which `set_cookie` gives to the browser once the transaction is committed.
    """
    end_session(session, request.cookies.get(COOKIE, ""))
    now = get_line(request).clock()
    return start_session(session, person, now=now, browser=describe_browser(request))


def describe_browser(request: Request) -> str:
    """Such as "Firefox on Android"."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for name, mark in BROWSERS.items() if re.search(mark, agent)), "A browser")
    system = next((name for name, mark in SYSTEMS.items() if re.search(mark, agent)), None)
    return f"{browser} on {system}" if system else browser


def set_cookie(
    request: Request,
    response: Response,
    value: str,
    *,
    name: str = COOKIE,
    lasts: timedelta = SESSION_LASTS,
) -> None:
    is_https = get_settings(request).public_url.startswith("https://")
    age = int(lasts.total_seconds())
    response.set_cookie(name, value, max_age=age, httponly=True, secure=is_https)


def own_path(wanted: str) -> str | None:
    """`wanted` if it is a path on this site; None for anything that could lead elsewhere."""
    if not wanted.startswith("/") or wanted.startswith("//") or not wanted.isprintable():
        return None
    return None if "\\" in wanted or urlsplit(wanted).netloc else wanted
