"""The `warmline` command: one question each, an answer for a person and for a cron job."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.client import Bot, BotAway
from bot.environment import BotProblem
from escalation.assess import assess_lines
from escalation.check_ins.schedules import BadDays, read_days
from escalation.crisis_lines import BadCrisisLines, to_look_up_again
from escalation.handoffs.handoffs import lock_conversation
from escalation.policy import POLICY_FILE, BadPolicy, Policy, load_policy
from escalation.ruleset import load_rules
from escalation.speech.script import BadScript
from gateway import demo as demo_program
from gateway.accounts.passwords import BadPassword, set_password
from gateway.chat.thread import invite as invitation
from gateway.check_ins.missed import missed_check_ins
from gateway.check_ins.schedules import KEYWORDS, agree_on, agreed_with, list_schedules, next_due
from gateway.conversations.over_reliance import leaning_mentees
from gateway.handoffs.handoff_list import Row, find_handoffs, handoffs_csv
from gateway.handoffs.timeline import timeline
from gateway.people.absences import absence_in_words, list_absences
from gateway.people.import_file import enroll as enroll_people
from gateway.people.import_file import read_people
from gateway.policy.backtest import read_history
from gateway.policy.backtest_text import print_replay
from gateway.privacy.data_requests import CannotErase, everything_about
from gateway.privacy.data_requests import erase as erase_person
from gateway.privacy.terms import ConsentRefused, correct_band, record_guardian
from gateway.reporting.preflight import findings, who_is_away
from gateway.review.summary import print_verdicts
from gateway.review.verdicts import LOOKED_BACK, summarize
from gateway.runtime.audit import Head, first_broken, get_head, head_file_for, head_kept, note_about
from gateway.runtime.database import Database
from gateway.runtime.labels import in_words
from gateway.runtime.line import utc_now
from gateway.runtime.logging import set_up_logs
from gateway.runtime.phone_numbers import as_e164
from gateway.runtime.policy_versions import policy_in_use
from gateway.runtime.settings import ROOT, BadSettings, Settings, load_settings
from gateway.serve import AlreadyServed, open_database
from gateway.serve import serve as serve_line
from models import (
    AgeBand,
    Channel,
    Conversation,
    Handoff,
    Person,
    Program,
    Role,
    Schedule,
    Status,
)
from models.encryption import BadKey, NoKey, WrongKey, phone_index

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Warmline: a mentoring line that knows when a person is needed, and brings one.",
)
out = Console()
WHEN = "%a %d %b %H:%M"

# What a person can mend themselves: said in one line, without a traceback.
OURS = (
    BadSettings,
    BadCrisisLines,
    BadPolicy,
    BadScript,
    NoKey,
    BadKey,
    WrongKey,
    AlreadyServed,
    BotProblem,
)


def main() -> None:
    set_up_logs()
    try:
        app()
    except OURS as error:
        print(error, file=sys.stderr)
        sys.exit(2)


@contextmanager
def _database() -> Iterator[tuple[Settings, Database]]:
    settings = load_settings()
    database = open_database(settings)
    try:
        yield settings, database
    finally:
        database.engine.dispose()


@app.command()
def serve() -> None:
    """The gateway with its workers."""
    serve_line(load_settings())


@app.command()
def bot() -> None:
    """The Rasa server, with the trained bot."""
    settings = load_settings()
    from bot import server

    os.environ.setdefault("RASA_URL", settings.rasa_url)
    os.environ.setdefault("WARMLINE_KEY", settings.warmline_key)
    os.environ.setdefault("RASA_TRACKER_DB", str(ROOT / "var" / "tracker.db"))
    if settings.rasa_token:
        os.environ.setdefault("RASA_TOKEN", settings.rasa_token)
    server.main()


@app.command()
def up() -> None:
    """Train the bot if its sources changed, then start everything; Ctrl-C ends it all."""
    from gateway.up import run

    sys.exit(run())


@app.command()
def migrate() -> None:
    """Bring the database's tables up to date."""
    with _database():
        print("The database is up to date.")


@app.command()
def demo() -> None:
    """Seed the demo program, where there is no program yet."""
    with _database() as (_, database), database.writing() as session:
        seeded = demo_program.seed_demo(session, now=utc_now())
    print("The demo program is ready." if seeded else "There is a program; nothing was added.")


@app.command()
def key() -> None:
    """Print a new key for WARMLINE_KEY."""
    print(Fernet.generate_key().decode())


