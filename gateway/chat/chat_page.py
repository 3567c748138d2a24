"""The chat page and its parts, shared by the pages that show it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request, Response
from sqlalchemy.orm import Session

from escalation.crisis_lines import crisis_lines
from escalation.handoffs.handoffs import lock_conversation
from escalation.speech.i18n import known
from escalation.speech.message_writer import get_thread
from gateway.chat.status import get_thread_status
from gateway.chat.thread import choices_now, get_conversation, latest, message_state
from gateway.messaging.outbox import acting
from gateway.privacy.terms import may_chat
from gateway.runtime.line import Line
from gateway.web.rendering import PageRefused, env, get_line, page
from models import Conversation, Owner, Person

env.filters.update(chat_state=message_state)
env.globals.update(crisis_lines=crisis_lines)


def build_view(session: Session, line: Line, person: Person, *, before: int = 0) -> dict[str, Any]:
    """The values for `show_chat`, with the messages before one number, or the latest."""
    conversation = get_conversation(session, person)
    status = get_thread_status(session, person, conversation, now=line.clock())
    return {
        "person": person,
        "thread": latest(session, conversation, before=before),
        "thread_status": status,
        "choices": choices_now(session, conversation, status.owner),
        "before": before,
    }


def show_chat(
    request: Request, view: dict[str, Any], words: str = "", refused: PageRefused | None = None
) -> Response:
    """`words` go into the message box, `refused` says why they were not sent."""
    return page(
        request,
        "chat/chat.html",
        viewer=view["person"],
        status=refused.status if refused else 200,
        words=words,
        sentence=str(refused or ""),
        key=secrets.token_urlsafe(16),
        owners=Owner,
        **view,
    )


def may_enter(session: Session, line: Line, person: Person) -> bool:
    policy = line.of(session, person.program_id).rules.policy.consent
    return may_chat(session, person, policy)


@contextmanager
def locked_thread(request: Request, mentee: Person) -> Iterator[tuple[Session, Line, Conversation]]:
    """A transaction that holds the lock of the mentee's conversation."""
    line = get_line(request)
    with acting(line) as session:
        thread = get_thread(session, line.rules, session.get_one(Person, mentee.id))
        yield session, line, lock_conversation(session, thread.id)


def render_part(template: str, line: Line, person: Person, **values: object) -> str:
    return env.get_template(template).render(
        now=line.clock(),
        owners=Owner,
        person=person,
        language=known(person.language),
        **values,
    )
