"""The job engine, on both databases: what is enqueued is done, what is rolled back is not."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from escalation.handoffs.jobs import CheckAlerts, CheckReply, Climb, Deliver, Work, enqueue
from gateway.runtime.database import Database
from gateway.runtime.jobs import Engine, forget_finished
from gateway.worker import KINDS

JOBS = [kind.job for kind in KINDS]


class Diary:
    def __init__(self) -> None:
        self.done: list[Work] = []
        self.fail_first = 0
        self._lock = threading.Lock()

    def __call__(self, work: Work) -> None:
        with self._lock:
            if self.fail_first > 0:
                self.fail_first -= 1
                raise ConnectionError("the database was busy")
            self.done.append(work)

    def waits_for(self, count: int, *, seconds: float = 20) -> bool:
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            if len(self.done) >= count:
                return True
            time.sleep(0.05)
        return False


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def engine(database: Database, database_url: str, diary: Diary) -> Iterator[Engine]:
    engine = Engine(database, database_url, JOBS)
    engine.start(diary)
    yield engine
    engine.stop()


def now() -> datetime:
    return datetime.now(UTC)


def enqueues(engine: Engine, *works: Work, wait: float = 0) -> None:
    with engine.database.writing() as session:
        for work in works:
            enqueue(session, work, at=now() + timedelta(seconds=wait))


def test_each_kind_of_work_is_known_to_the_engine() -> None:
    """A workflow with an unregistered name would never run."""
    assert set(JOBS) == set(Work.__subclasses__())


def test_every_kind_of_work_comes_back_as_it_was_enqueued(engine: Engine, diary: Diary) -> None:
    works = [Climb(1, 1, 0), CheckAlerts(1, 1, 0), CheckReply(1, 2), Deliver(1, 2, 3)]
    enqueues(engine, *works)
    assert diary.waits_for(4)
    assert sorted(work.id for work in diary.done) == sorted(work.id for work in works)


def test_work_of_a_transaction_that_fails_is_not_done(engine: Engine, diary: Diary) -> None:
    with pytest.raises(KeyError), engine.database.writing() as session:
        enqueue(session, Climb(1, 1, 0), at=now())
        raise KeyError
    enqueues(engine, Climb(2, 1, 0))
    assert diary.waits_for(1)
    time.sleep(0.5)
    assert diary.done == [Climb(2, 1, 0)]


def test_the_same_work_enqueued_twice_is_done_once(engine: Engine, diary: Diary) -> None:
    at = now()
    for works in ([Climb(1, 1, 0)], [Climb(1, 1, 0), Climb(1, 1, 1)]):
        with engine.database.writing() as session:
            for work in works:
                enqueue(session, work, at=at)
    assert diary.waits_for(2)
    time.sleep(0.5)
    assert sorted(work.id for work in diary.done) == ["climb:1:1:0", "climb:1:1:1"]


def test_work_waits_for_its_time_and_is_done_again_if_it_fails(
    engine: Engine, diary: Diary
) -> None:
    diary.fail_first = 2
    enqueues(engine, Climb(1, 1, 0), wait=2)
    time.sleep(1)
    assert (diary.done, diary.fail_first) == ([], 2)
    assert diary.waits_for(1)


def test_many_at_once_are_all_done(engine: Engine, diary: Diary) -> None:
    def ten_more(start: int) -> None:
        enqueues(engine, *(Climb(start * 10 + n, 1, 0) for n in range(10)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ten_more, range(8)))
    assert diary.waits_for(80, seconds=60)
    assert len({work.id for work in diary.done}) == 80


def test_work_outlives_the_process(database: Database, database_url: str, diary: Diary) -> None:
    first = Engine(database, database_url, JOBS)
    first.start(lambda work: None)
    enqueues(first, Climb(1, 1, 0), wait=3)
    first.stop()
    second = Engine(database, database_url, JOBS)
    second.start(diary)
    try:
        assert diary.waits_for(1)
    finally:
        second.stop()


def test_finished_work_is_forgotten_after_a_day(engine: Engine, diary: Diary) -> None:
    enqueues(engine, Climb(1, 1, 0))
    assert diary.waits_for(1)
    time.sleep(0.5)
    assert forget_finished(now=now()) == 0
    assert forget_finished(now=now() + timedelta(days=2)) == 1
