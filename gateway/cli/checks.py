"""The command `warmline check`."""

from typing import Annotated

import typer

from escalation.crisis_lines import to_look_up_again
from gateway.cli.context import Refused, reading
from gateway.reporting.exceptions import find_gaps, list_away
from gateway.runtime.audit import Head, first_broken, get_head, head_file_for, read_stored_head
from gateway.runtime.line import utc_now
from gateway.runtime.settings import ROOT

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def check(
    audit: Annotated[bool, typer.Option("--audit", help="Verify the audit log instead.")] = False,
    head: Annotated[
        str, typer.Option(help="With --audit: a head that you wrote down earlier.")
    ] = "",
) -> None:
    """Check for anything that would keep a person from being reached.

    Run it before you open a program and every day from cron. It checks the configuration, gaps in
    coverage, and people who cannot be texted. Exits with status 1 if it finds a problem.

    With --audit it verifies the audit log instead: whether an entry was changed or removed.

    \b
    Examples:
      warmline check
      warmline check --audit
    """
    if audit:
        _check_audit(head)
        return
    with reading() as (settings, session):
        now = utc_now()
        found, absent = find_gaps(session, settings, now=now), list_away(session, now=now)
    found += to_look_up_again(now.date())
    for line in [*absent, *found]:
        print(line)
    if found:
        raise typer.Exit(1)
    print("Everyone can be reached.")


def _check_audit(written_down: str) -> None:
    try:
        earlier = Head.read(written_down) if written_down else None
    except ValueError as error:
        raise Refused(str(error)) from error
    with reading() as (settings, session):
        stored = read_stored_head(head_file_for(settings.database_url, ROOT / "var"))
        found = first_broken(session, seen=stored) or first_broken(session, seen=earlier)
        last = get_head(session)
    if found:
        print(found)
        raise typer.Exit(1)
    if last is None:
        print("The audit log is empty.")
        return
    print(
        f"The audit log is intact: {last.number} entries, none changed or missing.\n"
        f"Its head is {last}\n"
        "Write the head down somewhere else. `warmline check --audit --head HEAD` compares later."
    )
