"""The durable engine behind a small port: work kept for a time, done though we crash.

This is the only module that knows DBOS. Its tables live in our own database, so that a row
and the work that follows it are written in one transaction. What the traps are, and why each
setting is as it is, stands in docs/decisions/0002-durable-engine.md.
"""

import uuid
from collections.abc import Callable
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from dbos import DBOSPortableJSONSerializer as PortableJson
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import (
    CheckAlerts,
    CheckClaim,
    Climb,
    Deliver,
    Recall,
    TellHolder,
    Work,
)
from gateway.runtime.database import Database, connect

KINDS: tuple[type[Work], ...] = (Climb, CheckAlerts, CheckClaim, Recall, TellHolder, Deliver)
QUEUE = "warmline"
# Set by hand: by default it is a hash of the code, and each edit would strand pending work.
VERSION = "1"

# Work that has been running for this long belongs to a process that died. It exceeds the
# longest piece of work by far: one delivery, with Twilio's time-out.
ABANDONED_AFTER = timedelta(seconds=60)
# How long the engine's own record of finished work is kept. Ours is in models/.
KEEP_FINISHED = timedelta(days=1)

log = structlog.get_logger()


class Engine:
    """Keeps work and runs it. One per process: DBOS has one global instance."""

    def __init__(self, database: Database, url: str, *, workers: int = 8) -> None:
        self.database = database
        self.workers = workers
        # DBOS's writers need a second connection while they hold the first, so with a small
        # pool they wait for each other for ever on SQLite. It begins transactions itself.
        self._tables = connect(url, pool_size=64, begins="IMMEDIATE")
        self._client: DBOSClient | None = None

    def start(self, run: Callable[[Work], None]) -> None:
        """Create the engine's tables, take back this process's own work, and begin."""
        config: DBOSConfig = {
            "name": "warmline",
            "application_version": VERSION,
            # On SQLite there is one process, and it takes up its own work when it comes back.
            "executor_id": "only" if self.database.is_sqlite else uuid.uuid4().hex,
            "system_database_engine": self._tables,
            "serializer": PortableJson(),
            "log_level": "ERROR",
            "use_listen_notify": not self.database.is_sqlite,
        }
        DBOS(config=config)
        for kind in KINDS:
            _register(kind, run)
        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=self.workers, polling_interval_sec=0.2)
        self._client = DBOSClient(
            system_database_engine=self._tables,
            serializer=PortableJson(),
            application_name="warmline",
        )

    def later(self, session: Session, work: Work, *, at: datetime) -> None:
        """Keep `work` for `at`, in the session's own transaction."""
        if self._client is None:
            raise RuntimeError("The engine keeps no work before it is started.")
        wait = (at - datetime.now(UTC)).total_seconds()
        options: EnqueueOptions = {
            "workflow_name": work.name,
            "queue_name": QUEUE,
            "workflow_id": work.id,
            "app_version": VERSION,
        }
        if wait > 0:
            options["delay_seconds"] = wait
        self._client.enqueue_in_transaction(session, options, *astuple(work))

    def take_up_abandoned(self, *, now: datetime) -> int:
        """Resume work whose process died. Only one process may do this at a time."""
        before = (now - ABANDONED_AFTER).timestamp() * 1000
        ids = [
            flow.workflow_id
            for flow in DBOS.list_workflows(
                status="PENDING", queue_name=QUEUE, load_input=False, load_output=False
            )
            if flow.dequeued_at and flow.dequeued_at < before
        ]
        if ids:
            log.warning("abandoned work taken up", count=len(ids))
            DBOS.resume_workflows(ids, queue_name=QUEUE)
        return len(ids)

    def forget_finished(self, *, now: datetime) -> int:
        """Delete the engine's own record of work that was finished a while ago."""
        done = DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            end_time=(now - KEEP_FINISHED).isoformat(),
            limit=500,
            load_input=False,
            load_output=False,
        )
        ids = [flow.workflow_id for flow in done]
        if ids:
            DBOS.delete_workflows(ids)
        return len(ids)

    def stop(self) -> None:
        """End in an orderly way. Unfinished work stays kept."""
        if self._client is not None:
            self._client.destroy()
            self._client = None
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=5)
        self._tables.dispose()


def _register(kind: type[Work], run: Callable[[Work], None]) -> None:
    # A failed attempt (the database was busy, say) is repeated for about ten minutes; beyond
    # that the sweep finds the row again.
    @DBOS.step(
        name=f"do_{kind.name}",
        retries_allowed=True,
        interval_seconds=1,
        backoff_rate=2,
        max_attempts=10,
    )
    def do(*parts: Any) -> None:
        run(kind(*parts))

    # None: by default a workflow is given up after a hundred crashes of its process.
    @DBOS.workflow(name=kind.name, max_recovery_attempts=None)
    def flow(*parts: Any) -> None:
        do(*parts)
