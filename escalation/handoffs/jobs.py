"""Work that is due at a time. The engine that keeps it stands behind this small port."""

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Work:
    """One short piece of durable work. Doing it twice is harmless: each re-reads its row.

    Its id is made of its row, so that the same work written twice is one.
    """

    name: ClassVar[str]

    @property
    def id(self) -> str:
        return ":".join([self.name, *(str(part) for part in astuple(self))])


@dataclass(frozen=True)
class Climb(Work):
    """Page the next rung of a handoff's ladder."""

    name: ClassVar[str] = "climb"
    handoff_id: int
    ladder: int
    rung: int


@dataclass(frozen=True)
class CheckAlerts(Work):
    """Climb on early when no text of this rung has reached anybody."""

    name: ClassVar[str] = "check_alerts"
    handoff_id: int
    ladder: int
    rung: int


@dataclass(frozen=True)
class CheckClaim(Work):
    """Release a claim under which nobody has written to the mentee since event `event_id`."""

    name: ClassVar[str] = "check_claim"
    handoff_id: int
    event_id: int


@dataclass(frozen=True)
class Recall(Work):
    """Page somebody again whose LATER on a waiting handoff is over."""

    name: ClassVar[str] = "recall"
    handoff_id: int
    snooze_id: int


@dataclass(frozen=True)
class TellHolder(Work):
    """Text the mentor who holds a handoff of words that they were not there to see."""

    name: ClassVar[str] = "tell_holder"
    handoff_id: int
    message_id: int


@dataclass(frozen=True)
class Deliver(Work):
    """Send what a conversation still has to be sent; `tries` counts the earlier attempts."""

    name: ClassVar[str] = "deliver"
    conversation_id: int
    message_id: int
    tries: int


class Later(Protocol):
    def __call__(self, session: Session, work: Work, *, at: datetime) -> None:
        """Keep `work` for `at`, in the transaction of `session`: both happen or neither."""
