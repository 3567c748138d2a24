"""The moves of a handoff: each is one conditional UPDATE and one event, or a refusal.

The caller locks the conversation (`lock_conversation`) in the same transaction, so that a move and
the bot's next message cannot overtake each other.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.handoffs.availability import NOT_AGAIN, mentors_under_concern
from escalation.handoffs.jobs import AskFollowUp, Later, enqueue
from escalation.handoffs.ladder import page, people_to_call, start_climb
from escalation.handoffs.moves import (
    Closed,
    NotHolder,
    Refused,
    check_claim_later,
    log_move,
    make_move,
)
from escalation.handoffs.transfers import end_transfer
from escalation.ruleset import Rules
from escalation.speech.message_writer import get_thread, say
from models import (
    Conversation,
    Debrief,
    Handoff,
    Message,
    Move,
    Need,
    Outcome,
    Owner,
    Person,
    Role,
    Snooze,
    Status,
    Urgency,
)


class AlreadyTaken(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, f"held by person {handoff.mentor_id}")
        self.holder = handoff.mentor.name if handoff.mentor else "another mentor"
        self.holder_id = handoff.mentor_id


class NeedsReason(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "a crisis needs a reason to be closed")


class OnlyAPersonCloses(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "a mentee cannot withdraw a crisis")


class NotTheirs(Refused):
    """Only managers learn why: the mentee has an open concern about this mentor."""

    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"person {person.id} must not meet this mentee")


def lock_conversation(session: Session, conversation_id: int) -> Conversation:
    """Lock the conversation until this transaction ends. SQLite locks the whole database."""
    session.execute(
        select(Conversation.id)
        .where(Conversation.id == conversation_id)
        # NO KEY: inserting a message into this thread must not wait for the lock.
        .with_for_update(key_share=True)
    )
    return session.get_one(Conversation, conversation_id, populate_existing=True)


def get_open_handoff(session: Session, conversation: Conversation) -> Handoff | None:
    return session.scalar(
        select(Handoff)
        .where(
            Handoff.conversation_id == conversation.id,
            Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
        )
        .execution_options(populate_existing=True)
    )


def get_owner(handoff: Handoff | None) -> Owner:
    if handoff is None:
        return Owner.BOT
    return Owner.QUEUE if handoff.status is Status.WAITING else Owner.MENTOR


def open_handoff(
    session: Session,
    conversation: Conversation,
    need: Need,
    urgency: Urgency,
    *,
    message: Message | None,
    by: Person | None = None,
    now: datetime,
    rules: Rules,
    later: Later,
) -> tuple[Handoff, list[Person]]:
    """Open a handoff and page its first rung. Returns it and the people paged at once.

    Raises:
        IntegrityError: the conversation already has an open handoff.
    """
    handoff = Handoff(
        conversation=conversation,
        opened_by_message_id=message.id if message else None,
        need=need,
        urgency=urgency,
        status=Status.WAITING,
        opened_at=now,
        ladder=0,
        rung=-1,
    )
    session.add(handoff)
    session.flush()
    log_move(
        session,
        handoff,
        Move.OPEN,
        by=by,
        now=now,
        need=need.value,
        urgency=urgency.name.lower(),
    )
    paged = start_climb(session, handoff, now=now, rules=rules, later=later)
    return handoff, paged


def raise_handoff(
    session: Session,
    handoff: Handoff,
    need: Need,
    urgency: Urgency,
    *,
    message: Message | None,
    by: Person | None = None,
    now: datetime,
    rules: Rules,
    later: Later,
) -> list[Person]:
    """Make an open handoff more urgent; software never lowers it. Returns the people paged.

    If it waits, the ladder of the new urgency starts at once. If a mentor holds it, they keep it:
    we page them and the first rung, and their time for a first message starts again.

    Raises:
        Refused: it is already as urgent, or closed.
    """
    before = handoff.urgency
    make_move(
        session,
        handoff,
        (Handoff.urgency < urgency) & Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
        urgency=urgency,
        need=need,
    )
    event = log_move(
        session,
        handoff,
        Move.RAISE,
        by=by,
        now=now,
        need=need.value,
        urgency=urgency.name.lower(),
        was=before.name.lower(),
        message=message.id if message else None,
    )
    if handoff.status is Status.WAITING:
        return start_climb(session, handoff, now=now, rules=rules, later=later)
    _, people = people_to_call(session, handoff, 0, now=now, rules=rules)
    holder = handoff.mentor
    if holder and holder.can_be_texted and not holder.left_at and holder not in people:
        people.insert(0, holder)
    handoff.ladder, handoff.rung = handoff.ladder + 1, 0
    session.flush()
    page(session, handoff, people, now=now, rules=rules)
    check_claim_later(session, handoff, event, now=now, rules=rules, later=later)
    return people


def claim(
    session: Session, handoff: Handoff, mentor: Person, *, now: datetime, rules: Rules, later: Later
) -> None:
    """Give a waiting handoff to `mentor` and tell the mentee.

    If two mentors text TAKE in the same second, the update succeeds for only one of them.

    Raises:
        AlreadyTaken: a mentor holds it (perhaps `mentor`).
        Closed: it is no longer open.
        NotTheirs: the mentee has an open concern about `mentor`.
    """
    if handoff.status is not Status.WAITING:
        raise AlreadyTaken(handoff) if handoff.is_open else Closed(handoff)
    if mentor.id in mentors_under_concern(session, handoff.conversation.person_id):
        raise NotTheirs(handoff, mentor)
    try:
        make_move(
            session,
            handoff,
            Handoff.status == Status.WAITING,
            status=Status.CLAIMED,
            mentor_id=mentor.id,
            claimed_at=now,
            next_page_at=None,
        )
    except Refused:
        raise (AlreadyTaken(handoff) if handoff.is_open else Closed(handoff)) from None
    event = log_move(session, handoff, Move.CLAIM, by=mentor, now=now)
    handoff.conversation.skill = None
    handoff.conversation.forget_bot = True
    may_end = handoff.urgency is not Urgency.CRISIS
    key = "claimed_may_end" if may_end else "claimed"
    say(session, rules, handoff.conversation, key, now=now, mentor=mentor.name)
    check_claim_later(session, handoff, event, now=now, rules=rules, later=later)


def note_human_message(session: Session, handoff: Handoff, *, now: datetime) -> None:
    session.execute(
        update(Handoff)
        .where(Handoff.id == handoff.id, Handoff.first_reply_at.is_(None))
        .values(first_reply_at=now)
    )
    session.refresh(handoff)


def release(
    session: Session,
    handoff: Handoff,
    *,
    by: Person | None,
    now: datetime,
    rules: Rules,
    later: Later,
    told: str = "released",
) -> None:
    """Put a claimed handoff back into the queue, tell the mentee, and start a new ladder.

    `by` is the holder, whom we do not page for it again, or None if the time for a first message
    ran out. `told` is the script key of the mentee's message.

    Raises:
        NotHolder: `by` does not hold it.
        Refused: no one holds it.
    """
    holder = handoff.mentor
    if by is not None and handoff.mentor_id != by.id:
        raise NotHolder(handoff, by)
    make_move(
        session,
        handoff,
        Handoff.status == Status.CLAIMED,
        status=Status.WAITING,
        mentor_id=None,
        claimed_at=None,
    )
    held_by = holder.id if holder else None
    log_move(session, handoff, Move.RELEASE, by=by, now=now, held_by=held_by)
    name = holder.name if holder else ""
    say(session, rules, handoff.conversation, told, now=now, mentor=name)
    end_transfer(session, handoff, now=now, rules=rules)
    if by is not None:
        session.add(Snooze(handoff_id=handoff.id, person_id=by.id, at=now, until=NOT_AGAIN))
        session.flush()
    start_climb(session, handoff, now=now, rules=rules, later=later)


def resolve(
    session: Session,
    handoff: Handoff,
    outcome: Outcome,
    *,
    by: Person,
    note: str | None,
    now: datetime,
    rules: Rules,
) -> None:
    """Close a handoff with an outcome and tell the mentee; the bot answers again.

    Raises:
        NotHolder: `by` does not hold it. A manager can also close a waiting one.
        NeedsReason: it is a crisis and `note`, the reason, is empty.
        Closed: it is no longer open.
    """
    if not handoff.is_open:
        raise Closed(handoff)
    if handoff.mentor_id != by.id and not _manager_may_close(handoff, by):
        raise NotHolder(handoff, by)
    if handoff.urgency is Urgency.CRISIS and not (note or "").strip():
        raise NeedsReason(handoff)
    held = handoff.status is Status.CLAIMED
    make_move(
        session,
        handoff,
        Handoff.status == handoff.status,
        status=Status.RESOLVED,
        outcome=outcome,
        closed_at=now,
        next_page_at=None,
        mentor_id=handoff.mentor_id,
    )
    log_move(session, handoff, Move.RESOLVE, by=by, now=now, note=note, outcome=outcome.value)
    handoff.conversation.forget_bot = True
    key = "returned" if held else "closed_unclaimed"
    say(session, rules, handoff.conversation, key, now=now, mentor=by.name)
    end_transfer(session, handoff, now=now, rules=rules)
    ask_after = timedelta(minutes=rules.policy.follow_up.after_minutes)
    enqueue(session, AskFollowUp(handoff.id), at=now + ask_after)
    if held and handoff.urgency is Urgency.CRISIS:
        ask_for_debrief(session, handoff, by, now=now, rules=rules)


def withdraw(session: Session, handoff: Handoff, *, now: datetime, rules: Rules) -> None:
    """End a handoff at the mentee's request, below crisis.

    Raises:
        OnlyAPersonCloses: it is a crisis.
        Closed: it is no longer open.
    """
    if handoff.urgency is Urgency.CRISIS:
        raise OnlyAPersonCloses(handoff)
    holder = handoff.mentor
    try:
        make_move(
            session,
            handoff,
            Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
            status=Status.WITHDRAWN,
            closed_at=now,
            next_page_at=None,
        )
    except Refused as refusal:
        raise Closed(handoff) from refusal
    log_move(session, handoff, Move.WITHDRAW, by=handoff.conversation.person, now=now)
    handoff.conversation.forget_bot = True
    say(session, rules, handoff.conversation, "withdrawn", now=now)
    end_transfer(session, handoff, now=now, rules=rules)
    if holder is not None:
        thread = get_thread(session, rules, holder)
        say(session, rules, thread, "they_withdrew", now=now, code=handoff.id)


def ask_for_debrief(
    session: Session, handoff: Handoff, person: Person, *, now: datetime, rules: Rules
) -> Debrief:
    """Ask the mentor who ended a crisis how it was for them, once for each handoff."""
    asked = session.scalar(select(Debrief).where(Debrief.handoff_id == handoff.id))
    if asked is not None:
        return asked
    debrief = Debrief(handoff_id=handoff.id, person_id=person.id, asked_at=now)
    session.add(debrief)
    session.flush()
    thread = get_thread(session, rules, person)
    say(session, rules, thread, "debrief_asked", now=now, code=handoff.id)
    return debrief


def _manager_may_close(handoff: Handoff, by: Person) -> bool:
    return by.role is Role.MANAGER and handoff.status is Status.WAITING
