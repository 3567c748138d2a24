"""What happened to a handoff, read back from the rows: for the managers' log and for spreadsheets.

Nothing here writes. Times are UTC; whoever shows them converts them to the program's zone.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from escalation.decide import ASKED_ALREADY
from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase, phrase_counted
from gateway.conversations.visibility import what_may_be_read
from gateway.runtime.spreadsheets import Table, as_csv
from gateway.runtime.sql_time import first_alert_at, first_claim_at
from gateway.safeguarding.records import is_for_managers_only
from models import (
    Alert,
    CheckIn,
    Conversation,
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
    Owner,
    Person,
    Program,
    Role,
    Schedule,
    ScheduledCheckIn,
    SkillOutcome,
    SkillUse,
    Speaker,
    Status,
    Urgency,
)

NEEDS = {
    Need.CRISIS: gettext_noop("may be in danger"),
    Need.CONCERN: gettext_noop("wrote something a person should read soon"),
    Need.REQUEST: gettext_noop("asked for a person"),
    Need.CONNECTION: gettext_noop("would rather talk with a person"),
    Need.STUCK: gettext_noop("was not helped by the bot"),
}
URGENCIES = {
    Urgency.ROUTINE: gettext_noop("Routine"),
    Urgency.SOON: gettext_noop("Soon"),
    Urgency.CRISIS: gettext_noop("Crisis"),
}
STATUSES = {
    Status.WAITING: gettext_noop("Waiting"),
    Status.CLAIMED: gettext_noop("Held"),
    Status.RESOLVED: gettext_noop("Done"),
    Status.WITHDRAWN: gettext_noop("Withdrawn"),
}
OUTCOMES = {
    Outcome.TALKED: gettext_noop("We talked"),
    Outcome.REFERRED: gettext_noop("Referred to other help"),
    Outcome.NOANSWER: gettext_noop("They did not answer"),
    Outcome.NOTNEEDED: gettext_noop("It was not needed"),
}
WHY_DROPPED = {
    "yielded_to_person": gettext_noop("a person had taken the conversation"),
    "opted_out": gettext_noop("they had texted STOP"),
    "no_number": gettext_noop("there is no number to send to"),
    "code_expired": gettext_noop("the code had expired before it could leave"),
    "code_tried_once": gettext_noop("a code is tried once; they ask for another"),
}
BOT_STATES = {
    "answered": gettext_noop("The bot had an answer."),
    "not_understood": gettext_noop("The bot did not understand it."),
    "away": gettext_noop("The bot could not be reached."),
    "not_asked": gettext_noop("The bot was not asked."),
}
OWNERS = {
    Owner.BOT: gettext_noop("Until then the bot answered."),
    Owner.QUEUE: gettext_noop("A person was awaited already."),
    Owner.MENTOR: gettext_noop("A mentor held the conversation."),
}
DECISIONS = {
    "reply": gettext_noop("let the bot answer"),
    "hand_off": gettext_noop("bring a person"),
    "raise": gettext_noop("make it more urgent"),
    "stand_back": gettext_noop("leave it to the person"),
    "offer": gettext_noop("ask whether a person should write"),
    "leave_it": gettext_noop("take no for an answer"),
}


CHECK_IN_NAMES = {
    "mood": gettext_noop("Mood"),
    "phq2": "PHQ-2",
    "phq9": "PHQ-9",
    "gad2": "GAD-2",
    "gad7": "GAD-7",
    "who5": "WHO-5",
    "ucla3": "UCLA-3",
    "mentor_check": gettext_noop("Mentor check"),
}
SKILL_ENDS = {
    SkillOutcome.DONE: gettext_noop("practiced"),
    SkillOutcome.LEFT: gettext_noop("began and left"),
    None: gettext_noop("began"),
}

SKILL_NAMES = {
    "activation": gettext_noop("activation"),
    "breathing": gettext_noop("breathing"),
    "goal": gettext_noop("goal"),
    "grounding": gettext_noop("grounding"),
    "hard_conversation": gettext_noop("hard conversation"),
    "muscle_relaxation": gettext_noop("muscle relaxation"),
    "problem_solving": gettext_noop("problem solving"),
    "self_compassion": gettext_noop("self compassion"),
    "sleep_plan": gettext_noop("sleep plan"),
    "thought_record": gettext_noop("thought record"),
    "worry_time": gettext_noop("worry time"),
}

# How far before a handoff its timeline tells what the mentee practiced and checked in.
LED_UP_TO = timedelta(days=7)


class Kind(StrEnum):
    """What sort of step an entry tells of."""

    PRACTICED = "practiced"
    CHECKED_IN = "checked_in"
    WROTE = "wrote"
    DECIDED = "decided"
    MOVED = "moved"
    PAGED = "paged"
    TEXTED = "texted"
    REPLIED = "replied"
    DROPPED = "dropped"
    COUNTED = "counted"


@dataclass(frozen=True)
class Piece:
    """A stretch of a message; `axis` names what it was evidence for, if anything."""

    words: str
    axis: str | None = None


@dataclass(frozen=True)
class Entry:
    """One step of a handoff: when, what in plain words, and what more is known of it.

    `after` is the time since the step before it, `since_opened` since the handoff was opened
    (negative for what led to it).
    """

    at: datetime
    kind: Kind
    what: str
    details: tuple[str, ...] = ()
    quote: tuple[Piece, ...] = ()
    after: timedelta = timedelta()
    since_opened: timedelta = timedelta()


@dataclass(frozen=True)
class Row:
    """One handoff in one line. The times `*_after` count from its opening; None: not yet.

    `first_alert_after` is when the first text to a mentor was accepted for sending.
    """

    number: int
    opened_at: datetime
    mentee: str
    need: Need
    urgency: Urgency
    status: Status
    holder: str | None
    first_alert_after: timedelta | None
    claimed_after: timedelta | None
    first_reply_after: timedelta | None
    closed_at: datetime | None
    outcome: Outcome | None
    timezone: str


@dataclass(frozen=True)
class Missed:
    """A scheduled check-in that was asked, reminded of once at most, and not answered."""

    mentee_id: int
    mentee: str
    check_in: str
    sent_at: datetime
    missed_at: datetime
    timezone: str


@dataclass(frozen=True)
class Stranger:
    """A number that nobody enrolled and that wrote."""

    number: str
    last_at: datetime
    messages: int


def masked(phone: str | None) -> str:
    """A number by its last four digits, enough to recognize one already known."""
    return f"…{phone[-4:]}" if phone else phrase("no number")


def unknown_number(phone: str | None) -> Phrase:
    return phrase("Unknown number {number}", number=masked(phone))


def called(conversation: Conversation) -> str:
    """What to call the person of a conversation: the first name, or the masked number."""
    if conversation.person is not None:
        return conversation.person.name
    return unknown_number(conversation.stranger_phone)


def in_words(time: timedelta) -> Phrase:
    """A length of time as one says it: 0 s, 45 s, 4 min, 3 h 20 min, 2 days."""
    seconds = max(int(time.total_seconds()), 0)
    if seconds < 60:
        return phrase("{seconds} s", seconds=seconds)
    minutes = seconds // 60
    if minutes < 60:
        return phrase("{minutes} min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        if not minutes:
            return phrase("{hours} h", hours=hours)
        return phrase("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return phrase("{days} days", days=hours // 24)


def finely(time: timedelta) -> Phrase:
    """As `in_words`, but with tenths of a second where they matter."""
    seconds = time.total_seconds()
    return phrase("{seconds:.1f} s", seconds=seconds) if seconds < 10 else in_words(time)


def highlight_pieces(words: str, spans: Sequence[tuple[int, int, str]]) -> tuple[Piece, ...]:
    """`words` cut at the evidence, given as (start, end, axis): joined, they are `words` again.

    Where spans overlap the shortest counts, as it says most. A span over all of the message
    points at nothing and counts only when there is no other.
    """
    narrow = [span for span in spans if span[1] - span[0] < len(words)] or spans
    axis_at: list[str | None] = [None] * len(words)
    for start, end, axis in sorted(narrow, key=lambda span: span[0] - span[1]):
        axis_at[start:end] = [axis] * len(words[start:end])
    cut = groupby(zip(words, axis_at, strict=True), key=lambda letter: letter[1])
    return tuple(Piece("".join(letter for letter, _ in run), axis) for axis, run in cut)


def highlight_evidence(record: DecisionRecord, words: str) -> tuple[Piece, ...]:
    """The message of a decision with the spans that moved its scores."""
    spans = json.loads(record.evidence)
    return highlight_pieces(words, [(span["start"], span["end"], span["axis"]) for span in spans])


def decision_about(session: Session, message_id: int | None) -> DecisionRecord | None:
    return session.scalar(select(DecisionRecord).where(DecisionRecord.message_id == message_id))


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


def called_skill(skill: str) -> Phrase:
    return phrase(SKILL_NAMES.get(skill, skill.replace("_", " ")))


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


def decided(record: DecisionRecord, *, quote: tuple[Piece, ...] = ()) -> Entry:
    """One decision with what it was taken on."""
    return Entry(
        record.at,
        Kind.DECIDED,
        phrase(
            "Decided to {decision}: {why}",
            decision=phrase(DECISIONS[record.decision]),
            why=why_decided(record),
        ),
        details=_decision_details(record),
        quote=quote,
    )


def why_decided(record: DecisionRecord) -> Phrase:
    """The reasons of the release that decided it, some of them perhaps no longer in use."""
    return _reason(record.why)


def _reason(written: str) -> Phrase:
    why = written.removesuffix(ASKED_ALREADY)
    return phrase(why) if why == written else joined((phrase(why), phrase(ASKED_ALREADY)), "")


def _decision_details(record: DecisionRecord) -> tuple[str, ...]:
    marks = record.thresholds
    return (
        phrase(
            "Crisis {score:.2f} (crisis from {crisis:.2f}, concern from {concern:.2f})",
            score=record.crisis,
            crisis=marks["crisis"],
            concern=marks["concern"],
        ),
        phrase(
            "Connection {connection:.2f} (from {connects:.2f}), "
            "tools {tools:.2f} (from {helps:.2f})",
            connection=record.connection,
            connects=marks["connection"],
            tools=record.tools,
            helps=marks["tools"],
        ),
        phrase("Asked for a person.")
        if record.asked_for_person
        else phrase("Did not ask for a person."),
        *_evidence_details(record),
        *_what_would_have_changed(record),
        joined((phrase(BOT_STATES.get(record.bot, record.bot)), phrase(OWNERS[record.owner])), " "),
        phrase("Read by {version}.", version=record.version),
    )


QUADRANTS = {
    "neither": gettext_noop("Wishes for neither connection nor tools are plain."),
    "tools": gettext_noop("Wishes for tools."),
    "connection": gettext_noop("Wishes for connection."),
    "both": gettext_noop("Wishes for connection and for tools."),
}


def _what_would_have_changed(record: DecisionRecord) -> list[str]:
    """The quadrant, the nearest other decision, and whether the language is one it can read."""
    told: list[str] = [phrase(QUADRANTS[record.quadrant])] if record.quadrant else []
    if point := record.counterfactual:
        decision = phrase(DECISIONS[point["decision"]])
        if point["urgency"]:
            decision = joined((decision, phrase(point["urgency"])))
        # Not kept with decisions of earlier releases. It tells apart what looks the same: a person
        # soon, because of a concern, in place of a person soon, because somebody asked.
        if why := point.get("why"):
            decision = joined((decision, _reason(why)), ": ")
        blanks = {
            "axis": phrase(point["axis"]),
            "needed": point["needed"],
            "score": point["score"],
            "decision": decision,
        }
        # What is needed there is the nearest number below a mark, and rounds to the mark.
        told.append(
            phrase(
                "With {axis} below {needed:.2f} instead of {score:.2f} "
                "it would have decided to {decision}.",
                **blanks,
            )
            if point["needed"] < point["score"]
            else phrase(
                "With {axis} {needed:.2f} instead of {score:.2f} "
                "it would have decided to {decision}.",
                **blanks,
            )
        )
    if record.seen and not record.seen["covered"]:
        told.append(phrase("In a language that detection does not cover: the scores say little."))
    return told


def _evidence_details(record: DecisionRecord) -> list[str]:
    """What pointed at each axis: the phrases of the rules, or a trained head's score."""
    rules: dict[str, list[str]] = {}
    for span in json.loads(record.evidence):
        learned = span["rule"] == f"{span['axis']} head"
        named = phrase("its learned score") if learned else f"“{span['rule']}”"
        rules.setdefault(span["axis"], []).append(named)
    found = [
        phrase("{axis} by {rules}", axis=phrase(axis), rules=joined(names))
        for axis, names in rules.items()
    ]
    return [phrase("Evidence: {found}.", found=joined(found, "; "))] if found else []


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


