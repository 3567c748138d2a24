"""Handoffs and their timelines as tables for spreadsheets."""

from collections.abc import Callable, Iterable

from gateway.handoffs.entries import Entry
from gateway.handoffs.handoff_list import Row
from gateway.runtime.labels import display_name
from gateway.runtime.spreadsheets import Table, as_csv, make_table

HANDOFF_COLUMNS: dict[str, Callable[[Row], object]] = {
    "number": lambda row: row.handoff.id,
    "opened": lambda row: row.handoff.opened_at,
    "mentee": lambda row: display_name(row.handoff.conversation),
    "need": lambda row: row.handoff.need.value,
    "urgency": lambda row: row.handoff.urgency,
    "status": lambda row: row.handoff.status.value,
    "holder": lambda row: row.handoff.mentor and row.handoff.mentor.name,
    "first_alert_after_seconds": lambda row: row.first_alert_after,
    "claimed_after_seconds": lambda row: row.claimed_after,
    "first_reply_after_seconds": lambda row: row.first_reply_after,
    "closed": lambda row: row.handoff.closed_at,
    "outcome": lambda row: row.handoff.outcome and row.handoff.outcome.value,
}
STEP_COLUMNS: dict[str, Callable[[Entry], object]] = {
    "at": lambda entry: entry.at,
    "since_step_before_seconds": lambda entry: entry.after,
    "kind": lambda entry: entry.kind.value,
    "what": lambda entry: entry.what,
    "quote": lambda entry: "".join(piece.words for piece in entry.quote),
    "details": lambda entry: " ".join(entry.details),
}


def handoffs_table(rows: Iterable[Row]) -> Table:
    """Times are local to the program of each handoff."""
    return make_table(
        "Handoffs",
        HANDOFF_COLUMNS,
        rows,
        zone=lambda row: row.handoff.conversation.program.timezone,
    )


def handoffs_csv(rows: Iterable[Row]) -> str:
    return as_csv(handoffs_table(rows)).decode("utf-8-sig")


def steps_table(entries: Iterable[Entry], zone: str) -> Table:
    return make_table("Steps", STEP_COLUMNS, entries, zone)
