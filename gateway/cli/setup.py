"""Commands that prepare the database."""

import typer

from gateway.cli.context import opened_database
from gateway.demo import seed_demo
from gateway.runtime.line import utc_now

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def migrate() -> None:
    """Update the database tables to this version.

    Every command that opens the database does this first; run it by itself after an update.
    """
    with opened_database():
        print("The database is up to date.")


@commands.command()
def demo() -> None:
    """Add the demo program to an empty database.

    Adds Harbor Mentoring with its five people. Does nothing if there is a program already.
    """
    with opened_database() as (_, database), database.writing() as session:
        added = seed_demo(session, now=utc_now())
    print("Added the demo program." if added else "There is a program already. Nothing was added.")
