"""What happened in a handoff, step by step, read back from the rows. Times are UTC."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Select, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, defer

from escalation.speech.i18n import gettext_noop, joined, phrase, phrase_counted
from gateway.handoffs.decisions import find_decision, highlight_evidence, list_decisions
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
    Handoff,
    Message,
    SkillOutcome,
    SkillUse,
    Speaker,
)

# The timeline starts this long before the handoff, with skills and check-ins.
LED_UP_TO = timedelta(days=7)

R = TypeVar("R", CheckIn, SkillUse)


def timeline(session: Session, handoff_id: int) -> list[Entry]:
    """Every step of a handoff in order; empty when there is no such handoff."""
    handoff = session.get(Handoff, handoff_id)
    if handoff is None:
        return []
    written = _written(session, handoff)
    steps = [
        *_opening_message(session, handoff),
        *_check_ins(session, handoff),
        *_skills(session, handoff),
        *_decisions(session, handoff),
        *list_moves(session, handoff),
        *_texts(session, handoff),
        *_replies(handoff, written),
    ]
    # Steps of one transaction have the same time, and the order above is cause before effect.
    steps.sort(key=lambda step: step.at)
    steps.append(_count(handoff, written, steps[-1].at))
    return with_waits(steps)


def _check_ins(session: Session, handoff: Handoff) -> Iterator[Entry]:
    check_ins = select_around(handoff, CheckIn, CheckIn.at, within=LED_UP_TO)
    for check_in in session.scalars(check_ins.order_by(CheckIn.id)):
        score = phrase("without a score") if check_in.score is None else str(check_in.score)
        if check_in.missing:
            score = phrase_counted(
                "{score}, {count} item without an answer",
                "{score}, {count} items without an answer",
                check_in.missing,
                score=score,
            )
        what = phrase(
            "{name} checked in: {check_in} {score}",
            name=display_name(handoff.conversation),
            check_in=phrase(CHECK_IN_NAMES.get(check_in.kind, check_in.kind)),
            score=score,
        )
        details = (phrase("Note: {note}", note=check_in.note),) if check_in.note else ()
        yield Entry(check_in.at, Kind.CHECKED_IN, what, details)


def _skills(session: Session, handoff: Handoff) -> Iterator[Entry]:
    uses = select_around(handoff, SkillUse, SkillUse.started_at, within=LED_UP_TO)
    for use in session.scalars(uses.order_by(SkillUse.id)):
        what = phrase(
            "{name} {did} {skill}{rated}",
            name=display_name(handoff.conversation),
            did=phrase(skill_end(use.outcome)),
            skill=skill_name(use.skill),
            rated=_rated(use),
        )
        yield Entry(use.ended_at or use.started_at, Kind.PRACTICED, what)


def _rated(use: SkillUse) -> str:
    if use.before is None and use.after is None:
        return ""
    before, after = (phrase("no number") if n is None else n for n in (use.before, use.after))
    if use.outcome is SkillOutcome.DONE:
        return phrase(": {before} before, {after} after", before=before, after=after)
    return phrase(": {before} before", before=before)


def select_around(
    handoff: Handoff, table: type[R], at: InstrumentedAttribute[datetime], *, within: timedelta
) -> Select[R]:
    """The conversation's rows from that long before the handoff until it was closed."""
    rows = select(table).where(
        table.conversation_id == handoff.conversation_id, at > handoff.opened_at - within
    )
    return rows if handoff.closed_at is None else rows.where(at <= handoff.closed_at)


def _opening_message(session: Session, handoff: Handoff) -> Iterator[Entry]:
    message = session.get(Message, handoff.opened_by_message_id or 0)
    if message is not None:
        wrote = phrase("{name} wrote", name=display_name(handoff.conversation))
        quote = highlight_evidence(find_decision(session, message.id), message.words)
        yield Entry(message.at, Kind.WROTE, wrote, quote=quote)


def _decisions(session: Session, handoff: Handoff) -> Iterator[Entry]:
    for record, message in list_decisions(session, handoff):
        # The step before already quotes the opening message.
        quoted = message.id == handoff.opened_by_message_id
        quote = () if quoted else highlight_evidence(record, message.words)
        yield decision_entry(record, quote=quote)


def _texts(session: Session, handoff: Handoff) -> Iterator[Entry]:
    alerts = select(Alert).where(Alert.handoff_id == handoff.id)
    for alert in session.scalars(alerts.order_by(Alert.id)):
        what = phrase(
            "Text to {name}: {delivery}",
            name=alert.person.name,
            delivery=delivery_status(alert.message),
        )
        yield Entry(alert.at, Kind.TEXTED, what, _stations(alert.message))


def _replies(handoff: Handoff, written: Sequence[Message]) -> Iterator[Entry]:
    """The first reply from a person, and replies of the bot that were not sent."""
    answered_at = handoff.first_reply_at
    for message in written:
        if message.speaker in (Speaker.MENTOR, Speaker.MANAGER):
            if answered_at is not None and message.at >= answered_at:
                answered_at = None
                what = phrase(
                    "First reply from {name}: {delivery}",
                    name=message.speaker_name,
                    delivery=delivery_status(message),
                )
                yield Entry(message.at, Kind.REPLIED, what, _stations(message))
        elif message.error_code == "yielded_to_person":
            what = phrase("The bot's reply was not sent: a mentor had joined")
            yield Entry(message.at, Kind.DROPPED, what)


def _count(handoff: Handoff, written: Sequence[Message], last: datetime) -> Entry:
    said = Counter(
        phrase("the bot")
        if message.speaker is Speaker.BOT
        else message.speaker_name or display_name(handoff.conversation)
        for message in written
    )
    counts = joined(joined((who, str(count)), " ") for who, count in said.items())
    while_open = gettext_noop("Messages while it was open: {counts}")
    so_far = gettext_noop("Messages so far: {counts}")
    what = phrase(while_open if handoff.closed_at else so_far, counts=counts or phrase("none"))
    return Entry(handoff.closed_at or last, Kind.COUNTED, what)


def _written(session: Session, handoff: Handoff) -> Sequence[Message]:
    """The message that opened the handoff, and all messages while it was open, without words."""
    return session.scalars(
        select(Message)
        .options(defer(Message.words))
        .where(
            Message.conversation_id == handoff.conversation_id,
            (Message.at >= handoff.opened_at) | (Message.id == handoff.opened_by_message_id),
            true() if handoff.closed_at is None else Message.at <= handoff.closed_at,
        )
        .order_by(Message.id)
    ).all()


def _stations(message: Message) -> tuple[str, ...]:
    """When a text was sent and delivered, counted from when it was written."""
    stations = [
        phrase(words, time=precise_duration(at - message.at))
        for words, at in (
            (gettext_noop("sent after {time}"), message.sent_at),
            (gettext_noop("delivered after {time}"), message.delivered_at),
        )
        if at is not None
    ]
    if message.tries > 1:
        stations.append(phrase("{count} attempts", count=message.tries))
    return (joined((joined(stations).capitalize(), "."), ""),) if stations else ()
