"""The other jobs of a check-in: begin it when it is due, remind once, note it as missed.

Each job reads its rows again and enqueues the job that follows. No workflow waits.
"""

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from escalation.check_ins.schedules import missed_at
from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.jobs import Work, enqueue
from escalation.speech.message_writer import get_thread
from gateway.check_ins.asking import MAY_PASS, TRY_AGAIN, find_skip_reason, skip
from gateway.check_ins.schedules import (
    KEYWORDS,
    LAST_STORED,
    AskCheckIn,
    BeginCheckIn,
    CloseCheckIn,
    closing_at,
    find_next,
    following,
)
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from models import Person, Schedule, ScheduledCheckIn

log = structlog.get_logger()

# Check-ins that were due while the gateway was down are noted as skipped, this far back.
LOOK_BACK = timedelta(days=7)

UNASKED = (ScheduledCheckIn.sent_at.is_(None), ScheduledCheckIn.skipped_at.is_(None))
UNANSWERED = (
    ScheduledCheckIn.sent_at.is_not(None),
    ScheduledCheckIn.answered_at.is_(None),
    ScheduledCheckIn.missed_at.is_(None),
    ScheduledCheckIn.skipped_at.is_(None),
)


def begin_check_in(line: Line, job: BeginCheckIn) -> None:
    """Store the occurrence that is due, if one is, and enqueue the next."""
    now = line.clock()
    with line.database.writing() as session:
        schedule = session.scalar(
            select(Schedule).where(Schedule.id == job.schedule_id).with_for_update(of=Schedule)
        )
        if schedule is None:
            return
        person = schedule.person
        rules = line.of(session, person.program_id).rules
        policy, after = rules.policy.schedule, now - LOOK_BACK
        due = find_next(session, schedule, policy, after=after)
        if due.due_at <= now:
            get_thread(session, rules, person)
            scheduled = ScheduledCheckIn(
                schedule=schedule, local_date=due.local_date, due_at=due.due_at
            )
            session.add(scheduled)
            session.flush()
            enqueue(session, AskCheckIn(scheduled.id), at=now)
            due = find_next(session, schedule, policy, after=after)
        enqueue(session, job, at=due.due_at)


def close_check_in(line: Line, job: CloseCheckIn) -> None:
    """Remind of it or note it as missed, when it is time for either."""
    now = line.clock()
    with acting(line) as session:
        scheduled = session.get(ScheduledCheckIn, job.scheduled_id)
        if scheduled is None:
            return
        person = scheduled.schedule.person
        line = line.of(session, person.program_id)
        thread = get_thread(session, line.rules, person)
        conversation = lock_conversation(session, thread.id)
        session.refresh(scheduled)
        closed = scheduled.answered_at or scheduled.missed_at or scheduled.skipped_at
        if scheduled.sent_at is None or closed:
            return
        tx, zone = line.at(session), ZoneInfo(person.timezone)
        if now < (at := closing_at(scheduled, zone, tx.policy.schedule, now=now)):
            enqueue(session, job, at=at)
            return
        ends_at = missed_at(scheduled.sent_at, tx.policy.schedule)
        reason = find_skip_reason(tx, scheduled, conversation)
        if reason is not None and reason not in MAY_PASS:
            skip(scheduled, reason, now=now)
        elif now >= ends_at:
            scheduled.missed_at = now
            log.info("check-in missed", scheduled=scheduled.id)
        elif reason is not None:
            enqueue(session, job, at=min(now + TRY_AGAIN, ends_at))
        else:
            keyword = KEYWORDS[scheduled.schedule.check_in]
            tx.say_in(conversation, "check_in_reminder", keyword=keyword)
            scheduled.reminded_at = now
            enqueue(session, job, at=ends_at)


# --- for the watchdog: what was due ---


def check_ins_to_begin(line: Line, session: Session, before: datetime) -> list[Work]:
    get_policy = cache(lambda program_id: line.of(session, program_id).rules.policy.schedule)
    # Without the people: their names would be decrypted each time, for nothing.
    schedules = session.execute(
        select(Schedule, Person.timezone, Person.program_id, *LAST_STORED)
        .join(Person, Person.id == Schedule.person_id)
        # Those from before `LOOK_BACK`, and a day for the time zones, change nothing.
        .outerjoin(
            ScheduledCheckIn,
            (ScheduledCheckIn.schedule_id == Schedule.id)
            & (ScheduledCheckIn.local_date >= (before - LOOK_BACK - timedelta(days=2)).date()),
        )
        .options(lazyload(Schedule.person))
        .group_by(Schedule.id, Person.id)
    )
    found: list[Work] = []
    for schedule, timezone, program_id, day, due_at in schedules:
        zone, policy = ZoneInfo(timezone), get_policy(program_id)
        due = following(schedule, zone, policy, day, due_at, after=before - LOOK_BACK)
        if due.due_at <= before:
            found.append(BeginCheckIn(schedule.id))
    return found


def check_ins_to_ask(line: Line, session: Session, before: datetime) -> list[Work]:
    unasked = select(ScheduledCheckIn.id).where(*UNASKED, ScheduledCheckIn.due_at <= before)
    return [AskCheckIn(scheduled_id) for scheduled_id in session.scalars(unasked)]


def check_ins_to_close(line: Line, session: Session, before: datetime) -> list[Work]:
    get_policy = cache(lambda program_id: line.of(session, program_id).rules.policy.schedule)
    unanswered = session.execute(
        select(ScheduledCheckIn, Person.timezone, Person.program_id)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .join(Person, Person.id == Schedule.person_id)
        .where(*UNANSWERED)
        .options(lazyload(ScheduledCheckIn.schedule))
    )
    return [
        CloseCheckIn(scheduled.id)
        for scheduled, timezone, program_id in unanswered
        if closing_at(scheduled, ZoneInfo(timezone), get_policy(program_id), now=before) <= before
    ]
