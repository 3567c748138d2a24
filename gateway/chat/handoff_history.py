"""The mentee's own handoffs, as the mentee sees them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.conversations.relay import what_may_be_read
from models import AuditEntry, Conversation, Handoff, Person

SHOWN = 50


@dataclass(frozen=True)
class OwnHandoff:
    """`whole` says whether the mentor can read the whole chat."""

    handoff: Handoff
    whole: bool
    readers: Sequence[str]


def own_handoffs(session: Session, conversation: Conversation | None) -> list[OwnHandoff]:
    if conversation is None:
        return []
    handoffs = session.scalars(
        select(Handoff)
        .where(Handoff.conversation_id == conversation.id)
        .order_by(Handoff.id.desc())
        .limit(SHOWN)
    ).all()
    readers = _readers(session, conversation, (handoff.id for handoff in handoffs))
    return [
        OwnHandoff(
            handoff,
            what_may_be_read(session, handoff, handoff.conversation.person) is None,
            tuple(readers[f"handoff:{handoff.id}"]),
        )
        for handoff in handoffs
    ]


def _readers(
    session: Session, conversation: Conversation, numbers: Iterable[int]
) -> dict[str, dict[str, None]]:
    """First names of the people who opened each handoff, from the audit log."""
    opened = session.execute(
        select(AuditEntry.about, Person)
        .join(Person, Person.id == AuditEntry.by_id)
        .where(
            AuditEntry.program_id == conversation.program_id,
            AuditEntry.about.in_([f"handoff:{number}" for number in numbers]),
            AuditEntry.action == "read",
        )
        .order_by(AuditEntry.id)
    )
    # The keys of a dictionary, because they are unique and in order.
    names: dict[str, dict[str, None]] = defaultdict(dict)
    for about, person in opened:
        names[about][person.name] = None
    return names
