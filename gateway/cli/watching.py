"""The command `warmline watch`."""

import time
from typing import Annotated

import typer

from gateway.cli.context import opened_database
from gateway.operators.alarms import send_unsent
from gateway.operators.trouble import raise_alarms
from gateway.serve import make_line

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def watch(
    every: Annotated[
        int, typer.Option(help="Look again after so many seconds; 0: look once and exit.")
    ] = 0,
) -> None:
    """Alarm the operators if work is late, with or without a gateway.

    It reads the database itself, so it also notices that the gateway is gone. Run it from cron
    every minute, or all the time with --every 30. Alarms go to OPERATOR_WEBHOOK and
    OPERATOR_EMAIL. Exits with status 1 if it finds something.

    \b
    Examples:
      warmline watch
      warmline watch --every 30
    """
    with opened_database() as (settings, database):
        line = make_line(settings, database)
        while True:
            with database.writing() as session:
                trouble = raise_alarms(line, session, now=line.clock())
            send_unsent(line)
            print("\n".join(trouble.values()) or "Nothing is late.", flush=True)
            if not every:
                break
            time.sleep(every)
    if trouble:
        raise typer.Exit(1)
