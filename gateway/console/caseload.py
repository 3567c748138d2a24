"""A mentor's own mentees: who is inactive, and open handoffs. No messages.

Inactive, last heard, and missed check-ins mean the same as in the managers' lists.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from escalation.policy import Policy
from gateway.check_ins.answers import missed_check_ins
from gateway.handoffs.queue import select_open
from gateway.people.directory import is_silent, last_heard, last_wrote
from models import CheckIn, Conversation, Handoff, Match, MatchKind, Person


@dataclass(frozen=True)
class OwnMentee:
    """`heard_at` is when any person last wrote to the mentee. `missed` counts recent scheduled
    check-ins without an answer. `handoff` is open.
    """

    mentee: Person
    kind: MatchKind
    wrote_at: datetime | None
    heard_at: datetime | None
    checked_in_at: datetime | None
    missed: int
    handoff: Handoff | None
    silent: bool

    @property
    def quiet_since(self) -> datetime:
        return self.wrote_at or self.mentee.enrolled_at


def list_own_mentees(
    session: Session, mentor: Person, policy: Policy, *, now: datetime
) -> list[OwnMentee]:
    """The active mentees who are matched with `mentor`, longest silence first."""
    matched = session.execute(
        select(Match.kind, Person)
        .join(Person, Person.id == Match.mentee_id)
        .where(Match.mentor_id == mentor.id, Person.left_at.is_(None))
    ).all()
    theirs = Conversation.person_id.in_([mentee.id for _, mentee in matched])
    wrote, heard = last_wrote(session, theirs), last_heard(session, theirs)
    checked_in = _last_check_in(session, theirs)
    since = now - timedelta(days=policy.schedule.missed_shown_days)
    missed = Counter(
        one.mentee_id for one in missed_check_ins(session, mentor.program_id, since=since)
    )
    inactive_after = timedelta(days=policy.targets.inactive_after_days)
    handoffs = {
        handoff.conversation.person_id: handoff
        for handoff in session.scalars(select_open(mentor).where(theirs))
    }
    mentees = [
        OwnMentee(
            mentee=mentee,
            kind=kind,
            wrote_at=wrote.get(mentee.id),
            heard_at=heard.get(mentee.id),
            checked_in_at=checked_in.get(mentee.id),
            missed=missed[mentee.id],
            handoff=handoffs.get(mentee.id),
            silent=is_silent(mentee, wrote.get(mentee.id), since=now - inactive_after),
        )
        for kind, mentee in matched
    ]
    return sorted(mentees, key=lambda one: (one.quiet_since, one.mentee.id))


def _last_check_in(session: Session, those: ColumnElement[bool]) -> dict[int, datetime]:
    rows = session.execute(
        select(Conversation.person_id, func.max(CheckIn.at))
        .join(Conversation, Conversation.id == CheckIn.conversation_id)
        .where(those, Conversation.person_id.is_not(None))
        .group_by(Conversation.person_id)
    )
    return {mentee: at for mentee, at in rows if mentee is not None}
