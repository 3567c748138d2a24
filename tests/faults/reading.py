"""Reading a history from the database and the fake Twilio, once everything is at rest."""

import re
import time

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.replies import get_unanswered
from escalation.policy_file import POLICY_FILE
from escalation.ruleset import Rules, load_rules
from gateway.runtime.database import Database
from models import (
    Alert,
    Channel,
    Conversation,
    DecisionRecord,
    Delivery,
    FailedTry,
    Handoff,
    HandoffCode,
    HandoffEvent,
    Message,
    Person,
    Status,
)
from tests.faults.history import Attempt, Decided, History, Moved, OpenHandoff, Paged, Row
from tests.faults.journal import Journal, now
from tests.faults.stage import Stage

CALLBACK = re.compile(r"/twilio/status/(\d+)$")
PATIENCE_SECONDS = 300


def wait_for_rest(database: Database) -> float:
    """Wait until every text is handled and sent, except alerts, which never end. In seconds."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS and not _is_at_rest(database):
        time.sleep(0.5)
    return time.monotonic() - began


def _is_at_rest(database: Database) -> bool:
    on_its_way = Message.delivery.in_([Delivery.QUEUED, Delivery.SENDING])
    undelivered = on_its_way & Message.id.not_in(select(Alert.message_id))
    waits = select(Message.id).where(Message.handled_at.is_(None) | undelivered)
    with database.reading() as session:
        return session.scalar(waits.limit(1)) is None


def read_history(stage: Stage, database: Database, journal: Journal) -> History:
    with database.reading() as session:
        history = History(now(), posted=journal.posted, faults=journal.faults)
        _read_messages(session, history)
        _read_handoffs(session, history, _rules(stage))
    history.attempts = [
        Attempt(one.to, one.body, _our_number(one.status_callback), one.at, one.sid)
        for one in list(stage.twilio.attempts)
    ]
    history.violations = list(stage.twilio.violations)
    return history


def _our_number(callback: str | None) -> int | None:
    found = CALLBACK.search(callback or "")
    return int(found[1]) if found else None


def _rules(stage: Stage) -> Rules:
    file = stage.policy_file if stage.policy_file.exists() else POLICY_FILE
    return load_rules(stage.gateways[0].url, Channel.SMS, policy_file=file)


def _read_messages(session: Session, history: History) -> None:
    numbers = {one.id: one.phone or "" for one in session.scalars(select(Conversation))}
    alerts = set(session.scalars(select(Alert.message_id)))
    for one in session.scalars(select(Message).order_by(Message.id)):
        history.rows.append(
            Row(
                id=one.id,
                thread=one.conversation_id,
                number=numbers[one.conversation_id],
                at=one.at,
                outgoing=one.outgoing,
                words=one.words,
                by_bot=one.from_rasa,
                script=one.script,
                sid=one.provider_id,
                handled_at=one.handled_at,
                delivery=one.delivery,
                tries=one.tries,
                sending_at=one.sending_at,
                is_alert=one.id in alerts,
                relayed_from=one.relayed_from_id,
            )
        )
    decisions = select(DecisionRecord).order_by(DecisionRecord.id)
    for record in session.scalars(decisions):
        history.decided.append(Decided(record.id, record.message_id, record.owner, record.at))
    history.given_up = set(session.scalars(select(FailedTry.provider_id)))
    for person in session.scalars(select(Person)):
        if person.phone:
            history.people[person.phone] = person.id
            if person.opted_out_at is not None:
                history.stopped[person.phone] = person.opted_out_at


def _read_handoffs(session: Session, history: History, rules: Rules) -> None:
    threads = {}
    for handoff in session.scalars(select(Handoff).order_by(Handoff.id)):
        threads[handoff.id] = handoff.conversation_id
        if handoff.opened_by_message_id is not None:
            history.opened_by[handoff.opened_by_message_id] = handoff.id
        if handoff.status is Status.WAITING:
            history.open_handoffs.append(OpenHandoff(handoff.id, True, handoff.next_page_at))
        elif handoff.status is Status.CLAIMED:
            owed = get_unanswered(session, handoff, rules)
            due = owed.due if owed else None
            history.open_handoffs.append(OpenHandoff(handoff.id, owed is not None, due))
    for event in session.scalars(select(HandoffEvent).order_by(HandoffEvent.id)):
        history.moved.append(
            Moved(
                event.handoff_id,
                threads[event.handoff_id],
                event.at,
                event.move,
                event.by_id,
                tuple(event.detail.get("people", ())),
                bool(event.detail.get("taken_over")),
            )
        )
    for alert in session.scalars(select(Alert).order_by(Alert.id)):
        history.paged.append(
            Paged(alert.handoff_id, alert.ladder, alert.rung, alert.person_id, alert.message_id)
        )
    numbers = {person: number for number, person in history.people.items()}
    for code in session.scalars(select(HandoffCode)):
        history.codes[numbers.get(code.person_id, ""), code.code] = code.handoff_id
