"""However long a program's history is, nothing that happens often reads all of it."""

from collections.abc import Iterator

import pytest

from gateway.operators.trouble import find_trouble
from gateway.runtime.database import Database, make_engine
from gateway.worker import GRACE, KINDS, find_due
from models import use_key
from tests.conftest import KEY
from tests.history import Size, fill
from tests.keys import KEYS
from tests.line import ASKS, CRISIS, JO, MAYA, RUTH, SAM, Talk
from tests.query_plans import watching
from tests.web_client import Web


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """A program with a history, on SQLite, which says for each statement how it reads."""
    use_key(KEY, KEYS)
    file = tmp_path_factory.mktemp("history") / "warmline.db"
    database = Database(make_engine(f"sqlite:///{file}"))
    database.migrate()
    talk = Talk(database)
    fill(database, Size(handoffs=60, messages=300), now=talk.clock())
    yield talk
    database.engine.dispose()


def test_the_watchdog_finds_lost_work_by_index(talk: Talk) -> None:
    now = talk.clock()
    with watching(talk.database) as watched:
        find_due(talk.line, KINDS, before=now - GRACE)
        with talk.database.reading() as session:
            find_trouble(talk.line, session, now=now)
    assert watched.scans == []


def test_a_message_is_handled_by_index(talk: Talk) -> None:
    scans: list[str] = []
    for number, words in (
        (MAYA, "my exam is on friday"),
        (MAYA, ASKS),
        (JO, CRISIS),
        (SAM, "TAKE {}"),
        (SAM, "#{} hello"),
        (JO, "thank you"),
        (SAM, "DONE {}"),
        (SAM, "STATUS"),
    ):
        if "{}" in words:
            words = words.replace("{}", talk.code(SAM))
        with watching(talk.database) as watched:
            talk.texts(number, words)
        scans += watched.scans
    assert scans == []


def test_a_page_of_the_log_or_the_people_is_read_by_index(talk: Talk) -> None:
    web = Web(talk)
    web.is_now(RUTH)
    scans: list[str] = []
    for path in ("/log/rows", "/log?unreached=words", "/console?tab=all", "/people", "/log/audit"):
        with watching(talk.database) as watched:
            assert web.gets(path).status_code == 200
        # One with a limit goes from the newest backward, and stops when the page is full.
        scans += [one for one in watched.scans if "LIMIT" not in one]
    assert scans == []
