"""Rasa's memory: its file, what a restart remembers, and what is erased."""

import base64
import json
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.client import Bot, BotAway, SkillStep
from tests.rasa_server import TEST_KEY, RasaServer
from tests.rasas_python import in_rasas_python

OTHER_KEY = "eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXk="

# Before each script for Rasa's own Python.
OPENING = f"""
import asyncio, json, os, sys
from components import slim_rasa
slim_rasa.leave_out()
os.environ["WARMLINE_KEY"] = {TEST_KEY!r}
from components import tracker_store
from components.tracker_store import EncryptedTrackerStore, FileProblem, KeyProblem
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import *
from rasa.shared.core.trackers import DialogueStateTracker

text = lambda: {{"type": "text", "mappings": [{{"type": "custom"}}]}}
domain = Domain.from_dict({{
    "intents": ["hi"],
    "slots": {{"a": text(), "b": text()}},
    "forms": {{"breathing_form": {{"required_slots": ["a", "b"]}}}},
}})
listen = lambda: ActionExecuted("action_listen")

def store(db):
    return EncryptedTrackerStore(domain, db=db)

def save(store, sender, *events):
    tracker = DialogueStateTracker.from_events(sender, list(events), domain.slots)
    asyncio.run(store.save(tracker))

def kept(store, sender):
    return asyncio.run(store.retrieve(sender))
"""


def test_a_killed_rasa_is_away_at_once_and_goes_on_in_the_middle_when_it_is_back(
    tmp_path: Path,
) -> None:
    server = RasaServer(tmp_path).start()
    bot = Bot(server.url, token=server.token)
    maya, noor = 1, 2
    try:
        bot.answer(maya, "can you help me solve a problem")
        bot.answer(maya, "6")
        assert bot.answer(maya, "my brother hides my violin").words[-1].startswith("2 of 4")
        bot.answer(noor, "breathe")
        bot.answer(noor, "8")

        server.kill()
        began = time.monotonic()
        with pytest.raises(BotAway):
            bot.answer(maya, "hi")
        assert time.monotonic() - began < 2.5
        written = on_disk(server.tracker_db)
        for word in (b"violin", b"brother", b"problem", b"2 of 4", b"plan_words", b"breathing"):
            assert word not in written
        assert server.tracker_db.stat().st_mode & 0o077 == 0

        server.start()
        assert bot.answer(maya, "ask my teacher for a locker").words[-1].startswith("3 of 4")
        bot.answer(noor, "done")
        assert bot.answer(noor, "5").skills == (SkillStep("breathing", "done", before=8, after=5),)
    finally:
        server.stop()
    assert "violin" not in server.log.read_text()


def test_what_was_forgotten_leaves_the_disk(rasa: RasaServer, bot: Bot) -> None:
    maya = 4711
    bot.answer(maya, "problem")
    bot.answer(maya, "i always come late to school")
    assert "late to school" in json.dumps(told(rasa, maya))
    bot.forget(maya)
    assert told(rasa, maya) == []
    assert b"conversation-4711" not in on_disk(rasa.tracker_db)
    assert bot.answer(maya, "skip").skills == (), "no exercise is open any more"
    grown = len(told(rasa, maya))
    bot.answer(maya, "thanks")
    assert grown < len(told(rasa, maya)) < grown + 12, "and nothing is written twice"


def test_a_long_evening_in_one_exercise_ends_with_the_number_it_began_with(
    rasa: RasaServer, bot: Bot
) -> None:
    maya = 4712
    bot.answer(maya, "breathe")
    bot.answer(maya, "8")
    for _ in range(30):
        answer = bot.answer(maya, "are you a real person")
    assert "Slowly out" in answer.words[-1], "the exercise asks again each time"
    assert len(told(rasa, maya)) <= 160
    bot.answer(maya, "done")
    assert bot.answer(maya, "3").skills == (SkillStep("breathing", "done", before=8, after=3),)


