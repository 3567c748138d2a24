"""The chat page and its parts, shared by the pages that show it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request, Response
from sqlalchemy.orm import Session

from escalation.crisis_lines import crisis_lines
from escalation.handoffs.handoffs import lock_conversation
from escalation.speech.i18n import known
from escalation.speech.message_writer import get_thread
from gateway.chat.status import ThreadStatus, get_thread_status
from gateway.chat.thread import Thread, choices_now, get_conversation, latest, message_state
from gateway.conversations.quick_replies import Choice
from gateway.messaging.outbox import acting
from gateway.privacy.terms import may_chat
from gateway.runtime.line import Line
from gateway.web.rendering import env, get_line, page
from models import Conversation, Message, Owner, Person

env.filters.update(chat_state=message_state)
env.globals.update(crisis_lines=crisis_lines)

Done = TypeVar("Done", str, None)


@dataclass(frozen=True)
class View:
    person: Person
    thread: Thread
    thread_status: ThreadStatus
    choices: list[Choice]
    before: int


def build_view(session: Session, line: Line, person: Person, *, before: int = 0) -> View:
    conversation = get_conversation(session, person)
    status = get_thread_status(session, person, conversation, now=line.clock())
    return View(
        person,
        latest(session, conversation, before=before),
        status,
        choices_now(session, conversation, status.owner),
        before,
    )


def show_chat(
    request: Request, view: View, *, words: str = "", sentence: str = "", status: int = 200
) -> Response:
    """`words` go into the message box, `sentence` says why they were not sent."""
    return page(
        request,
        "chat/chat.html",
        viewer=view.person,
        status=status,
        words=words,
        sentence=sentence,
        key=secrets.token_urlsafe(16),
        owners=Owner,
        **vars(view),
    )


def may_enter(session: Session, line: Line, person: Person) -> bool:
    policy = line.of(session, person.program_id).rules.policy.consent
    return may_chat(session, person, policy)


def act(
    request: Request, mentee: Person, change: Callable[[Session, Line, Conversation], Done]
) -> Done:
    """Make one change in the mentee's thread while holding its lock."""
    line = get_line(request)
    with acting(line) as session:
        person = session.get_one(Person, mentee.id)
        thread = get_thread(session, line.rules, person)
        return change(session, line, lock_conversation(session, thread.id))


def message_html(message: Message, person: Person) -> str:
    return env.get_template("chat/chat_message.html").render(
        said=message, zone=person.timezone, language=known(person.language)
    )


def render_part(template: str, line: Line, person: Person, **values: object) -> str:
    return env.get_template(template).render(
        now=line.clock(),
        owners=Owner,
        person=person,
        language=known(person.language),
        **values,
    )
