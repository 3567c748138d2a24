"""Commands about handoffs: those that wait, and the log."""

import sys
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.cli.context import Refused, print_alert, reading
from gateway.handoffs.exports import handoffs_csv
from gateway.handoffs.handoff_list import Row, find_handoffs
from gateway.handoffs.timeline import timeline
from gateway.runtime.labels import display_name, in_words
from gateway.runtime.line import utc_now
from models import Handoff, Status

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def waiting() -> None:
    """List the handoffs that wait for a mentor, most urgent first.

    Exits with status 1 if any handoff is waiting, so a cron job can alert you.
    """
    now = utc_now()
    with reading() as (_, session):
        handoffs = session.scalars(
            select(Handoff)
            .where(Handoff.status == Status.WAITING)
            .order_by(Handoff.urgency.desc(), Handoff.opened_at)
        ).all()
    lines = []
    for handoff in handoffs:
        minutes = int((now - handoff.opened_at).total_seconds() // 60)
        urgency = handoff.urgency.name.lower()
        lines.append(f"{handoff.id:>5}  {urgency:<8} {minutes:>5} min  {handoff.need.value}")
    print_alert(lines, otherwise="No handoff is waiting.")


@commands.command()
def log(
    handoff: Annotated[int | None, typer.Argument(help="Number of one handoff.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print all handoffs as CSV.")] = False,
) -> None:
    """Show the handoff log, or every step of one handoff.

    \b
    Examples:
      warmline log
      warmline log 7
      warmline log --csv > handoffs.csv
    """
    with reading() as (_, session):
        if handoff is not None:
            _print_timeline(session, handoff)
            return
        rows = find_handoffs(session)
    if csv:
        sys.stdout.write(handoffs_csv(rows))
    else:
        _print_handoffs(rows)


def _print_handoffs(rows: list[Row]) -> None:
    if not rows:
        print("There are no handoffs yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "opened", "mentee", "need", "urgency", "status", "holder", "first reply"):
        table.add_column(column, no_wrap=column != "mentee")
    for row in rows:
        handoff = row.handoff
        zone = ZoneInfo(handoff.conversation.program.timezone)
        table.add_row(
            str(handoff.id),
            f"{handoff.opened_at.astimezone(zone):%Y-%m-%d %H:%M}",
            display_name(handoff.conversation),
            handoff.need.value,
            handoff.urgency.name.lower(),
            handoff.status.value,
            handoff.mentor.name if handoff.mentor else "-",
            in_words(row.first_reply_after) if row.first_reply_after is not None else "-",
        )
    Console().print(table)


def _print_timeline(session: Session, number: int) -> None:
    handoff = session.get(Handoff, number)
    if handoff is None:
        raise Refused(f"There is no handoff {number}. `warmline log` lists them.")
    zone = ZoneInfo(handoff.conversation.program.timezone)
    print(f"Handoff {number}, times in {zone.key}")
    for entry in timeline(session, number):
        print(f"{entry.at.astimezone(zone):%d %b %H:%M:%S}  {entry.what}")
        if entry.quote:
            print(f'{"":17}"{"".join(piece.words for piece in entry.quote)}"')
        for detail in entry.details:
            print(f"{'':17}{detail}")
