"""What mentors and managers say afterwards of the line's decisions, and what that adds up to.

Nothing here changes a decision, a threshold or a policy: it counts, and it suggests.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer, lazyload

from escalation.intervals import Numbers, Rate, wilson
from escalation.policy import Policy
from escalation.speech.i18n import gettext_noop, phrase
from gateway.handoffs.timeline import LED_UP_TO
from gateway.review.sampling import NotHandedOver, Week, get_week, not_handed_over
from models import (
    Conversation,
    DecisionRecord,
    Handoff,
    Message,
    Need,
    Person,
    Program,
    Role,
    Verdict,
    VerdictRecord,
)

# Older ones were given on another model and another policy.
LOOKED_BACK = timedelta(weeks=26)
# With 30 verdicts a half is known to within a sixth (Wilson: 0.33 to 0.67); fewer say too little.
AT_LEAST = 30
# Without enough of those for whom nobody came, no threshold can be seen to be too high.
AT_LEAST_NOT_HANDED_OVER = 10
RESAMPLINGS = 1000
# Any number does; a fixed one gives everybody the same interval.
SEED = 4


# --- giving one ---


class CannotJudge(Exception):
    """This person may not judge this. Its text says why, for them."""


def may_judge(handoff: Handoff, person: Person) -> bool:
    """A manager any closed handoff of the program; a mentor those they held at the end."""
    if handoff.is_open or handoff.conversation.program_id != person.program_id:
        return False
    return person.role is Role.MANAGER or handoff.mentor_id == person.id


def judge_handoff(
    session: Session, handoff: Handoff, verdict: Verdict, *, by: Person, note: str, now: datetime
) -> None:
    """Raises CannotJudge."""
    if handoff.is_open:
        raise CannotJudge(
            phrase("#{number} is still open. Close it first, then judge it.", number=handoff.id)
        )
    if not may_judge(handoff, by):
        raise CannotJudge(
            phrase(
                "You did not hold #{number}, so its verdict is not yours to give.",
                number=handoff.id,
            )
        )
    given = VerdictRecord(conversation_id=handoff.conversation_id, handoff_id=handoff.id)
    _keep(session, given, verdict, by=by, note=note, now=now)


def judge_week(
    session: Session, week: NotHandedOver, verdict: Verdict, *, by: Person, note: str, now: datetime
) -> None:
    """Raises CannotJudge."""
    if by.role is not Role.MANAGER:
        raise CannotJudge(
            gettext_noop("Only managers review conversations in which nobody was brought.")
        )
    if verdict is Verdict.SHOULD_NOT:
        raise CannotJudge(
            gettext_noop("Nobody was brought here. Say whether somebody should have been.")
        )
    given = VerdictRecord(conversation_id=week.conversation_id, message_id=week.last_message_id)
    _keep(session, given, verdict, by=by, note=note, now=now)


def verdicts_on(
    session: Session, *, handoff_id: int | None = None, message_id: int | None = None
) -> dict[int, VerdictRecord]:
    """The verdicts that count on one thing, by the id of who gave them."""
    records = session.scalars(
        select(VerdictRecord)
        .where(VerdictRecord.handoff_id == handoff_id, VerdictRecord.message_id == message_id)
        .order_by(VerdictRecord.id)
    )
    return {record.by_id: record for record in records}


def _keep(
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
    # One click that came twice is one verdict.
    if latest is not None and (latest.verdict, latest.note) == (verdict, note or None):
        return
    given.by_id, given.at, given.verdict, given.note = by.id, now, verdict, note or None
    session.add(given)


# --- what was judged ---


@dataclass(frozen=True)
class Judged:
    """A handoff, or a week of a conversation without one, with its verdict.

    `connection` is the highest score in what led to it; None where the connection threshold had
    no part in it. `stands_for` is how many of its kind it was picked from: a reviewed
    conversation was one of ten drawn, a judged handoff one of nearly all there were.
    """

    handed_over: bool
    verdict: Verdict
    connection: float | None = None
    stands_for: float = 1.0
    agreed: bool = True

    @property
    def needed(self) -> bool:
        """Whether a person was needed, be it earlier than one came."""
        if self.handed_over:
            return self.verdict is not Verdict.SHOULD_NOT
        return self.verdict is Verdict.SHOULD_EARLIER


@dataclass(frozen=True)
class _Thing:
    """What verdicts were given on: a handoff, or a week up to the mentee's last message in it."""

    conversation_id: int
    handoff: Handoff | None
    week: Week
    verdicts: tuple[VerdictRecord, ...]


