"""The durable engine behind a small port. Only this module knows DBOS.

Its tables are in our own database, so that a row and the job that follows it are written in one
transaction. docs/decisions/0002-durable-work.md explains each setting.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import Any

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from dbos import DBOSPortableJSONSerializer as PortableJson
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import Work
from gateway.runtime.database import Database, connect
from gateway.runtime.line import utc_now

# How many jobs of each queue one process runs at a time.
WORKERS = {"handoffs": 8, "check_ins": 4, "scheduled": 4, "webhooks": 8}
# Set by hand: by default it is a hash of the code, and each edit would strand pending jobs.
VERSION = "2"

# A job that has been running for this long may belong to a process that died.
PERHAPS_DEAD_AFTER = timedelta(seconds=10)
# One that has been running for this long does: no job takes that long.
ABANDONED_AFTER = timedelta(seconds=60)
KEEP_FINISHED = timedelta(days=1)
# The watchdog looks for so many at once; it finds the others two seconds later.
MOST_LOOKED_FOR = 200

log = structlog.get_logger()


class Engine:
    """Stores jobs and runs them. One per process: DBOS has one global instance."""

    def __init__(
        self,
        database: Database,
        url: str,
        kinds: Iterable[type[Work]],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.database = database
        self.clock = clock
        self.kinds = tuple(kinds)
        # DBOS's writers need a second connection while they hold the first, so with a small
        # pool they wait for each other for ever on SQLite. It begins transactions itself.
        self._tables = connect(url, pool_size=64, begins="IMMEDIATE")
        self._client: DBOSClient | None = None

    def start(self, run: Callable[[Work], None]) -> None:
        """Create the engine's tables, take back this process's own jobs, and begin."""
        config: DBOSConfig = {
            "name": "warmline",
            "application_version": VERSION,
            # On SQLite there is one process, and it resumes its own jobs after a restart.
            "executor_id": "only" if self.database.is_sqlite else uuid.uuid4().hex,
            "system_database_engine": self._tables,
            "serializer": PortableJson(),
            "log_level": "ERROR",
            "use_listen_notify": not self.database.is_sqlite,
        }
        DBOS(config=config)
        for kind in self.kinds:
            _register(kind, run)
        DBOS.launch()
        for queue, workers in WORKERS.items():
            DBOS.register_queue(
                queue,
                worker_concurrency=workers,
                # Each webhook gets one delivery at a time, in order.
                partition_concurrency=1 if queue == "webhooks" else None,
                polling_interval_sec=0.2,
            )
        self._client = DBOSClient(
            system_database_engine=self._tables,
            serializer=PortableJson(),
            application_name="warmline",
        )
        self.database.enqueues_with(self.enqueue)

    def enqueue(self, session: Session, work: Work, *, at: datetime) -> None:
        """Enqueue `work` for `at` in the session's transaction; the same for the same `at` once."""
        if self._client is None:
            raise RuntimeError("The engine takes no jobs before it is started.")
        options: EnqueueOptions = {
            "workflow_name": work.name,
            "queue_name": work.queue,
            "workflow_id": f"{_prefix(work)}{round(at.timestamp() * 1000)}",
            "app_version": VERSION,
        }
        if (wait := (at - self.clock()).total_seconds()) > 0:
            options["delay_seconds"] = wait
        if (key := work.one_at_a_time) is not None:
            options["queue_partition_key"] = key
        self._client.enqueue_in_transaction(session, options, *astuple(work))

    def find_lost(self, due: Sequence[Work]) -> list[Work]:
        due = due[:MOST_LOOKED_FOR]
        if not due:
            return []
        alive_since = (utc_now() - PERHAPS_DEAD_AFTER).timestamp() * 1000
        stored = {
            flow.workflow_id.rpartition("@")[0]
            for flow in DBOS.list_workflows(
                workflow_id_prefix=[_prefix(work) for work in due],
                status=["DELAYED", "ENQUEUED", "PENDING"],
                load_input=False,
                load_output=False,
            )
            if flow.status != "PENDING" or (flow.dequeued_at or 0) > alive_since
        }
        return [work for work in due if work.id not in stored]

    def resume_abandoned(self) -> None:
        """Resume jobs whose process died. Only one process may do this at a time."""
        before = (utc_now() - ABANDONED_AFTER).timestamp() * 1000
        for queue in WORKERS:
            running = DBOS.list_workflows(
                status="PENDING", queue_name=queue, load_input=False, load_output=False
            )
            abandoned = [one.workflow_id for one in running if 0 < (one.dequeued_at or 0) < before]
            if abandoned:
                log.warning("resumed abandoned jobs", count=len(abandoned))
                DBOS.resume_workflows(abandoned, queue_name=queue)

    def stop(self) -> None:
        # Running jobs go on for five seconds, and may enqueue what follows them.
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=5)
        if self._client is not None:
            self._client.destroy()
            self._client = None
        self._tables.dispose()


def forget_finished(*, now: datetime) -> int:
    done = DBOS.list_workflows(
        status=["SUCCESS", "ERROR", "CANCELLED"],
        completed_before=(now - KEEP_FINISHED).isoformat(),
        limit=5000,
        load_input=False,
        load_output=False,
    )
    if ids := [flow.workflow_id for flow in done]:
        DBOS.delete_workflows(ids)
    return len(ids)


def _prefix(work: Work) -> str:
    return f"{work.id}@"


def _register(kind: type[Work], run: Callable[[Work], None]) -> None:
    @DBOS.step(
        name=f"do_{kind.name}",
        retries_allowed=True,
        interval_seconds=1,
        backoff_rate=2,
        max_attempts=kind.attempts,
    )
    def do(*parts: Any) -> None:
        run(kind(*parts))

    # None: by default a workflow is given up after a hundred crashes of its process.
    @DBOS.workflow(name=kind.name, max_recovery_attempts=None)
    def flow(*parts: Any) -> None:
        do(*parts)
