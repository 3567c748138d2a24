"""The mentee's own handoffs, as the mentee sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.conversations.relay import what_may_be_read
from models import AuditEntry, Conversation, Handoff, Need, Outcome, Person, Status, Urgency

SHOWN = 50

ENDED_UNKNOWN = gettext_noop("It has ended.")

WHY = {
    Need.CRISIS: gettext_noop("It sounded like you might be in danger."),
    Need.CONCERN: gettext_noop("What you wrote was something for a person, not a bot."),
    Need.REQUEST: gettext_noop("You asked for a person."),
    Need.CONNECTION: gettext_noop("It sounded like you needed to talk with a person."),
    Need.STUCK: gettext_noop("The bot wasn't helping."),
}
ENDED = {
    Outcome.TALKED: gettext_noop("You talked."),
    Outcome.REFERRED: gettext_noop("They told you where else to get help."),
    Outcome.NOANSWER: gettext_noop("You did not answer."),
    Outcome.NOTNEEDED: gettext_noop("It was not needed."),
}
WHOLE_IN_CRISIS = gettext_noop("The whole chat, because it was a crisis.")
WHOLE = gettext_noop("The whole chat.")
FROM_THE_REQUEST_ON = gettext_noop(
    "Only what you wrote after that, and a short summary of what came before."
)


@dataclass(frozen=True)
class OwnHandoff:
    """`waited` is the time until a person's first message."""

    number: int
    opened_at: datetime
    why: str
    mentor: str | None
    waited: timedelta | None
    readable: str
    readers: tuple[str, ...]
    status: str
    may_decline: bool


def own_handoffs(session: Session, conversation: Conversation | None) -> list[OwnHandoff]:
    if conversation is None:
        return []
    handoffs = session.scalars(
        select(Handoff)
        .where(Handoff.conversation_id == conversation.id)
        .order_by(Handoff.id.desc())
        .limit(SHOWN)
    ).all()
    readers = _readers(session, conversation, handoffs)
    return [_own_handoff(session, handoff, readers.get(handoff.id, ())) for handoff in handoffs]


def _own_handoff(session: Session, handoff: Handoff, readers: tuple[str, ...]) -> OwnHandoff:
    answered = handoff.first_reply_at
    return OwnHandoff(
        handoff.id,
        handoff.opened_at,
        WHY[handoff.need],
        handoff.mentor.name if handoff.mentor else None,
        answered - handoff.opened_at if answered else None,
        _readable(session, handoff),
        readers,
        _status(handoff),
        handoff.is_open and handoff.urgency is not Urgency.CRISIS,
    )


def _readable(session: Session, handoff: Handoff) -> str:
    if handoff.urgency is Urgency.CRISIS:
        return WHOLE_IN_CRISIS
    first = what_may_be_read(session, handoff, handoff.conversation.person)
    return WHOLE if first is None else FROM_THE_REQUEST_ON


def _status(handoff: Handoff) -> str:
    match handoff.status:
        case Status.WAITING:
            return gettext_noop("No one has answered yet. We're still trying.")
        case Status.CLAIMED:
            return gettext_noop("A mentor is with you now.")
        case Status.WITHDRAWN:
            return gettext_noop("You canceled it.")
        case _:
            return ENDED[handoff.outcome] if handoff.outcome else ENDED_UNKNOWN


def _readers(
    session: Session, conversation: Conversation, handoffs: Sequence[Handoff]
) -> dict[int, tuple[str, ...]]:
    """First names of the people who opened each handoff, from the audit log."""
    abouts = {f"handoff:{handoff.id}": handoff.id for handoff in handoffs}
    opened = session.execute(
        select(AuditEntry.about, Person)
        .join(Person, Person.id == AuditEntry.by_id)
        .where(
            AuditEntry.program_id == conversation.program_id,
            AuditEntry.about.in_(abouts),
            AuditEntry.action == "read",
        )
        .order_by(AuditEntry.id)
    )
    names: dict[int, dict[str, None]] = {}
    for about, person in opened:
        names.setdefault(abouts[about], {})[person.name] = None
    return {number: tuple(found) for number, found in names.items()}
