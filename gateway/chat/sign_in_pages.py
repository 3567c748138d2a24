"""The pages on which a mentee signs in to the chat: an invitation, or a code by text."""

import secrets
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from escalation.speech.i18n import gettext_noop
from gateway.accounts.rate_limit import (
    attempt_limits,
    count_attempt,
    counted_attempt,
    remember_browser,
)
from gateway.accounts.sessions import end_session, read_cookie
from gateway.chat.chat_page import build_view, may_enter, show_chat
from gateway.chat.sign_in import (
    ASKED,
    COOKIE,
    cookie_marks,
    forget,
    get_mentee,
    remember,
    remember_asking,
    sign_mentee_in,
)
from gateway.messaging import sealed_codes
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import KeyRefused, use_code, use_link
from gateway.runtime.user_input import as_e164
from gateway.web.i18n import said_to
from gateway.web.rendering import Number, PageRefused, get_line, get_settings, page
from models import Person, Role, phone_index

router = APIRouter(prefix="/chat")

# A whole class may share one address.
ATTEMPTS_PER_ADDRESS = 60
CODE_PAGE = "chat/chat_code.html"

WRONG_CODE = gettext_noop(
    "That code didn't work. It may have a typo, be used already, or be older than ten minutes. "
    "Type the newest code we sent you, or ask for a new one."
)
NO_NUMBER = gettext_noop(
    "That is not a valid phone number. Include the area code, like 202 555 0101."
)
NOT_FOR_THE_CHAT = gettext_noop(
    "This link does not open the chat. Mentors and managers sign in at /sign-in."
)
Text = Annotated[str, Form()]
Own = Annotated[bool, Form()]


@router.get("/in/{token}")
def invited(request: Request, token: str) -> Response:
    """One button, so that link previews do not use up the invitation."""
    return page(request, "chat/chat_in.html", viewer=None, token=token)


@router.post("/in/{token}")
def come_in(request: Request, token: str, own: Own = False) -> Response:
    line = get_line(request)
    try:
        with line.database.writing() as session:
            person = use_link(session, token, "chat", now=line.clock())
            if person.role is not Role.MENTEE:
                raise KeyRefused(NOT_FOR_THE_CHAT)
            cookie = sign_mentee_in(session, request, person, own=own)
    except KeyRefused as refused:
        if get_mentee(request) is not None:
            return RedirectResponse("/chat", 303)  # a double click, or the back button
        return show_sign_in(request, refused=PageRefused(410, str(refused)))
    return remember(request, RedirectResponse("/chat", 303), cookie, own=own)


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    if get_mentee(request) is not None:
        return RedirectResponse("/chat", 303)
    return show_sign_in(request)


@router.post("/sign-in")
def ask_for_code(request: Request, phone: Text = "", words: Text = "") -> Response:
    """Text a code if this is a mentee's number. The page says the same either way."""
    line = get_line(request)
    number = as_e164(phone)
    try:
        if number is None:
            raise PageRefused(422, said_to(request, NO_NUMBER))
        index = phone_index(number)
        count_attempt(request, _limits("chat code", request, index, sends_text=True))
    except PageRefused as refused:
        return show_sign_in(request, phone=phone, words=words, refused=refused)
    with line.database.reading() as session:
        person = session.scalar(select(Person).where(Person.phone_index == index))
    browser = secrets.token_urlsafe(32)
    if person is not None:
        # In the background, so that the response time does not tell whether the number is enrolled.
        line.soon(_texting(browser), person.id)
    shown = _show(request, CODE_PAGE, phone=number, words=words, own=False)
    return remember_asking(request, shown, browser)