def judged_since(
    session: Session, program: Program, *, since: datetime, now: datetime
) -> list[Judged]:
    """Each thing once, by its latest verdict; who judged last could have read the others."""
    things = _things(session, program, since)
    threads = {thing.conversation_id for thing in things}
    closed = _closed(session, threads)
    scores = _scores(session, threads)
    weights = _stand_for(session, program, things, now=now)
    return [
        Judged(
            handed_over=thing.handoff is not None,
            verdict=thing.verdicts[-1].verdict,
            connection=_highest(
                thing, closed[thing.conversation_id], scores[thing.conversation_id]
            ),
            stands_for=weight,
            agreed=len({record.verdict for record in thing.verdicts}) == 1,
        )
        for thing, weight in zip(things, weights, strict=True)
    ]


def _things(session: Session, program: Program, since: datetime) -> list[_Thing]:
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
        latest[key].pop(record.by_id, None)  # so that the order is that of the latest ones
        latest[key][record.by_id] = record
        about[key] = (handoff, handoff.opened_at if handoff else written_at)
    things = []
    for key, by_person in latest.items():
        judged, at = about[key]
        verdicts = tuple(by_person.values())
        week = get_week(at, program.timezone)
        things.append(_Thing(verdicts[0].conversation_id, judged, week, verdicts))
    return things


def _closed(session: Session, conversations: set[int]) -> Mapping[int, list[tuple[int, datetime]]]:
    """Each closed handoff's id and when it was closed, by conversation."""
    rows = session.execute(
        select(Handoff.conversation_id, Handoff.id, Handoff.closed_at).where(
            Handoff.conversation_id.in_(conversations)
        )
    )
    closed: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    for conversation, handoff, at in rows:
        if at is not None:
            closed[conversation].append((handoff, at))
    return closed


def _scores(
    session: Session, conversations: set[int]
) -> Mapping[int, list[tuple[datetime, float]]]:
    """When each decided message came and its score for connection, by conversation."""
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


def _highest(
    thing: _Thing,
    closed: Iterable[tuple[int, datetime]],
    scores: Iterable[tuple[datetime, float]],
) -> float | None:
    """The score a threshold would have had to be at or below to bring somebody by then.

    Handoffs that came of a crisis, of a request or of a bot that did not help would have come
    at any threshold, so they say nothing of it.
    """
    handoff = thing.handoff
    if handoff is None:
        starts, ends = thing.week.starts_at, thing.week.ends_at
        return max((score for at, score in scores if starts <= at < ends), default=None)
    if handoff.need is not Need.CONNECTION:
        return None
    opened, led_up = handoff.opened_at, handoff.opened_at - LED_UP_TO
    after = max([led_up, *(at for one, at in closed if one < handoff.id)])
    return max((score for at, score in scores if after < at <= opened), default=None)


