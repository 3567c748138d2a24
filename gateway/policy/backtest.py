"""What another policy would have done with past messages.

Both policies run over the same decision records and the scores recorded then, so that every
difference comes from the policy. How long a handoff that never happened would have lasted is
unknown; `Typical` says what is assumed. Nothing here writes.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.decide import BotState, Decision, Do, Standing, bot_may_answer, decide
from escalation.policy import Policy
from escalation.signals import Signals
from gateway.conversations.decision_records import decided_on
from models import Conversation, DecisionRecord, Handoff, Message, Owner, Program, Urgency

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
# Assumed for programs without a closed handoff.
CLAIMED_AFTER = timedelta(minutes=30)
CLOSED_AFTER = timedelta(hours=2)


@dataclass(frozen=True)
class Typical:
    """How long handoffs of this program wait and last: the medians of the closed ones."""

    claimed_after: timedelta = CLAIMED_AFTER
    closed_after: timedelta = CLOSED_AFTER


@dataclass(frozen=True)
class Step:
    """One past decision: its message, and the arguments of `decide`."""

    message: int
    conversation: int
    at: datetime
    handoff: int | None
    signals: Signals
    standing: Standing
    bot: BotState
    taken: Do


@dataclass(frozen=True)
class Period:
    """A handoff, real or replayed. `real` is the id of the one that happened then, if any."""

    real: int | None
    opened_at: datetime
    claimed_at: datetime | None
    closed_at: datetime | None
    urgency: Urgency


@dataclass(frozen=True)
class Replayed:
    """What one policy does with the history: a decision by message, and its handoffs."""

    decisions: dict[int, Decision]
    handoffs: tuple[Period, ...]

    def count(self, urgency: Urgency) -> int:
        """Handoffs by their final urgency."""
        return sum(handoff.urgency is urgency for handoff in self.handoffs)

    @property
    def offers(self) -> int:
        return sum(decision.do is Do.OFFER for decision in self.decisions.values())


@dataclass(frozen=True)
class Difference:
    """The first message of a conversation that the two policies handle differently."""

    step: Step
    active: Decision
    other: Decision


@dataclass(frozen=True)
class Load:
    """Handoffs in one hour of the day, in the program's time zone.

    `opened` is how many open in it per week, `at_once` how many are open on average.
    """

    hour: int
    opened: float
    at_once: float


@dataclass(frozen=True)
class History:
    """`until` is when the history was read."""

    steps: tuple[Step, ...]
    handoffs: dict[int, Period]
    typical: Typical
    timezone: str
    since: datetime
    until: datetime

    @property
    def weeks(self) -> float:
        return (self.until - self.since) / WEEK


def read_history(session: Session, program: Program, *, since: datetime, now: datetime) -> History:
    """The decisions from `since` on. The history starts at the first of them."""
    rows = session.execute(
        select(DecisionRecord, Message.conversation_id)
        .join(Message, Message.id == DecisionRecord.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.program_id == program.id, DecisionRecord.at >= since)
        .order_by(Message.conversation_id, DecisionRecord.id)
    ).all()
    handoffs = session.scalars(
        select(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id)
    ).all()
    steps = tuple(_step(record, conversation) for record, conversation in rows)
    return History(
        steps,
        {handoff.id: _period(handoff) for handoff in handoffs},
        _typical(handoffs),
        program.timezone,
        max(since, min((step.at for step in steps), default=since)),
        now,
    )


def replay(history: History, policy: Policy) -> Replayed:
    """Run `policy` over each conversation from its first step."""
    decisions: dict[int, Decision] = {}
    handoffs: list[Period] = []
    for _, steps in groupby(history.steps, key=lambda step: step.conversation):
        handoffs += _through_conversation(steps, policy, history, decisions)
    return Replayed(decisions, tuple(handoffs))


def differences(history: History, active: Replayed, other: Replayed) -> list[Difference]:
    """Conversations that only one policy hands off, offers a person, or raises, by time."""
    found: dict[int, Difference] = {}
    for step in history.steps:
        one, two = active.decisions[step.message], other.decisions[step.message]
        if step.conversation not in found and _outcome(one) != _outcome(two):
            found[step.conversation] = Difference(step, one, two)
    return sorted(found.values(), key=lambda difference: difference.step.at)


def repeated(history: History, replayed: Replayed) -> int:
    """How many past decisions the replay repeats."""
    return sum(replayed.decisions[step.message].do is step.taken for step in history.steps)


def load_by_hour(history: History, replayed: Replayed) -> list[Load]:
    """One for each hour of the program's day, from midnight."""
    zone, days = ZoneInfo(history.timezone), max(history.weeks * 7, 1 / 24)
    opened: Counter[int] = Counter()
    open_for = [timedelta() for _ in range(24)]
    for handoff in replayed.handoffs:
        opened[handoff.opened_at.astimezone(zone).hour] += 1
        until = handoff.closed_at or history.until
        for hour, lasted in _by_hour(handoff.opened_at, until, zone):
            open_for[hour] += lasted
    return [Load(hour, opened[hour] * 7 / days, open_for[hour] / HOUR / days) for hour in range(24)]


