"""The smallest change of one score that would have changed a decision."""

import math
from dataclasses import dataclass, replace
from typing import Any

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
    taken = _outcome(decide(signals, standing, policy, bot))
    points = []
    for axis, mark in _marks(policy.thresholds):
        score: float = getattr(signals, axis.value)
        # To get below the mark: the next smaller number.
        needed = mark if score < mark else math.nextafter(mark, 0.0)
        decision = decide(with_score(signals, axis, needed), standing, policy, bot)
        if _outcome(decision) != taken:
            points.append(Counterfactual(axis, score, needed, decision))
    return min(points, key=lambda point: abs(point.needed - point.score), default=None)


def with_score(signals: Signals, axis: Axis, score: float) -> Signals:
    """The same signals with another score, 0..1, on this axis."""
    changed: Any = {axis.value: score}
    return replace(signals, **changed)


def _marks(marks: Thresholds) -> list[tuple[Axis, float]]:
    return [
        (Axis.CRISIS, marks.crisis),
        (Axis.CRISIS, marks.concern),
        (Axis.CONNECTION, marks.connection),
        (Axis.CONNECTION, marks.offer),
        (Axis.TOOLS, marks.tools),
    ]


def _outcome(decision: Decision) -> tuple[object, ...]:
    return decision.do, decision.need, decision.urgency, decision.bot_speaks