def test_the_store_does_not_open_without_the_right_key(rasa: RasaServer, bot: Bot) -> None:
    bot.answer(77, "hi")
    assert opened(rasa.tracker_db, [None, "", "short", OTHER_KEY, TEST_KEY]) == [
        "WARMLINE_KEY is missing",
        "WARMLINE_KEY is missing",
        "WARMLINE_KEY is not a usable key",
        "WARMLINE_KEY is not the key that",
        "opened",
    ]


def test_a_changed_key_reads_the_old_dialogues_and_writes_them_anew(tmp_path: Path) -> None:
    tracker_db = str(tmp_path / "tracker.db")
    script = f"""
said = [SessionStarted(), listen(), UserUttered("pumpernickel", {{"name": "hi"}}), listen()]
save(store({tracker_db!r}), "conversation-1", *said)
os.environ["WARMLINE_OLD_KEY"] = os.environ["WARMLINE_KEY"]
os.environ["WARMLINE_KEY"] = {OTHER_KEY!r}
print(len(kept(store({tracker_db!r}), "conversation-1").events))
del os.environ["WARMLINE_OLD_KEY"]
print(len(kept(store({tracker_db!r}), "conversation-1").events))
"""
    assert in_rasas_python(OPENING + script).split()[-2:] == ["4", "4"]


def test_the_state_after_dropped_events_is_preserved() -> None:
    script = """
memory = store(":memory:")
turn = lambda n: [UserUttered(f"message {n}", {"name": "hi"}), SlotSet("b", str(n)), listen()]
events = [SessionStarted(), listen(), UserUttered("go", {"name": "hi"}), SlotSet("a", "8"),
    ActionExecuted("breathing_form"), ActiveLoop("breathing_form"),
    SlotSet("requested_slot", "b"), listen()]
for n in range(100):
    events += turn(n)
save(memory, "maya", *events)
then = DialogueStateTracker.from_events("maya", events, domain.slots)
now = kept(memory, "maya")
same = lambda of: of(then) == of(now)
print(json.dumps({
    "events": [len(then.events), len(now.events)],
    "slots": same(lambda tracker: tracker.current_slot_values()),
    "form": same(lambda tracker: tracker.active_loop_name),
    "last said": same(lambda tracker: tracker.latest_message.text),
    "last done": same(lambda tracker: tracker.latest_action_name),
    "in order": [e.timestamp for e in now.events] == sorted(e.timestamp for e in now.events),
}))
"""
    told = json.loads(in_rasas_python(OPENING + script))
    assert told.pop("events")[0] == 308
    assert all(told.values()), told


def test_what_was_not_saved_did_not_happen() -> None:
    script = """
memory = store(":memory:")
save(memory, "maya", SessionStarted(), listen(), SlotSet("a", "8"))
failed = kept(memory, "maya")
failed.update(SlotSet("a", "9"))
print(kept(memory, "maya").get_slot("a"))
"""
    assert in_rasas_python(OPENING + script).split() == ["8"]


def test_a_copy_equals_a_replay_of_all_events_and_is_independent() -> None:
    script = """
from rasa.shared.core.trackers import EventVerbosity
memory = store(":memory:")
told = [
    SessionStarted(), listen(), UserUttered("hi", {"name": "hi"}), SlotSet("a", "8"),
    ActionExecuted("breathing_form"), ActiveLoop("breathing_form"), BotUttered("breathe"),
    SlotSet("requested_slot", "b"), listen(), UserUttered("huh", {"name": "hi"}),
    ActionExecutionRejected("breathing_form"), LoopInterrupted(True),
]
for count in range(1, len(told) + 1):
    save(memory, "maya", *told[:count])
    tracker = kept(memory, "maya")
    twin, again = tracker.copy(), tracker.travel_back_in_time(float("inf"))
    state = lambda one: (one.current_state(EventVerbosity.ALL), one.followup_action,
                         one.latest_action, one.is_paused(), one.active_loop)
    assert state(twin) == state(again) == state(tracker), count
before = len(tracker.events)
twin.update(SlotSet("a", "9"))
twin.active_loop.rejected = False
print(tracker.get_slot("a"), tracker.active_loop.rejected, len(tracker.events) - before)
print(type(memory.init_tracker("jo")).__name__)
"""
    assert in_rasas_python(OPENING + script).split() == ["8", "True", "0", "Tracker"]


