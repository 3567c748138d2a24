"""Keys of people's words: their files, their end, and changing the key that wraps them."""

import os
import signal
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from models import (
    KeyGone,
    Message,
    Person,
    WrongKey,
    create_key,
    decrypt,
    encrypt,
    keys,
    use_key,
)
from models.encryption.keys import Master, overwrite
from tests.line import MAYA, Talk
from tests.processes import KEY, Process

NEW_KEY = "YW5vdGhlci1rZXktZm9yLXRoaXMtdGVzdC0zMi1ieSE="


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    use_key(KEY, tmp_path / "keys")
    return tmp_path / "keys"


def test_only_the_owner_of_the_process_can_read_the_keys(folder: Path) -> None:
    name = keys().create()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_words_cannot_be_read_after_their_key_is_destroyed(folder: Path) -> None:
    mayas, jos = keys().create(), keys().create()
    hers, theirs = encrypt("pumpernickel", mayas), encrypt("hello", jos)
    keys().destroy(mayas)
    assert decrypt(theirs) == "hello"
    with pytest.raises(KeyGone):
        decrypt(hers)
    with pytest.raises(KeyGone):
        encrypt("again", mayas)
    keys().destroy(mayas)
    assert not (folder / mayas).exists()


def test_a_key_whose_destruction_broke_off_opens_nothing(folder: Path) -> None:
    """The process died between overwriting the file and removing it."""
    mayas = keys().create()
    stored = encrypt("pumpernickel", mayas)
    use_key(KEY, folder)  # another gateway, which remembers no key
    overwrite(folder / mayas)
    with pytest.raises(KeyGone):
        decrypt(stored)
    assert not keys().has(mayas)
    keys().destroy(mayas)
    assert not (folder / mayas).exists()


def test_a_key_is_destroyed_with_what_a_change_of_the_key_left_of_it(folder: Path) -> None:
    mayas = keys().create()
    left = folder / f".{mayas}.new"
    left.write_bytes((folder / mayas).read_bytes())
    keys().destroy(mayas)
    assert not left.exists()


def test_a_value_names_no_file_outside_the_folder(folder: Path) -> None:
    (folder.parent / "0123").write_text("x")
    for name in ("../0123", "/etc/passwd", "house/../index", ""):
        with pytest.raises(WrongKey):
            decrypt(f"{name}:AAAA")


def test_a_value_moved_to_another_key_does_not_open(folder: Path) -> None:
    mayas, jos = keys().create(), keys().create()
    stored = encrypt("pumpernickel", mayas)
    with pytest.raises(WrongKey):
        decrypt(stored.replace(mayas, jos))


def test_erased_words_read_as_a_sentence(talk: Talk) -> None:
    talk.texts(MAYA, "pumpernickel")
    keys().destroy(talk.person(MAYA).key_id)
    assert {text.words for text in talk.rows(Message)} == {"These words were erased."}


def test_the_same_words_written_again_get_the_new_key(talk: Talk) -> None:
    former = talk.person(MAYA).key_id
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        maya.key_id, maya.name = create_key(session), "Maya"
    keys().destroy(former)
    assert talk.person(MAYA).name == "Maya"


def test_both_keys_are_accepted_while_the_key_is_changed(folder: Path) -> None:
    before = encrypt("pumpernickel", keys().create())
    use_key(NEW_KEY, folder, old=KEY)
    after = encrypt("sourdough", keys().create())
    assert (decrypt(before), decrypt(after)) == ("pumpernickel", "sourdough")
    assert len(list(keys().rewrap())) == 1
    use_key(NEW_KEY, folder)
    assert (decrypt(before), decrypt(after)) == ("pumpernickel", "sourdough")
    use_key(KEY, folder)
    with pytest.raises(WrongKey):
        decrypt(before)


def test_keys_can_be_destroyed_while_the_key_is_changed(folder: Path) -> None:
    names = sorted(keys().create() for _ in range(4))
    use_key(NEW_KEY, folder, old=KEY)
    changing = keys().rewrap()
    assert next(changing) == names[0]
    keys().destroy(names[1])
    overwrite(folder / names[2])  # a gateway is about to remove it
    assert list(changing) == [names[3]]


def test_a_key_goes_with_a_change_that_is_rolled_back(talk: Talk) -> None:
    before = keys().names()

    def enrolls(session: Session, name: str) -> str:
        row = talk.person(MAYA)
        same = {"program_id": row.program_id, "role": row.role, "timezone": row.timezone}
        person = Person(**same, name=name, enrolled_at=talk.clock())
        session.add(person)
        session.flush()
        return person.key_id

    with talk.database.writing() as session:
        kept = enrolls(session, "Ana")
        with suppress(ConnectionError), session.begin_nested():
            enrolls(session, "Ben")
            raise ConnectionError
    assert keys().names() == sorted([*before, kept])
    with suppress(ConnectionError), talk.database.writing() as session:
        enrolls(session, "Eve")
        raise ConnectionError
    assert keys().names() == sorted([*before, kept])


def test_a_change_of_the_key_survives_kill_9_in_the_middle(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    use_key(KEY, folder)
    stored = [encrypt(f"words {number}", keys().create()) for number in range(800)]
    changing = Process(
        tmp_path,
        "rotate-key",
        KEY_FOLDER=str(folder),
        WARMLINE_KEY=NEW_KEY,
        WARMLINE_OLD_KEY=KEY,
    )
    process = subprocess.Popen(
        changing.command, env=changing.environment, stdout=subprocess.DEVNULL
    )
    give_up_at = time.monotonic() + 60
    while not _changed(folder) and time.monotonic() < give_up_at:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 0 < _changed(folder) < 800, "it was killed in the middle"
    use_key(NEW_KEY, folder, old=KEY)
    assert [decrypt(one) for one in stored] == [f"words {number}" for number in range(800)]

    ran = changing.runs()
    assert ran.returncode == 0, ran.stderr
    use_key(NEW_KEY, folder)
    assert [decrypt(one) for one in stored] == [f"words {number}" for number in range(800)]


def _changed(folder: Path) -> int:
    named = [file for file in folder.iterdir() if not file.name.startswith(".")]
    return sum(file.read_text().startswith(Master(NEW_KEY).name) for file in named)
