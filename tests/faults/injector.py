"""The faults, at seeded moments: after so many texts of mentees."""

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

import psutil  # type: ignore[import-untyped]
import psycopg
from sqlalchemy import make_url

from tests import fake_twilio
from tests.faults.journal import Fault, Journal, now
from tests.faults.stage import Stage

# Longer than a lease on a conversation, and than the time after which a send counts as dead.
LONG_FREEZE_SECONDS = 24.0
# In this time after one of several gateways was killed nothing else breaks, so that it shows how
# long the others take to go on with its work.
QUIET_SECONDS = 10.0
# What SQLite and PostgreSQL cannot do without is killed, frozen, or refused here.
CRASHES = frozenset(
    {
        *("kill_gateway", "freeze_gateway", "full_disk"),
        *("kill_postgres", "stop_postgres", "freeze_postgres"),
    }
)


class Injector(threading.Thread):
    """`moments` are counts of texts written. A run ends only after all of them."""

    def __init__(
        self, stage: Stage, journal: Journal, *, moments: list[int], seed: int, kinds: list[str]
    ) -> None:
        super().__init__(daemon=True)
        self.stage, self.journal, self.moments, self.kinds = stage, journal, moments, kinds
        self.chance = random.Random(seed)
        self.wanted = self._choose(len(moments))
        self.failure: Exception | None = None
        self.done = 0
        self.doing = ""

    def _choose(self, count: int) -> list[str]:
        """Each kind in turn, in an order of chance, so that a short run has all of them."""
        chosen: list[str] = []
        while len(chosen) < count:
            chosen += self.chance.sample(self.kinds, k=len(self.kinds))
        return chosen[:count]

    def may_go_on(self) -> bool:
        """The people wait while several faults are due, so that each fault meets some texts."""
        ahead = self.moments[min(self.done + 2, len(self.moments) - 1)] if self.moments else 0
        is_last = self.done + 2 >= len(self.moments)
        return is_last or self.journal.written <= ahead or not self.is_alive()

    def run(self) -> None:
        for moment, kind in zip(self.moments, self.wanted, strict=True):
            while self.journal.written < moment:
                time.sleep(0.05)
            began_at, self.doing = now(), kind
            try:
                detail = FAULTS[kind](self.stage, self.chance)
            except Exception as failure:
                self.failure = failure
                return
            self.journal.faults.append(Fault(kind, began_at, now(), detail))
            self.done, self.doing = self.done + 1, ""


def kinds_for(stage: Stage, *, without: frozenset[str] = frozenset()) -> list[str]:
    left_out = set(without)
    if stage.postgres is None:
        left_out |= {"kill_postgres", "stop_postgres", "freeze_postgres", "lock_table"}
    else:
        left_out |= {"lock_file"}
        if not stage.disk.is_mounted:
            left_out |= {"full_disk"}
    return [kind for kind in FAULTS if kind not in left_out]


def _kill_gateway(stage: Stage, chance: random.Random) -> str:
    place = chance.randrange(len(stage.gateways))
    gateway, alone = stage.gateways[place], len(stage.gateways) == 1
    stage.away.add(place)
    gateway.kill()
    if not alone:
        time.sleep(QUIET_SECONDS)
    gateway.start(patience_seconds=120)
    stage.away.discard(place)
    return "" if alone else "one of several"


@contextlib.contextmanager
def _frozen(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _freeze_gateway(stage: Stage, chance: random.Random) -> str:
    place = chance.randrange(len(stage.gateways))
    is_long = len(stage.gateways) > 1 and chance.random() < 0.25
    seconds = LONG_FREEZE_SECONDS if is_long else chance.uniform(0.5, 5)
    # A balancer that asks for the gateway's health leaves it out.
    stage.away |= {place} if is_long else set()
    with _frozen([psutil.Process(stage.gateways[place].pid)]):
        time.sleep(seconds)
    stage.away.discard(place)
    return f"{seconds:.1f} s"


def _full_disk(stage: Stage, chance: random.Random) -> str:
    with stage.disk.full(stage.pids):
        time.sleep(chance.uniform(1, 4))
    if stage.postgres is not None:
        stage.postgres.start_again()
    return "mounted" if stage.disk.is_mounted else "file size"


def _lock_file(stage: Stage, chance: random.Random) -> str:
    seconds = chance.uniform(0.5, 6)
    file = make_url(stage.database_url).database
    assert file is not None
    connection = sqlite3.connect(file, timeout=60, isolation_level=None)
    with contextlib.closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    return f"{seconds:.1f} s"


def _lock_table(stage: Stage, chance: random.Random) -> str:
    seconds, table = chance.uniform(0.5, 6), chance.choice(["message", "conversation", "handoff"])
    url = make_url(stage.database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        time.sleep(seconds)
        connection.rollback()
    return f"{table}, {seconds:.1f} s"


def _end_postgres(how: int) -> Callable[[Stage, random.Random], str]:
    def end(stage: Stage, chance: random.Random) -> str:
        assert stage.postgres is not None
        processes = stage.postgres.processes
        os.kill(processes[0].pid, how)
        psutil.wait_procs(processes, timeout=20)
        time.sleep(chance.uniform(0, 3))
        stage.postgres.start_again()
        return ""

    return end


def _freeze_postgres(stage: Stage, chance: random.Random) -> str:
    assert stage.postgres is not None
    seconds = chance.uniform(0.5, 5)
    with _frozen(stage.postgres.processes):
        time.sleep(seconds)
    return f"{seconds:.1f} s"


def _kill_rasa(stage: Stage, chance: random.Random) -> str:
    stage.rasa.kill()
    time.sleep(chance.uniform(0, 4))
    stage.rasa.start(patience_seconds=240)
    return ""


def _freeze_rasa(stage: Stage, chance: random.Random) -> str:
    seconds = chance.uniform(0.5, 6)
    with _frozen([psutil.Process(stage.rasa.pid)]):
        time.sleep(seconds)
    return f"{seconds:.1f} s"


def _twilio(fault: fake_twilio.Fault) -> Callable[[Stage, random.Random], str]:
    def fail(stage: Stage, chance: random.Random) -> str:
        stage.twilio.everywhere = fault
        time.sleep(chance.uniform(0.5, 5))
        stage.twilio.everywhere = None
        return ""

    return fail


FAULTS: dict[str, Callable[[Stage, random.Random], str]] = {
    "kill_gateway": _kill_gateway,
    "freeze_gateway": _freeze_gateway,
    "full_disk": _full_disk,
    "lock_file": _lock_file,
    "lock_table": _lock_table,
    "kill_postgres": _end_postgres(signal.SIGKILL),
    "stop_postgres": _end_postgres(signal.SIGQUIT),
    "freeze_postgres": _freeze_postgres,
    "kill_rasa": _kill_rasa,
    "freeze_rasa": _freeze_rasa,
    "twilio_429": _twilio(fake_twilio.Fault("too_many")),
    "twilio_500": _twilio(fake_twilio.Fault("server_error")),
    # Longer than the gateway waits for an answer. Twilio takes the text all the same.
    "twilio_hangs": _twilio(fake_twilio.Fault("hang", seconds=6)),
    "twilio_drops": _twilio(fake_twilio.Fault("drop")),
    "twilio_cut": _twilio(fake_twilio.Fault("cut")),
}
