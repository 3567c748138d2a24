"""The moves of a handoff. Each is one conditional UPDATE and one event, or a refusal.

The caller holds the conversation (`lock_conversation`) in the transaction of the move, so
that a move and the bot's words about the same conversation cannot pass each other. Giving one to a
colleague is in escalation/handoffs/transfers.py.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from escalation.handoffs.availability import NOT_AGAIN, mentors_under_concern
from escalation.handoffs.jobs import CheckClaim, Later
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
    HandoffEvent,
    Message,
    Move,
    Need,
    Outcome,
    Owner,
    Person,
    Role,
    Snooze,
    Speaker,
    Status,
    Urgency,
)


class AlreadyTaken(Refused):
    """`holder` is the first name of whoever holds it, `holder_id` their row."""

    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, f"held by person {handoff.mentor_id}")
        self.holder = handoff.mentor.name if handoff.mentor else "somebody"
        self.holder_id = handoff.mentor_id


class NeedsReason(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "a crisis is closed with a reason")


class OnlyAPersonCloses(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "a crisis is not withdrawn by the mentee")


class NotTheirs(Refused):
    """Of why, nobody but managers learns."""

    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"person {person.id} is kept away from this mentee")


def lock_conversation(session: Session, conversation_id: int) -> Conversation:
    """The conversation, locked until this transaction ends. SQLite locks as a whole."""
    session.execute(
        select(Conversation.id)
        .where(Conversation.id == conversation_id)
        # NO KEY: writing a message into this thread must not wait for the thread's holder.
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
    """Who answers next, read from the conversation's open handoff."""
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
    """Open a handoff and page its first rung. The caller has seen that none is open.

    Returns the handoff and the people paged at once.

    Raises:
        IntegrityError: another handoff of this conversation is open.
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
    """Make an open handoff more urgent; machines may only raise. Returns the people paged.

    While it waits, the ladder of the new urgency starts at once. While a mentor holds it, it
    stays theirs, the new ladder's first rung and the holder are told, and the time to write
    a first message starts anew.

    Raises:
        Refused: it is as urgent already, or closed.
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
    """Give a waiting handoff to `mentor` and tell the mentee who is there now.

    Two mentors may text TAKE in the same second. The update succeeds for one of them; the
    other is told who has it.

    Raises:
        AlreadyTaken: somebody holds it (perhaps `mentor`).
        Closed: it is no longer open.
        NotTheirs: the mentee has named `mentor` in a concern that is open.
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
    """Keep the time of the first human message of a handoff."""
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
    """Put a claimed handoff back into the queue, tell the mentee, and climb anew.

    `by` is the holder, who is not called to it again, or None when the time for a first message
    ran out. `told` is the line of the script that the mentee reads.

    Raises:
        NotHolder: `by` does not hold it.
        Refused: nobody holds it.
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


def release_if_unanswered(
    session: Session,
    handoff: Handoff,
    event_id: int,
    *,
    now: datetime,
    rules: Rules,
    later: Later,
) -> bool:
    """Release a claim whose holder wrote nothing since the move `event_id`. True if released."""
    event = session.get_one(HandoffEvent, event_id)
    moved_on = session.scalar(
        select(HandoffEvent.id)
        .where(
            HandoffEvent.handoff_id == handoff.id,
            HandoffEvent.id > event_id,
            HandoffEvent.move.in_([Move.CLAIM, Move.RAISE, Move.RELEASE]),
        )
        .limit(1)
    )
    if handoff.status is not Status.CLAIMED or moved_on or _has_written(session, handoff, event.at):
        return False
    holder = handoff.mentor
    minutes = round((now - event.at).total_seconds() / 60)
    release(session, handoff, by=None, now=now, rules=rules, later=later)
    if holder is not None:
        thread = get_thread(session, rules, holder)
        key = "released_unanswered"
        say(session, rules, thread, key, now=now, code=handoff.id, minutes=minutes)
    return True


def overdue_claims(
    session: Session, *, now: datetime, get_rules: Callable[[int], Rules]
) -> list[CheckClaim]:
    """The checks that were due by `now` for claims under which nobody has written yet.

    `get_rules` gives the rules of a program, by its number.
    """
    overdue = []
    for handoff in session.scalars(select(Handoff).where(Handoff.status == Status.CLAIMED)):
        event = session.scalars(
            select(HandoffEvent)
            .where(
                HandoffEvent.handoff_id == handoff.id,
                HandoffEvent.move.in_([Move.CLAIM, Move.RAISE]),
            )
            .order_by(HandoffEvent.id.desc())
            .limit(1)
        ).one()
        rules = get_rules(handoff.conversation.program_id)
        due = event.at + rules.policy.answer_within(handoff.urgency)
        if due < now and not _has_written(session, handoff, event.at):
            overdue.append(CheckClaim(handoff.id, event.id))
    return overdue


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
    """Close a handoff with an outcome; the mentee is told, and the bot answers again.

    A crisis also takes a reason: it is cleared by a named person who says why.

    Raises:
        NotHolder: somebody else holds it. A manager may close one that nobody holds.
        NeedsReason: it is a crisis and `note` is empty.
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
    if held and handoff.urgency is Urgency.CRISIS:
        ask_for_debrief(session, handoff, by, now=now, rules=rules)


def withdraw(session: Session, handoff: Handoff, *, now: datetime, rules: Rules) -> None:
    """End a handoff at the mentee's wish, below crisis.

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
    """Ask whoever ended a crisis how it was for them. Once for each handoff."""
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


def _has_written(session: Session, handoff: Handoff, since: datetime) -> bool:
    written = select(
        exists().where(
            Message.conversation_id == handoff.conversation_id,
            Message.outgoing,
            Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER]),
            Message.speaker_id == handoff.mentor_id,
            Message.at >= since,
        )
    )
    return bool(session.scalar(written))
