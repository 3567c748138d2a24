"""Check-ins that were agreed on: asked when they are due, reminded of once, then left alone.

Every few seconds one round looks what is due. All it knows stands in rows, and each step reads
its row again under the conversation's lock: a crash, a second process or a round too many asks
nothing twice.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased, lazyload

from bot.client import Answer, BotAway
from escalation.check_ins.schedules import Occurrence, is_quiet, missed_at, reminder_due_at
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.speech.disclosure import FIRST_DISCLOSURE
from escalation.speech.message_writer import get_thread, say
from gateway.check_ins.schedules import KEYWORDS, following, last_written
from gateway.conversations.bot_events import record_skill_step
from gateway.conversations.bot_texts import say_bots_words
from gateway.conversations.lease import acquire_lease, release_lease
from gateway.messaging.outbox import acting
from gateway.privacy.terms_by_text import terms_due
from gateway.runtime.line import Line
from models import (
    CheckIn,
    Conversation,
    Message,
    Person,
    Program,
    Schedule,
    ScheduledCheckIn,
    SkipReason,
)

log = structlog.get_logger()

# A short scale that goes on into its long form is answered by that, too.
LONG_FORM = {"phq2": "phq9", "gad2": "gad7"}
# What may be over before it is too late; anything else stands for that day.
MAY_PASS = (SkipReason.IN_AN_EXERCISE, SkipReason.BOT_AWAY)
# What was due while the line was not running is written down as not asked, this far back; and
# this late may an answer come.
LOOK_BACK = timedelta(days=7)

UNASKED = and_(ScheduledCheckIn.sent_at.is_(None), ScheduledCheckIn.skipped_at.is_(None))
UNANSWERED = and_(
    ScheduledCheckIn.sent_at.is_not(None),
    ScheduledCheckIn.answered_at.is_(None),
    ScheduledCheckIn.missed_at.is_(None),
    ScheduledCheckIn.skipped_at.is_(None),
)


@dataclass(frozen=True)
class Asking:
    """One scheduled check-in as it stood when the round looked, and where its mentee is."""

    scheduled_id: int
    conversation_id: int
    program_id: int
    kind: str
    zone: ZoneInfo
    sent_at: datetime | None
    reminded_at: datetime | None


def run_schedules(line: Line, *, now: datetime) -> None:
    """One round: write down what is due, ask it, remind once, note answers and silence."""
    with line.database.reading() as session:
        programs = session.scalars(select(Program.id).order_by(Program.id)).all()
        lines = {program: line.of(session, program) for program in programs}
    for program, its_line in lines.items():
        _write_down_due(its_line, program, now=now)
        _give_up_late(its_line, program, now=now)
    _note_answers(line, now=now)
    for asking in _each(line, UNANSWERED):
        with _one_failure_holds_up_nobody_else(asking):
            _follow_up(lines.get(asking.program_id, line), asking, now=now)
    try:
        for asking in _each(line, UNASKED):
            with _one_failure_holds_up_nobody_else(asking):
                _ask(lines.get(asking.program_id, line), asking, now=now)
    except BotAway as away:
        log.warning("bot away; check-ins wait", reason=str(away))
        _note_bot_away(line)


@contextmanager
def _one_failure_holds_up_nobody_else(asking: Asking) -> Iterator[None]:
    try:
        yield
    except BotAway:
        raise  # it is away for everybody
    except Exception:
        log.exception("left to the next round", scheduled=asking.scheduled_id)


def _write_down_due(line: Line, program_id: int, *, now: datetime) -> None:
    policy = line.rules.policy.schedule
    its_own = Schedule.id.in_(_schedule_ids(program_id))
    with line.database.reading() as session:
        last = {row[0]: (row[1], row[2]) for row in session.execute(last_written().where(its_own))}
        # Without the people: their names would be decrypted, every few seconds, for nothing.
        agreed = session.execute(
            select(Schedule, Person.timezone)
            .join(Person, Person.id == Schedule.person_id)
            .where(Person.program_id == program_id)
            .options(lazyload(Schedule.person))
        ).all()
    for schedule, zone in agreed:
        found = following(
            schedule, ZoneInfo(zone), *last[schedule.id], after=now - LOOK_BACK, policy=policy
        )
        if found.due_at <= now:
            _write_down(line, schedule.id, found)


def _schedule_ids(program_id: int) -> Select[int]:
    return (
        select(Schedule.id)
        .join(Person, Person.id == Schedule.person_id)
        .where(Person.program_id == program_id)
    )


def _write_down(line: Line, schedule_id: int, occurrence: Occurrence) -> None:
    with line.database.writing() as session:
        schedule = session.scalars(
            select(Schedule).where(Schedule.id == schedule_id).with_for_update(of=Schedule)
        ).one()
        written = select(ScheduledCheckIn.id).where(
            ScheduledCheckIn.schedule_id == schedule_id,
            ScheduledCheckIn.local_date == occurrence.local_date,
        )
        if session.scalar(written) is not None:
            return  # another process was first
        get_thread(session, line.rules, schedule.person)
        session.add(
            ScheduledCheckIn(
                schedule=schedule, local_date=occurrence.local_date, due_at=occurrence.due_at
            )
        )


def _give_up_late(line: Line, program_id: int, *, now: datetime) -> None:
    """Leave out for that day what could not be asked for too long."""
    patience = timedelta(minutes=line.rules.policy.schedule.too_late_after_minutes)
    late = and_(
        UNASKED,
        ScheduledCheckIn.due_at <= now - patience,
        ScheduledCheckIn.schedule_id.in_(_schedule_ids(program_id)),
    )
    with line.database.reading() as session:
        if session.scalar(select(ScheduledCheckIn.id).where(late).limit(1)) is None:
            return
    with line.database.writing() as session:
        for scheduled in session.scalars(select(ScheduledCheckIn).where(late)):
            scheduled.skipped_at = now
            scheduled.skip_reason = scheduled.skip_reason or SkipReason.TOO_LATE
            log.info("check-in skipped", scheduled=scheduled.id, reason=scheduled.skip_reason.value)


def _note_bot_away(line: Line) -> None:
    with line.database.writing() as session:
        session.execute(
            update(ScheduledCheckIn).where(UNASKED).values(skip_reason=SkipReason.BOT_AWAY)
        )


def _note_answers(line: Line, *, now: datetime) -> None:
    """A check-in of the kind after it was asked is its answer, even a late one."""
    newer = aliased(ScheduledCheckIn)
    of_its_kind = or_(
        CheckIn.kind == Schedule.check_in,
        *(
            and_(Schedule.check_in == short, CheckIn.kind == long)
            for short, long in LONG_FORM.items()
        ),
    )
    answers = (
        select(ScheduledCheckIn.id, func.min(CheckIn.at))
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .join(Conversation, Conversation.person_id == Schedule.person_id)
        .join(CheckIn, CheckIn.conversation_id == Conversation.id)
        .where(
            ScheduledCheckIn.answered_at.is_(None),
            ScheduledCheckIn.sent_at > now - LOOK_BACK,
            CheckIn.at >= ScheduledCheckIn.sent_at,
            of_its_kind,
            # Once the next one was asked, an answer is an answer to that.
            ~exists().where(
                newer.schedule_id == ScheduledCheckIn.schedule_id,
                newer.sent_at > ScheduledCheckIn.sent_at,
            ),
        )
        .group_by(ScheduledCheckIn.id)
    )
    with line.database.reading() as session:
        found = session.execute(answers).all()
    if not found:
        return
    with line.database.writing() as session:
        for scheduled_id, at in found:
            session.get_one(ScheduledCheckIn, scheduled_id).answered_at = at


def _each(line: Line, which: ColumnElement[bool]) -> list[Asking]:
    rows = (
        select(
            ScheduledCheckIn.id,
            Conversation.id,
            Person.program_id,
            Schedule.check_in,
            Person.timezone,
            ScheduledCheckIn.sent_at,
            ScheduledCheckIn.reminded_at,
        )
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .join(Person, Person.id == Schedule.person_id)
        .join(Conversation, Conversation.person_id == Person.id)
        .where(which)
        .order_by(ScheduledCheckIn.due_at, ScheduledCheckIn.id)
    )
    with line.database.reading() as session:
        found = session.execute(rows).all()
    return [
        Asking(scheduled, conversation, program, kind, ZoneInfo(zone), sent_at, reminded_at)
        for scheduled, conversation, program, kind, zone, sent_at, reminded_at in found
    ]


# --- asking ---


def _ask(line: Line, asking: Asking, *, now: datetime) -> None:
    """Ask it, unless somebody is at this conversation; then the next round does.

    Raises BotAway.
    """
    # A try that comes late may have come into the quiet hours.
    if is_quiet(now, asking.zone, line.rules.policy.schedule):
        return
    worker = uuid.uuid4().hex
    if not acquire_lease(line, asking.conversation_id, worker):
        return
    try:
        _ask_holding(line, asking, now=now)
    finally:
        release_lease(line, asking.conversation_id, worker)
        # A message recorded meanwhile found the hold taken and was left to us.
        line.soon(line.take_turns, asking.conversation_id)


def _ask_holding(line: Line, asking: Asking, *, now: datetime) -> None:
    with line.database.reading() as session:
        conversation = session.get_one(Conversation, asking.conversation_id)
        scheduled = session.get_one(ScheduledCheckIn, asking.scheduled_id)
        if scheduled.sent_at is not None or scheduled.skipped_at is not None:
            return
        skip_reason = _skip_reason(session, line, conversation, scheduled, now=now)
    answer = None if skip_reason else _begin(line, conversation, asking.kind)

    with acting(line) as session:
        conversation = lock_conversation(session, asking.conversation_id)
        scheduled = session.get_one(ScheduledCheckIn, asking.scheduled_id, populate_existing=True)
        if scheduled.sent_at is not None or scheduled.skipped_at is not None:
            return
        # Somebody may have claimed the conversation, or texted STOP, while the bot was asked.
        skip_reason = skip_reason or _skip_reason(session, line, conversation, scheduled, now=now)
        if skip_reason is None and answer is not None and _asks(answer):
            _say(session, line, conversation, answer, now=now)
            scheduled.sent_at, scheduled.skip_reason = now, None
            return
        if answer is not None:
            # The bot has asked into the void; it must not take the next message for the answer.
            conversation.skill, conversation.forget_bot = None, True
        scheduled.skip_reason = skip_reason or SkipReason.BOT_AWAY
        if scheduled.skip_reason not in MAY_PASS:
            scheduled.skipped_at = now
            log.info("check-in skipped", scheduled=scheduled.id, reason=scheduled.skip_reason.value)


def _begin(line: Line, conversation: Conversation, kind: str) -> Answer:
    """No transaction is open. Raises BotAway."""
    if conversation.forget_bot:
        line.bot.forget(conversation.id)
    answer = line.bot.begin(conversation.id, kind)
    if not _asks(answer):
        log.error("the bot does not know this check-in", kind=kind)
    return answer


def _asks(answer: Answer) -> bool:
    return bool(answer.words) and not answer.not_understood


def _say(
    session: Session, line: Line, conversation: Conversation, answer: Answer, *, now: datetime
) -> None:
    introduced = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.script == FIRST_DISCLOSURE
    )
    if session.scalar(introduced.limit(1)) is None:
        say(session, line.rules, conversation, FIRST_DISCLOSURE, now=now)
    say(session, line.rules, conversation, "scheduled_check_in", now=now)
    for words in answer.words:
        say_bots_words(session, conversation, words, now=now, dropped=False)
    conversation.forget_bot = False
    for step in answer.skills:
        record_skill_step(session, conversation, None, step, now=now)


# --- afterwards ---


def _follow_up(line: Line, asking: Asking, *, now: datetime) -> None:
    """Remind once, or note that it was missed, when its time has come."""
    policy = line.rules.policy.schedule
    assert asking.sent_at is not None  # it waits for an answer, so it was asked
    is_missed = now >= missed_at(asking.sent_at, policy)
    remind_at = reminder_due_at(asking.sent_at, asking.zone, policy)
    is_reminded = (
        asking.reminded_at is None
        and remind_at is not None
        and now >= remind_at
        and not is_quiet(now, asking.zone, policy)
    )
    if not is_missed and not is_reminded:
        return
    with acting(line) as session:
        conversation = lock_conversation(session, asking.conversation_id)
        scheduled = session.get_one(ScheduledCheckIn, asking.scheduled_id, populate_existing=True)
        if scheduled.answered_at or scheduled.missed_at or scheduled.skipped_at:
            return
        skip_reason = _skip_reason(session, line, conversation, scheduled, now=now)
        if skip_reason is not None and skip_reason not in MAY_PASS:
            scheduled.skipped_at, scheduled.skip_reason = now, skip_reason
            log.info("check-in let go", scheduled=scheduled.id, reason=skip_reason.value)
        elif is_missed:
            scheduled.missed_at = now
            log.info("check-in missed", scheduled=scheduled.id)
        elif skip_reason is None and scheduled.reminded_at is None:
            keyword = KEYWORDS[asking.kind]
            say(session, line.rules, conversation, "check_in_reminder", now=now, keyword=keyword)
            scheduled.reminded_at = now


def _skip_reason(
    session: Session,
    line: Line,
    conversation: Conversation,
    scheduled: ScheduledCheckIn,
    *,
    now: datetime,
) -> SkipReason | None:
    """What stands in the way of writing to this mentee about this check-in now."""
    schedule = scheduled.schedule
    if schedule.person.opted_out_at is not None:
        return SkipReason.OPTED_OUT
    if not schedule.person.can_be_texted:
        return SkipReason.UNREACHABLE
    if schedule.paused:
        return SkipReason.PAUSED
    if terms_due(session, conversation, line.rules.policy.consent):
        return SkipReason.NO_TERMS
    if get_open_handoff(session, conversation) is not None:
        return SkipReason.WITH_A_PERSON
    under_way = conversation.skill
    if scheduled.sent_at is not None and under_way in _check_in_forms(schedule.check_in):
        return None  # what was asked is itself under way until it is answered
    if under_way is not None and _wrote_lately(session, line, conversation, now=now):
        return SkipReason.IN_AN_EXERCISE
    return None


def _check_in_forms(kind: str) -> tuple[str, ...]:
    return (kind, LONG_FORM[kind]) if kind in LONG_FORM else (kind,)


def _wrote_lately(
    session: Session, line: Line, conversation: Conversation, *, now: datetime
) -> bool:
    """An exercise that was dropped in silence a while ago is no longer under way."""
    lasts = timedelta(minutes=line.rules.policy.schedule.exercise_lasts_minutes)
    wrote = select(Message.id).where(
        Message.conversation_id == conversation.id,
        Message.outgoing.is_(False),
        Message.at > now - lasts,
    )
    return session.scalar(wrote.limit(1)) is not None
