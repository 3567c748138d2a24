"""The moves of a handoff: each is one conditional UPDATE and one event, or a refusal.

The caller locks the conversation (`lock_conversation`) in the same transaction, so that a move and
the bot's next message cannot overtake each other.
"""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.crisis_lines import numbers_by_text
from escalation.handoffs.availability import NOT_AGAIN, mentors_under_concern
from escalation.handoffs.duty import managers_to_text
from escalation.handoffs.jobs import AskFollowUp, enqueue
from escalation.handoffs.ladder import (
    get_opening_awaited,
    page_beside_holder,
    snooze,
    start_climb,
)
from escalation.handoffs.moves import (
    Closed,
    NeedsReason,
    NotHolder,
    Refused,
    log_move,
    make_move,
    manages,
)
from escalation.handoffs.replies import watch
from escalation.handoffs.transfers import end_transfer
from escalation.speech.message_writer import conversation_language
from escalation.transaction import Transaction
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
    Status,
    Urgency,
    hold_thread,
)


class AlreadyTaken(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, f"held by person {handoff.mentor_id}")
        self.holder = handoff.mentor.name if handoff.mentor else "another mentor"
        self.holder_id = handoff.mentor_id


class OnlyAPersonCloses(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "a mentee cannot withdraw a crisis")


class NotTheirs(Refused):
    """Only managers learn why: the mentee has an open concern about this mentor."""

    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"person {person.id} must not meet this mentee")


def lock_conversation(session: Session, conversation_id: int) -> Conversation:
    """Lock the conversation until this transaction ends, and read it as it is then."""
    hold_thread(session, conversation_id)
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


def has_open_crisis(session: Session, program_id: int) -> bool:
    crisis = (
        select(Handoff.id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program_id,
            Handoff.urgency == Urgency.CRISIS,
            Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
        )
    )
    return session.scalar(crisis.limit(1)) is not None


def get_owner(handoff: Handoff | None) -> Owner:
    if handoff is None:
        return Owner.BOT
    return Owner.QUEUE if handoff.status is Status.WAITING else Owner.MENTOR


def open_handoff(
    tx: Transaction,
    conversation: Conversation,
    need: Need,
    urgency: Urgency,
    *,
    message: Message | None,
    by: Person | None = None,
    note: str | None = None,
) -> tuple[Handoff, list[Person]]:
    """Open a handoff and page its first rung. Returns it and the people paged at once.

    `by` is a mentor or manager who asked for it, `note` their reason. Without them and without a
    `message` it comes from a button on the mentee's page.

    Raises:
        IntegrityError: the conversation already has an open handoff.
    """
    handoff = Handoff(
        conversation=conversation,
        opened_by_message_id=message.id if message else None,
        need=need,
        urgency=urgency,
        status=Status.WAITING,
        opened_at=tx.now,
        ladder=0,
        rung=-1,
    )
    tx.session.add(handoff)
    tx.session.flush()
    by = by or (conversation.person if message is None else None)
    detail = {"need": need.value, "urgency": urgency.name.lower()}
    log_move(tx, handoff, Move.OPEN, by=by, note=note, **detail)
    return handoff, start_climb(tx, handoff)


def raise_handoff(
    tx: Transaction, handoff: Handoff, need: Need, urgency: Urgency, *, message: Message
) -> list[Person]:
    """Make an open handoff more urgent; software never lowers it. Returns the people paged now.

    If it waits, the ladder of the new urgency starts at once. If a mentor holds it, they keep it:
    we page them and the first rung, and their time to answer starts again.

    Raises:
        Refused: it is already as urgent, or closed.
    """
    return make_more_urgent(tx, handoff, need, urgency, by=None, message=message.id)


def make_more_urgent(
    tx: Transaction,
    handoff: Handoff,
    need: Need,
    urgency: Urgency,
    *,
    by: Person | None,
    note: str | None = None,
    **detail: object,
) -> list[Person]:
    was = handoff.urgency.name.lower()
    still = (Handoff.urgency < urgency) & Handoff.status.in_([Status.WAITING, Status.CLAIMED])
    make_move(tx, handoff, still, urgency=urgency, need=need)
    detail |= {"need": need.value, "urgency": urgency.name.lower(), "was": was}
    log_move(tx, handoff, Move.RAISE, by=by, note=note, **detail)
    if handoff.status is Status.WAITING:
        return start_climb(tx, handoff)
    paged = page_beside_holder(tx, handoff)
    watch(tx, handoff)
    return paged


def claim(tx: Transaction, handoff: Handoff, mentor: Person) -> None:
    """Give a waiting handoff to `mentor` and tell the mentee.

    If two mentors text TAKE in the same second, the update succeeds for only one of them.

    Raises:
        AlreadyTaken: a mentor holds it (perhaps `mentor`).
        Closed: it is no longer open.
        NotTheirs: the mentee has an open concern about `mentor`.
    """
    if handoff.status is not Status.WAITING:
        raise AlreadyTaken(handoff) if handoff.is_open else Closed(handoff)
    if mentor.id in mentors_under_concern(tx.session, handoff.conversation.person_id):
        raise NotTheirs(handoff, mentor)
    try:
        make_move(
            tx,
            handoff,
            Handoff.status == Status.WAITING,
            status=Status.CLAIMED,
            mentor_id=mentor.id,
            claimed_at=tx.now,
            next_page_at=None,
        )
    except Refused:
        raise (AlreadyTaken(handoff) if handoff.is_open else Closed(handoff)) from None
    log_move(tx, handoff, Move.CLAIM, by=mentor)
    handoff.conversation.skill = None
    handoff.conversation.forget_bot = True
    may_end = handoff.urgency is not Urgency.CRISIS
    key = "claimed_may_end" if may_end else "claimed"
    tx.say_in(handoff.conversation, key, mentor=mentor.name)
    watch(tx, handoff)


