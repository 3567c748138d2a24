"""The mentee's web chat: one thread, live, with a person always within reach.

Everything works by plain forms. With its script the page is told of each message as it comes:
one event for one message, with the message's number as its id, so that a page that was cut off
goes on behind the last one it has shown.
"""

import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.crisis_lines import crisis_lines
from escalation.speech.i18n import gettext_noop, in_language, known
from gateway.accounts.rate_limit import client_address, get_rate_limits, too_many
from gateway.accounts.session_store import end_session
from gateway.chat.sign_in import (
    COOKIE,
    Mentee,
    NotInChat,
    asks_by_itself,
    forget,
    get_mentee,
    mentee_signed_in,
    remember,
    shown_to_somebody,
    sign_mentee_in,
)
from gateway.chat.thread import (
    Standing,
    Thread,
    after,
    choices_now,
    get_conversation,
    get_thread_status,
    latest,
    message_state,
    message_states,
    note_shown,
    tell_code,
)
from gateway.conversations.quick_replies import Choice
from gateway.messaging.inbox import record_on_web
from gateway.privacy.terms import may_chat
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import KeyRefused, use_code, use_link
from gateway.runtime.phone_numbers import as_e164
from gateway.runtime.pulse import Pulse
from gateway.web.i18n import request_language, said_to
from gateway.web.rendering import Number, PageRefused, env, get_line, get_settings, page
from models import Conversation, Message, Owner, Person, Role
from models.encryption import phone_index

router = APIRouter(prefix="/chat")

LONGEST_TEXT = 5_000
TRIES_PER_NUMBER = 5
# A whole class may sit behind one address.
TRIES_PER_ADDRESS = 60
KEY = re.compile(r"[A-Za-z0-9_-]{8,40}")

WRONG_CODE = gettext_noop(
    "That code does not open the chat. It may be mistyped, used, or older than ten minutes. "
    "Type the newest one you were sent, or ask for another."
)
NEEDS_TERMS = gettext_noop("Before you write here, please read what this chat is and agree to it.")
TOO_LONG = gettext_noop(
    "That is longer than {longest} characters, so it was not sent. Send it in two or more messages."
)
EMPTY = gettext_noop("There is nothing in it yet. Write a few words, then send them.")
NO_NUMBER = gettext_noop(
    "That is no telephone number. Write it with its area code, like 202 555 0101."
)
NOT_FOR_THE_CHAT = gettext_noop("This link is not for the chat. Mentors and managers use /sign-in.")

env.filters.update(chat_state=message_state)
env.globals.update(crisis_lines=crisis_lines)


# --- the page ---


