"""Fill a new database with a long history:

    python -m tests.history var/history/warmline.db --messages 1000000
    python -m tests.history postgresql+psycopg://user@/new --keys var/history/keys

The words are invented, and encrypted as always: with a key for each person, in --keys (beside a
SQLite file unless told otherwise), and with the WARMLINE_KEY of the tests.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from models import use_key
from tests.conftest import KEY
from tests.history import Size, fill
from tests.line import Talk


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("database", help="a new SQLite file, or the address of an empty database")
    options.add_argument("--messages", type=int, default=1_000_000)
    options.add_argument("--handoffs", type=int, help="one for ten messages")
    options.add_argument("--mentees", type=int, help="one for fifty messages")
    options.add_argument("--mentors", type=int, help="one for fifty mentees")
    options.add_argument("--keys", type=Path, help="the folder of the keys")
    given = options.parse_args()
    is_file = "://" not in given.database
    if not is_file and given.keys is None:
        options.error("Say with --keys where the keys of a PostgreSQL database go.")
    keys = given.keys or Path(given.database).parent / "keys"
    size = sized(given.messages)
    chosen = {name: getattr(given, name) for name in ("handoffs", "mentees", "mentors")}
    size = replace(size, **{name: count for name, count in chosen.items() if count is not None})
    began = time.perf_counter()
    make_history(f"sqlite:///{given.database}" if is_file else given.database, keys, size)
    print(f"{size} in {time.perf_counter() - began:.0f} s. WARMLINE_KEY={KEY} KEY_FOLDER={keys}")


def sized(messages: int) -> Size:
    """A program in which each mentee has written as much, however many there are."""
    return Size(messages // 10, messages, messages // 50, messages // 2500)


def make_history(url: str, keys: Path, size: Size) -> None:
    """The demo program, and its history until now."""
    use_key(KEY, keys)
    database = Database(make_engine(url))
    database.migrate()
    Talk(database)  # the cast
    fill(database, size, now=utc_now())
    database.engine.dispose()


if __name__ == "__main__":
    main()
