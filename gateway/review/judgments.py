"""Verdicts read back from the database, each with its score and its weight."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer, lazyload

from gateway.handoffs.timeline import LED_UP_TO
from gateway.review.sampling import Week, get_week, not_handed_over
from models import (
    Conversation,
    DecisionRecord,
    Handoff,
    Message,
    Need,
    Program,
    Verdict,
    VerdictRecord,
)


@dataclass(frozen=True)
class Judged:
    """A verdict on a handoff, or on a week of a conversation without one.

    `connection` is the highest score in what led to it; None where the connection threshold
    played no part. `weight` is how many of its kind it stands for: a reviewed conversation was one
    of ten drawn, a judged handoff one of nearly all.
    """

    handed_over: bool
    verdict: Verdict
    connection: float | None = None
    weight: float = 1.0
    agreed: bool = True

    @property
    def needed(self) -> bool:
        if self.handed_over:
            return self.verdict is not Verdict.SHOULD_NOT
        return self.verdict is Verdict.SHOULD_EARLIER


@dataclass(frozen=True)
class _Subject:
    """What verdicts are about: a handoff, or a week up to the mentee's last message in it."""

    conversation_id: int
    handoff: Handoff | None
    week: Week
    verdicts: tuple[VerdictRecord, ...]


def judged_since(
    session: Session, program: Program, *, since: datetime, now: datetime
) -> list[Judged]:
    """Each subject once, by its latest verdict: its author could read the earlier ones."""
    subjects = _read_subjects(session, program, since)
    threads = {subject.conversation_id for subject in subjects}
    closed, scores = _closing_times(session, threads), _connection_scores(session, threads)
    weights = _weigh(session, program, subjects, now=now)
    return [
        Judged(
            handed_over=subject.handoff is not None,
            verdict=subject.verdicts[-1].verdict,
            connection=_highest_score(
                subject, closed[subject.conversation_id], scores[subject.conversation_id]
            ),
            weight=weight,
            agreed=len({record.verdict for record in subject.verdicts}) == 1,
        )
        for subject, weight in zip(subjects, weights, strict=True)
    ]


def _read_subjects(session: Session, program: Program, since: datetime) -> list[_Subject]:
    rows = session.execute(
        select(VerdictRecord, Handoff, Message.at)
        .join(Conversation, Conversation.id == VerdictRecord.conversation_id)
        .outerjoin(Handoff, Handoff.id == VerdictRecord.handoff_id)
        .outerjoin(Message, Message.id == VerdictRecord.message_id)
        .where(Conversation.program_id == program.id, VerdictRecord.at >= since)
        .order_by(VerdictRecord.id)
        .options(lazyload("*"), defer(VerdictRecord.note))
    ).all()
    latest: dict[tuple[int | None, int | None], dict[int, VerdictRecord]] = defaultdict(dict)
    about: dict[tuple[int | None, int | None], tuple[Handoff | None, datetime]] = {}
    for record, handoff, written_at in rows:
        key = (record.handoff_id, record.message_id)
        latest[key].pop(record.by_id, None)  # so that the latest verdict comes last
        latest[key][record.by_id] = record
        about[key] = (handoff, handoff.opened_at if handoff else written_at)
    subjects = []
    for key, by_person in latest.items():
        (judged, at), verdicts = about[key], tuple(by_person.values())
        week = get_week(at, program.timezone)
        subjects.append(_Subject(verdicts[0].conversation_id, judged, week, verdicts))
    return subjects


def _closing_times(
    session: Session, conversations: set[int]
) -> Mapping[int, list[tuple[int, datetime]]]:
    """By conversation: the id of each closed handoff and when it was closed."""
    rows = session.execute(
        select(Handoff.conversation_id, Handoff.id, Handoff.closed_at).where(
            Handoff.conversation_id.in_(conversations), Handoff.closed_at.is_not(None)
        )
    )
    closed: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    for conversation, handoff, at in rows:
        assert at is not None
        closed[conversation].append((handoff, at))
    return closed


def _connection_scores(
    session: Session, conversations: set[int]
) -> Mapping[int, list[tuple[datetime, float]]]:
    """By conversation: when each decided message came, and its score for connection."""
    rows = session.execute(
        select(Message.conversation_id, Message.at, DecisionRecord.connection)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(Message.conversation_id.in_(conversations))
        .order_by(DecisionRecord.id)
    )
    scores: dict[int, list[tuple[datetime, float]]] = defaultdict(list)
    for conversation, at, connection in rows:
        scores[conversation].append((at, connection))
    return scores


def _highest_score(
    subject: _Subject,
    closed: Iterable[tuple[int, datetime]],
    scores: Iterable[tuple[datetime, float]],
) -> float | None:
    """The highest threshold that would have brought a person.

    A crisis, a request, or a stuck bot brings one at any threshold, so those handoffs have none.
    """
    handoff = subject.handoff
    if handoff is None:
        starts, ends = subject.week.starts_at, subject.week.ends_at
        return max((score for at, score in scores if starts <= at < ends), default=None)
    if handoff.need is not Need.CONNECTION:
        return None
    opened = handoff.opened_at
    after = max([opened - LED_UP_TO, *(at for one, at in closed if one < handoff.id)])
    return max((score for at, score in scores if after < at <= opened), default=None)


def _weigh(
    session: Session, program: Program, subjects: Sequence[_Subject], *, now: datetime
) -> list[float]:
    """How many each subject stands for, in the weeks that were reviewed.

    A reviewed conversation stands for its share of all in its week that were not handed over. A
    judged handoff stands for its share of all handoffs of its need since the first subject, scaled
    from that time to as many weeks as were reviewed.
    """
    if not subjects:
        return []
    reviewed = Counter(subject.week for subject in subjects if subject.handoff is None)
    eligible = {week: len(not_handed_over(session, program, week)) for week in reviewed}
    began = min(subject.week.starts_at for subject in subjects)
    weeks = max((now - began) / timedelta(weeks=1), 1.0)
    scale = len(reviewed) / weeks if reviewed else 1.0
    counts = session.execute(
        select(Handoff.need, func.count())
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, Handoff.opened_at >= began)
        .group_by(Handoff.need)
    )
    opened = dict(counts.all())
    judged = Counter(subject.handoff.need for subject in subjects if subject.handoff)
    return [
        max(eligible[subject.week] / reviewed[subject.week], 1.0)
        if subject.handoff is None
        else scale * opened[subject.handoff.need] / judged[subject.handoff.need]
        for subject in subjects
    ]
