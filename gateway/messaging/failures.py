"""What follows when a text was not sent or not delivered; delivery_codes.py says what helps."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, aliased

from escalation.handoffs.alerts.steps import hasten_next
from escalation.handoffs.duty import managers_to_text, tell_managers
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.handoffs.jobs import Deliver, enqueue
from escalation.handoffs.ladder import climb_if_unreached
from escalation.handoffs.replies import correct_first_reply
from escalation.speech.message_writer import get_thread
from escalation.transaction import Transaction
from gateway.messaging.delivery_codes import THROTTLES, Act, Code, get_code
from gateway.messaging.limits import is_urgent
from gateway.operators.alarms import raise_alarm
from models import (
    Alert,
    Conversation,
    Delivery,
    FailedTry,
    Handoff,
    Message,
    Person,
    Role,
    Speaker,
    Urgency,
)

log = structlog.get_logger()

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=5)
# The codes by which the provider refused a text lately, and when. They are built once, because
# delivery asks for each batch.
_SINCE = bindparam("throttled_since", type_=Message.moved_at.type)
_OTHER = aliased(Message)
REFUSED = select(_OTHER.error_code, _OTHER.moved_at).where(
    _OTHER.error_code.in_(list(THROTTLES)), _OTHER.moved_at > _SINCE
)
REPORTED = select(FailedTry.code, FailedTry.at).where(
    FailedTry.code.in_(list(THROTTLES)), FailedTry.at > _SINCE
)
# A phone that was off for a moment, or a carrier that stumbled.
SECOND_TRY_AFTER = timedelta(seconds=15)


def handle_failure(tx: Transaction, message: Message, *, taken: bool, final: bool = False) -> None:
    """A try failed: `message.error_code` says why. Try again later, or give up and act on that.

    `taken`: the provider had accepted the text, and reports that it did not arrive.
    """
    code = get_code(message.error_code, taken=taken)
    if code.alarm:
        raise_alarm(
            tx.session,
            f"code {message.error_code}",
            f"Texts fail with code {message.error_code}. {code.meaning}",
            now=tx.now,
        )
    next_try_at = None if final else _next_try(tx, message, code)
    if next_try_at is None:
        if not taken:
            message.delivery = Delivery.FAILED
        _give_up(tx, message, code)
    else:
        _send_again(tx, message, at=next_try_at)
        hasten_after(tx, message)
        if taken:
            _page_others_in_crisis(tx, message)
    log.warning(
        "text failed",
        message=message.id,
        code=message.error_code,
        meaning=code.meaning,
        tries=message.tries,
        delivery=message.delivery.value if message.delivery else None,
    )


def _next_try(tx: Transaction, message: Message, code: Code) -> datetime | None:
    give_up_at = message.at + timedelta(minutes=tx.policy.alert.give_up_after_minutes)
    if code.act is Act.GIVE_UP or tx.now >= give_up_at:
        return None
    if code.act is Act.ONCE:
        failed = select(func.count(FailedTry.id)).where(FailedTry.message_id == message.id)
        return tx.now + SECOND_TRY_AFTER if tx.session.scalar(failed) == 1 else None
    wait: timedelta = min(FIRST_WAIT * 2 ** min(message.tries - 1, 10), LONGEST_WAIT)
    if not is_urgent(tx.session, message):
        wait = max(wait, code.throttle)
    return tx.now + wait


def _send_again(tx: Transaction, message: Message, *, at: datetime) -> None:
    message.delivery, message.provider_id, message.sent_at = Delivery.QUEUED, None, None
    message.next_try_at = at
    tx.session.flush()
    enqueue(tx.session, Deliver(message.conversation_id, message.id, message.tries), at=at)


def get_throttle_end(session: Session, *, now: datetime) -> datetime | None:
    """Until when texts that are not urgent wait, because the provider takes no more."""
    refused = session.execute(
        REFUSED.union_all(REPORTED), {"throttled_since": throttled_since(now)}
    )
    end = max((at + THROTTLES[str(code)] for code, at in refused), default=now)
    return end if end > now else None


def throttled_since(now: datetime) -> datetime:
    return now - max(THROTTLES.values())


def _give_up(tx: Transaction, message: Message, code: Code) -> None:
    """Note a bad number, page the next mentor, or tell a mentor that their words did not arrive."""
    person = tx.session.get_one(Conversation, message.conversation_id).person
    if person is not None:
        _mark(tx, person, message, code)
    tx.session.flush()
    hasten_after(tx, message)
    for handoff in _handoffs_of(tx.session, message):
        climb_if_unreached(tx, handoff)
    if message.speaker in (Speaker.MENTOR, Speaker.MANAGER):
        correct_first_reply(tx.session, message.conversation_id, message.at)
        _tell_mentor_it_failed(tx, message)
    elif person is not None and person.role is Role.MENTEE:
        _tell_team_in_crisis(tx, message, person)


def _mark(tx: Transaction, person: Person, message: Message, code: Code) -> None:
    if code.marks == "stopped":
        if person.opted_out_at is None and person.role is not Role.MENTEE:
            tell_managers(tx, person, "staff_stopped")
        person.opted_out_at = person.opted_out_at or tx.now
    elif code.marks == "bad_number":
        if person.unreachable_code is None:
            tell_managers(tx, person, "number_fails", error_code=message.error_code)
        person.unreachable_code = message.error_code


def unmark(person: Person | None) -> None:
    """A text from the number, or one delivered to it, shows that it works again."""
    if person is not None:
        person.unreachable_code = None


def hasten_after(tx: Transaction, message: Message) -> None:
    """An alert's text did not arrive: the call or the e-mail after it is due now."""
    for alert in tx.session.scalars(select(Alert).where(Alert.message_id == message.id)).all():
        hasten_next(tx.session, alert, now=tx.now)


