"""The demo's phones side by side. A text sent here is handled as one from Twilio is."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import get_viewer
from gateway.messaging.inbox import Incoming, NoProgram, record
from gateway.messaging.marking import spoken
from gateway.runtime.labels import masked
from gateway.runtime.line import Sent
from gateway.web.lookup import row_number
from gateway.web.rendering import PageRefused, get_line, go_to, page, wants_part
from models import Channel, Conversation, Delivery, Message, Person, Role, phone_index

router = APIRouter(prefix="/phones")

# Reserved for examples, as all demo numbers are. No one is enrolled with it.
STRANGER = "+12025550199"
LONGEST_TEXT = 20_000
SHOWN_PHONES = 24
SHOWN_TEXTS = 80
ORDER = [Role.MENTEE, Role.MENTOR, Role.MANAGER]


class Phones:
    """Sends texts to the page `/phones`: each is delivered as soon as it is written."""

    def send(
        self, to: str, words: str, *, message_id: int, valid_for: timedelta | None = None
    ) -> Sent:
        return Sent(f"PH{uuid.uuid4().hex}", Delivery.DELIVERED)

    def find_sent(self, to: str, words: str, *, since: datetime) -> list[Sent]:
        return []

    def forget(self, provider_id: str) -> None:
        """The page shows our rows, so there is no other copy."""


@dataclass(frozen=True)
class Phone:
    """`key` identifies the phone in URLs. `person` is None for the unknown number.

    `bubbles` pairs each text with its words as the phone shows them.
    """

    key: str
    person: Person | None
    number: str
    timezone: str
    bubbles: Sequence[tuple[Message, str]]


@router.get("")
def phones(request: Request) -> Response:
    return _page(request, "demo/phones.html")


@router.get("/all")
def all_phones(request: Request) -> Response:
    return _page(request, "demo/phones_all.html")


@router.post("/{key}")
def send(request: Request, key: str, words: Annotated[str, Form()] = "") -> Response:
    line = get_line(request)
    if len(words) > LONGEST_TEXT:
        raise PageRefused(
            413,
            phrase("That is longer than {longest} characters. Shorten it.", longest=LONGEST_TEXT),
        )
    with line.database.reading() as session:
        person = session.get(Person, row_number(key))
    number = STRANGER if key == "unknown" else person.phone if person else None
    if number is None:
        raise PageRefused(404, gettext_noop("That phone is gone. Reload the page."))
    incoming = Incoming(words, f"PH{uuid.uuid4().hex}", Channel.PHONES)
    try:
        conversation_id = record(line.database, incoming, phone=number, now=line.clock())
    except NoProgram as error:
        raise PageRefused(503, str(error)) from error
    if conversation_id is not None:
        line.soon(line.take_turns, conversation_id)
    if wants_part(request):
        return Response(status_code=204)
    return go_to(request, f"/phones#phone-{key}")


def _page(request: Request, template: str) -> Response:
    with get_line(request).database.reading() as session:
        shown, hidden = _phones(session)
    return page(request, template, viewer=get_viewer(request), phones=shown, hidden=hidden)


def _phones(session: Session) -> tuple[list[Phone], int]:
    """The phones to show, mentees first, and how many are left out."""
    enrolled = session.scalars(select(Person).where(Person.phone_index.is_not(None)))
    people = sorted(enrolled, key=lambda person: (ORDER.index(person.role), person.id))
    shown = [
        Phone(
            str(person.id),
            person,
            _shown_number(person.phone),
            person.timezone,
            _bubbles(session, Conversation.person_id == person.id),
        )
        for person in people[:SHOWN_PHONES]
    ]
    zone = people[0].timezone if people else "UTC"
    bubbles = _bubbles(session, Conversation.stranger_index == phone_index(STRANGER))
    shown.append(Phone("unknown", None, _shown_number(STRANGER), zone, bubbles))
    return shown, max(len(people) - SHOWN_PHONES, 0)


def _bubbles(session: Session, whose: ColumnElement[bool]) -> list[tuple[Message, str]]:
    """What the owner wrote and what reached the phone; nothing that failed or is queued."""
    reached = Message.delivery.in_([Delivery.SENT, Delivery.DELIVERED])
    texts = session.scalars(
        select(Message)
        .join(Conversation)
        .where(whose, Message.outgoing.is_(False) | reached)
        .order_by(Message.id.desc())
        .limit(SHOWN_TEXTS)
    ).all()
    return [(text, spoken(text) if text.outgoing else text.words) for text in reversed(texts)]


def _shown_number(phone: str | None) -> str:
    if phone and phone.startswith("+1") and len(phone) == 12 and phone[5:10] == "55501":
        return f"({phone[2:5]}) {phone[5:8]}-{phone[8:]}"
    return masked(phone)
