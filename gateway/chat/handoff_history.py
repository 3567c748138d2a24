"""A mentee's own handoffs, told to the mentee: when, why, who, how long it took, what was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.conversations.visibility import what_may_be_read
from models import AuditEntry, Conversation, Handoff, Need, Outcome, Person, Status, Urgency

SHOWN = 50

ENDED_SOMEHOW = gettext_noop("It has ended.")

WHY = {
    Need.CRISIS: gettext_noop("What you wrote sounded like danger."),
    Need.CONCERN: gettext_noop("What you wrote was more for a person than for a bot."),
    Need.REQUEST: gettext_noop("You asked for a person."),
    Need.CONNECTION: gettext_noop("It sounded like something to share with a person."),
    Need.STUCK: gettext_noop("The bot had not been much help."),
}
ENDED = {
    Outcome.TALKED: gettext_noop("You talked."),
    Outcome.REFERRED: gettext_noop("You were told of other help."),
    Outcome.NOANSWER: gettext_noop("There was no answer from you."),
    Outcome.NOTNEEDED: gettext_noop("It was noted as not needed."),
}
WHOLE_IN_CRISIS = gettext_noop("The whole chat, because it was a crisis.")
WHOLE = gettext_noop("The whole chat.")
FROM_THE_WISH_ON = gettext_noop(
    "What you wrote from then on, and a short summary of what came before."
)


@dataclass(frozen=True)
class OwnHandoff:
    """One handoff as its mentee is told of it. `waited` is until a person's first words."""

    number: int
    opened_at: datetime
    why: str
    who: str | None
    waited: timedelta | None
    may_be_read: str
    opened_by: tuple[str, ...]
    how_it_stands: str
    may_decline: bool


def own_handoffs(session: Session, conversation: Conversation | None) -> list[OwnHandoff]:
    """The latest first."""
    if conversation is None:
        return []
    handoffs = session.scalars(
        select(Handoff)
        .where(Handoff.conversation_id == conversation.id)
        .order_by(Handoff.id.desc())
        .limit(SHOWN)
    ).all()
    readers = _who_opened(session, conversation, handoffs)
    return [_told(session, handoff, readers.get(handoff.id, ())) for handoff in handoffs]


def _told(session: Session, handoff: Handoff, readers: tuple[str, ...]) -> OwnHandoff:
    answered = handoff.first_reply_at
    return OwnHandoff(
        handoff.id,
        handoff.opened_at,
        WHY[handoff.need],
        handoff.mentor.name if handoff.mentor else None,
        answered - handoff.opened_at if answered else None,
        _may_be_read(session, handoff),
        readers,
        _how_it_stands(handoff),
        handoff.is_open and handoff.urgency is not Urgency.CRISIS,
    )


def _may_be_read(session: Session, handoff: Handoff) -> str:
    if handoff.urgency is Urgency.CRISIS:
        return WHOLE_IN_CRISIS
    first = what_may_be_read(session, handoff, handoff.conversation.person)
    return WHOLE if first is None else FROM_THE_WISH_ON


def _how_it_stands(handoff: Handoff) -> str:
    match handoff.status:
        case Status.WAITING:
            return gettext_noop("People have been asked. Nobody has taken it up yet.")
        case Status.CLAIMED:
            return gettext_noop("It is open now.")
        case Status.WITHDRAWN:
            return gettext_noop("You called it off.")
        case _:
            return ENDED[handoff.outcome] if handoff.outcome else ENDED_SOMEHOW


def _who_opened(
    session: Session, conversation: Conversation, handoffs: Sequence[Handoff]
) -> dict[int, tuple[str, ...]]:
    """Who opened each of these handoffs to read it, by first name, as the audit says."""
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