def how_far(message: Message) -> Phrase:
    """How far an outgoing text has come, in words."""
    match message.delivery:
        case Delivery.DELIVERED:
            return phrase("delivered")
        case Delivery.SENT:
            return phrase("sent, no word of its delivery yet")
        case Delivery.SENDING:
            return phrase("being sent")
        case Delivery.QUEUED if message.tries:
            return phrase("not accepted yet ({code}), will be tried again", code=message.error_code)
        case Delivery.QUEUED:
            return phrase("about to be sent")
        case Delivery.DROPPED:
            reason = WHY_DROPPED.get(message.error_code or "", message.error_code or "unknown")
            return phrase("not sent: {reason}", reason=phrase(reason))
        case Delivery.FAILED | Delivery.UNDELIVERED:
            if not message.error_code:
                return phrase("not delivered")
            return phrase("not delivered (code {code})", code=message.error_code)
        case None:
            return phrase("received")


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


class Unreached(StrEnum):
    """What did not come about: no mentor's phone was reached, nobody took it, nobody wrote."""

    PHONES = "phones"
    TAKEN = "taken"
    WORDS = "words"


@dataclass(frozen=True)
class Wanted:
    """Which handoffs of the log are wanted; None does not choose. `until` is the end of a time,
    not in it. `mentor_id` is anybody who held it at some time."""

    since: datetime | None = None
    until: datetime | None = None
    mentor_id: int | None = None
    need: Need | None = None
    urgency: Urgency | None = None
    outcome: Outcome | None = None
    unreached: Unreached | None = None
    only_open: bool = False


