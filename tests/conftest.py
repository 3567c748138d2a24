"""The cast and the databases. Every test that takes `database` runs on both.

Maya is a mentee; Sam is her own mentor; Noor is her back-up, on duty, and mentors Jo; Ruth is
the programme's manager. Nobody enrolled the stranger.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.database import Database, make_engine
from models.encryption import use_key
from tests.line import Talk
from tests.postgres import PostgresServer

# Made for the tests; it opens nothing else.
KEY = "dGVzdHMtb25seS1ub3QtYS1zZWNyZXQtMzItYnl0ZXM="


@pytest.fixture(autouse=True)
def a_key() -> None:
    use_key(KEY)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: a SQLite file, and again a real PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'warmline.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(make_engine(database_url))
    database.migrate()
    yield database
    database.engine.dispose()


@pytest.fixture
def talk(database: Database) -> Talk:
    return Talk(database)
