"""Commands that compare policies with past decisions. They change nothing."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from escalation.policy_file import load_policy
from gateway.cli.context import list_active_policies, reading
from gateway.policy.backtest import read_history
from gateway.policy.backtest_text import print_replay
from gateway.review.summary import LOOKED_BACK, print_verdicts, summarize
from gateway.runtime.line import utc_now

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def replay(
    policy: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The policy file to try.")
    ],
    weeks: Annotated[float, typer.Option(min=0.1, help="How many weeks back.")] = 8.0,
) -> None:
    """Compare another policy with the active one on past messages.

    Shows how many handoffs the other policy would have opened, and which conversations would
    have gone differently. Nothing changes; activate a policy on the page Policy.

    \b
    Example:
      warmline replay --policy stricter.toml --weeks 4
    """
    other, now = load_policy(policy), utc_now()
    with reading() as (settings, session):
        for program, active in list_active_policies(session, settings):
            history = read_history(session, program, since=now - timedelta(weeks=weeks), now=now)
            print_replay(Console(), program.name, history, active, other)


@commands.command()
def verdicts(
    weeks: Annotated[float, typer.Option(min=0.1, help="How many weeks back.")] = LOOKED_BACK
    / timedelta(weeks=1),
) -> None:
    """Summarize how mentors and managers judged past decisions.

    Suggests a threshold once there are enough verdicts. Nothing changes; `warmline replay` shows
    what another threshold would do.
    """
    now, back = utc_now(), timedelta(weeks=weeks)
    with reading() as (settings, session):
        for program, policy in list_active_policies(session, settings):
            summary = summarize(session, program, policy, now=now, looked_back=back)
            print_verdicts(Console(), program.name, summary)
