"""Asking a check-in that is due, unless the mentee cannot be asked now."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.client import Answer, BotAway
from escalation.check_ins.scales import SCALES
from escalation.check_ins.schedules import is_quiet, out_of_quiet_hours
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.handoffs.jobs import enqueue
from escalation.policy import SchedulePolicy
from escalation.speech.disclosure import FIRST_DISCLOSURE
from escalation.speech.message_writer import get_thread, say
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


@dataclass(frozen=True)
class Due:
    """A scheduled check-in and the thread that it goes to. `line` has the program's rules."""

    session: Session
    line: Line
    scheduled: ScheduledCheckIn
    conversation: Conversation
    now: datetime

    @property
    def policy(self) -> SchedulePolicy:
        return self.line.rules.policy.schedule

    @property
    def closes_at(self) -> datetime:
        zone = ZoneInfo(self.scheduled.schedule.person.timezone)
        return closing_at(self.scheduled, zone, self.policy, now=self.now)

    def say(self, key: str, **blanks: object) -> None:
        say(self.session, self.line.rules, self.conversation, key, now=self.now, **blanks)

    def find_skip_reason(self) -> SkipReason | None:
        """Why we may not write to this mentee about this check-in now."""
        schedule, conversation = self.scheduled.schedule, self.conversation
        if schedule.person.opted_out_at is not None:
            return SkipReason.OPTED_OUT
        if not schedule.person.can_be_texted:
            return SkipReason.UNREACHABLE
        if schedule.paused:
            return SkipReason.PAUSED
        if terms_due(self.session, conversation, self.line.rules.policy.consent):
            return SkipReason.NO_TERMS
        if get_open_handoff(self.session, conversation) is not None:
            return SkipReason.WITH_A_PERSON
        own, in_progress = schedule.check_in, conversation.skill
        longer = SCALES[own].longer if own in SCALES else None
        if self.scheduled.sent_at is not None and in_progress in (own, longer):
            return None  # until it is answered, the check-in itself is in progress
        if is_in_exercise(self.session, self.line, conversation, now=self.now):
            return SkipReason.IN_AN_EXERCISE
        return None


def is_in_exercise(
    session: Session, line: Line, conversation: Conversation, *, now: datetime
) -> bool:
    """Whether the mentee is in an exercise, and did not drop it a while ago."""
    lasts = timedelta(minutes=line.rules.policy.schedule.exercise_lasts_minutes)
    wrote = select(Message.id).where(
        Message.conversation_id == conversation.id,
        Message.outgoing.is_(False),
        Message.at > now - lasts,
    )
    return conversation.skill is not None and session.scalar(wrote.limit(1)) is not None


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


def _ask(line: Line, job: AskCheckIn, conversation_id: int, *, now: datetime) -> bool:
    """True if it was asked or skipped; False to try again, or if a worker has the conversation.

    Raises BotAway.
    """
    worker = uuid.uuid4().hex
    if not acquire_lease(line, conversation_id, worker):
        return False
    try:
        with line.database.reading() as session:
            due = _find_due(session, line, job, conversation_id, now=now)
            reason, kind = due.find_skip_reason(), due.scheduled.schedule.check_in
        # No transaction is open while the bot answers.
        answer = None if reason else _begin(line, due.conversation, kind)
        with acting(line) as session:
            lock_conversation(session, conversation_id)
            due = _find_due(session, line, job, conversation_id, now=now)
            return _say_or_skip(due, answer, reason)
    finally:
        release_lease(line, conversation_id, worker)
        # A message that arrived meanwhile found the lease taken and was left to us.
        line.soon(line.take_turns, conversation_id)


def _find_due(
    session: Session, line: Line, job: AskCheckIn, conversation_id: int, *, now: datetime
) -> Due:
    scheduled = session.get_one(ScheduledCheckIn, job.scheduled_id)
    return Due(session, line, scheduled, session.get_one(Conversation, conversation_id), now)


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


def _say_or_skip(due: Due, answer: Answer | None, reason: SkipReason | None) -> bool:
    """False if it may be asked later that day."""
    scheduled, conversation = due.scheduled, due.conversation
    if scheduled.sent_at is not None or scheduled.skipped_at is not None:
        return True
    # While the bot was asked, a mentor may have claimed it, or the mentee texted STOP.
    reason = reason or due.find_skip_reason()
    if reason is None and answer is not None and _asks(answer):
        _say(due, answer)
        scheduled.sent_at, scheduled.skip_reason = due.now, None
        enqueue(due.session, CloseCheckIn(scheduled.id), at=due.closes_at)
        return True
    if answer is not None:
        # The bot has begun the check-in unheard; it must not take the next message for the answer.
        conversation.skill, conversation.forget_bot = None, True
    scheduled.skip_reason = reason or SkipReason.BOT_AWAY
    if scheduled.skip_reason in MAY_PASS:
        return False
    skip(scheduled, scheduled.skip_reason, now=due.now)
    return True


def _say(due: Due, answer: Answer) -> None:
    session, conversation = due.session, due.conversation
    introduced = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.script == FIRST_DISCLOSURE
    )
    if session.scalar(introduced.limit(1)) is None:
        due.say(FIRST_DISCLOSURE)
    due.say("scheduled_check_in")
    tx = Transaction(session, due.line.rules, due.now)
    for words in answer.words:
        say_bots_words(tx, conversation, words)
    conversation.forget_bot = False
    for step in answer.skills:
        record_skill_step(tx, conversation, step)
