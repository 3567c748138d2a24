"""Commands for the master key and for copies of the data."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.context import Refused, opened_database
from gateway.privacy.backup import back_up
from gateway.privacy.backup import restore as put_back
from gateway.privacy.erasure import erase_again
from gateway.runtime.line import utc_now
from gateway.runtime.settings import load_settings
from gateway.serve import lock_database
from models import keys

commands = typer.Typer(rich_markup_mode=None)
Data = Annotated[Path, typer.Option("--data", help="The folder of the copy of the database.")]


@commands.command("rotate-key")
def rotate_key() -> None:
    """Change WARMLINE_KEY: wrap every key with the new one.

    First set WARMLINE_KEY to the new key (`warmline key` makes one) and WARMLINE_OLD_KEY to the
    former one, and restart the gateways and the bot. Then run this. You can stop it anywhere and
    run it again. At the end, remove WARMLINE_OLD_KEY and restart once more.
    """
    with opened_database() as (settings, _):
        if not settings.warmline_old_key:
            raise Refused("Set WARMLINE_OLD_KEY to the former key first. Nothing was changed.")
        changed = sum(1 for _ in keys().rewrap())
        everything = len(keys().names())
    print(
        f"{changed} of {everything} keys were wrapped anew. Remove WARMLINE_OLD_KEY now, and "
        "restart the gateways and the bot."
    )


@commands.command()
def backup(
    data: Data,
    keys_to: Annotated[Path, typer.Option("--keys", help="Another folder, for the keys.")],
) -> None:
    """Copy the database and the keys to separate folders.

    Warmline can run meanwhile. Keep as many copies of the data as you like, each in a folder of its
    own. Keep one copy of the keys: name the same folder each time, and never copy that folder
    elsewhere, because an old key opens what was erased since. Keep WARMLINE_KEY in a third place.

    \b
    Example:
      warmline backup --data /mnt/backup/monday --keys /mnt/keys
    """
    with opened_database() as (settings, _):
        copy = back_up(settings.database_url, settings.keys, data_to=data, keys_to=keys_to)
        count = len(keys().names())
    print(f"Copied the data to {copy} and {count} keys to {keys_to}.")


@commands.command()
def restore(
    data: Data,
    keys_from: Annotated[
        Path | None, typer.Option("--keys", help="The folder of the keys, if they are lost too.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Replace the database with a copy.

    Stop the gateways first. Everything written since the copy is lost. People and numbers that were
    erased since then are erased again. Afterward run `warmline retention` and `warmline check`.

    \b
    Example:
      warmline restore --data /mnt/backup/monday
    """
    settings = load_settings()
    if not yes:
        typer.confirm("Replace everything in the database with this copy?", abort=True)
    with lock_database(settings.database_url) or nullcontext():
        put_back(settings.database_url, settings.keys, data_from=data, keys_from=keys_from)
        with opened_database() as (_, database):
            count, left = erase_again(database, now=utc_now())
    print(f"The database is the copy in {data} now.")
    if count:
        print(f"Erased again, because they were erased after the copy was made: {count}.")
    for whom, reason in left.items():
        print(f"{whom} cannot be erased again yet. {reason} Then run `warmline erase {whom}`.")
