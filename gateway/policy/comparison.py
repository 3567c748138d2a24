"""Two policies on the same past messages, for the editor's preview and `warmline replay`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from escalation.decide import Decision
from escalation.policy import Policy
from escalation.speech.i18n import gettext_noop
from gateway.policy.backtest import (
    Difference,
    History,
    Load,
    Replayed,
    differences,
    load_by_hour,
    repeated,
    replay,
)
from gateway.runtime.labels import DECISIONS
from models import Conversation, Urgency


@dataclass(frozen=True)
class Comparison:
    """What the active policy and another one do with the same history.

    `repeated` counts decisions that the active policy takes again; `names` are the mentees' names
    by conversation.
    """

    history: History
    active: Replayed
    other: Replayed
    changed: Sequence[Difference]
    repeated: int
    names: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def between(cls, history: History, active: Policy, other: Policy) -> "Comparison":
        one, two = replay(history, active), replay(history, other)
        return cls(history, one, two, differences(history, one, two), repeated(history, one))

    def with_names(self, session: Session) -> "Comparison":
        names = {}
        for difference in self.changed:
            conversation = session.get_one(Conversation, difference.step.conversation)
            person = conversation.person
            names[conversation.id] = person.name if person else gettext_noop("Unknown number")
        return replace(self, names=names)

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
