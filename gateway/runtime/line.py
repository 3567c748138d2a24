"""What the pipeline needs to run, in one object."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.client import Bot
from escalation.ruleset import Rules
from escalation.signals import Signals
from escalation.transaction import Transaction
from gateway.runtime.database import Database
from gateway.runtime.policy_versions import Versions, newest_version_id
from models import Delivery

log = structlog.get_logger()

Detect = Callable[[str, Sequence[str]], Signals]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Sent:
    provider_id: str
    delivery: Delivery = Delivery.SENT


class TextFailed(Exception):
    """A text was not accepted. `final` says that sending it again would not help."""

    def __init__(self, code: str, *, final: bool) -> None:
        self.code = code
        self.final = final
        super().__init__(f"The text was not accepted ({code}).")


class Texts(Protocol):
    """A service that sends texts. Every method raises TextFailed."""

    def send(
        self, to: str, words: str, *, message_id: int, valid_for: timedelta | None = None
    ) -> Sent:
        """`valid_for`: how long the provider may try; None for as long as it likes."""

    def find_sent(self, to: str, words: str, *, since: datetime) -> list[Sent]:
        """Each text with these words to this number that the provider accepted since then.

        After a crash while a text was being sent, this tells whether it was accepted.
        """

    def forget(self, provider_id: str) -> None:
        """Delete the provider's copy of a text. Does nothing when there is none."""


class Calls(Protocol):
    """A service that calls people and reads an alert to them. Raises TextFailed."""

    def call(self, to: str, *, step_id: int) -> str:
        """The provider's id of the call. The service asks our pages what to say."""


class Mail(Protocol):
    """A service that sends e-mail. Raises TextFailed."""

    def send(self, to: str, subject: str, words: str) -> None: ...


class Operators(Protocol):
    """Those who run the server. Raises TextFailed, with `not_set_up` if nobody is named."""

    def tell(self, about: str, words: str) -> None: ...


@dataclass
class Line:
    """A running Warmline: its database, its rules, and its connections to the outside.

    `rules` come from the files. In the line that `of` returns, `rules` are those of the program
    `program_id`, and `file_rules` come from the files.
    """

    database: Database
    rules: Rules
    bot: Bot
    texts: Texts
    detect: Detect
    # The pipeline: handles a conversation's new messages. It is a field so that the modules that
    # record messages can start it without importing it.
    take_turns: Callable[["Line", int], None]
    clock: Clock = utc_now
    workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(12, thread_name_prefix="line")
    )
    file_rules: Rules | None = None
    program_id: int | None = None
    # None: alerts by this channel are not set up.
    calls: Calls | None = None
    mail: Mail | None = None
    operators: Operators | None = None
    versions: Versions = field(default_factory=Versions)

    def of(self, session: Session, program_id: int) -> "Line":
        """This line with the program's rules. They are read once for each message and job."""
        if self.program_id == program_id:
            return self
        newest = session.scalar(select(newest_version_id(program_id)))
        return self.with_version(session, program_id, newest)

    def with_version(self, session: Session, program_id: int, newest: int | None) -> "Line":
        """This line with the program's rules, whose newest version has the id `newest`."""
        file = self.file_rules or self.rules
        rules = self.versions.get_rules(session, program_id, file, newest=newest)
        return replace(self, rules=rules, file_rules=file, program_id=program_id)

    def at(self, session: Session) -> Transaction:
        """What a move in `session` needs: these rules, and the time now."""
        return Transaction(session, self.rules, self.clock())

    def soon(self, work: Callable[["Line", int], None], conversation_id: int) -> None:
        """Do `work` on another thread at once. If it fails, the watchdog has it done again."""
        try:
            self.workers.submit(self._guarded, work, conversation_id)
        except RuntimeError:
            log.info("ending; left to the next start", work=work.__name__)

    def _guarded(self, work: Callable[["Line", int], None], conversation_id: int) -> None:
        try:
            work(self, conversation_id)
        except Exception:
            log.exception("left to the watchdog", work=work.__name__, conversation=conversation_id)
