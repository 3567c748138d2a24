"""Asking a check-in that is due, unless the mentee cannot be asked now."""

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select

from bot.client import Answer, BotAway
from escalation.check_ins.scales import SCALES
from escalation.check_ins.schedules import is_quiet, out_of_quiet_hours
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.handoffs.jobs import enqueue
from escalation.speech.disclosure import FIRST_DISCLOSURE
from escalation.speech.message_writer import get_thread
from escalation.transaction import Transaction
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
# Reasons that may pass before it is too late; any other cancels that day's check-in.
MAY_PASS = (SkipReason.IN_AN_EXERCISE, SkipReason.BOT_AWAY)


def find_skip_reason(
    tx: Transaction, scheduled: ScheduledCheckIn, conversation: Conversation
) -> SkipReason | None:
    """Why we may not write to this mentee about this check-in now."""
    schedule = scheduled.schedule
    if schedule.person.opted_out_at is not None:
        return SkipReason.OPTED_OUT
    if not schedule.person.can_be_texted:
        return SkipReason.UNREACHABLE
    if schedule.paused:
        return SkipReason.PAUSED
    if terms_due(tx, conversation):
        return SkipReason.NO_TERMS
    if get_open_handoff(tx.session, conversation) is not None:
        return SkipReason.WITH_A_PERSON
    own, in_progress = schedule.check_in, conversation.skill
    longer = SCALES[own].longer if own in SCALES else None
    if scheduled.sent_at is not None and in_progress in (own, longer):
        return None  # until it is answered, the check-in itself is in progress
    return SkipReason.IN_AN_EXERCISE if is_in_exercise(tx, conversation) else None


def is_in_exercise(tx: Transaction, conversation: Conversation) -> bool:
    """Whether the mentee is in an exercise, and did not drop it a while ago."""
    lasts = timedelta(minutes=tx.policy.schedule.exercise_lasts_minutes)
    wrote = select(Message.id).where(
        Message.conversation_id == conversation.id,
        Message.outgoing.is_(False),
        Message.at > tx.now - lasts,
    )
    return conversation.skill is not None and tx.session.scalar(wrote.limit(1)) is not None


def skip(scheduled: ScheduledCheckIn, reason: SkipReason, *, now: datetime) -> None:
    scheduled.skipped_at, scheduled.skip_reason = now, reason
    log.info("check-in skipped", scheduled=scheduled.id, reason=reason.value)


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
        # A late try may fall into the quiet hours.
        if not is_quiet(now, zone, policy) and _ask(line, job, conversation_id):
            return
    except BotAway as away:
        is_away = True
        log.warning("bot away; check-in waits", scheduled=job.scheduled_id, reason=str(away))
    with line.database.writing() as session:
        if is_away:
            session.get_one(ScheduledCheckIn, job.scheduled_id).skip_reason = SkipReason.BOT_AWAY
        again_at = out_of_quiet_hours(now + TRY_AGAIN, zone, policy)
        enqueue(session, job, at=min(again_at, too_late_at))


def _ask(line: Line, job: AskCheckIn, conversation_id: int) -> bool:
    """True if it was asked or skipped. False to try again: the reason may pass, or a worker has it.

    Raises BotAway.
    """
    worker = uuid.uuid4().hex
    if not acquire_lease(line, conversation_id, worker):
        return False
    try:
        with line.database.reading() as session:
            conversation = session.get_one(Conversation, conversation_id)
            scheduled = session.get_one(ScheduledCheckIn, job.scheduled_id)
            reason = find_skip_reason(line.at(session), scheduled, conversation)
            kind = scheduled.schedule.check_in
        # No transaction is open while the bot answers.
        answer = None if reason else _begin(line, conversation, kind)
        with acting(line) as session:
            conversation = lock_conversation(session, conversation_id)
            scheduled = session.get_one(ScheduledCheckIn, job.scheduled_id)
            return _say_or_skip(line.at(session), scheduled, conversation, answer, reason)
    finally:
        release_lease(line, conversation_id, worker)
        # A message that arrived meanwhile found the lease taken and was left to us.
        line.soon(line.take_turns, conversation_id)


def _begin(line: Line, conversation: Conversation, kind: str) -> Answer:
    """Raises BotAway."""
    if conversation.forget_bot:
        line.bot.forget(conversation.id)
    answer = line.bot.begin(conversation.id, kind)
    if not _asks(answer):
        log.error("the bot does not know this check-in", kind=kind)
    return answer


def _asks(answer: Answer) -> bool:
    return bool(answer.words) and not answer.not_understood


def _say_or_skip(
    tx: Transaction,
    scheduled: ScheduledCheckIn,
    conversation: Conversation,
    answer: Answer | None,
    reason: SkipReason | None,
) -> bool:
    """False if it may be asked later that day."""
    if scheduled.sent_at is not None or scheduled.skipped_at is not None:
        return True
    # While the bot was asked, a mentor may have claimed it, or the mentee texted STOP.
    reason = reason or find_skip_reason(tx, scheduled, conversation)
    if reason is None and answer is not None and _asks(answer):
        _say(tx, conversation, answer)
        scheduled.sent_at, scheduled.skip_reason = tx.now, None
        zone = ZoneInfo(scheduled.schedule.person.timezone)
        at = closing_at(scheduled, zone, tx.policy.schedule, now=tx.now)
        enqueue(tx.session, CloseCheckIn(scheduled.id), at=at)
        return True
    if answer is not None:
        # The mentee never got the question, so their next text must not count as its answer.
        conversation.skill, conversation.forget_bot = None, True
    scheduled.skip_reason = reason or SkipReason.BOT_AWAY
    if scheduled.skip_reason in MAY_PASS:
        return False
    skip(scheduled, scheduled.skip_reason, now=tx.now)
    return True


def _say(tx: Transaction, conversation: Conversation, answer: Answer) -> None:
    introduced = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.script == FIRST_DISCLOSURE
    )
    if tx.session.scalar(introduced.limit(1)) is None:
        tx.say_in(conversation, FIRST_DISCLOSURE)
    tx.say_in(conversation, "scheduled_check_in")
    for words in answer.words:
        say_bots_words(tx, conversation, words)
    conversation.forget_bot = False
    for step in answer.skills:
        record_skill_step(tx, conversation, step)
