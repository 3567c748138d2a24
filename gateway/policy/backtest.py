"""What another policy would have done with past messages.

Both policies run over the same decision records and the scores recorded then, so that every
difference comes from the policy. No one knows how long a handoff that never happened would have
lasted; `Typical` says what we assume. Nothing here writes.
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
from escalation.speech.i18n import gettext_noop
from gateway.conversations.decision_records import decided_on
from gateway.runtime.labels import DECISIONS
from models import Conversation, DecisionRecord, Handoff, Message, Owner, Person, Program, Urgency

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
# Assumed for programs without a closed handoff.
CLAIMED_AFTER = timedelta(minutes=30)
CLOSED_AFTER = timedelta(hours=2)


@dataclass(frozen=True)
class Typical:
    """How long handoffs of this program wait and last: the medians of the closed ones."""

    claimed_after: timedelta
    closed_after: timedelta


@dataclass(frozen=True)
class Step:
    """One past decision: its message, and the arguments of `decide`."""

    message: int
    conversation: int
    mentee: str
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
    rows = session.execute(
        select(DecisionRecord, Message.conversation_id, Person.name)
        .join(Message, Message.id == DecisionRecord.message_id)
        .join(Message.conversation)
        .outerjoin(Conversation.person)
        .where(Conversation.program_id == program.id, DecisionRecord.at >= since)
        .order_by(Message.conversation_id, DecisionRecord.id)
    ).all()
    handoffs = session.scalars(
        select(Handoff).join(Handoff.conversation).where(Conversation.program_id == program.id)
    ).all()
    steps = tuple(
        Step(
            record.message_id,
            conversation,
            name or gettext_noop("Unknown number"),
            record.at,
            record.handoff_id,
            *decided_on(record),
            Do(record.decision),
        )
        for record, conversation, name in rows
    )
    return History(
        steps,
        {
            one.id: Period(one.id, one.opened_at, one.claimed_at, one.closed_at, one.urgency)
            for one in handoffs
        },
        _typical(handoffs),
        program.timezone,
        max(since, min((step.at for step in steps), default=since)),
        now,
    )


def replay(history: History, policy: Policy) -> Replayed:
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
    return sum(replayed.decisions[step.message].do is step.taken for step in history.steps)


def load_by_hour(history: History, replayed: Replayed) -> list[Load]:
    zone, days = ZoneInfo(history.timezone), max(history.weeks * 7, 1 / 24)
    opened: Counter[int] = Counter()
    open_for = [timedelta()] * 24
    for handoff in replayed.handoffs:
        start, end = handoff.opened_at, handoff.closed_at or history.until
        opened[start.astimezone(zone).hour] += 1
        while start < end:
            local = start.astimezone(zone)
            full_hour = local.replace(minute=0, second=0, microsecond=0)
            stop = min(start + HOUR - (local - full_hour), end)
            open_for[local.hour] += stop - start
            start = stop
    return [Load(hour, opened[hour] * 7 / days, open_for[hour] / HOUR / days) for hour in range(24)]


@dataclass(frozen=True)
class Comparison:
    """What the active policy and another one do with the same history.

    `repeated` counts decisions that the active policy takes again.
    """

    history: History
    active: Replayed
    other: Replayed
    changed: Sequence[Difference]
    repeated: int

    @classmethod
    def between(cls, history: History, active: Policy, other: Policy) -> "Comparison":
        one, two = replay(history, active), replay(history, other)
        return cls(history, one, two, differences(history, one, two), repeated(history, one))

    @property
    def per_week(self) -> list[tuple[str, float, float]]:
        weeks = max(self.history.weeks, 1 / 7)
        counts = [("Handoffs", len(self.active.handoffs), len(self.other.handoffs))]
        for urgency in sorted(Urgency, reverse=True):
            name = f"of these {urgency.name.lower()}"
            counts.append((name, self.active.count(urgency), self.other.count(urgency)))
        counts.append(("Offers of a person", self.active.offers, self.other.offers))
        return [(name, one / weeks, two / weeks) for name, one, two in counts]

    @property
    def loads(self) -> list[tuple[Load, Load]]:
        """By hour of the day, without hours in which neither policy has a handoff."""
        one, two = (load_by_hour(self.history, done) for done in (self.active, self.other))
        pairs = zip(one, two, strict=True)
        return [pair for pair in pairs if any(load.opened or load.at_once for load in pair)]


def describe_decision(decision: Decision) -> str:
    urgency = f", {decision.urgency.name.lower()}" if decision.urgency else ""
    return f"{DECISIONS[decision.do]}{urgency}: {decision.why}"


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
        since_offer = step.at - offered_at if offered_at is not None else None
        standing = _standing(step, policy, handoff, since_offer, offered_last=offered_last)
        decision = decisions[step.message] = _decide(step, standing, policy)
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
    since_offer: timedelta | None,
    *,
    offered_last: bool,
) -> Standing:
    owner = _owner(handoff, step)
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


def _typical(handoffs: Sequence[Handoff]) -> Typical:
    closed = [one for one in handoffs if one.closed_at is not None]
    claimed_after = [one.claimed_at - one.opened_at for one in closed if one.claimed_at]
    closed_after = [one.closed_at - one.opened_at for one in closed if one.closed_at]
    return Typical(_median(claimed_after, CLAIMED_AFTER), _median(closed_after, CLOSED_AFTER))


def _median(times: Iterable[timedelta], otherwise: timedelta) -> timedelta:
    seconds = [time.total_seconds() for time in times]
    return timedelta(seconds=statistics.median(seconds)) if seconds else otherwise


def _outcome(decision: Decision) -> tuple[object, ...]:
    """What a mentor or mentee would notice of a decision."""
    brings = decision.do in (Do.HAND_OFF, Do.RAISE)
    return brings, decision.do is Do.OFFER, decision.urgency if brings else None
