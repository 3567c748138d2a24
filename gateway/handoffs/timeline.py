"""What happened in a handoff, step by step, read back from the rows. Times are UTC."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from escalation.speech.i18n import joined, phrase, phrase_counted
from gateway.handoffs.decisions import find_decision, highlight_evidence, highlight_spans
from gateway.handoffs.entries import Entry, Kind, decision_entry, with_waits
from gateway.handoffs.timeline_moves import list_moves
from gateway.runtime.labels import (
    CHECK_IN_NAMES,
    delivery_status,
    display_name,
    precise_duration,
    skill_end,
    skill_name,
)
from models import (
    Alert,
    CheckIn,
    DecisionRecord,
    Delivery,
    Handoff,
    Message,
    SkillOutcome,
    SkillUse,
    Speaker,
)

# The timeline starts this long before the handoff, with skills and check-ins.
LED_UP_TO = timedelta(days=7)


def timeline(session: Session, handoff_id: int) -> list[Entry]:
    """Every step of a handoff in order; empty when there is no such handoff."""
    handoff = session.get(Handoff, handoff_id)
    if handoff is None:
        return []
    steps = [
        *_opening_message(session, handoff),
        *_check_ins(session, handoff),
        *_skills(session, handoff),
        *_decisions(session, handoff),
        *list_moves(session, handoff),
        *_texts(session, handoff),
        *_first_reply(session, handoff),
        *_dropped(session, handoff),
    ]
    # Steps of one transaction have the same time, and the order above is cause before effect.
    steps.sort(key=lambda step: step.at)
    steps.append(_count(session, handoff, steps[-1].at))
    return with_waits(steps)


def _check_ins(session: Session, handoff: Handoff) -> list[Entry]:
    name = display_name(handoff.conversation)
    check_ins = session.scalars(
        select(CheckIn)
        .where(CheckIn.conversation_id == handoff.conversation_id, _around(handoff, CheckIn.at))
        .order_by(CheckIn.id)
    )
    return [
        Entry(
            check_in.at,
            Kind.CHECKED_IN,
            phrase(
                "{name} checked in: {check_in} {score}",
                name=name,
                check_in=phrase(CHECK_IN_NAMES.get(check_in.kind, check_in.kind)),
                score=_scored(check_in),
            ),
            details=(phrase("Note: {note}", note=check_in.note),) if check_in.note else (),
        )
        for check_in in check_ins
    ]


def _scored(check_in: CheckIn) -> str:
    score = phrase("without a score") if check_in.score is None else str(check_in.score)
    if not check_in.missing:
        return score
    return phrase_counted(
        "{score}, {count} item without an answer",
        "{score}, {count} items without an answer",
        check_in.missing,
        score=score,
    )


def _skills(session: Session, handoff: Handoff) -> list[Entry]:
    name = display_name(handoff.conversation)
    uses = session.scalars(
        select(SkillUse)
        .where(
            SkillUse.conversation_id == handoff.conversation_id,
            _around(handoff, SkillUse.started_at),
        )
        .order_by(SkillUse.id)
    )
    return [
        Entry(
            use.ended_at or use.started_at,
            Kind.PRACTICED,
            phrase(
                "{name} {did} {skill}{rated}",
                name=name,
                did=phrase(skill_end(use.outcome)),
                skill=skill_name(use.skill),
                rated=_rated(use),
            ),
        )
        for use in uses
    ]


def _rated(use: SkillUse) -> str:
    if use.before is None and use.after is None:
        return ""
    before, after = (phrase("no number") if n is None else n for n in (use.before, use.after))
    if use.outcome is SkillOutcome.DONE:
        return phrase(": {before} before, {after} after", before=before, after=after)
    return phrase(": {before} before", before=before)


def _around(handoff: Handoff, at: InstrumentedAttribute[datetime]) -> ColumnElement[bool]:
    around = at > handoff.opened_at - LED_UP_TO
    return around if handoff.closed_at is None else around & (at <= handoff.closed_at)


def _opening_message(session: Session, handoff: Handoff) -> list[Entry]:
    if handoff.opened_by_message_id is None:
        return []
    message = session.get_one(Message, handoff.opened_by_message_id)
    record = find_decision(session, message.id)
    quote = (
        highlight_evidence(record, message.words) if record else highlight_spans(message.words, [])
    )
    wrote = phrase("{name} wrote", name=display_name(handoff.conversation))
    return [Entry(message.at, Kind.WROTE, wrote, quote=quote)]


def _decisions(session: Session, handoff: Handoff) -> list[Entry]:
    """Only the decision that opened the handoff, and those that raised it."""
    records = session.execute(
        select(DecisionRecord, Message.words)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(
            DecisionRecord.handoff_id == handoff.id,
            DecisionRecord.decision.in_(["hand_off", "raise"]),
        )
        .order_by(DecisionRecord.id)
    )
    return [
        decision_entry(
            record,
            # The step before already quotes the opening message.
            quote=()
            if record.message_id == handoff.opened_by_message_id
            else highlight_evidence(record, words),
        )
        for record, words in records
    ]


def _texts(session: Session, handoff: Handoff) -> list[Entry]:
    alerts = session.scalars(select(Alert).where(Alert.handoff_id == handoff.id).order_by(Alert.id))
    return [
        Entry(
            alert.at,
            Kind.TEXTED,
            phrase(
                "Text to {name}: {delivery}",
                name=alert.person.name,
                delivery=delivery_status(alert.message),
            ),
            _stations(alert.message),
        )
        for alert in alerts
    ]


def _first_reply(session: Session, handoff: Handoff) -> list[Entry]:
    if handoff.first_reply_at is None:
        return []
    reply = session.scalar(
        select(Message)
        .where(
            Message.conversation_id == handoff.conversation_id,
            Message.outgoing,
            Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER]),
            Message.at >= handoff.first_reply_at,
        )
        .order_by(Message.id)
        .limit(1)
    )
    if reply is None:
        return []
    what = phrase(
        "First reply from {name}: {delivery}",
        name=reply.speaker_name,
        delivery=delivery_status(reply),
    )
    return [Entry(reply.at, Kind.REPLIED, what, _stations(reply))]


def _dropped(session: Session, handoff: Handoff) -> list[Entry]:
    dropped = (
        select(Message)
        .where(
            Message.conversation_id == handoff.conversation_id,
            Message.delivery == Delivery.DROPPED,
            Message.error_code == "yielded_to_person",
            Message.at >= handoff.opened_at,
        )
        .order_by(Message.id)
    )
    if handoff.closed_at is not None:
        dropped = dropped.where(Message.at <= handoff.closed_at)
    return [
        Entry(
            message.at,
            Kind.DROPPED,
            phrase("The bot's reply was not sent: a mentor had joined"),
        )
        for message in session.scalars(dropped)
    ]


def _count(session: Session, handoff: Handoff, last: datetime) -> Entry:
    written = (
        select(Message.speaker, Message.speaker_name)
        .where(
            Message.conversation_id == handoff.conversation_id,
            (Message.at >= handoff.opened_at) | (Message.id == handoff.opened_by_message_id),
        )
        .order_by(Message.id)
    )
    if handoff.closed_at is not None:
        written = written.where(Message.at <= handoff.closed_at)
    said = Counter(
        phrase("the bot") if speaker is Speaker.BOT else name or display_name(handoff.conversation)
        for speaker, name in session.execute(written)
    )
    counts = joined(joined((who, str(count)), " ") for who, count in said.items())
    what = phrase("Messages so far: {counts}", counts=counts or phrase("none"))
    if handoff.closed_at:
        what = phrase("Messages while it was open: {counts}", counts=counts or phrase("none"))
    return Entry(handoff.closed_at or last, Kind.COUNTED, what)


def _stations(message: Message) -> tuple[str, ...]:
    """When a text was sent and delivered, counted from when it was written."""
    stations = []
    if message.sent_at is not None:
        stations.append(
            phrase("sent after {time}", time=precise_duration(message.sent_at - message.at))
        )
    if message.delivered_at is not None:
        took = precise_duration(message.delivered_at - message.at)
        stations.append(phrase("delivered after {time}", time=took))
    if message.tries > 1:
        stations.append(phrase("{count} attempts", count=message.tries))
    return (joined((joined(stations).capitalize(), "."), ""),) if stations else ()
