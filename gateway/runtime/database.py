"""One engine, one kind of session, the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Engine, delete, event, inspect, select, text
from sqlalchemy.orm import Session, sessionmaker

from escalation.handoffs.jobs import ENQUEUE
from models import KeyToDestroy, Program, keys

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parents[2] / "models" / "migrations"
# The newest migration there. A test compares the two.
REVISION = "0001"

# How long a SQLite writer waits for others, in seconds.
SQLITE_PATIENCE = 30


def connect(url: str, *, pool_size: int, begins: str | None) -> Engine:
    """An engine on `url`. `begins` is sqlite3's own isolation level, None to leave it to us."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=pool_size, pool_pre_ping=True, hide_parameters=True)
    if database := sa.make_url(url).database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
        # Its log and its index get the same mode.
        Path(database).touch(mode=0o600)
        Path(database).chmod(0o600)
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=20,
        # An error would otherwise quote the row, which may be what a person wrote.
        hide_parameters=True,
        connect_args={"timeout": SQLITE_PATIENCE, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = begins
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # What was deleted or changed is overwritten, so that nothing erased stays in the file.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    return engine


def make_engine(url: str, *, pool_size: int = 20) -> Engine:
    """An engine on `url`. On SQLite every transaction begins IMMEDIATE, unless it only reads.

    A deferred transaction that first reads and then writes fails at once when another has
    written in between; an immediate one waits its turn. Python's sqlite3 would begin by
    itself, and too late, so that is turned off.
    """
    engine = connect(url, pool_size=pool_size, begins=None)
    if engine.dialect.name != "sqlite":
        return engine

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        only_reads = connection.get_execution_options().get("only_reads", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine


class Database:
    """`writing()` and `reading()` return a session in one transaction, which commits at its end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # What each session that writes knows; here, how to enqueue jobs (handoffs/jobs.py).
        self._info: dict[Any, Any] = {}
        self._write = sessionmaker(engine, expire_on_commit=False, info=self._info)
        self._read = sessionmaker(engine.execution_options(only_reads=True), expire_on_commit=False)

    def enqueues_with(self, enqueue: Callable[..., None]) -> None:
        self._info[ENQUEUE] = enqueue

    def writing(self) -> AbstractContextManager[Session]:
        return self._write.begin()

    def reading(self) -> AbstractContextManager[Session]:
        return self._read.begin()

    def destroy_due_keys(self) -> int:
        """Destroy every key that is due, and remove the words from SQLite's write-ahead log.

        Returns how many were due. While another connection reads an old state, the log keeps its
        pages. Then the rows stay, and the next call tries again.
        """
        with self.reading() as session:
            due = session.scalars(select(KeyToDestroy.key_id)).all()
        for key_id in due:
            keys().destroy(key_id)
        if due and self.empty_log():
            with self.writing() as session:
                session.execute(delete(KeyToDestroy).where(KeyToDestroy.key_id.in_(due)))
        return len(due)

    def empty_log(self) -> bool:
        """Move SQLite's write-ahead log into the database and empty it. False if one still reads
        what the log holds. PostgreSQL has no such log to empty.
        """
        if not self.is_sqlite:
            return True
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 2000")
            [(busy, *_)] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            cursor.execute(f"PRAGMA busy_timeout = {SQLITE_PATIENCE * 1000}")
            return not busy
        finally:
            connection.close()

    def migrate(self) -> None:
        """Update the tables to REVISION. Safe at every start."""
        with self.engine.begin() as connection:
            if read_revision(connection) == REVISION:
                return
            from alembic import command

            command.upgrade(migration_config(connection), "head")


def migration_config(connection: sa.Connection | None = None) -> "Config":
    # Importing Alembic takes a tenth of a second, and most starts do not need it.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def read_revision(connection: sa.Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def lock_program(session: Session, program_id: int) -> None:
    """Serialize changes of a program: a second transaction waits and sees what the first wrote."""
    session.execute(select(Program.id).where(Program.id == program_id).with_for_update())
