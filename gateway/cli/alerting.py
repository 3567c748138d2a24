"""Commands about alerts: how they reach a person, and whether something is late."""

import time
from typing import Annotated

import typer

from gateway.cli.context import Refused, find_person, opened_database, writing
from gateway.operators.alarms import send_unsent
from gateway.operators.trouble import raise_alarms
from gateway.runtime.audit import note_about
from gateway.runtime.line import utc_now
from gateway.serve import make_line
from models import AlertChannel, Role

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


@commands.command()
def alerts(
    phone: Annotated[str, typer.Argument(help="The mentor's or manager's number.")],
    channels: Annotated[
        str | None, typer.Option(help="Their own order, like voice,email. Empty: the policy's.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(help="Where alerts by e-mail go. Empty: nowhere.")
    ] = None,
) -> None:
    """Set how a mentor or manager is reached after an alert's text.

    A text always goes first. The policy says what follows, unless the person has an order of
    their own: voice is a call, email is a link without content.

    \b
    Examples:
      warmline alerts +12025550112 --email noor@example.org
      warmline alerts +12025550112 --channels voice,email
    """
    with writing() as (_, session):
        person = find_person(session, phone)
        if person.role is Role.MENTEE:
            raise Refused(f"{person.name} is a mentee. Only mentors and managers get alerts.")
        if channels is not None:
            person.alert_channels = _read_channels(channels)
        if email is not None:
            person.email = _read_address(email)
        note_about(session, person, "changed alerts", by=None, now=utc_now())
        order = person.alert_channels or "the policy's order"
        print(f"{person.name}: {order}; e-mail: {'yes' if person.email else 'no'}.")


def _read_channels(given: str) -> str | None:
    names = [name.strip() for name in given.split(",") if name.strip()]
    known = [channel.value for channel in AlertChannel]
    wrong = [name for name in names if name not in known]
    if wrong or len(set(names)) < len(names):
        raise Refused(f"Write each channel once, from {', '.join(known)}: not {given!r}.")
    return ",".join(names) or None


def _read_address(given: str) -> str | None:
    """Raises Refused. The mail server decides whether it exists."""
    if not given:
        return None
    name, _, host = given.rpartition("@")
    if not name or not host or len(given) > 254 or any(c.isspace() for c in given):
        raise Refused(f"{given!r} is not an e-mail address like noor@example.org.")
    return given
