"""Asking mentors and managers for a verdict, and recording it. A verdict changes no policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.conversations.relay import LONGEST_TEXT
from gateway.review.sampling import NotHandedOver
from gateway.runtime.user_input import cleaned, too_long
from gateway.web.rendering import PageRefused, get_line
from models import Handoff, Need, Person, Role, Verdict, VerdictRecord

ON_A_HANDOFF = {
    Verdict.RIGHT: gettext_noop("Right"),
    Verdict.SHOULD_NOT: gettext_noop("Not needed"),
    Verdict.SHOULD_EARLIER: gettext_noop("Too late"),
}
ON_A_WEEK = {
    Verdict.RIGHT: gettext_noop("Right, no one was needed"),
    Verdict.SHOULD_EARLIER: gettext_noop("A person was needed"),
}


@dataclass(frozen=True)
class Judging:
    """What a page needs to ask for a verdict. `given` is the viewer's own so far.

    Managers see `others` only after giving theirs, so that they are not influenced.
    """

    action: str
    question: str
    choices: Mapping[Verdict, str]
    given: VerdictRecord | None
    others: tuple[VerdictRecord, ...]


def judging_handoff(
    session: Session, handoff: Handoff, viewer: Person, *, action: str
) -> Judging | None:
    """None if the viewer may not judge it, or not yet."""
    # Where a mentor wrote first, Warmline decided nothing.
    if handoff.is_open or handoff.need is Need.MENTOR or not _may_judge(handoff, viewer):
        return None
    verdicts = find_verdicts(session, VerdictRecord.handoff_id == handoff.id)
    own = verdicts.pop(viewer.id, None)
    others = tuple(verdicts.values()) if own and viewer.role is Role.MANAGER else ()
    return Judging(action, gettext_noop("Was this handoff right?"), ON_A_HANDOFF, own, others)


def judging_week(session: Session, week: NotHandedOver, viewer: Person, *, action: str) -> Judging:
    verdicts = find_verdicts(session, VerdictRecord.message_id == week.last_message_id)
    own = verdicts.pop(viewer.id, None)
    others = tuple(verdicts.values()) if own else ()
    return Judging(action, gettext_noop("Was it right not to hand off?"), ON_A_WEEK, own, others)


def read_verdict(
    request: Request,
    verdict: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> VerdictRecord:
    """The verdict in a form. Raises PageRefused."""
    if verdict not in list(Verdict):
        raise PageRefused(422, gettext_noop("Choose a verdict."))
    note = cleaned(note)
    if sentence := too_long(note, LONGEST_TEXT):
        raise PageRefused(422, sentence)
    return VerdictRecord(verdict=Verdict(verdict), note=note or None, at=get_line(request).clock())


Given = Annotated[VerdictRecord, Depends(read_verdict)]


def judge_handoff(session: Session, handoff: Handoff, given: VerdictRecord, *, by: Person) -> None:
    """Raises PageRefused."""
    number = handoff.id
    if handoff.is_open:
        raise PageRefused(
            409, phrase("#{number} is still open. Judge it once it is closed.", number=number)
        )
    if not _may_judge(handoff, by):
        raise PageRefused(
            403,
            phrase(
                "You can only judge handoffs you held. You did not hold #{number}.", number=number
            ),
        )
    given.conversation_id, given.handoff_id = handoff.conversation_id, number
    _record(session, given, VerdictRecord.handoff_id == number, by=by)


def judge_week(session: Session, week: NotHandedOver, given: VerdictRecord, *, by: Person) -> None:
    """Raises PageRefused."""
    if given.verdict is Verdict.SHOULD_NOT:
        raise PageRefused(
            409, gettext_noop("There was no handoff. Choose whether a person was needed.")
        )
    given.conversation_id, given.message_id = week.conversation_id, week.last_message_id
    _record(session, given, VerdictRecord.message_id == week.last_message_id, by=by)


def find_verdicts(session: Session, about: ColumnElement[bool]) -> dict[int, VerdictRecord]:
    """The latest verdict of each person on one handoff or week, by the person's id."""
    records = session.scalars(select(VerdictRecord).where(about).order_by(VerdictRecord.id))
    return {record.by_id: record for record in records}


def _may_judge(handoff: Handoff, person: Person) -> bool:
    """Managers judge every handoff of their program, mentors the ones they held at the end."""
    return person.role is Role.MANAGER or handoff.mentor_id == person.id


def _record(
    session: Session, given: VerdictRecord, about: ColumnElement[bool], *, by: Person
) -> None:
    latest = find_verdicts(session, about).get(by.id)
    # A double click is one verdict.
    if latest is None or (latest.verdict, latest.note) != (given.verdict, given.note):
        given.by_id = by.id
        session.add(given)
