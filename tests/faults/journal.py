"""What the run itself saw from outside: the texts that it posted, and the faults that it made."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Posted:
    """One text of a person. `answered_at` is when a webhook first answered 200 for it."""

    sid: str
    number: str
    words: str
    began_at: datetime
    answered_at: datetime | None = None


@dataclass(frozen=True)
class Fault:
    kind: str
    began_at: datetime
    ended_at: datetime
    detail: str = ""


@dataclass
class Journal:
    posted: list[Posted] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    posts: int = 0
    """Posts of webhooks with their doubles and repetitions."""
    written: int = 0
    """Texts of mentees that were answered 200."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, posted: Posted) -> None:
        with self._lock:
            self.posted.append(posted)

    def count(self, *, written: bool = False) -> None:
        with self._lock:
            self.posts += 1
            self.written += written