def test_what_another_process_erases_is_gone_here_too(tmp_path: Path) -> None:
    script = f"""
here, there = store({str(tmp_path / "t.db")!r}), store({str(tmp_path / "t.db")!r})
for sender in ("maya", "jo"):
    save(here, sender, SessionStarted(), listen(), SlotSet("a", sender))
there.delete("maya")
print(kept(here, "maya"), kept(here, "jo").get_slot("a"), asyncio.run(here.keys()))
"""
    assert in_rasas_python(OPENING + script).strip() == "None jo ['jo']"
    assert b"maya" not in on_disk(tmp_path / "t.db")


def test_more_people_than_fit_in_memory_are_all_remembered() -> None:
    script = """
memory = store(":memory:")
people = [f"mentee {n}" for n in range(tracker_store.AT_HAND + 20)]
for person in people:
    said = UserUttered("hi", {"name": "hi"}, parse_data={"intent_ranking": [{"name": "hi"}] * 60})
    save(memory, person, SessionStarted(), listen(), said, SlotSet("a", person), listen())
print(len(memory._at_hand) == tracker_store.AT_HAND)
print(all(kept(memory, person).get_slot("a") == person for person in people))
print(all("intent_ranking" not in kept(memory, person).latest_message.parse_data
          for person in people))
"""
    assert in_rasas_python(OPENING + script).split() == ["True", "True", "True"]


def test_a_file_of_the_former_format_begins_afresh(tmp_path: Path) -> None:
    old = tmp_path / "tracker.db"
    with closing(sqlite3.connect(old)) as file:
        file.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id TEXT, data TEXT)")
        file.execute("INSERT INTO events (sender_id, data) VALUES ('conversation-5', 'old words')")
        file.commit()
    assert opened(old, [OTHER_KEY]) == ["opened"]
    with closing(sqlite3.connect(old)) as file:
        assert file.execute("SELECT name FROM sqlite_master WHERE name = 'events'").fetchall() == []
    assert b"old words" not in on_disk(old)
    assert old.stat().st_mode & 0o077 == 0


def test_a_file_that_is_not_a_database_is_named_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "tracker.db").write_text("a shopping list, by mistake " * 40)
    script = f"""
try:
    store({str(tmp_path / "tracker.db")!r})
except FileProblem as problem:
    print(problem)
"""
    said = in_rasas_python(OPENING + script)
    assert "tracker.db cannot be used" in said
    assert "Move it away" in said
    assert (tmp_path / "tracker.db").read_text().startswith("a shopping list")


def opened(tracker_db: Path, keys: list[str | None]) -> list[str]:
    """What Rasa's own Python says when it opens the store with each key; None is no key at all."""
    script = f"""
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
    return known.findall(in_rasas_python(OPENING + script))


def told(rasa: RasaServer, conversation: int) -> list[dict[str, Any]]:
    """The events kept of a conversation, decrypted."""
    with closing(sqlite3.connect(rasa.tracker_db)) as tracker:
        rows = tracker.execute(
            "SELECT told FROM dialogue WHERE sender_id = ?", [f"conversation-{conversation}"]
        ).fetchall()
    cipher = tracker_cipher(rasa.key)
    lines = [line for [row] in rows for line in cipher.decrypt(row).splitlines()]
    return [json.loads(line) for line in lines]


def tracker_cipher(master: str) -> Fernet:
    """The key that is derived from the master key for the tracker alone."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"warmline tracker")
    secret = derived.derive(base64.urlsafe_b64decode(master))
    return Fernet(base64.urlsafe_b64encode(secret))


def on_disk(tracker_db: Path) -> bytes:
    """The tracker file and what SQLite keeps beside it."""
    return b"".join(file.read_bytes() for file in tracker_db.parent.glob(f"{tracker_db.name}*"))
