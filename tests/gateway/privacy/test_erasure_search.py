"""After an erasure, no copy of the database can be read, even with every key that is left."""

from pathlib import Path

from tests.erasure_search import WORDS, Found, on_postgres, on_sqlite
from tests.postgres import PostgresServer


def words(found: list[Found]) -> list[int]:
    return [one.words for one in found]


def test_nothing_of_maya_can_be_read_in_the_file_its_log_or_an_older_copy(tmp_path: Path) -> None:
    assert words(on_sqlite(tmp_path)) == [len(WORDS), 0, 0]


def test_nothing_of_maya_can_be_read_in_postgres_data_or_its_log(postgres: PostgresServer) -> None:
    assert words(on_postgres(postgres)) == [len(WORDS), 0]
