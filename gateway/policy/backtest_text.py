"""A comparison of two policies, printed by `warmline replay`."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from escalation.policy import Policy
from gateway.policy.backtest import Difference, History
from gateway.policy.comparison import Comparison, describe_decision


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
    for table in (_per_week(compared), _by_hour(compared)):
        out.print()
        out.print(table)
    out.print()
    if compared.changed:
        out.print(f"Conversations that change: {len(compared.changed)}, first at:")
        out.print(_differences(compared.changed, zone))
    else:
        out.print("No conversation changes.")


def _table(columns: Iterable[str], *, right: bool = True) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number and right else "left")
    return table


def _per_week(compared: Comparison) -> Table:
    table = _table(("per week", "active", "tried"))
    for name, one, two in compared.per_week:
        table.add_row(name, f"{one:.1f}", f"{two:.1f}")
    return table


def _by_hour(compared: Comparison) -> Table:
    table = _table(("hour", "opened per week", "tried", "open at once", "tried"))
    for one, two in compared.loads:
        opened, at_once = (one.opened, two.opened), (one.at_once, two.at_once)
        table.add_row(
            f"{one.hour:02}-{(one.hour + 1) % 24:02}",
            *(f"{load:.1f}" for load in opened),
            *(f"{load:.2f}" for load in at_once),
        )
    return table


def _differences(changed: Sequence[Difference], zone: ZoneInfo) -> Table:
    table = _table(("conversation", "message", "at", "active", "tried"), right=False)
    for one in changed:
        table.add_row(
            str(one.step.conversation),
            str(one.step.message),
            f"{one.step.at.astimezone(zone):%a %d %b %H:%M}",
            describe_decision(one.active),
            describe_decision(one.other),
        )
    return table


def _minutes(time: timedelta) -> str:
    return f"{round(time.total_seconds() / 60)} min"
