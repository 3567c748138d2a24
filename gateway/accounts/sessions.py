"""Which browser is signed in, as whom, and what that lets it do."""

import re
from collections.abc import Callable
from typing import Annotated, Literal, TypedDict
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from sqlalchemy.orm import Session

from gateway.accounts.passwords import (
    SIGNED_IN_FOR,
    begin_sign_in,
    end_sign_in,
    note_seen,
    sign_in_with,
    was_seen_long_ago,
)
from gateway.accounts.permissions import Action, allow
from gateway.web.rendering import get_line, get_settings
from models import Person, WebSession

COOKIE = "warmline"

# The first that a browser names counts: most call themselves by several names.
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
    """The browser as its owner knows it: Firefox on Android."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for name, mark in BROWSERS if re.search(mark, agent)), UNKNOWN_BROWSER)
    system = next((name for name, mark in SYSTEMS if re.search(mark, agent)), None)
    return f"{browser} on {system}" if system else browser


def get_web_session(request: Request) -> WebSession | None:
    """The sign-in of the browser that asks, if it has one. It is noted that it was seen."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    line, now = get_line(request), get_line(request).clock()
    with line.database.reading() as session:
        sign_in = sign_in_with(session, token, now=now)
    if sign_in is not None and was_seen_long_ago(sign_in, now=now):
        with line.database.writing() as session:
            note_seen(session, sign_in, now=now)
    return sign_in


def get_viewer(request: Request) -> Person | None:
    """Who is signed in, if anybody."""
    sign_in = get_web_session(request)
    viewer = sign_in.person if sign_in else None
    # Kept with the request, so that a refusal too shows who is signed in.
    request.state.viewer = viewer
    return viewer


def who_may(action: Action) -> Callable[[Request], Person]:
    """What a page asks for with `Depends`: somebody who may, or the request is refused."""

    def somebody(request: Request) -> Person:
        return allow(get_viewer(request), action)

    return somebody


Mentor = Annotated[Person, Depends(who_may(Action.ANSWER))]
Manager = Annotated[Person, Depends(who_may(Action.OVERSEE))]
Staff = Annotated[Person, Depends(who_may(Action.OWN_ACCOUNT))]


def may_listen(request: Request) -> None:
    """Raises NotSignedIn or PageRefused. The demo's phones listen without a sign-in."""
    if get_settings(request).sms != "phones":
        allow(get_viewer(request), Action.LISTEN)


class CookieMarks(TypedDict):
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


def cookie_marks(request: Request) -> CookieMarks:
    return {
        "httponly": True,
        "samesite": "lax",
        "secure": get_settings(request).public_url.startswith("https://"),
    }


def begin(request: Request, session: Session, person: Person) -> str:
    """Sign the browser that asks in as `person`, and out as whoever it was signed in as before.

    Returns the token, for `keep` to give to the browser once the transaction is committed.
    """
    end_sign_in(session, request.cookies.get(COOKIE, ""))
    now = get_line(request).clock()
    return begin_sign_in(session, person, now=now, browser=describe_browser(request))


def keep(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(SIGNED_IN_FOR.total_seconds()), **cookie_marks(request)
    )


def forget(request: Request, response: Response) -> None:
    response.delete_cookie(COOKIE, **cookie_marks(request))


def own_path(wanted: str) -> str | None:
    """`wanted` if it is a path of ours; None for anything that could lead to another site."""
    if not wanted.startswith("/") or wanted.startswith("//") or not wanted.isprintable():
        return None
    if "\\" in wanted or urlsplit(wanted).netloc:
        return None
    return wanted