def _stand_for(
    session: Session,
    program: Program,
    things: Sequence[_Thing],
    *,
    now: datetime,
) -> list[float]:
    """How many each judged thing stands for, in the weeks that were reviewed.

    A reviewed conversation stands for its share of all that were not handed over in its week. A
    judged handoff stands for its share of all handoffs of its need since the first thing judged,
    scaled from that time to as many weeks as were reviewed.
    """
    if not things:
        return []
    reviewed = Counter(thing.week for thing in things if thing.handoff is None)
    eligible = {week: len(not_handed_over(session, program, week)) for week in reviewed}
    began = min(thing.week.starts_at for thing in things)
    weeks = max((now - began) / timedelta(weeks=1), 1.0)
    scale = len(reviewed) / weeks if reviewed else 1.0
    counts = session.execute(
        select(Handoff.need, func.count())
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, Handoff.opened_at >= began)
        .group_by(Handoff.need)
    )
    opened = dict(counts.all())
    judged = Counter(thing.handoff.need for thing in things if thing.handoff)
    return [
        max(eligible[thing.week] / reviewed[thing.week], 1.0)
        if thing.handoff is None
        else scale * opened[thing.handoff.need] / judged[thing.handoff.need]
        for thing in things
    ]


# --- the confusion matrix ---


@dataclass(frozen=True)
class Matrix:
    """Decisions against verdicts. `late` counts the handoffs that should have come earlier; they
    are among `handed_over_needed`.
    """

    handed_over_needed: int
    handed_over_not_needed: int
    left_needed: int
    left_not_needed: int
    late: int

    @property
    def judged(self) -> int:
        return self.handed_over.of + self.missed.of

    @property
    def handed_over(self) -> Rate:
        """Of the handoffs, those in which a person was needed."""
        needed = self.handed_over_needed
        return Rate(needed, needed + self.handed_over_not_needed)

    @property
    def came_late(self) -> Rate:
        """Of the handoffs in which a person was needed, those that should have come earlier."""
        return Rate(self.late, self.handed_over_needed)

    @property
    def missed(self) -> Rate:
        """Of the conversations not handed over, those in which somebody was needed."""
        return Rate(self.left_needed, self.left_needed + self.left_not_needed)


def build_matrix(judged: Iterable[Judged]) -> Matrix:
    counts = Counter((one.handed_over, one.verdict) for one in judged)
    right, late = counts[True, Verdict.RIGHT], counts[True, Verdict.SHOULD_EARLIER]
    return Matrix(
        handed_over_needed=right + late,
        handed_over_not_needed=counts[True, Verdict.SHOULD_NOT],
        left_needed=counts[False, Verdict.SHOULD_EARLIER],
        left_not_needed=counts[False, Verdict.RIGHT],
        late=late,
    )


# --- a threshold ---


@dataclass(frozen=True)
class Reach:
    """What a threshold would do to those judged, each counted as many as it stands for.

    `needed` is the share of those it brings who needed a person, None when it brings nobody;
    `reached` the share of those who needed one whom it brings. Somebody among the judged did.
    """

    threshold: float
    needed: float | None
    reached: float


@dataclass(frozen=True)
class Suggestion:
    """A `connection` threshold, the 95% interval of its bootstrap, and what it would do.

    `holds_in` is the share of resamplings in which any threshold did what is asked of it.
    """

    judged: int
    suggested: Reach
    in_use: Reach
    low: float
    high: float
    holds_in: float


@dataclass(frozen=True)
class NoSuggestion:
    why: str


