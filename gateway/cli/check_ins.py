"""Commands about mentees' check-ins and their use of the bot."""

from datetime import time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import read_days
from escalation.policy import Policy
from escalation.policy_file import load_policy
from gateway.check_ins.answers import missed_check_ins
from gateway.check_ins.schedules import KEYWORDS, agree_on, agreed_with, list_schedules, next_due
from gateway.cli.context import (
    Refused,
    find_person,
    list_active_policies,
    print_alert,
    reading,
    writing,
)
from gateway.conversations.over_reliance import over_reliant_mentees
from gateway.runtime.line import utc_now
from gateway.runtime.policy_versions import policy_in_use
from models import Person, Role, Schedule

commands = typer.Typer(rich_markup_mode=None)
WHEN = "%a %d %b %H:%M"


@commands.command()
def schedule(
    phone: Annotated[str, typer.Argument(help="The mentee's number; none lists everyone.")] = "",
    check_in: Annotated[str, typer.Argument(help=f"One of {', '.join(KEYWORDS)}.")] = "",
    days: Annotated[str, typer.Option(help="Days of the week, like mon,thu.")] = "",
    at: Annotated[str, typer.Option(help="The mentee's local time, like 18:00.")] = "",
    pause: Annotated[
        bool | None, typer.Option("--pause/--resume", help="Pause the check-in, or resume it.")
    ] = None,
) -> None:
    """Set, pause, resume, or list scheduled check-ins.

    Agree on the check-in with the mentee first. They can pause it themselves by texting PAUSE.

    \b
    Examples:
      warmline schedule +12025550101 mood --days mon,thu --at 18:00
      warmline schedule +12025550101 mood --pause
      warmline schedule
    """
    with writing() as (settings, session):
        file = load_policy(settings.policy_file)
        person = find_person(session, phone) if phone else None
        if person is not None and check_in:
            chosen = _set_schedule(session, person, check_in, days, at)
            if pause is not None:
                chosen.paused = pause
            session.flush()
        elif days or at or pause is not None:
            raise Refused(
                "Name the mentee's number and the check-in first, "
                "like: warmline schedule +12025550101 mood --days mon --at 18:00"
            )
        lines = [
            _describe(session, one, policy_in_use(session, one.person.program_id, file))
            for one in list_schedules(session, person)
        ]
    print("\n".join(lines) or "No check-ins are scheduled.")


@commands.command("missed-check-ins")
def list_missed() -> None:
    """List check-ins that got no answer, latest first.

    Exits with status 1 if there are any, so a cron job can alert you.
    """
    with reading() as (settings, session):
        found = []
        for program, policy in list_active_policies(session, settings):
            since = utc_now() - timedelta(days=policy.schedule.missed_shown_days)
            found += missed_check_ins(session, program.id, since=since)
    found.sort(key=lambda one: one.missed_at, reverse=True)
    lines = []
    for one in found:
        zone = ZoneInfo(one.timezone)
        sent, missed = one.sent_at.astimezone(zone), one.missed_at.astimezone(zone)
        lines.append(
            f"{one.mentee}: {one.check_in}, sent {sent:{WHEN}}, no answer by {missed:{WHEN}}"
        )
    print_alert(lines, otherwise="No check-ins were missed.")


@commands.command()
def over_reliance() -> None:
    """List mentees who may over-rely on the bot, and why.

    Exits with status 1 if there are any, so a cron job can alert you.
    """
    with reading() as (settings, session):
        found = []
        for program, policy in list_active_policies(session, settings):
            found += over_reliant_mentees(session, policy.reliance, program.id, now=utc_now())
    lines = [f"{one.mentee}: {'; '.join(one.figures)}" for one in found]
    print_alert(lines, otherwise="No mentee over-relies on the bot.")


def _set_schedule(session: Session, person: Person, check_in: str, days: str, at: str) -> Schedule:
    if person.role is not Role.MENTEE:
        raise Refused(f"{person.name} is not a mentee. Only mentees have check-ins.")
    if check_in not in KEYWORDS:
        raise Refused(f"There is no check-in {check_in!r}. Choose from {', '.join(KEYWORDS)}.")
    scheduled = agreed_with(session, person, check_in)
    if scheduled is not None:
        if not days and not at:
            return scheduled
        days, at = days or scheduled.days, at or scheduled.at.isoformat()
    if not (days and at):
        raise Refused(
            f"{person.name} has no {check_in} check-in yet. "
            "Give both --days and --at, like --days mon,thu --at 18:00."
        )
    try:
        when = time.fromisoformat(at).replace(tzinfo=None)
    except ValueError as error:
        raise Refused(f"--at {at!r} is not a time. Write it like 18:00.") from error
    return agree_on(session, person, check_in, days=read_days(days), at=when, now=utc_now())


def _describe(session: Session, schedule: Schedule, policy: Policy) -> str:
    line = f"{schedule.person.name}: {schedule.check_in}, {schedule.days} at {schedule.at:%H:%M}"
    if schedule.paused:
        return f"{line}, paused"
    due = next_due(session, schedule, now=utc_now(), policy=policy.schedule)
    return f"{line}, next {due:{WHEN}} ({schedule.person.timezone})"
