"""The watchdog: what a crash left lying is found by its row and done again.

Every few seconds it looks for messages nobody handled, texts nobody sent, rungs nobody paged
and engine work whose process died. Each is guarded by its own row, so that looking too often,
or from two processes, does nothing twice. Beside it, on a thread of its own because it asks the
bot, runs the round of the scheduled check-ins, of what is asked after a handoff, of overdue
safeguarding records, and of erasures; and on another, the telling of webhooks.
"""

import threading
from datetime import datetime, timedelta
from functools import cache

import structlog
from sqlalchemy import or_, select, text

from escalation.handoffs.handoffs import lock_conversation, overdue_claims, release_if_unanswered
from escalation.handoffs.jobs import (
    CheckAlerts,
    CheckClaim,
    Climb,
    Deliver,
    Recall,
    TellHolder,
    Work,
)
from escalation.handoffs.ladder import (
    climb,
    climb_on_if_nobody_was_reached,
    is_overdue,
    overdue_recalls,
    recall,
)
from escalation.handoffs.transfers import lapse_if_unanswered, overdue_transfers
from escalation.ruleset import Rules
from gateway.chat.thread import text_unseen_messages
from gateway.check_ins.follow_ups import run_follow_ups
from gateway.check_ins.jobs import run_schedules
from gateway.conversations.holder_alerts import tell_holder_if_unseen
from gateway.integrations.webhook_outbox import forget_old_deliveries
from gateway.integrations.webhook_worker import Teller
from gateway.messaging.outbox import SEND_IS_DEAD_AFTER, acting, deliver
from gateway.pipeline.turns import take_turns
from gateway.privacy.data_requests import run_erasures
from gateway.runtime.jobs import Engine
from gateway.runtime.line import Line
from gateway.safeguarding.jobs import notify_overdue_records
from models import Delivery, Handoff, Message, Status, Transfer

log = structlog.get_logger()

EVERY = timedelta(seconds=2)
SCHEDULES_EVERY = timedelta(seconds=10)
# Whoever recorded a message has this long to handle it before somebody else does.
GRACE = timedelta(seconds=5)
CLEAN_EVERY = timedelta(hours=1)
# Asked for days before, and looked for in all messages.
ERASURES_EVERY = timedelta(hours=1)
# Any number will do, as long as nothing else in this database locks it.
ONE_SWEEPER = 7_241_001


def do_work(line: Line, work: Work) -> None:
    """Do one piece of kept work. Each re-reads its row, so doing it twice is harmless."""
    now = line.clock()
    if isinstance(work, Deliver):
        deliver(line, work.conversation_id)
        return
    assert isinstance(work, Climb | CheckAlerts | CheckClaim | Recall | TellHolder)
    with acting(line) as session:
        handoff = session.get_one(Handoff, work.handoff_id)
        line = line.of(session, handoff.conversation.program_id)
        lock_conversation(session, handoff.conversation_id)
        session.refresh(handoff)
        match work:
            case Climb(ladder=ladder, rung=rung):
                climb(session, handoff, ladder, rung, now=now, rules=line.rules, later=line.later)
            case CheckAlerts(ladder=ladder, rung=rung):
                if (handoff.ladder, handoff.rung) == (ladder, rung):
                    climb_on_if_nobody_was_reached(
                        session, handoff, now=now, rules=line.rules, later=line.later
                    )
            case CheckClaim(event_id=event_id):
                release_if_unanswered(
                    session, handoff, event_id, now=now, rules=line.rules, later=line.later
                )
            case Recall(snooze_id=snooze_id):
                recall(session, handoff, snooze_id, now=now, rules=line.rules, later=line.later)
            case TellHolder(message_id=message_id):
                tell_holder_if_unseen(session, line, handoff, message_id, now=now)


def lapse_transfer(line: Line, transfer_id: int) -> None:
    """End an offer to a colleague that nobody has answered in time; twice is harmless."""
    with acting(line) as session:
        transfer = session.get_one(Transfer, transfer_id)
        handoff = session.get_one(Handoff, transfer.handoff_id)
        lock_conversation(session, handoff.conversation_id)
        rules = line.of(session, handoff.conversation.program_id).rules
        lapse_if_unanswered(session, transfer, now=line.clock(), rules=rules)


