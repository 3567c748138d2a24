"""What several commands need: a group for them, the database, a person by phone number."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.policy import POLICY_FILE, Policy, load_policy
from gateway.runtime.database import Database
from gateway.runtime.policy_versions import policy_in_use
from gateway.runtime.settings import Settings, load_settings
from gateway.runtime.user_input import as_e164
from gateway.serve import open_database
from models import Person, Program, phone_index


@contextmanager
def opened_database() -> Iterator[tuple[Settings, Database]]:
    settings = load_settings()
    database = open_database(settings)
    try:
        yield settings, database
    finally:
        database.engine.dispose()


def refuse(sentence: str) -> typer.Exit:
    """Print why a command cannot run. The caller raises the returned exit, with status 2."""
    print(sentence, file=sys.stderr)
    return typer.Exit(2)


def find_person(session: Session, phone: str) -> Person:
    number = as_e164(phone)
    person = number and session.scalar(
        select(Person).where(Person.phone_index == phone_index(number))
    )
    if not person:
        raise refuse(
            f"No one is enrolled with the number {phone}. "
            "Write it with its country code, like +12025550101."
        )
    return person


def list_active_policies(session: Session, settings: Settings) -> list[tuple[Program, Policy]]:
    """Each program with its active policy."""
    file = load_policy(settings.policy_file or POLICY_FILE)
    return [
        (program, policy_in_use(session, program.id, file))
        for program in session.scalars(select(Program).order_by(Program.id))
    ]
