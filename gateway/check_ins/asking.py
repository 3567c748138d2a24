"""Asking a check-in that is due, unless the mentee cannot be asked now."""

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.client import Answer, BotAway
from escalation.check_ins.schedules import is_quiet, out_of_quiet_hours
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.handoffs.jobs import enqueue
from escalation.speech.disclosure import FIRST_DISCLOSURE
from escalation.speech.message_writer import get_thread, say
from gateway.check_ins.answers import LONG_FORM
from gateway.check_ins.schedules import AskCheckIn, CloseCheckIn, closing_at
from gateway.conversations.bot_events import record_skill_step
from gateway.conversations.bot_texts import say_bots_words
from gateway.conversations.lease import acquire_lease, release_lease
from gateway.messaging.outbox import acting
from gateway.privacy.terms_by_text import terms_due
from gateway.runtime.line import Line
from models import Conversation, Message, ScheduledCheckIn, SkipReason

log = structlog.get_logger()

TRY_AGAIN = timedelta(minutes=1)
# What may be over before it is too late; anything else counts for that day.
MAY_PASS = (SkipReason.IN_AN_EXERCISE, SkipReason.BOT_AWAY)


def ask_check_in(line: Line, job: AskCheckIn) -> None:
    """Ask it, skip it for that day, or enqueue another try."""
    now = line.clock()
    with line.database.writing() as session:
        scheduled = session.get(ScheduledCheckIn, job.scheduled_id)
        if scheduled is None or scheduled.sent_at is not None or scheduled.skipped_at is not None:
            return
        person = scheduled.schedule.person
        line = line.of(session, person.program_id)
        policy, zone = line.rules.policy.schedule, ZoneInfo(person.timezone)
        too_late_at = scheduled.due_at + timedelta(minutes=policy.too_late_after_minutes)
        if now >= too_late_at:
            skip(scheduled, scheduled.skip_reason or SkipReason.TOO_LATE, now=now)
            return
        conversation_id = get_thread(session, line.rules, person).id
    is_away = False
    try:
        # A try that comes late may have come into the quiet hours.
        if not is_quiet(now, zone, policy) and _ask(line, job, conversation_id, now=now):
            return
    except BotAway as away:
        is_away = True
        log.warning("bot away; check-in waits", scheduled=job.scheduled_id, reason=str(away))
    with line.database.writing() as session:
        if is_away:
            session.get_one(ScheduledCheckIn, job.scheduled_id).skip_reason = SkipReason.BOT_AWAY
        again_at = out_of_quiet_hours(now + TRY_AGAIN, zone, policy)
        enqueue(session, job, at=min(again_at, too_late_at))


def skip(scheduled: ScheduledCheckIn, skip_reason: SkipReason, *, now: datetime) -> None:
    scheduled.skipped_at, scheduled.skip_reason = now, skip_reason
    log.info("check-in skipped", scheduled=scheduled.id, reason=skip_reason.value)


def _ask(line: Line, job: AskCheckIn, conversation_id: int, *, now: datetime) -> bool:
    """True once it was asked or skipped; False if a worker is in this conversation, or for now.

    Raises BotAway.
    """
    worker = uuid.uuid4().hex
    if not acquire_lease(line, conversation_id, worker):
        return False
    try:
        return _ask_alone(line, job.scheduled_id, conversation_id, now=now)
    finally:
        release_lease(line, conversation_id, worker)
        # A message recorded meanwhile found the lease taken and was left to us.
        line.soon(line.take_turns, conversation_id)


def _ask_alone(line: Line, scheduled_id: int, conversation_id: int, *, now: datetime) -> bool:
    with line.database.reading() as session:
        conversation = session.get_one(Conversation, conversation_id)
        scheduled = session.get_one(ScheduledCheckIn, scheduled_id)
        kind = scheduled.schedule.check_in
        zone = ZoneInfo(scheduled.schedule.person.timezone)
        skip_reason = find_skip_reason(session, line, conversation, scheduled, now=now)
    answer = None if skip_reason else _begin(line, conversation, kind)

    with acting(line) as session:
        conversation = lock_conversation(session, conversation_id)
        scheduled = session.get_one(ScheduledCheckIn, scheduled_id, populate_existing=True)
        if scheduled.sent_at is not None or scheduled.skipped_at is not None:
            return True
        # A mentor may have claimed it, or the mentee texted STOP, while the bot was asked.
        skip_reason = skip_reason or find_skip_reason(
            session, line, conversation, scheduled, now=now
        )
        if skip_reason is None and answer is not None and _asks(answer):
            _say(session, line, conversation, answer, now=now)
            scheduled.sent_at, scheduled.skip_reason = now, None
            at = closing_at(scheduled, zone, line.rules.policy.schedule, now=now)
            enqueue(session, CloseCheckIn(scheduled.id), at=at)
            return True
        if answer is not None:
            # The bot has asked into the void; it must not take the next message for the answer.
            conversation.skill, conversation.forget_bot = None, True
        scheduled.skip_reason = skip_reason or SkipReason.BOT_AWAY
        if scheduled.skip_reason in MAY_PASS:
            return False
        skip(scheduled, scheduled.skip_reason, now=now)
        return True


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


def find_skip_reason(
    session: Session,
    line: Line,
    conversation: Conversation,
    scheduled: ScheduledCheckIn,
    *,
    now: datetime,
) -> SkipReason | None:
    """Why we may not write to this mentee about this check-in now."""
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
    under_way, own = conversation.skill, schedule.check_in
    if scheduled.sent_at is not None and under_way in (own, LONG_FORM.get(own, own)):
        return None  # what was asked is itself under way until it is answered
    if under_way is not None and _wrote_lately(session, line, conversation, now=now):
        return SkipReason.IN_AN_EXERCISE
    return None


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
