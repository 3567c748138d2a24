"""A comparison of two policies, printed by `warmline replay`."""

from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo

from rich.console import Console, JustifyMethod
from rich.table import Table

from escalation.policy import Policy
from gateway.policy.backtest import Comparison, History, describe_decision


def print_replay(
    out: Console, program: str, history: History, active: Policy, other: Policy
) -> None:
    if not history.steps:
        out.print(f"{program}: no decisions in that time.")
        return
    compared = Comparison.between(history, active, other)
    zone, typical = ZoneInfo(history.timezone), history.typical
    out.print(
        f"{program}: {len(history.steps)} decisions since "
        f"{history.since.astimezone(zone):%a %d %b %Y}, times in {zone.key}"
    )
    out.print(
        f"The active policy would repeat {compared.repeated} of them. It assumes that a new "
        f"handoff is claimed after {_minutes(typical.claimed_after)} and closed after "
        f"{_minutes(typical.closed_after)}."
    )
    out.print()
    per_week = ((name, f"{one:.1f}", f"{two:.1f}") for name, one, two in compared.per_week)
    out.print(_table(("per week", "active", "tried"), per_week))
    out.print()
    by_hour = (
        (
            f"{one.hour:02}-{(one.hour + 1) % 24:02}",
            *(f"{load.opened:.1f}" for load in (one, two)),
            *(f"{load.at_once:.2f}" for load in (one, two)),
        )
        for one, two in compared.loads
    )
    out.print(_table(("hour", "opened per week", "tried", "open at once", "tried"), by_hour))
    out.print()
    if not compared.changed:
        out.print("No conversation changes.")
        return
    out.print(f"Conversations that change: {len(compared.changed)}, first at:")
    changes = (
        (
            str(one.step.conversation),
            str(one.step.message),
            f"{one.step.at.astimezone(zone):%a %d %b %H:%M}",
            describe_decision(one.active),
            describe_decision(one.other),
        )
        for one in compared.changed
    )
    headings = ("conversation", "message", "at", "active", "tried")
    out.print(_table(headings, changes, numbers="left"))


def _table(
    headings: Iterable[str], rows: Iterable[Iterable[str]], numbers: JustifyMethod = "right"
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify=numbers if place else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _minutes(time: timedelta) -> str:
    return f"{round(time.total_seconds() / 60)} min"
