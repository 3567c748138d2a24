"""The console's lists: waiting and claimed handoffs, offers, and open debriefs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import mentees_with_concern
from gateway.handoffs.debriefs import list_open_debriefs
from models import (
    Conversation,
    Debrief,
    Handoff,
    Message,
    Person,
    Role,
    SafeguardingRecord,
    Speaker,
    Status,
    Transfer,
)

RECENTLY = timedelta(days=7)
# Of the waiting and of all handoffs. The log has a search for longer lists.
MOST = 100
MOST_CLOSED = 20


class Tab(StrEnum):
    MINE = "mine"
    WAITING = "waiting"
    ALL = "all"


@dataclass(frozen=True)
class Counts:
    """The number on each tab. `everything` is all open handoffs, for managers."""

    mine: int
    waiting: int
    everything: int


@dataclass(frozen=True)
class Queue:
    """`offered` are transfers that need this person's answer, `unanswered` the numbers of claimed
    handoffs in which the mentee wrote last.
    """

    counts: Counts
    waiting: Sequence[Handoff] = ()
    mine: Sequence[Handoff] = ()
    theirs: Sequence[Handoff] = ()
    closed: Sequence[Handoff] = ()
    offered: Sequence[tuple[Transfer, Handoff]] = ()
    debriefs: Sequence[Debrief] = ()
    unanswered: Collection[int] = ()


def get_queue(session: Session, person: Person, tab: Tab, *, now: datetime) -> Queue:
    counts = count_queue(session, person)
    by_urgency = Handoff.urgency.desc(), Handoff.opened_at, Handoff.id
    handoffs = select_open(person).order_by(*by_urgency)
    if tab is Tab.WAITING:
        waiting = handoffs.where(Handoff.status == Status.WAITING)
        return Queue(counts, waiting=session.scalars(waiting.limit(MOST)).all())
    closed = (
        select(Handoff)
        .join(Conversation)
        .where(Conversation.program_id == person.program_id, Handoff.closed_at > now - RECENTLY)
        .order_by(Handoff.closed_at.desc())
        .limit(MOST_CLOSED)
    )
    if tab is Tab.MINE:
        mine = session.scalars(handoffs.where(Handoff.mentor_id == person.id)).all()
        return Queue(
            counts,
            mine=mine,
            offered=_offered_to(session, person),
            closed=session.scalars(closed.where(Handoff.mentor_id == person.id)).all(),
            debriefs=list_open_debriefs(session, person),
            unanswered=_unanswered(session, mine),
        )
    everything = session.scalars(handoffs.limit(MOST)).all()
    held = [handoff for handoff in everything if handoff.status is Status.CLAIMED]
    return Queue(
        counts,
        waiting=[handoff for handoff in everything if handoff.status is Status.WAITING],
        mine=[handoff for handoff in held if handoff.mentor_id == person.id],
        theirs=[handoff for handoff in held if handoff.mentor_id != person.id],
        closed=session.scalars(closed).all(),
        unanswered=_unanswered(session, held),
    )


def count_queue(session: Session, person: Person) -> Counts:
    counts = select_open(person).with_only_columns(
        func.count(
            case((and_(Handoff.status == Status.CLAIMED, Handoff.mentor_id == person.id), 1))
        ),
        func.count(case((Handoff.status == Status.WAITING, 1))),
        func.count(),
    )
    held, waiting, everything = session.execute(counts).one()
    return Counts(held + len(_offered_to(session, person)), waiting, everything)


def is_excluded(session: Session, person: Person, handoff: Handoff) -> bool:
    named = mentees_with_concern(person).where(
        SafeguardingRecord.mentee_id == handoff.conversation.person_id
    )
    return person.role is not Role.MANAGER and session.scalar(named.limit(1)) is not None


def select_open(person: Person) -> Select[Handoff]:
    """Open handoffs, without those whose mentee has an open concern about `person`."""
    handoffs = (
        select(Handoff)
        .join(Conversation)
        .where(
            Conversation.program_id == person.program_id,
            Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
        )
    )
    if person.role is Role.MANAGER:
        return handoffs
    return handoffs.where(
        or_(
            Conversation.person_id.is_(None),
            Handoff.mentor_id == person.id,
            Conversation.person_id.not_in(mentees_with_concern(person)),
        )
    )


def _offered_to(session: Session, person: Person) -> list[tuple[Transfer, Handoff]]:
    offers = session.execute(
        select(Transfer, Handoff)
        .join(Handoff, Handoff.id == Transfer.handoff_id)
        .where(
            Transfer.to_id == person.id,
            Transfer.answered_at.is_(None),
            Handoff.status == Status.CLAIMED,
            Handoff.mentor_id == Transfer.from_id,
        )
        .order_by(Handoff.urgency.desc(), Transfer.id)
    )
    return [(transfer, handoff) for transfer, handoff in offers]


def _unanswered(session: Session, held: Iterable[Handoff]) -> set[int]:
    number_of = {handoff.conversation_id: handoff.id for handoff in held}
    from_a_person = Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER])
    last = session.execute(
        select(
            Message.conversation_id,
            func.max(case((Message.outgoing.is_(False), Message.id))),
            func.max(case((and_(Message.outgoing, from_a_person), Message.id))),
        )
        .where(Message.conversation_id.in_(number_of))
        .group_by(Message.conversation_id)
    )
    return {number_of[thread] for thread, theirs, ours in last if (theirs or 0) > (ours or 0)}
