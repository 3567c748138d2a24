"""What several commands need: the database, people, policies, and the errors to report."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.environment import BotProblem
from escalation.check_ins.schedules import BadDays
from escalation.crisis_lines import BadCrisisLines
from escalation.policy import Policy
from escalation.policy_file import BadPolicy, load_policy
from escalation.speech.names import with_name
from escalation.speech.script import BadScript
from escalation.transaction import Transaction
from gateway.accounts.passwords import BadPassword
from gateway.privacy.backup import BackupFailed
from gateway.privacy.legal_hold import HoldRefused
from gateway.privacy.terms import ConsentRefused
from gateway.runtime.database import Database
from gateway.runtime.line import utc_now
from gateway.runtime.policy_versions import policy_in_use
from gateway.runtime.settings import BadSettings, Settings, load_settings
from gateway.runtime.user_input import as_e164
from gateway.serve import AlreadyServed, NoKeys, load_file_rules, open_database
from models import BadKey, NoKey, Person, Program, WrongKey, phone_index


class Refused(Exception):
    """Says why a command cannot run, and what to do."""


# An operator can fix these. Each is printed as one line, without a traceback.
EXPECTED = (
    AlreadyServed,
    BadCrisisLines,
    BadDays,
    BadKey,
    BadPassword,
    BadPolicy,
    BadScript,
    BadSettings,
    BackupFailed,
    BotProblem,
    ConsentRefused,
    HoldRefused,
    NoKey,
    NoKeys,
    Refused,
    WrongKey,
)


@contextmanager
def opened_database() -> Iterator[tuple[Settings, Database]]:
    settings = load_settings()
    database = open_database(settings)
    try:
        yield settings, database
    finally:
        database.engine.dispose()


@contextmanager
def reading() -> Iterator[tuple[Settings, Session]]:
    with opened_database() as (settings, database), database.reading() as session:
        yield settings, session


@contextmanager
def writing() -> Iterator[tuple[Settings, Session]]:
    with opened_database() as (settings, database), database.writing() as session:
        yield settings, session


def transaction(session: Session, settings: Settings) -> Transaction:
    """For a command that writes texts. A running Warmline sends them."""
    return Transaction(session, load_file_rules(settings), utc_now())


def print_alert(lines: list[str], *, otherwise: str) -> None:
    """Print lines that need attention, and exit with status 1, so a cron job can alert you."""
    print("\n".join(lines) or otherwise)
    if lines:
        raise typer.Exit(1)


def find_person(session: Session, phone: str, name: str = "") -> Person:
    """The owner of a number or, with a name, whoever of that name uses the phone.

    `person:12` is the person of the page /people/12, also when they have no number.
    """
    person = _find_by_page(session, phone)
    if number := as_e164(phone):
        person = session.scalar(select(Person).where(Person.phone_index == phone_index(number)))
    if person is None:
        raise Refused(
            f"No one is enrolled with the number {phone}. "
            "Write it with its country code, like +12025550101, or person:12 for the person of the "
            "page /people/12."
        )
    if not name:
        return person
    shares = select(Person).where(Person.shares_phone_with_id == person.id)
    users: list[Person] = [person, *session.scalars(shares)]
    found = with_name(name, users)
    if len(found) != 1:
        raise Refused(f"{len(found)} people named {name} use the phone {phone}.")
    return found[0]


def _find_by_page(session: Session, reference: str) -> Person | None:
    kind, _, number = reference.partition(":")
    return session.get(Person, int(number)) if kind == "person" and number.isdecimal() else None


def list_active_policies(session: Session, settings: Settings) -> list[tuple[Program, Policy]]:
    file = load_policy(settings.policy_file)
    return [
        (program, policy_in_use(session, program.id, file))
        for program in session.scalars(select(Program).order_by(Program.id))
    ]
