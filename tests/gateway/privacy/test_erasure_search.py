"""After an erasure, no copy of the database can be read, even with every key that is left."""

from pathlib import Path

import pytest

from models import use_key
from tests.erasure_search import WORDS, Found, on_postgres, on_sqlite
from tests.postgres import PostgresServer
from tests.processes import KEY


@pytest.fixture(autouse=True)
def only_their_keys(a_key: None, tmp_path: Path) -> None:
    """The folder that other tests share has thousands of keys, each of which would be tried."""
    use_key(KEY, tmp_path / "keys")


def words(found: list[Found]) -> list[int]:
    return [one.words for one in found]


def test_nothing_of_maya_can_be_read_in_the_file_its_log_or_an_older_copy(tmp_path: Path) -> None:
    folder = tmp_path / "databases"
    folder.mkdir()
    assert words(on_sqlite(folder)) == [len(WORDS), 0, 0]


def test_nothing_of_maya_can_be_read_in_postgres_data_or_its_log() -> None:
    server = PostgresServer()
    try:
        assert words(on_postgres(server)) == [len(WORDS), 0]
    finally:
        server.stop()
