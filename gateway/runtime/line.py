"""What the pipeline works with, put together in one place and handed down as an argument."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog
from sqlalchemy.orm import Session

from bot.client import Bot
from escalation.handoffs.jobs import Later
from escalation.ruleset import Rules
from escalation.signals import Signals
from gateway.runtime.database import Database
from gateway.runtime.policy_versions import Versions
from gateway.runtime.texts import Texts

log = structlog.get_logger()

Detect = Callable[[str, Sequence[str]], Signals]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Line:
    """One running line: its database, its rules, and the ways to the outside world.

    `rules` are the files', or one program's where `of` made the line that program's; then
    `file_rules` are those of the files.
    """

    database: Database
    rules: Rules
    later: Later
    bot: Bot
    texts: Texts
    detect: Detect
    # Handles a conversation's new messages. The pipeline, handed in here so that whatever records
    # a message can start it without importing it.
    take_turns: Callable[["Line", int], None]
    clock: Clock = utc_now
    workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(12, thread_name_prefix="line")
    )
    file_rules: Rules | None = None
    versions: Versions = field(default_factory=Versions)

    def of(self, session: Session, program_id: int) -> "Line":
        """This line with the rules that a program goes by now.

        Every message and every step of work asks once, at its beginning, and keeps what it got:
        a policy that is taken up meanwhile counts from the next one on, in every process.
        """
        file = self.file_rules or self.rules
        rules = self.versions.get_rules(session, program_id, file)
        return self if rules is self.rules else replace(self, rules=rules, file_rules=file)

    def soon(self, work: Callable[["Line", int], None], conversation_id: int) -> None:
        """Do `work` on another thread, straight away.

        If it fails or the process dies, the watchdog finds its row and has it done again.
        """
        try:
            self.workers.submit(self._guarded, work, conversation_id)
        except RuntimeError:
            log.info("ending; left to the next start", work=work.__name__)

    def _guarded(self, work: Callable[["Line", int], None], conversation_id: int) -> None:
        try:
            work(self, conversation_id)
        except Exception:
            log.exception("left to the watchdog", work=work.__name__, conversation=conversation_id)
