"""A mentee's sign-in to the chat, and its cookie. A page that needs it depends on `Mentee`."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from sqlalchemy.orm import Session

from escalation.ruleset import Rules
from escalation.speech.i18n import gettext_noop, in_language
from gateway.accounts.permissions import MAY, Action
from gateway.accounts.sessions import (
    MENTEE_LASTS,
    Limits,
    end_session,
    find_own_session,
    find_session,
    limits_of,
    read_cookie,
    start_session,
)
from gateway.messaging.sealed_codes import CODE_LASTS
from gateway.runtime.one_time_keys import new_link
from gateway.web.cookies import cookie_name
from gateway.web.i18n import request_language
from gateway.web.rendering import NotSignedIn, PageRefused, get_line, get_settings, page
from models import Person, Role

COOKIE = "warmline_chat"
ASKED = "warmline_code"
# On a shared device, and on the mentee's own.
LASTS_HERE = Limits(timedelta(hours=12), timedelta(hours=12))

SIGNED_OUT = gettext_noop(
    "You are signed out, so we did not send this. Your words are still here. Sign in again in "
    "another tab, come back, and send it."
)


class NotInChat(NotSignedIn):
    def __init__(self) -> None:
        PageRefused.__init__(self, 401, SIGNED_OUT)


def mentee_signed_in(session: Session, request: Request) -> Person | None:
    now = get_line(request).clock()
    found = find_session(session, read_cookie(request, COOKIE), now=now)
    return found.person if found and found.person.role in MAY[Action.CHAT] else None


def get_mentee(request: Request) -> Person | None:
    found = find_own_session(request, COOKIE)
    person = found.person if found and found.person.role in MAY[Action.CHAT] else None
    # get_line reads this to use the rules of the mentee's program.
    request.state.mentee = person
    return person


def signed_in_mentee(request: Request) -> Person:
    """A dependency. Raises NotInChat."""
    person = get_mentee(request)
    if person is None:
        raise NotInChat
    return person


Mentee = Annotated[Person, Depends(signed_in_mentee)]


def is_chat_path(path: str) -> bool:
    return path == "/chat" or path.startswith("/chat/")


def is_from_script(request: Request) -> bool:
    is_stream = "text/event-stream" in request.headers.get("Accept", "")
    return is_stream or "X-Chat" in request.headers or "HX-Request" in request.headers


def chat_refusal(request: Request, refused: PageRefused, words: str = "") -> Response:
    """`words` are what the mentee wrote, so that they do not lose it."""
    # Most sentences are translated already, but not those that code outside the chat raised.
    sentence = in_language(request_language(request), str(refused))
    if is_from_script(request):
        return PlainTextResponse(sentence, refused.status)
    if isinstance(refused, NotSignedIn) and request.method == "GET":
        return RedirectResponse("/chat/sign-in", 303)
    return page(
        request,
        "chat/chat_refused.html",
        viewer=getattr(request.state, "mentee", None),
        status=refused.status,
        sentence=sentence,
        words=words,
    )


def chat_link(rules: Rules) -> str:
    return f"{rules.site}/chat"


def invite(session: Session, person: Person, rules: Rules, *, now: datetime) -> str:
    """A link that opens the chat once. Raises ValueError for mentors and managers."""
    if person.role is not Role.MENTEE:
        raise ValueError(
            f"{person.name} is not a mentee. Mentors and managers sign in at /sign-in."
        )
    lasts = timedelta(days=rules.policy.chat.invitation_days)
    return f"{chat_link(rules)}/in/{new_link(session, person, 'chat', now=now, lasts=lasts)}"


def sign_mentee_in(session: Session, request: Request, person: Person, *, own: bool) -> str:
    """Replace an earlier sign-in; returns the token for `remember`."""
    if old := read_cookie(request, COOKIE):
        end_session(session, old)
    line = get_line(request).of(session, person.program_id)
    limits = limits_of(line.rules.policy, person) if own else LASTS_HERE
    return start_session(session, person, now=line.clock(), how="code", limits=limits)


def remember(request: Request, response: Response, token: str, *, own: bool) -> Response:
    """Set the cookie. On a shared device it ends when the browser is closed."""
    return _add_cookie(request, response, COOKIE, token, lasts=MENTEE_LASTS if own else None)


def remember_asking(request: Request, response: Response, browser: str) -> Response:
    """Mark the browser that asked for a code, which works nowhere else."""
    return _add_cookie(request, response, ASKED, browser, lasts=CODE_LASTS)


def forget(request: Request, response: Response) -> Response:
    return _add_cookie(request, response, COOKIE, "", lasts=timedelta(0))


def _add_cookie(
    request: Request, response: Response, name: str, value: str, *, lasts: timedelta | None
) -> Response:
    """Without `lasts`, the cookie ends when the browser is closed."""
    age = "" if lasts is None else f"Max-Age={int(lasts.total_seconds())}; "
    cookie = f"{cookie_name(request, name)}={value}; {age}{cookie_marks(request)}"
    response.headers.append("Set-Cookie", cookie)
    return response


def cookie_marks(request: Request) -> str:
    """In a frame on a school's site, browsers keep only a partitioned cookie, and only over https.

    Each framing site then has its own sign-in. Without framing sites, the cookie is as strict as
    the mentors' cookie.
    """
    settings = get_settings(request)
    if not settings.is_https:
        return "Path=/; HttpOnly; SameSite=Lax"
    if settings.chat_origins:
        return "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
    return "Path=/; HttpOnly; Secure; SameSite=Lax"


def is_seen_by_a_person(request: Request) -> bool:
    """False for a prefetch or another site's image. Old browsers send neither of these headers."""
    is_prefetch = "prefetch" in request.headers.get("Sec-Purpose", "")
    destination = request.headers.get("Sec-Fetch-Dest", "document")
    return not is_prefetch and destination in ("document", "iframe")


def frame_ancestors(origins: tuple[str, ...]) -> str:
    return f"frame-ancestors {' '.join(origins)}" if origins else "frame-ancestors 'none'"
