"""Record what mentors and managers think of decisions. A verdict changes no decision or policy."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.review.sampling import NotHandedOver
from models import Handoff, Person, Role, Verdict, VerdictRecord


class CannotJudge(Exception):
    """This person may not judge this. The text tells them why."""


def may_judge(handoff: Handoff, person: Person) -> bool:
    """Managers judge any closed handoff of their program, mentors the ones they held at the end."""
    if handoff.is_open or handoff.conversation.program_id != person.program_id:
        return False
    return person.role is Role.MANAGER or handoff.mentor_id == person.id


def judge_handoff(
    session: Session, handoff: Handoff, verdict: Verdict, *, by: Person, note: str, now: datetime
) -> None:
    """Raises CannotJudge."""
    if handoff.is_open:
        raise CannotJudge(
            phrase("#{number} is still open. Judge it once it is closed.", number=handoff.id)
        )
    if not may_judge(handoff, by):
        raise CannotJudge(
            phrase(
                "You can only judge handoffs you held. You did not hold #{number}.",
                number=handoff.id,
            )
        )
    given = VerdictRecord(conversation_id=handoff.conversation_id, handoff_id=handoff.id)
    _record(session, given, verdict, by=by, note=note, now=now)


def judge_week(
    session: Session, week: NotHandedOver, verdict: Verdict, *, by: Person, note: str, now: datetime
) -> None:
    """Raises CannotJudge."""
    if by.role is not Role.MANAGER:
        raise CannotJudge(gettext_noop("Only managers can review conversations without a handoff."))
    if verdict is Verdict.SHOULD_NOT:
        raise CannotJudge(gettext_noop("There was no handoff. Choose whether a person was needed."))
    given = VerdictRecord(conversation_id=week.conversation_id, message_id=week.last_message_id)
    _record(session, given, verdict, by=by, note=note, now=now)


def verdicts_on(
    session: Session, *, handoff_id: int | None = None, message_id: int | None = None
) -> dict[int, VerdictRecord]:
    """The latest verdict of each person on one handoff or week, by the person's id."""
    records = session.scalars(
        select(VerdictRecord)
        .where(VerdictRecord.handoff_id == handoff_id, VerdictRecord.message_id == message_id)
        .order_by(VerdictRecord.id)
    )
    return {record.by_id: record for record in records}


def _record(
    session: Session,
    given: VerdictRecord,
    verdict: Verdict,
    *,
    by: Person,
    note: str,
    now: datetime,
) -> None:
    so_far = verdicts_on(session, handoff_id=given.handoff_id, message_id=given.message_id)
    latest = so_far.get(by.id)
    # A double click is one verdict.
    if latest is not None and (latest.verdict, latest.note) == (verdict, note or None):
        return
    given.by_id, given.at, given.verdict, given.note = by.id, now, verdict, note or None
    session.add(given)
