"""The mentee's own handoffs, as the mentee sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.conversations.relay import what_may_be_read
from models import AuditEntry, Conversation, Handoff, Need, Outcome, Person, Status, Urgency

SHOWN = 50

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
    handoff: Handoff
    why: str
    readable: str
    readers: Sequence[str]
    status: str


def own_handoffs(session: Session, conversation: Conversation | None) -> list[OwnHandoff]:
    """The latest handoffs, newest first."""
    if conversation is None:
        return []
    handoffs = session.scalars(
        select(Handoff)
        .where(Handoff.conversation_id == conversation.id)
        .order_by(Handoff.id.desc())
        .limit(SHOWN)
    ).all()
    readers = _readers(session, conversation, handoffs)
    return [
        OwnHandoff(
            handoff,
            why=WHY[handoff.need],
            readable=_readable(session, handoff),
            readers=tuple(readers.get(f"handoff:{handoff.id}", ())),
            status=_status(handoff),
        )
        for handoff in handoffs
    ]


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
            return ENDED[handoff.outcome] if handoff.outcome else gettext_noop("It has ended.")


def _readers(
    session: Session, conversation: Conversation, handoffs: Sequence[Handoff]
) -> dict[str, dict[str, None]]:
    """First names of the people who opened each handoff, from the audit log."""
    opened = session.execute(
        select(AuditEntry.about, Person)
        .join(Person, Person.id == AuditEntry.by_id)
        .where(
            AuditEntry.program_id == conversation.program_id,
            AuditEntry.about.in_(f"handoff:{handoff.id}" for handoff in handoffs),
            AuditEntry.action == "read",
        )
        .order_by(AuditEntry.id)
    )
    names: dict[str, dict[str, None]] = {}
    for about, person in opened:
        names.setdefault(about, {})[person.name] = None
    return names