@router.get("")
def chat(
    request: Request,
    before: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """The thread's latest messages, or those before one of them."""
    line = get_line(request)
    if COOKIE not in request.cookies:
        raise NotInChat
    with line.database.writing() as session:
        person = mentee_signed_in(session, request)
        if person is None:
            raise NotInChat
        if not _may_enter(session, line, person):
            return RedirectResponse("/chat/terms", 303)
        conversation = get_conversation(session, person)
        if conversation is not None and not before and shown_to_somebody(request):
            thread = latest(session, conversation)
            note_shown(session, conversation, thread.last_id, now=line.clock())
            session.expire_all()
        view = _view(session, line, person, before=before)
    return _page(request, view)


@router.post("")
def write(
    request: Request,
    words: Annotated[str, Form()] = "",
    key: Annotated[str, Form()] = "",
) -> Response:
    """Record what the mentee wrote; then the line takes its turn. A repeat is not a new message."""
    line = get_line(request)
    person = get_mentee(request)
    if person is None:
        return _give_back(request, NotInChat(), words)
    with line.database.reading() as session:
        may_enter = _may_enter(session, line, person)
    if not may_enter:
        return _give_back(request, PageRefused(403, said_to(request, NEEDS_TERMS)), words)
    if not words.strip():
        return _give_back(request, PageRefused(422, said_to(request, EMPTY)), words)
    if len(words) > LONGEST_TEXT:
        return _give_back(
            request, PageRefused(413, said_to(request, TOO_LONG, longest=LONGEST_TEXT)), words
        )
    if not KEY.fullmatch(key):
        key = secrets.token_urlsafe(16)
    kept = record_on_web(line.database, person, words, key=key, rules=line.rules, now=line.clock())
    if not kept.again:
        line.soon(line.take_turns, kept.conversation_id)
    if not asks_by_itself(request):
        return RedirectResponse("/chat#latest", 303)
    with line.database.reading() as session:
        html = _message_html(session.get_one(Message, kept.message_id), person)
    return HTMLResponse(html)


@router.post("/seen")
def seen(
    request: Request, person: Mentee, up_to: Annotated[int, Form(ge=0, le=2**31 - 1)]
) -> Response:
    """The page has shown everything up to this message to somebody who looks at it."""
    line = get_line(request)
    with line.database.writing() as session:
        conversation = get_conversation(session, person)
        if conversation is not None:
            note_shown(session, conversation, up_to, now=line.clock())
    return Response(status_code=204)


# --- live ---


@dataclass
class Follower:
    """One open page: the last message it was given, and what else it was told."""

    last_id: int
    told: str = ""
    states: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class News:
    """What one open page is to be given next. `more` says that it must be asked for again."""

    messages: list[tuple[int, str]]
    standing: str | None
    more: bool


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request,
    person: Mentee,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """`message` for each message after the last one shown; `standing` for all else that changed."""
    last_id = last_event_id if last_event_id and last_event_id.isdecimal() else str(after)
    follower = Follower(int(last_id[:10]))
    pulse: Pulse = request.app.state.pulse
    async for _ in pulse.changes():
        more = True
        while more:
            news = await run_in_threadpool(_news, request, follower)
            if news is None:
                yield ServerSentEvent(event="signed-out", raw_data="")
                return
            for message_id, html in news.messages:
                yield ServerSentEvent(
                    event="message", id=str(message_id), raw_data=html, retry=1000
                )
            if news.standing is not None:
                yield ServerSentEvent(event="standing", raw_data=news.standing, retry=1000)
            more = news.more


def _news(request: Request, follower: Follower) -> News | None:
    """What has changed for this page, which is then taken as told; None when it is signed out."""
    line = get_line(request)
    with line.database.reading() as session:
        person = mentee_signed_in(session, request)
        if person is None or not _may_enter(session, line, person):
            return None
        conversation = get_conversation(session, person)
        new = after(session, conversation, follower.last_id) if conversation else ()
        messages = [(message.id, _message_html(message, person)) for message in new]
        standing = get_thread_status(session, person, conversation, now=line.clock())
        choices = choices_now(session, conversation, standing.owner)
        states = message_states(session, conversation) if conversation else {}
    if new:
        follower.last_id = new[-1].id
    parts = {
        "standing": _part("chat/chat_standing.html", line, person, standing=standing),
        "choices": _part("chat/chat_choices.html", line, person, choices=choices),
    }
    changed = {each: state for each, state in states.items() if follower.states.get(each) != state}
    told = json.dumps(parts)
    if told == follower.told and not changed:
        return News(messages, None, more=bool(new))
    follower.told, follower.states = told, states
    says = {state: in_language(person.language, state) for state in changed.values()}
    news = json.dumps({**parts, "states": changed, "says": says})
    return News(messages, news, more=bool(new))


# --- coming in ---


@router.get("/in/{token}")
def invited(request: Request, token: str) -> Response:
    """One button. Looking at the address, as previews of links do, uses nothing up."""
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
            return RedirectResponse("/chat", 303)  # clicked twice, or came back to it
        return _sign_in_page(request, sentence=said_to(request, str(refused)), status=410)
    return remember(request, RedirectResponse("/chat", 303), cookie, own=bool(own))


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    if get_mentee(request) is not None:
        return RedirectResponse("/chat", 303)
    return _sign_in_page(request)


@router.post("/sign-in")
def ask_for_code(
    request: Request,
    phone: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
) -> Response:
    """Text a code, if this is a mentee's number. The page says the same either way."""
    line = get_line(request)
    number = as_e164(phone)
    if number is None:
        sentence = said_to(request, NO_NUMBER)
        return _sign_in_page(request, phone=phone, words=words, sentence=sentence, status=422)
    index = phone_index(number)
    limits = {
        f"chat code {index}": TRIES_PER_NUMBER,
        f"chat {client_address(request)}": TRIES_PER_ADDRESS,
    }
    if wait := get_rate_limits(request).take(limits, now=line.clock()):
        sentence = too_many(wait, request_language(request))
        return _sign_in_page(request, phone=phone, words=words, sentence=sentence, status=429)
    with line.database.reading() as session:
        person = session.scalar(select(Person).where(Person.phone_index == index))
    if person is not None:
        # On another thread, so that the answer takes as long for a number of nobody.
        line.soon(tell_code, person.id)
    return page(
        request,
        "chat/chat_code.html",
        viewer=None,
        phone=number,
        words=words,
        sentence="",
        own=False,
    )


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
    return page(
        request,
        "chat/chat_code.html",
        viewer=None,
        status=status,
        phone=phone,
        words=words,
        sentence=sentence,
        own=bool(own),
    )


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    with get_line(request).database.writing() as session:
        end_session(session, request.cookies.get(COOKIE, ""))
    return forget(request, RedirectResponse("/chat/sign-in", 303))


@router.post("/as/{person_id}")
def be_a_mentee(request: Request, person_id: Number) -> Response:
    """The demo's one click. It exists only where the phones are the demo's."""
    with get_line(request).database.writing() as session:
        person = session.get(Person, person_id)
        is_demo = get_settings(request).sms == "phones"
        if not is_demo or person is None or person.role is not Role.MENTEE or person.left_at:
            raise PageRefused(404, gettext_noop("There is nobody to be here."))
        token = sign_mentee_in(session, request, person, own=False)
    return remember(request, RedirectResponse("/chat", 303), token, own=False)


def _let_in(request: Request, index: str, code: str, *, own: bool) -> tuple[Person, str] | None:
    """The mentee whom this code signs in, and their cookie; None for a code that is no good.

    Every reason is answered alike: a finer answer would tell whether the number is somebody's.
    """
    line = get_line(request)
    try:
        with line.database.writing() as session:
            person = session.scalar(select(Person).where(Person.phone_index == index))
            if person is None or person.role is not Role.MENTEE:
                return None
            use_code(session, person, code, "chat", now=line.clock())
            return person, sign_mentee_in(session, request, person, own=own)
    except KeyRefused:
        return None


def _after_sign_in(
    request: Request, person: Person, token: str, words: str, *, own: bool
) -> Response:
    """The chat; with what was written before the sign-in ran out in its box again."""
    if not words:
        return remember(request, RedirectResponse("/chat", 303), token, own=own)
    line = get_line(request)
    with line.database.reading() as session:
        here = session.get_one(Person, person.id)
        if not _may_enter(session, line, here):
            return remember(request, RedirectResponse("/chat/terms", 303), token, own=own)
        view = _view(session, line, here)
    return remember(request, _page(request, view, words=words), token, own=own)


# --- put together ---


@dataclass(frozen=True)
class View:
    person: Person
    thread: Thread
    standing: Standing
    choices: list[Choice]
    before: int


def _view(session: Session, line: Line, person: Person, *, before: int = 0) -> View:
    conversation: Conversation | None = get_conversation(session, person)
    standing = get_thread_status(session, person, conversation, now=line.clock())
    return View(
        person,
        latest(session, conversation, before=before),
        standing,
        choices_now(session, conversation, standing.owner),
        before,
    )


def _page(
    request: Request, view: View, *, words: str = "", sentence: str = "", status: int = 200
) -> Response:
    return page(
        request,
        "chat/chat.html",
        viewer=view.person,
        status=status,
        person=view.person,
        thread=view.thread,
        standing=view.standing,
        choices=view.choices,
        before=view.before,
        words=words,
        sentence=sentence,
        key=secrets.token_urlsafe(16),
        owners=Owner,
    )


def _give_back(request: Request, refused: PageRefused, words: str) -> Response:
    """Say why words were not sent, and lose none of them."""
    sentence = said_to(request, str(refused)) if isinstance(refused, NotInChat) else str(refused)
    if asks_by_itself(request):
        return PlainTextResponse(sentence, refused.status)
    if isinstance(refused, NotInChat):
        return _sign_in_page(request, words=words, sentence=sentence, status=401)
    line = get_line(request)
    person = get_mentee(request)
    with line.database.reading() as session:
        if person is not None and _may_enter(session, line, person):
            view = _view(session, line, session.get_one(Person, person.id))
            return _page(request, view, words=words, sentence=str(refused), status=refused.status)
    return page(
        request,
        "chat/chat_refused.html",
        viewer=None,
        status=refused.status,
        sentence=str(refused),
        words=words,
    )


def _sign_in_page(
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


def _may_enter(session: Session, line: Line, person: Person) -> bool:
    policy = line.of(session, person.program_id).rules.policy.consent
    return may_chat(session, person, policy)


def _message_html(message: Message, person: Person) -> str:
    return env.get_template("chat/chat_message.html").render(
        said=message, zone=person.timezone, language=known(person.language)
    )


def _part(template: str, line: Line, person: Person, **values: object) -> str:
    return env.get_template(template).render(
        now=line.clock(),
        owners=Owner,
        person=person,
        language=known(person.language),
        **values,
    )
