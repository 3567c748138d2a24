"""Who waits, who holds what, and what is asked of one mentor: the rows of the console's lists."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
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
# A longer list is not read but searched, and for that there is the log.
MOST = 100
MOST_CLOSED = 20


@dataclass(frozen=True)
class Counts:
    """How many are behind each tab. `everything` is for managers: all that is open."""

    mine: int
    waiting: int
    everything: int


@dataclass(frozen=True)
class Queue:
    """What one person sees. Most urgent first, then who has waited longest.

    `offered` are transfers that wait for this person's answer, `unanswered` the numbers of held
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


def get_own_queue(session: Session, person: Person, *, now: datetime) -> Queue:
    """What `person` holds, is asked to take over, has closed lately, and is asked afterwards."""
    mine = session.scalars(_by_urgency(_open_in(person).where(_is_held_by(person)))).all()
    return Queue(
        counts=count_queue(session, person),
        mine=mine,
        offered=_offered_to(session, person),
        closed=session.scalars(
            _closed_lately(person, now=now).where(Handoff.mentor_id == person.id)
        ).all(),
        debriefs=list_open_debriefs(session, person),
        unanswered=_where_the_mentee_wrote_last(session, mine),
    )


def waiting_for(session: Session, person: Person) -> Queue:
    """Who waits in `person`'s program."""
    waiting = _open_in(person).where(Handoff.status == Status.WAITING)
    return Queue(
        counts=count_queue(session, person),
        waiting=session.scalars(_by_urgency(waiting).limit(MOST)).all(),
    )


def all_for(session: Session, manager: Person, *, now: datetime) -> Queue:
    """All that is open in a manager's program, and what was closed lately."""
    handoffs = session.scalars(_by_urgency(_open_in(manager)).limit(MOST)).all()
    held = [handoff for handoff in handoffs if handoff.status is Status.CLAIMED]
    return Queue(
        counts=count_queue(session, manager),
        waiting=[handoff for handoff in handoffs if handoff.status is Status.WAITING],
        mine=[handoff for handoff in held if handoff.mentor_id == manager.id],
        theirs=[handoff for handoff in held if handoff.mentor_id != manager.id],
        closed=session.scalars(_closed_lately(manager, now=now)).all(),
        unanswered=_where_the_mentee_wrote_last(session, held),
    )


def count_queue(session: Session, person: Person) -> Counts:
    standing = _open_in(person).with_only_columns(
        func.count(case((and_(Handoff.status == Status.CLAIMED, _is_held_by(person)), 1))),
        func.count(case((Handoff.status == Status.WAITING, 1))),
        func.count(),
    )
    held, waiting, everything = session.execute(standing).one()
    return Counts(held + len(_offered_to(session, person)), waiting, everything)


def is_kept_from(session: Session, person: Person, handoff: Handoff) -> bool:
    """Whether the mentee has named `person` in a concern that is still open."""
    named = mentees_with_concern(person).where(
        SafeguardingRecord.mentee_id == handoff.conversation.person_id
    )
    return person.role is not Role.MANAGER and session.scalar(named.limit(1)) is not None


def _open_in(person: Person) -> Select[Handoff]:
    """The open handoffs of the program, but those whose mentee is not to meet `person`."""
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
            _is_held_by(person),
            Conversation.person_id.not_in(mentees_with_concern(person)),
        )
    )


def _is_held_by(person: Person) -> ColumnElement[bool]:
    return Handoff.mentor_id == person.id


def _by_urgency(handoffs: Select[Handoff]) -> Select[Handoff]:
    return handoffs.order_by(Handoff.urgency.desc(), Handoff.opened_at, Handoff.id)


def _closed_lately(person: Person, *, now: datetime) -> Select[Handoff]:
    return (
        select(Handoff)
        .join(Conversation)
        .where(
            Conversation.program_id == person.program_id,
            Handoff.closed_at > now - RECENTLY,
        )
        .order_by(Handoff.closed_at.desc())
        .limit(MOST_CLOSED)
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


def _where_the_mentee_wrote_last(session: Session, held: Iterable[Handoff]) -> set[int]:
    """The numbers of those held handoffs in which an answer is awaited."""
    get_thread = {handoff.conversation_id: handoff.id for handoff in held}
    from_a_person = Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER])
    last = session.execute(
        select(
            Message.conversation_id,
            func.max(case((Message.outgoing.is_(False), Message.id))),
            func.max(case((and_(Message.outgoing, from_a_person), Message.id))),
        )
        .where(Message.conversation_id.in_(get_thread))
        .group_by(Message.conversation_id)
    )
    return {get_thread[thread] for thread, theirs, ours in last if (theirs or 0) > (ours or 0)}
