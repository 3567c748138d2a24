"""Jobs that are due at a time, and the port to the engine that runs them.

A capability defines its own jobs as subclasses of `Work`; `gateway/worker.py` lists all of them.
"""

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy.orm import Session

# The key under which a session knows how its engine enqueues.
ENQUEUE = "enqueue"


@dataclass(frozen=True)
class Work:
    """A durable job, safe to run twice: it reads its row again.

    Its id comes from its row, so that scheduling it twice creates one job.
    """

    name: ClassVar[str]
    # Each queue has workers of its own: a thousand check-ins must not hold up one crisis.
    queue: ClassVar[str] = "handoffs"
    # How often a failing job is tried in a row. After that the watchdog finds its row.
    attempts: ClassVar[int] = 4

    @property
    def id(self) -> str:
        return ":".join([self.name, *(str(part) for part in astuple(self))])

    @property
    def one_at_a_time(self) -> str | None:
        """Jobs that share this key run one after the other; None for no such limit."""
        return None


def enqueue(session: Session, work: Work, *, at: datetime) -> None:
    """Enqueue `work` for `at` in the transaction of `session`: both happen or neither.

    A command has no engine; there the row alone is written, and the watchdog of the gateway
    finds it.
    """
    if engine_enqueue := session.info.get(ENQUEUE):
        engine_enqueue(session, work, at=at)


@dataclass(frozen=True)
class Climb(Work):
    """Page the next rung of a handoff's ladder."""

    name: ClassVar[str] = "climb"
    handoff_id: int
    ladder: int
    rung: int


@dataclass(frozen=True)
class TakeStep(Work):
    """Call or e-mail a person who has not answered an alert's text."""

    name: ClassVar[str] = "take_step"
    step_id: int


@dataclass(frozen=True)
class CheckAlerts(Work):
    """Climb early if no text of this rung reached anyone."""

    name: ClassVar[str] = "check_alerts"
    attempts: ClassVar[int] = 10  # no row says that it is due
    handoff_id: int
    ladder: int
    rung: int


@dataclass(frozen=True)
class CheckReply(Work):
    """Remind the holder, or release the claim, if what was due at `due` is still unanswered.

    `due` counts seconds since 1970: the engine can then tell this check from the next.
    """

    name: ClassVar[str] = "check_reply"
    handoff_id: int
    due: int


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
    attempts: ClassVar[int] = 10  # no row says that it is due
    handoff_id: int
    message_id: int


@dataclass(frozen=True)
class LapseTransfer(Work):
    """End an offer to a colleague that they have not answered in time."""

    name: ClassVar[str] = "lapse_transfer"
    transfer_id: int


@dataclass(frozen=True)
class AskFollowUp(Work):
    name: ClassVar[str] = "ask_follow_up"
    queue: ClassVar[str] = "scheduled"
    handoff_id: int


@dataclass(frozen=True)
class TextUnseen(Work):
    name: ClassVar[str] = "text_unseen"
    queue: ClassVar[str] = "scheduled"
    conversation_id: int


@dataclass(frozen=True)
class TakeTurns(Work):
    """Handle a conversation's recorded messages that no worker has handled."""

    name: ClassVar[str] = "take_turns"
    conversation_id: int


@dataclass(frozen=True)
class Deliver(Work):
    """Send a conversation's queued messages; `tries` counts earlier attempts."""

    name: ClassVar[str] = "deliver"
    conversation_id: int
    message_id: int
    tries: int
