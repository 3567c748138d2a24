"""A replay, in tables for a manager who chooses a policy by its consequences."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from escalation.decide import Decision
from escalation.policy import Policy
from gateway.policy.backtest import (
    Difference,
    History,
    Replayed,
    differences,
    load_by_hour,
    replay,
    taken_again,
)
from gateway.runtime.labels import DECISIONS
from models import Urgency


def print_replay(
    out: Console, program: str, history: History, in_use: Policy, other: Policy
) -> None:
    """Both policies side by side: handoffs and offers a week, the load by hour, and which
    conversations part."""
    if not history.steps:
        out.print(f"{program}: nothing was decided in that time.")
        return
    one, two = replay(history, in_use), replay(history, other)
    zone, again = ZoneInfo(history.timezone), taken_again(history, one)
    out.print(
        f"{program}: {len(history.steps)} decisions since "
        f"{history.since.astimezone(zone):%a %d %b %Y}, times in {zone.key}"
    )
    out.print(
        f"The policy in use takes {again} of them as they were taken; the others were taken "
        "under another policy, or follow from one that was."
        if again < len(history.steps)
        else "The policy in use takes each of them as it was taken."
    )
    out.print(
        "A handoff that did not happen is taken to be claimed after "
        f"{_minutes(history.typical.claimed_after)} and closed after "
        f"{_minutes(history.typical.closed_after)}."
    )
    for table in (_per_week(history, one, two), _by_hour_of_day(history, one, two)):
        out.print()
        out.print(table)
    out.print()
    parted = differences(history, one, two)
    if not parted:
        out.print("No conversation differs.")
        return
    out.print(f"{len(parted)} conversations differ, first at:")
    out.print(_parted(parted, zone))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _per_week(history: History, one: Replayed, two: Replayed) -> Table:
    table = _table("a week", "in use", "tried")

    def row(name: str, first: int, second: int) -> None:
        table.add_row(name, f"{first / history.weeks:.1f}", f"{second / history.weeks:.1f}")

    row("handoffs", len(one.handoffs), len(two.handoffs))
    for urgency in sorted(Urgency, reverse=True):
        row(f"  {urgency.name.lower()}", one.count(urgency), two.count(urgency))
    row("offers of a person", one.offers, two.offers)
    return table


def _by_hour_of_day(history: History, one: Replayed, two: Replayed) -> Table:
    table = _table("hour", "opened a week", "tried", "open at once", "tried")
    for first, second in zip(load_by_hour(history, one), load_by_hour(history, two), strict=True):
        if first.at_once or second.at_once:
            table.add_row(
                f"{first.hour:02}-{(first.hour + 1) % 24:02}",
                f"{first.opened:.1f}",
                f"{second.opened:.1f}",
                f"{first.at_once:.2f}",
                f"{second.at_once:.2f}",
            )
    return table


def _parted(parted: Sequence[Difference], zone: ZoneInfo) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("conversation", "message", "at", "in use", "tried"):
        table.add_column(column)
    for one in parted:
        table.add_row(
            str(one.step.conversation),
            str(one.step.message),
            f"{one.step.at.astimezone(zone):%a %d %b %H:%M}",
            describe_difference(one.now),
            describe_difference(one.other),
        )
    return table


def describe_difference(decision: Decision) -> str:
    urgency = f", {decision.urgency.name.lower()}" if decision.urgency else ""
    return f"{DECISIONS[decision.do]}{urgency}: {decision.why}"


def _minutes(time: timedelta) -> str:
    return f"{round(time.total_seconds() / 60)} min"