def release(
    tx: Transaction, handoff: Handoff, *, by: Person | None, told: str = ""
) -> list[Person]:
    """Put a claimed handoff back into the queue, tell the mentee, and start a new ladder.

    `by` is the holder or a manager; then we do not page the holder for it again. It is None if
    Warmline releases it: the holder did not answer in time, or a concern took it back. `told` is
    the script key of the mentee's message. Returns the people paged now.

    Raises:
        NotHolder: `by` does not hold it and is no manager.
        Refused: no one holds it.
    """
    holder = handoff.mentor
    if by is not None and handoff.mentor_id != by.id and not manages(by, handoff):
        raise NotHolder(handoff, by)
    make_move(
        tx,
        handoff,
        Handoff.status == Status.CLAIMED,
        status=Status.WAITING,
        mentor_id=None,
        claimed_at=None,
    )
    held_by = holder.id if holder else None
    log_move(tx, handoff, Move.RELEASE, by=by, held_by=held_by)
    end_transfer(tx, handoff)
    if by is not None and holder is not None:
        snooze(tx, handoff, holder, until=NOT_AGAIN)
    paged = start_climb(tx, handoff)
    name = holder.name if holder else ""
    by_other = by is not None and by.id != held_by
    told = told or ("taken_back" if by_other else "released")
    if not paged:
        told += "_at_opening" if get_opening_awaited(tx, handoff) else "_nobody"
    tx.say_in(handoff.conversation, told, mentor=name)
    if by is not None and by_other:
        tell_former_holder(tx, handoff, holder, "released_by_manager", who=by.name)
    return paged


def tell_former_holder(
    tx: Transaction, handoff: Handoff, holder: Person | None, key: str, **blanks: object
) -> None:
    if holder is not None and holder.left_at is None:
        tx.tell_about(handoff, holder, key, **blanks)


def resolve(
    tx: Transaction, handoff: Handoff, outcome: Outcome, *, by: Person, note: str | None
) -> None:
    """Close a handoff with an outcome and tell the mentee; the bot answers again.

    Raises:
        NotHolder: `by` does not hold it and is no manager.
        NeedsReason: `note`, the reason, is empty, and it is a crisis or another person holds it.
        Closed: it is no longer open.
    """
    if not handoff.is_open:
        raise Closed(handoff)
    holder = handoff.mentor
    by_other = handoff.mentor_id != by.id
    if by_other and not manages(by, handoff):
        raise NotHolder(handoff, by)
    held, crisis = holder is not None, handoff.urgency is Urgency.CRISIS
    if not (note or "").strip() and (crisis or (held and by_other)):
        raise NeedsReason(handoff)
    make_move(
        tx,
        handoff,
        Handoff.status == handoff.status,
        status=Status.RESOLVED,
        outcome=outcome,
        closed_at=tx.now,
        next_page_at=None,
        mentor_id=handoff.mentor_id,
    )
    log_move(tx, handoff, Move.RESOLVE, by=by, note=note, outcome=outcome.value)
    handoff.conversation.forget_bot = True
    key = "returned" if held else "closed_unclaimed"
    ways = ["returned_crisis"] if handoff.urgency is Urgency.CRISIS else []
    numbers = numbers_by_text(handoff.danger, conversation_language(handoff.conversation))
    tx.say_in(handoff.conversation, key, *ways, mentor=by.name, numbers=numbers)
    end_transfer(tx, handoff)
    ask_after = timedelta(minutes=tx.policy.follow_up.after_minutes)
    enqueue(tx.session, AskFollowUp(handoff.id), at=tx.now + ask_after)
    if crisis:
        for manager in managers_to_text(tx.session, by.program_id, but=by.id):
            tx.tell_about(handoff, manager, "crisis_closed", who=by.name)
    if by_other:
        tell_former_holder(tx, handoff, holder, "closed_by_manager", who=by.name)
    if crisis and holder is not None and holder.left_at is None:
        ask_for_debrief(tx, handoff, holder)


def withdraw(tx: Transaction, handoff: Handoff) -> None:
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
            tx,
            handoff,
            Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
            status=Status.WITHDRAWN,
            closed_at=tx.now,
            next_page_at=None,
        )
    except Refused as refusal:
        raise Closed(handoff) from refusal
    log_move(tx, handoff, Move.WITHDRAW, by=handoff.conversation.person)
    handoff.conversation.forget_bot = True
    tx.say_in(handoff.conversation, "withdrawn")
    end_transfer(tx, handoff)
    if holder is not None:
        tx.tell_about(handoff, holder, "they_withdrew")


def ask_for_debrief(tx: Transaction, handoff: Handoff, person: Person) -> None:
    """Ask the mentor who ended a crisis how it was for them, once for each handoff."""
    if tx.session.scalar(select(Debrief.id).where(Debrief.handoff_id == handoff.id)) is not None:
        return
    tx.session.add(Debrief(handoff_id=handoff.id, person_id=person.id, asked_at=tx.now))
    tx.session.flush()
    tx.tell_about(handoff, person, "debrief_asked")
