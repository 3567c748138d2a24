"""Rasa's memory: what lies on disk, and what a restart remembers."""

import re
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from bot.client import Bot, BotAway, SkillStep
from bot.environment import ROOT, environment, python_of
from tests.rasa_server import TEST_KEY, RasaServer

OTHER_KEY = "eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXk="


def test_a_killed_rasa_is_away_at_once_and_goes_on_in_the_middle_when_it_is_back(
    tmp_path: Path,
) -> None:
    server = RasaServer(tmp_path).start()
    bot = Bot(server.url, token=server.token)
    maya, noor = 1, 2
    try:
        bot.answer(maya, "can you help me solve a problem")
        assert bot.answer(maya, "my brother hides my violin").words[-1].startswith("2 of 4")
        bot.answer(noor, "breathe")
        bot.answer(noor, "8")

        server.kill()
        began = time.monotonic()
        with pytest.raises(BotAway):
            bot.answer(maya, "hi")
        assert time.monotonic() - began < 2.5
        written = b"".join(file.read_bytes() for file in tmp_path.glob("tracker.db*"))
        for word in (b"violin", b"brother", b"problem", b"2 of 4", b"plan_words", b"breathing"):
            assert word not in written
        assert server.tracker_db.stat().st_mode & 0o077 == 0

        server.start()
        assert bot.answer(maya, "ask my teacher for a locker").words[-1].startswith("3 of 4")
        bot.answer(noor, "done")
        assert bot.answer(noor, "5").skill == SkillStep("breathing", "done", before=8, after=5)
    finally:
        server.stop()
    assert "violin" not in server.log.read_text()


def test_what_was_forgotten_leaves_the_disk(rasa: RasaServer, bot: Bot) -> None:
    maya = 4711
    bot.answer(maya, "problem")
    bot.answer(maya, "i always come late to school")
    before = events_kept(rasa, maya)
    bot.forget(maya)
    assert events_kept(rasa, maya) < before
    bot.answer(maya, "hi")
    grown = events_kept(rasa, maya)
    bot.answer(maya, "thanks")
    assert grown < events_kept(rasa, maya) < grown + 12, "and nothing is written twice"


def test_the_store_does_not_open_without_the_right_key(rasa: RasaServer, bot: Bot) -> None:
    bot.answer(77, "hi")
    assert opened(rasa.tracker_db, [None, "", "short", OTHER_KEY, TEST_KEY]) == [
        "WARMLINE_KEY is missing",
        "WARMLINE_KEY is missing",
        "WARMLINE_KEY is not a usable key",
        "WARMLINE_KEY is not the key that",
        "opened",
    ]


def opened(tracker_db: Path, keys: list[str | None]) -> list[str]:
    """What Rasa's own Python says when it opens the store with each key; None is no key at all."""
    script = f"""
import os
from tracker_store import EncryptedTrackerStore, KeyProblem
for key in {keys!r}:
    os.environ.pop("WARMLINE_KEY", None)
    if key is not None:
        os.environ["WARMLINE_KEY"] = key
    try:
        EncryptedTrackerStore(db={str(tracker_db)!r})
        print("opened")
    except KeyProblem as problem:
        print(problem)
"""
    known = re.compile(
        r"^(opened|WARMLINE_KEY is (?:missing|not a usable key|not the key that))", re.M
    )
    return known.findall(in_rasas_python(script))


def events_kept(rasa: RasaServer, conversation: int) -> int:
    with closing(sqlite3.connect(rasa.tracker_db)) as tracker:
        [count] = tracker.execute(
            "SELECT count(*) FROM events WHERE sender_id = ?", [f"conversation-{conversation}"]
        ).fetchone()
    return int(count)


def in_rasas_python(script: str) -> str:
    done = subprocess.run(
        [str(python_of()), "-c", script],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
