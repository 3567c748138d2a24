"""Handoffs and their timelines as tables for spreadsheets."""

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from gateway.handoffs.entries import Entry
from gateway.handoffs.handoff_list import Row
from gateway.runtime.labels import whole_seconds
from gateway.runtime.spreadsheets import Cell, Table, as_csv

COLUMNS: dict[str, Callable[[Row], Cell]] = {
    "number": lambda row: row.number,
    "opened": lambda row: row.opened_at.astimezone(ZoneInfo(row.timezone)),
    "mentee": lambda row: row.mentee,
    "need": lambda row: row.need.value,
    "urgency": lambda row: row.urgency.name.lower(),
    "status": lambda row: row.status.value,
    "holder": lambda row: row.holder,
    "first_alert_after_seconds": lambda row: whole_seconds(row.first_alert_after),
    "claimed_after_seconds": lambda row: whole_seconds(row.claimed_after),
    "first_reply_after_seconds": lambda row: whole_seconds(row.first_reply_after),
    "closed": lambda row: row.closed_at and row.closed_at.astimezone(ZoneInfo(row.timezone)),
    "outcome": lambda row: row.outcome and row.outcome.value,
}


def handoffs_table(rows: Iterable[Row]) -> Table:
    cells = [[cell(row) for cell in COLUMNS.values()] for row in rows]
    return Table("Handoffs", list(COLUMNS), cells)


def handoffs_csv(rows: Iterable[Row]) -> str:
    return as_csv(handoffs_table(rows)).decode("utf-8-sig")


def steps_table(entries: Iterable[Entry], zone: str) -> Table:
    there = ZoneInfo(zone)
    headings = ("at", "since_step_before_seconds", "kind", "what", "quote", "details")
    return Table(
        "Steps",
        headings,
        [
            (
                entry.at.astimezone(there),
                whole_seconds(entry.after),
                entry.kind.value,
                entry.what,
                "".join(piece.words for piece in entry.quote),
                " ".join(entry.details),
            )
            for entry in entries
        ],
    )
