"""The pages on which a mentee signs in to the chat: an invitation, or a code by text."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from escalation.speech.i18n import gettext_noop
from gateway.accounts.rate_limit import client_address, get_rate_limits, too_many
from gateway.accounts.session_store import end_session
from gateway.chat.chat_page import build_view, may_enter, show_chat
from gateway.chat.invitations import text_code
from gateway.chat.sign_in import COOKIE, forget, get_mentee, remember, sign_mentee_in
from gateway.runtime.one_time_keys import KeyRefused, use_code, use_link
from gateway.runtime.user_input import as_e164
from gateway.web.i18n import request_language, said_to
from gateway.web.rendering import Number, PageRefused, get_line, get_settings, page
from models import Person, Role, phone_index

router = APIRouter(prefix="/chat")


TRIES_PER_NUMBER = 5


# A whole class may share one address.
TRIES_PER_ADDRESS = 60


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


@router.get("/in/{token}")
def invited(request: Request, token: str) -> Response:
    """One button, so that link previews do not use up the invitation."""
    return page(request, "chat/chat_in.html", viewer=None, token=token)


@router.post("/in/{token}")
def come_in(request: Request, token: str, own: Annotated[str, Form()] = "") -> Response:
    line = get_line(request)
    try:
        with line.database.writing() as session:
            person = use_link(session, token, "chat", now=line.clock())
            if person.role is not Role.MENTEE:
                raise KeyRefused(NOT_FOR_THE_CHAT)
            cookie = sign_mentee_in(session, request, person, own=bool(own))
    except KeyRefused as refused:
        if get_mentee(request) is not None:
            return RedirectResponse("/chat", 303)  # a double click, or the back button
        return show_sign_in(request, sentence=said_to(request, str(refused)), status=410)
    return remember(request, RedirectResponse("/chat", 303), cookie, own=bool(own))


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    if get_mentee(request) is not None:
        return RedirectResponse("/chat", 303)
    return show_sign_in(request)


@router.post("/sign-in")
def ask_for_code(
    request: Request,
    phone: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
) -> Response:
    """Text a code if this is a mentee's number. The page says the same either way."""
    line = get_line(request)
    number = as_e164(phone)
    if number is None:
        sentence = said_to(request, NO_NUMBER)
        return show_sign_in(request, phone=phone, words=words, sentence=sentence, status=422)
    index = phone_index(number)
    limits = {
        f"chat code {index}": TRIES_PER_NUMBER,
        f"chat {client_address(request)}": TRIES_PER_ADDRESS,
    }
    if wait := get_rate_limits(request).take(limits, now=line.clock()):
        sentence = too_many(wait, request_language(request))
        return show_sign_in(request, phone=phone, words=words, sentence=sentence, status=429)
    with line.database.reading() as session:
        person = session.scalar(select(Person).where(Person.phone_index == index))
    if person is not None:
        # In the background, so that the response time does not tell whether the number is enrolled.
        line.soon(text_code, person.id)
    return _show_code(request, {"phone": number, "words": words, "own": ""})


@router.post("/sign-in/code")
def give_code(
    request: Request,
    phone: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
    own: Annotated[str, Form()] = "",
) -> Response:
    line = get_line(request)
    now = line.clock()
    index = phone_index(as_e164(phone) or phone)
    limits = {
        f"chat try {index}": TRIES_PER_NUMBER,
        f"chat try {client_address(request)}": TRIES_PER_ADDRESS,
    }
    sentence, status = said_to(request, WRONG_CODE), 401
    if wait := get_rate_limits(request).take(limits, now=now):
        sentence, status = too_many(wait, request_language(request)), 429
    elif person := _let_in(request, index, code, own=bool(own)):
        get_rate_limits(request).give_back(limits)
        return _after_sign_in(request, *person, words, own=bool(own))
    elif get_mentee(request) is not None:
        return RedirectResponse("/chat", 303)  # sent twice
    form = {"phone": phone, "words": words, "own": own}
    return _show_code(request, form, sentence=sentence, status=status)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    with get_line(request).database.writing() as session:
        end_session(session, request.cookies.get(COOKIE, ""))
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


def _let_in(request: Request, index: str, code: str, *, own: bool) -> tuple[Person, str] | None:
    """The mentee whom this code signs in, and their cookie; None for any other code.

    No reason is given, because it would tell whether the number is enrolled.
    """
    line = get_line(request)
    try:
        with line.database.writing() as session:
            person = session.scalar(select(Person).where(Person.phone_index == index))
            if person is None or person.role is not Role.MENTEE:
                return None
            use_code(session, person, code, now=line.clock())
            return person, sign_mentee_in(session, request, person, own=own)
    except KeyRefused:
        return None


def _after_sign_in(
    request: Request, person: Person, token: str, words: str, *, own: bool
) -> Response:
    """The chat, with `words` from before the sign-in ended back in the message box."""
    if not words:
        return remember(request, RedirectResponse("/chat", 303), token, own=own)
    line = get_line(request)
    with line.database.reading() as session:
        here = session.get_one(Person, person.id)
        if not may_enter(session, line, here):
            return remember(request, RedirectResponse("/chat/terms", 303), token, own=own)
        view = build_view(session, line, here)
    return remember(request, show_chat(request, view, words=words), token, own=own)


def _show_code(
    request: Request, form: Mapping[str, str], *, sentence: str = "", status: int = 200
) -> Response:
    template = "chat/chat_code.html"
    return page(request, template, viewer=None, status=status, sentence=sentence, **form)


def show_sign_in(
    request: Request,
    *,
    phone: str = "",
    words: str = "",
    sentence: str = "",
    status: int = 200,
) -> Response:
    mentees: list[Person] = []
    if get_settings(request).sms == "phones":
        with get_line(request).database.reading() as session:
            asked = select(Person).where(Person.role == Role.MENTEE).order_by(Person.id).limit(12)
            mentees = list(session.scalars(asked))
    return page(
        request,
        "chat/chat_sign_in.html",
        viewer=None,
        status=status,
        phone=phone,
        words=words,
        sentence=sentence,
        mentees=mentees,
    )
