"""Verdicts read back from the database, each with its score and its weight."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased, defer, lazyload

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
    played no part. `weight` is how many of its kind it represents: a reviewed conversation was one
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


@dataclass
class _Subject:
    """What verdicts are about: a handoff, or a week up to the mentee's last message in it.

    `closed_before` is when the conversation's handoff before was closed. `verdicts` has the latest
    one of each person, by their id, in the order given.
    """

    conversation_id: int
    handoff: Handoff | None
    closed_before: datetime | None
    week: Week
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def led_to(self, at: datetime) -> bool:
        """Whether a message of this time was part of what led to the handoff, or of the week."""
        if self.handoff is None:
            return self.week.starts_at <= at < self.week.ends_at
        opened = self.handoff.opened_at
        since = opened - LED_UP_TO
        return max(since, self.closed_before or since) < at <= opened


def judged_since(
    session: Session, program: Program, *, since: datetime, now: datetime
) -> list[Judged]:
    """Each subject once, by its latest verdict: its author could read the earlier ones."""
    subjects = _read_subjects(session, program, since)
    scores = _connection_scores(session, {subject.conversation_id for subject in subjects})
    weights = _weigh(session, program, subjects, now=now)
    return [
        Judged(
            handed_over=subject.handoff is not None,
            verdict=[*subject.verdicts.values()][-1],
            connection=_highest_score(subject, scores[subject.conversation_id]),
            weight=weight,
            agreed=len(set(subject.verdicts.values())) == 1,
        )
        for subject, weight in zip(subjects, weights, strict=True)
    ]


def _read_subjects(session: Session, program: Program, since: datetime) -> list[_Subject]:
    earlier = aliased(Handoff)
    closed_before = select(func.max(earlier.closed_at)).where(
        earlier.conversation_id == Handoff.conversation_id, earlier.id < Handoff.id
    )
    rows = session.execute(
        select(VerdictRecord, Handoff, closed_before.scalar_subquery(), Message.at)
        .join(Conversation, Conversation.id == VerdictRecord.conversation_id)
        .outerjoin(Handoff, Handoff.id == VerdictRecord.handoff_id)
        .outerjoin(Message, Message.id == VerdictRecord.message_id)
        .where(Conversation.program_id == program.id, VerdictRecord.at >= since)
        .order_by(VerdictRecord.id)
        .options(lazyload("*"), defer(VerdictRecord.note))
    )
    subjects: dict[tuple[int | None, int | None], _Subject] = {}
    for record, handoff, closed_at, written_at in rows:
        key = (record.handoff_id, record.message_id)
        week = get_week(handoff.opened_at if handoff else written_at, program.timezone)
        fresh = _Subject(record.conversation_id, handoff, closed_at, week)
        verdicts = subjects.setdefault(key, fresh).verdicts
        verdicts.pop(record.by_id, None)  # so that the latest verdict comes last
        verdicts[record.by_id] = record.verdict
    return [*subjects.values()]


def _connection_scores(
    session: Session, conversations: set[int]
) -> Mapping[int, list[tuple[datetime, float]]]:
    """By conversation: when each decided message came, and its score for connection."""
    rows = session.execute(
        select(Message.conversation_id, Message.at, DecisionRecord.connection)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(Message.conversation_id.in_(conversations))
    )
    scores: dict[int, list[tuple[datetime, float]]] = defaultdict(list)
    for conversation, at, connection in rows:
        scores[conversation].append((at, connection))
    return scores


def _highest_score(subject: _Subject, scores: Iterable[tuple[datetime, float]]) -> float | None:
    """The highest connection threshold that would have brought a person.

    A crisis, a request, or a stuck bot brings one at any threshold, so those handoffs have none.
    """
    if subject.handoff is not None and subject.handoff.need is not Need.CONNECTION:
        return None
    return max((score for at, score in scores if subject.led_to(at)), default=None)


def _weigh(
    session: Session, program: Program, subjects: Sequence[_Subject], *, now: datetime
) -> list[float]:
    """How many each subject represents, in the weeks that were reviewed.

    A reviewed conversation represents its share of all in its week that were not handed over. A
    judged handoff represents its share of all handoffs of its need since the first subject, scaled
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