EVERYTHING = Wanted()


def find_handoffs(
    session: Session,
    program_id: int | None = None,
    wanted: Wanted = EVERYTHING,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[Row]:
    """The handoffs of a program, or of all of them, that are wanted, the newest first."""
    chosen_by = _wanted(program_id, wanted)
    # Chosen first and told of then: the times of those passed over are not looked up.
    chosen = (
        select(Handoff.id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(*chosen_by)
        .order_by(Handoff.id.desc())
        .limit(limit)
        .offset(offset)
    )
    mentor = aliased(Person)
    rows = session.execute(
        select(
            Handoff.id,
            Handoff.opened_at,
            Person.name.label("mentee"),
            Conversation.stranger_phone,
            Handoff.need,
            Handoff.urgency,
            Handoff.status,
            mentor.name.label("holder"),
            first_alert_at().label("first_alert"),
            first_claim_at().label("first_claim"),
            Handoff.first_reply_at,
            Handoff.closed_at,
            Handoff.outcome,
            Program.timezone,
        )
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .join(Program, Program.id == Conversation.program_id)
        .outerjoin(Person, Person.id == Conversation.person_id)
        .outerjoin(mentor, mentor.id == Handoff.mentor_id)
        .where(Handoff.id.in_(chosen) if limit is not None else and_(true(), *chosen_by))
        .order_by(Handoff.id.desc())
    )
    return [
        Row(
            number=row.id,
            opened_at=row.opened_at,
            mentee=row.mentee or unknown_number(row.stranger_phone),
            need=row.need,
            urgency=row.urgency,
            status=row.status,
            holder=row.holder,
            first_alert_after=_since(row.opened_at, row.first_alert),
            claimed_after=_since(row.opened_at, row.first_claim),
            first_reply_after=_since(row.opened_at, row.first_reply_at),
            closed_at=row.closed_at,
            outcome=row.outcome,
            timezone=row.timezone,
        )
        for row in rows
    ]


def how_many_handoffs(session: Session, program_id: int, wanted: Wanted = EVERYTHING) -> int:
    found = session.scalar(
        select(func.count())
        .select_from(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(*_wanted(program_id, wanted))
    )
    return found or 0


def _wanted(program_id: int | None, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if program_id is not None:
        conditions.append(Conversation.program_id == program_id)
    if wanted.since is not None:
        conditions.append(Handoff.opened_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Handoff.opened_at < wanted.until)
    if wanted.mentor_id is not None:
        conditions.append(_claims().where(HandoffEvent.by_id == wanted.mentor_id).exists())
    if wanted.need is not None:
        conditions.append(Handoff.need == wanted.need)
    if wanted.urgency is not None:
        conditions.append(Handoff.urgency == wanted.urgency)
    if wanted.outcome is not None:
        conditions.append(Handoff.outcome == wanted.outcome)
    if wanted.only_open:
        conditions.append(Handoff.status.in_([Status.WAITING, Status.CLAIMED]))
    match wanted.unreached:
        case Unreached.PHONES:
            conditions.append(~_alerts_delivered().exists())
        case Unreached.TAKEN:
            conditions.append(~_claims().exists())
        case Unreached.WORDS:
            conditions.append(Handoff.first_reply_at.is_(None))
        case None:
            pass
    return conditions


def _claims() -> Select[int]:
    return (
        select(HandoffEvent.id)
        .where(HandoffEvent.handoff_id == Handoff.id, HandoffEvent.move == Move.CLAIM)
        .correlate(Handoff)
    )


def _alerts_delivered() -> Select[int]:
    return (
        select(Alert.id)
        .join(Message, Message.id == Alert.message_id)
        .where(Alert.handoff_id == Handoff.id, Message.delivery == Delivery.DELIVERED)
        .correlate(Handoff)
    )


def _since(opened_at: datetime, at: datetime | None) -> timedelta | None:
    return at - opened_at if at is not None else None


COLUMNS = (
    "number",
    "opened",
    "mentee",
    "need",
    "urgency",
    "status",
    "holder",
    "first_alert_after_seconds",
    "claimed_after_seconds",
    "first_reply_after_seconds",
    "closed",
    "outcome",
)


def handoffs_table(rows: Iterable[Row]) -> Table:
    """The handoffs for a spreadsheet: local times, lengths in seconds."""
    return Table(
        "Handoffs",
        COLUMNS,
        [
            (
                row.number,
                row.opened_at.astimezone(ZoneInfo(row.timezone)),
                row.mentee,
                row.need.value,
                row.urgency.name.lower(),
                row.status.value,
                row.holder,
                whole_seconds(row.first_alert_after),
                whole_seconds(row.claimed_after),
                whole_seconds(row.first_reply_after),
                row.closed_at.astimezone(ZoneInfo(row.timezone)) if row.closed_at else None,
                row.outcome.value if row.outcome else None,
            )
            for row in rows
        ],
    )


def handoffs_csv(rows: Iterable[Row]) -> str:
    return as_csv(handoffs_table(rows)).decode("utf-8-sig")


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


def whole_seconds(time: timedelta | None) -> int | None:
    return None if time is None else round(time.total_seconds())


# --- who is not in the log otherwise ---


def list_unknown_numbers(session: Session, program: Program) -> list[Stranger]:
    """The numbers that nobody enrolled and that wrote, the latest first."""
    latest = func.max(Message.at)
    wrote = session.execute(
        select(Conversation.stranger_phone, latest, func.count())
        .join(Message, Message.conversation_id == Conversation.id)
        .where(
            Conversation.program_id == program.id,
            Conversation.person_id.is_(None),
            Message.outgoing.is_(False),
        )
        .group_by(Conversation.id, Conversation.stranger_phone)
        .order_by(latest.desc())
    )
    return [Stranger(masked(phone), at, count) for phone, at, count in wrote]


def missed_check_ins(
    session: Session, program_id: int | None = None, *, since: datetime
) -> list[Missed]:
    """The scheduled check-ins that nobody answered since then, the latest first."""
    missed = (
        select(ScheduledCheckIn)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .join(Person, Person.id == Schedule.person_id)
        .where(ScheduledCheckIn.missed_at > since, ScheduledCheckIn.answered_at.is_(None))
        .order_by(ScheduledCheckIn.missed_at.desc(), ScheduledCheckIn.id.desc())
    )
    if program_id is not None:
        missed = missed.where(Person.program_id == program_id)
    return [
        Missed(
            mentee_id=scheduled.schedule.person_id,
            mentee=scheduled.schedule.person.name,
            check_in=CHECK_IN_NAMES.get(scheduled.schedule.check_in, scheduled.schedule.check_in),
            sent_at=scheduled.sent_at,
            missed_at=scheduled.missed_at,
            timezone=scheduled.schedule.person.program.timezone,
        )
        for scheduled in session.scalars(missed)
        if scheduled.sent_at is not None and scheduled.missed_at is not None
    ]


def not_textable(session: Session, program: Program) -> list[tuple[Person, str]]:
    """Whom no text can reach, and why; who left is not looked for."""
    people = session.scalars(
        select(Person)
        .where(
            Person.program_id == program.id,
            Person.left_at.is_(None),
            Person.phone.is_(None)
            | Person.opted_out_at.is_not(None)
            | Person.unreachable_code.is_not(None),
        )
        .order_by(Person.id)
    )
    return [(person, _why_unreachable(person)) for person in people]


def _why_unreachable(person: Person) -> str:
    if person.phone is None:
        return phrase("no number is kept")
    if person.opted_out_at is not None:
        return phrase("texted STOP, or the carrier said so")
    return phrase("the number cannot be texted (code {code})", code=person.unreachable_code)


@dataclass(frozen=True)
class Inactive:
    """A mentee who wrote nothing for long; `last_at` is None for one who never did."""

    mentee: str
    last_at: datetime | None


def inactive_mentees(session: Session, program_id: int, *, since: datetime) -> list[Inactive]:
    """Who has written nothing since then and was enrolled by then, the longest silent first."""
    last_at = (
        select(func.max(Message.at))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.person_id == Person.id, Message.speaker == Speaker.MENTEE)
        .correlate(Person)
        .scalar_subquery()
    )
    wrote = (
        select(Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.person_id == Person.id,
            Message.speaker == Speaker.MENTEE,
            Message.at >= since,
        )
        .correlate(Person)
    )
    silent = session.execute(
        select(Person.name, last_at.label("last_at"))
        .where(
            Person.program_id == program_id,
            Person.role == Role.MENTEE,
            Person.left_at.is_(None),
            Person.enrolled_at < since,
            ~wrote.exists(),
        )
        .order_by(last_at.is_not(None), last_at, Person.id)
    )
    return [Inactive(name, at) for name, at in silent]
