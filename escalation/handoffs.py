"""The moves of a handoff. Each is one conditional UPDATE and one event, or a refusal.

The caller holds the conversation (`hold_conversation`) in the transaction of the move, so
that a move and the bot's words about the same conversation cannot pass each other.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from escalation.availability import (
    NOT_AGAIN,
    WhyNot,
    circumstances_of,
    mentors_of_concern,
    why_not,
)
from escalation.ladder import page, people_to_call, start_climb
from escalation.later import CheckClaim, Later
from escalation.rules import Rules
from escalation.voice import say, thread_of
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
    Transfer,
    Urgency,
)
from models.conditional import changes_one


class Refused(Exception):
    """A move that cannot be made. Its text is for the log; people read the script's line."""

    def __init__(self, handoff: Handoff, reason: str) -> None:
        self.handoff = handoff
        super().__init__(f"Handoff {handoff.id} is {handoff.status.value}: {reason}")


class AlreadyTaken(Refused):
    """`holder` is the first name of whoever holds it, `holder_id` their row."""

    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, f"held by person {handoff.mentor_id}")
        self.holder = handoff.mentor.name if handoff.mentor else "somebody"
        self.holder_id = handoff.mentor_id


class Closed(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "it is closed")


class NotHolder(Refused):
    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"person {person.id} does not hold it")


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


class CannotTransfer(Refused):
    """`reason` is a word of SENTENCES, `could` are those who could take it instead.

    `sentence` says both in plain words, for the person who tried.
    """

    SENTENCES: ClassVar[Mapping[str, str]] = {
        "self": "You hold it yourself.",
        "unknown": "There is no such colleague to give it to.",
        "offered": "It is offered to a colleague already; wait for the answer.",
        "unreachable": "{to} cannot be reached by text.",
        "away": "{to} is away.",
        "capped": "{to} has as much as one person should carry.",
    }

    def __init__(self, handoff: Handoff, to: Person, reason: str, could: list[Person]) -> None:
        super().__init__(handoff, f"it cannot be offered to person {to.id} ({reason})")
        self.reason, self.could = reason, could
        self.sentence = self.SENTENCES[reason].format(to=to.name)
        if reason != "offered":
            self.sentence += f" {self._who_could()}"

    def _who_could(self) -> str:
        if not self.could:
            return "Nobody else could just now."
        names = ", ".join(person.name for person in self.could[:5])
        return f"These could: {names}{' and others' if len(self.could) > 5 else ''}."


class NotAsked(Refused):
    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"it was not offered to person {person.id}")


class TransferOver(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "it is no longer offered")


def hold_conversation(session: Session, conversation_id: int) -> Conversation:
    """The conversation, locked until this transaction ends. SQLite locks as a whole."""
    session.execute(
        select(Conversation.id)
        .where(Conversation.id == conversation_id)
        # NO KEY: writing a message into this thread must not wait for the thread's holder.
        .with_for_update(key_share=True)
    )
    return session.get_one(Conversation, conversation_id, populate_existing=True)


def open_handoff_of(session: Session, conversation: Conversation) -> Handoff | None:
    return session.scalar(
        select(Handoff)
        .where(
            Handoff.conversation_id == conversation.id,
            Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
        )
        .execution_options(populate_existing=True)
    )


