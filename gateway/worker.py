"""All kinds of jobs, and the watchdog that enqueues a job again when its workflow was lost.

A job is enqueued in the transaction that writes its row. The watchdog finds rows that were due a
while ago and have no stored workflow; docs/decisions/0002-durable-work.md says why there are any.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.handoffs import jobs
from escalation.handoffs.jobs import TakeTurns, Work, enqueue
from gateway.chat.jobs import text_unseen, unseen_messages
from gateway.check_ins import jobs as check_in_jobs
from gateway.check_ins.asking import ask_check_in
from gateway.check_ins.follow_up_jobs import ask_follow_up, follow_ups_to_ask
from gateway.check_ins.schedules import AskCheckIn, BeginCheckIn, CloseCheckIn
from gateway.handoffs import jobs as handoff_jobs
from gateway.handoffs.first_messages import WriteFirst, write_first_later
from gateway.integrations.jobs import send_webhook, webhooks_to_send
from gateway.integrations.webhook_outbox import SendWebhook, forget_old_deliveries
from gateway.messaging.alert_steps import steps_to_take, take_step
from gateway.messaging.marking import SEND_IS_DEAD_AFTER, waits_for_group
from gateway.messaging.outbox import deliver
from gateway.operators.alarms import SendAlarm, alarms_to_send, send_alarm
from gateway.operators.heartbeat import beat
from gateway.operators.trouble import raise_alarms
from gateway.pipeline.mentor.starting import first_words_due
from gateway.pipeline.turns import take_turns
from gateway.privacy import jobs as privacy
from gateway.privacy.erasure import Erase
from gateway.runtime.jobs import Engine, forget_finished
from gateway.runtime.line import Line
from gateway.safeguarding.jobs import notify_overdue, overdue_records
from gateway.safeguarding.records import NotifyOverdue
from models import ON_ITS_WAY, Delivery, Message

log = structlog.get_logger()

EVERY = timedelta(seconds=2)
SLOW = timedelta(seconds=10)
MINUTELY = timedelta(minutes=1)
HOURLY = timedelta(hours=1)
# A row that has been due for less than this is being worked on.
GRACE = timedelta(seconds=5)
# Any number will do, as long as nothing else in this database locks it.
ONE_WATCHDOG = 7_241_001

# Returns the jobs of one kind that were due before a time, as the rows say.
FindDue = Callable[[Line, Session, datetime], list[Work]]


@dataclass(frozen=True)
class Kind:
    job: type[Work]
    run: Callable[[Line, Any], None]
    find_due: FindDue | None = None
    # How often the watchdog looks; where every schedule or message is read, less often.
    every: timedelta = EVERY


def unhandled_messages(line: Line, session: Session, before: datetime) -> list[Work]:
    unhandled = session.scalars(
        select(Message.conversation_id)
        .where(Message.handled_at.is_(None), Message.at < before)
        .distinct()
    )
    return [TakeTurns(conversation_id) for conversation_id in unhandled]


def undelivered_messages(line: Line, session: Session, before: datetime) -> list[Work]:
    """The first text of each conversation that is due and not sent.

    Alerts that wait to be grouped hold up nothing.
    """
    first = (
        select(func.min(Message.id))
        .where(
            ON_ITS_WAY,
            ~waits_for_group(line.clock()),
        )
        .group_by(Message.conversation_id)
    )
    queued = (
        (Message.delivery == Delivery.QUEUED)
        & (Message.moved_at < before)
        & (Message.next_try_at.is_(None) | (Message.next_try_at < before))
    )
    dead = (Message.delivery == Delivery.SENDING) & (
        Message.sending_at < line.clock() - SEND_IS_DEAD_AFTER
    )
    message = select(Message.conversation_id, Message.id, Message.tries)
    found = session.execute(message.where(Message.id.in_(first), queued | dead))
    return [jobs.Deliver(*row) for row in found]


@dataclass(frozen=True)
class CleanUp(Work):
    name: ClassVar[str] = "clean_up"
    queue: ClassVar[str] = "scheduled"


def clean_up(line: Line, job: CleanUp) -> None:
    now = line.clock()
    forget_finished(now=now)
    with line.database.writing() as session:
        forget_old_deliveries(session, now=now)
        enqueue(session, job, at=now + HOURLY)


KINDS = (
    Kind(TakeTurns, lambda line, job: take_turns(line, job.conversation_id), unhandled_messages),
    Kind(jobs.Deliver, lambda line, job: deliver(line, job.conversation_id), undelivered_messages),
    Kind(jobs.Climb, handoff_jobs.run_handoff_job, handoff_jobs.overdue_pages),
    Kind(jobs.TakeStep, take_step, steps_to_take),
    Kind(SendAlarm, send_alarm, alarms_to_send, SLOW),
    Kind(jobs.CheckAlerts, handoff_jobs.run_handoff_job),
    Kind(jobs.CheckReply, handoff_jobs.run_handoff_job, handoff_jobs.overdue_reply_checks),
    Kind(jobs.Recall, handoff_jobs.run_handoff_job, handoff_jobs.overdue_second_pages),
    Kind(jobs.TellHolder, handoff_jobs.run_handoff_job),
    Kind(WriteFirst, write_first_later, first_words_due, SLOW),
    Kind(jobs.LapseTransfer, handoff_jobs.lapse_transfer, handoff_jobs.overdue_offers),
    Kind(SendWebhook, send_webhook, webhooks_to_send),
    Kind(BeginCheckIn, check_in_jobs.begin_check_in, check_in_jobs.check_ins_to_begin, MINUTELY),
    Kind(AskCheckIn, ask_check_in, check_in_jobs.check_ins_to_ask, SLOW),
    Kind(CloseCheckIn, check_in_jobs.close_check_in, check_in_jobs.check_ins_to_close, SLOW),
    Kind(jobs.AskFollowUp, ask_follow_up, follow_ups_to_ask, SLOW),
    Kind(jobs.TextUnseen, text_unseen, unseen_messages, SLOW),
    Kind(NotifyOverdue, notify_overdue, overdue_records, SLOW),
    Kind(Erase, privacy.run_erasure, privacy.erasures_due, HOURLY),
    Kind(privacy.ForgetInBot, privacy.forget_in_bot, privacy.conversations_to_forget, SLOW),
    Kind(
        privacy.DestroyKeys,
        privacy.destroy_keys,
        privacy.keys_to_destroy,
        SLOW,
    ),
    Kind(privacy.DeleteCopies, privacy.delete_copies, privacy.copies_to_delete, SLOW),
    Kind(
        privacy.DeleteOldData,
        privacy.delete_old_data,
        lambda *_: [privacy.DeleteOldData()],
        HOURLY,
    ),
    Kind(CleanUp, clean_up, lambda *_: [CleanUp()], HOURLY),
)


RUN = {kind.job: kind.run for kind in KINDS}


def do_work(line: Line, work: Work) -> None:
    """Run one job. Each re-reads its row, so running it twice is harmless."""
    RUN[type(work)](line, work)


def find_due(line: Line, kinds: Iterable[Kind], *, before: datetime) -> list[Work]:
    found: list[Work] = []
    for kind in kinds:
        if kind.find_due is None:
            continue
        try:
            with line.database.reading() as session:
                found += kind.find_due(line, session, before)
        except Exception:
            log.exception("the watchdog will look again", kind=kind.job.name)
    return found


class Watchdog:
    """Looks on a thread of its own. On PostgreSQL, one process looks at a time."""

    def __init__(self, line: Line, engine: Engine, *, heartbeat_url: str | None = None) -> None:
        self.line = line
        self.engine = engine
        self.heartbeat_url = heartbeat_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._next_look: dict[Kind, datetime] = {}
        self._next_round: datetime | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def look(self, *, grace: timedelta = GRACE) -> Sequence[Work]:
        now = self.line.clock()
        kinds = [kind for kind in KINDS if now >= self._next_look.get(kind, now)]
        self._next_look.update({kind: now + kind.every for kind in kinds})
        due = find_due(self.line, kinds, before=now - grace)
        lost = self.engine.find_lost(due)
        if lost:
            log.info("the watchdog enqueued jobs", jobs=[work.id for work in lost])
            with self.line.database.writing() as session:
                for work in lost:
                    self.engine.enqueue(session, work, at=now)
        return lost

    def _run(self) -> None:
        # On SQLite this is the only process: what is due at the start was left by a crash.
        grace = timedelta(0) if self.line.database.is_sqlite else GRACE
        while True:
            try:
                self._look_alone(grace)
            except Exception:
                log.exception("the watchdog will look again")
            grace = GRACE
            if self._stop.wait(EVERY.total_seconds()):
                return

    def _look_alone(self, grace: timedelta) -> None:
        with self.line.database.reading() as session:
            # Two at once could resume the same job twice. SQLite has one process anyway.
            lock = select(func.pg_try_advisory_xact_lock(ONE_WATCHDOG))
            if self.line.database.is_sqlite or session.scalar(lock):
                self.look(grace=grace)
                self.engine.resume_abandoned()
                self.watch_over()

    def watch_over(self) -> None:
        """Once a minute: alarm the operators about what is wrong, and say that we live."""
        now = self.line.clock()
        if self._next_round is not None and now < self._next_round:
            return
        self._next_round = now + MINUTELY
        with self.line.database.writing() as session:
            raise_alarms(self.line, session, now=now)
        if self.heartbeat_url is not None:
            beat(self.heartbeat_url)
