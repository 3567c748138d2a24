"""The other jobs of a check-in: begin one when it is due; remind once, or note it as missed.

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
from escalation.speech.message_writer import get_thread, say
from gateway.check_ins.asking import MAY_PASS, TRY_AGAIN, find_skip_reason, skip
from gateway.check_ins.schedules import (
    KEYWORDS,
    AskCheckIn,
    BeginCheckIn,
    CloseCheckIn,
    closing_at,
    following,
    last_written,
)
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from models import Person, Schedule, ScheduledCheckIn

log = structlog.get_logger()

# What was due while the gateway was down is noted as not asked, this far back.
LOOK_BACK = timedelta(days=7)

UNASKED = (ScheduledCheckIn.sent_at.is_(None), ScheduledCheckIn.skipped_at.is_(None))
UNANSWERED = (
    ScheduledCheckIn.sent_at.is_not(None),
    ScheduledCheckIn.answered_at.is_(None),
    ScheduledCheckIn.missed_at.is_(None),
    ScheduledCheckIn.skipped_at.is_(None),
)


def begin_check_in(line: Line, job: BeginCheckIn) -> None:
    """Write down the occurrence that is due, if one is, and enqueue the next."""
    now = line.clock()
    with line.database.writing() as session:
        schedule = session.scalar(
            select(Schedule).where(Schedule.id == job.schedule_id).with_for_update(of=Schedule)
        )
        if schedule is None:
            return
        person = schedule.person
        rules = line.of(session, person.program_id).rules
        zone, policy, after = ZoneInfo(person.timezone), rules.policy.schedule, now - LOOK_BACK
        _, day, due_at = session.execute(last_written().where(Schedule.id == schedule.id)).one()
        due = following(schedule, zone, day, due_at, after=after, policy=policy)
        if due.due_at <= now:
            get_thread(session, rules, person)
            scheduled = ScheduledCheckIn(
                schedule=schedule, local_date=due.local_date, due_at=due.due_at
            )
            session.add(scheduled)
            session.flush()
            enqueue(session, AskCheckIn(scheduled.id), at=now)
            day, due_at = due.local_date, due.due_at
            due = following(schedule, zone, day, due_at, after=after, policy=policy)
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
        zone, policy = ZoneInfo(person.timezone), line.rules.policy.schedule
        if now < (at := closing_at(scheduled, zone, policy, now=now)):
            enqueue(session, job, at=at)
            return
        ends_at = missed_at(scheduled.sent_at, policy)
        skip_reason = find_skip_reason(session, line, conversation, scheduled, now=now)
        if skip_reason is not None and skip_reason not in MAY_PASS:
            skip(scheduled, skip_reason, now=now)
        elif now >= ends_at:
            scheduled.missed_at = now
            log.info("check-in missed", scheduled=scheduled.id)
        elif skip_reason is not None:
            enqueue(session, job, at=min(now + TRY_AGAIN, ends_at))
        else:
            keyword = KEYWORDS[scheduled.schedule.check_in]
            say(session, line.rules, conversation, "check_in_reminder", now=now, keyword=keyword)
            scheduled.reminded_at = now
            enqueue(session, job, at=ends_at)


# --- what the rows say was due ---


def check_ins_to_begin(line: Line, session: Session, before: datetime) -> list[Work]:
    policy_of = cache(lambda program_id: line.of(session, program_id).rules.policy.schedule)
    last = {row[0]: (row[1], row[2]) for row in session.execute(last_written())}
    # Without the people: their names would be decrypted each time, for nothing.
    agreed = session.execute(
        select(Schedule, Person.timezone, Person.program_id)
        .join(Person, Person.id == Schedule.person_id)
        .options(lazyload(Schedule.person))
    )
    found: list[Work] = []
    for schedule, timezone, program_id in agreed:
        zone, after, policy = ZoneInfo(timezone), before - LOOK_BACK, policy_of(program_id)
        due = following(schedule, zone, *last[schedule.id], after=after, policy=policy)
        if due.due_at <= before:
            found.append(BeginCheckIn(schedule.id))
    return found


def check_ins_to_ask(line: Line, session: Session, before: datetime) -> list[Work]:
    unasked = select(ScheduledCheckIn.id).where(*UNASKED, ScheduledCheckIn.due_at <= before)
    return [AskCheckIn(scheduled_id) for scheduled_id in session.scalars(unasked)]


def check_ins_to_close(line: Line, session: Session, before: datetime) -> list[Work]:
    policy_of = cache(lambda program_id: line.of(session, program_id).rules.policy.schedule)
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
        if closing_at(scheduled, ZoneInfo(timezone), policy_of(program_id), now=before) <= before
    ]
