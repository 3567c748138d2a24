"""Jobs that run at a set time. The engine that stores and runs them implements `Later`."""

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Work:
    """A durable job, safe to run twice: it reads its row again.

    Its id comes from its row, so that scheduling it twice creates one job.
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
    """Climb early if no text of this rung reached anyone."""

    name: ClassVar[str] = "check_alerts"
    handoff_id: int
    ladder: int
    rung: int


@dataclass(frozen=True)
class CheckClaim(Work):
    """Release a claim if its holder has not written to the mentee since event `event_id`."""

    name: ClassVar[str] = "check_claim"
    handoff_id: int
    event_id: int


@dataclass(frozen=True)
class Recall(Work):
    """Page a person again whose LATER on a waiting handoff is over."""

    name: ClassVar[str] = "recall"
    handoff_id: int
    snooze_id: int


@dataclass(frozen=True)
class TellHolder(Work):
    """Text the holder about a new message if they are not looking at the conversation."""

    name: ClassVar[str] = "tell_holder"
    handoff_id: int
    message_id: int


@dataclass(frozen=True)
class Deliver(Work):
    """Send a conversation's queued messages; `tries` counts earlier attempts."""

    name: ClassVar[str] = "deliver"
    conversation_id: int
    message_id: int
    tries: int


class Later(Protocol):
    def __call__(self, session: Session, work: Work, *, at: datetime) -> None:
        """Schedule `work` for `at` in the transaction of `session`: both happen or neither."""