def _through_conversation(
    steps: Iterable[Step], policy: Policy, history: History, decisions: dict[int, Decision]
) -> Iterator[Period]:
    handoff: Period | None = None
    offered_at: datetime | None = None
    offered_last = False
    for step in steps:
        if handoff is not None and _is_over(handoff, step):
            yield handoff
            handoff = None
        standing = _standing(step, policy, handoff, offered_at, offered_last=offered_last)
        decision = _decide(step, standing, policy)
        decisions[step.message] = decision
        offered_last = decision.do is Do.OFFER
        if offered_last:
            offered_at = step.at
        elif decision.do is Do.HAND_OFF and decision.urgency is not None:
            handoff = _opened_at(step, decision.urgency, history)
        elif decision.do is Do.RAISE and decision.urgency is not None and handoff is not None:
            handoff = replace(handoff, urgency=decision.urgency)
    if handoff:
        yield handoff


def _is_over(handoff: Period, step: Step) -> bool:
    """A "never mind" that closed its handoff was decided while the handoff was still open."""
    if handoff.closed_at is None or handoff.closed_at > step.at:
        return False
    return handoff.closed_at < step.at or handoff.real is None or handoff.real != step.handoff


def _decide(step: Step, standing: Standing, policy: Policy) -> Decision:
    """Assumes that the bot would have had an answer where only this policy asks it."""
    bot = step.bot
    if bot is BotState.NOT_ASKED and bot_may_answer(step.signals, standing, policy):
        bot = BotState.ANSWERED
    return decide(step.signals, standing, policy, bot)


def _standing(
    step: Step,
    policy: Policy,
    handoff: Period | None,
    offered_at: datetime | None,
    *,
    offered_last: bool,
) -> Standing:
    owner = _owner(handoff, step)
    since_offer = step.at - offered_at if offered_at is not None else None
    answer_until = timedelta(minutes=policy.offer.answer_within_minutes)
    again_after = timedelta(hours=policy.offer.again_after_hours)
    return replace(
        step.standing,
        owner=owner,
        urgency=handoff.urgency if handoff else None,
        failures=step.standing.failures if owner is step.standing.owner is Owner.BOT else 0,
        offered=offered_last and since_offer is not None and since_offer < answer_until,
        offered_lately=since_offer is not None and since_offer < again_after,
    )


def _owner(handoff: Period | None, step: Step) -> Owner:
    if handoff is None:
        return Owner.BOT
    if handoff.real is not None and handoff.real == step.handoff:
        # As recorded: a claim that was released since has lost its time.
        return step.standing.owner if step.standing.owner is not Owner.BOT else Owner.QUEUE
    claimed = handoff.claimed_at is not None and handoff.claimed_at <= step.at
    return Owner.MENTOR if claimed else Owner.QUEUE


def _opened_at(step: Step, urgency: Urgency, history: History) -> Period:
    """With the claim and close times of the handoff open then, or else the typical ones."""
    real = history.handoffs.get(step.handoff) if step.handoff is not None else None
    if real is not None and (real.closed_at is None or real.closed_at > step.at):
        return replace(real, opened_at=step.at, urgency=urgency)
    typical = history.typical
    return Period(
        None, step.at, step.at + typical.claimed_after, step.at + typical.closed_after, urgency
    )


def _step(record: DecisionRecord, conversation: int) -> Step:
    return Step(
        record.message_id,
        conversation,
        record.at,
        record.handoff_id,
        *decided_on(record),
        Do(record.decision),
    )


def _period(handoff: Handoff) -> Period:
    return Period(
        handoff.id, handoff.opened_at, handoff.claimed_at, handoff.closed_at, handoff.urgency
    )


def _typical(handoffs: Sequence[Handoff]) -> Typical:
    closed = [handoff for handoff in handoffs if handoff.closed_at is not None]
    return Typical(
        _median(
            (one.claimed_at - one.opened_at for one in closed if one.claimed_at), CLAIMED_AFTER
        ),
        _median((one.closed_at - one.opened_at for one in closed if one.closed_at), CLOSED_AFTER),
    )


def _median(times: Iterable[timedelta], otherwise: timedelta) -> timedelta:
    seconds = [time.total_seconds() for time in times]
    return timedelta(seconds=statistics.median(seconds)) if seconds else otherwise


def _by_hour(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[int, timedelta]]:
    """The time span by local hour: which hour, and for how long."""
    while start < end:
        local = start.astimezone(zone)
        into_it = timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        stop = min(start + HOUR - into_it, end)
        yield local.hour, stop - start
        start = stop


def _outcome(decision: Decision) -> tuple[object, ...]:
    """What a mentor or mentee would notice of a decision."""
    brings = decision.do in (Do.HAND_OFF, Do.RAISE)
    return brings, decision.do is Do.OFFER, decision.urgency if brings else None