def sweep(line: Line, *, now: datetime, grace: timedelta = GRACE) -> None:
    """Do again whatever has been left lying for longer than `grace`."""
    with line.database.reading() as session:
        unhandled = session.scalars(
            select(Message.conversation_id)
            .where(Message.handled_at.is_(None), Message.at < now - grace)
            .distinct()
        ).all()
        undelivered = session.scalars(
            select(Message.conversation_id)
            .where(
                or_(
                    (Message.delivery == Delivery.QUEUED)
                    & (Message.moved_at < now - grace)
                    & (Message.next_try_at.is_(None) | (Message.next_try_at < now - grace)),
                    (Message.delivery == Delivery.SENDING)
                    & (Message.sending_at < now - SEND_IS_DEAD_AFTER),
                )
            )
            .distinct()
        ).all()
        overdue = [
            Climb(handoff.id, handoff.ladder, handoff.rung + 1)
            for handoff in session.scalars(select(Handoff).where(Handoff.status == Status.WAITING))
            if is_overdue(handoff, now=now, grace=grace)
        ]

        @cache
        def get_rules(program: int) -> Rules:
            return line.of(session, program).rules

        forgotten = overdue_claims(session, now=now - grace, get_rules=get_rules)
        to_recall = overdue_recalls(session, now=now - grace, get_rules=get_rules)
        unanswered = overdue_transfers(session, now=now, get_rules=get_rules)
    for conversation_id in unhandled:
        line.soon(take_turns, conversation_id)
    for conversation_id in undelivered:
        line.soon(deliver, conversation_id)
    for work in [*overdue, *forgotten, *to_recall]:
        log.warning("overdue work done", work=work.id)
        do_work(line, work)
    for transfer_id in unanswered:
        lapse_transfer(line, transfer_id)


class Sweeper:
    """Runs `sweep`, `run_schedules` and the telling of webhooks, each in its own thread."""

    def __init__(self, line: Line, engine: Engine) -> None:
        self.line = line
        self.engine = engine
        self.teller = Teller(line)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (
                ("sweeper", self._run),
                ("schedules", self._run_schedules),
                ("webhooks", self._run_webhooks),
            )
        ]
        self._clean_at = self._erase_at = line.clock()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self.teller.stop()

    def _run(self) -> None:
        # On SQLite this is the only process: what lies there at the start lies since a crash.
        grace = timedelta(0) if self.line.database.is_sqlite else GRACE
        while True:
            try:
                sweep(self.line, now=self.line.clock(), grace=grace)
                self._look_after_engine()
            except Exception:
                log.exception("the sweep failed and will be tried again")
            grace = GRACE
            if self._stop.wait(EVERY.total_seconds()):
                return

    def _run_schedules(self) -> None:
        while not self._stop.wait(SCHEDULES_EVERY.total_seconds()):
            rounds = [run_schedules, run_follow_ups, text_unseen_messages, notify_overdue_records]
            if (now := self.line.clock()) >= self._erase_at:
                rounds.append(run_erasures)
                self._erase_at = now + ERASURES_EVERY
            for keep in rounds:
                try:
                    keep(self.line, now=self.line.clock())
                except Exception:
                    log.exception("a round failed and will be tried again", round=keep.__name__)

    def _run_webhooks(self) -> None:
        while not self._stop.wait(EVERY.total_seconds()):
            try:
                self.teller.go_round()
            except Exception:
                log.exception("webhooks could not be told and will be tried again")

    def _look_after_engine(self) -> None:
        now = self.line.clock()
        if self.line.database.is_sqlite:
            self._resume_and_clean(now)
            return
        # Two at once could resume the same work twice.
        with self.line.database.reading() as session:
            if session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": ONE_SWEEPER}):
                self._resume_and_clean(now)

    def _resume_and_clean(self, now: datetime) -> None:
        self.engine.take_up_abandoned(now=now)
        if now >= self._clean_at:
            self.engine.forget_finished(now=now)
            with self.line.database.writing() as session:
                forget_old_deliveries(session, now=now)
            self._clean_at = now + CLEAN_EVERY
