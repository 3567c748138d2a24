"""The tables of a comparison, for a spreadsheet."""

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from gateway.policy.backtest import Comparison, describe_decision
from gateway.runtime.spreadsheets import Table


def _per_week(compared: Comparison) -> Table:
    rows = compared.per_week if compared.history.steps else []
    cells = [(name, round(one, 2), round(two, 2)) for name, one, two in rows]
    return Table("Per week", ("per_week", "active", "yours"), cells)


def _by_hour(compared: Comparison) -> Table:
    headings = ("hour", "opened_active", "opened_yours", "at_once_active", "at_once_yours")
    rows = [
        (
            one.hour,
            round(one.opened, 2),
            round(two.opened, 2),
            round(one.at_once, 3),
            round(two.at_once, 3),
        )
        for one, two in compared.loads
    ]
    return Table("Load by hour", headings, rows)


def _differences(compared: Comparison) -> Table:
    zone = ZoneInfo(compared.history.timezone)
    rows = [
        (
            one.step.mentee,
            one.step.at.astimezone(zone),
            describe_decision(one.active),
            describe_decision(one.other),
        )
        for one in compared.changed
    ]
    return Table("Conversations that change", ("mentee", "at", "active", "yours"), rows)


TABLES: Mapping[str, Callable[[Comparison], Table]] = {
    "weeks": _per_week,
    "hours": _by_hour,
    "differences": _differences,
}
