"""Alarms to the operators: by webhook and e-mail, never by the provider that may be the trouble."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import httpx
import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import Work, enqueue
from gateway.runtime.line import Line, Mail, TextFailed
from models import OperatorAlarm

log = structlog.get_logger()

# The same trouble shows in many texts. An hour later it is worth another alarm.
AGAIN_AFTER = timedelta(hours=1)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)
# After that nobody needs it any more: the trouble has raised others.
MOST_TRIES = 30
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class SendAlarm(Work):
    name: ClassVar[str] = "send_alarm"
    queue: ClassVar[str] = "webhooks"
    alarm_id: int
    tries: int


@dataclass(frozen=True)
class Operators:
    """Where alarms go: a webhook of a chat or a pager, an e-mail address, or both."""

    webhook: str | None = None
    email: str | None = None
    mail: Mail | None = None

    def tell(self, about: str, words: str) -> None:
        """Raises TextFailed if the alarm reached neither; `not_set_up` if there is neither."""
        failed: list[str] = []
        if self.webhook is not None:
            failed += self._post(about, words)
        if self.email is not None and self.mail is not None:
            try:
                self.mail.send(self.email, f"Warmline alarm: {about}", words)
            except TextFailed as error:
                failed.append(error.code)
        ways = (self.webhook is not None) + (self.email is not None and self.mail is not None)
        if len(failed) == ways:
            raise TextFailed(failed[0] if failed else "not_set_up", final=not ways)

    def _post(self, about: str, words: str) -> list[str]:
        # "text" is what Slack, Mattermost, and Teams show.
        body = {"text": f"Warmline: {words}", "about": about}
        try:
            answer = httpx.post(str(self.webhook), json=body, timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            return [type(error).__name__]
        return [] if answer.is_success else [str(answer.status_code)]


def raise_alarm(
    session: Session,
    about: str,
    words: str,
    *,
    now: datetime,
    again_after: timedelta = AGAIN_AFTER,
) -> None:
    """Write an alarm, unless there was one `about` the same within `again_after`.

    `about` is up to 60 characters. `words` name no person and no number, and say what to do.
    """
    same = select(OperatorAlarm.id).where(
        OperatorAlarm.about == about, OperatorAlarm.at > now - again_after
    )
    if session.scalar(same.limit(1)) is not None:
        return
    alarm = OperatorAlarm(at=now, about=about, words=words, next_try_at=now, tries=0)
    session.add(alarm)
    session.flush()
    enqueue(session, SendAlarm(alarm.id, 0), at=now)
    log.error("operator alarm", about=about, words=words)


def send_alarm(line: Line, work: SendAlarm) -> None:
    with line.database.writing() as session:
        alarm = session.get_one(OperatorAlarm, work.alarm_id, with_for_update=True)
        if alarm.sent_at is not None or alarm.tries != work.tries or alarm.next_try_at is None:
            return
        alarm.tries += 1
        alarm.next_try_at = line.clock() + FIRST_WAIT
        about, words = alarm.about, alarm.words
    try:
        if line.operators is None:
            raise TextFailed("not_set_up", final=True)
        line.operators.tell(about, words)
    except TextFailed as failed:
        _note_failure(line, work, failed)
        return
    with line.database.writing() as session:
        alarm = session.get_one(OperatorAlarm, work.alarm_id)
        alarm.sent_at, alarm.next_try_at = line.clock(), None


def _note_failure(line: Line, work: SendAlarm, failed: TextFailed) -> None:
    log.error("operator alarm not sent", alarm=work.alarm_id, code=failed.code)
    with line.database.writing() as session:
        alarm = session.get_one(OperatorAlarm, work.alarm_id)
        if failed.final or alarm.tries >= MOST_TRIES:
            alarm.next_try_at = None
            return
        wait = min(FIRST_WAIT * 2 ** min(work.tries, 10), LONGEST_WAIT)
        alarm.next_try_at = line.clock() + wait
        enqueue(session, SendAlarm(alarm.id, alarm.tries), at=alarm.next_try_at)


def alarms_to_send(line: Line, session: Session, before: datetime) -> list[Work]:
    due = select(OperatorAlarm.id, OperatorAlarm.tries).where(OperatorAlarm.next_try_at <= before)
    return [SendAlarm(*row) for row in session.execute(due)]


def send_unsent(line: Line) -> None:
    """Send what is due here and now, for a command: there is no engine to do it."""
    with line.database.reading() as session:
        due = alarms_to_send(line, session, line.clock())
    for work in due:
        assert isinstance(work, SendAlarm)
        send_alarm(line, work)
