"""The signed-in browser: its cookie, its person, and the pages that person may open."""

import re
from collections.abc import Callable
from typing import Annotated, Literal, TypedDict
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from sqlalchemy.orm import Session

from gateway.accounts.permissions import Action, allow
from gateway.accounts.session_store import (
    SEEN_AGAIN_AFTER,
    SESSION_LASTS,
    end_session,
    find_session,
    note_seen,
    start_session,
)
from gateway.web.rendering import get_line, get_settings
from models import Person, WebSession

COOKIE = "warmline"

# The first match counts: most browsers list several names.
BROWSERS = (
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Opera", r"OPR/|Opera"),
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Safari/"),
)
SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("ChromeOS", r"CrOS"),
    ("Mac", r"Macintosh"),
    ("Linux", r"Linux"),
)
UNKNOWN_BROWSER = "A browser"


def describe_browser(request: Request) -> str:
    """Such as "Firefox on Android"."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for name, mark in BROWSERS if re.search(mark, agent)), UNKNOWN_BROWSER)
    system = next((name for name, mark in SYSTEMS if re.search(mark, agent)), None)
    return f"{browser} on {system}" if system else browser


def get_web_session(request: Request) -> WebSession | None:
    """This browser's session, if it is signed in. Updates when it was last seen."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    line, now = get_line(request), get_line(request).clock()
    with line.database.reading() as session:
        found = find_session(session, token, now=now)
    if found and (found.seen_at is None or found.seen_at <= now - SEEN_AGAIN_AFTER):
        with line.database.writing() as session:
            note_seen(session, found, now=now)
    return found


def get_viewer(request: Request) -> Person | None:
    web_session = get_web_session(request)
    viewer = web_session.person if web_session else None
    # Also for the page of a refusal, which shows who is signed in.
    request.state.viewer = viewer
    return viewer


def require(action: Action) -> Callable[[Request], Person]:
    """A dependency of a page: the viewer, when their role may do this; else a refusal."""

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


class CookieOptions(TypedDict):
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


def cookie_options(request: Request) -> CookieOptions:
    return {
        "httponly": True,
        "samesite": "lax",
        "secure": get_settings(request).public_url.startswith("https://"),
    }


def begin(request: Request, session: Session, person: Person) -> str:
    """Replace this browser's session with one of `person`.

    Returns the token, which `set_cookie` gives to the browser once the transaction is committed.
    """
    end_session(session, request.cookies.get(COOKIE, ""))
    now = get_line(request).clock()
    return start_session(session, person, now=now, browser=describe_browser(request))


def set_cookie(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(SESSION_LASTS.total_seconds()), **cookie_options(request)
    )


def delete_cookie(request: Request, response: Response) -> None:
    response.delete_cookie(COOKIE, **cookie_options(request))


def own_path(wanted: str) -> str | None:
    """`wanted` if it is a path on this site; None for anything that could lead elsewhere."""
    if not wanted.startswith("/") or wanted.startswith("//") or not wanted.isprintable():
        return None
    if "\\" in wanted or urlsplit(wanted).netloc:
        return None
    return wanted