@app.command()
def enroll(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    program: Annotated[
        str, typer.Option(help="The program's name; made if there is none by it.")
    ] = "",
    timezone: Annotated[str, typer.Option(help="Where a line names none.")] = "America/New_York",
    hours: Annotated[str, typer.Option(help="Of a new program, local.")] = "08:00-21:00",
    keep_good: Annotated[
        bool, typer.Option("--keep-good", help="Enroll the good lines even if others are bad.")
    ] = False,
) -> None:
    """Enroll people from a CSV file: role,name,phone,timezone,mentor,language."""
    people = read_people(file.read_bytes(), timezone=timezone)
    with _database() as (_, database), database.writing() as session:
        chosen = _program(session, program, timezone, hours)
        enrolled = enroll_people(session, chosen, people, now=utc_now())
        if people.problems and not keep_good:
            session.rollback()
            enrolled = []
    for problem in people.problems:
        print(problem, file=sys.stderr)
    print(f"{len(enrolled)} enrolled, {len(people.problems)} lines with a problem.")
    if people.problems:
        if not keep_good:
            print("Nothing was kept. Mend the file, or use --keep-good.", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def waiting() -> None:
    """Who waits for a person, most urgent first. Exit 1 if anybody does."""
    now = utc_now()
    with _database() as (_, database), database.reading() as session:
        handoffs = session.scalars(
            select(Handoff)
            .where(Handoff.status == Status.WAITING)
            .order_by(Handoff.urgency.desc(), Handoff.opened_at)
        ).all()
    if not handoffs:
        print("Nobody is waiting.")
        return
    for handoff in handoffs:
        minutes = int((now - handoff.opened_at).total_seconds() // 60)
        urgency = handoff.urgency.name.lower()
        print(f"{handoff.id:>5}  {urgency:<8} {minutes:>5} min  {handoff.need.value}")
    raise typer.Exit(1)


@app.command()
def log(
    handoff: Annotated[int | None, typer.Argument(help="One handoff, in full.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="All handoffs, for a spreadsheet.")] = False,
) -> None:
    """The handoff log."""
    with _database() as (_, database), database.reading() as session:
        if handoff is not None:
            _print_timeline(session, handoff)
            return
        rows = find_handoffs(session)
        if csv:
            sys.stdout.write(handoffs_csv(rows))
            return
        _print_handoffs(rows)


@app.command()
def schedule(
    phone: Annotated[str, typer.Argument(help="A mentee's number; all of them without it.")] = "",
    check_in: Annotated[str, typer.Argument(help=f"One of {', '.join(KEYWORDS)}.")] = "",
    days: Annotated[str, typer.Option(help="Days of the week, like mon,thu.")] = "",
    at: Annotated[str, typer.Option(help="The mentee's local time, like 18:00.")] = "",
    pause: Annotated[
        bool | None, typer.Option("--pause/--resume", help="Pause it, or start it again.")
    ] = None,
) -> None:
    """Agree with a mentee on a check-in, pause it, or list what is agreed on."""
    with _database() as (settings, database), database.writing() as session:
        file = load_policy(settings.policy_file or POLICY_FILE)
        person = _person(session, phone) if phone else None
        if person is not None and check_in:
            chosen = _agree(session, person, check_in, days, at)
            if pause is not None:
                chosen.paused = pause
            session.flush()
        elif days or at or pause is not None:
            raise _refuse("Name the mentee's number and the check-in, like: PHONE mood.")
        agreed = list_schedules(session, person)
        lines = [
            _schedule_line(session, one, policy_in_use(session, one.person.program_id, file))
            for one in agreed
        ]
    print("\n".join(lines) or "No check-in is agreed on.")


@app.command()
def missed() -> None:
    """Scheduled check-ins that nobody answered, the latest first. Exit 1 if there are any."""
    with _database() as (settings, database), database.reading() as session:
        found = []
        for program, policy in _policies(session, settings):
            since = utc_now() - timedelta(days=policy.schedule.missed_shown_days)
            found += missed_check_ins(session, program.id, since=since)
    found.sort(key=lambda one: one.missed_at, reverse=True)
    if not found:
        print("No check-in was missed.")
        return
    for one in found:
        zone = ZoneInfo(one.timezone)
        asked, gone = one.sent_at.astimezone(zone), one.missed_at.astimezone(zone)
        print(f"{one.mentee}: {one.check_in}, asked {asked:{WHEN}}, no answer by {gone:{WHEN}}")
    raise typer.Exit(1)


@app.command()
def leaning() -> None:
    """Who leans on the bot too much, with the figures that say so. Exit 1 if anybody does."""
    with _database() as (settings, database), database.reading() as session:
        found = []
        for program, policy in _policies(session, settings):
            found += leaning_mentees(session, policy.reliance, program.id, now=utc_now())
    if not found:
        print("Nobody leans on the bot too much.")
        return
    for one in found:
        print(f"{one.mentee}: {'; '.join(one.figures)}")
    raise typer.Exit(1)


@app.command()
def away() -> None:
    """Who is away, or will be, and until when."""
    now = utc_now()
    with _database() as (_, database), database.reading() as session:
        lines = [
            f"{program.name}: {absence_in_words(session, absence, now=now)}"
            for program in session.scalars(select(Program).order_by(Program.id))
            for absence in list_absences(session, program, now=now)
        ]
    print("\n".join(lines) or "Nobody is away.")


@app.command()
def assess() -> None:
    """Read JSON lines (id, text, history), write what detection and the policy make of them."""
    policy = load_policy()
    for answer in assess_lines(sys.stdin, policy):
        print(answer)


@app.command()
def replay(
    policy: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The policy file to try.")
    ],
    weeks: Annotated[float, typer.Option(min=0.1, help="How far back.")] = 8.0,
) -> None:
    """What another policy would have done with what happened, beside the one in use.

    Nothing is changed; the policy in use stays in use.
    """
    other, now = load_policy(policy), utc_now()
    with _database() as (settings, database), database.reading() as session:
        for program, in_use in _policies(session, settings):
            since = now - timedelta(weeks=weeks)
            history = read_history(session, program, since=since, now=now)
            print_replay(out, program.name, history, in_use, other)


@app.command()
def verdicts(
    weeks: Annotated[float, typer.Option(min=0.1, help="How far back.")] = LOOKED_BACK
    / timedelta(weeks=1),
) -> None:
    """What mentors and managers said afterwards of the line's decisions, and what it suggests.

    Nothing is changed; `warmline replay --policy FILE` shows what another threshold would do.
    """
    now = utc_now()
    with _database() as (settings, database), database.reading() as session:
        for program, policy in _policies(session, settings):
            back = timedelta(weeks=weeks)
            summary = summarize(session, program, policy, now=now, looked_back=back)
            print_verdicts(out, program.name, summary)


@app.command()
def check(
    audit: Annotated[
        bool, typer.Option("--audit", help="Whether any entry of the audit was changed or is gone.")
    ] = False,
    head: Annotated[
        str, typer.Option(help="With --audit: a head that was printed and written down earlier.")
    ] = "",
) -> None:
    """Pre-flight: what would keep somebody from being reached. Exit 1 if anything would."""
    if audit:
        _check_audit(head)
        return
    with _database() as (settings, database), database.reading() as session:
        now = utc_now()
        found, absent = findings(session, settings, now=now), who_is_away(session, now=now)
    found += to_look_up_again(now.date())
    for line in [*absent, *found]:
        print(line)
    if found:
        raise typer.Exit(1)
    print("Everybody can be reached.")


@app.command()
def content(
    brief: Annotated[bool, typer.Option("--brief", help="Only what is wrong.")] = False,
) -> None:
    """Every text the line can say, with its length, reading grade and source. Exit 1 if any is
    wrong."""
    from gateway.authoring.content import run

    raise typer.Exit(run(brief=brief))


@app.command()
def password(phone: str) -> None:
    """Set the password with which a mentor or manager signs in."""
    with _database() as (_, database), database.writing() as session:
        person = _person(session, phone)
        try:
            set_password(person, typer.prompt("New password", hide_input=True))
        except BadPassword as error:
            print(error, file=sys.stderr)
            raise typer.Exit(2) from error
        note_about(session, person, "set a password", by=None, now=utc_now())
    print("The password is set, and every browser of theirs is signed out.")


@app.command()
def invite(phone: Annotated[str, typer.Argument(help="A mentee's number.")]) -> None:
    """Print a link that opens the web chat for a mentee, once."""
    with _database() as (settings, database), database.writing() as session:
        rules = load_rules(
            settings.public_url, Channel.SMS, policy_file=settings.policy_file or POLICY_FILE
        )
        try:
            print(invitation(session, _person(session, phone), rules, now=utc_now()))
        except ValueError as error:
            raise _refuse(str(error)) from error


@app.command()
def duty(phone: str, on: Annotated[bool, typer.Option("--on/--off")] = True) -> None:
    """Put a mentor or manager on duty, or take them off."""
    with _database() as (_, database), database.writing() as session:
        person = _person(session, phone)
        if person.role == "mentee":
            print("Only a mentor or manager can be on duty.", file=sys.stderr)
            raise typer.Exit(2)
        person.on_duty = on
    print(f"{person.name} is {'on' if on else 'off'} duty.")


@app.command()
def guardian(
    phone: Annotated[str, typer.Argument(help="The mentee's number.")],
    name: Annotated[str, typer.Option(help="The parent or guardian who has agreed.")] = "",
    by: Annotated[str, typer.Option(help="The number of the manager who saw it.")] = "",
    age: Annotated[
        AgeBand | None, typer.Option(help="Correct the age that the mentee has chosen.")
    ] = None,
) -> None:
    """Record that a mentee's guardian has agreed to the web chat, or correct the mentee's age."""
    if not name and age is None:
        raise _refuse('Say who has agreed, like --name "Alex Doe", or correct the age with --age.')
    with _database() as (_, database), database.writing() as session:
        mentee = _person(session, phone)
        manager = _person(session, by) if by else None
        if mentee.role is not Role.MENTEE:
            raise _refuse(f"{mentee.name} is no mentee; only mentees use the web chat.")
        if manager is not None and (
            manager.role is not Role.MANAGER or manager.program_id != mentee.program_id
        ):
            raise _refuse("--by takes the number of a manager of the mentee's program.")
        try:
            if age is not None:
                correct_band(session, mentee, age, by=manager, now=utc_now())
            if name:
                record_guardian(session, mentee, name, by=manager, now=utc_now())
        except ConsentRefused as refused:
            raise _refuse(str(refused)) from refused
    print(f"It is noted. {mentee.name} can open the chat as soon as all that is needed is there.")


@app.command()
def export(phone: Annotated[str, typer.Argument(metavar="PERSON", help="Their number.")]) -> None:
    """Write out, as JSON, everything that is kept about one person."""
    with _database() as (_, database), database.writing() as session:
        person = _person(session, phone)
        everything = everything_about(session, person)
        note_about(session, person, "person.exported", by=None, now=utc_now())
    written = json.dumps(everything, indent=2, ensure_ascii=False)
    # Half of a surrogate pair has no bytes to go out with.
    print(written.encode("utf-8", "replace").decode())


@app.command()
def erase(
    phone: Annotated[str, typer.Argument(metavar="PERSON", help="Their number.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person's words, name and number at once. It cannot be undone."""
    with _database() as (settings, database):
        with database.reading() as session:
            person = _person(session, phone)
            thread = session.scalar(
                select(Conversation.id).where(Conversation.person_id == person.id)
            )
        if not yes:
            typer.confirm(f"Erase {person.name} for good?", abort=True)
        try:
            if thread is not None and person.role is Role.MENTEE:
                Bot(settings.rasa_url, token=settings.rasa_token).forget(thread)
            with database.writing() as session:
                if thread is not None:
                    lock_conversation(session, thread)
                erase_person(session, session.get_one(Person, person.id), by=None, now=utc_now())
        except BotAway as away:
            raise _refuse(
                "The bot cannot be reached, and what it remembers of the dialogue must go too. "
                "Start it (`warmline bot`) and try again. Nothing was erased."
            ) from away
        except CannotErase as reason:
            raise _refuse(f"{reason} Nothing was erased.") from reason
    print("Erased. What the law asks to keep stays, without a name; see docs/guides/managers.md.")


def _check_audit(written_down: str) -> None:
    try:
        earlier = Head.read(written_down) if written_down else None
    except ValueError as error:
        raise _refuse(str(error)) from error
    with _database() as (settings, database), database.reading() as session:
        kept = head_kept(head_file_for(settings.database_url, ROOT / "var"))
        found = first_broken(session, seen=kept) or first_broken(session, seen=earlier)
        last = get_head(session)
    if found:
        print(found.why)
        raise typer.Exit(1)
    if last is None:
        print("The audit has no entry yet.")
        return
    print(f"The audit holds: {last.number} entries, none changed, none missing.")
    print(f"Its head is {last}")
    print("Write the head down elsewhere; a later `check --audit --head HEAD` compares with it.")


def _policies(session: Session, settings: Settings) -> list[tuple[Program, Policy]]:
    """Each program with the policy it goes by now."""
    file = load_policy(settings.policy_file or POLICY_FILE)
    return [
        (program, policy_in_use(session, program.id, file))
        for program in session.scalars(select(Program).order_by(Program.id))
    ]


def _agree(session: Session, person: Person, check_in: str, days: str, at: str) -> Schedule:
    """The schedule named, set anew where days or a time are given."""
    if person.role is not Role.MENTEE:
        raise _refuse(f"{person.name} is no mentee; only mentees have check-ins.")
    if check_in not in KEYWORDS:
        raise _refuse(f"There is no check-in {check_in!r}. There are {', '.join(KEYWORDS)}.")
    agreed = agreed_with(session, person, check_in)
    if agreed is not None:
        if not days and not at:
            return agreed
        days, at = days or agreed.days, at or agreed.at.isoformat()
    if not (days and at):
        raise _refuse(
            f"{person.name} has no {check_in} check-in yet. "
            "Give both --days and --at, like --days mon,thu --at 18:00."
        )
    try:
        on, when = read_days(days), time.fromisoformat(at).replace(tzinfo=None)
    except BadDays as error:
        raise _refuse(str(error)) from error
    except ValueError as error:
        raise _refuse(f"--at {at!r} cannot be read; write it like 18:00.") from error
    return agree_on(session, person, check_in, days=on, at=when, now=utc_now())


def _schedule_line(session: Session, schedule: Schedule, policy: Policy) -> str:
    said = f"{schedule.person.name}: {schedule.check_in}, {schedule.days} at {schedule.at:%H:%M}"
    if schedule.paused:
        return f"{said}, paused"
    due = next_due(session, schedule, now=utc_now(), policy=policy.schedule)
    return f"{said}, next {due:{WHEN}} ({schedule.person.timezone})"


def _print_handoffs(rows: list[Row]) -> None:
    if not rows:
        print("There has been no handoff yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "opened", "mentee", "need", "urgency", "status", "holder", "first reply"):
        table.add_column(column, no_wrap=column != "mentee")
    for row in rows:
        reply = in_words(row.first_reply_after) if row.first_reply_after is not None else "-"
        table.add_row(
            str(row.number),
            f"{row.opened_at.astimezone(ZoneInfo(row.timezone)):%Y-%m-%d %H:%M}",
            row.mentee,
            row.need.value,
            row.urgency.name.lower(),
            row.status.value,
            row.holder or "-",
            reply,
        )
    out.print(table)


def _print_timeline(session: Session, number: int) -> None:
    handoff = session.get(Handoff, number)
    if handoff is None:
        print(f"There is no handoff {number}. `warmline log` lists them.", file=sys.stderr)
        raise typer.Exit(2)
    zone = ZoneInfo(handoff.conversation.program.timezone)
    print(f"Handoff {number}, times in {zone.key}")
    for entry in timeline(session, number):
        print(f"{entry.at.astimezone(zone):%d %b %H:%M:%S}  {entry.what}")
        if entry.quote:
            print(f'{"":17}"{"".join(piece.words for piece in entry.quote)}"')
        for detail in entry.details:
            print(f"{'':17}{detail}")


def _refuse(sentence: str) -> typer.Exit:
    """Say what is wrong with what was asked for; raise what this returns."""
    print(sentence, file=sys.stderr)
    return typer.Exit(2)


def _person(session: Session, phone: str) -> Person:
    number = as_e164(phone)
    person = number and session.scalar(
        select(Person).where(Person.phone_index == phone_index(number))
    )
    if not person:
        print("Nobody is enrolled with that number.", file=sys.stderr)
        raise typer.Exit(2)
    return person


def _program(session: Session, name: str, timezone: str, hours: str) -> Program:
    """The program by that name; the only one when no name is given; a new one otherwise."""
    programs = session.scalars(select(Program)).all()
    for program in programs:
        if program.name == name or (not name and len(programs) == 1):
            return program
    if not name:
        print("Name the program with --program.", file=sys.stderr)
        raise typer.Exit(2)
    try:
        opens_at, closes_at = (time.fromisoformat(part.strip()) for part in hours.split("-"))
    except ValueError:
        print(f"--hours {hours!r} cannot be read; write them like 08:00-21:00.", file=sys.stderr)
        raise typer.Exit(2) from None
    program = Program(name=name, timezone=timezone, opens_at=opens_at, closes_at=closes_at)
    session.add(program)
    session.flush()
    return program
