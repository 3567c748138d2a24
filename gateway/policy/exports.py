"""A replay as tables for a spreadsheet: the same figures as on the page, and every difference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.policy.backtest import Difference, History, Load, Replayed
from gateway.policy.backtest_text import describe_difference
from gateway.runtime.spreadsheets import Table
from models import Urgency


@dataclass(frozen=True)
class Compared:
    """What happened under the policy in use (`now`) and under the one that is tried (`other`).

    `names` are those of the mentees whose conversations part, by conversation.
    """

    history: History
    now: Replayed
    other: Replayed
    parted: Sequence[Difference]
    names: Mapping[int, str]
    loads: Sequence[tuple[Load, Load]]
    taken_again: int

    @property
    def per_week(self) -> list[tuple[str, float, float]]:
        weeks = max(self.history.weeks, 1 / 7)
        counts = [("Handoffs", len(self.now.handoffs), len(self.other.handoffs))]
        counts += [
            (f"of these {urgency.name.lower()}", self.now.count(urgency), self.other.count(urgency))
            for urgency in sorted(Urgency, reverse=True)
        ]
        counts.append(("Offers of a person", self.now.offers, self.other.offers))
        return [(name, one / weeks, two / weeks) for name, one, two in counts]


def _per_week(compared: Compared) -> Table:
    rows = compared.per_week if compared.history.steps else []
    return Table(
        "A week",
        ("a_week", "in_use", "tried"),
        [(name, round(one, 2), round(two, 2)) for name, one, two in rows],
    )


def _by_hour(compared: Compared) -> Table:
    headings = ("hour", "opened_in_use", "opened_tried", "at_once_in_use", "at_once_tried")
    return Table(
        "Load by hour",
        headings,
        [
            (
                one.hour,
                round(one.opened, 2),
                round(two.opened, 2),
                round(one.at_once, 3),
                round(two.at_once, 3),
            )
            for one, two in compared.loads
        ],
    )


def _differences(compared: Compared) -> Table:
    zone = ZoneInfo(compared.history.timezone)
    return Table(
        "Conversations that differ",
        ("mentee", "at", "in_use", "tried"),
        [
            (
                compared.names[one.step.conversation],
                one.step.at.astimezone(zone),
                describe_difference(one.now),
                describe_difference(one.other),
            )
            for one in compared.parted
        ],
    )


REPLAY_SHEETS: Mapping[str, Callable[[Compared], Table]] = {
    "weeks": _per_week,
    "hours": _by_hour,
    "differences": _differences,
}
