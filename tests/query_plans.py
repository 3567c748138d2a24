"""What SQLite does for each statement: its plan, and how many steps of its machine it takes.

Steps are the same on every machine, however busy, so that a test may compare them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

from gateway.runtime.database import Database
from models import Base

# SQLite reports after so many instructions of its machine.
STEP = 100
# The tables that grow with every message.
GROW = frozenset({"message", "decision_record", "handoff", "handoff_event", "alert"})
# A partial index has only what it was made for, so reading it all is what we want.
PARTIAL = frozenset(
    index.name
    for table in Base.metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
)


@dataclass
class Statement:
    sql: str
    plan: tuple[str, ...]
    steps: int = 0
    times: int = 0


@dataclass
class Watched:
    """The statements since the beginning, by their text and plan."""

    statements: dict[tuple[str, tuple[str, ...]], Statement] = field(default_factory=dict)
    steps: int = 0

    @property
    def scans(self) -> list[str]:
        """The plans that read a table that grows from one end to the other, with their SQL."""
        return [
            f"{line}: {one.sql}"
            for one in self.statements.values()
            for line in one.plan
            if _reads_all(line)
        ]


def _reads_all(line: str) -> bool:
    words = line.split()
    return (
        words[0] == "SCAN" and words[1].rstrip("_0123456789") in GROW and words[-1] not in PARTIAL
    )


@contextmanager
def watching(database: Database) -> Iterator[Watched]:
    watched = Watched()
    current: list[Statement | None] = [None]

    def step() -> int:
        watched.steps += 1
        if current[0] is not None:
            current[0].steps += 1
        return 0

    def before(
        connection: Connection, cursor: Any, sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        raw: Any = connection.connection.dbapi_connection
        raw.set_progress_handler(None, STEP)
        plan: tuple[str, ...] = ()
        if not many and sql.split()[0] in ("SELECT", "UPDATE", "DELETE", "WITH"):
            rows = raw.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
            plan = tuple(row[3] for row in rows)
        statement = watched.statements.setdefault((sql, plan), Statement(sql, plan))
        statement.times += 1
        current[0] = statement
        raw.set_progress_handler(step, STEP)

    event.listen(database.engine, "before_cursor_execute", before)
    try:
        yield watched
    finally:
        event.remove(database.engine, "before_cursor_execute", before)