def suggest(
    judged: Iterable[Judged], *, in_use: float, needed_at_least: float
) -> Suggestion | NoSuggestion:
    """The lowest threshold at which, of those brought, `needed_at_least` or more needed a person.

    "Or more" is said with confidence: it is the lower bound of the share's 95% interval that has
    to hold, on Kish's effective number of verdicts, since they stand for unequally many. The
    interval around the threshold comes of drawing the verdicts anew, with replacement, those
    with a handoff and those without apart.
    """
    counted = [one for one in judged if one.connection is not None]
    left = sum(not one.handed_over for one in counted)
    if len(counted) < AT_LEAST:
        return NoSuggestion(
            phrase(
                "too few verdicts ({count}; at least {at_least} are needed)",
                count=len(counted),
                at_least=AT_LEAST,
            )
        )
    if left < AT_LEAST_NOT_HANDED_OVER:
        return NoSuggestion(
            phrase(
                "too few verdicts on conversations that were not handed over ({left}; at least "
                "{at_least} are needed)",
                left=left,
                at_least=AT_LEAST_NOT_HANDED_OVER,
            )
        )
    table = _Table.of(counted)
    threshold = table.lowest(needed_at_least)
    if threshold is None:
        return NoSuggestion(
            phrase(
                "at no threshold is it sure that {share:.0%} of those brought need a person",
                share=needed_at_least,
            )
        )
    resampled = [one.lowest(needed_at_least) for one in table.resampled()]
    held = [one for one in resampled if one is not None]
    # Each end is one of the thresholds found, not a mean of two.
    ends = np.percentile([*held, threshold], [2.5, 97.5], method="inverted_cdf")
    return Suggestion(
        judged=len(counted),
        suggested=table.reach(threshold),
        in_use=table.reach(in_use),
        low=float(ends[0]),
        high=float(ends[1]),
        holds_in=len(held) / len(resampled),
    )


@dataclass(frozen=True)
class _Table:
    """The verdicts in columns. Scores are cut to hundredths, as policy.toml has them."""

    scores: Numbers
    needed: Numbers
    weights: Numbers
    handed_over: NDArray[np.bool_]

    @classmethod
    def of(cls, judged: Sequence[Judged]) -> "_Table":
        scores = np.array([one.connection for one in judged], dtype=np.float64)
        return cls(
            np.floor(scores * 100 + 1e-9) / 100,
            np.array([one.needed for one in judged], dtype=np.float64),
            np.array([one.stands_for for one in judged], dtype=np.float64),
            np.array([one.handed_over for one in judged]),
        )

    def lowest(self, needed_at_least: float) -> float | None:
        order = np.argsort(-self.scores)
        scores, weights = self.scores[order], self.weights[order]
        brought = np.cumsum(weights)
        share = np.cumsum(weights * self.needed[order]) / brought
        effective = brought**2 / np.cumsum(weights**2)
        low, _ = wilson(np.clip(share, 0, 1), effective)
        # A threshold brings everybody with its score, so only the last of equals counts.
        last = np.append(scores[1:] != scores[:-1], True)
        holds = scores[last & (low >= needed_at_least)]
        return float(holds.min()) if holds.size else None

    def reach(self, threshold: float) -> Reach:
        brought = self.scores >= threshold
        needed = float((self.weights * self.needed).sum())
        of = float(self.weights[brought].sum())
        hits = float((self.weights * self.needed)[brought].sum())
        return Reach(threshold, hits / of if of else None, hits / needed)

    def resampled(self) -> Iterable["_Table"]:
        lots = np.random.default_rng(SEED)
        groups = [np.flatnonzero(self.handed_over), np.flatnonzero(~self.handed_over)]
        for _ in range(RESAMPLINGS):
            drawn = np.concatenate(
                [lots.choice(group, group.size) for group in groups if group.size]
            )
            yield _Table(
                self.scores[drawn],
                self.needed[drawn],
                self.weights[drawn],
                self.handed_over[drawn],
            )


# --- all of it ---


@dataclass(frozen=True)
class Summary:
    """What a program's verdicts add up to. `differed` counts things that two people judged
    differently.
    """

    matrix: Matrix
    differed: int
    connection: Suggestion | NoSuggestion
    needed_at_least: float
    weeks: int


def summarize(
    session: Session,
    program: Program,
    policy: Policy,
    *,
    now: datetime,
    looked_back: timedelta = LOOKED_BACK,
) -> Summary:
    judged = judged_since(session, program, since=now - looked_back, now=now)
    asked = policy.review.needed_at_least
    return Summary(
        matrix=build_matrix(judged),
        differed=sum(not one.agreed for one in judged),
        connection=suggest(judged, in_use=policy.thresholds.connection, needed_at_least=asked),
        needed_at_least=asked,
        weeks=round(looked_back / timedelta(weeks=1)),
    )
