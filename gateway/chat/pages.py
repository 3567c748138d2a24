"""The mentee's web chat: one live conversation, in which they can always ask for a person.

Everything works with plain forms. The page's script gets one event per message. The event's id is
the message's number, so a page that lost its connection continues after the last message it has.
"""

import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from escalation.speech.i18n import gettext_noop, in_language
from gateway.accounts.rate_limit import RateLimits
from gateway.chat.chat_page import build_view, may_enter, render_part, show_chat
from gateway.chat.sign_in import (
    Mentee,
    NotInChat,
    chat_refusal,
    get_mentee,
    is_from_script,
    is_seen_by_a_person,
    mentee_signed_in,
)
from gateway.chat.sign_in_pages import show_sign_in
from gateway.chat.status import get_thread_status
from gateway.chat.thread import (
    after,
    choices_now,
    get_conversation,
    latest,
    message_states,
    note_shown,
)
from gateway.messaging.inbox import record_on_web
from gateway.web.i18n import said_to
from gateway.web.pulse import Listener, Pulse
from gateway.web.rendering import PageRefused, get_line
from models import Message, Person

router = APIRouter(prefix="/chat")

LONGEST_TEXT = 5_000
KEY = re.compile(r"[A-Za-z0-9_-]{8,40}")
LARGEST_ID = 2**31 - 1

NEEDS_TERMS = gettext_noop(
    "Before you write here, please read what this chat is and agree to the terms."
)
EMPTY = gettext_noop("Your message is empty. Write something first.")


@router.get("")
def chat(
    request: Request, mentee: Mentee, before: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0
) -> Response:
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        if not may_enter(session, line, person):
            return RedirectResponse("/chat/terms", 303)
        conversation = get_conversation(session, person)
        if conversation is not None and not before and is_seen_by_a_person(request):
            thread = latest(session, conversation)
            note_shown(session, conversation, thread.last_id, now=line.clock())
            session.expire_all()
        view = build_view(session, line, person, before=before)
    return show_chat(request, view)


@router.post("")
def write(
    request: Request, words: Annotated[str, Form()] = "", key: Annotated[str, Form()] = ""
) -> Response:
    """Record what the mentee wrote, then answer it. The same key and words are recorded once."""
    person = get_mentee(request)
    try:
        if person is None:
            raise NotInChat
        _check(request, person, words)
        limits = _count(request, person)
    except PageRefused as refused:
        return _give_back(request, person, refused, words)
    line = get_line(request)
    if not KEY.fullmatch(key):
        key = secrets.token_urlsafe(16)
    recorded = record_on_web(
        line.database, person, words, key=key, rules=line.rules, now=line.clock()
    )
    if recorded.again:
        request.app.state.chat_limits.give_back(limits)
    else:
        line.soon(line.take_turns, recorded.conversation_id)
    if not is_from_script(request):
        return RedirectResponse("/chat#latest", 303)
    with line.database.reading() as session:
        message = session.get_one(Message, recorded.message_id)
        html = render_part("chat/chat_message.html", line, person, said=message)
    return HTMLResponse(html)


def _check(request: Request, person: Person, words: str) -> None:
    line = get_line(request)
    with line.database.reading() as session:
        if not may_enter(session, line, person):
            raise PageRefused(403, said_to(request, NEEDS_TERMS))
    if not words.strip():
        raise PageRefused(422, said_to(request, EMPTY))
    if len(words) > LONGEST_TEXT:
        too_long = said_to(
            request,
            "That is longer than {longest} characters, so we did not send it. Send it in parts.",
            longest=LONGEST_TEXT,
        )
        raise PageRefused(413, too_long)


def _count(request: Request, person: Person) -> dict[str, int]:
    """Count a message. Raises PageRefused when the mentee sent too many within a minute."""
    line = get_line(request)
    most = line.rules.policy.chat.messages_a_minute
    limits = {f"chat message {person.id}": most}
    chat_limits: RateLimits = request.app.state.chat_limits
    if wait := chat_limits.take(limits, now=line.clock()):
        too_many = said_to(
            request,
            "You sent {most} messages in a minute, so we did not send this one. Your words are "
            "still here. Send them again in {seconds} seconds.",
            most=most,
            seconds=int(wait.total_seconds()) + 1,
        )
        raise PageRefused(429, too_many)
    return limits


