"""What the pipeline works with, put together in one place and handed down as an argument."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from bot.client import Bot
from escalation.later import Later
from escalation.rules import Rules
from escalation.signals import Signals
from gateway.database import Database
from gateway.sms import Texts

log = structlog.get_logger()

Detect = Callable[[str, Sequence[str]], Signals]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Line:
    """One running line: its database, its rules, and the ways to the outside world."""

    database: Database
    rules: Rules
    later: Later
    bot: Bot
    texts: Texts
    detect: Detect
    clock: Clock = utc_now
    workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(12, thread_name_prefix="line")
    )

    def soon(self, work: Callable[["Line", int], None], conversation_id: int) -> None:
        """Do `work` on another thread, straight away.

        If it fails or the process dies, its row still stands and the sweep does it again.
        """
        try:
            self.workers.submit(self._guarded, work, conversation_id)
        except RuntimeError:
            log.info("ending; left to the next start", work=work.__name__)

    def _guarded(self, work: Callable[["Line", int], None], conversation_id: int) -> None:
        try:
            work(self, conversation_id)
        except Exception:
            log.exception("left to the sweep", work=work.__name__, conversation=conversation_id)
