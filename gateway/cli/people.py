"""Commands about people: enrolling, signing in, duty, and absences."""

import sys
from datetime import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.accounts.notices import tell_of_change
from gateway.accounts.passwords import hash_password
from gateway.accounts.passwords import set_password as store_password
from gateway.accounts.sessions import end_access
from gateway.chat.sign_in import invite as make_invitation
from gateway.cli.context import Refused, find_person, reading, transaction, writing
from gateway.people.absences import absence_in_words, list_absences
from gateway.people.details.time_zones import is_zone
from gateway.people.enrollment import enroll as enroll_people
from gateway.people.enrollment import tell_of_sign_ins
from gateway.people.people_file.decoding import GUESSES
from gateway.people.people_file.import_plan import Plan, step_in_words
from gateway.people.people_file.reading import PeopleFile, read_people
from gateway.people.questions import Answer
from gateway.privacy.terms import correct_band, record_guardian
from gateway.runtime.audit import note_about
from gateway.runtime.line import utc_now
from models import AgeBand, Person, Program, Role

NO_ONE_ENROLLED = (
    "No one was enrolled. Fix these lines and run it again, or use --keep-good to "
    "enroll the others."
)
Lines = Annotated[
    list[int] | None,
    typer.Option(metavar="LINE", help="Who is meant on this line, if Warmline asks."),
]
DEFAULT_ZONE = "America/New_York"
commands = typer.Typer(rich_markup_mode=None)
Mentee = Annotated[str, typer.Argument(help="The mentee's number.")]


@commands.command()
def enroll(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file.")],
    program: Annotated[
        str, typer.Option(help="Name of the program. A new name makes a new program.")
    ] = "",
    timezone: Annotated[
        str, typer.Option(help="Time zone for lines that name none. Default: the program's.")
    ] = "",
    hours: Annotated[
        str, typer.Option(help="Opening hours of a new program, local time.")
    ] = "08:00-21:00",
    keep_good: Annotated[
        bool, typer.Option("--keep-good", help="Enroll the good lines even if others are bad.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what each line would do, and enroll no one.")
    ] = False,
    encoding: Annotated[
        str, typer.Option(help="How the file stores its letters, if Warmline asks for it.")
    ] = "",
    same: Lines = None,
    new: Lines = None,
    shares: Lines = None,
) -> None:
    """Enroll mentees, mentors, and managers from a CSV file.

    The first line names the columns: role,name,phone,timezone,mentor,language. Under mentor, name
    the mentee's mentor, then backups after slashes (Sam/Noor). If any line has a problem, no one is
    enrolled and each problem is listed by line (exit status 1). Where somebody has that number or
    name already, say who is meant: --same LINE, --new LINE, or --shares LINE.

    \b
    Examples:
      warmline enroll people.csv --program "Harbor Mentoring" --preview
      warmline enroll people.csv --program "Harbor Mentoring"
    """
    if encoding and encoding not in GUESSES:
        raise Refused(f"--encoding takes one of {', '.join(GUESSES)}.")
    with writing() as (settings, session):
        chosen = _find_or_add_program(session, program, timezone or DEFAULT_ZONE, hours)
        zone = timezone or chosen.timezone
        people = read_people(file.read_bytes(), timezone=zone, encoding=encoding)
        planned, enrolled = enroll_people(
            session, chosen, people, now=utc_now(), answers=_answers(same, new, shares)
        )
        tell_of_sign_ins(transaction(session, settings), planned, enrolled)
        shown = _steps_in_words(planned)
        open_lines = planned.problems or planned.questions
        if preview or people.readings or (open_lines and not keep_good):
            session.rollback()
            enrolled = []
    print(shown, end="")
    _print_result(people, planned, enrolled=len(enrolled))
    if open_lines and not keep_good:
        print(NO_ONE_ENROLLED, file=sys.stderr)
    if open_lines or people.readings:
        raise typer.Exit(1)


def _answers(same: Lines, new: Lines, shares: Lines) -> dict[int, Answer]:
    said = ((Answer.SAME, same), (Answer.NEW, new), (Answer.SHARES, shares))
    return {line: answer for answer, lines in said for line in lines or ()}


def _steps_in_words(planned: Plan) -> str:
    """To be called before a rollback, after which the people of the plan cannot be read."""
    steps = sorted(planned.steps, key=lambda step: step.row.line)
    return "".join(f"line {step.row.line}: {step_in_words(step)}\n" for step in steps)


def _print_result(people: PeopleFile, planned: Plan, *, enrolled: int) -> None:
    for problem in planned.problems:
        print(problem, file=sys.stderr)
    for question in planned.questions:
        line = question.row.line
        print(f"line {line} ({question.row.name}): {question.words}", file=sys.stderr)
        for answer, words in question.answers.items():
            print(f"  --{answer} {line}: {words}", file=sys.stderr)
        if question.hint:
            print(f"  {question.hint}", file=sys.stderr)
    if people.ignored:
        print(f"These columns are not read: {', '.join(people.ignored)}.", file=sys.stderr)
    if people.readings:
        print(
            "No one was enrolled, because the file does not say how its letters are stored. Run it "
            "again with the --encoding that shows the names right:",
            file=sys.stderr,
        )
    for one in people.readings:
        print(f"  --encoding {one.encoding:<12} {', '.join(one.names)}", file=sys.stderr)
    asked = f", {len(planned.questions)} with a question" if planned.questions else ""
    print(f"{enrolled} enrolled, {len(planned.problems)} lines with a problem{asked}.")


