"""Search every copy of a database for the words of a person, with every key that is left.

`python -m tests.erasure_search` says 30 things as Maya, erases her, and searches the files of
SQLite and of a real PostgreSQL, and a copy made before the erasure, for anything that the master
key and the remaining keys can open. It searches before the erasure too, where it must find all.
"""

import base64
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.runtime.database import Database, make_engine
from models import CheckIn, Person, keys, use_key
from models.encryption.keys import NONCE_BYTES
from tests.keys import KEYS
from tests.line import MAYA, SAM, Talk
from tests.postgres import PostgresServer
from tests.processes import KEY

WORDS = [f"pumpernickel{number:02d}" for number in range(30)]
# What a stored value looks like; the key's name may be cut off.
TOKEN = re.compile(rb"[A-Za-z0-9_=-]{40,2000}")


@dataclass(frozen=True)
class Found:
    """Of the words, how many can be read, and how many tokens were tried."""

    words: int
    tokens: int


def says_everything(talk: Talk) -> None:
    """All 30 words, in every kind of place: texts, notes, debriefs, commands, check-ins."""
    for word in WORDS[:22]:
        talk.texts(MAYA, f"my cat is called {word}")
    talk.claims(SAM, MAYA, f"can i talk to a real person please, {WORDS[22]}")
    talk.texts(SAM, f"hi, how is {WORDS[23]}?")
    talk.texts(SAM, f"NOTE {{}} she talks of {WORDS[24]}")
    talk.texts(MAYA, f"{WORDS[25]} is fine")
    talk.texts(SAM, f"DONE {{}} TALKED about {WORDS[26]}")
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(MAYA).id)
        person.name = f"Maya {WORDS[27]}"
        message = talk.thread(MAYA)[0]
        check_in = CheckIn(
            conversation_id=message.conversation_id,
            message_id=message.id,
            at=talk.clock(),
            kind="mood",
            score=3,
            answers=f'["{WORDS[28]}"]',
            note=WORDS[29],
        )
        session.add(check_in)


def search(folder: Path) -> Found:
    """Open every token in every file below `folder` with every key that is left."""
    left = [(name.encode(), AESGCM(keys().get(name))) for name in keys().names()]
    found, tried = set(), 0
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        content = file.read_bytes()
        found |= {word for word in WORDS if word.encode() in content}
        for token in {one.group() for one in TOKEN.finditer(content)}:
            tried += 1
            for words in _opened(token, left):
                found |= {word for word in WORDS if word.encode() in words}
    return Found(len(found), tried)


def _opened(token: bytes, left: list[tuple[bytes, AESGCM]]) -> Iterator[bytes]:
    # The value of the next column can follow without a gap, so we try every length.
    for end in range(40, len(token) + 1, 4):
        try:
            sealed = base64.urlsafe_b64decode(token[:end])
        except ValueError:
            continue
        for name, key in left:
            with suppress(InvalidTag, ValueError):
                yield key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name)


def on_sqlite(folder: Path) -> list[Found]:
    """Before the erasure, after it, and in a copy from before it."""
    here, backup = folder / "live", folder / "backup"
    here.mkdir()
    database = Database(make_engine(f"sqlite:///{here / 'warmline.db'}"))
    database.migrate()
    talk = Talk(database)
    says_everything(talk)
    shutil.copytree(here, backup)
    before = search(here)
    talk.erases(MAYA)
    after = [search(here), search(backup)]
    database.engine.dispose()
    return [before, *after]


def on_postgres(server: PostgresServer) -> list[Found]:
    """Before the erasure and after it, in the data directory with its write-ahead log."""
    database = Database(make_engine(server.new_database()))
    database.migrate()
    talk = Talk(database)
    says_everything(talk)
    before = _search_on_disk(database, server)
    talk.erases(MAYA)
    after = _search_on_disk(database, server)
    database.engine.dispose()
    return [before, after]


def _search_on_disk(database: Database, server: PostgresServer) -> Found:
    with database.engine.connect() as connection:
        at_once = connection.execution_options(isolation_level="AUTOCOMMIT")
        at_once.execute(sa.text("CHECKPOINT"))
    return search(server.data)


def main() -> int:
    use_key(KEY, KEYS)
    server = PostgresServer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            before, after, backup = on_sqlite(Path(folder))
        pg_before, pg_after = on_postgres(server)
    finally:
        server.stop()
    for name, found in {
        "SQLite with WAL, before": before,
        "SQLite with WAL, after": after,
        "SQLite, a copy from before": backup,
        "PostgreSQL's data directory, before": pg_before,
        "PostgreSQL's data directory, after": pg_after,
    }.items():
        print(f"{name}: {found.words} of {len(WORDS)} words readable; {found.tokens} tokens tried")
    worked = before.words == pg_before.words == len(WORDS)
    return 0 if worked and not (after.words or backup.words or pg_after.words) else 1


if __name__ == "__main__":
    sys.exit(main())