def _give_back(
    request: Request, person: Person | None, refused: PageRefused, words: str
) -> Response:
    """Say why we did not record the message, with its words in the message box."""
    if is_from_script(request):
        return chat_refusal(request, refused)
    if person is None:
        return show_sign_in(request, words=words, refused=refused)
    line = get_line(request)
    with line.database.reading() as session:
        if not may_enter(session, line, person):
            return chat_refusal(request, refused, words)
        view = build_view(session, line, session.get_one(Person, person.id))
    return show_chat(request, view, words, refused)


@router.post("/seen")
def seen(
    request: Request, person: Mentee, up_to: Annotated[int, Form(ge=0, le=LARGEST_ID)]
) -> Response:
    """The page has shown everything up to this message while its tab was visible."""
    line = get_line(request)
    with line.database.writing() as session:
        conversation = get_conversation(session, person)
        if conversation is not None:
            note_shown(session, conversation, up_to, now=line.clock())
    return Response(status_code=204)


@dataclass
class Follower:
    last_id: int
    sent: str = ""
    states: dict[str, str] = field(default_factory=dict)


class News(NamedTuple):
    """What one open page receives next: the numbers and HTML of messages, and what else changed."""

    messages: list[tuple[int, str]]
    status: str | None


async def listening(request: Request, person: Mentee) -> AsyncIterator[Listener]:
    pulse: Pulse = request.app.state.pulse
    with pulse.listen(f"person {person.id}") as listener:
        yield listener


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request,
    listener: Annotated[Listener, Depends(listening)],
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """`message` for each message after the last one shown; `status` for all other changes;
    `elsewhere` when the mentee opened more pages than we serve."""
    last_id = last_event_id if last_event_id and last_event_id.isdecimal() else str(after)
    follower = Follower(int(last_id[:10]))
    pulse: Pulse = request.app.state.pulse
    async for _ in pulse.changes(listener):
        more = True
        while more:
            news = await to_thread.run_sync(find_news, request, follower, limiter=pulse.threads)
            if news is None:
                yield ServerSentEvent(event="signed-out", raw_data="")
                return
            for number, html in news.messages:
                yield ServerSentEvent(event="message", id=str(number), raw_data=html, retry=1000)
            if news.status is not None:
                yield ServerSentEvent(event="status", raw_data=news.status, retry=1000)
            more = bool(news.messages)
    if listener.is_closed:
        yield ServerSentEvent(event="elsewhere", raw_data="")


def find_news(request: Request, follower: Follower) -> News | None:
    """What changed for this page since the last call; None when it is signed out."""
    line = get_line(request)
    with line.database.reading() as session:
        person = mentee_signed_in(session, request)
        if person is None or not may_enter(session, line, person):
            return None
        conversation = get_conversation(session, person)
        new = after(session, conversation, follower.last_id)
        template = "chat/chat_message.html"
        messages = [(one.id, render_part(template, line, person, said=one)) for one in new]
        status = get_thread_status(session, person, conversation, now=line.clock())
        choices = choices_now(session, conversation, status.owner)
        states = message_states(session, conversation)
    if new:
        follower.last_id = new[-1].id
    parts = {
        "status": render_part("chat/chat_status.html", line, person, thread_status=status),
        "choices": render_part("chat/chat_choices.html", line, person, choices=choices),
    }
    changed = {each: state for each, state in states.items() if follower.states.get(each) != state}
    rendered = json.dumps(parts)
    if rendered == follower.sent and not changed:
        return News(messages, None)
    follower.sent, follower.states = rendered, states
    says = {state: in_language(person.language, state) for state in changed.values()}
    return News(messages, json.dumps({**parts, "states": changed, "says": says}))
