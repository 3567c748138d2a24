"""Fill a program with a long history, to measure with. `python -m tests.history --help`."""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.runtime.database import Database
from models import Need, Outcome, Status, Urgency
from tests.history.chats import add_exchange
from tests.history.handoffs import Case, add_handoff
from tests.history.inserting import Inserts
from tests.history.people import Who, add_mentees, add_mentors, add_threads, find_staff
from tests.history.records import add_reads, add_schedules

HANDOFFS_A_MENTEE = 20
LOOKS_BACK = timedelta(days=365)
WAITING, HELD = 20, 30
# Each need with its urgency, and its share of all handoffs in percent.
NEEDS = {
    (Need.CRISIS, Urgency.CRISIS): 3,
    (Need.CONCERN, Urgency.SOON): 10,
    (Need.REQUEST, Urgency.SOON): 40,
    (Need.CONNECTION, Urgency.ROUTINE): 30,
    (Need.STUCK, Urgency.ROUTINE): 17,
}


@dataclass(frozen=True)
class Size:
    """How much of each. `messages` counts those around the handoffs, three each, too.

    Without `messages` there are no others. Without `mentees` there is one for 20 handoffs.
    `mentors` come in addition to the program's own staff.
    """

    handoffs: int = 10_000
    messages: int = 0
    mentees: int = 0
    mentors: int = 0

    @property
    def people(self) -> int:
        return self.mentees or max(self.handoffs // HANDOFFS_A_MENTEE, WAITING + HELD)

    @property
    def exchanges(self) -> int:
        """A message to the bot, and its answer."""
        return max(self.messages - 3 * self.handoffs, 0) // 2


def fill(
    database: Database, handoffs: int | Size = 10_000, *, now: datetime, seed: int = 5
) -> None:
    """Give the first program this many handoffs, spread over the year before `now`.

    The last ones wait or are held by the program's first mentor. Same seed, same rows.
    """
    size = handoffs if isinstance(handoffs, Size) else Size(handoffs)
    chance, rows = random.Random(seed), Inserts(database)
    program, staff = find_staff(database)
    began = now - LOOKS_BACK
    mentors = add_mentors(rows, program, size.mentors, at=began)
    staff = add_threads(rows, program, [*staff, *mentors])
    mentees = add_mentees(rows, program, staff, size.people, at=began)
    cases = _make_cases(mentees, staff, size.handoffs, chance, now=now)
    # In the order of time, as a real history grows: a thread's messages lie apart.
    for at, case in heapq.merge(
        ((case.opened_at, case) for case in cases),
        ((at, None) for at in _times(size.exchanges, now)),
        key=lambda one: one[0],
    ):
        if case is not None:
            add_handoff(rows, case, chance, now=now)
        else:
            add_exchange(rows, chance.choice(mentees), at, chance)
    if size.messages:
        add_reads(rows, database, program, staff, size.handoffs, now=now)
        add_schedules(rows, mentees, now=now)
    rows.finish()


def _make_cases(
    mentees: Sequence[Who],
    staff: Sequence[Who],
    count: int,
    chance: random.Random,
    *,
    now: datetime,
) -> Iterator[Case]:
    for n, opened_at in enumerate(_times(count, now)):
        status = Status.RESOLVED
        if n >= count - WAITING - HELD:
            status = Status.CLAIMED if n < count - WAITING else Status.WAITING
        [needed] = chance.choices(list(NEEDS), weights=list(NEEDS.values()))
        yield Case(
            mentees[n % len(mentees)],
            *needed,
            staff[0] if status is Status.CLAIMED else chance.choice(staff),
            status,
            chance.choice(list(Outcome)) if status is Status.RESOLVED else None,
            opened_at,
            timedelta(seconds=chance.lognormvariate(5.5, 1)),
        )


def _times(count: int, now: datetime) -> Iterator[datetime]:
    return (now - LOOKS_BACK + (n + 1) * LOOKS_BACK / (count + 1) for n in range(count))
