"""One run: people write, everything breaks, everything heals, and the record is read."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.runtime.database import Database, make_engine
from models import use_key
from tests.faults.cast import RUNG_SECONDS, make_cast
from tests.faults.history import History
from tests.faults.injector import Injector, kinds_for
from tests.faults.invariants import check
from tests.faults.journal import Journal
from tests.faults.reading import read_history, wait_for_rest
from tests.faults.stage import Stage, build
from tests.faults.writers import Mentees, Mentor, Post
from tests.keys import KEYS
from tests.processes import KEY
from tests.rasa_server import RasaServer


class Stuck(Exception):
    """Webhooks answered nobody for minutes, or a part could not be started again."""


@dataclass(frozen=True)
class Size:
    messages: int
    mentees: int
    faults: int
    seed: int
    at_once: int = 16
    """So many mentees write at any moment."""


@dataclass
class Outcome:
    """`wrong`: what each invariant found."""

    size: Size
    history: History
    wrong: dict[str, list[str]]
    written: int
    posts: int
    seconds: float
    drained_after_seconds: float

    @property
    def holds(self) -> bool:
        return not any(self.wrong.values())


def run(
    folder: Path,
    size: Size,
    *,
    on_postgres: bool = False,
    gateways: int = 1,
    without: frozenset[str] = frozenset(),
    only: frozenset[str] = frozenset(),
    rasa: RasaServer | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """`without` and `only` name kinds of faults."""
    began = time.monotonic()
    cast = make_cast(messages=size.messages, mentees=size.mentees, seed=size.seed)
    journal = Journal()
    staged = build(folder, cast, on_postgres=on_postgres, gateways=gateways, rasa=rasa)
    with staged as stage:
        chance = random.Random(size.seed)
        last = max(1, round(size.messages * 0.95))
        moments = sorted(chance.randrange(last) for _ in range(size.faults))
        kinds = [one for one in kinds_for(stage, without=without) if not only or one in only]
        injector = Injector(stage, journal, moments=moments, seed=size.seed, kinds=kinds)
        post = Post(stage.urls, stage.twilio, journal, size.seed)
        mentees = Mentees(cast, post, at_once=size.at_once, may_go_on=injector.may_go_on)
        mentors = [
            Mentor(number, post, size.seed + place) for place, number in enumerate(cast.staff)
        ]
        injector.start()
        for mentor in mentors:
            mentor.start()
        mentees.start()
        while mentees.are_writing() or injector.is_alive():
            time.sleep(1)
            done = f"{journal.written} texts, {injector.done} faults"
            tell(f"{time.monotonic() - began:6.0f} s  {done}  {injector.doing}")
            if post.stuck.is_set() or injector.failure is not None:
                post.stuck.set()
                log = stage.gateways[0].log.read_text()[-3000:]
                raise Stuck(f"{done}, {injector.doing}. The gateway:\n{log}") from injector.failure
        history, drained = _read(stage, journal, mentors, post)
    wrong = check(history)
    seconds = time.monotonic() - began
    return Outcome(size, history, wrong, journal.written, journal.posts, seconds, drained)


def _read(
    stage: Stage, journal: Journal, mentors: list[Mentor], post: Post
) -> tuple[History, float]:
    for mentor in mentors:
        mentor.stopping.set()
    for mentor in mentors:
        mentor.join()
    post.close()
    use_key(KEY, stage.keys)
    database = Database(make_engine(stage.database_url))
    try:
        drained = wait_for_rest(database)
        # A ladder that does not climb any more is overdue by then.
        time.sleep(RUNG_SECONDS + 2)
        wait_for_rest(database)
        return read_history(stage, database, journal), drained
    finally:
        database.engine.dispose()
        use_key(KEY, KEYS)