def owner_of(handoff: Handoff | None) -> Owner:
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
    _log(
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
    _move(
        session,
        handoff,
        (Handoff.urgency < urgency) & Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
        urgency=urgency,
        need=need,
    )
    event = _log(
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
    _check_claim_later(session, handoff, event, now=now, rules=rules, later=later)
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
    if mentor.id in mentors_of_concern(session, handoff.conversation.person_id):
        raise NotTheirs(handoff, mentor)
    try:
        _move(
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
    event = _log(session, handoff, Move.CLAIM, by=mentor, now=now)
    handoff.conversation.skill = None
    handoff.conversation.forget_bot = True
    say(session, rules, handoff.conversation, "claimed", now=now, mentor=mentor.name)
    _check_claim_later(session, handoff, event, now=now, rules=rules, later=later)


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
    _move(
        session,
        handoff,
        Handoff.status == Status.CLAIMED,
        status=Status.WAITING,
        mentor_id=None,
        claimed_at=None,
    )
    held_by = holder.id if holder else None
    _log(session, handoff, Move.RELEASE, by=by, now=now, held_by=held_by)
    name = holder.name if holder else ""
    say(session, rules, handoff.conversation, told, now=now, mentor=name)
    _end_transfer(session, handoff, now=now, rules=rules)
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
        thread = thread_of(session, rules, holder)
        key = "released_unanswered"
        say(session, rules, thread, key, now=now, code=handoff.id, minutes=minutes)
    return True


def overdue_claims(
    session: Session, *, now: datetime, rules_of: Callable[[int], Rules]
) -> list[CheckClaim]:
    """The checks that were due by `now` for claims under which nobody has written yet.

    `rules_of` gives the rules of a programme, by its number.
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
        rules = rules_of(handoff.conversation.programme_id)
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
    _move(
        session,
        handoff,
        Handoff.status == handoff.status,
        status=Status.RESOLVED,
        outcome=outcome,
        closed_at=now,
        next_page_at=None,
        mentor_id=handoff.mentor_id,
    )
    _log(session, handoff, Move.RESOLVE, by=by, now=now, note=note, outcome=outcome.value)
    handoff.conversation.forget_bot = True
    key = "returned" if held else "closed_unclaimed"
    say(session, rules, handoff.conversation, key, now=now, mentor=by.name)
    _end_transfer(session, handoff, now=now, rules=rules)
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
        _move(
            session,
            handoff,
            Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
            status=Status.WITHDRAWN,
            closed_at=now,
            next_page_at=None,
        )
    except Refused as refusal:
        raise Closed(handoff) from refusal
    _log(session, handoff, Move.WITHDRAW, by=handoff.conversation.person, now=now)
    handoff.conversation.forget_bot = True
    say(session, rules, handoff.conversation, "withdrawn", now=now)
    _end_transfer(session, handoff, now=now, rules=rules)
    if holder is not None:
        thread = thread_of(session, rules, holder)
        say(session, rules, thread, "they_withdrew", now=now, code=handoff.id)


def offer_transfer(
    session: Session,
    handoff: Handoff,
    *,
    by: Person,
    to: Person,
    note: str | None,
    now: datetime,
    rules: Rules,
) -> Transfer:
    """Ask one colleague to take over a handoff that `by` holds, and go on holding until then.

    `note` is for the colleague's eyes behind the sign-in; the text they get has no content.

    Raises:
        NotHolder: `by` does not hold it.
        Closed: it is no longer open.
        CannotTransfer: the colleague cannot take it now; it says why, and who could.
    """
    if handoff.status is not Status.CLAIMED or handoff.mentor_id != by.id:
        raise NotHolder(handoff, by) if handoff.is_open else Closed(handoff)
    reason = _why_not_to(session, handoff, to, by=by, now=now, rules=rules)
    if reason is not None:
        could = who_could_take(session, handoff, by=by, now=now, rules=rules)
        raise CannotTransfer(handoff, to, reason, could)
    transfer = Transfer(
        handoff_id=handoff.id, from_=by, to=to, at=now, note=(note or "").strip() or None
    )
    session.add(transfer)
    session.flush()
    thread = thread_of(session, rules, to)
    link = rules.link(handoff.id)
    say(session, rules, thread, "transfer_asked", now=now, code=handoff.id, who=by.name, link=link)
    return transfer


def answer_transfer(
    session: Session,
    transfer: Transfer,
    *,
    by: Person,
    accept: bool,
    now: datetime,
    rules: Rules,
    later: Later,
) -> None:
    """Take over what was offered, or leave it with its holder, who is told either way.

    Once accepted, the mentee reads who is there now, and the colleague has the time of a claim
    to write a first message.

    Raises:
        NotAsked: it was offered to somebody else.
        TransferOver: it was answered, has lapsed, or is no longer the holder's to give.
    """
    handoff = session.get_one(Handoff, transfer.handoff_id)
    if transfer.to_id != by.id:
        raise NotAsked(handoff, by)
    _answer(session, transfer, handoff, accepted=accept, now=now)
    holder_thread = thread_of(session, rules, transfer.from_)
    if not accept:
        key = "transfer_declined"
        say(session, rules, holder_thread, key, now=now, code=handoff.id, who=by.name)
        return
    still = (Handoff.status == Status.CLAIMED) & (Handoff.mentor_id == transfer.from_id)
    try:
        _move(session, handoff, still, mentor_id=by.id)
    except Refused:
        raise TransferOver(handoff) from None
    given_by = transfer.from_id
    event = _log(
        session, handoff, Move.CLAIM, by=by, now=now, transfer=transfer.id, held_by=given_by
    )
    say(
        session,
        rules,
        handoff.conversation,
        "transferred",
        now=now,
        mentor=by.name,
        before=transfer.from_.name,
    )
    say(session, rules, holder_thread, "transfer_taken", now=now, code=handoff.id, who=by.name)
    _check_claim_later(session, handoff, event, now=now, rules=rules, later=later)


def open_transfer_of(session: Session, handoff: Handoff) -> Transfer | None:
    return session.scalar(
        select(Transfer).where(Transfer.handoff_id == handoff.id, Transfer.answered_at.is_(None))
    )


def transfers_asked_of(session: Session, person: Person) -> list[Transfer]:
    """What colleagues have offered to `person` and nobody has answered yet."""
    return list(
        session.scalars(
            select(Transfer)
            .where(Transfer.to_id == person.id, Transfer.answered_at.is_(None))
            .order_by(Transfer.id)
        )
    )


def who_could_take(
    session: Session, handoff: Handoff, *, by: Person, now: datetime, rules: Rules
) -> list[Person]:
    """The colleagues to whom `by` could offer a handoff now."""
    colleagues = session.scalars(
        select(Person)
        .where(
            Person.programme_id == handoff.conversation.programme_id,
            Person.role != Role.MENTEE,
            Person.id != by.id,
        )
        .order_by(Person.id)
    )
    return [
        one
        for one in colleagues
        if _why_not_person(session, handoff, one, now=now, rules=rules) is None
    ]


def lapse_if_unanswered(
    session: Session, transfer: Transfer, *, now: datetime, rules: Rules
) -> bool:
    """End an offer whose time is over; its holder is told. True if it has lapsed now."""
    handoff = session.get_one(Handoff, transfer.handoff_id)
    if now < transfer.at + rules.policy.mentors.transfer_within(handoff.urgency):
        return False
    try:
        _answer(session, transfer, handoff, accepted=False, now=now)
    except TransferOver:
        return False
    for person, key in ((transfer.from_, "transfer_lapsed"), (transfer.to, "transfer_over")):
        thread = thread_of(session, rules, person)
        say(session, rules, thread, key, now=now, code=handoff.id, who=transfer.to.name)
    return True


def overdue_transfers(
    session: Session, *, now: datetime, rules_of: Callable[[int], Rules]
) -> list[int]:
    """The numbers of the offers whose time is over by `now`."""
    offers = session.execute(
        select(Transfer, Handoff)
        .join(Handoff, Handoff.id == Transfer.handoff_id)
        .where(Transfer.answered_at.is_(None))
        .order_by(Transfer.id)
    )
    return [
        transfer.id
        for transfer, handoff in offers
        if now
        >= transfer.at
        + rules_of(handoff.conversation.programme_id).policy.mentors.transfer_within(
            handoff.urgency
        )
    ]


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
    thread = thread_of(session, rules, person)
    say(session, rules, thread, "debrief_asked", now=now, code=handoff.id)
    return debrief


def _why_not_to(
    session: Session, handoff: Handoff, to: Person, *, by: Person, now: datetime, rules: Rules
) -> str | None:
    """Why a handoff cannot be offered to `to`, as a word of CannotTransfer.SENTENCES; or None."""
    if to.id == by.id:
        return "self"
    if to.programme_id != handoff.conversation.programme_id or to.role is Role.MENTEE:
        return "unknown"
    if open_transfer_of(session, handoff) is not None:
        return "offered"
    return _why_not_person(session, handoff, to, now=now, rules=rules)


def _why_not_person(
    session: Session, handoff: Handoff, to: Person, *, now: datetime, rules: Rules
) -> str | None:
    limits = rules.policy.mentors
    seen = circumstances_of(session, handoff, [to], now=now, limits=limits)[to.id]
    # `first`: they are the only one who is asked.
    reasons = why_not(seen, handoff.urgency, limits, first=True, climbed=False)
    if WhyNot.LEFT in reasons or WhyNot.CONCERN in reasons:
        return "unknown"  # of a concern nobody but managers learns
    if not to.can_be_texted:
        return "unreachable"
    if WhyNot.AWAY in reasons:
        return "away"
    return "capped" if WhyNot.CAPPED in reasons else None


def _answer(
    session: Session, transfer: Transfer, handoff: Handoff, *, accepted: bool, now: datetime
) -> None:
    answer = (
        update(Transfer)
        .where(Transfer.id == transfer.id, Transfer.answered_at.is_(None))
        .values(accepted=accepted, answered_at=now)
    )
    answered = changes_one(session, answer)
    session.refresh(transfer)
    if not answered:
        raise TransferOver(handoff)


def _end_transfer(session: Session, handoff: Handoff, *, now: datetime, rules: Rules) -> None:
    """What its holder no longer holds is no longer offered; whoever was asked is told."""
    transfer = open_transfer_of(session, handoff)
    if transfer is None:
        return
    _answer(session, transfer, handoff, accepted=False, now=now)
    thread = thread_of(session, rules, transfer.to)
    say(session, rules, thread, "transfer_over", now=now, code=handoff.id)


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


def _check_claim_later(
    session: Session,
    handoff: Handoff,
    event: HandoffEvent,
    *,
    now: datetime,
    rules: Rules,
    later: Later,
) -> None:
    at = now + rules.policy.answer_within(handoff.urgency)
    later(session, CheckClaim(handoff.id, event.id), at=at)


def _move(session: Session, handoff: Handoff, still: ColumnElement[bool], **values: Any) -> None:
    """Change the handoff if `still` holds in the database; otherwise refuse, changing nothing."""
    change = update(Handoff).where(Handoff.id == handoff.id, still).values(**values)
    moved = changes_one(session, change)
    session.refresh(handoff)
    if not moved:
        raise Refused(handoff, "it has moved meanwhile")


def _log(
    session: Session,
    handoff: Handoff,
    move: Move,
    *,
    by: Person | None,
    now: datetime,
    note: str | None = None,
    **detail: object,
) -> HandoffEvent:
    event = HandoffEvent(
        handoff_id=handoff.id,
        at=now,
        move=move,
        by_id=by.id if by else None,
        note=note or None,
        detail=detail,
    )
    session.add(event)
    session.flush()
    return event
