"""What happened to a handoff, read back from the rows: for the managers' log and for spreadsheets.

Nothing here writes. Times are UTC; whoever shows them converts them to the program's zone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from escalation.speech.i18n import Phrase, joined, phrase, phrase_counted
from gateway.conversations.visibility import what_may_be_read
from gateway.handoffs.decisions import (
    Entry,
    Kind,
    decided,
    decision_about,
    highlight_evidence,
    highlight_pieces,
)
from gateway.runtime.labels import (
    CHECK_IN_NAMES,
    NEEDS,
    OUTCOMES,
    SKILL_ENDS,
    URGENCIES,
    called,
    called_skill,
    finely,
    how_far,
    whole_seconds,
)
from gateway.runtime.spreadsheets import Table
from gateway.safeguarding.concern_by_text import is_for_managers_only
from models import (
    Alert,
    CheckIn,
    DecisionRecord,
    Delivery,
    Handoff,
    HandoffEvent,
    Match,
    MatchKind,
    Message,
    Move,
    Need,
    Outcome,
    Person,
    Role,
    SkillOutcome,
    SkillUse,
    Speaker,
    Urgency,
)

# How far before a handoff its timeline tells what the mentee practiced and checked in.
LED_UP_TO = timedelta(days=7)


def thread_until(
    session: Session, handoff: Handoff, *, newest: int | None = None
) -> Sequence[Message]:
    """What was said in the handoff's conversation, up to its closing; the `newest` of it.

    Of somebody who shares a summary only it begins with what asked for a person, and a concern
    that is for managers is never in it.
    """
    said = (
        select(Message)
        .where(Message.conversation_id == handoff.conversation_id)
        .order_by(Message.id.desc())
        .limit(newest)
    )
    if handoff.closed_at is not None:
        said = said.where(Message.at <= handoff.closed_at)
    first = what_may_be_read(session, handoff, handoff.conversation.person)
    if first is not None:
        said = said.where(Message.id >= first)
    found = session.scalars(said).all()[::-1]
    return [message for message in found if not is_for_managers_only(message)]


# --- one handoff, step by step ---


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
        *_moves(session, handoff),
        *_texts(session, handoff),
        *_first_reply(session, handoff),
        *_dropped(session, handoff),
    ]
    # Steps of one transaction share their time; the order above is the order of cause.
    steps.sort(key=lambda step: step.at)
    steps.append(_count(session, handoff, steps[-1].at))
    before = [steps[0], *steps]
    return [
        replace(step, after=step.at - earlier.at, since_opened=step.at - handoff.opened_at)
        for step, earlier in zip(steps, before, strict=False)
    ]


def _check_ins(session: Session, handoff: Handoff) -> list[Entry]:
    name = called(handoff.conversation)
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
    """What the mentee practiced, and what it changed by their own numbers."""
    name = called(handoff.conversation)
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
                did=phrase(SKILL_ENDS[use.outcome]),
                skill=called_skill(use.skill),
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
    """From the days that led up to a handoff until it was closed."""
    around = at > handoff.opened_at - LED_UP_TO
    return around if handoff.closed_at is None else around & (at <= handoff.closed_at)


def _wrote(handoff: Handoff) -> Phrase:
    return phrase("{name} wrote", name=called(handoff.conversation))


def _opening_message(session: Session, handoff: Handoff) -> list[Entry]:
    if handoff.opened_by_message_id is None:
        return []
    message = session.get_one(Message, handoff.opened_by_message_id)
    record = decision_about(session, message.id)
    quote = (
        highlight_evidence(record, message.words) if record else highlight_pieces(message.words, [])
    )
    return [Entry(message.at, Kind.WROTE, _wrote(handoff), quote=quote)]


def _decisions(session: Session, handoff: Handoff) -> list[Entry]:
    """The decisions that moved something: the first, and each that raised it."""
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
        decided(
            record,
            # The first one's message stands above it already.
            quote=()
            if record.message_id == handoff.opened_by_message_id
            else highlight_evidence(record, words),
        )
        for record, words in records
    ]


def _moves(session: Session, handoff: Handoff) -> list[Entry]:
    events = session.scalars(
        select(HandoffEvent).where(HandoffEvent.handoff_id == handoff.id).order_by(HandoffEvent.id)
    ).all()
    ties = _ties(session, handoff)
    people = _people(session, {i for event in events for i in _ids_in(event)})
    return [_move(event, handoff, people, ties) for event in events]


def _move(
    event: HandoffEvent, handoff: Handoff, people: dict[int, Person], ties: dict[int, str]
) -> Entry:
    by = event.by.name if event.by else phrase("The line")
    detail = event.detail
    kind = Kind.MOVED
    details: tuple[str, ...] = ()
    match event.move:
        case Move.OPEN:
            need, urgency = Need(detail["need"]), Urgency[detail["urgency"].upper()]
            mentee = called(handoff.conversation)
            what = phrase(
                "{by} opened #{number} ({urgency}): {mentee} {needs}",
                by=by,
                number=handoff.id,
                urgency=phrase(URGENCIES[urgency]).lower(),
                mentee=mentee,
                needs=phrase(NEEDS[need]),
            )
        case Move.PAGE:
            kind = Kind.PAGED
            names = [_with_tie(people[i], ties) for i in detail["people"] if i in people]
            rung = detail["rung"] + 1
            if names:
                what = phrase("Called {names}; rung {rung}", names=joined(names), rung=rung)
            else:
                what = phrase("Nobody of rung {rung} could be called", rung=rung)
            if detail["ladder"] > 1:
                details = (_climbed_again(detail["ladder"]),)
        case Move.RAISE:
            urgency, was = Urgency[detail["urgency"].upper()], Urgency[detail["was"].upper()]
            what = phrase(
                "{by} made it more urgent: {was} to {urgency}",
                by=by,
                was=phrase(URGENCIES[was]),
                urgency=phrase(URGENCIES[urgency]),
            )
        case Move.CLAIM:
            what = phrase("{by} took it", by=by)
        case Move.RELEASE:
            holder = people.get(detail.get("held_by") or 0)
            if event.by:
                what = phrase("{by} gave it back", by=by)
            else:
                name = holder.name if holder else phrase("its holder")
                what = phrase("Given back by the line: {name} wrote nothing in time", name=name)
        case Move.RESOLVE:
            outcome = phrase(OUTCOMES[Outcome(detail["outcome"])])
            what = phrase("{by} closed it: {outcome}", by=by, outcome=outcome)
            details = (phrase("Reason: {reason}", reason=event.note),) if event.note else ()
        case Move.WITHDRAW:
            what = phrase("{by} no longer wanted a person", by=by)
    return Entry(event.at, kind, what, details)


def _texts(session: Session, handoff: Handoff) -> list[Entry]:
    alerts = session.scalars(select(Alert).where(Alert.handoff_id == handoff.id).order_by(Alert.id))
    return [
        Entry(
            alert.at,
            Kind.TEXTED,
            phrase(
                "Text to {name}: {how_far}", name=alert.person.name, how_far=how_far(alert.message)
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
        "First words of {name}: {how_far}", name=reply.speaker_name, how_far=how_far(reply)
    )
    return [Entry(reply.at, Kind.REPLIED, what, _stations(reply))]


def _dropped(session: Session, handoff: Handoff) -> list[Entry]:
    """The bot's words that a person overtook while this handoff was open."""
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
            phrase("The bot's words were not sent: a person had taken the conversation"),
        )
        for message in session.scalars(dropped)
    ]


