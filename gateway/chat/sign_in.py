"""Signing a mentee in to the chat: an invitation link, or a code that is texted to their number.

A page of the chat asks for `Mentee`. Whoever is not signed in is sent to `/chat/sign-in`; a
page that asks by itself, and not the browser, is told in a sentence.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, in_language
from gateway.accounts.permissions import MAY, Action
from gateway.accounts.session_store import end_session, find_signed_in, start_session
from gateway.web.i18n import request_language
from gateway.web.rendering import NotSignedIn, PageRefused, get_line, get_settings, page
from models import Person

COOKIE = "warmline_chat"
# On a device that others use too, and on one's own.
LASTS_HERE = timedelta(hours=12)
LASTS_ON_OWN = timedelta(days=30)

SIGNED_OUT = gettext_noop(
    "You are signed out, so nothing was sent. What you wrote stays here: sign in again in "
    "another tab, come back, and send it."
)


class NotInChat(NotSignedIn):
    """Nobody is signed in to the chat here."""

    def __init__(self) -> None:
        PageRefused.__init__(self, 401, SIGNED_OUT)


def mentee_signed_in(session: Session, request: Request) -> Person | None:
    """The mentee whose browser this is, if anybody's."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    person = find_signed_in(session, token, now=get_line(request).clock())
    if person is None or person.role not in MAY[Action.CHAT] or person.left_at is not None:
        return None
    return person


def get_mentee(request: Request) -> Person | None:
    """Who is signed in to the chat, if anybody."""
    if COOKIE not in request.cookies:
        return None
    with get_line(request).database.reading() as session:
        person = mentee_signed_in(session, request)
    # Their program's rules are those of the line that this request gets; see get_line.
    request.state.mentee = person
    return person


def signed_in_mentee(request: Request) -> Person:
    """What a page of the chat asks for with `Depends`. Raises NotInChat."""
    person = get_mentee(request)
    if person is None:
        raise NotInChat
    return person


Mentee = Annotated[Person, Depends(signed_in_mentee)]


def is_chat_path(path: str) -> bool:
    """Whether an address belongs to the chat: it may be framed, and has a look of its own."""
    return path == "/chat" or path.startswith("/chat/")


def asks_by_itself(request: Request) -> bool:
    """Whether the page's script asks, and not the browser for a whole page."""
    is_stream = "text/event-stream" in request.headers.get("Accept", "")
    return is_stream or "X-Chat" in request.headers or "HX-Request" in request.headers


def chat_refusal(request: Request, refused: PageRefused) -> Response:
    """A request within the chat that is not granted, in the chat's own look."""
    # Most sentences are in the reader's language already; what was raised anywhere is not.
    sentence = in_language(request_language(request), str(refused))
    if asks_by_itself(request):
        return PlainTextResponse(sentence, refused.status)
    if isinstance(refused, NotSignedIn) and request.method == "GET":
        return RedirectResponse("/chat/sign-in", 303)
    return page(
        request,
        "chat/chat_refused.html",
        viewer=getattr(request.state, "mentee", None),
        status=refused.status,
        sentence=sentence,
        words="",
    )


def sign_mentee_in(session: Session, request: Request, person: Person, *, own: bool) -> str:
    """Begin a sign-in in place of the one before; returns the token for `remember`."""
    if old := request.cookies.get(COOKIE):
        end_session(session, old)
    lasts = LASTS_ON_OWN if own else LASTS_HERE
    return start_session(session, person, now=get_line(request).clock(), lasts=lasts)


def remember(request: Request, response: Response, token: str, *, own: bool) -> Response:
    """Give the browser its cookie; on a device of others it goes when the browser is closed."""
    age = f"Max-Age={int(LASTS_ON_OWN.total_seconds())}; " if own else ""
    response.headers.append("Set-Cookie", f"{COOKIE}={token}; {age}{_marks(request)}")
    return response


def forget(request: Request, response: Response) -> Response:
    response.headers.append("Set-Cookie", f"{COOKIE}=; Max-Age=0; {_marks(request)}")
    return response


def _marks(request: Request) -> str:
    """In a school's frame only a partitioned third-party cookie is kept, and only over https.

    Each site that frames the chat then has a sign-in of its own, and a page elsewhere has none.
    Where nobody may frame it, the cookie stays as strict as the mentors' own.
    """
    settings = get_settings(request)
    if not settings.public_url.startswith("https://"):
        return "Path=/; HttpOnly; SameSite=Lax"
    if settings.chat_origins:
        return "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
    return "Path=/; HttpOnly; Secure; SameSite=Lax"


def shown_to_somebody(request: Request) -> bool:
    """Whether this GET is a person's who will see the page: no prefetch, no other site's picture.

    What is not known to be otherwise counts: old browsers send none of these headers.
    """
    if "prefetch" in request.headers.get("Sec-Purpose", ""):
        return False
    return request.headers.get("Sec-Fetch-Dest", "document") in ("document", "iframe")


def frame_ancestors(origins: tuple[str, ...]) -> str:
    """The directive that says who may frame the chat."""
    return f"frame-ancestors {' '.join(origins)}" if origins else "frame-ancestors 'none'"
