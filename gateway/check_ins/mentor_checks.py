"""The mentor checks (MATCH) of each mentee: only totals and times, never single answers."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from escalation.check_ins.scales import MENTOR_CHECK, CutOffs
from models import CheckIn, Conversation, Match, MatchKind, Person, Program


@dataclass(frozen=True)
class Said:
    """A mentee's mentor checks that have a total; lower is worse.

    `mentor` is their current own mentor; we do not store whom an earlier answer was about. `low`:
    the latest total is at the program's cut-off or below it.
    """

    mentee: str
    mentor: str | None
    latest: int
    at: datetime
    first: int
    count: int
    low: bool

    @property
    def change(self) -> int | None:
        return self.latest - self.first if self.count > 1 else None


def list_mentor_checks(session: Session, program: Program, cut_offs: CutOffs) -> list[Said]:
    """Every active mentee who has answered; the lowest first, then the longest ago."""
    mentor = aliased(Person)
    rows = session.execute(
        select(Conversation.person_id, Person.name, mentor.name, CheckIn.at, CheckIn.score)
        .join(Conversation, Conversation.id == CheckIn.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .outerjoin(Match, (Match.mentee_id == Person.id) & (Match.kind == MatchKind.OWN))
        .outerjoin(mentor, mentor.id == Match.mentor_id)
        .where(
            Conversation.program_id == program.id,
            Person.left_at.is_(None),
            CheckIn.kind == MENTOR_CHECK.name,
            CheckIn.score.is_not(None),
        )
        .order_by(CheckIn.at, CheckIn.id)
    )
    names: dict[int, tuple[str, str | None]] = {}
    totals: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for person, mentee, own, at, total in rows:
        if person is not None and total is not None:
            names[person] = mentee, own
            totals[person].append((at, total))
    said = [
        Said(
            *names[person],
            latest=given[-1][1],
            at=given[-1][0],
            first=given[0][1],
            count=len(given),
            low=given[-1][1] * MENTOR_CHECK.unit_per_point <= cut_offs.cut_off,
        )
        for person, given in totals.items()
    ]
    return sorted(said, key=lambda one: (one.latest, one.at))
