"""What a run left behind: the database's rows, what Twilio saw, and what the run did.

The invariants read only this, so that a test can write a history by hand.
"""

from dataclasses import dataclass, field
from datetime import datetime

from models import Delivery, Move, Owner
from tests.faults.journal import Fault, Posted


@dataclass(frozen=True)
class Row:
    """A message. `number` is whose thread it is in."""

    id: int
    thread: int
    number: str
    at: datetime
    outgoing: bool
    words: str
    by_bot: bool = False
    """Rasa's own words."""
    script: str | None = None
    sid: str | None = None
    handled_at: datetime | None = None
    delivery: Delivery | None = None
    tries: int = 0
    sending_at: datetime | None = None
    is_alert: bool = False
    relayed_from: int | None = None


@dataclass(frozen=True)
class Decided:
    id: int
    message: int
    owner: Owner
    at: datetime


@dataclass(frozen=True)
class Moved:
    """A move of a handoff in the mentee's thread. `people` were paged, `by` is who moved it."""

    handoff: int
    thread: int
    at: datetime
    move: Move
    by: int | None = None
    people: tuple[int, ...] = ()
    taken_over: bool = False


@dataclass(frozen=True)
class Paged:
    handoff: int
    ladder: int
    rung: int
    person: int
    message: int


@dataclass(frozen=True)
class OpenHandoff:
    """`owes_step`: it waits for the next page, or its holder owes an answer. `due` is when."""

    id: int
    owes_step: bool
    due: datetime | None


@dataclass(frozen=True)
class Attempt:
    """A request to send a text. `sid` is the text that Twilio accepted; `message` is our row."""

    to: str
    body: str
    message: int | None
    at: datetime
    sid: str | None


@dataclass
class History:
    read_at: datetime
    posted: list[Posted] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    paged: list[Paged] = field(default_factory=list)
    open_handoffs: list[OpenHandoff] = field(default_factory=list)
    opened_by: dict[int, int] = field(default_factory=dict)
    """The handoff that a message opened."""
    attempts: list[Attempt] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)
    """Ids of texts that Twilio took and reported as not delivered: they may go out again."""
    stopped: dict[str, datetime] = field(default_factory=dict)
    """Since when a number wants no texts."""
    codes: dict[tuple[str, str], int] = field(default_factory=dict)
    """The handoff that a number knows by a code."""
    people: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    """What Twilio's document refuses."""
    faults: list[Fault] = field(default_factory=list)

    def inbound(self) -> list[Row]:
        return [row for row in self.rows if not row.outgoing]

    def threads(self) -> dict[int, list[Row]]:
        threads: dict[int, list[Row]] = {}
        for row in self.rows:
            threads.setdefault(row.thread, []).append(row)
        return threads
