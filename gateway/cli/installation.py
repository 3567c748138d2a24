"""Commands about the installation and the texts. Each imports only what it uses."""

import sys
from typing import Annotated

import typer

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def key() -> None:
    """Print a new encryption key for WARMLINE_KEY.

    Put it in .env before you enroll anyone, and store a copy somewhere safe: without the key, no
    one can read the database.
    """
    from cryptography.fernet import Fernet

    print(Fernet.generate_key().decode())


@commands.command()
def assess() -> None:
    """Assess messages from JSON lines with the shipped policy.

    Reads one JSON object per line (id, text, and optionally history) and prints one per line: the
    scores for crisis, connection, and tools, the urgency, and the evidence. A line that cannot be
    read gets an error with its number.

    \b
    Example:
      echo '{"id": 1, "text": "can i talk to someone"}' | warmline assess
    """
    from escalation.assess import assess_lines
    from escalation.policy_file import load_policy

    for answer in assess_lines(sys.stdin, load_policy()):
        print(answer)


@commands.command()
def content(
    brief: Annotated[bool, typer.Option("--brief", help="Print only the problems.")] = False,
) -> None:
    """List every text Warmline can send, and check each one.

    Shows each text's length in SMS, reading grade, and source, then the problems: too long, too
    hard to read, no source, or a claim that a bot must not make. Exits with status 1 if there are
    any.
    """
    from gateway.authoring.checks import run

    raise typer.Exit(run(brief=brief))


@commands.command()
def migrate() -> None:
    """Update the database tables to this version.

    Every command that opens the database does this first; run it by itself after an update.
    """
    from gateway.cli.context import opened_database

    with opened_database():
        print("The database is up to date.")


@commands.command()
def demo() -> None:
    """Add the demo program to an empty database.

    Adds Harbor Mentoring with its five people. Does nothing if there is a program already.
    """
    from gateway.cli.context import writing
    from gateway.demo import seed_demo
    from gateway.runtime.line import utc_now

    with writing() as (_, session):
        added = seed_demo(session, now=utc_now())
    print("Added the demo program." if added else "There is a program already. Nothing was added.")
