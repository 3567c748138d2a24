"""When the holder of a handoff does not answer: reminders, and moves by others.

The caller locks the conversation, as for every move (handoffs.py).
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from escalation.handoffs.availability import mentors_under_concern
from escalation.handoffs.duty import managers_to_text, on_duty
from escalation.handoffs.handoffs import (
    AlreadyTaken,
    NotTheirs,
    claim,
    make_more_urgent,
    release,
    tell_former_holder,
)
from escalation.handoffs.hours import get_holidays, next_opening
from escalation.handoffs.jobs import Climb, enqueue
from escalation.handoffs.ladder import page_beside_holder, put_off
from escalation.handoffs.moves import (
    Closed,
    NeedsReason,
    NotHolder,
    Refused,
    log_move,
    make_move,
    manages,
)
from escalation.handoffs.replies import Unanswered, get_hold, get_unanswered, watch
from escalation.handoffs.transfers import CannotTransfer, end_transfer, who_could_take, why_not_to
from escalation.speech.i18n import written
from escalation.speech.message_writer import conversation_language, get_thread
from escalation.transaction import Transaction
from models import Handoff, Move, Need, Person, Status, Urgency


class NotUrgency(Refused):
    """`raise_by_hand` takes a higher urgency, `lower` a lower one."""

    def __init__(self, handoff: Handoff, urgency: Urgency) -> None:
        super().__init__(handoff, f"it cannot go from {handoff.urgency.name} to {urgency.name}")


# --- a holder who does not answer ---


def check_reply(tx: Transaction, handoff: Handoff) -> None:
    """Remind the holder and page others; the second time, or before any words, release the claim.

    Does nothing if all is answered. Otherwise it schedules the next check, so it is safe to run
    twice and at any time.
    """
    unanswered = get_unanswered(tx.session, handoff, tx.rules)
    if unanswered is None:
        return
    if unanswered.due <= tx.now:
        if not unanswered.began or unanswered.reminded_at is not None:
            _release_silent(tx, handoff, unanswered)
            return
        _remind(tx, handoff, unanswered)
    watch(tx, handoff)


def _remind(tx: Transaction, handoff: Handoff, unanswered: Unanswered) -> None:
    holder = handoff.mentor
    assert holder is not None  # something is unanswered only while someone holds it
    crisis = handoff.urgency is Urgency.CRISIS
    key = "alert_unanswered_crisis" if crisis else "alert_unanswered"
    paged = page_beside_holder(tx, handoff, key=key)
    keys = ["reply_reminder", "others_asked"] if paged else ["reply_reminder"]
    if holder.left_at is None:
        tx.tell_about(handoff, holder, *keys, time=_clock(tx, holder, unanswered.since))
    managers = [one for one in _managers_on_duty(tx, handoff) if one not in (*paged, holder)]
    for manager in managers:
        time = _clock(tx, manager, unanswered.since)
        tx.tell_about(handoff, manager, "reply_overdue", who=holder.name, time=time)
    log_move(
        tx,
        handoff,
        Move.REMIND,
        by=None,
        held_by=holder.id,
        minutes=round((tx.now - unanswered.since) / timedelta(minutes=1)),
        people=[one.id for one in (*paged, *managers)],
    )


def _release_silent(tx: Transaction, handoff: Handoff, unanswered: Unanswered) -> None:
    holder = handoff.mentor
    assert holder is not None
    # They can claim it again, but others are paged first.
    within = tx.policy.claim.answer_within_minutes.at(handoff.urgency)
    put_off(tx, handoff, holder, until=tx.now + within)
    release(tx, handoff, by=None, told="released_silent")
    since = _clock(tx, holder, unanswered.since)
    tell_former_holder(tx, handoff, holder, "released_unanswered", time=since)


def _managers_on_duty(tx: Transaction, handoff: Handoff) -> list[Person]:
    """The managers who are on duty now; all of them if none is."""
    program = handoff.conversation.program
    managers = managers_to_text(tx.session, program.id)
    now_on_duty = on_duty(tx.session, program, now=tx.now)
    return [one for one in managers if one in now_on_duty] or managers


def _clock(tx: Transaction, reader: Person, at: datetime) -> str:
    local = at.astimezone(ZoneInfo(reader.timezone))
    if local.date() == tx.now.astimezone(local.tzinfo).date():
        return f"{local:%H:%M}"
    thread = get_thread(tx.session, tx.rules, reader)
    return written(local, "%A %H:%M", conversation_language(thread))


# --- moves by others than the holder ---


def take(tx: Transaction, handoff: Handoff, by: Person) -> None:
    """TAKE: claim a waiting handoff, or take over one for which `by` was asked.

    Raises:
        AlreadyTaken, Closed, NotTheirs: as `claim` does.
    """
    held_by_another = handoff.status is Status.CLAIMED and handoff.mentor_id != by.id
    if held_by_another and may_take_over(tx, handoff, by):
        take_over(tx, handoff, by)
    else:
        claim(tx, handoff, by)


def may_take_over(tx: Transaction, handoff: Handoff, by: Person) -> bool:
    """Whether the holder owes an answer, and it is overdue or `by` was paged for it."""
    unanswered = get_unanswered(tx.session, handoff, tx.rules)
    hold = get_hold(tx.session, handoff)
    if unanswered is None or hold is None:
        return False
    if unanswered.reminded_at is not None or unanswered.due <= tx.now:
        return True
    return by.id in hold.list_paged(since=unanswered.since)


def take_over(tx: Transaction, handoff: Handoff, by: Person) -> None:
    """Give a held handoff to `by`, and tell the mentee and the former holder.

    Raises:
        AlreadyTaken: `by` holds it, or is a mentor and `may_take_over` says no.
        Closed: it is no longer open.
        NotTheirs: the mentee has an open concern about `by`.
        Refused: nobody holds it.
    """
    if not handoff.is_open:
        raise Closed(handoff)
    holder = handoff.mentor
    if holder is not None and holder.id == by.id:
        raise AlreadyTaken(handoff)
    if not manages(by, handoff) and not may_take_over(tx, handoff, by):
        raise AlreadyTaken(handoff)
    if by.id in mentors_under_concern(tx.session, handoff.conversation.person_id):
        raise NotTheirs(handoff, by)
    still = (Handoff.status == Status.CLAIMED) & (Handoff.mentor_id == handoff.mentor_id)
    make_move(tx, handoff, still, mentor_id=by.id)
    assert holder is not None  # a claimed handoff has a mentor
    log_move(tx, handoff, Move.CLAIM, by=by, held_by=holder.id, taken_over=True)
    end_transfer(tx, handoff)
    tx.say_in(handoff.conversation, "transferred", mentor=by.name, before=holder.name)
    tell_former_holder(tx, handoff, holder, "taken_over", who=by.name)
    watch(tx, handoff)


def reassign(
    tx: Transaction, handoff: Handoff, to: Person, *, by: Person, reason: str | None = None
) -> None:
    """A manager gives an open handoff to a colleague, whether it waits or somebody holds it.

    `to` has the time of a claim for a first message.

    Raises:
        NotHolder: `by` is no manager.
        Closed: it is no longer open.
        CannotTransfer: `to` holds it, is away, or cannot be texted.
    """
    if not handoff.is_open:
        raise Closed(handoff)
    if not manages(by, handoff):
        raise NotHolder(handoff, by)
    why = why_not_to(tx, handoff, to)
    if why is not None and why != "capped":  # a manager may ask more of somebody
        raise CannotTransfer(handoff, to, why, who_could_take(tx, handoff, by=by))
    holder = handoff.mentor
    still = (Handoff.status == handoff.status) & Handoff.mentor_id.is_not_distinct_from(
        handoff.mentor_id
    )
    claimed = {"status": Status.CLAIMED, "mentor_id": to.id, "next_page_at": None}
    claimed["claimed_at"] = handoff.claimed_at or tx.now
    make_move(tx, handoff, still, **claimed)
    held_by = holder.id if holder else None
    log_move(tx, handoff, Move.CLAIM, by=to, note=reason, assigned_by=by.id, held_by=held_by)
    end_transfer(tx, handoff)
    handoff.conversation.skill, handoff.conversation.forget_bot = None, True
    tx.say_in(handoff.conversation, "assigned", mentor=to.name)
    if to.id != by.id:
        tx.tell_about(handoff, to, "you_were_assigned", who=by.name)
    if holder is not None and holder.id != by.id:  # the answer to ASSIGN tells `by`
        tell_former_holder(tx, handoff, holder, "taken_over", who=to.name)
    watch(tx, handoff)


def raise_by_hand(
    tx: Transaction, handoff: Handoff, urgency: Urgency, *, by: Person, reason: str | None = None
) -> list[Person]:
    """A manager, or the holder, makes it more urgent. Returns the people paged now.

    Raises:
        NotHolder: `by` does not hold it and is no manager.
        NotUrgency: it is as urgent already.
        Closed: it is no longer open.
    """
    _check_may_change(handoff, by)
    if urgency <= handoff.urgency:
        raise NotUrgency(handoff, urgency)
    crisis = urgency is Urgency.CRISIS
    need = Need.CRISIS if crisis else handoff.need
    paged = make_more_urgent(tx, handoff, need, urgency, by=by, note=reason)
    if crisis:
        tx.say_in(handoff.conversation, "raised_by_hand" if paged else "raised_nobody")
    return paged


def lower(tx: Transaction, handoff: Handoff, urgency: Urgency, *, by: Person, reason: str) -> None:
    """A manager, or the holder, makes it less urgent. Software never does.

    Nobody is paged again at once: the new times begin now. The other managers read who lowered a
    crisis.

    Raises:
        NotHolder: `by` does not hold it and is no manager.
        NotUrgency: it is not more urgent than that.
        NeedsReason: `reason` is empty.
        Closed: it is no longer open.
    """
    _check_may_change(handoff, by)
    if urgency >= handoff.urgency:
        raise NotUrgency(handoff, urgency)
    if not reason.strip():
        raise NeedsReason(handoff)
    was = handoff.urgency
    make_move(tx, handoff, Handoff.urgency == was, urgency=urgency)
    detail = {"need": handoff.need.value, "urgency": urgency.name.lower(), "was": was.name.lower()}
    log_move(tx, handoff, Move.LOWER, by=by, note=reason, **detail)
    if handoff.status is Status.WAITING:
        _climb_later(tx, handoff)
    else:
        watch(tx, handoff)
    if was is Urgency.CRISIS:
        for manager in managers_to_text(tx.session, by.program_id, but=by.id):
            tx.tell_about(handoff, manager, "crisis_lowered", who=by.name)


def _check_may_change(handoff: Handoff, by: Person) -> None:
    if not handoff.is_open:
        raise Closed(handoff)
    if handoff.mentor_id != by.id and not manages(by, handoff):
        raise NotHolder(handoff, by)


def _climb_later(tx: Transaction, handoff: Handoff) -> None:
    """Begin a new ladder after the wait of its first rung, in opening hours if it needs them."""
    ladder = tx.policy.ladder_for(handoff.urgency)
    due = tx.now + ladder.at(0).wait
    if ladder.outside_hours == "wait":
        program = handoff.conversation.program
        due = next_opening(program, due, get_holidays(tx.session, program))
    handoff.ladder, handoff.rung, handoff.next_page_at = handoff.ladder + 1, -1, due
    tx.session.flush()
    enqueue(tx.session, Climb(handoff.id, handoff.ladder, 0), at=due)