@router.post("/sign-in/code")
def give_code(
    request: Request, phone: Text = "", code: Text = "", words: Text = "", own: Own = False
) -> Response:
    index = phone_index(as_e164(phone) or phone)
    try:
        with counted_attempt(request, _limits("chat try", request, index)):
            person, token = _let_in(request, index, code, own=own)
    except PageRefused as refused:
        if get_mentee(request) is not None:
            return RedirectResponse("/chat", 303)  # sent twice
        return _show(request, CODE_PAGE, refused, phone=phone, words=words, own=own)
    response = remember(request, _open_chat(request, person, words), token, own=own)
    # On a shared device, the next person would get the mentee's own attempts.
    return (
        remember_browser(request, response, index, marks=cookie_marks(request)) if own else response
    )


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    with get_line(request).database.writing() as session:
        end_session(session, read_cookie(request, COOKIE))
    return forget(request, RedirectResponse("/chat/sign-in", 303))


@router.post("/as/{person_id}")
def be_a_mentee(request: Request, person_id: Number) -> Response:
    with get_line(request).database.writing() as session:
        person = session.get(Person, person_id)
        is_demo = get_settings(request).sms == "phones"
        if not is_demo or person is None or person.role is not Role.MENTEE or person.left_at:
            raise PageRefused(404, gettext_noop("You can't use the chat as this person."))
        token = sign_mentee_in(session, request, person, own=False)
    return remember(request, RedirectResponse("/chat", 303), token, own=False)


def _texting(browser: str) -> Callable[[Line, int], None]:
    """Texts a code that works in this browser only."""

    def text_code(line: Line, person_id: int) -> None:
        with acting(line) as session:
            person = session.get_one(Person, person_id)
            if person.role is Role.MENTEE and person.left_at is None and person.can_be_texted:
                now = line.clock()
                sealed_codes.text_code(
                    session, line, person, now=now, purpose="chat", browser=browser
                )

    return text_code


def _limits(what: str, request: Request, index: str, *, sends_text: bool = False) -> dict[str, int]:
    return attempt_limits(
        request, what, index, from_address=ATTEMPTS_PER_ADDRESS, sends_text=sends_text
    )


def _let_in(request: Request, index: str, code: str, *, own: bool) -> tuple[Person, str]:
    """The mentee whom this code signs in, and the token for their cookie.

    Raises PageRefused without a reason, which would tell whether the number is enrolled.
    """
    line = get_line(request)
    try:
        with line.database.writing() as session:
            person = session.scalar(
                select(Person).where(Person.phone_index == index, Person.role == Role.MENTEE)
            )
            if person is None:
                raise KeyRefused(WRONG_CODE)
            browser = read_cookie(request, ASKED)
            use_code(session, person, code, "chat", now=line.clock(), browser=browser)
            return person, sign_mentee_in(session, request, person, own=own)
    except KeyRefused as refused:
        raise PageRefused(401, said_to(request, WRONG_CODE)) from refused


def _open_chat(request: Request, person: Person, words: str) -> Response:
    """The chat, with `words` from before the sign-in ended back in the message box."""
    if not words:
        return RedirectResponse("/chat", 303)
    line = get_line(request)
    with line.database.reading() as session:
        here = session.get_one(Person, person.id)
        if not may_enter(session, line, here):
            return RedirectResponse("/chat/terms", 303)
        view = build_view(session, line, here)
    return show_chat(request, view, words)


def show_sign_in(
    request: Request, *, phone: str = "", words: str = "", refused: PageRefused | None = None
) -> Response:
    mentees: Sequence[Person] = ()
    if get_settings(request).sms == "phones":
        with get_line(request).database.reading() as session:
            asked = select(Person).where(Person.role == Role.MENTEE).order_by(Person.id).limit(12)
            mentees = session.scalars(asked).all()
    template = "chat/chat_sign_in.html"
    return _show(request, template, refused, phone=phone, words=words, mentees=mentees)


def _show(
    request: Request, template: str, refused: PageRefused | None = None, **values: object
) -> Response:
    status, sentence = refused.status if refused else 200, said_to(request, str(refused or ""))
    return page(request, template, viewer=None, status=status, sentence=sentence, **values)