def _count(session: Session, handoff: Handoff, last: datetime) -> Entry:
    """How many messages each side wrote from the opening one on."""
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
        phrase("the bot") if speaker is Speaker.BOT else name or called(handoff.conversation)
        for speaker, name in session.execute(written)
    )
    counts = joined(joined((who, str(count)), " ") for who, count in said.items())
    what = phrase("Messages so far: {counts}", counts=counts or phrase("none"))
    if handoff.closed_at:
        what = phrase("Messages while it was open: {counts}", counts=counts or phrase("none"))
    return Entry(handoff.closed_at or last, Kind.COUNTED, what)


def _stations(message: Message) -> tuple[str, ...]:
    """What a text went through after it was written, each with the time since then."""
    stations = []
    if message.sent_at is not None:
        stations.append(phrase("sent after {time}", time=finely(message.sent_at - message.at)))
    if message.delivered_at is not None:
        took = finely(message.delivered_at - message.at)
        stations.append(phrase("delivered after {time}", time=took))
    if message.tries > 1:
        stations.append(phrase("{count} tries", count=message.tries))
    return (joined((joined(stations).capitalize(), "."), ""),) if stations else ()


def _climbed_again(ladder: int) -> Phrase:
    match ladder:
        case 2:
            return phrase("The ladder was climbed for the second time.")
        case 3:
            return phrase("The ladder was climbed for the third time.")
    return phrase("The ladder was climbed for the {count}th time.", count=ladder)


def _people(session: Session, ids: set[int]) -> dict[int, Person]:
    people = session.scalars(select(Person).where(Person.id.in_(ids)))
    return {person.id: person for person in people}


def _ids_in(event: HandoffEvent) -> list[int]:
    """The people whom an event names by their row."""
    held_by = event.detail.get("held_by")
    return [*event.detail.get("people", []), *([held_by] if held_by else [])]


def _ties(session: Session, handoff: Handoff) -> dict[int, str]:
    """Whom the mentee is matched with, as it is now."""
    matches = session.scalars(
        select(Match).where(Match.mentee_id == handoff.conversation.person_id)
    )
    words = {MatchKind.OWN: phrase("own mentor"), MatchKind.BACK_UP: phrase("back-up")}
    return {match.mentor_id: words[match.kind] for match in matches}


def _with_tie(person: Person, ties: dict[int, str]) -> str:
    role = phrase("manager") if person.role is Role.MANAGER else phrase("on duty")
    return phrase("{name} ({tie})", name=person.name, tie=ties.get(person.id, role))


# --- all handoffs, one line each ---


def steps_table(entries: Iterable[Entry], zone: str) -> Table:
    """A handoff's timeline for a spreadsheet."""
    there = ZoneInfo(zone)
    headings = ("at", "since_step_before_seconds", "kind", "what", "quote", "details")
    return Table(
        "Steps",
        headings,
        [
            (
                entry.at.astimezone(there),
                whole_seconds(entry.after),
                entry.kind.value,
                entry.what,
                "".join(piece.words for piece in entry.quote),
                " ".join(entry.details),
            )
            for entry in entries
        ],
    )


# --- who is not in the log otherwise ---
