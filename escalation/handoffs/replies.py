"""Whether the holder of a handoff has answered, and by when they must.

Nothing is stored: messages and moves show it. So a text that turns out not to have arrived, hours
later, brings its clock back.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from escalation.handoffs.hours import after_open_time, get_holidays
from escalation.handoffs.jobs import CheckReply, enqueue
from escalation.ruleset import Rules
from escalation.transaction import Transaction
from models import (
    DecisionRecord,
    Delivery,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Need,
    Speaker,
    Status,
)

# Final states of a text that reached no one.
HOPELESS = (Delivery.FAILED, Delivery.UNDELIVERED, Delivery.DROPPED)
# Words of a person that arrived, or may still arrive.
BY_A_PERSON: ColumnElement[bool] = (
    Message.outgoing
    & Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER])
    & Message.delivery.not_in(HOPELESS)
)


@dataclass(frozen=True)
class Hold:
    """When the present holder of a handoff got it, and its moves since then: what, when, detail."""

    at: datetime
    moves: tuple[tuple[Move, datetime, Mapping[str, Any]], ...]

    def last(self, move: Move) -> datetime | None:
        return max((at for one, at, _ in self.moves if one is move), default=None)

    def list_paged(self, since: datetime) -> Iterator[int]:
        """The ids of the people paged from then on."""
        for move, at, detail in self.moves:
            if move is Move.PAGE and at >= since:
                yield from detail["people"]


@dataclass(frozen=True)
class Unanswered:
    """What the holder owes the mentee: since when, and when the next step is due.

    `began`: the holder has written since they claimed it, or since it became more urgent.
    `reminded_at`: when we told them.
    """

    since: datetime
    due: datetime
    began: bool
    reminded_at: datetime | None


def get_unanswered(session: Session, handoff: Handoff, rules: Rules) -> Unanswered | None:
    """None if nobody holds the handoff or the holder has answered everything."""
    hold = get_hold(session, handoff)
    if hold is None:
        return None
    words = session.execute(
        select(Message.id, Message.at)
        .where(
            Message.conversation_id == handoff.conversation_id,
            BY_A_PERSON,
            Message.speaker_id == handoff.mentor_id,
            Message.at >= hold.at,
        )
        .order_by(Message.id.desc())
        .limit(1)
    ).first()
    raised_at = hold.last(Move.RAISE)
    since: datetime | None
    if words is None and handoff.need is Need.MENTOR:
        since = _oldest_after(session, handoff, 0)  # the mentor wrote first: nobody had asked
    elif words is None:
        since = hold.at
    elif (since := _oldest_after(session, handoff, words.id)) is None:
        # A person raised it without a message of the mentee.
        since = raised_at if raised_at and raised_at > words.at else None
    if since is None:
        return None
    # When its urgency changes, the new time begins.
    begins = max(since, raised_at or since, hold.last(Move.LOWER) or since)
    # When it became more urgent, we paged the holder and others: that was the reminder.
    began = words is not None and not (raised_at and raised_at > words.at)
    reminded_at = hold.last(Move.REMIND) if began else None
    if reminded_at is not None and reminded_at < begins:
        reminded_at = None
    due = _due(session, handoff, rules, reminded_at or begins, began=began)
    return Unanswered(since, due, began, reminded_at)


def get_hold(session: Session, handoff: Handoff) -> Hold | None:
    """None if nobody holds it."""
    if handoff.status is not Status.CLAIMED:
        return None
    here = HandoffEvent.handoff_id == handoff.id
    claim = select(func.max(HandoffEvent.id)).where(here, HandoffEvent.move == Move.CLAIM)
    claimed, *moves = session.execute(
        select(HandoffEvent.move, HandoffEvent.at, HandoffEvent.detail)
        .where(here, HandoffEvent.id >= claim.scalar_subquery())
        .order_by(HandoffEvent.id)
    )
    return Hold(claimed.at, tuple(moves))


def watch(tx: Transaction, handoff: Handoff) -> None:
    """Schedule the next check of a held handoff. Scheduling the same one twice is harmless."""
    if unanswered := get_unanswered(tx.session, handoff, tx.rules):
        enqueue(tx.session, _check(handoff, unanswered), at=max(unanswered.due, tx.now))


def overdue_replies(
    session: Session, *, now: datetime, get_rules: Callable[[int], Rules]
) -> list[CheckReply]:
    """The checks that were due by `now` and did not run."""
    overdue = []
    for handoff in session.scalars(select(Handoff).where(Handoff.status == Status.CLAIMED)):
        rules = get_rules(handoff.conversation.program_id)
        unanswered = get_unanswered(session, handoff, rules)
        if unanswered is not None and unanswered.due < now:
            overdue.append(_check(handoff, unanswered))
    return overdue


def correct_first_reply(session: Session, conversation_id: int, written_at: datetime) -> None:
    """Set when a person first wrote, after words were written, dropped, or failed."""
    handoff = session.scalar(
        select(Handoff)
        .where(Handoff.conversation_id == conversation_id, Handoff.opened_at <= written_at)
        .order_by(Handoff.id.desc())
        .limit(1)
    )
    if handoff is None:
        return
    first = select(func.min(Message.at)).where(
        Message.conversation_id == conversation_id, BY_A_PERSON, Message.at >= handoff.opened_at
    )
    if handoff.closed_at is not None:
        first = first.where(Message.at <= handoff.closed_at)
    handoff.first_reply_at = session.scalar(first)
    session.flush()


def _oldest_after(session: Session, handoff: Handoff, message_id: int) -> datetime | None:
    """The mentee's oldest text after a message that was left to the holder.

    HELP, STOP, and other texts that Warmline answers by itself have no decision.
    """
    return session.scalar(
        select(Message.at)
        .join(DecisionRecord, DecisionRecord.message_id == Message.id)
        .where(
            Message.conversation_id == handoff.conversation_id,
            DecisionRecord.handoff_id == handoff.id,
            Message.id > message_id,
        )
        .order_by(Message.id)
        .limit(1)
    )


def _due(
    session: Session, handoff: Handoff, rules: Rules, start: datetime, *, began: bool
) -> datetime:
    claim = rules.policy.claim
    within = claim.reply_within_minutes if began else claim.answer_within_minutes
    span: timedelta = within.at(handoff.urgency)
    if not began or handoff.urgency.name.lower() not in claim.reply_waits_for_opening:
        return start + span
    program = handoff.conversation.program
    return after_open_time(program, start, span, get_holidays(session, program))


def _check(handoff: Handoff, unanswered: Unanswered) -> CheckReply:
    return CheckReply(handoff.id, int(unanswered.due.timestamp()))