def _page_others_in_crisis(tx: Transaction, message: Message) -> None:
    """In a crisis nobody waits for the second try."""
    for handoff in _handoffs_of(tx.session, message):
        if handoff.urgency is Urgency.CRISIS:
            climb_if_unreached(tx, handoff)


def _handoffs_of(session: Session, message: Message) -> list[Handoff]:
    """The handoffs that this text is an alert about, locked."""
    handoffs = []
    for alert in session.scalars(select(Alert).where(Alert.message_id == message.id)).all():
        handoff = session.get_one(Handoff, alert.handoff_id)
        lock_conversation(session, handoff.conversation_id)
        session.refresh(handoff)
        handoffs.append(handoff)
    return handoffs


def _tell_mentor_it_failed(tx: Transaction, message: Message) -> None:
    handoff_id = tx.session.scalar(
        select(func.max(Handoff.id)).where(Handoff.conversation_id == message.conversation_id)
    )
    mentor = tx.session.get(Person, message.speaker_id)
    if handoff_id is not None and mentor is not None:
        handoff = tx.session.get_one(Handoff, handoff_id)
        tx.tell_about(handoff, mentor, "not_delivered", error_code=message.error_code)


def _tell_team_in_crisis(tx: Transaction, message: Message, mentee: Person) -> None:
    """Words of ours for a mentee in crisis were lost: whoever can call them must know."""
    conversation = tx.session.get_one(Conversation, message.conversation_id)
    handoff = get_open_handoff(tx.session, conversation)
    if handoff is None or handoff.urgency is not Urgency.CRISIS:
        return
    team = managers_to_text(tx.session, mentee.program_id)
    for person in [handoff.mentor] if handoff.mentor else team:
        tx.say_unless_said_lately(
            get_thread(tx.session, tx.rules, person),
            "mentee_not_reached",
            within_minutes=60,
            error_code=message.error_code,
            **tx.code_and_link(handoff, person),
        )
