"""The smallest change of one score that would have changed a decision."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from escalation.decide import BotState, Decision, Standing, decide
from escalation.policy import Policy, Thresholds
from escalation.signals import Axis, Signals


@dataclass(frozen=True)
class Counterfactual:
    """With `needed` (0..1) instead of `score` on this axis, the result is `decision`."""

    axis: Axis
    score: float
    needed: float
    decision: Decision


def counterfactual(
    signals: Signals, standing: Standing, policy: Policy, bot: BotState
) -> Counterfactual | None:
    """The nearest such point, or None if no single score could have changed the outcome.

    The same outcome for another reason does not count as a change.
    """
    taken = decide(signals, standing, policy, bot)
    points = [
        point
        for point in _all_points(signals, standing, policy, bot)
        if _outcome(point.decision) != _outcome(taken)
    ]
    return min(points, key=lambda point: abs(point.needed - point.score), default=None)


def _all_points(
    signals: Signals, standing: Standing, policy: Policy, bot: BotState
) -> Iterator[Counterfactual]:
    for axis, marks in _marks(policy.thresholds).items():
        score: float = getattr(signals, axis.value)
        for mark in marks:
            # To get below the mark: the next smaller number.
            needed = mark if score < mark else math.nextafter(mark, 0.0)
            changed = with_score(signals, axis, needed)
            yield Counterfactual(axis, score, needed, decide(changed, standing, policy, bot))


def with_score(signals: Signals, axis: Axis, score: float) -> Signals:
    """The same signals with another score, 0..1, on this axis."""
    match axis:
        case Axis.CRISIS:
            return replace(signals, crisis=score)
        case Axis.CONNECTION:
            return replace(signals, connection=score)
        case Axis.TOOLS:
            return replace(signals, tools=score)
    raise ValueError(f"{axis} has no score")


def _marks(marks: Thresholds) -> dict[Axis, tuple[float, ...]]:
    return {
        Axis.CRISIS: (marks.crisis, marks.concern),
        Axis.CONNECTION: (marks.connection, marks.offer),
        Axis.TOOLS: (marks.tools,),
    }


def _outcome(decision: Decision) -> tuple[object, ...]:
    return decision.do, decision.need, decision.urgency, decision.bot_speaks