@commands.command()
def invite(
    phone: Mentee,
    name: Annotated[str, typer.Option(help="Who, if several mentees use this phone.")] = "",
) -> None:
    """Print a one-time link to the web chat for a mentee.

    Send the link to the mentee yourself. It signs them in once. If two mentees use one phone, name
    the one you mean.

    \b
    Example:
      warmline invite +12025550101
    """
    with writing() as (settings, session):
        tx = transaction(session, settings)
        try:
            mentee = find_person(session, phone, name)
            print(make_invitation(session, mentee, tx.rules, now=tx.now))
        except ValueError as error:
            raise Refused(str(error)) from error


@commands.command()
def guardian(
    phone: Mentee,
    name: Annotated[str, typer.Option(help="The parent or guardian who agreed.")] = "",
    by: Annotated[str, typer.Option(help="Number of the manager who saw the consent.")] = "",
    age: Annotated[
        AgeBand | None, typer.Option(help="Correct the age that the mentee chose.")
    ] = None,
) -> None:
    """Record a guardian's consent, or correct a mentee's age.

    Mentees below your age limit need a guardian's consent before they can use the web chat.

    \b
    Example:
      warmline guardian +12025550101 --name "Ana Doe" --by +12025550121
    """
    if not name and age is None:
        raise Refused('Add the guardian\'s name, like --name "Ana Doe", or an age with --age.')
    with writing() as (_, session):
        mentee = find_person(session, phone)
        manager = find_person(session, by) if by else None
        if mentee.role is not Role.MENTEE:
            raise Refused(f"{mentee.name} is not a mentee. Only mentees use the web chat.")
        if manager is not None and (
            manager.role is not Role.MANAGER or manager.program_id != mentee.program_id
        ):
            raise Refused("--by takes the number of a manager of the mentee's program.")
        if age is not None:
            correct_band(session, mentee, age, by=manager, now=utc_now())
        if name:
            record_guardian(session, mentee, name, by=manager, now=utc_now())
    print(f"Recorded. {mentee.name} can use the web chat once all required consents are in.")


@commands.command()
def set_password(phone: Annotated[str, typer.Argument(help="The person's number.")]) -> None:
    """Set the password of a mentor or manager.

    Asks for the new password and signs them out of every browser.

    \b
    Example:
      warmline set-password +12025550121
    """
    with reading() as (_, session):
        person = find_person(session, phone)
    # While the operator types, no transaction may be open: it would stop every gateway's writes.
    hashed = hash_password(person, typer.prompt("New password", hide_input=True))
    with writing() as (settings, session):
        person = session.get_one(Person, person.id)
        store_password(person, hashed)
        note_about(session, person, "set a password", by=None, now=utc_now())
        tell_of_change(transaction(session, settings), person)
        name = person.name
    print(f"The password is set. {name} was signed out everywhere.")


@commands.command("sign-out")
def sign_out(
    phone: Annotated[str, typer.Argument(help="The person's number.")] = "",
    everybody: Annotated[
        bool, typer.Option("--everybody", help="Everybody in every program.")
    ] = False,
) -> None:
    """Sign one person out of every browser, or sign everybody out.

    Their links and codes stop working too. Do this when a phone is stolen, or when you do not know
    who has signed in.

    \b
    Examples:
      warmline sign-out +12025550121
      warmline sign-out --everybody
    """
    if everybody == bool(phone):
        raise Refused("Name one person's number, or --everybody.")
    with writing() as (_, session):
        people = (
            session.scalars(select(Person)).all() if everybody else [find_person(session, phone)]
        )
        for person in people:
            end_access(session, person)
            note_about(session, person, "signed out everywhere", by=None, now=utc_now())
        names = "Everybody" if everybody else people[0].name
    print(f"{names} was signed out of every browser.")


@commands.command()
def duty(
    phone: Annotated[str, typer.Argument(help="The mentor's or manager's number.")],
    on: Annotated[bool, typer.Option("--on/--off", help="On duty or off duty.")] = True,
) -> None:
    """Put a mentor or manager on duty, or take them off.

    Warmline pages people on duty when a mentee needs someone. For duty by weekday and hour, use
    the page Program instead.

    \b
    Example:
      warmline duty +12025550112 --on
    """
    with writing() as (_, session):
        person = find_person(session, phone)
        if person.role is Role.MENTEE:
            raise Refused(f"{person.name} is a mentee. Only mentors and managers can be on duty.")
        person.on_duty = on
    print(f"{person.name} is {'on' if on else 'off'} duty.")


@commands.command()
def away() -> None:
    """List who is away, now or later, and until when."""
    now = utc_now()
    with reading() as (_, session):
        lines = [
            f"{program.name}: {absence_in_words(session, absence, now=now)}"
            for program in session.scalars(select(Program).order_by(Program.id))
            for absence in list_absences(session, program, now=now)
        ]
    print("\n".join(lines) or "No one is away.")


def _find_or_add_program(session: Session, name: str, timezone: str, hours: str) -> Program:
    programs = session.scalars(select(Program)).all()
    for program in programs:
        if program.name == name or (not name and len(programs) == 1):
            return program
    if not name:
        there = f" There are {', '.join(one.name for one in programs)}." if programs else ""
        raise Refused(f'Name the program, like --program "Harbor Mentoring".{there}')
    try:
        opens_at, closes_at = (time.fromisoformat(part.strip()) for part in hours.split("-"))
    except ValueError:
        raise Refused(f"--hours {hours!r} is not valid. Write it like 08:00-21:00.") from None
    if not is_zone(timezone):
        raise Refused(f"--timezone {timezone!r} is not a place. Write it like America/New_York.")
    program = Program(name=name, timezone=timezone, opens_at=opens_at, closes_at=closes_at)
    session.add(program)
    session.flush()
    return program
